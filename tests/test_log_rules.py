"""What the log helpers do with text alone: slugs, names, sections, headings, front matter."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from claudetools.core import clock
from claudetools.logs import adopt, check, sections, write
from claudetools.logs.slug import LONGEST, slug
from claudetools.text import front

BLOCK = "## User\n- **User:** Mike Swanson (mike)\n- **Role:** admin\n- **Machine:** LINUX-01\n"
WHOLE = "---\ndate: 2026-06-05\n---\n\n" + BLOCK + "".join(f"\n## {s.name}\nx\n" for s in sections.SECTIONS[1:])


# --- slugs and names ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("Acme: replace expired VPN certificate", "acme-replace-expired-vpn-certificate"),
        ("GuruRMM platform day", "gururmm-platform-day"),
        ("clients/acme\\notes: 50% done?!", "clients-acme-notes-50-done"),
        ("Jürgen's Straße & Ørsted", "jurgens-strasse-and-orsted"),
        ("  --  x  --  ", "x"),
        ("../../etc/passwd", "etc-passwd"),
        ("ﬁle № 5", "file-no-5"),
    ],
)
def test_a_topic_becomes_words_with_dashes(topic: str, expected: str) -> None:
    assert slug(topic) == expected


def test_a_long_topic_is_cut_between_words_and_a_long_word_within() -> None:
    assert slug("word " * 60) == "-".join(["word"] * 9)
    assert slug("x" * 300) == "x" * LONGEST
    assert slug("a " + "x" * 300) == "a-" + "x" * (LONGEST - 2)


def test_topics_without_a_latin_letter_get_names_that_differ() -> None:
    assert slug("防火墙") != slug("证书")
    assert slug("防火墙") == slug("防火墙")


@given(st.text(max_size=400), st.integers(1, 99))
@example("-", 1)
@example("\ud800", 1)
def test_any_topic_makes_a_good_name(topic: str, number: int) -> None:
    found = slug(topic)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found)
    assert len(found) <= LONGEST
    assert slug(found) == found
    assert sections.is_log_name(sections.log_name("2026-06-05", "mike", found, number))


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("2026-06-05-mike-acme.md", True),
        ("2026-06-05-mike-gururmm-platform-day-2.md", True),
        ("2026-06-05-jürgen-vpn.md", True),
        ("2026-06-05-session.md", False),
        ("2026-06-05-session-2.md", False),
        ("2026-06-05.md", False),
        ("2026-06-05-mike.md", False),
        ("2026-13-05-mike-acme.md", False),
        ("2026-06-32-mike-acme.md", False),
        ("26-06-05-mike-acme.md", False),
        ("2026-06-05--mike-acme.md", False),
        ("2026-06-05-mike-acme vpn.md", False),
        ("2026-06-05-mike-acme\n.md", False),
        ("2026-06-05-mike-a:b.md", False),
        ("2026-06-05-mike-acme.txt", False),
    ],
)
def test_names_are_told_apart(name: str, good: bool) -> None:
    assert sections.is_log_name(name) == good


def test_logs_lie_in_session_logs_folders_only() -> None:
    for path in ("session-logs/x.md", "clients/a/session-logs/x.md", "projects/p/session-logs/2026-06/x.md"):
        assert sections.is_log_path(path), path
    for path in ("notes/x.md", "session-logs/README.md", "my-session-logs/x.md", "session-logs/x.png"):
        assert not sections.is_log_path(path), path


# --- headings ------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        "## User",
        "## a ##",
        "##  b",
        "###  c",
        "##d",
        "text",
        "",
        "```",
        "```py",
        "~~~",
        "````",
        "~~~~ x",
        "``` `x`",
        " ```",
    ]
)


@given(st.lists(LINES, max_size=12))
def test_headings_are_those_that_a_markdown_parser_sees(lines: list[str]) -> None:
    tokens = MarkdownIt().parse("\n".join(lines))
    expected = [
        (t.map[0] + 1, tokens[i + 1].content)
        for i, t in enumerate(tokens)
        if t.type == "heading_open" and t.tag == "h2" and t.map
    ]
    assert list(sections.headings("\n".join(lines))) == expected


def test_a_whole_log_lacks_nothing_and_each_section_is_missed() -> None:
    assert not sections.missing_sections(WHOLE) and not sections.misplaced_section(WHOLE)
    for name in sections.REQUIRED:
        assert sections.missing_sections(WHOLE.replace(f"## {name}\n", "")) == [name]
        assert sections.missing_sections(WHOLE.replace(f"## {name}\n", f"```\n## {name}\n```\n")) == [name]
    assert not sections.missing_sections(WHOLE.replace("## Problems Encountered\n", ""))
    swapped = WHOLE.replace("## Key Decisions", "##").replace("## Reference", "## Key Decisions\n## Reference")
    assert sections.misplaced_section(swapped) == "Key Decisions"


# --- updates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "month", "expected"),
    [
        ("America/Los_Angeles", 6, "14:02 PT"),
        ("America/Los_Angeles", 12, "13:02 PT"),
        ("America/Phoenix", 6, "14:02 MT"),
        ("America/Indiana/Indianapolis", 6, "17:02 ET"),
        ("Asia/Shanghai", 6, "05:02 CST"),
        ("Europe/Berlin", 6, "23:02 CEST"),
        ("America/Anchorage", 6, "13:02 AKDT"),
        ("Asia/Dubai", 6, "01:02 +04"),
    ],
)
def test_the_clock_speaks_as_people_do_there(zone: str, month: int, expected: str) -> None:
    moment = datetime(2026, month, 5, 21, 2, tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
    assert clock.clock_text(moment) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Australia/Sydney", "07:02 AEST"),
        (":Europe/Berlin", "23:02 CEST"),
        ("/usr/share/zoneinfo/America/Los_Angeles", "14:02 PT"),
        ("XYZ-3", "00:02 XYZ"),
        ("", "21:02 UTC"),
    ],
)
def test_the_zone_of_the_machine_is_that_of_other_programs(
    told: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", told)
    monkeypatch.setenv("CLAUDETOOLS_NOW", str(int(datetime(2026, 6, 5, 21, 2, tzinfo=timezone.utc).timestamp())))
    time.tzset()
    zone = clock.read_zone("machine")
    assert zone and clock.clock_text(clock.now(zone)) == expected
    monkeypatch.undo()
    time.tzset()


def test_without_tz_it_is_that_of_localtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Asia/Shanghai")
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(clock, "LOCALTIME", str(link))
    assert str(clock.read_zone("machine")) == "Asia/Shanghai"


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "America", "a\0b", "/etc/localtime"])
def test_no_time_zone_is_no_crash(name: str) -> None:
    assert clock.read_zone(name) is None


@given(st.text("ab \n#`~-é", max_size=40), st.text("ab \n#`~", min_size=1, max_size=40))
def test_an_update_is_a_section_of_its_own_and_takes_nothing_away(before: str, body: str) -> None:
    heading = "## Update: 14:02 PT — vpn"
    after = before + write.addition(before, heading, body)
    assert after.startswith(before) and after.endswith("\n")
    assert heading.removeprefix("## ") in [name for _, name in sections.headings(after)]
    assert body.strip("\n") in after


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n```\nopen", "\n~~~~\nopen\n"])
def test_an_update_adds_lines_only(tmp_path: Path, end: str) -> None:
    log = tmp_path / "log.md"
    old = "---\nupdated: 2026-06-05T14:02:11-07:00\n---\nupdated: 2026-06-05T14:02:11-07:00" + end
    log.write_text(old)
    write.append(str(log), "## Update: x", "body\n", "2026-06-05T15:00:00-07:00")
    text = log.read_text()
    assert text.startswith(old.replace("14:02:11", "15:00:00", 1))
    assert [name for _, name in sections.headings(text)][-1] == "Update: x"


# --- front matter -----------------------------------------------------------------------


@given(st.text(min_size=1, max_size=60))
@example("yes")
@example("1e5")
@example("a: b # c")
@example("\x85\u2028\ufeff")
def test_a_value_comes_back_as_it_was_written(value: str) -> None:
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        return  # no text that a file can hold
    text = front.front_lines({"topic": front.yaml_text(value)})
    assert front.read_front(text) == {"topic": value}
    assert text.count("\n") == 3


@given(st.lists(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}", fullmatch=True), min_size=1, max_size=3))
@example(["1e5"])
@example(["null"])
@example(["-"])
def test_the_sessions_of_a_log_are_read_back(ids: list[str]) -> None:
    assert front.owners(front.front_lines({"a": "1", "session": front.yaml_text(" ".join(ids))}) + "x") == ids


@pytest.mark.parametrize(
    "text",
    [
        "---\nx: [\n---\nsession: a",
        "---\nsession: {a: b}\n---",
        "x\nsession: a\n",
        "---\na: 1\n---\n\nsession: a\n",
        "---\na: &a [1]\nb: &b [*a, *a]\nsession: *b\n---\n",
        "",
    ],
)
def test_a_log_that_names_no_session_is_nobodys(text: str) -> None:
    assert front.owners(text) == []


def test_a_changed_line_leaves_the_others_alone() -> None:
    text = "---\n# mine\nb: 'x'   # kept\nsession: a\n---\nsession: no\n"
    assert front.set_line(text, "session", "a b") == text.replace("session: a\n", "session: a b\n")
    assert front.set_line("no front\nsession: a\n", "session", "b") == "no front\nsession: a\n"


# --- check, fix, adopt ------------------------------------------------------------------


def test_faults_are_named() -> None:
    good = "2026-06-05-mike-acme.md"
    assert check.find_faults(good, WHOLE, BLOCK) == []
    told = check.find_faults("2026-06-05-session.md", WHOLE.replace("LINUX-01", "WIN-7"), BLOCK)
    assert [fault.text for fault in told] == [
        "its name is one that every session of that day would share",
        "the User block says '- **Machine:** WIN-7', whoami-block.sh says '- **Machine:** LINUX-01'",
    ]
    assert WHOLE.split("\n")[told[1].line - 1] == "- **Machine:** LINUX-01"
    assert "front matter is not valid YAML" in check.find_faults(good, WHOLE.replace("date:", "date: ["), BLOCK)[0].text
    assert check.find_faults(good, WHOLE.replace("- **Role:** admin", "- **Role:** tech"), BLOCK) == []


@given(st.sets(st.sampled_from(sections.REQUIRED)), st.booleans())
def test_a_fix_adds_what_is_missing_and_nothing_else(gone: set[str], update: bool) -> None:
    text = WHOLE + ("\n## Update: 14:02 PT — x\n\ny\n" if update else "")
    for name in gone:
        text = text.replace(BLOCK if name == sections.USER else f"\n## {name}\nx\n", "")
    fixed = check.completed(text, BLOCK)
    assert not [f for f in check.find_faults("2026-06-05-mike-a.md", fixed, BLOCK) if not f.mild]
    rest = iter(fixed.split("\n"))
    assert all(line in rest for line in text.rstrip("\n").split("\n")), "no line is lost or moved"
    assert check.completed(fixed, BLOCK) == fixed


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("2026-06-05-session.md", "---\ntopic: VPN renewal\n---\n", "vpn-renewal"),
        ("2026-06-05-session.md", BLOCK + "\n## Session Summary\n\nx\n## Update: 14:02 PT — Sophos\n", "sophos"),
        ("2026-06-05-session.md", "# Session Log: 2026-06-05 — Graph API\n", "graph-api"),
        ("2026-06-05-session.md", "nothing telling", "session"),
        ("2026-06-05 acme firewall.md", "x", "acme-firewall"),
    ],
)
def test_an_adopted_log_is_named_after_what_it_is_about(name: str, text: str, expected: str) -> None:
    assert adopt.topic_of(name, text) == expected
