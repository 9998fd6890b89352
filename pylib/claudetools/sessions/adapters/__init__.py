"""One module for each agent: `read(event, payload, environ) -> Event`, `write(event, reply) -> str`."""

from __future__ import annotations

from collections.abc import Mapping

from claudetools.sessions.event import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read_common(name: str, agent: str, session: str, payload: Mapping[str, Any]) -> Event:
    """What all agents that we know tell in the same words. A field that is missing, or something else, is empty."""
    given = payload.get("tool_input")
    return Event(
        name=name,
        agent=agent,
        session=session,
        cwd=text_of(payload, "cwd"),
        transcript=text_of(payload, "transcript_path"),
        source=text_of(payload, "source") or text_of(payload, "reason"),
        prompt=text_of(payload, "prompt"),
        tool=text_of(payload, "tool_name"),
        given=given if isinstance(given, dict) else {},
        result=payload.get("tool_response"),
    )


def text_of(payload: Mapping[str, Any], key: str) -> str:
    """A text of the payload, "" when it is missing or something else."""
    value = payload.get(key)
    return value if isinstance(value, str) else ""
