"""Into a repository and up to date: real repositories, nothing of the user's lost or changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from installing import OWN_SYNC, TOOLKIT, copy_toolkit, difference, own_sync, run_install, today, tree_of
from world import USERS, Machine, World

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
        "To rename, once it is installed: bash .claude/scripts/claudetools.sh log adopt --all --dry-run",
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
