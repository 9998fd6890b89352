"""What sessions do while a sync looks at the tree: the snapshot and the ledgers are not of one moment.

A hook writes down a moment after its tool what that did: the snapshot may hold a write that no ledger tells of yet.
Such a record is waited for. And the ledgers are read after the snapshot: they may tell of writes that it does not hold.
Those are left for the next sync.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from claudetools.attribution.chain import Touch
from claudetools.attribution.edits import digest
from claudetools.core import git
from claudetools.core.place import Place
from claudetools.sessions import calls, ledger
from claudetools.sessions.plan import Worker

Running = tuple[str, calls.Call]  # whose it is
PATIENCE = 1.0  # seconds for all hooks together; after that, what they did counts as seen from outside
PAUSE = 0.005
MARK = "reading"  # in the sync's scratch folder, made right before the snapshot (scripts/lib/snapshot.sh)


def await_records(
    place: Place,
    changes: Iterable[git.Change],
    workers: Mapping[str, Worker],
    running: Iterable[Running],
    read: Callable[[str], bytes],
    deadline: float,
) -> None:
    """Wait for the records of calls that seem to have written what the snapshot holds, at most until `deadline`
    (monotonic). `read`: git's objects."""
    known = {(edit.path, edit.after) for worker in workers.values() for edit in worker.edits}
    by_path = {os.fsdecode(change.path): change for change in changes}
    for id, call in running:
        change = by_path.get(call.path)
        if change is None or is_known(place, change, known | {(call.path, call.before)}, read):
            continue
        while calls.find(place, id, call.use) and time.monotonic() < deadline:
            time.sleep(PAUSE)


def under_way(place: Place, workers: Mapping[str, Worker]) -> list[Running]:
    """Calls of sessions that are at work. A caller's own command is among them: it has started this sync."""
    return at_work(open_calls(place, workers), workers)


def open_calls(place: Place, sessions: Iterable[str]) -> list[Running]:
    """Their calls that have begun and not ended."""
    return [(id, call) for id in sessions for call in calls.under_way(place, id)]


def at_work(running: Iterable[Running], workers: Mapping[str, Worker]) -> list[Running]:
    """Those of sessions that are there: a call that was killed does not end."""
    return [(id, call) for id, call in running if id in workers and workers[id].state in ("live", "idle")]


def is_known(
    place: Place, change: git.Change, known: set[tuple[str, str | None]], read: Callable[[str], bytes]
) -> bool:
    """Whether somebody has said to have made what the snapshot holds, or what lies there by now."""
    path = os.fsdecode(change.path)
    return (path, content_of(change, read)) in known or (path, ledger.look_at(place.top, path).sha) in known


def content_of(change: git.Change, read: Callable[[str], bytes]) -> str | None:
    """The name of what the snapshot holds."""
    return None if change.deleted or change.new_mode == git.GITLINK else digest(read(change.new_oid))


def began(scratch: str) -> float:
    """When the snapshot began: a write before is in it."""
    try:
        return os.stat(os.path.join(scratch, MARK)).st_mtime
    except OSError:
        return float("inf")


def up_to(touches: Sequence[Touch], tree: Callable[[], str | None], began: float) -> list[Touch]:
    """Of the records of a path, in the order of time, those of what the snapshot holds: `tree` tells what that is."""
    for n in range(len(touches), -1, -1):
        if n == len(touches) and (not touches or touches[-1].edit.time < began):
            break
        if tree() == (touches[n - 1].edit.after if n else touches[0].edit.before):
            return list(touches[:n])
        if n and touches[n - 1].edit.time < began:
            break
    return list(touches)


def leave(workers: Mapping[str, Worker], left: Iterable[Touch]) -> None:
    """No commit of this sync says to hold what these records tell of, nor what their sessions did later."""
    for touch in left:
        worker = workers[touch.session]
        worker.edits = [edit for edit in worker.edits if edit.seq < touch.edit.seq]
