"""`wiki check` and `wiki rename` as a user runs them."""

from __future__ import annotations

import json
import os

import pytest

from claudetools.attribution.edits import Edit, digest
from claudetools.core.place import find_place
from claudetools.sessions import ledger, registry
from forced import at
from test_wiki import ARTICLE, BODY, LOG, Wiki
from world import TOOLKIT, Machine


@pytest.fixture
def wiki(machine: Machine) -> Wiki:
    found = Wiki(machine)
    found.compile()
    return found


def files(wiki: Wiki) -> dict[str, bytes]:
    top = wiki.machine.top
    found = {p for p in top.rglob("*") if p.is_file() and ".git" not in p.relative_to(top).parts}
    return {p.relative_to(top).as_posix(): p.read_bytes() for p in found}


# --- check ----------------------------------------------------------------------------------


def test_a_fresh_article_resolves_wholly(wiki: Wiki) -> None:
    before = files(wiki)
    result = wiki.run("check")
    assert (result.code, result.out) == (0, "[OK] 7 of 7 claims resolve (100.0%) in 1 article.\n"), result.text
    assert files(wiki) == before


def test_a_log_that_was_corrected_is_found_by_line(wiki: Wiki) -> None:
    log = wiki.machine.read(LOG)
    wiki.machine.write(LOG, "# moved down\n\n" + log)
    assert wiki.run("check").code == 0
    wiki.machine.write(LOG, log.replace("203.0.113.7", "203.0.113.70"))
    result = wiki.run("check", "client:acme")
    assert result.code == 65 and result.out.startswith("[WARN] 3 of 7 claims resolve (42.9%) in 1 article.\n")
    assert "line 14: 203.0.113.7: no source says it\n" in result.out
    assert f"line 14: {LOG} line 5 does not say this (any more)\n" in result.out
    assert wiki.article().split("\n")[13].startswith("Firewall fw1")


def test_what_a_person_wrote_into_an_article_is_looked_up(wiki: Wiki) -> None:
    wiki.machine.write("wiki/clients/acme.md", wiki.article() + "Backup at 198.51.100.4 (verify)\n")
    result = wiki.run("check")
    assert result.code == 65 and "198.51.100.4: no source says it" in result.out and "1 (verify)" in result.out


def test_check_tells_a_program_the_same_and_survives_what_is_broken(wiki: Wiki) -> None:
    wiki.machine.write("wiki/systems/a\x1b[31m.md", "---\ntitle: [\n---\n")
    wiki.machine.write("wiki/systems/b.md", "---\ntitle: [\n---\n")
    wiki.machine.write("wiki/patterns/c.md", b"\xff\xfe")
    wiki.machine.write("wiki/.sources/clients/acme.json", '{"version": 1, "claims": [3, {"cites": 4}], "read": []}')
    result = wiki.run("check", "--json")
    told = json.loads(result.out)
    assert (result.code, told["claims"], told["resolved"]) == (65, 4, 4), result.text
    problems = {row["path"]: row["problem"] for row in told["articles"] if row["problem"]}
    assert set(problems) == {"wiki/systems/b.md", "wiki/patterns/c.md"} and "\x1b" not in wiki.run("check").out


# --- rename ---------------------------------------------------------------------------------


def test_a_rename_moves_all_of_it_and_the_old_name_leads_there(wiki: Wiki) -> None:
    wiki.machine.write("wiki/systems/fw1.md", f"---\nsources:\n  - {LOG}   # theirs\n  - x.md\n---\n# fw1\n")
    wiki.machine.write("clients/acme/notes.md", "unsaved\n")
    before = files(wiki)
    dry = wiki.run("rename", "client:acme", "acme-group", "--dry-run")
    assert (
        dry.code == 0 and dry.out.startswith("[OK] client:acme would be client:acme-group.\n") and files(wiki) == before
    )
    result = wiki.run("rename", "client:acme", "acme-group")
    assert result.code == 0, result.text
    assert result.out.split("\n")[1:] == dry.out.split("\n")[1:]
    after = files(wiki)
    new_log = LOG.replace("acme/", "acme-group/", 1)
    assert after[new_log] == before[LOG] and after["clients/acme-group/notes.md"] == b"unsaved\n"
    assert not (wiki.machine.top / "clients/acme").exists()
    old = before["wiki/clients/acme.md"].decode()
    assert after["wiki/clients/acme-group.md"].decode() == old.replace("slug: acme", "slug: acme-group").replace(
        LOG, new_log
    )
    assert "redirect: client:acme-group" in after["wiki/clients/acme.md"].decode().replace('"', "")
    assert after["wiki/systems/fw1.md"].decode().split("\n")[2] == f"  - {new_log}   # theirs"
    assert "wiki/.sources/clients/acme.json" not in after
    assert (
        "clients/acme-group.md" in after["wiki/index.md"].decode()
        and "(clients/acme.md)" not in after["wiki/index.md"].decode()
    )
    assert wiki.run("check").out.startswith("[OK] 8 of 8 claims resolve")
    assert wiki.run("target", "clients/acme/session-logs/2026-06-07-mike-late.md").out == "client:acme-group\n"
    assert "has absorbed all" in wiki.run("compile", "client:acme").out
    wiki.machine.write("clients/acme/session-logs/2026-06-07-mike-late.md", BODY)
    assert "wiki/clients/acme-group.md is compiled from 1 log." in wiki.run("compile", "client:acme").out
    assert wiki.machine.sync().code == 0
    wiki.machine.assert_sound()
    back = wiki.run("rename", "client:acme-group", "acme")
    assert back.code == 65 and "clients/acme is there already" in back.err


def test_it_all_works_where_it_is_installed(wiki: Wiki) -> None:
    machine = wiki.machine
    machine.extra_env["CLAUDETOOLS_HOSTNAME"] = machine.name
    assert machine.run("bash", TOOLKIT / "scripts" / "install.sh", machine.top).code == 0
    for args in (["compile", "client:acme", "--full"], ["rename", "client:acme", "acme-group"], ["check"]):
        done = machine.run("bash", ".claude/scripts/claudetools.sh", "wiki", *args)
        assert done.code == 0 and done.out.startswith("[OK] "), done.text
    assert (machine.top / "wiki/clients/acme-group.md").exists() and not (machine.top / "clients/acme").exists()
    assert not (machine.lock / "owner").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("client:acme", "beta", "is there already"),
        ("client:acme", "acme", "not two names of one type"),
        ("client:acme", "project:acme", "not two names of one type"),
        ("client:none", "x", "there is neither"),
        ("client:acme", "article-only", "wiki/clients/article-only.md is there already"),
    ],
)
def test_a_rename_that_would_lose_something_changes_nothing(wiki: Wiki, old: str, new: str, words: str) -> None:
    wiki.machine.write("clients/beta/notes.md", "beta\n")
    wiki.machine.write("wiki/clients/article-only.md", "# A\n")
    before = files(wiki)
    for more in ([], ["--dry-run"]):
        result = wiki.run("rename", old, new, *more)
        assert result.code == 65 and words in result.err, result.text
    assert files(wiki) == before
    assert wiki.run("rename", old, "../x").code == 64 and wiki.run("rename", old, "a/b").code == 64


def test_another_live_sessions_unsaved_work_is_not_moved_away(wiki: Wiki) -> None:
    wiki.machine.write("clients/acme/notes.md", "theirs\n")
    place = find_place(str(wiki.machine.top))
    assert place
    registry.register(place, "s2", pid=os.getpid(), topic="acme vpn")
    ledger.record(place, "s2", [Edit("clients/acme/notes.md", None, digest(b"theirs\n"))])
    before = files(wiki)
    result = wiki.run("rename", "client:acme", "acme-group", CLAUDETOOLS_SESSION_ID="s1")
    assert result.code == 65 and "'acme vpn' has unsaved work in clients/acme/notes.md" in result.err, result.text
    assert files(wiki) == before
    assert wiki.run("rename", "client:acme", "acme-group", CLAUDETOOLS_SESSION_ID="s2").code == 0


def test_an_edit_at_the_very_moment_of_the_rename_is_in_the_new_article(wiki: Wiki) -> None:
    path = "wiki/clients/acme.md"
    env = at(wiki.machine, "wiki-compared", f"echo 'written late' >> {path}")
    result = wiki.run("rename", "client:acme", "acme-group", **env)
    assert result.code == 0, result.text
    assert "written late" in wiki.machine.read("wiki/clients/acme-group.md")
    assert "written late" not in wiki.machine.read(path) and "redirect" in wiki.machine.read(path)


def test_an_article_without_a_folder_is_renamed_too(wiki: Wiki) -> None:
    wiki.machine.write("wiki/patterns/vpn.md", ARTICLE)
    assert wiki.run("rename", "pattern:vpn", "site-to-site").code == 0
    assert "slug: site-to-site\n" in wiki.machine.read("wiki/patterns/site-to-site.md")
    assert "Moved to [site-to-site](<site-to-site.md>)." in wiki.machine.read("wiki/patterns/vpn.md")
