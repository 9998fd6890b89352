"""Which part of a line is the secret. Pure; where that is not plain nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from claudetools.text.detector import values
from claudetools.text.detector_tables import SECRET_COLUMN

PREFIX = "vault:"  # what a line says in the place of a value
CODE = re.compile(r"`([^`]+)`")
# `name: ` or `name=`, with the first such sign of the line, and behind it a word or something in quotes.
VALUE = re.compile(
    r"""(?:(?!:\*{0,2}\s|=).)*(?::\*{0,2}\s+|=\s*)(?:(["'])(?P<quoted>[^"']+)\1|(?P<word>[^\s"'`]+))\s*"""
)
Span = tuple[int, int]
RULER = re.compile(r"[ \t|:-]+")  # below the names of a table's columns
VALUE_COLUMN = re.compile(r"value|key", re.IGNORECASE)


def find_in(lines: Sequence[str], at: int) -> Span | None:
    """Where the value of a line lies: in a row, as the one credential that the detector finds, or behind `name: `.

    None when it is not plain which part that is.
    """
    span = find_cell(lines, at) if lines[at].strip().startswith("|") else None
    if span:
        return span
    found = values(lines, at)
    if found:
        return found[0][1:] if len(found) == 1 else None
    return None if lines[at].strip().startswith("|") else find_value(lines[at])


def find_value(line: str) -> Span | None:
    """Where the value of `name: value`, `name=value`, `name: "two words"`, a table's row or `name: code` lies.

    None when it is not plain which part that is, or when the line has been taken care of already.
    """
    if PREFIX in line:
        return None
    codes = list(CODE.finditer(line))
    if codes:
        return codes[0].span(1) if len(codes) == 1 else None
    if line.strip().startswith("|"):
        return last_cell(line)
    found = VALUE.fullmatch(line)
    return found.span("quoted" if found["quoted"] else "word") if found else None


def last_cell(line: str) -> Span | None:
    """The last cell of a table's row that has one before it."""
    cells = [m for m in re.finditer(r"[^|]+", line.rstrip()) if m[0].strip()]
    if len(cells) < 2 or set(cells[-1][0].strip()) <= {"-", ":"}:
        return None
    start = cells[-1].start() + len(cells[-1][0]) - len(cells[-1][0].lstrip())
    return start, start + len(cells[-1][0].strip())


def find_cell(lines: Sequence[str], at: int) -> Span | None:
    """Where the value of a table's row lies: in the column whose name says so, or behind the name in a row of two.

    None when the table does not tell.
    """
    line = lines[at]
    found = cells(line)
    top = at
    while top > 0 and lines[top - 1].strip().startswith("|"):
        top -= 1
    has_names = top + 1 < at and RULER.fullmatch(lines[top + 1].strip())
    names = [lines[top][slice(*span)] for span in cells(lines[top])] if has_names else []
    for wanted in (SECRET_COLUMN, VALUE_COLUMN):
        columns = [i for i, name in enumerate(names) if wanted.fullmatch(name.strip("*_` "))]
        if len(columns) == 1 and len(found) == len(names):
            return in_code(line, found[columns[0]])
        if columns:
            return None
    if len(found) != 2 or RULER.fullmatch(line.strip()):
        return None
    return in_code(line, found[1])


def cells(line: str) -> list[Span]:
    """Each cell of a table's row, without the blanks around it."""
    parts = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
    at = line.index("|") + 1
    found = []
    for part in parts:
        start = at + len(part) - len(part.lstrip())
        found.append((start, start + len(part.strip())))
        at += len(part) + 1
    return found


def in_code(line: str, span: Span) -> Span | None:
    """The cell, without the marks of code around it; None for an empty one and for a path of the vault."""
    start, end = span
    code = CODE.fullmatch(line[start:end])
    if code:
        start, end = start + 1, end - 1
    return (start, end) if end > start and PREFIX not in line[start:end] else None


def find_told(line: str, value: str) -> Span | None:
    """Where a value that somebody has told lies; None unless it is there once."""
    at = line.find(value)
    return None if at < 0 or line.find(value, at + 1) >= 0 else (at, at + len(value))
