"""Who is meant by a name in a heading. Standard library only."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from claudetools.core.identity import Invalid, read_groups, read_users
from claudetools.logs.slug import SPELLED

EVERYONE = ("all", "everyone", "everybody", "team")
SEPARATOR = re.compile(r"\s*[,;&/+|]\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+", re.IGNORECASE)
# `[Howard](mailto:howard@example.com)` and `[[howard]]` are the names in them.
LINK = re.compile(r"\[+([^][]*)\](?:\([^()]*\)|\])")
# What may follow the names: "Mike: the firewall", "Mike - the firewall"; and beside any of them: "Mike (urgent)".
SUBJECT = re.compile(r":|\s[-\u2013\u2014]+\s")
ASIDE = re.compile(r"\([^()]*\)|\[[^][]*\]")
BRACKETS = re.compile(r"[][()]")
# Not `&`, `@` and `+`, which stand between names and in addresses.
SPELLED_NAMES = {char: text for char, text in SPELLED.items() if chr(char) not in "&@+"}
MARKUP = " \t*_`~@<>()\"'.,:;!?"


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
    `gone`: ids of those who work here no more (`"active": false`); what they have written stays theirs. `groups`: the
    ids behind a name for several."""

    def __init__(
        self,
        people: list[Person],
        aliases: dict[str, list[str]] | None = None,
        listed: bool = True,
        gone: Iterable[str] = (),
        groups: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.listed, self.gone = listed, frozenset(gone)
        self.people = {person.id: person for person in people}
        self.ids: dict[str, set[str]] = {}
        for person in people:
            self._name(person.id, person.id, person.name, person.email, *(aliases or {}).get(person.id, []))
        for group, ids in (groups or {}).items():
            for id in self.people.keys() & set(ids):
                self._name(id, group)
        whole = set(self.ids)
        for person in people:  # a first or last name, where it is not somebody's whole one
            words = person.name.split()
            self._name(person.id, *(name for name in (words[:1] + words[-1:]) if fold(name) not in whole))

    def _name(self, id: str, *names: str) -> None:
        for name in names:
            if fold(name):
                self.ids.setdefault(fold(name), set()).add(id)

    def find(self, who: str) -> Recipients:
        """The people behind the text that follows "for": names with commas or "and", perhaps a subject behind them."""
        names = ASIDE.sub(" ", LINK.sub(r"\1", who))
        names = names if fold(names) else BRACKETS.sub(" ", who)
        cuts = [len(names), *reversed([match.start() for match in SUBJECT.finditer(names)])]
        found = [self._find_all(names[:end]) for end in cuts]
        best = next((one for one in found if not one.unknown), None)
        if best is None:
            best = self._find_all(names[: cuts[-1]], begun=True)
        return best._replace(more=bool(best.unknown) or best.more or best is not found[0] or names != who)

    def _find_all(self, text: str, begun: bool = False) -> Recipients:
        ids: set[str] = set()
        everyone, more, unknown = False, False, []
        whole = fold(text)
        for name in [text] if whole in self.ids else SEPARATOR.split(text):
            key = fold(name)
            if key in self.ids:
                ids |= self.ids[key]
            elif key in EVERYONE:
                everyone = True
            elif begun and (name_of := self._begun_by(key)):
                ids |= self.ids[name_of]
                more = True
            elif key:
                unknown.append(name.strip(MARKUP))
        return Recipients(frozenset(ids), everyone, tuple(unknown), more)

    def _begun_by(self, key: str) -> str:
        """The name that a text begins with: "howard about the firewall". "" where it is none."""
        words = key.split(" ")[:8]
        begins = (" ".join(words[:end]).strip(MARKUP) for end in range(len(words) - 1, 0, -1))
        return next((begin for begin in begins if begin in self.ids), "")

    def nearest(self, name: str) -> Person | None:
        """Who may be meant by a name that is nobody's."""
        import difflib

        close = difflib.get_close_matches(fold(name)[:80], [*self.ids, *EVERYONE], 1)
        return self.people[min(self.ids[close[0]])] if close and close[0] in self.ids else None

    def by_email(self, email: str) -> Person | None:
        """The one person with that address, whatever its case."""
        found = [p for p in self.people.values() if p.email and p.email.lower() == email.lower()]
        return found[0] if len(found) == 1 else None


def fold(name: str) -> str:
    """A name as it is compared: without marks around it and accents, whatever its case and its spaces."""
    text = unicodedata.normalize("NFKD", name.translate(SPELLED_NAMES)).strip(MARKUP)
    return " ".join("".join(char for char in text if not unicodedata.combining(char)).split()).casefold()


def read_people(top: str, me: Person | None = None) -> People:
    """The people of `.claude/users.json`, and `me`. A file that cannot be used counts as none: sync tells of it."""
    path = os.path.join(top, ".claude", "users.json")
    users: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    with suppress(Invalid):
        users = read_users(path)
        groups = read_groups(path)
    people = [Person(id, str(e.get("full_name") or id), str(e.get("email") or "")) for id, e in users.items()]
    aliases = {id: [str(name) for name in e.get("aliases", [])] for id, e in users.items()}
    if me and me.id not in users:
        people.append(me)
    gone = (id for id, e in users.items() if not e.get("active", True))
    return People(people, aliases, bool(users), gone, groups)
