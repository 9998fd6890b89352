"""Commands that go on after the client has answered: a real process writes later, beside the real hooks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from claudetools.sessions import calls
from test_agent_hooks import fire, prompt, recorded, start
from test_tool_hooks import Agent
from world import Machine

ID = f"s-{os.getpid()}"  # of this process alone: whose a process is, its environment tells
LATER = "python3 make.py"  # may write anything


class Task:
    """A command in the background: it writes its file when it is let go on."""

    def __init__(self, machine: Machine, path: str, session: str = "") -> None:
        env = machine.env({"CLAUDE_CODE_SESSION_ID": session} if session else {})
        script = f"read _; echo made > {path}; echo; read _"
        self.process = subprocess.Popen(
            ["bash", "-c", script], cwd=machine.top, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def write(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"\n"

    def end(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def agent(machine: Machine) -> Agent:
    start(machine, ID)
    return Agent(machine, ID)


@pytest.fixture
def task(agent: Agent) -> Iterator[Task]:
    found = begin(agent, LATER, {"backgroundTaskId": "b1"}, run_in_background=True)
    yield found
    if found.process.poll() is None:
        found.end()


def begin(agent: Agent, command: str, answer: dict[str, Any], **given: Any) -> Task:
    """The agent starts a command, and hears at once that it goes on."""
    told = {"command": command, **given}
    agent.before("Bash", told)
    task = Task(agent.machine, "made.txt")
    agent.after("Bash", told, {"stdout": "", "stderr": "", **answer})
    return task


def owner(machine: Machine, path: str) -> str:
    return machine.git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)", "--", path).strip()


def test_what_it_writes_later_is_its_sessions(agent: Agent, task: Task) -> None:
    task.write()
    result = agent.machine.sync()
    assert result.code == 0 and owner(agent.machine, "made.txt") == "", result.text
    assert agent.machine.git("ls-files", "made.txt") == ""  # it waits for that session's save
    assert agent.machine.sync(env={"CLAUDETOOLS_SESSION_ID": ID}).code == 0
    assert owner(agent.machine, "made.txt") == ID


def test_once_its_process_has_ended_nothing_more_is_its_sessions(agent: Agent, task: Task) -> None:
    task.write()
    task.end()
    agent.bash("true; :")
    assert [e.path for e in agent.edits] == ["made.txt"] and calls.under_way(agent.place, ID) == []
    agent.machine.write("mine.txt", "a person's\n")
    assert agent.machine.sync().code == 0
    assert agent.machine.git("ls-files", "mine.txt", "made.txt") == "mine.txt"


def test_it_is_over_when_the_client_says_so(agent: Agent, task: Task) -> None:
    task.write()
    payload, _ = recorded("UserPromptSubmit", agent.machine)
    said = "<task-notification>\n<task-id>b2</task-id>\n<status>completed</status>\n</task-notification>"
    fire(agent.machine, "user-prompt", {**payload, "session_id": ID, "prompt": said})
    assert [call.background for call in calls.under_way(agent.place, ID)] == ["b1"]
    fire(agent.machine, "user-prompt", {**payload, "session_id": ID, "prompt": said.replace("b2", "b1")})
    assert calls.under_way(agent.place, ID) == [] and [e.path for e in agent.edits] == ["made.txt"]


def test_a_person_cannot_be_taken_for_the_client(agent: Agent, task: Task) -> None:
    prompt(agent.machine, ID)
    assert [call.background for call in calls.under_way(agent.place, ID)] == ["b1"]


def test_it_is_over_when_its_session_ends(agent: Agent, task: Task) -> None:
    task.write()
    payload, _ = recorded("SessionEnd-other", agent.machine)
    fire(agent.machine, "session-end", {**payload, "session_id": ID})
    assert [e.path for e in agent.edits] == ["made.txt"] and calls.under_way(agent.place, ID) == []


def test_other_commands_of_the_session_leave_it_open(agent: Agent, task: Task) -> None:
    agent.bash("echo one > one.md")
    agent.bash("echo two > two.md")
    task.write()
    agent.bash("echo three > three.md")
    assert {e.path for e in agent.edits} == {"one.md", "two.md", "three.md", "made.txt"}
    assert [call.background for call in calls.under_way(agent.place, ID)] == ["b1"]


@pytest.mark.parametrize("command", [f"{LATER} &", f"nohup {LATER} > /dev/null 2>&1 &", f"({LATER}&)"])
def test_a_process_that_the_shell_itself_leaves_behind(agent: Agent, command: str) -> None:
    task = begin(agent, command, {})
    task.write()
    assert [call.background for call in calls.under_way(agent.place, ID)] == ["&"]
    task.end()
    agent.bash("true; :")
    assert calls.under_way(agent.place, ID) == [] and [e.path for e in agent.edits] == ["made.txt"]


def test_a_command_that_leaves_nothing_behind_is_over(agent: Agent) -> None:
    agent.bash("echo a > a.md & wait; echo b > b.md")
    assert calls.under_way(agent.place, ID) == [] and {e.path for e in agent.edits} == {"a.md", "b.md"}


def test_a_process_that_has_left_its_parents_is_known_by_its_environment(agent: Agent, tmp_path: Path) -> None:
    """The client's shell has ended, the process belongs to nobody."""
    told = {"command": LATER, "run_in_background": True}
    agent.before("Bash", told)
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    script = f"(exec setsid bash -c 'read _ < {fifo}; echo made > made.txt') > /dev/null 2>&1 & echo $!"
    env = agent.machine.env({"CLAUDE_CODE_SESSION_ID": ID})
    subprocess.run(["bash", "-c", script], cwd=agent.machine.top, env=env, check=True, stdout=subprocess.PIPE)
    agent.after("Bash", told, {"stdout": "", "stderr": "", "backgroundTaskId": "b1"})
    payload, _ = recorded("UserPromptSubmit", agent.machine)
    fire(agent.machine, "user-prompt", {**payload, "session_id": ID})
    assert [call.background for call in calls.under_way(agent.place, ID)] == ["b1"]
    fifo.write_text("\n")


def test_the_beside_of_two_sessions(agent: Agent, task: Task) -> None:
    """Another session's command that names its file has written it, whatever runs in the background meanwhile."""
    start(agent.machine, "s2")
    Agent(agent.machine, "s2").bash("echo two > named.txt")
    assert agent.machine.sync(env={"CLAUDETOOLS_SESSION_ID": "s2"}).code == 0
    assert owner(agent.machine, "named.txt") == "s2"


@pytest.mark.parametrize("answer", [None, "started", [], {"backgroundTaskId": 7}, {"backgroundTaskId": ""}])
def test_an_answer_that_says_nothing_ends_the_command(agent: Agent, answer: object) -> None:
    agent.before("Bash", {"command": "echo a > a.md"})
    agent.machine.write("a.md", "a\n")
    agent.after("Bash", {"command": "echo a > a.md"}, answer)
    assert calls.under_way(agent.place, ID) == [] and [e.path for e in agent.edits] == ["a.md"]


def test_what_is_kept_of_it_is_read_with_care(agent: Agent, task: Task) -> None:
    (path,) = (Path(agent.place.tree) / "sessions" / ID / "open").iterdir()
    found = json.loads(path.read_text())
    for key, value in ("background", 1), ("told", None), ("first", "x"):
        path.write_text(json.dumps({**found, key: value}))
        assert calls.under_way(agent.place, ID)[0].background == ""
    path.write_text(json.dumps(found))
