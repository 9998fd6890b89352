"""What was done for whom, by whom, since when: the logs that are there, as rows."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date, timedelta
from typing import NamedTuple

from claudetools.core.place import Place
from claudetools.logs import adopt, missing, sections, shelf
from claudetools.text import front


class Row(NamedTuple):
    """One log. `day` is that of its name, `last` the day when it was last added to; `scope` `client acme` or ""."""

    day: str
    last: str
    user: str
    scope: str
    topic: str
    path: str


def day_of(text: str, today: date) -> date | None:
    """`2026-06-05`, `today`, `yesterday`, or how many days ago; None for anything else."""
    word = text.strip().lower()
    with suppress(ValueError, OverflowError):
        if word in ("today", "yesterday"):
            return today - timedelta(days=int(word == "yesterday"))
        return today - timedelta(days=int(word)) if word.isdecimal() else date.fromisoformat(word)
    return None


def find(place: Place, since: date | None, user: str, folder: str) -> list[Row]:
    """The filled logs below `folder` ("" for all) of that user id ("" for everybody), the latest first."""
    rows = []
    for path in shelf.find_logs(place.top):
        if folder and not path.startswith(f"{folder}/"):
            continue
        try:
            with open(os.path.join(place.top, path), "rb") as file:
                text = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        row = describe(path, text)
        recent = since is None or max(row.day, row.last) >= since.isoformat()
        if recent and user in ("", row.user) and sections.is_filled(text) and not sections.is_message(text):
            rows.append(row)
    return sorted(rows, key=lambda row: (row.last, row.day, row.path), reverse=True)


def describe(path: str, text: str) -> Row:
    """What a log says of itself; of one from before, what its name and its User block say."""
    told = {}
    with suppress(front.Unreadable):
        told = front.read_front(text)
    name = path.rpartition("/")[2]
    block = adopt.SAID_USER.search(text)
    day = name[:10] if sections.is_log_name(name) or sections.is_bare_name(name) else str(told.get("date") or "")
    stamp = missing.UPDATED.search(text, 0, front.HEAD)
    last = stamp[1].strip("\"'")[:10] if stamp and missing.updated(text) else day
    parts = path.split("/")
    scope = f"{parts[0].removesuffix('s')} {parts[1]}" if parts[0] in shelf.SCOPES and len(parts) > 2 else ""
    topic = told.get("topic") or adopt.topic_of(name, text)
    return Row(day, max(day, last), str(told.get("user") or (block["user"] if block else "")), scope, str(topic), path)
