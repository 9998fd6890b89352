"""Files of the wiki in the shared tree: read, and replaced only if nobody has changed them since.

Nothing is written through a link, no file is ever half written, and what a session writes stands in its ledger. New
content is prepared in the state folder: a sync that runs meanwhile must not meet it in the tree.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from claudetools.core import files
from claudetools.core.checkpoint import checkpoint
from claudetools.core.place import Place
from claudetools.logs.record import record
from claudetools.logs.sections import NO_LOGS
from claudetools.text.target import FOLDERS, Target, of_article

LARGEST = 8 * 1024 * 1024  # bytes of a log or an article that is read


class Changed(Exception):
    """Somebody else has written to the file since it was read; it is as they left it."""


class Unusable(Exception):
    """Something that is no text file stands where one is expected. The message names it."""


class Store:
    """The wiki and the logs of one working tree. `session` (an id) is told of what is written."""

    def __init__(self, place: Place, session: str = "") -> None:
        self.place, self.session = place, session
        self.scratch = os.path.join(place.tree, "wiki")
        os.makedirs(self.scratch, mode=0o700, exist_ok=True)

    def read(self, path: str) -> bytes | None:
        """The file's bytes, None when there is none. Raises Unusable for a link, a folder or a file too large."""
        full = os.path.join(self.place.top, path)
        with suppress(OSError):
            if os.lstat(full).st_size > LARGEST:
                raise Unusable(f"{path} has more than {LARGEST >> 20} MB")
        try:
            found = files.look_in_tree(self.place.top, os.fsencode(path))
        except files.InTheWay as error:
            raise Unusable(f"{path}: {error} is a link or no folder") from error
        if found.kind not in ("absent", "file"):
            raise Unusable(f"{path} is a {found.kind}; expected a file")
        return found.data if found.kind == "file" else None

    def text(self, path: str) -> str | None:
        """The same as text. Raises Unusable for what is not UTF-8."""
        data = self.read(path)
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise Unusable(f"{path} line {line} is not UTF-8 text") from error

    def articles(self) -> list[Target]:
        """Every article that lies in the wiki, in order."""
        found = []
        for folder in FOLDERS.values():
            with suppress(FileNotFoundError, NotADirectoryError):
                names = os.listdir(os.path.join(self.place.top, "wiki", folder))
                found += [target for name in names if (target := of_article(f"wiki/{folder}/{name}"))]
        return sorted(found)

    def logs(self, target: Target) -> list[str]:
        """The paths of its session logs from the top, oldest name first; also those in folders of a month."""
        found = []
        top = os.path.join(self.place.top, target.logs)
        for folder, inner, names in os.walk(top) if target.logs else ():
            inner[:] = [name for name in inner if not os.path.islink(os.path.join(folder, name))]
            for name in names:
                full = os.path.join(folder, name)
                if is_log(name) and os.path.isfile(full) and not os.path.islink(full):
                    found.append(os.path.relpath(full, self.place.top).replace(os.sep, "/"))
        return sorted(found, key=lambda path: (path.rpartition("/")[2], path))

    def replace(self, path: str, old: bytes | None, new: bytes) -> bool:
        """Put `new` at `path` if it still holds `old` (None: nothing). False when there was nothing to do.

        Raises Changed, with the other's content in place, or Unusable.
        """
        if new == old:
            return False
        with self._opened(path, True) as (folder, name), self._prepared(new, folder, name) as temporary:
            if old is None:
                _create(temporary, folder, name, path)
            else:
                _exchange(temporary, folder, name, path, old, new)
        record(self.place, self.session, path, old, new, "wiki")
        return True

    def remove(self, path: str, old: bytes) -> None:
        """Take the file away if it still holds `old`. Raises Changed, with the file in its place."""
        with self._opened(path, False) as (folder, name):
            aside = os.path.join(self.scratch, f"removed-{os.getpid()}")
            os.rename(name, aside, src_dir_fd=folder)
            if files.look(None, aside).data != old:
                _create(aside, folder, name, path)  # should somebody have made a new one: ours stays aside
                os.unlink(aside)
                raise Changed(path)
            os.unlink(aside)
        record(self.place, self.session, path, old, None, "wiki")

    @contextmanager
    def _opened(self, path: str, make: bool) -> Iterator[tuple[int, bytes]]:
        try:
            with files.parent_of(self.place.top, os.fsencode(path), make) as found:
                yield found
        except files.InTheWay as error:
            raise Unusable(f"{path}: {error} is a link or no folder") from error

    @contextmanager
    def _prepared(self, data: bytes, folder: int, name: bytes) -> Iterator[str]:
        fd, temporary = tempfile.mkstemp(dir=self.scratch)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                before = files.look(folder, name)
                os.chmod(temporary, before.permissions if before.kind == "file" else 0o666 & ~_umask())
            yield temporary
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)


def is_log(name: str) -> bool:
    """Whether a file in a session-logs folder is a log."""
    return name.endswith(".md") and name not in NO_LOGS and not name.startswith(".")


def _umask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask


def _create(temporary: str, folder: int, name: bytes, path: str) -> None:
    try:
        os.link(temporary, name, dst_dir_fd=folder)
    except FileExistsError as error:
        raise Changed(path) from error


def _exchange(temporary: str, folder: int, name: bytes, path: str, old: bytes, new: bytes) -> None:
    """Swap, and look at what came out: if it is not what was read, it goes back, whoever wrote it."""
    if files.look(folder, name).data != old:
        raise Changed(path)
    checkpoint("wiki-compared")
    try:
        files.exchange(temporary, folder, name)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Changed(path) from error
        raise
    there, out = new, files.look(None, temporary).data
    if out == old:
        return
    while True:
        files.exchange(temporary, folder, name)  # theirs goes back, and what comes out should be ours
        back = files.look(None, temporary).data
        if back == there:
            raise Changed(path)
        there, out = out, back  # somebody wrote once more in between: the last one wins
