"""What the system says about a process: there or not, zombie, when it started.

The start time is the raw field 22 of `/proc/<pid>/stat` (clock ticks since boot, proc(5)): psutil's `create_time`
adds the boot time and moves when the clock is stepped (psutil #1724, #2526). Elsewhere psutil's value is used.
"""

from __future__ import annotations

import os

from claudetools.light import NamedTuple


class Process(NamedTuple):
    """A process seen right now. `start` is comparable with the record of the same system only."""

    pid: int
    start: str
    zombie: bool
    command: str


def look_up(pid: int) -> Process | None:
    """The process with this pid, or None when there is none. Raises OSError when the system will not tell."""
    if pid <= 0 or pid > 2**31 - 1:
        return None
    if os.path.exists("/proc/self/stat"):
        return _from_proc(pid)
    return _from_psutil(pid)


def _from_proc(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None if _unknown_to_psutil(pid) else Process(pid, "unknown", False, "")
    name = text[text.index(b"(") + 1 : text.rindex(b")")].decode("utf-8", "replace")
    fields = text[text.rindex(b")") + 2 :].split()
    return Process(pid, fields[19].decode(), fields[0] in (b"Z", b"X"), name)


def _unknown_to_psutil(pid: int) -> bool:
    """A second witness: /proc may be mounted with hidepid, where other people's processes have no entry."""
    try:
        import psutil

        return not psutil.pid_exists(pid)
    except ImportError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def _from_psutil(pid: int) -> Process | None:
    try:
        import psutil
    except ImportError as error:
        raise OSError("psutil is not installed") from error
    if not psutil.pid_exists(pid):
        return None
    try:
        process = psutil.Process(pid)
        zombie = process.status() == psutil.STATUS_ZOMBIE
        return Process(pid, "unknown", zombie, process.name())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return Process(pid, "unknown", False, "")


def holders_of(path: str) -> list[Process]:
    """Processes that have `path` open, as far as /proc shows them. For messages only: it may miss some."""
    try:
        wanted = os.stat(path)
    except OSError:
        return []
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not entry.isdigit():
            continue
        try:
            for fd in os.listdir(f"/proc/{entry}/fd"):
                seen = os.stat(f"/proc/{entry}/fd/{fd}")
                if (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino):
                    process = look_up(int(entry))
                    if process:
                        found.append(process)
                    break
        except OSError:
            continue
    return found
