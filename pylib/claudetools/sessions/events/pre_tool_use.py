"""A tool is about to run: what it may change is looked at, and the session hears who else works there."""

from __future__ import annotations

from claudetools.core.place import Place
from claudetools.sessions import aware, registry, tools
from claudetools.sessions.event import SILENT, Event, Reply


def handle(place: Place, event: Event) -> Reply:
    """A file's content is kept; before a shell command, what is not committed is."""
    registry.touch(place, event.session)
    if event.tool in tools.FILE_TOOLS:
        path = tools.target_of(place, event)
        if path is not None:
            reply = aware.before_edit(place, event, path)
            if not reply.refusal:
                tools.start_file_call(place, event, path)
            return reply
    elif tools.is_window(event.tool):
        reply = aware.before_command(place, event)
        if not reply.refusal:
            tools.start_command(place, event)
        return reply
    return SILENT
