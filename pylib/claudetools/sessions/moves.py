"""Files that were renamed: the old name and the new one go together, with all that is unsaved in either.

Otherwise the deletion could be sent by one session while the text under its new name waits for another, and lines that
somebody had not saved would go out with the rename as the mover's own. A ledger knows no renames, so they are found as
git finds them: a path that is gone and one that is new, by the same hand, with the same lines or most of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from claudetools.attribution.chain import Touch
from claudetools.core import git
from claudetools.sessions.owners import PLAIN, Owned, whole

MOST_PAIRS = 10_000  # comparisons of texts that are only alike
ALIKE = 0.6  # the share of equal lines from which a text counts as the other one, changed
Names = tuple[bytes, bytes]  # from, to
Hand = tuple[git.Change, frozenset[str]]  # and who did it
Touches = Mapping[bytes, Sequence[Touch]]
Read = Callable[[str], bytes]  # git's objects
Kept = Callable[[str], bytes | None]  # the ledgers' contents


def tie_moves(
    found: Mapping[bytes, Owned], changes: Sequence[git.Change], touches: Touches, read: Read, kept: Kept
) -> dict[bytes, Owned]:
    """The owners, with both names of a renamed file as one."""
    tied = dict(found)
    for names in renames(changes, touches, read, kept):
        joined = frozenset[str]().union(*(some for path in names for some in found[path].sets))
        joined |= {x.session for path in names for x in touches[path] if not x.done}
        window = any(found[path].window for path in names)
        for path in names:
            tied[path] = Owned(found[path].head, found[path].tree, whole(joined), None, window)
    return tied


def renames(changes: Sequence[git.Change], touches: Touches, read: Read, kept: Kept) -> Iterator[Names]:
    """The renames in which more than one has a part; both names of one session's go together anyway."""
    gone = [(c, hand(touches[c.path], "after")) for c in changes if c.deleted and c.old_mode in PLAIN]
    come = [(c, hand(touches[c.path], "before")) for c in changes if c.added and c.new_mode in PLAIN]
    yield from by_two_hands(gone, come)
    for one in {who for _, who in gone} & {who for _, who in come}:
        sources = [c for c, who in gone if who == one]
        targets = [c for c, who in come if who == one]
        if any(at_work(touches[c.path]) != one for c in [*sources, *targets]):
            yield from pair_moves(
                {c.path: what_left(c, touches[c.path], read, kept) for c in sources},
                {c.path: what_came(c, touches[c.path], read, kept) for c in targets},
            )


def by_two_hands(gone: Sequence[Hand], come: Sequence[Hand]) -> Iterator[Names]:
    """Deletions whose very content is at a new path that others alone made: one session took the file away, another had
    put it elsewhere."""
    by_oid: dict[str, list[Hand]] = {}
    for change, who in come:
        by_oid.setdefault(change.new_oid, []).append((change, who))
    for change, who in gone:
        found = by_oid.get(change.old_oid, [])
        if found and all(other != who for _, other in found):
            yield change.path, found[0][0].path


def hand(touches: Sequence[Touch], side: str) -> frozenset[str]:
    """Who took the file away (its `after` is None) or put it there (its `before` is); empty: nobody with a ledger."""
    return at_work([x for x in touches if getattr(x.edit, side) is None])


def at_work(touches: Sequence[Touch]) -> frozenset[str]:
    """The sessions with something here that is not in a commit."""
    return frozenset(x.session for x in touches if not x.done)


def what_left(change: git.Change, touches: Sequence[Touch], read: Read, kept: Kept) -> bytes:
    """What lay at a path that is gone."""
    last = [x.edit.after or x.edit.before for x in touches][-1:]
    text = kept(last[0]) if last and last[0] else None
    return read(change.old_oid) if text is None else text


def what_came(change: git.Change, touches: Sequence[Touch], read: Read, kept: Kept) -> bytes:
    """What first lay at a path that is new."""
    first = [x.edit.before or x.edit.after for x in touches][:1]
    text = kept(first[0]) if first and first[0] else None
    return read(change.new_oid) if text is None else text


def pair_moves(sources: dict[bytes, bytes], targets: dict[bytes, bytes]) -> Iterator[Names]:
    """Each source with its best target: the same text, else the one with most of its lines. Empty texts have none."""
    by_text = {text: path for path, text in sorted(targets.items()) if text}
    for path in [path for path, text in sources.items() if text in by_text]:
        to = by_text.pop(sources.pop(path), None)
        if to is not None:
            del targets[to]
            yield path, to
    if len(sources) * len(targets) > MOST_PAIRS:
        return
    for path, text in sources.items():
        shares = {to: share_of_lines(text, other) for to, other in targets.items()}
        best = max(shares, key=lambda to: (shares[to], to), default=None)
        if best is not None and shares[best] >= ALIKE:
            del targets[best]
            yield path, best


def share_of_lines(one: bytes, other: bytes) -> float:
    """Of the lines of the longer text, those that the other one has too: 0 to 1."""
    lines, more = Counter(one.splitlines()), Counter(other.splitlines())
    return (lines & more).total() / max(lines.total(), more.total(), 1)
