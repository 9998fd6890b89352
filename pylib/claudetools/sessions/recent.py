"""Of the ledgers, what still matters: what is not in a commit, and what others did meanwhile.

To read a ledger is cheap, to decode its records is not, and most of them have been in commits for long. Up to where
they are, the commits say (positions.py); nothing here is kept from one run to the next.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from claudetools.attribution.edits import Edit, decode_edit, parse_edits
from claudetools.core.place import Place
from claudetools.sessions import ledger
from claudetools.sessions.registry import EDITS, Session, folder_of

SLACK = 60.0  # seconds that the order of records and that of their times may differ
OFTEN = 900.0  # seconds
MOST = 32  # contents in memory


class Behind(NamedTuple):
    """Records behind a position. `first`: they begin there; what is wrong with them."""

    edits: list[Edit]
    problems: list[str]
    first: int


class Text(NamedTuple):
    """A ledger as it lies there, and why it could not be read."""

    data: bytes
    problems: list[str]


def load(place: Place, session: Session) -> Text:
    """Never raises for what it finds there."""
    try:
        with open(os.path.join(folder_of(place, session.id), EDITS), "rb") as file:
            return Text(file.read(), [])
    except FileNotFoundError:
        return Text(b"", ["it is missing"] if session.ledger else [])
    except OSError as error:
        return Text(b"", [f"the ledger cannot be read: {error.strerror}"])


def first_time(text: Text) -> float | None:
    """When the first record was made."""
    for line in text.data[: 64 * 1024].split(b"\n"):
        with suppress(ValueError):
            return decode_edit(line, 0).time
    return None


def behind(text: Text, position: int) -> Behind:
    """The records behind a position. Where no record ends there, the ledger is another one: all of them."""
    if position > len(text.data) or text.data[position : position + 1] not in (b"", b"\n"):
        found = parse_edits(text.data)
        wrong = f"it was replaced: no record ends at {position}" if text.data else "it is missing"
        return Behind(found.edits, [*(text.problems or [wrong]), *found.problems], 0)
    found = parse_edits(text.data[position:], position)
    return Behind(found.edits, [*text.problems, *found.problems], position)


def before(text: Text, position: int, since: float) -> tuple[list[Edit], int]:
    """The records up to a position that are younger than `since` (epoch), and up to where they are older."""
    found: list[Edit] = []
    end = min(position, len(text.data))
    for line in reversed(text.data[:end].split(b"\n")):
        if line.strip(b" \t\r\0"):
            with suppress(ValueError):
                edit = decode_edit(line, end)
                if edit.time < since - SLACK:
                    return found[::-1], end
                found.append(edit)
        end -= len(line) + 1
    return found[::-1], 0


def forget(place: Place, starts: Mapping[str, int], young: float) -> None:
    """Delete the contents that only records up to `starts` (session -> position) name and that are older than `young`
    (epoch). Looks four times an hour: it has to read all that was ever written."""
    marker = os.path.join(place.tree, "sessions", ".forgotten")
    with suppress(OSError):
        if abs(time.time() - os.stat(marker).st_mtime) < OFTEN:
            return
    with suppress(OSError):
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT, 0o600))
        os.utime(marker)
    for id, start in starts.items():
        with suppress(OSError):
            ledger.forget(place, id, start, young)


class Contents:
    """The contents that the ledgers of these sessions keep, by their names."""

    def __init__(self, place: Place, sessions: Collection[str]) -> None:
        self.place = place
        self.holders: dict[str, list[str]] = {}
        for id in sessions:
            with suppress(OSError):
                for name in os.listdir(os.path.join(folder_of(place, id), ledger.BLOBS)):
                    self.holders.setdefault(name, []).append(id)
        self.read = lru_cache(MOST)(self.find)

    def __call__(self, name: str) -> bytes | None:
        """The content; None when nobody has it, or it was damaged."""
        return self.read(name)

    def find(self, name: str) -> bytes | None:
        """The same, from the disk."""
        found = (ledger.blob(self.place, id, name) for id in self.holders.get(name, []))
        return next((data for data in found if data is not None), None)
