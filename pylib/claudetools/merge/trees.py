"""Three-way merge of trees, and what the machine may settle of its conflicts by itself.

Every rule answers for one path with base, ours and theirs. A rule that is not sure says nothing: then it is a true
conflict, and a person decides.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field

from claudetools.core import files, git
from claudetools.core.objects import Entry, tree_with
from claudetools.merge import settling
from claudetools.text import article_index, cipher, sidecar
from claudetools.text.lines import merge_texts

ASIDE = re.compile(rb"~[0-9a-f]{40,64}(_\d+)?$")  # git's name for a file that meets a folder: `path~commit`
OPAQUE = re.compile(r"\.(age|gpg|asc|sops|enc|kdbx)$|\.(sops|enc)\.[a-z]+$|(^|/)secrets?\.ya?ml$", re.I)


@dataclass
class Sides:
    """One conflicted path: mode and blob of each side that has it, keyed 1 (base), 2 (theirs), 3 (ours)."""

    path: bytes
    entries: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass
class MergedTree:
    """The tree when `conflicts` is empty. `settled`: path, and how, for the user."""

    tree: str
    conflicts: list[bytes] = field(default_factory=list)
    settled: list[tuple[bytes, str]] = field(default_factory=list)


def attributes_file() -> str:
    """Encrypted files have no lines: `-merge` for them, in a file that only our merges read."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "merge-attributes")


def merge_trees(top: str, base: str, theirs: str, ours: str) -> MergedTree:
    """Merge the change from `base` to `ours` into `theirs`.

    `git merge-tree` before 2.40 takes no base: a throw-away commit with `theirs`' tree and `base` as its parent makes
    `base` the merge base.
    """
    if base == git.empty_tree(base):
        onto = git.run(top, "commit-tree", git.tree_of(top, theirs), stdin=b"base\n").decode().strip()
    else:
        onto = git.run(top, "commit-tree", git.tree_of(top, theirs), "-p", base, stdin=b"base\n").decode().strip()
    ours_commit = ours
    if git.parents_of(top, ours) != [base]:
        # A merge commit, or one whose parent is not the base: only its tree counts.
        ours_commit = git.run(top, "commit-tree", git.tree_of(top, ours), "-p", base, stdin=b"ours\n").decode().strip()
    option = ("-c", f"core.attributesFile={attributes_file()}")
    out = git.run(top, *option, "merge-tree", "--write-tree", "-z", onto, ours_commit, ok=(0, 1))
    tree, sides, clean = parse_merge_tree(out)
    if clean:
        return MergedTree(tree)
    return settle(top, ours, tree, sides)


def parse_merge_tree(out: bytes) -> tuple[str, list[Sides], bool]:
    """`git merge-tree --write-tree -z`: the tree, NUL, then `mode oid stage TAB path` entries up to an empty one."""
    fields = out.split(b"\0")
    tree = fields[0].decode().strip()
    found: dict[bytes, Sides] = {}
    for entry in fields[1:]:
        if not entry:
            break
        head, _, path = entry.partition(b"\t")
        parts = head.decode().split()
        if len(parts) != 3:
            break
        mode, oid, stage = parts
        path = ASIDE.sub(b"", path)
        found.setdefault(path, Sides(path)).entries[int(stage)] = (mode, oid)
    return tree, list(found.values()), not found and len(fields) <= 2


def settle(top: str, ours: str, tree: str, conflicts: list[Sides]) -> MergedTree:
    """Apply the rules to each path where the commit `ours` conflicts; put what they give into the tree."""
    result = MergedTree(tree)
    entries: dict[bytes, Entry | None] = {}
    for sides in conflicts:
        answer = settle_path(top, ours, sides)
        if answer is None:
            result.conflicts.append(sides.path)
            continue
        data, how = answer
        oid = git.store(top, data)
        entries[sides.path] = (sides.entries[3][0], oid)
        result.settled.append((sides.path, how))
    if not conflicts:
        # A conflict without stages, such as a folder that became a file: nothing here can settle it.
        result.conflicts.append(b"(structure)")
    if result.conflicts:
        return result
    result.tree = tree_with(top, tree, entries)
    if any(path == settling.INDEX.encode() for path, _ in result.settled):
        result.tree = tree_with(top, result.tree, {article_index.PATH.encode(): index_entry(top, result.tree)})
    return result


def index_entry(top: str, tree: str) -> Entry:
    """The list of articles as it follows from the articles of the tree itself."""
    listed = git.run(top, "ls-tree", "-r", "-z", tree, "--", "wiki/").split(b"\0")
    articles: dict[str, bytes] = {}
    old = ""
    for entry in listed[:-1]:
        head, _, path = entry.partition(b"\t")
        mode, _, oid = head.decode().split()
        name = path.decode("utf-8", "surrogateescape")
        if mode in (git.REGULAR, git.EXECUTABLE) and (settling.ARTICLE.match(name) or name == settling.INDEX):
            data = git.blob(top, oid)
            if name == settling.INDEX:
                old = data.decode("utf-8")
            else:
                articles[name] = data
    made = article_index.make(old, articles).encode("utf-8", "surrogateescape")
    oid = git.store(top, made)
    return git.REGULAR, oid


def compiled_lines(top: str, revision: str, name: str) -> frozenset[str]:
    """The lines of an article that a compile wrote, as the commit's sidecar tells."""
    if not settling.ARTICLE.search(name):
        return frozenset()
    path = name.replace("wiki/", "wiki/.sources/", 1).removesuffix(".md") + ".json"
    text = git.blob(top, git.entry(top, revision, os.fsencode(path))[1]).decode("utf-8", "replace")
    return sidecar.parse(text).compiled()


def settle_path(top: str, revision: str, sides: Sides) -> tuple[bytes, str] | None:
    """Content and a word for the user, or None for a true conflict. `revision`: the commit of our side."""
    name = files.shown(sides.path)
    modes = {mode for mode, _ in sides.entries.values()}
    if OPAQUE.search(name) or modes - {"100644", "100755"}:
        return None
    if 2 not in sides.entries or 3 not in sides.entries:
        return None
    base = git.blob(top, sides.entries[1][1]) if 1 in sides.entries else b""
    theirs = git.blob(top, sides.entries[2][1])
    ours = git.blob(top, sides.entries[3][1])
    return settling.settle(name, base, theirs, ours, compiled_lines(top, revision, name))


# --- what a merge driver dropped ------------------------------------------------------
# The last look before a push: did a merge lose what one side changed?
#
# Git's own merge keeps both sides or says that they conflict. A merge driver that the repository configures
# (`merge.<name>.driver`) may answer with one side alone and call it clean; the well-known `driver = true` does. Our
# commit would then go out without its change, or undo what upstream did.


def lacks(text: bytes, base: bytes, changed: bytes) -> bool:
    """Whether `text` lacks a line that was added from `base` to `changed`, or still has one that was taken out.

    A side that did what the other did, and more, is no loss.
    """
    before, after, result = (Counter(t.splitlines()) for t in (base, changed, text))
    lost = any(result[line] < after[line] for line in after - before)
    kept = any(result[line] > after[line] for line in before - after)
    return lost or kept


def mend_dropped(
    top: str, scratch: str, base: str, ours: str, theirs: str, merged: MergedTree, paths: set[bytes]
) -> MergedTree:
    """Merge those of `paths` again, by lines, that `merged` has as one side has them, without the other's change.

    `paths` were changed by both. A path that is gone from a side was renamed or deleted there: that is merge-tree's to
    judge. What the lines do not settle either is a conflict, and so is ciphertext that was merged by lines.
    """
    settled, conflicts = list(merged.settled), []
    entries: dict[bytes, Entry | None] = {}
    for path in sorted(paths):
        sides = [git.entry(top, revision, path) for revision in (base, ours, theirs)]
        result = git.entry(top, merged.tree, path)
        if is_file(result) and result not in sides[1:] and cipher.is_cipher(git.blob(top, result[1])):
            conflicts.append(path)
            continue
        if result not in sides[1:] or sides[1] == sides[2] or not all(is_file(side) for side in sides[1:]):
            continue
        old, mine, other = (git.blob(top, oid) if is_file((mode, oid)) else b"" for mode, oid in sides)
        if not (lacks(other, old, mine) if result == sides[2] else lacks(mine, old, other)):
            continue
        both = merge_texts(scratch, mine, old, other)
        if both is None:
            conflicts.append(path)
            continue
        oid = git.store(top, both)
        entries[path] = (sides[1][0], oid)
        settled.append((path, "a merge driver kept one side only: merged by lines instead"))
    if conflicts or not entries:
        return MergedTree(merged.tree, conflicts, merged.settled)
    return MergedTree(tree_with(top, merged.tree, entries), [], settled)


def is_file(entry: tuple[str, str]) -> bool:
    """Whether a tree entry is a plain file."""
    return entry[0].startswith("100")
