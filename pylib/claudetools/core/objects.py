"""Many objects of a repository through one `git cat-file --batch`, one after the other: a process, not a thousand."""

from __future__ import annotations

import os
import subprocess
from types import TracebackType

from claudetools.core import git


class Objects:
    """An open `git cat-file --batch`. To be used in a `with` statement."""

    def __init__(self, top: str) -> None:
        self.process = subprocess.Popen(
            ("git", "-C", top, "cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=git.beacon() if os.name == "posix" else (),
        )

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        self.process.wait()

    def read(self, name: str, limit: int) -> bytes | None:
        """The blob called `name` (an id, or COMMIT:PATH without a line feed); None when there is no such blob.

        Of a larger one than `limit` bytes nothing is kept: it raises TooLarge. GitError when git has gone.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin and stdout
        try:
            stdin.write(os.fsencode(name) + b"\n")
            stdin.flush()
        except OSError as error:
            raise git.GitError(f"git cat-file has gone: {error.strerror}") from error
        words = stdout.readline().rstrip(b"\n").split(b" ")
        if words == [b""]:
            raise git.GitError("git cat-file has gone")
        if len(words) < 3 or words[-2] not in (b"blob", b"tree", b"commit", b"tag") or not words[-1].isdigit():
            return None  # `NAME missing`, `NAME ambiguous`
        size = int(words[-1])
        if size > limit:
            skip(self.process, size + 1)
            raise TooLarge(size)
        data = stdout.read(size + 1)[:size]
        return data if words[-2] == b"blob" else None


class TooLarge(Exception):
    """A blob of so many bytes that nobody wants it in memory."""


def skip(process: subprocess.Popen[bytes], size: int) -> None:
    """Read on without keeping anything."""
    assert process.stdout
    while size > 0 and (got := len(process.stdout.read(min(size, 1 << 20)))):
        size -= got
