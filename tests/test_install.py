"""Into a repository, up to date, out again: real repositories, nothing of the user's lost or changed."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.install import command, place, plan, sections, steps
from claudetools.install import text as marked
from claudetools.install.call import Call
from claudetools.install.toolkit import SHIMS, WORKFLOWS
from world import TOOLKIT as SOURCE
from world import USERS, Env, Machine, Result, World, clean_environment, write_identity

OWN_SYNC = b"#!/bin/sh\ngit add -A && git commit -qm sync && git push -q\n"
OWN_HOOK = b'#!/bin/sh\necho "own hook" >&2\n'
Tree = dict[str, tuple[object, ...]]


def copy_toolkit(source: Path, target: Path) -> Path:
    for name in ("scripts", "pylib", "hooks", ".claude"):
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "identity.json"))
    for name in ("LICENSE", "pyproject.toml", ".gitattributes"):
        shutil.copy2(source / name, target / name)
    return target


# A copy at rest: somebody may be editing the real one between two steps of a test.
TOOLKIT = copy_toolkit(SOURCE, Path(tempfile.mkdtemp(prefix="claudetools-test.")))
atexit.register(shutil.rmtree, TOOLKIT, ignore_errors=True)
INSTALL = TOOLKIT / "scripts" / "install.sh"


def tree_of(top: Path, times: bool = False, state: bool = True) -> Tree:
    """Every file and folder: mode, content, link text, on request the time of the last write."""
    found: Tree = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if not state and name.startswith((".git/claudetools", ".git/worktrees")):
            continue
        info = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        found[name] = (stat.S_IMODE(info.st_mode), content, *((info.st_mtime_ns, info.st_ino) if times else ()))
    return found


def difference(one: Tree, other: Tree) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def run_install(machine: Machine, *args: str | Path, toolkit: Path = TOOLKIT, env: Env = None) -> Result:
    return machine.run("bash", toolkit / "scripts" / "install.sh", *args, cwd=machine.home, env=env)


def today() -> str:
    return time.strftime("%Y-%m-%d")


def own_sync(machine: Machine, *args: str) -> Result:
    return machine.run("bash", ".claude/scripts/sync.sh", *args)


@pytest.fixture
def empty(world: World) -> Machine:
    """A repository without a commit."""
    machine = world.machine(clone=False)
    machine.top.mkdir()
    machine.git("init", "-q", "-b", "main")
    return machine


def fill(machine: Machine, logs: int) -> None:
    """What people have in such a repository before they meet us."""
    machine.write(".claude/scripts/sync.sh", OWN_SYNC).chmod(0o755)
    machine.write(".claude/hooks/notify.sh", "#!/bin/sh\n").chmod(0o755)
    machine.write(".claude/settings.json", '{"permissions": {"allow": ["Bash(ls:*)"]}}\n')
    machine.write(".pre-commit-config.yaml", "repos: []\n")
    machine.write(".gitignore", b"lib/\r\n*.pyc\r\n.claude/identity.json\r\n*.log")
    machine.write(".gitattributes", "*.png binary\n").chmod(0o600)
    machine.write("AGENTS.md", "# Rules\n\nBe kind.")
    machine.write("CLAUDE.md", b"# Claude\r\n")
    for n in range(logs):
        day = f"20{20 + n // 336:02}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"
        machine.write(f"clients/acme/session-logs/{day}-session.md", f"log {n}\n")
    hook = machine.common / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(OWN_HOOK)
    hook.chmod(0o755)
    with (machine.common / "config").open("ab") as config:
        config.write(b"[merge] # mine\n\ttool = vimdiff\n[pull]")


@pytest.fixture
def lived_in(machine: Machine) -> Machine:
    """A repository with all that, on the remote too."""
    return publish(machine, logs=3)


@pytest.fixture
def busy(machine: Machine) -> Machine:
    """The same after a year and a half."""
    return publish(machine, logs=400)


def publish(machine: Machine, logs: int) -> Machine:
    fill(machine, logs)
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "--no-verify", "-m", "ours")
    machine.git("push", "-q", "origin", "main")
    return machine


# --- looking ---------------------------------------------------------------------------


def test_a_dry_run_shows_the_plan_and_changes_nothing_at_all(busy: Machine) -> None:
    os.utime(busy.top / ".claude/scripts/sync.sh", (1777680000, 1777680000))
    before = tree_of(busy.top, times=True)
    result = run_install(busy, "--dry-run", busy.top)
    assert result.code == 0, result.text
    lines = result.out.splitlines()
    assert lines[0] == "Would add to ~/ops (claudetools 0.1.0):"
    assert "files, ours alone" in lines[1]
    assert "shim; yours (2026-05-02, 2 lines) is kept as .claude/before-claudetools/scripts/sync.sh" in lines[2]
    assert "+ 3 lines, + 3 lines" in result.out
    assert "calls ours, then yours (kept as pre-commit.before)" in result.out
    assert (
        "pull.ff=only, merge.autoStash=false, rebase.autoStash=false, claudetools.branch=main (were unset)"
        in result.out
    )
    assert lines[-3:-1] == [
        "Nothing was changed.",
        "400 old logs named YYYY-MM-DD-session.md stay valid. "
        "To rename: bash .claude/scripts/claudetools.sh log adopt --all --dry-run",
    ]
    assert lines[-1].startswith("To do it: bash ")
    assert result.err == ""
    assert difference(before, tree_of(busy.top, times=True)) == []


def test_check_tells_what_differs_and_changes_nothing(lived_in: Machine) -> None:
    assert run_install(lived_in, "--check", lived_in.top).code == 65
    assert not (lived_in.state / "installed.json").exists()
    run_install(lived_in, lived_in.top)
    result = run_install(lived_in, "--check", lived_in.top)
    assert (result.code, result.out) == (0, "[OK] Nothing to do: claudetools 0.1.0 is installed in ~/ops.\n")
    lived_in.write(".claude/claudetools/scripts/doctor.sh", "mine\n")
    (lived_in.top / ".claude/claudetools/LICENSE").unlink()
    before = tree_of(lived_in.top, times=True)
    result = run_install(lived_in, "--check", lived_in.top)
    assert result.code == 65
    assert "1 new, 1 changed" in result.out
    assert ".claude/claudetools/scripts/doctor.sh" in result.out
    assert difference(before, tree_of(lived_in.top, times=True)) == []


def test_the_plan_is_also_to_be_had_as_json(lived_in: Machine) -> None:
    result = run_install(lived_in, "--json", "--dry-run", lived_in.top)
    plan = json.loads(result.out)
    assert (plan["exit"], plan["dry_run"], plan["old_bare_logs"], plan["was"]) == (0, True, 3, None)
    assert [k["path"] for k in plan["kept"]] == [".claude/scripts/sync.sh"]
    result = run_install(lived_in, "--json", lived_in.home)
    assert json.loads(result.out)["exit"] == result.code == 78


# --- installing ----------------------------------------------------------------------------


def test_an_empty_repository_gets_everything_and_commits_it_by_its_own_sync(world: World, empty: Machine) -> None:
    empty.write(".claude/users.json", json.dumps(USERS))
    empty.git("config", "user.email", "mike@example.com")
    empty.git("remote", "add", "origin", str(world.remote))
    result = run_install(empty, empty.top)
    assert result.code == 0, result.text
    assert result.out.startswith("[OK] claudetools 0.1.0 is installed in ~/ops. Nothing was committed.\n")
    assert (empty.top / "CLAUDE.md").read_text().splitlines()[1] == "@AGENTS.md"
    assert "bash .claude/claudetools/scripts/setup.sh" in result.out
    result = own_sync(empty, "-m", "Install claudetools")
    assert result.code == 0, result.text
    manifest = json.loads(world.remote_file(".claude/claudetools/manifest.json"))
    assert set(manifest["files"]) <= set(world.remote_files())
    assert ".claude/claudetools/scripts/demo.sh" not in manifest["files"]
    assert not [f for f in world.remote_files() if "__pycache__" in f or "installed.json" in f]
    modes = empty.git("ls-files", "-s", ".claude/claudetools/hooks/git/pre-commit", ".claude/scripts/sync.sh")
    assert [line[:6] for line in modes.splitlines()] == ["100755", "100755"]
    empty.assert_sound()


def test_it_travels_to_a_second_machine_and_both_sync(world: World, busy: Machine) -> None:
    assert run_install(busy, busy.top).code == 0
    result = own_sync(busy, "-m", "Install claudetools")
    assert result.code == 0, result.text
    assert ".claude/claudetools/scripts/lib/ui.sh" in world.remote_files(), "although .gitignore says lib/"
    other = world.machine("MAC-02", "howard", clone=False)
    subprocess.run(["git", "clone", "-q", world.remote, other.top], env=other.env(), check=True)
    result = other.run("bash", ".claude/claudetools/scripts/setup.sh", "--user", "howard", "--name", "Howard Lee",
                       "--email", "howard@example.com", "--machine", "MAC-02")  # fmt: skip
    assert result.code == 0, result.text
    other.write("from-howard.md", "hello\n")
    assert own_sync(other).code == 0
    busy.write("from-mike.md", "hello\n")
    assert own_sync(busy).code == 0
    assert own_sync(other).code == 0
    assert busy.read("from-howard.md") == other.read("from-mike.md") == "hello\n"
    assert busy.status() == other.status() == ""
    # The copy in the repository puts this clone in order too.
    result = other.run("bash", ".claude/claudetools/scripts/install.sh", ".")
    assert result.code == 0, result.text
    assert other.git("config", "--local", "pull.ff") == "only"
    assert (other.common / "hooks" / "pre-commit").read_bytes() == (TOOLKIT / "hooks/git/shim").read_bytes()
    assert other.status() == ""
    assert run_install(other, "--check", other.top).code == 0
    world.assert_linear()


def test_the_users_hook_runs_as_before_and_ours_too(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    lived_in.git("config", "user.email", "m@example.com")
    lived_in.git("config", "user.name", "M")
    lived_in.write("a.md", "x\n")
    lived_in.git("add", "a.md")
    result = lived_in.run("git", "commit", "-q", "-m", "by hand", "--", "a.md")
    assert (result.code, "own hook" in result.err) == (0, True), result.text
    lived_in.write("session-logs/2026-06-05-session.md", "x\n")
    lived_in.git("add", "session-logs")
    assert lived_in.run("git", "commit", "-q", "-m", "by hand").code == 1


def test_the_second_run_changes_nothing_and_says_so(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    before = tree_of(lived_in.top, times=True)
    result = run_install(lived_in, lived_in.top)
    assert (result.code, result.out) == (0, "[OK] Nothing to do: claudetools 0.1.0 is installed in ~/ops.\n")
    assert difference(before, tree_of(lived_in.top, times=True)) == []


def test_a_file_of_the_users_is_never_overwritten_by_any_number_of_runs(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    kept = lived_in.top / ".claude/before-claudetools/scripts"
    assert (kept / "sync.sh").read_bytes() == OWN_SYNC
    assert (kept / "sync.sh").stat().st_mode & 0o777 == 0o755
    for n in range(2, 4):
        lived_in.write(".claude/scripts/sync.sh", f"change {n}\n")
        result = run_install(lived_in, lived_in.top)
        assert result.code == 0
        assert (
            f"ours, changed here ({today()}, 1 line) is kept as .claude/before-claudetools/scripts/sync.sh.{n}"
            in result.out
        )
        assert (kept / f"sync.sh.{n}").read_text() == f"change {n}\n"
    assert (kept / "sync.sh").read_bytes() == OWN_SYNC


def test_a_link_in_the_place_of_a_file_is_kept_as_a_link(empty: Machine) -> None:
    empty.write("tools/my-sync.sh", OWN_SYNC)
    (empty.top / ".claude/scripts").mkdir(parents=True)
    (empty.top / ".claude/scripts/sync.sh").symlink_to("../../tools/my-sync.sh")
    before = tree_of(empty.top)
    assert run_install(empty, empty.top).code == 0
    assert empty.read("tools/my-sync.sh").encode() == OWN_SYNC
    assert (empty.top / ".claude/before-claudetools/scripts/sync.sh").is_symlink()
    assert run_install(empty, "--uninstall", empty.top).code == 0
    assert difference(before, tree_of(empty.top, state=False)) == []


# --- upgrading --------------------------------------------------------------------------------


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """An older version: other texts, one file that is gone by now, one that did not exist yet."""
    toolkit = copy_toolkit(TOOLKIT, tmp_path / "claudetools-0.0.9")
    (toolkit / "LICENSE").unlink()
    (toolkit / "pyproject.toml").write_text('version = "0.0.9"\n')
    (toolkit / "scripts" / "old.sh").write_text("#!/bin/sh\n")
    (toolkit / "scripts" / "lib" / "older").mkdir()
    (toolkit / "scripts" / "lib" / "older" / "gone.sh").write_text("#!/bin/sh\n")
    (toolkit / "scripts" / "doctor.sh").write_text("#!/bin/sh\n# as it was\n")
    (toolkit / "scripts" / "with-lock.sh").write_text((TOOLKIT / "scripts" / "with-lock.sh").read_text() + "# older\n")
    (toolkit / "hooks" / "checks" / "path-cruft.sh").unlink()
    shutil.copy(TOOLKIT / "hooks" / "checks" / "log-name.sh", toolkit / "hooks" / "checks" / "path-cruft.sh")
    return toolkit


def test_an_upgrade_takes_away_what_is_gone_and_keeps_what_the_user_changed(lived_in: Machine, older: Path) -> None:
    before = tree_of(lived_in.top)
    assert run_install(lived_in, lived_in.top, toolkit=older).code == 0
    house = lived_in.top / ".claude/claudetools"
    (house / "scripts/mine.sh").write_text("the user's\n")
    (house / "scripts/old.sh").write_text("#!/bin/sh\n# changed by the user\n")
    assert run_install(lived_in, "--check", lived_in.top).code == 65
    result = run_install(lived_in, lived_in.top)
    assert result.code == 0, result.text
    assert result.out.startswith("[OK] claudetools 0.0.9 -> 0.1.0 is installed in ~/ops.")
    assert "Update to claudetools 0.1.0" in result.out
    assert not (house / "scripts/old.sh").exists()
    assert not (house / "scripts/lib/older").exists()
    assert (house / "scripts/doctor.sh").read_bytes() == (TOOLKIT / "scripts/doctor.sh").read_bytes()
    assert (house / "scripts/mine.sh").read_text() == "the user's\n"
    kept = lived_in.top / ".claude/before-claudetools/claudetools/scripts/old.sh"
    assert kept.read_text() == "#!/bin/sh\n# changed by the user\n"
    assert "is kept as .claude/before-claudetools/claudetools/scripts/old.sh" in result.out
    assert run_install(lived_in, "--check", lived_in.top).code == 0
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert result.code == 0, result.text
    for name in ("claudetools/scripts/mine.sh", "before-claudetools/claudetools/scripts/old.sh"):
        assert f".claude/{name}: yours" in result.out
    left = [n for n in difference(before, tree_of(lived_in.top, state=False)) if (lived_in.top / n).is_file()]
    assert left == [".claude/before-claudetools/claudetools/scripts/old.sh", ".claude/claudetools/scripts/mine.sh"]


def test_what_the_user_added_to_our_block_is_left_alone_and_named(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    path = lived_in.top / "AGENTS.md"
    path.write_text(path.read_text().replace("## Saving", "## Saving, says Mike"))
    edited = path.read_bytes()
    result = run_install(lived_in, lived_in.top)
    assert "AGENTS.md: the text between our marks was edited by hand" in result.err
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert result.code == 65
    assert "AGENTS.md, between our marks" in result.err
    assert path.read_bytes() == edited
    assert (lived_in.top / ".claude/claudetools/manifest.json").exists()


# --- leaving ------------------------------------------------------------------------------------


def test_uninstalling_leaves_every_file_as_it_was(busy: Machine) -> None:
    before, status = tree_of(busy.top), busy.status()
    assert run_install(busy, busy.top).code == 0
    plan = run_install(busy, "--dry-run", "--uninstall", busy.top)
    assert plan.out.startswith("Would take claudetools 0.1.0 out of ~/ops:")
    assert (busy.top / ".claude/claudetools/manifest.json").exists()
    result = run_install(busy, "--uninstall", busy.top)
    assert result.code == 0, result.text
    assert difference(before, tree_of(busy.top, state=False)) == []
    assert busy.status() == status == ""
    assert result.out.startswith("[OK] claudetools 0.1.0 is out of ~/ops.")
    assert "  400 session logs\n" in result.out
    result = run_install(busy, "--uninstall", busy.top)
    assert (result.code, result.out) == (0, "[OK] Nothing to do: claudetools is not installed in ~/ops.\n")


def test_an_empty_repository_is_empty_again(empty: Machine) -> None:
    shutil.rmtree(empty.common / "hooks", ignore_errors=True)
    before = tree_of(empty.top)
    run_install(empty, empty.top)
    assert run_install(empty, "--uninstall", empty.top).code == 0
    assert difference(before, tree_of(empty.top, state=False)) == []


def test_any_machine_can_take_it_out_after_it_was_used(world: World, lived_in: Machine) -> None:
    """Installed and committed on one, taken out on another by the copy that travelled there."""
    before = {n: v for n, v in tree_of(lived_in.top).items() if not n.startswith(".git/")}
    run_install(lived_in, lived_in.top)
    own_sync(lived_in)
    other = world.machine("MAC-02", "howard")
    write_identity(other)
    other.write("notes.md", "x\n")
    assert own_sync(other).code == 0
    other.run("bash", ".claude/claudetools/scripts/install.sh", ".")
    result = other.run("bash", ".claude/claudetools/scripts/install.sh", "--uninstall", ".")
    assert result.code == 0, result.text
    for words in (".claude/identity.json: who works here", "restore point", "the history of earlier syncs"):
        assert words in result.out, result.text
    after = {n: v for n, v in tree_of(other.top).items() if not n.startswith(".git/")}
    # The identity is each machine's own, and git carries no 600.
    assert set(difference(before, after)) == {"notes.md", ".claude/identity.json", ".gitattributes"}
    assert after[".gitattributes"][1] == before[".gitattributes"][1]
    commit = result.out.splitlines()[-1].removeprefix("To commit it: ")
    other.git("config", "user.email", "h@example.com")
    done = other.run("bash", "-c", commit)
    assert done.code == 0, done.text
    assert other.status() == "", "the identity is not offered to git"
    assert not [f for f in other.git("ls-files").splitlines() if "claudetools" in f]
    assert not (other.common / "hooks" / "pre-commit").exists()


def test_when_the_others_took_it_out_what_is_left_in_a_clone_goes_by_the_same_command(lived_in: Machine) -> None:
    lived_in.top.joinpath(".gitattributes").chmod(0o644)
    before = tree_of(lived_in.top)
    run_install(lived_in, lived_in.top)
    for name in ("claudetools", "before-claudetools", "skills", "scripts/whoami-block.sh", "scripts/claudetools.sh"):
        lived_in.run("rm", "-r", f".claude/{name}")
    lived_in.git("checkout", "-q", "--", ".")
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    assert set(difference(before, tree_of(lived_in.top, state=False))) <= {".git/index"}


def test_a_shim_that_the_user_had_already_is_there_afterwards(empty: Machine) -> None:
    """Byte by byte the same as ours: only the record tells whose it is."""
    shim = TOOLKIT / ".claude/scripts/sync.sh"
    empty.write(".claude/scripts/sync.sh", shim.read_bytes()).chmod(0o755)
    before = tree_of(empty.top)
    run_install(empty, empty.top)
    assert run_install(empty, empty.top).out.startswith("[OK] Nothing to do")
    assert run_install(empty, "--uninstall", empty.top).code == 0
    assert difference(before, tree_of(empty.top, state=False)) == []


def test_settings_of_the_users_survive_both_ways(lived_in: Machine) -> None:
    lived_in.git("config", "rebase.autoStash", "true")
    result = run_install(lived_in, lived_in.top)
    assert "rebase.autoStash is true here" in result.err
    lived_in.git("config", "user.email", "new@example.com")
    lived_in.git("config", "merge.autoStash", "true")
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    values = lived_in.git("config", "--local", "--list").splitlines()
    assert {"rebase.autostash=true", "merge.autostash=true", "user.email=new@example.com", "merge.tool=vimdiff"} <= set(
        values
    )
    assert not [v for v in values if v.startswith("pull.ff")]


def test_a_changed_file_of_ours_stops_the_uninstall_before_anything_is_touched(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    lived_in.write(".claude/scripts/whoami-block.sh", "mine now\n")
    before = tree_of(lived_in.top, times=True, state=False)
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert result.code == 65
    assert ".claude/scripts/whoami-block.sh" in result.err
    assert difference(before, tree_of(lived_in.top, times=True, state=False)) == []
    (lived_in.top / ".claude/scripts/whoami-block.sh").unlink()
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0


def test_an_unfinished_receive_is_finished_first(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    (lived_in.state / "trees" / "main").mkdir(parents=True)
    (lived_in.state / "trees" / "main" / "journal").write_text("x")
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert (result.code, "sync.sh" in result.err) == (65, True)


# --- hooks that are elsewhere -----------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "named"), [(".husky/_", ".husky/pre-commit"), ("githooks", "githooks/pre-commit")])
def test_a_hooks_folder_in_the_tree_is_not_written_to(lived_in: Machine, folder: str, named: str) -> None:
    lived_in.git("config", "core.hooksPath", folder)
    own = lived_in.write(f"{folder}/pre-commit", OWN_HOOK)
    result = run_install(lived_in, lived_in.top)
    assert result.code == 0
    assert f"add to {named}: [ ! -e .claude/claudetools/hooks/git/pre-commit ] || bash" in result.err
    assert own.read_bytes() == OWN_HOOK
    assert (lived_in.common / "hooks" / "pre-commit").read_bytes() == OWN_HOOK
    line = result.err.split(f"add to {named}: ")[1].splitlines()[0]
    lived_in.write(named, f"#!/bin/sh\n{line}\n").chmod(0o755)
    lived_in.git("config", "core.hooksPath", str(Path(named).parent))
    assert run_install(lived_in, lived_in.top).err == ""
    lived_in.write("session-logs/2026-06-05-session.md", "x\n")
    lived_in.git("add", "session-logs")
    lived_in.git("config", "user.email", "m@example.com")
    lived_in.git("config", "user.name", "M")
    assert lived_in.run("git", "commit", "-q", "-m", "by hand").code == 1


def test_a_hooks_folder_for_all_repositories_is_not_written_to(lived_in: Machine) -> None:
    shared = lived_in.home / "githooks"
    shared.mkdir()
    lived_in.git("config", "--global", "core.hooksPath", str(shared))
    result = run_install(lived_in, lived_in.top)
    assert (result.code, "no hook was installed" in result.err) == (0, True)
    assert not list(shared.iterdir())


def test_two_hooks_of_the_users_are_both_left(lived_in: Machine) -> None:
    before = lived_in.common / "hooks" / "pre-commit.before"
    before.write_text("another\n")
    result = run_install(lived_in, lived_in.top)
    assert (result.code, "are both yours" in result.err) == (0, True)
    assert before.read_text() == "another\n"
    assert (lived_in.common / "hooks" / "pre-commit").read_bytes() == OWN_HOOK
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    assert before.read_text() == "another\n"


# --- places where it must not go, or must look twice ----------------------------------------------


@pytest.mark.parametrize("name", ['it\'s "my" ops', "b\u00fcro \u65e5\u672c", "-ops", "$HOME*?[\nx"])
def test_any_name_of_a_folder_will_do(world: World, name: str) -> None:
    machine = world.machine(clone=False)
    machine.top = machine.home / name
    machine.top.mkdir()
    machine.git("init", "-q", "-b", "main")
    before = tree_of(machine.top)
    assert run_install(machine, "--", name).code == 0
    assert run_install(machine, "--check", f"./{name}").code == 0
    assert run_install(machine, "--uninstall", machine.top).code == 0
    assert difference(before, tree_of(machine.top, state=False)) == []


def test_a_tilde_that_no_shell_expanded_is_the_home_folder(empty: Machine) -> None:
    assert run_install(empty, "--dry-run", "~/ops").code == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ([], 64, "Name one repository"),
        (["a", "b"], 64, "Name one repository"),
        (["--check", "--uninstall", "ops"], 64, "exclude each other"),
        (["--force", "ops"], 64, "Unknown option"),
        (["missing"], 78, "is no folder"),
        (["."], 78, "git init"),
        (["ops/.git"], 78, "is not the working tree"),
        (["ops/sub"], 78, "name that"),
        ([str(TOOLKIT)], 64, "claudetools itself"),
    ],
)
def test_what_is_no_working_tree_is_refused(empty: Machine, args: list[str], code: int, words: str) -> None:
    empty.write("sub/a.md", "x\n")
    result = run_install(empty, *args)
    assert (result.code, words in result.err) == (code, True), result.text
    assert result.out == ""


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("OneDrive", "OneDrive"),
        ("OneDrive - Example Ltd", "OneDrive"),
        ("Dropbox (Personal)", "Dropbox"),
        ("iCloudDrive", "iCloud"),
        ("Google Drive", "Google Drive"),
        ("Library/Mobile Documents/com~apple~CloudDocs", "iCloud"),
        ("Library/CloudStorage/GoogleDrive-mike@example.com/My Drive", "Google"),
    ],
)
def test_a_folder_that_a_cloud_service_keeps_is_refused(world: World, folder: str, service: str) -> None:
    machine = world.machine(clone=False)
    machine.top = machine.home / folder / "ops"
    machine.top.mkdir(parents=True)
    machine.git("init", "-q")
    (machine.home / "shortcut").symlink_to(machine.top)
    for name in (machine.top, machine.home / "shortcut"):
        result = run_install(machine, name)
        assert (result.code, service in result.err, "--allow-cloud-folder" in result.err) == (78, True, True), (
            result.text
        )
    assert not (machine.top / ".claude").exists()
    assert run_install(machine, "--allow-cloud-folder", machine.top).code == 0


def test_a_folder_that_only_sounds_like_a_cloud_is_fine() -> None:
    for name in (
        "/srv/dropbox-client/ops",
        "/srv/onedrive/ops",
        "/srv/OneDriver/ops",
        "/srv/icloud/x",
        "/srv/Dropboxes/x",
    ):
        assert place.cloud_folder(Path(name)) == "", name


@pytest.mark.parametrize("link", [".claude", ".claude/claudetools", ".claude/scripts", ".claude/before-claudetools"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_linked_folder_is_refused_by_its_name(lived_in: Machine, link: str, inside: bool) -> None:
    target = (lived_in.top if inside else lived_in.home) / "elsewhere"
    path = lived_in.top / link
    if path.exists():
        path.rename(target)
    else:
        target.mkdir()
    path.symlink_to(target)
    before = tree_of(lived_in.home, times=True)
    result = run_install(lived_in, lived_in.top)
    if link == ".claude/before-claudetools":  # only looked at when something has to be kept there
        assert OWN_SYNC in [v[1] for v in before.values()]
    assert (result.code, f"{link} is a symbolic link" in result.err) == (78, True), result.text
    assert difference(before, tree_of(lived_in.home, times=True)) == []


def test_a_claude_folder_that_is_a_repository_of_its_own_is_refused(empty: Machine) -> None:
    (empty.top / ".claude").mkdir()
    empty.git("-C", ".claude", "init", "-q")
    result = run_install(empty, empty.top)
    assert (result.code, "repository of its own" in result.err) == (78, True)


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes"])
def test_a_file_that_git_would_not_read_is_refused(empty: Machine, name: str) -> None:
    empty.write("real", "x\n")
    (empty.top / name).symlink_to("real")
    assert run_install(empty, empty.top).code == 78
    (empty.top / name).unlink()
    empty.write(name, "x\n".encode("utf-16"))
    assert run_install(empty, empty.top).code == 78
    assert not (empty.top / ".claude").exists()


def test_claude_md_and_agents_md_may_be_one_file(empty: Machine) -> None:
    empty.write("CLAUDE.md", "# Rules\n")
    (empty.top / "AGENTS.md").symlink_to("CLAUDE.md")
    before = tree_of(empty.top)
    assert run_install(empty, empty.top).code == 0
    assert (empty.top / "AGENTS.md").is_symlink()
    assert empty.read("CLAUDE.md").count("claudetools: begin") == 1
    assert "sync.sh" in empty.read("CLAUDE.md")
    assert run_install(empty, "--check", empty.top).code == 0
    run_install(empty, "--uninstall", empty.top)
    assert difference(before, tree_of(empty.top, state=False)) == []


def test_an_agents_md_that_lies_elsewhere_is_left_alone(empty: Machine) -> None:
    shared = empty.home / "agents.md"
    shared.write_text("for all\n")
    (empty.top / "AGENTS.md").symlink_to(shared)
    result = run_install(empty, empty.top)
    assert (result.code, "AGENTS.md is a link out of this repository" in result.err) == (0, True)
    assert shared.read_text() == "for all\n"


def test_an_ignored_folder_is_named_because_it_would_not_travel(empty: Machine) -> None:
    empty.write(".gitignore", ".claude/\n")
    result = run_install(empty, empty.top)
    assert result.code == 0
    assert "git ignores .claude/claudetools/ (.gitignore:1:.claude/)" in result.err


def test_a_linked_worktree_is_as_good_as_the_main_one(lived_in: Machine) -> None:
    work = lived_in.home / "feature"
    lived_in.git("worktree", "add", "-q", "-b", "feature", str(work))
    before = tree_of(lived_in.top, state=False)
    assert run_install(lived_in, work).code == 0
    assert (lived_in.common / "hooks/pre-commit").read_bytes() == (TOOLKIT / "hooks/git/shim").read_bytes()
    assert run_install(lived_in, "--check", work).code == 0
    assert run_install(lived_in, "--uninstall", work).code == 0
    assert difference(before, tree_of(lived_in.top, state=False)) == []


def test_an_old_git_is_refused_by_its_version(empty: Machine, tmp_path: Path) -> None:
    stub = tmp_path / "bin" / "git"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho git version 2.34.1\n")
    stub.chmod(0o755)
    result = run_install(empty, empty.top, env={"PATH": f"{stub.parent}:{os.environ['PATH']}"})
    assert (result.code, "git 2.38 or newer is needed" in result.err, "2.34.1" in result.err) == (78, True, True)


def test_without_python_it_says_what_is_missing(empty: Machine, tmp_path: Path) -> None:
    """The Store stub of Windows is there, can be started, and exits 49."""
    toolkit = tmp_path / "toolkit"
    shutil.copytree(TOOLKIT / "scripts", toolkit / "scripts")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3", "python"):
        (folder / name).write_text("#!/bin/sh\nexit 49\n")
        (folder / name).chmod(0o755)
    env = {"CLAUDETOOLS_PYTHON": "", "PATH": f"{folder}:{os.environ['PATH']}"}
    result = run_install(empty, empty.top, toolkit=toolkit, env=env)
    assert (result.code, "Python 3.10 or newer" in result.err, "CLAUDETOOLS_PYTHON" in result.err) == (78, True, True)


def test_a_newer_state_or_manifest_is_left_to_its_version(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    path = lived_in.top / ".claude/claudetools/manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": 2}))
    assert run_install(lived_in, lived_in.top).code == 78
    path.write_text("<<<<<<< HEAD\n")
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert (result.code, "git checkout HEAD -- .claude/claudetools/manifest.json" in result.err) == (78, True)
    path.write_text(json.dumps(manifest))
    (lived_in.state / "format").write_text("2\n")
    assert run_install(lived_in, lived_in.top).code == 78


def test_a_manifest_that_names_files_of_others_is_not_believed(lived_in: Machine) -> None:
    victim = lived_in.write("victim.md", "precious\n")
    run_install(lived_in, lived_in.top)
    path = lived_in.top / ".claude/claudetools/manifest.json"
    good = json.loads(path.read_text())
    digest = steps.digest_of(victim.read_bytes())
    for name in ("victim.md", ".claude/claudetools/../../victim.md", "/etc/passwd", ".claude/settings.json"):
        path.write_text(json.dumps({**good, "files": {**good["files"], name: digest}}))
        assert run_install(lived_in, "--uninstall", lived_in.top).code == 78, name
    entry = {"path": ".claude/x", "kept_as": "../victim.md", "whose": "yours", "digest": digest}
    path.write_text(json.dumps({**good, "kept": [entry]}))
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 78
    assert victim.read_text() == "precious\n"


# --- others at the same time, and kills ------------------------------------------------------------


def test_it_waits_for_nobody_forever_and_changes_nothing_under_a_running_sync(lived_in: Machine) -> None:
    """The lock is held by a live program; the installer is told not to wait."""
    before = tree_of(lived_in.top, state=False)
    script = f"CLAUDETOOLS_REENTER= bash '{INSTALL}' --wait 0 '{lived_in.top}'"
    result = lived_in.run("bash", TOOLKIT / "scripts/with-lock.sh", "--", "bash", "-c", script)
    assert result.code == 75, result.text
    assert difference(before, tree_of(lived_in.top, state=False)) == []


def test_what_somebody_writes_at_that_moment_is_not_overwritten(lived_in: Machine, tmp_path: Path) -> None:
    script = tmp_path / "write.sh"
    script.write_text(
        f"[ -e '{tmp_path}/done' ] || {{ echo more >>'{lived_in.top}/AGENTS.md'; touch '{tmp_path}/done'; }}\n"
    )
    env = {"CLAUDETOOLS_TEST_AT": f"install-written:{script}"}
    result = run_install(lived_in, lived_in.top, env=env)
    assert (result.code, "was written at this very moment" in result.err) == (65, True), result.text
    assert lived_in.read("AGENTS.md") == "# Rules\n\nBe kind.more\n"
    assert run_install(lived_in, lived_in.top).code == 0
    assert lived_in.read("AGENTS.md").startswith("# Rules\n\nBe kind.more\n")


@pytest.mark.parametrize("at", ["install-3", "install-written"])
def test_a_real_kill_leaves_a_lock_that_is_cleared_and_a_state_that_is_finished(
    lived_in: Machine, tmp_path: Path, at: str
) -> None:
    before = tree_of(lived_in.top)
    script = tmp_path / "kill.sh"
    script.write_text('kill -9 -- "-$2"\n')
    process = lived_in.start("bash", INSTALL, lived_in.top, env={"CLAUDETOOLS_TEST_AT": f"{at}:{script}"})
    assert process.wait(60) == -9
    assert run_install(lived_in, lived_in.top).code == 0
    assert run_install(lived_in, "--check", lived_in.top).code == 0
    assert not list(lived_in.top.rglob("*.claudetools-new"))
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    assert difference(before, tree_of(lived_in.top, state=False)) == []
    lived_in.sync()  # sweeps the dead run's claim
    lived_in.assert_sound()


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Stage:
    """A small toolkit in two versions and a repository to be copied, all in this process."""

    def __init__(self, root: Path) -> None:
        self.root, self.count, self.stop = root, 0, -1
        self.toolkits = [self.toolkit(v) for v in ("1.0", "2.0")]
        repo = root / "repo"
        for name, data in {
            ".claude/scripts/sync.sh": OWN_SYNC,
            ".claude/claudetools/scripts/a.sh": b"the user's, in our folder\n",
            ".gitignore": b"*.log",
            "AGENTS.md": b"# Rules\r\n",
        }.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_bytes(data)
        subprocess.run(["git", "init", "-q", "--template=", repo], check=True)
        (repo / ".git/hooks").mkdir()
        (repo / ".git/hooks/pre-commit").write_bytes(OWN_HOOK)
        self.template = repo

    def toolkit(self, version: str) -> Path:
        toolkit = self.root / f"toolkit-{version}"
        texts = {"scripts/a.sh": "a", "pylib/claudetools/b.py": "b", f"hooks/only-{version}": "c"}
        for name, text in {**texts, **dict.fromkeys(SHIMS, "shim")}.items():
            (toolkit / name).parent.mkdir(parents=True, exist_ok=True)
            (toolkit / name).write_text(f"{text} {version}\n")
        (toolkit / "hooks/git").mkdir()
        shutil.copy(TOOLKIT / "hooks/git/shim", toolkit / "hooks/git/shim")
        (toolkit / "pyproject.toml").write_text(f'version = "{version}"\n')
        return toolkit

    def copy(self, of: Path, name: str) -> Path:
        shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.copytree(of, self.root / name, symlinks=True)
        return self.root / name

    def run(self, job: str, repo: Path, toolkit: Path, stop: int = -1) -> int:
        """The number of places that were passed. Killed at place number `stop`."""
        call = Call(job, toolkit, str(repo), "install.sh", "1")
        self.count, self.stop = 0, stop
        plan.carry_out(command.make_plan(call, place.open_place(str(repo), False)))
        return self.count

    def reach(self, name: str) -> None:
        self.count += 1
        if self.count == self.stop:
            raise Killed(name)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in [n for n in os.environ if n.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in clean_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    stage = Stage(tmp_path)
    monkeypatch.setattr(plan, "checkpoint", stage.reach)
    monkeypatch.setattr(steps, "checkpoint", stage.reach)
    yield stage


@pytest.mark.parametrize("then", ["install", "uninstall"])
@pytest.mark.parametrize("first", ["install", "upgrade", "uninstall"])
def test_killed_at_any_step_the_next_run_completes_it_or_takes_it_back(stage: Stage, first: str, then: str) -> None:
    old, new = stage.toolkits
    start = stage.copy(stage.template, "start")
    if first != "install":
        stage.run("install", start, old)
    job, toolkit = ("uninstall", old) if first == "uninstall" else ("install", new)
    whole = stage.copy(stage.template if first != "upgrade" else start, "whole")
    stage.run("install", whole, new if first != "uninstall" else old)
    goal = tree_of(whole) if then == "install" else tree_of(stage.template)
    places = stage.run(job, stage.copy(start, "count"), toolkit)
    assert places > 15
    for stop in range(1, places + 1):
        repo = stage.copy(start, "repo-killed")
        with pytest.raises(Killed) as killed:
            stage.run(job, repo, toolkit, stop)
        assert OWN_SYNC in [v[1] for v in tree_of(repo).values()], "the user's file is somewhere at every moment"
        assert OWN_HOOK in [v[1] for v in tree_of(repo).values()]
        stage.run(then, repo, toolkit)
        left = difference(goal, tree_of(repo))
        assert left == [], f"killed at {stop} ({killed.value}), then {then}: {left}"


# --- our lines in the user's files ---------------------------------------------------------------------

lines = st.sampled_from(
    [b"", b"# a", b".claude/identity.json", b"/.claudetools-resolve/", b"@AGENTS.md", b".claude/** text eol=lf", b"x  "]
)


@settings(max_examples=300, deadline=None)
@given(
    section=st.sampled_from(sections.SECTIONS),
    content=st.lists(lines, max_size=6),
    eol=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
    bom=st.booleans(),
    later=st.sampled_from([b"", b"later\n"]),
)
def test_what_is_added_comes_out_to_the_byte(
    section: marked.Section, content: list[bytes], eol: bytes, last: bool, bom: bool, later: bytes
) -> None:
    before = (marked.BOM if bom else b"") + eol.join(content) + (eol if last and content else b"")
    after, added = marked.with_section(before, section, None)
    assert after.startswith(before)
    again, same = marked.with_section(after, section, added)
    assert (again, same) == (after, added)
    if added is None:
        assert after == before
        return
    eol = marked.newline_of(before)
    assert after[len(before) :].count(b"\n") == after[len(before) :].count(eol)
    assert marked.without_section(after, section, added) == before
    grown = marked.without_section(after + later, section, added)
    between = eol if later and added.completes else b""
    assert grown == before + between + later
    # A checkout on Windows may have converted the whole file.
    crlf = after.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    expected = before.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert marked.without_section(crlf, section, added) == expected
    assert marked.with_section(crlf, section, added)[0] == crlf


def test_a_line_that_the_user_has_is_not_added_twice() -> None:
    for text in (
        b"/.claude/identity.json\r\n.claudetools-resolve/\r\n",
        b".claudetools-resolve/\n.claude/identity.json  \n",
    ):
        assert marked.with_section(text, marked.GITIGNORE, None) == (text, None)
    after, added = marked.with_section(b".claude/identity.json\n", marked.GITIGNORE, None)
    assert after.count(b"identity.json") == 1
    assert added is not None and ".claudetools-resolve/" in added.text
    assert marked.with_section(b"see @./AGENTS.md\n", marked.CLAUDE, None)[1] is None
    for no_import in (b"mail me@AGENTS.md\n", b"@AGENTS.mdx\n", b"AGENTS.md\n"):
        assert marked.with_section(no_import, marked.CLAUDE, None)[1] is not None


def test_pictures_below_claude_stay_as_they_are(empty: Machine) -> None:
    """`text` without `auto` would turn CRLF inside of a picture at the next commit."""
    run_install(empty, empty.top)
    picture = b"\x89PNG\r\n\x1a\n\0\r\n"
    empty.write(".claude/skills/x/logo.png", picture)
    empty.write(".claude/skills/x/run.sh", b"a\r\n")
    empty.git("add", ".claude/skills")
    shown: Any = subprocess.run(
        ["git", "-C", empty.top, "show", ":.claude/skills/x/logo.png"], capture_output=True, env=empty.env(), check=True
    )
    assert shown.stdout == picture
    assert empty.git("show", ":.claude/skills/x/run.sh") == "a"


# --- the rules on a server ----------------------------------------------------------------


@pytest.fixture
def with_workflows(tmp_path: Path) -> Path:
    toolkit = copy_toolkit(TOOLKIT, tmp_path / "with-workflows")
    for name in ("github", "gitea"):
        path = toolkit / "hooks/ci" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"name: claudetools on {name}\n")
    return toolkit


@pytest.mark.parametrize("server", ["github", "gitea"])
def test_a_workflow_comes_when_it_is_asked_for_and_stays_until_the_end(
    lived_in: Machine, with_workflows: Path, server: str
) -> None:
    before = tree_of(lived_in.top)
    path = lived_in.write(f".{server}/workflows/claudetools.yml", "mine\n")
    plan = run_install(lived_in, "--dry-run", "--ci", server, lived_in.top, toolkit=with_workflows)
    assert f"install.sh --ci {server} ~/ops " in plan.out
    result = run_install(lived_in, "--ci", server, lived_in.top, toolkit=with_workflows)
    assert result.code == 0, result.text
    assert "the same rules on the server; yours" in result.out
    assert path.read_text() == f"name: claudetools on {server}\n"
    assert run_install(lived_in, lived_in.top, toolkit=with_workflows).out.startswith("[OK] Nothing to do")
    assert run_install(lived_in, "--uninstall", lived_in.top, toolkit=with_workflows).code == 0
    assert path.read_text() == "mine\n"
    path.unlink()
    assert run_install(lived_in, "--ci", server, lived_in.top, toolkit=with_workflows).code == 0
    assert run_install(lived_in, "--uninstall", lived_in.top, toolkit=with_workflows).code == 0
    assert difference(before, tree_of(lived_in.top, state=False)) == []
    assert run_install(lived_in, "--ci", server, lived_in.top, toolkit=with_workflows).code == 0
    assert own_sync(lived_in).code == 0
    result = run_install(lived_in, "--uninstall", lived_in.top, toolkit=with_workflows)
    lived_in.git("config", "user.email", "m@example.com")
    commit = lived_in.run("bash", "-c", result.out.splitlines()[-1].removeprefix("To commit it: "))
    assert (commit.code, lived_in.status()) == (0, ""), commit.text


def test_the_workflows_that_may_be_asked_for_are_there() -> None:
    for name, path in WORKFLOWS.items():
        text = (TOOLKIT / "hooks/ci" / f"{name}.yml").read_text()
        assert path.startswith(f".{name}/workflows/")
        assert ".claude/claudetools/hooks/checks/run.sh" in text


def test_the_copy_in_a_repository_says_where_workflows_come_from(empty: Machine) -> None:
    run_install(empty, empty.top)
    result = empty.run("bash", ".claude/claudetools/scripts/install.sh", "--ci", "github", ".")
    assert (result.code, "install.sh of a claudetools folder" in result.err) == (64, True), result.text


def test_another_server_is_no_choice(empty: Machine) -> None:
    for args in (("--ci", "jenkins"), ("--ci",)):
        result = run_install(empty, *args, empty.top)
        assert (result.code, "--ci takes github or gitea" in result.err) == (64, True), result.text
