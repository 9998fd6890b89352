"""Letting the lock go: twice, too late, by a signal, in a subshell; the next owner is always spared."""

from __future__ import annotations

import os
import signal

import pytest

from yard import PROLOGUE, TAKE, Yard, finish


def test_releasing_twice_is_harmless_and_spares_the_next_owner(yard: Yard) -> None:
    gate = yard.gate("between")
    held = yard.gate("held")
    body = f"{TAKE}release_lock\n{gate.shell}\nrelease_lock\nrelease_lock && echo fine\n"
    twice = yard.start_program(body)
    gate.reached()
    successor = yard.holder(held)
    gate.open()
    done = finish(twice)
    assert (done.code, done.out) == (0, "fine\n"), done.text
    assert yard.owner.exists()
    held.open()
    assert finish(successor).code == 0
    yard.assert_free()


def test_a_broken_lock_is_not_ours_any_more_and_its_successor_is_spared(yard: Yard) -> None:
    gate, held = yard.gate("first"), yard.gate("second")
    body = f"{TAKE}verify_lock\n{gate.shell}\nverify_lock && echo still-ours\nrelease_lock\n"
    first = yard.start_program(body)
    gate.reached()
    assert yard.judge("break", "0" * 32).code == 73
    broken = yard.judge("break", yard.token())
    assert broken.code == 0 and "Cleared" in broken.out, broken.text
    successor = yard.holder(held)
    token = yard.token()
    gate.open()
    done = finish(first)
    assert done.code == 70, done.text
    assert "The lock was taken from this run" in done.err and "still-ours" not in done.out
    assert yard.token() == token
    held.open()
    assert finish(successor).code == 0
    yard.assert_next_gets_it_at_once()


def test_with_lock_says_70_when_its_lock_was_broken(yard: Yard) -> None:
    gate = yard.gate("inside")
    holder = yard.start_with_lock("--", "sh", "-c", gate.shell)
    gate.reached()
    assert yard.judge("break", yard.token()).code == 0
    gate.open()
    done = finish(holder)
    assert done.code == 70, done.text


def test_a_nested_lock_counts_no_more_when_the_one_above_is_broken(yard: Yard) -> None:
    gate = yard.gate("inside")
    body = f"{TAKE}verify_lock && echo before\n{gate.shell}\nverify_lock || echo lost\nrelease_lock\n"
    outer = yard.start_with_lock("--", "bash", "-c", PROLOGUE + body)
    gate.reached()
    assert yard.judge("break", yard.token()).code == 0
    gate.open()
    done = finish(outer)
    assert done.out == "before\nlost\n", done.text
    assert done.code == 70


@pytest.mark.parametrize("rmdir", ["exit 1", 'exec "$REAL" "$@"'], ids=["the next owner is in", "nobody waits"])
def test_the_exit_trap_under_set_e_releases_and_keeps_the_exit_code(yard: Yard, rmdir: str) -> None:
    body = f"{TAKE}(exit 3)\necho not-reached\n"
    done = yard.program(body, env=yard.stub("rmdir", rmdir))
    assert (done.code, done.out) == (3, ""), done.text
    yard.assert_free()


def test_a_subshells_end_keeps_its_parents_lock(yard: Yard) -> None:
    body = f'trap release_lock EXIT\n{TAKE}(exit 0)\n: "$(exit 0)"\n(true) &\nwait\nverify_lock && echo ours\n'
    done = yard.program(body)
    assert (done.code, done.out) == (0, "ours\n"), done.text
    yard.assert_free()


def test_a_signal_between_the_link_and_our_taking_note_of_it_leaves_no_lock(yard: Yard) -> None:
    gate = yard.gate("ln")
    env = yard.stub("ln", f'"$REAL" "$@"; {gate.shell}')
    run = yard.start_with_lock("--", "true", env=env)
    gate.reached()
    os.kill(run.pid, signal.SIGTERM)
    gate.open()
    done = finish(run)
    assert done.code == 143, done.text
    yard.assert_free()
