"""Take a session's work back: its unsaved lines out of the folder, each of its commits by a commit of its own.

To undo the undo brings the work back. What others have built on a change keeps it: then nothing of it is touched, and
they are named.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from claudetools.core import files, git
from claudetools.core.messages import visible
from claudetools.core.objects import Entry, Objects
from claudetools.core.place import Place
from claudetools.merge import trees
from claudetools.sessions import evidence, exchange, meanwhile, recent
from claudetools.sessions.owners import sessions_of

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
    tree = exchange.snapshot(place, paths)
    result = Unsaved(tree, tree)
    changed: dict[bytes, Entry | None] = {}
    with Objects(place.top, exchange.scratch(place)) as objects:
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
        result.without = exchange.tree_of(place, tree, changed)
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
