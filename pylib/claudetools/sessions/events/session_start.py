"""A session starts, goes on after a break, or has been compacted: it is registered, and told what it should know."""

from __future__ import annotations

import time

from claudetools.place import Place
from claudetools.sessions import ancestry, newcomer, news, registry
from claudetools.sessions.event import Event, Reply


def handle(place: Place, event: Event) -> Reply:
    """Notes first, then what is wrong, then who else is here and where the last work stands."""
    registry.register(place, event.session, agent=event.agent, pid=ancestry.find_agent(), transcript=event.transcript)
    registry.prune(place)
    now = time.time()
    notes = news.banner(place, event.session)  # before the facts, which tell of notes that nobody has taken
    facts = news.look(place, event.session, now)
    news.remember(place, event.session, facts)
    lines = [*notes, *newcomer.warning(place), *facts.values()]
    if event.source != "compact":  # the session itself knows what it did
        lines += [
            *hours_of_client(place, event.cwd),
            *news.last_log(place, event.cwd),
            *news.without_log(place, event.session, now),
        ]
    return Reply("\n".join(lines))


def hours_of_client(place: Place, cwd: str) -> list[str]:
    """In a client's folder: what Syncro last said of its tickets and hours."""
    path = place.relative(cwd) if cwd else None
    if path is None or not path.startswith("clients/"):
        return []
    from claudetools.wiki import hours

    line = hours.line_for(place, hours.client_of(path + "/"))
    return [line] if line else []
