"""What a session should know of the others at the moment it changes something, and what it must not do beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from claudetools.attribution.edits import CONTENT_KINDS, Edit, decode_edit
from claudetools.core.messages import visible
from claudetools.core.place import Place, find_place
from claudetools.sessions import ledger, registry, saved
from claudetools.sessions.event import SILENT, Event, Reply
from claudetools.sessions.registry import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claudetools.attribution import guards

TOLD = "aware.json"
MODES = ("refuse", "tell", "off")
MOST_NAMES = 3
SLACK = 60.0  # seconds that the order of records and that of their times may differ


def before_edit(place: Place, event: Event, path: str) -> Reply:
    """Other live sessions with unsaved work in the file: said once for each of them."""
    told = read_told(place, event.session)
    known = told.get(path, [])
    others = others_in(place, [event.session, *known], [path])
    if others:
        write_told(place, event.session, {**told, path: [*known, *(one.id for one in others)]})
    if not others:
        return SILENT
    verb = "has" if len(others) == 1 else "have"
    return Reply(
        f"[INFO] {names(others)} {verb} unsaved changes in {visible(path)}. Read it again before you change it, and "
        "leave those lines as they are; they go out with the other session's own save."
    )


def before_command(place: Place, event: Event) -> Reply:
    """Refuses what takes other sessions' unsaved work; lets the rest through, with a restore point where that helps."""
    from claudetools.attribution import guards  # no edit needs it, and each has 30 ms

    command = event.given.get("command")
    if not isinstance(command, str):
        return SILENT
    found = [one for one in guards.find(command, alias=partial(alias_of, place)) if is_here(place, event, one)]
    mode = mode_of(place) if found else "off"
    told = [(one, others) for one in found if mode != "off" and (others := others_at(place, event, one))]
    if told and mode == "refuse":
        return Reply(refusal=refusal(*told[0]))
    loses = next((one for one in found if one.loses and (not one.paths or any(one is two for two, _ in told))), None)
    if loses:
        from claudetools.sessions import points

        points.take(place, f"Before {loses.git} of an agent")
    return Reply(f"[WARN] {refusal(*told[0])}") if told else SILENT


def others_at(place: Place, event: Event, found: guards.Danger) -> list[Session]:
    """The sessions that lose something by the command."""
    from claudetools.attribution import guards

    if found.stake == guards.HEAD:
        return makers_of_head(place, event.session)
    if found.stake == guards.WORKTREE:
        there = find_place(os.path.join(event.cwd or place.top, found.folder))
        return live(there, event.session) if there else []
    paths = at_stake(place, event, found)
    if paths is None:
        return live(place, event.session)
    return others_in(place, [event.session], paths) if paths else []


def makers_of_head(place: Place, session: str) -> list[Session]:
    """The other sessions whose commit HEAD is, whether they are at work or not; none where it is one of `session`."""
    from claudetools.sessions import status

    try:
        out = status.run_git(place.top, ("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)"))
    except status.GitFailed:
        return []
    told = out.decode("utf-8", "replace").split()
    makers = [] if session in map(registry.safe_id, told) else told
    return [registry.read_session(place, id) or Session(registry.safe_id(id)) for id in makers]


def alias_of(place: Place, word: str) -> str:
    """What the word stands for among git's aliases."""
    from claudetools.sessions import status

    try:
        return status.run_git(place.top, ("config", "--get", f"alias.{word}")).decode("utf-8", "replace").strip()
    except (status.GitFailed, OSError, ValueError):
        return ""


def after_edit(place: Place, event: Event, edit: Edit) -> Reply:
    """Says at once what was lost because two sessions wrote the file in the same moment. The next sync puts it back."""
    since = touches_of(place, edit.path, edit.began)
    if not any(id != event.session and other.time >= edit.began for id, other in since):
        return SILENT
    touched = touches_of(place, edit.path)
    from claudetools.attribution import guards, lost
    from claudetools.attribution.chain import Touch
    from claudetools.attribution.explain import Witness, explain

    records = explain(Witness(*one) for one in touched)
    touches = [Touch(*one) for one in sorted(records, key=lambda one: one.edit.time)]
    own = next((one for id, one in reversed(touched) if id == event.session and one.use == edit.use), edit)
    times = {(id, one.seq): one.time for id, one in touched}
    topics = {one.id: one for one in registry.find_sessions(place)}
    said = []
    for one in lost.find(touches, ledger.look_at(place.top, edit.path).sha):
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


def touches_of(place: Place, path: str, since: float = 0.0) -> list[tuple[str, Edit]]:
    """The records of a path, by whatever session; those before `since` may be left out."""
    found: list[tuple[str, Edit]] = []
    for one in registry.find_sessions(place):
        mine = []
        for edit in edits_of(place, one.id, [path]):
            if edit.time < since - SLACK:
                break
            mine.append((one.id, edit))
        found += mine[::-1]
    return found


def refusal(found: guards.Danger, others: list[Session]) -> str:
    """Why not, and what instead."""
    if found.stake == "head":
        return f"{found.git}: {names(others)} {found.why}.\nInstead: {found.instead}"
    verb = "works" if len(others) == 1 else "work"
    return f"{found.git}: {names(others)} {verb} in this folder too, and this {found.why}.\nInstead: {found.instead}"


def is_here(place: Place, event: Event, found: guards.Danger) -> bool:
    """Whether the command runs in this tree. A folder that a variable names may be it."""
    from claudetools.attribution import shell_words

    if found.folder == shell_words.UNKNOWN_FOLDER or found.stake == "worktree":
        return True
    there = find_place(os.path.join(event.cwd or place.top, found.folder))
    return there is not None and there.top == place.top


def at_stake(place: Place, event: Event, found: guards.Danger) -> list[str] | None:
    """The paths of the command, seen from the top; None for all of the tree."""
    from claudetools.attribution import shell_words

    folder = os.path.join(event.cwd or place.top, "" if found.folder == shell_words.UNKNOWN_FOLDER else found.folder)
    told = [os.path.join(folder, path) for path in found.paths]
    if not told or any((place.top + os.sep).startswith(os.path.realpath(path) + os.sep) for path in told):
        return None
    return [path for path in map(place.relative, told) if path]


def live(place: Place, session: str) -> list[Session]:
    """The other sessions at work."""
    return [one for one in registry.find_sessions(place) if one.id != session and one.state() == "live"]


def others_in(place: Place, without: Sequence[str], paths: Sequence[str]) -> list[Session]:
    """The live sessions, `without` some, that have unsaved work in one of these files or below one of these folders."""
    hits: dict[str, tuple[Session, int]] = {}
    for one in registry.find_sessions(place):
        last = next(edits_of(place, one.id, paths), None) if one.id not in without else None
        if last and one.state() == "live":
            hits[one.id] = (one, last.seq)
    if not hits:
        return []
    ends = saved.find(place, list(hits))
    return [one for id, (one, last) in hits.items() if last > ends.get(id, 0)]


def edits_of(place: Place, session: str, paths: Sequence[str]) -> Iterator[Edit]:
    """The session's changes of these files, or below these folders, the last one first. Only lines that hold the text
    of one are decoded."""
    try:
        with open(os.path.join(registry.folder_of(place, session), registry.EDITS), "rb") as file:
            data = file.read()
    except OSError:
        return
    words = [json.dumps(path)[1:-1].encode() for path in paths]
    if not any(word in data for word in words):
        return
    end = len(data)
    for line in reversed(data.split(b"\n")):
        if any(word in line for word in words):
            with suppress(ValueError):
                edit = decode_edit(line, end)
                if edit.kind in CONTENT_KINDS and any(edit.path == p or edit.path.startswith(p + "/") for p in paths):
                    yield edit
        end -= len(line) + 1


def read_told(place: Place, session: str, name: str = TOLD) -> dict[str, list[str]]:
    """Of which sessions this one has been told, in which files; or, by another `name`, of what else."""
    at = os.path.join(registry.folder_of(place, session), name)
    found: object = None
    with suppress(OSError, ValueError), open(at, encoding="ascii") as file:
        found = json.load(file)
    lists = found.items() if isinstance(found, dict) else ()
    return {path: [id for id in ids if isinstance(id, str)] for path, ids in lists if isinstance(ids, list)}


def write_told(place: Place, session: str, told: Mapping[str, list[str]], name: str = TOLD) -> None:
    """The same, for the next time. Raises OSError."""
    at = os.path.join(registry.folder_of(place, session), name)
    with open(f"{at}.{os.getpid()}", "w", encoding="ascii") as file:
        json.dump(told, file)
    os.replace(f"{at}.{os.getpid()}", at)


def names(others: list[Session]) -> str:
    """Their topics."""
    found = [f"'{visible(one.title)[:60]}'" if one.title else "a session without a topic" for one in others]
    more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
    return ", ".join(found[:MOST_NAMES]) + more


def mode_of(place: Place) -> str:
    """What is set as `guards`: refuse (the default), tell or off."""
    from claudetools.core import settings

    told = settings.value(place, "guards")
    return told if told in MODES else {"false": "off", "no": "off", "0": "off"}.get(told.lower(), "refuse")
