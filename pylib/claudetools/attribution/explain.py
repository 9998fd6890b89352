"""What is left of a shell command's window once everything that others say they did is taken off it. Pure.

Edits are arcs: this session made this content of that one. Windows are sightings: this was there when a command
began, that when it ended. In the order of time they make one chain of contents; wherever two neighbours differ and no
edit explains it, somebody wrote in between, and the windows that cover that time say who it can have been:

    one session     its change (one witness: the commit says so)
    several         contested: it waits until one of them claims it, or none of them is at work any more
    none            nobody's

What a command consists of says more (reach.py): one that cannot have written the path is not asked, and one that
surely writes it has done it where the others do not even name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from claudetools.attribution.edits import DISK, UNKNOWN, Edit
from claudetools.attribution.reach import CANNOT, MAY, NAMES, WRITES

RECEIVED = ""  # as the session of what a sync has brought into the tree
FOREVER = 1e12
INSTANT = 1e-5  # seconds between a record and what was made upon it
ROUNDS = 5  # for records that were made one upon the other, all of them dated late
MOMENT = 1e-3  # seconds: no piece takes less, so that two of the same time overlap
ARCS = ("edit", "write", "file")


class Witness(NamedTuple):
    """One record and whose it is."""

    session: str
    edit: Edit


class Window(NamedTuple):
    """When a command ran, and what it has to do with the path (reach.py)."""

    session: str
    began: float
    time: float
    seq: int
    reach: object = NAMES


class WindowEvent(NamedTuple):
    """An arc, or (`arc` False) a sighting of `after`. It happened between `began` and `time`."""

    time: float
    began: float
    arc: bool
    before: str | None
    after: str | None
    edit: Edit


def explain(witnesses: Iterable[Witness], running: Iterable[tuple[str, float]] = ()) -> list[Witness]:
    """The records of one path with those of windows replaced by what only a window can have done.

    Such a piece is a record of its own for each session that can have done it: the window's, with the contents and the
    time of the piece; so pieces of one time with several sessions are contested. `running`: session and beginning of
    commands that have not ended. Their pieces have seq 0.
    """
    given = list(witnesses)
    seen = [w for w in given if w.edit.kind == "window"]
    if not seen:
        return given
    windows = [Window(w.session, w.edit.began, w.edit.time, w.edit.seq, w.edit.note.get("reach")) for w in seen]
    windows += [Window(session, began, FOREVER, 0) for session, began in running]
    pieces = Walk(windows).follow(events_of(given))
    return [w for w in given if w.edit.kind != "window"] + pieces


def dated(witnesses: Iterable[Witness]) -> list[Witness]:
    """The same records with better times. Where somebody wrote once more before the hook looked, a record has the time
    of that write; but it was made before whatever was made upon it."""
    found = list(witnesses)
    upon: dict[str | None, list[int]] = {}
    for n, (_, edit) in enumerate(found):
        upon.setdefault(edit.before, []).append(n)
    for _ in range(ROUNDS):
        before = list(found)
        for n, (session, edit) in enumerate(found):
            if DISK in edit.note:
                later = [found[y].edit.time - INSTANT for y in upon.get(edit.after, []) if y != n]
                times = [edit.time, *(time for time in later if time > edit.began)]
                found[n] = Witness(session, edit._replace(time=min(times)))
        if found == before:
            break
    return found


def events_of(witnesses: Iterable[Witness]) -> list[WindowEvent]:
    """All events in the order of time. A window begins before anything else of the same moment and ends after it."""
    sightings, arcs = [], []
    for session, edit in witnesses:
        if edit.kind == "window":
            sightings.append(
                (edit.began, 0, session, WindowEvent(edit.began, edit.began, False, None, edit.before, edit))
            )
            sightings.append((edit.time, 2, session, WindowEvent(edit.time, edit.time, False, None, edit.after, edit)))
        elif edit.kind in ARCS:
            arcs.append(
                (edit.time, 1, session, WindowEvent(edit.time, edit.earliest, True, edit.before, edit.after, edit))
            )
    found = sorted([*sightings, *arcs], key=lambda item: (item[0], item[1], item[2], item[3].edit.seq))
    events = [event for *_, event in found]
    for *_, arc in sorted(arcs, key=lambda item: item[0], reverse=True):
        put_where_it_fits(events, arc)
    return events


def put_where_it_fits(events: list[WindowEvent], arc: WindowEvent) -> None:
    """A record is written a moment after the change: what was seen since the call began tells more about its time."""
    at = events.index(arc)
    first = at
    while first and events[first - 1].time >= arc.began:
        first -= 1
    between = events[first:at]
    not_yet = [n for n, event in enumerate(between) if seen_by(event) == arc.before]
    start = not_yet[-1] + 1 if not_yet else 0
    for n in range(start, len(between)):
        event = between[n]
        if event.before == arc.after if event.arc else event.after != arc.before:
            events.remove(arc)
            events.insert(first + n, arc)
            return


def seen_by(event: WindowEvent) -> str | None:
    """What lay there when the event happened: before an arc, at a sighting."""
    return event.before if event.arc else event.after


class Walk:
    """Along the events: the content at hand, its mode, and since when it is known to be there."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = windows
        self.pieces: list[Witness] = []
        self.content: str | None = None
        self.mode: str | None = None
        self.since = 0.0
        self.past: list[tuple[str | None, float]] = []  # contents that were there, and when they were replaced

    def follow(self, events: list[WindowEvent]) -> list[Witness]:
        """The pieces that no arc explains."""
        first = events[0]
        self.content = first.before if first.arc else first.after
        self.mode, self.since = first.edit.was, first.began
        while events:
            # A record may be written late: an arc from what is at hand goes first if it can have been made by then.
            event = next((e for e in events if self.goes_before(e, events[0])), events[0])
            events.remove(event)
            if event.arc:
                if not self.is_fork(event):
                    self.bridge(event, event.before, event.edit.was)
                self.past.append((self.content, event.time))
                self.content, self.mode = event.after, event.edit.mode
            elif event.time == event.edit.began:
                self.bridge(event, event.after, event.edit.was)
            else:
                self.bridge(event, event.after, event.edit.mode)
            self.since = max(self.since, event.began)
        return self.pieces

    def is_fork(self, arc: WindowEvent) -> bool:
        """Whether the tool had read what lay there while its call was under way, and wrote over what came since: that
        explains itself (lost.py), no command has brought the old content back."""
        read = any(content == arc.before and replaced >= arc.began for content, replaced in self.past)
        return arc.edit.exact and arc.before != self.content and read

    def goes_before(self, arc: WindowEvent, event: WindowEvent) -> bool:
        """Whether this arc starts from the content at hand and explains why `event` sees another one."""
        return (
            arc.arc
            and arc.before == self.content != seen_by(event)
            and arc.began <= event.time
            and arc.before != UNKNOWN
        )

    def bridge(self, event: WindowEvent, content: str | None, mode: str | None) -> None:
        """Somebody has written between the content at hand and what this event has seen."""
        unseen = content == UNKNOWN and self.content == UNKNOWN and event.time != event.edit.began
        if (content, mode) == (self.content, self.mode) and not unseen:
            return
        piece = Edit(event.edit.path, self.content, content, "window", mode, self.mode)
        piece = piece._replace(tool=event.edit.tool, use=event.edit.use, began=self.since, time=event.time)
        piece = piece._replace(began=min(piece.began, piece.time - MOMENT))
        there = self.suspects(event.time)
        for session in sorted({window.session for window in there}):
            seq = min(w.seq for w in there if w.session == session)  # several commands of one session are one witness
            self.pieces.append(Witness(session, piece._replace(seq=seq)))
        self.past.append((self.content, event.time))
        self.content, self.mode = content, mode

    def suspects(self, until: float) -> list[Window]:
        """The commands that can have written since the content at hand was there."""
        there = [w for w in self.windows if w.began < until and w.time > self.since and w.reach != CANNOT]
        sure = {w.session for w in there if w.reach == WRITES}
        if len(sure) == 1 and all(w.session in sure or w.reach == MAY for w in there):
            return [w for w in there if w.session in sure]
        return there
