"""Benchmark: what a sync costs beside the five git commands that it replaces. Prints tables; never judges.

    python tests/bench [--minutes N] [--files 1000,50000] [--rounds N] [--json FILE] [--docs]
    python tests/bench --read FILE --docs

Every program works in a twin repository with the same content and history. Each round runs all of them, one right after
the other and the other way round in the next one, so that a busy machine slows all of them down. Read ratios, not
milliseconds: `ratio` is the median of wall times of the same round.

    nothing    nothing to do
    edit       one changed file
    both       one changed file, and one commit that another machine pushed before
    many       20 commits to send, and 20 that another machine pushed before

Then crowds: sessions that save in one tree, and clones that push to one remote, in the same moment. The remote lies on
the same disk, behind a link of 50 ms a round trip, or behind git's own, an http or an ssh server on this machine.
`peak` is the largest program of a run, in megabytes; `programs` are counted with strace; `trips` are conversations
with the remote. A peer or a server that is not here is skipped by name.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from bench import docs, tables  # noqa: E402
from bench.crowds import Crowd, Fleet, sessions_at_once  # noqa: E402
from bench.measure import Case, Row, make_twins  # noqa: E402
from bench.pace import Pace  # noqa: E402
from bench.programs import FIVE_COMMANDS, SYNC_PROGRAM, find_peers, first_line  # noqa: E402
from bench.transports import LINK, LINK_MS, LOCAL, TRANSPORTS, Missing, Transport  # noqa: E402
from bench.twins import CASES, Twin  # noqa: E402

FILES_OF_A_CROWD = 1000
Part = tuple[float, Callable[[Iterator[int]], None]]


class Bench:
    """Everything that was asked for, in one temporary folder."""

    def __init__(self, root: Path, args: argparse.Namespace) -> None:
        self.root, self.args = root, args
        self.programs, self.skipped = find_peers(root)
        self.programs = [FIVE_COMMANDS, SYNC_PROGRAM, *self.programs]
        self.transports: list[Transport] = []
        self.twins: dict[str, Twin] = {}
        self.fleet: Fleet | None = None
        self.numbers = itertools.count(1)
        self.load = round(os.getloadavg()[0], 1)
        self.rows: list[Row] = []
        self.crowds: list[Crowd] = []

    def run(self) -> None:
        """Measure it all and print each line when it is known."""
        with ExitStack() as servers:
            for name in self.args.transports:
                try:
                    self.transports.append(servers.enter_context(TRANSPORTS[name](self.root)))
                except Missing as missing:
                    self.skipped[name] = str(missing)
            for name, reason in self.skipped.items():
                say(f"skipped: {name} ({reason})")
            say(f"\n{tables.HEADER}")
            self.go_through([*self.singles(), *self.many()])

    def go_through(self, parts: list[Part]) -> None:
        pace = Pace(self.args.rounds, self.args.minutes or None, sum(weight for weight, _ in parts))
        for weight, measure in parts:
            measure(pace.turns(weight))

    def singles(self) -> Iterator[Part]:
        """Servers make their difference at any size: they are tried at the smallest one."""
        for files in self.args.files:
            for transport in self.transports:
                if files == self.args.files[0] or transport.name in (LOCAL, LINK):
                    for case in CASES if transport.name in (LOCAL, LINK) else CASES[:3]:
                        yield 1 + files / 5000, partial(self.single, files, transport, case)

    def single(self, files: int, transport: Transport, case: str, turns: Iterator[int]) -> None:
        """One case of one sync. Peers reach a remote on the disk only."""
        programs = self.programs if transport.name == LOCAL else [FIVE_COMMANDS, SYNC_PROGRAM]
        if not self.twins or next(iter(self.twins.values())).files != files:
            self.drop_twins()
            self.twins = make_twins(self.root, files, self.programs)
        for program in programs:
            transport.point(self.twins[program.name].world)
        measured = Case(programs, self.twins, transport, self.root / "trace")
        rows = measured.measure(case, turns, lambda: next(self.numbers))
        self.rows += rows
        for row in rows:
            say(tables.row_line(row))

    def drop_twins(self) -> None:
        """Hundreds of thousands of files, which `rm` takes away faster than Python does."""
        subprocess.run(["rm", "-rf", *(str(twin.world.root) for twin in self.twins.values())], check=True)
        self.twins = {}

    def many(self) -> Iterator[Part]:
        """Sessions where the remote's way makes a difference, clones on every way."""
        yield 0, lambda turns: say(f"\n{tables.CROWD_HEADER}")
        for transport in self.transports:
            for count in self.args.sessions if transport.name in (LOCAL, LINK) else ():
                yield 1 + count / 5, partial(self.sessions, count, transport)
            for count in self.args.clones:
                yield 1 + count / 1.5, partial(self.clones, count, transport)

    def sessions(self, count: int, transport: Transport, turns: Iterator[int]) -> None:
        twin = Twin(self.root / f"sessions-{count}", FILES_OF_A_CROWD)
        self.add(sessions_at_once(twin, count, turns, transport))
        shutil.rmtree(twin.world.root)

    def clones(self, count: int, transport: Transport, turns: Iterator[int]) -> None:
        if self.fleet is None:
            self.fleet = Fleet(self.root / "clones", max(self.args.clones))
        self.add(self.fleet.at_once(count, turns, transport))

    def add(self, crowd: Crowd) -> None:
        self.crowds.append(crowd)
        say(tables.crowd_line(crowd))

    def figures(self) -> dict[str, Any]:
        """All of it, as the JSON file has it."""
        versions = {program.name: program.version for program in self.programs if program.version}
        return {
            "system": {
                "date": time.strftime("%Y-%m-%d"),
                "git": first_line(("git", "--version")).replace("version ", ""),
                "system": f"{platform.system()} {platform.machine()}",
                "cores": os.cpu_count(),
                "memory_gb": memory_gb(),
                "load": self.load,
                "link_ms": LINK_MS,
                "peers": versions,
            },
            "skipped": self.skipped,
            "rows": [asdict(row) for row in self.rows],
            "crowds": [asdict(crowd) for crowd in self.crowds],
        }


def say(line: str) -> None:
    print(line, flush=True)


def memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


def numbers(text: str) -> list[int]:
    """`1,8,32` as numbers; none for an empty text. ValueError for less than one."""
    found = [int(word) for word in text.split(",") if word]
    if any(number < 1 for number in found):
        raise ValueError(text)
    return found


def read_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="What a sync costs beside the five git commands.")
    parser.add_argument("--minutes", type=float, default=12, help="about as long; 0: all the rounds (12)")
    parser.add_argument("--rounds", type=int, default=25, help="of each part, at most")
    parser.add_argument("--files", type=numbers, default=[1000, 50000], help="sizes of the repository, with commas")
    parser.add_argument("--sessions", type=numbers, default=[1, 8, 32], help="syncs started together in one tree")
    parser.add_argument("--clones", type=numbers, default=[2, 8, 32], help="clones that push to one remote together")
    parser.add_argument("--transports", type=lambda text: text.split(","), default=list(TRANSPORTS))
    parser.add_argument("--json", type=Path, help="write everything there")
    parser.add_argument("--read", type=Path, help="measure nothing: take the figures from this JSON file")
    parser.add_argument("--docs", action="store_true", help="write docs/cost.* and the README's section anew")
    args = parser.parse_args(argv)
    if unknown := set(args.transports) - set(TRANSPORTS):
        parser.error(f"--transports knows {', '.join(TRANSPORTS)}, not {', '.join(sorted(unknown))}")
    if args.docs and not find_spec("matplotlib"):
        parser.error("--docs draws a picture: pip install -e '.[bench]'")
    if args.read and not args.read.is_file():
        parser.error(f"--read: there is no {args.read}")
    return args


def main(argv: list[str]) -> int:
    """Run the benchmark. 2 for wrong usage, else 0: it never judges."""
    args = read_arguments(argv)
    figures = json.loads(args.read.read_text(encoding="utf-8")) if args.read else measure(args)
    if args.json:
        args.json.write_text(docs.to_json(figures), encoding="utf-8")
    if args.docs:
        docs.write(figures)
    return 0


def measure(args: argparse.Namespace) -> docs.Figures:
    """Everything that was asked for; prints each line when it is known."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended and the folder goes
    with tempfile.TemporaryDirectory(prefix="claudetools-bench-") as folder:
        bench = Bench(Path(folder).resolve(), args)
        try:
            bench.run()
            return bench.figures()
        finally:
            bench.drop_twins()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
