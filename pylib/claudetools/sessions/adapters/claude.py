"""Claude Code's hooks: JSON on stdin, context as JSON on stdout. Seen with 2.1.197; a field that is missing is ""."""

from __future__ import annotations

import json
from collections.abc import Mapping

from claudetools.sessions.adapters import read_common, text_of
from claudetools.sessions.event import Event, Reply
from claudetools.sessions.registry import current_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAMES = {
    "session-start": "SessionStart",
    "user-prompt": "UserPromptSubmit",
    "session-end": "SessionEnd",
    "pre-tool-use": "PreToolUse",
    "post-tool-use": "PostToolUse",
}
FAILED = "PostToolUseFailure"  # a command that ends with an error may have changed files as well


def read(name: str, payload: Mapping[str, Any], environ: Mapping[str, str]) -> Event | None:
    """The event in neutral words; None without a session, or when it was fired as another event than `name`."""
    session = current_id(environ, payload)
    fired = payload.get("hook_event_name", NAMES[name])
    if session is None or (fired != NAMES[name] and (name, fired) != ("post-tool-use", FAILED)):
        return None
    took = payload.get("duration_ms")
    event = read_common(name, "claude", session, payload)
    return event._replace(
        result=payload.get("error") if fired == FAILED else event.result,
        use=text_of(payload, "tool_use_id"),
        subagent=text_of(payload, "agent_id"),
        seconds=took / 1000 if isinstance(took, (int, float)) and 0 < took < 1e9 else 0.0,
        failed=fired == FAILED,
    )


def write(event: Event, reply: Reply) -> str:
    """The reply as Claude Code reads it; "" when there is nothing to say."""
    if event.name == "session-end" or not any(reply):
        return ""
    told: dict[str, str] = {"hookEventName": FAILED if event.failed else NAMES[event.name]}
    if reply.refusal:
        told |= {"permissionDecision": "deny", "permissionDecisionReason": reply.refusal}
    if reply.context:
        told["additionalContext"] = reply.context
    return json.dumps({"hookSpecificOutput": told})
