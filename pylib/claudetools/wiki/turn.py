"""One compile of an article at a time on this machine: whoever waits finds its log absorbed by the one before."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from claudetools.core.checkpoint import checkpoint
from claudetools.text.target import Target


class Busy(Exception):
    """Another compile of the article has not ended in time."""


@contextmanager
def turn(scratch: str, target: Target, tell: Callable[[str], None], patience: float) -> Iterator[float]:
    """Hold the article's turn. Gives for how many seconds it was waited for. The system ends it with the process.

    Raises Busy.
    """
    path = os.path.join(scratch, f"{target.type}-{target.slug}.turn")
    with open(path, "ab") as file:
        began, told, waited = time.monotonic(), False, 0.0
        while not take(file):
            if not waited:
                checkpoint("wiki-waiting")
            passed = waited = max(time.monotonic() - began, 0.001)
            if passed >= patience:
                raise Busy(f"another session is compiling {target} for more than {patience:.0f} s")
            if passed >= 2 and not told:
                tell(f"Another session is compiling {target}; waiting up to {patience:.0f} s.")
                told = True
            time.sleep(0.1)
        yield waited


def take(file: IO[bytes]) -> bool:
    """Whether the file is ours now."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
