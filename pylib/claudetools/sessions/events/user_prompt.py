"""A person has typed something: the session is active, and hears in one line what has changed since the last time."""

from __future__ import annotations

import time
from contextlib import suppress

from claudetools.core.place import Place
from claudetools.sessions import background, news, registry
from claudetools.sessions.event import SILENT, Event, Reply
from claudetools.sessions.events import TOOLKIT
from claudetools.sessions.status import GitFailed


def handle(place: Place, event: Event) -> Reply:
    """Silent as long as nothing has changed."""
    registry.touch(place, event.session)
    registry.note_prompt(place, event.session, event.prompt, TOOLKIT)
    with suppress(OSError, GitFailed):
        background.look(place, event.session, background.tasks_done(event.prompt))
    facts = news.look(place, event.session, time.time())
    line = news.changed(news.recall(place, event.session), facts)
    if not line:
        return SILENT
    news.remember(place, event.session, facts)
    return Reply(line)
