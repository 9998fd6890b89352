"""A compile whose synthesizer is the real Claude Code, against the scripted Messages API on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from client import CLIENT, QUIET, STAGE, reason_to_skip

from test_wiki import ARTICLE, LOG, WARN, Wiki
from world import TOOLKIT, Machine

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why := reason_to_skip()), reason=why)]


@pytest.fixture
def wiki(machine: Machine) -> Wiki:
    found = Wiki(machine)
    machine.extra_env.pop("CLAUDETOOLS_SYNTHESIZER")
    machine.write("wiki/clients/acme.md", ARTICLE)
    return found


def compile_on_stage(wiki: Wiki, play: str, root: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`wiki compile` with the real client on its PATH, as in a session of that client; and what the model was sent."""
    machine, folder = wiki.machine, root / "stage"
    (folder / "requests").mkdir(parents=True)
    settings = machine.home / ".claude-settings"
    settings.mkdir()
    env = {"CLAUDE_CONFIG_DIR": str(settings), **dict.fromkeys(QUIET, "1"), "CLAUDECODE": "1"}
    env |= {"PATH": f"{CLIENT.parent}:{machine.env()['PATH']}", "CLAUDE_CODE_SESSION_ID": str(uuid.uuid4())}
    argv = ["bash", str(TOOLKIT / "scripts/claudetools.sh"), "wiki", "compile", "client:acme", "--full"]
    client = {"argv": argv, "cwd": str(machine.top), "env": machine.env(env), "play": play, "key": f"key-{play}"}
    plan = {"clients": [client], "requests": str(folder / "requests"), "seconds": 100}
    (folder / "plan.json").write_text(json.dumps(plan))
    argv = ["unshare", "-rn", sys.executable, str(STAGE), str(folder / "plan.json")]
    done = subprocess.run(argv, env=machine.env(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    sent = [json.loads(path.read_text())["body"] for path in sorted((folder / "requests").iterdir())]
    return json.loads(done.stdout)[0], sent


def test_the_real_client_drafts_and_its_inventions_are_caught(wiki: Wiki, tmp_path: Path) -> None:
    end, sent = compile_on_stage(wiki, "synthesize", tmp_path)
    assert (end["code"], end["out"]) == (0, "[OK] wiki/clients/acme.md is compiled from 1 log.\n"), end
    text = wiki.article()
    assert "Firewall fw1.acme.example at 203.0.113.7:8443.\nBackup at (verify).\n" in text
    assert "- 2026-01-01: onboarding\n" in text and "something else" not in text
    assert "History was changed" in end["err"] and "198.51.100.200" in end["err"]
    asked = json.dumps(sent)
    assert LOG in asked and "hunter2" not in asked
    offered = {tool["name"] for body in sent for tool in body.get("tools", [])}
    assert offered == {"StructuredOutput"}, "a synthesizer has no tool that could touch the tree"
    assert not (wiki.machine.top / ".claude/settings.json").exists()


def test_the_real_client_on_529_is_a_warning_and_not_a_wait(wiki: Wiki, tmp_path: Path) -> None:
    end, sent = compile_on_stage(wiki, "overloaded", tmp_path)
    assert (end["code"], end["out"]) == (0, WARN), end
    assert "529" in end["err"] and len(sent) < 5
    assert f"  - {LOG}\n" in wiki.article() and "stale: true\n" in wiki.article()
