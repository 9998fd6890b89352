"""Many at once: in one tree, from several clones, beside plain git. Every file arrives, every run ends with 0."""

from __future__ import annotations

import os
import signal

import pytest

from world import TOOLKIT, WITH_LOCK, Machine, World


def eight_at_once(world: World, machine: Machine, rounds: int) -> None:
    for r in range(rounds):
        running = []
        for i in range(8):
            machine.write(f"round-{r}/{i}.txt", f"{r} {i}\n")
            running.append(machine.start_sync())
        for process in running:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, (out, err)
        files = set(world.remote_files())
        assert all(f"round-{r}/{i}.txt" in files for i in range(8))
    assert machine.status() == ""
    world.assert_linear()
    machine.assert_sound()


def clones_at_once(world: World, machines: list[Machine], rounds: int) -> None:
    for r in range(rounds):
        running = []
        for machine in machines:
            machine.write(f"round-{r}/{machine.name}.txt", f"{r}\n")
            running.append(machine.start_sync())
        for process in running:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, (out, err)
        files = set(world.remote_files())
        assert all(f"round-{r}/{machine.name}.txt" in files for machine in machines)
    world.assert_linear()
    for machine in machines:
        assert machine.sync().code == 0
        assert machine.status() == ""
        machine.assert_sound()


def test_eight_syncs_at_once_in_one_tree(world: World, machine: Machine) -> None:
    eight_at_once(world, machine, 3)


@pytest.mark.parametrize("count", [2, 4])
def test_clones_that_push_at_once(world: World, count: int) -> None:
    clones_at_once(world, [world.machine(f"M{i}", "mike" if i % 2 else "howard") for i in range(count)], 4)


@pytest.mark.lab
def test_eight_syncs_at_once_for_twenty_rounds(world: World, machine: Machine) -> None:
    eight_at_once(world, machine, 20)


@pytest.mark.lab
@pytest.mark.parametrize("count", [2, 4])
def test_clones_that_push_at_once_for_twenty_rounds(world: World, count: int) -> None:
    clones_at_once(world, [world.machine(f"M{i}", "mike" if i % 2 else "howard") for i in range(count)], 20)


def test_somebody_commits_by_plain_git_all_the_while(world: World, machine: Machine) -> None:
    machine.sync()
    running = []
    for i in range(12):
        machine.write(f"synced-{i}.txt", "s\n")
        running.append(machine.start_sync())
        machine.write(f"plain-{i}.txt", "p\n")
        machine.run("git", "add", f"plain-{i}.txt")
        machine.run("git", "commit", "-q", "-m", f"plain {i}", "--", f"plain-{i}.txt")
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (out, err)
    assert machine.sync().code == 0
    expected = {f"{kind}-{i}.txt" for kind in ("synced", "plain") for i in range(12)}
    assert expected <= set(world.remote_files())
    assert machine.status() == ""
    machine.assert_sound()


def test_a_sync_that_may_not_wait_is_deferred_and_names_the_holder(machine: Machine) -> None:
    holder = machine.start("bash", WITH_LOCK, "--title", "nightly sync", "--", "sh", "-c", "echo in; exec sleep 1000")
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"in\n"
        machine.write("a.md", "x\n")
        result = machine.sync("--wait", "0")
        assert result.code == 75, result.text
        assert result.out.startswith("[DEFERRED] Another sync is running. Your files are on disk;")
        assert "'nightly sync'" in result.out
        assert "Running: 'nightly sync'" in machine.sync("--status").out
        assert machine.status() == "?? a.md"
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.communicate()
    assert machine.sync().code == 0


def test_two_syncs_inside_a_with_lock_run_one_after_the_other(world: World, machine: Machine) -> None:
    machine.write("a.md", "x\n")
    sync = TOOLKIT / "scripts" / "sync.sh"
    both = f"bash {sync} & one=$!; echo y > b.md; bash {sync}; two=$?; wait $one && exit $two"
    result = machine.run("bash", WITH_LOCK, "--", "bash", "-c", both)
    assert result.code == 0, result.text
    assert {"a.md", "b.md"} <= set(world.remote_files())
    machine.assert_sound()
