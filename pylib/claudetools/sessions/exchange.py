"""Exchange files of the shared tree by compare-and-swap, for commands that people type: under the sync's lock."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from claudetools.attribution.edits import CONTENT_KINDS
from claudetools.checkout.command import BLOCKED, DONE, Advance
from claudetools.checkout.plan import Journal
from claudetools.core import cli, files, git
from claudetools.core.index import IndexBusy
from claudetools.core.messages import visible
from claudetools.core.objects import Entry, Objects, tree_with
from claudetools.core.place import Place
from claudetools.merge import trees
from claudetools.sessions import evidence, ledger, meanwhile, putback, recent
from claudetools.sessions.owners import sessions_of
from claudetools.text.lines import put_back


def under_lock(place: Place, title: str, arguments: Sequence[str], work: Callable[[], int]) -> int:
    """Do the work with the lock held: at once where somebody above holds it for us, else by starting this command
    (`arguments` as typed behind `sessions`) again below with-lock.sh."""
    if os.environ.get("CLAUDETOOLS_REENTER"):
        return work()
    entry = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__main__.py")
    lock = ("bash", cli.script("with-lock.sh"), "--title", title, "--")
    command = (*lock, sys.executable, "-I", entry, "sessions", *arguments)
    return subprocess.run(command, cwd=place.top, check=False).returncode


def snapshot(place: Place, paths: Sequence[str]) -> str:
    """HEAD's tree with these paths as they are in the folder, as git would store them. Raises GitError."""
    env = {"GIT_INDEX_FILE": os.path.join(scratch(place), "index.paths")}
    with contextlib.suppress(FileNotFoundError):
        os.unlink(env["GIT_INDEX_FILE"])
    git.run(place.top, "read-tree", "HEAD", env=env)
    names = {True: b"", False: b""}
    for path in map(os.fsencode, paths):
        names[is_for_git(place, path)] += path + b"\0"
    update = ("update-index", "-z")
    git.run(place.top, *update, "--force-remove", "--stdin", stdin=names[False], env=env)
    git.run(place.top, *update, "--add", "--remove", "--replace", "--stdin", stdin=names[True], env=env)
    return git.run(place.top, "write-tree", env=env).decode().strip()


def is_for_git(place: Place, path: bytes) -> bool:
    """Whether a file or a link lies there: by now it may be a folder, or lie behind a link."""
    try:
        return files.look_in_tree(place.top, path).kind in ("file", "link")
    except files.InTheWay:
        return False


def tree_of(place: Place, tree: str, changes: Mapping[bytes, Entry | None]) -> str:
    """The tree with these entries. Raises GitError."""
    return tree_with(place.top, tree, changes)


def store(place: Place, path: str, data: bytes) -> str:
    """The blob of what lies so on the disk. Raises GitError."""
    return git.run(place.top, "hash-object", "-w", f"--path={path}", "--stdin", stdin=data).decode().strip()


def swap(place: Place, old: str, new: str, branch: str = "", log: str = "") -> None:
    """Bring the folder from one tree to another: edits that came in between are merged. With `branch`, the two are
    commits, and branch and index follow. `log`: a file for what the exchange says. Raises Stop where a file cannot
    take it; then nothing was changed."""
    if was_cut_off(place):
        cli.fail(
            cli.DEFERRED, "A sync was cut off before it was done.", f"Nothing was changed. First: {sync_command(place)}"
        )
    base, target = (old, new) if branch else (commit(place, old), commit(place, new))
    with open(log, "w+", encoding="utf-8") if log else io.StringIO() as file, contextlib.redirect_stdout(file):
        journal = Journal(base, target, branch, base if branch else "")
        try:
            status = Advance(place.top, place.git_folder, place.tree, place.lock_owner).begin(journal)
        except IndexBusy as busy:
            lock = f"Another git command has {visible(str(busy))} and does not let go of it."
            cli.fail(cli.DEFERRED, lock, f"The next sync completes what was begun: {sync_command(place)}")
        file.seek(0)
        said = file.read().splitlines()
    words = [line.split("\t") for line in said]
    if status == BLOCKED:
        what = "Its commits stay as they are" if branch else "Its unsaved lines stay"
        lines = (": ".join(rest) for word, *rest in words if word == "blocked")
        cli.fail(cli.HELD, f"{what}: other text is there now.", *lines)
    if left := [": ".join(rest) for word, *rest in words if word == "unsettled"]:
        cli.fail(cli.HELD, "Written to in the same moment, and left as it is:", *left, "Do it once more.")
    if status != DONE:
        cli.fail(cli.DEFERRED, "The branch moved meanwhile.", "Nothing is lost. Run a sync, then try again.")


def was_cut_off(place: Place) -> bool:
    """Whether a sync that was killed has left something that the next one finishes (scripts/lib/recover.sh)."""
    claims = os.path.join(place.state, "claims")
    dead = os.path.isdir(claims) and any(name.startswith("dead.") for name in os.listdir(claims))
    return dead or os.path.exists(os.path.join(place.tree, "journal"))


def sync_command(place: Place) -> str:
    """What one types to sync."""
    return cli.program(place, "sync")


def commit(place: Place, tree: str) -> str:
    """A commit of a tree that no branch will ever have."""
    return git.run(place.top, "commit-tree", tree, stdin=b"a tree\n").decode().strip()


def scratch(place: Place) -> str:
    """A folder of our own, there since the first sync."""
    folder = os.path.join(place.tree, "work")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder


# --- what comes back ------------------------------------------------------------------
# Bring back what a session once wrote into a file and what is no longer there, whoever took it out.


class RestoredText(NamedTuple):
    """The file as it would be: `edits` of the session come back, `stuck` ones cannot, because other text is there."""

    before: ledger.Sight
    text: bytes
    edits: int
    stuck: int


def plan_restore(place: Place, session: str, path: str) -> RestoredText | None:
    """What there is to bring back; None when the ledger holds nothing of this path. Contents that a commit holds may
    be gone from the ledger: git has them."""
    before = ledger.look_at(place.top, path)
    text, back, stuck, known = before.data, 0, 0, False
    for edit in ledger.read_edits(place, session):
        if edit.path != path or edit.kind not in CONTENT_KINDS or edit.after is None:
            continue
        base = b"" if edit.before is None else ledger.blob(place, session, edit.before)
        after = ledger.blob(place, session, edit.after)
        if base is None or after is None:
            continue
        known = True
        made = put_back(base, after, text)
        if made is None:
            stuck += after != text and not is_there(base, after, text)
        elif made != text:
            text, back = made, back + 1
    return RestoredText(before, text, back, stuck) if known else None


def is_there(base: bytes, after: bytes, text: bytes) -> bool:
    """Whether every line that the edit put in is in the text."""
    return set(after.split(b"\n")) - set(base.split(b"\n")) <= set(text.split(b"\n"))


def carry_out_restore(place: Place, session: str, path: str, made: RestoredText) -> None:
    """Bring it back, and write that down as the session's work, also where this is killed in between. Raises Stop,
    GitError, OSError."""
    mode = made.before.mode or ledger.REGULAR
    with Objects(place.top, scratch(place)) as objects:
        old = snapshot(place, [path])
        new = tree_of(place, old, {os.fsencode(path): (mode, store(place, path, made.text))})
        before, after = objects.write_blobs([made.before.data, made.text])
        row = putback.PutBackRow(session, path, mode, before if made.before.sha else "", after)
        putback.write_pending(place.tree, [row])
        try:
            swap(place, old, new, log=os.path.join(place.tree, putback.SAID))
        finally:
            putback.settle(place, objects)


# --- what is taken back ---------------------------------------------------------------
# Take a session's work back: its unsaved lines out of the folder, each of its commits by a commit of its own.
#
# To undo the undo brings the work back. What others have built on a change keeps it: then nothing of it is touched,
# and they are named.


UNDOES, UNDO_OF = "Undoes", "Undo-Of"
FORM = f"--format=%H%x00%(trailers:key={UNDOES},valueonly,separator=%x20)%x00%s%x01"


@dataclass
class Unsaved:
    """The folder's paths without the session's unsaved lines: `tree` as it is, `without` them. `stuck`: path, why."""

    tree: str
    without: str
    paths: list[str] = field(default_factory=list)
    stuck: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Taken:
    """Commits that take back others: `tip` is HEAD with all of them. `undone`: oid and subject of each.

    `redone`: those were undos themselves, so the session's work is back.
    """

    tip: str
    undone: list[tuple[str, str]] = field(default_factory=list)
    stuck: list[tuple[str, str]] = field(default_factory=list)
    redone: bool = False


def plan_unsaved(place: Place, id: str) -> Unsaved:
    """Find the session's unsaved lines. Raises GitError."""
    head = git.run(place.top, "rev-parse", "HEAD").decode().strip()
    workers = evidence.find_workers(place, (head,))
    paths = sorted({edit.path for edit in workers[id].edits}) if id in workers else []
    tree = snapshot(place, paths)
    result = Unsaved(tree, tree)
    changed: dict[bytes, Entry | None] = {}
    with Objects(place.top, scratch(place)) as objects:
        changes = git.changes(place.top, head, tree)
        touches = evidence.touches_of(place, objects, changes, workers, meanwhile.under_way(place, workers))
        for path, owned in evidence.owners_of(objects, changes, touches, recent.Contents(place, workers)).items():
            mine = [some for some in owned.sets if id in sessions_of(some)]
            others = sessions_of(frozenset[str]().union(*mine)) - {id}
            name = os.fsdecode(path)
            if others:
                topics = ", ".join(f"'{workers[other].topic}'" for other in sorted(others))
                result.stuck.append((name, f"hangs together with work of {topics}"))
            elif mine:
                data = owned.content(lambda some, mine=mine: some not in mine)  # type: ignore[misc]
                entry = (owned.mode, objects.write_blobs([data])[0]) if isinstance(data, bytes) else data
                changed[path] = entry
                result.paths.append(name)
    if changed:
        result.without = tree_of(place, tree, changed)
    return result


def plan_commits(place: Place, id: str, head: str) -> Taken:
    """Write the commits that take back those of the session, the youngest first, without moving anything."""
    taken = Taken(head)
    work, undos = in_force(place, id, head)
    taken.redone = not work
    for oid, subject in work or undos:
        parent = git.run(place.top, "rev-parse", f"{oid}^").decode().strip()
        merged = trees.merge_trees(place.top, oid, taken.tip, parent)
        if merged.conflicts:
            for path in merged.conflicts:
                taken.stuck.append((files.shown(path), built_on(place, oid, head, path)))
            continue
        if merged.tree == git.tree_of(place.top, taken.tip):
            continue
        message = f"Undo: {subject}\n\n{UNDOES}: {oid}\n{UNDO_OF}: {id}\n"
        args = ("commit-tree", merged.tree, "-p", taken.tip)
        taken.tip = git.run(place.top, *args, stdin=message.encode("utf-8", "surrogateescape")).decode().strip()
        taken.undone.append((oid, subject))
    return taken


def in_force(place: Place, id: str, head: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The session's commits that are in force, with those that brought one back; and those that took one back."""
    by_session = log(place, head, f"^Session-Id: {id}$")
    undos = log(place, head, f"^{UNDO_OF}: {id}$")
    gone = {name for _, undone, _ in undos for name in undone.split()}
    redone = {oid for oid, undone, _ in undos if undone in {other for other, _, _ in undos}}
    alive = [(oid, subject) for oid, _, subject in [*undos, *by_session] if oid not in gone]
    taking = {oid for oid, _, _ in undos} - redone
    return [row for row in alive if row[0] not in taking], [row for row in alive if row[0] in taking]


def log(place: Place, head: str, pattern: str) -> list[tuple[str, str, str]]:
    """Commits with such a line, the youngest first: oid, what it undoes, subject."""
    pattern = pattern.replace(".", "[.]")
    out = git.run(place.top, "rev-list", "--no-commit-header", "--no-merges", f"--grep={pattern}", FORM, head, "--")
    rows = [row.strip("\n").split("\0") for row in out.decode("utf-8", "surrogateescape").split("\1")]
    return [(row[0], row[1].strip(), row[2]) for row in rows if len(row) == 3]


def built_on(place: Place, oid: str, head: str, path: bytes) -> str:
    """Who changed the path since."""
    form = "--format=%h %s"
    name = f":(top,literal){os.fsdecode(path)}"
    told = git.run(place.top, "log", form, f"{oid}..{head}", "--", name).decode("utf-8", "replace").splitlines()
    return "changed since by " + visible("; ".join(told[:3]) or "an unsaved edit")
