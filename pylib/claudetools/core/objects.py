"""Many objects of a repository with few programs: one process each for contents, for folders and for new blobs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress

from claudetools.core import git

TREE = "40000"
Entry = tuple[str, str]  # mode and oid


class TooLarge(Exception):
    """A blob of so many bytes that nobody wants it in memory."""


class Objects:
    """The object store of one repository, to be used in a `with` statement. `scratch`: a folder of our own, for who
    writes blobs."""

    def __init__(self, top: str, scratch: str = "") -> None:
        self.top, self.scratch = top, scratch
        self.reader: subprocess.Popen[bytes] | None = None
        self.maker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.reader, self.maker):
            if process is not None and process.stdin and process.stdout:
                with suppress(OSError):
                    process.stdin.close()
                process.stdout.close()
                process.wait()

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ("git", "-C", self.top, *args),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=git.beacon() if os.name == "posix" else (),
        )

    def ask(self, name: str) -> tuple[str, int] | None:
        """Kind and size of an object, by its id or as COMMIT:PATH without a line feed; its bytes and a line feed are
        read next. None when there is none of that name. GitError when git has gone."""
        if self.reader is None:
            self.reader = self.start("cat-file", "--batch")
        assert self.reader.stdin and self.reader.stdout
        try:
            self.reader.stdin.write(os.fsencode(name) + b"\n")
            self.reader.stdin.flush()
        except OSError as error:
            raise git.GitError(f"git cat-file has gone: {error.strerror}") from error
        words = self.reader.stdout.readline().rstrip(b"\n").split(b" ")
        if words == [b""]:
            raise git.GitError("git cat-file has gone")
        if len(words) < 3 or words[-2] not in (b"blob", b"tree", b"commit", b"tag") or not words[-1].isdigit():
            return None  # `NAME missing`, `NAME ambiguous`
        return words[-2].decode(), int(words[-1])

    def take(self, size: int) -> bytes:
        """The bytes of the object that was asked for."""
        assert self.reader and self.reader.stdout
        data = self.reader.stdout.read(size + 1)
        if len(data) != size + 1:
            raise git.GitError("git cat-file has gone")
        return data[:-1]

    def read(self, oid: str) -> bytes:
        """The bytes of a blob or a tree. GitError when it is missing."""
        if (found := self.ask(oid)) is None:
            raise git.GitError(f"git object {oid} cannot be read")
        return self.take(found[1])

    def read_blob(self, name: str, limit: int) -> bytes | None:
        """The blob of that name (see `ask`); None when there is no such blob. A larger one than `limit` bytes is
        not kept: it raises TooLarge."""
        if (found := self.ask(name)) is None:
            return None
        kind, size = found
        if size > limit:
            self.skip(size + 1)
            raise TooLarge(size)
        data = self.take(size)
        return data if kind == "blob" else None

    def skip(self, size: int) -> None:
        """Read on without keeping anything."""
        assert self.reader and self.reader.stdout
        while size > 0 and (got := len(self.reader.stdout.read(min(size, 1 << 20)))):
            size -= got

    def write_blobs(self, contents: Iterable[bytes]) -> list[str]:
        """The oids of these contents, in their order, without any conversion."""
        names = []
        for n, data in enumerate(contents):
            names.append(os.path.join(self.scratch, f"blob.{n}"))
            with open(names[-1], "wb") as file:
                file.write(data)
        if not names:
            return []
        try:
            listed = "".join(f"{name}\n" for name in names)
            args = ("hash-object", "-w", "--no-filters", "--stdin-paths")
            found = git.run(self.top, *args, stdin=os.fsencode(listed)).decode().split()
        finally:
            for name in names:
                os.unlink(name)
        if len(found) != len(names):
            raise git.GitError("git hash-object gave too few answers")
        return found

    def entries(self, oid: str) -> dict[bytes, Entry]:
        """What a tree object holds, folders as entries of mode TREE."""
        data, found, at = self.read(oid), {}, 0
        length = len(oid) // 2
        while at < len(data):
            end = data.index(b"\0", at)
            mode, _, name = data[at:end].partition(b" ")
            found[name] = (mode.decode(), data[end + 1 : end + 1 + length].hex())
            at = end + 1 + length
        return found

    def entry_at(self, tree: str, path: bytes) -> Entry | None:
        """The entry of a path in a tree."""
        *folders, name = path.split(b"/")
        for folder in folders:
            mode, tree = self.entries(tree).get(folder, ("", ""))
            if mode != TREE:
                return None
        return self.entries(tree).get(name)

    def tree_with(self, tree: str, changes: Mapping[bytes, Entry | None]) -> str:
        """The tree with these paths put in or (None) taken out. Folders that are left empty go."""
        return self.folder_with(tree, changes) or self.write_tree({})

    def folder_with(self, tree: str | None, changes: Mapping[bytes, Entry | None]) -> str | None:
        entries = self.entries(tree) if tree else {}
        below: dict[bytes, dict[bytes, Entry | None]] = {}
        put: dict[bytes, Entry] = {}
        for path, entry in changes.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            elif entry:
                put[name] = entry
            elif entries.get(name, (TREE, ""))[0] != TREE:
                del entries[name]
        for name, inner in below.items():
            mode, oid = entries.pop(name, ("", ""))
            made = self.folder_with(oid if mode == TREE else None, inner)
            if made:
                entries[name] = (TREE, made)
        entries.update(put)
        return self.write_tree(entries) if entries else None

    def write_tree(self, entries: Mapping[bytes, Entry]) -> str:
        """A tree object of these entries."""
        if self.maker is None:
            self.maker = self.start("mktree", "-z", "--missing", "--batch")
        assert self.maker.stdin and self.maker.stdout
        kinds = {TREE: b"tree", git.GITLINK: b"commit"}
        rows = (
            b"%s %s %s\t%s\0" % (mode.encode(), kinds.get(mode, b"blob"), oid.encode(), name)
            for name, (mode, oid) in entries.items()
        )
        try:
            self.maker.stdin.write(b"".join(rows) + b"\0")
            self.maker.stdin.flush()
        except BrokenPipeError:
            raise git.GitError("git mktree has ended") from None
        oid = self.maker.stdout.readline().decode().strip()
        if not oid:
            raise git.GitError("git mktree gave no answer")
        return oid


def tree_with(top: str, tree: str, changes: Mapping[bytes, Entry | None]) -> str:
    """The tree with these paths put in or (None) taken out."""
    with Objects(top) as objects:
        return objects.tree_with(tree, changes)
