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
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial

from claudetools.attribution.chain import contested
from claudetools.core import files, git
from claudetools.core.messages import visible
from claudetools.core.objects import Objects
from claudetools.core.place import Place
from claudetools.sessions import asking, calls, evidence, gone, meanwhile, plan, putback, recent, registry, windows
from claudetools.sessions.evidence import HOUR
from claudetools.sessions.owners import as_one
from claudetools.sessions.plan import NOBODYS, Worker
from claudetools.sessions.status import GitFailed


class SplitJob:
    """One snapshot, what the sessions did to it, and the commits that it makes."""

    def __init__(self, place: Place, objects: Objects, args: argparse.Namespace) -> None:
        self.place, self.objects, self.args = place, objects, args
        self.callers = [registry.safe_id(id) for id in args.session if id]
        for id in self.callers:
            with suppress(OSError, GitFailed):
                windows.roll(place, id)
        self.base = git.tree_of(place.top, args.head) if args.head else git.empty_tree(args.tree)
        self.changes = git.changes(place.top, self.base, args.tree)
        self.workers, running = self.find_workers()
        began = meanwhile.began(args.scratch)
        self.touches = evidence.touches_of(place, objects, self.changes, self.workers, running, began)
        self.kept = recent.Contents(place, self.workers)
        self.lost = [] if args.files else self.put_back()
        if args.files:
            self.owned = evidence.tie_folders({c.path: as_one(c, self.touches[c.path]) for c in self.changes})
        else:
            self.owned = evidence.owners_of(objects, self.changes, self.touches, self.kept)
        without = {id for ids in args.without for id in ids.split(",")}
        self.out = plan.who_goes(self.workers, self.callers, args.mode) - without
        nobodys = self.who_takes_nobodys_work(without)
        self.made = plan.make(objects, self.base, self.owned, self.workers, self.out, self.callers, nobodys)

    def find_workers(self) -> tuple[dict[str, Worker], list[meanwhile.Running]]:
        """The sessions, and their calls that had begun before and have not ended. What one has done is in the ledger
        once it ends: where one did while the ledgers were read, they are read again."""
        deadline = time.monotonic() + meanwhile.PATIENCE
        running = meanwhile.open_calls(self.place, [one.id for one in registry.find_sessions(self.place)])
        while True:
            workers = evidence.find_workers(self.place, (self.args.head, self.args.tip))
            running = meanwhile.at_work(running, workers)
            meanwhile.await_records(self.place, self.changes, workers, running, self.objects.read, deadline)
            left = [(id, call) for id, call in running if calls.find(self.place, id, call.use)]
            if left == running:
                return workers, running
            running = left

    def put_back(self) -> list[putback.PutBackRow]:
        """What writes took out and is proved to be lost; the shell is told the tree that has it."""

        def topic_of(id: str) -> str:
            return self.workers[id].topic

        tree, lost = putback.prepare(self.objects, self.args.tree, self.changes, self.touches, self.kept, topic_of)
        if lost:
            tell("back", tree)
        return lost

    def who_takes_nobodys_work(self, without: set[str]) -> plan.Group | None:
        """The group whose commit holds what nobody claims; None: it stays."""
        # A caller that nobody has registered (an agent without hooks) saves what nobody claims, as if it were alone.
        unknown = frozenset(id for id in self.callers if id not in self.workers)
        nobody = unknown or (None if self.args.mode == "mine" and self.callers else NOBODYS)
        return None if without & (nobody or {"-"}) else nobody

    def differs(self, path: bytes) -> bool:
        """Whether a path holds something else than the snapshot: a gate, or `-- PATH`, kept it out."""
        try:
            found = files.look_in_tree(self.place.top, path)
        except (OSError, files.InTheWay):
            return True
        entry = self.objects.entry_at(self.args.tree, path)
        if entry is None or found.kind not in ("file", "link"):
            return entry is not None or found.kind != "absent"
        return self.objects.read(entry[1]) not in (found.data, found.data.replace(b"\r\n", b"\n"))

    # --- telling -------------------------------------------------------------------

    def tell_commits(self) -> None:
        """The commits in their order, and the tree that they end in."""

        @cache
        def stays(id: str, path: bytes) -> bool:
            return (path, id) in self.made.staying or (path not in self.owned and self.differs(path))

        for commit in self.made.commits:
            ids = sorted(commit.group, key=lambda id: (id not in self.callers, id))
            known = [self.workers.get(id) for id in ids]
            ends = [position_after(w, partial(stays, w.session.id)) if w else 0 for w in known]
            topic = next((visible(w.session.topic) for w in known if w), "")
            tell("commit", commit.tree, ",".join(ids), ",".join(map(str, ends)), int(commit.window), topic)
            for id in ids:
                if id in self.workers and self.workers[id].state == "idle" and id not in self.callers:
                    tell("idle", id)
        tell("tree", self.made.commits[-1].tree if self.made.commits else self.base)

    def tell_what_stays(self) -> None:
        """Whose work stays, where it keeps other work back, and who is at work there."""
        for id, count in self.made.left.items():
            worker = self.workers.get(id)
            tell("alone", worker.state if worker else "unclaimed", count, worker.topic if worker else "")
        for path, id, whose in self.made.waits:
            unclear = {id, *whose} <= contested(self.touches[path])
            worker = self.workers[id]
            tell("waits", files.shown(path), worker.state, worker.topic, ",".join(sorted(whose)), int(unclear))
        for path, id in sorted(self.made.staying):
            if id in self.workers and self.workers[id].state == "live" and id not in self.callers:
                tell("holds", files.shown(path), id, self.workers[id].topic)
        for number, names in owners(self.args.left_out, self.workers):
            tell("left", number, ",".join(names), self.workers[names[0]].topic)

    def tell_gone(self) -> None:
        """Lines that somebody took out."""
        known = self.workers, self.touches, self.kept, self.differs
        search = gone.Search(self.place, self.objects, self.args.tree, self.args.tip, *known)
        with suppress(OSError):  # on a full disk it is said again
            for id, name, count in gone.report(search, self.out & set(self.workers), {row.path for row in self.lost}):
                tell("gone", visible(shlex.quote(name)), id, self.workers[id].topic, count)

    def tell_problems(self) -> None:
        """What is wrong with the ledgers."""
        for worker in self.workers.values():
            if problems := worker.problems:
                more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
                tell("said", f"The ledger of '{worker.topic}' is damaged ({visible(problems[0])}{more}).")
        for path, one in self.owned.items():
            if one.unread:
                shown = files.shown(path)
                tell("said", f"{shown} goes as a whole: contents that the sessions' ledgers name are missing.")

    # --- noting --------------------------------------------------------------------

    def note_asking(self) -> None:
        """What callers want to save and cannot: the save of those they wait for takes it along."""
        for id in self.callers:
            waits = {path for path, _, whose in self.made.waits if id in whose}
            new = {path for path in waits if id in self.workers and not self.workers[id].has_asked(path)}
            if new:
                with suppress(OSError):
                    asking.ask(self.place, id, new)

    def note_lost_ledgers(self) -> None:
        """That a session has lost its ledger is said once."""
        for id, worker in self.workers.items():
            if worker.problems and worker.session.ledger:
                with suppress(OSError):
                    registry.begin_ledger(self.place, id)

    def forget(self) -> None:
        """Contents that matter to nobody. Once nobody can have lost them: that may show only when the hook of whoever
        wrote over them has come to its end."""
        recent.forget(self.place, {id: worker.start for id, worker in self.workers.items()}, time.time() - HOUR)


def position_after(worker: Worker, stays: Callable[[bytes], bool]) -> int:
    """Up to where the session's edits are done once this commit is: those before the first whose path stays."""
    position = worker.position
    for edit in worker.edits:
        if edit.seq > worker.position:
            if stays(os.fsencode(edit.path)):
                break
            position = edit.seq
    return position


def tell(*words: object) -> None:
    """One line for the shell."""
    print("\t".join(str(word) or "-" for word in words))


def split(place: Place, objects: Objects, args: argparse.Namespace) -> None:
    """Find the commits and tell them."""
    found = SplitJob(place, objects, args)
    found.tell_commits()
    found.tell_what_stays()
    found.tell_problems()
    if not args.look:
        found.note_asking()
        found.note_lost_ledgers()
        if not args.files:
            found.tell_gone()
    found.forget()


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


# --- what the gates have left out -----------------------------------------------------
# Whose work it is what the gates have left out of a sync: who is at work here settles it, others only hear of it.


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
