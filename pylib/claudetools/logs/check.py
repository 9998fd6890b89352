"""What is wrong with a log, and putting right what a program can put right."""

from __future__ import annotations

import re
from dataclasses import dataclass

from claudetools.logs import sections
from claudetools.text import front

BLOCK_LINE = re.compile(r"- \*\*(User|Machine):\*\* .*")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, at a line (from 1; 0 for the whole file). A mild one holds nothing back."""

    line: int
    text: str
    mild: bool = False


def find_faults(name: str, text: str, block: str) -> list[Fault]:
    """Everything that is wrong with the log of that file name; `block` is the User block that it should have."""
    found = []
    if sections.is_bare_name(name):
        found.append(Fault(0, "its name is one that every session of that day would share"))
    elif not sections.is_log_name(name):
        found.append(Fault(0, "its name is not YYYY-MM-DD-<user>-<topic>.md"))
    try:
        if not front.read_front(text):
            found.append(Fault(1, "it has no front matter", mild=True))
    except front.Unreadable as error:
        found.append(Fault(1, str(error)))
    if sections.is_message(text):
        return found
    if names := sections.missing_sections(text):
        found.append(Fault(0, f"it lacks {listed(names)}"))
    lines = {name: number for number, name in reversed(list(sections.headings(text)))}
    if name := sections.misplaced_section(text):
        found.append(Fault(lines[name], f"the section '## {name}' stands too low"))
    if sections.USER in lines:
        found += block_faults(section_lines(text, sections.USER), lines[sections.USER], block)
    if not names and not sections.is_filled(text):
        return [*found, Fault(0, "nobody has written into it yet: a sync leaves it out")]
    empty = [n for n in sections.REQUIRED if n in lines and not any(map(str.strip, section_lines(text, n)))]
    return found + ([Fault(0, f"still empty: {listed(empty)}", mild=True)] if empty else [])


def listed(names: list[str]) -> str:
    """Headings in one line."""
    return ", ".join(f"'## {name}'" for name in names)


def block_faults(lines: list[str], start: int, block: str) -> list[Fault]:
    """Where the User section differs from the block in the person or the machine. The role may have changed since."""
    have = {match[1]: (n, line) for n, line in enumerate(lines, 1) if (match := BLOCK_LINE.fullmatch(line.rstrip()))}
    faults = []
    for line in block.split("\n"):
        if not (match := BLOCK_LINE.fullmatch(line)):
            continue
        number, found = have.get(match[1], (0, ""))
        if not found:
            faults.append(Fault(start, f"the User block has no line '{line}'"))
        elif found.rstrip() != line:
            faults.append(
                Fault(start + number, f"the User block says '{found.rstrip()}', whoami-block.sh says '{line}'")
            )
    return faults


def section_lines(text: str, name: str) -> list[str]:
    """The lines below the first heading of that name, up to the next `## `. Line 1 is the one after the heading."""
    lines = text.split("\n")
    places = list(sections.headings(text))
    for place, (number, found) in enumerate(places):
        if found == name:
            end = places[place + 1][0] - 1 if place + 1 < len(places) else len(lines)
            return lines[number:end]
    return []


def completed(text: str, block: str) -> str:
    """The log with the sections that it lacks, empty, each at its place, and the User block where that is missing.

    Lines are only added; what stands in the wrong order or is wrong stays for a person.
    """
    order = [section.name for section in sections.SECTIONS]
    text = with_block(text, block)
    for name in sections.missing_sections(text):
        after = set(order[order.index(name) + 1 :]) | {sections.UPDATE}
        below = [number for number, n in sections.headings(text) if n in after or n.startswith(f"{sections.UPDATE}: ")]
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        place = min(below) - 1 if below else len(lines)
        if name == sections.USER and not below:
            place = first_body_line(lines)
        new = block.rstrip("\n").split("\n") if name == sections.USER else [f"## {name}"]
        before = [""] if place and lines[place - 1].strip() else []
        lines[place:place] = [*before, *new, *([""] if place < len(lines) else [])]
        text = "\n".join(lines) + "\n"
    return text


def with_block(text: str, block: str) -> str:
    """The log with the block's lines below its heading, where that stands there with nothing below it."""
    lines = text.split("\n")
    start = next((number for number, name in sections.headings(text) if name == sections.USER), 0)
    if not start or any(line.strip() for line in section_lines(text, sections.USER)):
        return text
    return "\n".join([*lines[:start], *block.rstrip("\n").split("\n")[1:], *lines[start:]])


def first_body_line(lines: list[str]) -> int:
    """The index of the line after the front matter."""
    if lines and lines[0] == "---" and "---" in lines[1:]:
        return lines.index("---", 1) + 1
    return 0
