"""Tool calls under way: one file each, `<session folder>/open/<id of the call>`, from the hook before to the one after.

A call that was refused has no hook after it: the next call of the same session, or of the same subagent of it, takes
what is older than a moment away.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from claudetools.attribution.edits import MODES, is_content, is_inside
from claudetools.core.light import NamedTuple, sha256
from claudetools.core.place import Place
from claudetools.sessions.ledger import OPEN
from claudetools.sessions.registry import folder_of, make_private, safe_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOMENT = 2.0  # seconds: calls that began together run side by side
SLACK = 2.0  # seconds from the end of a tool call to our look at it, on a busy machine
WINDOW = ""  # as the path of a call: it may change anything


class Call(NamedTuple):
    """`path` and `before`, `was`: the one file that it changes, and what that held; or `dirty`: see windows.py, with
    `looked`, since when that was read, and `writes`, `closed`, `told`: see reach.py. `background`: the client's name
    of a command that goes on after its hook (background.py), "" for any other; `first`: when that began, while `began`
    is since when its changes are not in the ledger."""

    use: str
    tool: str
    began: float
    path: str = WINDOW
    before: str | None = None
    was: str | None = None
    subagent: str = ""
    head: str = ""
    dirty: Mapping[str, Any] = {}
    writes: Sequence[str] = ()
    closed: bool = False
    looked: float = 0.0
    told: str = ""
    background: str = ""
    first: float = 0.0


def use_of(use: str, tool: str, given: Mapping[str, Any]) -> str:
    """The id of a call; made from what it is asked to do where the agent gives none."""
    if use:
        return use
    return sha256(json.dumps([tool, given], sort_keys=True).encode()).hexdigest()[:32]


def start(place: Place, session: str, call: Call) -> None:
    """Write down that the call has begun. Raises OSError."""
    folder = os.path.join(folder_of(place, session), OPEN)
    make_private(folder)
    for name in os.listdir(folder):
        old = read(os.path.join(folder, name))
        stale = old is not None and old.subagent == call.subagent and call.began - old.began > MOMENT
        if old is None or (stale and not old.background):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
    path = os.path.join(folder, safe_id(call.use))
    with open(path + ".new", "w", encoding="ascii") as file:
        json.dump(call._asdict(), file)
    os.replace(path + ".new", path)


def find(place: Place, session: str, use: str) -> Call | None:
    """The call. None when nobody has seen it begin."""
    return read(os.path.join(folder_of(place, session), OPEN, safe_id(use)))


def end(place: Place, session: str, use: str) -> None:
    """It is no longer under way. Call it after the record of what it did: a sync in between would know neither."""
    with suppress(OSError):
        os.unlink(os.path.join(folder_of(place, session), OPEN, safe_id(use)))


def under_way(place: Place, session: str) -> list[Call]:
    """The calls of a session that have begun and not ended, oldest first."""
    folder = os.path.join(folder_of(place, session), OPEN)
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [read(os.path.join(folder, name)) for name in names if not name.endswith(".new")]
    return sorted((call for call in found if call), key=lambda call: call.began)


def read(path: str) -> Call | None:
    """The call in a file; None when it cannot be used."""
    try:
        with open(path, encoding="ascii") as file:
            fields = json.load(file)
        call = Call(**fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError):
        # It is there, so something is under way: that much is known.
        return Call(os.path.basename(path), "", age_of(path))
    texts = all(isinstance(text, str) for text in (call.use, call.tool, call.path, call.subagent, call.head))
    texts = texts and isinstance(call.told, str) and isinstance(call.background, str)
    known = is_content(call.before) and call.was in MODES and isinstance(call.dirty, dict)
    known = known and isinstance(call.writes, list) and all(isinstance(path, str) for path in call.writes)
    times = all(type(when) in (int, float) for when in (call.began, call.looked, call.first))
    if texts and known and times and (call.path == WINDOW or is_inside(call.path)):
        return call
    return Call(os.path.basename(path), "", age_of(path))


def age_of(path: str) -> float:
    """When the file was written, now where that is unknown."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return time.time()
