"""The toolkit as one file: the same bytes for the same contents, wherever and whenever it is packed.

It holds what a checkout of claudetools has of these folders, under the same names: whoever has unpacked it can install
from it again.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from claudetools.install.place import NEW, SETUP, NotInstallable, show

FOLDERS = (".claude/commands", ".claude/scripts", ".claude/skills", "hooks", "pylib/claudetools", "scripts")
FILES = ("LICENSE", "pyproject.toml")
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"  # deflate, no name, no time, packed as small as can be, any system


@dataclass(frozen=True)
class Item:
    """One file as this version has it."""

    data: bytes
    executable: bool


@dataclass(frozen=True)
class Archive:
    """A packed toolkit. `sha256` is that of `data`, the file as it lies in a repository."""

    version: str
    data: bytes
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return name_of(self.version)


def name_of(version: str) -> str:
    """What the archive of a version is called."""
    return f"claudetools-{version}.tar.gz"


def pack(toolkit: Path) -> Archive:
    """The archive of a toolkit's folder. Refused when that is no toolkit."""
    data = compress(tar_of(contents_of(toolkit)))
    return Archive(version_of(toolkit), data, hashlib.sha256(data).hexdigest())


def contents_of(toolkit: Path) -> dict[str, Item]:
    """Every file of it, by its path there."""
    names = [name for folder in FOLDERS for name in names_in(toolkit, folder)]
    return {name: item_of(toolkit / name) for name in sorted([*names, *(n for n in FILES if (toolkit / n).is_file())])}


def names_in(toolkit: Path, folder: str) -> Iterator[str]:
    """The files of one folder of the toolkit, without what editors and interpreters leave there."""
    for path in sorted((toolkit / folder).rglob("*")):
        cruft = "__pycache__" in path.parts or path.name.startswith(".") or path.name.endswith(("~", ".pyc", NEW))
        if path.is_file() and not path.is_symlink() and not cruft:
            yield path.relative_to(toolkit).as_posix()


def item_of(path: Path) -> Item:
    """A file of the toolkit, with LF also where a checkout made CRLF of it. What begins with `#!` is a program:
    not every file system keeps the mode."""
    data = path.read_bytes().replace(b"\r\n", b"\n")
    return Item(data, data.startswith(b"#!"))


def tar_of(contents: dict[str, Item]) -> bytes:
    """Sorted, of no time and nobody's."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, item in sorted(contents.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(item.data), 0o755 if item.executable else 0o644
            tar.addfile(info, io.BytesIO(item.data))
    return packed.getvalue()


def compress(data: bytes) -> bytes:
    """As gzip, with a head that says neither when nor where. Another build of zlib may make other bytes of it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    tail = struct.pack("<LL", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return GZIP_HEAD + deflate.compress(data) + deflate.flush() + tail


def expand(data: bytes) -> bytes | None:
    """The tar in an archive; None for what is no archive, or was cut off."""
    inflate = zlib.decompressobj(31)
    try:
        found = inflate.decompress(data)
    except zlib.error:
        return None
    return found if inflate.eof else None


def names_of(whole: bytes) -> dict[str, bytes]:
    """What lies in a tar, by its name there."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        files = ((info.name, tar.extractfile(info)) for info in tar.getmembers())
        return {name: file.read() for name, file in files if file}


def version_of(toolkit: Path) -> str:
    """The version in pyproject.toml, which is the one place of it. Refused where there is none."""
    path = toolkit / "pyproject.toml"
    match = re.search(r'(?m)^version = "([^"]+)"', path.read_text("utf-8")) if path.is_file() else None
    if match is None:
        raise NotInstallable(SETUP, f"{show(path)} names no version.")
    return match[1]
