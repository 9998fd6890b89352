"""Whose work it is what the gates have left out of a sync: who is at work here settles it, others only hear of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from claudetools.sessions.plan import Worker


def owners(file: str, workers: Mapping[str, Worker]) -> Iterator[tuple[int, list[str]]]:
    """Of the paths in `file`, each ended by a NUL: the number of those that are the work of sessions, and their ids."""
    told = b""
    if file:
        with open(file, "rb") as paths:
            told = paths.read()
    for number, path in enumerate(told.split(b"\0")[:-1]):
        if names := who_settles(workers, os.fsdecode(path)):
            yield number, names


def who_settles(workers: Mapping[str, Worker], path: str) -> list[str]:
    """The sessions whose unsaved work a path holds. Where one of them is over, nobody: it is everybody's to settle."""
    worked = [w for w in workers.values() if any(e.path == path and e.seq > w.position for e in w.edits)]
    return sorted(w.session.id for w in worked) if all(w.state in ("live", "idle") for w in worked) else []
