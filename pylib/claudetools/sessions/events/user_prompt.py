"""A person has typed something: the session is active, and hears in one line what has changed since the last time."""

from __future__ import annotations

import time
from contextlib import suppress

from claudetools.core.place import Place
from claudetools.sessions import calls, registry
from claudetools.sessions.event import SILENT, Event, Reply
from claudetools.sessions.events import TOOLKIT, news


def handle(place: Place, event: Event) -> Reply:
    """Silent as long as nothing has changed."""
    registry.touch(place, event.session)
    registry.note_prompt(place, event.session, event.prompt, TOOLKIT)
    if calls.under_way(place, event.session):
        from claudetools.sessions import background
        from claudetools.sessions.status import GitFailed

        with suppress(OSError, GitFailed):
            background.look(place, event.session, background.tasks_done(event.prompt))
    facts = news.look(place, event.session, time.time())
    line = news.changed(news.recall(place, event.session), facts)
    if not line:
        return SILENT
    news.remember(place, event.session, facts)
    return Reply(line)
