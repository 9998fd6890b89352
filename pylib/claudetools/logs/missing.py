"""Sessions without a log of what they did: none at all, or work after their last save."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from claudetools.core import git
from claudetools.core.place import Place
from claudetools.logs import sections, shelf
from claudetools.sessions import registry
from claudetools.text import front

FORMAT = (
    "--format=%x01%ct%x00%s%x00%(trailers:key=Session-Id,valueonly,separator=%x20)"
    "%x00%(trailers:key=Log,valueonly,separator=%x1f)%x00%(trailers:key=Machine,valueonly)%x00"
)
UPDATED = re.compile(r"(?m)^updated: (\S+)\s*$")


@dataclass
class Unlogged:
    """A session of this machine with work that no log tells of. Times are seconds since the epoch.

    `log` is the one that it wrote before that work, "" for none.
    """

    id: str
    commits: int = 0
    last: int = 0
    subject: str = ""
    files: set[str] = field(default_factory=set)
    topic: str = ""
    state: str = "unknown"
    transcript: str = ""
    log: str = ""


class LogCommit(NamedTuple):
    """What the trailers of one commit say."""

    time: int
    subject: str
    sessions: list[str]
    log: str
    machine: str
    files: list[str]


class Log(NamedTuple):
    """A log that somebody has filled: its sessions, those that wrote it for them, and when it was last added to."""

    owners: list[str]
    writers: list[str]
    written: float


def find_missing(place: Place, machine: str, days: int, caller: str = "") -> list[Unlogged]:
    """Sessions of this machine with unlogged work in the last `days` days, the latest first. Raises GitError.

    A session that is over and only talked counts as well; of `caller`, which is at work, only commits do.
    """
    logs = read_logs(place.top)
    try:
        raw = git.run(place.top, "log", "--no-merges", f"--since={days} days ago", "--name-only", "-z", FORMAT)
    except git.GitError:  # no commit yet
        raw = b""
    found = unlogged(read_commits(raw.decode("utf-8", "replace")), machine, logs)
    for one in found:
        if known := registry.read_session(place, one.id):
            one.topic, one.state, one.transcript = known.topic, known.state(), known.transcript
    known_ids = {id for log in logs.values() for id in (*log.owners, *log.writers)} | {one.id for one in found}
    since = time.time() - days * 86400
    for session in registry.find_sessions(place):
        over = session.state() in ("ended", "dead") and session.seen >= since and session.id != caller
        if over and session.asked and session.id not in known_ids and not saved(raw, session.id):
            one = Unlogged(session.id, last=int(session.seen), topic=session.title, state=session.state())
            one.transcript = session.transcript
            found.append(one)
    return sorted(found, key=lambda one: (-one.last, one.id))


def saved(raw: bytes, id: str) -> bool:
    """Whether the session has commits: then they have told whether a log is missing."""
    return any(id.encode() in commit.split(b"\0")[2].split() for commit in raw.split(b"\x01")[1:])


def read_commits(raw: str) -> Iterable[LogCommit]:
    """`git log -z --name-only` in FORMAT, taken apart."""
    for text in raw.split("\x01")[1:]:
        when, subject, sessions, log, machine, *files = text.split("\0")
        yield LogCommit(
            int(when),
            subject,
            sessions.split(),
            log.strip(),
            machine.strip(),
            [f.lstrip("\n") for f in files if f.strip("\n")],
        )


def unlogged(commits: Iterable[LogCommit], machine: str, logs: Mapping[str, Log]) -> list[Unlogged]:
    """The sessions of `machine` with commits that their logs cannot tell of. `commits` come the latest first.

    A commit that touches a log covers itself and what its sessions committed before; so does what was written
    later and is not committed yet. A log that names no session, written by hand, is of the one that committed it. What
    a session wrote into another one's log, and articles, need no log.
    """
    found: dict[str, Unlogged] = {}
    covered: set[str] = set()
    written: dict[str, float] = {}
    latest: dict[str, str] = {}
    for path, log in logs.items():
        for id in log.owners:
            if log.written >= written.get(id, -1.0):
                written[id], latest[id] = log.written, path
    for commit in commits:
        for path in commit.files:
            if path not in logs:
                continue
            if not logs[path].owners:
                covered.update(commit.sessions if path == commit.log else ())
            elif {*logs[path].owners, *logs[path].writers}.intersection(commit.sessions):
                covered.update(logs[path].owners)
        work = [path for path in commit.files if not sections.is_log_path(path) and not path.startswith("wiki/")]
        for id in commit.sessions if commit.machine == machine and work else []:
            if id in covered or commit.time <= written.get(id, -1.0):
                continue
            one = found.setdefault(id, Unlogged(id, log=latest.get(id, "")))
            one.commits += 1
            one.files.update(work)
            if commit.time >= one.last:
                one.last, one.subject = commit.time, commit.subject
    return list(found.values())


def read_logs(top: str) -> dict[str, Log]:
    """Every log of the tree that somebody has filled. Raises GitError."""
    found = {}
    unsaved = changed_logs(top)
    for path in shelf.find_logs(top):
        with suppress(OSError), open(os.path.join(top, path), "rb") as file:
            text = file.read().decode("utf-8", "replace")
            if sections.is_filled(text) and not sections.is_message(text):
                when = os.fstat(file.fileno()).st_mtime if path in unsaved else updated(text)
                found[path] = Log(front.owners(text), front.writers(text), when)
    return found


def changed_logs(top: str) -> set[str]:
    """Logs that no commit has as they are: when somebody wrote them, the file itself tells. Raises GitError."""
    raw = git.run(top, "status", "-z", "--porcelain", "-uall", "--no-renames", "--", f":(glob)**/{sections.FOLDER}/**")
    return {os.fsdecode(entry[3:]) for entry in raw.split(b"\0") if entry}


def updated(text: str) -> float:
    """When a log was last added to, as its front matter says; 0 where it does not."""
    stamp = UPDATED.search(text, 0, front.HEAD)
    with suppress(ValueError, OverflowError, OSError):
        if stamp and stamp.start() < text.find("\n---", 3):
            return datetime.fromisoformat(stamp[1].strip("\"'").replace("Z", "+00:00")).timestamp()
    return 0.0
