"""Programs write to files while their tree is synced, ours beside bare git: what is done, and what is lost.

Four writers at once: one to a file of its own, and three to files whose first line upstream changes every round, by
appending, by a file that stays open, and by a rename. Of ours everything is asserted; bare git's figures are printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from forced import assert_together
from test_advance import Writers
from world import Machine, World

BUSY = {
    "own.log": "opens and appends",
    "appended.log": "opens and appends",
    "open.log": "keeps it open",
    "renamed.log": "writes beside and renames",
}
SHARED = [path for path in BUSY if path != "own.log"]
BARE = "git add -A; git commit -qm saved; git pull -q --rebase --autostash && git push -q"


@dataclass(frozen=True)
class Figures:
    """Of one storm: rounds that ended well, tokens written, and those that are in neither tree nor remote."""

    done: int
    rounds: int
    written: int
    lost: int

    def __str__(self) -> str:
        share = 100 * self.lost / max(1, self.written)
        return f"{self.done} of {self.rounds} syncs done, {self.lost} of {self.written} tokens lost ({share:.1f} %)"


def ours(machine: Machine) -> int:
    return machine.sync().code


def bare(machine: Machine) -> int:
    return machine.run("bash", "-c", BARE).code


def end(writers: Writers, strict: bool) -> list[str]:
    """The tokens of all writers. Where bare git takes a file away, a writer may have died of it."""
    if strict:
        return writers.finish()
    writers.stop.touch()
    for process in writers.running:
        process.communicate(timeout=30)
    return [token for log in writers.machine.home.glob("stop.*") for token in log.read_text().split()]


def storm(root: Path, rate: float, crlf: bool, rounds: int, sync: Callable[[Machine], int]) -> tuple[Figures, World]:
    """Writers at `rate` a second each, on a new world, while `sync` runs once a round."""
    root.mkdir()
    world = World(root)
    mike, howard = world.machine("LINUX-01", "mike"), world.machine("MAC-02", "howard")
    assert mike.sync().code == 0
    mike.git("config", "core.autocrlf", str(crlf).lower())
    for path in SHARED:
        howard.write(path, "first 0\n" + "".join(f"line {n}\n" for n in range(20)))
    assert howard.sync().code == 0 and mike.sync().code == 0
    mike.write("own.log", "mine\n")
    writers = Writers(mike)
    done = 0
    try:
        for path, how in BUSY.items():
            writers.start(how, path, rate)
        for n in range(1, rounds + 1):
            for path in SHARED:
                howard.write(path, f"first {n}\n" + howard.read(path).split("\n", 1)[1])
            assert howard.sync().code == 0
            done += sync(mike) == 0
            assert howard.sync().code == 0
    finally:
        tokens = end(writers, strict=sync is ours)
    sync(mike)
    found = world.remote_git("grep", "-hI", "-e", "", "main").split()
    found += [word for file in mike.top.glob("*.log*") for word in file.read_text(errors="replace").split()]
    return Figures(done, rounds, len(tokens), len(set(tokens) - set(found))), world


def assert_all_arrived(figures: Figures, world: World) -> None:
    assert figures.lost == 0 and figures.done == figures.rounds, figures
    mike, howard = world.machines["LINUX-01"], world.machines["MAC-02"]
    for machine in (howard, mike):
        result = machine.sync()
        assert result.code == 0, result.text
    assert_together(world)
    for path in SHARED:
        assert world.remote_file(path).startswith(f"first {figures.rounds}\n"), f"upstream's line of {path} was undone"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("crlf", [False, True], ids=["plain", "autocrlf"])
def test_four_writers_at_once_lose_nothing_in_three_syncs(tmp_path: Path, crlf: bool) -> None:
    figures, world = storm(tmp_path / "ours", 300, crlf, 3, ours)
    print(f"ours: {figures}")
    assert_all_arrived(figures, world)


@pytest.mark.lab
@pytest.mark.parametrize("crlf", [False, True], ids=["plain", "autocrlf"])
@pytest.mark.parametrize("rate", [20, 300])
def test_eight_syncs_are_done_and_nothing_is_lost_beside_bare_git(tmp_path: Path, rate: float, crlf: bool) -> None:
    figures, world = storm(tmp_path / "ours", rate, crlf, 8, ours)
    beside, _ = storm(tmp_path / "bare", rate, crlf, 8, bare)
    print(f"{rate} writes/s a writer, autocrlf {crlf}\n  ours:     {figures}\n  bare git: {beside}")
    assert_all_arrived(figures, world)
