"""One text and its lines: how two texts differ, and three-way merges of one file.

`git merge-file` is all that is started here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from claudetools.text import cipher

Opcode = tuple[int, int, int, int]
OPEN_END = b""  # stands behind the last line of a text that does not end in a line feed
MOST_PAIRS = 2_000_000  # equal pairs of lines that a comparison may look at; beyond, the two texts are taken as whole


def split_lines(data: bytes) -> list[bytes]:
    """The lines of a text, each with its line feed. A missing last one is an entry of its own: else whoever appends
    below such a line would seem to have changed it."""
    lines = re.findall(rb"[^\n]*\n|[^\n]+", data)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
        lines.append(OPEN_END)
    return lines


def join_lines(lines: Collection[bytes]) -> bytes:
    """The inverse of `split_lines`, for any choice of its lines."""
    data = b"".join(lines)
    return data[:-1] if OPEN_END in lines else data


def differences(old: Sequence[bytes], new: Sequence[bytes]) -> list[Opcode]:
    """Where the two differ: old[i1:i2] became new[j1:j2]. Everything between two differences is equal."""
    start, end = 0, 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    one, other = old[start : len(old) - end], new[start : len(new) - end]
    if not one and not other:
        return []
    if not one or not other or equal_pairs(one, other) > MOST_PAIRS:
        return [(start, start + len(one), start, start + len(other))]
    codes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return [(start + i, start + i2, start + j, start + j2) for tag, i, i2, j, j2 in codes if tag != "equal"]


def equal_pairs(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    """How many pairs of equal lines there are: what a comparison costs."""
    counts: dict[bytes, int] = {}
    for line in new:
        counts[line] = counts.get(line, 0) + 1
    return sum(counts.get(line, 0) for line in old)


def put_back(base: bytes, lost: bytes, now: bytes) -> bytes | None:
    """The text of `now` with what `lost` has changed since `base`. None where `now` has other text at such a line, or
    has some of it already: then a person has to look."""
    old, one, two = split_lines(base), split_lines(lost), split_lines(now)
    theirs = differences(old, two)
    pieces: list[tuple[int, int, list[bytes]]] = []
    for i1, i2, j1, j2 in differences(old, one):
        if any(i1 < b2 and b1 < i2 for b1, b2, _, _ in theirs):
            return None
        if any(b1 < i1 == i2 < b2 for b1, b2, _, _ in theirs):
            return None
        pieces.append((i1, i2, one[j1:j2]))
    added = {line for _, _, lines in pieces for line in lines if line.strip()}
    if added & set(two):
        return None
    pieces += [(b1, b2, two[c1:c2]) for b1, b2, c1, c2 in theirs]
    built, at = [], 0
    for start, end, lines in sorted(pieces, key=lambda piece: piece[:2]):
        built += [*old[at:start], *lines]
        at = max(at, end)
    return join_lines(built + old[at:])


def merge_file(scratch: str, sides: Sequence[bytes], *options: str) -> tuple[int, bytes]:
    """Exit status and output of `git merge-file -p` over mine, base and theirs."""
    import subprocess  # a hook reads lines, and merges none

    names = []
    for name, data in zip(("mine", "base", "theirs"), sides, strict=True):
        names.append(os.path.join(scratch, name))
        with open(names[-1], "wb") as file:
            file.write(data)
    command = ("git", "merge-file", "-p", "-q", *options, *names)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout


def merge_texts(scratch: str, mine: bytes, base: bytes, theirs: bytes) -> bytes | None:
    """Three-way merge by `git merge-file`; None for a conflict, for binary content and for ciphertext."""
    if mine == base:
        return theirs
    if theirs in (base, mine):
        return mine
    if cipher.is_cipher(mine, base, theirs):
        return None
    status, merged = merge_file(scratch, (mine, base, theirs))
    return merged if status == 0 else None
