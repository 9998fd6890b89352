"""The other door: the toolkit as a plugin of the agent's, for repositories that do not carry it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from installing import run_install
from world import TOOLKIT, Machine, Result

PLUGIN = TOOLKIT / ".claude-plugin"
EVENT = re.compile(r"; set -- (?:hook )?([a-z-]+); ")


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def client() -> Path | None:
    """The real client: on the PATH, or where the end-to-end tests keep it."""
    found = shutil.which("claude")
    if found:
        return Path(found)
    cache = Path(os.environ.get("CLAUDETOOLS_E2E_CACHE", TOOLKIT / ".e2e"))
    return next(iter(sorted(cache.glob("**/node_modules/.bin/claude"))), None)


@pytest.mark.parametrize("what", [".", ".claude-plugin/plugin.json"])
def test_the_real_client_finds_nothing_to_object_to(what: str, tmp_path: Path) -> None:
    claude = client()
    if claude is None:
        pytest.skip("the client is not installed (npm install @anthropic-ai/claude-code)")
    env = {**os.environ, "HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path), "DISABLE_AUTOUPDATER": "1"}
    done = subprocess.run(
        [claude, "plugin", "validate", "--strict", TOOLKIT / what], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plugin_names_the_version_and_the_license_of_the_toolkit() -> None:
    plugin, market = read(PLUGIN / "plugin.json"), read(PLUGIN / "marketplace.json")
    text = (TOOLKIT / "pyproject.toml").read_text()
    assert f'\nversion = "{plugin["version"]}"\n' in text
    assert read(TOOLKIT / "package.json")["version"] == plugin["version"]
    assert f'\nlicense = "{plugin["license"]}"\n' in text
    assert [entry["name"] for entry in market["plugins"]] == [plugin["name"]]
    assert (TOOLKIT / plugin["commands"] / "install.md").is_file()


def commands(settings: Any) -> dict[str, list[dict[str, Any]]]:
    """The handlers of each event, each with its group's matcher."""
    return {
        event: [{"matcher": group.get("matcher"), **handler} for group in groups for handler in group["hooks"]]
        for event, groups in settings["hooks"].items()
    }


def first(settings: Any, event: str) -> str:
    return str(commands(settings)[event][0]["command"])


def test_the_plugin_listens_to_the_same_events_as_an_installed_repository() -> None:
    ours, theirs = commands(read(TOOLKIT / "hooks/agent/settings.json")), commands(read(TOOLKIT / "hooks/hooks.json"))
    assert ours.keys() == theirs.keys()
    for event in ours:
        for one, other in zip(ours[event], theirs[event], strict=True):
            found, same = (
                re.search(r"; set -- (?:hook )?([a-z-]+); ", handler.pop("command")) for handler in (one, other)
            )
            assert found and same and found[1] == same[1] and (TOOLKIT / "hooks/agent" / found[1]).is_file(), event
            assert one == other, "matcher, timeout and whatever else there is"


def start_session(machine: Machine, command: str) -> Result:
    """What the client does when a session starts: the command in a shell, the payload on stdin."""
    payload = {"session_id": "s-1", "hook_event_name": "SessionStart", "source": "startup", "cwd": str(machine.top)}
    env = {
        **machine.env(),
        "CLAUDE_PROJECT_DIR": str(machine.top),
        "CLAUDE_PLUGIN_ROOT": str(TOOLKIT),
        "CLAUDE_CODE_SESSION_ID": "s-1",
        "CLAUDECODE": "1",
    }
    done = subprocess.run(
        ["sh", "-c", command], cwd=machine.top, env=env, input=json.dumps(payload), capture_output=True, text=True
    )
    return Result(done.returncode, done.stdout, done.stderr)


def sessions(machine: Machine) -> list[str]:
    return sorted(p.name for p in machine.state.glob("trees/main/sessions/[!.]*"))


def test_in_a_repository_that_has_its_own_hooks_the_plugin_is_silent(machine: Machine) -> None:
    theirs = first(read(TOOLKIT / "hooks/hooks.json"), "SessionStart")
    result = start_session(machine, theirs)
    assert result.code == 0, result.text
    assert sessions(machine) == ["s-1"], "without hooks of its own the plugin's are active"
    shutil.rmtree(machine.state)
    assert run_install(machine, machine.top).code == 0
    result = start_session(machine, theirs)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert sessions(machine) == []
    ours = first(read(machine.top / ".claude/settings.json"), "SessionStart")
    result = start_session(machine, ours)
    assert (result.code, sessions(machine)) == (0, ["s-1"]), result.text
