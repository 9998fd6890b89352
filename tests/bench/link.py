"""A slow link in place of ssh: `GIT_SSH_COMMAND="python link.py MS LOG"`, then git appends host and command.

Runs the command here and lets every byte arrive MS/2 milliseconds later in either direction; opening the link takes one
round trip of MS. A line per link goes to LOG: the command, and how often the far side had to be waited for.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time

Chunks = queue.Queue[tuple[float, bytes]]


class Turns:
    """Counts how often bytes go out after bytes came in: each is one more round trip."""

    def __init__(self) -> None:
        self.count, self.outward = 0, False

    def pass_bytes(self, outward: bool) -> None:
        if outward and not self.outward:
            self.count += 1
        self.outward = outward


def read_side(source: int, chunks: Chunks, delay: float, turns: Turns, outward: bool) -> None:
    while True:
        data = os.read(source, 1 << 16)
        if data:
            turns.pass_bytes(outward)
        chunks.put((time.monotonic() + delay, data))
        if not data:
            return


def write_side(target: int, chunks: Chunks) -> None:
    while True:
        due, data = chunks.get()
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            while data:
                data = data[os.write(target, data) :]
                if not data:
                    break
            else:
                os.close(target)
                return
        except OSError:
            return


def main(argv: list[str]) -> int:
    """argv: MS, LOG, git's own options for ssh (ignored), HOST, COMMAND."""
    delay, log, command = float(argv[0]) / 1000, argv[1], argv[-1]
    time.sleep(delay)
    child = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S602
    assert child.stdin and child.stdout
    turns = Turns()
    up: Chunks = queue.Queue()
    down: Chunks = queue.Queue()
    into, out = os.dup(child.stdin.fileno()), child.stdout.fileno()
    child.stdin.close()
    threads = [
        threading.Thread(target=read_side, args=(0, up, delay / 2, turns, True), daemon=True),
        threading.Thread(target=write_side, args=(into, up), daemon=True),
        threading.Thread(target=read_side, args=(out, down, delay / 2, turns, False)),
        threading.Thread(target=write_side, args=(1, down)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads[2:]:
        thread.join()
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{command.split()[0]} {turns.count}\n")
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
