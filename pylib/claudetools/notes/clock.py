"""When a note was written, as its reader's clock shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from zoneinfo import ZoneInfo


def clock_of(zone: str) -> Callable[[int], str]:
    """How seconds since the epoch are shown: in the person's time zone, where that is known."""
    try:
        local: timezone | ZoneInfo = ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        local = timezone.utc

    def clock(seconds: int) -> str:
        try:
            return f"{datetime.fromtimestamp(seconds, local):%Y-%m-%d %H:%M %Z}"
        except (ValueError, OverflowError, OSError):  # a commit may say what it likes
            return "at an unknown time"

    return clock
