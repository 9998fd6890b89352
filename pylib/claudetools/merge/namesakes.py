"""Two session logs of one name: the same person began the same topic on the same day on two machines.

Merged they would be one file with two sessions' text. The log that is on the remote already keeps the name; ours gets
the next one that is free (`-2`, `-3` ...), and so do later commits that go on with it. Whose a log is, its front matter
says, so its session finds it under the new name (logs/shelf.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import count

from claudetools.core import git
from claudetools.core.light import NamedTuple
from claudetools.merge.settling import LOG, by_key, split_front_matter
from claudetools.merge.trees import tree_with


class Apart(NamedTuple):
    """A commit and its base with our logs under their new names. `new`: old and new path of those named just now."""

    base: str
    commit: str
    moved: dict[bytes, bytes]
    new: list[tuple[bytes, bytes]]


def set_apart(top: str, scratch: str, head: str, base: str, tip: str, commit: str, touched: Iterable[bytes]) -> Apart:
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
    trees = [renamed(top, scratch, revision, moved) for revision in (base, commit)]
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


def are_namesakes(one: bytes, other: bytes) -> bool:
    """Whether two texts are logs that were begun apart. What does not say so is one log."""
    (ids, made), (other_ids, other_made) = identity(one), identity(other)
    if ids and other_ids:
        return not set(ids) & set(other_ids)
    return all([*made, *other_made]) and made != other_made


def is_same_log(one: bytes, other: bytes) -> bool:
    """Whether both say of themselves that they are one log."""
    (ids, made), (other_ids, other_made) = identity(one), identity(other)
    return bool(set(ids) & set(other_ids)) or (all(made) and made == other_made)


def identity(text: bytes) -> tuple[list[bytes], tuple[bytes, bytes]]:
    """The sessions of a log, its machine and when it was begun, as its front matter has them."""
    keys = by_key(split_front_matter(text)[0])
    session, machine, created = (
        keys.get(key, [b""])[0].partition(b":")[2].strip() for key in (b"session", b"machine", b"created")
    )
    return session.strip(b"\"'").split(), (machine, created)


def renamed(top: str, scratch: str, revision: str, moved: dict[bytes, bytes]) -> str:
    """The tree of a revision with these paths under other names."""
    entries = []
    for old, new in moved.items():
        mode, oid = git.entry(top, revision, old)
        if oid:
            entries.append(b"0 %s 0\t%s\0" % (b"0" * len(oid), old))
            entries.append(b"%s %s 0\t%s\0" % (mode.encode(), oid.encode(), new))
    return tree_with(top, scratch, git.tree_of(top, revision), entries)
