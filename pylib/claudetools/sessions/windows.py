"""What changes while a shell command runs: the tree is looked at before and after it.

Looking means `git status` and the stat of every path that is not as in HEAD; a content is read when its stat is new,
and kept, because the next look can only tell that it has changed. What was clean before has HEAD's content. A change
that was there before the command began to work (a person typed while another gave the permission) is not its own.

Whose a change is when several looked at it is not decided here but when it goes out: see explain.py.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence

from claudetools.attribution.edits import UNKNOWN, Edit, digest
from claudetools.attribution.reach import Reach
from claudetools.core.light import NamedTuple
from claudetools.core.place import Place
from claudetools.sessions import calls, ledger, status
from claudetools.sessions.registry import folder_of, make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SEEN = "seen.json"
MOST = 64 * 1024 * 1024  # bytes of contents that one look keeps
TICK = 50_000_000  # ns: a file written less than this before it was read may change without a new stat


class Look(NamedTuple):
    """The tree at one moment. `dirty`: path -> [stat or null, sha or null, mode]. `entries`: what HEAD has there.
    `gone`: contents that the last look has kept and that are there no more."""

    head: str
    dirty: dict[str, list[Any]]
    entries: dict[str, status.HeadEntry]
    gone: set[str]


def start(
    place: Place,
    session: str,
    use: str,
    tool: str,
    subagent: str = "",
    reach: tuple[Sequence[str], bool] = ((), False),
    told: str = "",
) -> None:
    """A command is about to run. `reach`: what it writes, and whether that is all; `told`: what it was given to do
    (reach.py). Raises OSError, GitFailed."""
    looked = time.time()
    found = look(place, session)
    call = calls.Call(use, tool, time.time(), calls.WINDOW, subagent=subagent, head=found.head, dirty=found.dirty)
    calls.start(place, session, call._replace(writes=reach[0], closed=reach[1], looked=looked, told=told))
    ledger.drop(folder_of(place, session), found.gone)


def finish(place: Place, session: str, call: calls.Call, seconds: float = 0.0, goes_on: bool = False) -> list[Edit]:
    """It has run, for `seconds` where that is known: what changed goes into the ledger, then the call is no longer
    under way, or begins anew where it `goes_on`. Raises OSError, GitFailed."""
    began = max(call.began, time.time() - seconds - calls.SLACK if seconds else 0.0)
    looked = time.time()
    found = look(place, session)
    changed = [path for path in {**call.dirty, **found.dirty} if is_changed(place, path, call, found, began)]
    edits, contents = [], []
    for path, (before, was) in contents_before(place, changed, call, found).items():
        after = ledger.look_at(place.top, path)
        if isinstance(before, bytes):
            contents.append(before)
            before = digest(before)
        if (before, was) == (after.sha, after.mode) and before != UNKNOWN:
            continue
        contents.append(after.data)
        now = time.time()  # not before that was it read
        note = {"reach": Reach(tuple(call.writes), call.closed).of(path, call.told or None)}
        edits.append(Edit(path, before, after.sha, "window", after.mode, was, call.tool, call.use, began, now, note))
    if edits:
        ledger.record(place, session, edits, contents)
    if goes_on:
        calls.start(place, session, call._replace(began=looked, looked=looked, head=found.head, dirty=found.dirty))
    else:
        calls.end(place, session, call.use)
    ledger.drop(folder_of(place, session), found.gone)
    return edits


def roll(place: Place, session: str) -> None:
    """Write down what the session's running commands have changed so far: a command that starts a sync is part of its
    session like any other. Raises OSError, GitFailed."""
    for call in calls.under_way(place, session):
        if call.path == calls.WINDOW and call.tool:
            finish(place, session, call, goes_on=True)


def running(place: Place, session: str) -> list[float]:
    """When the commands of a session that still run have begun."""
    return [call.began for call in calls.under_way(place, session) if call.path == calls.WINDOW]


def contents_before(
    place: Place, paths: list[str], call: calls.Call, found: Look
) -> dict[str, tuple[bytes | str | None, str | None]]:
    """What lay at these paths when the command began: content, its sha, None or UNKNOWN, and mode."""
    clean = [path for path in paths if path not in call.dirty]
    entries = found.entries if call.head == found.head else status.entries_of(place, call.head, clean)
    known = status.contents_of(place, clean, entries)
    return {path: known[path] if path in known else (call.dirty[path][1], call.dirty[path][2]) for path in paths}


def is_changed(place: Place, path: str, call: calls.Call, found: Look, began: float) -> bool:
    """Whether the path may have changed since `began`."""
    after = ledger.stat_of(place.top, path)
    if path in call.dirty:
        before = call.dirty[path][0]
        if before == (list(after) if after else None) and not (after and is_fresh(after, call.looked or call.began)):
            return False
    return after is None or after[3] / 1e9 > began - TICK / 1e9


def is_fresh(stat: ledger.Stat | list[int], at: float) -> bool:
    """Whether the file was written so shortly before `at` that a later write may have left the same stat."""
    return max(stat[2], stat[3]) + TICK > at * 1e9


# --- looking -----------------------------------------------------------------


def look(place: Place, session: str) -> Look:
    """The tree now; contents that are not known yet are read and kept. Raises OSError, GitFailed."""
    read = status.begin(place.top)
    folder = folder_of(place, session)
    remembered = recall(folder)
    before = {str(old[1]) for old in remembered.values()}
    began = time.time()
    head, entries = read()
    dirty: dict[str, list[Any]] = {}
    left = MOST
    for path in entries:
        stat = ledger.stat_of(place.top, path)
        old = remembered.get(path)
        if stat and old and old[0] == list(stat) and not is_fresh(stat, old[3]):
            dirty[path] = old[:3]
            remembered[path] = old
            continue
        seen = ledger.look_at(place.top, path) if stat and stat[1] <= left else ledger.Sight(UNKNOWN, ledger.REGULAR)
        if stat is None:
            seen = ledger.NOTHING
        elif seen.sha not in (None, UNKNOWN):
            left -= len(seen.data)
            ledger.keep_blob(folder, str(seen.sha), seen.data)
        dirty[path] = [list(stat) if stat else None, seen.sha, seen.mode]
        remembered[path] = [*dirty[path], began]
    remember(folder, {path: remembered[path] for path in dirty})
    return Look(head, dirty, entries, before - {str(found[1]) for found in dirty.values()})


def recall(folder: str) -> dict[str, list[Any]]:
    """What the last look has read: path -> [stat, sha, mode, when]."""
    try:
        with open(os.path.join(folder, SEEN), encoding="ascii") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    blobs = os.path.join(folder, ledger.BLOBS)
    kept = set(os.listdir(blobs)) if os.path.isdir(blobs) else set()
    return {path: old for path, old in found.items() if isinstance(old, list) and len(old) == 4 and old[1] in kept}


def remember(folder: str, seen: Mapping[str, list[Any]]) -> None:
    """For the next look. Two at once: one of them is kept."""
    path = os.path.join(folder, SEEN)
    make_private(folder)
    with open(f"{path}.{os.getpid()}", "w", encoding="ascii") as file:
        json.dump(seen, file)
    os.replace(f"{path}.{os.getpid()}", path)
