"""Which paths hold work of which session that is in no commit yet."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple

from claudetools.attribution.edits import CONTENT_KINDS, Edit
from claudetools.core.place import Place
from claudetools.sessions import positions, recent, registry, status
from claudetools.sessions.registry import Session

MONTH = 30 * 86400.0  # as long as a session is kept


class Work(NamedTuple):
    """A session, its changes of paths that are not as in HEAD now, and what is wrong with its ledger."""

    session: Session
    edits: list[Edit]
    problems: list[str]

    @property
    def paths(self) -> list[str]:
        """The paths, each once, the one that was changed last first."""
        return list(dict.fromkeys(edit.path for edit in reversed(self.edits)))


def work_of(place: Place, session: Session, dirty: Collection[str], position: int) -> Work:
    """What of a session's ledger is not committed. A path that is as in HEAD holds nobody's work."""
    found = recent.behind(recent.load(place, session), position)
    edits = [e for e in found.edits if e.kind in CONTENT_KINDS and e.path in dirty and e.seq > position]
    return Work(session, edits, found.problems)


def find_work(place: Place, every: bool = False) -> list[Work]:
    """The work of all sessions that have some, or are at work; with `every` of all. Raises GitFailed, GitError."""
    head, dirty = status.begin(place.top)()
    sessions = registry.find_sessions(place)
    ids = [one.id for one in sessions]
    saved = positions.find(place.top, ids, [head], time.time() - MONTH) if dirty and ids else {}
    found = [work_of(place, one, dirty, saved.get(one.id, 0)) for one in sessions]
    return [work for work in found if every or work.edits or work.session.state() in ("live", "idle")]
