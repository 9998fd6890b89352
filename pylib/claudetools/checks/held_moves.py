"""Find the deletions that belong to a new path which a gate has left out: the file was moved.

A new path is the new name of a deleted one where both hold the same bytes, or at least half of them, counted and paired
as git's rename detection does. Of what cannot be read, and of what is too large to be compared, only the size is known:
where it is near, they belong together.

--seen is what the remote has: what plain commits here deleted since belongs to the same change.
--paths is a file: the deleted paths, an empty one, the new ones that were left out (a folder stands for the files in
it), an empty one, the other new ones; each ended by a NUL. On stdout, each ended by a NUL, for each pair: the old path,
the new one, and `MODE OID` where the new one holds the old one's bytes, else nothing.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

from claudetools.core import files, git
from claudetools.core.job import read_options
from claudetools.core.light import NamedTuple

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
    """A new file. `path` is what the gate named: the file, or a folder that it lies in; '' where it goes out. `oid` is
    '' where it cannot be read."""

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


def gone_before(top: str, seen: str, base: str) -> Iterator[Gone]:
    """What commits that the remote has not yet deleted."""
    if seen and seen != base:
        start = git.run(top, "merge-base", seen, base, ok=(0, 1)).decode().strip()
        if start and start != base:
            yield from gone_files(top, start, [c.path for c in git.changes(top, start, base) if c.deleted])


def new_files(top: str, paths: Sequence[bytes]) -> Iterator[New]:
    """The files at, or below, the paths that were left out."""
    found = [(path, file) for path in paths for file in files_at(top, path)]
    # A file below another repository has no filters here, and is hashed by itself; so is what lines cannot name.
    plain = [file for path, file in found if path == file and is_readable(top, file) and b"\n" not in file]
    out = git.run(top, "hash-object", "--stdin-paths", stdin=b"".join(file + b"\n" for file in plain))
    oids = dict(zip(plain, out.decode().split(), strict=True))
    for path, file in found:
        info = os.lstat(os.path.join(os.fsencode(top), file))
        mode = git.EXECUTABLE if info.st_mode & 0o100 else git.REGULAR
        mode = git.SYMLINK if stat.S_ISLNK(info.st_mode) else mode
        yield New(path, file, mode, oids.get(file) or oid_of(top, file), info.st_size)


def files_at(top: str, path: bytes) -> Iterator[bytes]:
    """The file at a path, or those of the folder, but for git's own."""
    at = os.path.join(os.fsencode(top), path.rstrip(b"/"))
    if not os.path.isdir(at) or os.path.islink(at):
        yield from [path] if os.path.lexists(at) else []
    for folder, folders, names in os.walk(at):
        folders[:] = [name for name in folders if name != b".git"]
        yield from (os.path.relpath(os.path.join(folder, name), os.fsencode(top)) for name in names)


def is_readable(top: str, file: bytes) -> bool:
    """Whether git could hash it by its name."""
    at = os.path.join(os.fsencode(top), file)
    return os.path.isfile(at) and not os.path.islink(at) and os.access(at, os.R_OK)


def oid_of(top: str, file: bytes) -> str:
    """The id of the bytes as they are, '' where they cannot be read."""
    try:
        data = files.look_in_tree(top, file)
    except (OSError, files.InTheWay):
        return ""
    if data.kind not in ("file", "link"):
        return ""
    return git.run(top, "hash-object", "--no-filters", "--stdin", stdin=data.data).decode().strip()


def pairs(top: str, gone: Sequence[Gone], new: Sequence[New], others: Sequence[bytes]) -> Iterator[tuple[Gone, New]]:
    """Each deletion with every new file that has its bytes. Of the rest, the two that are most alike first."""
    same = [(old, one) for one in new for old in gone if one.oid == old.oid]
    yield from same
    olds, news = {old.path for old, _ in same}, {one.file for _, one in same}
    rest = [(old, one) for one in new if one.file not in news for old in gone if old.path not in olds]
    ranked = [(found, old, one) for old, one in rest if (found := share(top, old, one)) >= ALIKE]
    rivals = [(old, one) for old in {old.path: old for _, old, _ in ranked}.values() for one in going(top, others)]
    ranked += [(found, old, one) for old, one in rivals if (found := share(top, old, one)) >= ALIKE]
    for _, old, one in sorted(ranked, key=lambda x: (-x[0], x[1].path, x[2].file)):
        if old.path not in olds and one.file not in news:
            olds.add(old.path)
            news.add(one.file)
            if one.path:
                yield old, one


def going(top: str, paths: Sequence[bytes]) -> Iterator[New]:
    """The new files that go out: a deleted file may as well be one of them."""
    for path in paths:
        with suppress(OSError):
            info = os.lstat(os.path.join(os.fsencode(top), path))
            if stat.S_ISREG(info.st_mode):
                yield New(b"", path, git.REGULAR, "-", info.st_size)


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
    args = read_options(argv, ("top", "base", "paths"), {"seen": ""})
    top = args["top"]
    with open(args["paths"], "rb") as file:
        deleted, left, others = read_lists(file.read())
    try:
        gone = [*gone_files(top, args["base"], deleted), *gone_before(top, args["seen"], args["base"])]
        for old, one in pairs(top, gone, list(new_files(top, left)) if gone else [], others):
            entry = f"{one.mode} {one.oid}".encode() if one.oid == old.oid and one.path == one.file else b""
            sys.stdout.buffer.write(b"\0".join((old.path, one.path, entry, b"")))
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 70
    return 0


def read_lists(data: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Three lists of names, an empty name between them."""
    names = data.split(b"\0")[:-1]
    first = names.index(b"")
    second = names.index(b"", first + 1)
    return names[:first], names[first + 1 : second], names[second + 1 :]
