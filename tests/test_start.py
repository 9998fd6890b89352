"""How a repository's own version is found, unpacked and started: whole or not at all, by any shell, never unasked."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from disks import fill, mounted, root_only
from installing import (
    ARCHIVE,
    PIN,
    TOOLKIT,
    VERSION,
    installed,
    other_version,
    own_sync,
    pinned,
    run_install,
    tools,
    unpacked,
)
from test_contention import Start
from world import USERS, Machine, Result, World, needs

START = ".claude/scripts/claudetools-start.sh"
SHELLS = [
    (path, "sh")[: 1 + (name == "busybox")] for name in ("dash", "bash", "busybox") if (path := shutil.which(name))
]
NEXT = "9.0.0"


@pytest.fixture
def ready(world: World) -> Machine:
    """Installed and sent; nothing was started yet, so nothing is unpacked."""
    (machine,) = world.take(installed(), "LINUX-01")
    return machine


def where(machine: Machine, *shell: str, **env: str) -> Result:
    return machine.run(*(shell or ("sh",)), START, "where", env=env)


def hook(machine: Machine, event: str = "UserPromptSubmit") -> Result:
    """What a client does."""
    line = json.loads(machine.read(".claude/settings.json"))["hooks"][event][0]["hooks"][0]["command"]
    return machine.run("sh", "-c", line, env={"CLAUDE_PROJECT_DIR": str(machine.top)})


def commit(machine: Machine, text: str = "x") -> Result:
    machine.write("by-hand.md", f"{text}\n")
    machine.git("add", "by-hand.md")
    person = USERS["users"][machine.user]
    names = ("-c", f"user.name={person['full_name']}", "-c", f"user.email={person['email']}")
    return machine.run("git", *names, "commit", "-q", "-m", "by hand")


def halves(machine: Machine) -> list[Path]:
    return list((machine.state / "toolkit").glob(".new-*"))


# --- the pin -----------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]))
def test_the_pin_is_read_however_the_file_is_laid_out(ready: Machine, shell: tuple[str, ...]) -> None:
    version, sum = pinned(ready)
    data = {"settings": {"allow": ["a b"], "timezone": "UTC"}, "sha256": sum, "version": version}
    text = (ready.top / PIN).read_text()
    for said in (
        text,
        text.replace("\n", "\r\n"),
        json.dumps(data),
        json.dumps(data, separators=(",", ":")),
        json.dumps(data, indent="\t") + "\n\n",
        "\ufeff" + text,
        text.replace(": ", " :\n      "),
    ):
        ready.write(PIN, said)
        result = where(ready, *shell)
        assert (result.code, Path(result.out.strip()).name, result.err) == (0, sum, ""), (said, result.text)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "said",
    ["", "{}", "<<<<<<< HEAD\n", '{"version": "../x", "sha256": "%s"}', '{"version": "1", "sha256": "%s0"}', "%s"],
)
def test_without_a_pin_the_last_version_runs_on_and_says_so(ready: Machine, said: str) -> None:
    ready.write(PIN, said.replace("%s", "5d" * 32))
    result = own_sync(ready)
    assert (result.code, "[ERROR] claudetools cannot start" in result.err) == (78, True), result.text
    assert hook(ready).text == Result(0, "", "").text
    ready.git("checkout", "-q", "--", PIN)
    assert own_sync(ready).code == 0
    ready.write(PIN, said.replace("%s", "5d" * 32))
    result = own_sync(ready, "--status")
    assert result.code == 0, result.text
    assert f"[WARN] claudetools {VERSION} runs on: {PIN} names no version with its sum." in result.err
    assert f"git checkout HEAD -- {PIN}" in result.err
    (ready.top / PIN).unlink()
    assert own_sync(ready, "--status").code == 0


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", ["link to another pin", "endless", "one long line", "many lines", "empty lines"])
def test_a_pin_that_is_a_link_or_too_large_starts_nothing_else_and_holds_nothing_up(
    ready: Machine, kind: str, tmp_path: Path
) -> None:
    """What a link names may change without this file: nobody would be told."""
    assert own_sync(ready).code == 0
    assert run_install(ready, ready.top, toolkit=other_version(tmp_path / "newer", NEXT)).code == 0
    said, new = (ready.top / PIN).read_text(), unpacked(ready)
    before = {"one long line": " " * 200_000, "many lines": " \n" * 100_000, "empty lines": "\n" * 100_000}
    if kind in before:
        ready.write(PIN, before[kind] + said)
    else:
        (ready.top / PIN).rename(ready.top / ".claude/other.json")
        (ready.top / PIN).symlink_to("/dev/zero" if kind == "endless" else "other.json")
    result = own_sync(ready, "--status")
    assert (result.code, f"[WARN] claudetools {VERSION} runs on: {PIN} names no" in result.err) == (0, True), (
        result.text
    )
    assert f"or see who changed it: git log -3 -- {PIN}" in result.err
    assert hook(ready).code == 0 and not new.exists()


# --- unpacking ----------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("program", ["shasum", "sha256sum", "openssl", "python3"])
def test_the_sum_is_made_by_whatever_is_there(ready: Machine, program: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "mkdir", "mktemp", "cat", "tar", "gzip", "mv", "rm", "git", program):
        (folder / name).symlink_to(sys.executable if name == "python3" else shutil.which(name) or "")
    result = where(ready, PATH=str(folder))
    assert (result.code, result.err) == (0, ""), result.text
    shutil.rmtree(unpacked(ready))
    (folder / program).unlink()
    result = where(ready, PATH=str(folder))
    assert (result.code, "no shasum, sha256sum, openssl or python3" in result.err) == (78, True), result.text


@pytest.mark.skipif(bool(needs("busybox")), reason=needs("busybox"))
def test_busybox_alone_unpacks_and_starts_it(ready: Machine, tmp_path: Path) -> None:
    """Its shell, tar, sha256sum, mktemp and find; Alpine has no others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    busybox = shutil.which("busybox") or ""
    for name in ("sh", "mkdir", "mktemp", "cat", "tar", "gzip", "mv", "rm", "find", "sha256sum", "grep"):
        (folder / name).symlink_to(busybox)
    for name in ("bash", "git"):
        (folder / name).symlink_to(shutil.which(name) or "")
    result = ready.run("sh", ".claude/scripts/claudetools.sh", "--version", env={"PATH": str(folder)})
    assert (result.code, result.out, result.err) == (0, f"claudetools {VERSION}\n", ""), result.text
    assert tools(ready, "install", "--check", ".").code == 0, "whole"
    shutil.rmtree(unpacked(ready))
    (ready.top / ARCHIVE).write_bytes((ready.top / ARCHIVE).read_bytes() + b"x")
    ready.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-qam", "x", "--no-verify")
    result = ready.run("sh", ".claude/scripts/sync.sh", env={"PATH": str(folder)})
    assert (result.code, "Nothing of it was run" in result.err) == (78, True), result.text


def test_eight_that_start_at_once_unpack_one_whole_copy(ready: Machine) -> None:
    start = Start()
    for _ in range(8):
        start.add(ready, f"exec sh {START} where")
    results = start.go()
    assert {(r.code, Path(r.out.strip()).name) for r in results} == {(0, pinned(ready)[1])}
    assert [p.name for p in (ready.state / "toolkit").iterdir()] == [pinned(ready)[1]]
    assert tools(ready, "install", "--check", ".").code == 0


def test_a_run_that_was_killed_half_way_leaves_nothing_that_is_taken_for_whole(ready: Machine, tmp_path: Path) -> None:
    stub = tmp_path / "tar"
    stub.write_text(f"#!/bin/sh\n'{shutil.which('tar')}' \"$@\"\nkill -9 $PPID\n")
    stub.chmod(0o755)
    result = where(ready, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert result.code != 0 and not unpacked(ready).exists() and len(halves(ready)) == 1
    assert own_sync(ready).code == 0
    assert (unpacked(ready) / "scripts/sync.sh").is_file()
    assert len(halves(ready)) == 1, "it may be another one's that unpacks now"
    os.utime(halves(ready)[0], (1777680000, 1777680000))
    shutil.rmtree(unpacked(ready))
    assert own_sync(ready, "--status").code == 0
    assert unpacked(ready).is_dir() and not halves(ready)


def test_a_path_that_looks_like_another_machines_is_none(ready: Machine) -> None:
    place = ready.home / "host:x"
    ready.top.rename(place)
    result = ready.run("sh", f"host:x/{START}", "where", cwd=ready.home)
    assert (result.code, result.err) == (0, ""), result.text


@root_only
def test_on_a_full_disk_it_is_said_and_nothing_is_left(ready: Machine) -> None:
    folder = ready.state / "toolkit"
    folder.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs", folder):
        for leave in (0, 200_000, 1_000_000):
            fill(folder / "full", leave)
            result = own_sync(ready)
            assert (result.code, "could not be unpacked" in result.err, result.out) == (73, True, ""), result.text
            assert "Nothing was changed. The same command tries again." in result.err
            assert hook(ready).text == Result(0, "", "").text
            assert [p.name for p in folder.iterdir()] == ["full"]
            (folder / "full").unlink()
        assert own_sync(ready).code == 0


def test_a_linked_worktree_uses_the_copy_of_all(ready: Machine) -> None:
    assert own_sync(ready).code == 0
    ready.git("worktree", "add", "-q", "-b", "feature", str(ready.home / "a feature"))
    for command in (("sh", START, "where"), ("sh", "start.sh", "where")):
        result = ready.run(*command[:1], *command[1:], cwd=ready.home / "a feature")
        if command[1] == START:
            assert (result.code, Path(result.out.strip()).resolve()) == (0, unpacked(ready)), result.text
    module = ready.home / "module"
    ready.run("git", "init", "-q", f"--separate-git-dir={ready.home}/elsewhere.git", str(module))
    shutil.copytree(ready.top / ".claude", module / ".claude")
    (ready.home / "elsewhere.git/claudetools").mkdir()
    shutil.copy(ready.state / "installed.json", ready.home / "elsewhere.git/claudetools")
    result = ready.run("sh", START, "where", cwd=module)
    assert result.code == 0 and "elsewhere.git/claudetools/toolkit/" in result.out, result.text


# --- what must not run --------------------------------------------------------------


def test_an_archive_of_another_sum_is_refused_with_both_sums_and_never_run(ready: Machine, tmp_path: Path) -> None:
    hostile = other_version(tmp_path / "hostile", VERSION)
    for path in (hostile / "scripts" / name for name in ("sync.sh", "whoami-block.sh", "claudetools.sh")):
        path.write_text(f"touch '{tmp_path}/ran'; exit 0\n")
    other = Machine("X", "mike", tmp_path, tmp_path / "x")
    other.top.mkdir()
    other.run("git", "init", "-q", ".")
    assert run_install(other, other.top, toolkit=hostile).code == 0
    good = pinned(ready)[1]
    shutil.copy(other.top / ARCHIVE, ready.top / ARCHIVE)
    ready.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-qam", "x", "--no-verify")
    result = own_sync(ready)
    assert (result.code, result.out) == (78, ""), result.text
    assert result.err.splitlines()[0] == f"[ERROR] {ARCHIVE} is not the one that {PIN} names. Nothing of it was run."
    assert re.search(rf"its sum:  {pinned(other)[1]}\n +expected: {good}\n", result.err), result.text
    for event in ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "SessionEnd"):
        assert hook(ready, event).text == Result(0, "", "").text
    result = commit(ready)
    assert (result.code, "[WARN] This is committed without the rules" in result.err) == (0, True), result.text
    assert not (tmp_path / "ran").exists() and not unpacked(ready).exists() and not halves(ready)
    refuse_commits(ready)


def refuse_commits(ready: Machine) -> None:
    """`commitHook refuse`, of this clone and of the team, whose value is the last that a sync has read."""
    refused = "[ERROR] Nothing is committed: the rules of claudetools cannot be run."
    ready.git("config", "claudetools.commitHook", "refuse")
    result = commit(ready, "by-hand.md again")
    assert (result.code, refused in result.err) == (1, True), result.text
    ready.git("config", "--unset", "claudetools.commitHook")
    record = ready.state / "trees/main/settings"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("made=by settings.py\ncommitHook=refuse\n\n")
    assert commit(ready, "again").code == 1
    ready.git("config", "claudetools.commitHook", "warn")
    assert commit(ready, "again").code == 0
    ready.git("config", "--unset", "claudetools.commitHook")
    record.write_text("made=by settings.py\n\ncommitHook=refuse\n")
    assert commit(ready, "more").code == 0, "the text of the file is no value"


def test_nothing_of_a_clone_that_nobody_has_set_up_runs_by_a_hook(world: World, ready: Machine) -> None:
    other = world.machine("MAC-02", "howard")
    for event in ("UserPromptSubmit", "PreToolUse", "PostToolUse", "SessionEnd"):
        assert hook(other, event).text == Result(0, "", "").text
    assert (where(other).code, where(other).err) == (78, "")
    assert not (other.top / ".git/claudetools").exists()


# --- an archive that is not there ----------------------------------------------------


def upgrade_without_archive(ready: Machine, tmp_path: Path) -> str:
    """The pin of a newer version came in, its archive did not."""
    assert own_sync(ready).code == 0
    assert run_install(ready, ready.top, toolkit=other_version(tmp_path / "newer", NEXT)).code == 0
    return f".claude/claudetools-{NEXT}.tar.gz"


def test_without_its_archive_the_last_version_runs_on_and_says_so(ready: Machine, tmp_path: Path) -> None:
    name = upgrade_without_archive(ready, tmp_path)
    for there in (None, "version https://git-lfs.github.com/spec/v1\noid sha256:5d\n"):
        (ready.top / name).unlink() if there is None else ready.write(name, there)
        ready.write("a.md", f"{there}\n")
        result = own_sync(ready, "--no-push", "--", "a.md")
        assert result.code == 0, result.text
        assert f"[WARN] claudetools {VERSION} runs on: {name} is missing. See what became" in result.err
        result = hook(ready)
        assert (result.code, result.err) == (0, "")
    assert not halves(ready)


def test_what_the_tree_lacks_is_taken_from_the_commit(ready: Machine) -> None:
    """Deleted, or left out by a sparse checkout."""
    ready.git("sparse-checkout", "set", "--no-cone", "/*", "!*.gz")
    assert not (ready.top / ARCHIVE).exists()
    result = where(ready)
    assert (result.code, Path(result.out.strip()).name, result.err) == (0, pinned(ready)[1], "")


def test_rules_that_keep_archives_away_or_turn_them_do_not_reach_ours(world: World, machine: Machine) -> None:
    machine.write(".gitignore", "*.gz\n*.tar.gz\n")
    machine.write(".gitattributes", "* text eol=crlf\n*.gz filter=lfs diff=lfs merge=lfs\n")
    machine.git("config", "--global", "filter.lfs.clean", "sed s/^/pointer/")
    result = run_install(machine, machine.top)
    assert (result.code, result.err) == (0, ""), result.text
    assert own_sync(machine).code == 0
    other = world.machine("MAC-02", "howard")
    assert (other.top / ARCHIVE).read_bytes() == (machine.top / ARCHIVE).read_bytes()
    assert tools(other, "setup").code == 0
    machine.write(".claude/.gitattributes", "*.gz filter=lfs\n")
    machine.write(".claude/scripts/sync.sh", "")
    assert f"attribute filter of {ARCHIVE} is lfs" in run_install(machine, machine.top).err


# --- what is damaged ------------------------------------------------------------------


@pytest.mark.sampled(8)
@pytest.mark.parametrize("part", range(8))
def test_a_start_that_was_cut_anywhere_is_no_sync_that_went_well(ready: Machine, part: int) -> None:
    whole = (ready.top / START).read_text().splitlines(keepends=True)
    assert own_sync(ready).code == 0
    for n in range(part, len(whole) - 1, 8):
        ready.write(START, "".join(whole[:n]))
        result = own_sync(ready, "--status")
        assert result.code != 0 or "Running:" in result.out, (n, result.text)
        assert hook(ready).code == 0


# --- the user's word --------------------------------------------------------------------


def test_a_version_that_waits_for_a_word_is_not_unpacked(ready: Machine, tmp_path: Path) -> None:
    assert tools(ready, "setup").code == 0
    assert run_install(ready, ready.top, toolkit=other_version(tmp_path / "newer", NEXT)).code == 0
    (ready.state / "trust-ask").touch()
    (ready.state / "trusted").unlink()  # as if it had come in
    result = own_sync(ready, "--status")
    assert (result.code, f"claudetools {VERSION} runs on: claudetools {NEXT} came in" in result.err) == (0, True)
    assert not unpacked(ready).exists()
    with (ready.state / "trusted").open("a") as file:
        file.write(pinned(ready)[1] + "\n")
    assert own_sync(ready, "--status").err == "" and unpacked(ready).is_dir()


def test_where_trust_asks_what_is_installed_in_this_clone_runs_at_once(ready: Machine, tmp_path: Path) -> None:
    """And so does what ran before anybody asked."""
    assert own_sync(ready).code == 0
    ready.git("config", "claudetools.trust", "ask")
    result = own_sync(ready)
    assert (result.code, "waits for you" in result.text, result.err) == (0, False, ""), result.text
    assert tools(ready, "trust", "--show").out.startswith("[OK] Nothing waits")
    assert run_install(ready, ready.top, toolkit=other_version(tmp_path / "newer", NEXT)).code == 0
    result = own_sync(ready, "-m", "Upgrade")
    assert (result.code, result.err, "waits" in result.out) == (0, "", False), result.text
    assert unpacked(ready).is_dir() and pinned(ready)[0] == NEXT
    assert run_install(ready, ready.top).code == 0
    assert own_sync(ready, "-m", "Back").err == ""


def test_where_git_says_ask_a_version_waits_also_before_a_sync_has_read_that(ready: Machine, tmp_path: Path) -> None:
    """`git config`, then `git pull` by hand."""
    assert own_sync(ready).code == 0
    ready.git("config", "claudetools.trust", "ask")
    assert run_install(ready, ready.top, toolkit=other_version(tmp_path / "newer", NEXT)).code == 0
    (ready.state / "trusted").unlink()  # as if it had come in
    assert not (ready.state / "trust-ask").exists()
    assert hook(ready).code == 0 and not unpacked(ready).exists()
    result = own_sync(ready, "--status")
    assert (result.code, f"claudetools {VERSION} runs on: claudetools {NEXT} came in" in result.err) == (0, True)
    assert not unpacked(ready).exists()
    assert tools(ready, "trust").code == 0
    assert own_sync(ready, "--status").err == "" and unpacked(ready).is_dir()


# --- without the archive ---------------------------------------------------------------


def test_without_an_archive_the_version_on_the_path_is_taken_where_it_is_the_pinned_one(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    before = sorted(p.name for p in machine.top.iterdir())
    assert run_install(machine, "--no-archive", machine.top).code == 0
    assert not (machine.top / ARCHIVE).exists()
    result = own_sync(machine)
    assert result.code == 78, result.text
    assert f"uv tool install 'claudetools=={VERSION}'     or: pipx install" in result.err
    command, folder = tmp_path / "bin/claudetools", tmp_path / "a tool kit"
    command.parent.mkdir()
    shutil.copytree(TOOLKIT, folder)
    shutil.copytree(Path(__file__).parent.parent / "bin", folder / "bin")
    command.symlink_to(folder / "bin/claudetools")
    env = {"PATH": f"{command.parent}:{os.environ['PATH']}"}
    result = machine.run("bash", ".claude/scripts/sync.sh", env=env)
    assert result.code == 0, result.text
    assert own_sync(machine).code == 0, "from now on without it"
    assert run_install(machine, machine.top).out.startswith("[OK] Nothing to do"), "it stays so"
    newer = other_version(tmp_path / "newer", NEXT)
    assert run_install(machine, "--source", "git+https://example.com/x@9", machine.top, toolkit=newer).code == 0
    result = machine.run("bash", ".claude/scripts/sync.sh", "--status", env=env)
    assert f"claudetools {VERSION} runs on: version {NEXT} is not installed" in result.err
    assert "uv tool install 'git+https://example.com/x@9'" in result.err
    assert run_install(machine, "--uninstall", machine.top, toolkit=newer).code == 0
    assert sorted(p.name for p in machine.top.iterdir()) == before


# --- cost --------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]))
def test_once_it_is_unpacked_no_program_is_started_to_find_it(
    ready: Machine, shell: tuple[str, ...], tmp_path: Path
) -> None:
    """What a start costs: a shell's own words, and nothing else."""
    assert where(ready).code == 0
    (tmp_path / "empty").mkdir()
    result = where(ready, *shell, PATH=str(tmp_path / "empty"))
    assert (result.code, Path(result.out.strip()).name, result.err) == (0, pinned(ready)[1], ""), result.text


def test_a_damaged_or_deleted_archive_is_not_sent(ready: Machine, world: World) -> None:
    """This machine has unpacked it and goes on; a new clone could not start."""
    assert own_sync(ready).code == 0
    whole = (ready.top / ARCHIVE).read_bytes()
    sent = world.remote_git("rev-parse", f"main:{ARCHIVE}")
    (ready.top / ARCHIVE).write_bytes(whole + b"x")
    result = own_sync(ready)
    assert result.code == 65 and f"{ARCHIVE} (is not the one that .claude/claudetools.json names" in result.out
    (ready.top / ARCHIVE).unlink()
    ready.write("other.md", "x\n")
    result = own_sync(ready)
    assert result.code == 65 and f"{ARCHIVE} (it was deleted" in result.out and "other.md" in world.remote_files()
    assert world.remote_git("rev-parse", f"main:{ARCHIVE}") == sent
    ready.git("rm", "-q", "--cached", ARCHIVE)
    assert own_sync(ready).code == 65 and world.remote_git("rev-parse", f"main:{ARCHIVE}") == sent
    (ready.top / ARCHIVE).write_bytes(whole)
    assert own_sync(ready).code == 0


def test_the_doctor_names_an_unpacked_copy_that_was_changed(ready: Machine) -> None:
    assert own_sync(ready).code == 0
    with (unpacked(ready) / "scripts/lib/ui.sh").open("a") as file:
        file.write("# changed\n")
    result = tools(ready, "doctor")
    assert "is not as it came: scripts/lib/ui.sh." in result.text and "the next run unpacks it anew" in result.text
