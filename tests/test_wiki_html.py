"""Wiki and logs as pages: what is on them, what is not, and what a real browser makes of them."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import re
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browser import CHROMIUM, Browser
from claudetools.wiki import html
from claudetools.wiki.html_page import render
from world import TOOLKIT, Machine, Result

LOG = "clients/acme/session-logs/2026-06-05-howard-acme-isp.md"
SECRET = "hunter2hunter2"
TEXT = f"""---
date: 2026-06-05
user: howard
topic: acme isp
---

# acme isp

## Session Summary

The ISP changed the gateway
to 203.0.113.7.

| host | address |
|---|---|
| fw1 | 203.0.113.7 |

```
ping 203.0.113.7
64 bytes
```

<script>document.title = "owned"</script>
![pixel](http://evil.example/x.gif) [bad](javascript:alert(1))

## Credentials & Secrets

root / {SECRET}

## Pending / Incomplete Tasks

none
"""


def cite(first: int, last: int, says: str = "") -> dict[str, object]:
    lines = TEXT.split("\n")[first - 1 : last]
    return {
        "log": LOG,
        "lines": [first, last],
        "says": says or hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16],
    }


def line_of(text: str) -> int:
    return TEXT.split("\n").index(text) + 1


@pytest.fixture
def site(machine: Machine) -> Path:
    """The pages of a small repository."""
    machine.write(LOG, TEXT)
    machine.write("session-logs/2026-06-07-mike-general.md", "no front matter\n\nzebra\n")
    machine.write("session-logs/ignored.ignored", "x")
    machine.write("notes.md", "# not a log\n")
    row, gateway = line_of("| fw1 | 203.0.113.7 |"), line_of("to 203.0.113.7.")
    claims = [
        {"text": "- Gateway 203.0.113.7", "cites": [cite(gateway, gateway)]},
        {"text": "| fw1 | 203.0.113.7 |", "cites": [cite(row, row)]},
        {"text": "- Old claim", "cites": [cite(gateway, gateway, "0" * 16), {**cite(1, 1), "log": "gone.md"}]},
    ]
    head = "---\ntitle: Acme Corp\ntype: client\nslug: acme\nlast_compiled: 2026-06-06\nstale: true\n---\n\n"
    table = "| host | address |\n|---|---|\n| fw1 | 203.0.113.7 |\n"
    body = f"# Acme Corp\n\n- Gateway 203.0.113.7\n\n{table}\nSee [the log](../../{LOG}).\n\n- Old claim\n"
    machine.write("wiki/clients/acme.md", head + body)
    machine.write("wiki/.sources/clients/acme.json", json.dumps({"version": 1, "read": {}, "claims": claims}))
    machine.write("wiki/systems/vpn.md", "# VPN & <b>more</b>\n\ntext\n")
    result = make(machine)
    assert result.code == 0 and result.out.startswith("[OK] 5 pages: "), result.text
    return machine.state / "html"


def make(machine: Machine, *args: str) -> Result:
    return machine.run("bash", TOOLKIT / "scripts" / "claudetools.sh", "wiki", "html", *args)


# --- what is on the pages ----------------------------------------------------------------------


def test_claims_lead_to_the_lines_of_the_log(site: Path) -> None:
    article = (site / "wiki/clients/acme.html").read_text()
    to = "../../clients/acme/session-logs/2026-06-05-howard-acme-isp.html"
    links = re.findall(r'<a(?: class="(\w+)")? href="([^"]*)#(L\d+)" title="[^"]*">\d</a>', article)
    row, gateway = f"L{line_of('| fw1 | 203.0.113.7 |')}", f"L{line_of('to 203.0.113.7.')}"
    assert links == [("", to, gateway), ("", to, row), ("changed", to, gateway)]
    assert "gone.md lines 1-1: not there any more" in article
    log = (site / "wiki/clients" / to).resolve().read_text()
    assert f'<a id="{gateway}"></a>to 203.0.113.7.' in log and f'<tr id="{row}">' in log
    assert f'<a href="../../clients/acme/session-logs/{Path(to).name}">the log</a>' in article
    assert "cited by Acme Corp" in log and "stale: newer logs are not in it yet" in article


def test_no_page_holds_a_secret_or_calls_out(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.is_file()]
    assert (site / "search" / "search_index.json") in files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert "Content-Security-Policy" in text, page
        assert not re.search(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//', text), page
        assert "<script>document.title" not in text and "javascript:" not in text.replace("[bad](javascript:", "")
    assert "Credentials are not shown here" in (site / LOG.replace(".md", ".html")).read_text()


def test_what_is_no_log_and_no_article_is_not_shown(site: Path) -> None:
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages == {
        "404.html", "index.html", "search.html", "wiki/clients/acme.html", "wiki/systems/vpn.html",
        LOG.replace(".md", ".html"), "session-logs/2026-06-07-mike-general.html",
    }  # fmt: skip
    for page in site.rglob("*.html"):
        assert "<b>more</b>" not in page.read_text(), page
    assert "VPN &amp; &lt;b&gt;more&lt;/b&gt;" in (site / "index.html").read_text()


def test_pages_are_never_committed(machine: Machine, tmp_path: Path, site: Path) -> None:
    machine.git("add", "-A")
    assert "html" not in machine.git("diff", "--cached", "--name-only").replace(".html", "html-file")
    inside = make(machine, "--out", "pages")
    assert inside.code == 64 and "would be committed" in inside.err and not (machine.top / "pages").exists()
    assert make(machine, "--out", "pages.ignored").code == 0
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    assert make(machine, "--out", str(full)).code == 64
    assert (full / "mine.txt").read_text() == "mine"
    assert make(machine, "--out", str(tmp_path / "new")).code == 0
    assert make(machine, "--out", str(tmp_path / "new")).code == 0


@pytest.mark.parametrize("lines", [["```"], ["```", "abc"], ["    code"], ["> ```", "> abc", "after"]])
def test_each_line_of_code_is_shown_and_can_be_linked_to(lines: list[str]) -> None:
    page = render(lines, {}, lambda href: "")
    ids = {int(id) for id in re.findall(r'id="L(\d+)"', page.html)}
    assert ids == page.anchors
    assert ("abc" in page.html) == any("abc" in line for line in lines)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("#>-`~|*_ []()<>!ab1.\\&\t\ue000\ue001"), max_size=12), max_size=12))
def test_any_lines_become_a_page_whose_anchors_are_unique(lines: list[str]) -> None:
    page = render(lines, {number: "<b>mark</b>" for number in range(1, len(lines) + 1)}, lambda href: "")
    ids = re.findall(r'id="L(\d+)"', page.html)
    assert len(ids) == len(set(ids)) and {int(id) for id in ids} <= page.anchors
    assert all(1 <= number <= len(lines) for number in page.anchors)
    tags = "b|p|h[1-6]|ul|ol|li|em|strong|code|pre|span|a|s|br|hr|blockquote|table|thead|tbody|tr|th|td"
    assert "\ue000" not in page.html and not re.search(rf"<(?!/?(?:{tags})\b)", page.html)


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with Browser(tmp_path / "profile") as browser:
        yield browser


def test_a_browser_finds_a_log_by_its_words_and_no_secret(address: str, browser: Browser) -> None:
    browser.open(f"{address}/search.html?q=zebra")
    browser.wait("document.querySelector('#mkdocs-search-results article')")
    found = browser.evaluate("document.querySelector('#mkdocs-search-results a').getAttribute('href')")
    assert "session-logs/2026-06-07-mike-general.html" in found
    browser.open(f"{address}/search.html?q=gateway")
    browser.wait("document.querySelector('#mkdocs-search-results article')")
    titles = browser.evaluate("[...document.querySelectorAll('#mkdocs-search-results h3')].map(e => e.innerText)")
    assert "acme isp: Session Summary" in titles, titles
    browser.open(f"{address}/search.html?q={SECRET}")
    browser.wait("document.querySelector('#mkdocs-search-results p')")
    assert browser.evaluate("document.querySelector('#mkdocs-search-results').innerText") == "No results found"


def test_a_click_on_a_claim_shows_the_line_of_the_log(address: str, browser: Browser) -> None:
    browser.open(f"{address}/wiki/clients/acme.html")
    pictures = Path(os.environ.get("CLAUDETOOLS_SCREENSHOTS", os.environ.get("TMPDIR", "/tmp")))
    picture = pictures / f"article-{os.getpid()}.png"
    browser.screenshot(picture)
    data = picture.read_bytes()
    if "CLAUDETOOLS_SCREENSHOTS" not in os.environ:
        picture.unlink()
    assert data.startswith(b"\x89PNG") and struct.unpack(">II", data[16:24])[0] == 1200
    assert len(data) > 10_000, "an empty page compresses to less"
    browser.evaluate("document.querySelectorAll('sup.cites a')[1].click()")
    browser.wait("document.querySelector(':target')")
    assert browser.evaluate("document.querySelector(':target').innerText") == "fw1\t203.0.113.7"
    assert browser.evaluate("document.title").startswith("acme isp")
    assert browser.evaluate("performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin))")


def test_the_message_names_the_pinned_version() -> None:
    from claudetools.wiki.html import REQUIREMENT

    assert f'html = ["{REQUIREMENT}"]' in (TOOLKIT / "pyproject.toml").read_text()


def test_what_is_missing_is_named_with_the_command_that_its_environment_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/my venv/bin/python")
    assert html.install_command().startswith("'/my venv/bin/python' -m pip install mkdocs==")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert html.install_command().startswith("uv pip install --python '/my venv/bin/python' mkdocs==")
