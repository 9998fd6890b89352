"""Patterns and History: byte for byte as they were, whatever the draft says.

A draft may add items below the old ones, each with a citation, and may say that a log calls an item resolved: then code
marks the old line. Everything else that it did to them is undone and told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from claudetools.wiki import outline, subjects
from claudetools.wiki.draft import Line, Mark, Refused
from claudetools.wiki.outline import Section
from claudetools.wiki.wording import BACK, DONE, OPEN

DECORATION = re.compile(
    r"~~|\s*\((?:resolved|done|fixed)[^)]*\)\s*$|^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Quoted:
    """What a citation points at: the lines as they are read, what they stand below, the log's day, and all that was
    said later."""

    texts: list[str]
    around: str
    day: str
    later: list[str]


# None when a citation points at nothing that is evidence.
Quote = Callable[[Mark], "Quoted | None"]


@dataclass
class Restored:
    """The draft with the old sections in place, and what was wrong with it, in words."""

    lines: list[Line]
    undone: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)


def restore(draft: Sequence[Line], previous: str, quote: Quote) -> Restored:
    """Put the article's Patterns and History back into the draft. Raises Refused where that cannot be proved."""
    old = outline.split_lines(previous)
    mine = outline.kept_sections([line.text + "\n" for line in draft])
    out = Restored([])
    pairs = pair(outline.kept_sections(old), mine)
    at = 0
    for section in mine:
        out.lines += draft[at : section.start]
        before = next((one for one, other in pairs if other == section), None)
        theirs = draft[section.start : section.end]
        out.lines += theirs if before is None else section_of(old, before, theirs, quote, out)
        at = section.end
    out.lines += draft[at:]
    for before, other in pairs:
        if other is None:
            if not before.is_secret:
                out.undone.append(f"{before.title} was left out; it is back")
            out.lines += [*blank_before(out.lines), *section_of(old, before, [], quote, Restored([]))]
    prove(out.lines, old)
    return out


def pair(old: list[Section], new: list[Section]) -> list[tuple[Section, Section | None]]:
    """Each old section with the draft's one of the same title; None where the draft has none."""
    left = list(new)
    pairs: list[tuple[Section, Section | None]] = []
    for section in old:
        same = next((s for s in left if s.title.casefold() == section.title.casefold()), None)
        if same:
            left.remove(same)
        pairs.append((section, same))
    return pairs


def section_of(old: list[str], before: Section, theirs: Sequence[Line], quote: Quote, out: Restored) -> list[Line]:
    """The old section, with resolved items marked and cited new ones below."""
    lines = old[before.start : before.end]
    marked = [mark_resolved(line, theirs, quote, out) for line in lines]
    end = max((n + 1 for n, line in enumerate(lines) if line.strip()), default=len(lines))
    added, whole = additions(lines[:end], theirs, quote)
    if theirs and not whole:
        out.undone.append(f"{before.title} was changed; it is as it was")
    kept = [Line(line.removesuffix("\n"), kept=True) for line in marked]
    return [*kept[:end], *added, *(kept[end:] or blank_after(theirs))]


def additions(old: list[str], theirs: Sequence[Line], quote: Quote) -> tuple[list[Line], bool]:
    """New cited items below the old text, and whether the draft had left the old text alone."""
    wanted = [bare(line) for line in old if line.strip()]
    have = [(n, bare(line.text)) for n, line in enumerate(theirs) if line.text.strip()]
    whole = [text for _, text in have[: len(wanted)]] == wanted
    last = max((n for n, text in have if text == wanted[-1]), default=len(theirs)) if wanted else len(theirs)
    new = [line for line in theirs[last + 1 :] if line.text.strip() and bare(line.text) not in wanted]
    cited = [line for line in new if not line.text.lstrip().startswith("#") and is_said(line, quote)]
    return cited, whole and len(cited) == len(new)


def mark_resolved(line: str, theirs: Sequence[Line], quote: Quote, out: Restored) -> str:
    """The old line; with `(resolved DATE)` at its end when the draft cites a log that says so."""
    text = line.rstrip("\r\n")
    if not text.strip() or re.search(r"\(resolved\b[^)]*\)\s*$", text):
        return line
    for other in theirs:
        if other.resolved and bare(other.text) == bare(text):
            for mark in other.resolved:
                found = quote(mark)
                if found and says_resolved(text, found):
                    out.resolved.append(bare(text))
                    return f"{text.rstrip()} (resolved {found.day}){line[len(text) :]}"
            out.undone.append(f"no log says that this is resolved: {bare(text)[:80]}")
    return line


def says_resolved(item: str, quoted: Quoted) -> bool:
    """Whether the cited lines call the item settled, as a fact, and no later line speaks of it again."""
    sentences = [part for text in quoted.texts for part in re.split(r"(?<=[.!?;])\s+", text)]
    about = [part for part in sentences if DONE.search(part) or OPEN.search(part)]
    if not any(DONE.search(part) for part in about) or any(OPEN.search(part) for part in about):
        return False
    wanted, have = subjects.words(bare(item)), subjects.words(" ".join([*quoted.texts, quoted.around]))
    common = wanted & have
    if not wanted or len(common) < min(2, len(wanted)) or len(common) * 4 < len(wanted):
        return False
    return not any(
        BACK.search(text) and len(wanted & subjects.words(text)) >= min(2, len(wanted)) for text in quoted.later
    )


def is_said(line: Line, quote: Quote) -> bool:
    """Whether the lines that a new item cites say it: most of its words."""
    found = [quoted for mark in line.marks if (quoted := quote(mark))]
    have = {word[:5] for quoted in found for text in [*quoted.texts, quoted.around] for word in subjects.words(text)}
    wanted = subjects.words(bare(line.text))
    return bool(found) and sum(word[:5] in have for word in wanted) * 5 >= len(wanted) * 3


def bare(line: str) -> str:
    """A line without its bullet and its decoration, to compare it by."""
    text = line.strip()
    for _ in range(2):
        text = DECORATION.sub("", text).strip()
    return text


def blank_before(lines: Sequence[Line]) -> list[Line]:
    """An empty line, unless there is one."""
    return [Line("")] if lines and lines[-1].text.strip() else []


def blank_after(theirs: Sequence[Line]) -> list[Line]:
    """The empty lines at the end of what the draft had there."""
    return [Line("")] if theirs and not theirs[-1].text.strip() else []


def prove(lines: Sequence[Line], old: list[str]) -> None:
    """Every old section is a section of the new text, all its lines in it, in order. Raises Refused."""
    new = [line.text + "\n" for line in lines]
    found = outline.kept_sections(new)
    for section in outline.kept_sections(old):
        wanted = [line.rstrip("\r\n") for line in old[section.start : section.end] if line.strip()]
        if not any(holds(new[s.start : s.end], wanted) for s in found if s.title == section.title):
            raise Refused(f"its Markdown swallows the section {section.title}")


def holds(lines: list[str], wanted: list[str]) -> bool:
    """Whether `wanted` stands in `lines` from the first one on, each as it is or marked, with nothing between."""
    have = [line.rstrip("\r\n") for line in lines if line.strip()]
    return len(have) >= len(wanted) and all(
        mine == old or re.fullmatch(re.escape(old.rstrip()) + r" \(resolved [^)]*\)", mine)
        for mine, old in zip(have, wanted, strict=False)
    )
