"""A session starts, goes on after a break, or has been compacted: it is registered, and told what it should know."""

from __future__ import annotations

import time
from contextlib import suppress

from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import ancestry, newcomer, registry
from claudetools.sessions.event import Event, Reply
from claudetools.sessions.events import TOOLKIT, news


def handle(place: Place, event: Event) -> Reply:
    """Notes first, then what is wrong, then who else is here and where the last work stands.

    On a full disk the session still hears what can be read, and that it is not registered.
    """
    lines: list[str] = []
    reason = None
    for part in (register, notes, facts, past):
        try:
            lines += part(place, event)
        except OSError as error:
            reason = error.strerror or type(error).__name__
    if reason:
        lines.append(f"[WARN] {visible(place.state)} cannot be written: {reason}. Others may not see this session.")
    return Reply("\n".join(lines))


def register(place: Place, event: Event) -> list[str]:
    """Others see it from now on."""
    told = {"agent": event.agent, "transcript": event.transcript, "toolkit": TOOLKIT}
    registry.register(place, event.session, pid=ancestry.find_agent(), **told)
    registry.prune(place)
    return []


def notes(place: Place, event: Event) -> list[str]:
    """What others have written. Before the facts, which tell of notes that nobody has taken."""
    return news.banner(place, event.session)


def facts(place: Place, event: Event) -> list[str]:
    """What holds now. A prompt tells what changes after it; what could not be remembered is told again there."""
    found = news.look(place, event.session, time.time())
    with suppress(OSError):
        news.remember(place, event.session, found)
    return [*newcomer.warning(place), *found.values()]


def past(place: Place, event: Event) -> list[str]:
    """Where the last work stands. After a compaction the session itself knows."""
    if event.source == "compact":
        return []
    work = [*hours_of_client(place, event.cwd), *news.last_log(place, event.cwd)]
    return [*work, *news.without_log(place, event.session, time.time())]


def hours_of_client(place: Place, cwd: str) -> list[str]:
    """In a client's folder: what Syncro last said of its tickets and hours."""
    path = place.relative(cwd) if cwd else None
    if path is None or not path.startswith("clients/"):
        return []
    from claudetools.wiki import hours

    line = hours.line_for(place, hours.client_of(path + "/"))
    return [line] if line else []
