"""The order of what the sessions did to one path: each edit's `after` is the next one's `before`. Pure.

Clocks of several processes and hooks that overtake one another make the times of the records a hint only: the contents
tell. Where the chain has a gap, somebody changed the file without a record. It is the session's whose edits lie on
both sides of it, else nobody's. What happened before the file was last as HEAD has it is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from claudetools.attribution.edits import UNKNOWN, Edit
from claudetools.attribution.weave import NOBODY

CLAIM = "claim"  # kind of a record: what nobody or several may have made of the path up to here is this session's
PUT_BACK = "put-back"  # as the tool of the record that a sync makes when it has brought lost lines back
STEPS = ("edit", "write", "window", CLAIM)
OR = "&"  # between the ids of sessions that may have made one step; no id holds it


class Touch(NamedTuple):
    """One record of a session for the path. `done`: a commit holds it already."""

    session: str
    edit: Edit
    done: bool = False


class HistoryStep(NamedTuple):
    """The file became `after` (the name of a content, None: no file) by a session, NOBODY, or one of several that
    cannot be told apart ("id&id")."""

    owner: str
    after: str | None


@dataclass
class History:
    """What the path went through since it was as HEAD has it. `vague`: sessions that changed it in a way that only the
    whole path shows."""

    steps: list[HistoryStep] = field(default_factory=list)
    vague: set[str] = field(default_factory=set)

    @property
    def sessions(self) -> set[str]:
        """Everybody who is named."""
        return {step.owner for step in self.steps if step.owner != NOBODY} | self.vague


def is_step(edit: Edit) -> bool:
    """Whether both contents are known, so that the record says what happened to the text."""
    return edit.kind in STEPS and UNKNOWN not in (edit.before, edit.after)


def history(touches: Iterable[Touch], head: str | None, tree: str | None) -> History:
    """The steps from HEAD's content to the tree's. Of records that are done only those between others count."""
    touches = list(touches)
    made = History(vague={x.session for x in touches if not x.done and not is_step(x.edit)})
    steps = [x for x in touches if is_step(x.edit)]
    ordered = in_order(steps)
    for n in range(len(ordered), 0, -1):
        if ordered[n - 1].edit.after == head:
            ordered = ordered[n:]
            break
    while ordered and ordered[0].done:
        ordered.pop(0)
    made.steps = link(ordered, head, tree)
    for n in range(len(ordered) - 1, -1, -1):
        if ordered[n].edit.kind == CLAIM and not ordered[n].done:
            settle_claim(made, ordered[n])
            break
    return made


def in_order(touches: Iterable[Touch]) -> list[Touch]:
    """The records as the contents chain them; where that leaves gaps, as their times order them if there are no more
    gaps then: a file may come to hold again what it held before. Those that changed nothing are left out."""
    touches = [x for x in touches if x.edit.before != x.edit.after or x.edit.kind == CLAIM]
    ordered = follow(queues_of(touches), by_time=False)
    if not count_gaps(ordered):
        return ordered
    timed = follow(queues_of(touches), by_time=True)
    return timed if count_gaps(timed) <= count_gaps(ordered) else ordered


def queues_of(touches: Iterable[Touch]) -> dict[str, deque[Touch]]:
    """Each session's records in their own order."""
    queues: dict[str, deque[Touch]] = {}
    for touch in sorted(touches, key=lambda x: (x.edit.seq, x.edit.time)):
        queue = queues.setdefault(touch.session, deque())
        at = len(queue)
        while at and is_late(touch.edit, queue[at - 1].edit):
            at -= 1
        queue.insert(at, touch)
    return queues


def follow(queues: dict[str, deque[Touch]], by_time: bool) -> list[Touch]:
    """Follow the contents; at a gap, the earliest that follows no other. `by_time`: nothing goes before what was over
    when it began."""
    state: str | None = UNKNOWN
    ordered: list[Touch] = []
    while queues:
        heads = [queue[0] for queue in queues.values()]
        over = min(x.edit.time for x in heads)
        ready = [x for x in heads if x.edit.earliest <= over] if by_time else heads
        fitting = [x for x in ready if x.edit.before == state]
        if not fitting:
            coming = {x.edit.after for queue in queues.values() for x in queue if x.edit.after != x.edit.before}
            fitting = [x for x in ready if x.edit.before not in coming] or ready
        first = min(fitting, key=lambda x: (x.edit.time, x.session))
        # What several commands may have done is one step: none of them did it again later.
        for touch in (first, *(x for x in heads if x.session != first.session and is_same(x.edit, first.edit))):
            queues[touch.session].popleft()
            if not queues[touch.session]:
                del queues[touch.session]
            ordered.append(touch)
        state = first.edit.after
    return ordered


def count_gaps(ordered: list[Touch]) -> int:
    """How often somebody must have written without a record."""
    return sum(one.edit.after not in (other.edit.before, other.edit.after) for one, other in pairwise(ordered))


def is_late(edit: Edit, other: Edit) -> bool:
    """Whether the record was written down later than another one of its session, but happened before it: a sync that
    puts back, and the end of a command, tell what was done a while ago."""
    if edit.tool != PUT_BACK and edit.kind != "window":
        return False
    return other.time > edit.time or (other.time == edit.time and other.before == edit.after)


def is_same(one: Edit, other: Edit) -> bool:
    """Whether two records are of one change that several commands may have made (see explain.py)."""
    return piece_of(one) == piece_of(other) and one.kind == other.kind == "window"


def piece_of(edit: Edit) -> tuple[object, ...]:
    """When it was, and what became of what."""
    return edit.began, edit.time, edit.before, edit.after


def link(ordered: list[Touch], head: str | None, tree: str | None) -> list[HistoryStep]:
    """The records as steps, with a step for every gap."""
    steps: list[HistoryStep] = []
    state, seen, last = head, {head}, NOBODY
    makers = makers_of(ordered)
    for touch in ordered:
        edit = touch.edit
        owner = NOBODY if touch.done else OR.join(sorted(makers.get(piece_of(edit), {touch.session})))
        # A command that ran for a while may have begun on what others have changed since.
        stale = edit.kind == "window" and edit.before in seen
        if edit.before != state and edit.after != state and not stale:
            # What was there before has come back: the lines are whose they were.
            steps.append(HistoryStep(owner if owner == last and edit.before not in seen else NOBODY, edit.before))
        if edit.after != state:
            steps.append(HistoryStep(owner, edit.after))
        state, last = edit.after, owner
        seen |= {edit.before, edit.after}
    if state != tree:
        steps.append(HistoryStep(NOBODY, tree))
    return steps


def makers_of(touches: Iterable[Touch]) -> dict[tuple[object, ...], set[str]]:
    """Who may have made each change by a shell command (see explain.py); of several, nobody knows who it was."""
    makers: dict[tuple[object, ...], set[str]] = {}
    for touch in touches:
        if touch.edit.kind == "window" and not touch.done:
            makers.setdefault(piece_of(touch.edit), set()).add(touch.session)
    return makers


def contested(touches: Iterable[Touch]) -> set[str]:
    """Sessions that cannot be told apart somewhere."""
    return set().union(*(some for some in makers_of(touches).values() if len(some) > 1))


def settle_claim(made: History, claim: Touch) -> None:
    """Everything up to the claim that was nobody's, or might be another's, is the claimer's."""
    last = next((n for n in range(len(made.steps), 0, -1) if made.steps[n - 1].after == claim.edit.after), 0)
    for n, step in enumerate(made.steps[:last]):
        if step.owner == NOBODY or OR in step.owner:
            made.steps[n] = HistoryStep(claim.session, step.after)
