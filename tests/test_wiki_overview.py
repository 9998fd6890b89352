"""What people look at every day: how the articles stand, one article with its proof, and what a draft would change."""

from __future__ import annotations

import json
import re

from test_wiki import ARTICLE, BODY, DRAFT, LOG, Wiki, wiki

__all__ = ["wiki"]  # the fixture


def test_status_tells_what_waits_and_for_how_long(wiki: Wiki) -> None:
    wiki.machine.write("clients/beta/session-logs/2026-06-05-mike-b.md", BODY)
    wiki.compile()
    result = wiki.run("status")
    assert result.code == 65
    assert result.out.startswith("[WARN] 2 articles, 1 to compile.\n  client:beta: never compiled; 1 log to absorb\n")
    assert "  client:acme: current; compiled 2026-06-05, 0 days ago\n" in result.out
    assert result.out.endswith("wiki compile --stale\n")
    wiki.machine.write("clients/acme/session-logs/2026-06-06-mike-two.md", BODY)
    found = json.loads(wiki.run("status", "--json").out)["articles"]
    assert [(one["article"], one["state"], one["logs"]) for one in found] == [
        ("client:beta", "never compiled", 1),
        ("client:acme", "stale", 1),
    ]
    out = wiki.run("compile", "--stale").out
    assert "clients/beta.md is compiled from 1 log." in out and "clients/acme.md is compiled from 1 log." in out
    assert wiki.run("compile", "--stale").out == "[OK] No article has logs to absorb.\n"
    assert wiki.run("status").code == 0


def test_a_doubt_counts_in_the_status_and_is_shown_with_the_article(wiki: Wiki) -> None:
    wiki.say(DRAFT.replace("203.0.113.7", "203.0.113.9"))
    wiki.compile()
    assert "client:acme: current; compiled 2026-06-05, 0 days ago; 1 doubt" in wiki.run("status").out
    shown = wiki.run("show", "acme")
    assert "Firewall fw1.acme.example at (verify):8443.  [2026-06-05-mike-acme-fw.md:5]\n" in shown.out
    assert "(verify) was 203.0.113.9: the cited lines do not say it" in shown.err


def test_a_dry_run_shows_what_would_change_and_writes_nothing(wiki: Wiki) -> None:
    wiki.machine.write("wiki/clients/acme.md", ARTICLE)
    before = sorted((path, path.read_bytes()) for path in wiki.machine.top.rglob("*.*") if path.is_file())
    result = wiki.compile("--full", "--dry-run")
    assert "\n-Zoe is the contact.\n+Firewall fw1.acme.example at 203.0.113.7:8443.\n" in result.out, result.text
    assert result.out.endswith("[OK] wiki/clients/acme.md would be compiled from 1 log; nothing is written.\n")
    after = sorted((path, path.read_bytes()) for path in wiki.machine.top.rglob("*.*") if path.is_file())
    assert [path for path, _ in after if "wiki/" in str(path) and ".git" not in str(path)] == [
        wiki.machine.top / "wiki/clients/acme.md"
    ]
    assert dict(before)[wiki.machine.top / "wiki/clients/acme.md"] == ARTICLE.encode()
    assert wiki.article() == ARTICLE
    wiki.script("exit 3")
    failed = wiki.compile("--full", "--dry-run")
    assert "was left as it is" in failed.out and wiki.article() == ARTICLE


def test_a_kept_draft_can_be_compared_before_it_is_applied(wiki: Wiki) -> None:
    found = re.search(r"--reading ([0-9a-f]{12})", wiki.run("read", "acme").out)
    assert found
    assert wiki.run("diff", "acme", "--reading", found[1]).code == 64
    (wiki.machine.home / "draft.md").write_text(DRAFT)
    wiki.run("apply", "acme", "--reading", found[1], "--keep", str(wiki.machine.home / "draft.md"))
    result = wiki.run("diff", "acme", "--reading", found[1])
    assert (
        "+Firewall fw1.acme.example at 203.0.113.7:8443.\n" in result.out and not (wiki.machine.top / "wiki").exists()
    )


def test_a_slug_alone_is_enough_where_it_is_clear(wiki: Wiki) -> None:
    assert "is compiled from 1 log" in wiki.run("compile", "acme").out
    wiki.machine.write("projects/acme/session-logs/2026-06-05-mike-p.md", BODY)
    result = wiki.run("compile", "acme")
    assert result.code == 64 and "several articles; type client:acme or project:acme" in result.err
    result = wiki.run("compile", "nobody")
    assert result.code == 64 and "no article that is known" in result.err
    for words in ([], ["client:acme", "--all"], ["--all", "--stale"], ["--stale", "--log", LOG]):
        assert wiki.run("compile", *words).code == 64


def test_nothing_to_check_is_not_a_share_of_one(wiki: Wiki) -> None:
    assert wiki.run("check").out == "[OK] There are no claims in 0 articles.\n"
    assert json.loads(wiki.run("check", "--json").out)["share"] is None
