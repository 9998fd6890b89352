"""How many programs a sync starts. Program starts are what a small sync costs, and on Windows they cost tenfold.

Counted are all programs below sync.sh; of a git that talks to the remote (push, fetch, ls-remote) only itself, not
what the transport starts. The count is made by a PATH of logging wrappers, which works everywhere, and is
cross-checked with strace where that is to be had.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from world import SYNC, Machine, World

NOTHING_TO_DO, EDITED, NEW = 4, 20, 21  # what they start today; the budgets are 10 and 24
TRANSPORT = ("push", "fetch", "ls-remote")
# `-C DIR` and `-c NAME=VALUE` stand before git's subcommand.
VALUED_OPTIONS = ("-C", "-c", "--git-dir", "--work-tree")

# A child of a transport inherits COST_BELOW and is not counted. One printf is one write: lines never mix.
WRAPPER = """#!/bin/sh
if [ -z "$COST_BELOW" ]; then
  printf '%s\\0' {name}" $*" >>{log}
  case {name}" $*" in {transport}) COST_BELOW=1 && export COST_BELOW ;; esac
fi
exec {program} "$@"
"""
TRANSPORT_PATTERN = "|".join(f"git*' {word} '*" for word in TRANSPORT)


@dataclass
class Started:
    """One program: its name and its arguments as one text."""

    name: str
    words: str

    @property
    def subcommand(self) -> str:
        """git's subcommand, '' for other programs."""
        return git_subcommand(self.words.split()) if self.name == "git" else ""

    @property
    def title(self) -> str:
        return f"git {self.subcommand}" if self.name == "git" else self.name


def git_subcommand(words: list[str]) -> str:
    """The first word that is neither an option nor an option's value."""
    skip = False
    for word in words:
        if skip or word in VALUED_OPTIONS:
            skip = not skip
        elif not word.startswith("-"):
            return word
    return ""


def table(programs: list[Started], budget: int) -> str:
    lines = [f"{len(programs)} programs, budget {budget}:"]
    return "\n".join(lines + [f"  {p.name} {p.words}"[:160] for p in programs])


# --- counting by wrappers ------------------------------------------------------


def wrap_path(folder: Path, path: str) -> tuple[dict[str, str], Path]:
    """A folder with one wrapper for every program of `path`. Gives the environment to use, and the log."""
    folder.mkdir()
    log = folder.parent / f"{folder.name}.log"
    programs: dict[str, str] = {}
    for place in path.split(os.pathsep):
        if not os.path.isdir(place):
            continue
        for entry in os.scandir(place):
            if entry.name not in programs and os.access(entry.path, os.X_OK) and entry.is_file():
                programs[entry.name] = entry.path
    programs["cost-python"] = sys.executable
    for name, program in programs.items():
        target = folder / name
        target.write_text(
            WRAPPER.format(
                name=shlex.quote(name),
                log=shlex.quote(str(log)),
                transport=TRANSPORT_PATTERN,
                program=shlex.quote(program),
            )
        )
        target.chmod(0o755)
    return {"PATH": str(folder), "CLAUDETOOLS_PYTHON": str(folder / "cost-python")}, log


def count_by_wrappers(machine: Machine, folder: Path) -> list[Started]:
    bash = next(p for p in os.environ["PATH"].split(os.pathsep) if os.access(os.path.join(p, "bash"), os.X_OK))
    env, log = wrap_path(folder, os.environ["PATH"])
    log.unlink(missing_ok=True)
    result = machine.run(os.path.join(bash, "bash"), SYNC, env=env)
    assert result.code == 0, result.text
    found = []
    for line in log.read_text().split("\0")[:-1]:
        name, _, words = line.partition(" ")
        found.append(Started(name.replace("cost-python", "python"), words))
    return found


# --- counting by strace --------------------------------------------------------


def strace_works() -> bool:
    """Present, and allowed to trace (in some containers it is not)."""
    try:
        probe = ["strace", "-f", "-o", os.devnull, "-e", "trace=execve", "true"]
        return subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def count_by_strace(machine: Machine, log: Path) -> list[Started]:
    calls = "trace=execve,clone,clone3,fork,vfork"
    result = machine.run("strace", "-f", "-s", "4000", "-o", log, "-e", calls, "bash", SYNC)
    assert result.code == 0, result.text
    return read_strace(log.read_text(errors="replace"))


def read_strace(text: str) -> list[Started]:
    """The programs below the traced one, without those that a transport started."""
    parent: dict[str, str] = {}
    pending: dict[str, str] = {}
    calls: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            pending[pid] = call
            continue
        if call.startswith("<..."):
            call = pending.pop(pid, "") + call
        if child := re.search(r"^(?:clone3?|v?fork)\(.*= (\d+)$", call):
            parent[child[1]] = pid
        elif re.search(r"^execve\(.*= 0$", call) and (argv := re.search(r"^execve\(\"[^\"]*\", \[(.*?)\], ", call)):
            calls.append((pid, re.findall(r'"((?:[^"\\]|\\.)*)"', argv[1])))
    transports: set[str] = set()
    found = []
    for pid, words in calls:
        above = parent.get(pid, "")
        while above and above not in transports:
            above = parent.get(above, "")
        if above:
            continue
        program = Started(os.path.basename(words[0]), " ".join(words[1:]))
        if program.subcommand in TRANSPORT:
            transports.add(pid)
        found.append(program)
    return found[1:]  # the first is the sync itself


# --- the cases -----------------------------------------------------------------


@pytest.fixture
def warm(machine: Machine) -> Machine:
    """The day's housekeeping is done, the identity is cached: its files are visibly older than the cache."""
    for name in ("identity.json", "users.json"):
        os.utime(machine.top / ".claude" / name, (1_700_000_000, 1_700_000_000))
    machine.write("kept.txt", "one\n")
    for _ in range(2):
        result = machine.sync()
        assert result.code == 0, result.text
    assert (machine.state / "pruned").exists()
    return machine


def make_change(machine: Machine, case: str) -> None:
    # A file that is as young as the snapshot is read twice: that is another case.
    old = 1_700_000_000
    if case == "edited":
        os.utime(machine.write("kept.txt", "one\ntwo\n"), (old, old))
    elif case == "new":
        os.utime(machine.write("new.txt", "one\n"), (old, old))


@pytest.mark.parametrize(
    ("case", "budget", "trips"),
    [("nothing", NOTHING_TO_DO, ["ls-remote"]), ("edited", EDITED, ["push"]), ("new", NEW, ["push"])],
)
def test_a_sync_starts_few_programs_and_makes_one_network_trip(
    warm: Machine, tmp_path: Path, case: str, budget: int, trips: list[str]
) -> None:
    make_change(warm, case)
    programs = count_by_wrappers(warm, tmp_path / "wrappers")
    shown = table(programs, budget)
    assert "git status" in [p.title for p in programs], shown
    assert [p.subcommand for p in programs if p.subcommand in TRANSPORT] == trips, shown
    assert not [p.name for p in programs if p.name.startswith("python")], shown
    assert len(programs) <= budget, shown


def test_whoever_met_another_push_fetches_before_the_next_one(warm: Machine, world: World, tmp_path: Path) -> None:
    """A push would mostly be lost: two trips in place of three. Once nobody is met any more, one again."""
    other = world.machine("LINUX-02", "howard")
    expected = [["push", "fetch", "push"], ["fetch", "push"], ["fetch", "push"], ["push"]]
    for n, trips in enumerate(expected):
        if n < 2:
            other.write(f"theirs-{n}.txt", "x\n")
            assert other.sync().code == 0
        warm.write("kept.txt", f"{n}\n")
        programs = count_by_wrappers(warm, tmp_path / f"wrappers-{n}")
        assert [p.subcommand for p in programs if p.subcommand in TRANSPORT] == trips, f"sync {n}"
    assert warm.read("theirs-1.txt") == "x\n"


@pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace here")
@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", ["nothing", "edited", "new"])
def test_strace_counts_the_same_programs(warm: Machine, tmp_path: Path, case: str) -> None:
    make_change(warm, case)
    traced = count_by_strace(warm, tmp_path / "trace")
    if case == "new":
        warm.git("rm", "-q", "new.txt")
        warm.sync()
    elif case == "edited":
        warm.write("kept.txt", "one\n")
        warm.sync()
    make_change(warm, case)
    wrapped = count_by_wrappers(warm, tmp_path / "wrappers")
    assert sorted(p.title for p in traced) == sorted(p.title for p in wrapped), (
        f"strace: {table(traced, 0)}\nwrappers: {table(wrapped, 0)}"
    )


# --- the counters themselves -----------------------------------------------------


def test_wrappers_count_every_program_but_those_below_a_transport(world: World, tmp_path: Path) -> None:
    machine = world.machine()
    env, log = wrap_path(tmp_path / "wrappers", os.environ["PATH"])
    script = 'date >/dev/null; (git -C . ls-remote -q origin; true | cat); "$CLAUDETOOLS_PYTHON" -c ""'
    result = machine.run("sh", "-c", script, env=env)
    assert result.code == 0, result.text
    names = [line.split(" ")[0] for line in log.read_text().split("\0")[:-1]]
    assert sorted(names) == ["cat", "cost-python", "date", "git", "sh"]


def test_strace_output_is_read_with_its_interruptions() -> None:
    text = "\n".join(
        [
            '1 execve("/bin/bash", ["bash", "sync.sh"], 0x1 /* 9 vars */) = 0',
            "1 clone(child_stack=NULL, flags=SIGCHLD) = 2",
            '2 execve("/a/git", ["git", "push"], 0x1 /* 9 vars */) = -1 ENOENT (No such file or directory)',
            '2 execve("/b/git", ["git", "-C", "/x", "push", "origin"], 0x1 <unfinished ...>',
            "1 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
            "2 <... execve resumed>) = 0",
            "1 <... clone resumed>) = 3",
            "2 vfork() = 4",
            '4 execve("/bin/sh", ["sh", "-c", "git-receive-pack"], 0x1 /* 9 vars */) = 0',
            '3 execve("/bin/rm", ["rm", "-f", "a b"], 0x1 /* 9 vars */) = 0',
        ]
    )
    assert [p.title for p in read_strace(text)] == ["git push", "rm"]
