"""Which files may have been written since a marker was made, for a shell that compares whole seconds.

Paths on stdin, each followed by NUL; FOLDER goes before each as it is. On stdout, the positions of those that
are not older than MARKER, with blanks between them.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def main(arguments: list[str]) -> int:
    """touched MARKER FOLDER."""
    marker, folder = map(os.fsencode, arguments)
    made = os.stat(marker).st_mtime_ns
    touched: list[str] = []
    for position, path in enumerate(sys.stdin.buffer.read().split(b"\0")[:-1]):
        with suppress(OSError):
            if os.stat(folder + path).st_mtime_ns >= made:
                touched.append(str(position))
    sys.stdout.write(" ".join(touched))  # without a line end: on Windows that is two bytes
    return 0
