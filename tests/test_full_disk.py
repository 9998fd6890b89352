"""Two sessions on a disk that is full: their edits are in the files, their ledgers may not be; nothing gets lost."""

from __future__ import annotations

import os
import re
from pathlib import Path

from claudetools.sessions import registry
from test_hostile import assert_plain, fill, mounted, root_only
from test_tool_hooks import Agent, place_of
from world import Machine, Result, World

FREE_KB = (0, 4, 16, 60, 200, 600, 1500, 3000)  # compiled modules take some of it
FULL = re.compile(r"o space left|full disk|disk is full|couldn't write|unable to write|write error", re.I)


def free_line(name: str, number: int) -> str:
    return f"{name} {number:02} is free    \n"


def own_file(name: str) -> str:
    return f"own-{name}.md"


def overwrite(agent: Agent, path: str, old: str, new: str) -> None:
    """An edit that needs no space: as many bytes at the same place."""
    assert len(old) == len(new)
    given, answer = agent.edit_call(path, old, new)
    at = agent.machine.top / path
    agent.before("Edit", given)
    with at.open("r+b") as file:
        file.seek(at.read_bytes().index(old.encode()))
        file.write(new.encode())
    agent.after("Edit", given, answer)


def sync_as(agent: Agent) -> Result:
    return agent.machine.sync(env={"CLAUDETOOLS_SESSION_ID": agent.id})


@root_only
def test_sessions_on_a_full_disk_lose_nothing_and_are_told(world: World, machine: Machine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=16m", "claudetools-test", disk):
        machine.run("cp", "-a", machine.top, disk / "ops")
        machine.top = disk / "ops"
        numbers = range(len(FREE_KB))
        for name in "ab":
            machine.write(own_file(name), "".join(free_line(name, n) for n in numbers))
        machine.write("list.md", "".join(free_line(name, n) + "between\n" * 3 for n in numbers for name in "ab"))
        assert machine.sync().code == 0
        agents = [Agent(machine, name) for name in "ab"]
        for agent in agents:
            registry.register(place_of(machine), agent.id, pid=os.getpid(), topic=f"work of {agent.id}")
        codes = set()
        for number, free in enumerate(FREE_KB):
            fill(disk / "filler", free * 1024)
            for agent in agents:
                for path in ("list.md", own_file(agent.id)):
                    old = free_line(agent.id, number)
                    overwrite(agent, path, old, old.replace("free", "done"))
            texts = {path: machine.read(path) for path in ("list.md", own_file("a"), own_file("b"))}
            assert all(
                text.count("is done") == (number + 1) * (2 if path == "list.md" else 1) for path, text in texts.items()
            )
            for agent in agents:
                result = sync_as(agent)
                codes.add(result.code)
                assert result.code in (0, 73), (free, result.text)
                assert result.code == 0 or FULL.search(result.out), (free, result.text)
                assert_plain(result)
            assert texts == {path: machine.read(path) for path in texts}
            assert all(len(blob.name) == 64 for blob in machine.state.glob("trees/*/sessions/*/blobs/*")), (
                "a draft is left"
            )
            (disk / "filler").unlink()
            for agent in agents:
                result = sync_as(agent)
                assert result.code == 0, (free, result.text)
            assert texts == {path: world.remote_file(path) for path in texts} and machine.status() == ""
        assert codes == {0, 73}
        assert_no_foreign_lines(world)
        machine.assert_sound()


def assert_no_foreign_lines(world: World) -> None:
    """Each commit of a session holds its own lines alone; what a ledger could not keep is in one of nobody."""
    form = "--format=%x00%(trailers:key=Session-Id,valueonly,separator=%x20)"
    whose = {"a": 0, "b": 0}
    for commit in world.remote_git("log", "-p", "-U0", form, "main").split("\0")[1:]:
        session = commit.partition("\n")[0].strip()
        lines = re.findall(r"(?m)^\+([ab]) \d+ is done", commit)
        if session:
            assert set(lines) <= {session}, commit
            whose[session] += len(lines)
    assert all(whose.values()), "with some space left the ledgers are kept"
