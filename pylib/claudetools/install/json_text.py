"""Edits in the text of a JSON file, so that everything else in it stays as its owner wrote it, to the byte.

A path names a container from the top: keys of objects only, because nothing of ours lies deeper inside a list. The text
has to be valid JSON with an object at the top. What `append` puts in, `remove` takes out again without a trace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

DECODER = json.JSONDecoder(strict=False)
BLANK = re.compile(r"[ \t\r\n]*")
Keys = tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """An entry of an object or list: from its key, or its value, to its end."""

    key: str
    start: int
    at: int  # where the value starts
    end: int
    value: Any


def skip(text: str, at: int) -> int:
    """The next position that is no white space."""
    found = BLANK.match(text, at)
    return found.end() if found else at


def members(text: str, at: int) -> tuple[list[Member], int]:
    """The entries of the container that opens at `at`, and the position of its closing bracket."""
    found, named = [], text[at] == "{"
    at = skip(text, at + 1)
    while text[at] not in "]}":
        start, key = at, ""
        if named:
            key, at = DECODER.raw_decode(text, at)
            at = skip(text, skip(text, at) + 1)
        value, end = DECODER.raw_decode(text, at)
        found.append(Member(key, start, at, end, value))
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found, at


def locate(text: str, path: Keys) -> int | None:
    """Where the container at `path` opens; None when there is none."""
    at = skip(text, 0)
    for key in path:
        if text[at] != "{":
            return None
        # Of a key that is there twice, every reader takes the last.
        places = [m.at for m in members(text, at)[0] if m.key == key]
        if not places:
            return None
        at = places[-1]
    return at if text[at] in "[{" else None


def indent_of(text: str) -> str:
    """What one level is indented by."""
    found = re.match(r"[ \t\r\n]*\{[ \t]*\r?\n([ \t]+)", text)
    return found[1] if found else "  "


def append(text: str, path: Keys, value: Any, key: str = "") -> str:
    """One more entry at the end of the container at `path`, in the way that its neighbours are written."""
    at = locate(text, path)
    if at is None:
        raise KeyError(path)
    entries, close = members(text, at)
    unit = indent_of(text)
    gap = text[at + 1 : entries[0].start] if entries else "" if path and "\n" not in text.strip() else "\n"
    name = f"{json.dumps(key, ensure_ascii=False)}: " if key else ""
    if "\n" not in gap:
        new = name + json.dumps(value, ensure_ascii=False)
        return text[: entries[-1].end] + ", " + new + text[entries[-1].end :] if entries else wrap(text, at, close, new)
    inner = gap.rpartition("\n")[2] if entries else unit * (len(path) + 1)
    lines = json.dumps(value, ensure_ascii=False, indent=unit).split("\n")
    new = "\n" + inner + name + ("\n" + inner).join(lines)
    eol = "\r\n" if "\r\n" in text else "\n"
    if entries:
        return text[: entries[-1].end] + "," + new.replace("\n", eol) + text[entries[-1].end :]
    return wrap(text, at, close, f"{new}\n{unit * len(path)}".replace("\n", eol))


def wrap(text: str, at: int, close: int, inside: str) -> str:
    """The container with `inside` between its brackets."""
    return text[: at + 1] + inside + text[close:]


def replace(text: str, key: str, value: Any) -> str:
    """Another value for a key of the topmost object, which has it."""
    entry = [m for m in members(text, skip(text, 0))[0] if m.key == key][-1]
    return text[: entry.at] + json.dumps(value, ensure_ascii=False) + text[entry.end :]


def inside_of(text: str, path: Keys) -> str | None:
    """The blanks between the brackets of an empty container; None when it is not empty, or not there."""
    at = locate(text, path)
    if at is None:
        return None
    entries, close = members(text, at)
    return None if entries else text[at + 1 : close]


def remove(text: str, path: Keys, wanted: Any, key: str = "", blank: str = "") -> str:
    """Without the first entry of that key, or of that value in a list. The last one to go leaves `blank` behind."""
    at = locate(text, path)
    if at is None:
        return text
    entries, close = members(text, at)
    hits = (n for n, entry in enumerate(entries) if ((entry.key == key) if key else (entry.value == wanted)))
    number = next(hits, None)
    if number is None:
        return text
    if len(entries) == 1:
        return wrap(text, at, close, blank)
    if number:
        return text[: entries[number - 1].end] + text[entries[number].end :]
    return text[: entries[0].start] + text[entries[1].start :]


def value_at(data: Any, path: Sequence[str]) -> Any:
    """What lies at `path`; None when nothing does."""
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return None
        data = data[key]
    return data
