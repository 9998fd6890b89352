"""Starts programs together and says what each took: `python -I -S launcher.py`, JSON on stdin and stdout.

In: a list of `{"argv": [...], "cwd": ..., "env": {...}}`. Out: a list of `[exit code, seconds until it ended, CPU
seconds, megabytes of the largest program]`. A process of its own because a child's largest size is at least that of the
process that started it: this one is small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

PEAK_UNIT = 1 << 20 if sys.platform == "darwin" else 1 << 10  # of ru_maxrss, in megabytes


def main() -> int:
    """See the module."""
    quiet = subprocess.DEVNULL
    wanted = json.load(sys.stdin)
    began = time.perf_counter()
    running = [
        subprocess.Popen(each["argv"], cwd=each["cwd"], env=each["env"], stdin=quiet, stdout=quiet, stderr=quiet)
        for each in wanted
    ]
    places = {process.pid: n for n, process in enumerate(running)}
    found: list[list[float]] = [[] for _ in running]
    while places:
        pid, status, used = os.wait4(-1, 0)
        n = places.pop(pid)
        running[n].returncode = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        found[n] = [running[n].returncode, time.perf_counter() - began, cpu, used.ru_maxrss / PEAK_UNIT]
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
