"""Conflicts that the machine settles by itself: rules over base, theirs and ours of one text file.

Logs are merged by front matter key and by section; a wiki article keeps the other side's text and is marked stale;
where both sides only added lines, both are kept. A rule that is not sure says nothing: then a person decides.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from claudetools.text import cipher
from claudetools.text.front import by_key, list_items, merge_front_matter, split_front_matter

TEXT = re.compile(r"\.(md|markdown|txt|log|csv|tsv)$", re.I)
LOG = re.compile(r"(^|/)session-logs/([^/]+/)*[^/]+\.md$")
ARTICLE = re.compile(r"^wiki/(clients|projects|systems|patterns)/[^/]+\.md$")
SIDECAR = re.compile(r"^wiki/\.sources/(clients|projects|systems|patterns)/[^/]+\.json$")
INDEX = "wiki/index.md"
UPDATE = re.compile(rb"^## Update: (?:(\d{4}-\d\d-\d\d) )?(\d\d?:\d\d)")
MAX_LINES = 20_000  # difflib is quadratic at worst


def settle(
    name: str, base: bytes, theirs: bytes, ours: bytes, compiled: Collection[str] = ()
) -> tuple[bytes, str] | None:
    """The content, and how it came about in words for the user. None for a true conflict.

    `compiled`: the lines of our article that a compile wrote, and can write again.
    """
    if b"\0" in base + theirs + ours or cipher.is_cipher(base, theirs, ours):
        return None
    if LOG.search(name):
        merged = merge_logs(base, theirs, ours)
        if merged is not None:
            return merged, "a log of both sides: all sections are kept"
    if ARTICLE.search(name):
        return settle_article(base, theirs, ours, compiled)
    if SIDECAR.search(name):
        return theirs, "the sources of the other side's article are kept"
    if name == INDEX:
        merged = keep_index(base, theirs, ours)
        return None if merged is None else (merged, "the list of articles is made anew")
    if TEXT.search(name):
        both = keep_both(base, theirs, ours)
        if both is not None:
            return both, "both sides added lines: both are kept"
    return None


# --- front matter -------------------------------------------------------------------


# --- logs -----------------------------------------------------------------------------


def merge_logs(base: bytes, theirs: bytes, ours: bytes) -> bytes | None:
    """Front matter by key; of the body what both sides added, updates in the order of their time."""
    heads, bodies = zip(*(split_front_matter(text) for text in (base, theirs, ours)), strict=True)
    body = keep_both(*bodies)
    if body is None:
        return None
    head = merge_front_matter(*heads)
    front = b"---\n" + b"\n".join(head) + b"\n---\n" if head else b""
    return front + in_order_of_time(body)


def in_order_of_time(body: bytes) -> bytes:
    """Sort the `## Update: [YYYY-MM-DD] HH:MM` sections that stand one after the other; the rest keeps its place."""
    sections = re.split(rb"(?m)^(?=## )", body)
    start = next((i for i, s in enumerate(sections) if UPDATE.match(s)), len(sections))
    updates = sections[start:]
    if not all(UPDATE.match(section) for section in updates):
        return body
    updates = [section if section.endswith(b"\n") else section + b"\n" for section in updates]
    return b"".join(sections[:start] + sorted(updates, key=time_of))


def time_of(section: bytes) -> tuple[bytes, int, int]:
    """Date and time of an update; one without a date is of the log's own day, before all dated ones."""
    found = UPDATE.match(section)
    if not found:
        return b"", 0, 0
    hour, _, minute = found[2].partition(b":")
    return found[1] or b"", int(hour), int(minute)


# --- wiki -------------------------------------------------------------------------------


def settle_article(base: bytes, theirs: bytes, ours: bytes, compiled: Collection[str]) -> tuple[bytes, str] | None:
    """Both texts where both only added lines; else the other side's, unless a line that a person wrote would go."""
    before, other, mine = (split_front_matter(text)[1] for text in (base, theirs, ours))
    if not theirs.startswith(b"---\n"):
        both = keep_both(base, theirs, ours)
        return None if both is None else (both, "both sides added lines: both are kept")
    both = keep_both(before, other, mine)
    if both is not None:
        return with_sources_of(theirs, ours, both), "both sides added lines: both are kept; compile the article again"
    known = {line.strip() for line in (before + b"\n" + other).splitlines()}
    known |= {line.encode("utf-8", "surrogateescape") for line in compiled}
    if all(line.strip() in known for line in mine.splitlines()):
        return with_sources_of(
            theirs, ours, other
        ), "the other side's article is kept and marked stale; compile it again"
    return None


def with_sources_of(theirs: bytes, ours: bytes, body: bytes) -> bytes:
    """The body below the other side's front matter with the sources of both, stale so that it is compiled again."""
    head = split_front_matter(theirs)[0]
    mine = by_key(split_front_matter(ours)[0])
    keys = by_key(head)
    union = list(dict.fromkeys(list_items(keys.get(b"sources", [])) + list_items(mine.get(b"sources", []))))
    if union:
        keys[b"sources"] = [b"sources:", *(b"  - " + item for item in union)]
    keys[b"stale"] = [b"stale: true"]
    lines = [line for group in keys.values() for line in group]
    return b"---\n" + b"\n".join(lines) + b"\n---\n" + body


def keep_index(base: bytes, theirs: bytes, ours: bytes) -> bytes | None:
    """A person's words around the list of articles; the list is made anew from the merged tree (trees.py)."""
    from claudetools.text import article_index

    try:
        merged = article_index.merge(*(text.decode("utf-8") for text in (base, theirs, ours)))
    except UnicodeDecodeError:
        return None
    return None if merged is None else merged.encode()


# --- lines ------------------------------------------------------------------------------


def keep_both(base: bytes, theirs: bytes, ours: bytes) -> bytes | None:
    """Both sides only added lines: theirs first, then ours, at each place. None when a line was changed or removed."""
    if b"\0" in base + theirs + ours:
        return None
    old = base.splitlines(keepends=True)
    if len(old) > MAX_LINES:
        return None
    added_theirs, added_ours = additions(old, theirs), additions(old, ours)
    if added_theirs is None or added_ours is None:
        return None
    out: list[bytes] = []
    for place in range(len(old) + 1):
        lines = one_after_the_other(added_theirs.get(place, []), added_ours.get(place, []))
        for line in lines + old[place : place + 1]:
            if out and not out[-1].endswith(b"\n"):
                out[-1] += b"\n"
            out.append(line)
    return b"".join(out)


def one_after_the_other(theirs: list[bytes], ours: list[bytes]) -> list[bytes]:
    """What both added at one place; lines that both began or ended with stand there once."""
    start = alike(theirs, ours)
    end = alike(theirs[start:][::-1], ours[start:][::-1])
    middle = theirs[start : len(theirs) - end] + ours[start : len(ours) - end]
    return theirs[:start] + middle + theirs[len(theirs) - end :]


def alike(one: list[bytes], other: list[bytes]) -> int:
    """How many lines both begin with."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def additions(old: list[bytes], new: bytes) -> dict[int, list[bytes]] | None:
    """Lines inserted before each line number of `old`; None when something of `old` is gone."""
    lines = new.splitlines(keepends=True)
    if len(lines) > MAX_LINES:
        return None
    # A last line without its newline is the same line: otherwise appending to such a file would look like an edit.
    ended, now = [line.rstrip(b"\n") for line in old], [line.rstrip(b"\n") for line in lines]
    codes = difflib.SequenceMatcher(None, ended, now, autojunk=False).get_opcodes()
    if all(tag in ("equal", "insert") for tag, *_ in codes):
        return {i1: lines[j1:j2] for tag, i1, _, j1, j2 in codes if tag == "insert"}
    return additions_in_order(ended, now, lines)


def additions_in_order(old: list[bytes], new: list[bytes], lines: list[bytes]) -> dict[int, list[bytes]] | None:
    """The same where lines repeat and difflib pairs them badly: each old line with the next equal one."""
    found: dict[int, list[bytes]] = {}
    place = 0
    for text, line in zip(new, lines, strict=True):
        if place < len(old) and text == old[place]:
            place += 1
        else:
            found.setdefault(place, []).append(line)
    return found if place == len(old) else None
