"""Who works on this machine, as the last sync found it: the cache of `.claude/identity.json`. Standard library only."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from claudetools.notes.people import Person
from claudetools.place import Place


class Me(NamedTuple):
    """The person of this machine, the machine's name and the person's time zone."""

    person: Person
    machine: str
    zone: str = ""


def read_me(place: Place) -> Me | None:
    """The person of this tree, None where no sync has run yet."""
    for cache in (os.path.join(place.tree, "identity"), os.path.join(place.state, "identity")):
        with suppress(OSError), open(cache, encoding="utf-8", errors="replace") as file:
            found = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
            if found.get("user") and found.get("email"):
                person = Person(found["user"], found.get("full_name") or found["user"], found["email"])
                return Me(person, found.get("machine", ""), found.get("timezone", ""))
    return None
