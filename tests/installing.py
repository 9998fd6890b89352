"""What tests of the installer share: a toolkit at rest, what people have in a repository, whole trees compared."""

from __future__ import annotations

import atexit
import compileall
import json
import os
import shutil
import stat
import tempfile
import time
from functools import cache
from pathlib import Path

from claudetools.install.archive import version_of
from world import TOOLKIT as SOURCE
from world import Env, Machine, Result, World, folder_until_the_end

OWN_SYNC = b"#!/bin/sh\ngit add -A && git commit -qm sync && git push -q\n"
OWN_HOOK = b'#!/bin/sh\necho "own hook" >&2\n'
Tree = dict[str, tuple[object, ...]]


def copy_toolkit(source: Path, target: Path) -> Path:
    """Of a copy with what `compile_at_rest` made: the installer writes no cache beside itself."""
    leave = ("identity.json", "__pycache__") if source == SOURCE else ("identity.json",)
    for name in ("scripts", "pylib", "hooks", ".claude"):
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns(*leave))
    for name in ("LICENSE", "pyproject.toml", ".gitattributes"):
        shutil.copy2(source / name, target / name)
    return target


# A copy at rest: somebody may be editing the real one between two steps of a test.
TOOLKIT = copy_toolkit(SOURCE, Path(tempfile.mkdtemp(prefix="claudetools-test.")))
atexit.register(shutil.rmtree, TOOLKIT, ignore_errors=True)
INSTALL = TOOLKIT / "scripts" / "install.sh"
VERSION = version_of(TOOLKIT)
ARCHIVE = f".claude/claudetools-{VERSION}.tar.gz"
PIN, RECORD = ".claude/claudetools.json", ".claude/claudetools-installed.json"


@cache
def compile_at_rest() -> None:
    """Once for all tests: each start of the installer would compile all that it imports."""
    compileall.compile_dir(TOOLKIT / "pylib", quiet=2)


def other_version(target: Path, version: str) -> Path:
    """A toolkit that differs from ours by its version alone."""
    compile_at_rest()
    toolkit = copy_toolkit(TOOLKIT, target)
    text = (toolkit / "pyproject.toml").read_text()
    (toolkit / "pyproject.toml").write_text(text.replace(f'\nversion = "{VERSION}"', f'\nversion = "{version}"'))
    return toolkit


def pinned(machine: Machine) -> tuple[str, str]:
    """Version and sum that the repository names."""
    found = json.loads(machine.read(PIN))
    return found["version"], found["sha256"]


def unpacked(machine: Machine) -> Path:
    """Where the pinned version lies, or will lie once something was started."""
    return machine.state / "toolkit" / pinned(machine)[1]


def tree_of(top: Path, times: bool = False, state: bool = True) -> Tree:
    """Every file and folder: mode, content, link text, on request the time of the last write."""
    found: Tree = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if not state and name.startswith((".git/claudetools", ".git/worktrees")):
            continue
        info = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        found[name] = (stat.S_IMODE(info.st_mode), content, *((info.st_mtime_ns, info.st_ino) if times else ()))
    return found


def difference(one: Tree, other: Tree) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def run_install(machine: Machine, *args: str | Path, toolkit: Path = TOOLKIT, env: Env = None) -> Result:
    compile_at_rest()
    return machine.run("bash", toolkit / "scripts" / "install.sh", *args, cwd=machine.home, env=env)


@cache
def installed() -> World:
    """For all tests: LINUX-01 has installed and sent it, and nothing was started there yet."""
    world = World(folder_until_the_end("installed"))
    machine = world.machine()
    assert run_install(machine, machine.top).code == 0
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "--no-verify", "-m", "Install")
    machine.git("push", "-q", "origin", "main")
    return world


@cache
def in_use() -> World:
    """For all tests: LINUX-01 has installed and synced it, MAC-02 has cloned that and set it up for Howard."""
    world = World(folder_until_the_end("in-use"))
    (first,) = world.take(installed(), "LINUX-01")
    assert own_sync(first).code == 0
    second = world.machine("MAC-02", "howard", clone=False)
    second.run("git", "clone", "-q", world.remote, second.top, cwd=second.home)
    second.git("config", "--global", "user.email", "howard@example.com")
    assert tools(second, "setup").code == 0
    return world


def today() -> str:
    return time.strftime("%Y-%m-%d")


def tools(machine: Machine, *args: str | Path, env: Env = None) -> Result:
    """The programs of the version that the repository names."""
    return machine.run("bash", ".claude/scripts/claudetools.sh", *args, env=env)


def own_sync(machine: Machine, *args: str) -> Result:
    return machine.run("bash", ".claude/scripts/sync.sh", *args)


def fill(machine: Machine, logs: int) -> None:
    """What people have in such a repository before they meet us."""
    machine.write(".claude/scripts/sync.sh", OWN_SYNC).chmod(0o755)
    machine.write(".claude/hooks/notify.sh", "#!/bin/sh\n").chmod(0o755)
    machine.write(".claude/settings.json", '{"permissions": {"allow": ["Bash(ls:*)"]}}\n')
    machine.write(".pre-commit-config.yaml", "repos: []\n")
    machine.write(".gitignore", b"lib/\r\n*.pyc\r\n.claude/identity.json\r\n*.log")
    machine.write(".gitattributes", "*.png binary\n").chmod(0o600)
    machine.write("AGENTS.md", "# Rules\n\nBe kind.")
    machine.write("CLAUDE.md", b"# Claude\r\n")
    for n in range(logs):
        day = f"20{20 + n // 336:02}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"
        machine.write(f"clients/acme/session-logs/{day}-session.md", f"log {n}\n")
    hook = machine.common / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(OWN_HOOK)
    hook.chmod(0o755)
    with (machine.common / "config").open("ab") as config:
        config.write(b"[merge] # mine\n\ttool = vimdiff\n[pull]")


def publish(machine: Machine, logs: int) -> Machine:
    fill(machine, logs)
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "--no-verify", "-m", "ours")
    machine.git("push", "-q", "origin", "main")
    return machine
