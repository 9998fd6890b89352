"""Sessions, people, formatters and other machines in any order: nothing is lost, and everybody's lines are their own.

Every line that a session writes names it, so each commit can be judged by what it adds. The long run is in the lab.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from agents import Agent
from claudetools.sessions import calls, windows
from world import Machine, World

SHARED = ["shared.md", "notes/list.md", "dos.txt", "open-end.txt"]
AGENTS = st.integers(0, 3)
PATHS = st.sampled_from(SHARED)
COUNTS = {"examples": 0, "syncs": 0}


class Tree(RuleBasedStateMachine):
    """Four sessions and a person in one tree, one more machine. `here` says what the tree has to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.machine: Machine = self.world.machine()
        for n, path in enumerate(SHARED):
            end = "\r\n" if n == 2 else "\n"
            text = end.join(f"line {i}" for i in range(12)) + (end if n != 3 else "")
            self.machine.write(path, text)
        self.machine.write(".gitattributes", "dos.txt text eol=crlf\n")
        assert self.machine.sync().code == 0
        self.other = self.world.machine("LINUX-02", "howard")
        self.agents = [Agent(self.machine, f"s{n}") for n in range(4)]
        self.number = 0
        self.here = self.snapshot()
        COUNTS["examples"] += 1

    def teardown(self) -> None:
        self.save_everything()
        self.folder.cleanup()

    # --- writing -------------------------------------------------------------------

    def line(self, who: str) -> bytes:
        self.number += 1
        return f"{who} wrote {self.number}".encode()

    def lines(self, path: str) -> tuple[list[bytes], bytes, bytes]:
        """The lines of a file, how they end, and what stands behind the last one."""
        data = (self.machine.top / path).read_bytes() if (self.machine.top / path).exists() else b""
        end = b"\r\n" if b"\r\n" in data else b"\n"
        last = end if data.endswith(end) or not data else b""
        return data.removesuffix(end).split(end) if data else [], end, last

    def changed(self, path: str, at: int, who: str, how: str) -> bytes:
        lines, end, last = self.lines(path)
        at = 3 + at % (len(lines) - 3)  # the first is the other machine's, the next two stay between
        if how == "replace":
            lines[at] = self.line(who)
        elif how == "append":
            lines.append(self.line(who))
        else:
            lines.insert(at, self.line(who))
        return end.join(lines) + last

    @rule(n=AGENTS, path=PATHS)
    def append(self, n: int, path: str) -> None:
        self.agents[n].write(path, self.changed(path, 0, f"s{n}", "append"), "edit")

    @rule(n=AGENTS, path=PATHS, at=st.integers(0, 20), how=st.sampled_from(["insert", "append", "replace"]))
    def edit(self, n: int, path: str, at: int, how: str) -> None:
        self.agents[n].write(path, self.changed(path, at, f"s{n}", how), "edit")

    @rule(n=AGENTS, own=st.integers(0, 1), data=st.sampled_from([b"", b"\0\1", None]))
    def write_own(self, n: int, own: int, data: bytes | None) -> None:
        """A whole file, now and then a binary one or none."""
        path = f"own/s{n}-{own}.txt"
        if data is None and not (self.machine.top / path).exists():
            data = b""
        self.agents[n].write(path, data if data is None else data + self.line(f"s{n}") + b"\n")

    @rule(n=AGENTS, path=PATHS, at=st.integers(0, 20))
    def command(self, n: int, path: str, at: int) -> None:
        """By a shell command, which also makes a file executable."""
        agent = self.agents[n]
        windows.start(agent.place, agent.id, "use", "Bash")
        self.machine.write(path, self.changed(path, at, f"s{n}", "insert"))
        script = self.machine.top / f"own/run-s{n}.sh"
        if script.exists():
            script.chmod(script.stat().st_mode ^ 0o111)
        else:
            self.machine.write(f"own/run-s{n}.sh", self.line(f"s{n}") + b"\n")
        call = calls.finish(agent.place, agent.id, "use")
        assert call
        windows.finish(agent.place, agent.id, call)

    @rule(path=PATHS, at=st.integers(0, 20))
    def person(self, path: str, at: int) -> None:
        self.machine.write(path, self.changed(path, at, "person", "insert"))

    @rule(path=PATHS)
    def formatter(self, path: str) -> None:
        lines, end, last = self.lines(path)
        self.machine.write(
            path, end.join([*lines[:3], *(line.replace(b"wrote", b"WROTE") for line in lines[3:])]) + last
        )

    @rule(path=PATHS)
    def undo(self, path: str) -> None:
        self.machine.git("checkout", "--", path)

    @rule(path=PATHS)
    def plain_commit(self, path: str) -> None:
        self.machine.git("commit", "-q", "--allow-empty", "-m", "By hand", "--", path)

    @rule(path=st.sampled_from(SHARED[:2]))
    def incoming(self, path: str) -> None:
        """The other machine changes the first line, which nobody here touches."""
        self.other.sync()
        lines = self.other.read(path).split("\n")
        self.other.write(path, "\n".join([self.line("howard").decode(), *lines[1:]]))
        assert self.other.sync().code == 0

    # --- sessions ------------------------------------------------------------------

    @rule(n=AGENTS, how=st.sampled_from(["end", "die", "idle"]))
    def leave(self, n: int, how: str) -> None:
        getattr(self.agents[n], how)()

    @rule(n=AGENTS)
    def come_back(self, n: int) -> None:
        self.agents[n].__post_init__()

    @rule(n=AGENTS)
    def save(self, n: int) -> None:
        self.sync(n, ())

    @rule(n=AGENTS, whose=st.sampled_from([(), ("--mine",), ("--all",), ("--no-push",)]))
    def sync_with(self, n: int, whose: tuple[str, ...]) -> None:
        self.sync(n, whose)

    def sync(self, n: int, whose: tuple[str, ...]) -> None:
        before, tip = self.snapshot(), self.machine.git("rev-parse", "HEAD")
        live = {a.id for a in self.agents if a.state() == "live" and a.id != f"s{n}"}
        result = self.agents[n].sync(*whose)
        note(result.text)
        assert result.code == 0, result.text
        COUNTS["syncs"] += 1
        self.judge(tip, set() if "--all" in whose else live)
        after = self.snapshot()
        for path, data in before.items():
            mine = [x for x in data.split(b"\n") if b"howard" not in x and not x.startswith(b"line 0")]
            assert [x for x in mine if x not in after.get(path, b"").split(b"\n")] == [], path

    def judge(self, tip: str, live: set[str]) -> None:
        """What each new commit adds, by the names in its lines."""
        form = "--format=%H %(trailers:key=Session-Id,valueonly,separator=%x2C)"
        for row in self.machine.git("log", "--author=Mike", "--grep=^Machine: ", form, f"{tip}..HEAD").splitlines():
            oid, _, ids = row.partition(" ")
            patch = self.machine.git("show", "--format=", "-U0", "--text", oid)
            taken = {x[1:] for x in patch.splitlines() if x[:1] == "-"}  # also shown where only a line feed was added
            lines = {x[1:] for x in patch.splitlines() if x[:1] == "+" and " wrote " in x} - taken
            added = {line.split(" ")[0].strip("\0\1") for line in lines}
            sessions = {name for name in added if name.startswith("s")}
            assert sessions <= set(ids.split(",")), (row, patch)
            assert not sessions & live, (row, patch)

    def snapshot(self) -> dict[str, bytes]:
        found = {}
        for at, folders, names in os.walk(self.machine.top):
            folders[:] = [f for f in folders if f not in (".git", ".claude")]
            for name in names:
                path = Path(at) / name
                found[str(path.relative_to(self.machine.top))] = path.read_bytes()
        return found

    def save_everything(self) -> None:
        """In the end everything goes out, and the remote has what the folder has."""
        result = self.machine.sync("--all")
        assert result.code == 0, result.text
        assert self.machine.status() == "", self.machine.status() + result.text
        self.machine.assert_sound()
        assert self.machine.git("rev-parse", "HEAD") == self.world.tip()


def play(capsys: pytest.CaptureFixture[str], examples: int, steps: int, same: bool) -> None:
    COUNTS.update(examples=0, syncs=0)
    health = list(HealthCheck)
    # What fails is shown as it was found: to make it smaller takes minutes.
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=same,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=health,
    )
    run_state_machine_as_test(Tree, settings=rules)
    with capsys.disabled():
        print(f"\n{COUNTS['examples']} examples of {steps} steps, {COUNTS['syncs']} syncs ", end="")


def test_sessions_people_and_syncs_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    play(capsys, 6, 20, same=True)


@pytest.mark.lab
def test_many_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    play(capsys, 150, 30, same=False)
