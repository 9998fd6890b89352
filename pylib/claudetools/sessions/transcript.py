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

LONGEST_LINE = 8 * 1024 * 1024
LONGEST_PART = 2000
LONGEST_RESULT = 600
DEFAULT_SIZE = 80_000
# The arguments that tell what a tool call was about, in the order in which they are asked for.
TELLING = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query", "prompt", "skill", "description")


class Digest(NamedTuple):
    """The parts that fit, in order, and how many of all were left out between `head` and `tail`."""

    head: list[str]
    tail: list[str]
    left_out: int

    @property
    def text(self) -> str:
        """All of it as one text."""
        gap = [f"[... {self.left_out} parts left out ...]"] if self.left_out else []
        return "\n".join([*self.head, *gap, *self.tail])


def digest(lines: Iterable[bytes], size: int = DEFAULT_SIZE) -> Digest:
    """At most about `size` characters: a quarter from the beginning, the rest from the end, where the results are."""
    head: list[str] = []
    tail: deque[str] = deque()
    room, held, left_out = size // 4, 0, 0
    for part in parts(lines):
        if not tail and len(part) < room:
            head.append(part)
            room -= len(part) + 1
            continue
        tail.append(part)
        held += len(part) + 1
        while held > size - size // 4 and len(tail) > 1:
            held -= len(tail.popleft()) + 1
            left_out += 1
    return Digest(head, list(tail), left_out)


def read_lines(path: str) -> Iterator[bytes]:
    """The lines of a file; one that is longer than LONGEST_LINE is cut, which leaves no JSON. Raises OSError."""
    with open(path, "rb") as file:
        while line := file.readline(LONGEST_LINE):
            yield line


def parts(lines: Iterable[bytes]) -> Iterator[str]:
    """What was said and done, one text for each."""
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


def parts_of(kind: str, content: Any) -> Iterator[str]:
    """The blocks of one message."""
    who = "PERSON" if kind == "user" else "AGENT"
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for block in content if isinstance(content, list) else []:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "text" and str(block.get("text", "")).strip():
            yield f"{who}: {cut(str(block['text']).strip(), LONGEST_PART)}"
        elif block.get("type") == "tool_use":
            yield f"{block.get('name', 'tool')}: {cut(about(block.get('input')), LONGEST_PART)}"
        elif block.get("type") == "tool_result":
            word = "FAILED" if block.get("is_error") else "->"
            if text := text_of(block.get("content")).strip():
                yield f"  {word} {cut(text, LONGEST_RESULT)}"


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


def cut(text: str, longest: int) -> str:
    """Both ends of a text that is too long: a command's last words say how it ended."""
    if len(text) <= longest:
        return text
    half = (longest - 20) // 2
    return f"{text[:half]} [... {len(text) - 2 * half} ...] {text[-half:]}"
