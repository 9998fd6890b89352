"""What an agent's hooks run: `hook EVENT [AGENT] < payload`. Standard library only, 30 ms, and never a failure.

The agent must not notice whether claudetools works: no repository, a broken payload, a full disk or a bug of ours end
with exit 0 and nothing on stdout. What went wrong is one line in `<state>/hooks.log`, for doctor.sh.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from claudetools.core.place import Place, find_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EVENTS = ("session-start", "user-prompt", "session-end", "pre-tool-use", "post-tool-use")
AGENTS = ("claude", "gemini")
STATE_FORMAT = "1"  # as in scripts/lib/repository.sh
LONGEST_PAYLOAD = 64 * 1024 * 1024
LONGEST_COMPLAINTS = 256 * 1024


def main(arguments: list[str]) -> int:
    """Always 0: a hook that fails is a message in somebody's conversation, or a call that does not run."""
    place = None
    try:
        event, agent = (*arguments, "claude")[:2]
        if event not in EVENTS or agent not in AGENTS:
            return 0
        payload = read_payload()
        place = place_of(payload, os.environ)
        if place and is_our_format(place):
            sys.stdout.write(answer(place, event, agent, payload, os.environ))
            sys.stdout.flush()
    except Exception as error:
        with suppress(Exception):
            complain(place or place_of({}, os.environ), arguments, error)
    return 0


def answer(place: Place, name: str, agent: str, payload: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """What the agent is to read from us, in its own format."""
    adapter = importlib.import_module(f"claudetools.sessions.adapters.{agent}")
    event = adapter.read(name, payload, environ)
    if event is None:
        return ""
    module = importlib.import_module(f"claudetools.sessions.events.{name.replace('-', '_')}")
    return str(adapter.write(event, module.handle(place, event)))


def read_payload() -> dict[str, Any]:
    """The object on stdin. Raises ValueError for anything else."""
    payload = json.loads(sys.stdin.buffer.read(LONGEST_PAYLOAD))
    if not isinstance(payload, dict):
        raise ValueError("the payload is no object")
    return payload


def place_of(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Place | None:
    """The project's tree. `cwd` follows the agent's `cd`, hence it is asked only where the project is not told."""
    folder = environ.get("CLAUDE_PROJECT_DIR") or payload.get("cwd") or "."
    return find_place(folder) if isinstance(folder, str) else None


def is_our_format(place: Place) -> bool:
    """Whether the state is of this version, or not there yet. Older code must not write into newer state."""
    try:
        with open(os.path.join(place.state, "format"), encoding="ascii", errors="replace") as file:
            return file.readline().strip() == STATE_FORMAT
    except OSError:
        return True


def complain(place: Place | None, arguments: list[str], error: Exception) -> None:
    """One line about a failure, where nobody is disturbed by it."""
    if place is None or not os.path.isdir(place.state):
        return
    path = os.path.join(place.state, "hooks.log")
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    line = f"{int(time.time())} {' '.join(arguments)} {where} {type(error).__name__}: {error}"
    with suppress(OSError):
        fresh = not os.path.exists(path) or os.stat(path).st_size < LONGEST_COMPLAINTS
        with open(path, "a" if fresh else "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line.replace("\n", " ")[:500] + "\n")
