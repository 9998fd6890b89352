"""Who is meant by a name in a heading. Standard library only."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from claudetools.identity import Invalid, read_users

EVERYONE = ("all", "everyone", "team")
SEPARATOR = re.compile(r"\s*[,;&/+]\s*(?:and\s+)?|\s+and\s+", re.IGNORECASE)
# What may follow the names: "Mike: the firewall", "Mike - the firewall"; and beside any of them: "Mike (urgent)".
SUBJECT = re.compile(r":|\s[-\u2013\u2014]+\s")
ASIDE = re.compile(r"\([^()]*\)|\[[^][]*\]")
MARKUP = " \t*_`~@<>\"'.,:;!?"


class Person(NamedTuple):
    """One entry of users.json."""

    id: str
    name: str
    email: str = ""


class Recipients(NamedTuple):
    """Who a note is for: user ids, whether it is for all, names that are nobody's. `more`: the heading says more."""

    ids: frozenset[str]
    everyone: bool
    unknown: tuple[str, ...]
    more: bool = False


class People:
    """The people of a repository. `listed`: there is a list of them, so that a name which is not in it is nobody's.
    `gone`: ids of those who work here no more (`"active": false`); what they have written stays theirs."""

    def __init__(
        self,
        people: list[Person],
        aliases: dict[str, list[str]] | None = None,
        listed: bool = True,
        gone: Iterable[str] = (),
    ) -> None:
        self.listed, self.gone = listed, frozenset(gone)
        self.people = {person.id: person for person in people}
        self.ids: dict[str, set[str]] = {}
        for person in people:
            for name in (person.id, person.name, *(aliases or {}).get(person.id, [])):
                if fold(name):
                    self.ids.setdefault(fold(name), set()).add(person.id)

    def find(self, who: str) -> Recipients:
        """The people behind the text that follows "for": names with commas or "and", perhaps a subject behind them."""
        names = ASIDE.sub(" ", who)
        cuts = [len(names), *reversed([match.start() for match in SUBJECT.finditer(names)])]
        found = [self._find_all(names[:end]) for end in cuts]
        best = next((one for one in found if not one.unknown), found[-1])
        return best._replace(more=bool(best.unknown) or best is not found[0] or names != who)

    def _find_all(self, text: str) -> Recipients:
        ids: set[str] = set()
        everyone, unknown = False, []
        whole = fold(text)
        for name in [text] if whole in self.ids else SEPARATOR.split(text):
            key = fold(name)
            if key in self.ids:
                ids |= self.ids[key]
            elif key in EVERYONE:
                everyone = True
            elif key:
                unknown.append(name.strip(MARKUP))
        return Recipients(frozenset(ids), everyone, tuple(unknown))

    def by_email(self, email: str) -> Person | None:
        """The one person with that address, whatever its case."""
        found = [p for p in self.people.values() if p.email and p.email.lower() == email.lower()]
        return found[0] if len(found) == 1 else None


def fold(name: str) -> str:
    """A name as it is compared: without marks around it, whatever its case and its spaces."""
    text = unicodedata.normalize("NFKC", name).strip(MARKUP)
    return " ".join(text.split()).casefold()


def read_people(top: str, me: Person | None = None) -> People:
    """The people of `.claude/users.json`, and `me`. A file that cannot be used counts as none: sync tells of it."""
    try:
        users = read_users(os.path.join(top, ".claude", "users.json"))
    except Invalid:
        users = {}
    people = [Person(id, str(e.get("full_name") or id), str(e.get("email") or "")) for id, e in users.items()]
    aliases = {id: [str(name) for name in e.get("aliases", [])] for id, e in users.items()}
    if me and me.id not in users:
        people.append(me)
    return People(people, aliases, bool(users), (id for id, e in users.items() if not e.get("active", True)))
