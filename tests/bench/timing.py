"""One run of a program: its time, its memory, its programs, and what is told of many runs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from test_cost import read_strace, strace_works
from world import Machine

CALLS = "trace=execve,clone,clone3,fork,vfork"
LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py")))


class Run(NamedTuple):
    """Seconds of wall and CPU time with everything below it, megabytes of its largest program."""

    code: int
    wall: float
    cpu: float
    peak: float


class Start(NamedTuple):
    """A command in a machine's clone; `env` goes on top of the machine's."""

    machine: Machine
    command: Sequence[str]
    env: Mapping[str, str]


def run_together(starts: Sequence[Start]) -> list[Run]:
    """All of them, begun in the same moment. Their words are thrown away."""
    wanted = [{"argv": s.command, "cwd": str(s.machine.top), "env": s.machine.env(s.env)} for s in starts]
    done = subprocess.run(LAUNCHER, input=json.dumps(wanted), stdout=subprocess.PIPE, text=True, check=True)
    return [Run(*each) for each in json.loads(done.stdout)]


def run_timed(machine: Machine, command: Sequence[str], env: Mapping[str, str]) -> Run:
    """It alone."""
    return run_together([Start(machine, command, env)])[0]


def count_programs(machine: Machine, command: Sequence[str], env: Mapping[str, str], log: Path) -> int | None:
    """Programs started below the command, without what a git that talks to the remote starts. None without strace."""
    if not strace_works():
        return None
    run_timed(machine, ["strace", *quick_trace(), "-f", "-s", "4000", "-o", str(log), "-e", CALLS, *command], env)
    return len(read_strace(log.read_text(errors="replace")))


@cache
def quick_trace() -> tuple[str, ...]:
    """Stops at the calls that count only, where strace can: a `git status` of 50,000 files makes many others."""
    option = ("--seccomp-bpf",)
    probe = ["strace", *option, "-f", "-o", os.devnull, "-e", CALLS, "true"]
    return option if subprocess.run(probe, capture_output=True).returncode == 0 else ()


@dataclass
class Series:
    """Every run of one program in one case. `trips`: conversations with the remote, where they can be counted."""

    runs: list[Run] = field(default_factory=list)
    trips: list[int] = field(default_factory=list)
    failed: int = 0
    programs: int | None = None

    def summary(self) -> dict[str, float | int]:
        """For people and the JSON file: seconds, megabytes, counts."""
        walls, cpus = [run.wall for run in self.runs], [run.cpu for run in self.runs]
        found: dict[str, float | int] = {
            "wall_median": round(statistics.median(walls), 4),
            "wall_min": round(min(walls), 4),
            "cpu_median": round(statistics.median(cpus), 4),
            "failed": self.failed,
            "peak": round(max(run.peak for run in self.runs), 1),
        }
        if self.trips:
            found["trips"] = statistics.median(self.trips)
        if self.programs is not None:
            found["programs"] = self.programs
        return found


def paired(own: Series, five: Series, what: str) -> float:
    """Median of the ratios of runs that were made in the same round."""
    ratios: list[float] = [getattr(a, what) / getattr(b, what) for a, b in zip(own.runs, five.runs, strict=True)]
    return round(statistics.median(ratios), 3)
