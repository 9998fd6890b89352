"""What is measured: sync.sh, the five git commands that it replaces, and the peers that this machine has on PATH.

Each program is one shell command, run in the top folder of a clone with something to save, to send or to receive.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from world import SYNC

FIVE = "five"
OURS = "sync.sh"


@dataclass(frozen=True)
class Program:
    """`setup` is run once in a new clone, `env` goes on top of its environment."""

    name: str
    command: tuple[str, ...]
    setup: tuple[str, ...] = ()
    version: str = ""
    env: tuple[tuple[str, str], ...] = ()


FIVE_COMMANDS = Program(
    FIVE, ("bash", "-c", "git add -A; git commit -q -m work; git fetch -q; git rebase -q; git push -q")
)
SYNC_PROGRAM = Program(OURS, ("bash", str(SYNC)))


@dataclass(frozen=True)
class Peer:
    """Another tool that saves, sends and receives. `version`: how it is asked; not every tool may be asked that."""

    name: str
    command: str
    setup: tuple[str, ...] = ()
    version: tuple[str, ...] = ()

    def program(self, folder: Path) -> Program:
        """Ready to run; `folder` takes what it needs beside it."""
        env = (("PATH", path_with_one_change(folder)),) if self.name == "gitwatch" else ()
        return Program(self.name, ("bash", "-c", self.command), self.setup, first_line(self.version), env)


PEERS = (
    # `assist` came in 2023; before it, the same took two commands.
    Peer(
        "git-annex",
        "if git annex assist --help >/dev/null 2>&1; then git annex assist --quiet; "
        "else git annex add --quiet . && git annex sync --quiet origin; fi",
        ("git annex init --quiet bench", "git config annex.largefiles nothing"),
        ("git-annex", "version", "--raw"),
    ),
    Peer("git-sync", "git-sync -n -s"),
    # It watches for ever; with a watcher that reports one change and ends it saves once. It receives nothing.
    Peer("gitwatch", "GW_INW_BIN=gitwatch-once gitwatch -s 0 -r origin -b main . | cat"),
)


def find_peers(folder: Path) -> tuple[list[Program], dict[str, str]]:
    """Those that are here, and of the others why they are skipped."""
    here = [peer for peer in PEERS if shutil.which(peer.name)]
    skipped = {peer.name: "not on PATH" for peer in PEERS if peer not in here}
    return [peer.program(folder) for peer in here], skipped


def first_line(command: tuple[str, ...]) -> str:
    """What the tool says about itself, "" when it is not asked or says nothing."""
    if not command:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    return next(iter(done.stdout.splitlines()), "") if done.returncode == 0 else ""


def path_with_one_change(folder: Path) -> str:
    """PATH with a watcher in front that reports one change and ends."""
    stub = folder / "bin" / "gitwatch-once"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text("#!/bin/sh\necho changed\n")
    stub.chmod(0o755)
    return f"{stub.parent}{os.pathsep}{os.environ['PATH']}"
