"""How many rounds there are: a fixed number, or as many as fit into the minutes that one has."""

from __future__ import annotations

import time
from collections.abc import Iterator

LEAST, HEAVY = 3, 15  # rounds, however little time there is; of what weighs more, one less


class Pace:
    """Shares the time among what is still to be measured. `weights`: of everything that will ask, in any order."""

    def __init__(self, rounds: int, minutes: float | None, weights: float) -> None:
        self.rounds, self.weights = rounds, weights
        self.until = None if minutes is None else time.monotonic() + 60 * minutes

    def share(self, weight: float) -> float:
        """When the next part, of this weight, has to end; on the clock of time.monotonic()."""
        if self.until is None:
            return float("inf")
        now = time.monotonic()
        left, self.weights = max(self.weights, weight), self.weights - weight
        return now + max(0.0, self.until - now) * (weight / left if left else 0)

    def turns(self, weight: float) -> Iterator[int]:
        """0, 1, 2, ... until the share is used up; `LEAST` in any case, and never more than asked for.

        The share begins now: what is set up before the first round belongs to it.
        """
        return self.count(self.share(weight), LEAST - (weight > HEAVY))

    def count(self, end: float, least: int) -> Iterator[int]:
        for turn in range(self.rounds):
            if turn >= least and time.monotonic() >= end:
                return
            yield turn
