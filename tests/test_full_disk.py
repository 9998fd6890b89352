"""A disk that is full: syncs and sessions lose nothing, and say why. Edits are in the files, ledgers may not be."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from claudetools.sessions import registry
from disks import fill, mounted, root_only
from round_trip import assert_plain, assert_same, assert_synced, contents, save, two_machines
from test_tool_hooks import Agent, place_of
from world import TOOLKIT, Machine, Result, World, write_identity

FREE_KB = (0, 4, 16, 60, 200, 600, 1500, 3000)  # compiled modules take some of it
IN_THREE = pytest.mark.parametrize("part", range(3))
FULL = re.compile(
    r"o space left|full disk|disk is full|couldn't write|unable to write|write error|out of diskspace", re.I
)


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


def part_of(amounts: Sequence[int], part: int) -> list[int]:
    """Nothing and plenty, and every third amount between them."""
    return [amounts[0], *amounts[1 + part : -1 : 3], amounts[-1]]


@root_only
@pytest.mark.sampled(3)
@IN_THREE
def test_sessions_on_a_full_disk_lose_nothing_and_are_told(
    world: World, machine: Machine, tmp_path: Path, part: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=16m", "claudetools-test", disk):
        machine.run("cp", "-a", machine.top, disk / "ops")
        machine.top, machine.compiles = disk / "ops", True
        amounts = part_of(FREE_KB, part)
        numbers = range(len(amounts))
        for name in "ab":
            machine.write(own_file(name), "".join(free_line(name, n) for n in numbers))
        machine.write("list.md", "".join(free_line(name, n) + "between\n" * 3 for n in numbers for name in "ab"))
        assert machine.sync().code == 0
        agents = [Agent(machine, name) for name in "ab"]
        for agent in agents:
            registry.register(place_of(machine), agent.id, pid=os.getpid(), topic=f"work of {agent.id}")
        codes = set()
        for number, free in enumerate(amounts):
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


@root_only
@pytest.mark.sampled(3)
@IN_THREE
def test_a_disk_that_is_full_loses_nothing_and_the_next_sync_finishes(world: World, tmp_path: Path, part: int) -> None:
    """Free space from nothing to plenty: some amounts let the sync begin and not end."""
    a, b = two_machines(world)
    disk = tmp_path / "disk"
    disk.mkdir()
    for n in range(20):
        b.write(f"incoming/{n}.bin", os.urandom(20_000))
    save(b)
    with mounted("-t", "tmpfs", "-o", "size=16m", "claudetools-test", disk):
        a.run("cp", "-a", a.top, disk / "ops")
        a.top, a.compiles = disk / "ops", True
        seen = set()
        for free in part_of((0, 4, 8, 12, 24, 48, 100, 250, 450, 700), part):
            for n in range(3):
                b.write(f"incoming/{n}.bin", os.urandom(20_000))
            b.write(f"incoming/new-{free}.bin", os.urandom(60_000))
            save(b)
            mine = a.write(f"mine-{free}.bin", os.urandom(30_000)).read_bytes()
            fill(disk / "filler", free * 1024)
            before = contents(a.top)
            result = a.sync()
            seen.add(result.code)
            assert result.code in (0, 73), (free, result.text)
            assert "[" in result.out, result.text
            if result.code:
                words = ("o space left", "full disk", "couldn't write", "unable to write", "write error")
                assert any(w in result.out for w in words), (free, result.text)
            assert_unchanged_or_new(a, b, before)
            (disk / "filler").unlink()
            result = a.sync()
            assert_synced(result)
            save(b)
            assert (b.top / f"mine-{free}.bin").read_bytes() == mine
            assert_same(a, b)
        assert 0 in seen
        assert 73 in seen


def assert_unchanged_or_new(a: Machine, b: Machine, before: dict[bytes, bytes]) -> None:
    """Every file of A is whole: as it was, or as B has it."""
    theirs = contents(b.top)
    for path, data in contents(a.top).items():
        assert data in (before.get(path), theirs.get(path)), path
    for path in before:
        assert path in contents(a.top), path


def test_a_log_takes_all_of_an_update_or_nothing(machine: Machine) -> None:
    """A limit on the size of files, in the place of a full disk: both cut a write off without an error."""
    write_identity(machine, hostname=socket.gethostname())
    given = {"CLAUDETOOLS_SESSION_ID": "a", "CLAUDETOOLS_BODY": "one line of many\n" * 2000}
    tools = TOOLKIT / "scripts" / "claudetools.sh"
    assert machine.run("bash", tools, "log", "new", "acme vpn", env=given).code == 0
    (path,) = machine.top.glob("session-logs/*.md")
    append = f"printf '%s' \"$CLAUDETOOLS_BODY\" | bash '{tools}' log append"
    assert machine.run("bash", "-c", append, env=given).code == 0
    before = path.read_bytes()
    result = machine.run("bash", "-c", f"ulimit -f $(({len(before)} / 1024 + 8)); {append}", env=given)
    assert result.code == 73 and "File too large" in result.err, result.text
    assert path.read_bytes() == before
    assert machine.run("bash", "-c", append, env=given).code == 0
    assert path.read_text().count("one line of many\n") == 4000


@root_only
def test_to_take_back_work_on_a_full_disk_is_73_and_can_be_done_again(machine: Machine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=24m", "claudetools-test", disk):
        machine.run("cp", "-a", machine.top, disk / "ops")
        machine.top, machine.compiles = disk / "ops", True
        tools = ("bash", TOOLKIT / "scripts" / "claudetools.sh", "sessions")
        machine.write("list.md", "a line\n")
        assert machine.sync().code == 0
        Agent(machine, "b").write("list.md", "a line\none of b\n")
        assert machine.sync("--all").code == 0
        assert machine.run(*tools, "undo", "b").code == 0
        codes = []
        for free in range(0, 64, 2):
            fill(disk / "filler", free * 512)
            result = machine.run(*tools, "undo", "b", "--yes")
            codes.append(result.code)
            assert_plain(result)
            if result.code == 0:
                break
            assert result.code == 73 and FULL.search(result.err), (free, result.text)
            assert machine.read("list.md") == "a line\none of b\n"
        assert codes[0] == 73 and codes[-1] == 0, codes
        assert machine.read("list.md") == "a line\n"
        machine.assert_sound()
