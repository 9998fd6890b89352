"""What time it is for the person: a log's date, its time stamps and the clock in its headings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

# Only there do people say PT whatever the season; "CST" alone is also China's and Cuba's.
US_ZONES = (
    "US/", "America/Indiana/", "America/Kentucky/", "America/North_Dakota/", "America/New_York", "America/Detroit",
    "America/Chicago", "America/Menominee", "America/Denver", "America/Boise", "America/Phoenix", "America/Los_Angeles",
    "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT",
)  # fmt: skip
GENERIC = {"PST": "PT", "PDT": "PT", "MST": "MT", "MDT": "MT", "CST": "CT", "CDT": "CT", "EST": "ET", "EDT": "ET"}


def read_zone(name: str) -> ZoneInfo | None:
    """The time zone of that name (IANA), None when there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such name; a name that is a path; a folder of zones
        return None


def now(zone: ZoneInfo) -> datetime:
    """This very second. Tests set CLAUDETOOLS_NOW, in seconds since the epoch."""
    return datetime.fromtimestamp(int(os.environ.get("CLAUDETOOLS_NOW") or time.time()), zone)


def clock_text(moment: datetime) -> str:
    """`14:02 PT` in the United States, elsewhere with the abbreviation of the season: `23:02 CEST`."""
    zone, short = str(moment.tzinfo), moment.strftime("%Z")
    return f"{moment:%H:%M} {GENERIC.get(short, short) if zone.startswith(US_ZONES) else short}"


def stamp(moment: datetime) -> str:
    """ISO 8601 with the offset, always 25 characters, so that a newer one can be written over an older one."""
    return moment.isoformat(timespec="seconds")


# When a note was written, as its reader's clock shows it.


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


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name; True where the machine knows none at all."""
    import zoneinfo

    try:
        return bool(zoneinfo.ZoneInfo(name))
    except (ValueError, OSError, KeyError):
        return not zoneinfo.available_timezones()
