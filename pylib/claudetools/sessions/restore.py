"""Bring back what a session once wrote into a file and what is no longer there, whoever took it out."""

from __future__ import annotations

from typing import NamedTuple

from claudetools.place import Place
from claudetools.sessions import ledger, lost, sight
from claudetools.sessions.chain import PUT_BACK
from claudetools.sessions.ledger import Edit


class Restored(NamedTuple):
    """The file as it would be: `edits` of the session come back, `stuck` ones cannot, because other text is there."""

    before: sight.Sight
    text: bytes
    edits: int
    stuck: int


def plan(place: Place, session: str, path: str) -> Restored | None:
    """What there is to bring back; None when the ledger holds nothing of this path. Contents that a commit holds may
    be gone from the ledger: git has them."""
    before = sight.look(place.top, path)
    text, back, stuck, known = before.data, 0, 0, False
    for edit in ledger.read_edits(place, session):
        if edit.path != path or edit.kind not in ledger.CONTENT_KINDS or edit.after is None:
            continue
        base = b"" if edit.before is None else ledger.blob(place, session, edit.before)
        after = ledger.blob(place, session, edit.after)
        if base is None or after is None:
            continue
        known = True
        made = lost.put_back(base, after, text)
        if made is None:
            stuck += after != text and not is_there(base, after, text)
        elif made != text:
            text, back = made, back + 1
    return Restored(before, text, back, stuck) if known else None


def is_there(base: bytes, after: bytes, text: bytes) -> bool:
    """Whether every line that the edit put in is in the text."""
    return set(after.split(b"\n")) - set(base.split(b"\n")) <= set(text.split(b"\n"))


def record(place: Place, session: str, path: str, made: Restored) -> None:
    """Write down what was brought back, as the session's work. Raises OSError."""
    after = ledger.digest(made.text)
    mode = made.before.mode or sight.REGULAR
    edit = Edit(path, made.before.sha, after, "edit", mode, made.before.mode, PUT_BACK)
    ledger.record(place, session, [edit], [made.before.data, made.text])
