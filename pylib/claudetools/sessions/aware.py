"""What a session should know of the others at the moment it changes something, and what it must not do beside them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from claudetools.place import Place, find_place
from claudetools.sessions import guards, ledger, registry, sight
from claudetools.sessions.event import SILENT, Event, Reply
from claudetools.sessions.ledger import CONTENT_KINDS, Edit
from claudetools.sessions.registry import Session
from claudetools.text import visible

TOLD = "aware.json"
MODES = ("refuse", "tell", "off")
MOST_NAMES = 3


def before_edit(place: Place, event: Event, path: str) -> Reply:
    """Other live sessions with unsaved work in the file: said once for each of them."""
    others = [one for one in others_in(place, event.session, [path]) if is_news(place, event.session, path, one.id)]
    if not others:
        return SILENT
    verb = "has" if len(others) == 1 else "have"
    return Reply(
        f"[INFO] {names(others)} {verb} unsaved changes in {visible(path)}. Read it again before you change it, and "
        "leave those lines as they are; they go out with the other session's own save."
    )


def before_command(place: Place, event: Event) -> Reply:
    """Refuses what takes other sessions' unsaved work; lets the rest through, with a restore point where that helps."""
    command = event.given.get("command")
    found = [one for one in guards.find(command) if is_here(place, event, one)] if isinstance(command, str) else []
    if not found:
        return SILENT
    mode = mode_of(place)
    for one in found:
        others = (
            others_in(place, event.session, at_stake(place, event, one)) if one.paths else live(place, event.session)
        )
        if others and mode == "refuse":
            return Reply(refusal=refusal(one, others))
    if any(one.loses for one in found):
        from claudetools.sessions import points

        points.take(place, f"Before {found[0].git} of an agent")
    others = live(place, event.session)
    return Reply(f"[WARN] {refusal(found[0], others)}") if others and mode == "tell" else SILENT


def after_edit(place: Place, event: Event, edit: Edit) -> Reply:
    """Says at once what was lost because two sessions wrote the file in the same moment. The next sync puts it back."""
    touched = touches_of(place, edit.path)
    if not any(id != event.session and other.time >= edit.began for id, other in touched):
        return SILENT
    from claudetools.sessions import lost
    from claudetools.sessions.chain import Touch
    from claudetools.sessions.explain import Witness, explain

    records = explain(Witness(*one) for one in touched)
    touches = [Touch(*one) for one in sorted(records, key=lambda one: one.edit.time)]
    own = next((one for id, one in reversed(touched) if id == event.session and one.use == edit.use), edit)
    times = {(id, one.seq): one.time for id, one in touched}
    topics = {one.id: one for one in registry.find_sessions(place)}
    said = []
    for one in lost.find(touches, sight.look(place.top, edit.path).sha):
        if one.by == event.session and times[one.session, one.seq] >= edit.began and one.session in topics:
            said.append(f"this edit of {visible(edit.path)} wrote over what {names([topics[one.session]])} wrote there")
        elif one.session == event.session and one.seq == own.seq and one.by in topics:
            said.append(f"{names([topics[one.by]])} wrote over this edit of {visible(edit.path)}")
    if not said:
        return SILENT
    return Reply(
        f"[WARN] In the same moment {said[0]}: the client had read the file before. Nothing is gone for good: the next "
        f"sync puts it back ({guards.SYNC}). Read the file again before you go on; do not make the edit once more."
    )


def touches_of(place: Place, path: str) -> list[tuple[str, Edit]]:
    """All records of a path, by whatever session."""
    return [(one.id, edit) for one in registry.find_sessions(place) for edit in edits_of(place, one.id, [path])]


def refusal(found: guards.Found, others: list[Session]) -> str:
    """Why not, and what instead."""
    verb = "works" if len(others) == 1 else "work"
    return f"{found.git}: {names(others)} {verb} in this folder too, and this {found.why}.\nInstead: {found.instead}"


def is_here(place: Place, event: Event, found: guards.Found) -> bool:
    """Whether the command runs in this tree. A folder that a variable names may be it."""
    if found.folder == guards.UNKNOWN:
        return True
    there = find_place(os.path.join(event.cwd or place.top, found.folder))
    return there is not None and there.top == place.top


def at_stake(place: Place, event: Event, found: guards.Found) -> list[str]:
    """The paths of the command, seen from the top."""
    folder = "" if found.folder == guards.UNKNOWN else found.folder
    told = [place.relative(os.path.join(event.cwd or place.top, folder, path)) for path in found.paths]
    return [path for path in told if path]


def live(place: Place, session: str) -> list[Session]:
    """The other sessions at work."""
    return [one for one in registry.find_sessions(place) if one.id != session and one.state() == "live"]


def others_in(place: Place, session: str, paths: Sequence[str]) -> list[Session]:
    """The other live sessions with unsaved work in one of these files, or below one of these folders."""
    hits: dict[str, tuple[Session, int]] = {}
    for one in registry.find_sessions(place):
        if one.id != session and (found := edits_of(place, one.id, paths)) and one.state() == "live":
            hits[one.id] = (one, found[-1].seq)
    if not hits:
        return []
    saved = saved_positions(place, hits)
    return [one for id, (one, last) in hits.items() if last > saved.get(id, 0)]


def edits_of(place: Place, session: str, paths: Sequence[str]) -> list[Edit]:
    """The session's changes of these files, or below these folders. A ledger that does not even hold the text is not
    parsed."""
    try:
        with open(os.path.join(registry.folder_of(place, session), ledger.EDITS), "rb") as file:
            data = file.read()
    except OSError:
        return []
    if not any(json.dumps(path)[1:-1].encode() in data for path in paths):
        return []
    edits = [edit for edit in ledger.parse(data).edits if edit.kind in CONTENT_KINDS]
    return [e for e in edits if any(e.path == path or e.path.startswith(path + "/") for path in paths)]


def saved_positions(place: Place, ids: Iterable[str]) -> dict[str, int]:
    """Up to where the sessions' work is in a commit."""
    from claudetools import git
    from claudetools.sessions import positions

    try:
        return positions.find(place.top, list(ids), ["HEAD"], time.time() - 30 * 86400)
    except git.GitError:  # no commit yet
        return {}


def is_news(place: Place, session: str, path: str, other: str) -> bool:
    """Whether the session has not been told of this one in this file; now it has."""
    at = os.path.join(registry.folder_of(place, session), TOLD)
    told: dict[str, list[str]] = {}
    with suppress(OSError, ValueError), open(at, encoding="ascii") as file:
        found = json.load(file)
        told = found if isinstance(found, dict) else {}
    known = told.get(path)
    if isinstance(known, list) and other in known:
        return False
    told[path] = [*(known if isinstance(known, list) else []), other]
    with open(f"{at}.{os.getpid()}", "w", encoding="ascii") as file:
        json.dump(told, file)
    os.replace(f"{at}.{os.getpid()}", at)
    return True


def names(others: list[Session]) -> str:
    """Their topics."""
    found = [f"'{visible(one.title)[:60]}'" if one.title else "a session without a topic" for one in others]
    more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
    return ", ".join(found[:MOST_NAMES]) + more


def mode_of(place: Place) -> str:
    """What a person has set as `claudetools.guards`: refuse (the default), tell or off."""
    from claudetools.sessions.windows import GitFailed, run_git

    try:
        told = run_git(place.top, ("config", "--default", "refuse", "--get", "claudetools.guards")).decode().strip()
    except GitFailed:
        return "refuse"
    return told if told in MODES else {"false": "off", "no": "off", "0": "off"}.get(told.lower(), "refuse")
