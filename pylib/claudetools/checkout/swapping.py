"""Exchange one path at a time with its prepared file. A lost race makes a path unsettled, never wrong."""

from __future__ import annotations

import contextlib
import os
from functools import partial

from claudetools.checkout import unsettled
from claudetools.checkout.judging import Blocked, Judge
from claudetools.checkout.plan import Step
from claudetools.core import files, git
from claudetools.core.checkpoint import checkpoint
from claudetools.core.job import tell


class Swaps:
    """Carries out steps of a plan. `merged` and `unsettled` are the paths where that is how it ended,
    `merged` with git's names of what lay there and of what does now."""

    def __init__(self, judge: Judge, tree_state: str) -> None:
        self.judge, self.state = judge, tree_state
        self.top, self.plan, self.stamps = judge.top, judge.plan, judge.stamps
        self.merged: dict[bytes, tuple[str, str]] = {}
        self.unsettled: dict[bytes, str] = {}  # with the reason
        self.gives_way = False  # there is no other side: whoever writes in the same moment has his way

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
        """The snapshot holds the path back until it is settled."""
        if not self.gives_way:
            unsettled.add(self.state, step.change, reason)
        self.unsettled[step.change.path] = reason
        tell("unsettled", files.shown(step.change.path), reason)

    def remove(self, step: Step) -> int:
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

    def create(self, step: Step) -> int:
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

    def write(self, step: Step) -> int:
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

    def note_merged(self, step: Step) -> None:
        """Where the path got something else than the other side's text: that this was so, also of a killed run's."""
        if step.merged:
            with open(f"{self.plan.place(step)}.used", "rb") as file:
                self.merged[step.change.path] = (git.store(self.top, file.read()), step.oid)

    def fit(self, step: Step) -> Step:
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

    def is_used(self, step: Step, current: files.Content) -> bool:
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
