"""Bring back what a session once wrote into a file and what is no longer there, whoever took it out."""

from __future__ import annotations

import os
from typing import NamedTuple

from claudetools.attribution.edits import CONTENT_KINDS
from claudetools.core.objects import Objects
from claudetools.core.place import Place
from claudetools.sessions import exchange, ledger, putback, sight
from claudetools.text.lines import put_back


class RestoredText(NamedTuple):
    """The file as it would be: `edits` of the session come back, `stuck` ones cannot, because other text is there."""

    before: sight.Sight
    text: bytes
    edits: int
    stuck: int


def plan(place: Place, session: str, path: str) -> RestoredText | None:
    """What there is to bring back; None when the ledger holds nothing of this path. Contents that a commit holds may
    be gone from the ledger: git has them."""
    before = sight.look(place.top, path)
    text, back, stuck, known = before.data, 0, 0, False
    for edit in ledger.read_edits(place, session):
        if edit.path != path or edit.kind not in CONTENT_KINDS or edit.after is None:
            continue
        base = b"" if edit.before is None else ledger.blob(place, session, edit.before)
        after = ledger.blob(place, session, edit.after)
        if base is None or after is None:
            continue
        known = True
        made = put_back(base, after, text)
        if made is None:
            stuck += after != text and not is_there(base, after, text)
        elif made != text:
            text, back = made, back + 1
    return RestoredText(before, text, back, stuck) if known else None


def is_there(base: bytes, after: bytes, text: bytes) -> bool:
    """Whether every line that the edit put in is in the text."""
    return set(after.split(b"\n")) - set(base.split(b"\n")) <= set(text.split(b"\n"))


def carry_out(place: Place, session: str, path: str, made: RestoredText) -> None:
    """Bring it back, and write that down as the session's work, also where this is killed in between. Raises Stop,
    GitError, OSError."""
    mode = made.before.mode or sight.REGULAR
    with Objects(place.top, exchange.scratch(place)) as objects:
        old = exchange.snapshot(place, [path])
        new = exchange.tree_of(place, old, {os.fsencode(path): (mode, exchange.store(place, path, made.text))})
        before, after = objects.write_blobs([made.before.data, made.text])
        row = putback.PutBackRow(session, path, mode, before if made.before.sha else "", after)
        putback.write_pending(place.tree, [row])
        try:
            exchange.swap(place, old, new, log=os.path.join(place.tree, putback.SAID))
        finally:
            putback.settle(place, objects)
