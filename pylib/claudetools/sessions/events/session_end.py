"""The session ends. Claude Code gives all such hooks together 1.5 s: what its background commands have changed, and the
end, are written down, nothing else."""

from __future__ import annotations

from claudetools.core.place import Place
from claudetools.sessions import calls, registry
from claudetools.sessions.event import SILENT, Event, Reply


def handle(place: Place, event: Event) -> Reply:
    """Mark it ended; from now on its work goes out with anybody's sync."""
    try:
        if calls.under_way(place, event.session):
            from claudetools.sessions import background

            background.end(place, event.session)
    finally:
        registry.end(place, event.session)
    return SILENT
