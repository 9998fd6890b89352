"""The hooks around an agent's tool calls, as the client runs them: what they write down, and what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from claudetools.attribution.edits import Edit
from claudetools.core.place import Place, find_place
from claudetools.sessions import calls, ledger, tools
from test_agent_hooks import HOOKS, fire, recorded
from world import Machine


def place_of(machine: Machine) -> Place:
    found = find_place(str(machine.top))
    assert found
    return found


class Agent:
    """A session that works through the client's hooks: the tools do here what the client's do."""

    def __init__(self, machine: Machine, id: str) -> None:
        self.machine, self.id, self.number, self.began = machine, id, 0, time.monotonic()
        self.place = place_of(machine)
        self.said: list[dict[str, Any]] = []

    def payload(self, tool: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
        common, _ = recorded("PreToolUse-Bash", self.machine)
        use = f"toolu_{self.id}_{self.number}"
        return {**common, "session_id": self.id, "tool_name": tool, "tool_input": given, "tool_use_id": use, **more}

    def fire(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        name = {"pre-tool-use": "PreToolUse", "post-tool-use": "PostToolUse"}[event]
        result = fire(self.machine, event, {**payload, "hook_event_name": name})
        assert result.code == 0 and result.err == "", result.text
        told: dict[str, Any] = json.loads(result.out)["hookSpecificOutput"] if result.out else {}
        self.said.append(told)
        return told

    def before(self, tool: str, given: dict[str, Any]) -> dict[str, Any]:
        self.number += 1
        self.began = time.monotonic()
        payload = self.payload(tool, given)
        return self.fire(
            "pre-tool-use", {k: v for k, v in payload.items() if k not in ("tool_response", "duration_ms")}
        )

    def after(self, tool: str, given: dict[str, Any], answer: Any) -> dict[str, Any]:
        took = int((time.monotonic() - self.began) * 1000)  # on a busy machine longer than the client would
        return self.fire("post-tool-use", self.payload(tool, given, tool_response=answer, duration_ms=took))

    def edit_call(self, path: str, old: str, new: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arguments and answer of an edit of what the file holds now, which is not written yet."""
        text = (self.machine.top / path).read_text()
        given = {"file_path": str(self.machine.top / path), "old_string": old, "new_string": new, "replace_all": False}
        return given, {"filePath": given["file_path"], "originalFile": text, "structuredPatch": []}

    def edit(self, path: str, old: str, new: str) -> None:
        given, answer = self.edit_call(path, old, new)
        self.before("Edit", given)
        self.machine.write(path, answer["originalFile"].replace(old, new, 1))
        self.after("Edit", given, answer)

    def write(self, path: str, text: str) -> None:
        given = {"file_path": str(self.machine.top / path), "content": text}
        self.before("Write", given)
        at = self.machine.top / path
        old = at.read_text() if at.exists() else None
        self.machine.write(path, text)
        self.after("Write", given, {"type": "update" if old else "create", "content": text, "originalFile": old})

    def bash(self, command: str) -> dict[str, Any]:
        told = self.before("Bash", {"command": command})
        if told.get("permissionDecision") == "deny":
            return told
        self.machine.run("bash", "-c", command)
        return self.after("Bash", {"command": command}, {"stdout": "", "stderr": ""})

    @property
    def edits(self) -> list[Edit]:
        found = ledger.read_ledger(self.place, self.id)
        assert found.problems == []
        return found.edits

    def contents(self) -> list[tuple[str, str | None, str | None]]:
        """Path, content before, content after."""
        return [(e.path, self.text(e.before), self.text(e.after)) for e in self.edits]

    def text(self, name: str | None) -> str | None:
        if name is None:
            return None
        data = ledger.blob(self.place, self.id, name)
        assert data is not None
        return data.decode()


def test_the_recorded_payloads_of_the_real_client(machine: Machine) -> None:
    """A write, an edit of what was written, a command: as the client sent them."""
    for name, text in ("Write", "alpha\n"), ("Edit", "beta\n"), ("Bash", None):
        before, _ = recorded(f"PreToolUse-{name}", machine)
        assert fire(machine, "pre-tool-use", before).out == ""
        if text is None:
            machine.write("notes/b.md", "bash-made\n")
        else:
            machine.write("notes/a.md", text)
        after, _ = recorded(f"PostToolUse-{name}", machine)
        assert fire(machine, "post-tool-use", after).out == ""
    agent = Agent(machine, before["session_id"])
    assert agent.contents() == [
        ("notes/a.md", None, "alpha\n"),
        ("notes/a.md", "alpha\n", "beta\n"),
        ("notes/b.md", None, "bash-made\n"),
    ]
    assert [e.kind for e in agent.edits] == ["write", "edit", "window"]
    assert [e.use for e in agent.edits] == [
        json.loads((Path(__file__).parent / "payloads" / f"PostToolUse-{n}.json").read_text())["stdin"]["tool_use_id"]
        for n in ("Write", "Edit", "Bash")
    ]
    assert calls.under_way(agent.place, agent.id) == []


def test_a_command_that_fails_may_have_changed_files(machine: Machine) -> None:
    before, _ = recorded("PreToolUse-Bash", machine)
    failure, _ = recorded("PostToolUseFailure", machine)
    ids = {"session_id": failure["session_id"], "tool_use_id": failure["tool_use_id"]}
    fire(machine, "pre-tool-use", {**before, **ids})
    machine.write("half.md", "half\n")
    assert fire(machine, "post-tool-use", failure).out == ""
    assert Agent(machine, failure["session_id"]).contents() == [("half.md", None, "half\n")]


def test_an_edit_that_fails_changes_nothing(machine: Machine) -> None:
    """Not even where another session has written meanwhile: that may be why it failed."""
    machine.write("a.md", "one\n")
    agent = Agent(machine, "s1")
    given, _ = agent.edit_call("a.md", "two", "2")
    agent.before("Edit", given)
    machine.write("a.md", "another's\n")
    payload = agent.payload("Edit", given, hook_event_name="PostToolUseFailure", error="not found")
    assert fire(machine, "post-tool-use", payload).out == ""
    assert agent.edits == [] and calls.under_way(agent.place, agent.id) == []


def test_an_edit_that_fails_after_it_has_written_is_known(machine: Machine) -> None:
    """The client looks once more at what it has written, and finds that a sync has merged another's line into it."""
    machine.write("a.md", "one\ntwo\n")
    agent = Agent(machine, "s1")
    given, _ = agent.edit_call("a.md", "two", "2")
    agent.before("Edit", given)
    machine.write("a.md", "another's\none\n2\n")
    error = f"Write verification failed: {machine.top}/a.md is 16 bytes on disk, expected 6."
    payload = agent.payload("Edit", given, hook_event_name="PostToolUseFailure", error=error)
    assert fire(machine, "post-tool-use", payload).code == 0
    (edit,) = agent.edits
    contents = [ledger.blob(agent.place, "s1", name or "") for name in (edit.before, edit.after)]
    assert edit.exact and contents == [b"one\ntwo\n", b"one\n2\n"]
    # Where it is written over, the client says the same, and does it again: it has changed nothing.
    given, _ = agent.edit_call("a.md", "one", "1")
    agent.before("Edit", given)
    machine.write("a.md", "another's\none\n2\nmore\n")
    payload = agent.payload("Edit", given, hook_event_name="PostToolUseFailure", error=error)
    assert fire(machine, "post-tool-use", payload).out == "" and agent.edits == [edit]


def test_files_outside_of_the_tree_are_nobodys_business(machine: Machine) -> None:
    agent = Agent(machine, "s1")
    outside = machine.home / "other.md"
    for path in (outside, machine.top / ".git" / "description", machine.top / ".." / "x"):
        given = {"file_path": str(path), "content": "x"}
        agent.before("Write", given)
        agent.after("Write", given, {"type": "create", "content": "x", "originalFile": None})
    assert agent.edits == []


def test_a_link_is_followed_to_the_file_that_is_written(machine: Machine) -> None:
    machine.write("real.md", "one\n")
    (machine.top / "link.md").symlink_to("real.md")
    agent = Agent(machine, "s1")
    agent.edit("link.md", "one", "two")
    assert agent.contents() == [("real.md", "one\n", "two\n")]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_file_with_other_line_ends_is_known_as_a_file(machine: Machine, end: bytes) -> None:
    machine.write("a.md", b"one" + end + b"two" + end)
    agent = Agent(machine, "s1")
    given = {"file_path": str(machine.top / "a.md"), "old_string": "two", "new_string": "2"}
    agent.before("Edit", given)
    machine.write("a.md", b"one" + end + b"2" + end)
    agent.after("Edit", given, {"originalFile": "one\ntwo\n", "structuredPatch": []})
    (edit,) = agent.edits
    assert edit.kind == ("edit" if end == b"\n" else "file")
    assert ledger.blob(agent.place, agent.id, edit.before or "") == b"one" + end + b"two" + end
    assert ledger.blob(agent.place, agent.id, edit.after or "") == b"one" + end + b"2" + end


def test_a_notebook_is_known_as_a_file(machine: Machine) -> None:
    machine.write("a.ipynb", "{}\n")
    agent = Agent(machine, "s1")
    given = {"notebook_path": str(machine.top / "a.ipynb"), "new_source": "x"}
    agent.before("NotebookEdit", given)
    machine.write("a.ipynb", '{"cells": []}\n')
    agent.after("NotebookEdit", given, {})
    assert [(e.path, e.kind) for e in agent.edits] == [("a.ipynb", "file")]


def test_what_a_tool_of_another_server_writes_is_its_sessions(machine: Machine) -> None:
    """Of an MCP tool nobody knows what it does: it is looked at from outside, as a shell command is."""
    machine.write("a.md", "one\n")
    agent = Agent(machine, "s1")
    given = {"path": str(machine.top / "a.md"), "content": "two\n"}
    assert agent.before("mcp__filesystem__write_file", given) == {}
    machine.write("a.md", "two\n")
    machine.write("b.md", "new\n")
    agent.after("mcp__filesystem__write_file", given, [{"type": "text", "text": "done"}])
    assert sorted(agent.contents(), key=str) == [("a.md", "one\n", "two\n"), ("b.md", None, "new\n")]
    assert {e.kind for e in agent.edits} == {"window"} and calls.under_way(agent.place, agent.id) == []
    agent.before("mcp__search__look_up", {"query": "x"})
    agent.after("mcp__search__look_up", {"query": "x"}, "nothing")
    assert len(agent.edits) == 2


@pytest.mark.parametrize("file", ["settings.json", "../hooks.json"])
def test_the_client_is_told_to_call_for_every_tool_that_writes(file: str) -> None:
    """A matcher of other than letters and bars is a regular expression that may match anywhere in the name."""
    hooks = json.loads((HOOKS / file).read_text())["hooks"]
    for event in ("PreToolUse", "PostToolUse", "PostToolUseFailure"):
        (group,) = hooks[event]
        for tool in (*tools.FILE_TOOLS, *tools.SHELL_TOOLS, "mcp__filesystem__write_file", "mcp__a-b__c"):
            assert re.search(group["matcher"], tool), tool
        for tool in ("Read", "Grep", "TodoWrite", "BashOutput", "Task", "KillBash"):
            assert not re.search(group["matcher"], tool), tool


def test_a_read_leaves_no_trace(machine: Machine) -> None:
    agent = Agent(machine, "s1")
    given = {"file_path": str(machine.top / "README.md")}
    agent.before("Read", given)
    agent.after("Read", given, {})
    assert agent.edits == [] and calls.under_way(agent.place, agent.id) == []


def test_two_hooks_of_one_session_at_once_lose_nothing(machine: Machine) -> None:
    """Subagents of one session edit different files: real hook processes, all at the same time."""
    count = 12
    agent = Agent(machine, "s1")
    payloads = []
    for n in range(count):
        given = {"file_path": str(machine.top / f"f{n}.md"), "content": f"{n}\n"}
        machine.write(f"f{n}.md", f"{n}\n")
        answer = {"type": "create", "content": f"{n}\n", "originalFile": None}
        payloads.append({**agent.payload("Write", given, tool_response=answer), "tool_use_id": f"t{n}"})
    env = machine.env({"CLAUDE_PROJECT_DIR": str(machine.top)})
    hooks = [
        subprocess.Popen(
            ["sh", "-c", f'"{HOOKS}/post-tool-use"'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        for _ in payloads
    ]
    for hook, payload in zip(hooks, payloads, strict=True):
        assert hook.stdin
        hook.stdin.write(json.dumps({**payload, "hook_event_name": "PostToolUse"}).encode())
    for hook in hooks:
        assert hook.stdin
        hook.stdin.close()
    assert [hook.wait() for hook in hooks] == [0] * count
    assert sorted(e.path for e in agent.edits) == sorted(f"f{n}.md" for n in range(count))
    assert all(agent.text(e.after) == f"{e.path[1:-3]}\n" for e in agent.edits)


def test_a_hook_never_disturbs_the_client(machine: Machine) -> None:
    """The state cannot be written: exit 0, nothing on stdout, the reason in our log."""
    folder = machine.state / "trees" / "main"
    folder.mkdir(parents=True)
    (folder / "sessions").write_text("in the way")
    agent = Agent(machine, "s1")
    machine.write("a.md", "x\n")
    agent.edit("a.md", "x", "y")
    assert agent.said == [{}, {}]
    assert "NotADirectoryError" in (machine.state / "hooks.log").read_text()


def test_when_the_edit_was_made_is_told_by_the_file(machine: Machine) -> None:
    machine.write("a.md", "x\n")
    agent = Agent(machine, "s1")
    start = time.time()
    given, answer = agent.edit_call("a.md", "x", "y")
    agent.before("Edit", given)
    machine.write("a.md", "y\n")
    written = os.stat(machine.top / "a.md").st_mtime
    agent.after("Edit", given, answer)
    (edit,) = agent.edits
    assert start - 1 <= edit.began <= edit.time
    assert edit.time == pytest.approx(written)
