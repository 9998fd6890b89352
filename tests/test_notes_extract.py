"""Where notes begin and end, and who they are for: pure functions, against markdown-it's own reading."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from claudetools.notes.people import People, Person, fold
from claudetools.notes.writing import warnings_for
from claudetools.text.notes import claimed_user, find_notes

PEOPLE = People(
    [Person("mike", "Mike Swanson", "mike@example.com"), Person("howard", "Howard Lee", "howard@example.com")],
    {"mike": ["Michael", "Big M."], "howard": []},
)


def texts(log: str | bytes) -> list[tuple[str, bytes]]:
    data = log if isinstance(log, bytes) else log.encode()
    return [(note.who, note.text) for note in find_notes(data)]


# --- where a note ends -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("## Note for mike\n\nCall Acme.\n- now\n\n## Next\nx\n", [("mike", b"Call Acme.\n- now")]),
        ("# Message for Howard\ntext", [("Howard", b"text")]),
        ("###### note FOR Mike Swanson  ######\ntext\n", [("Mike Swanson", b"text")]),
        ("Note for mike\n-------------\ntext\n", [("mike", b"text")]),
        ("## **Note for Mike**\ntext\n", [("Mike**", b"text")]),
        ("## Note for mike\na\n### Detail\nb\n# Top\nc\n", [("mike", b"a\n### Detail\nb")]),
        ("### Note for mike\na\n## Higher\nb\n", [("mike", b"a")]),
        (
            "## Note for a\n1\n### Note for b\n2\n## Note for c\n3",
            [("a", b"1\n### Note for b\n2"), ("b", b"2"), ("c", b"3")],
        ),
        ("## Note for mike\n## Note for howard\nx\n", [("mike", b""), ("howard", b"x")]),
        ("## Note for mike\r\na\r\n\r\nb\r\n## X\r\n", [("mike", b"a\r\n\r\nb")]),
        ("## Note for mike\ra\r## X\r", [("mike", b"a")]),
        ("## Note for mike\nPay:\n---\n1. now\n\nTop\n===\nx\n## End", [("mike", b"Pay:\n---\n1. now\n\nTop\n===\nx")]),
        ("Note for mike\n---\ntext\n\nNext\n---\nx\n", [("mike", b"text")]),
        ("## Note for mike\na\n\nNote for howard\n---\nb\n", [("mike", b"a"), ("howard", b"b")]),
        ("## Note for mike\n    code\n\n\n", [("mike", b"    code")]),
        ("\ufeff## Note for mike\na\n", [("mike", b"a")]),
    ],
)
def test_a_note_ends_at_the_next_heading_of_its_level_or_a_higher_one(
    log: str, expected: list[tuple[str, bytes]]
) -> None:
    assert texts(log) == expected


@pytest.mark.parametrize(
    "log",
    [
        "```\n## Note for mike\n```\n",
        "~~~ md\n## Note for mike\n~~~\n",
        "````\n```\n## Note for mike\n````\n",
        "    ## Note for mike\n",
        "> ## Note for mike\n> quoted\n",
        "- ## Note for mike\n",
        "<!--\n## Note for mike\n-->\n",
        "text ## Note for mike\n",
        "##Note for mike\n",
        "####### Note for mike\n",
        "## Release notes for mike\n",
        "## Notebook for mike\n",
        "## Note: the firewall\n",
        "## Note for\n",
        "## Message today\n",
        "## Note forward\n",
        "\\## Note for mike\n",
    ],
)
def test_what_is_no_heading_is_no_note(log: str) -> None:
    assert texts(log) == []


def test_a_heading_in_a_fence_does_not_end_a_note() -> None:
    log = "## Note for mike\nrun\n```\n# comment\n## Note for howard\n```\nthen\n## End\n"
    assert texts(log) == [("mike", b"run\n```\n# comment\n## Note for howard\n```\nthen")]


def test_the_line_is_the_one_of_the_file() -> None:
    log = b"---\nuser: howard\n---\n\n# Log\n\n## Note for mike\nx\n"
    assert [(n.line, n.level, n.title) for n in find_notes(log)] == [(7, 2, "Note for mike")]


# --- front matter ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "front",
    [
        "---\nuser: howard\n---\n",
        "---\n---\n",
        "---\nuser: howard\ntags: [a, {b]\n---\n",  # not YAML
        "---\nuser: howard\n",  # never closed
        "---\nkey: |\n  ```\n---\n",  # a fence in a value
        "---\nuser: [\n```\n---\n",  # broken, and a fence in it
        "---\n- a list\n---\n",
        "---\nd: 2026-99-99\n---\n",
        "---\n" + "[" * 3000 + "\n---\n",
        "---\r\nuser: howard\r\n---\r\n",
        "--- \nuser: howard\n--- \n",
        "---\nuser: \x00\xff\n---\n",
    ],
)
def test_no_front_matter_hides_a_note(front: str) -> None:
    log = front.encode("latin-1") + b"\n## Note for mike\nCall.\n\n---\n\nMore.\n## End\n"
    assert texts(log) == [("mike", b"Call.\n\n---\n\nMore.")]


def test_a_note_inside_broken_front_matter_is_found() -> None:
    assert texts("---\nuser: howard\n## Note for mike\nCall.\n\n---\nrest\n") == [("mike", b"Call.\n\n---\nrest")]


@pytest.mark.parametrize(
    ("front", "user"),
    [
        ("---\nuser: howard\n---\n", "howard"),
        ("---\nx: [\nuser: 'howard' # me\n---\n", "howard"),
        ("---\ndate: x\n---\nuser: howard\n", ""),
        ("user: howard\n", ""),
        ("---\n  user: howard\n---\n", ""),
        ("", ""),
    ],
)
def test_who_the_front_matter_names(front: str, user: str) -> None:
    assert claimed_user(front.encode()) == user


# --- who is meant --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "ids", "unknown"),
    [
        ("mike", "mike", ()),
        ("MIKE", "mike", ()),
        ("mike swanson", "mike", ()),
        ("Michael", "mike", ()),
        ("Big M.", "mike", ()),
        ("@mike", "mike", ()),
        ("**Mike**:", "mike", ()),
        ("mike, howard", "howard mike", ()),
        ("Swanson", "mike", ()),
        ("Howard or Mike", "howard mike", ()),
        ("MIKE SWANSON <mike@example.com>", "mike", ()),
        ("howard@example.com", "howard", ()),
        ("[Howard](mailto:howard@example.com)", "howard", ()),
        ("[[mike]]", "mike", ()),
        ("[Mike]", "mike", ()),
        ("Howard about the firewall", "howard", ()),
        ("Howard Lee please call", "howard", ()),
        ("M\u00edke | H\u00f6ward", "howard mike", ()),
        ("Mike and Howard Lee", "howard mike", ()),
        ("Mike, Michael, and howard", "howard mike", ()),
        ("mike & howard", "howard mike", ()),
        ("mike/howard", "howard mike", ()),
        ("Mike: ask howrd, all", "mike", ()),
        ("Mike - the firewall", "mike", ()),
        ("Mike \u2014 the firewall", "mike", ()),
        ("Mike (urgent), Howard", "howard mike", ()),
        ("mike and bob", "mike", ("bob",)),
        ("the record", "", ("the record",)),
        ("later: look at it", "", ("later",)),
        ("mi ke", "", ("mi ke",)),
        ("\uff4d\uff49\uff4b\uff45", "mike", ()),
    ],
)
def test_names_are_found_whatever_their_case(who: str, ids: str, unknown: tuple[str, ...]) -> None:
    found = PEOPLE.find(who)
    assert " ".join(sorted(found.ids)) == ids
    assert found.unknown == unknown
    assert not found.everyone


@pytest.mark.parametrize("who", ["all", "Everyone", "TEAM", "all: the firewall", "everyone and mike"])
def test_a_note_may_be_for_all(who: str) -> None:
    assert PEOPLE.find(who).everyone


def test_a_name_of_two_people_means_both() -> None:
    people = People([Person("a", "Sam"), Person("b", "Sam")])
    assert people.find("sam").ids == {"a", "b"}


def test_a_name_with_and_in_it_is_one_name() -> None:
    people = People([Person("firm", "Anders and Sons"), Person("anders", "Anders")])
    assert people.find("Anders and Sons").ids == {"firm"}


# --- what the writer is told -----------------------------------------------------------------


def test_the_writer_hears_of_names_that_are_nobody() -> None:
    log = b"# Log\n\n## Note for howrd\nx\n\n## Note for mike\ny\n\n## Note for Mike and the \x1b[2Jrecord\nz\n"
    known, rest = "but users.json knows howard, mike and all", "Correct it, save again."
    assert warnings_for("session-logs/a.md", log, PEOPLE) == [
        f"session-logs/a.md line 3: a note for 'howrd', {known}; howard is nearest. {rest}",
        f"session-logs/a.md line 9: a note for 'the ?[2Jrecord', {known}. {rest}",
    ]


def test_the_writer_hears_of_a_note_that_says_nothing() -> None:
    log = b"## Note for mike\n\n## Note for Howard: call Acme\n"
    assert warnings_for("a.md", log, PEOPLE) == ["a.md line 1: a note that says nothing. Correct it, save again."]


@pytest.mark.parametrize(
    "heading",
    [
        "Note to howard",
        "Message to Howard",
        "Notes for howard",
        "Messages to Howard",
        "Note: for howard",
        "Note for: howard",
        "A note for howard",
        "An important note for howard",
        "\U0001f4dd Note for howard",
        "1. Note for howard",
        "2) Message for howard",
        "Note (for howard)",
        "Note @howard",
        "**Note for** @howard",
        "Note for [Howard](mailto:howard@example.com)",
        "NOTE TO HOWARD LEE",
        "Note for Lee",
    ],
)
def test_headings_that_people_write_are_notes(heading: str) -> None:
    (note,) = find_notes(f"# Log\n\n## {heading}\n\nbody\n".encode())
    assert (note.line, note.text) == (3, b"body")
    assert PEOPLE.find(note.who).ids == {"howard"}


def test_a_group_is_the_people_in_it() -> None:
    people = People(list(PEOPLE.people.values()), groups={"Techs": ["howard", "mike", "nobody"]})
    assert people.find("techs").ids == {"howard", "mike"}


def test_a_first_name_of_two_means_both_and_a_whole_name_one() -> None:
    people = People([Person("a", "Sam Adams"), Person("b", "Sam Brown"), Person("sam", "Samuel Clark")])
    assert people.find("Sam").ids == {"sam"}
    assert People([Person("a", "Sam Adams"), Person("b", "Sam Brown")]).find("sam").ids == {"a", "b"}


@pytest.mark.parametrize("opening", ["```", "~~~~ sh", "<!-- to do"])
def test_the_writer_hears_of_a_note_that_an_open_block_swallows(opening: str) -> None:
    log = f"# Log\n\n{opening}\noutput\n\n## Note for mike\nCall.\n".encode()
    assert find_notes(log) == []
    assert warnings_for("a.md", log, PEOPLE) == [
        "a.md line 6: this note is inside a code block that is never closed, where nobody sees it. "
        "Correct it, save again."
    ]


@pytest.mark.parametrize("end", ["```\n", "```", "```\n\n\n", "```\nafter\n"])
def test_a_closed_block_is_meant(end: str) -> None:
    assert warnings_for("a.md", b"```\n## Note for mike\n" + end.encode(), PEOPLE) == []


def test_without_a_list_of_people_nobody_is_unknown() -> None:
    assert warnings_for("a.md", b"## Note for howrd\nx\n", People([Person("mike", "Mike")], listed=False)) == []


# --- any text at all ---------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "#",
        "##",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "```",
        "~~~",
        ">",
        "- ",
        "1. ",
        "    ",
        "\t",
        "---",
        "===",
        "<!--",
        "-->",
        "<pre>",
        "Note for mike",
        "## Note for mike",
        "### message for all",
        "\n## Note for x\n",
        "text",
        "*",
        "|",
        "\\",
        "\x00",
        "\u2028",
        "\x0b",
        "\x85",
        "\ud800",
        "user: a",
        "[a",
        "]",
        "&amp;",
        "\ufeff",
    ]
)
DOCUMENTS = st.lists(PIECES | st.text(string.printable, max_size=5), max_size=40).map(
    lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")
)


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=300) | DOCUMENTS)
def test_any_bytes_are_read_and_every_text_is_a_slice_of_them(data: bytes) -> None:
    for note in find_notes(data):
        assert note.text in data
        assert note.text == note.text.strip(b"\r\n")
        assert 1 <= note.line <= data.count(b"\n") + data.count(b"\r") + 1
        assert PEOPLE.find(note.who) is not None
    warnings_for("a.md", data, PEOPLE)
    claimed_user(data)


@settings(max_examples=600, deadline=None)
@given(DOCUMENTS.filter(lambda data: not data.lstrip(b"\xef\xbb\xbf").startswith(b"---") and b"]" not in data))
def test_only_headings_that_markdown_shows_are_taken(data: bytes) -> None:
    """Another reading of the same text, inline parsing and all: the level-0 headings that begin with the words."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    tokens = MarkdownIt("commonmark").parse(text)
    shown = []
    for i, token in enumerate(tokens):
        title = (
            " ".join(tokens[i + 1].content.strip(" *_`\t\n").split()).lower() if token.type == "heading_open" else ""
        )
        begins = ("note for ", "message for ", "note to ", "notes for ")
        if token.type == "heading_open" and token.level == 0 and title.startswith(begins):
            assert token.map
            shown.append(token.map[0] + 1)
    found = [note.line for note in find_notes(data)]
    assert set(found) <= set(shown)
    assert all(line in found for line in shown if has_a_name(text, line))


def has_a_name(text: str, line: int) -> bool:
    """Whether something besides marks stands behind "for"."""
    words = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[line - 1]
    behind = words.lower().partition(" for")[2]
    return any(char.isalnum() for char in behind)


BLOCKS = st.sampled_from(
    [
        "Plain text.",
        "```\n## Note for howard\n```",
        "> ## Note for howard",
        "- item\n\n  ## Note for howard",
        "    ## Note for howard",
        "<!-- ## Note for howard -->",
        "| a | b |\n|---|---|",
        "* * *",
        "1. one\n2. two",
        "a  \nb",
        "~~~\n# x\n~~~",
        "\u00fc\u4e2d\U0001f600",
    ]
)
ENDS = st.sampled_from(["# Top", "## Next section", "## Note for howard", "Note for howard\n======"])


@settings(max_examples=300, deadline=None)
@given(st.lists(BLOCKS, max_size=6), st.lists(BLOCKS, min_size=1, max_size=6), ENDS, st.lists(BLOCKS, max_size=6))
def test_a_note_among_any_blocks_comes_out_to_the_byte(
    above: list[str], inside: list[str], end: str, below: list[str]
) -> None:
    body = "\n\n".join(inside)
    log = "\n\n".join([*above, "Break.", "## Note for Mike", body, "Break.", end, *below])
    mine = [note for note in find_notes(log.encode()) if note.who == "Mike"]
    assert [note.text for note in mine] == [f"{body}\n\nBreak.".encode()]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "text",
    [
        b">" * 1_000_000,
        b"- " * 300_000,
        b"## Note for a\n" * 70_000,
        b"[" * 1_000_000,
        b"# " + b"*a" * 500_000,
        b"```\n" * 250_000,
        b"<!--\n" * 200_000,
        b"---\n" + b"a: b\n" * 200_000 + b"---\n",
        b"\t" * 1_000_000,
        b"## Note for " + b", " * 500_000,
        b"## Note for " + b" " * 1_000_000 + b"x",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_megabyte_of_anything_is_read_in_seconds(text: bytes) -> None:
    """A guard against quadratic reading, which would take hours: a minute is no measure of speed."""
    began = time.process_time()
    notes = find_notes(b"## Note for mike\nfirst\n## End\n" + text + b"\nnote for\n")
    for note in notes[:1000]:
        PEOPLE.find(note.who)
    assert notes[0].text == b"first"
    assert time.process_time() - began < 60


def test_names_fold_alike() -> None:
    assert fold("  MIKE   Swanson ") == fold("mike swanson") == "mike swanson"
