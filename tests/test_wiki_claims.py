"""The prover against claims that are true, and claims that are not: the corpus of claims.py, a seed each."""

from __future__ import annotations

import pytest

from claims import Result, measure, table, totals


@pytest.mark.parametrize("seed", range(4))
def test_few_false_claims_are_proved_and_few_true_ones_doubted(seed: int) -> None:
    result = Result()
    measure(seed, result)
    false, proved, true, doubted = totals(result)
    assert min(false, true) >= 75
    assert proved <= false * 0.03 and doubted <= true * 0.03, "\n".join([*result.shown, table(result)])
