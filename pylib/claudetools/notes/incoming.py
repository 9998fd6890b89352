"""From the commits that came in to the inbox: notes for the person of this machine, and what that person has done.

What came in are the commits between the last one that was looked at (`surfaced`) and the remote branch's tip: it
is no matter how they came, a plain `git pull` hides none. Done twice, it does nothing the second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from claudetools import git
from claudetools.notes import extract, inbox
from claudetools.notes.banner import one_line
from claudetools.notes.history import Added, Commit, Reader, read_commits
from claudetools.notes.people import People
from claudetools.notes.who import Me
from claudetools.objects import Objects
from claudetools.place import Place

FIRST_DAYS = 14  # how far back a machine looks that never looked before


class Collected(NamedTuple):
    """How many notes came in and how many were done elsewhere; logs that nobody could search."""

    notes: int
    done: int
    too_large: list[str]


def collect(place: Place, tip: str, me: Me, people: People, clock: Callable[[int], str]) -> Collected:
    """Bring everything up to `tip` into the inbox. `clock` shows seconds since the epoch. Raises GitError, OSError."""
    since = inbox.read_surfaced(place)
    if since == tip:
        return Collected(0, 0, [])
    commits = read_commits(place.top, *since_then(place.top, since, tip))
    theirs = [c for c in commits if not (c.machine == me.machine and is_me(c, me, people))]
    with Objects(place.top) as objects:
        reader = Reader(objects, tip)
        count = 0
        for added in reader.added(theirs):
            if is_for(added, me, people):
                count += inbox.add(place, make_note(added, people, clock), added.found.text)
    acks = {id for c in theirs if is_me(c, me, people) for id in c.acks}
    done = sum(inbox.close(place, id) for id in acks)
    inbox.prune(place, time.time())
    inbox.write_surfaced(place, tip)
    return Collected(count, done, reader.too_large)


def since_then(top: str, since: str, tip: str) -> list[str]:
    """The range as revisions. The first time, and where the remote's history was rewritten, its last 14 days."""
    if since:
        try:
            git.run(top, "merge-base", "--is-ancestor", since, tip)
            return [tip, f"^{since}"]
        except git.GitError:
            pass
    return [tip, f"--since={FIRST_DAYS}.days"]


def is_me(commit: Commit, me: Me, people: People) -> bool:
    """Whether the person of this machine made the commit, here or elsewhere."""
    known = people.by_email(commit.email)
    return commit.email.lower() == me.person.email.lower() or (known is not None and known.id == me.person.id)


def is_for(added: Added, me: Me, people: People) -> bool:
    """Whether a note is for this person: named, or meant by "all" and not the author."""
    who = people.find(added.found.who)
    return me.person.id in who.ids or (who.everyone and not is_me(added.commit, me, people))


def make_note(added: Added, people: People, clock: Callable[[int], str]) -> inbox.Note:
    """The note as the inbox keeps it. The author is whoever the commit's address belongs to."""
    commit, found = added.commit, added.found
    author = people.by_email(commit.email)
    said = extract.claimed_user(added.log)
    meant = people.find(said).ids if said else frozenset()
    true = not said or (author.id in meant if author else False)
    return inbox.Note(
        id=added.id,
        sender=author.name if author else f"{commit.name} <{commit.email}>, nobody in users.json",
        email=commit.email,
        date=clock(commit.time),
        time=commit.time,
        path=added.path,
        line=found.line,
        who=found.who,
        heading=found.title if not found.text or people.find(found.who).more else "",
        claimed="" if true else one_line(said, 100),
        commit=commit.oid,
        size=len(found.text),
    )
