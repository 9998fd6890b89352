"""Syncro's figures in a client's article, against a server on loopback that knows every trap."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.wiki import draft, hours, syncro
from claudetools.wiki.verify import Evidence, verify
from test_agent_hooks import start
from test_wiki import ARTICLE, DRAFT, Wiki
from world import Machine, Result, needs

TOKEN = "T0ken-of-the-test-4711"
Answer = tuple[int, dict[str, str], bytes]
BLOCK = """syncro:
  customer_id: 77   # Acme's own
  note: ours
  open_tickets: 9
  hours_this_month: 8
  prepaid_hours: 7
  as_of: "2026-05-01T10:00:00-07:00"
"""


def paged(rows: list[dict[str, object]], key: str, page: int, size: int = 25) -> dict[str, object]:
    pages = max((len(rows) + size - 1) // size, 1)
    return {key: rows[(page - 1) * size : page * size], "meta": {"total_pages": pages, "page": page}}


@dataclass
class Server:
    """What Syncro holds, and what goes wrong: `trap` may answer in its place."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    customer: dict[str, object] = field(
        default_factory=lambda: {"id": 77, "business_name": "Acme Corp", "prepay_hours": "20.0"}
    )
    tickets: list[dict[str, object]] = field(default_factory=list)
    timers: list[dict[str, object]] = field(default_factory=list)
    trap: Callable[[str, int], Answer | None] = lambda path, count: None

    def answer(self, path: str, query: dict[str, list[str]]) -> Answer:
        page = int(query.get("page", ["1"])[0])
        if path.endswith("/customers/autocomplete"):
            return ok({"customers": [self.customer, {"id": 5, "business_name": "Acme Corp. East"}]})
        if path.endswith("/customers/77"):
            return ok({"customer": self.customer})
        if path.endswith("/tickets"):
            rows = [t for t in self.tickets if "status" not in query or t["status"] != "Resolved"]
            return ok(paged(rows, "tickets", page))
        if path.endswith("/ticket_timers"):
            return ok(paged(self.timers, "ticket_timers", page))
        return 404, {}, b"{}"


def ok(found: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            state.asked.append(self.path)
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                found: Answer = (401, {}, b'{"error": "no"}')
            else:
                trapped = state.trap(parts.path, len(state.asked))
                found = state.answer(parts.path, parse_qs(parts.query)) if trapped is None else trapped
            status, headers, body = found
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    api = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{api.server_address[1]}"
    threading.Thread(target=api.serve_forever, daemon=True).start()
    yield state
    api.shutdown()
    api.server_close()


@pytest.fixture
def wiki(machine: Machine, server: Server) -> Wiki:
    machine.extra_env |= {"CLAUDETOOLS_SYNCRO_URL": server.url, "CLAUDETOOLS_SYNCRO_TOKEN": TOKEN}
    found = Wiki(machine)
    machine.write("wiki/clients/acme.md", ARTICLE)
    return found


def refresh(wiki: Wiki, **env: str) -> Result:
    result = wiki.run("refresh", "client:acme", **env)
    assert result.code == 0 and "Traceback" not in result.err, result.text
    leaked = subprocess.run(["grep", "-rlF", TOKEN, str(wiki.machine.top)], capture_output=True, text=True).stdout
    assert TOKEN not in result.text and not leaked
    return result


def test_the_figures_are_joined_from_all_pages(wiki: Wiki, server: Server) -> None:
    server.tickets = [{"id": n, "customer_id": 77, "status": "New" if n <= 30 else "Resolved"} for n in range(1, 81)]
    server.tickets += [{"id": 900, "customer_id": 5, "status": "New"}]
    ended = {"end_time": "2026-06-02T10:00:00Z"}
    server.timers = [{"id": n, "ticket_id": n, "active_duration": 1800, **ended} for n in range(1, 41)]
    server.timers += [
        {"id": 100, "ticket_id": 80, "active_duration": 900, **ended},  # closed this month
        {"id": 101, "ticket_id": 900, "active_duration": 7200, **ended},  # another customer's
        {"id": 102, "ticket_id": 1, "active_duration": 7200, "end_time": None},  # running
        {"id": 103, "ticket_id": 1, "active_duration": -5, **ended},
        {"id": 104, "ticket_id": 1, "active_duration": None, "billable_time": 900, **ended},
        {"id": 105, "ticket_id": None, "active_duration": 7200, **ended},
    ]
    refresh(wiki)
    want = (
        'syncro:\n  customer_id: 77\n  open_tickets: 30\n  hours_this_month: 20.5\n  prepaid_hours: 20\n  as_of: "2026'
    )
    assert want in wiki.article(), wiki.article()
    asked = next(path for path in server.asked if "ticket_timers" in path)
    assert "created_at_gt=2026-06-01T00%3A00%3A00-07%3A00" in asked
    assert wiki.run("hours", "acme").out.startswith(
        "Acme Corp: 30 open tickets, 20.5 h this month, 20 h prepaid (Syncro, 2026-06-05 "
    )


def test_the_customer_of_the_front_matter_is_asked_for_and_a_persons_keys_stay(wiki: Wiki, server: Server) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("sources:", BLOCK + "sources:"))
    refresh(wiki)
    assert not [path for path in server.asked if "autocomplete" in path]
    text = wiki.article()
    assert "  customer_id: 77   # Acme's own\n  note: ours\n  open_tickets: 0\n" in text
    assert "stale: true" not in text.partition("sources:")[0]


def test_a_compile_takes_its_billing_from_syncro_alone(wiki: Wiki, server: Server) -> None:
    wiki.say(DRAFT.replace("## Patterns", "Prepaid hours: 20. Open tickets: 44.\n\n## Patterns"))
    wiki.compile()
    assert "Prepaid hours: 20. Open tickets: (verify).\n" in wiki.article()
    assert "  prepaid_hours: 20\n" in wiki.article()


def test_missing_prepaid_hours_are_left_out(wiki: Wiki, server: Server) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("sources:", BLOCK + "sources:"))
    del server.customer["prepay_hours"]
    refresh(wiki)
    assert "prepaid_hours" not in wiki.article() and "  hours_this_month: 0\n" in wiki.article()
    assert wiki.run("hours", "client:acme").out.startswith("Acme Corp: 0 open tickets, 0 h this month (Syncro, ")


def once(answer: Answer) -> Callable[[str, int], Answer | None]:
    return lambda path, count: answer if count == 1 else None


def always(answer: Answer) -> Callable[[str, int], Answer | None]:
    return lambda path, count: answer


HTML = b"<!doctype html><title>Sign in</title>"
PASSING = {
    "429 with Retry-After": (429, {"Retry-After": "0"}, b""),
    "429 without": (429, {}, b""),
    "503": (503, {}, HTML),
}
LASTING = {
    "401": ((401, {}, b'{"error":"T0ken-of-the-test-4711 is bad"}'), "refused the token (401)"),
    "403": ((403, {}, b""), "refused the token (403)"),
    "429 for an hour": ((429, {"Retry-After": "3600"}, b""), "asked less often (429)"),
    "500": ((500, {}, b""), "fault of its own (500)"),
    "a web page with status 200": ((200, {"Content-Type": "text/html"}, HTML), "a web page where JSON is expected"),
    "a redirect to a login": ((302, {"Location": "https://login.example/"}, b""), "sends us elsewhere (302)"),
    "a list": ((200, {}, b"[]"), "no JSON object"),
    "nothing": ((200, {}, b""), "something where JSON is expected"),
    "half an answer": ((200, {}, b'{"customer": {"id"'), "something where JSON is expected"),
    "deep": ((200, {}, b"[" * 200_000), "something where JSON is expected"),
    "other JSON": ((200, {}, b'{"customer": 3}'), "no customer"),
    "10 MB": ((200, {}, b" " * 10_000_000), "more than 4 MB"),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(PASSING))
def test_what_passes_is_asked_again(wiki: Wiki, server: Server, what: str) -> None:
    server.trap = once(PASSING[what])
    assert "Syncro" not in refresh(wiki).err
    assert "  customer_id: 77\n" in wiki.article()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("what", sorted(LASTING))
def test_what_lasts_is_told_and_the_last_good_figures_stay(wiki: Wiki, server: Server, what: str) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("sources:", BLOCK + "sources:"))
    answer, words = LASTING[what]
    server.trap = always(answer)
    result = refresh(wiki)
    assert words in result.err and "the figures of 2026-05-01T10:00 stay" in result.err, result.text
    assert BLOCK + "  stale: true\n" in wiki.article()
    assert wiki.run("hours", "acme").out == (
        "Acme Corp: 9 open tickets, 8 h this month, 7 h prepaid (Syncro, not reached since 2026-05-01 10:00)\n"
    )
    server.trap = lambda path, count: None
    refresh(wiki)
    assert "  stale:" not in wiki.article() and "  open_tickets: 0\n" in wiki.article()


def test_a_dead_host_and_one_that_never_ends_are_waited_for_only_so_long(wiki: Wiki) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # bound, not listening: refused
        result = refresh(wiki, CLAUDETOOLS_SYNCRO_URL=f"http://127.0.0.1:{dead.getsockname()[1]}")
        assert "Syncro: it cannot be reached." in result.err
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        stop = threading.Event()

        def drip() -> None:
            connection, _ = slow.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
                with suppress(BrokenPipeError, ConnectionResetError):
                    while not stop.wait(0.05):
                        connection.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{slow.getsockname()[1]}"
        result = refresh(wiki, CLAUDETOOLS_SYNCRO_URL=url, CLAUDETOOLS_SYNCRO_SECONDS="1")
        stop.set()
        thread.join(10)
        assert "Syncro: it did not answer in time." in result.err, result.text


def test_a_server_that_never_stops_paging_is_stopped(wiki: Wiki, server: Server) -> None:
    row = {"id": 1, "customer_id": 77, "status": "New"}
    server.trap = lambda path, count: (
        ok({"tickets": [row], "meta": {"total_pages": 10**9}}) if path.endswith("/tickets") else None
    )
    result = refresh(wiki)
    assert "open_tickets" not in wiki.article() and len(server.asked) < 20
    assert "page 2 of 1000000000 of /tickets brings nothing new" in result.err


@pytest.mark.parametrize("names", [[], ["Acme Corp", "acme corp "]])
def test_a_name_that_means_nobody_or_two_is_a_question(wiki: Wiki, server: Server, names: list[str]) -> None:
    found = [{"id": n, "business_name": name} for n, name in enumerate(names)]
    server.trap = lambda path, count: ok({"customers": found}) if "autocomplete" in path else None
    assert "write the right customer_id under syncro: in the article" in refresh(wiki).err
    assert "syncro:" not in wiki.article()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "url",
    [
        "http://acme.syncromsp.com",
        "ftp://x",
        "https://me:pw@acme.example",
        "https://a.example/?api_key=x",
        "x",
        "https://",
    ],
)
def test_the_token_goes_to_no_address_that_is_not_safe(wiki: Wiki, server: Server, url: str) -> None:
    assert "Syncro: " in refresh(wiki, CLAUDETOOLS_SYNCRO_URL=url).err
    assert server.asked == []


@pytest.mark.parametrize("token", ["with space " + TOKEN, TOKEN + "\u00e9", "x\r\nX-Evil: 1"])
def test_a_token_that_is_none_is_refused_without_repeating_it(wiki: Wiki, server: Server, token: str) -> None:
    result = refresh(wiki, CLAUDETOOLS_SYNCRO_TOKEN=token)
    assert "characters that no token has" in result.err and server.asked == []


def vault(wiki: Wiki) -> str:
    folder = wiki.machine.home / "vault"
    (folder / "msp").mkdir(parents=True)
    wiki.machine.write(".claude/identity.json", json.dumps({"vault_path": str(folder)}))
    wiki.machine.git("config", "claudetools.syncroToken", "msp/syncro")
    wiki.machine.extra_env.pop("CLAUDETOOLS_SYNCRO_TOKEN")
    return str(folder)


@pytest.mark.skipif(bool(needs("gpg")), reason=needs("gpg"))
def test_the_token_comes_out_of_the_vault(wiki: Wiki, server: Server) -> None:
    folder = vault(wiki)
    assert "msp/syncro is not in the vault" in refresh(wiki).err
    run = wiki.machine.run
    secret = wiki.machine.home / "plain"
    secret.write_text(f"url: x\ntoken: {TOKEN}\n")
    with TemporaryDirectory(prefix="g-") as home:  # not below tmp_path: the path of a socket is short
        wiki.machine.extra_env["GNUPGHOME"] = home
        made = run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "t@example.com", "default", "default")
        assert made.code == 0, made.text
        done = run("gpg", "--batch", "-r", "t@example.com", "-o", f"{folder}/msp/syncro.gpg", "-e", str(secret))
        assert done.code == 0, done.text
        secret.unlink()
        assert "Syncro" not in refresh(wiki).err
        run("gpgconf", "--kill", "all")
    assert "  customer_id: 77\n" in wiki.article()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("syncro.sops.yaml", f"echo 'token: {TOKEN}'", ""),
        ("syncro.sops.json", 'echo \'{"api_key": "' + TOKEN + '", "sops": {}}\'', ""),
        ("syncro.age", f"echo {TOKEN}", ""),
        ("syncro.sops.yaml", f"echo {TOKEN} >&2; exit 3", "could not open"),
        ("syncro.sops.yaml", "echo 'a: 1'; echo 'b: 2'", "holds no value called"),
        ("syncro.txt", "true", "is not encrypted"),
    ],
)
def test_the_program_that_encrypted_it_opens_it(wiki: Wiki, name: str, script: str, words: str) -> None:
    folder = vault(wiki)
    (wiki.machine.home / "bin").mkdir()
    for program in ("sops", "age"):
        stub = wiki.machine.home / "bin" / program
        stub.write_text(f"#!/bin/sh\n{script}\n")
        stub.chmod(0o755)
    wiki.machine.extra_env["PATH"] = f"{wiki.machine.home}/bin:{wiki.machine.env()['PATH']}"
    with open(f"{folder}/msp/{name}", "w") as file:
        file.write("cipher")
    result = refresh(wiki)
    assert words in result.err and ("customer_id: 77" in wiki.article()) == (not words), result.text


def test_without_an_address_nobody_is_asked_and_nothing_is_said(wiki: Wiki, server: Server) -> None:
    assert "Syncro" not in refresh(wiki, CLAUDETOOLS_SYNCRO_URL="").err
    assert server.asked == [] and "syncro:" not in wiki.article()
    result = wiki.run("hours", "acme")
    assert (result.code, result.out) == (0, "") and "refresh client:acme" in result.err


def test_a_session_that_starts_in_the_clients_folder_is_told(wiki: Wiki, server: Server) -> None:
    refresh(wiki)
    folder = wiki.machine.top / "clients/acme/deep"
    folder.mkdir()
    told = "Acme Corp: 0 open tickets, 0 h this month, 20 h prepaid (Syncro, "
    assert told in start(wiki.machine, "a", cwd=str(folder)) and told in start(
        wiki.machine, "b", cwd=str(folder.parent)
    )
    assert "Syncro" not in start(wiki.machine, "c", cwd=str(wiki.machine.top))


@given(st.binary(max_size=200))
def test_the_line_on_hours_never_fails(text: bytes) -> None:
    line = hours.line_of(b"---\nsyncro:\n" + text, "acme")
    assert "\n" not in line and "\x1b" not in line


@given(st.one_of(st.none(), st.booleans(), st.text(), st.floats(), st.integers(), st.lists(st.integers())))
def test_a_number_is_finite_or_none(value: object) -> None:
    found = syncro.number(value)
    assert found is None or (abs(found) < float("inf") and not isinstance(value, bool))


NOT_UNDERSTOOD: list[tuple[str, Callable[[dict[str, object]], object]]] = [
    ("no pages", lambda found: {**found, "meta": {}}),
    ("no ids", lambda found: {**found, "tickets": [{"customer_id": 77}]}),
    ("ids that are no numbers", lambda found: {**found, "tickets": [{"id": "x7", "customer_id": 77}]}),
    ("rows that are none", lambda found: {**found, "tickets": [7]}),
    ("an id without end", lambda found: {**found, "tickets": [{"id": 10**400, "customer_id": 77}]}),
]


@pytest.mark.parametrize(("what", "spoil"), NOT_UNDERSTOOD, ids=[name for name, _ in NOT_UNDERSTOOD])
def test_an_answer_that_cannot_be_understood_keeps_the_old_figure(
    wiki: Wiki, server: Server, what: str, spoil: Callable[[dict[str, object]], object]
) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("tags:", f"{BLOCK}tags:"))
    server.tickets = [{"id": n, "customer_id": 77, "status": "New"} for n in range(60)]
    server.trap = lambda path, count: (
        ok(spoil(paged(server.tickets, "tickets", 1))) if path.endswith("/tickets") else None
    )
    result = refresh(wiki)
    assert "  open_tickets: 9\n" in wiki.article() and "[WARN] Syncro: its answer to /tickets" in result.err


def test_numbers_sent_as_text_are_understood(wiki: Wiki, server: Server) -> None:
    server.tickets = [{"id": str(n), "customer_id": "77", "status": "New"} for n in range(30)]
    server.trap = lambda path, count: None
    refresh(wiki)
    assert "  open_tickets: 30\n" in wiki.article()


def test_the_answer_has_to_be_about_the_customer_that_was_asked_for(wiki: Wiki, server: Server) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("tags:", f"{BLOCK}tags:"))
    server.customer = {"id": 99, "business_name": "Berg & Partner", "prepay_hours": "7"}
    result = refresh(wiki)
    assert "  prepaid_hours: 7\n" in wiki.article() and "answered with another one" in result.err
    assert "customer_id: 77" in wiki.article()


def test_the_customer_is_the_clients_and_never_a_drafts_title(wiki: Wiki, server: Server) -> None:
    (wiki.machine.top / "wiki/clients/acme.md").unlink()
    server.customer["business_name"] = "Berg & Partner"
    wiki.say(DRAFT, title="Berg & Partner")
    for _ in range(2):
        result = wiki.compile("--full")
        assert "customer_id" not in wiki.article() and "no customer is called 'acme' there" in result.err
    wiki.machine.write("clients/acme/README.md", "# Berg & Partner\n")
    wiki.compile("--full")
    assert "customer_id: 77" in wiki.article()


FIGURES = [
    ("Open tickets: 20.", "Open tickets: (verify)."),
    ("Remaining hours: 99", "Remaining hours: (verify)"),
    ("Tickets (open): 7", "Tickets (open): (verify)"),
    ("| Prepaid | Open |\n|---|---|\n| 25 | 9 |", "| (verify) | (verify) |"),
    ("| Prepaid | Open |\n|---|---|\n| 20 | 60 |", "| 20 | 60 |"),
    ("60 open tickets, 20 prepaid hours, 4 hours this month", "60 open tickets, 20 prepaid hours, 4 hours this month"),
    ("Offene Tickets: 60, Guthaben 20,0 h", "Offene Tickets: 60, Guthaben 20,0 h"),
    ("60 prepaid hours and 20 open tickets", "(verify) prepaid hours and (verify) open tickets"),
]


@pytest.mark.parametrize(("line", "want"), FIGURES)
def test_each_figure_proves_itself_alone(line: str, want: str) -> None:
    told = {"open_tickets": 60.0, "prepaid_hours": 20.0, "hours_this_month": 4.0}
    text = draft.tidy(f"# Acme\n\n## Overview\n\n{line}\n\nmore\n")
    assert f"\n{want}\n" in verify(text, Evidence("", [], billing=told)).body


@pytest.mark.parametrize("value", ["9" * 400, "1e999", ".inf", ".nan", "-1e300", "[1]", "9" * 5000])
def test_a_figure_of_any_size_ends_in_no_traceback(wiki: Wiki, server: Server, value: str) -> None:
    block = BLOCK.replace("open_tickets: 9", f"open_tickets: {value}").replace(
        "customer_id: 77", f"customer_id: {value}"
    )
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("tags:", f"{block}tags:"))
    wiki.say(DRAFT.replace("## Patterns", f"Open tickets: {'9' * 500}. Ports {'8' * 30}.\n\n## Patterns"))
    for result in (wiki.compile("--full"), wiki.run("check"), wiki.run("hours", "acme")):
        assert "Traceback" not in result.text
