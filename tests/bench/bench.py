"""Benchmark: what a sync costs beside the five git commands that it replaces. Prints a table; never judges.

    python tests/bench/bench.py [--files 1000,50000] [--rounds N] [--json FILE] [--quick]

Both sides work in twin repositories with the same content and history. Every round runs both, one right after the
other and the other way round in the next one, so that a busy machine slows both down. Read ratios,
not milliseconds. Columns: median and minimum of wall time and CPU time (of the program and everything below it).

    nothing    nothing to do
    edit       one changed file
    both       one changed file, and one commit that another clone pushed before

    many       20 commits to send, and 20 that another clone pushed before

`link` runs the same through a link with 50 ms per round trip in place of ssh (see link.py). Then crowds (crowds.py):
sessions that save in one tree, and clones that push to one remote, in the same moment. `peak` is the largest program
of a run, in megabytes. plot.py makes a picture of the JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from crowds import Crowd, fleet_at_once, sessions_at_once  # noqa: E402
from world import SYNC, Machine, World  # noqa: E402

FIVE = "git add -A; git commit -q -m work; git fetch -q; git rebase -q; git push -q"
CASES = ("nothing", "edit", "both", "many")
LINK_MS = 50

# Other tools, run once in a clone of their own when they are on PATH. Each saves, sends and receives like a sync.
PEERS = {
    "git-annex": "git annex assist --quiet",
    "git-sync": "git-sync -n -s",
    # It watches for ever; with a watcher that reports one change and ends, it saves once. Receives nothing.
    "gitwatch": "GW_INW_BIN=gitwatch-once gitwatch -s 0 -r origin -b main . | cat",
}
PEER_SETUP = {
    "git-annex": (
        "git annex init --quiet bench",
        "git config annex.largefiles nothing",
        "git config annex.autocommit true",
    ),
    "git-sync": ("git config branch.main.sync true", "git config branch.main.syncNewFiles true"),
    "gitwatch": (),
}


@dataclass
class Times:
    """Seconds of every run of one program in one case."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    failed: int = 0
    trips: list[int] = field(default_factory=list)
    peak: float = 0.0  # megabytes of the largest program

    def summary(self) -> dict[str, float | int]:
        found: dict[str, float | int] = {
            "wall_median": statistics.median(self.wall),
            "wall_min": min(self.wall),
            "cpu_median": statistics.median(self.cpu),
            "cpu_min": min(self.cpu),
            "failed": self.failed,
            "peak": self.peak,
        }
        if self.trips:
            found["trips"] = statistics.median(self.trips)
        return found


@dataclass
class Row:
    """One line of the table: a program in a case, beside the five commands in the same rounds."""

    files: int
    where: str
    case: str
    program: str
    own: dict[str, float | int]
    five: dict[str, float | int]
    ratio: float  # median of the paired wall times
    cpu_ratio: float


class Twin:
    """One of the twin repositories: a remote, the machine that syncs, and another one that pushes commits."""

    def __init__(self, root: Path, files: int) -> None:
        root.mkdir()
        self.world = World(root)
        self.machine = self.world.machine("LINUX-01")
        self.paths = [f"area-{i % 20:02}/part-{i // 20 % 25:02}/file-{i:05}.md" for i in range(files)]
        for i, path in enumerate(self.paths):
            self.machine.write(path, "".join(f"line {n} of file {i}\n" for n in range(10)))
        for name, value in (("user.name", "Mike Swanson"), ("user.email", "mike@example.com")):
            self.machine.git("config", name, value)
        self.machine.git("add", "-A")
        self.machine.git("commit", "-q", "-m", "Files")
        self.machine.git("push", "-q", "origin", "HEAD:main")
        self.other = self.world.machine("LINUX-02", "howard")
        self.other.git("config", "user.name", "Howard Lee")
        self.other.git("config", "user.email", "howard@example.com")

    def change(self, case: str, turn: int) -> None:
        if case == "nothing":
            return
        count = 20 if case == "many" else 1
        for n in range(count - 1):
            self.edit(self.machine, 100 * turn + n)
            self.machine.git("commit", "-q", "-a", "-m", f"Local {n}")
        self.edit(self.machine, 100 * turn + count)
        if case != "edit":
            self.other.git("fetch", "-q")
            self.other.git("reset", "-q", "--hard", "origin/main")
            for n in range(count):
                self.edit(self.other, 100 * turn + 50 + n)
                self.other.git("commit", "-q", "-a", "-m", f"Incoming {n}")
            self.other.git("push", "-q")

    def edit(self, machine: Machine, turn: int) -> None:
        path = self.paths[turn * 37 % len(self.paths)]
        with (machine.top / path).open("a") as file:
            file.write(f"turn {turn} on {machine.name}\n")

    def is_even(self) -> bool:
        """The tree is clean and the remote has everything."""
        return self.machine.git("rev-parse", "HEAD") == self.world.tip() and self.machine.status() == ""


def run_timed(machine: Machine, argv: list[str], env: dict[str, str], times: Times | None) -> int:
    began = time.perf_counter()
    process = subprocess.Popen(
        argv,
        cwd=machine.top,
        env=machine.env(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if times is not None:
        times.wall.append(wall)
        times.cpu.append(used.ru_utime + used.ru_stime)
        times.peak = max(times.peak, used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))
    return process.returncode


class Bench:
    """Everything at one number of files. `say` gets progress."""

    def __init__(self, root: Path, files: int, rounds: int, say: Callable[[str], None]) -> None:
        self.root, self.files, self.rounds, self.say = root, files, rounds, say
        self.turn = 0
        self.trips = root / "trips"
        self.rows: list[Row] = []
        self.programs: dict[str, list[str]] = {"sync.sh": ["bash", str(SYNC)]}
        self.extra: dict[str, dict[str, str]] = {}

    def add_peers(self) -> None:
        for name, command in PEERS.items():
            if not shutil.which(name):
                self.say(f"skipped: {name} is not on PATH")
                continue
            self.programs[name] = ["bash", "-c", command]
        stub = self.root / "bin" / "gitwatch-once"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text("#!/bin/sh\necho changed\n")
        stub.chmod(0o755)
        self.extra["gitwatch"] = {"PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}"}

    def run(self, link: bool) -> None:
        names = ["five", *self.programs]
        twins = {name: Twin(self.root / f"{name}-{self.files}", self.files) for name in names}
        for name in self.programs:
            for line in PEER_SETUP.get(name, ()):
                twins[name].machine.run("sh", "-c", line)
        self.programs["five"] = ["bash", "-c", FIVE]
        self.measure_cases("local", twins)
        if link:
            for twin in twins.values():
                twin.machine.git("remote", "set-url", "origin", f"far:{twin.world.remote}")
            self.measure_cases(f"link {LINK_MS} ms", {n: twins[n] for n in ("five", "sync.sh")})
        for twin in twins.values():
            shutil.rmtree(twin.world.root)

    def link_environment(self) -> dict[str, str]:
        words = [sys.executable, "-I", "-S", str(Path(__file__).with_name("link.py")), str(LINK_MS), str(self.trips)]
        return {"GIT_SSH_COMMAND": " ".join(map(shlex.quote, words)), "GIT_SSH_VARIANT": "simple"}

    def measure_cases(self, where: str, twins: dict[str, Twin]) -> None:
        times = {(name, case): Times() for name in twins for case in CASES}
        for case in CASES:
            for turn in range(self.rounds + 1):
                self.turn += 1
                order = list(twins) if turn % 2 else list(reversed(twins))
                for name in order:
                    twins[name].change(case, self.turn)
                for name in order:  # the first round warms up
                    self.measure(name, case, twins[name], where, times[name, case] if turn else None)
            self.collect(where, case, times, list(twins))

    def measure(self, name: str, case: str, twin: Twin, where: str, times: Times | None) -> None:
        env = {**self.extra.get(name, {}), **(self.link_environment() if where != "local" else {})}
        self.trips.unlink(missing_ok=True)
        code = run_timed(twin.machine, self.programs[name], env, times)
        if times is None:
            return
        if where != "local":
            times.trips.append(len(self.trips.read_text().splitlines()) if self.trips.exists() else 0)
        # The five commands end like their last one; git annex leaves a branch of its own.
        times.failed += code != 0 or not twin.is_even()

    def collect(self, where: str, case: str, times: dict[tuple[str, str], Times], names: list[str]) -> None:
        five = times["five", case]
        for name in names:
            if name == "five":
                continue
            own = times[name, case]
            ratio = statistics.median(a / b for a, b in zip(own.wall, five.wall, strict=True))
            cpu = statistics.median(a / b for a, b in zip(own.cpu, five.cpu, strict=True))
            row = Row(self.files, where, case, name, own.summary(), five.summary(), ratio, cpu)
            self.rows.append(row)
            self.say(row_line(row))

    def crowds(self, sessions: list[int], clones: list[int]) -> list[Crowd]:
        """Every size of both kinds of crowd, here and over the link."""
        found = []
        for where in ("local", f"link {LINK_MS} ms"):
            env = self.link_environment() if where != "local" else {}
            for count in sessions:
                twin = Twin(self.root / f"sessions-{count}", 200)
                self.point_at(twin.world, where)
                found.append(sessions_at_once(twin.world, count, max(3, self.rounds // 4), where, env))
                shutil.rmtree(twin.world.root)
                self.say(found[-1].line())
            for count in clones:

                def prepare(world: World, where: str = where, env: dict[str, str] = env) -> dict[str, str]:
                    self.point_at(world, where)
                    return env

                found.append(fleet_at_once(self.root / f"clones-{count}", count, 2, where, prepare))
                self.say(found[-1].line())
        return found

    def point_at(self, world: World, where: str) -> None:
        for machine in world.machines.values() if where != "local" else ():
            machine.git("remote", "set-url", "origin", f"far:{world.remote}")


HEADER = (
    f"{'files':>6}  {'remote':<10} {'case':<8} {'program':<10} {'median':>8} {'min':>8} {'five':>8} {'min':>8}"
    f"  {'ratio':>6} {'of min':>6} {'cpu':>6} {'peak':>5}  trips"
)


def row_line(row: Row) -> str:
    ms = [row.own["wall_median"], row.own["wall_min"], row.five["wall_median"], row.five["wall_min"]]
    least = row.own["wall_min"] / row.five["wall_min"]
    trips = f"{row.own['trips']:g} of {row.five['trips']:g}" if "trips" in row.own else ""
    failed = (
        f"  failed: {row.own['failed']}, five: {row.five['failed']}" if row.own["failed"] or row.five["failed"] else ""
    )
    return (
        f"{row.files:>6}  {row.where:<10} {row.case:<8} {row.program:<10} "
        + " ".join(f"{1000 * t:>8.1f}" for t in ms)
        + f"  {row.ratio:>6.2f} {least:>6.2f} {row.cpu_ratio:>6.2f} {row.own['peak']:>5.0f}  {trips}{failed}"
    )


def numbers(text: str) -> list[int]:
    """`1,8,32` as numbers; none for an empty text."""
    return [int(n) for n in text.split(",") if n]


def main(argv: list[str]) -> int:
    """Run the benchmark. Always 0, unless something could not run at all."""
    parser = argparse.ArgumentParser(description="What a sync costs beside the five git commands.")
    parser.add_argument("--files", default="1000,50000", help="numbers of files, with commas")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sessions", default="1,8,32", help="syncs started together in one tree")
    parser.add_argument("--clones", default="2,8,32", help="clones that push to one remote together")
    parser.add_argument("--json", type=Path, help="write everything there")
    parser.add_argument("--quick", action="store_true", help="200 files, 3 rounds: only to see that it runs")
    args = parser.parse_args(argv)
    sizes, rounds = numbers(args.files), args.rounds
    if args.quick:
        sizes, rounds, args.sessions, args.clones = [200], 3, "1,4", "2"

    def say(line: str) -> None:
        print(line, flush=True)

    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="claudetools-bench-") as folder:
        say(HEADER)
        for files in sizes:
            bench = Bench(Path(folder), files, rounds, say)
            if files == sizes[0]:
                bench.add_peers()
            bench.run(link=True)
            rows += bench.rows
        crowds = bench.crowds(numbers(args.sessions), numbers(args.clones))
    if args.json:
        git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        system = {"git": git, "system": platform.platform(), "cpus": os.cpu_count(), "rounds": rounds}
        system["date"] = time.strftime("%Y-%m-%d")
        args.json.write_text(
            json.dumps(
                {"system": system, "rows": [asdict(r) for r in rows], "crowds": [asdict(c) for c in crowds]}, indent=2
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
