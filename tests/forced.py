"""Forced schedules: a script runs exactly between two steps of a sync (checkpoint in results.sh and checkpoint.py).

The script is a person's shell, or a kill: it has a clean environment, not the sync's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from world import Machine, World, clean_environment

SENDING = ["locked", "snapshot", "commit", "index-locked", "index", "ref", "push", "fetched", "pushed", "notes"]
SWAPS = [f"{word}-{n}" for n in range(1, 6) for word in ("swap", "swapped")]
RECEIVING = ["advance-plan", "advance-journal", *SWAPS, "exchange", "create-linked", "advance-kept"]
RECEIVING += ["advance-index-locked", "advance-index", "advance-ref", "advance-done"]
TOKENS = {
    "UP-mod": "Howard Lee",
    "UP-merged": "Howard Lee",
    "UP-new": "Howard Lee",
    "MY-mine": "Mike Swanson",
    "MY-own": "Mike Swanson",
    "MY-merged": "Mike Swanson",
}

KILL_GROUP = 'kill -KILL -- "-$2"'
KILL_BASH = 'kill -KILL "$2"'
KILL_HELPER = 'kill -KILL "$3"'


def at(machine: Machine, place: str, script: str, once: bool = True) -> dict[str, str]:
    """Environment for a sync of `machine` in whose course `script` runs at `place` (a pattern), at the first hit only.

    The script gets the name of the place, the pid of the sync (its process group) and the helper's own pid.
    """
    folder = machine.home / "forced"
    folder.mkdir(exist_ok=True)
    number = len(list(folder.iterdir()))
    body, wrapper = folder / f"{number}.body", folder / f"{number}.sh"
    mark = folder / f"{number}.hit"
    body.write_text(f"cd '{machine.top}' || exit\n{script}\n")
    env = " ".join(f"'{key}={value}'" for key, value in clean_environment(machine.home).items())
    guard = f"mkdir '{mark}' 2>/dev/null || exit 0\n" if once else f"mkdir -p '{mark}'\n"
    wrapper.write_text(f"{guard}exec env -i {env} bash '{body}' \"$@\" >>'{folder}/{number}.log' 2>&1\n")
    return {"CLAUDETOOLS_TEST_AT": f"{place}:{wrapper}"}


def was_reached(env: dict[str, str]) -> bool:
    return Path(env["CLAUDETOOLS_TEST_AT"].partition(":")[2]).with_suffix(".hit").exists()


def words_of(env: dict[str, str]) -> str:
    """What the script printed."""
    log = Path(env["CLAUDETOOLS_TEST_AT"].partition(":")[2]).with_suffix(".log")
    return log.read_text() if log.exists() else ""


def lines(*replaced: tuple[int, str]) -> str:
    text = [f"line {n}" for n in range(1, 11)]
    for n, word in replaced:
        text[n - 1] = word
    return "\n".join(text) + "\n"


def work_on_both_sides(root: Path) -> World:
    """Howard's work is on the remote; Mike's waits: mine.txt and own.txt to be saved, merged.txt not yet."""
    root.mkdir()
    world = World(root)
    mike = world.machine("LINUX-01", "mike")
    for name in (
        "mod.txt",
        "merged.txt",
        "mine.txt",
        "gone.txt",
        "tool.sh",
        "person.txt",
        "partly.txt",
        "old-name.txt",
    ):
        mike.write(name, lines())
    assert mike.sync().code == 0
    howard = world.machine("MAC-02", "howard")
    howard.write("mod.txt", lines((3, "UP-mod")))
    howard.write("merged.txt", lines((1, "UP-merged")))
    howard.write("sub/new.txt", "UP-new\n")
    (howard.top / "gone.txt").unlink()
    (howard.top / "tool.sh").chmod(0o755)
    assert howard.sync().code == 0
    mike.write("mine.txt", lines((5, "MY-mine")))
    mike.write("own.txt", "MY-own\n")
    mike.write("merged.txt", lines((10, "MY-merged")))
    return world


def places_of(machine: Machine, *args: str) -> list[str]:
    """The places that a sync comes by, in order."""
    log = machine.home / "places"
    machine.sync(*args, env=at(machine, "*", f"echo \"$1\" >>'{log}'", once=False))
    return log.read_text().split()


def copy_world(world: World, root: Path) -> World:
    """The same world at another place: cheaper than building it again."""
    shutil.copytree(world.root, root, symlinks=True)
    copy = object.__new__(World)
    copy.root, copy.remote, copy.machines = root, root / "remote.git", {}
    for name, old in world.machines.items():
        home = root / old.home.name
        machine = Machine(name, old.user, home, home / "ops")
        config = machine.top / ".git" / "config"
        config.write_text(config.read_text().replace(str(world.root), str(root)))
        copy.machines[name] = machine
    return copy


def ended(process: subprocess.Popen[bytes], timeout: float = 60) -> int:
    """Wait for a process and everything that holds its output; its exit code."""
    process.communicate(timeout=timeout)
    return process.returncode


def assert_whose(world: World, tokens: dict[str, str]) -> None:
    """Each token came to the remote by exactly one commit, of the author whose it is, and no commit took it away."""
    log = world.remote_git("log", "--reverse", "-p", "--no-renames", "--format=commit %h %an", "main")
    brought: dict[str, list[str]] = {token: [] for token in tokens}
    author = commit = ""
    for line in log.splitlines():
        if line.startswith("commit "):
            _, commit, author = line.split(" ", 2)
        for token in re.findall(r"\b(?:UP|MY)-[a-z0-9-]+", line) if line[:1] in "+-" else ():
            if token in brought:
                assert not line.startswith("-"), f"{token} was taken away by {author} in {commit}"
                brought[token].append(author)
    wrong = {token: by for token, by in brought.items() if by != [tokens[token]]}
    assert not wrong, wrong


def assert_together(world: World) -> None:
    """Every machine is clean, sound, with nothing pending, and holds what the remote holds."""
    for machine in world.machines.values():
        machine.assert_sound()
        assert machine.status() == ""
        assert machine.git("rev-parse", "HEAD") == world.tip()
        assert_nothing_pending(machine)


def assert_nothing_pending(machine: Machine) -> None:
    tree = machine.state / "trees" / "main"
    for name in ("journal", "journal.new", "swap", "unsettled"):
        assert not (tree / name).exists(), name
    locks = [str(p) for p in machine.common.rglob("*.lock") if p != machine.lock]
    assert not locks, locks
