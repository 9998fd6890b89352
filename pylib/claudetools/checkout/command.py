"""The job `advance`: bring the shared tree from one commit to another, file by file, by compare-and-swap.

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
   again: such paths go round once more, or the next commit would undo the other side's work. Without a branch there
   is no other side: what somebody wrote over it stays.

Lines on stdout, tab-separated: `exchanged TIME` (before the first one), `merged PATH FROM TO` (contents, as git has
them), `swapped N TIME`, `blocked PATH REASON`, `unsettled PATH REASON`, `late PATH FROM TO`, `late-conflict PATH COPY`,
`staged PATH`, `settled PATH`, `own PATH` and `own-untracked PATH` (this machine's, which stays as it is),
`damaged FOLDER` (records that cannot be read, now there). Exit status:
0 done, 3 blocked and nothing written, 4 the branch had moved, 5 another git has the index, 70 anything else.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time

from claudetools.checkout import late
from claudetools.checkout.plan import (
    CheckoutPlan,
    Damaged,
    Journal,
    PathStep,
    add_unsettled,
    read_journal,
    read_unsettled,
    save_journal,
    unsettled_changes,
    write_unsettled,
)
from claudetools.checkout.swapping import Judge, Swaps
from claudetools.core import files, git, index
from claudetools.core.checkpoint import checkpoint
from claudetools.core.job import read_options, tell
from claudetools.core.objects import tree_with
from claudetools.text.lines import merge_texts

# --- index and branch -----------------------------------------------------------------
# Index and branch follow the tree: only for the paths of the advance, and by compare-and-swap.


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
        merged = merge_texts(
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


# --------------------------------------------------------------------------------------


DONE, BLOCKED, MOVED, BUSY, INTERNAL = 0, 3, 4, 5, 70
NOTHING = -1  # never an exit status: a further round had nothing to do
AGAIN = 5  # rounds for paths that others wrote back to what they had been


class Advance:
    """One tree and its state folder. `claim` is the lock's record of this run."""

    def __init__(self, top: str, git_dir: str, tree_state: str, claim: str) -> None:
        self.top, self.git_dir, self.state = top, git_dir, tree_state
        self.journal_path = os.path.join(tree_state, "journal")
        self.stamps: dict[bytes, files.Stamp] = {}  # of paths that this run judged or wrote
        self.plan = CheckoutPlan(top, os.path.join(tree_state, "swap"))
        self.judge = Judge(top, git_dir, self.plan, self.stamps)
        self.swaps = Swaps(self.judge, tree_state)
        self.followers = Followers(top, git_dir, tree_state, claim)

    def begin(self, journal: Journal, again: int = 0) -> int:
        """Judge, prepare and carry out an advance; `again` counts the rounds for what was written back."""
        self.refuse_two_file_systems()
        if not again and not journal.ref and os.path.exists(self.journal_path):
            # A restore may not forget on which commit the tree stands.
            raise OSError("what came in last is not settled yet; run a sync first")
        self.plan.begin()
        changes = git.changes(self.top, journal.base, journal.new)
        self.judge.waiting = set(read_unsettled(self.state)) if journal.ref else set()
        ours = set(self.stamps)
        steps, blocked = self.judge.judge_all(changes)
        if again:
            steps = [s for s in steps if self.was_put_back(s, ours)]
            if not steps:
                self.plan.drop()
                return NOTHING
        elif blocked:
            for path, text in blocked:
                tell("blocked", files.shown(path), text)
            self.plan.drop()
            return BLOCKED
        return self.go_on(journal, self.plan.prepared(steps), again)

    def begin_ahead(self, journal: Journal) -> int:
        """As `begin`, while the push is still under way: nothing is decided before `go` on standard input says that it
        has arrived. Without it nothing happened. What was touched until then is judged anew."""
        self.refuse_two_file_systems()
        self.plan.begin()
        self.judge.waiting = set(read_unsettled(self.state))
        steps, blocked = self.judge.judge_all(git.changes(self.top, journal.base, journal.new))
        if not blocked:
            steps = self.plan.prepared(steps)
        if sys.stdin.readline() != "go\n":
            self.plan.drop()
            return DONE
        if blocked or self.was_written_to(journal):
            return self.begin(journal)
        return self.go_on(journal, steps, 0)

    def go_on(self, journal: Journal, steps: list[PathStep], again: int) -> int:
        """From here on a killed run is finished by the next one."""
        self.plan.save(steps)
        for change, reason in self.judge.apart if journal.ref else ():
            add_unsettled(self.state, change, reason)
            self.swaps.unsettled[change.path] = reason
            tell("unsettled", files.shown(change.path), reason)
        checkpoint("advance-plan")
        save_journal(self.journal_path, journal)
        checkpoint("advance-journal")
        return self.carry_out(journal, again)

    def refuse_two_file_systems(self) -> None:
        if os.stat(self.state).st_dev != os.stat(self.top).st_dev:
            raise OSError("this folder and its .git lie on different file systems: files cannot be exchanged there")

    def was_put_back(self, step: PathStep, ours: set[bytes]) -> bool:
        """Whether the path holds again what it held before NEW. What was edited on top of NEW stays."""
        path = step.change.path
        return step.action != "index" and (path in ours or not step.merged) and path not in self.swaps.unsettled

    def finish(self, journal: Journal) -> int:
        """Complete what a killed run began."""
        moving = journal.stage == "swapping" and journal.old != journal.new
        if moving and git.is_ancestor(self.top, journal.new, journal.ref):
            # Killed just before the end, or somebody has pulled NEW since: git itself looked after the tree.
            self.keep_late()
            os.unlink(self.journal_path)
            return DONE
        return self.carry_out(journal, 0)

    def settle(self) -> int:
        """Try again what an earlier receive could not bring in. What the tree holds by now is no longer unsettled."""
        if not os.path.exists(os.path.join(self.state, "unsettled")) or os.path.exists(self.journal_path):
            return DONE
        head = git.run(self.top, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
        changes = unsettled_changes(self.top, self.state, head)
        self.plan.begin()
        steps, blocked = self.judge.judge_all(changes)
        self.plan.drop()
        reasons = {**dict(blocked), **{change.path: reason for change, reason in self.judge.apart}}
        due = [step.change for step in steps if step.action != "index"]
        if due:
            # As a receive of these paths alone, so that a kill and a late write are as harmless as there.
            before = files_before(self.top, head, due)
            status = self.begin(Journal(before, head, "", ""))
            if status != DONE:
                return status
            reasons |= self.swaps.unsettled
        left = {path: r for path, r in read_unsettled(self.state).items() if path in reasons}
        write_unsettled(self.state, {path: r._replace(reason=reasons[path]) for path, r in left.items()})
        for change in due:
            if change.path not in reasons:
                tell("settled", files.shown(change.path))
        return DONE

    def set_aside(self) -> int:
        """Nobody can tell what the killed run has done. What it has brought in already counts as edited here, and is
        the same as what comes in again; the old contents are kept."""
        place = os.path.join(os.path.dirname(os.path.dirname(self.state)), "quarantine", f"receive-{time.time_ns()}")
        os.makedirs(place, mode=0o700)
        for path in (self.plan.folder, self.journal_path):
            if os.path.lexists(path):
                os.rename(path, os.path.join(place, os.path.basename(path)))
        tell("damaged", place)
        return DONE

    def carry_out(self, journal: Journal, again: int) -> int:
        """Everything from the journal on. After a crash it is simply done again."""
        self.swaps.gives_way = not journal.ref
        if journal.ref and not self.followers.on_branch(journal):
            return MOVED
        if journal.stage == "swapping":
            self.perform_all()
            self.keep_late()
            checkpoint("advance-kept")
            self.carry_late_writes()
            if journal.ref:
                self.followers.record_index(journal)
        index_before = files.stamp(self.git_dir, b"index")
        checkpoint("advance-index")
        arrived = not journal.ref or self.followers.move_ref(journal)
        checkpoint("advance-ref")
        if journal.ref and files.stamp(self.git_dir, b"index") != index_before:
            self.followers.record_index(journal)
        if journal.ref and again < AGAIN and self.was_written_to(journal):
            old = journal.new if arrived else journal.old
            status = self.begin(journal._replace(old=old, stage="swapping"), again + 1)
            if status != NOTHING:
                return status
        if not arrived:
            save_journal(self.journal_path, journal._replace(stage="stands"))
            return MOVED
        checkpoint("advance-done")
        os.unlink(self.journal_path)
        return DONE

    def perform_all(self) -> None:
        """Removals first: a file may have to make room for a folder."""
        steps = sorted(self.plan.load(), key=lambda s: s.action != "remove")
        swapped = 0
        tell("exchanged", repr(time.time()))
        for n, step in enumerate((s for s in steps if s.action != "index"), 1):
            checkpoint(f"swap-{n}")
            swapped += self.swaps.perform(step)
            checkpoint(f"swapped-{n}")
        for step in steps:
            if git.GITLINK in (step.change.old_mode, step.change.new_mode):
                self.swaps.place_submodule(step.change)
        for path, (before, after) in sorted(self.swaps.merged.items()):
            tell("merged", files.shown(path), before, after)
        self.swaps.merged.clear()
        tell("swapped", str(swapped), repr(time.time()))

    def was_written_to(self, journal: Journal) -> bool:
        """Whether a path has another stamp than we gave it. Paths of a killed run have none: they are looked at."""
        return any(
            c.path not in self.stamps or files.stamp(self.top, c.path) != self.stamps[c.path]
            for c in git.changes(self.top, journal.base, journal.new)
            if c.path not in self.swaps.unsettled
        )

    def keep_late(self) -> None:
        """Put the old inodes away, to `late/<time>`, where late writes to them are looked for."""
        if not os.path.isdir(self.plan.folder):
            return
        kept = []
        for step in self.plan.load():
            with contextlib.suppress(FileNotFoundError):
                if step.used and os.lstat(self.plan.place(step)).st_ino != step.inode:
                    kept.append(late.ReplacedInode(step.number, step.change.path, step.used))
        late.Shelf(self.top, self.plan.folder, kept).save()
        root = os.path.join(self.state, "late")
        os.makedirs(root, mode=0o700, exist_ok=True)
        place = os.path.join(root, str(time.time_ns()))
        os.rename(self.plan.folder, place)
        if not kept:
            files.remove_folder(place)

    def carry_late_writes(self) -> None:
        carried, conflicts = late.look(self.top, self.state)
        for path, written, now in carried:
            tell("late", files.shown(path), git.store(self.top, written), git.store(self.top, now))
        for path, copy in conflicts:
            tell("late-conflict", files.shown(path), copy)


def files_before(top: str, head: str, changes: list[git.Change]) -> str:
    """A commit as `head`, with these paths as they were before."""
    before = {c.path: None if c.added else (c.old_mode, c.old_oid) for c in changes}
    tree = tree_with(top, git.tree_of(top, head), before)
    return git.run(top, "commit-tree", tree, "-p", head, stdin=b"what the tree holds\n").decode().strip()


def run_job(advance: Advance, job: str, journal: Journal) -> int:
    """One of the six jobs; its exit status."""
    if job == "begin":
        return advance.begin(journal)
    if job == "begin-ahead":
        return advance.begin_ahead(journal)
    if job == "settle":
        return advance.settle()
    if job == "finish":
        try:
            left = read_journal(advance.journal_path)
            advance.plan.load()
        except Damaged:
            return advance.set_aside()
        return advance.finish(left) if left else DONE
    if job == "index":
        advance.followers.record_index(journal)
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
