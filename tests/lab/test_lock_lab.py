"""The long runs of the lock: the same oracle and the same kills as in tests/test_lock_exclusion.py, for minutes."""

from __future__ import annotations

import pytest

from test_lock_exclusion import NESTED_WORKER, contend, fuzz
from yard import Yard, linux_only, needs_flock

pytestmark = pytest.mark.lab


@needs_flock
def test_eight_processes_with_five_hundred_acquisitions_each_never_overlap(yard: Yard) -> None:
    contend(yard, 8, 500)
    assert len(yard.lines("entries")) == 8 * 500
    assert yard.lines("overlaps") == []
    yard.assert_free()


@needs_flock
@linux_only
@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_kills_never_make_two_runs_overlap_and_never_wedge_the_lock(yard: Yard, seed: int) -> None:
    figures = fuzz(yard, seed, kills=1000, workers=6)
    assert figures.overlaps == 0
    assert figures.errors == []
    assert figures.acquisitions > 100
    yard.assert_next_gets_it_at_once()


@needs_flock
@linux_only
@pytest.mark.parametrize("seed", range(2))
def test_kills_of_nested_with_locks_never_make_two_runs_overlap(yard: Yard, seed: int) -> None:
    figures = fuzz(yard, seed, kills=500, workers=6, body=NESTED_WORKER, pace=0.15)
    assert figures.overlaps == 0
    assert figures.errors == []
    assert figures.acquisitions > 100
    yard.assert_next_gets_it_at_once()
