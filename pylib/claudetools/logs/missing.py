"""Sessions whose work was committed, but that left no log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from claudetools.core import git
from claudetools.core.place import Place
from claudetools.logs import shelf
from claudetools.sessions import registry
from claudetools.text import front

FORMAT = (
    "--format=%x01%ct%x00%s%x00%(trailers:key=Session-Id,valueonly,separator=%x20)"
    "%x00%(trailers:key=Log,valueonly,separator=%x1f)%x00%(trailers:key=Machine,valueonly)%x00"
)


@dataclass
class Unlogged:
    """A session of this machine without a log. Times are seconds since the epoch."""

    id: str
    commits: int = 0
    last: int = 0
    subject: str = ""
    files: set[str] = field(default_factory=set)
    topic: str = ""
    state: str = "unknown"
    transcript: str = ""


@dataclass(frozen=True)
class Commit:
    """What the trailers of one commit say."""

    time: int
    subject: str
    sessions: list[str]
    log: str
    machine: str
    files: list[str]


def find_missing(place: Place, machine: str, days: int) -> list[Unlogged]:
    """Sessions of this machine with commits in the last `days` days and no log, the latest first. Raises GitError."""
    raw = git.run(
        place.top, "log", "--no-merges", f"--since={days} days ago", "--grep=^Session-Id: ", "--name-only", "-z", FORMAT
    )
    found = unlogged(read_commits(raw.decode("utf-8", "replace")), machine, read_logs(place.top))
    for one in found:
        if known := registry.read_session(place, one.id):
            one.topic, one.state, one.transcript = known.topic, known.state(), known.transcript
    return found


def read_commits(raw: str) -> Iterable[Commit]:
    """`git log -z --name-only` in FORMAT, taken apart."""
    for text in raw.split("\x01")[1:]:
        time, subject, sessions, log, machine, *files = text.split("\0")
        yield Commit(
            int(time),
            subject,
            sessions.split(),
            log.strip(),
            machine.strip(),
            [f.lstrip("\n") for f in files if f],
        )


def unlogged(commits: Iterable[Commit], machine: str, logs: dict[str, list[str]]) -> list[Unlogged]:
    """The sessions of `machine` without a log, the latest first. `logs`: the path of each log, the sessions it names.

    A log that names none, written by hand, is of the session that committed it.
    """
    found: dict[str, Unlogged] = {}
    logged = {id for ids in logs.values() for id in ids}
    for commit in commits:
        if logs.get(commit.log) == []:
            logged.update(commit.sessions)
        for id in commit.sessions if commit.machine == machine else []:
            one = found.setdefault(id, Unlogged(id))
            one.commits += 1
            one.files.update(commit.files)
            if commit.time >= one.last:
                one.last, one.subject = commit.time, commit.subject
    return sorted((one for one in found.values() if one.id not in logged), key=lambda one: (-one.last, one.id))


def read_logs(top: str) -> dict[str, list[str]]:
    """Every log of the tree, with the sessions that it names."""
    return {path: front.owners(front.read_head(os.path.join(top, path))) for path in shelf.find_logs(top)}
