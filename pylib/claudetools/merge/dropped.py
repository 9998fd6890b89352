"""The last look before a push: did a merge lose what one side changed?

Git's own merge keeps both sides or says that they conflict. A merge driver that the repository configures
(`merge.<name>.driver`) may answer with one side alone and call it clean; the well-known `driver = true` does. Our
commit would then go out without its change, or undo what upstream did.
"""

from __future__ import annotations

from collections import Counter

from claudetools.core import files, git
from claudetools.merge.trees import Merged, tree_with
from claudetools.text import cipher


def lacks(text: bytes, base: bytes, changed: bytes) -> bool:
    """Whether `text` lacks a line that was added from `base` to `changed`, or still has one that was taken out.

    A side that did what the other did, and more, is no loss.
    """
    before, after, result = (Counter(t.splitlines()) for t in (base, changed, text))
    lost = any(result[line] < after[line] for line in after - before)
    kept = any(result[line] > after[line] for line in before - after)
    return lost or kept


def mend(top: str, scratch: str, base: str, ours: str, theirs: str, merged: Merged, paths: set[bytes]) -> Merged:
    """Merge those of `paths` again, by lines, that `merged` has as one side has them, without the other's change.

    `paths` were changed by both. A path that is gone from a side was renamed or deleted there: that is merge-tree's to
    judge. What the lines do not settle either is a conflict, and so is ciphertext that was merged by lines.
    """
    settled, conflicts, entries = list(merged.settled), [], []
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
        both = files.merge(scratch, mine, old, other)
        if both is None:
            conflicts.append(path)
            continue
        oid = git.store(top, both)
        entries.append(b"%s %s 0\t%s\0" % (sides[1][0].encode(), oid.encode(), path))
        settled.append((path, "a merge driver kept one side only: merged by lines instead"))
    if conflicts or not entries:
        return Merged(merged.tree, conflicts, merged.settled)
    return Merged(tree_with(top, scratch, merged.tree, entries), [], settled)


def is_file(entry: tuple[str, str]) -> bool:
    """Whether a tree entry is a plain file."""
    return entry[0].startswith("100")
