"""From the layout of 0.1.0, 257 files in the tree, to one archive: real installs by the old code."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from claudetools.install.toolkit import FORWARDS, OLD_RECORD
from claudetools.sessions import ledger, registry
from installing import (
    ARCHIVE,
    INSTALL,
    PIN,
    RECORD,
    difference,
    other_version,
    own_sync,
    publish,
    run_install,
    tools,
    tree_of,
)
from test_agent_hooks import place_of
from world import TOOLKIT, Machine, World, folder_until_the_end

OLD = "903d3dc87778"  # the last commit that installs so
SETTINGS = ".claude/settings.json"


@cache
def old_toolkit() -> Path:
    """0.1.0, from the history of this repository; skipped where that was cut off."""
    asked = (
        "git",
        "-C",
        str(TOOLKIT),
        "archive",
        OLD,
        "scripts",
        "pylib",
        "hooks",
        ".claude",
        "LICENSE",
        "pyproject.toml",
    )
    done = subprocess.run(asked, capture_output=True)
    if done.returncode:
        pytest.skip(f"the history does not go back to {OLD}")
    folder = folder_until_the_end("old")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def fire(machine: Machine, line: str, payload: Mapping[str, object]) -> str:
    env = machine.env({"CLAUDE_PROJECT_DIR": str(machine.top), "CLAUDE_CODE_SESSION_ID": str(payload["session_id"])})
    done = subprocess.run(
        ["sh", "-c", line], cwd=machine.top, env=env, input=json.dumps(payload).encode(), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout.decode()


def edit(machine: Machine, lines: dict[str, str], path: str) -> None:
    """A tool of a session writes a file, between the hooks that its client knows."""
    at = machine.top / path
    common: dict[str, object] = {
        "session_id": "s-1",
        "cwd": str(machine.top),
        "tool_name": "Write",
        "tool_use_id": path,
        "tool_input": {"file_path": str(at), "content": f"{path}\n"},
    }
    fire(machine, lines["PreToolUse"], {**common, "hook_event_name": "PreToolUse"})
    at.write_text(f"{path}\n")
    fire(machine, lines["PostToolUse"], {**common, "hook_event_name": "PostToolUse", "tool_response": {}})


def lines_of(machine: Machine) -> dict[str, str]:
    hooks = json.loads(machine.read(SETTINGS))["hooks"]
    return {event: groups[0]["hooks"][0]["command"] for event, groups in hooks.items()}


def recorded(machine: Machine) -> list[str]:
    return [found.path for found in ledger.read_edits(place_of(machine), "s-1")]


@pytest.fixture
def two(world: World) -> tuple[Machine, Machine]:
    """Mike and Howard work with 0.1.0."""
    mike = publish(world.machine("LINUX-01", "mike"), logs=1)
    assert run_install(mike, mike.top, toolkit=old_toolkit()).code == 0
    assert own_sync(mike).code == 0
    howard = world.machine("MAC-02", "howard")
    assert howard.run("bash", ".claude/claudetools/scripts/setup.sh").code == 0
    assert own_sync(howard).code == 0
    return mike, howard


@pytest.mark.sampled(2, "upgrades")
def test_one_install_one_commit_and_a_session_that_lives_through_it(
    world: World, two: tuple[Machine, Machine], tmp_path: Path
) -> None:
    mike, howard = two
    lines = lines_of(howard)
    assert "/.claude/claudetools/hooks/agent" in lines["PreToolUse"]
    start = {"session_id": "s-1", "hook_event_name": "SessionStart", "source": "startup", "cwd": str(howard.top)}
    fire(howard, lines["SessionStart"], start)
    edit(howard, lines, "before.md")

    result = run_install(mike, mike.top)
    assert result.code == 0, result.text
    assert "files removed; 2 files for what was started before" in result.out
    result = own_sync(mike, "-m", "Update claudetools")
    assert result.code == 0 and "Saved and pushed: 1 commit" in result.out, result.text
    left = [name for name in world.remote_files() if name.startswith(".claude/claudetools")]
    assert sorted(left) == sorted([ARCHIVE, PIN, RECORD, *FORWARDS])

    # The run that receives it is of 0.1.0; the session goes on with the lines that its client has read at its start.
    howard.write("by-hand.md", "x\n")
    result = own_sync(howard, "--all")
    assert result.code == 0, result.text
    assert not (howard.top / OLD_RECORD).exists()
    edit(howard, lines, "after.md")
    assert {"before.md", "after.md"} <= set(recorded(howard)), recorded(howard)
    session = registry.read_session(place_of(howard), "s-1")
    assert session is not None
    result = howard.run("bash", ".claude/scripts/sync.sh", env={"CLAUDETOOLS_SESSION_ID": "s-1"})
    assert result.code == 0, result.text
    assert world.remote_file("after.md") == "after.md\n"
    assert "claudetools-start.sh" in (howard.common / "hooks/pre-commit").read_text()
    assert not (howard.state / "helpers").exists()
    for machine in two:
        assert own_sync(machine).code == 0
        assert machine.status() == ""
        machine.assert_sound()
    world.assert_linear()

    # What a scheduler starts still finds its way; the next version takes both files away.
    result = howard.run("bash", ".claude/claudetools/scripts/schedule.sh", "status")
    assert (result.code, "Scheduled: nothing" in result.out) == (0, True), result.text
    assert run_install(mike, mike.top).out.startswith("[OK] Nothing to do")
    assert run_install(mike, mike.top, toolkit=other_version(tmp_path / "next", "9.0.0")).code == 0
    assert not (mike.top / ".claude/claudetools").exists()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("migrated", [False, True])
def test_out_again_every_file_is_as_it_was_before_0_1_0(world: World, machine: Machine, migrated: bool) -> None:
    publish(machine, logs=3)
    before = tree_of(machine.top)
    assert run_install(machine, machine.top, toolkit=old_toolkit()).code == 0
    if migrated:
        assert run_install(machine, machine.top).code == 0
        assert run_install(machine, "--check", machine.top).code == 0
    result = run_install(machine, "--uninstall", machine.top)
    assert result.code == 0, result.text
    assert difference(before, tree_of(machine.top, state=False)) == []


@pytest.mark.sampled(2, "upgrades")
def test_what_somebody_changed_in_the_folder_of_0_1_0_is_kept_and_named(machine: Machine) -> None:
    assert run_install(machine, machine.top, toolkit=old_toolkit()).code == 0
    machine.write(".claude/claudetools/scripts/sync.sh", "mine\n")
    machine.write(".claude/claudetools/mine.md", "mine too\n")
    result = run_install(machine, machine.top)
    assert result.code == 0, result.text
    kept = ".claude/before-claudetools/claudetools/scripts/sync.sh"
    assert f"is kept as {kept}" in result.out and machine.read(kept) == "mine\n"
    assert machine.read(".claude/claudetools/mine.md") == "mine too\n"


@pytest.mark.sampled(2, "upgrades")
def test_killed_in_the_middle_the_next_run_completes_it(machine: Machine, tmp_path: Path) -> None:
    assert run_install(machine, machine.top, toolkit=old_toolkit()).code == 0
    whole = shutil.copytree(machine.top, tmp_path / "whole", symlinks=True)
    other = Machine("X", "mike", machine.home, whole)
    assert run_install(other, whole).code == 0
    script = tmp_path / "kill.sh"
    script.write_text('kill -9 -- "-$2"\n')
    for at in ("install-5", "install-40", "install-200"):
        repo = shutil.copytree(machine.top, tmp_path / at, symlinks=True)
        victim = Machine("Y", "mike", machine.home, repo)
        assert victim.start("bash", INSTALL, repo, env={"CLAUDETOOLS_TEST_AT": f"{at}:{script}"}).wait(120) == -9
        assert run_install(victim, repo).code == 0
        assert difference(tree_of(whole, state=False), tree_of(repo, state=False)) == []


@pytest.mark.sampled(2, "upgrades")
def test_a_sync_of_the_new_version_with_nothing_set_up_by_the_old_one_asks_for_it(world: World) -> None:
    """Who only synced before, by git's user.email, is told the one command."""
    mike = world.machine("LINUX-01", "mike")
    assert run_install(mike, mike.top, toolkit=old_toolkit()).code == 0
    assert own_sync(mike).code == 0
    howard = world.machine("MAC-02", "howard")
    assert own_sync(howard).code == 0
    assert run_install(mike, mike.top).code == 0
    assert own_sync(mike).code == 0
    assert own_sync(howard).code == 0
    result = own_sync(howard)
    assert (result.code, "claudetools.sh setup" in result.err) == (78, True), result.text
    assert tools(howard, "setup").code == 0
    assert own_sync(howard).code == 0
