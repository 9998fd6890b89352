"""What time it is for the person: a log's date, its time stamps and the clock in its headings."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

MACHINE_ZONE = "machine"  # what identity.json says where nobody named another

# Only there do people say PT whatever the season; "CST" alone is also China's and Cuba's.
US_ZONES = (
    "US/", "America/Indiana/", "America/Kentucky/", "America/North_Dakota/", "America/New_York", "America/Detroit",
    "America/Chicago", "America/Menominee", "America/Denver", "America/Boise", "America/Phoenix", "America/Los_Angeles",
    "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT",
)  # fmt: skip
GENERIC = {"PST": "PT", "PDT": "PT", "MST": "MT", "MDT": "MT", "CST": "CT", "CDT": "CT", "EST": "ET", "EDT": "ET"}


LOCALTIME = "/etc/localtime"


def read_zone(name: str) -> tzinfo | None:
    """The time zone of that name (IANA), or of this machine; None when there is none."""
    if name == MACHINE_ZONE:
        return machine_zone()
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such name; a name that is a path; a folder of zones
        return None


def machine_zone() -> tzinfo:
    """As other programs of this machine have it: TZ, else /etc/localtime, by its name where it has one. A rule without
    a name (`TZ=CET-1CEST`, Windows' registry) gives the offset that holds now."""
    told = os.environ.get("TZ")
    names = [os.path.realpath(LOCALTIME), *said_by_debian()] if told is None else [told.lstrip(":")]
    for name in names:
        named = re.sub(r"^.*/zoneinfo[^/]*/((posix|right)/)?", "", name)
        if not named.startswith("/") and (zone := read_zone(named)):
            return zone
    here = time.localtime(seconds_now())
    offset = timedelta(seconds=here.tm_gmtoff)
    return timezone(offset, here.tm_zone) if len(here.tm_zone) <= 6 else timezone(offset)  # Windows says a sentence


def said_by_debian() -> list[str]:
    """The name, where /etc/localtime is a copy of the zone and no link to it."""
    try:
        with open("/etc/timezone", encoding="ascii") as file:
            return [file.read().strip()]
    except (OSError, ValueError):
        return []


def seconds_now() -> int:
    """Since the epoch. Tests set CLAUDETOOLS_NOW."""
    return int(os.environ.get("CLAUDETOOLS_NOW") or time.time())


def now(zone: tzinfo) -> datetime:
    """This very second."""
    return datetime.fromtimestamp(seconds_now(), zone)


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

    if name == MACHINE_ZONE:
        return True
    try:
        return bool(zoneinfo.ZoneInfo(name))
    except (ValueError, OSError, KeyError):
        return not zoneinfo.available_timezones()
