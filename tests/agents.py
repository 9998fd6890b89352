"""Scripted sessions: they write into a machine's tree and keep a ledger, as the hooks of a coding agent do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from claudetools.attribution.edits import Edit, digest
from claudetools.core.place import Place, find_place
from claudetools.sessions import ledger, registry
from world import Machine, Result


@dataclass
class Agent:
    """One session. Live while the test runs, until `end`, `die` or `idle`."""

    machine: Machine
    id: str
    topic: str = ""

    def __post_init__(self) -> None:
        registry.register(self.place, self.id, pid=os.getpid(), topic=self.topic)

    @property
    def place(self) -> Place:
        place = find_place(str(self.machine.top))
        assert place
        return place

    def read(self, path: str) -> bytes | None:
        try:
            return (self.machine.top / path).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: str, after: bytes | None, kind: str = "write", **more: Any) -> None:
        """The file becomes `after` (None: it goes), and the ledger says so."""
        before, was = self.read(path), mode_of(self.machine, path)
        if after is None:
            (self.machine.top / path).unlink(missing_ok=True)
        else:
            self.machine.write(path, after)
        self.record(path, before, after, kind, was=was, **more)

    def record(self, path: str, before: bytes | None, after: bytes | None, kind: str = "write", **more: Any) -> None:
        """Only what the ledger says."""
        names = [None if data is None else digest(data) for data in (before, after)]
        edit = Edit(path, names[0], names[1], kind, mode=mode_of(self.machine, path))._replace(**more)
        ledger.record(self.place, self.id, [edit], [data for data in (before, after) if data is not None])

    def append(self, path: str, line: str) -> None:
        self.write(path, (self.read(path) or b"") + line.encode() + b"\n", "edit")

    def replace(self, path: str, old: str, new: str) -> None:
        data = self.read(path)
        assert data is not None and old.encode() in data
        self.write(path, data.replace(old.encode(), new.encode(), 1), "edit")

    def sync(self, *args: str, **env: str) -> Result:
        return self.machine.sync(*args, env={"CLAUDETOOLS_SESSION_ID": self.id, **env})

    def state(self) -> str:
        session = registry.read_session(self.place, self.id)
        assert session
        return session.state()

    def end(self) -> None:
        registry.end(self.place, self.id)

    def die(self) -> None:
        """As if its process had been killed: the number is another process's by now."""
        session = registry.read_session(self.place, self.id)
        assert session
        registry._write(self.place, session._replace(started="1"))

    def idle(self) -> None:
        long_ago = 1_700_000_000.0
        registry.touch(self.place, self.id, long_ago)


def mode_of(machine: Machine, path: str) -> str | None:
    """As git would store it."""
    at = machine.top / path
    if at.is_symlink():
        return "120000"
    if not at.exists():
        return None
    return "100755" if os.access(at, os.X_OK) else "100644"
