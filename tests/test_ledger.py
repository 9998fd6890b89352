"""The ledger of a session: what is appended is read again, whatever happens to the file in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.attribution.edits import MODES, UNKNOWN, Edit, digest, encode_edit, is_inside, parse_edits
from claudetools.core.place import Place
from claudetools.sessions import ledger
from claudetools.sessions.registry import folder_of
from world import TOOLKIT

SESSION = "7f3a"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    git = tmp_path / ".git"
    git.mkdir()
    return Place(str(tmp_path), str(git), str(git))


def edits_file(place: Place) -> Path:
    return Path(folder_of(place, SESSION)) / "edits.jsonl"


def edit(number: int) -> Edit:
    return Edit(f"a/{number}.md", digest(b"%d" % number), digest(b"%d" % (number + 1)), tool="Edit")


def same(found: list[Edit], wanted: list[Edit]) -> bool:
    return [e._replace(seq=0, time=0.0) for e in found] == [e._replace(seq=0, time=0.0) for e in wanted]


# --- what is written is read ---------------------------------------------------

names = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=8)
raw_names = st.binary(min_size=1, max_size=8).map(lambda b: os.fsdecode(b.replace(b"\0", b"x").replace(b"/", b"x")))
paths = st.lists(names | raw_names, min_size=1, max_size=3).map("/".join).filter(is_inside)
contents = st.none() | st.just(UNKNOWN) | st.binary(max_size=4).map(digest)
edits = st.builds(
    Edit,
    paths,
    contents,
    contents,
    kind=st.sampled_from(["edit", "write", "window", "file", "other"]),
    mode=st.sampled_from(MODES),
    was=st.sampled_from(MODES),
    tool=st.text(max_size=5),
    use=st.text(max_size=5),
    began=st.floats(0, 2e9),
    time=st.floats(1, 2e9),
    note=st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    seq=st.just(0),
)


@given(st.lists(edits, max_size=6))
def test_records_are_read_as_they_were_written(wanted: list[Edit]) -> None:
    found = parse_edits(b"".join(map(encode_edit, wanted)))
    assert found.problems == []
    assert [e._replace(seq=0) for e in found.edits] == wanted


@given(st.lists(edits, min_size=1, max_size=6), st.data())
def test_a_torn_record_costs_itself_alone(wanted: list[Edit], data: st.DataObject) -> None:
    lines = [encode_edit(e) for e in wanted]
    torn = data.draw(st.integers(0, len(lines) - 1), "torn record")
    cut = data.draw(st.integers(1, len(lines[torn]) - 1), "bytes that were written")
    found = parse_edits(b"".join([*lines[:torn], lines[torn][:cut], *lines[torn + 1 :]]))
    assert [e._replace(seq=0) for e in found.edits] == wanted[:torn] + wanted[torn + 1 :]
    assert len(found.problems) == (cut > 1)  # of the line feed alone nobody can tell


@given(st.lists(edits, min_size=1, max_size=6), st.data())
def test_reading_on_gives_what_is_behind_a_position(wanted: list[Edit], data: st.DataObject) -> None:
    whole = b"".join(map(encode_edit, wanted))
    first = parse_edits(whole)
    index = data.draw(st.integers(0, len(wanted) - 1))
    after = first.edits[index].seq
    assert parse_edits(whole[after:], after).edits == first.edits[index + 1 :]
    assert first.position == len(whole)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists).map(repr))
def test_nothing_in_a_ledger_makes_the_reader_fail(junk: bytes | str) -> None:
    data = junk if isinstance(junk, bytes) else junk.encode("utf-8", "replace")
    good = encode_edit(edit(1))
    found = parse_edits(good + b"\n" + data + good)
    assert len(found.edits) >= 2 or b"{" in data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"v": 2}, "version 2; this toolkit reads 1", id="newer"),
        pytest.param({"v": "1"}, "no record of a ledger", id="no version"),
        pytest.param({"path": "../x"}, "'path'", id="outside"),
        pytest.param({"path": "/etc/passwd"}, "'path'", id="absolute"),
        pytest.param({"path": ".git/config"}, "'path'", id="git's own"),
        pytest.param({"path": "\ud800"}, "'path'", id="no name at all"),
        pytest.param({"path": ["a"]}, "'path'", id="a list"),
        pytest.param({"before": "../../x"}, "'before'", id="no hash"),
        pytest.param({"after": 7}, "'after'", id="a number"),
        pytest.param({"mode": "040000"}, "'mode'", id="a folder's mode"),
        pytest.param({"time": float("nan")}, "'time'", id="no time"),
        pytest.param({"kind": {}}, "'kind'", id="no kind"),
        pytest.param({"note": []}, "'note'", id="no note"),
    ],
)
def test_a_record_that_lies_is_left_out_and_said(change: dict[str, Any], words: str) -> None:
    fields = {**json.loads(encode_edit(edit(1))), **change}
    found = parse_edits(b"\n" + json.dumps(fields).encode() + encode_edit(edit(2)))
    assert same(found.edits, [edit(2)])
    assert len(found.problems) == 1 and words in found.problems[0]


def test_a_field_that_is_not_known_does_no_harm() -> None:
    fields = {**json.loads(encode_edit(edit(1))), "later": True}
    assert same(parse_edits(b"\n" + json.dumps(fields).encode()).edits, [edit(1)])


# --- the file ---------------------------------------------------------------------


def test_a_ledger_that_is_missing_cut_or_replaced_is_said(place: Place) -> None:
    assert ledger.read_ledger(place, SESSION) == ([], [], 0)
    assert ledger.read_ledger(place, SESSION, 10).problems == ["the ledger is missing"]
    ledger.record(place, SESSION, [edit(1), edit(2)])
    end = ledger.read_ledger(place, SESSION).position
    assert ledger.read_ledger(place, SESSION, end) == ([], [], end)
    assert "replaced" in ledger.read_ledger(place, SESSION, end - 5).problems[0]
    assert "cut off" in ledger.read_ledger(place, SESSION, end + 5).problems[0]


def test_a_folder_in_the_place_of_the_ledger_is_said(place: Place) -> None:
    edits_file(place).mkdir(parents=True)
    assert "cannot be read" in ledger.read_ledger(place, SESSION).problems[0]


def test_a_content_that_is_missing_or_truncated_is_unknown(place: Place) -> None:
    ledger.record(place, SESSION, [Edit("a", None, digest(b"text"))], [b"text"])
    name = digest(b"text")
    assert ledger.blob(place, SESSION, name) == b"text"
    kept = edits_file(place).parent / "blobs" / name
    kept.write_bytes(b"tex")
    assert ledger.blob(place, SESSION, name) is None
    kept.unlink()
    assert ledger.blob(place, SESSION, name) is None
    assert ledger.blob(place, SESSION, UNKNOWN) is None
    assert ledger.blob(place, SESSION, "../edits.jsonl") is None


def test_what_is_consumed_is_forgotten_and_nothing_else(place: Place) -> None:
    ledger.record(place, SESSION, [Edit("a", digest(b"1"), digest(b"2"))], [b"1", b"2"])
    position = ledger.read_ledger(place, SESSION).position
    ledger.record(place, SESSION, [Edit("a", digest(b"2"), digest(b"3"))], [b"2", b"3"])
    (edits_file(place).parent / "blobs" / f"{digest(b'3')}.gone").write_bytes(b"3")  # of a killed run
    assert ledger.forget(place, SESSION, position) == 1
    found = [ledger.blob(place, SESSION, digest(data)) for data in (b"1", b"2", b"3")]
    assert found == [None, b"2", b"3"]
    assert ledger.forget(place, SESSION, ledger.read_ledger(place, SESSION).position) == 2
    assert list((edits_file(place).parent / "blobs").iterdir()) == []
    assert ledger.forget(place, "nobody", 0) == 0


# --- several writers at once ----------------------------------------------------------

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from claudetools.core.place import Place
from claudetools.sessions import ledger
place, name = Place(*sys.argv[2:5]), sys.argv[5]
sys.stdin.readline()
for n in range(int(sys.argv[6])):
    data = f"{name} {n} ".encode() * 2000
    edit = ledger.Edit(f"{name}/{n}", None, ledger.digest(data), tool="x" * 5000)
    ledger.record(place, "7f3a", [edit], [data])
"""


def start_writer(place: Place, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", "-c", WRITER, str(TOOLKIT / "pylib"), *place, name, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def test_writers_at_once_lose_no_record(place: Place) -> None:
    writers = [start_writer(place, f"w{n}", 25) for n in range(4)]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    assert [(w.communicate()[1], w.returncode) for w in writers] == [(b"", 0)] * 4
    found = ledger.read_ledger(place, SESSION)
    assert found.problems == []
    assert sorted(e.path for e in found.edits) == sorted(f"w{w}/{n}" for w in range(4) for n in range(25))
    assert all(ledger.blob(place, SESSION, e.after or "") for e in found.edits)
    for name in {e.path.split("/")[0] for e in found.edits}:
        mine = [int(e.path.split("/")[1]) for e in found.edits if e.path.startswith(name + "/")]
        assert mine == sorted(mine), "a writer's records keep their order"


def test_a_killed_writer_costs_at_most_its_last_record(place: Place) -> None:
    """Whatever the kill hits, the others' records stay, and every record that can be read has its content."""
    for seen in (1, 3, 6, 12):
        victim, other = start_writer(place, f"victim{seen}", 100_000), start_writer(place, f"other{seen}", 10)
        for writer in (victim, other):
            assert writer.stdin
            writer.stdin.write(b"go\n")
            writer.stdin.flush()
        while len([e for e in ledger.read_edits(place, SESSION) if e.path.startswith(f"victim{seen}/")]) < seen:
            assert victim.poll() is None
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        assert other.communicate()[1] == b""
        found = ledger.read_ledger(place, SESSION)
        assert len(found.problems) <= seen, found.problems
        assert [e.path for e in found.edits if e.path.startswith(f"other{seen}/")] == [
            f"other{seen}/{n}" for n in range(10)
        ]
        assert all(ledger.blob(place, SESSION, e.after or "") for e in found.edits)


@settings(max_examples=30)
@given(st.integers(0, 400))
def test_a_ledger_cut_anywhere_is_read_up_to_there(cut: int) -> None:
    wanted = [edit(n) for n in range(3)]
    whole = b"".join(map(encode_edit, wanted))
    found = parse_edits(whole[:cut])
    assert same(found.edits, wanted[: len(found.edits)])
    assert all(e.seq <= cut for e in found.edits)
