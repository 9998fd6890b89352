"""Which part of a line is the secret. Pure; where that is not plain nothing is guessed."""

from __future__ import annotations

import re

PREFIX = "vault:"  # what a line says in the place of a value
CODE = re.compile(r"`([^`]+)`")
# `name: ` or `name=`, with the first such sign of the line, and behind it a word or something in quotes.
VALUE = re.compile(
    r"""(?:(?!:\*{0,2}\s|=).)*(?::\*{0,2}\s+|=\s*)(?:(["'])(?P<quoted>[^"']+)\1|(?P<word>[^\s"'`]+))\s*"""
)
Span = tuple[int, int]


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


def find_told(line: str, value: str) -> Span | None:
    """Where a value that somebody has told lies; None unless it is there once."""
    at = line.find(value)
    return None if at < 0 or line.find(value, at + 1) >= 0 else (at, at + len(value))
