"""Gemini CLI's hooks (docs/hooks/reference.md of google-gemini/gemini-cli): `hook EVENT gemini`. Not seen with the real
client. It tells no original content and no id of a call: what lay there before is looked at by our own hook.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from claudetools.sessions.adapters.claude import text_of
from claudetools.sessions.event import Event, Reply
from claudetools.sessions.registry import current_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAMES = {
    "session-start": "SessionStart",
    "user-prompt": "BeforeAgent",
    "session-end": "SessionEnd",
    "pre-tool-use": "BeforeTool",
    "post-tool-use": "AfterTool",
}
TOOLS = {"write_file": "Write", "replace": "Edit", "run_shell_command": "Bash"}


def read(name: str, payload: Mapping[str, Any], environ: Mapping[str, str]) -> Event | None:
    """The event in neutral words; None without a session, or when it was fired as another event than `name`."""
    session = current_id(environ, payload)
    if session is None or payload.get("hook_event_name", NAMES[name]) != NAMES[name]:
        return None
    tool, given, answer = text_of(payload, "tool_name"), payload.get("tool_input"), payload.get("tool_response")
    given = dict(given) if isinstance(given, dict) else {}
    if tool == "replace":
        given["replace_all"] = bool(given.get("allow_multiple")) or given.get("expected_replacements", 1) != 1
    return Event(
        name=name,
        agent="gemini",
        session=session,
        cwd=text_of(payload, "cwd"),
        transcript=text_of(payload, "transcript_path"),
        source=text_of(payload, "source") or text_of(payload, "reason"),
        prompt=text_of(payload, "prompt"),
        tool=TOOLS.get(tool, tool),
        given=given,
        result=answer,
        failed=isinstance(answer, dict) and bool(answer.get("error")),
    )


def write(event: Event, reply: Reply) -> str:
    """The reply as Gemini reads it; "" when there is nothing to say. Before a tool it has no place for context: the
    person sees it instead."""
    if event.name == "session-end" or not any(reply):
        return ""
    if reply.refusal:
        return json.dumps({"decision": "deny", "reason": reply.refusal})
    if event.name == "pre-tool-use":
        return json.dumps({"systemMessage": reply.context})
    return json.dumps({"hookSpecificOutput": {"additionalContext": reply.context}})
