"""How many rounds there are: a fixed number, or as many as fit into the minutes that one has."""

from __future__ import annotations

import time
from collections.abc import Iterator

LEAST = 3  # rounds, however little time there is: below, a median says nothing


class Pace:
    """Shares the time among what is still to be measured. `weights`: of everything that will ask, in any order."""

    def __init__(self, rounds: int, minutes: float | None, weights: float) -> None:
        self.rounds, self.weights = rounds, weights
        self.until = None if minutes is None else time.monotonic() + 60 * minutes

    def share(self, weight: float) -> float:
        """When the next part, of this weight, has to end; on the clock of time.monotonic(). Ask before its set-up."""
        if self.until is None:
            return float("inf")
        now = time.monotonic()
        left, self.weights = max(self.weights, weight), self.weights - weight
        return now + max(0.0, self.until - now) * (weight / left if left else 0)

    def turns(self, end: float) -> Iterator[int]:
        """0, 1, 2, ... until the share is used up; `LEAST` in any case, and never more than asked for."""
        for turn in range(self.rounds):
            if turn >= min(LEAST, self.rounds) and time.monotonic() >= end:
                return
            yield turn
