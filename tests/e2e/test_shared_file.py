"""Real clients at work in one file at the same time: every commit holds its own session's work and nobody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from client import perform, reason_to_skip
from test_client import ops  # noqa: F401 (a fixture)

from world import Machine, World

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why := reason_to_skip()), reason=why)]

NAMES = ("ann", "bob", "cid", "dot")
ALLOWED = {"permissions": {"allow": ["Bash", "Edit", "Write", "Read"]}}


@pytest.mark.parametrize("turn", range(1, 11))
def test_four_clients_in_one_file(world: World, ops: Machine, tmp_path: Path, turn: int) -> None:  # noqa: F811
    ops.write("list.md", "".join(f"own {n}:\n\nabout {n}\n\n" for n in NAMES) + "end of the list\n")
    ops.write(".claude/settings.local.json", json.dumps(ALLOWED))
    with (ops.common / "info" / "exclude").open("a") as file:
        file.write(".claude/settings.local.json\n")
    assert ops.run("bash", ".claude/scripts/sync.sh").code == 0
    before = world.tip()
    acts = perform(ops, tmp_path, *(("share", f"my name is {n}") for n in NAMES), edits=True)
    names = {act.session: name for act, name in zip(acts, NAMES, strict=True)}
    assert all("git stash:" in json.dumps(act.requests[-1]) for act in acts), "each was held back while others worked"
    last = ops.run("bash", ".claude/scripts/sync.sh")
    assert last.code == 0, last.text
    text = world.remote_file("list.md")
    assert ops.read("list.md") == text
    for name in NAMES:
        assert f"own {name}: edited by {name}\n" in text and f"added by {name}\n" in text, text
        assert world.remote_file(f"made-{name}.md") == f"made by {name}\n"
    for commit in world.remote_git("rev-list", f"{before}..main").split():
        ids = world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)", commit).split()
        patch = world.remote_git("show", "--format=", "-U0", commit)
        authors = set(re.findall(r"^\+.*\b(?:edited|added|made|noted) by (\w+)", patch, re.M))
        assert authors <= {names[id] for id in ids}, patch
    assert ops.status() == ""
    ops.assert_sound()
    world.assert_linear()
