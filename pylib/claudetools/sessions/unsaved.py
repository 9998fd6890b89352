"""Which paths hold work of which session that is in no commit yet."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from claudetools.place import Place
from claudetools.sessions import ledger, registry, windows
from claudetools.sessions.ledger import CONTENT_KINDS, Edit
from claudetools.sessions.registry import Session


class Work(NamedTuple):
    """A session, its changes of paths that are not as in HEAD now, and what is wrong with its ledger."""

    session: Session
    edits: list[Edit]
    problems: list[str]

    @property
    def paths(self) -> list[str]:
        """The paths, each once, the one that was changed last first."""
        return list(dict.fromkeys(edit.path for edit in reversed(self.edits)))


def dirty_paths(place: Place) -> set[str]:
    """What is not as in HEAD. Raises GitFailed."""
    return set(windows.parse_status(windows.begin_git(place.top, windows.STATUS)())[1])


def work_of(place: Place, session: Session, dirty: Collection[str]) -> Work:
    """What of a session's ledger is not committed. A path that is as in HEAD holds nobody's work."""
    found = ledger.read_ledger(place, session.id)
    edits = [edit for edit in found.edits if edit.kind in CONTENT_KINDS and edit.path in dirty]
    return Work(session, edits, found.problems)


def find_work(place: Place, every: bool = False) -> list[Work]:
    """The work of all sessions that have some, or are at work; with `every` of all. Raises GitFailed."""
    dirty = dirty_paths(place)
    found = [work_of(place, one, dirty) for one in registry.find_sessions(place)]
    return [work for work in found if every or work.edits or work.session.state() in ("live", "idle")]
