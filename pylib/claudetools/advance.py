"""Bring the shared tree from one commit to another, file by file, by compare-and-swap.

    BASE   the commit that the tree holds now, apart from edits
    NEW    the commit that it shall hold
    REF    the branch, moved from OLD to NEW at the very end

1. Every path is judged first. If one of them cannot take NEW, nothing is written at all.
2. The new files are prepared beside the tree (`swap/<number>`, written by git, filters and modes applied), the plan
   and the journal are saved.
3. Each prepared file is exchanged with the one in the tree. The old inode is then at `swap/<number>`: so after a
   crash the inode number tells whether that step was done, and late writes to it are carried over (late.py).
4. Index, then branch. If the branch moved meanwhile the tree is NOT put back: it holds NEW, the journal says so
   (stage "stands"), and the caller goes round again with NEW as the tree's base.
5. Whoever had read BASE and wrote only now (an editor, `git checkout -- F`, `git stash`) has taken NEW out of the tree
   again: such paths go round once more, or the next commit would undo the other side's work.

Lines on stdout, tab-separated: `exchanged TIME` (before the first one), `swapped N`, `merged PATH`,
`blocked PATH REASON`, `unsettled PATH REASON`, `late PATH`, `late-conflict PATH COPY`, `staged PATH`. Exit status:
0 done, 3 blocked and nothing written, 4 the branch had moved, 5 another git has the index, 70 anything else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from claudetools import files, git, index, late
from claudetools.checkpoint import checkpoint
from claudetools.options import read_options

DONE, BLOCKED, MOVED, BUSY, INTERNAL = 0, 3, 4, 5, 70
NOTHING = -1  # never an exit status: a further round had nothing to do
LATELY = 2.0  # seconds for which a program may be busy with a file
AGAIN = 5  # rounds for paths that others wrote back to what they had been


class Journal(NamedTuple):
    """What is under way in this tree. stage: "swapping", or "stands" when only the tree got there."""

    base: str
    new: str
    ref: str
    old: str
    stage: str = "swapping"


class Step(NamedTuple):
    """What happens at one path. `used` is late.Kept's; `inode` that of the prepared file.

    A new decision for a path gets a new number, so that the files of a number always belong to one decision.
    """

    number: int
    change: git.Change
    action: str  # "write", "create", "remove" or "index" (nothing on disk)
    mode: str = ""
    oid: str = ""
    inode: int = 0
    used: str = ""

    @property
    def merged(self) -> bool:
        """Whether the path gets something else than the other side's text."""
        return self.action == "write" and self.oid != self.change.new_oid


class Blocked(Exception):
    """The path cannot take the new content; the text says why."""


class Advance:
    """One tree and its state folder. `claim` is the lock's record of this run."""

    def __init__(self, top: str, git_dir: str, tree_state: str, claim: str) -> None:
        self.top, self.git_dir, self.state, self.claim = top, git_dir, tree_state, claim
        self.journal_path = os.path.join(tree_state, "journal")
        self.swap = os.path.join(tree_state, "swap")
        self.algorithm = "sha1"
        self.number = 0
        self.gone: set[bytes] = set()
        self.hidden: set[bytes] = set()
        self.merged: set[bytes] = set()
        self.unsettled: set[bytes] = set()
        self.stamps: dict[bytes, files.Stamp] = {}  # of paths that this run judged or wrote

    # --- judging, before anything is written --------------------------------

    def begin(self, journal: Journal, again: int = 0) -> int:
        """Judge, prepare and carry out an advance; `again` counts the rounds for what was written back."""
        if os.stat(self.state).st_dev != os.stat(self.top).st_dev:
            raise OSError("this folder and its .git lie on different file systems: files cannot be exchanged there")
        if not again and not journal.ref and os.path.exists(self.journal_path):
            # A restore may not forget on which commit the tree stands.
            raise OSError("what came in last is not settled yet; run a sync first")
        if os.path.isdir(self.swap):
            shutil.rmtree(self.swap)
        os.makedirs(self.swap, mode=0o700)
        self.algorithm = "sha1" if len(journal.new) == 40 else "sha256"
        changes = git.changes(self.top, journal.base, journal.new)
        self.gone = {c.path for c in changes if c.deleted}
        self.hidden = index.hidden_paths(self.top, changes)
        ours = set(self.stamps)
        steps, blocked = self.judge_all(changes)
        if again:
            # What is there else was edited on top of NEW: it stays.
            steps = [s for s in steps if s.action != "index" and (s.change.path in ours or not s.merged)]
            steps = [s for s in steps if s.change.path not in self.unsettled]
            if not steps:
                shutil.rmtree(self.swap)
                return NOTHING
        elif blocked:
            for path, text in blocked:
                tell("blocked", files.shown(path), text)
            shutil.rmtree(self.swap)
            return BLOCKED
        self.save_plan(self.prepared(steps))
        checkpoint("advance-plan")
        self.save_journal(journal)
        checkpoint("advance-journal")
        return self.carry_out(journal, again)

    def judge_all(self, changes: Sequence[git.Change]) -> tuple[list[Step], list[tuple[bytes, str]]]:
        steps, blocked = [], []
        for change in changes:
            self.stamps[change.path] = files.stamp(self.top, change.path)
            try:
                steps.append(self.when_calm(change.path, partial(self.judge, change)))
            except Blocked as reason:
                blocked.append((change.path, str(reason)))
        return steps, blocked

    def when_calm(self, path: bytes, judge: Callable[[], Step]) -> Step:
        """A file that is being rewritten is cut off or missing for a moment: a refusal counts once it is still."""
        deadline = time.monotonic() + LATELY
        still = 0
        while True:
            before = files.stamp(self.top, path)
            try:
                return judge()
            except Blocked:
                if still == 3 or time.monotonic() > deadline or not files.moved_lately(self.top, path, LATELY):
                    raise
            time.sleep(0.01)
            still = still + 1 if files.stamp(self.top, path) == before else 0

    def judge(self, change: git.Change) -> Step:
        """The step for one path. Raises Blocked."""
        if change.path in self.hidden or git.GITLINK in (change.old_mode, change.new_mode):
            return self.step(change, "index")
        try:
            current = files.look_in_tree(self.top, change.path)
        except files.InTheWay as parent:
            parents = [change.path.rsplit(b"/", i)[0] for i in range(1, change.path.count(b"/") + 1)]
            if change.deleted:
                return self.step(change, "index")
            if not any(p in self.gone for p in parents):
                raise Blocked(f"{files.shown(os.fsencode(str(parent)))} is a link or a file, not a folder") from None
            current = files.ABSENT
        except PermissionError:
            raise Blocked("cannot be read: permission denied") from None
        return self.judge_content(change, current)

    def step(self, change: git.Change, action: str, mode: str = "", oid: str = "") -> Step:
        self.number += 1
        return Step(self.number, change, action, mode, oid)

    def judge_content(self, change: git.Change, current: files.Content) -> Step:
        """What to do given what the path holds now. Raises Blocked."""
        side = self.side_of(change, current)
        if change.deleted:
            if current.kind in ("absent", "folder"):
                return self.step(change, "index")
            if side != "old":
                raise Blocked("edited here, deleted by the other side")
            return self.based_on(current, self.step(change, "remove"))
        if current.kind == "absent":
            if not change.added:
                raise Blocked("deleted here, changed by the other side")
            return self.step(change, "create", change.new_mode, change.new_oid)
        if side == "new" and (
            change.new_mode in (change.old_mode, git.SYMLINK)
            or current.executable == (change.new_mode == git.EXECUTABLE)
        ):
            return self.step(change, "index")
        if side:
            return self.based_on(current, self.step(change, "write", change.new_mode, change.new_oid))
        if not change.added:
            return self.judge_edited(change, current)
        if current.kind == "folder" and self.is_hollow(change.path):
            return self.step(change, "create", change.new_mode, change.new_oid)
        what = {"folder": "a folder", "link": "a link"}.get(current.kind, "a file")
        raise Blocked(f"{what} of that name is here already, with other content, and git does not track it")

    def judge_edited(self, change: git.Change, current: files.Content) -> Step:
        """Three-way merge on clean bytes, those that git would store."""
        if current.kind != "file" or git.SYMLINK in (change.old_mode, change.new_mode):
            raise Blocked("changed here and by the other side")
        mine = self.blob(self.clean_oid(change.path, current.data, store=True))
        merged = files.merge(self.swap, mine, self.blob(change.old_oid), self.blob(change.new_oid))
        if merged is None:
            raise Blocked("edited here, and the other side wrote other text at the same place")
        if merged == mine and change.old_mode == change.new_mode:
            return self.step(change, "index")
        oid = git.run(self.top, "hash-object", "-w", "--stdin", stdin=merged).decode().strip()
        return self.based_on(current, self.step(change, "write", change.new_mode, oid))

    def side_of(self, change: git.Change, current: files.Content) -> str:
        """Which side of the change the path holds, as git would store it: "new", "old" or ""."""
        for oid in self.oids(change.path, current):
            for side, mode, known in ("new", change.new_mode, change.new_oid), ("old", change.old_mode, change.old_oid):
                if oid == known and (mode == git.SYMLINK) == (current.kind == "link"):
                    return side
        return ""

    def oids(self, path: bytes, current: files.Content) -> Iterator[str]:
        if current.kind in ("file", "link"):
            yield current.oid(self.algorithm)
        if current.kind == "file":
            yield self.clean_oid(path, current.data)

    def is_hollow(self, path: bytes) -> bool:
        """Only folders below, and files that go away: nobody else's bytes are in them."""
        top = os.fsencode(self.top)
        found = (os.path.join(at, n) for at, _, names in os.walk(os.path.join(top, path)) for n in names)
        return all(os.path.relpath(file, top) in self.gone for file in found)

    def based_on(self, current: files.Content, step: Step) -> Step:
        """Remember the bytes that this step is based on, for late writes."""
        if current.kind != "file":
            return step
        if current.oid(self.algorithm) == step.change.old_oid:
            return step._replace(used=f"blob:{step.change.old_oid}")
        files.write_whole(f"{self.place(step)}.used", current.data)
        return step._replace(used="file")

    def clean_oid(self, path: bytes, data: bytes, store: bool = False) -> str:
        write = ("-w",) if store else ()
        args = ("hash-object", *write, f"--path={os.fsdecode(path)}", "--stdin")
        return git.run(self.top, *args, stdin=data).decode().strip()

    def blob(self, oid: str) -> bytes:
        return git.run(self.top, "cat-file", "blob", oid)

    # --- preparing -----------------------------------------------------------

    def prepared(self, all_steps: list[Step]) -> list[Step]:
        """The steps with their inodes: git has written the new files, with filters and modes, into `swap/<number>`."""
        steps = [s for s in all_steps if s.action in ("write", "create")]
        if not steps:
            return all_steps
        env = {"GIT_INDEX_FILE": os.path.join(self.swap, "index")}
        with contextlib.suppress(FileNotFoundError):
            os.unlink(env["GIT_INDEX_FILE"])
        entries = b"".join(b"%s %s 0\t%s\0" % (s.mode.encode(), s.oid.encode(), s.change.path) for s in steps)
        git.run(self.top, "update-index", "-z", "--index-info", stdin=entries, env=env)
        tree = os.path.join(self.swap, "tree")
        names = b"".join(s.change.path + b"\0" for s in steps)
        git.run(self.top, "checkout-index", "-q", "-f", "-z", "--stdin", f"--prefix={tree}/", stdin=names, env=env)
        inodes: dict[int, int] = {}
        for step in steps:
            made, place = os.path.join(os.fsencode(tree), step.change.path), self.place(step)
            os.rename(made, place)
            inodes[step.number] = os.lstat(place).st_ino
        shutil.rmtree(tree)
        return [s._replace(inode=inodes.get(s.number, 0)) for s in all_steps]

    def place(self, step: Step) -> str:
        return os.path.join(self.swap, str(step.number))

    # --- the swaps -----------------------------------------------------------

    def finish(self, journal: Journal) -> int:
        """Complete what a killed run began."""
        self.algorithm = "sha1" if len(journal.new) == 40 else "sha256"
        if journal.stage == "swapping" and journal.old != journal.new and self.ref_contains(journal):
            # Killed just before the end, or somebody has pulled NEW since: git itself looked after the tree.
            self.keep_late()
            os.unlink(self.journal_path)
            return DONE
        return self.carry_out(journal, 0)

    def carry_out(self, journal: Journal, again: int) -> int:
        """Everything from the journal on. After a crash it is simply done again."""
        if journal.ref and not self.on_branch(journal):
            return MOVED
        if journal.stage == "swapping":
            self.perform_all()
            self.keep_late()
            checkpoint("advance-kept")
            self.carry_late_writes()
            if journal.ref:
                self.record_index(journal)
        index_before = files.stamp(self.git_dir, b"index")
        checkpoint("advance-index")
        arrived = not journal.ref or self.move_ref(journal)
        checkpoint("advance-ref")
        if journal.ref and files.stamp(self.git_dir, b"index") != index_before:
            self.record_index(journal)
        if again < AGAIN and self.was_written_to(journal):
            old = journal.new if arrived else journal.old
            status = self.begin(journal._replace(old=old, stage="swapping"), again + 1)
            if status != NOTHING:
                return status
        if not arrived:
            self.save_journal(journal._replace(stage="stands"))
            return MOVED
        checkpoint("advance-done")
        os.unlink(self.journal_path)
        return DONE

    def perform_all(self) -> None:
        """Removals first: a file may have to make room for a folder."""
        steps = sorted(self.load_plan(), key=lambda s: s.action != "remove")
        swapped = 0
        tell("exchanged", repr(time.time()))
        for n, step in enumerate((s for s in steps if s.action != "index"), 1):
            checkpoint(f"swap-{n}")
            swapped += self.perform(step)
            checkpoint(f"swapped-{n}")
        for step in steps:
            if git.GITLINK in (step.change.old_mode, step.change.new_mode):
                self.place_submodule(step.change)
        tell("swapped", str(swapped))
        for path in sorted(self.merged):
            tell("merged", files.shown(path))
        self.merged.clear()

    def place_submodule(self, change: git.Change) -> None:
        """An empty folder, as git makes it: without one a submodule counts as deleted. A filled one is its user's."""
        with contextlib.suppress(OSError, files.InTheWay):
            if change.new_mode == git.GITLINK:
                with files.parent_of(self.top, change.path, make=True) as (folder, name):
                    os.mkdir(name, dir_fd=folder)
            elif change.deleted:
                os.rmdir(os.path.join(os.fsencode(self.top), change.path))
                self.drop_empty_folders(change.path)

    def perform(self, step: Step) -> int:
        """One path. 1 if the tree changed now, else 0. Losing a race makes the path unsettled, never wrong."""
        try:
            return {"remove": self.remove, "create": self.create, "write": self.write}[step.action](step)
        except Blocked as reason:
            self.leave_unsettled(step, str(reason))
        except files.InTheWay:
            self.leave_unsettled(step, "a link stands where a folder has to be")
        except FileNotFoundError:
            self.leave_unsettled(step, "deleted here, changed by the other side")
        except OSError as error:
            self.leave_unsettled(step, error.strerror or "cannot be written")
        return 0

    def leave_unsettled(self, step: Step, reason: str) -> None:
        """The snapshot holds the path back until it is settled. Read by hold_unsettled_paths of gates.sh."""
        with open(os.path.join(self.state, "unsettled"), "ab") as file:
            file.write(step.change.path + b"\0" + reason.encode() + b"\0")
        self.unsettled.add(step.change.path)
        tell("unsettled", files.shown(step.change.path), reason)

    def remove(self, step: Step) -> int:
        place, path = self.place(step), step.change.path
        if os.path.lexists(place):
            return 0
        with contextlib.suppress(FileNotFoundError), files.parent_of(self.top, path) as (folder, name):
            before = files.look(folder, name)
            if before.kind != "absent" and self.side_of(step.change, before) != "old":
                raise Blocked("edited here, deleted by the other side")
            os.rename(name, place, src_dir_fd=folder)
            if files.look(None, place) != before:
                with contextlib.suppress(FileExistsError):
                    os.link(place, name, dst_dir_fd=folder, follow_symlinks=False)
                raise Blocked("edited here, deleted by the other side")
            self.stamps[path] = None
            self.drop_empty_folders(path)
            return 1
        return 0

    def drop_empty_folders(self, path: bytes) -> None:
        top = os.fsencode(self.top)
        while b"/" in path:
            path = path.rsplit(b"/", 1)[0]
            try:
                os.rmdir(os.path.join(top, path))
            except OSError:
                return

    def create(self, step: Step) -> int:
        place = self.place(step)
        if not os.path.lexists(place):
            return 0
        if os.lstat(place).st_nlink < 2:
            self.stamps[step.change.path] = files.stamp(self.swap, os.fsencode(str(step.number)))
            with files.parent_of(self.top, step.change.path, make=True) as (folder, name):
                if files.look(folder, name).kind == "folder":
                    self.drop_hollow_folder(step.change.path)
                try:
                    os.link(place, name, dst_dir_fd=folder, follow_symlinks=False)
                except FileExistsError:
                    if self.side_of(step.change, files.look(folder, name)) != "new":
                        raise Blocked("a file of that name was made here in the same moment") from None
            checkpoint("create-linked")
        os.unlink(place)
        return 1

    def drop_hollow_folder(self, path: bytes) -> None:
        """Folders only, one by one: rmdir refuses where somebody has put something meanwhile."""
        for at, _, _ in os.walk(os.path.join(os.fsencode(self.top), path), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(at)

    def write(self, step: Step) -> int:
        if files.was_exchanged(self.place(step), step.inode):
            return 0
        step = self.when_calm(step.change.path, partial(self.fit, step))
        if step.action == "index":
            return 0
        place, path = self.place(step), step.change.path
        with files.parent_of(self.top, path) as (folder, name):
            current = files.look(folder, name)
            if current.kind == "file" and step.mode != git.SYMLINK:
                os.chmod(place, permissions(step.change, current))
            stamp = files.stamp(self.swap, os.fsencode(str(step.number)))
            files.exchange(place, folder, name)
            if files.look(None, place).kind != current.kind:
                files.exchange(place, folder, name)
                raise Blocked("something else was put here in the same moment")
        self.stamps[path] = stamp
        if step.merged:
            self.merged.add(path)
        return 1

    def fit(self, step: Step) -> Step:
        """The step, or another one if the path was edited after the plan was made: prepared and in the plan as well."""
        current = files.look_in_tree(self.top, step.change.path)
        if self.is_used(step, current):
            return step
        again = self.judge_content(step.change, current)
        if again.action in ("remove", "create"):
            raise Blocked("deleted here, changed by the other side")
        if again.action == "write":
            again = self.prepared([again])[0]
        self.replace_in_plan(again)
        return again

    def is_used(self, step: Step, current: files.Content) -> bool:
        """Whether the path still holds what the plan was made for."""
        if current.kind == "link":
            return not step.used and self.side_of(step.change, current) == "old"
        if current.kind != "file" or not step.used:
            return False
        kind, _, oid = step.used.partition(":")
        if kind == "blob":
            return current.oid(self.algorithm) == oid
        with open(f"{self.place(step)}.used", "rb") as file:
            return file.read() == current.data

    # --- index and branch ----------------------------------------------------

    def on_branch(self, journal: Journal) -> bool:
        with open(os.path.join(self.git_dir, "HEAD"), encoding="utf-8") as file:
            return file.read().strip() == f"ref: {journal.ref}"

    def record_index(self, journal: Journal) -> None:
        """The index follows for exactly these paths. What somebody staged is merged, or left alone where it conflicts:
        a plain commit of it would otherwise take the other side's text out again."""
        tree = {c.path: c for c in git.changes(self.top, journal.base, journal.new)}
        # After a cut-off receive the tree may stand on another commit than the branch, whose entries the index has.
        apart = journal.old.strip("0") and journal.old != journal.base
        branch = {c.path: c for c in git.changes(self.top, journal.old, journal.new)} if apart else {}
        changes = tree | branch
        if not changes:
            return
        with index.locked_copy(self.git_dir, self.claim, self.state) as copy:
            held = index.entries(self.top, copy, list(changes))
            entries = []
            for path, change in changes.items():
                now = held.get(path, index.ABSENT)
                entry = self.follow(change if now in sides(change) else tree.get(path, change), *now)
                if entry:
                    entries.append(entry)
                else:
                    tell("staged", files.shown(path))
            index.record(self.top, copy, entries)

    def follow(self, change: git.Change, mode: str, oid: str) -> git.Change | None:
        """The change of an index entry that holds `mode` and `oid`. None: it stays as somebody staged it."""
        if (mode, oid) in sides(change):
            return change
        if {mode, change.old_mode, change.new_mode} - {git.REGULAR, git.EXECUTABLE}:
            return None
        merged = files.merge(self.state, self.blob(oid), self.blob(change.old_oid), self.blob(change.new_oid))
        if merged is None:
            return None
        oid = git.run(self.top, "hash-object", "-w", "--stdin", stdin=merged).decode().strip()
        new_mode = mode if change.old_mode == change.new_mode else change.new_mode
        return change._replace(new_mode=new_mode, new_oid=oid)

    def move_ref(self, journal: Journal) -> bool:
        """Compare-and-swap of the branch. True as well when it holds NEW already (a run killed behind this step)."""
        try:
            git.run(self.top, "update-ref", "-m", "sync: receive", journal.ref, journal.new, journal.old)
            return True
        except git.GitError:
            return self.ref_contains(journal)

    def ref_contains(self, journal: Journal) -> bool:
        try:
            git.run(self.top, "merge-base", "--is-ancestor", journal.new, journal.ref)
            return True
        except git.GitError:
            return False

    def was_written_to(self, journal: Journal) -> bool:
        """Whether a path has another stamp than we gave it. Paths of a killed run have none: they are looked at."""
        return any(
            c.path not in self.stamps or files.stamp(self.top, c.path) != self.stamps[c.path]
            for c in git.changes(self.top, journal.base, journal.new)
            if c.path not in self.unsettled
        )

    # --- what is saved -------------------------------------------------------

    def save_journal(self, journal: Journal) -> None:
        files.write_whole(self.journal_path, json.dumps(journal._asdict()).encode())

    def save_plan(self, steps: list[Step]) -> None:
        files.write_whole(os.path.join(self.swap, "plan"), json.dumps([step_row(s) for s in steps]).encode())

    def replace_in_plan(self, step: Step) -> None:
        """One more line for the same path; the last one counts."""
        with open(os.path.join(self.swap, "plan.again"), "a", encoding="utf-8") as file:
            file.write(json.dumps(step_row(step)) + "\n")

    def load_plan(self) -> list[Step]:
        """The steps; [] when the swap folder has been put away already."""
        try:
            with open(os.path.join(self.swap, "plan"), encoding="utf-8") as file:
                rows = json.load(file)
        except FileNotFoundError:
            return []
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.swap, "plan.again"), "rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    rows.append(json.loads(line))
        steps = {step.change.path: step for step in map(row_step, rows)}
        self.number = max([self.number, *(step.number for step in steps.values())])
        return list(steps.values())

    def keep_late(self) -> None:
        """Put the old inodes away, to `late/<time>`, where late writes to them are looked for."""
        if not os.path.isdir(self.swap):
            return
        kept = []
        for step in self.load_plan():
            with contextlib.suppress(FileNotFoundError):
                if step.used and os.lstat(self.place(step)).st_ino != step.inode:
                    kept.append(late.Kept(step.number, step.change.path, step.used))
        late.Shelf(self.top, self.swap, kept).save()
        root = os.path.join(self.state, "late")
        os.makedirs(root, mode=0o700, exist_ok=True)
        place = os.path.join(root, str(time.time_ns()))
        os.rename(self.swap, place)
        if not kept:
            shutil.rmtree(place)

    def carry_late_writes(self) -> None:
        carried, conflicts = late.look(self.top, self.state)
        for path in carried:
            tell("late", files.shown(path))
        for path, copy in conflicts:
            tell("late-conflict", files.shown(path), copy)


def sides(change: git.Change) -> tuple[tuple[str, str], tuple[str, str]]:
    """Mode and oid of the old and the new side, as an index has them."""
    old = index.ABSENT if change.added else (change.old_mode, change.old_oid)
    new = index.ABSENT if change.deleted else (change.new_mode, change.new_oid)
    return old, new


def permissions(change: git.Change, current: files.Content) -> int:
    """Those of the file in the tree; of git's own bit only a change is followed."""
    if change.old_mode == change.new_mode:
        return current.permissions
    if change.new_mode == git.EXECUTABLE:
        return current.permissions | (current.permissions & 0o444) >> 2
    return current.permissions & ~0o111


def step_row(step: Step) -> list[object]:
    """A step as it is saved in the plan."""
    c = step.change
    change = [os.fsdecode(c.path), c.old_mode, c.new_mode, c.old_oid, c.new_oid]
    return [step.number, change, step.action, step.mode, step.oid, step.inode, step.used]


def row_step(row: list) -> Step:  # type: ignore[type-arg]
    """The step of a saved row."""
    number, (path, *sides), action, mode, oid, inode, used = row
    return Step(number, git.Change(os.fsencode(path), *sides), action, mode, oid, inode, used)


def read_journal(path: str) -> Journal | None:
    """The journal of this tree, None when nothing is under way."""
    try:
        with open(path, encoding="utf-8") as file:
            return Journal(**json.load(file))
    except FileNotFoundError:
        return None


def tell(*words: str) -> None:
    """One line for the shell."""
    print("\t".join(words))


def run_job(advance: Advance, job: str, journal: Journal) -> int:
    """One of the four jobs; its exit status."""
    if job == "begin":
        return advance.begin(journal)
    if job == "finish":
        left = read_journal(advance.journal_path)
        return advance.finish(left) if left else DONE
    if job == "index":
        advance.record_index(journal)
    elif job == "late":
        advance.carry_late_writes()
    else:
        raise ValueError(f"no such job: {job}")
    return DONE


def main(argv: list[str]) -> int:
    """See the module."""
    job = argv[0] if argv else ""
    args = read_options(
        argv[1:], ("top", "git_dir", "tree_state", "claim"), {"base": "", "new": "", "ref": "", "old": ""}
    )
    journal = Journal(args["base"], args["new"], args["ref"], args["old"])
    advance = Advance(args["top"], args["git_dir"], args["tree_state"], args["claim"])
    try:
        return run_job(advance, job, journal)
    except index.IndexBusy as error:
        print(f"{error} is held by another git command", file=sys.stderr)
        return BUSY
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return INTERNAL
