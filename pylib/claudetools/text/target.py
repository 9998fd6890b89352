"""Which article a text belongs to: `client:acme`, and the log paths that imply one. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Type, as it is typed and as it stands in the front matter, and the folder below wiki/.
FOLDERS = {"client": "clients", "project": "projects", "system": "systems", "pattern": "patterns"}
# Only these have a folder of their own with session logs.
WITH_LOGS = ("client", "project")
LONGEST = 100
UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\ud800-\udfff]')


class Unfit(ValueError):
    """A text that names no article. The message says what was expected."""


@dataclass(frozen=True, order=True)
class Target:
    """One article: its type ("client", "project", "system", "pattern") and slug."""

    type: str
    slug: str

    def __str__(self) -> str:
        return f"{self.type}:{self.slug}"

    @property
    def folder(self) -> str:
        """The folder of its type below wiki/ and, for what has logs, at the top of the repository."""
        return FOLDERS[self.type]

    @property
    def path(self) -> str:
        """The article, seen from the top of the repository."""
        return f"wiki/{self.folder}/{self.slug}.md"

    @property
    def sidecar(self) -> str:
        """Where each line of the article comes from."""
        return f"wiki/.sources/{self.folder}/{self.slug}.json"

    @property
    def logs(self) -> str:
        """The folder of its session logs; "" for systems and patterns, whose sources are named in the article."""
        return f"{self.folder}/{self.slug}/session-logs" if self.type in WITH_LOGS else ""


def is_slug(text: str) -> bool:
    """Whether `text` can be a file name on every system: no separator, no control character, not hidden."""
    return (
        0 < len(text) <= LONGEST and not UNFIT.search(text) and text[0] not in ".-" and text == text.strip().rstrip(".")
    )


def parse(text: str) -> Target:
    """`client:acme`. Raises Unfit."""
    kind, colon, slug = text.partition(":")
    if kind not in FOLDERS or not colon:
        raise Unfit(f"{text!r} is no article; expected <type>:<slug> with type {', '.join(FOLDERS)}")
    if not is_slug(slug):
        raise Unfit(f"{slug!r} is no slug; expected a file name such as acme or guru-rmm")
    return Target(kind, slug)


def of_log(path: str) -> Target | None:
    """The article that a log's path implies (`clients/acme/session-logs/...`); None for a log at the root.

    `path` is seen from the top, with "/". Raises Unfit for what is no log.
    """
    parts = path.split("/")
    if "session-logs" not in parts[:-1] or not path.endswith(".md"):
        raise Unfit(f"{path!r} is no session log; expected clients/<slug>/session-logs/<log>.md or the like")
    for kind in WITH_LOGS:
        if parts[0] == FOLDERS[kind] and len(parts) > 3 and parts[2] == "session-logs" and is_slug(parts[1]):
            return Target(kind, parts[1])
    return None


def of_article(path: str) -> Target | None:
    """The target whose article lies at `path` (from the top, with "/"); None for any other file."""
    top, _, rest = path.partition("/")
    folder, _, name = rest.partition("/")
    kind = next((kind for kind, known in FOLDERS.items() if known == folder), "")
    slug = name.removesuffix(".md")
    return Target(kind, slug) if top == "wiki" and kind and slug != name and is_slug(slug) else None
