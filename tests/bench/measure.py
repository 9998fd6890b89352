"""One sync beside the five commands and the peers, case by case and way by way."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.programs import FIVE, Program
from bench.timing import Series, count_programs, paired, run_timed
from bench.transports import LOCAL, Transport
from bench.twins import Twin


@dataclass
class Row:
    """A program in a case, beside the five commands in the same rounds. Ratios are medians of pairs."""

    files: int
    where: str
    case: str
    program: str
    rounds: int
    own: dict[str, float | int]
    five: dict[str, float | int]
    ratio: float  # of wall times
    cpu_ratio: float


class Case:
    """One case at one size over one transport: rounds in which every program runs once, in alternating order."""

    def __init__(self, programs: Sequence[Program], twins: dict[str, Twin], transport: Transport, log: Path) -> None:
        """`log` takes a trace while programs are counted."""
        self.programs, self.twins, self.transport, self.log = programs, twins, transport, log
        self.series = {program.name: Series() for program in programs}

    def measure(self, case: str, turns: Iterable[int], next_turn: Callable[[], int]) -> list[Row]:
        """`turns`: the rounds that count. One before them warms up; one after them counts programs."""
        self.round(case, next_turn(), -1)
        for turn in turns:
            self.round(case, next_turn(), turn)
        number = next_turn()
        # They are as many on every way to the remote: what the transport starts does not count.
        for program in self.programs if self.transport.name == LOCAL else ():
            twin = self.twins[program.name]
            twin.change(case, number)
            env = {**self.transport.env, **dict(program.env)}
            self.series[program.name].programs = count_programs(twin.machine, program.command, env, self.log)
        return self.rows(case)

    def round(self, case: str, number: int, turn: int) -> None:
        order = self.programs if turn % 2 else self.programs[::-1]
        for program in order:
            self.twins[program.name].change(case, number)
        for program in order:
            self.run(program, self.twins[program.name], turn >= 0)

    def run(self, program: Program, twin: Twin, counts: bool) -> None:
        before = self.transport.trips()
        found = run_timed(twin.machine, program.command, {**self.transport.env, **dict(program.env)})
        if not counts:
            return
        series = self.series[program.name]
        series.runs.append(found)
        series.failed += found.code != 0 or not twin.is_even()
        if before is not None:
            series.trips.append((self.transport.trips() or 0) - before)

    def rows(self, case: str) -> list[Row]:
        five = self.series[FIVE]
        found = []
        for program in self.programs:
            own = self.series[program.name]
            if program.name != FIVE:
                ratios = paired(own, five, "wall"), paired(own, five, "cpu")
                size = next(iter(self.twins.values())).files
                row = (size, self.transport.name, case, program.name, len(own.runs))
                found.append(Row(*row, own.summary(), five.summary(), *ratios))
        return found


def make_twins(root: Path, files: int, programs: Sequence[Program]) -> dict[str, Twin]:
    """One for each program, ready to run."""
    first = Twin(root / f"twin-{files}", files)
    twins = {}
    for program in programs:
        twin = twins[program.name] = first.copy(root / f"{program.name}-{files}")
        for line in program.setup:
            twin.machine.run("sh", "-c", line)
    subprocess.run(["rm", "-rf", str(first.world.root)], check=True)
    return twins
