"""`wiki/index.md`: the list of all articles, made from their front matter. Standard library only: sync makes it too.

Only what stands between the two marks is ours; a person's words around them stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from claudetools.core.messages import visible
from claudetools.text.front import by_key, split_front_matter
from claudetools.text.target import FOLDERS, of_article

PATH = "wiki/index.md"
BEGIN = "<!-- articles: written by `wiki index`; text outside of these two marks stays -->"
END = "<!-- /articles -->"
PLAIN_KEYS = ("title", "last_compiled", "stale", "redirect")


@dataclass(frozen=True)
class ArticleRow:
    """One article as the index shows it. `path` is seen from wiki/."""

    folder: str
    path: str
    title: str
    compiled: str
    stale: bool


def read_scalars(text: bytes) -> dict[str, str]:
    """One-line values of the front matter as they mean in YAML, for the keys that the index needs."""
    lines, _ = split_front_matter(text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    found = {}
    for key, group in by_key(lines).items():
        name = key.decode("utf-8", "replace")
        if name in PLAIN_KEYS:
            found[name] = unquote(group[0].partition(b":")[2].decode("utf-8", "replace").strip())
    return found


def unquote(value: str) -> str:
    """A YAML scalar of one line without its quotes or its comment."""
    if match := re.match(r'"((?:[^"\\]|\\.)*)"', value):
        return re.sub(r"\\(.)", r"\1", match[1])
    if match := re.match(r"'((?:[^']|'')*)'", value):
        return match[1].replace("''", "'")
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


def rows(articles: Mapping[str, bytes]) -> list[ArticleRow]:
    """The rows for articles keyed by path from the top, in the index's order. Redirects have none."""
    found = []
    for path, text in articles.items():
        target = of_article(path)
        if target is None:
            continue
        head = read_scalars(text)
        if head.get("redirect"):
            continue
        title = " ".join(visible(head.get("title") or target.slug).split())
        compiled = visible(head.get("last_compiled", ""))[:10]
        found.append(
            ArticleRow(target.folder, path.removeprefix("wiki/"), title, compiled, head.get("stale") == "true")
        )
    order = list(FOLDERS.values())
    return sorted(found, key=lambda row: (order.index(row.folder), row.title.casefold(), row.path))


def block(articles: Mapping[str, bytes]) -> str:
    """What stands between the marks, with them. The same articles give the same bytes."""
    listed = rows(articles)
    parts = [BEGIN, ""]
    for folder in FOLDERS.values():
        mine = [row for row in listed if row.folder == folder]
        if mine:
            parts += [f"## {folder.capitalize()}", "", *map(line_of, mine), ""]
    if not listed:
        parts += ["No articles yet.", ""]
    return "\n".join([*parts, END])


def line_of(row: ArticleRow) -> str:
    """One list item, with the title as text and the path as a link that every reader follows."""
    title = re.sub(r"([\\`*_\[\]<>])", r"\\\1", row.title)
    facts = [f"compiled {row.compiled}" if row.compiled else "", "stale" if row.stale else ""]
    told = ", ".join(fact for fact in facts if fact)
    return f"- [{title}]({quote(row.path)})" + (f" {told}" if told else "")


def split(text: str) -> tuple[str, str] | None:
    """What a person wrote before and after the marks; None for a file without them."""
    start = text.find(BEGIN)
    end = text.find(END, start)
    return None if start < 0 or end < 0 else (text[:start], text[end + len(END) :])


def make(old: str | None, articles: Mapping[str, bytes]) -> str:
    """The whole file, from what was there (None: nothing) and all articles."""
    if not old or not old.strip():
        before, after = "# Wiki\n\n", "\n"
    else:
        before, after = split(old) or (old.rstrip("\n") + "\n\n", "\n")
    return before + block(articles) + after


def merge(base: str, theirs: str, ours: str) -> str | None:
    """One side's list with the words that a person changed; None when both changed the words around it."""
    before, left, right = (split(text) or (text, "") for text in (base, theirs, ours))
    if right in (left, before):
        return theirs
    return ours if left == before else None
