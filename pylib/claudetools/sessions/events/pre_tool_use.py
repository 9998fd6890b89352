"""A tool is about to run: what it may change is looked at, and the session hears who else works there."""

from __future__ import annotations

from claudetools.core.place import Place
from claudetools.sessions import aware, registry, tools
from claudetools.sessions.event import SILENT, Event, Reply


def handle(place: Place, event: Event) -> Reply:
    """A file's content is kept; before a shell command, what is not committed is."""
    registry.touch(place, event.session)
    reply = before_whole_file(place, event)
    if reply.refusal:
        return reply
    if event.tool in tools.FILE_TOOLS:
        path = tools.target_of(place, event)
        if path is not None:
            tools.start_file_call(place, event, path)
            return reply if reply.context else aware.before_edit(place, event, path)
    elif tools.is_window(event.tool):
        reply = reply if reply.context else aware.before_command(place, event)
        if not reply.refusal:
            tools.start_command(place, event)
        return reply
    return SILENT


def before_whole_file(place: Place, event: Event) -> Reply:
    """A tool that writes a whole file may take lines away that its session has never seen."""
    if event.tool != "Write" and not event.tool.startswith("mcp__"):
        return SILENT
    from claudetools.sessions import overwrite  # an edit does not need it

    return overwrite.before_write(place, event)
