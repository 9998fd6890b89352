"""Where a note begins and ends in a log: `## Note for <who>` or `## Message for <who>`, as Markdown sees it.

Also as people write it: "Notes to", "A note for", "Note: for", "Note @who", with a number or an emoji before. A heading
of any level begins one, the next heading of the same or a higher level ends it; a line with `---` below it ends none,
there it is a ruler. What stands in a fence, an indented block, a quotation, a list or a comment is no heading.
markdown-it decides on that, over blocks only: a log of a megabyte takes a second, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# Told from the bytes alone: most logs hold no note, and are not parsed.
LIKELY = re.compile(rb"(?:note|message)s?[^\w\r\n]{1,20}(?:(?:for|to)\b|@)", re.IGNORECASE)
# The heading of a note, as people write it: "Note for Mike", "A message to", "Notes @mike".
NOTE_WORDS = r"(?:(?:an?|the)\s+)?(?:(?:urgent|important|quick|short|private|another)\s+)?(?:note|message)s?\b"
NOTE = re.compile(
    rf"[\W\d_]*{NOTE_WORDS}[\s*_`:,(\u2013\u2014-]*(?:(?:for|to)\b|(?=@))[\s*_`:]*(?P<who>.*)",
    re.IGNORECASE | re.DOTALL,
)
# markdown-it's own idea of a line; not Python's, which knows ten more ends of one.
LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
LONGEST_FRONT = 64 * 1024
LONGEST_TITLE = 300


class Found(NamedTuple):
    """One note. `line` is its heading's, from 1; `title` the heading's text, `who` what stands behind "for".

    `text` are the very bytes between the headings, without blank lines at both ends.
    """

    line: int
    level: int
    title: str
    who: str
    text: bytes


def find_notes(data: bytes) -> list[Found]:
    """Every note of a log, in order. Whatever the bytes are, nothing is raised."""
    if not LIKELY.search(data):
        return []
    lines: list[bytes] = LINE.findall(data.removeprefix(b"\xef\xbb\xbf"))
    found: dict[int, Found] = {}
    for start in starts(lines):
        for note in notes_from(lines, start):
            found.setdefault(note.line, note)
    return [found[line] for line in sorted(found)]


def notes_from(lines: list[bytes], start: int) -> Iterator[Found]:
    """The notes of the Markdown that begins at line `start` (from 0), the last one first."""
    # The nearest heading of each level below the one that is looked at, and the nearest that ends a `##` note.
    next_of, next_marked = [len(lines)] * 7, [len(lines)] * 7
    for level, title, first, body, marked in reversed(list(find_headings(lines, start))):
        match = NOTE.fullmatch(title[:LONGEST_TITLE])
        who = " ".join(match["who"].split()) if match else ""
        if match and who:
            end = min((next_marked if marked else next_of)[1 : level + 1])
            yield Found(first + 1, level, " ".join(match[0].split()), who, without_blank_ends(lines[body:end]))
        next_of[level] = first
        if marked or who:
            next_marked[level] = first


def find_headings(lines: list[bytes], start: int) -> Iterator[tuple[int, str, int, int, bool]]:
    """Level, text, line of the heading, line of what follows it, and whether it is marked by `#`, for headings of the
    document itself."""
    tokens = parser().parse(b"".join(lines[start:]).decode("utf-8", "replace"))
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            first, body = (start + line for line in token.map)
            yield int(token.tag[1:]), tokens[i + 1].content, first, body, token.markup.startswith("#")


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """CommonMark, blocks only: what stands inside of a line costs time and decides nothing here."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark")
    markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown.disable("reference")


def starts(lines: list[bytes]) -> list[int]:
    """Where the Markdown begins: behind the front matter. Where that is broken, also at the top: it hides nothing."""
    if not lines or lines[0].rstrip() != b"---":
        return [0]
    end = next((i for i, line in enumerate(lines) if i and line.rstrip() == b"---"), 0)
    if not end:
        return [1]
    head = b"".join(lines[1:end])
    return [end + 1] if read_mapping(head) is not None and not LIKELY.search(head) else [end + 1, 1]


def read_mapping(head: bytes) -> dict[str, object] | None:
    """The front matter between its `---` lines, None when it is no YAML mapping."""
    import frontmatter

    if len(head) > LONGEST_FRONT:
        return None
    try:
        found, _ = frontmatter.parse("---\n" + head.decode("utf-8") + "\n---\n")
    except Exception:  # a YAML reader has many ways to fail, and none of them is our matter
        return None
    return found if found or not head.strip() else None


def claimed_user(data: bytes) -> str:
    """Who the front matter says wrote the log, "" when it does not say. Read even where the rest is broken."""
    lines: list[bytes] = LINE.findall(data[:LONGEST_FRONT].removeprefix(b"\xef\xbb\xbf"))
    if not lines or lines[0].rstrip() != b"---":
        return ""
    for line in lines[1:]:
        if line.rstrip() == b"---":
            break
        key, colon, value = line.partition(b":")
        if colon and key == b"user":
            return value.decode("utf-8", "replace").partition(" #")[0].strip().strip("\"'")
    return ""


def without_blank_ends(lines: list[bytes]) -> bytes:
    """The lines as they are, but for blank ones at the beginning and the end."""
    full = [i for i, line in enumerate(lines) if line.strip()]
    return b"".join(lines[full[0] : full[-1] + 1]).rstrip(b"\r\n") if full else b""
