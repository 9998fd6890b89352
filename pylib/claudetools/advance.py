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

Lines on stdout, tab-separated: `swapped N`, `merged PATH`, `blocked PATH REASON`, `unsettled PATH REASON`,
`late PATH`. Exit status: 0 done, 3 blocked and nothing written, 4 the branch had moved, 5 another git has the index,
70 anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass

from claudetools import files, git, index, late

DONE, BLOCKED, MOVED, BUSY, INTERNAL = 0, 3, 4, 5, 70


@dataclass
class Journal:
    """What is under way in this tree. stage: "swapping", or "stands" when only the tree got there."""

    base: str
    new: str
    ref: str
    old: str
    stage: str = "swapping"


@dataclass
class Step:
    """What happens at one path. `used` is late.Kept's; `inode` that of the prepared file."""

    number: int
    change: git.Change
    action: str  # "write", "create", "remove" or "index" (nothing on disk)
    mode: str = ""
    oid: str = ""
    inode: int = 0
    used: str = ""


class Blocked(Exception):
    """The path cannot take the new content; the text says why."""


class Advance:
    """One tree and its state folder. `claim` is the lock's record of this run."""

    def __init__(self, top: str, git_dir: str, tree_state: str, claim: str) -> None:
        self.top, self.git_dir, self.state, self.claim = top, git_dir, tree_state, claim
        self.journal_path = os.path.join(tree_state, "journal")
        self.swap = os.path.join(tree_state, "swap")
        self.merged: list[bytes] = []
        self.unsettled: list[tuple[git.Change, str]] = []
        self.gone: set[bytes] = set()

    # --- judging, before anything is written --------------------------------

    def begin(self, journal: Journal) -> int:
        """Judge, prepare and carry out a new advance."""
        if os.stat(self.state).st_dev != os.stat(self.top).st_dev:
            raise OSError("this folder and its .git lie on different file systems: files cannot be exchanged there")
        if os.path.isdir(self.swap):
            shutil.rmtree(self.swap)
        os.makedirs(self.swap, mode=0o700)
        self.algorithm = "sha1" if len(journal.new) == 40 else "sha256"
        changes = git.changes(self.top, journal.base, journal.new)
        steps, blocked = [], []
        self.gone = {c.path for c in changes if c.deleted}
        hidden = self.hidden_paths()
        for number, change in enumerate(changes):
            try:
                steps.append(self.judge(number, change, hidden))
            except Blocked as reason:
                blocked.append((change.path, str(reason)))
        if blocked:
            for path, text in blocked:
                tell("blocked", files.shown(path), text)
            shutil.rmtree(self.swap)
            return BLOCKED
        self.prepare([s for s in steps if s.action in ("write", "create")])
        self.save_plan(steps)
        self.save_journal(journal)
        return self.carry_out(journal)

    def hidden_paths(self) -> set[bytes]:
        """Skip-worktree entries of a sparse checkout: they change in the index only."""
        if git.run(self.top, "config", "--bool", "--default", "false", "core.sparseCheckout").strip() != b"true":
            return set()
        lines = git.run(self.top, "ls-files", "-t", "-z").split(b"\0")
        return {line[2:] for line in lines if line.startswith(b"S ")}

    def judge(self, number: int, change: git.Change, hidden: set[bytes]) -> Step:
        """The step for one path. Raises Blocked."""
        if change.path in hidden or git.GITLINK in (change.old_mode, change.new_mode):
            return Step(number, change, "index")
        try:
            current = files.look_in_tree(self.top, change.path)
        except files.InTheWay as parent:
            parents = [change.path.rsplit(b"/", i)[0] for i in range(1, change.path.count(b"/") + 1)]
            if change.deleted:
                return Step(number, change, "index")
            if not any(p in self.gone for p in parents):
                raise Blocked(f"{files.shown(os.fsencode(str(parent)))} is a link or a file, not a folder") from None
            current = files.ABSENT
        return self.judge_content(number, change, current)

    def judge_content(self, number: int, change: git.Change, current: files.Content) -> Step:
        """What to do given what the path holds now. Raises Blocked."""
        if change.deleted:
            if current.kind in ("absent", "folder"):
                return Step(number, change, "index")
            if self.holds(change.path, current, change.old_mode, change.old_oid):
                return Step(number, change, "remove", used=self.keep_used(number, change, current))
            raise Blocked("edited here, deleted by the other side")
        if current.kind == "absent":
            if change.added:
                return Step(number, change, "create", change.new_mode, change.new_oid)
            raise Blocked("deleted here, changed by the other side")
        if self.holds(change.path, current, change.new_mode, change.new_oid):
            if change.new_mode == git.SYMLINK or current.executable == (change.new_mode == git.EXECUTABLE):
                return Step(number, change, "index")
        elif change.added:
            if current.kind == "folder" and self.is_hollow(change.path):
                return Step(number, change, "create", change.new_mode, change.new_oid)
            what = {"folder": "a folder", "link": "a link"}.get(current.kind, "a file")
            raise Blocked(f"{what} of that name is here already, with other content, and git does not track it")
        elif not self.holds(change.path, current, change.old_mode, change.old_oid):
            return self.judge_edited(number, change, current)
        mode = change.new_mode
        if change.old_mode == change.new_mode and current.kind == "file":
            mode = git.EXECUTABLE if current.executable else "100644"
        return Step(number, change, "write", mode, change.new_oid, used=self.keep_used(number, change, current))

    def judge_edited(self, number: int, change: git.Change, current: files.Content) -> Step:
        """Three-way merge on clean bytes, those that git would store."""
        if current.kind != "file" or git.SYMLINK in (change.old_mode, change.new_mode):
            raise Blocked("changed here and by the other side")
        mine = self.blob(self.clean_oid(change.path, current.data, store=True))
        merged = files.merge(self.swap, mine, self.blob(change.old_oid), self.blob(change.new_oid))
        if merged is None:
            raise Blocked("edited here, and the other side wrote other text at the same place")
        oid = git.run(self.top, "hash-object", "-w", "--stdin", stdin=merged).decode().strip()
        self.merged.append(change.path)
        mode = git.EXECUTABLE if current.executable else "100644"
        return Step(number, change, "write", mode, oid, used=self.keep_used(number, change, current))

    def holds(self, path: bytes, current: files.Content, mode: str, oid: str) -> bool:
        """Whether the path holds this blob, as git would store it."""
        if mode == git.SYMLINK or current.kind == "link":
            return mode == git.SYMLINK and current.kind == "link" and current.oid(self.algorithm) == oid
        if current.kind != "file" or mode == "000000":
            return False
        return current.oid(self.algorithm) == oid or self.clean_oid(path, current.data) == oid

    def is_hollow(self, path: bytes) -> bool:
        """Only folders below, and files that go away: nobody else's bytes are in them."""
        top = os.fsencode(self.top)
        found = (os.path.join(at, n) for at, _, names in os.walk(os.path.join(top, path)) for n in names)
        return all(os.path.relpath(file, top) in self.gone for file in found)

    def keep_used(self, number: int, change: git.Change, current: files.Content) -> str:
        """Remember the bytes that this step is based on, for late writes."""
        if current.kind != "file":
            return ""
        if current.oid(self.algorithm) == change.old_oid:
            return f"blob:{change.old_oid}"
        with open(os.path.join(self.swap, f"{number}.used"), "wb") as file:
            file.write(current.data)
        return "file"

    def clean_oid(self, path: bytes, data: bytes, store: bool = False) -> str:
        write = ("-w",) if store else ()
        args = ("hash-object", *write, f"--path={os.fsdecode(path)}", "--stdin")
        return git.run(self.top, *args, stdin=data).decode().strip()

    def blob(self, oid: str) -> bytes:
        return git.run(self.top, "cat-file", "blob", oid)

    # --- preparing -----------------------------------------------------------

    def prepare(self, steps: list[Step]) -> None:
        """Let git write the new files, with filters and modes, into `swap/<number>`."""
        if not steps:
            return
        env = {"GIT_INDEX_FILE": os.path.join(self.swap, "index")}
        with contextlib.suppress(FileNotFoundError):
            os.unlink(env["GIT_INDEX_FILE"])
        entries = b"".join(b"%s %s 0\t%s\0" % (s.mode.encode(), s.oid.encode(), s.change.path) for s in steps)
        git.run(self.top, "update-index", "-z", "--index-info", stdin=entries, env=env)
        tree = os.path.join(self.swap, "tree")
        names = b"".join(s.change.path + b"\0" for s in steps)
        git.run(self.top, "checkout-index", "-q", "-f", "-z", "--stdin", f"--prefix={tree}/", stdin=names, env=env)
        for step in steps:
            made, place = os.path.join(os.fsencode(tree), step.change.path), self.place(step.number)
            os.rename(made, place)
            step.inode = os.lstat(place).st_ino
        shutil.rmtree(tree)

    def place(self, number: int) -> str:
        return os.path.join(self.swap, str(number))

    # --- the swaps -----------------------------------------------------------

    def carry_out(self, journal: Journal) -> int:
        """Everything from the journal on; also what a later run does for one that was killed."""
        self.algorithm = "sha1" if len(journal.new) == 40 else "sha256"
        if journal.stage == "swapping":
            if os.path.exists(os.path.join(self.swap, "plan")):
                steps = self.load_plan()
                swapped = sum(self.perform(step) for step in self.in_order(steps))
                self.keep_late(steps)
                tell("swapped", str(swapped))
            carried, _ = late.look(self.top, self.state)
            for path in carried:
                tell("late", files.shown(path))
            for path in self.merged:
                tell("merged", files.shown(path))
            if journal.ref:
                self.record_index(journal)
        self.save_unsettled()
        if journal.ref and not self.move_ref(journal):
            journal.stage = "stands"
            self.save_journal(journal)
            return MOVED
        os.unlink(self.journal_path)
        return DONE

    def in_order(self, steps: list[Step]) -> list[Step]:
        """Removals first: a file may have to make room for a folder."""
        return sorted(steps, key=lambda s: s.action != "remove")

    def perform(self, step: Step) -> int:
        """One path. 1 if the tree changed now, else 0. Losing a race makes the path unsettled, never wrong."""
        if step.action == "index":
            return 0
        try:
            act = {"remove": self.remove, "create": self.create, "write": self.write}[step.action]
            return act(step)
        except Blocked as reason:
            self.unsettled.append((step.change, str(reason)))
        except files.InTheWay:
            self.unsettled.append((step.change, "a link stands where a folder has to be"))
        except OSError as error:
            self.unsettled.append((step.change, error.strerror or "cannot be written"))
        return 0

    def remove(self, step: Step) -> int:
        place = self.place(step.number)
        if os.path.lexists(place):
            return 0
        try:
            with files.parent_of(self.top, step.change.path) as (folder, name):
                before = files.look(folder, name)
                if not self.holds(step.change.path, before, step.change.old_mode, step.change.old_oid):
                    raise Blocked("edited here, deleted by the other side")
                os.rename(name, place, src_dir_fd=folder)
                if files.look(None, place).data != before.data:
                    with contextlib.suppress(FileExistsError):
                        os.link(place, name, dst_dir_fd=folder, follow_symlinks=False)
                    raise Blocked("edited here, deleted by the other side")
        except FileNotFoundError:
            return 0
        self.drop_empty_folders(step.change.path)
        return 1

    def drop_empty_folders(self, path: bytes) -> None:
        top = os.fsencode(self.top)
        while b"/" in path:
            path = path.rsplit(b"/", 1)[0]
            try:
                os.rmdir(os.path.join(top, path))
            except OSError:
                return

    def create(self, step: Step) -> int:
        place = self.place(step.number)
        if not os.path.lexists(place):
            return 0
        if os.lstat(place).st_nlink < 2:
            with files.parent_of(self.top, step.change.path, make=True) as (folder, name):
                try:
                    os.link(place, name, dst_dir_fd=folder, follow_symlinks=False)
                except FileExistsError:
                    if files.look(folder, name).kind == "folder" and self.is_hollow(step.change.path):
                        shutil.rmtree(os.path.join(os.fsencode(self.top), step.change.path))
                        os.link(place, name, dst_dir_fd=folder, follow_symlinks=False)
                    elif not self.holds(
                        step.change.path, files.look(folder, name), step.change.new_mode, step.change.new_oid
                    ):
                        raise Blocked("a file of that name was made here in the same moment") from None
        os.unlink(place)
        return 1

    def write(self, step: Step) -> int:
        place = self.place(step.number)
        if files.was_exchanged(place, step.inode):
            return 0
        with files.parent_of(self.top, step.change.path) as (folder, name):
            current = files.look(folder, name)
            if not self.is_used(step, current):
                step = self.judge_again(step, current)
                if step.action == "index":
                    return 0
            files.exchange(place, folder, name)
            out = files.look(None, place)
        if out.data != current.data and not late.carry_over(
            self.top, self.swap, step.change.path, current.data, out.data
        ):
            raise Blocked("edited here in the same moment, and the other side wrote other text at the same place")
        if out.data != current.data:
            self.account(step, out.data)
        return 1

    def is_used(self, step: Step, current: files.Content) -> bool:
        """Whether the path still holds what the plan was made for."""
        if current.kind == "link":
            return not step.used
        if current.kind != "file" or not step.used:
            return False
        kind, _, oid = step.used.partition(":")
        if kind == "blob":
            return current.oid(self.algorithm) == oid
        with open(os.path.join(self.swap, f"{step.number}.used"), "rb") as file:
            return file.read() == current.data

    def judge_again(self, step: Step, current: files.Content) -> Step:
        """The path was edited after the plan was made: a new decision, a new prepared file, the plan saved again."""
        again = self.judge_content(step.number, step.change, current)
        if again.action == "remove" or (again.action == "create" and current.kind == "absent"):
            raise Blocked("deleted here, changed by the other side")
        if again.action == "write":
            self.prepare([again])
            self.replace_in_plan(again)
        return again

    def account(self, step: Step, data: bytes) -> None:
        with open(os.path.join(self.swap, f"{step.number}.used"), "wb") as file:
            file.write(data)
        step.used = "file"
        self.replace_in_plan(step)

    # --- index and branch ----------------------------------------------------

    def record_index(self, journal: Journal) -> None:
        """The index follows for exactly these paths; an entry that somebody staged otherwise is left alone."""
        changes = git.changes(self.top, journal.base, journal.new)
        if not changes:
            return
        with index.locked_copy(self.git_dir, self.claim, self.state) as copy:
            held = index.entries(self.top, copy, [c.path for c in changes])
            mine = [c for c in changes if held.get(c.path, ("000000", "")) in self.sides(c)]
            for change in changes:
                if change not in mine:
                    tell("staged", files.shown(change.path))
            index.record(self.top, copy, mine)

    def sides(self, change: git.Change) -> tuple[tuple[str, str], ...]:
        old = ("000000", "") if change.added else (change.old_mode, change.old_oid)
        new = ("000000", "") if change.deleted else (change.new_mode, change.new_oid)
        return (old, new)

    def move_ref(self, journal: Journal) -> bool:
        """Compare-and-swap of the branch. True as well when it holds NEW already (a run killed behind this step)."""
        try:
            git.run(self.top, "update-ref", "-m", "sync: receive", journal.ref, journal.new, journal.old)
            return True
        except git.GitError:
            probe = ("merge-base", "--is-ancestor", journal.new, journal.ref)
            try:
                git.run(self.top, *probe)
                return True
            except git.GitError:
                return False

    # --- what is saved -------------------------------------------------------

    def save_journal(self, journal: Journal) -> None:
        write_json(self.journal_path, asdict(journal))

    def save_plan(self, steps: list[Step]) -> None:
        write_json(os.path.join(self.swap, "plan"), [step_row(s) for s in steps])

    def replace_in_plan(self, step: Step) -> None:
        """A second line for the same number; the last one counts."""
        with open(os.path.join(self.swap, "plan.again"), "a", encoding="utf-8") as file:
            file.write(json.dumps(step_row(step)) + "\n")

    def load_plan(self) -> list[Step]:
        with open(os.path.join(self.swap, "plan"), encoding="utf-8") as file:
            steps = {row[0]: row_step(row) for row in json.load(file)}
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.swap, "plan.again"), "rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    step = row_step(json.loads(line))
                    steps[step.number] = step
        return [steps[number] for number in sorted(steps)]

    def keep_late(self, steps: list[Step]) -> None:
        """Move the old inodes to `late/<time>` and the swap folder out of the way."""
        kept = []
        for step in self.load_plan():
            with contextlib.suppress(FileNotFoundError):
                info = os.lstat(self.place(step.number))
                if step.used:
                    # -1: never looked at since the exchange, so that the first look compares the bytes.
                    kept.append(late.Kept(step.number, step.change.path, step.used, -1, info.st_size))
        late.write_manifest(self.swap, kept)
        root = os.path.join(self.state, "late")
        os.makedirs(root, mode=0o700, exist_ok=True)
        place = os.path.join(root, str(time.time_ns()))
        os.rename(self.swap, place)
        if not kept:
            shutil.rmtree(place)

    def save_unsettled(self) -> None:
        """Paths that lost a race, as NUL-separated path and reason: the snapshot holds them back until settled."""
        if not self.unsettled:
            return
        with open(os.path.join(self.state, "unsettled"), "ab") as file:
            for change, reason in self.unsettled:
                file.write(change.path + b"\0" + reason.encode() + b"\0")
                tell("unsettled", files.shown(change.path), reason)


def step_row(step: Step) -> list[object]:
    c = step.change
    change = [os.fsdecode(c.path), c.old_mode, c.new_mode, c.old_oid, c.new_oid]
    return [step.number, change, step.action, step.mode, step.oid, step.inode, step.used]


def row_step(row: list) -> Step:  # type: ignore[type-arg]
    number, (path, *sides), action, mode, oid, inode, used = row
    return Step(number, git.Change(os.fsencode(path), *sides), action, mode, oid, inode, used)


def write_json(path: str, data: object) -> None:
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(data, file)
    os.replace(path + ".new", path)


def read_journal(path: str) -> Journal | None:
    try:
        with open(path, encoding="utf-8") as file:
            return Journal(**json.load(file))
    except FileNotFoundError:
        return None


def tell(*words: str) -> None:
    print("\t".join(words))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="advance")
    parser.add_argument("job", choices=("begin", "finish", "late"))
    for name in ("--top", "--git-dir", "--tree-state", "--claim"):
        parser.add_argument(name, required=True)
    for name in ("--base", "--new", "--ref", "--old"):
        parser.add_argument(name, default="")
    args = parser.parse_args(argv)
    advance = Advance(args.top, args.git_dir, args.tree_state, args.claim)
    try:
        if args.job == "late":
            carried, conflicts = late.look(args.top, args.tree_state)
            for path in carried:
                tell("late", files.shown(path))
            for path in conflicts:
                tell("late-conflict", files.shown(path))
            return DONE
        if args.job == "finish":
            journal = read_journal(advance.journal_path)
            return advance.carry_out(journal) if journal else DONE
        return advance.begin(Journal(args.base, args.new, args.ref, args.old))
    except index.IndexBusy as error:
        print(f"{error} is held by another git command", file=sys.stderr)
        return BUSY
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return INTERNAL
