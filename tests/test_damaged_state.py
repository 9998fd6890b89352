"""Records of our own that a power loss or a hand has damaged: named, worked around, and no work is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from forced import (
    KILL_GROUP,
    TOKENS,
    assert_nothing_pending,
    assert_together,
    assert_whose,
    copy_world,
    lines,
    work_on_both_sides,
)
from test_kill import kill_at
from world import Machine, World

DAMAGES = ["empty", "torn", "zeros", "another shape"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return work_on_both_sides(tmp_path_factory.mktemp("template") / "world")


@pytest.fixture
def two(template: World, tmp_path: Path) -> World:
    return copy_world(template, tmp_path / "world")


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    broken = {"empty": b"", "torn": data[: len(data) // 2], "zeros": b"\0" * len(data), "another shape": b"[[1]]\n"}
    path.write_bytes(broken[how])


def tree_of(machine: Machine) -> Path:
    return machine.state / "trees" / "main"


@pytest.mark.sampled(8)
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("record", ["journal", "swap/plan"])
def test_a_cut_off_receive_whose_record_is_damaged_is_set_aside_and_said(two: World, record: str, how: str) -> None:
    mike, howard = two.machines["LINUX-01"], two.machines["MAC-02"]
    kill_at(mike, "swapped-3", KILL_GROUP)
    damage(tree_of(mike) / record, how)
    result = mike.sync()
    assert result.code == 65 and "Traceback" not in result.text, result.text
    (kept,) = (mike.state / "quarantine").glob("receive-*")
    assert "A receive was cut off" in result.out and f"rm -r {kept}" in result.out, result.text
    assert {p.name for p in kept.iterdir()} == {"journal", "swap"}
    for machine in (mike, howard, mike):
        result = machine.sync()
        assert result.code == 0, result.text
    for machine in (mike, howard):
        machine.assert_sound()
        assert_nothing_pending(machine)
        assert machine.status() == "" and machine.git("rev-parse", "HEAD") == two.tip()
        assert machine.read("mod.txt") == lines((3, "UP-mod"))
        assert machine.read("merged.txt") == lines((1, "UP-merged"), (10, "MY-merged"))
        assert machine.read("sub/new.txt") == "UP-new\n"
        assert not (machine.top / "gone.txt").exists()
    log = two.remote_git("log", "-p", "--format=", "main")
    for token in TOKENS:
        assert not [line for line in log.splitlines() if line.startswith("-") and token in line], token


@pytest.mark.sampled(4)
@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_list_of_replaced_files_stops_no_sync(two: World, how: str) -> None:
    mike = two.machines["LINUX-01"]
    assert mike.sync().code == 0
    (manifest,) = tree_of(mike).glob("late/*/manifest.json")
    damage(manifest, how)
    (tree_of(mike) / "late" / "looked").unlink()
    mike.write("more.txt", "more\n")
    result = mike.sync()
    assert result.code == 0 and "Traceback" not in result.text, result.text
    assert "more.txt" in two.remote_files()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("record", ["received", "accepted", "pairs"])
def test_a_record_that_cannot_be_written_is_named_and_nothing_is_lost(two: World, record: str) -> None:
    """A link to nowhere in its place: permissions would not stop root."""
    mike = two.machines["LINUX-01"]
    path = tree_of(mike) / record
    path.unlink(missing_ok=True)
    path.symlink_to(mike.home / "missing" / record)
    result = mike.sync()
    assert result.code == 73 and result.err == "", result.text
    assert f"[ERROR] {path} cannot be written (permissions or a full disk?)." in result.out
    assert "Others commit here" not in result.out
    mike.assert_sound()
    path.unlink()
    for machine in (mike, two.machines["MAC-02"]):
        result = machine.sync()
        assert result.code == 0, result.text
    assert_together(two)
    assert_whose(two, TOKENS)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("text", ["", "\0\0\0\n", "garbage $(id)\n", "x" * 300])
def test_a_damaged_note_of_the_remotes_tip_is_no_rewritten_history(two: World, text: str) -> None:
    mike = two.machines["LINUX-01"]
    (tree_of(mike) / "accepted").write_text(text)
    result = mike.sync()
    assert result.code == 0 and result.err == "", result.text
