"""Gemini CLI's hooks (docs/hooks/reference.md of google-gemini/gemini-cli): `hook EVENT gemini`. Not seen with the real
client. It tells no original content and no id of a call: what lay there before is looked at by our own hook.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from claudetools.sessions.adapters import read_common
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
    event = read_common(name, "gemini", session, payload)
    given = dict(event.given)
    if event.tool == "replace":
        given["replace_all"] = bool(given.get("allow_multiple")) or given.get("expected_replacements", 1) != 1
    failed = isinstance(event.result, dict) and bool(event.result.get("error"))
    return event._replace(tool=TOOLS.get(event.tool, event.tool), given=given, failed=failed)


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
