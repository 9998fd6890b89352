"""A person has typed something: the session is active, and hears in one line what has changed since the last time."""

from __future__ import annotations

import time

from claudetools.place import Place
from claudetools.sessions import news, registry
from claudetools.sessions.event import SILENT, Event, Reply
from claudetools.sessions.events import TOOLKIT


def handle(place: Place, event: Event) -> Reply:
    """Silent as long as nothing has changed."""
    registry.touch(place, event.session)
    registry.note_prompt(place, event.session, event.prompt, TOOLKIT)
    facts = news.look(place, event.session, time.time())
    line = news.changed(news.recall(place, event.session), facts)
    if not line:
        return SILENT
    news.remember(place, event.session, facts)
    return Reply(line)
