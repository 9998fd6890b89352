"""Exchange one path at a time with its prepared file. A lost race makes a path unsettled, never wrong."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from claudetools.checkout.plan import CheckoutPlan, PathStep, add_unsettled
from claudetools.core import files, git, index
from claudetools.core.checkpoint import checkpoint
from claudetools.core.job import tell
from claudetools.text import front
from claudetools.text.lines import merge_texts

# --- judging --------------------------------------------------------------------------
# May a path take the other side's text, and how: judged before anything is written.


LATELY = 2.0  # seconds for which a program may be busy with a file


class Blocked(Exception):
    """The path cannot take the new content; the text says why."""


def is_machines_own(path: bytes) -> bool:
    """What belongs to this machine, in any case of letters: no commit may bring or take it (checks/machines-own.sh)."""
    return path.lower().startswith((b".claude/identity.json/", b".claudetools-resolve/")) or path.lower() in (
        b".claude/identity.json",
        b".claudetools-resolve",
    )


class Judge:
    """Judges the paths of one tree. `stamps` gets those of what it looked at."""

    def __init__(self, top: str, git_dir: str, plan: CheckoutPlan, stamps: dict[bytes, files.Stamp]) -> None:
        self.top, self.git_dir, self.plan, self.stamps = top, git_dir, plan, stamps
        self.gone: set[bytes] = set()
        self.hidden: set[bytes] = set()
        self.waiting: set[bytes] = set()  # unsettled since an earlier receive: nothing is done to them here
        self.flags: dict[bytes, str] | None = None
        self.apart: list[tuple[git.Change, str]] = []  # not to be looked at by git, and edited: they wait alone

    def judge_all(self, changes: Sequence[git.Change]) -> tuple[list[PathStep], list[tuple[bytes, str]]]:
        """The steps of all paths, and those that are blocked with the reason."""
        self.gone = {c.path for c in changes if c.deleted}
        self.hidden = index.hidden_paths(self.top, changes)
        self.apart = []
        steps, blocked = [], []
        for change in changes:
            self.stamps[change.path] = files.stamp(self.top, change.path)
            try:
                steps.append(self.when_calm(change.path, partial(self.judge, change)))
            except Blocked as reason:
                if flag := self.flag_of(change.path):
                    self.apart.append((change, f"{reason} ({flag})"))
                    steps.append(self.plan.step(change, "index"))
                else:
                    blocked.append((change.path, str(reason)))
        return steps, blocked

    def flag_of(self, path: bytes) -> str:
        """Why no sync would save an edit of this path, '' where one does."""
        if self.flags is None:
            _, self.flags = index.entries(self.top, os.path.join(self.git_dir, "index"))
        return self.flags.get(path, "")

    def when_calm(self, path: bytes, judge: Callable[[], PathStep]) -> PathStep:
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

    def judge(self, change: git.Change) -> PathStep:
        """The step for one path. Raises Blocked."""
        if is_machines_own(change.path):
            tell("own-untracked" if change.deleted else "own", files.shown(change.path))
            return self.plan.step(change, "index")
        if change.path in self.hidden | self.waiting or git.GITLINK in (change.old_mode, change.new_mode):
            return self.plan.step(change, "index")
        try:
            current = files.look_in_tree(self.top, change.path)
        except files.InTheWay as parent:
            parents = [change.path.rsplit(b"/", i)[0] for i in range(1, change.path.count(b"/") + 1)]
            if change.deleted:
                return self.plan.step(change, "index")
            if not any(p in self.gone for p in parents):
                raise Blocked(f"{files.shown(os.fsencode(str(parent)))} is a link or a file, not a folder") from None
            current = files.ABSENT
        except PermissionError:
            raise Blocked("cannot be read: permission denied") from None
        return self.judge_content(change, current)

    def judge_content(self, change: git.Change, current: files.Content) -> PathStep:
        """What to do given what the path holds now. Raises Blocked."""
        side = self.side_of(change, current)
        if change.deleted:
            if current.kind in ("absent", "folder"):
                return self.plan.step(change, "index")
            if side != "old":
                raise Blocked("edited here, deleted by the other side")
            return self.based_on(current, self.plan.step(change, "remove"))
        if current.kind == "absent":
            if not change.added:
                raise Blocked("deleted here, changed by the other side")
            return self.plan.step(change, "create", change.new_mode, change.new_oid)
        if side == "new" and (
            change.new_mode in (change.old_mode, git.SYMLINK)
            or current.executable == (change.new_mode == git.EXECUTABLE)
        ):
            return self.plan.step(change, "index")
        if side:
            return self.based_on(current, self.plan.step(change, "write", change.new_mode, change.new_oid))
        if not change.added:
            return self.judge_edited(change, current)
        if current.kind == "folder" and self.is_hollow(change.path):
            return self.plan.step(change, "create", change.new_mode, change.new_oid)
        what = {"folder": "a folder", "link": "a link"}.get(current.kind, "a file")
        raise Blocked(f"{what} of that name is here already, with other content, and git does not track it")

    def judge_edited(self, change: git.Change, current: files.Content) -> PathStep:
        """Three-way merge on clean bytes, those that git would store."""
        if current.kind != "file" or git.SYMLINK in (change.old_mode, change.new_mode):
            raise Blocked("changed here and by the other side")
        mine = git.blob(self.top, self.clean_oid(change.path, current.data, store=True))
        old, new = (git.blob(self.top, oid) for oid in (change.old_oid, change.new_oid))
        if b"session-logs/" in change.path and front.are_namesakes(new, mine):
            raise Blocked("another session's log of that name came in: the next sync gives this one another")
        merged = merge_texts(self.plan.folder, mine, old, new)
        if merged is None:
            raise Blocked("edited here, and the other side wrote other text at the same place")
        if merged == mine and change.old_mode == change.new_mode:
            return self.plan.step(change, "index")
        oid = git.store(self.top, merged)
        return self.based_on(current, self.plan.step(change, "write", change.new_mode, oid))

    def side_of(self, change: git.Change, current: files.Content) -> str:
        """Which side of the change the path holds, as git would store it: "new", "old" or ""."""
        for oid in self.oids(change, current):
            for side, mode, known in ("new", change.new_mode, change.new_oid), ("old", change.old_mode, change.old_oid):
                if oid == known and (mode == git.SYMLINK) == (current.kind == "link"):
                    return side
        return ""

    def oids(self, change: git.Change, current: files.Content) -> Iterator[str]:
        if current.kind in ("file", "link"):
            yield current.oid(change.new_oid)
        if current.kind == "file":
            yield self.clean_oid(change.path, current.data)

    def is_hollow(self, path: bytes) -> bool:
        """Only folders below, and files that go away: nobody else's bytes are in them."""
        top = os.fsencode(self.top)
        found = (os.path.join(at, n) for at, _, names in os.walk(os.path.join(top, path)) for n in names)
        return all(os.path.relpath(file, top) in self.gone for file in found)

    def based_on(self, current: files.Content, step: PathStep) -> PathStep:
        """Remember the bytes that this step is based on, for late writes."""
        if current.kind != "file":
            return step
        if current.oid(step.change.old_oid) == step.change.old_oid:
            return step._replace(used=f"blob:{step.change.old_oid}")
        files.write_whole(f"{self.plan.place(step)}.used", current.data)
        return step._replace(used="file")

    def clean_oid(self, path: bytes, data: bytes, store: bool = False) -> str:
        write = ("-w",) if store else ()
        args = ("hash-object", *write, f"--path={os.fsdecode(path)}", "--stdin")
        return git.run(self.top, *args, stdin=data).decode().strip()


# --------------------------------------------------------------------------------------


class Swaps:
    """Carries out steps of a plan. `merged` and `unsettled` are the paths where that is how it ended,
    `merged` with git's names of what lay there and of what does now."""

    def __init__(self, judge: Judge, tree_state: str) -> None:
        self.judge, self.state = judge, tree_state
        self.top, self.plan, self.stamps = judge.top, judge.plan, judge.stamps
        self.merged: dict[bytes, tuple[str, str]] = {}
        self.unsettled: dict[bytes, str] = {}  # with the reason
        self.gives_way = False  # there is no other side: whoever writes in the same moment has his way

    def perform(self, step: PathStep) -> int:
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

    def leave_unsettled(self, step: PathStep, reason: str) -> None:
        """The snapshot holds the path back until it is settled."""
        if not self.gives_way:
            add_unsettled(self.state, step.change, reason)
        self.unsettled[step.change.path] = reason
        tell("unsettled", files.shown(step.change.path), reason)

    def remove(self, step: PathStep) -> int:
        place, path = self.plan.place(step), step.change.path
        if os.path.lexists(place):
            return 0
        with contextlib.suppress(FileNotFoundError), files.parent_of(self.top, path) as (folder, name):
            before = files.look(folder, name)
            if before.kind != "absent" and self.judge.side_of(step.change, before) != "old":
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

    def create(self, step: PathStep) -> int:
        place = self.plan.place(step)
        if not os.path.lexists(place):
            return 0
        if os.lstat(place).st_nlink < 2:
            self.stamps[step.change.path] = files.stamp(self.plan.folder, os.fsencode(str(step.number)))
            with files.parent_of(self.top, step.change.path, make=True) as (folder, name):
                if files.look(folder, name).kind == "folder":
                    self.drop_hollow_folder(step.change.path)
                try:
                    os.link(place, name, dst_dir_fd=folder, follow_symlinks=False)
                except FileExistsError:
                    if self.judge.side_of(step.change, files.look(folder, name)) != "new":
                        raise Blocked("a file of that name was made here in the same moment") from None
            checkpoint("create-linked")
        os.unlink(place)
        return 1

    def drop_hollow_folder(self, path: bytes) -> None:
        """Folders only, one by one: rmdir refuses where somebody has put something meanwhile."""
        for at, _, _ in os.walk(os.path.join(os.fsencode(self.top), path), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(at)

    def write(self, step: PathStep) -> int:
        if files.was_exchanged(self.plan.place(step), step.inode):
            self.note_merged(step)
            return 0
        step = self.judge.when_calm(step.change.path, partial(self.fit, step))
        if step.action == "index":
            return 0
        place, path = self.plan.place(step), step.change.path
        with files.parent_of(self.top, path) as (folder, name):
            current = files.look(folder, name)
            if current.kind == "file" and step.mode != git.SYMLINK:
                os.chmod(place, permissions(step.change, current))
            stamp = files.stamp(self.plan.folder, os.fsencode(str(step.number)))
            checkpoint("exchange")
            files.exchange(place, folder, name)
            taken = files.look(None, place)
            if taken.kind != current.kind or (self.gives_way and taken.data != current.data):
                files.exchange(place, folder, name)
                raise Blocked("something else was put here in the same moment")
        self.stamps[path] = stamp
        self.note_merged(step)
        return 1

    def note_merged(self, step: PathStep) -> None:
        """Where the path got something else than the other side's text: that this was so, also of a killed run's."""
        if step.merged:
            with open(f"{self.plan.place(step)}.used", "rb") as file:
                self.merged[step.change.path] = (git.store(self.top, file.read()), step.oid)

    def fit(self, step: PathStep) -> PathStep:
        """The step, or another one if the path was edited after the plan was made: prepared and in the plan as well."""
        current = files.look_in_tree(self.top, step.change.path)
        if self.is_used(step, current):
            return step
        again = self.judge.judge_content(step.change, current)
        if again.action in ("remove", "create"):
            raise Blocked("deleted here, changed by the other side")
        if again.action == "write":
            again = self.plan.prepared([again])[0]
        self.plan.replace(again)
        return again

    def is_used(self, step: PathStep, current: files.Content) -> bool:
        """Whether the path still holds what the plan was made for."""
        if current.kind == "link":
            return not step.used and self.judge.side_of(step.change, current) == "old"
        if current.kind != "file" or not step.used:
            return False
        kind, _, oid = step.used.partition(":")
        if kind == "blob":
            return current.oid(oid) == oid
        with open(f"{self.plan.place(step)}.used", "rb") as file:
            return file.read() == current.data

    def place_submodule(self, change: git.Change) -> None:
        """An empty folder, as git makes it: without one a submodule counts as deleted. A filled one is its user's."""
        with contextlib.suppress(OSError, files.InTheWay):
            if change.new_mode == git.GITLINK:
                with files.parent_of(self.top, change.path, make=True) as (folder, name):
                    os.mkdir(name, dir_fd=folder)
            elif change.deleted:
                os.rmdir(os.path.join(os.fsencode(self.top), change.path))
                self.drop_empty_folders(change.path)


def permissions(change: git.Change, current: files.Content) -> int:
    """Those of the file in the tree; of git's own bit only a change is followed."""
    if change.old_mode == change.new_mode:
        return current.permissions
    if change.new_mode == git.EXECUTABLE:
        return current.permissions | (current.permissions & 0o444) >> 2
    return current.permissions & ~0o111
