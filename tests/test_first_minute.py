"""What somebody meets who has just found this: the transcript in the README, and the whole way in and out again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from installing import (
    TOOLKIT,
    VERSION,
    copy_toolkit,
    fill,
    other_version,
    own_sync,
    pinned,
    publish,
    run_install,
    tools,
    tree_of,
)
from test_contention import Start
from world import TOOLKIT as SOURCE
from world import Machine, World

BEGIN, END = "<!-- first minute: made by tests/test_first_minute.py -->\n```\n", "```\n<!-- first minute: end -->"
COMMANDS = (
    "bash scripts/install.sh ~/ops",
    "cd ~/ops",
    "bash .claude/scripts/claudetools.sh setup --user mike",
    f'bash .claude/scripts/sync.sh -m "Install claudetools {VERSION}"',
)


def normal(text: str) -> str:
    """Without what differs from run to run and from commit to commit."""
    text = re.sub(r"\b[0-9a-f]{7}\b", "0000000", text)
    text = re.sub(r"[+-]?\b\d+ ((-\d+ )?lines|files|hooks|permissions)\b", r"N \1", text)
    text = re.sub(r"-\d+ lines", "lines", text)
    text = re.sub(r"(\.claude/skills/ +).*", r"\1...", text)
    return re.sub(r" +", " ", text)


def transcript(machine: Machine) -> str:
    """The commands in one shell, each above what it prints."""
    steps = "\n".join(f"printf '%s\\n' '$ {command}'\n{command}" for command in COMMANDS)
    done = subprocess.run(
        ["bash", "-c", steps], cwd=machine.home / "claudetools", env=machine.env(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return re.sub("This machine is [^,]+,", "This machine is laptop,", done.stdout)


def test_the_first_minute_of_the_readme_is_what_happens(world: World) -> None:
    """CLAUDETOOLS_BLESS=1 writes what it sees into the README."""
    machine = world.machine()
    (machine.top / ".claude/identity.json").unlink()
    own = machine.write(".claude/scripts/sync.sh", "# save\n" * 214)
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "ours")
    os.utime(own, (1777680000, 1777680000))
    for key, value in (("name", "Mike Swanson"), ("email", "mike@example.com")):
        machine.git("config", "--global", f"user.{key}", value)
    copy_toolkit(TOOLKIT, machine.home / "claudetools")
    seen = transcript(machine)
    readme = SOURCE / "README.md"
    head, _, rest = readme.read_text("utf-8").partition(BEGIN)
    said, _, tail = rest.partition(END)
    if os.environ.get("CLAUDETOOLS_BLESS"):
        readme.write_text(f"{head}{BEGIN}{seen}{END}{tail}", encoding="utf-8")
        said = seen
    assert normal(said) == normal(seen), "bless it: CLAUDETOOLS_BLESS=1 pytest tests/test_first_minute.py"
    assert f"Install claudetools {VERSION}" in world.remote_git("log", "-1", "--format=%s", "main")


def content_of(machine: Machine) -> dict[str, tuple[object, ...]]:
    """Every file of the tree, the identity of this machine aside."""
    found = tree_of(machine.top)
    return {n: v for n, v in found.items() if not n.startswith(".git/") and n not in (".git", ".claude/identity.json")}


def test_in_used_by_two_upgraded_under_load_and_out_without_a_trace(world: World, tmp_path: Path) -> None:
    mike = world.machine("LINUX-01", "mike")
    publish(mike, logs=400)
    (mike.top / ".gitattributes").chmod(0o644)
    before, status = content_of(mike), mike.status()

    # In: nothing is committed by the installer, the user's own sync.sh is kept.
    result = run_install(mike, mike.top)
    assert result.code == 0, result.text
    assert "400 old logs" in result.out
    assert mike.git("log", "-1", "--format=%s") == "ours"
    result = own_sync(mike, "-m", "Install claudetools")
    assert result.code == 0, result.text

    # The second machine: another home, another user, a fresh clone.
    howard = world.machine("MAC-02", "howard", clone=False)
    subprocess.run(["git", "clone", "-q", world.remote, howard.top], env=howard.env(), check=True)
    howard.git("config", "--global", "user.email", "howard@example.com")
    result = tools(howard, "setup")
    assert result.code == 0, result.text
    howard.write("from-howard.md", "x\n")
    assert own_sync(howard).code == 0
    mike.write("from-mike.md", "x\n")
    assert own_sync(mike).code == 0
    assert own_sync(howard).code == 0
    assert mike.read("from-howard.md") == howard.read("from-mike.md")

    # One is upgraded while eight syncs run on the other.
    newer = other_version(tmp_path / "claudetools-9.0", "9.0.0")
    assert run_install(mike, mike.top, toolkit=newer).code == 0
    start = Start()
    for who in range(8):
        script = f"echo {who} >'own-{who}.md'; exec bash .claude/scripts/sync.sh -m 'from {who}'"
        start.add(howard, script, CLAUDETOOLS_SESSION_ID=f"session-{who}")
    start.add(mike, "exec bash .claude/scripts/sync.sh -m Upgrade")
    results = start.go()
    assert {r.code for r in results} <= {0, 75}, "\n".join(r.text for r in results)
    for machine in (howard, mike, howard):
        result = own_sync(machine)
        assert result.code == 0, result.text
        assert pinned(machine)[0] == "9.0.0"
        machine.assert_sound()

    # Out, on both: first what travels, then what belongs to the other clone alone.
    result = run_install(mike, "--uninstall", mike.top, toolkit=newer)
    assert result.code == 0, result.text
    for words in ("400 session logs", "restore point"):
        assert words in result.out
    done = mike.run("bash", "-c", result.out.splitlines()[-1].removeprefix("To commit it: "))
    assert done.code == 0, done.text
    mike.git("push", "-q", "origin", "main")
    howard.git("pull", "-q", "--ff-only", "origin", "main")
    assert run_install(howard, "--uninstall", howard.top, toolkit=newer).out.startswith("[OK] claudetools is out of ")
    written = {"from-howard.md", "from-mike.md", *(f"own-{who}.md" for who in range(8))}
    for machine in (mike, howard):
        assert machine.status() == status == ""
        after = content_of(machine)
        assert {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)} == written
        assert not (machine.common / "hooks/pre-commit.before").exists()
    assert (mike.common / "hooks/pre-commit").read_bytes() == b'#!/bin/sh\necho "own hook" >&2\n'
    assert not (howard.common / "hooks/pre-commit").exists()
    world.assert_linear()


def test_nothing_but_the_lock_and_state_is_outside_of_the_working_tree(world: World) -> None:
    """No file in the home folder, none beside the repository."""
    machine = world.machine()
    fill(machine, 1)
    shutil.rmtree(machine.common / "hooks")
    before = sorted(p.name for p in machine.home.iterdir())
    run_install(machine, machine.top)
    tools(machine, "setup")
    own_sync(machine)
    assert sorted(p.name for p in machine.home.iterdir()) == before
