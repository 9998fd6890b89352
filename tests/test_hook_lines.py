"""The lines in a client's settings: they run the hook, and end with 0 whatever they meet. 2 would refuse every tool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from claudetools.sessions import registry, unhooked
from installing import copy_toolkit, own_sync, run_install, tools, unpacked
from test_agent_hooks import EVENTS, place_of, recorded, session, start
from world import TOOLKIT, Machine, Result

OURS, PLUGINS = TOOLKIT / "hooks/agent/settings.json", TOOLKIT / "hooks/hooks.json"
SHELLS = [path for name in ("sh", "bash") if (path := shutil.which(name))]


def lines_of(settings: Path) -> list[str]:
    groups = [group for groups in json.loads(settings.read_text())["hooks"].values() for group in groups]
    return list(dict.fromkeys(handler["command"] for group in groups for handler in group["hooks"]))


LINES = [*lines_of(OURS), *lines_of(PLUGINS)]


def call(
    line: str, env: dict[str, str], payload: object = "", shell: str = SHELLS[0], redirect: str = "", **more: Any
) -> Result:
    """The line as a client starts it."""
    argv = [shell, "-c", line]
    if redirect:
        argv = ["sh", "-c", f'exec "$@" {redirect}', "-", *argv]
    data = payload if isinstance(payload, str) else json.dumps(payload)
    done = subprocess.run(argv, env=env, input=data.encode(), capture_output=True, timeout=30, **more)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """One to spoil, where the lines of a repository and those of a plugin find it."""
    top = tmp_path / "tool kit"
    restore(top)
    (top / "hooks").symlink_to(f".git/claudetools/toolkit/{SUM}/hooks")
    return top


SUM = "5d" * 32


def restore(top: Path) -> None:
    """A repository with a pin, and what was unpacked for it; nothing of it is damaged."""
    hooks, shims = top / f".git/claudetools/toolkit/{SUM}/hooks/agent", top / ".claude/scripts"
    for source, target in ((TOOLKIT / "hooks/agent", hooks), (TOOLKIT / ".claude/scripts", shims)):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    (top / ".git/claudetools/installed.json").write_text("{}")
    (top / ".claude/claudetools.json").write_text(json.dumps({"version": "1.0", "sha256": SUM}))


def env_of(toolkit: Path, line: str, python: str = "true") -> dict[str, str]:
    """What the client sets for one of its lines. `python` is an interpreter that is soon done."""
    project = toolkit.parent if "PLUGIN_ROOT" in line else toolkit
    env = {"CLAUDE_PROJECT_DIR": str(project), "CLAUDE_PLUGIN_ROOT": str(toolkit)}
    return {**env, "CLAUDETOOLS_PYTHON": shutil.which(python) or python, "PATH": str(toolkit)}


def prefixes(data: bytes) -> Iterator[bytes]:
    """A file that was cut off: behind each line, and in the middle of it."""
    at = 0
    for line in data.splitlines(keepends=True):
        yield data[: at + len(line) // 2]
        at += len(line)
        yield data[:at]


def assert_silent(result: Result, what: object) -> None:
    assert (result.code, result.out, result.err) == (0, "", ""), (what, result.text)


@pytest.mark.parametrize("shell", SHELLS, ids=os.path.basename)
def test_a_hook_that_cannot_be_read_refuses_nothing(shell: str, toolkit: Path) -> None:
    folder = toolkit / "hooks/agent"
    for damage in (
        "rm run.sh",
        ": >run.sh",
        "printf 'if [ \"' >run.sh",
        "awk '{ printf \"%s\\r\\n\", $0 }' run.sh >crlf; mv crlf run.sh",
        "printf '\\177ELF\\000\\001(\\n' >run.sh",
        "echo exit 2 >run.sh",
        "chmod 0 run.sh",
        "rm run.sh; mkdir run.sh",
        "rm run.sh; mkfifo run.sh",
        "rm run.sh; ln -s nothing run.sh",
        "rm -r ../agent",
    ):
        subprocess.run(["sh", "-c", damage], cwd=folder, check=True)
        for line in LINES:
            assert_silent(call(line, env_of(toolkit, line), shell=shell), (damage, line))
        restore(toolkit)
        shim = damage.replace("run.sh", "claudetools-start.sh").replace("../agent", "../scripts")
        subprocess.run(["sh", "-c", shim], cwd=toolkit / ".claude/scripts", check=True)
        for line in lines_of(OURS):
            assert_silent(call(line, env_of(toolkit, line), shell=shell), (shim, line))
        restore(toolkit)
    for name in ("CLAUDE_PLUGIN_ROOT", "CLAUDE_PROJECT_DIR"):
        for value in ({}, {name: ""}, {name: "/nowhere"}, {name: "."}):
            for line in LINES:
                env = {key: old for key, old in env_of(toolkit, line).items() if key != name} | value
                assert_silent(call(line, env, shell=shell, cwd=toolkit), (name, value, line))


def test_a_hook_that_was_cut_anywhere_refuses_nothing(toolkit: Path) -> None:
    for run in (toolkit / "hooks/agent/run.sh", toolkit / ".claude/scripts/claudetools-start.sh"):
        for part in prefixes(run.read_bytes()):
            run.write_bytes(part)
            assert_silent(call(LINES[0], env_of(toolkit, LINES[0])), part)
        restore(toolkit)


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("exit 1", ""),
        ("exit 2", ""),
        ("kill -9 $$", ""),
        ("""echo '{"decision": "block"}'; exit 2""", ""),
        ("""printf '{"hookSpecificOutput": '; kill -9 $$""", ""),
        ("echo Python was not found", ""),
        ("""echo 'welcome to {python}'; echo; echo '{"systemMessage": "hello"}'""", '{"systemMessage": "hello"}\n'),
    ],
)
def test_what_a_python_prints_reaches_the_client_only_as_a_whole_answer(python: str, said: str, toolkit: Path) -> None:
    stub = toolkit / "stub"
    stub.write_text(f"#!{SHELLS[0]}\nread payload\n{python}\n")
    stub.chmod(0o755)
    for line in (LINES[0], LINES[-1]):
        result = call(line, env_of(toolkit, line, str(stub)))
        assert (result.code, result.out, result.err) == (0, said, ""), result.text


@pytest.mark.parametrize("shell", SHELLS, ids=os.path.basename)
def test_a_closed_stream_is_no_refusal(shell: str, machine: Machine) -> None:
    start(machine, "b")
    payload, _ = recorded("UserPromptSubmit", machine)
    env = machine.env({"CLAUDE_PROJECT_DIR": str(machine.top), "CLAUDE_PLUGIN_ROOT": str(TOOLKIT)})
    (line,) = [line for line in lines_of(PLUGINS) if "user-prompt" in line]
    for redirect in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"):
        id = f"s{len(redirect)}"
        result = call(line, env, {**payload, "session_id": id}, shell, redirect)
        assert (result.code, result.err) == (0, ""), (redirect, result.text)
        if "<" not in redirect:
            assert session(machine, id).state() == "live", redirect
            assert "Also working" in result.out or ">" in redirect.replace("2>", "")


def test_a_refusal_travels_as_an_answer_with_0(machine: Machine) -> None:
    """From a repository's line and a plugin's, below a folder with a blank; and for settings of earlier versions."""
    top = machine.top
    start(machine, "theirs")
    machine.write("a.md", "not saved\n")
    payload, _ = recorded("PreToolUse-Bash", machine)
    payload |= {"session_id": "mine", "tool_input": {"command": "git stash"}}
    plugin = copy_toolkit(TOOLKIT, top.parent / "a plugin")
    earlier = 'h="$CLAUDE_PLUGIN_ROOT"/hooks/agent/pre-tool-use; [ ! -e "$h" ] || exec sh "$h"'
    for settings, line in ((PLUGINS, ""), (OURS, ""), (None, earlier)):
        if settings == OURS:
            assert run_install(machine, top).code == 0
        (line,) = [line for line in lines_of(settings) if "pre-tool-use" in line] if settings else [line]
        for shell in SHELLS:
            env = machine.env({"CLAUDE_PROJECT_DIR": str(top), "CLAUDE_PLUGIN_ROOT": str(plugin)})
            result = call(line, env, payload, shell)
            assert (result.code, result.err) == (0, ""), result.text
            told = json.loads(result.out)["hookSpecificOutput"]
            assert told["permissionDecision"] == "deny" and "Instead:" in told["permissionDecisionReason"]


def test_settings_of_another_agent_name_it_behind_the_event(machine: Machine) -> None:
    (line,) = [line for line in lines_of(PLUGINS) if "session-start" in line]
    env = machine.env({"CLAUDE_PROJECT_DIR": str(machine.top), "CLAUDE_PLUGIN_ROOT": str(TOOLKIT)})
    payload = {"session_id": "g", "hook_event_name": "SessionStart", "source": "startup"}
    assert_silent(call(line.replace("session-start;", "session-start gemini;"), env, payload), line)
    assert session(machine, "g").agent == "gemini"


# --- the doctor -------------------------------------------------------------------------


def test_the_doctor_names_a_session_whose_plugin_was_removed(machine: Machine, tmp_path: Path) -> None:
    plugin = copy_toolkit(TOOLKIT, tmp_path / "plugin")
    lines = {event: line for line in lines_of(PLUGINS) for event in EVENTS if event in line}

    def fire(event: str, payload: str, root: Path) -> None:
        found, _ = recorded(payload, machine)
        env = machine.env({"CLAUDE_PROJECT_DIR": str(machine.top), "CLAUDE_PLUGIN_ROOT": str(root)})
        assert call(lines[event], env, {**found, "session_id": "a"}).code == 0

    def is_named() -> bool:
        return unhooked.has_lost_its_plugin(place_of(machine), session(machine, "a"), time.time())

    fire("session-start", "SessionStart-startup", plugin)
    registry.set_topic(place_of(machine), "a", "acme vpn")
    assert not is_named()
    plugin.rename(tmp_path / "removed")
    fire("user-prompt", "UserPromptSubmit", plugin)
    result = machine.run("bash", TOOLKIT / "scripts/doctor.sh")
    assert f"[WARN] Session 'acme vpn' runs without its hooks: {plugin} is gone.\n" in result.out
    fire("user-prompt", "UserPromptSubmit", TOOLKIT)
    assert not is_named(), "the client has loaded the new ones"
    assert "without its hooks" not in machine.run("bash", TOOLKIT / "scripts/doctor.sh").out
    fire("user-prompt", "UserPromptSubmit", tmp_path / "removed")
    shutil.rmtree(tmp_path / "removed")
    assert is_named()
    fire("session-end", "SessionEnd-other", TOOLKIT)
    assert not is_named()


def test_the_doctor_names_the_files_that_keep_the_hooks_silent(machine: Machine) -> None:
    assert run_install(machine, machine.top).code == 0
    assert own_sync(machine).code == 0
    (unpacked(machine) / "hooks/agent/run.sh").write_text("if [ ")
    (unpacked(machine) / "hooks/agent/user-prompt").unlink()
    told = tools(machine, "doctor").out
    assert "is not as it came: hooks/agent/run.sh, hooks/agent/user-prompt." in told
    assert "Remove that folder: the next run unpacks it anew." in told
    shutil.rmtree(unpacked(machine))
    assert "not as it came" not in tools(machine, "doctor").out
