"""What a session did, from the client's own transcript, short enough for a model that is to write its log.

A transcript is one JSON object a line (Claude Code 2.1): `type` "user" or "assistant", `message.content` a text or a
list of blocks (text, tool_use, tool_result). Lines of other kinds, of subagents, and what cannot be read are left out;
the format is the client's own, so everything here is looked for and nothing is relied on.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from claudetools.core.messages import visible
from claudetools.text.detector import mask

LONGEST_LINE = 8 * 1024 * 1024
LONGEST_PART = 2000
LONGEST_RESULT = 600
SHORTEST_PART = 40
DEFAULT_SIZE = 28_000  # a client shows its agent 30,000 characters of what a command prints
BEYOND = 300  # characters behind a cut that are read as well, so that half of a credential is known as one
PERSON = "PERSON: "
# The arguments that tell what a tool call was about, in the order in which they are asked for.
TELLING = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query", "prompt", "skill", "description")


class Part(NamedTuple):
    """One thing that was said or done: who or what, both ends of the text, and how many characters it has."""

    who: str
    first: str
    last: str
    length: int
    longest: int

    def show(self, longest: int = LONGEST_PART) -> str:
        """At most about so many characters of it, without a credential. A command's last words say how it ended."""
        longest = min(longest, self.longest)
        first, last = (visible(mask(text), keep="\n\t") for text in (self.first, self.last))
        if not last and len(first) <= longest:
            return self.who + first
        half = (longest - 20) // 2
        return f"{self.who}{first[:half]} [... {self.length - 2 * half} ...] {(last or first)[-half:]}"


class Digest(NamedTuple):
    """What fits, as one text, and how many parts were left out."""

    text: str
    left_out: int


def digest(lines: Iterable[bytes], size: int = DEFAULT_SIZE) -> Digest:
    """At most about `size` characters: every request of the person, and of the rest a quarter from the beginning and
    three from the end, where the results are."""
    asked: dict[int, Part] = {}
    rest: dict[int, Part] = {}  # the first ones
    tail: deque[tuple[int, Part]] = deque()
    number, head, held = -1, 0, 0
    for number, part in enumerate(parts(lines)):
        length = len(part.who) + min(part.length, part.longest) + 1
        if part.who == PERSON:
            asked[number] = part
        elif not tail and head + length < size // 4:
            rest[number] = part
            head += length
        else:
            tail.append((number, part))
            held += length
            while held > size and len(tail) > 1:
                _, gone = tail.popleft()
                held -= len(gone.who) + min(gone.length, gone.longest) + 1
    shown = fit(asked, size // 2)
    room = size - sum(len(text) + 1 for text in shown.values()) - 100
    shown |= take(rest.items(), room // 4)
    shown |= take(reversed(tail), size - sum(len(text) + 1 for text in shown.values()) - 100)
    return Digest(joined(shown, number + 1), number + 1 - len(shown))


def fit(asked: dict[int, Part], size: int) -> dict[int, str]:
    """All of the person's requests, the long ones cut so that they fit."""
    longest = LONGEST_PART
    while (
        sum(min(part.length, longest) + len(PERSON) + 1 for part in asked.values()) > size and longest > SHORTEST_PART
    ):
        longest = max(longest * 3 // 4, SHORTEST_PART)
    return {number: part.show(longest) for number, part in asked.items()}


def take(found: Iterable[tuple[int, Part]], room: int) -> dict[int, str]:
    """As many parts as there is room for."""
    shown = {}
    for number, part in found:
        text = part.show()
        room -= len(text) + 1
        if room < 0:
            break
        shown[number] = text
    return shown


def joined(shown: dict[int, str], total: int) -> str:
    """The parts in their order; where the longest run of them is missing, a line says so."""
    numbers = sorted(shown)
    gaps = [(b - a - 1, at) for at, (a, b) in enumerate(zip([-1, *numbers], [*numbers, total], strict=True))]
    longest, at = max(gaps, default=(0, 0))
    lines = [shown[number] for number in numbers]
    if longest:
        lines.insert(at, f"[... {total - len(shown)} parts left out, most of them here ...]")
    return mask("\n".join(lines))


def read_lines(path: str) -> Iterator[bytes]:
    """The lines of a file; one that is longer than LONGEST_LINE is cut, which leaves no JSON. Raises OSError."""
    with open(path, "rb") as file:
        while line := file.readline(LONGEST_LINE):
            yield line


def parts(lines: Iterable[bytes]) -> Iterator[Part]:
    """What was said and done."""
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict) or entry.get("isSidechain") or entry.get("isMeta"):
            continue
        message = entry.get("message")
        if entry.get("type") in ("user", "assistant") and isinstance(message, dict):
            yield from parts_of(entry["type"], message.get("content"))


def parts_of(kind: str, content: Any) -> Iterator[Part]:
    """The blocks of one message."""
    who = PERSON if kind == "user" else "AGENT: "
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for block in content if isinstance(content, list) else []:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "text" and str(block.get("text", "")).strip():
            yield part_of(who, str(block["text"]).strip(), LONGEST_PART)
        elif block.get("type") == "tool_use":
            yield part_of(f"{visible(str(block.get('name', 'tool'))[:60])}: ", about(block.get("input")), LONGEST_PART)
        elif block.get("type") == "tool_result":
            word = "FAILED" if block.get("is_error") else "->"
            if text := text_of(block.get("content")).strip():
                yield part_of(f"  {word} ", text, LONGEST_RESULT)


def about(given: Any) -> str:
    """What a tool call was about."""
    if not isinstance(given, dict):
        return ""
    told = next((str(given[key]) for key in TELLING if given.get(key)), "")
    return told or json.dumps(given, ensure_ascii=False)


def text_of(content: Any) -> str:
    """The text of a tool's result."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(b.get("text", "")) for b in blocks if isinstance(b, dict) and b.get("type") == "text")


def part_of(who: str, text: str, longest: int) -> Part:
    """A part, without the middle of a text that is too long."""
    end = longest // 2 + BEYOND
    long = len(text) > 2 * end
    return Part(who, text[:end] if long else text, text[-end:] if long else "", len(text), longest)
