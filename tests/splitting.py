"""Whose commit holds what, without a sync: git's objects, the ledgers, and the job that splits, in this process.

No shell, no lock, no remote: that costs a tenth. What a sync makes of the answer, whole syncs show: test_split.py
has one for each behaviour.
"""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from claudetools.sessions import split
from world import Machine


class Saved(NamedTuple):
    """`ids`: the sessions of each commit, newest first; `told`: what else the job said, by its first word."""

    ids: list[list[str]]
    told: dict[str, list[list[str]]]

    def waiting(self) -> list[str]:
        """The paths that wait for another session."""
        return [row[0] for row in self.told.get("waits", [])]


def save(machine: Machine, *sessions: str, mode: str = "") -> Saved:
    """The commits of a save by these sessions, made on HEAD as a sync makes them."""
    with tempfile.TemporaryDirectory(dir=machine.home) as scratch:
        tree = snapshot(machine, Path(scratch))
        head = git(machine, "rev-parse", "HEAD")
        argv = ["--top", str(machine.top), "--git-dir", str(machine.common), "--common", str(machine.common)]
        argv += ["--scratch", scratch, "--head", head, "--tip", head, "--tree", tree, "--mode", mode]
        out = io.StringIO()
        with redirect_stdout(out):
            assert split.main([*argv, *(word for id in sessions for word in ("--session", id))]) == 0
    told: dict[str, list[list[str]]] = {}
    for line in out.getvalue().splitlines():
        word, *rest = line.split("\t")
        told.setdefault(word, []).append(rest)
    commits = told.pop("commit", [])
    for commit in commits:
        head = write_commit(machine, head, *commit)
    git(machine, "update-ref", "HEAD", head)
    git(machine, "read-tree", head)
    return Saved([[] if ids == "-" else ids.split(",") for _, ids, *_ in reversed(commits)], told)


def snapshot(machine: Machine, scratch: Path) -> str:
    """The folder as a tree."""
    index = {"GIT_INDEX_FILE": str(scratch / "index")}
    (scratch / "index").write_bytes((machine.common / "index").read_bytes())
    git(machine, "add", "-A", env=index)
    return git(machine, "write-tree", env=index)


def write_commit(machine: Machine, parent: str, tree: str, ids: str, ends: str, window: str, topic: str) -> str:
    """With the trailers that tell a later save what is in it."""
    trailers: list[str] = []
    for id, end in zip(ids.split(","), ends.split(","), strict=True) if ids != "-" else ():
        trailers += [f"Session-Id: {id}", *([f"Edits: {end}"] if end not in ("0", "-") else [])]
    trailers += ["Attribution: window"] if window == "1" else []
    person = ("-c", "user.name=Mike Swanson", "-c", "user.email=mike@example.com")
    return git(machine, *person, "commit-tree", "-p", parent, "-m", topic, "-m", "\n".join(trailers), tree)


def git(machine: Machine, *args: str, env: dict[str, str] | None = None) -> str:
    """Not by `Machine.run`: this machine has no shell."""
    command: Sequence[str] = ("git", "-C", str(machine.top), *args)
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
