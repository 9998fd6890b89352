"""No failure of a program reads as done, loses work, or keeps the next sync from finishing it."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from faults import FAILURES, SCENARIOS, Explorer, Outcome, Scenario

IDS = [scenario.name for scenario in SCENARIOS]


def judge(outcomes: list[Outcome]) -> None:
    assert outcomes
    assert not [str(outcome) for outcome in outcomes if outcome.bad]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_some_program_of_a_sync_fails(scenario: Scenario, tmp_path: Path) -> None:
    explorer = Explorer(scenario, tmp_path)
    count = len(explorer.calls())
    chance = random.Random(os.environ["SEED"])
    places = [(chance.randint(1, count), how) for how in FAILURES]
    judge([outcome for place, how in places if (outcome := explorer.fault(place, how))])


@pytest.mark.lab
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_each_program_of_a_sync_fails(scenario: Scenario, how: str, tmp_path: Path) -> None:
    explorer = Explorer(scenario, tmp_path)
    outcomes = []
    for place in range(1, 1000):
        outcome = explorer.fault(place, how)
        if outcome is None:
            break
        outcomes.append(outcome)
    codes = Counter(outcome.code for outcome in outcomes)
    print(f"{scenario.name}, {how}: {len(outcomes)} faults, exit codes {dict(sorted(codes.items()))}")
    judge(outcomes)
