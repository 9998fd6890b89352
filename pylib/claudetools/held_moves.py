"""Find the deletions that belong to a new path which a gate has left out: the file was moved.

A new path is the new name of a deleted one where both hold the same bytes, or at least half of them, counted as git's
rename detection counts them. Of what cannot be read, and of what is too large to be compared, only the size is known:
where it is near, they belong together.

--paths is a file: the deleted paths, an empty one, then the new ones (a folder stands for the files in it), each ended by
a NUL. On stdout, each ended by a NUL, for each pair: the old path, the new one, and `MODE OID` where the new one holds
the old one's bytes, else nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from claudetools import files, git
from claudetools.job import read_options
from claudetools.light import NamedTuple

ALIKE = 0.5  # git's own threshold
LARGEST = 64 * 1024 * 1024  # of what is compared piece by piece
PIECE = re.compile(rb"[^\n]{0,63}\n|[^\n]{1,64}")  # git cuts at the end of a line, or after 64 bytes
AT_ONCE = 500


class Gone(NamedTuple):
    """A deleted file, as the base has it."""

    path: bytes
    mode: str
    oid: str
    size: int


class New(NamedTuple):
    """A file that was left out. `path` is what the gate named: the file, or a folder that it lies in. `oid` is '' where it
    cannot be read."""

    path: bytes
    file: bytes
    mode: str
    oid: str
    size: int


def gone_files(top: str, base: str, paths: Sequence[bytes]) -> Iterator[Gone]:
    """The deleted paths that held something; of an empty file nothing can be lost."""
    for start in range(0, len(paths), AT_ONCE):
        names = [f":(literal){os.fsdecode(path)}" for path in paths[start : start + AT_ONCE]]
        out = git.run(top, "ls-tree", "-r", "-l", "-z", "--full-tree", base, "--", *names)
        for entry in out.split(b"\0")[:-1]:
            head, _, path = entry.partition(b"\t")
            mode, kind, oid, size = head.decode().split()
            if kind == "blob" and size != "0":
                yield Gone(path, mode, oid, int(size))


def new_files(top: str, paths: Sequence[bytes]) -> Iterator[New]:
    """The files at, or below, the paths that were left out."""
    for path in paths:
        at = os.path.join(os.fsencode(top), path.rstrip(b"/"))
        if os.path.isdir(at) and not os.path.islink(at):
            for folder, folders, names in os.walk(at):
                folders[:] = [name for name in folders if name != b".git"]
                for name in names:
                    yield new_file(top, path, os.path.relpath(os.path.join(folder, name), os.fsencode(top)))
        elif os.path.lexists(at):
            yield new_file(top, path, path)


def new_file(top: str, path: bytes, file: bytes) -> New:
    """What one file holds, as git would store it."""
    at = os.path.join(os.fsencode(top), file)
    info = os.lstat(at)
    try:
        if os.path.islink(at):
            oid = git.run(top, "hash-object", "--stdin", stdin=os.readlink(at)).decode().strip()
            return New(path, file, git.SYMLINK, oid, info.st_size)
        if os.path.isfile(at):
            # A path below another repository is none that git would hash here by its name.
            name = "--no-filters" if path != file else f"--path={os.fsdecode(file)}"
            oid = git.run(top, "hash-object", name, "--", os.fsdecode(at)).decode().strip()
            return New(path, file, git.EXECUTABLE if info.st_mode & 0o100 else git.REGULAR, oid, info.st_size)
    except (OSError, git.GitError):
        pass
    return New(path, file, "", "", info.st_size)


def pairs(top: str, gone: Sequence[Gone], new: Sequence[New]) -> Iterator[tuple[Gone, New, bool]]:
    """Each deletion with every new file that has its bytes; those left over with what is most like them."""
    same: dict[str, list[New]] = {}
    for one in new:
        same.setdefault(one.oid, []).append(one)
    for old in gone:
        found = same.get(old.oid, [])
        yield from ((old, one, True) for one in found)
        if not found:
            shares = [(share(top, old, one), one) for one in new]
            best = max(shares, key=lambda x: x[0], default=(0.0, None))
            if best[1] and best[0] >= ALIKE:
                yield old, best[1], False


def share(top: str, old: Gone, new: New) -> float:
    """Of the larger one, the share of bytes that the other one has too: 0 to 1."""
    smaller, larger = sorted((old.size, new.size))
    if smaller < larger * ALIKE:
        return 0.0
    if not new.oid or larger > LARGEST:
        return ALIKE
    if git.SYMLINK in (old.mode, new.mode):
        return 0.0
    try:
        texts = git.blob(top, old.oid), files.look(None, os.path.join(os.fsencode(top), new.file)).data
    except OSError:
        return ALIKE
    one, other = (pieces(text) for text in texts)
    common = sum(min(count, other[piece]) * len(piece) for piece, count in one.items())
    return common / max(*(sum(n * len(piece) for piece, n in side.items()) for side in (one, other)), 1)


def pieces(text: bytes) -> Counter[bytes]:
    """The text cut to pieces, whatever its line ends are."""
    return Counter(PIECE.findall(text.replace(b"\r\n", b"\n")))


def main(argv: list[str]) -> int:
    """See the module."""
    args = read_options(argv, ("top", "base", "paths"))
    with open(args["paths"], "rb") as file:
        fields = file.read().split(b"\0")[:-1]
    cut = fields.index(b"")
    try:
        gone = list(gone_files(args["top"], args["base"], fields[:cut]))
        new = list(new_files(args["top"], fields[cut + 1 :])) if gone else []
        for old, one, same in pairs(args["top"], gone, new):
            entry = f"{one.mode} {one.oid}".encode() if same and one.path == one.file else b""
            sys.stdout.buffer.write(b"\0".join((old.path, one.path, entry, b"")))
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 70
    return 0
