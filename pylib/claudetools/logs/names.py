"""A log's file of its own, whoever asks at the same moment."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count

DRAFTS = ("log-", "vault-")  # how the names of files begin that are about to get their place
KEPT_SECONDS = 24 * 3600


def claim(
    paths: Callable[[int], str], content: bytes, scratch: str, is_mine: Callable[[str], bool]
) -> tuple[str, bool]:
    """The path that is the caller's, and whether it was made just now, with `content`.

    `paths(n)` is the n-th name to try, from 1. A name that is taken is passed over, unless `is_mine` says of the file
    that it is the caller's. `scratch` is a private folder. Raises OSError.
    """
    sweep(scratch)
    draft = os.path.join(scratch, f"log-{os.getpid()}-{os.urandom(6).hex()}")
    try:
        write_new(draft, content)
        for number in count(1):
            path = paths(number)
            try:
                publish(draft, path, content)
                return path, True
            except FileExistsError:
                if is_mine(path):
                    return path, False
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)
    raise AssertionError("names never run out")


def publish(draft: str, path: str, content: bytes) -> None:
    """Make `path` appear whole: nobody, and no sync, sees it empty. Raises FileExistsError when the name is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError as error:  # another file system, or one without links
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT, errno.ENOTDIR):
            raise
        write_new(path, content)


def write_new(path: str, content: bytes) -> None:
    """A new file; half of one is taken away again. Raises FileExistsError, OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
    except BaseException:
        os.unlink(path)
        raise


def sweep(scratch: str) -> None:
    """Drafts that a killed run has left go after a day."""
    with suppress(FileNotFoundError):
        for entry in os.scandir(scratch):
            with suppress(OSError):
                if entry.name.startswith(DRAFTS) and time.time() - entry.stat().st_mtime > KEPT_SECONDS:
                    os.unlink(entry.path)
