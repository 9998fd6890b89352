"""The session logs an article is made from: their lines with numbers, without what is nobody's business.

Neither a synthesizer nor a sidecar ever sees a Credentials section: its lines keep their numbers and are empty.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from claudetools.core.messages import visible
from claudetools.logs.sections import is_log_path
from claudetools.text import detector
from claudetools.text.target import Target
from claudetools.wiki import outline
from claudetools.wiki.rendered import without_unseen
from claudetools.wiki.store import Store, Unusable

HEADING = re.compile(r"[ \t]*(#{2,6})[ \t]+(.*?)[ \t#]*$")
BOLD = re.compile(r"[ \t]*(?:[-*][ \t]+)?(?:\*\*|__)([^*_]+)(?:\*\*|__):?[ \t]*$")
UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
NAMED = r"(?:pass(?:word|wd|phrase|wort)?|kennwort|pwd|secret|token|(?:api|access|private)[ _-]?key|psk|pin)"
# Where the detector is not sure, a model need not see it either: what is called a password, here or in the next line.
ASSIGNED = re.compile(
    rf"(?i)\b({NAMED}\b[*`\"']*\s*(?:[:=]|\bis\b)+[*`\"']*\s*[`\"']?)(?!vault\b|\(|see\b|in\b|stored\b|op:)([^\s`\"'|]+)"
)
BELOW = re.compile(rf"(?i)[\s>*+-]*(?:\w+ )?{NAMED}[*`]*\s*[:=][*`]*\s*$")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
HIDDEN = "[hidden]"


@dataclass(frozen=True)
class Source:
    """One log. `lines[n]` is line n + 1 as a synthesizer may see it; None where it may not."""

    label: str
    path: str
    digest: str
    lines: tuple[str | None, ...]

    def at(self, first: int, last: int) -> list[str] | None:
        """The lines `first` to `last` (from 1), None when one of them is not there or hidden."""
        found = self.lines[first - 1 : last] if 1 <= first <= last <= len(self.lines) else ()
        return [line for line in found if line is not None] if found and None not in found else None


def digest(data: bytes) -> str:
    """By which a log is recognised as read before."""
    return hashlib.sha256(data).hexdigest()


def shown_lines(text: str) -> list[str | None]:
    """The lines of a text, made safe to show: None for those of a Credentials section or a private key, and without
    what the one detector, or the name before it, tells to be a credential. For a model, for pages, for messages."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    hidden = [False] * len(lines)
    for start, level in secret_starts(lines):
        end = end_of_secret(lines, start, level)
        hidden[start:end] = [True] * (end - start)
    inside = False
    for number, line in enumerate(lines):
        inside = inside or bool(PRIVATE_KEY.search(line))
        hidden[number] = hidden[number] or inside
        inside = inside and "-----END" not in line
        if BELOW.fullmatch(line) and (below := next((n for n in range(number + 1, len(lines)) if lines[n].strip()), 0)):
            hidden[below] = hidden[below] or not lines[below].lstrip().startswith(("#", "|"))
    masked = detector.mask("\n".join(lines), HIDDEN).split("\n") if lines else []
    return [
        None if secret else ASSIGNED.sub(rf"\1{HIDDEN}", visible(without_unseen(line), "\t"))
        for line, secret in zip(masked, hidden, strict=True)
    ]


def secret_starts(lines: list[str]) -> list[tuple[int, int]]:
    """Where a section with secrets begins, with its level. Also inside of a fence: one may have been left open."""
    found = []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if (match := HEADING.match(line)) and outline.SECRET.match(match[2]):
            found.append((number, len(match[1])))
        elif (match := BOLD.match(line)) and outline.SECRET.match(match[1]):
            found.append((number, 6))
        elif (under := UNDERLINE.match(below)) and outline.SECRET.match(line):
            found.append((number, 1 if under[1][0] == "=" else 2))
    return found


def end_of_secret(lines: list[str], start: int, level: int) -> int:
    """The next heading of the same level or above. Only `## ` ones: a secret above a line of dashes is no heading,
    and a comment that begins with one # is none either."""
    for number in range(start + 1, len(lines)):
        if lines[number].lstrip().startswith(("```", "~~~", "<")):
            break  # what follows may look like a heading and be none: ask the parser
        if (found := HEADING.match(lines[number])) and lines[number][0] == "#" and len(found[1]) <= level:
            return number
    rest = [line + "\n" for line in lines[start + 1 :]]
    for section in outline.sections(rest):
        if section.atx and section.level <= level and (section.level > 1 or level == 1):
            return start + 1 + section.start
    return len(lines)


def why_not(target: Target, path: str, older: Sequence[str] = ()) -> str:
    """Why a file is no source of the article, in words; "" for one that is. `older`: logs under its old names.

    A source is a session log inside of the tree. One client's article is not made from another client's logs.
    """
    parts = path.split("/")
    if path in older:
        return ""
    if path != posixpath.normpath(path) or path.startswith(("/", "../", "~")) or ".git" in parts or "\\" in path:
        return "is no path inside of the repository; it was not read"
    if not is_log_path(path):
        return "is no session log; it was not read"
    if target.type == parts[0].removesuffix("s") == "client" and parts[1:2] != [target.slug]:
        return f"is a log of another client; it was not read for {target}"
    return ""


def gather(store: Store, target: Target, more: list[str]) -> tuple[list[Source], list[str]]:
    """The target's logs and those in `more`, oldest first, and in words what could not be read."""
    paths = store.logs(target)
    paths += [path for path in more if path not in paths]
    found: list[Source] = []
    problems = []
    for path in paths:
        try:
            data = store.read(path)
            text = None if data is None else data.decode("utf-8", "replace")
        except (Unusable, OSError) as error:
            problems.append(f"{path}: {error}")
            continue
        if data is None or text is None:
            problems.append(f"{path} is not there (any more)")
            continue
        found.append(Source(f"S{len(found) + 1}", path, digest(data), tuple(shown_lines(text))))
    return found, problems
