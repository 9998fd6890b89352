"""Edits that another session's write has taken out of a file, without meaning to. Pure.

An agent reads a file, works on its text and writes it back; what another one wrote in between is gone. That is proved
only by a fork: the later write began from what the file held before the earlier one, the earlier one was made while
the later call was under way, both are known exactly, and nothing is unexplained between them or since. Any other
disappearance (an undo, `git restore`, a formatter, a person) is somebody's decision: see gone.py.

The records of a path are a tree of contents. One line of it leads to what is there now; an edit beside that line was
lost where its branch leaves the line: by the write that went on along the line instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from claudetools.attribution.chain import PUT_BACK, Touch, in_order
from claudetools.attribution.edits import DISK, UPON, Edit

TIE = 1e-4  # seconds: of several that were written over in one moment only the latest moment is known
TICK = 0.05  # seconds by which a file system's clock may be behind


class Lost(NamedTuple):
    """What `session` made of `before` is gone since `by` wrote: contents by their names, as in the ledger. `branch`:
    the position of the first edit that was lost with this one; they come back together, in their order."""

    session: str
    by: str
    before: str
    after: str
    seq: int
    branch: int


def find(touches: Sequence[Touch], tree: str | None) -> list[Lost]:
    """The edits of one path that are proved lost, and not back yet, branch by branch. `tree`: what the path holds."""
    line = list(line_to(touches, tree))
    beside = in_order([x for x in touches if is_change(x) and x not in line])
    found: list[Lost] = []
    for branch in branches(beside):
        by = next((x for x in reversed(line) if left_line_at(x, branch[0])), None)
        if by is None or not all(was_unseen(x, by) for x in branch) or any(is_back(x, by, touches) for x in branch):
            continue
        found += [
            Lost(x.session, by.session, str(x.edit.before), str(x.edit.after), x.edit.seq, branch[0].edit.seq)
            for x in branch
        ]
    return found


def line_to(touches: Sequence[Touch], tree: str | None) -> Iterator[Touch]:
    """The records that led to what is there now, the last one first, as far back as all of them are exact."""
    state, until, left = tree, float("inf"), list(touches)
    while True:
        makers = [x for x in left if x.edit.after == state and earliest(x.edit) <= until]
        if not makers:
            return
        maker = max(makers, key=lambda x: x.edit.time)
        if not is_exact(maker):
            return
        yield maker
        left.remove(maker)
        state, until = maker.edit.note.get(UPON, maker.edit.before), min(until, maker.edit.time + TIE)


def branches(beside: Sequence[Touch]) -> list[list[Touch]]:
    """Edits that were made one upon the other, in their order."""
    found: list[list[Touch]] = []
    for touch in beside:
        upon = next((branch for branch in reversed(found) if branch[-1].edit.after == touch.edit.before), None)
        if upon is None:
            found.append([touch])
        else:
            upon.append(touch)
    return found


def left_line_at(touch: Touch, first: Touch) -> bool:
    """Whether this is the write of the line that began from what the branch began from."""
    return touch.edit.before == first.edit.before and touch.edit.time + TIE > earliest(first.edit)


def was_unseen(lost: Touch, by: Touch) -> bool:
    """Whether the edit was made while the call that wrote over it was under way, and its session did not know. A sync
    has no such call: it writes by compare-and-swap."""
    told = by.edit.began > 0 and by.edit.tool != PUT_BACK
    met = by.edit.began - TICK < lost.edit.time and earliest(lost.edit) < by.edit.time + TIE
    return told and met and (lost.session != by.session or lost.edit.tool == PUT_BACK)


def earliest(edit: Edit) -> float:
    """Since when it may have been there. Where somebody wrote once more before the hook looked, and for what a sync has
    brought back, the time of the record is a later moment."""
    return edit.began if edit.tool == PUT_BACK or DISK in edit.note else edit.time


def is_back(lost: Touch, by: Touch, touches: Sequence[Touch]) -> bool:
    """Whether it was brought back already: then, if it is gone, somebody wanted that. Later edits of its own session
    say nothing: that one has been told not to make the edit again."""
    for x in touches:
        if x.session == lost.session and x.edit.tool == PUT_BACK and x.edit.time > by.edit.time:
            of = x.edit.note.get("of")
            if of is None or of == lost.edit.seq:
                return True
    return False


def is_change(touch: Touch) -> bool:
    """Whether it is known exactly what it changed, and its agent believes that it has."""
    return is_exact(touch) and touch.edit.before != touch.edit.after and not touch.edit.note.get("failed")


def is_exact(touch: Touch) -> bool:
    """Whether it says what the file held before and after, by the tool that wrote it."""
    return touch.edit.exact and touch.edit.before is not None and touch.edit.after is not None
