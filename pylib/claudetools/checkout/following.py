"""Index and branch follow the tree: only for the paths of the advance, and by compare-and-swap."""

from __future__ import annotations

import os
import re
import time

from claudetools.checkout.plan import Journal
from claudetools.core import files, git, index
from claudetools.core.job import tell

LOCKED = re.compile(r"\.lock': File exists")
PATIENCE = 2.0  # seconds that another git command may hold the branch


class Followers:
    """Index and branch of one tree. `claim` is the lock's record of this run, `scratch` a folder of our own."""

    def __init__(self, top: str, git_dir: str, scratch: str, claim: str) -> None:
        self.top, self.git_dir, self.scratch, self.claim = top, git_dir, scratch, claim

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
        with index.locked_copy(self.git_dir, self.claim, self.scratch) as copy:
            held, flags = index.entries(self.top, copy, list(changes))
            entries = []
            for path, change in changes.items():
                now = held.get(path, index.ABSENT)
                entry = self.follow(change if now in sides(change) else tree.get(path, change), *now)
                if entry:
                    entries.append(entry)
                else:
                    tell("staged", files.shown(path))
            index.record(self.top, copy, entries, flags)

    def follow(self, change: git.Change, mode: str, oid: str) -> git.Change | None:
        """The change of an index entry that holds `mode` and `oid`. None: it stays as somebody staged it."""
        if (mode, oid) in sides(change):
            return change
        if {mode, change.old_mode, change.new_mode} - {git.REGULAR, git.EXECUTABLE}:
            return None
        merged = files.merge(
            self.scratch,
            git.blob(self.top, oid),
            git.blob(self.top, change.old_oid),
            git.blob(self.top, change.new_oid),
        )
        if merged is None:
            return None
        oid = git.store(self.top, merged)
        new_mode = mode if change.old_mode == change.new_mode else change.new_mode
        return change._replace(new_mode=new_mode, new_oid=oid)

    def move_ref(self, journal: Journal) -> bool:
        """Compare-and-swap of the branch. True as well when it holds NEW already (a run killed behind this step).

        GitError where a lock file of git's stays in the way: the next sync finishes this receive.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                move = ("update-ref", "-m", "sync: receive", journal.ref, journal.new, journal.old)
                git.run(self.top, *move, starts_programs=True)
                return True
            except git.GitError as error:
                if git.is_ancestor(self.top, journal.new, journal.ref):
                    return True
                if not LOCKED.search(str(error)):
                    return False
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)


def sides(change: git.Change) -> tuple[tuple[str, str], tuple[str, str]]:
    """Mode and oid of the old and the new side, as an index has them."""
    old = index.ABSENT if change.added else (change.old_mode, change.old_oid)
    new = index.ABSENT if change.deleted else (change.new_mode, change.new_oid)
    return old, new
