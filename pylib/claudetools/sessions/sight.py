"""What lies at a path of the tree at one moment, as the ledger names it. Nothing heavy is imported: hooks use it."""

from __future__ import annotations

import os
import stat

from claudetools.attribution.edits import UNKNOWN, digest
from claudetools.core.light import NamedTuple
from claudetools.sessions.ledger import LONGEST

REGULAR, EXECUTABLE, LINK = "100644", "100755", "120000"
Stat = tuple[int, int, int, int, int]  # inode, size, mtime_ns, ctime_ns, mode: all equal, and nobody wrote to the file


class Sight(NamedTuple):
    """`sha` and `mode` are null for a path without a file; `sha` is "?" and `data` b"" where it cannot be read."""

    sha: str | None
    mode: str | None
    data: bytes = b""


NOTHING = Sight(None, None)


def look(top: str, path: str) -> Sight:
    """What the path holds. A folder, a pipe and the like count as nothing: git knows none of them."""
    at = os.path.join(top, path)
    try:
        info = os.lstat(at)
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(os.readlink(at))
            return Sight(digest(target), LINK, target)
        if not stat.S_ISREG(info.st_mode):
            return NOTHING
        mode = mode_of(info)
        if info.st_size > LONGEST:
            return Sight(UNKNOWN, mode)
        with open(at, "rb") as file:
            data = file.read(LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except OSError:
        return Sight(UNKNOWN, REGULAR)
    return Sight(digest(data), mode, data) if len(data) <= LONGEST else Sight(UNKNOWN, mode)


def mode_of(info: os.stat_result) -> str:
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
