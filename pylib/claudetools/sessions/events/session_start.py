"""A session starts, goes on after a break, or has been compacted: it is registered, and told what it should know."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import registry
from claudetools.sessions.event import Event, Reply
from claudetools.sessions.events import TOOLKIT, news

# --- who works on this machine --------------------------------------------------------
# Whether anybody knows who works on this machine: asked when a session starts, not when its first sync stops.


SETUP = "bash .claude/scripts/claudetools.sh setup"


def warning(place: Place) -> list[str]:
    """One line where the next sync would stop for want of an identity; none where git's address is somebody's."""
    homes = (place.top, os.path.dirname(place.common))  # git brings ignored files into no linked worktree
    if any(os.path.exists(os.path.join(home, ".claude", "identity.json")) for home in homes):
        return []
    if not os.path.exists(os.path.join(place.top, ".claude", "claudetools.json")):
        return []
    from claudetools.core import identity  # with what it needs 15 ms, which nobody pays who is known

    try:
        identity.read_identity(place.top, address(place), "")
    except identity.Invalid as error:
        return [f"[WARN] {visible(str(error)).rstrip('.')}. Nothing can be synced before: {SETUP}"]
    return []


def address(place: Place) -> str:
    """git's own user.email, "" when there is none."""
    import subprocess

    asked = ("git", "-C", place.top, "config", "user.email")
    try:
        done = subprocess.run(asked, capture_output=True, check=False)
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


# --------------------------------------------------------------------------------------


# --- the process of the agent ---------------------------------------------------------
# Which process is the agent: the nearest ancestor of the hook that is no shell and not ours.


# Between the agent and us: its shell, the one that reads our script, and what passes a command on.
PASS_ON = {
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "ksh",
    "mksh",
    "ash",
    "busybox",
    "tcsh",
    "csh",
    "env",
    "nice",
    "timeout",
}
FARTHEST = 12


def find_agent() -> int:
    """The agent's process number, 0 where it cannot be told. Number 1 never ends while we see anything: 0."""
    known = _ask_ps() if not os.path.exists("/proc/self/stat") else None
    pid = os.getppid()
    for _ in range(FARTHEST):
        if pid <= 1:
            return 0
        found = known.get(pid) if known is not None else _ask_proc(pid)
        if found is None:
            return 0
        parent, name = found
        if name.lstrip("-").removesuffix(".exe") not in PASS_ON:
            return pid
        pid = parent
    return 0


def _ask_proc(pid: int) -> tuple[int, str] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    name = text[text.index(b"(") + 1 : text.rindex(b")")].decode("utf-8", "replace")
    with suppress(OSError):  # a script's process is called after the script; its program is the shell
        name = os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    return int(text[text.rindex(b")") + 2 :].split()[1]), name


def _ask_ps() -> dict[int, tuple[int, str]]:
    """Every process with its parent and name, in one call. Empty where there is no ps."""
    import subprocess  # 10 ms that Linux does not pay

    try:
        done = subprocess.run(("ps", "-A", "-o", "pid=,ppid=,comm="), stdout=subprocess.PIPE, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        pid, parent, name = [*line.split(None, 2), "", "", ""][:3]
        if pid.isdigit() and parent.isdigit():
            found[int(pid)] = (int(parent), os.path.basename(name.strip()))
    return found


# --------------------------------------------------------------------------------------


def handle(place: Place, event: Event) -> Reply:
    """Notes first, then what is wrong, then who else is here and where the last work stands.

    On a full disk the session still hears what can be read, and that it is not registered.
    """
    lines: list[str] = []
    reason = None
    for part in (register, notes, facts, past):
        try:
            lines += part(place, event)
        except OSError as error:
            reason = error.strerror or type(error).__name__
    if reason:
        lines.append(f"[WARN] {visible(place.state)} cannot be written: {reason}. Others may not see this session.")
    return Reply("\n".join(lines))


def register(place: Place, event: Event) -> list[str]:
    """Others see it from now on."""
    told = {"agent": event.agent, "transcript": event.transcript, "toolkit": TOOLKIT}
    registry.register(place, event.session, pid=find_agent(), **told)
    registry.prune(place)
    return []


def notes(place: Place, event: Event) -> list[str]:
    """What others have written. Before the facts, which tell of notes that nobody has taken."""
    return news.banner(place, event.session)


def facts(place: Place, event: Event) -> list[str]:
    """What holds now. A prompt tells what changes after it; what could not be remembered is told again there."""
    found = news.look(place, event.session, time.time())
    with suppress(OSError):
        news.remember(place, event.session, found)
    return [*warning(place), *found.values()]


def past(place: Place, event: Event) -> list[str]:
    """Where the last work stands. After a compaction the session itself knows."""
    if event.source == "compact":
        return []
    work = [*hours_of_client(place, event.cwd), *news.last_log(place, event.cwd)]
    return [*work, *news.without_log(place, event.session, time.time())]


def hours_of_client(place: Place, cwd: str) -> list[str]:
    """In a client's folder: what Syncro last said of its tickets and hours."""
    path = place.relative(cwd) if cwd else None
    if path is None or not path.startswith("clients/"):
        return []
    from claudetools.wiki import hours

    line = hours.line_for(place, hours.client_of(path + "/"))
    return [line] if line else []
