"""Clients at work in the same files at the same moment, each through its real hooks, syncing as they go.

They edit as the real client does (tests/e2e/): read, hook, look whether the file was modified since, write, hook. What
two of them write over one another between look and write, the next sync brings back.
"""

from __future__ import annotations

import os
import random
import re
import threading
from pathlib import Path

import pytest

from claudetools.sessions import registry
from test_agent_hooks import fire
from test_tool_hooks import Agent
from world import Machine, World

LIST, NOTES = "list.md", "notes.md"
LINES = 24
TRIES = 100


class Client(threading.Thread):
    """One client and its model, which edits the list, runs commands and syncs, `rounds` times."""

    def __init__(self, machine: Machine, id: str, rounds: int, seed: int) -> None:
        super().__init__(daemon=True)
        registry.register(Agent(machine, id).place, id, pid=os.getpid(), topic=f"work of {id}")
        self.agent, self.rounds, self.draw = Agent(machine, id), rounds, random.Random(f"{seed} {id}")
        self.machine, self.id = machine, id
        self.wrote: list[str] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for number in range(self.rounds):
                line = f"{number} by {self.id}"
                act = self.draw.choice([self.edit, self.edit, self.edit, self.note, self.save])
                act(line)
        except BaseException as error:
            self.error = error

    def edit(self, line: str) -> None:
        """Until it succeeds, as a model does: what it has read is old, or what it wrote is not there."""
        at = self.draw.choice(["the end", *(f"line {n}" for n in range(LINES))])
        path = self.machine.top / LIST
        for _ in range(TRIES):
            read, seen = path.read_text(), path.stat().st_mtime_ns
            if f"{line}\n" in read:
                break
            given = {"file_path": str(path), "old_string": f"{at}\n", "new_string": f"{line}\n{at}\n"}
            self.agent.before("Edit", given)
            now = path.read_text()
            if path.stat().st_mtime_ns != seen and now != read:
                self.fail(given, "File has been modified since it was read.")
                continue
            assert f"{at}\n" in now, (at, now)
            after = now.replace(given["old_string"], given["new_string"], 1)
            threading.Event().wait(self.draw.random() / 100)  # the client's own time between its look and its write
            self.put(path, after)
            if path.read_text() != after and self.draw.random() < 0.5:
                self.fail(given, "Write verification failed: the file is not what was written.")
                continue
            self.agent.after("Edit", given, {"filePath": str(path), "originalFile": now, "structuredPatch": []})
            break
        else:
            raise AssertionError(f"{line}: no edit succeeded")
        self.wrote.append(line)

    def put(self, path: Path, text: str) -> None:
        draft = path.with_name(f".{self.id}.tmp")
        draft.write_text(text)
        draft.replace(path)

    def fail(self, given: dict[str, str], error: str) -> None:
        payload = self.agent.payload("Edit", {**given}, error=error, hook_event_name="PostToolUseFailure")
        assert fire(self.machine, "post-tool-use", payload).code == 0

    def note(self, line: str) -> None:
        """By commands: in a file that all write, and in one of its own."""
        self.agent.bash(f"echo '{line}' >>{NOTES}; echo 'alone: {line}' >>notes-{self.id}.md")
        self.wrote.append(line)

    def save(self, line: str) -> None:
        """The client runs the sync as a command, between its hooks."""
        given = {"command": "bash .claude/scripts/sync.sh"}
        self.agent.before("Bash", given)
        result = self.machine.sync(env={"CLAUDETOOLS_SESSION_ID": self.id})
        assert result.code == 0, result.text
        self.agent.after("Bash", given, {"stdout": result.out, "stderr": result.err})


def play(machine: Machine, world: World, clients: int, rounds: int, seed: int) -> tuple[int, int]:
    """Lines written and commits made, once it has been seen that each line lies where it belongs."""
    machine.write(LIST, "".join(f"line {n}\n" for n in range(LINES)) + "the end\n")
    machine.write(NOTES, "notes\n")
    with (machine.common / "info" / "exclude").open("a") as file:
        file.write(".*.tmp\n")
    assert machine.sync().code == 0
    begin = world.tip()
    crowd = [Client(machine, f"c{n}", rounds, seed) for n in range(clients)]
    for client in crowd:
        client.start()
    for client in crowd:
        client.join()
    for client in crowd:
        if client.error:
            raise client.error
    for client in crowd:
        result = machine.sync(env={"CLAUDETOOLS_SESSION_ID": client.id})
        assert result.code == 0, result.text
    assert machine.status() == "", result.text
    wrote = {line for client in crowd for line in client.wrote}
    assert_all_there(machine, world, wrote)
    commits = world.remote_git("rev-list", f"{begin}..main").split()
    for oid in commits:
        assert_its_own(world, oid)
    machine.assert_sound()
    world.assert_linear()
    return len(wrote), len(commits)


def assert_all_there(machine: Machine, world: World, wrote: set[str]) -> None:
    there = [line for path in (LIST, NOTES) for line in machine.read(path).splitlines()]
    assert wrote <= set(there), sorted(wrote - set(there))
    assert len(there) == len(set(there)) == len(wrote) + LINES + 2, sorted(x for x in there if there.count(x) > 1)
    assert world.remote_file(LIST) == machine.read(LIST) and world.remote_file(NOTES) == machine.read(NOTES)


def assert_its_own(world: World, oid: str) -> None:
    """A commit adds lines of its sessions only."""
    told = world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly,separator=%x2C)", oid)
    patch = world.remote_git("show", "--format=", "-U0", oid)
    authors = set(re.findall(r"^\+(?:alone: )?\d+ by (\w+)$", patch, re.M))
    assert authors <= set(told.strip().split(",")), (told, patch)


def test_three_clients_at_once(machine: Machine, world: World) -> None:
    lines, commits = play(machine, world, 3, 5, seed=1)
    assert lines and commits


@pytest.mark.lab
@pytest.mark.parametrize("seed", range(10))
def test_six_clients_at_once(machine: Machine, world: World, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    lines, commits = play(machine, world, 6, 30, seed)
    with capsys.disabled():
        print(f"\n{lines} lines by 6 clients in {commits} commits: 0 foreign, 0 missing ", end="")
