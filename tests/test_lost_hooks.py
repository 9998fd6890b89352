"""Two clients write one file in the same moment: whoever is concerned hears of it at once, and nobody else."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from claudetools.attribution.chain import PUT_BACK
from claudetools.attribution.edits import digest
from claudetools.sessions import registry, windows
from claudetools.sessions.record import wrote
from forced import at, was_reached
from test_agent_hooks import HOOKS
from test_tool_hooks import Agent, place_of
from world import TOOLKIT, Machine, World

TEXT = "".join(f"line {n}\n" for n in range(9))


@pytest.fixture
def machine(world: World) -> Machine:
    return world.synced({"list.md": TEXT})


@pytest.fixture
def two(machine: Machine) -> tuple[Agent, Agent]:
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


@pytest.mark.sampled(2)
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


def authors(machine: Machine, *ids: str) -> None:
    """Every line that says by whom it is lies in the commit of that session alone, and in one commit."""
    rows = machine.git("log", "--grep=^Session-Id: ", "--format=%H %(trailers:key=Session-Id,valueonly,separator=%x2c)")
    seen = []
    for row in rows.splitlines():
        oid, told = row.split()
        patch = machine.git("show", "--format=", "-U0", oid)
        found = re.findall(r"^\+.* by (\w)$", patch, re.M)
        assert set(found) <= {told}, (told, patch)
        seen += re.findall(r"^\+(.* by \w)$", patch, re.M)
    assert len(seen) == len(set(seen)) and {line[-1] for line in seen} == set(ids), seen


@pytest.fixture
def three(machine: Machine, two: tuple[Agent, Agent]) -> tuple[Agent, Agent, Agent]:
    registry.register(place_of(machine), "c", pid=os.getpid(), topic="isp")
    return *two, Agent(machine, "c")


def lose_two(machine: Machine, a: Agent, b: Agent, c: Agent) -> str:
    """a and c edit the file while b's client works on what it has read. Gives the text with all three."""
    given, answer = b.edit_call("list.md", "line 8", "written by b")
    b.before("Edit", given)
    a.edit("list.md", "line 1", "written by a")
    c.edit("list.md", "line 4", "written by c")
    machine.write("list.md", TEXT.replace("line 8", "written by b"))
    b.after("Edit", given, answer)
    return TEXT.replace("line 1", "written by a").replace("line 4", "written by c").replace("line 8", "written by b")


def save_all(machine: Machine, ids: str) -> None:
    for id in ids:
        saved = machine.sync(env={"CLAUDETOOLS_SESSION_ID": id})
        assert saved.code == 0, saved.text


def test_two_losses_at_once_come_back_one_after_the_other(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent]
) -> None:
    a, b, c = three
    text = lose_two(machine, a, b, c)
    save_all(machine, "bac")
    assert machine.read("list.md") == world.remote_file("list.md") == text and machine.status() == ""
    authors(machine, "a", "b", "c")
    first, second = (agent.edits[-1] for agent in (a, c))
    assert first.tool == second.tool == "put-back"
    assert first.after == second.before and first.before != second.before, "each record is its own step"
    assert first.after != second.after


def test_of_two_that_came_back_what_is_taken_out_on_purpose_stays_out(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent]
) -> None:
    """By an edit that makes exactly what lay there before they came back."""
    a, b, c = three
    text = lose_two(machine, a, b, c)
    assert machine.sync(env={"CLAUDETOOLS_SESSION_ID": "b"}).code == 0
    assert machine.read("list.md") == text
    b.write("list.md", TEXT.replace("line 8", "written by b"))
    save_all(machine, "bacb")
    assert "by a" not in machine.read("list.md") + world.remote_file("list.md")
    assert "by c" not in machine.read("list.md") + world.remote_file("list.md")


@pytest.mark.sampled(5)
@pytest.mark.parametrize("who", ["a", "b", "c"])
@pytest.mark.parametrize("place", ["swap-1", "swapped-1", "advance-done"])
def test_an_edit_while_lines_come_back_stays_its_own(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent], place: str, who: str, tmp_path: Path
) -> None:
    """Before the file is exchanged: then it gets both. After it, before the sync has written down what it did."""
    text = lose_two(machine, *three)
    before = TEXT.replace("line 8", "written by b") if place == "swap-1" else text
    after = before.replace("line 6", f"later by {who}")
    (tmp_path / "text").write_text(after)
    (tmp_path / "said").write_text(json.dumps({"session": who, "path": "list.md", "before": before, "after": after}))
    record = f"bash '{TOOLKIT}/scripts/claudetools.sh' sessions record"
    env = at(machine, place, f"cat '{tmp_path}/text' >list.md; {record} <'{tmp_path}/said'")
    saved = machine.sync(env={"CLAUDETOOLS_SESSION_ID": "b", **env})
    assert saved.code == 0 and was_reached(env), saved.text
    save_all(machine, "acb")
    wanted = text.replace("line 6", f"later by {who}")
    assert machine.read("list.md") == world.remote_file("list.md") == wanted and machine.status() == ""
    authors(machine, "a", "b", "c")
    machine.write("list.md", wanted.replace("written by a\n", ""))
    save_all(machine, "bac")
    assert "written by a" not in machine.read("list.md") + world.remote_file("list.md")


def begun_by_d(machine: Machine, folder: Path) -> tuple[Agent, dict[str, str], dict[str, Any], str]:
    """A fourth client has read list.md and is about to write line 6: who, the call, its answer, the command that
    writes."""
    registry.register(place_of(machine), "d", pid=os.getpid(), topic="rename")
    d = Agent(machine, "d")
    given, answer = d.edit_call("list.md", "line 6", "written by d")
    d.before("Edit", given)
    (folder / "text").write_text(answer["originalFile"].replace("line 6", "written by d"))
    return d, given, answer, f"cat '{folder}/text' >list.md"


def test_a_write_in_the_moment_of_the_exchange_leaves_no_gap(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent], tmp_path: Path
) -> None:
    """It goes into the file that the sync takes out: it is carried over, and the next loss is proved all the same."""
    text = lose_two(machine, *three)
    d, given, answer, write = begun_by_d(machine, tmp_path)
    env = at(machine, "swapped-1", write.replace("list.md", f"'{machine.state}/trees/main/swap/1'"))
    saved = machine.sync("--mine", env={"CLAUDETOOLS_SESSION_ID": "b", **env})
    assert saved.code == 0 and was_reached(env), saved.text
    d.after("Edit", given, answer)
    text = text.replace("line 6", "written by d")
    assert machine.read("list.md") == text
    last = [agent.edits[-1] for agent in (three[0], three[2])]
    assert last[-1].tool == PUT_BACK and digest(text.encode()) in [edit.after for edit in last]
    save_all(machine, "dacb")
    assert machine.read("list.md") == world.remote_file("list.md") == text and machine.status() == ""
    authors(machine, "a", "b", "c", "d")


def test_who_writes_in_the_moment_before_the_exchange_has_his_way(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent], tmp_path: Path
) -> None:
    """In the very line as well: nothing is held back for it, and the next sync brings back what it can."""
    text = lose_two(machine, *three)
    d, given, answer, write = begun_by_d(machine, tmp_path)
    env = at(machine, "exchange", write.replace("list.md", "new && mv new list.md"))
    saved = machine.sync("--mine", env={"CLAUDETOOLS_SESSION_ID": "b", **env})
    assert saved.code == 0 and was_reached(env), saved.text
    d.after("Edit", given, answer)
    assert "by d" in machine.read("list.md") and "by a" not in machine.read("list.md")
    save_all(machine, "dacb")
    text = text.replace("line 6", "written by d")
    assert machine.read("list.md") == world.remote_file("list.md") == text and machine.status() == ""
    authors(machine, "a", "b", "c", "d")


def test_what_came_back_and_is_written_over_at_once_comes_back_again(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent], tmp_path: Path
) -> None:
    """A client has read the file before the sync and writes before the sync has written down what it did."""
    text = lose_two(machine, *three)
    d, given, answer, write = begun_by_d(machine, tmp_path)
    env = at(machine, "advance-done", write)
    assert machine.sync("--mine", env={"CLAUDETOOLS_SESSION_ID": "b", **env}).code == 0 and was_reached(env)
    assert "by a" not in machine.read("list.md")
    told = d.after("Edit", given, answer)
    assert "wrote over what" in told["additionalContext"]
    save_all(machine, "dacb")
    assert machine.read("list.md") == world.remote_file("list.md") == text.replace("line 6", "written by d")
    authors(machine, "a", "b", "c", "d")


def test_what_comes_back_is_looked_at_again_before_the_same_sync_commits(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent], tmp_path: Path
) -> None:
    """Written over at once, and its hook is through as well, before the sync that put it back reads the tree anew: once
    that has committed all of it, nothing would lead anybody to look."""
    text = lose_two(machine, *three)
    d, given, answer, write = begun_by_d(machine, tmp_path)
    done = {**d.payload("Edit", given, tool_response=answer), "hook_event_name": "PostToolUse"}
    (tmp_path / "payload").write_text(json.dumps(done))
    hook = f"CLAUDE_PROJECT_DIR='{machine.top}' sh '{HOOKS}/post-tool-use' <'{tmp_path}/payload'"
    env = at(machine, "advance-done", f"{write}\n{hook}")
    saved = machine.sync("--all", env={"CLAUDETOOLS_SESSION_ID": "b", **env})
    assert saved.code == 0 and was_reached(env), saved.text
    assert world.remote_file("list.md") == text.replace("line 6", "written by d"), saved.text
    assert machine.status() == ""
    authors(machine, "a", "b", "c", "d")


def test_what_was_taken_back_before_a_write_is_no_loss(machine: Machine, three: tuple[Agent, Agent, Agent]) -> None:
    """While b's client works on what it has read, a edits and c undoes that."""
    a, b, c = three
    given, answer = b.edit_call("list.md", "line 8", "written by b")
    b.before("Edit", given)
    a.edit("list.md", "line 1", "written by a")
    c.edit("list.md", "written by a", "line 1")
    machine.write("list.md", TEXT.replace("line 8", "written by b"))
    assert b.after("Edit", given, answer) == {}
    save_all(machine, "bac")
    assert machine.read("list.md") == TEXT.replace("line 8", "written by b")
    assert not any(edit.tool == "put-back" for edit in a.edits + c.edits)


def test_without_a_beginning_nothing_is_proved(machine: Machine, two: tuple[Agent, Agent]) -> None:
    """b's agent has no hooks: it says what it did, not since when."""
    a, _ = two
    a.edit("list.md", "line 1", "written by a")
    text = TEXT.replace("line 8", "written by b")
    machine.write("list.md", text)
    wrote(place_of(machine), "b", "list.md", TEXT.encode(), text.encode())
    save_all(machine, "ba")
    assert machine.read("list.md") == text


@pytest.mark.sampled(8)
@pytest.mark.parametrize("saver", ["b", "d"])
@pytest.mark.parametrize("place", ["snapshot", "swap-1", "swapped-1", "advance-done"])
def test_a_command_that_ends_while_lines_come_back_did_not_write_them(
    machine: Machine, world: World, three: tuple[Agent, Agent, Agent], place: str, saver: str, tmp_path: Path
) -> None:
    registry.register(place_of(machine), "d", pid=os.getpid(), topic="make")
    d = Agent(machine, "d")
    text = lose_two(machine, *three)
    d.edit("list.md", "line 6", "written by d")
    windows.start(place_of(machine), "d", "u1", "Bash")
    (tmp_path / "said").write_text(json.dumps({"session": "d", "event": "close", "use": "u1"}))
    record = f"bash '{TOOLKIT}/scripts/claudetools.sh' sessions record"
    env = at(machine, place, f"echo x >made.txt; {record} <'{tmp_path}/said'")
    saved = machine.sync(env={"CLAUDETOOLS_SESSION_ID": saver, **env})
    assert saved.code == 0 and was_reached(env), saved.text
    save_all(machine, "acbd")
    wanted = text.replace("line 6", "written by d")
    assert machine.read("list.md") == world.remote_file("list.md") == wanted and machine.status() == ""
    authors(machine, "a", "b", "c", "d")
