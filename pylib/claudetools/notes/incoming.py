"""From the commits that came in to the inbox: notes for the person of this machine, and what that person has done.

What came in are the commits between the last one that was looked at (`surfaced`) and the remote branch's tip: it
is no matter how they came, a plain `git pull` hides none. Done twice, it does nothing the second time. Whoever looks
for the first time, on a new machine say, finds all that is open in the logs, however old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from claudetools.core import git
from claudetools.core.objects import Objects
from claudetools.core.place import Place
from claudetools.notes import inbox
from claudetools.notes.banner import one_line
from claudetools.notes.history import LOGS, Added, Commit, Form, Reader, digest, extends, normal, read_commits
from claudetools.notes.people import People, fold
from claudetools.notes.who import Me
from claudetools.text import notes


class Collected(NamedTuple):
    """How many notes came in and how many were done elsewhere; logs that nobody could search."""

    notes: int
    done: int
    too_large: list[str]


def collect(place: Place, tip: str, me: Me, people: People, clock: Callable[[int], str]) -> Collected:
    """Bring everything up to `tip` into the inbox. `clock` shows seconds since the epoch. Raises GitError, OSError."""
    since = inbox.read_surfaced(place, me.person.id)
    if since == tip:
        return Collected(0, 0, [])
    commits, saying = commits_since(place.top, since, tip)
    acks = {id for c in saying if is_me(c, me, people) and c.machine != me.machine for id in c.acks}
    with Objects(place.top) as objects:
        reader = Reader(objects, place.top, tip)
        added = reader.added(commits)
        for (was_in, was), (path, form) in reader.moved:
            inbox.move(place, (was_in, key_of(was)), (path, key_of(form)))
        count = 0
        for note in added:
            mine = note.commit.machine == me.machine and is_me(note.commit, me, people)
            if not mine and is_for(note, me, people) and note.id not in acks:
                old = find_old(place, *note.replaces) if note.replaces else None
                count += inbox.add(place, make_note(note, people, clock, old), note.found.text, old)
        withdraw(place, reader, {entry.path for commit in commits for entry in commit.entries}, me, people)
    done = sum(inbox.close(place, id) for id in acks)
    inbox.prune(place, time.time())
    inbox.write_surfaced(place, tip, me.person.id)
    return Collected(count, done, reader.too_large)


def commits_since(top: str, since: str, tip: str) -> tuple[list[Commit], list[Commit]]:
    """The commits with logs, and those that acknowledge something: since then; of all time the first time, and where
    the remote's history was rewritten."""
    if since:
        try:
            git.run(top, "merge-base", "--is-ancestor", since, tip)
            found = read_commits(top, tip, f"^{since}")
            return found, found
        except git.GitError:
            pass
    return read_commits(top, tip, paths=[LOGS]), read_commits(top, tip, "--grep=^Note-Ack: ")


def find_old(place: Place, path: str, form: Form, found: notes.Found) -> inbox.Note | None:
    """The note of the inbox that a form of a log is, perhaps with an answer in it."""
    for note in inbox.open_notes(place) + inbox.done_notes(place):
        if note.path == path and not note.answers:
            mine = form_of(place, note)
            if mine == form or (mine.who == form.who and extends(as_found(place, note), found)):
                return note
    return None


def as_found(place: Place, note: inbox.Note) -> notes.Found:
    """A note of the inbox as its log has it."""
    return notes.Found(note.line, 2, note.heading, note.who, inbox.bytes_of(place, note))


def withdraw(place: Place, reader: Reader, touched: set[str], me: Me, people: People) -> None:
    """What stands in its log no more, or is for somebody else now, is taken back."""
    for note in inbox.open_notes(place):
        if note.path not in touched or note.state == inbox.WITHDRAWN or note.path in reader.too_large:
            continue
        now = reader.at_tip(note.path, form_of(place, note), as_found(place, note), note.answers)
        if note.path in reader.too_large:
            continue
        if now is None or not (note.answers or names(people, now.who, me, is_mine=False)):
            inbox.withdraw(place, note)


def key_of(form: Form) -> str:
    """A form as the inbox keeps it."""
    return f"{form.text} {form.who}"


def form_of(place: Place, note: inbox.Note) -> Form:
    """And back. Of what an older version kept it is made from who and text."""
    text, _, who = note.form.partition(" ")
    return (
        Form(who, text)
        if text
        else Form(fold(note.who), digest(1, normal(inbox.bytes_of(place, note)) or note.heading.encode()))
    )


def is_me(commit: Commit, me: Me, people: People) -> bool:
    """Whether the person of this machine made the commit, here or elsewhere."""
    return is_address_of(commit.email, me, people)


def is_address_of(email: str, me: Me, people: People) -> bool:
    """Whether an address is the person's."""
    known = people.by_email(email)
    return email.lower() == me.person.email.lower() or (known is not None and known.id == me.person.id)


def is_for(added: Added, me: Me, people: People) -> bool:
    """Whether a note is for this person: named, or meant by "all" and not the author. An answer is for who asked."""
    if added.answers:
        return is_address_of(added.answers, me, people)
    return names(people, added.found.who, me, is_me(added.commit, me, people))


def names(people: People, who: str, me: Me, is_mine: bool) -> bool:
    """Whether "for WHO" means this person."""
    found = people.find(who)
    return me.person.id in found.ids or (found.everyone and not is_mine)


def make_note(added: Added, people: People, clock: Callable[[int], str], old: inbox.Note | None) -> inbox.Note:
    """The note as the inbox keeps it. The author is whoever the commit's address belongs to."""
    commit, found = added.commit, added.found
    author = people.by_email(commit.email)
    said = "" if added.answers else notes.claimed_user(added.log)
    meant = people.find(said).ids if said else frozenset()
    true = not said or (author.id in meant if author else False)
    shown = bool(added.answers) or not found.text or people.find(found.who).more
    return inbox.Note(
        id=added.id,
        sender=author.name if author else f"{commit.name} <{commit.email}>, nobody in users.json",
        email=commit.email,
        date=clock(commit.time),
        time=commit.time,
        path=added.path,
        line=added.line,
        who=found.who,
        heading=found.title if shown else "",
        claimed="" if true else one_line(said, 100),
        commit=commit.oid,
        size=len(found.text),
        form=key_of(added.form),
        state=inbox.CHANGED if old else "",
        answers=bool(added.answers),
    )
