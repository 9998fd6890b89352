"""The rules that settle a conflict without a person: pure functions over three texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claudetools.merge import settling
from claudetools.text.article_index import BEGIN, END

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=6)


def text(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def test_both_appended_and_both_are_kept_theirs_first() -> None:
    base = text("one")
    assert settling.keep_both(base, text("one", "theirs"), text("one", "ours")) == text("one", "theirs", "ours")


def test_a_last_line_without_its_newline_is_no_edit() -> None:
    assert settling.keep_both(b"one", b"one\ntheirs", b"one\nours") == b"one\ntheirs\nours"


def test_what_both_added_alike_stands_there_once() -> None:
    base = text("x")
    both = settling.keep_both(base, text("x", "same", "theirs"), text("x", "same", "ours"))
    assert both == text("x", "same", "theirs", "ours")


def test_a_changed_line_is_for_a_person() -> None:
    assert settling.keep_both(text("one"), text("uno"), text("one", "two")) is None


@given(LINES, st.lists(st.integers(0, 6), max_size=4), st.lists(st.integers(0, 6), max_size=4))
def test_no_added_line_is_ever_lost(base: list[bytes], theirs: list[int], ours: list[int]) -> None:
    sides = []
    for name, places in (("t", theirs), ("o", ours)):
        lines = list(base)
        for n, place in enumerate(sorted(places, reverse=True)):
            lines.insert(min(place, len(lines)), f"{name}{n}\n".encode())
        sides.append(lines)
    merged = settling.keep_both(*(b"".join(side) for side in (base, *sides)))
    assert merged is not None
    kept = merged.splitlines(keepends=True)
    assert sorted(kept) == sorted(base + [x for side in sides for x in side if x[:1] in b"to"])


LOG = "session-logs/2026-06-05-mike-acme.md"


def log(updated: str, *updates: str) -> bytes:
    return text("---", "user: mike", f"updated: {updated}", "---", "## User", "- mike", *updates)


def test_two_machines_updated_one_log_and_the_sections_are_in_order_of_time() -> None:
    base = log("2026-06-05 09:00")
    theirs = log("2026-06-05 14:00", "## Update: 14:00 PT - theirs", "late")
    ours = log("2026-06-05 10:30", "## Update: 10:30 PT - ours", "early")
    merged = settling.settle(LOG, base, theirs, ours)
    assert merged is not None
    assert merged[0] == log(
        "2026-06-05 14:00", "## Update: 10:30 PT - ours", "early", "## Update: 14:00 PT - theirs", "late"
    )


def test_an_update_of_the_next_day_comes_after_one_of_the_evening() -> None:
    base = log("1")
    theirs = log("2", "## Update: 2026-06-06 08:00 PT - next day")
    ours = log("3", "## Update: 23:00 PT - evening")
    merged = settling.settle(LOG, base, theirs, ours)
    assert merged is not None
    assert merged[0].index(b"evening") < merged[0].index(b"next day")


def test_a_section_that_both_rewrote_is_for_a_person() -> None:
    assert (
        settling.settle(LOG, log("1"), log("2").replace(b"- mike", b"- a"), log("3").replace(b"- mike", b"- b")) is None
    )


def test_an_article_keeps_their_text_and_the_sources_of_both() -> None:
    head = ("---", "title: Acme", "sources:", "- a.md")
    base = text(*head, "---", "old")
    theirs = text(*head, "- howard.md", "---", "theirs")
    ours = text(*head, "- mike.md", "---", "ours")
    merged = settling.settle("wiki/clients/acme.md", base, theirs, ours, {"ours"})
    assert merged is not None
    assert merged[0] == text(
        "---", "title: Acme", "sources:", "  - a.md", "  - howard.md", "  - mike.md", "stale: true", "---", "theirs"
    )
    assert settling.settle("wiki/clients/acme.md", base, theirs, ours) is None, "a person wrote it: a person decides"


def test_what_two_people_added_to_an_article_is_kept() -> None:
    base = text("---", "title: Acme", "---", "# Acme", "## History", "- begin")
    merged = settling.settle("wiki/clients/acme.md", base, base + b"- a\n", base + b"- b\n")
    assert merged is not None
    assert merged[0] == text(
        "---", "title: Acme", "stale: true", "---", "# Acme", "## History", "- begin", "- a", "- b"
    )
    plain = text("# Acme", "- begin")
    merged = settling.settle("wiki/clients/acme.md", plain, plain + b"- a\n", plain + b"- b\n")
    assert merged is not None and merged[0] == plain + b"- a\n- b\n"


def test_a_list_in_one_line_is_a_list_too() -> None:
    base = text("---", "sources: [a.md]", "---", "x")
    theirs = text("---", "sources: [a.md, howard.md]", "stale: false", "---", "theirs")
    merged = settling.settle("wiki/clients/acme.md", base, theirs, base.replace(b"[a.md]", b"[]"))
    assert merged is not None
    assert merged[0] == text("---", "sources:", "  - a.md", "  - howard.md", "stale: true", "---", "theirs")


def test_the_sources_go_with_the_article_and_words_around_the_index_are_a_persons() -> None:
    assert settling.settle("wiki/.sources/clients/acme.json", b"{}", b"[1]", b"[2]") == (
        b"[1]",
        "the sources of the other side's article are kept",
    )
    index = f"# Wiki\n\n{BEGIN}\n{{}}\n{END}\n"
    base, theirs, ours = (index.format(n).encode() for n in ("- a", "- a\n- b", "- a\n- c"))
    merged = settling.settle("wiki/index.md", base, theirs, ours.replace(b"# Wiki", b"# Our wiki"))
    assert merged is not None and merged[0].startswith(b"# Our wiki")
    both = (theirs.replace(b"# Wiki", b"# A"), ours.replace(b"# Wiki", b"# B"))
    assert settling.settle("wiki/index.md", base, *both) is None


def test_code_and_binary_content_are_for_a_person() -> None:
    assert settling.settle("x.py", b"", text("a"), text("b")) is None
    assert settling.settle("x.md", b"", b"a\0", text("b")) is None
