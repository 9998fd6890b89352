"""What an editing tool says it did is applied and verified: exact where text and bytes are one, else not at all."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.attribution.edits import digest
from claudetools.sessions.ledger import NOTHING, Sight
from claudetools.sessions.tools import ToolChange, change_of, patched, plain, replaced

BOM = "\ufeff"


def seen(data: bytes | str | None) -> Sight:
    if data is None:
        return NOTHING
    data = data.encode() if isinstance(data, str) else data
    return Sight(digest(data), "100644", data)


def hunks(old: str, new: str) -> list[dict[str, Any]]:
    """A structured patch as the client makes it."""
    found: list[dict[str, Any]] = []
    a, b = old.split("\n"), new.split("\n")
    for group in difflib.SequenceMatcher(None, a, b, autojunk=False).get_grouped_opcodes(3):
        lines = []
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [" " + x for x in a[i1:i2]]
            else:
                lines += ["-" + x for x in a[i1:i2]] + ["+" + x for x in b[j1:j2]]
        found.append({"oldStart": group[0][1] + 1, "lines": lines})
    return found


def edit(old: str, new: str, original: str | None, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments and answer of the Edit tool."""
    given = {"file_path": "a", "old_string": old, "new_string": new, **more}
    answer: dict[str, Any] = {"oldString": old, "newString": new, "replaceAll": more.get("replace_all", False)}
    if original is not None:
        answer |= {"originalFile": original, "structuredPatch": hunks(original, replaced(original, [given]) or "")}
    return given, answer


def test_an_edit_is_exact() -> None:
    found = change_of("Edit", *edit("two", "2", "one\ntwo\n"), seen("one\ntwo\n"), seen("one\n2\n"))
    assert found == ToolChange("edit", b"one\ntwo\n", b"one\n2\n")


def test_a_write_of_a_new_file_is_exact() -> None:
    answer: dict[str, Any] = {"type": "create", "content": "x\n", "structuredPatch": [], "originalFile": None}
    given = {"file_path": "a", "content": "x\n"}
    assert change_of("Write", given, answer, seen(None), seen("x\n")) == ToolChange("write", None, b"x\n")
    assert change_of("Write", given, answer, None, seen("x\n")) == ToolChange("write", None, b"x\n")


def test_an_overwrite_is_exact() -> None:
    answer = {"type": "update", "content": "x\n", "originalFile": "old\n"}
    found = change_of("Write", {"content": "x\n"}, answer, seen("old\n"), seen("x\n"))
    assert found == ToolChange("write", b"old\n", b"x\n")


def test_what_another_session_wrote_behind_it_is_not_taken_for_its_own() -> None:
    found = change_of("Edit", *edit("two", "2", "one\ntwo\n"), seen("one\ntwo\n"), seen("one\n2\nthree\n"))
    assert found == ToolChange("edit", b"one\ntwo\n", b"one\n2\n")


def test_what_another_session_wrote_just_before_it_is_not_either() -> None:
    given, answer = edit("two", "2", "zero\none\ntwo\n")
    found = change_of("Edit", given, answer, seen("one\ntwo\n"), seen("zero\none\n2\n"))
    assert found == ToolChange("edit", b"zero\none\ntwo\n", b"zero\none\n2\n")


def test_what_the_client_does_beyond_the_strings_is_seen_in_the_patch() -> None:
    """It takes the line feed along when a line is deleted, and writes straight quotes for curly ones."""
    given, answer = edit("two", "", "one\ntwo\nthree\n")
    answer["structuredPatch"] = hunks("one\ntwo\nthree\n", "one\nthree\n")
    found = change_of("Edit", given, answer, None, seen("one\nthree\n"))
    assert found == ToolChange("edit", b"one\ntwo\nthree\n", b"one\nthree\n")


def test_several_edits_at_once() -> None:
    given: dict[str, Any] = {"edits": [{"old_string": "a", "new_string": "b"}, {"old_string": "b", "new_string": "c"}]}
    answer = {"originalFileContents": "a\n"}
    assert change_of("MultiEdit", given, answer, None, seen("c\n")) == ToolChange("edit", b"a\n", b"c\n")


def test_an_agent_that_tells_no_original_is_believed_by_what_was_seen() -> None:
    given = {"old_string": "two", "new_string": "2"}
    found = change_of("Edit", given, {}, seen("one\ntwo\n"), seen("one\n2\n"))
    assert found == ToolChange("edit", b"one\ntwo\n", b"one\n2\n")
    assert change_of("Edit", given, {}, seen("one\ntwo\n"), seen("one\n2\nthree\n")) is None
    assert change_of("Edit", given, {}, None, seen("one\n2\n")) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"one\r\ntwo\r\n", b"one\r\n2\r\n", id="crlf"),
        pytest.param(b"one\r\ntwo\n", b"one\r\n2\r\n", id="mixed"),
        pytest.param((BOM + "one\ntwo\n").encode(), (BOM + "one\n2\n").encode(), id="byte order mark"),
        pytest.param("one\ntwo\n".encode("utf-16"), "one\n2\n".encode("utf-16"), id="utf-16"),
        pytest.param(b"caf\xe9\none\ntwo\n", b"caf\xe9\none\n2\n", id="latin-1"),
        pytest.param(b"one\r\ntwo\r\n", b"one\n2\n", id="crlf made lf"),
    ],
)
@pytest.mark.parametrize("looked", [True, False])
def test_where_text_and_bytes_differ_the_file_is_all_that_is_known(before: bytes, after: bytes, looked: bool) -> None:
    shown = before.decode("utf-16" if before[:2] == b"\xff\xfe" else "utf-8", "replace").removeprefix(BOM)
    shown = shown.replace("\r\n", "\n")
    found = change_of("Edit", *edit("two", "2", shown), seen(before) if looked else None, seen(after))
    if looked or plain(after) is None:
        assert found is None


@pytest.mark.parametrize("result", [None, {}, [], "text", {"originalFile": 7, "structuredPatch": [1]}])
@pytest.mark.parametrize("given_", [{}, {"old_string": 1, "new_string": 2}, {"edits": [None, 3]}, {"content": b"x"}])
@pytest.mark.parametrize("tool", ["Edit", "Write", "MultiEdit"])
def test_a_payload_of_another_shape_tells_nothing(tool: str, given_: Any, result: Any) -> None:
    assert change_of(tool, given_, result, seen("a\n"), seen("b\n")) is None


lines = st.lists(st.sampled_from(["", "a", "b", " c", "-d", "\\e"]), max_size=8)


@given(lines, lines, st.booleans(), st.booleans())
def test_a_patch_leads_to_the_new_text(old: list[str], new: list[str], end: bool, new_end: bool) -> None:
    before, after = "\n".join(old) + "\n" * end, "\n".join(new) + "\n" * new_end
    if before != after:
        assert patched(before, hunks(before, after)) == after


@given(st.text(max_size=20), st.text(max_size=4), st.text(max_size=4), st.binary(max_size=20) | st.text(max_size=20))
def test_what_is_exact_is_true(original: str, old: str, new: str, disk: bytes | str) -> None:
    """Whatever lies on the disk: an exact change starts from the tool's text and ends in what the tool wrote."""
    given_, answer = edit(old, new, original)
    wanted = replaced(original, [given_])
    on_disk = disk if isinstance(disk, bytes) else disk.encode("utf-8", "surrogatepass")
    found = change_of("Edit", given_, answer, None, seen(on_disk))
    if found:
        assert found.before == original.encode()
        assert found.after.decode() == wanted or wanted is None
        assert plain(found.before) is not None
