"""Into a repository and up to date: real repositories, nothing of the user's lost or changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from installing import (
    ARCHIVE,
    OWN_SYNC,
    PIN,
    RECORD,
    TOOLKIT,
    VERSION,
    copy_toolkit,
    difference,
    own_sync,
    pinned,
    run_install,
    today,
    tools,
    tree_of,
    unpacked,
)
from world import USERS, Machine, World

# --- looking ---------------------------------------------------------------------------


def test_a_dry_run_shows_the_plan_and_changes_nothing_at_all(busy: Machine) -> None:
    os.utime(busy.top / ".claude/scripts/sync.sh", (1777680000, 1777680000))
    before = tree_of(busy.top, times=True)
    result = run_install(busy, "--dry-run", busy.top)
    assert result.code == 0, result.text
    lines = result.out.splitlines()
    assert lines[0] == f"Would add to ~/ops (claudetools {VERSION}):"
    assert lines[1].split() == [ARCHIVE, "claudetools", "itself"]
    assert "shim; yours (2026-05-02, 2 lines) is kept as .claude/before-claudetools/scripts/sync.sh" in lines[4]
    assert "+ 4 lines, + 4 lines" in result.out
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
    assert (result.code, result.out) == (0, f"[OK] Nothing to do: claudetools {VERSION} is installed in ~/ops.\n")
    lived_in.write(".claude/scripts/sync.sh", "mine\n")
    (lived_in.top / ARCHIVE).unlink()
    before = tree_of(lived_in.top, times=True)
    result = run_install(lived_in, "--check", lived_in.top)
    assert result.code == 65
    assert ARCHIVE in result.out and ".claude/scripts/sync.sh" in result.out
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
    assert result.out.startswith(f"[OK] claudetools {VERSION} is installed in ~/ops. Nothing was committed.\n")
    assert (empty.top / "CLAUDE.md").read_text().splitlines()[1] == "@AGENTS.md"
    assert "bash .claude/scripts/claudetools.sh setup" in result.out
    result = own_sync(empty, "-m", "Install claudetools")
    assert result.code == 0, result.text
    record = json.loads(world.remote_file(RECORD))
    assert {*record["files"], RECORD, PIN} <= set(world.remote_files())
    assert len(world.remote_files()) < 20, world.remote_files()
    assert empty.git("ls-files", "-s", ".claude/scripts/sync.sh")[:6] == "100755"
    empty.assert_sound()


def test_it_travels_to_a_second_machine_and_both_sync(world: World, busy: Machine) -> None:
    assert run_install(busy, busy.top).code == 0
    result = own_sync(busy, "-m", "Install claudetools")
    assert result.code == 0, result.text
    other = world.machine("MAC-02", "howard", clone=False)
    subprocess.run(["git", "clone", "-q", world.remote, other.top], env=other.env(), check=True)
    result = tools(other, "setup", "--user", "howard", "--name", "Howard Lee",
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
    result = tools(other, "install", ".")
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
    assert (result.code, result.out) == (0, f"[OK] Nothing to do: claudetools {VERSION} is installed in ~/ops.\n")
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
    """An older version: other texts, one skill that is gone by now, one that did not exist yet."""
    toolkit = copy_toolkit(TOOLKIT, tmp_path / "claudetools-0.0.9")
    (toolkit / "pyproject.toml").write_text('version = "0.0.9"\n')
    shutil.copytree(toolkit / ".claude/skills/save", toolkit / ".claude/skills/old")
    shutil.rmtree(toolkit / ".claude/skills/scc")
    path = toolkit / ".claude/scripts/whoami-block.sh"
    path.write_text(path.read_text() + "# older\n")
    return toolkit


def test_an_upgrade_takes_away_what_is_gone_and_keeps_what_the_user_changed(lived_in: Machine, older: Path) -> None:
    before = tree_of(lived_in.top)
    assert run_install(lived_in, lived_in.top, toolkit=older).code == 0
    lived_in.write(".claude/skills/old/mine.md", "the user's\n")
    lived_in.write(".claude/skills/old/SKILL.md", "changed by the user\n")
    assert run_install(lived_in, "--check", lived_in.top).code == 65
    result = run_install(lived_in, lived_in.top)
    assert result.code == 0, result.text
    assert result.out.startswith(f"[OK] claudetools 0.0.9 -> {VERSION} is installed in ~/ops.")
    assert f"Update to claudetools {VERSION}" in result.out
    assert [p.name for p in (lived_in.top / ".claude").glob("*.tar.gz")] == [Path(ARCHIVE).name]
    assert not (lived_in.top / ".claude/skills/old/SKILL.md").exists()
    assert "older" not in lived_in.read(".claude/scripts/whoami-block.sh")
    kept = ".claude/before-claudetools/skills/old/SKILL.md"
    assert lived_in.read(kept) == "changed by the user\n" and f"is kept as {kept}" in result.out
    assert run_install(lived_in, "--check", lived_in.top).code == 0
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert result.code == 0, result.text
    assert f"{kept}: yours" in result.out
    left = [n for n in difference(before, tree_of(lived_in.top, state=False)) if (lived_in.top / n).is_file()]
    assert left == [kept, ".claude/skills/old/mine.md"]


def test_what_a_team_has_set_stays_through_an_upgrade_and_after_us(lived_in: Machine, older: Path) -> None:
    run_install(lived_in, lived_in.top, toolkit=older)
    sum = pinned(lived_in)[1]
    text = f'{{ "settings":   {{"limitMB": 20}},\n  "version": "0.0.9", "sha256": "{sum}"}}\n'
    lived_in.write(PIN, text)
    assert run_install(lived_in, lived_in.top).code == 0
    assert pinned(lived_in)[0] == VERSION
    assert lived_in.read(PIN) == text.replace("0.0.9", VERSION).replace(sum, pinned(lived_in)[1])
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert f"{PIN}: your settings" in result.out
    assert lived_in.read(PIN) == '{ "settings":   {"limitMB": 20}}\n'


def test_an_unpacked_copy_that_was_changed_installs_nothing(lived_in: Machine) -> None:
    """Its name says what it holds. The doctor names the file; what makes it anew is said."""
    run_install(lived_in, lived_in.top)
    assert own_sync(lived_in).code == 0
    (unpacked(lived_in) / "scripts/whoami-block.sh").write_text("exit 3\n")
    for command in ("install", "."), ("install", "--check", "."), ("doctor",):
        result = tools(lived_in, *command)
        assert "is not as it came: scripts/whoami-block.sh" in result.text, result.text
    shutil.rmtree(unpacked(lived_in))
    assert tools(lived_in, "install", "--check", ".").code == 0


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
    assert (lived_in.top / RECORD).exists()
