"""Another agent's hooks lead to the same ledger: payloads as the reference of Gemini CLI describes them."""

from __future__ import annotations

import json
import os
from typing import Any

from claudetools.attribution.edits import Edit, digest
from claudetools.core.place import find_place
from claudetools.sessions import ledger, registry
from test_agent_hooks import fire
from world import Machine

SESSION = "5c0f6a50-f0a4-4f8e-9b1e-1c9f34d0e1aa"


def send(machine: Machine, event: str, name: str, **more: Any) -> dict[str, Any]:
    """One hook of the client: what it is told."""
    common = {
        "session_id": SESSION,
        "transcript_path": "/t.json",
        "cwd": str(machine.top),
        "timestamp": "2026-06-05T21:02",
    }
    env = {"CLAUDE_PROJECT_DIR": ""}
    result = fire(machine, event, {**common, "hook_event_name": name, **more}, env, "gemini")
    assert result.code == 0 and result.err == "", result.text
    found: dict[str, Any] = json.loads(result.out) if result.out else {}
    return found


def tool(machine: Machine, name: str, given: dict[str, Any], path: str = "", text: str = "") -> dict[str, Any]:
    """A whole tool call that writes `text` to `path`; refused, nothing is written."""
    told = send(machine, "pre-tool-use", "BeforeTool", tool_name=name, tool_input=given)
    if told.get("decision") == "deny":
        return told
    machine.write(path, text)
    answer = {"llmContent": "done", "returnDisplay": "done"}
    return send(machine, "post-tool-use", "AfterTool", tool_name=name, tool_input=given, tool_response=answer)


def test_its_tools_are_written_down_like_any_others(machine: Machine) -> None:
    send(machine, "session-start", "SessionStart", source="startup")
    at = str(machine.top / "notes/a.md")
    tool(machine, "write_file", {"file_path": at, "content": "one\ntwo\n"}, "notes/a.md", "one\ntwo\n")
    given = {"file_path": "notes/a.md", "old_string": "two", "new_string": "2", "instruction": "shorten"}
    tool(machine, "replace", given, "notes/a.md", "one\n2\n")
    tool(machine, "run_shell_command", {"command": "echo x >b.md"}, "b.md", "x\n")
    place = find_place(str(machine.top))
    assert place
    found = ledger.read_ledger(place, SESSION)
    assert found.problems == []
    assert [(e.path, e.kind, e.tool) for e in found.edits] == [
        ("notes/a.md", "write", "Write"),
        ("notes/a.md", "edit", "Edit"),
        ("b.md", "window", "Bash"),
    ]
    assert ledger.blob(place, SESSION, found.edits[1].before or "") == b"one\ntwo\n"
    assert ledger.blob(place, SESSION, found.edits[1].after or "") == b"one\n2\n"
    session = registry.read_session(place, SESSION)
    assert session and (session.agent, session.transcript, session.state()) == ("gemini", "/t.json", "live")
    send(machine, "session-end", "SessionEnd", reason="exit")
    session = registry.read_session(place, SESSION)
    assert session and session.state() == "ended"


def test_it_hears_of_others_and_is_held_back_beside_them(machine: Machine) -> None:
    place = find_place(str(machine.top))
    assert place
    registry.register(place, "other", pid=os.getpid(), topic="acme vpn")
    told = send(machine, "session-start", "SessionStart", source="startup")
    assert "'acme vpn'" in told["hookSpecificOutput"]["additionalContext"]
    told = tool(machine, "run_shell_command", {"command": "git stash"})
    assert told["decision"] == "deny" and "save your own work" in told["reason"]
    machine.write("a.md", "theirs\n")
    ledger.record(place, "other", [Edit("a.md", None, digest(b"theirs\n"), "write")], [b"theirs\n"])
    given = {"file_path": "a.md", "old_string": "theirs", "new_string": "mine"}
    told = send(machine, "pre-tool-use", "BeforeTool", tool_name="replace", tool_input=given)
    assert told["systemMessage"].startswith("[INFO] 'acme vpn' has unsaved changes in a.md.")


def test_a_tool_that_fails_changes_nothing(machine: Machine) -> None:
    machine.write("a.md", "one\n")
    given = {"file_path": "a.md", "old_string": "x", "new_string": "y"}
    send(machine, "pre-tool-use", "BeforeTool", tool_name="replace", tool_input=given)
    answer = {"llmContent": "no", "returnDisplay": "no", "error": {"message": "0 occurrences"}}
    send(machine, "post-tool-use", "AfterTool", tool_name="replace", tool_input=given, tool_response=answer)
    place = find_place(str(machine.top))
    assert place and ledger.read_edits(place, SESSION) == []
