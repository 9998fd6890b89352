"""claim, undo, restore: what somebody decides about the work of sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import Agent
from commands import run_tools
from forced import KILL_GROUP, KILL_HELPER, at, ended, was_reached
from test_split import LIST, ids, message
from world import SYNC, TOOLKIT, Machine, Result, World


@pytest.fixture
def shared(world: World) -> Machine:
    return world.synced({LIST: "".join(f"l{n}\n" for n in range(8))})


def sessions(machine: Machine, *args: str, me: str = "") -> Result:
    env = {"CLAUDETOOLS_SESSION_ID": me} if me else None
    return run_tools(machine, "sessions", *args, env=env)


def test_claim_takes_what_nobody_or_several_may_have_made(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    shared.write("by-hand.txt", "x\n")
    one.write("made.txt", b"by a command\n", "window", began=100.0, time=110.0)
    two.record("made.txt", None, b"by a command\n", "window", began=100.0, time=110.0)
    two.append(LIST, "of two")
    assert sessions(shared, "claim", "by-hand.txt").code == 64
    assert sessions(shared, "claim", "../elsewhere", me="one").code == 64
    result = sessions(shared, "claim", "by-hand.txt", "made.txt", LIST, me="one")
    assert result.code == 0 and result.out.count("[OK]") == 3, result.text
    assert one.sync().code == 0
    assert ids(shared, 1) == [["one"]]
    assert shared.git("show", "--format=", "--name-only", "HEAD").split() == ["by-hand.txt", "made.txt"]
    assert "of two" not in world.remote_file(LIST)
    assert two.sync().code == 0 and shared.status() == ""


def test_undo_waits_for_a_sync_that_was_cut_off(shared: Machine, world: World) -> None:
    """The folder stands on what came in, the branch not yet: first the sync is finished."""
    one, other = Agent(shared, "one"), world.machine("MAC-02", "howard")
    one.append(LIST, "of one")
    assert one.sync().code == 0 and other.sync().code == 0
    other.write(LIST, "howard's\n" + other.read(LIST))
    assert other.sync().code == 0
    env = at(shared, "advance-ref", KILL_HELPER)
    assert one.sync(**env).code == 70 and was_reached(env)
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 75 and "[ERROR] A sync was cut off before it was done." in result.err, result.text
    assert "of one\n" in shared.read(LIST) and "howard's\n" in shared.read(LIST)
    assert one.sync().code == 0 and sessions(shared, "undo", "one", "--yes").code == 0
    assert shared.read(LIST) == other.read(LIST).replace("of one\n", "")


def test_undo_leaves_the_index_lock_of_a_killed_sync_to_the_next_one(shared: Machine) -> None:
    one = Agent(shared, "one")
    one.append(LIST, "of one")
    assert one.sync().code == 0
    one.append(LIST, "more")
    env = at(shared, "index-locked", KILL_GROUP)
    ended(shared.start("bash", SYNC, env={**env, "CLAUDETOOLS_SESSION_ID": "one"}))
    assert was_reached(env) and (shared.top / ".git" / "index.lock").exists()
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 75 and "Nothing was changed. First: " in result.err, result.text
    assert "more\n" in shared.read(LIST)
    assert one.sync().code == 0 and sessions(shared, "undo", "one", "--yes").code == 0
    assert "of one" not in shared.read(LIST)


def test_undo_names_a_git_command_that_has_the_index(shared: Machine) -> None:
    one = Agent(shared, "one")
    one.append(LIST, "of one")
    assert one.sync().code == 0
    (shared.top / ".git" / "index.lock").touch()
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 75 and "[ERROR] Another git command has " in result.err, result.text
    (shared.top / ".git" / "index.lock").unlink()
    assert one.sync().code == 0
    assert "of one" not in shared.read(LIST) and shared.status() == ""
    shared.assert_sound()


def test_undo_shows_first_then_takes_lines_and_commits_back(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.append(LIST, "saved by one")
    one.write("one.txt", b"x\n")
    assert one.sync("-m", "One's work").code == 0
    two.replace(LIST, "l3\n", "l3\nof two\n")
    one.replace(LIST, "l0\n", "zero\nl0\n")
    result = sessions(shared, "undo", "one")
    assert result.code == 0 and "Would take back" in result.out and "Nothing was changed" in result.out, result.text
    assert "zero" in shared.read(LIST)
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 0, result.text
    assert shared.read(LIST) == "".join(f"l{n}\n" for n in range(8)).replace("l3\n", "l3\nof two\n")
    assert not (shared.top / "one.txt").exists()
    assert message(shared).startswith("Undo: One's work\n\nUndoes: ")
    assert shared.status().split() == ["M", LIST]
    shared.assert_sound()
    assert two.sync().code == 0
    assert world.remote_file(LIST) == shared.read(LIST) and "one.txt" not in world.remote_files()
    # Once more is a redo, and once more an undo.
    for there in (True, False):
        done = sessions(shared, "undo", "one", "--yes")
        assert done.code == 0 and ("take them out again" if there else "bring the commits back") in done.out, done.text
        assert ("saved by one" in shared.read(LIST)) == there == (shared.top / "one.txt").exists()


def test_unsaved_lines_that_undo_took_come_back_by_the_command_that_it_names(shared: Machine) -> None:
    one = Agent(shared, "one")
    one.append(LIST, "mine")
    one.write("new file.txt", b"x\n")
    taken = sessions(shared, "undo", "one", "--yes")
    assert taken.code == 0 and "mine" not in shared.read(LIST) and not (shared.top / "new file.txt").exists()
    named = [line.partition("bring them back: ")[2] for line in taken.out.splitlines() if "bring them back" in line]
    assert len(named) == 2
    for command in named:
        done = shared.run("bash", "-c", command)
        assert done.code == 0, done.text
    assert shared.read(LIST).endswith("mine\n") and shared.read("new file.txt") == "x\n"


def test_undo_takes_a_folder_away_that_stands_where_a_file_was(shared: Machine) -> None:
    one = Agent(shared, "one")
    one.write("place", b"x\n")
    assert one.sync().code == 0
    one.write("place", None)
    one.write("place/file.txt", b"y\n")
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 0, result.text
    assert not (shared.top / "place").exists() and shared.status() == ""


def test_undo_writes_nothing_behind_a_link(shared: Machine) -> None:
    one, outside = Agent(shared, "one"), shared.home / "outside"
    one.write("sub/file.txt", b"x\n")
    assert one.sync().code == 0
    one.write("sub/file.txt", None)
    outside.mkdir()
    (outside / "file.txt").write_text("not ours\n")
    (shared.top / "sub").rmdir()
    (shared.top / "sub").symlink_to(outside)
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 65 and "sub/file.txt: sub is a link or a file, not a folder" in result.err, result.text
    assert (outside / "file.txt").read_text() == "not ours\n"


def test_undo_leaves_what_others_have_built_on_and_names_them(shared: Machine) -> None:
    one, two = Agent(shared, "one", "acme vpn"), Agent(shared, "two", "isp")
    one.replace(LIST, "l3\n", "l3 of one\n")
    assert one.sync().code == 0
    two.replace(LIST, "l3 of one\n", "l3 of both\n")
    assert two.sync("-m", "Built on it").code == 0
    before = shared.read(LIST), shared.git("rev-parse", "HEAD")
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 65 and "Built on it" in result.err, result.text
    assert before == (shared.read(LIST), shared.git("rev-parse", "HEAD"))
    one.replace(LIST, "l5\n", "l5 of one\n")
    two.replace(LIST, "l5 of one\n", "l5 of both\n")
    result = sessions(shared, "undo", "one", "--yes")
    assert result.code == 65 and "hangs together with work of 'isp'" in result.err, result.text
    assert "l5 of both" in shared.read(LIST)


def test_restore_gives_way_to_who_writes_in_the_same_moment(shared: Machine) -> None:
    one = Agent(shared, "one")
    one.append(LIST, "of one")
    shared.git("checkout", "--", LIST)
    env = at(shared, "exchange", f"sed 's/l0/zero/' {LIST} >new && mv new {LIST}")
    result = shared.run(
        "bash", TOOLKIT / "scripts/claudetools.sh", "sessions", "restore", "one", LIST, "--yes", env=env
    )
    assert result.code == 65 and was_reached(env), result.text
    assert "[ERROR] Written to in the same moment, and left as it is:" in result.err and LIST in result.err
    assert shared.read(LIST).startswith("zero\n") and "of one" not in shared.read(LIST)
    assert sessions(shared, "restore", "one", LIST, "--yes").code == 0
    assert shared.read(LIST).startswith("zero\n") and shared.read(LIST).endswith("of one\n")
    assert shared.sync().code == 0


def test_restore_brings_lost_lines_back_and_nothing_else(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.append(LIST, "of one")
    two.append(LIST, "of two")
    shared.git("checkout", "--", LIST)
    two.replace(LIST, "l0\n", "l0 of two\n")
    result = sessions(shared, "restore", "one", LIST)
    assert result.code == 0 and "Would bring back 1 of its edits" in result.out, result.text
    result = sessions(shared, "restore", "one", LIST, "--yes")
    assert result.code == 0, result.text
    assert shared.read(LIST).startswith("l0 of two\n") and shared.read(LIST).endswith("l7\nof one\n")
    assert "[OK] Nothing of it is missing." in sessions(shared, "restore", "one", LIST, "--yes").out
    assert one.sync().code == 0
    assert world.remote_file(LIST).endswith("l7\nof one\n") and "l0 of two" not in world.remote_file(LIST)
    assert sessions(shared, "restore", "one", "README.md").code == 65
    assert not list(Path(shared.lock).glob("owner"))
