"""Claim what nobody, or more than one session, may have made of a file: from then on it is the claimer's."""

from __future__ import annotations

from claudetools.attribution.chain import CLAIM
from claudetools.attribution.edits import UNKNOWN, Edit
from claudetools.core.place import Place
from claudetools.sessions import ledger
from claudetools.sessions.ledger import record


def record_claim(place: Place, session: str, path: str) -> bool:
    """Write into the session's ledger that the path, as it is now, is its work. What other sessions are known to have
    written stays theirs. False where the content cannot be read. Raises OSError."""
    seen = ledger.look_at(place.top, path)
    if seen.sha == UNKNOWN:
        return False
    edit = Edit(path, seen.sha, seen.sha, CLAIM, seen.mode, None)
    record(place, session, [edit], [seen.data] if seen.sha else [])
    return True
