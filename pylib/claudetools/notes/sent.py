"""What this person has written to others, and who has acknowledged it: both from the commits alone."""

from __future__ import annotations

from typing import NamedTuple

from claudetools import git
from claudetools.notes.history import Added, Commit, Reader, read_commits
from claudetools.notes.people import People, Person
from claudetools.objects import Objects

DAYS = 90


class Sent(NamedTuple):
    """One note of mine. `done` says when each person acknowledged it, in seconds since the epoch.

    `waits`: it is committed here and not on the remote yet.
    """

    added: Added
    to: tuple[Person, ...]
    everyone: bool
    unknown: tuple[str, ...]
    done: dict[str, int]
    waits: bool


def find_sent(top: str, me: Person, people: People, days: int = DAYS) -> list[Sent]:
    """The notes of the last `days` days (0: of all time), the oldest first. Raises GitError."""
    since = [f"--since={days}.days"] if days else []
    tips = ["HEAD", *upstream(top)]
    by_me = ("--fixed-strings", "--regexp-ignore-case", f"--author={me.email}")
    mine = [c for c in read_commits(top, *tips, *since, *by_me) if c.email.lower() == me.email.lower()]
    acks = acknowledged(read_commits(top, *tips, *since, "--grep=^Note-Ack: "), people)
    ahead = {oid.decode() for oid in git.run(top, "rev-list", "HEAD", *(f"^{tip}" for tip in upstream(top))).split()}
    with Objects(top) as objects:
        found = Reader(objects, "HEAD").added(mine)
    return [describe(added, people, acks.get(added.id, {}), added.commit.oid in ahead) for added in found]


def describe(added: Added, people: People, done: dict[str, int], waits: bool) -> Sent:
    """Who one note is for, and who has done it."""
    who = people.find(added.found.who)
    to = tuple(people.people[id] for id in sorted(who.ids))
    return Sent(added, to, who.everyone, who.unknown, done, waits)


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
