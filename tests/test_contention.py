"""Many at once: in one tree, in several clones, beside plain git, and inside one another. Everybody's work arrives."""

from __future__ import annotations

import os
import subprocess

import pytest

from forced import assert_nothing_pending, assert_together
from world import SYNC, WITH_LOCK, Machine, Result, World


class Start:
    """A starting signal: programs that wait for it all begin in the same moment."""

    def __init__(self) -> None:
        self.wait, self.release = os.pipe()
        self.runners: list[subprocess.Popen[bytes]] = []

    def add(self, machine: Machine, script: str, **env: str) -> None:
        waiting = f"read -r _ <&{self.wait}; exec {self.wait}<&-; {script}"
        self.runners.append(
            subprocess.Popen(
                ["bash", "-c", waiting],
                cwd=machine.top,
                env=machine.env(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(self.wait,),
                start_new_session=True,
            )
        )

    def go(self) -> list[Result]:
        """End of file is the signal: everybody sees it."""
        os.close(self.release)
        results = []
        for runner in self.runners:
            out, err = runner.communicate(timeout=120)
            results.append(Result(runner.returncode, out.decode(), err.decode()))
        os.close(self.wait)
        return results


def assert_all_done(results: list[Result]) -> None:
    failed = [result.text for result in results if result.code != 0]
    assert not failed, "\n".join(failed)


def eight_in_one_tree(world: World, rounds: int) -> None:
    machine = world.machine()
    for n in range(rounds):
        start = Start()
        for who in range(8):
            name = f"round-{n}/{who}.txt"
            start.add(
                machine,
                f"mkdir -p round-{n}; echo '{n} {who}' >'{name}'; exec bash '{SYNC}' -m 'from {who}'",
                CLAUDETOOLS_SESSION_ID=f"session-{who}",
            )
        assert_all_done(start.go())
        for who in range(8):
            assert world.remote_file(f"round-{n}/{who}.txt") == f"{n} {who}\n"
    world.assert_linear()
    assert_together(world)


def test_eight_syncs_at_once_in_one_tree_all_save_their_files(world: World) -> None:
    eight_in_one_tree(world, 5)


@pytest.mark.lab
def test_eight_syncs_at_once_in_twenty_rounds(world: World) -> None:
    eight_in_one_tree(world, 20)


def clones_at_once(world: World, count: int, rounds: int) -> None:
    machines = [world.machine(f"CLONE-{n}", "mike" if n % 2 else "howard") for n in range(count)]
    machines[0].write("shared.txt", "".join(f"line {n}\n" for n in range(10 * count)))
    for machine in machines:
        assert machine.sync().code == 0
    for n in range(rounds):
        start = Start()
        for who, machine in enumerate(machines):
            machine.write(f"round-{n}/{who}.txt", f"{n} {who}\n")
            # And every clone its own place of one file.
            text = machine.read("shared.txt").replace(f"line {10 * who}\n", f"line {10 * who}\nTOKEN-{n}-{who}\n")
            machine.write("shared.txt", text)
            start.add(machine, f"exec bash '{SYNC}'")
        assert_all_done(start.go())
        arrived = world.remote_file("shared.txt")
        for who in range(count):
            assert world.remote_file(f"round-{n}/{who}.txt") == f"{n} {who}\n"
            assert arrived.count(f"TOKEN-{n}-{who}\n") == 1
    for machine in machines:
        assert machine.sync().code == 0
    world.assert_linear()
    assert_together(world)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("count", [2, 4])
def test_clones_that_push_at_once_all_get_through(world: World, count: int) -> None:
    clones_at_once(world, count, 3)


@pytest.mark.lab
@pytest.mark.parametrize("count", [2, 4])
def test_clones_that_push_at_once_in_twenty_rounds(world: World, count: int) -> None:
    clones_at_once(world, count, 20)


COMMITTER = """\
for n in 1 2 3 4 5 6 7 8; do
  echo "plain $n" >"plain-$n.txt"
  echo "plain $n" >>plain.txt
  # Where another git has the index, a person types it again.
  until git add "plain-$n.txt" plain.txt 2>/dev/null; do :; done
  until git commit -qm "plain $n" 2>"$HOME/words" || git diff --cached --quiet; do :; done
done
"""


def test_plain_commits_beside_syncs_are_all_kept(world: World) -> None:
    machine = world.machine()
    assert machine.sync().code == 0  # from here on, git knows who commits
    start = Start()
    start.add(machine, COMMITTER)
    for who in range(4):
        start.add(machine, f"for n in 1 2 3; do echo \"$n\" >'mine-{who}-'$n.txt; bash '{SYNC}' || exit; done")
    assert_all_done(start.go())
    assert machine.sync().code == 0
    assert world.remote_file("plain.txt") == "".join(f"plain {n}\n" for n in range(1, 9))
    files = set(world.remote_files())
    assert {f"plain-{n}.txt" for n in range(1, 9)} <= files
    assert {f"mine-{who}-{n}.txt" for who in range(4) for n in (1, 2, 3)} <= files
    removed = world.remote_git("log", "--diff-filter=D", "--format=%h %s", "--name-only", "main")
    assert removed == "", f"a commit took away what another had brought:\n{removed}"
    assert_together(world)


# --- one inside or beside another --------------------------------------------------


def test_a_sync_that_may_not_wait_is_deferred_and_names_the_holder(machine: Machine) -> None:
    hold, release = os.pipe()
    inside = machine.top.parent / "inside"
    os.mkfifo(inside)
    holder = subprocess.Popen(
        ["bash", WITH_LOCK, "--title", "nightly backup", "--", "bash", "-c", f"echo >'{inside}'; cat <&{hold}"],
        cwd=machine.top,
        env=machine.env(),
        pass_fds=(hold,),
        start_new_session=True,
    )
    try:
        assert inside.read_text() == "\n"
        machine.write("a.txt", "mine\n")
        result = machine.sync("--wait", "0")
        assert result.code == 75, result.text
        assert result.out.startswith("[DEFERRED] Another sync is running."), result.text
        assert "nightly backup" in result.out and str(holder.pid) in result.out, result.text
        assert machine.status() == "?? a.txt"
    finally:
        os.close(release)
        assert holder.wait(30) == 0
        os.close(hold)
    assert machine.sync("--wait", "0").code == 0
    machine.assert_sound()


@pytest.mark.parametrize("hook", ["pre-commit", "pre-push", "reference-transaction"])
def test_a_sync_inside_a_hook_of_a_sync_is_deferred_at_once(machine: Machine, hook: str, world: World) -> None:
    words = machine.home / "words"
    file = machine.top / ".git" / "hooks" / hook
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\ncd '{machine.top}' && bash '{SYNC}' --wait 60 >>'{words}'; echo $? >>'{words}'\n")
    file.chmod(0o755)
    machine.write("a.txt", "mine\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert world.remote_file("a.txt") == "mine\n"
    said = words.read_text().splitlines()
    assert said, "the hook did not run"
    assert said[0].startswith("[DEFERRED]") and set(said[1::2]) == {"75"}, said
    file.unlink()
    assert machine.sync().code == 0
    machine.assert_sound()


def test_a_sync_inside_with_lock_works(world: World, machine: Machine) -> None:
    machine.write("a.txt", "mine\n")
    result = machine.run("bash", WITH_LOCK, "--", "bash", SYNC, "--wait", "5")
    assert result.code == 0, result.text
    assert world.remote_file("a.txt") == "mine\n"
    machine.assert_sound()


def test_two_syncs_inside_one_with_lock_run_one_after_the_other(world: World, machine: Machine) -> None:
    both = f"echo one >one.txt; bash '{SYNC}' & echo two >two.txt; bash '{SYNC}' && wait $!"
    result = machine.run("bash", WITH_LOCK, "--", "bash", "-c", both)
    assert result.code == 0, result.text
    assert world.remote_file("one.txt") == "one\n" and world.remote_file("two.txt") == "two\n"
    assert_nothing_pending(machine)
    machine.assert_sound()
