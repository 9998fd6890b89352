"""Telling the ledger what the commands wrote, so that it goes out with the session's own commit."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from claudetools.attribution.edits import Edit, digest
from claudetools.core.place import Place
from claudetools.sessions import ledger

# Loaded before a command writes anything: a file that another session's window sees a moment before its record is
# written has been made since then.
BEGAN = time.time()


def record(place: Place, session: str, path: str, before: bytes | None, after: bytes | None, tool: str = "log") -> None:
    """One change of the file at `path` (from the top); None for a side where it was not there.

    A ledger that cannot be written is no reason to fail: the change then belongs to nobody, and goes out all the same.
    """
    if not session or before == after:
        return
    sides = [None if side is None else digest(side) for side in (before, after)]
    edit = Edit(path, sides[0], sides[1], kind="write", tool=tool, began=BEGAN)
    edit = edit._replace(was=None if before is None else "100644")
    if after is None:
        edit = edit._replace(mode=None)
    try:
        ledger.record(place, session, [edit], [side for side in (before, after) if side is not None])
    except OSError as error:
        with suppress(OSError):
            print(f"[INFO] The session's ledger cannot be written: {error.strerror}.", file=sys.stderr)
