"""What is known when whose work it is has to be told: the sessions with what of their ledgers still matters, what they
did to each changed path, and whose each change is."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from claudetools.attribution.chain import CLAIM, Touch
from claudetools.attribution.edits import CONTENT_KINDS, GONE, Edit, digest
from claudetools.attribution.explain import Witness, dated, explain
from claudetools.attribution.reach import Reach
from claudetools.core import git
from claudetools.core.objects import Objects
from claudetools.core.place import Place
from claudetools.sessions import asking, calls, ledger, meanwhile, moves, positions, recent, registry
from claudetools.sessions.owners import Owned, Read, own
from claudetools.sessions.plan import Worker

DAY, HOUR = 86400.0, 3600.0
NOT_YET = 2**62  # the position of what is not written down yet


def find_workers(place: Place, tips: Collection[str]) -> dict[str, Worker]:
    """Every session with its edits that still matter. `tips`: commits that tell up to where they are saved."""
    now = time.time()
    sessions = registry.find_sessions(place)
    workers = {one.id: Worker(one, one.state(now), had_idle_commit(place, one.id, now)) for one in sessions}
    texts = {one.id: recent.load(place, one) for one in sessions}
    since = min((t for text in texts.values() if (t := recent.first_time(text)) is not None), default=now) - DAY
    saved = positions.find(place.top, workers, tips, since)
    found = {}
    for id, worker in workers.items():
        worker.position = saved.get(id, 0)
        found[id] = recent.behind(texts[id], worker.position)
    oldest = min([now, *(edit.began or edit.time for one in found.values() for edit in one.edits)])
    oldest = min([oldest, *(call.began for _, call in meanwhile.under_way(place, workers))])
    for id, worker in workers.items():
        done, worker.start = recent.before(texts[id], found[id].first, oldest)
        edits = done + found[id].edits
        worker.problems = found[id].problems
        worker.edits = [edit for edit in edits if edit.kind in (*CONTENT_KINDS, CLAIM)]
        worker.asked = asking.asked(edits)
        worker.told = [edit for edit in edits if edit.kind == GONE]
    return workers


def had_idle_commit(place: Place, id: str, now: float) -> bool:
    """Whether the session's work went out within the hour because it was idle."""
    try:
        return abs(now - os.stat(os.path.join(registry.folder_of(place, id), "idle-commit")).st_mtime) < HOUR
    except OSError:
        return False


def touches_of(
    place: Place,
    objects: Objects,
    changes: Iterable[git.Change],
    workers: Mapping[str, Worker],
    running: Iterable[meanwhile.Running],
    began: float = float("inf"),
) -> dict[bytes, list[Touch]]:
    """What the sessions did to every changed path, in the order of time. `running`: their calls that have not ended;
    `began`: when the snapshot was begun."""
    records: dict[bytes, list[Witness]] = {}
    for id, worker in workers.items():
        for edit in worker.edits:
            records.setdefault(os.fsencode(edit.path), []).append(Witness(id, edit))
    running, found = list(running), {}
    for change in changes:
        here = [*dated(records.get(change.path, [])), *seen_so_far(place, objects, change, running)]
        touches = [Touch(id, edit, edit.seq <= workers[id].position) for id, edit in explain(here)]
        touches.sort(key=lambda x: x.edit.time)
        found[change.path] = meanwhile.up_to(touches, partial(meanwhile.content_of, change, objects.read), began)
        meanwhile.leave(workers, touches[len(found[change.path]) :])
        for touch in touches:
            if touch.edit.seq == NOT_YET:  # it goes on with the path: what it has asked for is not all
                workers[touch.session].asked.pop(os.fsdecode(change.path), None)
    return found


def seen_so_far(
    place: Place, objects: Objects, change: git.Change, running: Iterable[tuple[str, calls.Call]]
) -> Iterator[Witness]:
    """What calls that have not ended would write down of this path, if they ended now."""
    path = os.fsdecode(change.path)
    for id, call in running:
        if call.path not in (calls.WINDOW, path):
            continue
        disk = ledger.look_at(place.top, path)
        if call.path == path:
            before, was = call.before, call.was
        elif path in call.dirty:
            _, before, was = call.dirty[path]
        elif change.added:
            before, was = None, None
        else:
            before, was = digest(as_on_disk(objects.read(change.old_oid), disk.data)), change.old_mode
        if (before, was) != (disk.sha, disk.mode):
            note = {"reach": Reach(tuple(call.writes), call.closed).of(path, call.told or None)}
            edit = Edit(path, before, disk.sha, "window", disk.mode, was, note=note)
            yield Witness(id, edit._replace(began=call.began, time=time.time(), seq=NOT_YET))


def as_on_disk(stored: bytes, disk: bytes) -> bytes:
    """What git stores with line feeds lies with CRLF on some disks."""
    return stored.replace(b"\n", b"\r\n") if b"\r\n" in disk and b"\r" not in stored else stored


def owners_of(
    objects: Objects, changes: Sequence[git.Change], touches: Mapping[bytes, Sequence[Touch]], kept: Read
) -> dict[bytes, Owned]:
    """Whose each change is. `kept`: the contents that the ledgers hold."""
    found = {c.path: own(c, touches[c.path], objects.read, kept) for c in changes}
    return tie_folders(moves.tie_moves(found, changes, touches, objects.read, kept))


def tie_folders(found: dict[bytes, Owned]) -> dict[bytes, Owned]:
    """Where a file takes the place of a folder, or the other way round, all of it goes as a whole."""
    parents = {path.rsplit(b"/", n)[0] for path in found for n in range(1, path.count(b"/") + 1)}
    for parent in parents & set(found):
        group = [path for path in found if path == parent or path.startswith(parent + b"/")]
        joined = frozenset[str]().union(*(some for path in group for some in found[path].sets))
        for path in group:
            found[path] = Owned(found[path].head, found[path].tree, (joined,), None, found[path].window)
    return found
