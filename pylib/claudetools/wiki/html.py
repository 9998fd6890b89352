"""Wiki and session logs as pages to look at, with search: made by MkDocs, with links from claims to lines of logs.

What a Credentials section holds is not on them: the same lines that no synthesizer sees (sources.py).
"""

from __future__ import annotations

import html
import importlib.util
import os
import posixpath
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import click

from claudetools.core import cli, git
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.text import sidecar
from claudetools.text.target import FOLDERS
from claudetools.wiki.html_page import render
from claudetools.wiki.html_read import Page, read_pages, read_text

REQUIREMENT = "mkdocs==1.6.1"  # as pinned in pyproject.toml, extra `html`
NEWEST = 20  # logs on the first page
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:"
STYLE = """:target { background: #fff3c4; outline: 2px solid #f0c000; } a:target::after { content: "\\2192\\a0"; }
.facts { color: #666; font-size: 90%; } .stale { color: #a00; }
sup.cites a { padding: 0 1px; } sup.cites a.changed { color: #a00; text-decoration: line-through; }
"""


# --- making pages -------------------------------------------------------------------------


def render_all(top: str, pages: dict[str, Page]) -> None:
    """Logs first: articles link to their lines."""
    for page in sorted(pages.values(), key=lambda page: not page.is_log):
        marks = {} if page.is_log else citations(top, page, pages)
        page.rendered = render(page.lines, marks, lambda href, page=page: link(page, href, pages))  # type: ignore[misc]


def citations(top: str, page: Page, pages: dict[str, Page]) -> dict[int, str]:
    """For each line of an article that its sidecar proves: links to the lines of the logs."""
    folder, name = posixpath.split(page.path.removeprefix("wiki/"))
    proved = sidecar.parse(read_text(os.path.join(top, "wiki", ".sources", folder, name.removesuffix(".md") + ".json")))
    cites = {claim.text: claim.cites for claim in proved.claims}
    marks, number = {}, 0
    for line, text in enumerate(page.lines, 1):
        links = []
        for cite in cites.get(text.strip(), ()):
            number += 1
            links.append(cite_link(page, cite, number, pages))
        if links:
            marks[line] = f'<sup class="cites">{" ".join(links)}</sup>'
    return marks


def cite_link(page: Page, cite: sidecar.Cite, number: int, pages: dict[str, Page]) -> str:
    """One link to a log's lines; struck out where the log does not say that any more."""
    log = pages.get(cite.log)
    where = f"{cite.log} lines {cite.first}-{cite.last}"
    if log is None or log.rendered is None:
        return f'<a class="changed" title="{html.escape(where)}: not there any more">{number}</a>'
    if page.path not in log.cited_by:
        log.cited_by.append(page.path)
    said = [line or "" for line in log.shown[max(0, cite.first - 1) : cite.last]]
    same = sidecar.quote_digest(said) == cite.says
    note = "" if same else ": changed since"
    href = quote(posixpath.relpath(log.url, posixpath.dirname(page.url))) + log.rendered.anchor_for(cite.first)
    kind = "" if same else ' class="changed"'
    return f'<a{kind} href="{href}" title="{html.escape(where + note)}">{number}</a>'


def link(page: Page, href: str, pages: dict[str, Page]) -> str:
    """Where a link of a page leads to: another page, the web, or nowhere."""
    parts = urlsplit(href)
    if parts.scheme in ("http", "https", "mailto") or href.startswith("#"):
        return href
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), unquote(parts.path)))
    if parts.scheme or parts.netloc or path not in pages:
        return ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return quote(posixpath.relpath(pages[path].url, posixpath.dirname(page.url))) + fragment


def body_of(page: Page, pages: dict[str, Page]) -> str:
    """The page's HTML with what is known of it above the text."""
    keys = ("date", "user", "machine") if page.is_log else ("type", "last_compiled")
    facts = [html.escape(visible(str(page.values[key]))) for key in keys if page.values.get(key)]
    facts += [anchor(page, pages[path], f"cited by {pages[path].title}") for path in page.cited_by]
    if page.values.get("stale") is True:
        facts.append('<span class="stale">stale: newer logs are not in it yet</span>')
    has_title = any(level == 1 for level, _, _ in page.rendered.headings) if page.rendered else False
    title = "" if has_title else f"<h1>{html.escape(page.title)}</h1>\n"
    about = " &middot; ".join([*facts, html.escape(visible(page.path))])
    return f'{title}<p class="facts">{about}</p>\n{page.rendered.html if page.rendered else ""}'


def anchor(at: Page | None, page: Page, text: str) -> str:
    """A link from one page to another; from the first page with None."""
    href = posixpath.relpath(page.url, posixpath.dirname(at.url)) if at else page.url
    return f'<a href="{html.escape(quote(href))}">{html.escape(text)}</a>'


def list_of(pages: Iterable[Page]) -> str:
    """Links to logs, the newest first, from the first page."""
    newest = sorted(pages, key=lambda page: (posixpath.basename(page.path), page.path), reverse=True)
    return "".join(f"<li>{posixpath.basename(p.path)[:10]} {anchor(None, p, p.title)}</li>\n" for p in newest)


def front_page(pages: dict[str, Page]) -> str:
    """Every article, and every log by its folder."""
    out = ["<h1>Wiki and session logs</h1>\n"]
    for folder in FOLDERS.values():
        found = [page for path, page in pages.items() if path.startswith(f"wiki/{folder}/")]
        if found:
            items = "".join(f"<li>{anchor(None, page, page.title)}</li>\n" for page in found)
            out.append(f'<h2 id="{folder}">{folder.capitalize()}</h2>\n<ul>\n{items}</ul>\n')
    logs = [page for page in pages.values() if page.is_log]
    newest = sorted(logs, key=lambda page: posixpath.basename(page.path), reverse=True)[:NEWEST]
    out.append(f'<h2 id="logs">Newest logs</h2>\n<ul>\n{list_of(newest)}</ul>\n<h2 id="all">All logs</h2>\n')
    folders: dict[str, list[Page]] = {}
    for page in logs:
        folders.setdefault(page.path.partition("session-logs/")[0].strip("/") or "general", []).append(page)
    for name, of_folder in sorted(folders.items()):
        summary = f"{html.escape(visible(name))} ({len(of_folder)})"
        out.append(f"<details><summary>{summary}</summary>\n<ul>\n{list_of(of_folder)}</ul></details>\n")
    return "".join(out)


# --- the site -----------------------------------------------------------------------------


def build(place: Place, out: str) -> int:
    """Write the site into the folder `out`: how many pages it has. Raises ModuleNotFoundError without MkDocs."""
    from mkdocs.commands.build import build as build_site
    from mkdocs.config.defaults import MkDocsConfig

    from claudetools.wiki.html_site import Pages

    pages = read_pages(place.top)
    render_all(place.top, pages)
    bodies = {page.path: (page.title, body_of(page, pages), page.rendered) for page in pages.values()}
    bodies["index.md"] = ("Home", front_page(pages), None)
    with tempfile.TemporaryDirectory() as empty:
        config = MkDocsConfig()
        config.load_dict({**settings_of(place, pages), "docs_dir": empty, "site_dir": out})
        errors, _ = config.validate()
        if errors:
            raise cli.Stop(cli.INTERNAL, f"MkDocs does not take its settings: {errors[0]}")
        config.plugins["claudetools"] = Pages(bodies, STYLE, POLICY)
        build_site(config)
    return len(bodies)


def settings_of(place: Place, pages: Mapping[str, Page]) -> dict[str, Any]:
    """What MkDocs is to make of the pages: articles by their kind in the navigation, logs found by search and links."""
    articles = {
        folder.capitalize(): [{html.escape(pages[p].title): p} for p in pages if p.startswith(f"wiki/{folder}/")]
        for folder in FOLDERS.values()
    }
    return {
        "site_name": visible(os.path.basename(place.top)),
        "use_directory_urls": False,
        "theme": {"name": "readthedocs", "highlightjs": False, "locale": "en"},
        "plugins": ["search"],
        "extra_css": ["claudetools.css"],
        "nav": [{"Home": "index.md"}, *({name: found} for name, found in articles.items() if found)],
    }


# --- the command ----------------------------------------------------------------------------


def install_command() -> str:
    """What brings MkDocs beside the other packages. An environment that uv has made has no pip of its own."""
    python = shlex.quote(sys.executable)
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {python} {REQUIREMENT}"
    return f"{python} -m pip install {REQUIREMENT}"


@click.command("html")
@click.option("--out", metavar="DIR", help="Where the pages go; without it, into the toolkit's state, never committed.")
@click.option(
    "--serve", type=click.IntRange(0, 65535), metavar="PORT", help="Show them here until Ctrl-C (0: any port)."
)
def make_html(out: str | None, serve: int | None) -> None:
    """Make pages of wiki and logs to look at, with search.

    Nothing of a Credentials section is on them. Search needs a server: --serve, for this machine alone.
    """
    place = cli.here()
    out = os.path.abspath(out) if out else os.path.join(place.state, "html")
    refuse_folder(place, out)
    try:
        count = build(place, out)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("mkdocs"):
            raise
        raise cli.Stop(
            cli.SETUP,
            "MkDocs, which makes the pages, is not installed.",
            f"Install it: {install_command()}",
        ) from error
    click.echo(f"[OK] {count} pages: {visible(os.path.join(out, 'index.html'))}")
    if serve is not None:
        show(out, serve)


def refuse_folder(place: Place, out: str) -> None:
    """The pages are for looking at, and nobody's files make room for them. Raises Stop."""
    if is_in_tree(place, out):
        raise cli.Stop(
            cli.USAGE, f"{visible(out)} would be committed.", "Choose a folder outside, or one that git ignores."
        )
    if os.path.isdir(out) and os.listdir(out) and not os.path.exists(os.path.join(out, "claudetools.css")):
        raise cli.Stop(
            cli.USAGE, f"{visible(out)} holds other files; they would be removed.", "Choose an empty folder."
        )


def is_in_tree(place: Place, out: str) -> bool:
    """Whether a sync would commit what lies there."""
    path = place.relative(os.path.join(out, "index.html"))
    return path is not None and not git.run(place.top, "check-ignore", "--", path, ok=(0, 1))


def show(out: str, port: int) -> None:
    """A server for this machine alone, until somebody ends it."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=out)) as server:
        click.echo(f"http://127.0.0.1:{server.server_port}/   (Ctrl-C ends it)")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            server.serve_forever()
