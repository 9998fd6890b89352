"""An article's front matter: read as YAML, changed line by line, so that a person's own keys and comments stay.

It holds `title, type, slug, last_compiled, sources, stale` and, for clients, `syncro` (what billing said).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from claudetools.text.front import Unreadable, read_front, yaml_text

HEAD = re.compile(r"\A(\ufeff?---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)
KEY = re.compile(r"([^\s#:\-\[\]{},\"'][^:]*?)[ \t]*:(?:\s|$)")


@dataclass(frozen=True)
class Parts:
    """An article taken apart; joined again it is the same bytes. `lines` keep their line ends."""

    opening: str
    lines: tuple[str, ...]
    closing: str
    body: str

    @property
    def text(self) -> str:
        return self.opening + "".join(self.lines) + self.closing + self.body


def take_apart(text: str) -> Parts:
    """Front matter and body. Without front matter everything is body."""
    found = HEAD.match(text)
    if not found:
        return Parts("", (), "", text)
    return Parts(found[1], tuple(re.findall(r".*\n", found[2])), found[3], text[found.end() :])


def read(text: str, shown: str) -> dict[str, Any]:
    """The front matter. Raises Unreadable naming the file."""
    try:
        return read_front(text)
    except Unreadable as error:
        raise Unreadable(f"{shown}: {error}") from error


def sources_of(values: Mapping[str, Any]) -> list[str]:
    """The paths under `sources`, whatever form a person gave them."""
    found = values.get("sources")
    items = found if isinstance(found, list) else [found]
    return [str(item) for item in items if isinstance(item, str) and item]


def change(text: str, values: Mapping[str, str | bool | Sequence[str] | Mapping[str, Any] | None]) -> str:
    """The text with these keys set; None takes a key out. Every other line stays as it is.

    Of a list only what is missing is added, of a mapping only the given keys are set. Raises Unreadable.
    """
    parts = take_apart(text)
    old = read(text, "front matter")
    newline = "\r\n" if parts.opening.endswith("\r\n") else "\n"
    if not parts.opening:
        parts = Parts(f"---{newline}", (), f"---{newline}", parts.body)
    lines = list(parts.lines)
    for key, value in values.items():
        start, end = group_of(lines, key)
        lines[start:end] = [
            line + newline for line in written(key, value, old.get(key), without_ends(lines[start:end]))
        ]
    made = Parts(parts.opening, tuple(lines), parts.closing, parts.body).text
    read(made, "front matter")
    return made


def without_ends(lines: Sequence[str]) -> list[str]:
    """The lines without their line ends."""
    return [line.rstrip("\r\n") for line in lines]


def group_of(lines: Sequence[str], key: str) -> tuple[int, int]:
    """From where to where the lines of `key` go; an empty place at the end when it is not there.

    Comments and empty lines below belong to what follows.
    """
    start = next((n for n, line in enumerate(lines) if (m := KEY.match(line)) and m[1].strip("\"'") == key), len(lines))
    end = min(start + 1, len(lines))
    for number in range(end, len(lines)):
        if not re.match(r"[ \t]+\S|-[ \t]|-\r?\n|[\]}]", lines[number]):
            if lines[number].strip() and not lines[number].startswith("#"):
                break
        elif not lines[number].lstrip().startswith("#"):
            end = number + 1
    return start, end


def written(key: str, value: Any, old: Any, lines: list[str]) -> list[str]:
    """The lines for `key`; those that are there are kept where they still say the same."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return written_mapping(key, value, old, lines)
    if isinstance(value, str | bool):
        new = f"{key}: {scalar(value)}"
        return lines if lines and old is not None and scalar(old) == scalar(value) else [new]
    return written_list(key, value, old, lines)


def written_list(key: str, value: Sequence[str], old: Any, lines: list[str]) -> list[str]:
    """A block list to which what is missing is added at the end."""
    known = sources_of({"sources": old})
    missing = [item for item in value if item not in known]
    block = len(lines) > 1 and re.fullmatch(rf"[\"']?{re.escape(key)}[\"']?[ \t]*:[ \t]*(#.*)?", lines[0])
    if block and isinstance(old, list):
        items = [m[1] for line in lines[1:] if (m := re.match(r"([ \t]*)- ", line))]
        indent = items[-1] if items else "  "
        return lines + [f"{indent}- {scalar(item)}" for item in missing]
    if lines and not missing:
        return lines
    if not [*known, *missing]:
        return [f"{key}: []"]
    return [f"{key}:", *(f"  - {scalar(item)}" for item in [*known, *missing])]


def written_mapping(key: str, value: Mapping[str, Any], old: Any, lines: list[str]) -> list[str]:
    """A block mapping in which the given keys are set (None: taken out) and all others stay."""
    before = old if isinstance(old, dict) else {}
    if not before or len(lines) < 2:
        both = {**before, **value}
        return [f"{key}:", *(f"  {name}: {scalar(item)}" for name, item in both.items() if item is not None)]
    indent = re.match(r"[ \t]*", next((line for line in lines[1:] if line.strip()), "  "))
    lead = indent[0] if indent else "  "
    inner = [line.removeprefix(lead) + "\n" for line in lines[1:]]
    for name, item in value.items():
        start, end = group_of(inner, name)
        if item is None:
            inner[start:end] = []
        elif name not in before or scalar(before[name]) != scalar(item):
            inner[start:end] = [f"{name}: {scalar(item)}\n"]
    return [lines[0], *(lead + line.rstrip("\n") for line in inner)]


def scalar(value: Any) -> str:
    """A YAML scalar of one line. Dates of the toolkit's own making stay bare."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return value if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else yaml_text(value)
    return str(value)
