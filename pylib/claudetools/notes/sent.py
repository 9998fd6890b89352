"""What this person has written to others, and who has acknowledged it: both from the commits alone."""

from __future__ import annotations

from typing import NamedTuple

from claudetools.core import git
from claudetools.core.objects import Objects
from claudetools.notes.history import LOGS, Added, Commit, Reader, read_commits
from claudetools.notes.people import People, Person, Recipients

DAYS = 90
PATIENCE = 3  # days, until the author is reminded of a note that somebody has left open


class Sent(NamedTuple):
    """One note of mine. `done` says when each person acknowledged it, in seconds since the epoch; `still` who did not.

    `waits`: it is committed here and not on the remote yet.
    """

    added: Added
    to: tuple[Person, ...]
    everyone: bool
    unknown: tuple[str, ...]
    done: dict[str, int]
    still: tuple[Person, ...]
    waits: bool


def find_sent(top: str, me: Person, people: People, days: int = DAYS) -> list[Sent]:
    """The notes of the last `days` days (0: of all time), the oldest first. Raises GitError."""
    since = [f"--since={days}.days"] if days else []
    tips = ["HEAD", *upstream(top)]
    commits = read_commits(top, *tips, *since, paths=[LOGS])
    acks = acknowledged(read_commits(top, *tips, *since, "--grep=^Note-Ack: "), people)
    ahead = {oid.decode() for oid in git.run(top, "rev-list", "HEAD", *(f"^{tip}" for tip in upstream(top))).split()}
    with Objects(top) as objects:
        found = [note for note in Reader(objects, top, "HEAD").added(commits) if is_by(note.commit, me)]
    return [describe(added, me, people, acks.get(added.id, {}), added.commit.oid in ahead) for added in found]


def is_by(commit: Commit, me: Person) -> bool:
    """Whether the commit is this person's."""
    return commit.email.lower() == me.email.lower()


def describe(added: Added, me: Person, people: People, acks: dict[str, int], waits: bool) -> Sent:
    """Who one note is for, who has done it, and who has not."""
    asked = people.by_email(added.answers) if added.answers else None
    who = (
        Recipients(frozenset([asked.id] if asked else []), False, ()) if added.answers else people.find(added.found.who)
    )
    others = people.people.keys() - people.gone - {me.id}
    meant = who.ids | (others if who.everyone else set())
    done = {id: when for id, when in acks.items() if id in meant or who.everyone or id not in people.people}
    to = tuple(people.people[id] for id in sorted(who.ids))
    still = tuple(people.people[id] for id in sorted(meant - done.keys()))
    return Sent(added, to, who.everyone, who.unknown, done, still, waits)


def acknowledged(commits: list[Commit], people: People) -> dict[str, dict[str, int]]:
    """For each note id who has acknowledged it, and when first: user ids, or addresses of people who are not listed."""
    found: dict[str, dict[str, int]] = {}
    for commit in commits:
        person = people.by_email(commit.email)
        for id in commit.acks:
            found.setdefault(id, {}).setdefault(person.id if person else commit.email, commit.time)
    return found


def upstream(top: str) -> list[str]:
    """The remote branch that HEAD follows, [] where there is none."""
    out = git.run(top, "rev-parse", "-q", "--verify", "HEAD@{upstream}", ok=(0, 1, 128))
    return [out.decode().strip()] if out.strip() else []
