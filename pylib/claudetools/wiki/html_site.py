"""What MkDocs is given in place of Markdown files: pages that are HTML already, and their headings."""

from __future__ import annotations

import html
import logging
from typing import Any

from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc

from claudetools.wiki.html_page import Rendered

logging.getLogger("mkdocs").setLevel(logging.ERROR)

Bodies = dict[str, tuple[str, str, Rendered | None]]


class NoSettings(Config):  # type: ignore[no-untyped-call]
    """Nobody sets anything."""


class Pages(BasePlugin[NoSettings]):  # type: ignore[no-untyped-call]
    """Puts our pages into the site. `bodies`: for each path its title, its HTML and its headings."""

    def __init__(self, bodies: Bodies, style: str, policy: str) -> None:
        self.bodies, self.style, self.policy = bodies, style, policy

    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        for path in self.bodies:
            files.append(File.generated(config, path, content="", inclusion=InclusionLevel.INCLUDED))
        files.append(File.generated(config, "claudetools.css", content=self.style))
        return files

    def on_page_markdown(self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        page.meta["title"] = html.escape(self.bodies[page.file.src_uri][0])  # the theme writes titles as they are
        return ""

    def on_page_content(self, html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        title, body, rendered = self.bodies[page.file.src_uri]
        # As the search finds them: a hundred logs have a section of the same name.
        page.toc = get_toc(nested(rendered.headings if rendered else (), f"{title}: "))
        return body

    def on_page_context(self, context: Any, *, page: Page, config: MkDocsConfig, nav: Any) -> Any:
        """After the search plugin, which was there first: as they stand beside the page."""
        rendered = self.bodies[page.file.src_uri][2]
        page.toc = get_toc(nested(rendered.headings if rendered else ()))
        return context

    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> str:
        return self.guarded(output)

    def on_post_template(self, output_content: str, *, template_name: str, config: MkDocsConfig) -> str:
        return self.guarded(output_content) if template_name.endswith(".html") else output_content

    def guarded(self, page: str) -> str:
        """The page loads nothing from anywhere else, whatever is in it."""
        return page.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{self.policy}">', 1)


def nested(headings: tuple[tuple[int, int, str], ...], before: str = "") -> Any:
    """The headings as MkDocs wants them: each with those below it, and with `before` in front of its text."""
    top: list[dict[str, Any]] = []
    open_ones: list[dict[str, Any]] = []
    for level, line, text in headings:
        name = html.escape(f"{before if level > 1 else ''}{text}")
        item = {"level": level, "id": f"L{line}", "name": name, "html": name, "children": []}
        while open_ones and open_ones[-1]["level"] >= level:
            open_ones.pop()
        (open_ones[-1]["children"] if open_ones else top).append(item)
        open_ones.append(item)
    return top
