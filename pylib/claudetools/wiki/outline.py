"""The sections of a Markdown text, found by markdown-it: what looks like a heading in a fence or a quote is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# What a compile never rewrites: sections that a person and many sessions have written over time.
KEPT = re.compile(r"\b(patterns?|history)\b", re.IGNORECASE)
# "Credentials & Secrets", "New credentials", "Passwords": a short heading, not one that tells of a password's reset.
SECRET = re.compile(
    r"(?i)(?!update\b)(?=(?:\S+\s*){1,5}$).*\b(?:credentials?|secrets?|zugangsdaten|kennw(?:o|ö)rter|passw(?:o|ö)rter)\b|"
    r"(?:passwords?|passwort|kennwort|api keys?|tokens?)(?:\s*(?:,|&|and|und|/)\s*[\w ]{1,20})?\W*$|"
    r"(?:logins?|users?|accounts?)\s*(?:,|&|and|und|/)\s*(?:passwords?|passw(?:o|ö)rter|keys?)\W*$"
)


@dataclass(frozen=True)
class Section:
    """One heading with everything below it, up to the next one of its level or above. Lines count from 0."""

    level: int
    title: str
    start: int
    end: int
    atx: bool = True

    @property
    def is_kept(self) -> bool:
        """Whether it is Patterns or History, or hidden. A title of the whole article (level 1) is none."""
        return self.level > 1 and bool(KEPT.search(self.title) or self.is_secret)

    @property
    def is_secret(self) -> bool:
        """Whether it holds credentials, which no synthesizer sees."""
        return self.level > 1 and bool(SECRET.match(self.title))


@cache
def parser() -> MarkdownIt:
    """CommonMark, made once."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")


def split_lines(text: str) -> list[str]:
    """Lines with their ends. Only a line feed ends one; the parser's other ends are taken for spaces."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def sections(lines: list[str]) -> list[Section]:
    """All sections in the order of their headings."""
    text = re.sub(r"\r(?!\n)|\0", " ", "".join(lines))
    tokens = parser().parse(text)
    found = [
        (int(token.tag[1]), tokens[n + 1].content, token.map[0], token.markup.startswith("#"))
        for n, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map
    ]
    out = []
    for n, (level, title, start, atx) in enumerate(found):
        end = next((later[2] for later in found[n + 1 :] if later[0] <= level), len(lines))
        out.append(Section(level, title.strip(), start, end, atx))
    return out


def kept_sections(lines: list[str]) -> list[Section]:
    """Patterns and History, none inside of another."""
    found: list[Section] = []
    for section in sections(lines):
        if section.is_kept and not (found and section.start < found[-1].end):
            found.append(section)
    return found
