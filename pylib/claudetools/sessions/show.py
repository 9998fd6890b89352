"""Sessions and their work in words: one screen for a person, one object for a program. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from claudetools.attribution.edits import UNKNOWN, Edit
from claudetools.core.messages import counted, visible
from claudetools.sessions.calls import Call
from claudetools.sessions.registry import Session
from claudetools.sessions.unsaved import Work

MOST_FILES = 3
MOST_EDITS = 20
WORDS = {"edit": "edited", "write": "written", "file": "changed", "window": "changed by a command"}


def who(works: Sequence[Work], caller: str, now: float) -> list[str]:
    """A line for each session, a line for its unsaved files."""
    if not works:
        return ["[OK] No session is known to work here."]
    names = {work.session.id: name_of(work.session) for work in works}
    width = min(max(map(len, names.values())), 40)
    lines = []
    for work in works:
        session = work.session
        mark = "*" if session.id == caller else " "
        state = session.state(now)
        ago = ago_of(session.seen, now) if state in ("live", "idle") else since(session, state, now)
        facts = ", ".join(visible(x) for x in (session.user, session.agent) if x)
        lines.append(
            f"{mark} {names[session.id]:<{width}}  {state:<5}  {ago:<12}  {session.id[:8]:<8}  {facts}".rstrip()
        )
        lines += [f"    {line}" for line in files_of(work)]
    return lines


def files_of(work: Work) -> list[str]:
    """What it has not saved, and what cannot be told."""
    lines = []
    if paths := [visible(path) for path in work.paths]:
        more = f" and {len(paths) - MOST_FILES} more" if len(paths) > MOST_FILES else ""
        lines.append(f"unsaved: {', '.join(paths[:MOST_FILES])}{more}")
    if work.problems:
        lines.append(f"its ledger cannot be read in full: {visible(work.problems[0])}")
    return lines


def details(work: Work, calls: Sequence[Call], now: float) -> list[str]:
    """Everything about one session."""
    session = work.session
    rows = [
        ("session", session.id),
        ("state", f"{session.state(now)}, active {ago_of(session.seen, now)}"),
        ("agent", f"{session.agent or 'not known'}{f', process {session.pid}' if session.pid else ''}"),
        ("user", f"{session.user or 'not known'} on {session.host or 'a machine that is not known'}"),
        ("began", clock(session.began, now) if session.began else "not known"),
        ("transcript", session.transcript),
    ]
    lines = [name_of(session), *(f"  {key:<11}{visible(value)}" for key, value in rows if value)]
    lines += [
        f"  running    {visible(call.tool)} since {clock(call.began, now)} {visible(call.path)}" for call in calls
    ]
    if not work.edits:
        lines.append("  Nothing of it is unsaved.")
    else:
        lines.append(f"  unsaved: {counted(len(work.edits), 'change')} in {counted(len(work.paths), 'file')}")
        if len(work.edits) > MOST_EDITS:
            lines.append(f"    {'...':<7}{len(work.edits) - MOST_EDITS} older ones")
        lines += [f"    {clock(e.time, now):<7}{edit_in_words(e)}" for e in work.edits[-MOST_EDITS:]]
    return lines + [f"  [WARN] {visible(problem)}" for problem in work.problems]


def edit_in_words(edit: Edit) -> str:
    """One change."""
    path = visible(edit.path)
    if edit.after is None:
        return f"{path} deleted{' by a command' if edit.kind == 'window' else ''}"
    if edit.before == edit.after != UNKNOWN:
        return f"{path} made {'executable' if edit.mode == '100755' else 'not executable'}"
    new = ", new" if edit.before is None else ""
    return f"{path} {WORDS.get(edit.kind, edit.kind)}{new}"


def as_object(work: Work, caller: str, now: float) -> dict[str, Any]:
    """The same for programs."""
    session = work.session
    return {
        "id": session.id,
        "topic": session.topic,
        "asked": session.asked,
        "state": session.state(now),
        "caller": session.id == caller,
        "agent": session.agent,
        "user": session.user,
        "host": session.host,
        "pid": session.pid,
        "began": session.began,
        "seen": session.seen,
        "unsaved": work.paths,
        "problems": work.problems,
    }


def name_of(session: Session) -> str:
    """Its topic; a session that has none yet by the beginning of its id."""
    return visible(session.title)[:60] or f"session {session.id[:8]}"


def since(session: Session, state: str, now: float) -> str:
    """When it ended, where that is known."""
    return clock(session.ended, now) if state == "ended" and session.ended else ago_of(session.seen, now)


def ago_of(then: float, now: float) -> str:
    """How long ago, roughly."""
    minutes = int(max(0.0, now - then) // 60)
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"


def clock(then: float, now: float) -> str:
    """The local time, with the day when it was another one."""
    at, today = time.localtime(then), time.localtime(now)
    return time.strftime("%H:%M" if at[:3] == today[:3] else "%a %H:%M", at)
