"""Where the installer must not go, or must look twice: links, clouds, worktrees, hooks that are elsewhere."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from claudetools.install import place, steps
from installing import OWN_HOOK, OWN_SYNC, RECORD, TOOLKIT, difference, run_install, tree_of
from world import Machine, World

# --- hooks that are elsewhere -----------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "named"), [(".husky/_", ".husky/pre-commit"), ("githooks", "githooks/pre-commit")])
def test_a_hooks_folder_in_the_tree_is_not_written_to(lived_in: Machine, folder: str, named: str) -> None:
    lived_in.git("config", "core.hooksPath", folder)
    own = lived_in.write(f"{folder}/pre-commit", OWN_HOOK)
    result = run_install(lived_in, lived_in.top)
    assert result.code == 0
    assert f"add to {named}: if [ -e .claude/scripts/claudetools-start.sh ] && " in result.err
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


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ['it\'s "my" ops', "b\u00fcro \u65e5\u672c", "-ops", "$HOME*?[\tx"])
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


@pytest.mark.sampled(3)
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


@pytest.mark.parametrize("link", [".claude", ".claude/skills", ".claude/scripts", ".claude/before-claudetools"])
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
    assert "(.gitignore:1:.claude/)" in result.err


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
    path = lived_in.top / RECORD
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": 2}))
    assert run_install(lived_in, lived_in.top).code == 78
    path.write_text("<<<<<<< HEAD\n")
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert (result.code, f"git checkout HEAD -- {RECORD}" in result.err) == (78, True)
    path.write_text(json.dumps(manifest))
    (lived_in.state / "format").write_text("2\n")
    assert run_install(lived_in, lived_in.top).code == 78


def test_a_manifest_that_names_files_of_others_is_not_believed(lived_in: Machine) -> None:
    victim = lived_in.write("victim.md", "precious\n")
    run_install(lived_in, lived_in.top)
    path = lived_in.top / RECORD
    good = json.loads(path.read_text())
    digest = steps.digest_of(victim.read_bytes())
    for name in ("victim.md", ".claude/claudetools/../../victim.md", "/etc/passwd", ".claude/settings.json"):
        path.write_text(json.dumps({**good, "files": {**good["files"], name: digest}}))
        assert run_install(lived_in, "--uninstall", lived_in.top).code == 78, name
    entry = {"path": ".claude/x", "kept_as": "../victim.md", "whose": "yours", "digest": digest}
    path.write_text(json.dumps({**good, "kept": [entry]}))
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 78
    assert victim.read_text() == "precious\n"
