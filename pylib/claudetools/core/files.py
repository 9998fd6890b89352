"""The smallest steps on files of the shared tree: look, compare, exchange, merge.

Every step leaves a file whole. A parent is opened without following links, so that nothing of ours is ever written
outside the tree.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from claudetools.core.checkpoint import checkpoint
from claudetools.core.light import NamedTuple, sha1, sha256

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Content(NamedTuple):
    """What a path holds at one moment. kind: "absent", "file", "link", "folder" or "other"."""

    kind: str
    data: bytes = b""
    permissions: int = 0

    @property
    def executable(self) -> bool:
        return bool(self.permissions & 0o100)

    def oid(self, like: str) -> str:
        """The id of these very bytes as a blob, before any conversion, in the object format of the id `like`."""
        algorithm = sha1 if len(like) == 40 else sha256
        return algorithm(b"blob %d\0" % len(self.data) + self.data).hexdigest()


ABSENT = Content("absent")


class InTheWay(Exception):
    """A parent of the path is a link or no folder."""


@contextmanager
def parent_of(top: str, path: bytes, make: bool = False) -> Iterator[tuple[int, bytes]]:
    """An open folder and the last name of `path`. InTheWay when a link or a file stands where a folder has to be."""
    *folders, name = path.split(b"/")
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            try:
                inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | NOFOLLOW, dir_fd=fd)
            except FileNotFoundError:
                if not make:
                    raise
                with suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=fd)
                inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | NOFOLLOW, dir_fd=fd)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise InTheWay(os.fsdecode(folder)) from error
                raise
            os.close(fd)
            fd = inner
        yield fd, name
    finally:
        os.close(fd)


def look(folder: int | None, name: bytes | str) -> Content:
    """What lies at `name` in the open folder (None: `name` is a path of its own)."""
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            return Content("link", os.readlink(os.fsencode(name), dir_fd=folder))
        if stat.S_ISDIR(info.st_mode):
            return Content("folder")
        if not stat.S_ISREG(info.st_mode):
            return Content("other")
        fd = os.open(name, os.O_RDONLY | NOFOLLOW, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    with os.fdopen(fd, "rb") as file:
        return Content("file", file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode))


def look_in_tree(top: str, path: bytes) -> Content:
    """What lies at `path` below `top`. Raises InTheWay as `parent_of`."""
    try:
        with parent_of(top, path) as (folder, name):
            return look(folder, name)
    except FileNotFoundError:
        return ABSENT


Stamp = tuple[int, int, int] | None


def stamp(top: str, path: bytes) -> Stamp:
    """Inode, time of the last write and size; None when nothing is there. The same stamp: nobody wrote to the path."""
    try:
        info = os.lstat(os.path.join(os.fsencode(top), path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return info.st_ino, info.st_mtime_ns, info.st_size


def moved_lately(top: str, path: bytes, seconds: float) -> bool:
    """Whether the path was written, or (when it is absent) something came or went in its folder, just now."""
    at = os.path.join(os.fsencode(top), path)
    for place in (at, os.path.dirname(at)):
        with suppress(FileNotFoundError, NotADirectoryError):
            return time.time() - os.lstat(place).st_mtime < seconds
    return False


# --- exchange ---------------------------------------------------------------

_AT_FDCWD = -100
_EXCHANGE = 2  # renameat2(2) RENAME_EXCHANGE and renameatx_np(2) RENAME_SWAP have the same value
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def _kernel_exchange(prepared: str, folder: int, name: bytes) -> bool:
    """Exchange two names in one step. False where the system or the file system has no such call."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameatx_np" if sys.platform == "darwin" else "renameat2", None)
    if call is None:
        return False
    at = -2 if sys.platform == "darwin" else _AT_FDCWD
    if call(at, os.fsencode(prepared), folder, name, _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), os.fsdecode(name))


def exchange(prepared: str, folder: int, name: bytes) -> None:
    """Put `prepared` at `name` and what was there at `prepared`.

    In one step where the system can: whatever a writer put there up to that moment comes out whole, nothing falls
    between. Elsewhere by a link and a rename, which leaves a moment in which another writer's rename is replaced.
    A crash in between leaves `prepared.old` and no `prepared` (see `was_exchanged`).
    """
    if _kernel_exchange(prepared, folder, name):
        return
    os.link(name, prepared + ".old", src_dir_fd=folder, follow_symlinks=False)
    checkpoint("exchange-linked")
    os.rename(prepared, name, dst_dir_fd=folder)
    checkpoint("exchange-renamed")
    os.rename(prepared + ".old", prepared)


def was_exchanged(prepared: str, inode: int) -> bool:
    """Whether the file that was made as `prepared` with `inode` has left its place for the tree."""
    if os.path.lexists(prepared + ".old"):
        if os.path.lexists(prepared):
            os.unlink(prepared + ".old")
            return False
        os.rename(prepared + ".old", prepared)
        return True
    try:
        return os.lstat(prepared).st_ino != inode
    except FileNotFoundError:
        return True


def remove_folder(folder: str) -> None:
    """A folder of our own with all that is in it. To load shutil for it would cost as much as a git command."""
    for at, folders, names in os.walk(folder, topdown=False):
        for name in (*names, *folders):
            path = os.path.join(at, name)
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            else:
                os.unlink(path)
    os.rmdir(folder)


def write_whole(path: str, data: bytes) -> None:
    """Never half a file, whenever we are killed."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


# --- merge ------------------------------------------------------------------


def shown(path: bytes) -> str:
    """A path for a message: what cannot be printed is escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
