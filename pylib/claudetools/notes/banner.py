"""A note as it is shown: a frame of ours, and in it another person's words, line by line behind `| `.

The frame begins in the first column, and so does everything else that we say. A line of the note never does: long ones
are broken here, not by the terminal, and what cannot be seen is made visible. So no text can pass for a frame, a status
line or a second message, whoever wrote it. Standard library only.
"""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections.abc import Iterator
from typing import Any

from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.notes import inbox
from claudetools.notes.inbox import Note, short_id, text_of

WIDTH = 80
RULER = "=" * 60
QUOTE, GOES_ON = "| ", "|   "
MOST_LINES, MOST_CHARACTERS = 40, 4000
STATES = {
    inbox.CHANGED: "[INFO] Changed by its author: it replaces what was there before.",
    inbox.WITHDRAWN: "[INFO] Taken back by its author: it holds no more.",
}
TOOLKIT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def banner(place: Place, note: Note, number: int = 1, total: int = 1) -> list[str]:
    """The lines of one note, cut short when it is long."""
    id = short_id(place, note.id)
    text = whole_text(place, note)
    lines = list(quote(text[:MOST_CHARACTERS]))
    shown = lines[:MOST_LINES]
    return [*frame(note, f"{number} of {total}, id {id}"), *shown, *rest(place, id, text, lines), *end(place, note, id)]


def whole_banner(place: Place, note: Note) -> list[str]:
    """The lines of one note with all of its text."""
    id = short_id(place, note.id)
    return [*frame(note, f"id {id}"), *quote(whole_text(place, note)), *end(place, note, id)]


def whole_text(place: Place, note: Note) -> str:
    """What the heading says beside the names, and the text."""
    text = text_of(place, note).replace("\r\n", "\n").replace("\r", "\n")
    return f"{note.heading}\n\n{text}" if note.heading and text else note.heading or text


def frame(note: Note, about: str) -> Iterator[str]:
    """What stands above the text."""
    yield RULER
    yield f"MESSAGE FROM {one_line(note.sender, 80)} ({note.date})   {about}"
    if note.claimed:
        said, is_by = one_line(note.claimed, 40), one_line(note.sender, 80)
        yield f"[WARN] Its log says it is from {said}. The commit that brought it is by {is_by}."
    if note.state in STATES:
        yield STATES[note.state]
    yield RULER


def rest(place: Place, id: str, text: str, lines: list[str]) -> Iterator[str]:
    """The line that says that there is more."""
    if len(text) > MOST_CHARACTERS or len(lines) > MOST_LINES:
        size = f"{text.count(chr(10)) + 1} lines, {len(text)} characters"
        yield f"[...] This is the beginning. All of it ({size}): {command(place)} show {id}"


def end(place: Place, note: Note, id: str) -> Iterator[str]:
    """What stands below the text."""
    yield RULER
    done = "" if note.state == inbox.WITHDRAWN else f"   done? {command(place)} ack {id}"
    yield f"from {one_line(note.path, 100)}{done}"


def quote(text: str) -> Iterator[str]:
    """The text's lines, each behind a mark, none wider than a terminal."""
    for line in text.expandtabs(4).split("\n"):
        mark = QUOTE
        for piece in pieces(visible(line), WIDTH - len(GOES_ON)):
            yield (mark + piece).rstrip()
            mark = GOES_ON


def pieces(line: str, width: int) -> Iterator[str]:
    """A line in pieces that fill at most `width` columns, broken at spaces where there are any. At least one."""
    start = 0
    while True:
        end, used, space = start, 0, 0
        while end < len(line) and (used := used + columns(line[end])) <= width:
            end += 1
            if line[end - 1] == " ":
                space = end
        if end == len(line):
            yield line[start:]
            return
        if space > start + width // 2:
            end = space
        yield line[start:end]
        start = end


def columns(char: str) -> int:
    """How many columns a terminal gives a character, at most."""
    if char.isascii():
        return 1
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WFA" else 1


def one_line(text: str, limit: int) -> str:
    """Foreign text inside a line of ours: no runs of spaces that would push it into the next one, not too long."""
    text = " ".join(visible(text).split())
    return text if len(text) <= limit else f"{text[: limit // 2 - 2]}...{text[-limit // 2 + 1 :]}"


def preview(text: str) -> str:
    """The beginning of a note, for a list."""
    text = " ".join(visible(text[:500], keep="\n").split())
    return text if len(text) <= 60 else text[:57] + "..."


def command(place: Place) -> str:
    """What one types for the notes of this repository."""
    shim = ".claude/scripts/claudetools.sh"
    if os.path.exists(os.path.join(place.top, shim)):
        return f"bash {shim} notes"
    return f"bash {shlex.quote(os.path.join(TOOLKIT, 'scripts', 'claudetools.sh'))} notes"


def as_json(place: Place, note: Note, limit: int = MOST_CHARACTERS) -> dict[str, Any]:
    """The same facts for a program, with the text as it was written, cut after `limit` characters."""
    text = whole_text(place, note)
    keys = ("id", "email", "date", "time", "path", "line", "claimed", "commit")
    facts = {key: value for key, value in note._asdict().items() if key in keys}
    return {**facts, "change": note.state, "from": note.sender, "text": text[:limit], "cut": len(text) > limit}
