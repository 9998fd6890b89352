"""What a hook hands to the module of its event, whatever agent it came from, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping

from claudetools.core.light import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Event(NamedTuple):
    """One call of a hook. Texts are "" where the agent does not tell.

    `source` is why the session started or ended ("startup", "resume", "clear", "compact", "logout" ...). For tools:
    `tool` is its name, `use` the id of this call, `given` its arguments, `result` what it answered (None before it
    ran, the words of its error where it failed), `subagent` the id of the subagent that calls, "" for the session
    itself, `seconds` how long it ran (0.0: not told), `failed` whether it ended with an error.
    """

    name: str
    agent: str
    session: str
    cwd: str = ""
    transcript: str = ""
    source: str = ""
    prompt: str = ""
    tool: str = ""
    use: str = ""
    given: Mapping[str, Any] = {}
    result: Any = None
    subagent: str = ""
    seconds: float = 0.0
    failed: bool = False


class Reply(NamedTuple):
    """What the agent is told. `context` is read by the model; `refusal` is the reason why a tool call must not run."""

    context: str = ""
    refusal: str = ""


SILENT = Reply()
