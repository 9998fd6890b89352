"""Which files become pages, and what of them: articles and logs of the working tree, without credentials."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass, field
from typing import Any

from claudetools.core import git
from claudetools.core.messages import visible
from claudetools.logs.sections import is_log_path
from claudetools.text import front
from claudetools.text.notes import starts
from claudetools.wiki.html_page import Rendered
from claudetools.wiki.sources import shown_lines

LARGEST = 8 * 1024 * 1024
HIDDEN = "*[Credentials are not shown here.]*"


@dataclass
class Page:
    """One file of the repository. `path` is "/"-separated from the top; `shown` are its lines, None for
    credentials; `lines` the same as they are rendered, without the front matter.
    """

    path: str
    title: str
    values: dict[str, Any]
    lines: list[str]
    shown: list[str | None]
    rendered: Rendered | None = None
    cited_by: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the page lies on the site."""
        return self.path.removesuffix(".md") + ".html"

    @property
    def is_log(self) -> bool:
        return is_log_path(self.path)


def read_pages(top: str) -> dict[str, Page]:
    """Articles and logs of the working tree, by path. Links and what git ignores are left out."""
    names = git.run(top, "ls-files", "-z", "-co", "--exclude-standard", "--deduplicate").split(b"\0")
    pages = {}
    for path in sorted(os.fsdecode(name) for name in names):
        if is_log_path(path) or (path.startswith("wiki/") and path.endswith(".md") and "/." not in path):
            text = read_text(os.path.join(top, path))
            if text is not None:
                pages[path] = make_page(path, text)
    return pages


def read_text(path: str) -> str | None:
    """The text of a plain file that is not too large; None for anything else."""
    try:
        info = os.lstat(path)
        if not stat.S_ISREG(info.st_mode) or info.st_size > LARGEST:
            return None
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace").removeprefix("\ufeff")
    except OSError:
        return None


def make_page(path: str, text: str) -> Page:
    """A page without its front matter and its credentials; its lines keep their numbers."""
    try:
        values = front.read_front(text)
    except front.Unreadable:
        values = {}
    body = starts([line.encode("utf-8", "replace") + b"\n" for line in text.replace("\r\n", "\n").split("\n")])[0]
    lines: list[str] = []
    last: str | None = ""
    shown = shown_lines(text)
    for number, line in enumerate(shown):
        hidden = HIDDEN if line is None and last is not None else ""
        lines.append("" if number < body else hidden if line is None else line)
        last = line
    heading = next((line.lstrip("# ") for line in lines if line.startswith("# ")), "")
    title = values.get("title") or values.get("topic") or heading or posixpath.basename(path).removesuffix(".md")
    return Page(path, visible(str(title))[:120], values, lines, shown)
