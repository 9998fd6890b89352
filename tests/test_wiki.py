"""The wiki commands as a user runs them: real repositories, and a synthesizer that says what the test wants."""

from __future__ import annotations

import json
import os
import re
import select
from pathlib import Path

import pytest

from agents import Agent
from commands import run_tools
from forced import at
from world import TOOLKIT, Machine, Result, World

LOG = "clients/acme/session-logs/2026-06-05-mike-acme-fw.md"
BODY = """## User
- **User:** Mike Swanson (mike)
- **Machine:** LINUX-01
## Session Summary
Replaced the firewall of Acme with fw1.acme.example, 203.0.113.7, port 8443.
## Key Decisions
## Configuration Changes
## Credentials & Secrets
admin hunter2
## Infrastructure & Servers
## Commands & Outputs
## Pending / Incomplete Tasks
None.
## Reference Information
"""
HOWARD = BODY.replace("Mike Swanson (mike)", "Howard Lee (howard)").replace("LINUX-01", "LINUX-02")
DRAFT = """# Acme Corp

## Overview
Firewall fw1.acme.example at 203.0.113.7:8443. [S1:5]

## Patterns
- The firewall was replaced [S1:5]

## History
- 2026-06-05: new firewall [S1:5]
"""
ARTICLE = """---
title: Acme Corp   # as on the invoice
type: client
slug: acme
tags: [isp, "fiber"]
last_compiled: 2026-01-01
sources:
  - clients/acme/session-logs/2026-01-01-mike-old.md   # the first
---

# Acme Corp

## Overview
Zoe is the contact.

## Patterns
- Printers need a restart

## History
- 2026-01-01: onboarding
"""
WARN = "[WARN] wiki refreshed, not recompiled; run /wiki-compile --full later\n"


class Wiki:
    """A machine with a client's log, and a synthesizer that prints what the test has put into `answer`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.folder = machine.home / "synthesizer"
        self.folder.mkdir()
        self.say(DRAFT)
        machine.write(LOG, BODY)
        machine.extra_env |= {"CLAUDETOOLS_NOW": "1780700000", "CLAUDETOOLS_SYNTHESIZER": f"bash {self.folder}/run"}

    def say(self, article: str, title: str = "Acme Corp") -> None:
        self.script(f"cat > {self.folder}/prompt; cat {self.folder}/answer")
        (self.folder / "answer").write_text(json.dumps({"title": title, "article": article}))

    def script(self, text: str) -> None:
        (self.folder / "run").write_text(text + "\n")

    @property
    def prompt(self) -> str:
        return (self.folder / "prompt").read_text()

    def run(self, *args: str, **env: str) -> Result:
        return run_tools(self.machine, "wiki", *args, env=env)

    def compile(self, *args: str, **env: str) -> Result:
        result = self.run("compile", "client:acme", *args, **env)
        assert result.code == 0, result.text
        return result

    def article(self) -> str:
        return self.machine.read("wiki/clients/acme.md")

    def sidecar(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.machine.read("wiki/.sources/clients/acme.json"))
        return found


@pytest.fixture
def wiki(machine: Machine) -> Wiki:
    return Wiki(machine)


# --- target, index, refresh -------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "code", "said"),
    [
        (LOG, 0, "client:acme\n"),
        ("projects/guru-rmm/session-logs/2026-06/2026-06-05-mike-x.md", 0, "project:guru-rmm\n"),
        ("session-logs/2026-06-05-mike-x.md", 0, ""),
        ("clients/.hidden/session-logs/2026-06-05-mike-x.md", 0, ""),
        ("other/acme/session-logs/2026-06-05-mike-x.md", 0, ""),
        ("clients/acme/notes.md", 64, ""),
        ("../elsewhere.md", 64, ""),
    ],
)
def test_the_article_follows_from_the_path_of_the_log(wiki: Wiki, log: str, code: int, said: str) -> None:
    result = wiki.run("target", log)
    assert (result.code, result.out) == (code, said), result.text
    assert "Traceback" not in result.err


@pytest.mark.parametrize("text", ["client:", "client:../x", "client:a/b", "thing:acme", "client:.git", "client:a\tb"])
def test_what_names_no_article_is_said(wiki: Wiki, text: str) -> None:
    result = wiki.run("refresh", text)
    assert result.code == 64 and result.err.startswith("[ERROR] ") and "expected" in result.err, result.text
    assert not (wiki.machine.top / "wiki").exists()


def test_the_index_lists_all_articles_and_keeps_a_persons_words(wiki: Wiki) -> None:
    machine = wiki.machine
    machine.write("wiki/clients/acme.md", ARTICLE)
    machine.write("wiki/clients/zoo.md", "no front matter\n")
    machine.write("wiki/patterns/vpn [old].md", "---\ntitle: 'It''s *VPN*'\nstale: true\n---\n# V\n")
    machine.write("wiki/systems/gone.md", "---\nredirect: system:new\n---\n")
    machine.write("wiki/notes.md", "not an article\n")
    machine.write("wiki/index.md", "# Our wiki\n\nRead this first.\n")
    assert wiki.run("index").code == 0
    text = machine.read("wiki/index.md")
    assert text.startswith("# Our wiki\n\nRead this first.\n\n<!-- articles")
    assert [line for line in text.split("\n") if line.startswith(("- ", "## "))] == [
        "## Clients",
        "- [Acme Corp](clients/acme.md) compiled 2026-01-01",
        "- [zoo](clients/zoo.md)",
        "## Patterns",
        "- [It's \\*VPN\\*](patterns/vpn%20%5Bold%5D.md) stale",
    ]
    machine.write("wiki/index.md", text + "\nThe end.\n")
    assert wiki.run("index").out == "[OK] wiki/index.md says it all already.\n"
    assert machine.read("wiki/index.md") == text + "\nThe end.\n"


def test_a_refresh_changes_three_lines_and_no_other_byte(wiki: Wiki) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE.replace("\n", "\r\n"))
    result = wiki.run("refresh", "client:acme")
    assert result.out == "[OK] wiki/clients/acme.md is refreshed; 1 log to compile.\n"
    want = ARTICLE.replace("last_compiled: 2026-01-01", "last_compiled: 2026-06-05")
    want = want.replace("   # the first\n", f"   # the first\n  - {LOG}\n").replace("---\n\n#", "stale: true\n---\n\n#")
    assert (wiki.machine.top / "wiki/clients/acme.md").read_bytes().decode() == want.replace("\n", "\r\n")
    before = wiki.article()
    assert wiki.run("refresh", "client:acme").code == 0 and wiki.article() == before


@pytest.mark.parametrize(
    "broken", ["---\ntitle: [\n---\n# A\n", "---\nt: \ta: b: c\n---\n", b"\xff\xfe# Acme\n", "---\na: *x\n---\n"]
)
def test_an_article_that_cannot_be_read_is_left_alone_and_named(wiki: Wiki, broken: str | bytes) -> None:
    path = wiki.machine.write("wiki/clients/acme.md", broken)
    before = path.read_bytes()
    for command in ("refresh", "compile"):
        result = wiki.run(command, "client:acme")
        assert (result.code, path.read_bytes()) == (0, before)
        assert result.out.startswith("[WARN] wiki/clients/acme.md was left as it is: wiki/clients/acme.md"), result.text


def test_nothing_is_written_through_a_link(wiki: Wiki, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (wiki.machine.top / "wiki").symlink_to(outside)
    result = wiki.compile()
    assert "was left as it is" in result.out and not list(outside.iterdir())


# --- compile ----------------------------------------------------------------------------


def test_a_first_compile_makes_article_sidecar_and_index(wiki: Wiki) -> None:
    result = wiki.compile()
    assert result.out == "[OK] wiki/clients/acme.md is compiled from 1 log.\n", result.text
    head, _, body = wiki.article().partition("\n---\n")
    assert head.split("\n") == [
        "---",
        "title: Acme Corp",
        "type: client",
        "slug: acme",
        "last_compiled: 2026-06-05",
        "sources:",
        f"  - {LOG}",
        "stale: false",
    ]
    assert body == "\n" + re.sub(r" \[S1:\d+\]", "", DRAFT)
    assert wiki.sidecar()["uncited"] == ["# Acme Corp", "## History", "## Overview", "## Patterns"]
    claims = wiki.sidecar()["claims"]
    assert isinstance(claims, list) and len(claims) == 3 and claims[0]["cites"][0]["lines"] == [5, 5]
    assert "- [Acme Corp](clients/acme.md) compiled 2026-06-05\n" in wiki.machine.read("wiki/index.md")
    assert "hunter2" not in wiki.prompt and "S1:9| [hidden]" in wiki.prompt and "S1:13| None." in wiki.prompt
    names = sorted(p.name for p in (wiki.machine.top / "wiki").rglob("*") if p.is_file())
    assert names == ["acme.json", "acme.md", "index.md"]


def test_one_compile_absorbs_all_logs_and_the_next_has_nothing_to_do(wiki: Wiki) -> None:
    for number in range(4):
        wiki.machine.write(f"clients/acme/session-logs/2026-06-06-howard-day{number}.md", BODY)
    assert "compiled from 5 logs" in wiki.compile().out
    (wiki.folder / "prompt").unlink()
    assert wiki.compile().out == "[OK] wiki/clients/acme.md has absorbed all 5 logs already.\n"
    assert not (wiki.folder / "prompt").exists()
    wiki.machine.write("clients/acme/session-logs/2026-06-06-howard-day3.md", BODY + "## Update: 14:02 PT\nmore\n")
    assert "compiled from 1 log." in wiki.compile().out
    assert "howard-day3.md ===" in wiki.prompt and "howard-day2.md ===" not in wiki.prompt
    assert "compiled from 5 logs" in wiki.compile("--full").out


def test_a_recompile_keeps_a_persons_front_matter_and_the_old_sections(wiki: Wiki) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE)
    result = wiki.compile("--full")
    text = wiki.article()
    assert "title: Acme Corp   # as on the invoice\n" in text and 'tags: [isp, "fiber"]\n' in text
    assert "## Patterns\n- Printers need a restart\n" in text and "- 2026-01-01: onboarding\n" in text
    assert "Draft corrected: Patterns was changed" in result.err, result.text
    assert "onboarding" in wiki.prompt and "A:7| ## Patterns" in wiki.prompt


def test_an_invention_becomes_verify_and_is_told(wiki: Wiki) -> None:
    wiki.say(DRAFT.replace("203.0.113.7", "203.0.113.99"))
    result = wiki.compile()
    assert "fw1.acme.example at (verify):8443" in wiki.article()
    assert "it reads (verify) now: 203.0.113.99" in result.err


def test_a_vault_path_is_looked_up_in_the_vault(wiki: Wiki) -> None:
    vault = wiki.machine.home / "vault"
    (vault / "acme").mkdir(parents=True)
    (vault / "acme/fw.sops.yaml").write_text("x")
    wiki.machine.write(".claude/identity.json", json.dumps({"vault_path": str(vault)}))
    wiki.machine.write(LOG, BODY + "Logins: vault acme/fw and vault acme/root\n")
    wiki.say(DRAFT.replace("## Patterns", "Login: vault acme/fw, vault acme/root [S1:15]\n\n## Patterns"))
    wiki.compile()
    assert "Login: vault acme/fw, vault (verify)\n" in wiki.article()


SPOILT = {
    "529": """echo '{"subtype":"success","is_error":true,"result":"API Error: 529 overloaded"}'; exit 1""",
    "529 with exit 0": """echo '{"type":"result","subtype":"success","is_error":true,"result":"529 overloaded"}'""",
    "no answer in time": "exec sleep 1000",
    "a child keeps the pipe": "sleep 1000 & exit 0",
    "garbage": "head -c 5000 /dev/urandom",
    "JSON of another kind": "echo '[1,2]'",
    "empty": "true",
    "empty article": """echo '{"title":"","article":""}'""",
    "10 MB": "head -c 10485760 /dev/zero | tr '\\0' 'x'",
    "endless": "yes '# Acme'",
    "killed": "kill -9 $$",
    "a half surrogate": """printf '{"title":"x","article":"\\\\ud800"}'""",
    "deep": "head -c 200000 /dev/zero | tr '\\0' '['",
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("what", sorted(SPOILT))
@pytest.mark.parametrize("there", [True, False], ids=["recompile", "seed"])
def test_no_failure_of_the_synthesizer_blocks_a_save(wiki: Wiki, what: str, there: bool) -> None:
    if there:
        wiki.machine.write("wiki/clients/acme.md", ARTICLE)
    wiki.script(SPOILT[what])
    result = wiki.compile("--full", CLAUDETOOLS_SYNTHESIZER_SECONDS="1.5")
    assert result.out == WARN, result.text
    text = wiki.article()
    assert f"  - {LOG}\n" in text and "last_compiled: 2026-06-05\n" in text and "stale: true\n" in text
    if there:
        assert text.partition("\n---\n")[2] == ARTICLE.partition("\n---\n")[2]
    assert "compiled 2026-06-05, stale" in wiki.machine.read("wiki/index.md")
    assert len(result.err) < 2000 and "Traceback" not in result.err
    wiki.say(DRAFT)
    assert "is compiled from 1 log" in wiki.compile().out and "stale: false\n" in wiki.article()


def test_no_synthesizer_at_all_is_a_warning(wiki: Wiki) -> None:
    result = wiki.compile(CLAUDETOOLS_SYNTHESIZER="no-such-program --x")
    assert result.out == WARN and "no-such-program is not installed" in result.err


def test_a_project_without_logs_and_article_is_left_alone(wiki: Wiki) -> None:
    result = wiki.run("compile", "project:none")
    assert result.code == 0 and result.out.startswith("[WARN] wiki/projects/none.md was left as it is"), result.text
    assert not (wiki.machine.top / "wiki/projects").exists()


def test_a_system_is_compiled_from_the_logs_that_are_named(wiki: Wiki) -> None:
    result = wiki.run("compile", "system:fw1", "--log", LOG)
    assert result.out == "[OK] wiki/systems/fw1.md is compiled from 1 log.\n", result.text
    assert f"  - {LOG}\n" in wiki.machine.read("wiki/systems/fw1.md")
    assert "absorbed all 1 log already" in wiki.run("compile", "system:fw1").out


def test_an_article_that_changes_meanwhile_is_not_replaced(wiki: Wiki) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE)
    edited = ARTICLE.replace("Zoe is the contact", "Ann is the contact")
    path = wiki.machine.top / "wiki/clients/acme.md"
    (wiki.folder / "edited").write_text(edited)
    wiki.script(f"cat > /dev/null; cp {wiki.folder}/edited {path}; cat {wiki.folder}/answer")
    result = wiki.compile()
    assert result.out == WARN and "was changed by somebody else meanwhile" in result.err
    assert wiki.article().partition("\n---\n")[2] == edited.partition("\n---\n")[2]


def test_a_write_between_the_comparison_and_the_swap_is_kept(wiki: Wiki) -> None:
    path = wiki.machine.write("wiki/clients/acme.md", ARTICLE)
    late = ARTICLE.replace("Zoe", "Ann")
    (wiki.folder / "late").write_text(late)
    script = wiki.folder / "at"
    script.write_text(f"[ -e {wiki.folder}/done ] || cp {wiki.folder}/late {path}; touch {wiki.folder}/done\n")
    result = wiki.compile(CLAUDETOOLS_TEST_AT=f"wiki-compared:{script}")
    assert result.out == WARN, result.text
    assert "Ann is the contact" in wiki.article()


def hear(ear: int, lines: int) -> None:
    """Wait until so many lines have come through a pipe."""
    heard = b""
    while heard.count(b"\n") < lines:
        assert select.select([ear], [], [], 60)[0], "nobody says anything"
        heard += os.read(ear, 1)


def test_two_compiles_of_one_article_end_well_and_share_the_work(wiki: Wiki) -> None:
    reached, go = wiki.folder / "reached", wiki.folder / "go"
    os.mkfifo(reached)
    os.mkfifo(go)
    ear, mouth = os.open(reached, os.O_RDWR), os.open(go, os.O_RDWR)
    hold = f"if mkdir {wiki.folder}/held; then echo > {reached}; read -r _ < {go}; fi 2> /dev/null"
    wiki.script(f"echo x >> {wiki.folder}/asked; {hold}; cat {wiki.folder}/answer")
    command = ["bash", str(TOOLKIT / "scripts/claudetools.sh"), "wiki", "compile", "client:acme", "--full"]
    first = wiki.machine.start(*command)
    hear(ear, 1)
    wiki.machine.write("clients/acme/session-logs/2026-06-06-howard-two.md", BODY)
    waiting = at(wiki.machine, "wiki-waiting", f"echo > {reached}", once=False)
    others = [wiki.machine.start(*command, env=waiting) for _ in range(3)]
    hear(ear, 3)  # each says once that it waits
    os.write(mouth, b"go on\n")
    ends = [(p.communicate(timeout=60), p.returncode) for p in [first, *others]]
    assert [code for _, code in ends] == [0] * 4, ends
    said = sorted(out.decode() for (out, _), _ in ends)
    assert [text.split()[2] for text in said] == ["has", "has", "is", "is"], said
    assert (wiki.folder / "asked").read_text() == "x\nx\n"
    assert "howard-two.md" in wiki.article() and "stale: false" in wiki.article()


def test_the_synthesizer_gets_neither_our_session_nor_our_token(wiki: Wiki) -> None:
    wiki.script(f"env > {wiki.folder}/env; pwd >> {wiki.folder}/env; cat {wiki.folder}/answer")
    wiki.compile(CLAUDECODE="1", CLAUDE_CODE_SESSION_ID="abc", CLAUDETOOLS_SYNCRO_TOKEN="t0ken")
    seen = (wiki.folder / "env").read_text()
    assert "abc" not in seen and "t0ken" not in seen and "CLAUDECODE" not in seen
    assert "CLAUDE_CODE_MAX_RETRIES=1" in seen and str(wiki.machine.top) not in seen.split("\n")


def test_what_a_compile_writes_stands_in_the_sessions_ledger(wiki: Wiki) -> None:
    wiki.compile(CLAUDETOOLS_SESSION_ID="s1")
    ledger = (wiki.machine.state / "trees/main/sessions/s1/edits.jsonl").read_text()
    paths = [json.loads(line)["path"] for line in ledger.split("\n") if line]
    assert paths == ["wiki/clients/acme.md", "wiki/.sources/clients/acme.json", "wiki/index.md"]


# --- a draft of the session's own subagent ---------------------------------------------------


def test_an_agents_own_draft_goes_through_the_same_proof(wiki: Wiki) -> None:
    read = wiki.run("read", "client:acme")
    assert "hunter2" not in read.out and f"=== S1: {LOG} ===" in read.out
    found = re.search(r"wiki apply client:acme --reading ([0-9a-f]{12}) --keep", read.out)
    assert found, read.text
    draft = wiki.machine.home / "draft.md"
    draft.write_text(DRAFT.replace("203.0.113.7", "203.0.113.8"))
    result = wiki.run("apply", "client:acme", "--reading", found[1], str(draft))
    assert (result.code, result.out) == (0, "[OK] wiki/clients/acme.md is compiled from 1 log.\n"), result.text
    assert "(verify):8443" in wiki.article() and "stale: false" in wiki.article()
    again = wiki.run("apply", "client:acme", "--reading", found[1], str(draft))
    assert (again.code, again.out) == (0, WARN) and "was changed by somebody else" in again.err
    assert wiki.run("apply", "client:acme", "--reading", "0" * 12, str(draft)).code == 64
    assert "has absorbed all" in wiki.run("read", "client:acme").err or "stale" in wiki.article()


def test_a_draft_is_kept_until_somebody_has_looked_at_it(wiki: Wiki) -> None:
    found = re.search(r"--reading ([0-9a-f]{12})", wiki.run("read", "client:acme").out)
    assert found
    (wiki.machine.home / "draft.md").write_text(DRAFT)
    kept = wiki.run("apply", "client:acme", "--reading", found[1], "--keep", str(wiki.machine.home / "draft.md"))
    assert kept.code == 0 and kept.out.startswith("[OK] The draft is kept.")
    assert not (wiki.machine.top / "wiki").exists()
    assert "is compiled from 1 log" in wiki.run("apply", "client:acme", "--reading", found[1]).out


# --- together with sync -----------------------------------------------------------------------


def test_log_article_and_index_ride_in_one_commit(wiki: Wiki) -> None:
    wiki.compile()
    assert wiki.machine.sync("--allow", "clients", "-m", "acme: new firewall").code == 0
    changed = wiki.machine.git("show", "--name-only", "--format=", "HEAD").split("\n")
    assert sorted(changed) == sorted([LOG, "wiki/clients/acme.md", "wiki/.sources/clients/acme.json", "wiki/index.md"])


def test_a_sessions_own_log_article_and_index_are_one_commit_beside_another_sessions_work(wiki: Wiki) -> None:
    other = Agent(wiki.machine, "other", "beta work")
    other.write("clients/beta/notes.md", b"not saved yet\n")
    me = Agent(wiki.machine, "me", "acme fw")
    (wiki.machine.top / LOG).unlink()
    me.write(LOG, BODY.encode())
    wiki.compile(CLAUDETOOLS_SESSION_ID="me")
    result = me.sync("-m", "acme: new firewall")
    assert result.code == 0, result.text
    changed = wiki.machine.git("show", "--name-only", "--format=", "HEAD").split("\n")
    assert sorted(changed) == sorted([LOG, "wiki/clients/acme.md", "wiki/.sources/clients/acme.json", "wiki/index.md"])
    assert "Session-Id: me" in wiki.machine.git("log", "-1", "--format=%B")
    assert wiki.machine.status() == "?? clients/beta/notes.md"


def test_two_machines_compile_one_article_and_neither_meets_a_conflict(world: World, wiki: Wiki) -> None:
    wiki.compile()
    assert wiki.machine.sync("--allow", "clients").code == 0
    other = world.machine("LINUX-02", "howard")
    second = Wiki(other)
    (other.top / LOG).write_text(wiki.machine.read(LOG))  # theirs already; this fixture has written it anew
    other.write("clients/acme/session-logs/2026-06-06-howard-two.md", HOWARD)
    other.write("clients/beta/session-logs/2026-06-06-howard-beta.md", HOWARD)
    wiki.machine.write("clients/acme/session-logs/2026-06-06-mike-three.md", BODY)
    wiki.machine.write("clients/zeta/session-logs/2026-06-06-mike-zeta.md", BODY)
    second.say(DRAFT.replace("Firewall fw1", "Howard's fw1"))
    wiki.say(DRAFT.replace("Firewall fw1", "Mike's fw1"))
    for one in (second, wiki):
        one.compile("--full")
    second.run("compile", "client:beta")
    wiki.run("compile", "client:zeta")
    assert other.sync("--allow", "clients").code == 0
    result = wiki.machine.sync("--allow", "clients")
    assert result.code == 0, result.text
    text = wiki.article()
    assert "Howard's fw1" in text and "stale: true" in text and "<<<<" not in text
    for name in ("2026-06-06-howard-two.md", "2026-06-06-mike-three.md"):
        assert f"  - clients/acme/session-logs/{name}\n" in text
    index = wiki.machine.read("wiki/index.md")
    assert index.count("clients/acme.md") == index.count("clients/beta.md") == index.count("clients/zeta.md") == 1
    assert "compiled from 3 logs" in wiki.compile("--full").out
    assert (
        other.sync("--allow", "clients").code == 0
        and wiki.machine.sync("--allow", "clients").code == 0
        and other.sync("--allow", "clients").code == 0
    )
    assert second.article() == wiki.article()
    world.assert_linear()
    wiki.machine.assert_sound()
