"""The real client, offline: where it comes from, and how a test sends it on stage."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from world import OUTSIDE, TOOLKIT, Machine

PACKAGE, VERSION = "@anthropic-ai/claude-code", "2.1.197"
CACHE = Path(os.environ.get("CLAUDETOOLS_E2E_CACHE", TOOLKIT / ".e2e")) / VERSION
CLIENT = CACHE / "node_modules" / ".bin" / "claude"
STAGE = Path(__file__).parent / "stage.py"
QUIET = (
    "DISABLE_AUTOUPDATER",
    "DISABLE_TELEMETRY",
    "DISABLE_ERROR_REPORTING",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
)


def reason_to_skip() -> str:
    """Why the client cannot run here, "" when it can. `make e2e` brings it when it is missing."""
    if platform.system() != "Linux":
        return "a network namespace of its own is Linux's"
    if not shutil.which("unshare"):
        return "unshare is not installed"
    alone = subprocess.run(["unshare", "-rn", "true"], capture_output=True, text=True)
    if alone.returncode:
        return f"unshare -rn is not allowed here: {alone.stderr.strip()}"
    if not CLIENT.exists() and os.environ.get("CLAUDETOOLS_E2E") != "install":
        return f"{PACKAGE} is not here (235 MB): make e2e brings it"
    return install()


def install() -> str:
    """Bring the client from npm, once, also when several tests ask at once. Why it cannot be, "" when it is there."""
    if not shutil.which("npm"):
        return "npm is not installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not CLIENT.exists():
            (CACHE / "package.json").write_text("{}\n")
            asked = ("npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1", f"{PACKAGE}@{VERSION}")
            done = subprocess.run(asked, cwd=CACHE, env=OUTSIDE, capture_output=True, text=True)
            if done.returncode:
                return f"npm cannot bring {PACKAGE}: {done.stderr.strip()[-200:]}"
    tried = subprocess.run([CLIENT, "--version"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"the client does not start here: {tried.stderr.strip()[-200:]}"


@dataclass(frozen=True)
class Act:
    """How a client ended, and what its model was sent."""

    answer: str
    session: str
    denials: list[Any]
    requests: list[dict[str, Any]]

    @property
    def prompts(self) -> str:
        """All text that the model got before it answered for the first time."""
        first = self.requests[0]["messages"]
        return "\n".join(text for message in first for text in texts(message["content"]))

    @property
    def commands(self) -> list[dict[str, Any]]:
        """What the model had run, as the client tells it back."""
        last = self.requests[-1]["messages"]
        blocks = [
            b for m in last if m["role"] == "assistant" and not isinstance(m["content"], str) for b in m["content"]
        ]
        return [block["input"] for block in blocks if block["type"] == "tool_use"]


def texts(content: Any) -> list[str]:
    """The texts of a message."""
    return [content] if isinstance(content, str) else [block.get("text", "") for block in content]


def perform(
    machine: Machine, root: Path, *prompts: tuple[str, str], edits: bool = False, more: Sequence[str] = ()
) -> list[Act]:
    """Real clients in the machine's repository, one for each (play, prompt), all at once: how each ended.

    With `edits` they may change files unasked, and begin when all are there; without, they may what the settings of the
    repository allow. `more`: arguments of the client.
    """
    more = [*more, *(["--permission-mode", "acceptEdits"] if edits else [])]
    clients = [client_for(machine, play, "-p", prompt, "--output-format", "json", *more) for play, prompt in prompts]
    acts = []
    for end, requests in on_stage(machine, root, clients, together=edits):
        told = json.loads(end["out"])
        assert not told["is_error"], told
        acts.append(Act(told["result"], told["session_id"], told["permission_denials"], requests))
    return acts


def typed(machine: Machine, root: Path, text: str, *end: str) -> tuple[str, list[dict[str, Any]]]:
    """A person types `text` into the client: the screen when one of `end` showed, and what its model was sent."""
    client = client_for(machine, "echo")
    client["argv"] = [
        sys.executable,
        str(STAGE.with_name("keyboard.py")),
        text,
        "for shortcuts",
        *end,
        "--",
        *client["argv"],
    ]
    ((ended, requests),) = on_stage(machine, root, [client])
    return ended["out"], requests


def on_stage(
    machine: Machine, root: Path, clients: list[dict[str, Any]], together: bool = False
) -> list[tuple[dict[str, Any], list[Any]]]:
    """Each client's end, and the requests that it sent to the model."""
    folder = root / f"stage-{uuid.uuid4().hex[:8]}"
    (folder / "requests").mkdir(parents=True)
    plan = {"clients": clients, "requests": str(folder / "requests"), "seconds": 100, "together": together}
    (folder / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(STAGE), str(folder / "plan.json")],
        env=machine.env(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    kept = [json.loads(path.read_text()) for path in sorted((folder / "requests").iterdir())]
    found = []
    for client, end in zip(clients, json.loads(done.stdout), strict=True):
        assert end["code"] == 0, end
        found.append((end, [r["body"] for r in kept if r["key"] == client["key"] and r["body"].get("tools")]))
    return found


def client_for(machine: Machine, play: str, *arguments: str) -> dict[str, Any]:
    """One client: its own settings folder, the project trusted, nothing else allowed."""
    key = f"{play}-{uuid.uuid4().hex[:8]}"
    settings = machine.home / f".claude-{key}"
    settings.mkdir()
    known = {
        "projects": {str(machine.top): {"hasTrustDialogAccepted": True}},
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [key[-20:]], "rejected": []},
    }
    (settings / ".claude.json").write_text(json.dumps(known))
    env = {"CLAUDE_CONFIG_DIR": str(settings), "TERM": "xterm-256color", **dict.fromkeys(QUIET, "1")}
    argv = [str(CLIENT), *arguments, "--model", "sonnet"]
    return {"argv": argv, "cwd": str(machine.top), "env": machine.env(env), "play": play, "key": key}
