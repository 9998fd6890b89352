"""docs/versions.md: what people see when a version travels.

`CLAUDETOOLS_BLESS=1 pytest tests/test_versions.py` writes it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from installing import VERSION, other_version, own_sync, run_install, tools
from world import TOOLKIT, Machine, World

DOCUMENT = TOOLKIT / "docs" / "versions.md"
BLOCK = re.compile(r"<!-- (\w+): made by tests/test_versions.py -->\n```\n(.*?)```\n", re.DOTALL)
NEXT = "0.9.0"
SYNC = "bash .claude/scripts/sync.sh"


def normal(text: str) -> str:
    """Without what differs from run to run and from commit to commit."""
    text = re.sub(r"bash /\S+/scripts/install.sh", "bash ~/claudetools/scripts/install.sh", text)
    text = re.sub(r"\b[0-9a-f]{7}\b", "0000000", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "5d5d", text).replace(VERSION, "0.2.0")
    text = re.sub(r"[+-]\d+( -\d+)? lines", "N lines", text)
    return re.sub(r" +", " ", text)


def typed(machine: Machine, *commands: str, start: Path | None = None) -> str:
    """The commands in one shell, each above what it prints."""
    steps = "\n".join(f"printf '%s\\n' '$ {command}'\n{command}" for command in commands)
    cwd = start or machine.top
    env = {**machine.env(), "PS1": ""}
    done = subprocess.run(["bash", "-c", f"exec 2>&1\n{steps}"], cwd=cwd, env=env, capture_output=True, text=True)
    return done.stdout


def seen(world: World) -> dict[str, str]:
    """Mike updates, Howard receives; then Howard wants to be asked; then an archive is not what its sum says."""
    mike = world.machine("LINUX-01", "mike")
    assert run_install(mike, mike.top).code == 0 and own_sync(mike).code == 0
    howard = world.machine("MAC-02", "howard")
    assert tools(howard, "setup").code == 0 and own_sync(howard).code == 0
    other_version(mike.home / "claudetools", NEXT)
    found = {
        "upgrade": typed(
            mike,
            "bash ~/claudetools/scripts/install.sh ~/ops",
            f'{SYNC} -m "Update to claudetools {NEXT}"',
        ),
        "received": typed(howard, SYNC, "bash .claude/scripts/claudetools.sh --version"),
    }
    howard.git("config", "claudetools.trust", "ask")
    newest = other_version(mike.home / "newest", "0.10.0")
    assert run_install(mike, mike.top, toolkit=newest).code == 0 and own_sync(mike).code == 0
    found["asked"] = typed(
        howard,
        "git config claudetools.trust ask",
        SYNC,
        "bash .claude/scripts/claudetools.sh --version",
        "bash .claude/scripts/claudetools.sh trust",
        "bash .claude/scripts/claudetools.sh --version",
    )
    damaged = mike.top / ".claude/claudetools-0.11.0.tar.gz"
    version = other_version(mike.home / "damaged", "0.11.0")
    assert run_install(mike, mike.top, toolkit=version).code == 0
    damaged.write_bytes(damaged.read_bytes()[:-1])
    commit = 'git add -A && git commit -qm "Update claudetools" && git push -q'
    assert mike.run("bash", "-c", f"git config core.hooksPath /dev/null; {commit}").code == 0
    howard.git("config", "--unset", "claudetools.trust")
    assert own_sync(howard).code == 0
    howard.write("README.md", "# our ops\n")
    found["refused"] = typed(howard, f'{SYNC}; echo "exit status $?"', 'git commit -m "by hand" README.md')
    return found


def test_the_transcripts_of_docs_versions_are_what_happens(world: World) -> None:
    found, text = seen(world), DOCUMENT.read_text("utf-8")
    if os.environ.get("CLAUDETOOLS_BLESS"):
        text = BLOCK.sub(
            lambda m: f"<!-- {m[1]}: made by tests/test_versions.py -->\n```\n{found[m[1]]}```\n",
            text,
        )
        DOCUMENT.write_text(text, encoding="utf-8")
    said = {name: block for name, block in BLOCK.findall(text)}
    assert said.keys() == found.keys()
    for name, block in found.items():
        assert normal(said[name]) == normal(block), "bless it: CLAUDETOOLS_BLESS=1 pytest tests/test_versions.py"
