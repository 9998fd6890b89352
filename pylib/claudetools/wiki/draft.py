"""A synthesizer's answer: its text, and where each line of it says to come from.

The draft is Markdown whose lines end with citations: `[S2:14]`, `[S1:3-5, A:12]` (S2 is the second log, A the present
article), `[resolved S2:14]` on an item that a log calls settled. They are taken out of the text and kept beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from claudetools.core.messages import visible
from claudetools.wiki import outline
from claudetools.wiki.rendered import without_unseen

LARGEST = 512 * 1024  # characters of a draft
LONGEST_LINE = 20_000
ONE = r"[SA]\d{0,4}:\d{1,7}(?:\s*[-\u2013]\s*\d{1,7})?"
CITATION = re.compile(rf"[ \t]*\[(resolved:?\s+)?({ONE}(?:\s*[,;]\s*{ONE})*)\](?!\()", re.IGNORECASE)
HEAD = re.compile(r"\A---[ \t]*\n.*?^---[ \t]*\n", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"\A```(?:markdown|md)?[ \t]*\n(.*)\n```\Z", re.DOTALL)


class Refused(Exception):
    """A draft that is none. The message says why, in the middle of a sentence."""


@dataclass(frozen=True)
class Mark:
    """One citation: the label of a source ("A": the present article) and its lines, from 1."""

    label: str
    first: int
    last: int


@dataclass(frozen=True)
class Line:
    """One line of the draft without its citations. `kept`: taken over from the article byte for byte."""

    text: str
    marks: tuple[Mark, ...] = ()
    resolved: tuple[Mark, ...] = ()
    kept: bool = False

    def with_text(self, text: str) -> Line:
        return replace(self, text=text)


def parse_answer(data: bytes) -> tuple[str, str]:
    """Title ("" when none is given) and Markdown of what a synthesizer printed. Raises Refused.

    Understood: `{"title": ..., "article": ...}`, the result object of headless Claude around it, or plain Markdown.
    """
    text = data.decode("utf-8", "replace").strip()
    if not text:
        raise Refused("the synthesizer printed nothing")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "", tidy(text)
    if isinstance(found, dict) and "is_error" in found:
        found = result_of(found)
    if isinstance(found, str):
        return "", tidy(found)
    if not isinstance(found, dict) or not isinstance(found.get("article"), str):
        raise Refused("the synthesizer's answer has no article in it")
    title = found.get("title")
    return (" ".join(visible(title).split())[:120] if isinstance(title, str) else ""), tidy(found["article"])


def result_of(found: Mapping[str, Any]) -> Any:
    """What headless Claude answered. Its `subtype` says "success" also for a failure. Raises Refused."""
    if found.get("is_error") is not False:
        raise Refused(f"the synthesizer failed: {visible(str(found.get('result') or 'no reason given'))[:200]}")
    if isinstance(found.get("structured_output"), dict):
        return found["structured_output"]
    result = found.get("result")
    try:
        return json.loads(result) if isinstance(result, str) else None
    except (ValueError, RecursionError):
        return result


def tidy(text: str) -> str:
    """The Markdown alone, with every character visible. Raises Refused for what is no article."""
    if len(text) > LARGEST:
        raise Refused(f"the draft has more than {LARGEST >> 10} KB")
    text = visible(without_unseen(text).replace("\r\n", "\n"), "\n\t").strip()
    text = HEAD.sub("", FENCED.sub(r"\1", text)).strip() + "\n"
    lines = text.split("\n")
    if max(map(len, lines)) > LONGEST_LINE:
        raise Refused(f"the draft has a line of more than {LONGEST_LINE} characters")
    if not outline.sections(outline.split_lines(text)) or sum(1 for line in lines if line.strip()) < 3:
        raise Refused("the draft is no article: it has no heading, or nothing below it")
    return text


def read_lines(text: str) -> list[Line]:
    """The draft's lines with their citations taken out."""
    return [read_line(line) for line in text.removesuffix("\n").split("\n")]


def read_line(text: str) -> Line:
    """One line. A citation may stand anywhere in it; it goes with the space before it."""
    plain: list[Mark] = []
    resolved: list[Mark] = []
    for match in CITATION.finditer(text):
        (resolved if match[1] else plain).extend(marks_of(match[2]))
    return Line(CITATION.sub("", text).rstrip() if plain or resolved else text, tuple(plain), tuple(resolved))


def marks_of(text: str) -> list[Mark]:
    """`S1:3-5, A:12` as marks."""
    found = []
    for item in re.split(r"[,;]", text):
        label, _, lines = item.strip().upper().partition(":")
        first, *last = (int(number) for number in re.findall(r"\d+", lines))
        found.append(Mark(label, first, last[0] if last else first))
    return found
