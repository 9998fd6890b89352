"""The notes that came in for the person of this machine, until they are acknowledged. Standard library only.

    inbox/@<user>/open/<id>/   note.json, text and label (who it is from, for the shell); who handles it (taking.py)
    inbox/@<user>/done/<id>    acknowledged by that person, here or elsewhere, or taken back; gone after 90 days
    inbox/@<user>/acks/<id>    acknowledged here and not yet in a commit
    trees/<tree>/surfaced      the last commit of that tree's remote branch whose notes are all in here, and whose inbox

A machine that changes hands keeps each person's inbox apart. A note comes into being by one rename and is closed by one
rename: a kill leaves no half of anything.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import registry

VERSION = 1
ID = re.compile(r"n[0-9a-f]{12}")
KEPT_DAYS = 90
SHORTEST = 4  # of an id that is shown
# What became of a note: its author changed it, wrote another one in its place, took it back.
CHANGED, REPLACED, WITHDRAWN = "changed", "replaced", "withdrawn"


class Note(NamedTuple):
    """One note. `sender` and `date` are as they are shown, `time` is seconds since the epoch, `size` in bytes.

    `heading` is what stands behind the names, or all of it when the note has no other text. `claimed` names who the
    log says wrote it where the commit says otherwise, else "". `form` tells it from others of its log (history.Form),
    `state` what became of it; `answers`: it was written into a note of this person.
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
    form: str = ""
    state: str = ""
    answers: bool = False


# --- paths --------------------------------------------------------------------------


def folder(place: Place, *names: str) -> str:
    """A path in this person's inbox. It is the repository's, so all its working trees share one."""
    return os.path.join(place.state, "inbox", f"@{owner_of(place)}", *names)


@lru_cache(maxsize=4)
def owner_of(place: Place) -> str:
    """Whose inbox counts here."""
    return registry.user_of(place)


def adopt(place: Place) -> None:
    """An inbox from before, which was the clone's, is this person's. A kill in between leaves the rest to the next."""
    for name in ("open", "done", "acks"):
        old, new = os.path.join(place.state, "inbox", name), folder(place, name)
        if os.path.isdir(old):
            registry.make_private(new)
            for entry in names_in(old):
                with suppress(OSError):  # it is there as well: that one is newer
                    os.rename(os.path.join(old, entry), os.path.join(new, entry))
            remove(old)


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


def add(place: Place, note: Note, text: bytes, old: Note | None = None) -> bool:
    """Put a note into the inbox, in the place of `old`. False when it is or was there already. Raises OSError."""
    new = make(place, note, text)
    if old and old.id != note.id:
        retire(place, old, REPLACED)
    return new


def make(place: Place, note: Note, text: bytes) -> bool:
    """The folder of a note. What is there already only learns its new place."""
    target, done = folder(place, "open", note.id), folder(place, "done", note.id)
    if was := read_note(target):
        write_note(target, was._replace(path=note.path, line=note.line, who=note.who, form=note.form))
    elif (was := read_note(done)) and was.state in (REPLACED, WITHDRAWN):
        remove(done)  # its author has put it back
    if os.path.exists(target) or os.path.exists(done):
        return False
    for name in ("open", "done", "acks"):
        registry.make_private(folder(place, name))
    draft = folder(place, f"draft.{os.urandom(6).hex()}")
    os.mkdir(draft, 0o700)
    try:
        write_note(draft, note)
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


def write_note(path: str, note: Note) -> None:
    """The facts of a note in its folder, in one step. Raises OSError."""
    draft = os.path.join(path, f".note.{os.urandom(6).hex()}")
    with open(draft, "w", encoding="utf-8", newline="\n") as file:
        json.dump({"version": VERSION, **note._asdict()}, file)
    os.replace(draft, os.path.join(path, "note.json"))
    with open(os.path.join(path, "label"), "w", encoding="utf-8", newline="\n") as file:
        file.write(" ".join(f"{visible(note.sender[:60])}, {note.id[:6]}".split()) + "\n")


def move(place: Place, old: tuple[str, str], new: tuple[str, str]) -> None:
    """A note has another place: path and form."""
    for state in ("open", "done"):
        for note in read_all(place, state):
            if (note.path, note.form) == old:
                write_note(folder(place, state, note.id), note._replace(path=new[0], form=new[1]))


def retire(place: Place, note: Note, state: str) -> None:
    """A note that its author has replaced or taken back is closed."""
    with suppress(FileNotFoundError):  # done before
        if note.state != state and os.path.isdir(folder(place, "open", note.id)):
            write_note(folder(place, "open", note.id), note._replace(state=state))
    close(place, note.id)


def withdraw(place: Place, note: Note) -> None:
    """Its author has taken a note back. Whoever was shown it hears that, by being shown it once more."""
    at = folder(place, "open", note.id)
    if not any(name.startswith("shown.") for name in names_in(at)):
        return retire(place, note, WITHDRAWN)
    write_note(at, note._replace(state=WITHDRAWN))
    for name in names_in(at):
        if name.startswith(("taken.", "shown.", "told.")):
            with suppress(OSError):
                os.unlink(os.path.join(at, name))


def read_surfaced(place: Place, user: str) -> str:
    """The commit up to which the remote's notes are in this person's inbox, "" when nothing was looked at yet."""
    with suppress(OSError), open(os.path.join(place.tree, "surfaced"), encoding="utf-8", errors="replace") as file:
        word, _, whose = file.read(200).strip().partition(" ")
        return word if re.fullmatch(r"[0-9a-f]{40,64}", word) and whose in ("", user) else ""
    return ""


def write_surfaced(place: Place, commit: str, user: str) -> None:
    """Everything up to `commit` is in the inbox."""
    registry.make_private(folder(place))
    registry.make_private(place.tree)
    draft = folder(place, f"draft.{os.urandom(6).hex()}")
    with open(draft, "w", encoding="utf-8") as file:
        file.write(f"{commit} {user}\n")
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
    return sorted((n for n in found if n), key=lambda n: (n.time, place_of(n.path), n.line, n.id))


def place_of(path: str) -> tuple[str, int]:
    """Where a log stands among others: `a.md` before `a-2.md`, and that before `a-10.md`."""
    stem, _, number = path.removesuffix(".md").rpartition("-")
    return (stem, int(number)) if stem and number.isdecimal() and len(number) < 5 else (path.removesuffix(".md"), 1)


def read_note(path: str) -> Note | None:
    """The note in a folder."""
    try:
        with open(os.path.join(path, "note.json"), encoding="utf-8") as file:
            data: dict[str, Any] = json.load(file)
        if data["version"] != VERSION or data["id"] != os.path.basename(path):
            return None
        told = {key: data[key] for key in Note._fields if key in data or key not in Note._field_defaults}
        return Note(**told)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def text_of(place: Place, note: Note) -> str:
    """The whole text, as it was written. Bytes that are no UTF-8 become replacement characters."""
    return bytes_of(place, note).decode("utf-8", "replace")


def bytes_of(place: Place, note: Note) -> bytes:
    """The whole text to the byte."""
    for state in ("open", "done"):
        with suppress(OSError), open(folder(place, state, note.id, "text"), "rb") as file:
            return file.read()
    return b""


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
