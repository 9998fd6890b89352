"""Benchmark: what many sessions in one folder cost each of them. Prints a table; never judges.

    python tests/bench/sessions.py [--sessions 20] [--edits 500] [--rounds 10] [--files 1000]

Every session is live and has made so many edits: of a file of its own, of one that all share, and (every tenth) of one
of 100 kB. `saved` has all but the last ten of each in commits, `unsaved` none. Columns: median wall time and CPU time
(of the program and everything below it) in milliseconds; `git status` of the same folder is beside them for measure.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "pylib")]

from agents import Agent  # noqa: E402
from world import SYNC, TOOLKIT, Machine, World  # noqa: E402

HOOKS = TOOLKIT / "hooks" / "agent"
PROGRAM = TOOLKIT / "scripts" / "claudetools.sh"
SHARED = "shared.md"
LAST = 10  # edits of each session that stay unsaved


def build(root: Path, sessions: int, edits: int, files: int, saved: bool) -> tuple[Machine, list[Agent]]:
    """A folder with this history."""
    machine = World(root).machine()
    for n in range(files):
        machine.write(f"files/{n // 100}/{n}.txt", f"{n}\n" * 20)
    machine.write(SHARED, "first\n")
    assert machine.sync().code == 0
    agents = [Agent(machine, f"{n:02d}-session", f"topic {n}") for n in range(sessions)]
    work(agents, edits - LAST, 60.0 * LAST)
    if saved:
        result = machine.sync("--all")
        assert result.code == 0, result.text
    work(agents, LAST, 0.0)
    return machine, agents


def work(agents: Sequence[Agent], edits: int, ago: float) -> None:
    """So many edits by each, in turn, a minute between two of one: the last one so many seconds ago."""
    for n in range(edits):
        for agent in agents:
            when = time.time() - ago - 60.0 * (edits - n)
            if n % 10 == 5:
                big = f"own/{agent.id}.big"
                text = b"".join(b"%d of %s\n" % (line, agent.id.encode()) for line in range(n, n + 6000))
                agent.write(big, text, time=when)
            elif n % 10 == 7:
                append(agent, SHARED, n, when)
            else:
                append(agent, f"own/{agent.id}.md", n, when)


def append(agent: Agent, path: str, n: int, when: float) -> None:
    """A line below the others."""
    agent.write(path, (agent.read(path) or b"") + f"{n} of {agent.id}\n".encode(), "edit", time=when)


def measure(machine: Machine, *argv: str | Path, payload: object = None, **env: str) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    text = json.dumps(payload).encode() if payload is not None else b""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [str(a) for a in argv], cwd=machine.top, env=machine.env(env), input=text, capture_output=True
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def hook(
    machine: Machine, agent: Agent, event: str, tool: str, given: dict[str, str], answer: object
) -> tuple[float, float]:
    """One hook as the client runs it."""
    name = {"pre-tool-use": "PreToolUse", "post-tool-use": "PostToolUse", "user-prompt": "UserPromptSubmit"}[event]
    payload: dict[str, object] = {
        "hook_event_name": name,
        "session_id": agent.id,
        "cwd": str(machine.top),
        "tool_name": tool,
    }
    payload |= {"tool_input": given, "tool_use_id": "bench", "tool_response": answer, "prompt": "go on"}
    return measure(machine, "sh", HOOKS / event, payload=payload, CLAUDE_PROJECT_DIR=str(machine.top))


def rounds(machine: Machine, agents: Sequence[Agent], count: int) -> dict[str, list[tuple[float, float]]]:
    """Everything once a round, so that a busy machine slows all of it down."""
    found: dict[str, list[tuple[float, float]]] = {}

    def note(name: str, figures: tuple[float, float]) -> None:
        found.setdefault(name, []).append(figures)

    for n in range(count):
        agent = agents[n % len(agents)]
        path = str(machine.top / SHARED)
        note("git status", measure(machine, "git", "status", "--porcelain", "-uall"))
        text = machine.read(SHARED)
        given = {"file_path": path, "old_string": "first\n", "new_string": f"first\nround {n}\n"}
        note("hook before an edit", hook(machine, agent, "pre-tool-use", "Edit", given, None))
        machine.write(SHARED, text.replace("first\n", f"first\nround {n}\n", 1))
        answer = {"filePath": path, "originalFile": text, "structuredPatch": []}
        note("hook after an edit", hook(machine, agent, "post-tool-use", "Edit", given, answer))
        note("hook before a command", hook(machine, agent, "pre-tool-use", "Bash", {"command": "make"}, None))
        machine.write(f"made/{n}.txt", "x\n")
        note("hook after a command", hook(machine, agent, "post-tool-use", "Bash", {"command": "make"}, {}))
        note("hook of a prompt", hook(machine, agent, "user-prompt", "", {}, None))
        note("sessions who", measure(machine, "bash", PROGRAM, "sessions", "who"))
        note("save of one", measure(machine, "bash", SYNC, "--mine", CLAUDETOOLS_SESSION_ID=agent.id))
    return found


def print_table(title: str, found: dict[str, list[tuple[float, float]]]) -> None:
    print(f"\n{title:<24}{'wall ms':>10}{'CPU ms':>10}")
    for name, figures in found.items():
        wall, cpu = (statistics.median(column) * 1000 for column in zip(*figures, strict=True))
        print(f"{name:<24}{wall:>10.0f}{cpu:>10.0f}")


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("--sessions", 20), ("--edits", 500), ("--rounds", 10), ("--files", 1000)):
        parser.add_argument(name, type=int, default=default)
    args = parser.parse_args()
    for word in ("saved", "unsaved"):
        with tempfile.TemporaryDirectory() as folder:
            machine, agents = build(Path(folder), args.sessions, args.edits, args.files, word == "saved")
            title = f"{args.sessions} x {args.edits}, {word}"
            print_table(title, rounds(machine, agents, args.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
