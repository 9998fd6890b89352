"""Markdown as its reader sees it: line by line, with the place in the source that each character comes from.

Pure. Emphasis, escapes, entities, tags and comments are gone; letters and digits are in their plain form (NFKC), what
nobody sees is dropped, and look-alikes of dots, dashes and Latin letters are those. A value that is broken up in the
source is whole here. A row of a table says its columns' names, and each line knows the headings and items above it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# What NFKC leaves as it is, and the eye takes for something else.
ALIKE = str.maketrans(
    dict.fromkeys("\u3002\u00b7\u2027\u2219\u22c5\u06d4\u0701\u0702\ua4f8\ua60e\u30fb\uff61", ".")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u02d7\u2043\ufe58", "-")
    | {"\u2236": ":", "\ua789": ":", "\u02d0": ":", "\u2044": "/", "\u2215": "/", "\u29f8": "/", "\u01c0": "|"}
    | dict(zip("АВЕКМНОРСТУХаеорсухіјѕԁһԛԝІЈЅ", "ABEKMHOPCTYXaeopcyxijsdhqwIJS", strict=True))
    | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοιν", "ABEZHIKMNOPTYXoiv", strict=True))
    | {"ı": "i", "ɡ": "g", "ɑ": "a", "ǃ": "!"}
)
UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
# `10[.]0[.]0[.]99`, `fw1(dot)acme`: as addresses are written that nobody shall click on.
DEFANGED = re.compile(r"(?<=\w)[\[({]\s?(?:\.|dot|:)\s?[\])}](?=\w)", re.IGNORECASE)
NOT_SHOWN = re.compile(r"<!--.*?(?:-->|\Z)|</?[A-Za-z][^<>]*>|&#?\w{1,32};", re.DOTALL)
SOURCE_OF = re.compile(r"&#?\w{1,32};|\\?.", re.DOTALL)
OPEN, CLOSE, GONE = "\ue010", "\ue011", "\ue012"  # where code begins and ends; what is no part of the line after all
LONGEST = 1500  # characters of a line that are looked at together
NEAR = 5  # lines of a paragraph that a line may speak of
COLUMN = " \u2502 "  # between the cells of a row; no text has it


@dataclass(frozen=True)
class Shown:
    """One line as it is read. `starts[n]`, `ends[n]`: where the character `text[n]` stands in the source, -1 for what
    the source does not say there. `first`, `last`: its lines in the source, from 1. `above`: the headings and items
    it stands below, outermost first, without the title (level 1); `earlier`: the lines before it in its own paragraph;
    `level`: of a heading, else 0.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    first: int
    last: int
    above: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    level: int = 0

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Where `text[start:end]` stands in the source; None where it does not."""
        places = [n for n in range(start, end) if self.starts[n] >= 0]
        return (self.starts[places[0]], max(self.ends[n] for n in places)) if places else None


@dataclass
class Building:
    """A line that is being put together."""

    chars: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, text: str, start: int, end: int) -> None:
        """Characters that all come from one place."""
        for char in plain(text):
            if unicodedata.category(char) == "Mn" and (not self.chars or not self.chars[-1].isalpha()):
                continue
            self.chars.append(char)
            self.starts.append(start)
            self.ends.append(end)

    def add_source(self, text: str, at: int) -> None:
        """Characters that stand in the source one after the other from `at` on."""
        for n, char in enumerate(text):
            self.add(char, at + n, at + n + 1)

    def add_name(self, text: str) -> None:
        """What the source says elsewhere."""
        self.add(text, -1, -1)


def without_unseen(text: str) -> str:
    """The text without what nobody sees: soft hyphens, zero-width and bidirectional characters."""
    return "".join(c for c in text if c < "\x7f" or (unicodedata.category(c) != "Cf" and c not in UNSEEN))


def plain(text: str) -> str:
    """The characters as the patterns know them; none for what nobody sees."""
    out = []
    for char in text:
        if " " <= char <= "~":
            out.append(char)
            continue
        if unicodedata.category(char) == "Cf" or char in UNSEEN or "\ufe00" <= char <= "\ufe0f":
            continue
        digit = unicodedata.decimal(char, None)
        out.append(str(digit) if digit is not None else unicodedata.normalize("NFKC", char).translate(ALIKE))
    return "".join(out)


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables; escapes and entities stay apart, for they say how they stand in the source."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")


def render(source: str) -> list[Shown]:
    """The lines of a text. What Markdown does not show, such as the target of a reference, is read as it stands."""
    source = re.sub(r"[\r\0\ue010-\ue012]", " ", source)
    return [piece for shown in Rendering(source).lines() for piece in pieces(shown)]


def pieces(shown: Shown) -> Iterator[Shown]:
    """A line that no person has written, piece by piece: what is looked for in it takes the square of its length."""
    start = 0
    while len(shown.text) - start > LONGEST:
        space = shown.text.rfind(" ", start, start + LONGEST)
        end = space + 1 if space > start else start + LONGEST
        yield replace(shown, text=shown.text[start:end], starts=shown.starts[start:end], ends=shown.ends[start:end])
        start = end
    yield (
        replace(shown, text=shown.text[start:], starts=shown.starts[start:], ends=shown.ends[start:])
        if start
        else shown
    )


class Rendering:
    """One walk through the blocks of a text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.starts = [0]
        for match in re.finditer("\n", source):
            self.starts.append(match.end())
        self.ends = [*self.starts[1:], len(source)]
        self.headings: list[tuple[int, str]] = []
        self.items: list[str] = []
        self.columns: list[str] = []
        self.covered = [False] * len(self.starts)

    def lines(self) -> Iterator[Shown]:
        tokens = parser().parse(self.source)
        row: tuple[int, int] = (0, 1)
        at, in_head, building = 0, False, Building()
        cells: list[str] = []
        for number, token in enumerate(tokens):
            kind = token.type
            if token.map and kind != "inline":
                row = (token.map[0], token.map[1])
            if kind == "list_item_open":
                self.items.append("")
            elif kind == "list_item_close":
                self.items.pop()
            elif kind == "thead_open":
                in_head, self.columns = True, []
            elif kind == "thead_close":
                in_head = False
            elif kind == "tr_open":
                building, cells, at = Building(), [], self.starts[row[0]]
            elif kind == "tr_close":
                self.columns = cells if in_head else self.columns
                yield self.made(building, row[0], row[0])
            elif kind in ("fence", "code_block"):
                yield from self.code(token)
            elif kind == "html_block" and token.map:
                yield from self.bare(token.map[0], token.map[1])
            elif kind == "inline" and tokens[number - 1].type in ("th_open", "td_open"):
                name = self.columns[len(cells)] if len(cells) < len(self.columns) and not in_head else ""
                if building.chars:
                    building.add_name(COLUMN)
                if name and token.content.strip():
                    building.add_name(f"{name}: ")
                begun = len(building.chars)
                for _ in Inline(self.source, at, building).walk(token.children or []):
                    pass
                at = max([at, *building.ends[begun:]])
                cells.append("".join(building.chars[begun:]))
            elif kind == "inline" and token.map:
                level = int(tokens[number - 1].tag[1]) if tokens[number - 1].type == "heading_open" else 0
                yield from self.block(token, level)
        yield from self.left_over()

    def block(self, token: Token, level: int) -> Iterator[Shown]:
        """A paragraph or a heading, a line of the reader each."""
        assert token.map is not None
        if level:
            self.headings = [one for one in self.headings if one[0] < level]
        inline = Inline(self.source, self.starts[token.map[0]], Building())
        line = token.map[0]
        earlier: list[str] = []
        for building in inline.walk(token.children or [], True):
            places = [at for at in building.starts if at >= 0]
            first = self.line_of(min(places), line) if places else line
            last = max(self.line_of(max(building.ends) - 1, first), first) if places else first
            made = self.made(building, first, last, earlier[-NEAR:], level)
            line = last + 1
            yield made
            earlier.append(made.text[:LONGEST])
        for number in range(*token.map):
            self.covered[number] = True
        if level:
            self.headings.append((level, " ".join(earlier)))
        elif self.items and not self.items[-1]:
            self.items[-1] = " ".join(earlier)

    def line_of(self, at: int, above: int) -> int:
        """The number (from 0) of the line that holds the place."""
        number = min(above, len(self.starts) - 1)
        while number + 1 < len(self.starts) and self.ends[number] <= at:
            number += 1
        while number and self.starts[number] > at:
            number -= 1
        return number

    def made(self, building: Building, first: int, last: int, earlier: Sequence[str] = (), level: int = 0) -> Shown:
        first, last = (min(number, len(self.starts) - 1) for number in (first, last))
        for number in range(first, last + 1):
            self.covered[number] = True
        headings = tuple(text for depth, text in self.headings if depth > 1)
        above = (*(text[:LONGEST] for text in headings), *(item[:LONGEST] for item in self.items[:-1] if item))
        text, starts, ends = code_marks("".join(building.chars)), building.starts, building.ends
        gone = [n for n, char in enumerate(text) if char == GONE]
        if gone:
            text = text.replace(GONE, "")
            starts = [at for n, at in enumerate(starts) if n not in gone]
            ends = [at for n, at in enumerate(ends) if n not in gone]
        for match in reversed(list(DEFANGED.finditer(text))):
            sign = match[0][1:-1].strip()
            text = text[: match.start()] + (":" if sign == ":" else ".") + text[match.end() :]
            starts = [*starts[: match.start() + 1], *starts[match.end() :]]
            ends = [*ends[: match.start()], ends[match.end() - 1], *ends[match.end() :]]
        text = re.sub(r"\bhxxp", "http", text)
        return Shown(text, tuple(starts), tuple(ends), first + 1, last + 1, above, tuple(earlier), headings, level)

    def code(self, token: Token) -> Iterator[Shown]:
        """The lines of a fence or of an indented block, as they stand."""
        assert token.map is not None
        earlier: list[str] = []
        for number in range(*token.map):
            building = Building()
            building.add_source(self.source[self.starts[number] : self.ends[number]].rstrip("\n"), self.starts[number])
            made = self.made(building, number, number, earlier)
            yield made
            earlier = [*earlier[1 - NEAR :], made.text[:LONGEST]]

    def bare(self, first: int, end: int) -> Iterator[Shown]:
        """Lines of HTML without their tags. A comment may go over several of them."""
        building, line = Building(), first
        at, stop = self.starts[first], self.ends[end - 1]
        while at < stop:
            found = NOT_SHOWN.match(self.source, at, stop)
            if found and found[0].startswith("&"):
                building.add(html.unescape(found[0]), at, found.end())
            elif found and re.match(r"(?i)</?(?:br|p|div|tr|li|td|th|h\d|ul|ol|table|summary|details|pre)\b", found[0]):
                building.add(" ", at, found.end())
            elif not found and self.source[at] == "\n":
                yield self.made(building, line, self.line_of(at, line))
                building, line = Building(), self.line_of(at, line) + 1
            elif not found:
                building.add(self.source[at], at, at + 1)
            at = found.end() if found else at + 1
        if building.chars:
            yield self.made(building, line, end - 1)

    def left_over(self) -> Iterator[Shown]:
        """What no block shows: targets of references, what stands behind a fence."""
        for number, seen in enumerate(self.covered):
            if not seen and self.source[self.starts[number] : self.ends[number]].strip():
                yield from self.bare(number, number + 1)


def code_marks(text: str) -> str:
    """Marks of code as `, unless they stand inside of a word: then they are gone."""
    text = re.sub(rf"(?<![\w.:/-]){OPEN}", "`", text)
    text = re.sub(rf"{CLOSE}(?![.:/-]?\w)", "`", text)
    return re.sub(f"[{OPEN}{CLOSE}]", GONE, text)


class Inline:
    """The text of one block: tokens of the parser, and where each stands in the source."""

    def __init__(self, source: str, at: int, building: Building) -> None:
        self.source, self.at, self.building = source, at, building

    def walk(self, tokens: Sequence[Token], by_line: bool = False) -> Iterator[Building]:
        """Fill the line; with `by_line` each line of the reader is given when it ends."""
        targets: list[str] = []
        for token in tokens:
            if token.type in ("softbreak", "hardbreak"):
                if by_line:
                    yield self.building
                    self.building = Building()
                else:
                    self.building.add(" ", self.at, self.at)
                self.at = self.source.find("\n", self.at) + 1 or self.at
            elif token.type == "html_inline":
                if re.match(r"(?i)<br\b", token.content):
                    self.building.add(" ", self.at, self.at)
                self.skip(token.content)
            elif token.type == "text_special":
                self.put(self.escaped(token.content, token.markup), token.markup)
            elif token.type == "code_inline":
                self.mark(OPEN)
                self.put(token.content, token.content)
                self.mark(CLOSE)
            elif token.type == "link_open" and token.info == "auto":
                self.at = self.source.find("<", self.at) + 1 or self.at
            elif token.type == "link_close" and token.info == "auto":
                self.at = self.source.find(">", self.at) + 1 or self.at
            elif token.type == "text":
                self.put(token.content, token.content)
            elif token.type == "image":
                yield from self.walk(token.children or [])
                self.target(str(token.attrs.get("src", "")), str(token.attrs.get("title", "")))
            elif token.type == "link_open":
                targets.append(str(token.attrs.get("href", "")))
                targets.append(str(token.attrs.get("title", "")))
            elif token.type == "link_close" and len(targets) > 1:
                title, href = targets.pop(), targets.pop()
                self.target(href, title)
        if by_line or not tokens:
            yield self.building

    def put(self, text: str, written: str) -> None:
        """A piece of text that stands in the source as `written`, at or behind the place where we are."""
        found = self.source.find(written, self.at) if written else -1
        if found < 0 and text == written and " " in text:  # code over two lines is shown as one
            spaced = re.compile(r"\s".join(map(re.escape, text.split(" ")))).search(self.source, self.at)
            if spaced:
                self.building.add_source(text, spaced.start())
                self.at = spaced.end()
                return
        if found < 0:  # a link's address, which the parser has rewritten
            end = self.source.find(">", self.at)
            self.building.add(text, self.at, end if end >= 0 else self.at)
            return
        if text == written:
            self.building.add_source(text, found)
        else:
            self.building.add(text, found, found + len(written))
        self.at = found + len(written)

    def mark(self, sign: str) -> None:
        """A mark that the reader sees as another font."""
        self.building.chars.append(sign)
        self.building.starts.append(-1)
        self.building.ends.append(-1)

    def escaped(self, shown: str, written: str) -> str:
        """What an escape shows; in a path of Windows the backslash as well, for whoever wrote it meant it."""
        word = re.search(r"\S*$", "".join(self.building.chars[-300:]))
        before = word[0].lstrip("(\"'[") if word else ""
        if written == "\\\\" and not before:
            return "\\\\"
        return written if written[0] == "\\" and re.match(r"[A-Za-z]:|\\\\|HK", before) else shown

    def skip(self, written: str) -> None:
        """What the reader does not see."""
        found = self.source.find(written, self.at)
        self.at = found + len(written) if found >= 0 else self.at

    def target(self, href: str, title: str) -> None:
        """Where a link leads to and what it says when pointed at: behind its text, as `( ... )`."""
        for text in (href, title):
            if text and self.source.find(text, self.at) >= 0:
                self.building.add(" ( ", self.at, self.at)
                self.put(text, text)
                self.building.add(" )", self.at, self.at)
            elif text:
                close = self.source.find(")", self.at)
                end = close if close >= 0 else self.at
                self.building.add(f" ( {html.unescape(text)} )", self.at, end)


def place_in(source: str, start: int, end: int) -> tuple[int, int]:
    """The span widened by the marks that would lose their partner if it went."""
    for mark in ("**", "__", "~~", "`", "*", "_"):
        if source[start:end].count(mark) % 2:
            if source.startswith(mark, end):
                end += len(mark)
            elif source.endswith(mark, 0, start):
                start -= len(mark)
    return start, end
