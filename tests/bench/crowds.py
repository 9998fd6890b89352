"""Many at the same moment: sessions in one tree, and a fleet of clones on one remote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.programs import FIVE_COMMANDS, SYNC_PROGRAM, Program
from bench.timing import Run, Start, run_timed, run_together
from bench.transports import Transport
from bench.twins import Twin, read_files
from world import Machine, World

SAMPLE = 8  # of a crowd, where they run one after the other


@dataclass
class Crowd:
    """`count` syncs started together, beside others that start one after the other; medians of seconds.

    `alone`: for "sessions" one sync; for "clones" all of them in a row, the least that they need when nobody disturbs
    anybody. `plain`: the same saves by the five git commands in a row, because at the same moment they fail.
    `peak`: megabytes of the largest program. `trips`: conversations with the remote of one round together.
    """

    kind: str
    where: str
    count: int
    rounds: int
    alone: float
    together: float
    plain: float
    ratio: float
    plain_ratio: float
    peak: float
    trips: float | None
    exit_codes: dict[str, int]
    all_there: bool


class Gathering:
    """Rounds of the three ways to do the same work, each measured right after the other."""

    def __init__(self, world: World, machines: Sequence[Machine], transport: Transport) -> None:
        """`machines`: where each of the crowd works; of sessions always the same one."""
        self.world, self.machines, self.transport = world, machines, transport
        self.alone: list[float] = []
        self.together: list[float] = []
        self.plain: list[float] = []
        self.trips: list[int] = []
        self.runs: list[Run] = []
        self.all_there = True
        transport.point(world)

    def warm_up(self) -> None:
        """The first sync of a clone has more to do."""
        self.at_once("warm")
        self.trips.clear()
        self.runs.clear()

    def round(self, turn: int, alone: int) -> None:
        """One of each; `alone` is how many there are in the row that the crowd is compared with."""
        self.alone.append(self.in_a_row(f"alone {turn}", alone, SYNC_PROGRAM))
        self.together.append(self.at_once(f"together {turn}"))
        self.plain.append(self.in_a_row(f"plain {turn}", len(self.machines), FIVE_COMMANDS))

    def in_a_row(self, line: str, count: int, program: Program) -> float:
        """Each writes a file and runs the program, one after the other; seconds of the runs.

        Of a large crowd only `SAMPLE` do, and the seconds are those of as many more.
        """
        tried = min(count, SAMPLE)
        seconds = 0.0
        for n, machine in enumerate(self.machines[:tried]):
            machine.write(f"own/{n}.md", line)
            found = run_timed(machine, program.command, self.transport.env)
            seconds += found.wall
            if program is SYNC_PROGRAM:
                self.runs.append(found)
        self.check(line, tried)
        return seconds * count / tried

    def at_once(self, line: str) -> float:
        """All have written a file and sync in the same moment; seconds until the last has ended."""
        for n, machine in enumerate(self.machines):
            machine.write(f"own/{n}.md", line)
        before = self.transport.trips()
        found = run_together(
            [
                Start(machine, SYNC_PROGRAM.command, {**self.transport.env, "CLAUDETOOLS_SESSION_ID": f"session-{n}"})
                for n, machine in enumerate(self.machines)
            ]
        )
        if before is not None:
            self.trips.append((self.transport.trips() or 0) - before)
        self.runs += found
        self.check(line, len(self.machines))
        return max(run.wall for run in found)

    def check(self, line: str, count: int) -> None:
        arrived = read_files(self.world.remote, [f"own/{n}.md" for n in range(count)])
        self.all_there &= arrived == [line.encode()] * count

    def crowd(self, kind: str) -> Crowd:
        """What is told of it."""
        codes = Counter(str(run.code) for run in self.runs)
        return Crowd(
            kind=kind,
            where=self.transport.name,
            count=len(self.machines),
            rounds=len(self.together),
            alone=round(median(self.alone), 4),
            together=round(median(self.together), 4),
            plain=round(median(self.plain), 4),
            ratio=round(median(a / b for a, b in zip(self.together, self.alone, strict=True)), 3),
            plain_ratio=round(median(a / b for a, b in zip(self.together, self.plain, strict=True)), 3),
            peak=round(max(run.peak for run in self.runs), 1),
            trips=median(self.trips) if self.trips else None,
            exit_codes=dict(sorted(codes.items())),
            all_there=self.all_there,
        )


def sessions_at_once(twin: Twin, count: int, rounds: Iterable[int], transport: Transport) -> Crowd:
    """`count` sessions of one tree save in the same moment, each a file of its own; beside one of them alone."""
    found = Gathering(twin.world, [twin.machine] * count, transport)
    found.warm_up()
    for turn in rounds:
        found.round(turn, alone=1)
    return found.crowd("sessions")


class Fleet:
    """A bare remote and clones of it, made once; each crowd takes the first few."""

    def __init__(self, root: Path, count: int) -> None:
        root.mkdir()
        self.world = World(root)
        for n in range(count):
            self.world.machine(f"CLONE-{n:02}", "mike" if n % 2 else "howard")
        self.warm = False

    def at_once(self, count: int, rounds: Iterable[int], transport: Transport) -> Crowd:
        """`count` clones push a commit each to the remote, in the same moment; beside all of them in a row."""
        machines = list(self.world.machines.values())
        if not self.warm:
            Gathering(self.world, machines, transport).warm_up()
            self.warm = True
        found = Gathering(self.world, machines[:count], transport)
        for turn in rounds:
            found.round(turn, alone=count)
        return found.crowd("clones")
