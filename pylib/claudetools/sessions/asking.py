"""A session saves and part of it has to wait for another one: that it has asked is noted in its ledger.

So two sessions whose lines hang together need not decide who goes first: the save of the second takes both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from claudetools.attribution.edits import Edit
from claudetools.core.place import Place
from claudetools.sessions.ledger import record

ASKS = "asks"  # kind of a record: everything of this path up to here was to be saved


def ask(place: Place, session: str, paths: Iterable[bytes]) -> None:
    """Note that the session's work in these paths waits for others. Raises OSError."""
    record(place, session, [Edit(os.fsdecode(path), None, None, ASKS, None, None) for path in sorted(paths)])


def asked(edits: Iterable[Edit]) -> dict[str, int]:
    """Up to which position a save of each path has been asked for."""
    return {edit.path: edit.seq for edit in edits if edit.kind == ASKS}
