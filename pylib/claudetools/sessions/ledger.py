"""What each session changed: `<session folder>/edits.jsonl`, one JSON object a line, contents in `blobs/<sha256>`.

Only ever appended to, without a lock: a record is a line feed and an object, handed to the system in one write with
O_APPEND. Whatever a killed writer left torn before it ends at that line feed; an object that was cut is no JSON. A
record's `seq` is the offset of its end in the file, so nobody has to hand out numbers, and reading on from one costs
what is new. Its fields: attribution/edits.py.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress

from claudetools.attribution.edits import GONE, UNKNOWN, Edit, Ledger, digest, encode_edit, is_content, parse_edits
from claudetools.core.light import NamedTuple
from claudetools.core.place import Place
from claudetools.sessions.registry import EDITS, folder_of, make_private

BLOBS = "blobs"
OPEN = "open"
SHA = re.compile(r"\b[0-9a-f]{64}\b")
LONGEST = 16 * 1024 * 1024  # bytes of a content that is kept; what is longer is UNKNOWN


def record(place: Place, session: str, edits: Iterable[Edit], contents: Iterable[bytes] = ()) -> None:
    """Append edits, and keep the contents that they name. Raises OSError.

    The contents are written before the edit that names them and looked at again after it: `forget` may have taken one
    of them for consumed in between.
    """
    folder = folder_of(place, session)
    named = {digest(data): data for data in contents if len(data) <= LONGEST}
    make_private(folder)
    for name, data in named.items():
        keep_blob(folder, name, data)
    lines = b"".join(encode_edit(edit) for edit in edits)
    file = os.open(os.path.join(folder, EDITS), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(file, lines) != len(lines):
            raise OSError(None, "the disk is full", os.path.join(folder, EDITS))
    finally:
        os.close(file)
    for name, data in named.items():
        keep_blob(folder, name, data)


def keep_blob(folder: str, name: str, data: bytes) -> None:
    """Have the content in the folder: whole or not at all."""
    path = os.path.join(folder, BLOBS, name)
    with suppress(OSError):
        if os.stat(path).st_size == len(data):
            return
    make_private(os.path.dirname(path))
    scratch = f"{path}.{os.getpid()}"
    try:
        with open(scratch, "wb") as file:
            file.write(data)
        os.replace(scratch, path)
    except OSError:
        with suppress(OSError):
            os.unlink(scratch)
        raise


def read_edits(place: Place, session: str, after: int = 0) -> list[Edit]:
    """The session's edits behind position `after`, oldest first. What cannot be read is left out: see `read_ledger`."""
    return read_ledger(place, session, after).edits


def read_ledger(place: Place, session: str, after: int = 0) -> Ledger:
    """The edits behind position `after`, and what is wrong with the ledger. Never raises for what it finds there."""
    path = os.path.join(folder_of(place, session), EDITS)
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(after)
            data = file.read()
    except FileNotFoundError:
        return Ledger([], ["the ledger is missing"] if after else [], after)
    except OSError as error:
        return Ledger([], [f"the ledger cannot be read: {error.strerror}"], after)
    if size < after:
        return Ledger([], [f"the ledger was cut off: {size} bytes, {after} were read before"], after)
    if after and data[:1] not in (b"", b"\n"):
        return Ledger([], [f"the ledger was replaced: no record ends at {after}"], after)
    return parse_edits(data, after)


def blob(place: Place, session: str, sha: str) -> bytes | None:
    """The content of that name; None when it is missing, truncated or another one: then it is not known."""
    if not is_content(sha) or sha == UNKNOWN:
        return None
    try:
        with open(os.path.join(folder_of(place, session), BLOBS, sha), "rb") as file:
            data = file.read()
    except OSError:
        return None
    return data if digest(data) == sha else None


def forget(place: Place, session: str, position: int, since: float = float("inf")) -> int:
    """Delete the contents that only edits up to `position`, and before `since`, name. Returns how many went.

    A content goes aside first, then the ledger is read again: a writer that found it in its place has named it by
    now, and gets it back; one that looks later does not find it and writes it anew.
    """
    folder = os.path.join(folder_of(place, session), BLOBS)
    aside = []
    needed = named_behind(place, session, position, since)
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.endswith(".gone"):  # of a run that was killed
                aside.append(name.removesuffix(".gone"))
            elif name not in needed and is_content(name):
                os.rename(os.path.join(folder, name), os.path.join(folder, f"{name}.gone"))
                aside.append(name)
    needed = named_behind(place, session, position, since)
    for path in (os.path.join(folder, name) for name in aside if name in needed):
        os.replace(f"{path}.gone", path)
    gone = [os.path.join(folder, f"{name}.gone") for name in set(aside) - needed]
    for path in gone:
        with suppress(FileNotFoundError):
            os.unlink(path)
    return len(gone)


def named_behind(place: Place, session: str, position: int, since: float) -> set[str | None]:
    """The contents that edits behind `position`, or since then, name, or a call that is under way (calls.py); and those
    of files of which lines are gone: somebody may want them back."""
    known = read_edits(place, session)
    gone = {edit.path for edit in known if edit.kind == GONE}
    edits = [edit for edit in known if edit.seq > position or edit.time >= since or edit.path in gone]
    return {name for edit in edits for name in (edit.before, edit.after)} | under_way(folder_of(place, session))


def under_way(folder: str) -> set[str | None]:
    """The contents that calls of the session in this folder have found when they began."""
    found: set[str | None] = set()
    with suppress(OSError):
        for name in os.listdir(os.path.join(folder, OPEN)):
            with suppress(OSError), open(os.path.join(folder, OPEN, name), encoding="ascii", errors="replace") as file:
                found |= set(SHA.findall(file.read()))
    return found


def drop(folder: str, names: Iterable[str]) -> None:
    """Delete contents of the session in this folder that neither its ledger nor a call under way names."""
    names = set(names)
    if not names:
        return
    try:
        with open(os.path.join(folder, EDITS), "rb") as file:
            told = file.read()
    except FileNotFoundError:
        told = b""
    needed = under_way(folder)
    for name in names:
        if name not in needed and name.encode() not in told:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, BLOBS, name))


# --- what lies at a path, as the ledger names it --------------------------------------
# What lies at a path of the tree at one moment, as the ledger names it. Nothing heavy is imported: hooks use it.


REGULAR, EXECUTABLE, LINK = "100644", "100755", "120000"
Stat = tuple[int, int, int, int, int]  # inode, size, mtime_ns, ctime_ns, mode: all equal, and nobody wrote to the file


class Sight(NamedTuple):
    """`sha` and `mode` are null for a path without a file; `sha` is "?" and `data` b"" where it cannot be read."""

    sha: str | None
    mode: str | None
    data: bytes = b""


NOTHING = Sight(None, None)


def look_at(top: str, path: str) -> Sight:
    """What the path holds. A folder, a pipe and the like count as nothing: git knows none of them."""
    at = os.path.join(top, path)
    try:
        info = os.lstat(at)
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(os.readlink(at))
            return Sight(digest(target), LINK, target)
        if not stat.S_ISREG(info.st_mode):
            return NOTHING
        mode = git_mode_of(info)
        if info.st_size > LONGEST:
            return Sight(UNKNOWN, mode)
        with open(at, "rb") as file:
            data = file.read(LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except OSError:
        return Sight(UNKNOWN, REGULAR)
    return Sight(digest(data), mode, data) if len(data) <= LONGEST else Sight(UNKNOWN, mode)


def git_mode_of(info: os.stat_result) -> str:
    """The mode as git has it."""
    if stat.S_ISLNK(info.st_mode):
        return LINK
    return EXECUTABLE if info.st_mode & 0o100 else REGULAR


def stat_of(top: str, path: str) -> Stat | None:
    """The path's stat; None where there is no file."""
    try:
        info = os.lstat(os.path.join(top, path))
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode) and not stat.S_ISLNK(info.st_mode):
        return None
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_mode
