"""Two clients write one file in the same moment: whoever is concerned hears of it at once, and nobody else."""

from __future__ import annotations

import os

import pytest

from claudetools.sessions import registry
from test_tool_hooks import Agent, place_of
from world import Machine, World

TEXT = "".join(f"line {n}\n" for n in range(9))


@pytest.fixture
def two(machine: Machine) -> tuple[Agent, Agent]:
    machine.write("list.md", TEXT)
    assert machine.sync().code == 0
    for id, topic in ("a", "acme vpn"), ("b", "sophos"):
        registry.register(place_of(machine), id, pid=os.getpid(), topic=topic)
    return Agent(machine, "a"), Agent(machine, "b")


def fork(machine: Machine, a: Agent, b: Agent, late: bool) -> list[dict[str, str]]:
    """b's client reads the file, a's edit is made whole, b's client writes. `late`: a's hook runs after all that."""
    given, answer = b.edit_call("list.md", "line 8", "written by b")
    b.before("Edit", given)
    given_a, answer_a = a.edit_call("list.md", "line 1", "written by a")
    a.before("Edit", given_a)
    machine.write("list.md", TEXT.replace("line 1", "written by a"))
    told = [] if late else [a.after("Edit", given_a, answer_a)]
    machine.write("list.md", TEXT.replace("line 8", "written by b"))
    told.append(b.after("Edit", given, answer))
    return [*told, *([a.after("Edit", given_a, answer_a)] if late else [])]


def test_who_wrote_over_anothers_edit_hears_of_it(machine: Machine, two: tuple[Agent, Agent]) -> None:
    told = fork(machine, *two, late=False)
    assert told[0] == {}
    assert told[1]["hookEventName"] == "PostToolUse"
    assert "this edit of list.md wrote over what 'acme vpn' wrote there" in told[1]["additionalContext"]
    assert "do not make the edit once more" in told[1]["additionalContext"]
    b = two[1]
    given, answer = b.edit_call("list.md", "line 5", "5")
    b.before("Edit", given)
    machine.write("list.md", answer["originalFile"].replace("line 5", "5"))
    assert b.after("Edit", given, answer) == {}, "it is said once"


def test_whose_edit_was_written_over_hears_of_it_when_its_hook_comes_last(
    machine: Machine, two: tuple[Agent, Agent]
) -> None:
    told = fork(machine, *two, late=True)
    assert told[0] == {}
    assert "'sophos' wrote over this edit of list.md" in told[1]["additionalContext"]


def test_edits_one_after_the_other_are_no_loss(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, b = two
    a.edit("list.md", "line 1", "written by a")
    b.edit("list.md", "line 8", "written by b")
    b.edit("list.md", "written by a", "changed by b")
    assert all(told == {} for told in a.said + b.said if told.get("hookEventName") != "PreToolUse")


def test_an_undo_is_no_loss(machine: Machine, two: tuple[Agent, Agent]) -> None:
    """The file is as before when b's call begins: somebody wanted that."""
    a, b = two
    a.edit("list.md", "line 1", "written by a")
    machine.git("checkout", "-q", "--", "list.md")
    b.edit("list.md", "line 8", "written by b")
    assert all(told == {} for told in a.said + b.said if told.get("hookEventName") != "PreToolUse")


def test_a_command_that_runs_beside_them_does_not_hide_it(
    machine: Machine, world: World, two: tuple[Agent, Agent]
) -> None:
    """Its window sees the file change from the one edit to the other; what was not there when it began is no proof."""
    registry.register(place_of(machine), "c", pid=os.getpid(), topic="make")
    c = Agent(machine, "c")
    c.before("Bash", {"command": "make"})
    told = fork(machine, *two, late=False)
    assert "wrote over what 'acme vpn' wrote" in told[1]["additionalContext"]
    c.after("Bash", {"command": "make"}, {})
    for id in ("b", "a"):
        assert machine.sync(env={"CLAUDETOOLS_SESSION_ID": id}).code == 0
    both = TEXT.replace("line 1", "written by a").replace("line 8", "written by b")
    assert world.remote_file("list.md") == both


@pytest.mark.parametrize("late", [False, True])
def test_the_next_sync_puts_back_what_was_lost(
    machine: Machine, world: World, two: tuple[Agent, Agent], late: bool
) -> None:
    """Through the real hooks, in whichever order they come: both edits are in the file, each in its own commit."""
    fork(machine, *two, late=late)
    assert "written by a" not in machine.read("list.md")
    for id in ("b", "a"):
        saved = machine.sync(env={"CLAUDETOOLS_SESSION_ID": id})
        assert saved.code == 0, saved.text
    both = TEXT.replace("line 1", "written by a").replace("line 8", "written by b")
    assert machine.read("list.md") == world.remote_file("list.md") == both
    assert machine.status() == ""
    told = machine.git("log", "-2", "--format=%(trailers:key=Session-Id,valueonly,separator=%x2c)").split()
    assert told == ["a", "b"]


def test_a_second_loss_and_a_later_edit_do_not_hide_the_first(
    machine: Machine, world: World, two: tuple[Agent, Agent]
) -> None:
    """a's edit is lost, a goes on with another one, and then loses one of b's."""
    a, b = two
    fork(machine, a, b, late=False)
    a.edit("list.md", "line 3", "third by a")
    given, answer = a.edit_call("list.md", "line 4", "fourth by a")
    a.before("Edit", given)
    text = machine.read("list.md")
    b.edit("list.md", "line 6", "sixth by b")
    machine.write("list.md", text.replace("line 4", "fourth by a"))
    assert "wrote over what 'sophos' wrote" in a.after("Edit", given, answer)["additionalContext"]
    for id in ("b", "a"):
        assert machine.sync(env={"CLAUDETOOLS_SESSION_ID": id}).code == 0
    wanted = [
        ("1", "written by a"),
        ("3", "third by a"),
        ("4", "fourth by a"),
        ("6", "sixth by b"),
        ("8", "written by b"),
    ]
    text = TEXT
    for number, new in wanted:
        text = text.replace(f"line {number}", new)
    assert machine.read("list.md") == world.remote_file("list.md") == text
    machine.write("list.md", text.replace("written by a\n", ""))
    assert machine.sync().code == 0
    assert "written by a" not in world.remote_file("list.md"), "taken out on purpose, it never comes back"
