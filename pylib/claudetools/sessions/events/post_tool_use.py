"""A tool has run: what it changed goes into the session's ledger."""

from __future__ import annotations

from claudetools.core.place import Place
from claudetools.sessions import aware, registry, tools
from claudetools.sessions.event import SILENT, Event, Reply


def handle(place: Place, event: Event) -> Reply:
    """One record for each file that changed."""
    registry.touch(place, event.session)
    if event.tool in tools.FILE_TOOLS:
        path = tools.target_of(place, event)
        if path is not None:
            edit = tools.finish_file_call(place, event, path)
            return aware.after_edit(place, event, edit) if edit and edit.exact else SILENT
    elif tools.is_window(event.tool):
        tools.finish_command(place, event)
    return SILENT
