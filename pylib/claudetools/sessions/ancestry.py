"""Which process is the agent: the nearest ancestor of the hook that is no shell and not ours."""

from __future__ import annotations

import os
from contextlib import suppress

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
