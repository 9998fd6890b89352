"""A Write over a file in which another live session has unsaved lines: real hooks, as the client runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from claudetools.sessions import calls
from test_agent_hooks import start
from test_tool_hooks import Agent
from world import Machine

BASE = "".join(f"line {n}\n" for n in range(1, 6))
WHOLE = BASE.replace("line 5", "line 5 by s2")  # without what s1 has written


@pytest.fixture
def two(machine: Machine) -> tuple[Agent, Agent]:
    machine.write("w.md", BASE)
    assert machine.sync().code == 0
    for id in "s1", "s2":
        start(machine, id)
    one, other = Agent(machine, "s1"), Agent(machine, "s2")
    one.edit("w.md", "line 2\n", "line 2 by s1\n")
    return one, other


def ask(agent: Agent, content: str, tool: str = "Write", **more: str) -> dict[str, Any]:
    """What the hook says before a write of the whole file."""
    return agent.before(tool, {"file_path": str(agent.machine.top / "w.md"), "content": content, **more})


def is_refused(told: dict[str, Any]) -> bool:
    return told.get("permissionDecision") == "deny"


def test_it_is_refused_with_the_lines_and_what_to_do(two: tuple[Agent, Agent]) -> None:
    told = ask(two[1], WHOLE)
    assert is_refused(told)
    reason = told["permissionDecisionReason"]
    assert "\n  line 2 by s1\n" in reason and "line 1" not in reason and "read the file" in reason
    assert calls.under_way(two[1].place, "s2") == []


def test_what_it_was_told_of_once_it_may_take_away(two: tuple[Agent, Agent]) -> None:
    assert is_refused(ask(two[1], WHOLE)) and not is_refused(ask(two[1], WHOLE))
    two[0].edit("w.md", "line 3\n", "line 3 by s1\n")
    assert is_refused(ask(two[1], WHOLE))


def test_a_write_that_keeps_the_lines_goes_through(two: tuple[Agent, Agent]) -> None:
    assert not is_refused(ask(two[1], WHOLE.replace("line 2\n", "line 2 by s1\n")))
    assert not is_refused(ask(two[1], "new\nline 2 by s1\r\n"))


def test_lines_that_are_saved_are_no_reason(two: tuple[Agent, Agent]) -> None:
    assert two[0].machine.sync(env={"CLAUDETOOLS_SESSION_ID": "s1"}).code == 0
    assert ask(two[1], WHOLE) == {}


def test_ones_own_lines_are_no_reason(two: tuple[Agent, Agent]) -> None:
    assert ask(two[0], WHOLE) == {}


def test_what_its_own_edit_has_found_it_has_read(two: tuple[Agent, Agent]) -> None:
    two[1].edit("w.md", "line 4\n", "line 4 by s2\n")
    assert not is_refused(ask(two[1], WHOLE))


@pytest.mark.parametrize(
    ("shown", "refused"), [("     2\u2192line 2 by s1\n", False), ("line 2 by s1", False), ("xline 2 by s1", True)]
)
def test_what_its_transcript_shows_it_has_read(
    two: tuple[Agent, Agent], tmp_path: Path, shown: str, refused: bool
) -> None:
    path = tmp_path / "transcript.jsonl"
    content = [{"type": "tool_result", "content": shown}]
    path.write_text(json.dumps({"type": "user", "message": {"content": content}}, ensure_ascii=False) + "\n")
    agent = two[1]
    payload = agent.payload("Write", {"file_path": str(agent.machine.top / "w.md"), "content": WHOLE})
    assert is_refused(agent.fire("pre-tool-use", {**payload, "transcript_path": str(path)})) is refused


@pytest.mark.parametrize(
    "given",
    [{"path": "w.md", "content": WHOLE}, {"filename": "w.md", "text": WHOLE}, {"path": "{top}/w.md", "file_text": ""}],
)
def test_a_tool_of_a_server_that_writes_files(two: tuple[Agent, Agent], given: dict[str, str]) -> None:
    told = {key: value.replace("{top}", str(two[1].machine.top)) for key, value in given.items()}
    assert is_refused(two[1].before("mcp__files__write_file", told))
    assert two[1].before("mcp__files__read_file", {"path": "w.md"}) == {}


@pytest.mark.parametrize(("mode", "heard"), [("tell", "additionalContext"), ("off", None)])
def test_a_person_sets_what_happens(two: tuple[Agent, Agent], mode: str, heard: str | None) -> None:
    two[1].machine.git("config", "claudetools.guards", mode)
    told = ask(two[1], WHOLE)
    assert not is_refused(told)
    assert heard is None or "line 2 by s1" in told[heard]


def test_many_lines_and_lines_of_any_text(two: tuple[Agent, Agent]) -> None:
    """The refusal stays short, and no line of a file can write a line of it or move a terminal's cursor."""
    many = "".join(f"\x1b[31m{n}\u202e {'x' * 500}\n" for n in range(300))
    two[0].edit("w.md", "line 3\n", many)
    reason = ask(two[1], WHOLE)["permissionDecisionReason"]
    assert len(reason) < 2500 and "\x1b" not in reason and "\u202e" not in reason and "301 unsaved lines" in reason


@pytest.mark.parametrize("told", ["{", "[]", '{"w.md": 7}', '{"w.md": [7]}'])
def test_a_broken_memory_is_none(two: tuple[Agent, Agent], told: str) -> None:
    folder = Path(two[1].place.tree) / "sessions" / "s2"
    (folder / "overwrite.json").write_text(told)
    assert is_refused(ask(two[1], WHOLE))
