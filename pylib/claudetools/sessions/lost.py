"""Edits that another session's write has taken out of a file, without meaning to. Pure.

An agent reads a file, works on its text and writes it back; what another one wrote in between is gone. That is proved
only by a fork: the later write began from what the file held before the earlier one, the earlier one was made while
the later call was under way, both are known exactly, and nothing is unexplained between them or since. Any other
disappearance (an undo, `git restore`, a formatter, a person) is somebody's decision and no matter of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from claudetools.sessions.chain import PUT_BACK, Touch
from claudetools.sessions.weave import differences, join_lines, split_lines


class Lost(NamedTuple):
    """What `session` made of `before` is gone since `by` wrote: contents by their names, as in the ledger. `write`: the
    position of that writing, the same for all that it took out."""

    session: str
    by: str
    before: str
    after: str
    seq: int
    write: int


def find(touches: Sequence[Touch], tree: str | None) -> list[Lost]:
    """The edits of one path that are proved lost. `touches` in the order of time, `tree` what the path holds now."""
    found = []
    for n, later in enumerate(touches):
        if is_exact(later) and has_read(later) and is_followed(touches[n:], tree):
            run = overwritten(touches[:n], later)
            found += [lost for lost in run if not was_put_back(lost, touches[n + 1 :])]
    return found


def was_put_back(lost: Lost, later: Sequence[Touch]) -> bool:
    """Whether a sync has brought it back already: then, if it is gone, somebody wanted that. Later edits of its own
    session say nothing: that one has been told not to make the edit again."""
    return any(x.session == lost.session and x.edit.tool == PUT_BACK for x in later)


def is_exact(touch: Touch) -> bool:
    """Whether it says what the file held before and after, by the tool that wrote it."""
    return touch.edit.exact and touch.edit.before is not None and touch.edit.after is not None


def has_read(touch: Touch) -> bool:
    """Whether it comes of a call that is known to have begun earlier: a sync writes by compare-and-swap."""
    return touch.edit.began > 0 and touch.edit.tool != PUT_BACK


def is_followed(touches: Sequence[Touch], tree: str | None) -> bool:
    """Whether what is there now comes from the first of these by known steps alone. One of them may be lost in turn."""
    states = {touches[0].edit.after}
    for touch in touches[1:]:
        if not is_exact(touch) or touch.edit.before not in states:
            return False
        states.add(touch.edit.after)
    return tree == touches[-1].edit.after


def overwritten(earlier: Sequence[Touch], later: Touch) -> list[Lost]:
    """The records right before `later`, back to the state that it started from, if all were made during its call. None
    when they end in that state: what they did was taken back before."""
    found: list[Lost] = []
    for touch in reversed(earlier):
        edit = touch.edit
        during = later.edit.began < edit.time < later.edit.time
        if not is_exact(touch) or not during or touch.session == later.session:
            return []
        if edit.after == later.edit.before if not found else edit.after != found[0].before:
            return []
        row = Lost(touch.session, later.session, str(edit.before), str(edit.after), edit.seq, later.edit.seq)
        found.insert(0, row)
        if edit.before == later.edit.before:
            return found
    return []


def put_back(base: bytes, lost: bytes, now: bytes) -> bytes | None:
    """The text of `now` with what `lost` has changed since `base`. None where `now` has other text at such a line, or
    has some of it already: then a person has to look."""
    old, one, two = split_lines(base), split_lines(lost), split_lines(now)
    theirs = differences(old, two)
    pieces: list[tuple[int, int, list[bytes]]] = []
    for i1, i2, j1, j2 in differences(old, one):
        if any(i1 < b2 and b1 < i2 for b1, b2, _, _ in theirs):
            return None
        if any(b1 < i1 == i2 < b2 for b1, b2, _, _ in theirs):
            return None
        pieces.append((i1, i2, one[j1:j2]))
    added = {line for _, _, lines in pieces for line in lines if line.strip()}
    if added & set(two):
        return None
    pieces += [(b1, b2, two[c1:c2]) for b1, b2, c1, c2 in theirs]
    built, at = [], 0
    for start, end, lines in sorted(pieces, key=lambda piece: piece[:2]):
        built += [*old[at:start], *lines]
        at = max(at, end)
    return join_lines(built + old[at:])
