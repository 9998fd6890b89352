"""May a path take the other side's text, and how: judged before anything is written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from claudetools.checkout.plan import Plan, Step
from claudetools.core import files, git, index
from claudetools.core.job import tell

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

    def __init__(self, top: str, git_dir: str, plan: Plan, stamps: dict[bytes, files.Stamp]) -> None:
        self.top, self.git_dir, self.plan, self.stamps = top, git_dir, plan, stamps
        self.gone: set[bytes] = set()
        self.hidden: set[bytes] = set()
        self.waiting: set[bytes] = set()  # unsettled since an earlier receive: nothing is done to them here
        self.flags: dict[bytes, str] | None = None
        self.apart: list[tuple[git.Change, str]] = []  # not to be looked at by git, and edited: they wait alone

    def judge_all(self, changes: Sequence[git.Change]) -> tuple[list[Step], list[tuple[bytes, str]]]:
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

    def judge_content(self, change: git.Change, current: files.Content) -> Step:
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

    def judge_edited(self, change: git.Change, current: files.Content) -> Step:
        """Three-way merge on clean bytes, those that git would store."""
        if current.kind != "file" or git.SYMLINK in (change.old_mode, change.new_mode):
            raise Blocked("changed here and by the other side")
        mine = git.blob(self.top, self.clean_oid(change.path, current.data, store=True))
        old, new = (git.blob(self.top, oid) for oid in (change.old_oid, change.new_oid))
        if b"session-logs/" in change.path:
            from claudetools.merge import namesakes

            if namesakes.are_namesakes(new, mine):
                raise Blocked("another session's log of that name came in: the next sync gives this one another")
        merged = files.merge(self.plan.folder, mine, old, new)
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

    def based_on(self, current: files.Content, step: Step) -> Step:
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
