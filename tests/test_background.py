"""A repository's own hook that takes longer than an agent's shell lets a command run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from forced import ended
from test_own_hooks import install, is_over
from test_sync import less_patient
from world import Machine, Result, World
from yard import Gate, finish, wait_until

AGENT = {"CLAUDECODE": "1"}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path, "hook")
    yield gate
    gate.close()


def slow_hook(machine: Machine, gate: Gate, name: str = "pre-push") -> Path:
    """It waits in its copy; its process id is in the file that comes back."""
    pid = machine.home / "pid"
    install(machine, name, f"echo $$ >>{pid}; {gate.shell}")
    return pid


def status(machine: Machine) -> str:
    return machine.sync("--status").out


def has_ended(machine: Machine) -> bool:
    return "in the background ended" in status(machine)


def test_a_slow_hook_goes_on_when_the_agents_shell_is_ended(
    world: World, machine: Machine, tmp_path: Path, gate: Gate
) -> None:
    slow_hook(machine, gate)
    machine.write("a.md", "x\n")
    sync = less_patient(tmp_path, 12)  # 7 s for the caller
    process = machine.start("bash", sync, env=AGENT)
    gate.reached()
    result = finish(process)
    assert result.code == 75, result.text
    assert result.out.startswith("[DEFERRED] Still running: your repository's pre-push hook, "), result.text
    assert "sync.sh --status" in result.out and "pre-push hook is running" in result.err, result.text
    with contextlib.suppress(ProcessLookupError):  # most times nobody is left in it
        os.killpg(process.pid, signal.SIGKILL)
    assert "Running: 'sync'" in status(machine) and "Hook:    your repository's pre-push hook, " in status(machine)
    waiter = machine.sync("--wait", "0")
    assert waiter.code == 75 and "It runs your repository's pre-push hook, " in waiter.out, waiter.text
    as_json = json.loads(machine.run("bash", sync, "--json", "--wait", "0", env=AGENT).out)
    assert as_json["exit"] == 75 and "pre-push hook" in str(as_json["main"]["problems"])
    gate.open()
    wait_until(lambda: has_ended(machine))
    assert "ended with 0:\n  [OK] Saved and pushed: 1 commit." in status(machine)
    assert world.remote_file("a.md") == "x\n"
    machine.assert_sound()


def test_a_quick_hook_changes_nothing_for_an_agent(world: World, machine: Machine) -> None:
    install(machine, "pre-commit", "exit 0")
    machine.write("a.md", "x\n")
    result = machine.sync("-m", "as asked", env=AGENT)
    assert result.code == 0 and result.out.startswith("[OK] Saved and pushed: 1 commit."), result.text
    assert "Commit:" in result.out and "as asked" in result.out
    assert not list((machine.state / "background").iterdir())
    machine.write("b.md", "x\n")
    told = json.loads(machine.sync("--json", env=AGENT).out)
    assert told["exit"] == 0 and told["main"]["pushed"]
    machine.assert_sound()


def killed_in_hook(machine: Machine, sync: Path, gate: Gate, pid: Path) -> None:
    """The caller, the sync and all of its group; the hook, in a group of its own, has to see that itself."""
    process = machine.start("bash", sync, env=AGENT)
    gate.reached()
    (folder,) = [f for f in (machine.state / "background").iterdir() if f.name == str(process.pid)]
    os.killpg(process.pid, signal.SIGKILL)
    os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)
    ended(process)
    wait_until(lambda: is_over(pid.read_text().split()[-1]))


def test_a_sync_that_was_killed_in_a_hook_starts_over_but_not_for_ever(
    world: World, machine: Machine, tmp_path: Path, gate: Gate
) -> None:
    pid = slow_hook(machine, gate)
    sync = less_patient(tmp_path, 60)
    machine.write("a.md", "x\n")
    killed_in_hook(machine, sync, gate, pid)
    killed_in_hook(machine, sync, gate, pid)
    result = machine.run("bash", sync, env=AGENT)
    assert result.code == 65, result.text
    assert result.out.startswith("[ERROR] Your repository's own pre-push hook was killed 2 times"), result.text
    assert "In a terminal: " in result.out, result.text
    assert "The last sync was killed while your repository's pre-push hook ran." in result.out
    assert machine.run("bash", sync, env=AGENT).code == 65 and len(pid.read_text().split()) == 2
    gate.open()
    result = machine.sync()
    assert result.code == 0, result.text
    assert world.remote_file("a.md") == "x\n"
    machine.assert_sound()


def test_a_signal_ends_sync_and_hook(machine: Machine, gate: Gate) -> None:
    pid = slow_hook(machine, gate, "pre-commit")
    machine.write("a.md", "x\n")
    process = machine.start_sync()
    gate.reached()
    process.send_signal(signal.SIGTERM)
    result: Result = finish(process)
    assert result.code == 143, result.text
    assert is_over(pid.read_text().strip())
    assert machine.status() == "?? a.md"
    machine.assert_sound()
