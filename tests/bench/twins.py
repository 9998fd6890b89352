"""Twin repositories: the same files, the same history and the same changes for each program that is measured."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from world import Machine, World, clean_environment

CASES = ("nothing", "edit", "both", "many")
# What the tables call them.
TITLES = {
    "nothing": "nothing to do",
    "edit": "one file",
    "both": "one file and one incoming commit",
    "many": "20 commits, and 20 incoming",
}


class Twin:
    """A remote, and a machine with a clone of it that syncs. Incoming commits are written straight into the remote."""

    def __init__(self, root: Path, files: int) -> None:
        root.mkdir()
        self.files = files
        self.paths = [f"area-{i % 20:02}/part-{i // 20 % 25:02}/file-{i:05}.md" for i in range(files)]
        self.world = World(root)
        self.machine = self.world.machine("LINUX-01")
        # As each sync leaves it, so that the other programs commit under the same name.
        self.machine.git("config", "user.name", "Mike Swanson")
        self.machine.git("config", "user.email", "mike@example.com")
        texts = ("".join(f"line {n} of file {i}\n" for n in range(10)).encode() for i in range(files))
        run_git(self.world.remote, first_commit(zip(self.paths, texts, strict=True)), "fast-import", "--quiet")
        self.machine.git("fetch", "-q")
        self.machine.git("reset", "-q", "--hard", "origin/main")

    def copy(self, root: Path) -> Twin:
        """One more, with remote and clone of its own."""
        subprocess.run(["cp", "-pR", str(self.world.root), str(root)], check=True)
        twin = Twin.__new__(Twin)
        twin.files, twin.paths, twin.world = self.files, self.paths, World(root)
        home = root / self.machine.home.name
        twin.machine = Machine(self.machine.name, self.machine.user, home, home / "ops")
        twin.world.machines[twin.machine.name] = twin.machine
        twin.machine.git("remote", "set-url", "origin", str(twin.world.remote))
        twin.machine.git("update-index", "-q", "--refresh")
        return twin

    def change(self, case: str, turn: int) -> None:
        """What there is to do in this turn; each turn touches other files."""
        if case == "nothing":
            return
        here = [self.path(100 * turn + n) for n in range(20 if case == "many" else 1)]
        if case == "many":
            commit_each(self.machine.common, here[:-1], "Mike Swanson <mike@example.com>", f"turn {turn}")
            self.machine.git("reset", "-q", "--hard")
        with (self.machine.top / here[-1]).open("a") as file:
            file.write(f"turn {turn} here\n")
        if case != "edit":
            there = [self.path(100 * turn + 50 + n) for n in range(len(here))]
            commit_each(self.world.remote, there, "Howard Lee <howard@example.com>", f"turn {turn}")

    def path(self, number: int) -> str:
        return self.paths[number * 37 % len(self.paths)]

    def is_even(self) -> bool:
        """The tree is clean and the remote has everything."""
        return self.machine.git("rev-parse", "HEAD") == self.world.tip() and self.machine.status() == ""


def first_commit(files: Iterable[tuple[str, bytes]]) -> bytes:
    """All of them at once: straight into a pack, which is what an older repository has."""
    head = b"commit refs/heads/main\ncommitter Mike Swanson <mike@example.com> 1780693080 +0000\ndata 5\nFiles\n"
    parts = [head, b"from refs/heads/main^0\n"]
    for path, data in files:
        parts.append(f"M 644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    return b"".join(parts)


def commit_each(git_dir: Path, paths: Sequence[str], author: str, line: str) -> None:
    """One commit on main for each path, in which it gets one more line."""
    parts: list[bytes] = []
    for path, text in zip(paths, read_files(git_dir, paths), strict=True):
        data = text + f"{line} by {author}\n".encode()
        parts.append(
            f"commit refs/heads/main\ncommitter {author} now\ndata <<END\nEdit {path}\nEND\n".encode()
            + (b"from refs/heads/main^0\n" if not parts else b"")
            + f"M 644 inline {path}\ndata {len(data)}\n".encode()
            + data
            + b"\n"
        )
    run_git(git_dir, b"".join(parts), "fast-import", "--quiet", "--date-format=now")


def read_files(git_dir: Path, paths: Sequence[str]) -> list[bytes]:
    """Contents on main."""
    out = run_git(git_dir, "".join(f"main:{path}\n" for path in paths).encode(), "cat-file", "--batch")
    found = []
    while out:
        head, _, out = out.partition(b"\n")
        size = int(head.split()[2])
        found.append(out[:size])
        out = out[size + 1 :]
    return found


def run_git(git_dir: Path, words: bytes, *args: str) -> bytes:
    command = ["git", f"--git-dir={git_dir}", *args]
    return subprocess.run(
        command, input=words, env=clean_environment(git_dir), stdout=subprocess.PIPE, check=True
    ).stdout
