"""The job `unpacked`: whether the copies of the toolkit that are unpacked in this clone are what their sum says.

    unpacked STATE TOP

One line on stdout for each copy that is not. The sum in a copy's name is that of the archive it came from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from claudetools.install.archive import contents_of, expand, pack, tar_of
from claudetools.install.place import Refused, show


def is_whole(copy: Path, archives: dict[str, bytes]) -> bool:
    """Whether a copy holds what its archive holds. Where that is gone, what it packs to has to have its sum."""
    try:
        tar = expand(archives[copy.name]) if copy.name in archives else None
        return tar_of(contents_of(copy)) == tar if tar else pack(copy).sha256 == copy.name
    except (OSError, Refused):
        return False


def main(argv: list[str]) -> int:
    """See the module."""
    state, top = (Path(name) for name in argv)
    archives = {}
    for path in (top / ".claude").glob("claudetools-*.tar.gz"):
        if path.is_file():
            data = path.read_bytes()
            archives[hashlib.sha256(data).hexdigest()] = data
    for copy in sorted((state / "toolkit").glob("[0-9a-f]" * 64)):
        if copy.is_dir() and not is_whole(copy, archives):
            print(f"The unpacked toolkit {show(copy)} is not what its sum says: somebody has changed it.")
    return 0
