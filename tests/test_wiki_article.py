"""Front matter that a person may have written in any way: what is changed means what was asked, the rest stays."""

from __future__ import annotations

from typing import Any

import frontmatter
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from claudetools.text import article_index, target
from claudetools.text.front import Unreadable
from claudetools.wiki import article

KEYS = ["title", "sources", "stale", "syncro", "last_compiled", "mine", "tags"]
LISTS = ["[a.md, 'b.md']", "\n  - a.md\n  - b.md # c", "\n- a.md", "\n\n  - a.md\n"]
BLOCKS = ["{a: 1}", "\n  customer_id: 7  # ours\n  open_tickets: 3", "|\n  two\n  lines"]
VALUES = st.sampled_from(["x", "'it''s'", '"a: b"  # why', "true", "2026-01-01", "", "3", "null", *LISTS, *BLOCKS])
COMMENTS = st.sampled_from(["", "# a comment\n", "\n", "  # indented\n"])
HEADS = st.lists(st.tuples(st.sampled_from(KEYS), VALUES, COMMENTS), max_size=6, unique_by=lambda item: item[0])
PATHS = st.sampled_from(
    ["a.md", "clients/acme/session-logs/2026-06-05-mike-x.md", "it's #1.md", "- x", "\u00e9 \u2028.md"]
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "title": st.text(min_size=1, max_size=20),
        "stale": st.booleans(),
        "last_compiled": st.just("2026-06-05"),
        "sources": st.lists(PATHS, max_size=3, unique=True),
        "syncro": st.fixed_dictionaries(
            {}, optional={"open_tickets": st.integers(0, 9), "stale": st.none() | st.just(True)}
        ),
        "redirect": st.none(),
    },
)


def meaning(text: str) -> dict[str, Any]:
    found: dict[str, Any] = frontmatter.parse(text.removeprefix("\ufeff"))[0]
    return found


@given(HEADS, CHANGES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_what_is_asked_is_there_and_all_else_means_what_it_did(
    head: list[tuple[str, str, str]], changes: dict[str, Any], newline: str, mark: str
) -> None:
    lines = "".join(f"{key}: {value}\n{comment}" for key, value, comment in head)
    text = mark + f"---\n{lines}---\n\n# Body\n---\nkept\n".replace("\n", newline)
    try:
        before = article.read(text, "x")
    except Unreadable:
        assume(False)
    after = article.change(text, changes)
    told = meaning(after)
    for key, value in changes.items():
        if key == "sources":
            assert article.sources_of(told)[: len(article.sources_of(before))] == article.sources_of(before)
            assert set(value) <= set(article.sources_of(told))
        elif key == "syncro":
            block = told[key] if isinstance(told.get(key), dict) else {}
            old = before[key] if isinstance(before.get(key), dict) else {}
            assert block == {k: v for k, v in {**old, **value}.items() if v is not None}
        elif value is None:
            assert key not in told
        elif key != "last_compiled":
            assert told[key] == value
        else:
            assert str(told[key]) == value
    assert {k: v for k, v in told.items() if k not in changes} == {k: v for k, v in before.items() if k not in changes}
    assert article.take_apart(after).body == article.take_apart(text).body
    for _, _, comment in head:
        assert comment.strip() in after
    assert article.change(after, changes) == after


@given(st.text())
def test_taken_apart_and_joined_it_is_the_same(text: str) -> None:
    assert article.take_apart(text).text == text
    assert article.take_apart(f"---\n{text}").text == f"---\n{text}"


@given(st.dictionaries(st.text("abc -.\u00e9[]<>", min_size=1, max_size=8), st.binary(max_size=60), max_size=5))
def test_an_index_made_again_is_the_same_and_keeps_what_is_around(articles: dict[str, bytes]) -> None:
    found = {f"wiki/clients/{slug}.md": b"---\ntitle: " + text for slug, text in articles.items()}
    made = article_index.make(None, found)
    assert article_index.make(made, found) == made == article_index.make(made, dict(reversed(found.items())))
    around = f"before\n{made}after\n"
    assert article_index.make(around, {}).startswith("before\n") and article_index.make(around, {}).endswith("after\n")


@given(st.text(max_size=30))
def test_a_slug_is_a_name_that_stays_in_its_folder(text: str) -> None:
    if target.is_slug(text):
        found = target.parse(f"client:{text}")
        assert found.path.split("/") == ["wiki", "clients", f"{text}.md"] and target.of_article(found.path) == found
    else:
        with pytest.raises(target.Unfit):
            target.parse(f"client:{text}")
