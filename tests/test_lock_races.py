"""The lock under forced schedules: stopped or killed at any step, nobody is robbed and nobody waits for ever."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from claudetools.core import processes
from yard import TAKE, Yard, finish, kill, linux_only, paused_at, state_of, wait_until

# --- forced schedules ---------------------------------------------------------------------------------------------


def pausing(yard: Yard, point: str) -> tuple[dict[str, str], Path]:
    fifo = yard.root / f"pause-{point}"
    os.mkfifo(fifo)
    return {"CLAUDETOOLS_TEST_PAUSE": f"{point}:{fifo}"}, fifo


@linux_only
def test_r2_a_verdict_that_was_overtaken_by_another_reclaimer_hits_nobody(yard: Yard) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, "verdict")
    late = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    go = paused_at(fifo)
    gate = yard.gate("second")
    second = yard.holder(gate, "second")
    token = yard.token()
    os.close(go)
    done = finish(late)
    assert done.code == 75, done.text
    assert "'second'" in done.err
    assert yard.token() == token
    gate.open()
    assert finish(second).code == 0
    yard.assert_next_gets_it_at_once()


@linux_only
def test_r1_a_reclaimer_stopped_under_the_guard_stops_the_others_only_for_a_moment(yard: Yard) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, "verdict-unlink")
    first = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    go = paused_at(fifo)
    other = yard.with_lock("--wait", "0", "--", "true")
    assert other.code == 75, other.text
    assert "another run that is just clearing its lock" in other.err
    os.close(go)
    done = finish(first)
    assert done.code == 0, done.text
    assert done.err.count("cleared") == 1
    yard.assert_next_gets_it_at_once()


@linux_only
def test_r4_an_owner_that_lets_go_and_ends_between_reading_and_probing_costs_nobody_the_lock(yard: Yard) -> None:
    first_gate, second_gate = yard.gate("first"), yard.gate("second")
    first = yard.holder(first_gate, "first")
    env, fifo = pausing(yard, "read")
    prober = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    go = paused_at(fifo)
    first_gate.open()
    assert finish(first).code == 0
    second = yard.holder(second_gate, "second")
    token = yard.token()
    # The pause point is passed once more: the way looked free, so the prober tries and reads again.
    os.close(go)
    wait_until(lambda: not processes.holders_of(str(fifo)))
    os.close(paused_at(fifo))
    done = finish(prober)
    assert done.code == 75, done.text
    assert yard.token() == token
    second_gate.open()
    assert finish(second).code == 0
    yard.assert_free()


def test_r6_an_acquirer_stopped_before_its_link_neither_owns_nor_blocks_nor_steals(yard: Yard) -> None:
    gate = yard.gate("ln")
    env = yard.stub("ln", f'{gate.shell}\nexec "$REAL" "$@"')
    slow = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    gate.reached()
    assert yard.lock.is_dir() and not yard.owner.exists()
    taken = yard.gate("taken")
    quick = yard.holder(taken, "quick")
    token = yard.token()
    gate.open()
    done = finish(slow)
    assert done.code == 75, done.text
    assert "'quick'" in done.err
    assert yard.token() == token
    taken.open()
    assert finish(quick).code == 0
    yard.assert_free()


@linux_only
def test_r6_a_stopped_owner_is_never_cleared(yard: Yard) -> None:
    gate = yard.gate("held")
    owner = yard.holder(gate, "stopped")
    os.kill(owner.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(owner.pid) == "T")
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert f"'stopped' (process {owner.pid}" in done.err
    os.kill(owner.pid, signal.SIGCONT)
    gate.open()
    assert finish(owner).code == 0
    yard.assert_free()


@linux_only
def test_r8_a_killed_releasers_late_rm_hits_only_its_own_lock(yard: Yard) -> None:
    gate = yard.gate("rm")
    env = yard.stub("rm", f'case "$*" in *owner*) {gate.shell};; esac\nexec "$REAL" "$@"')
    releaser = yard.start_with_lock("--title", "releaser", "--", "true", env=env)
    gate.reached()
    kill(releaser)
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert "died, but a program that it started still runs" in done.err
    gate.open()
    yard.settle()
    assert not yard.owner.exists()
    yard.assert_next_gets_it_at_once()


def test_r8_a_late_rmdir_spares_the_next_owner(yard: Yard) -> None:
    gate, held = yard.gate("rmdir"), yard.gate("held")
    env = yard.stub("rmdir", f'case "$*" in *sync.lock*) {gate.shell};; esac\nexec "$REAL" "$@"')
    releaser = yard.start_with_lock("--", "sh", "-c", "exit 3", env=env)
    gate.reached()
    successor = yard.holder(held, "successor")
    gate.open()
    assert finish(releaser).code == 3
    assert yard.owner.exists()
    held.open()
    assert finish(successor).code == 0
    yard.assert_free()


@linux_only
def test_a_killed_acquirers_late_ln_meets_a_taken_lock_or_makes_a_dead_one(yard: Yard) -> None:
    gate, held = yard.gate("ln"), yard.gate("held")
    env = yard.stub("ln", f'{gate.shell}\nexec "$REAL" "$@"')
    acquirer = yard.start_with_lock("--", "true", env=env)
    gate.reached()
    kill(acquirer)
    owner = yard.holder(held, "owner")
    assert yard.judge("sweep").out.strip() == "", "a claim was swept although its ln still runs"
    held.open()
    assert finish(owner).code == 0
    yard.lock.mkdir()  # as the next acquirer would
    gate.open()
    yard.settle()
    assert yard.owner.exists()
    yard.assert_next_gets_it_at_once()


# --- killed after every step --------------------------------------------------------------------------------------


# In a stub: kills the run's bash, or its whole group; both have the group's number, which is field 5 of stat.
KILL_BASH = 'kill -9 "$(cut -d" " -f5 /proc/$$/stat)"'
KILL_GROUP = "kill -9 0"
STEPS = {
    "the record, before the beacon": ("mkfifo", "@KILL"),
    "the beacon's FIFO": ("mkfifo", '"$REAL" "$@"; @KILL'),
    "everything before the container": ("mkdir", 'case "$*" in *sync.lock*) @KILL;; esac; exec "$REAL" "$@"'),
    "the container": ("mkdir", '"$REAL" "$@"; case "$*" in *sync.lock*) @KILL;; esac'),
    "everything before the link": ("ln", "@KILL"),
    "the link": ("ln", '"$REAL" "$@"; @KILL'),
    "everything before the release": ("rm", "@KILL"),
    "the owner's unlinking": ("rm", '"$REAL" "$1" "$2"; @KILL'),
    "the record's unlinking": ("rm", '"$REAL" "$1" "$2" "$3"; @KILL'),
    "the beacon's unlinking": ("rm", '"$REAL" "$@"; @KILL'),
    "everything before the container's removal": ("rmdir", 'case "$*" in *sync.lock*) @KILL;; esac'),
    "the container's removal": ("rmdir", '"$REAL" "$@"; case "$*" in *sync.lock*) @KILL;; esac'),
}


@pytest.mark.sampled(8)
@linux_only
@pytest.mark.parametrize("whom", [KILL_GROUP, KILL_BASH], ids=["group", "bash alone"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_the_next_acquire_succeeds_at_once(yard: Yard, step: str, whom: str) -> None:
    program, body = STEPS[step]
    env = yard.stub(program, body.replace("@KILL", f"{{ {whom}; }}"))
    done = yard.program(f"{TAKE}release_lock\n", env=env)
    assert done.code == -signal.SIGKILL, done.text
    yard.settle()
    yard.assert_next_gets_it_at_once()


@pytest.mark.sampled(3)
@linux_only
@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "bash alone"])
@pytest.mark.parametrize("point", ["read", "verdict", "verdict-unlink", "mark-unlink", "unlink-beacon"])
def test_a_reclaimer_killed_at_any_step_leaves_a_lock_that_clears_at_once(
    yard: Yard, point: str, whole_group: bool
) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, point)
    reclaimer = yard.start_with_lock("--", "true", env=env)
    go = paused_at(fifo)
    kill(reclaimer, whole_group)
    os.close(go)
    yard.settle()
    yard.assert_next_gets_it_at_once()
    assert [p.name.split(".")[0] for p in yard.claims.iterdir()] == ["dead"], "the mark for the recovery is lost"


@linux_only
def test_a_helper_killed_alone_is_asked_again(yard: Yard) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, "verdict-unlink")
    contender = yard.start_with_lock("--wait", "30", "--", "true", env=env)
    go = paused_at(fifo)
    wait_until(lambda: len(processes.holders_of(str(fifo))) == 2)
    helper = next(p.pid for p in processes.holders_of(str(fifo)) if p.pid != os.getpid())
    assert os.getpgid(helper) == contender.pid
    os.kill(helper, signal.SIGKILL)
    os.close(go)
    wait_until(lambda: not processes.holders_of(str(fifo)))
    os.close(paused_at(fifo))
    done = finish(contender)
    assert done.code == 0, done.text
