"""When a note was written, as its reader's clock shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from claudetools.logs.clock import clock_text, read_zone


def clock_of(zone: str) -> Callable[[int], str]:
    """How seconds since the epoch are shown: `2026-06-05 13:58 PT`, in the person's time zone where that is known."""
    local = read_zone(zone) or timezone.utc

    def clock(seconds: int) -> str:
        try:
            moment = datetime.fromtimestamp(seconds, local)
        except (ValueError, OverflowError, OSError):  # a commit may say what it likes
            return "at an unknown time"
        return f"{moment:%Y-%m-%d} {clock_text(moment)}"

    return clock
