"""The notes that came in for the person of this machine, until they are acknowledged. Standard library only.

    inbox/open/<id>/   note.json and text; who handles it (taking.py)
    inbox/done/<id>    acknowledged, by this machine or another one of the same person; gone after 90 days
    inbox/acks/<id>    acknowledged here and not yet in a commit
    trees/<tree>/surfaced   the last commit of that tree's remote branch whose notes are all in here

A note comes into being by one rename and is closed by one rename: a kill leaves no half of anything.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import Any, NamedTuple

from claudetools.place import Place
from claudetools.sessions import registry

VERSION = 1
ID = re.compile(r"n[0-9a-f]{12}")
KEPT_DAYS = 90
SHORTEST = 4  # of an id that is shown


class Note(NamedTuple):
    """One note. `sender` and `date` are as they are shown, `time` is seconds since the epoch, `size` in bytes.

    `heading` is what stands behind the names, or all of it when the note has no other text. `claimed` names who the
    log says wrote it where the commit says otherwise, else "".
    """

    id: str
    sender: str
    email: str
    date: str
    time: int
    path: str
    line: int
    who: str
    heading: str
    claimed: str
    commit: str
    size: int


# --- paths --------------------------------------------------------------------------


def folder(place: Place, *names: str) -> str:
    """A path in the inbox. It is the repository's, so all its working trees share one."""
    return os.path.join(place.state, "inbox", *names)


def remove(path: str) -> None:
    """A folder with all that is in it, as far as that can be removed."""
    import shutil  # costs a hook a tenth of its time

    shutil.rmtree(path, ignore_errors=True)


def names_in(path: str) -> list[str]:
    """The entries of a folder in order, [] when it is not there."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


# --- coming in ----------------------------------------------------------------------


def add(place: Place, note: Note, text: bytes) -> bool:
    """Put a note into the inbox. False when it is or was there already. Raises OSError."""
    target, done = folder(place, "open", note.id), folder(place, "done", note.id)
    if os.path.exists(target) or os.path.exists(done):
        return False
    for name in ("open", "done", "acks"):
        registry.make_private(folder(place, name))
    draft = folder(place, f"draft.{os.urandom(6).hex()}")
    os.mkdir(draft, 0o700)
    try:
        with open(os.path.join(draft, "note.json"), "w", encoding="utf-8", newline="\n") as file:
            json.dump({"version": VERSION, **note._asdict()}, file)
        with open(os.path.join(draft, "text"), "wb") as raw:
            raw.write(text)
        os.rename(draft, target)
    except OSError:
        remove(draft)
        if not os.path.exists(target):
            raise
        return False
    if os.path.exists(done):  # acknowledged while it was being put in
        remove(target)
        return False
    return True


def read_surfaced(place: Place) -> str:
    """The commit up to which the remote's notes are in the inbox, "" when nothing was looked at yet."""
    with suppress(OSError), open(os.path.join(place.tree, "surfaced"), encoding="ascii", errors="replace") as file:
        word = file.read(100).strip()
        return word if re.fullmatch(r"[0-9a-f]{40,64}", word) else ""
    return ""


def write_surfaced(place: Place, commit: str) -> None:
    """Everything up to `commit` is in the inbox."""
    registry.make_private(folder(place))
    registry.make_private(place.tree)
    draft = folder(place, f"draft.{os.urandom(6).hex()}")
    with open(draft, "w", encoding="ascii") as file:
        file.write(commit + "\n")
    os.replace(draft, os.path.join(place.tree, "surfaced"))


def prune(place: Place, now: float) -> None:
    """Forget what was done 90 days ago, and drafts that a killed run left yesterday."""
    for name in names_in(folder(place, "done")):
        path = folder(place, "done", name)
        with suppress(OSError):
            if now - os.lstat(path).st_mtime > KEPT_DAYS * 86400:
                remove(path)
    for name in names_in(folder(place)):
        path = folder(place, name)
        with suppress(OSError):
            if name.startswith("draft.") and now - os.lstat(path).st_mtime > 86400:
                remove(path) if os.path.isdir(path) else os.unlink(path)


# --- reading ------------------------------------------------------------------------


def open_notes(place: Place) -> list[Note]:
    """What is not acknowledged yet, the oldest first."""
    return read_all(place, "open")


def done_notes(place: Place) -> list[Note]:
    """What was acknowledged in the last 90 days, the oldest first."""
    return read_all(place, "done")


def read_all(place: Place, state: str) -> list[Note]:
    """The notes of one folder. What is no note (a broken file, another version) is not among them."""
    found = [read_note(folder(place, state, name)) for name in names_in(folder(place, state)) if ID.fullmatch(name)]
    return sorted((n for n in found if n), key=lambda n: (n.time, n.id))


def read_note(path: str) -> Note | None:
    """The note in a folder."""
    try:
        with open(os.path.join(path, "note.json"), encoding="utf-8") as file:
            data: dict[str, Any] = json.load(file)
        if data["version"] != VERSION or data["id"] != os.path.basename(path):
            return None
        return Note(**{key: data[key] for key in Note._fields})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def text_of(place: Place, note: Note) -> str:
    """The whole text, as it was written. Bytes that are no UTF-8 become replacement characters."""
    for state in ("open", "done"):
        with suppress(OSError), open(folder(place, state, note.id, "text"), "rb") as file:
            return file.read().decode("utf-8", "replace")
    return ""


def find(place: Place, beginning: str) -> list[Note]:
    """The notes whose id begins so, open ones first."""
    return [n for n in open_notes(place) + done_notes(place) if n.id.startswith(beginning)]


def short_id(place: Place, id: str) -> str:
    """As much of an id as tells it from every other note here, at least four characters."""
    others = [n for state in ("open", "done") for n in names_in(folder(place, state)) if n != id]
    return next((id[:n] for n in range(SHORTEST, len(id)) if not any(o.startswith(id[:n]) for o in others)), id)


# --- done ---------------------------------------------------------------------------


def close(place: Place, id: str) -> bool:
    """The note is done. False when it was not open."""
    registry.make_private(folder(place, "done"))
    try:
        os.rename(folder(place, "open", id), folder(place, "done", id))
    except FileNotFoundError:
        return False
    except OSError:  # done already, and open again after an old version of the state was put back
        remove(folder(place, "open", id))
        return True
    with suppress(OSError):
        os.utime(folder(place, "done", id))
    return True


def ack(place: Place, id: str) -> bool:
    """The note is done, and the next commit says so. False when it was not open. Raises OSError."""
    if not os.path.isdir(folder(place, "open", id)):
        return False
    registry.make_private(folder(place, "acks"))
    # First the promise, then the deed: a kill in between says it twice, never not at all.
    os.close(os.open(folder(place, "acks", id), os.O_WRONLY | os.O_CREAT, 0o600))
    return close(place, id)


def pending_acks(place: Place) -> list[str]:
    """Ids that the next commit is to tell the others."""
    return [name for name in names_in(folder(place, "acks")) if ID.fullmatch(name)]
