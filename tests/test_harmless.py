"""Commands for which no window is opened: they change nothing, or we know what."""

from __future__ import annotations

import os

import pytest

from claudetools.attribution.harmless import is_harmless
from claudetools.sessions import calls, registry
from test_tool_hooks import Agent, place_of
from world import Machine

HARMLESS = [
    "ls -la",
    "cat a.md | grep x | wc -l",
    "cd notes && ls; pwd",
    "git status && git log --oneline -5",
    "git diff HEAD~1 -- a.md",
    "bash .claude/scripts/sync.sh",
    "bash .claude/scripts/sync.sh -m 'a message; with words'",
    "bash .claude/scripts/claudetools.sh log new 'acme vpn' --client acme",
    ".claude/scripts/claudetools.sh sessions who",
    "bash .claude/scripts/whoami-block.sh",
]
NOT_SURELY = [
    "",
    None,
    "make",
    "ls > files.txt",
    "cat <<EOF >a.md\nx\nEOF",
    "echo $(touch a)",
    "ls `touch a`",
    "ls; touch a",
    "ls && bash .claude/scripts/sync.sh && make",
    "FOO=1 make",
    "git add a.md",
    "git diff --output=a.md",
    "git grep -Ovi x",
    "bash sync.sh",
    "bash -c 'ls'",
    "bash .claude/scripts/sync.sh --restore a.md@2026",
    "bash .claude/scripts/sync.sh --resolve",
    "bash .claude/scripts/claudetools.sh sessions run -- make",
    "bash .claude/scripts/claudetools.sh sessions undo x",
    "bash .claude/scripts/claudetools.sh wiki compile client:acme",
    "find . -delete",
    "sed -i s/a/b/ a.md",
    "ls | tee a.md",
    "ls 'open quote",
    "python x.py",
]


@pytest.mark.parametrize("command", HARMLESS)
def test_harmless(command: str) -> None:
    assert is_harmless(command)


@pytest.mark.parametrize("command", NOT_SURELY)
def test_not_surely_harmless(command: object) -> None:
    assert not is_harmless(command)


def test_no_window_is_opened_for_them(machine: Machine) -> None:
    """So what another command writes meanwhile has one suspect only."""
    for id in ("a", "b"):
        registry.register(place_of(machine), id, pid=os.getpid())
    a, b = Agent(machine, "a"), Agent(machine, "b")
    b.before("Bash", {"command": "bash .claude/scripts/sync.sh"})
    assert calls.under_way(b.place, "b") == []
    a.bash("echo x >a.md")
    b.after("Bash", {"command": "bash .claude/scripts/sync.sh"}, {})
    assert ([e.path for e in a.edits], b.edits) == (["a.md"], [])
