"""Replay local commits on another tip, as objects: the thorough way.

The shell replays a few clean commits itself (scripts/lib/replay.sh). This module takes over for merge commits, for
conflicts and for what an earlier sync had to park. No file of the tree is touched.

A commit that truly conflicts is *parked*, and so is every later one that touches a path of a parked one; the others
are replayed past it. What the machine can settle (trees.py) is no conflict.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from types import MappingProxyType

from claudetools.core import files, git
from claudetools.core.light import NamedTuple
from claudetools.core.objects import Entry, tree_with
from claudetools.merge import trees
from claudetools.merge.settling import LOG
from claudetools.text.front import are_namesakes, is_same_log

# --- logs of one name -----------------------------------------------------------------
# Two session logs of one name: the same person began the same topic on the same day on two machines.
#
# Merged they would be one file with two sessions' text. The log that is on the remote already keeps the name; ours
# gets the next one that is free (`-2`, `-3` ...), and so do later commits that go on with it. Whose a log is, its
# front matter says, so its session finds it under the new name (logs/shelf.py).


class Apart(NamedTuple):
    """A commit and its base with our logs under their new names. `new`: old and new path of those named just now."""

    base: str
    commit: str
    moved: dict[bytes, bytes]
    new: list[tuple[bytes, bytes]]


def set_apart(top: str, head: str, base: str, tip: str, commit: str, touched: Iterable[bytes]) -> Apart:
    """What to merge into `tip` instead of the change from `base` to `commit`. Throw-away commits where a log moves.

    Whose our log is, is asked of `head`: of a log that several wrote, an earlier commit may hold a part.
    """
    moved, new = {}, []
    for path in sorted(path for path in touched if is_log(path)):
        name = other_name(top, head, base, tip, commit, path)
        if name:
            moved[path] = name
            if not git.entry(top, tip, name)[1]:
                new.append((path, name))
    if not moved:
        return Apart(base, commit, moved, new)
    trees = [with_other_names(top, revision, moved) for revision in (base, commit)]
    parent = git.run(top, "commit-tree", trees[0], stdin=b"base\n").decode().strip()
    ours = git.run(top, "commit-tree", trees[1], "-p", parent, stdin=b"ours\n").decode().strip()
    return Apart(parent, ours, moved, new)


def is_log(path: bytes) -> bool:
    """Whether this is the path of a session log."""
    return bool(LOG.search(path.decode("utf-8", "replace")))


def other_name(top: str, head: str, base: str, tip: str, commit: str, path: bytes) -> bytes:
    """The name that our log at `path` has in `tip`, or is to get there; b"" where it keeps its own."""
    last, before, theirs, mine = (git.entry(top, revision, path)[1] for revision in (head, base, tip, commit))
    text = git.blob(top, last or mine or before)
    if not theirs or not are_namesakes(git.blob(top, theirs), text):
        return b""
    if before and are_namesakes(git.blob(top, before), text):
        return b""  # whoever put another log into the place of that one, meant to
    for number in count(2):
        name = numbered(top, tip, path, number)
        there = git.entry(top, tip, name)[1]
        if there and (there == before or is_same_log(git.blob(top, there), text)):
            return name
        taken = there or git.entry(top, commit, name)[1] or os.path.lexists(os.path.join(os.fsencode(top), name))
        if not taken:
            return name
    raise AssertionError("names never run out")


def numbered(top: str, tip: str, path: bytes, number: int) -> bytes:
    """`a.md` as `a-2.md`, and `a-2.md` as well where `a.md` is there."""
    stem = path.removesuffix(b".md")
    first, _, last = stem.rpartition(b"-")
    if last.isdigit() and git.entry(top, tip, first + b".md")[1]:
        stem = first
    return b"%s-%d.md" % (stem, number)


def with_other_names(top: str, revision: str, moved: dict[bytes, bytes]) -> str:
    """The tree of a revision with these paths under other names."""
    changes: dict[bytes, Entry | None] = {}
    for old, new in moved.items():
        mode, oid = git.entry(top, revision, old)
        if oid:
            changes |= {old: None, new: (mode, oid)}
    return tree_with(top, git.tree_of(top, revision), changes)


# --------------------------------------------------------------------------------------


NOTHING_MOVED: Mapping[bytes, bytes] = MappingProxyType({})
OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
TAKEN = "taken"


@dataclass(frozen=True)
class Pair:
    """An earlier push: what `local` held went out as `pushed`, but for the commits in `parked`.

    `sent` names what each commit became. A commit of `local` that is neither there nor in `parked` is replayed again:
    a record that lacks a commit must not make it disappear. `taken`: a person accepted `pushed` in its place, whole.
    """

    local: str
    pushed: str
    parked: tuple[str, ...] = ()
    sent: tuple[tuple[str, str], ...] = ()
    taken: bool = False


@dataclass
class Replay:
    """What came of it. `parked` in the order of the history; `conflicts` are paths."""

    tip: str
    replayed: list[tuple[str, str]] = field(default_factory=list)
    contained: list[tuple[str, str]] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    conflicts: list[bytes] = field(default_factory=list)
    settled: list[tuple[bytes, str]] = field(default_factory=list)


def read_pairs(path: str) -> list[Pair]:
    """The pairs of this tree, oldest first. A line: local, pushed, then `OLD=NEW` for each commit that went out, the
    parked commits by name, and `taken` (scripts/lib/replay.sh writes it). What is damaged is passed over."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            rows = [line.split() for line in file]
    except FileNotFoundError:
        return []
    return [read_pair(row) for row in rows if len(row) >= 2 and OID.fullmatch(row[0]) and OID.fullmatch(row[1])]


def read_pair(row: Sequence[str]) -> Pair:
    """One line of the record."""
    words = [word.split("=") for word in row[2:]]
    known = [oids for oids in words if all(OID.fullmatch(oid) for oid in oids)]
    parked = tuple(oids[0] for oids in known if len(oids) == 1)
    sent = tuple((oids[0], oids[1]) for oids in known if len(oids) == 2)
    return Pair(row[0], row[1], parked, sent, TAKEN in row[2:])


def find_pair(top: str, pairs: list[Pair], head: str, onto: str) -> Pair | None:
    """The last pair that is upstream and ours, with what all of them know of sent commits. What its local side holds
    need not be replayed."""
    for pair in reversed(pairs):
        if git.is_ancestor(top, pair.pushed, onto) and git.is_ancestor(top, pair.local, head):
            known = [both for other in pairs for both in other.sent]
            came = {row[0] for row in list_commits(top, onto, f"^{head}")} if known else set()
            sent = tuple((old, new) for old, new in known if new in came or git.is_ancestor(top, new, onto))
            return replace(pair, sent=sent)
    return None


@dataclass(frozen=True)
class Todo:
    """`rows`: oid and parents of each commit to replay, oldest first. `contained`: the others, and what they became."""

    rows: list[list[str]]
    contained: list[tuple[str, str]]


def commits_to_replay(top: str, head: str, onto: str, pair: Pair | None) -> Todo:
    """What is new since the pair, and of the pair what was parked or is not known to have been sent."""
    if not pair:
        return Todo(list_commits(top, head, f"^{onto}"), [])
    rows = list_commits(top, head, f"^{onto}", f"^{pair.local}")
    if pair.parked:
        # Named one by one: an older version parked commits that are not in HEAD's history.
        args = ("rev-list", "--no-walk=unsorted", "--parents", *pair.parked)
        rows = [line.split() for line in git.run(top, *args).decode().splitlines()] + rows
    if pair.taken:
        return Todo(rows, [(row[0], pair.pushed) for row in list_commits(top, pair.local, f"^{onto}")])
    sent, known = dict(pair.sent), {row[0] for row in rows}
    before = [row for row in list_commits(top, pair.local, f"^{onto}") if row[0] not in known]
    if any(len(row) > 2 for row in before):
        return Todo(list_commits(top, head, f"^{onto}"), [])
    rows += [row for row in before if row[0] not in sent]
    place = {row[0]: n for n, row in enumerate(list_commits(top, head, f"^{onto}"))}
    rows.sort(key=lambda row: place.get(row[0], -1))
    return Todo(rows, [(row[0], sent[row[0]]) for row in before if row[0] in sent])


def list_commits(top: str, *revisions: str) -> list[list[str]]:
    """Oid and parents of each commit, oldest first."""
    out = git.run(top, "rev-list", "--reverse", "--topo-order", "--parents", *revisions)
    return [line.split() for line in out.decode().splitlines()]


def paths_of(top: str, old: str, new: str) -> set[bytes]:
    """The paths in which two trees differ."""
    names = git.run(top, "diff-tree", "-r", "-z", "--no-renames", "--name-only", "--root", old, new)
    return {name for name in names.split(b"\0") if name}


def paths_of_commits(top: str, commits: list[str]) -> dict[str, set[bytes]]:
    """The paths that each of the commits changes, none of them a merge, by one process."""
    options = ("diff-tree", "--stdin", "-r", "-z", "--no-renames", "--raw", "--root")
    entries = iter(git.run(top, *options, stdin="".join(f"{oid}\n" for oid in commits).encode()).split(b"\0"))
    found: dict[str, set[bytes]] = {oid: set() for oid in commits}
    paths: set[bytes] = set()
    for entry in entries:
        if entry.startswith(b":"):
            paths.add(next(entries))
        elif entry:
            paths = found[entry.decode().strip()]
    return found


def replay(top: str, scratch: str, head: str, onto: str, pair: Pair | None) -> Replay:
    """Replay what `head` has and `onto` has not."""
    todo = commits_to_replay(top, head, onto, pair)
    rows = todo.rows
    result = Replay(onto, contained=todo.contained)
    if any(len(row) > 2 for row in rows):
        return replay_merge(top, scratch, head, onto, result)
    touched_by = paths_of_commits(top, [row[0] for row in rows])
    git.know_commits(top, [onto, *touched_by])
    parked_paths: set[bytes] = set()
    start = git.run(top, "merge-base", head, onto).decode().strip()
    incoming = paths_of(top, start, onto)
    for commit, *parents in rows:
        base = parents[0] if parents else git.empty_tree(head)
        touched = touched_by[commit]
        if touched & parked_paths:
            result.parked.append(commit)
            parked_paths |= touched
            continue
        apart = set_apart(top, head, base, result.tip, commit, touched & incoming)
        merged = trees.merge_trees(top, apart.base, result.tip, apart.commit)
        both = (touched & incoming) - apart.moved.keys() - {path for path, _ in merged.settled}
        if both and not merged.conflicts:
            merged = trees.mend_dropped(top, scratch, base, commit, result.tip, merged, both)
        if merged.conflicts:
            result.parked.append(commit)
            result.conflicts += merged.conflicts
            parked_paths |= touched
            continue
        result.settled += merged.settled + told(apart)
        if merged.tree == git.tree_of(top, result.tip):
            result.contained.append((commit, result.tip))  # upstream has it already
            continue
        new = rewrite(top, commit, merged.tree, [result.tip], apart.moved)
        result.replayed.append((commit, new))
        result.tip = new
    return result


def replay_merge(top: str, scratch: str, head: str, onto: str, result: Replay) -> Replay:
    """Somebody merged here by hand: what was written in the merge is kept by merging once more."""
    base = git.run(top, "merge-base", onto, head).decode().strip()
    both = paths_of(top, base, onto) & paths_of(top, base, head)
    apart = set_apart(top, head, base, onto, head, both)
    merged = trees.merge_trees(top, apart.base, onto, apart.commit)
    both -= apart.moved.keys() | {path for path, _ in merged.settled}
    if not merged.conflicts:
        merged = trees.mend_dropped(top, scratch, base, head, onto, merged, both)
    if merged.conflicts:
        result.parked, result.conflicts = [head], merged.conflicts
        return result
    result.settled = merged.settled + told(apart)
    message = b"Merge local commits with the remote's\n"
    args = ("commit-tree", merged.tree, "-p", onto, "-p", head)
    result.tip = git.run(top, *args, stdin=message).decode().strip()
    return result


def told(apart: Apart) -> list[tuple[bytes, str]]:
    """What the user hears of logs that got another name."""
    how = "another session's log came in under this name; yours is {} now"
    return [(old, how.format(files.shown(new))) for old, new in apart.new]


def rewrite(top: str, commit: str, tree: str, parents: list[str], moved: Mapping[bytes, bytes] = NOTHING_MOVED) -> str:
    """The same commit with another tree and parents. Author, dates, message (but for the log's new path) and encoding
    stay; a signature would be a lie and goes, or is made anew where commit.gpgsign is on."""
    header, _, message = git.commit_object(top, commit).partition(b"\n\n")
    for old, new in moved.items():
        message = message.replace(b"\nLog: %s\n" % old, b"\nLog: %s\n" % new)
    lines: list[bytes] = []
    skipping = False
    for line in header.split(b"\n"):
        if line.startswith(b" "):
            if not skipping:
                lines.append(line)
            continue
        skipping = line.startswith((b"gpgsig", b"mergetag", b"tree ", b"parent "))
        if not skipping:
            lines.append(line)
    if git.signs(top):
        return sign(top, lines, tree, parents, message)
    first = [b"tree " + tree.encode()] + [b"parent " + p.encode() for p in parents]
    data = b"\n".join(first + lines) + b"\n\n" + message
    return git.store_commit(top, data)


def sign(top: str, lines: list[bytes], tree: str, parents: list[str], message: bytes) -> str:
    """The commit made anew with a signature, all else kept."""
    env: dict[str, str] = {}
    for line in lines:
        role, _, rest = line.partition(b" ")
        if role in (b"author", b"committer"):
            name, _, rest = rest.partition(b" <")
            mail, _, date = rest.partition(b"> ")
            key = f"GIT_{role.decode().upper()}_"
            env |= {
                key + "NAME": os.fsdecode(name),
                key + "EMAIL": os.fsdecode(mail),
                key + "DATE": "@" + date.decode(),
            }
    args = [word for parent in parents for word in ("-p", parent)]
    return git.run(top, "commit-tree", "-S", *args, tree, stdin=message, env=env).decode().strip()
