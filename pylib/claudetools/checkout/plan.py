"""What an advance is about to do, saved before it does it: the journal, the plan, the prepared files.

All of it lies in the state of the tree: `journal`, and in `swap/` `plan`, `plan.again` and `<number>` for each step.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress

from claudetools.core import files, git
from claudetools.core.light import NamedTuple

OID = re.compile(r"[0-9a-f]{40,64}")


class Damaged(Exception):
    """What was written down of an advance cannot be read: a machine that lost power leaves empty and torn files."""


class Journal(NamedTuple):
    """What is under way in this tree. stage: "swapping", or "stands" when only the tree got there."""

    base: str
    new: str
    ref: str
    old: str
    stage: str = "swapping"


class PathStep(NamedTuple):
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


class CheckoutPlan:
    """The steps of one advance and their prepared files, in `folder`."""

    def __init__(self, top: str, folder: str) -> None:
        self.top, self.folder = top, folder
        self.number = 0

    def begin(self) -> None:
        """An empty folder: a plan that was not carried out has changed nothing."""
        if os.path.isdir(self.folder):
            files.remove_folder(self.folder)
        os.makedirs(self.folder, mode=0o700)

    def drop(self) -> None:
        """Forget what was planned."""
        files.remove_folder(self.folder)

    def step(self, change: git.Change, action: str, mode: str = "", oid: str = "") -> PathStep:
        self.number += 1
        return PathStep(self.number, change, action, mode, oid)

    def place(self, step: PathStep) -> str:
        return os.path.join(self.folder, str(step.number))

    def prepared(self, all_steps: list[PathStep]) -> list[PathStep]:
        """The steps with their inodes: git has written the new files, with filters and modes, into `swap/<number>`."""
        steps = [s for s in all_steps if s.action in ("write", "create")]
        if not steps:
            return all_steps
        env = {"GIT_INDEX_FILE": os.path.join(self.folder, "index")}
        with contextlib.suppress(FileNotFoundError):
            os.unlink(env["GIT_INDEX_FILE"])
        entries = b"".join(b"%s %s 0\t%s\0" % (s.mode.encode(), s.oid.encode(), s.change.path) for s in steps)
        git.run(self.top, "update-index", "-z", "--index-info", stdin=entries, env=env)
        tree = os.path.join(self.folder, "tree")
        names = b"".join(s.change.path + b"\0" for s in steps)
        git.run(self.top, "checkout-index", "-q", "-f", "-z", "--stdin", f"--prefix={tree}/", stdin=names, env=env)
        inodes: dict[int, int] = {}
        for step in steps:
            made, place = os.path.join(os.fsencode(tree), step.change.path), self.place(step)
            os.rename(made, place)
            inodes[step.number] = os.lstat(place).st_ino
        files.remove_folder(tree)
        return [s._replace(inode=inodes.get(s.number, 0)) for s in all_steps]

    def save(self, steps: Iterable[PathStep]) -> None:
        files.write_whole(os.path.join(self.folder, "plan"), json.dumps([step_row(s) for s in steps]).encode())

    def replace(self, step: PathStep) -> None:
        """One more line for the same path; the last one counts."""
        with open(os.path.join(self.folder, "plan.again"), "a", encoding="utf-8") as file:
            file.write(json.dumps(step_row(step)) + "\n")

    def load(self) -> list[PathStep]:
        """The steps; [] when the swap folder has been put away already. Raises Damaged, OSError."""
        path = os.path.join(self.folder, "plan")
        try:
            with open(path, encoding="utf-8") as file:
                rows = json.load(file)
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise Damaged(path) from error
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.folder, "plan.again"), "rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    rows.append(json.loads(line))
        try:
            steps = {step.change.path: step for step in map(row_step, rows)}
        except (TypeError, ValueError) as error:
            raise Damaged(path) from error
        self.number = max([self.number, *(step.number for step in steps.values())])
        return list(steps.values())


def step_row(step: PathStep) -> list[object]:
    """A step as it is saved in the plan."""
    c = step.change
    change = [os.fsdecode(c.path), c.old_mode, c.new_mode, c.old_oid, c.new_oid]
    return [step.number, change, step.action, step.mode, step.oid, step.inode, step.used]


def row_step(row: list) -> PathStep:  # type: ignore[type-arg]
    """The step of a saved row."""
    number, (path, *sides), action, mode, oid, inode, used = row
    return PathStep(number, git.Change(os.fsencode(path), *sides), action, mode, oid, inode, used)


def save_journal(path: str, journal: Journal) -> None:
    """From here on the advance is under way: the next run finishes it if this one is killed."""
    files.write_whole(path, json.dumps(journal._asdict()).encode())


def read_journal(path: str) -> Journal | None:
    """The journal of this tree, None when nothing is under way. Raises Damaged, OSError."""
    try:
        with open(path, encoding="utf-8") as file:
            journal = Journal(**json.load(file))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise Damaged(path) from error
    if not all(isinstance(oid, str) and OID.fullmatch(oid) for oid in (journal.base, journal.new)):
        raise Damaged(path)
    return journal


# --- what the tree does not hold yet --------------------------------------------------
# Paths that came in and that the tree does not hold: the file `unsettled` in the tree's state.
#
# Each is held back by the snapshot (hold_unsettled_paths of gates.sh), and every sync tries again to bring it in,
# until the tree holds what HEAD has, or somebody takes what lies there. A record is two fields, each ended by a NUL:
# the path, and the reason with, on a line of its own, mode and oid of what the path held before.


NO_FILE = "000000"


class Unsettled(NamedTuple):
    """One path. `mode` is '' where an older version did not write down what was there before."""

    path: bytes
    reason: str
    mode: str = ""
    oid: str = ""


def read_unsettled(state: str) -> dict[bytes, Unsettled]:
    """The records of a tree, the first of each path: it names what the tree still holds."""
    found: dict[bytes, Unsettled] = {}
    with suppress(FileNotFoundError), open(os.path.join(state, "unsettled"), "rb") as file:
        fields = file.read().split(b"\0")
        for path, text in zip(fields[:-1:2], fields[1:-1:2], strict=False):
            reason, _, side = text.decode("utf-8", "replace").partition("\n")
            mode, _, oid = side.partition(" ")
            found.setdefault(path, Unsettled(path, reason, mode, oid))
    return found


def write_unsettled(state: str, records: dict[bytes, Unsettled]) -> None:
    """Replace the records; none: the file goes."""
    path = os.path.join(state, "unsettled")
    rows = (b"%s\0%s\n%s %s\0" % (r.path, r.reason.encode(), r.mode.encode(), r.oid.encode()) for r in records.values())
    if records:
        files.write_whole(path, b"".join(rows))
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)


def add_unsettled(state: str, change: git.Change, reason: str) -> None:
    """One more. Of a path that is in there already the older record counts: it names what the tree holds."""
    records = read_unsettled(state)
    records[change.path] = records.get(
        change.path, Unsettled(change.path, "", change.old_mode, change.old_oid)
    )._replace(reason=reason)
    write_unsettled(state, records)


def unsettled_changes(top: str, state: str, head: str) -> list[git.Change]:
    """What would have to be done to each of them, now that HEAD is `head`."""
    found = []
    for record in read_unsettled(state).values():
        mode, oid = git.entry(top, head, record.path)
        new_mode, new_oid = mode or NO_FILE, oid or "0" * len(head)
        # Where nobody knows what was there before, only a file that is missing can be brought in.
        old_mode, old_oid = (record.mode, record.oid) if record.mode else (NO_FILE, "0" * len(head))
        found.append(git.Change(record.path, old_mode, new_mode, old_oid, new_oid))
    return found
