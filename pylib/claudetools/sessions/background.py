"""Shell commands that go on after the client has answered: `run_in_background`, a command moved there, `command &`.

Their window stays open until the client says that the task is done, the session ends, or no process of theirs is left.
It is rolled forward with every look of the session. Where processes cannot be listed, only the first two end it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress

from claudetools.core.place import Place
from claudetools.sessions import calls, registry, windows
from claudetools.sessions.event import Event

DETACHED = "&"  # as the name of a task that the client does not know
NOTIFICATION = "<task-notification>"
TASK = re.compile(r"<task-id>\s*([^<\s]{1,100})\s*</task-id>")
AMPERSAND = re.compile(r"(?<![&<>|\\])&(?![&>])")  # `a & b`; neither `&&`, `>&`, `&>` nor `|&`
LEAVES = ("nohup ", "setsid ", "disown", "systemd-run", "tmux ", "screen ", "start ")
VARIABLES = (b"CLAUDE_CODE_SESSION_ID=", b"CLAUDETOOLS_SESSION_ID=")
SLACK = 1.0  # seconds between what the clock and what the system says of a start


def task_of(place: Place, event: Event, call: calls.Call) -> str:
    """The client's name of the task that the command has become; DETACHED where only its processes tell; else ""."""
    told = event.result.get("backgroundTaskId") if isinstance(event.result, dict) else None
    if isinstance(told, str) and told:
        return told[:100]
    if event.given.get("run_in_background") is True:
        return DETACHED
    command = event.given.get("command")
    if not isinstance(command, str) or not (AMPERSAND.search(command) or any(word in command for word in LEAVES)):
        return ""
    session = registry.read_session(place, event.session)
    return DETACHED if session and is_running(session, call) else ""


def look(place: Place, id: str, done: Collection[str] = ()) -> None:
    """Roll the session's background windows forward and close those that are over. `done`: tasks that the client has
    named; whether there are processes is asked for the others. Raises OSError, GitFailed."""
    there = [call for call in calls.under_way(place, id) if call.background]
    session = registry.read_session(place, id) if there else None
    for call in there:
        goes_on = call.background not in done and session is not None and is_running(session, call)
        windows.finish(place, id, call, goes_on=goes_on)


def end(place: Place, id: str) -> None:
    """The session ends, and its tasks with it. Raises OSError, GitFailed."""
    for call in calls.under_way(place, id):
        if call.background:
            windows.finish(place, id, call)


def tasks_done(prompt: str) -> list[str]:
    """The tasks of which a prompt of the client's own says that they are over."""
    return TASK.findall(prompt) if NOTIFICATION in prompt else []


def is_running(session: registry.Session, call: calls.Call) -> bool:
    """Whether a process that the session has started since the command began is there. True: cannot tell."""
    if not os.path.exists("/proc/self/stat"):
        return True
    ours = set(ancestors(os.getpid()))
    marks = [name + session.id.encode() for name in VARIABLES]
    since = (pid for pid in processes_since(call.first - SLACK) if pid not in ours)
    return any(has_variable(pid, marks) or session.pid in ancestors(pid) for pid in since)


def processes_since(began: float) -> Iterator[int]:
    """Each process that is no zombie and has started since."""
    ticks = os.sysconf("SC_CLK_TCK")
    with open("/proc/uptime", encoding="ascii") as file:
        booted = time.time() - float(file.read().split()[0])
    for name in os.listdir("/proc"):
        fields = stat_of(int(name)) if name.isdigit() else None
        if fields and fields[0] not in (b"Z", b"X") and booted + int(fields[19]) / ticks >= began:
            yield int(name)


def stat_of(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the state on, proc(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    return text[text.rindex(b")") + 2 :].split()


def has_variable(pid: int, marks: list[bytes]) -> bool:
    """Whether the process was started with one of these in its environment."""
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        return any(one in marks for one in file.read().split(b"\0"))
    return False


def ancestors(pid: int) -> Iterator[int]:
    """The process, its parent, and so on."""
    while pid > 1:
        yield pid
        fields = stat_of(pid)
        pid = int(fields[1]) if fields else 0
