"""What the writer of a log is told before anybody waits for an answer: notes to nobody, notes that nobody will see."""

from __future__ import annotations

import re

from claudetools.notes.banner import one_line
from claudetools.notes.people import EVERYONE, People
from claudetools.text.notes import LIKELY, LINE, find_notes, parser, starts

LOOKS_LIKE = re.compile(rb"[ \t]{0,3}#{1,6}[ \t]+(?:note|message)s?[ \t]+(?:for|to)\b", re.IGNORECASE)


def warnings_for(path: str, log: bytes, people: People) -> list[str]:
    """One text for each note of a log that will not arrive, to be printed after `[WARN] `. Safe to show."""
    return [f"{one_line(path, 120)} line {line}: {text}. Correct it, save again." for line, text in faults(log, people)]


def faults(log: bytes, people: People) -> list[tuple[int, str]]:
    """Line (from 1) and what is wrong with the note there. Safe to show."""
    if not LIKELY.search(log):
        return []
    notes, found = find_notes(log), []
    known = f"{', '.join(sorted(people.people.keys() - people.gone)[:8])} and {EVERYONE[0]}"
    for note in notes:
        who = people.find(note.who)
        if who.unknown and people.listed:
            names = ", ".join(repr(one_line(name, 40)) for name in who.unknown[:3])
            near = [person.id for name in who.unknown[:3] if (person := people.nearest(name))]
            is_near = f"; {' and '.join(near)} {'is' if len(near) == 1 else 'are'} nearest" if near else ""
            found.append((note.line, f"a note for {names}, but users.json knows {known}{is_near}"))
        if not note.text and not who.more:
            found.append((note.line, "a note that says nothing"))
        if gone := sorted(who.ids & people.gone):
            names = " and ".join(one_line(people.people[id].name, 40) for id in gone[:3])
            found.append((note.line, f"a note for {names}, not active any more by users.json, which knows {known}"))
    seen = {note.line for note in notes}
    text = "this note is inside a code block that is never closed, where nobody sees it"
    return found + [(number, text) for number in unclosed(log) if number not in seen]


def unclosed(log: bytes) -> list[int]:
    """Lines (from 1) that look like a note's heading and lie in a fence or a comment which goes on to the end."""
    lines: list[bytes] = LINE.findall(log)
    start = starts(lines)[0]
    tokens = parser().parse(b"".join(lines[start:]).decode("utf-8", "replace"))
    block = tokens[-1] if tokens else None
    if block is None or not block.map or block.type not in ("fence", "html_block"):
        return []
    if block.type == "html_block" and (not block.content.lstrip().startswith("<!--") or "-->" in block.content):
        return []
    first, last = start + block.map[0], start + block.map[1]
    if block.type == "fence" and last - first > 1 and not lines[last - 1].strip().strip(block.markup[:1].encode()):
        return []
    return [i for i in range(first + 1, last + 1) if LOOKS_LIKE.match(lines[i - 1])]
