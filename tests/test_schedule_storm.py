"""The scheduled sync beside sessions that save, a person who commits and a second machine that pushes: each keeps to
its own, and a day of it leaves nothing behind."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents import Agent
from forced import assert_together
from test_schedule import pretend, program_of, schedule
from world import Result, World, log_text

SESSIONS = 8
LOG_LIMIT = 262_144
NOTE = "\n## Note for mike\nPlease look at {n}.\n"


class Storm:
    """Who works on what, and what each of them was told."""

    def __init__(self, world: World, programs: Path, sessions: int = SESSIONS) -> None:
        self.world = world
        self.mike, self.howard = world.machine("LINUX-01", "mike"), world.machine("MAC-02", "howard")
        self.mike.write("list.md", "one list\n")
        assert self.mike.sync().code == 0
        pretend(self.mike, programs, crontab="cat >/dev/null")
        assert schedule(self.mike, "install", "--every", "1", "--with", "cron").code == 0
        self.agents = [Agent(self.mike, f"agent-{n}", f"topic {n}") for n in range(sessions)]
        self.list = threading.Lock()  # of the writers: two of them would lose each other's line, with no sync at all
        self.log = self.mike.state / "schedule.log"
        self.scratch = programs / "scratch"
        self.scratch.mkdir()
        self.mike.extra_env["TMPDIR"] = str(self.scratch)
        self.log.write_text("x" * (LOG_LIMIT - 100) + "\n")

    def session(self, agent: Agent, rounds: int) -> list[Result]:
        """It writes a file of its own and a line of the common one, and saves."""
        results = []
        for n in range(rounds):
            agent.write(f"own/{agent.id}-{n}.md", f"{agent.id} {n}\n".encode())
            with self.list:
                agent.append("list.md", f"{agent.id} {n}")
            results.append(agent.sync("-m", f"{agent.id} saves {n}"))
        return results

    def scheduler(self, times: int) -> list[Result]:
        """What cron starts, with its random moment and its poor environment."""
        env = {"PATH": "/usr/bin:/bin"}
        return [self.mike.run("/bin/sh", program_of(self.mike), cwd=self.mike.home, env=env) for _ in range(times)]

    def colleague(self, rounds: int) -> list[Result]:
        """Howard pushes, with a note for Mike each time. Once the remote is away for a moment."""
        results = []
        for n in range(rounds):
            self.howard.write(f"howard/{n}.md", f"{n}\n")
            name = f"session-logs/2026-06-0{n % 9 + 1}-howard-topic-{n}.md"
            self.howard.write(name, log_text(self.howard, more=NOTE.format(n=n)))
            if n == 0:
                away = self.world.remote.rename(self.world.root / "away.git")
                results.append(self.howard.sync())
                away.rename(self.world.remote)
            results.append(self.howard.sync())
        return results


def storm(storm: Storm, rounds: int, runs: int) -> tuple[list[Result], list[Result]]:
    """All at once: what the sessions were told, and what the scheduler's programs were."""
    with ThreadPoolExecutor(SESSIONS + 5) as pool:
        sessions = [pool.submit(storm.session, agent, rounds) for agent in storm.agents]
        schedulers = [pool.submit(storm.scheduler, runs) for _ in range(4)]
        colleague = pool.submit(storm.colleague, rounds)
        told = [result for each in sessions for result in each.result()]
        scheduled = [result for each in schedulers for result in each.result()]
        assert {result.code for result in colleague.result()} <= {0, 69}
    return told, scheduled


def eight_sessions_and_a_scheduler(world: World, programs: Path, rounds: int, runs: int) -> None:
    case = Storm(world, programs)
    told, scheduled = storm(case, rounds, runs)
    # A scheduler hears of no failure; the sessions hear what the README lists.
    assert [(r.code, r.text) for r in scheduled if (r.code, r.out, r.err) != (0, "", "")] == []
    assert [r.text for r in told if r.code not in (0, 69, 75)] == []
    assert_logged(case, 4 * runs)
    last = [agent.sync() for agent in case.agents]
    assert [r.text for r in last if r.code] == []
    assert_each_note_was_shown_once([*told, *last], rounds)
    assert case.howard.sync().code == 0 and case.mike.sync().code == 0
    assert_together(world)
    assert_one_commit_a_session(case, rounds)
    assert_a_scheduled_run_leaves_notes_alone(case, rounds)


def assert_logged(case: Storm, runs: int) -> None:
    """Every run has its line, the old log is kept, and no code is another than those that are no failures."""
    older = case.log.with_name("schedule.log.1").read_text()
    assert older.startswith("x" * (LOG_LIMIT - 100))
    codes = re.findall(r"^\S+ \S+ exit (\d+) ", older + case.log.read_text(), re.MULTILINE)
    assert len(codes) == runs and set(codes) <= {"0", "69", "75"}, codes
    assert sorted(path.name for path in case.log.parent.glob("schedule.log*")) == ["schedule.log", "schedule.log.1"]


def assert_each_note_was_shown_once(told: list[Result], notes: int) -> None:
    for n in range(notes):
        shown = [r for r in told if f"Please look at {n}." in r.out]
        assert len(shown) == 1, "\n".join(r.text for r in shown)


def assert_one_commit_a_session(case: Storm, rounds: int) -> None:
    """Each save is a commit of its own with nobody else's lines, and nothing of it is missing."""
    for agent in case.agents:
        for n in range(rounds):
            assert case.world.remote_file(f"own/{agent.id}-{n}.md") == f"{agent.id} {n}\n"
    lines = case.world.remote_file("list.md").splitlines()
    assert sorted(lines[1:]) == sorted(f"{agent.id} {n}" for agent in case.agents for n in range(rounds))
    log = case.world.remote_git(
        "log", "-p", "-U0", "--format=commit %(trailers:key=Session-Id,valueonly,separator=%x2C)", "main"
    )
    for commit in log.split("\ncommit ")[:-1]:
        owner = commit.removeprefix("commit ").split("\n")[0]
        written = set(re.findall(r"^\+(agent-\d+) \d+$", commit, re.MULTILINE))
        assert written <= {owner}, commit
    case.world.assert_linear()


def assert_a_scheduled_run_leaves_notes_alone(case: Storm, number: int) -> None:
    case.howard.write("session-logs/2026-07-01-howard-late.md", log_text(case.howard, more=NOTE.format(n="the last")))
    assert case.howard.sync().code == 0
    for _ in range(2):
        assert schedule(case.mike, "run", "--now").code == 0
    assert "Please look at the last." in case.mike.read("session-logs/2026-07-01-howard-late.md")
    assert "Please look" not in case.log.read_text()
    assert "Please look at the last." in case.agents[0].sync().out


@pytest.mark.sampled(2, "storms")
def test_eight_sessions_and_the_scheduled_sync_at_once(world: World, tmp_path: Path) -> None:
    eight_sessions_and_a_scheduler(world, tmp_path, rounds=2, runs=2)


@pytest.mark.lab
def test_eight_sessions_and_the_scheduled_sync_in_ten_rounds(world: World, tmp_path: Path) -> None:
    eight_sessions_and_a_scheduler(world, tmp_path, rounds=10, runs=12)


# --- a day: a run every half hour -----------------------------------------------------------


def person(case: Storm, rounds: int) -> None:
    """Somebody who commits by plain git in the same folder, and never syncs. Where another git has the index, again."""
    for n in range(rounds):
        case.mike.write(f"person/{n}.md", f"{n}\n")
        while case.mike.run("git", "add", "--", f"person/{n}.md").code:
            pass
        while case.mike.run("git", "commit", "-qm", f"By hand {n}", "--", f"person/{n}.md").code:
            pass


def checkpoint(case: Storm, agent: Agent, rounds: int) -> list[Result]:
    """A session that commits by the command of /scc, with a subject of its own."""
    results = []
    for n in range(rounds):
        agent.write(f"own/{agent.id}-{n}.md", f"{agent.id} {n}\n".encode())
        with case.list:
            agent.append("list.md", f"{agent.id} {n}")
        results.append(agent.sync("--mine", "-m", f"{agent.id} commits {n}"))
    return results


def left_behind(case: Storm) -> list[str]:
    """Files that a run makes for itself, in the state folder, in git's, and where programs have their scratch files."""
    of_runs = (
        "claims/*",
        "background/*",
        "network.*",
        "schedule.log.*",
        "trees/*/queue/*",
        "trees/*/results/*",
        "trees/*/swap/*",
        "trees/*/landing.*",
        "trees/*/journal",
        "trees/*/unsettled",
        "**/*.new",
        "**/log-*",
    )
    found = [path for pattern in of_runs for path in case.mike.state.glob(pattern) if path.name != "schedule.log.1"]
    found += [path for pattern in ("**/*.lock", "**/tmp_obj_*") for path in case.mike.common.glob(pattern)]
    return sorted(str(path) for path in [*found, *case.scratch.iterdir()] if path != case.mike.lock)


def a_day(world: World, programs: Path, runs: int) -> None:
    case = Storm(world, programs, sessions=3)
    assert schedule(case.mike, "run", "--now").code == 0 and case.agents[0].sync().code == 0
    rounds = max(runs // 4, 1)
    with ThreadPoolExecutor(6) as pool:
        savers = [pool.submit(case.session, agent, rounds) for agent in case.agents[1:]]
        savers.append(pool.submit(checkpoint, case, case.agents[0], rounds))
        by_hand = pool.submit(person, case, rounds)
        colleague = pool.submit(case.colleague, rounds)
        scheduled = pool.submit(lambda: [schedule(case.mike, "run", "--now") for _ in range(runs)])
        told = [result for each in savers for result in each.result()]
        by_hand.result()
        assert {result.code for result in colleague.result()} <= {0, 69}
        assert [(r.code, r.text) for r in scheduled.result() if (r.code, r.out, r.err) != (0, "", "")] == []
    assert [r.text for r in told if r.code not in (0, 69, 75)] == []
    assert_logged(case, runs + 1)
    assert [r.text for r in [agent.sync() for agent in case.agents] if r.code] == []
    assert case.howard.sync().code == 0 and case.mike.sync().code == 0
    assert_together(world)
    assert_one_commit_a_session(case, rounds)
    for n in range(rounds):
        assert world.remote_file(f"person/{n}.md") == f"{n}\n" == world.remote_file(f"howard/{n}.md")
    assert left_behind(case) == []
    assert case.mike.status() == ""
    case.mike.assert_sound()
    sizes = {path.name: path.stat().st_size for path in case.mike.state.rglob("*") if path.is_file()}
    print({name: size for name, size in sizes.items() if size > 20_000})


@pytest.mark.sampled(2, "storms")
def test_a_morning_of_scheduled_runs_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    a_day(world, tmp_path, runs=2)


@pytest.mark.lab
def test_a_day_of_scheduled_runs_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    a_day(world, tmp_path, runs=48)
