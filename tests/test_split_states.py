"""Sessions, people, formatters and other machines in any order: nothing is lost, and everybody's lines are their own.

Every line that a session writes names it, so each commit can be judged by what it adds. Where nobody can tell whose a
line is (a person moved it, a rewind brought it back, its session died before it wrote it down) it is only followed.
The long run is in the lab.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from agents import Agent
from claudetools.sessions import calls, registry, windows
from forced import KILL_BASH, KILL_GROUP, KILL_HELPER, RECEIVING, SENDING, at, ended, was_reached
from world import SYNC, TOOLKIT, Machine, Result, World

SHARED = ["shared.md", "notes/list.md", "dos.txt", "open-end.txt"]
AGENTS = st.integers(0, 3)
PATHS = st.sampled_from(SHARED)
POINTS_TO = st.sampled_from(["../outside", "own", "nowhere"])
KILLS = [(place, how) for place in SENDING for how in (KILL_GROUP, KILL_BASH)]
KILLS += [
    (place, how) for place in RECEIVING if place[-1] not in "2345" for how in (KILL_GROUP, KILL_BASH, KILL_HELPER)
]
BY_SESSION = re.compile(rb"(s\d) wrote \d+")
COUNTS = {"examples": 0, "syncs": 0, "killed": 0, "undone": 0}


class Tree(RuleBasedStateMachine):
    """Four sessions and a person in one tree, one more machine."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.machine: Machine = self.world.machine()
        for n, path in enumerate(SHARED):
            end = "\r\n" if n == 2 else "\n"
            text = end.join(f"line {i}" for i in range(12)) + (end if n != 3 else "")
            self.machine.write(path, text)
        self.machine.write(".gitattributes", "dos*.txt text eol=crlf\n")
        (self.machine.home / "outside").mkdir()
        assert self.machine.sync().code == 0
        self.other = self.world.machine("LINUX-02", "howard")
        self.agents = [Agent(self.machine, f"s{n}") for n in range(4)]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        for n in range(4):
            self.come_back(n)
        self.number = 0
        self.names = {path: path for path in SHARED}
        self.past: dict[str, list[bytes]] = {path: [] for path in SHARED}
        self.loose: set[bytes] = set()  # lines of which nobody can tell whose they are
        self.returned: set[bytes] = set()  # lines that an undo has brought back
        self.asked: set[str] = set()  # whose work a killed sync was asked for
        self.waits: set[bytes] = set()  # lines of sessions that have saved: they go as soon as others' let them
        self.judged = self.commits()
        COUNTS["examples"] += 1

    def teardown(self) -> None:
        try:
            self.save_everything()
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            self.folder.cleanup()

    # --- writing -------------------------------------------------------------------

    def line(self, who: str) -> bytes:
        self.number += 1
        return f"{who} wrote {self.number}".encode()

    def read(self, path: str) -> bytes:
        at = self.machine.top / self.names.get(path, path)
        return at.read_bytes() if at.exists() else b""

    def lines(self, path: str) -> tuple[list[bytes], bytes, bytes]:
        """The lines of a file, how they end, and what stands behind the last one."""
        data = self.read(path)
        end = b"\r\n" if b"\r\n" in data else b"\n"
        last = end if data.endswith(end) or not data else b""
        return data.removesuffix(end).split(end) if data else [], end, last

    def changed(self, path: str, at: int, who: str, how: str) -> bytes:
        lines, end, last = self.lines(path)
        self.past[path].append(self.read(path))
        at = min(3 + at % max(len(lines) - 3, 1), len(lines))  # the first is the other machine's, two stay between
        if how == "append" or at == len(lines):
            lines.append(self.line(who))
        elif how == "replace":
            lines[at] = self.line(who)
        else:
            lines.insert(at, self.line(who))
        return end.join(lines) + last

    def put(self, path: str, data: bytes) -> None:
        """Written by nobody who keeps a ledger. What comes back so was not there a moment ago."""
        before = self.read(path)
        self.loose |= set(data.splitlines()) - set(before.splitlines())
        self.machine.write(self.names[path], data)

    @contextmanager
    def command_of(self, n: int) -> Iterator[None]:
        """What happens in it, a shell command of the session does."""
        agent = self.agents[n]
        self.wake(n)
        if calls.under_way(agent.place, agent.id):
            yield
            return
        windows.start(agent.place, agent.id, "use", "Bash")
        yield
        self.end_command(n)

    def end_command(self, n: int) -> None:
        agent = self.agents[n]
        call = calls.find(agent.place, agent.id, "use")
        if call:
            windows.finish(agent.place, agent.id, call)

    @rule(n=AGENTS, path=PATHS, at=st.integers(0, 20), how=st.sampled_from(["insert", "append", "append", "replace"]))
    def edit(self, n: int, path: str, at: int, how: str) -> None:
        self.wake(n)
        began = time.time()
        data = self.changed(path, at, f"s{n}", how)
        self.agents[n].write(self.names[path], data, "edit", began=began)

    @rule(n=AGENTS, own=st.integers(0, 1), data=st.sampled_from([b"", b"\0\1", None]))
    def write_own(self, n: int, own: int, data: bytes | None) -> None:
        """A whole file, now and then a binary one or none."""
        self.wake(n)
        path = f"own/s{n}-{own}.txt"
        if data is None and not (self.machine.top / path).exists():
            data = b""
        self.agents[n].write(path, data if data is None else data + self.line(f"s{n}") + b"\n")

    @rule(n=AGENTS, path=PATHS, at=st.integers(0, 20))
    def command(self, n: int, path: str, at: int) -> None:
        """By a shell command, which also makes a file executable."""
        with self.command_of(n):
            self.machine.write(self.names[path], self.changed(path, at, f"s{n}", "insert"))
            script = self.machine.top / f"own/run-s{n}.sh"
            if script.exists():
                script.chmod(script.stat().st_mode ^ 0o111)
            else:
                self.machine.write(f"own/run-s{n}.sh", self.line(f"s{n}") + b"\n")

    @rule(n=AGENTS)
    def long_command(self, n: int) -> None:
        """A command begins, or ends, with anything between."""
        agent = self.agents[n]
        self.wake(n)
        if calls.under_way(agent.place, agent.id):
            self.end_command(n)
        else:
            windows.start(agent.place, agent.id, "use", "Bash")

    @rule(n=st.integers(0, 4), to=POINTS_TO)
    def link(self, n: int, to: str) -> None:
        """Nothing, a file, a link (out of the tree, to a folder, to nothing), a folder, in turn. 4: by a person."""
        place = self.machine.top / f"own/place-{n}"
        who = f"s{n}" if n < 4 else "person"
        with self.command_of(n) if n < 4 else nothing():
            if place.is_symlink():
                place.unlink()
                self.machine.write(f"own/place-{n}/file.txt", self.line(who) + b"\n")
            elif place.is_dir():
                (place / "file.txt").unlink()
                place.rmdir()
            elif place.exists():
                place.unlink()
                place.symlink_to(f"{to}/{self.line(who).decode()}")
            else:
                self.machine.write(f"own/place-{n}", self.line(who) + b"\n")

    @rule(path=st.sampled_from(SHARED[2:]), by=st.sampled_from(["person", "git", "s0", "s1"]))
    def rename(self, path: str, by: str) -> None:
        """To another name, or back."""
        old, new = self.names[path], path if self.names[path] != path else f"{Path(path).stem}-moved.txt"
        if not (self.machine.top / old).exists() or (self.machine.top / new).exists():
            return
        self.loose |= set(self.read(path).splitlines())
        self.names[path] = new
        with self.command_of(int(by[1])) if by[0] == "s" else nothing():
            if by != "git" or self.machine.run("git", "mv", old, new).code:
                (self.machine.top / old).rename(self.machine.top / new)

    @rule(path=PATHS, at=st.integers(0, 20))
    def person(self, path: str, at: int) -> None:
        self.machine.write(self.names[path], self.changed(path, at, "person", "insert"))

    @rule(path=PATHS, n=st.integers(0, 4))
    def formatter(self, path: str, n: int) -> None:
        """By a session's command, or (4) by a person's editor."""
        with self.command_of(n) if n < 4 else nothing():
            lines, end, last = self.lines(path)
            lines[3:] = [line.replace(b"wrote", b"WROTE") for line in lines[3:]]
            self.machine.write(self.names[path], end.join(lines) + last)

    @rule(path=PATHS)
    def discard(self, path: str) -> None:
        before = set(self.read(path).splitlines())
        self.machine.git("checkout", "--", self.names[path], check=False)
        self.loose |= set(self.read(path).splitlines()) - before

    @rule(path=PATHS, steps=st.integers(1, 3))
    def rewind(self, path: str, steps: int) -> None:
        """The client puts back what a file held before one of the last edits, and fires no hook."""
        if len(self.past[path]) >= steps:
            howards = self.lines(path)[0][:1]
            old = self.past[path][-steps]
            end = b"\r\n" if b"\r\n" in old else b"\n"
            self.put(path, end.join([*howards, *old.split(end)[1:]]))

    @rule(path=PATHS)
    def plain_commit(self, path: str) -> None:
        self.machine.git("commit", "-q", "--allow-empty", "-m", "By hand", "--", self.names[path], check=False)

    @rule(path=st.sampled_from(SHARED[:2]))
    def incoming(self, path: str) -> None:
        """The other machine changes the first line, which nobody here touches."""
        self.other.sync()
        lines = self.other.read(path).split("\n")
        self.other.write(path, "\n".join([self.line("howard").decode(), *lines[1:]]))
        assert self.other.sync().code == 0

    # --- sessions ------------------------------------------------------------------

    @rule(n=AGENTS, path=PATHS, how=st.sampled_from(["end", "idle", "die", "die in a call", "die in a command"]))
    def leave(self, n: int, path: str, how: str) -> None:
        """A session that dies does so for real, perhaps before it could write down what it has just done."""
        agent = self.agents[n]
        self.wake(n)
        if how in ("end", "idle"):
            getattr(agent, how)()
            return
        if how == "die in a command":
            windows.start(agent.place, agent.id, "use", "Bash")
        if how != "die":
            data = self.changed(path, 0, f"s{n}", "append")
            self.put(path, data)
        if calls.under_way(agent.place, agent.id):  # what the command did, nobody has written down
            self.loose |= self.lines_of(n, self.snapshot())
        self.processes[n].kill()
        self.processes[n].wait()
        assert agent.state() == "dead"

    def wake(self, n: int) -> None:
        """Only a session that is there does anything."""
        if self.agents[n].state() != "live":
            self.come_back(n)

    @rule(n=AGENTS)
    def come_back(self, n: int) -> None:
        if n not in self.processes or self.processes[n].poll() is not None:
            self.processes[n] = subprocess.Popen(["sleep", "600"])
            calls.end(self.agents[n].place, f"s{n}", "use")
        registry.register(self.agents[n].place, f"s{n}", pid=self.processes[n].pid)

    @rule(n=AGENTS)
    def save(self, n: int) -> None:
        self.sync(n, ())

    @rule()
    def everybody_saves(self) -> None:
        for n in range(4):
            if self.agents[n].state() == "live":
                self.sync(n, ())

    @rule(n=AGENTS)
    def save_and_go(self, n: int) -> None:
        self.sync(n, ("--mine",))
        self.agents[n].end()

    @rule(n=AGENTS, whose=st.sampled_from([(), ("--all",), ("--no-push",)]))
    def sync_with(self, n: int, whose: tuple[str, ...]) -> None:
        self.sync(n, whose)

    @rule(n=AGENTS, path=PATHS, whose=st.sampled_from([(), ("--mine",), ("--all",)]), kill=st.sampled_from(KILLS))
    def killed_sync(self, n: int, path: str, whose: tuple[str, ...], kill: tuple[str, str]) -> None:
        """It is killed somewhere, with all its children, its shell alone or its helper alone."""
        self.edit(n, path, 0, "append")
        if kill[0] in RECEIVING:
            self.incoming(SHARED[n % 2])
        before, live = self.snapshot(), self.live(n, whose)
        env = at(self.machine, *kill)
        ended(self.machine.start("bash", SYNC, *whose, env={**env, "CLAUDETOOLS_SESSION_ID": f"s{n}"}))
        COUNTS["killed"] += was_reached(env)
        note(f"killed at {kill}: {was_reached(env)}")
        self.waits |= self.lines_of(n, before)
        self.asked |= {f"s{m}" for m in range(4) if m == n or "--all" in whose}
        self.judge(live)
        self.compare(before)

    def sync(self, n: int, whose: tuple[str, ...]) -> None:
        before, live = self.snapshot(), self.live(n, whose)
        result = self.agents[n].sync(*whose)
        note(result.text)
        assert result.code == 0, result.text
        COUNTS["syncs"] += 1
        self.waits |= self.lines_of(n, before)
        if whose != ("--no-push",):
            self.asked = set()
        self.judge(live)
        self.compare(before)

    @rule(n=AGENTS)
    def undo(self, n: int) -> None:
        """All that the session did is taken back, or (the next time) done again."""
        before = self.snapshot()
        result = self.sessions("undo", f"s{n}", "--yes")
        assert result.code in (0, 65, 75), result.text  # 75: first a sync that was killed is finished
        after = self.snapshot()
        gone, new = only_in(before, after), only_in(after, before)
        shared = {line for oid, ids in self.commits().values() if f"s{n}" in ids for line in self.added_by(oid)}
        there = {line for data in after.values() for line in data.splitlines()}  # perhaps under an older name again
        others = {x for x in gone - there if (found := BY_SESSION.search(x)) and found[1] != b"s%d" % n}
        assert others <= self.returned | self.loose | shared, (others, result.text)
        self.returned |= new
        COUNTS["undone"] += bool(gone | new)
        self.judged = self.commits()

    @rule(n=AGENTS, path=PATHS)
    def claim(self, n: int, path: str) -> None:
        """Of the lines that it takes over, nobody knows whose they were."""
        self.wake(n)
        before = self.snapshot()
        self.loose |= set(self.read(path).splitlines())
        result = self.sessions("claim", self.names[path], CLAUDETOOLS_SESSION_ID=f"s{n}")
        assert result.code in (0, 64, 65), result.text  # 64: no such file
        assert self.snapshot() == before

    @rule(n=AGENTS, path=PATHS)
    def restore(self, n: int, path: str) -> None:
        """What was taken out comes back, and nothing goes."""
        before = self.snapshot()
        result = self.sessions("restore", f"s{n}", self.names[path], "--yes")
        assert result.code in (0, 65, 75), result.text
        after = self.snapshot()
        assert not only_in(before, after), result.text
        self.returned |= only_in(after, before)

    def sessions(self, *args: str, **env: str) -> Result:
        result = self.machine.run("bash", TOOLKIT / "scripts" / "claudetools.sh", "sessions", *args, env=env)
        note(result.text)
        return result

    # --- what has to hold ----------------------------------------------------------

    def live(self, n: int, whose: tuple[str, ...]) -> set[str]:
        """The sessions whose work must stay. What a killed sync was asked for, the next one does."""
        live = {a.id for a in self.agents if a.state() == "live" and a.id != f"s{n}"}
        return set() if "--all" in whose else live - self.asked

    def commits(self) -> dict[bytes, tuple[str, str]]:
        """The commits of our syncs, here or sent: a rebase keeps time and message. -> oid and ids."""
        found = {}
        form = "--format=%at %B%x00%H%x00%(trailers:key=Session-Id,valueonly,separator=%x2C)%x01"
        for ask in (self.machine.git, self.world.remote_git):
            rows = ask("log", "--author=Mike", "--grep=^Machine: ", form, "main").split("\x01")
            for key, oid, ids in (row.strip().split("\0") for row in rows if row.strip()):
                found[key.encode()] = (oid, ids)
        return found

    def judge(self, live: set[str]) -> None:
        """What each new commit adds, by the names in its lines."""
        for key, (oid, ids) in self.commits().items():
            if key in self.judged:
                continue
            added = self.added_by(oid) - self.loose - self.returned
            lines = {(found[1].decode(), x) for x in added if (found := BY_SESSION.search(x))}
            assert {name for name, _ in lines} <= set(ids.split(",")), (key, ids, added)
            assert not {name for name, x in lines if x not in self.waits} & live, (key, ids, live, added)
            assert not [x for x in added if b"howard" in x], (key, added)
        self.judged = self.commits()

    def lines_of(self, n: int, tree: dict[str, bytes]) -> set[bytes]:
        return {x.strip(b"->\r ") for data in tree.values() for x in data.split(b"\n") if b"s%d wrote " % n in x}

    def added_by(self, oid: str) -> set[bytes]:
        """The lines of a commit, here or sent."""
        known = self.machine.run("git", "cat-file", "-e", oid).code == 0
        patch = (self.machine.git if known else self.world.remote_git)("show", "--format=", "-U0", "--text", oid)
        rows = [row for row in patch.encode().split(b"\n") if row[:3] not in (b"---", b"+++")]
        taken = {x[1:].strip() for x in rows if x[:1] == b"-"}  # also shown where only a line feed was added
        return {x[1:].strip() for x in rows if x[:1] == b"+"} - taken

    def compare(self, before: dict[str, bytes]) -> None:
        """A sync takes nothing out of the folder and brings nothing back but what the other machine wrote."""
        after = self.snapshot()
        for path in {*before, *after}:
            old, new = (set(some.get(path, b"").split(b"\n")) for some in (before, after))
            assert not [x for x in (old ^ new) - {b""} if b"howard" not in x and not x.startswith(b"line 0")], path

    def snapshot(self) -> dict[str, bytes]:
        found = {}
        for folder, folders, names in os.walk(self.machine.top):
            folders[:] = [f for f in folders if f not in (".git", ".claude")]
            for path in (Path(folder) / name for name in [*folders, *names]):
                if path.is_symlink():
                    found[str(path.relative_to(self.machine.top))] = f"-> {path.readlink()}".encode()
                elif path.is_file():
                    found[str(path.relative_to(self.machine.top))] = path.read_bytes()
        return found

    def save_everything(self) -> None:
        """In the end everything goes out, and the remote has what the folder has."""
        before = self.snapshot()
        result = self.machine.sync("--all")
        assert result.code == 0, result.text
        self.compare(before)
        self.judge(set())
        if "RD " in self.machine.status():  # staged by git mv and taken back by hand: that stays whoever staged it's
            self.machine.git("reset", "-q")
        assert self.machine.status() == "", self.machine.status() + result.text
        self.machine.assert_sound()
        assert self.machine.git("rev-parse", "HEAD") == self.world.tip()
        assert not list((self.machine.home / "outside").iterdir())


def only_in(one: dict[str, bytes], other: dict[str, bytes]) -> set[bytes]:
    """The lines that a path has here and not there."""
    found: set[bytes] = set()
    for path, data in one.items():
        found |= set(data.splitlines()) - set(other.get(path, b"").splitlines())
    return found


@contextmanager
def nothing() -> Iterator[None]:
    """Without a session."""
    yield


def play(capsys: pytest.CaptureFixture[str], examples: int, steps: int, number: int | None = None) -> None:
    """That many examples, always the same of a number."""
    tree = type("Tree", (Tree,), {})
    if number is not None:
        seed(number)(tree)
    COUNTS.update(dict.fromkeys(COUNTS, 0))
    health = list(HealthCheck)
    # What fails is shown as it was found: to make it smaller takes minutes.
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=health,
    )
    run_state_machine_as_test(tree, settings=rules)
    with capsys.disabled():
        figures = f"{COUNTS['syncs']} syncs, {COUNTS['killed']} more killed, {COUNTS['undone']} undos"
        print(f"\n{COUNTS['examples']} examples of {steps} steps, {figures} ", end="")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("number", range(6))
def test_sessions_people_and_syncs_in_any_order(capsys: pytest.CaptureFixture[str], number: int) -> None:
    play(capsys, 2, 20, number)


@pytest.mark.lab
@pytest.mark.parametrize("piece", range(10))
def test_many_of_them(capsys: pytest.CaptureFixture[str], piece: int) -> None:
    play(capsys, 30, 30)
