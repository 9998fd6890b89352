"""New names that are another one's on some system, or look like it: a job of the sync, where a name is not all ASCII.

On stdin `new/PATH` and `gone/PATH`, then `/`, then what is tracked, each ended by a NUL; on stdout a new path and its
twin, the same way. macOS takes NFC and NFD for one name, and upper and lower case; what nobody can tell apart by eye
(characters without width, letters of other alphabets that look the same) is one name for people.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable

# Letters that look like Latin ones (Unicode's confusables, those that stand in words).
ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһӏν" + "αορυικχ" + "ɡɑı‐‑‒–−⁄∕",
    "aeopcyxijsdqwhlv" + "aopuikx" + "gai-----//",
)


def skeleton(name: str) -> str:
    """What two names have in common that are one for some system, or for people."""
    text = unicodedata.normalize("NFKC", name).casefold().translate(ALIKE)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf" and not 0xFE00 <= ord(c) <= 0xFE0F)
    return unicodedata.normalize("NFC", text)


def twins(new: Iterable[str], tracked: Iterable[str]) -> list[tuple[str, str]]:
    """Each new path with the one that it is a twin of; of two new ones the second."""
    first: dict[tuple[str, ...], tuple[str, ...]] = {}
    exact: set[tuple[str, ...]] = set()
    known: dict[str, str] = {}

    def key_of(parts: tuple[str, ...]) -> tuple[str, ...]:
        for part in parts:
            if part not in known:
                known[part] = skeleton(part)
        return tuple(known[part] for part in parts)

    def learn(parts: tuple[str, ...]) -> None:
        key = key_of(parts)
        for depth in range(len(parts), 0, -1):
            if parts[:depth] in exact:
                break
            exact.add(parts[:depth])
            first.setdefault(key[:depth], parts[:depth])

    for path in tracked:
        learn(tuple(path.split("/")))
    found = []
    for path in new:
        parts = tuple(path.rstrip("/").split("/"))
        key = key_of(parts)
        depths = range(1, len(parts) + 1)
        other = next((d for d in depths if key[:d] in first and parts[:d] not in exact), 0)
        if other:
            found.append((path, "/".join((*first[key[:other]], *parts[other:]))))
        else:
            learn(parts)
    return found


def main(argv: list[str]) -> int:
    """See the module."""
    given = [os.fsdecode(part) for part in sys.stdin.buffer.read().split(b"\0")[:-1]]
    at = given.index("/")
    new = [part[4:] for part in given[:at] if part.startswith("new/")]
    known = {*new, *(part[5:] for part in given[:at] if part.startswith("gone/"))}
    for pair in twins(new, (path for path in given[at + 1 :] if path not in known)):
        sys.stdout.buffer.write(b"".join(os.fsencode(part) + b"\0" for part in pair))
    return 0
