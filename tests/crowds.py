"""Many at the same moment: sessions in one tree, and a fleet of clones on one remote. Part of bench.py."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from world import SYNC, Machine, World


@dataclass
class Crowd:
    """`count` syncs started together, beside the same work one after the other; seconds until the last has ended.

    kind "sessions": all in one tree, `alone` is one sync. kind "clones": each in its own clone, `alone` is the sum of
    all of them in a row, the least that they need when nobody disturbs anybody.
    """

    kind: str
    where: str
    count: int
    alone: float
    together: float
    exit_codes: dict[str, int]
    all_there: bool

    @property
    def ratio(self) -> float:
        return self.together / self.alone

    def line(self) -> str:
        """As the table has it."""
        beside = "one alone" if self.kind == "sessions" else "one after the other"
        return (
            f"{self.count:>4} {self.kind:<8} {self.where:<10} {self.ratio:>5.2f} x {beside} "
            f"({self.together:.3f} s, {self.alone:.3f} s), exit codes {self.exit_codes}, all there: {self.all_there}"
        )


def start(machine: Machine, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return machine.start("bash", SYNC, env=env)


def ended(started: list[subprocess.Popen[bytes]]) -> list[int]:
    for process in started:
        process.communicate()
    return [process.returncode for process in started]


def tally(codes: list[int]) -> dict[str, int]:
    return {str(code): codes.count(code) for code in sorted(set(codes))}


def sessions_at_once(world: World, count: int, rounds: int, where: str, env: Mapping[str, str]) -> Crowd:
    """`count` sessions of one tree save in the same moment, each a file of its own. Minima of the rounds."""
    machine = world.machines["LINUX-01"]
    ended([start(machine, env)])
    alone: list[float] = []
    together: list[float] = []
    codes: list[int] = []
    for turn in range(rounds):
        for number, into in ((1, alone), (count, together)):
            began, started = time.perf_counter(), []
            for i in range(number):
                machine.write(f"own/{i}.md", f"{turn} {len(into)} {into is alone}\n")
                started.append(start(machine, {**env, "CLAUDETOOLS_SESSION_ID": f"session-{i}"}))
            codes += ended(started)
            into.append(time.perf_counter() - began)
    even = machine.status() == "" and machine.git("rev-parse", "HEAD") == world.tip()
    return Crowd("sessions", where, count, min(alone), min(together), tally(codes), even)


def fleet_at_once(
    root: Path, count: int, rounds: int, where: str, prepare: Callable[[World], Mapping[str, str]]
) -> Crowd:
    """`count` clones push a commit each to one remote, in the same moment and one after the other."""
    root.mkdir()
    world = World(root)
    machines = [world.machine(f"CLONE-{n:02}", "mike" if n % 2 else "howard") for n in range(count)]
    env = prepare(world)
    codes = [code for machine in machines for code in ended([start(machine, env)])]
    alone: list[float] = []
    together: list[float] = []
    for turn in range(rounds):
        for n, machine in enumerate(machines):
            machine.write(f"own/{n}.md", f"alone {turn}\n")
        began = time.perf_counter()
        codes += [code for machine in machines for code in ended([start(machine, env)])]
        alone.append(time.perf_counter() - began)
        for n, machine in enumerate(machines):
            machine.write(f"own/{n}.md", f"together {turn}\n")
        began = time.perf_counter()
        codes += ended([start(machine, env) for machine in machines])
        together.append(time.perf_counter() - began)
    there = all(world.remote_file(f"own/{n}.md") == f"together {rounds - 1}\n" for n in range(count))
    shutil.rmtree(root)
    return Crowd("clones", where, count, min(alone), min(together), tally(codes), there)
