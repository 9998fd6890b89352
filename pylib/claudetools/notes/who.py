"""Who works on this machine, as the last sync found it: the cache of `.claude/identity.json`."""

from __future__ import annotations

from typing import NamedTuple

from claudetools.core.place import Place
from claudetools.notes.people import Person


class Me(NamedTuple):
    """The person of this machine, the machine's name and the person's time zone."""

    person: Person
    machine: str
    zone: str = ""


def read_me(place: Place) -> Me | None:
    """The person of this tree, None where no sync has run yet."""
    from claudetools.logs.person import read_facts

    try:
        facts = read_facts(place)
        return Me(
            Person(facts["user"], facts["full_name"], facts["email"]), facts["machine"], facts.get("timezone", "")
        )
    except (OSError, KeyError):
        return None
