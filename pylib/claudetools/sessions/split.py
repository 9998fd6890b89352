"""Split a snapshot of the tree into one commit per session: the job of the sync (rules in plan.py).

The trees of the commits are written, the commits themselves are the shell's (scripts/lib/split.sh).

Lines on stdout, tab-separated: `commit TREE IDS POSITIONS WINDOW TOPIC` (ids and positions joined by commas, "-" for
none), `tree OID` (what is committed in the end), `back TREE` (the snapshot with what writes took out: putback.py),
`alone STATE FILES TOPIC`, `waits PATH STATE TOPIC IDS UNCLEAR` (for a session of that state; whose work it keeps; 1:
whose it is cannot be told), `holds PATH ID TOPIC` (a live session has unsaved work there), `left N IDS TOPIC` (the Nth
of what the gates have left out is the work of these alone), `idle ID`, `gone PATH ID TOPIC LINES` (unsaved
lines of it that somebody took out; PATH as a shell reads it), `said TEXT`.
Exit status: 0, or 70 when it cannot be told; then nothing was written but objects.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

from claudetools import files, git
from claudetools.place import Place
from claudetools.sessions import (
    asking,
    calls,
    gone,
    left_out,
    meanwhile,
    moves,
    plan,
    positions,
    putback,
    recent,
    registry,
    sight,
    windows,
)
from claudetools.sessions.chain import CLAIM, Touch, contested
from claudetools.sessions.explain import Witness, explain
from claudetools.sessions.ledger import CONTENT_KINDS, GONE, Edit, digest
from claudetools.sessions.objects import Objects
from claudetools.sessions.owners import Owned, Read, as_one, own
from claudetools.sessions.plan import NOBODYS, Worker
from claudetools.sessions.reach import Reach
from claudetools.text import visible

DAY, HOUR = 86400.0, 3600.0
LAST = 2**62  # the position of what is not written down yet


def find_workers(place: Place, tips: Collection[str]) -> tuple[dict[str, Worker], list[str]]:
    """Every session with its edits that still matter, and what is wrong with their ledgers."""
    now = time.time()
    workers, said, found = {}, [], {}
    for session in registry.find_sessions(place):
        workers[session.id] = Worker(session, session.state(now), had_idle_commit(place, session.id, now))
    texts = {id: recent.load(place, id) for id in workers}
    since = min((t for text in texts.values() if (t := recent.first_time(text)) is not None), default=now) - DAY
    saved = positions.find(place.top, workers, tips, since)
    oldest = min((call.began for _, call in meanwhile.under_way(place, workers)), default=now)
    for id, worker in workers.items():
        worker.position = saved.get(id, 0)
        found[id] = recent.behind(texts[id], worker.position)
        oldest = min([oldest, *(edit.began or edit.time for edit in found[id].edits)])
        if problems := found[id].problems:
            more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
            said.append(f"The ledger of '{worker.topic}' is damaged ({visible(problems[0])}{more}).")
    for id, worker in workers.items():
        done, worker.start = recent.before(texts[id], found[id].first, oldest)
        edits = done + found[id].edits
        worker.edits = [edit for edit in edits if edit.kind in (*CONTENT_KINDS, CLAIM)]
        worker.asked = asking.asked(edits)
        worker.told = [edit for edit in edits if edit.kind == GONE]
    return workers, said


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
    began: float = float("inf"),
) -> dict[bytes, list[Touch]]:
    """What the sessions did to every changed path, in the order of time. `began`: when the snapshot was begun."""
    records: dict[bytes, list[Witness]] = {}
    for id, worker in workers.items():
        for edit in worker.edits:
            records.setdefault(os.fsencode(edit.path), []).append(Witness(id, edit))
    running = meanwhile.under_way(place, workers)
    found = {}
    for change in changes:
        here = [*records.get(change.path, []), *seen_so_far(place, objects, change, running)]
        touches = [Touch(id, edit, edit.seq <= workers[id].position) for id, edit in explain(here)]
        touches.sort(key=lambda x: x.edit.time)
        found[change.path] = meanwhile.up_to(touches, partial(meanwhile.content_of, change, objects.read), began)
        meanwhile.leave(workers, touches[len(found[change.path]) :])
        for touch in touches:
            if touch.edit.seq == LAST:  # it goes on with the path: what it has asked for is not all
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
        disk = sight.look(place.top, path)
        if call.path == path:
            before, was = call.before, call.was
        elif path in call.dirty:
            _, before, was = call.dirty[path]
        elif change.added:
            before, was = None, None
        else:
            before, was = digest(as_on_disk(objects.read(change.old_oid), disk.data)), change.old_mode
        if (before, was) != (disk.sha, disk.mode):
            note = {"reach": Reach(tuple(call.writes), call.closed).of(path)}
            edit = Edit(path, before, disk.sha, "window", disk.mode, was, note=note)
            yield Witness(id, edit._replace(began=call.began, time=time.time(), seq=LAST))


def as_on_disk(stored: bytes, disk: bytes) -> bytes:
    """What git stores with line feeds lies with CRLF on some disks."""
    return stored.replace(b"\n", b"\r\n") if b"\r\n" in disk and b"\r" not in stored else stored


def owners_of(
    objects: Objects, changes: Sequence[git.Change], touches: Mapping[bytes, Sequence[Touch]], kept: Read
) -> dict[bytes, Owned]:
    """Whose each change is. `kept`: the contents that the ledgers hold."""
    found = {c.path: own(c, touches[c.path], objects.read, kept) for c in changes}
    return tie_folders(moves.tie(found, changes, touches, objects.read, kept))


def tie_folders(found: dict[bytes, Owned]) -> dict[bytes, Owned]:
    """Where a file takes the place of a folder, or the other way round, all of it goes as a whole."""
    parents = {path.rsplit(b"/", n)[0] for path in found for n in range(1, path.count(b"/") + 1)}
    for parent in parents & set(found):
        group = [path for path in found if path == parent or path.startswith(parent + b"/")]
        joined = frozenset[str]().union(*(some for path in group for some in found[path].sets))
        for path in group:
            found[path] = Owned(found[path].head, found[path].tree, (joined,), None, found[path].window)
    return found


def position_after(worker: Worker, stays: Callable[[bytes], bool]) -> int:
    """Up to where the session's edits are done once this commit is: those before the first whose path stays."""
    position = worker.position
    for edit in worker.edits:
        if edit.seq > worker.position:
            if stays(os.fsencode(edit.path)):
                break
            position = edit.seq
    return position


def is_left_out(place: Place, objects: Objects, tree: str, path: bytes) -> bool:
    """Whether a path holds something else than the snapshot: a gate, or `-- PATH`, kept it out."""
    try:
        found = files.look_in_tree(place.top, path)
    except (OSError, files.InTheWay):
        return True
    entry = objects.entry_at(tree, path)
    if entry is None or found.kind not in ("file", "link"):
        return entry is not None or found.kind != "absent"
    return objects.read(entry[1]) not in (found.data, found.data.replace(b"\r\n", b"\n"))


def tell(*words: object) -> None:
    """One line for the shell."""
    print("\t".join(str(word) or "-" for word in words))


def split(place: Place, objects: Objects, args: argparse.Namespace) -> None:
    """Find the commits and tell them."""
    callers = [registry.safe_id(id) for id in args.session if id]
    for id in callers:
        with suppress(OSError, windows.GitFailed):
            windows.roll(place, id)
    base = git.tree_of(place.top, args.head) if args.head else git.empty_tree(args.tree)
    changes = git.changes(place.top, base, args.tree)
    workers, said = find_workers(place, (args.head, args.tip))
    if meanwhile.await_records(place, changes, workers, objects.read):
        workers, said = find_workers(place, (args.head, args.tip))
    without = {id for ids in args.without for id in ids.split(",")}
    out = plan.who_goes(workers, callers, args.mode) - without
    touches = touches_of(place, objects, changes, workers, meanwhile.began(args.scratch))
    kept = recent.Contents(place, workers)
    lost: list[putback.Row] = []
    if not args.files:
        restored, lost = putback.prepare(objects, args.tree, changes, touches, kept, lambda id: workers[id].topic)
        if lost:
            tell("back", restored)
    if args.files:
        owned = tie_folders({c.path: as_one(c, touches[c.path]) for c in changes})
    else:
        owned = owners_of(objects, changes, touches, kept)
    # A caller that nobody has registered (an agent without hooks) saves what nobody claims, as if it were alone.
    unknown = frozenset(id for id in callers if id not in workers)
    nobody = unknown or (None if args.mode == "mine" and callers else NOBODYS)
    if without & (nobody or {"-"}):
        nobody = None
    made = plan.make(objects, base, owned, workers, out, callers, nobody)

    @cache
    def stays(id: str, path: bytes) -> bool:
        return (path, id) in made.staying or (path not in owned and is_left_out(place, objects, args.tree, path))

    for commit in made.commits:
        ids = sorted(commit.group, key=lambda id: (id not in callers, id))
        known = [workers.get(id) for id in ids]
        ends = [position_after(w, partial(stays, w.session.id)) if w else 0 for w in known]
        topic = next((visible(w.session.topic) for w in known if w), "")
        tell("commit", commit.tree, ",".join(ids), ",".join(map(str, ends)), int(commit.window), topic)
        for id in ids:
            if id in workers and workers[id].state == "idle" and id not in callers:
                tell("idle", id)
    tell("tree", made.commits[-1].tree if made.commits else base)
    for id, count in made.left.items():
        tell("alone", workers[id].state if id else "unclaimed", count, workers[id].topic if id else "")
    for path, id, whose in made.waits:
        unclear = {id, *whose} <= contested(touches[path])
        tell("waits", files.shown(path), workers[id].state, workers[id].topic, ",".join(sorted(whose)), int(unclear))
    if not args.look:
        note_asking(place, made, workers, callers)
    if not args.look and not args.files:
        differs = partial(is_left_out, place, objects, args.tree)
        search = gone.Search(place, objects, args.tree, args.tip, workers, touches, kept, differs)
        with suppress(OSError):  # on a full disk it is said again
            for id, name, count in gone.report(search, out & set(workers), {row.path for row in lost}):
                tell("gone", visible(shlex.quote(name)), id, workers[id].topic, count)
    for path, id in sorted(made.staying):
        if id in workers and workers[id].state == "live" and id not in callers:
            tell("holds", files.shown(path), id, workers[id].topic)
    for number, names in left_out.owners(args.left_out, workers):
        tell("left", number, ",".join(names), workers[names[0]].topic)
    unread = [files.shown(path) for path, one in owned.items() if one.unread]
    said += [f"{path} goes as a whole: contents that the sessions' ledgers name are missing." for path in unread]
    for text in said:
        tell("said", text)
    # Once nobody can have lost them: that may show only when the hook of whoever wrote over them has come to its end.
    recent.forget(place, {id: worker.start for id, worker in workers.items()}, time.time() - HOUR)


def note_asking(place: Place, made: plan.Plan, workers: Mapping[str, Worker], callers: Iterable[str]) -> None:
    """What callers want to save and cannot: the save of those they wait for takes it along."""
    for id in callers:
        waits = {path for path, _, whose in made.waits if id in whose}
        new = {path for path in waits if id in workers and not workers[id].has_asked(path)}
        if new:
            with suppress(OSError):
                asking.ask(place, id, new)


def main(argv: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="split")
    for name in ("--top", "--git-dir", "--common", "--scratch", "--tree"):
        parser.add_argument(name, required=True)
    for name in ("--head", "--tip"):
        parser.add_argument(name, default="")
    parser.add_argument("--mode", choices=("", "mine", "all"), default="")
    parser.add_argument("--session", action="append", default=[])
    parser.add_argument("--without", action="append", default=[], help='ids, "-" for what nobody claims')
    parser.add_argument("--left-out", default="", help="a file: what the gates have left out")
    parser.add_argument("--files", action="store_true", help="look at no contents: every path goes as a whole")
    parser.add_argument("--look", action="store_true", help="nothing is saved: write nothing down")
    args = parser.parse_args(argv)
    try:
        with Objects(args.top, args.scratch) as objects:
            split(Place(args.top, args.git_dir, args.common), objects, args)
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 70
    except Exception as error:  # the shell has another way, and says why it took it
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 70
    return 0
