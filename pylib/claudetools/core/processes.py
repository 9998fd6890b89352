"""What the system says about a process: there or not, zombie, when it started; and whether it is the one of a record.

The start time is the raw field 22 of `/proc/<pid>/stat` (clock ticks since boot, proc(5)): psutil's `create_time`
adds the boot time and moves when the clock is stepped (psutil #1724, #2526). Elsewhere psutil's value is used.
"""

from __future__ import annotations

import os
from contextlib import suppress

from claudetools.core.light import NamedTuple


class Process(NamedTuple):
    """A process seen right now. `start` is comparable with the record of the same system only."""

    pid: int
    start: str
    zombie: bool
    command: str
    stopped: bool = False


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
    return Process(pid, fields[19].decode(), fields[0] in (b"Z", b"X"), name, fields[0] == b"T")


def _unknown_to_psutil(pid: int) -> bool:
    """A second witness: /proc may be mounted with hidepid, where other people's processes have no entry."""
    try:
        import psutil

        return not psutil.pid_exists(pid)
    except ImportError:
        return not pid_exists(pid)


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


def pid_exists(pid: int) -> bool:
    """Whether some process has this number. Needs no package and no /proc."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def start_of(pid: int) -> str:
    """The `start` of a process, "" when there is none to ask."""
    try:
        found = look_up(pid)
    except OSError:
        return ""
    return found.start if found else ""


def has_ended(pid: int, start: str, system: str, host: str) -> bool:
    """Whether the process that was written down with these has surely ended. False: it has not, or nobody can tell.

    `pid` 0, `start` "" and `host` "" stand for "not known"; `system` as system_name gave it, `host` as host_name."""
    if pid <= 0 or host != host_name():
        return False
    boot, _, namespace = system.partition(" ")
    boot_now, _, namespace_now = system_name().partition(" ")
    if boot != boot_now:
        return bool(boot and boot_now)  # nothing outlives a reboot
    if namespace != namespace_now:
        return False  # a container's numbers mean nothing here
    try:
        return proves_end(look_up(pid), start or "unknown")
    except OSError:
        return not pid_exists(pid)


def proves_end(found: Process | None, start: str) -> bool:
    """Whether what was found under the number of a process that began at `start` proves that this one has ended."""
    if found is None or found.zombie:
        return True
    return "unknown" not in (found.start, start) and found.start != start


def host_name() -> str:
    """This machine, as it calls itself."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def system_name() -> str:
    """Boot and process namespace: within them a process number means one process. Empty parts where unknown."""
    boot = namespace = ""
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.readline().strip()
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return f"{boot} {namespace}"


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
