"""Six sessions, one shared file and one own file each, round after round: every line in its own session's commit."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

import splitting
from agents import Agent
from world import Machine, World

SHARED = "shared.md"


def change(draw: random.Random, number: int, lines: list[str], line: str) -> None:
    """As sessions do: append to one list, insert anywhere, right below a line that was there, far from each other."""
    habit = draw.choice(["append", "insert", "neighbour", "distant"])
    if habit == "append":
        lines.append(line)
    elif habit == "insert":
        lines.insert(draw.randrange(len(lines) + 1), line)
    elif habit == "neighbour":
        at = draw.choice([n for n, text in enumerate(lines) if text.startswith("line")])
        lines.insert(at + 1, line)
    else:
        lines.insert(len(lines) * (number + 1) // 7, line)


def play(machine: Machine, rounds: int, seed: int, save: Callable[[Agent], object]) -> int:
    """The rounds; asserts what came of them. Gives the number of edits of the shared file."""
    draw = random.Random(seed)
    agents = [Agent(machine, f"s{n}") for n in range(6)]
    wrote: list[str] = []
    for _ in range(rounds):
        for agent in draw.sample(agents, 6):
            lines = machine.read(SHARED).splitlines()
            wrote.append(f"{agent.id} {len(wrote)}")
            change(draw, agents.index(agent), lines, wrote[-1])
            agent.write(SHARED, ("\n".join(lines) + "\n").encode(), "edit")
            agent.append(f"{agent.id}.txt", wrote[-1])
        for agent in draw.sample(agents, draw.randint(1, 6)):
            save(agent)
    for agent in agents:
        save(agent)
    assert machine.status() == ""
    judge(machine, wrote)
    return len(wrote)


def judge(machine: Machine, wrote: list[str]) -> None:
    """No foreign line in any commit, no own one missing, none taken out."""
    seen = []
    form = "--format=%H %(trailers:key=Session-Id,valueonly,separator=%x2C)"
    for row in machine.git("log", "--grep=^Session-Id: ", form).splitlines():
        oid, _, id = row.partition(" ")
        for text in machine.git("show", "--format=", "-U0", oid, "--", SHARED).splitlines():
            if text.startswith("+s"):
                assert text[1:].split()[0] == id, (row, text)
                seen.append(text[1:])
            assert not text.startswith("-") or text.startswith("---"), (row, text)
    assert sorted(seen) == sorted(wrote)
    assert set(wrote) <= set(machine.read(SHARED).splitlines())


@pytest.fixture
def machine(world: World) -> Machine:
    return world.synced({SHARED: "".join(f"line {n}\n" for n in range(40))})


def test_six_sessions_share_a_file(machine: Machine) -> None:
    assert play(machine, 5, 1, lambda agent: splitting.save(machine, agent.id)) == 30


@pytest.mark.lab
def test_six_sessions_share_a_file_for_100_rounds_of_syncs(
    machine: Machine, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def sync(agent: Agent) -> None:
        result = agent.sync()
        assert result.code == 0, result.text

    edits = play(machine, 100, 2, sync)
    assert world.remote_file(SHARED) == machine.read(SHARED)
    machine.assert_sound()
    with capsys.disabled():
        print(f"\n100 rounds, {edits} edits of one file: 0 foreign lines, 0 missing ", end="")
