"""What one machine saves is on another, byte for byte; and nothing that is said to a person harms a terminal."""

from __future__ import annotations

import os
from pathlib import Path

from world import Machine, Result, World

RAW = ["\x1b", "\x07", "\x7f", "\r", "\u202e", "\u2066", "\u2069", "\u0085"]


def two_machines(world: World) -> tuple[Machine, Machine]:
    return world.machine("LINUX-01"), world.machine("MAC-02", "howard")


def assert_synced(result: Result) -> None:
    assert result.code == 0, result.text
    assert_plain(result)


def assert_plain(result: Result) -> None:
    """Nothing that could colour, ring, erase or reorder a terminal, and no failure of the shell itself."""
    for char in RAW:
        assert char not in result.out + result.err, (char, result.text)
    for words in ("Traceback", "syntax error", "unbound variable", "command not found", "line "):
        assert words not in result.err, result.text


def save(machine: Machine, *args: str) -> Result:
    result = machine.sync(*args)
    assert_synced(result)
    return result


def contents(top: Path) -> dict[bytes, bytes]:
    """Every file and link below `top`, by the bytes of its name; links as what they point to."""
    found: dict[bytes, bytes] = {}
    for at, folders, files in os.walk(os.fsencode(top)):
        folders[:] = [f for f in folders if f not in (b".git", b".claude")]
        for name in [*files, *(f for f in folders if os.path.islink(os.path.join(at, f)))]:
            path = os.path.join(at, name)
            link = os.path.islink(path)
            found[os.path.relpath(path, os.fsencode(top))] = (
                b"-> " + os.readlink(path) if link else Path(os.fsdecode(path)).read_bytes()
            )
    return found


def assert_same(*machines: Machine) -> None:
    first = contents(machines[0].top)
    for machine in machines:
        assert contents(machine.top) == first
        assert machine.status() == "", machine.status()
        machine.assert_sound()


def exchange(a: Machine, b: Machine) -> None:
    """What A has is on B afterwards, byte for byte."""
    save(a)
    save(b)
    assert_same(a, b)
