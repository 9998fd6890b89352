"""A person at a terminal: `keyboard.py TEXT READY END... -- PROGRAM ARGS...`.

Starts the program on a terminal of its own, types TEXT once READY is on the screen, presses return once TEXT can be
read there, and ends the program as soon as one of END shows. What was on the screen goes to stdout. Blanks do not
count: a program may skip them by moving the cursor.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios

CONTROL = re.compile(rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>]")


class Screen:
    """What the program has shown since `forget` was called last."""

    def __init__(self, terminal: int) -> None:
        self.terminal, self.raw, self.all = terminal, b"", b""

    def forget(self) -> None:
        """From here on."""
        self.raw = b""

    def wait_for(self, *words: str) -> None:
        """Until one of them can be read. Raises EOFError when the program ends first."""
        wanted = [word.replace(" ", "") for word in words]
        while not any(word in self.text for word in wanted):
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            if not data:
                raise EOFError(f"the program ended before it showed {words}: {self.text[-500:]}")
            self.raw += data
            self.all += data

    @property
    def text(self) -> str:
        """Without blanks and control sequences."""
        return "".join(CONTROL.sub(b"", self.raw).decode("utf-8", "replace").split())


def main() -> None:
    """Type it."""
    cut = sys.argv.index("--")
    text, ready, *end = sys.argv[1:cut]
    program = sys.argv[cut + 1 :]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(program[0], program)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    screen = Screen(terminal)
    try:
        screen.wait_for(ready)
        screen.forget()
        os.write(terminal, text.encode())
        screen.wait_for(text)
        screen.forget()
        os.write(terminal, b"\r")
        screen.wait_for(*end)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        sys.stdout.write(CONTROL.sub(b"", screen.all).decode("utf-8", "replace"))


if __name__ == "__main__":
    main()
