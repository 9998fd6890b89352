"""What shell commands changed goes out with the right session: real hooks, real commands, real syncs."""

from __future__ import annotations

import os

import pytest

from claudetools.sessions import registry
from test_tool_hooks import Agent, place_of
from world import SYNC, TOOLKIT, Machine, World

TOOLS = TOOLKIT / "scripts" / "claudetools.sh"


@pytest.fixture
def shared(world: World) -> Machine:
    machine = world.synced({"list.md": "one\ntwo\nthree\n"})
    for id in ("a", "b"):
        registry.register(place_of(machine), id, pid=os.getpid(), topic=f"topic {id}")
    return machine


def save(machine: Machine, id: str) -> str:
    result = machine.sync(env={"CLAUDETOOLS_SESSION_ID": id})
    assert result.code == 0, result.text
    return result.out


def test_an_edit_inside_of_anothers_command_stays_the_editors(shared: Machine, world: World) -> None:
    a, b = Agent(shared, "a"), Agent(shared, "b")
    a.before("Bash", {"command": "make"})
    shared.write("list.md", shared.read("list.md") + "made by a\n")
    b.edit("list.md", "one\n", "one\nwritten by b\n")
    shared.write("made.md", "made by a\n")
    a.after("Bash", {"command": "make"}, {})
    save(shared, "a")
    assert world.remote_file("list.md") == "one\ntwo\nthree\nmade by a\n"
    assert world.remote_file("made.md") == "made by a\n"
    save(shared, "b")
    assert world.remote_file("list.md") == shared.read("list.md")
    assert shared.status() == ""


def test_what_a_command_did_before_it_starts_the_sync_is_its_sessions(shared: Machine, world: World) -> None:
    a, b = Agent(shared, "a"), Agent(shared, "b")
    b.edit("list.md", "one\n", "one\nwritten by b\n")
    command = {"command": "echo made by a >>list.md; sync"}
    a.before("Bash", command)
    shared.write("list.md", shared.read("list.md") + "made by a\n")
    save(shared, "a")
    shared.write("later.md", "made by a\n")
    a.after("Bash", command, {})
    assert world.remote_file("list.md") == "one\ntwo\nthree\nmade by a\n"
    assert world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)").strip() == "a"
    assert [e.path for e in a.edits] == ["list.md", "later.md"]
    save(shared, "a")
    assert world.remote_file("later.md") == "made by a\n"


def test_two_commands_at_once_are_never_in_the_wrong_commit(shared: Machine, world: World) -> None:
    """Both saw it change: nobody can tell, so it waits until both have saved; what each did alone goes with its own."""
    a, b = Agent(shared, "a"), Agent(shared, "b")
    a.before("Bash", {"command": "x"})
    shared.write("only-a.md", "a\n")
    b.before("Bash", {"command": "y"})
    shared.write("either.md", "?\n")
    a.after("Bash", {"command": "x"}, {})
    shared.write("only-b.md", "b\n")
    b.after("Bash", {"command": "y"}, {})
    save(shared, "a")
    assert sorted(set(world.remote_files()) & {"only-a.md", "only-b.md", "either.md"}) == ["only-a.md"]
    save(shared, "b")
    assert {"only-a.md", "only-b.md", "either.md"} <= set(world.remote_files()) and shared.status() == ""
    made = "--format=%(trailers:key=Session-Id,valueonly,separator=%x2C)"
    assert world.remote_git("log", "-1", made, "main", "--", "either.md").strip() == "b,a"
    assert world.remote_git("log", "-1", made, "main", "--", "only-a.md").strip() == "a"


def test_a_command_that_still_runs_may_have_done_it(shared: Machine, world: World) -> None:
    a, b = Agent(shared, "a"), Agent(shared, "b")
    b.before("Bash", {"command": "long"})
    a.bash("sh -c 'echo x >either.md'")
    save(shared, "a")
    assert "either.md" not in world.remote_files()


def test_a_program_that_calls_sync_sh_itself(shared: Machine, world: World) -> None:
    """The client's own way: one shell command that writes and saves."""
    a = Agent(shared, "a")
    script = f"echo made by a >>list.md; CLAUDETOOLS_SESSION_ID=a bash {SYNC}"
    a.bash(script)
    assert world.remote_file("list.md") == "one\ntwo\nthree\nmade by a\n"
    assert world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)").strip() == "a"
    assert shared.status() == ""


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("of_a", "of_b", "goes"),
    [
        ("echo x >> own.md", "echo y >> other.md", True),  # each writes its own and nothing else
        ("cat > own.md", "npm test", True),  # b may write anything, but only a is known to write this
        ("python fix.py", "echo y >> other.md", True),  # b cannot have written it
        ("python fix.py", "npm test", False),
        ("cat > own.md", "python fix.py own.md", False),
        ("cat > own.md", "echo y >> own.md", False),
    ],
)
def test_what_commands_consist_of_tells_whose_a_change_is(
    shared: Machine, world: World, of_a: str, of_b: str, goes: bool
) -> None:
    a, b = Agent(shared, "a"), Agent(shared, "b")
    a.before("Bash", {"command": of_a})
    b.before("Bash", {"command": of_b})
    shared.write("own.md", "x\n")
    a.after("Bash", {"command": of_a}, {})
    b.after("Bash", {"command": of_b}, {})
    out = save(shared, "a")
    assert ("own.md" in world.remote_files()) == goes, out
    if not goes:
        assert (
            "[INFO] Waiting: own.md changed while commands of several sessions ran, one of them 'topic b' (live)" in out
        )
        assert "sessions claim own.md" in out
        assert shared.run("bash", TOOLS, "sessions", "claim", "own.md", env={"CLAUDETOOLS_SESSION_ID": "a"}).code == 0
        save(shared, "a")
    assert "own.md" in world.remote_files() and shared.status() == ""
    assert world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)").strip() == "a"


def test_a_deletion_that_two_commands_may_have_made_is_neithers_alone(shared: Machine, world: World) -> None:
    a, b = Agent(shared, "a"), Agent(shared, "b")
    a.before("Bash", {"command": "make"})
    b.before("Bash", {"command": "make"})
    (shared.top / "list.md").unlink()
    b.after("Bash", {"command": "make"}, {})
    a.after("Bash", {"command": "make"}, {})
    for id in ("a", "b"):
        out = save(shared, id)
        assert ("Waiting: list.md" in out) == (id == "a"), out
    assert "list.md" not in world.remote_files()


def test_only_the_lines_that_cannot_be_told_apart_wait(shared: Machine, world: World) -> None:
    a, b = Agent(shared, "a"), Agent(shared, "b")
    a.edit("list.md", "one\n", "one\nwritten by a\n")
    a.before("Bash", {"command": "make"})
    b.before("Bash", {"command": "make"})
    shared.write("list.md", shared.read("list.md") + "made by one of them\n")
    b.after("Bash", {"command": "make"}, {})
    a.after("Bash", {"command": "make"}, {})
    b.edit("list.md", "three\n", "written by b\nthree\n")
    assert "Waiting: list.md changed while" in save(shared, "a")
    assert world.remote_file("list.md") == "one\nwritten by a\ntwo\nthree\n"
    assert world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)").strip() == "a"
    assert "Waiting" not in save(shared, "b")
    assert world.remote_file("list.md") == shared.read("list.md") and shared.status() == ""
