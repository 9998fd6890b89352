"""Never two inside the lock, whatever is killed: many processes, liars, random kills; what an oracle sees (yard.py).

The long runs are in tests/lab/test_lock_lab.py.
"""

from __future__ import annotations

import os
import random
import select
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from yard import INSIDE, PATIENCE, PROLOGUE, TAKE, WORKER, Yard, kill, linux_only, needs_flock

# --- exclusion, as an oracle sees it ------------------------------------------------------------------------------


def contend(yard: Yard, count: int, rounds: int, body: str = WORKER, env: Mapping[str, str] | None = None) -> list[str]:
    """Starts `count` workers that all stand at one barrier, lets them go; returns what they said on stderr."""
    read_end, write_end = os.pipe()
    ready = yard.gate("ready")
    barrier = f"echo >'{ready.at}'; read -r _ <&{read_end} || :; exec {read_end}<&-\n"
    workers = [
        yard.start(
            "bash", "-c", PROLOGUE + barrier + body, env={"ROUNDS": str(rounds), **(env or {})}, pass_fds=(read_end,)
        )
        for _ in range(count)
    ]
    os.close(read_end)
    seen = 0
    while seen < count:
        assert select.select([ready._at], [], [], PATIENCE)[0]
        seen += os.read(ready._at, 4096).count(b"\n")
    os.close(write_end)
    said = []
    for worker in workers:
        out, err = worker.communicate(timeout=1200)
        assert worker.returncode == 0, err.decode(errors="replace") + out.decode(errors="replace")
        said.append(err.decode(errors="replace"))
    return said


@needs_flock
def test_the_oracle_sees_overlaps_when_nobody_takes_the_lock(yard: Yard) -> None:
    no_lock = "prepare_claim() { :; }\nacquire_lock() { :; }\nrelease_lock() { :; }\n"
    slow = WORKER.replace("exec 5>&-", "sleep 0.01; exec 5>&-")
    contend(yard, 4, 10, no_lock + slow)
    assert yard.lines("overlaps")


@needs_flock
def test_eight_processes_with_fifteen_acquisitions_each_never_overlap(yard: Yard) -> None:
    contend(yard, 8, 15)
    assert len(yard.lines("entries")) == 8 * 15
    assert yard.lines("overlaps") == []
    yard.assert_free()


@needs_flock
def test_sixteen_contenders_on_one_dead_lock_get_it_one_after_the_other_and_one_clears_it(yard: Yard) -> None:
    yard.plant_dead()
    said = contend(yard, 16, 1)
    entries = yard.lines("entries")
    assert len(entries) == len(set(entries)) == 16
    assert yard.lines("overlaps") == []
    assert sum("died without releasing the lock: cleared" in text for text in said) == 1
    assert [p.name.split(".")[0] for p in yard.claims.iterdir()] == ["dead"]


LIES = {
    "mkdir that always says yes": ("mkdir", '"$REAL" "$@" 2>/dev/null; exit 0'),
    "mkdir that always says no": ("mkdir", '"$REAL" "$@"; exit 1'),
    "ln that always says yes": ("ln", '"$REAL" "$@" 2>/dev/null; exit 0'),
    "ln that always says no": ("ln", '"$REAL" "$@"; exit 1'),
    "rmdir that always says no": ("rmdir", '"$REAL" "$@" 2>/dev/null; exit 1'),
}


@pytest.mark.sampled(2)
@needs_flock
@pytest.mark.parametrize("lie", LIES)
def test_programs_that_lie_about_success_do_not_break_exclusion(yard: Yard, lie: str) -> None:
    contend(yard, 4, 6, env=yard.stub(*LIES[lie]))
    assert len(yard.lines("entries")) == 4 * 6
    assert yard.lines("overlaps") == []
    yard.assert_free()


def test_an_ln_that_does_nothing_and_says_yes_ends_with_73_and_not_in_a_loop(yard: Yard) -> None:
    done = yard.with_lock("--wait", "9", "--", "true", env=yard.stub("ln", "exit 0"))
    assert done.code == 73, done.text
    assert "gave no reason" in done.err
    yard.assert_free()


# --- kill fuzz ----------------------------------------------------------------------------------------------------


# A child inside, so that bash is also killed while one holds the oracle.
FUZZ_WORKER = WORKER.replace("exec 5>&-", '(: >>"$ENTRIES.child")\nexec 5>&-')
# Takes the lock and lets two programs queue one level down; killed alone, it leaves them there.
NESTED_WORKER = f"""\
for ((n = 0; n != ROUNDS; n++)); do
{TAKE}
for inner in 1 2; do CLAUDETOOLS_REENTER=$LOCK_TOKEN bash -c "$INNER" & done
wait
rmdir "$STATE/nested/$LOCK_TOKEN/claims" "$STATE/nested/$LOCK_TOKEN" "$STATE/nested" || :
release_lock
done
"""


@dataclass
class Figures:
    acquisitions: int
    kills: int
    overlaps: int
    errors: list[str]


def fuzz(yard: Yard, seed: int, kills: int, workers: int = 5, body: str = FUZZ_WORKER, pace: float = 0.04) -> Figures:
    """Kills random runs, the whole group or bash alone, at random moments; each is replaced at once."""
    chance = random.Random(seed)
    errors: list[str] = []

    def launch() -> subprocess.Popen[bytes]:
        # Their talk goes nowhere: a full pipe would stop them.
        process = subprocess.Popen(
            ["bash", "-c", PROLOGUE + body],
            cwd=yard.top,
            env=yard.env({"ROUNDS": "-1", "WAIT": "60", "INNER": PROLOGUE + TAKE + INSIDE}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(yard.root / "talk").open("ab"),
            start_new_session=True,
        )
        yard.started.append(process)
        return process

    crew = [launch() for _ in range(workers)]
    for _ in range(kills):
        time.sleep(chance.uniform(0, pace))
        place = chance.randrange(workers)
        victim = crew[place]
        if victim.poll() is not None:
            errors.append(f"a worker ended by itself with {victim.returncode}")
        else:
            kill(victim, whole_group=chance.random() < 0.5)
        crew[place] = launch()
    for victim in crew:
        kill(victim, whole_group=True)
    yard.settle()
    talk = (yard.root / "talk").read_text(errors="replace")
    errors += [line for line in talk.splitlines() if "[ERROR]" in line or "Traceback" in line]
    figures = Figures(len(yard.lines("entries")), kills + workers, len(yard.lines("overlaps")), errors)
    print(f"seed {seed}: {figures.acquisitions} acquisitions, {figures.kills} kills, {figures.overlaps} overlaps")
    return figures


@needs_flock
@linux_only
def test_random_kills_never_make_two_runs_overlap_and_never_wedge_the_lock(yard: Yard) -> None:
    figures = fuzz(yard, seed=20260605, kills=40)
    assert figures.overlaps == 0
    assert figures.errors == []
    assert figures.acquisitions > 7
    yard.assert_next_gets_it_at_once()
