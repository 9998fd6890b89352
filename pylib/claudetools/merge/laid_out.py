"""What was laid out for a true conflict, and what a person decided of it: the file `resolve` in the tree's state."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass


@dataclass
class Conflict:
    """One path that a parked commit touches. An oid is '' where that side has no such file."""

    path: bytes
    mode: str
    base: str
    theirs: str
    mine: str


def manifest_path(state: str) -> str:
    """The file that remembers which texts were laid out."""
    return os.path.join(state, "resolve")


def read_manifest(state: str) -> list[Conflict]:
    """The conflicts that were laid out last, [] when there are none."""
    try:
        with open(manifest_path(state), encoding="utf-8") as file:
            return [Conflict(os.fsencode(row[0]), *row[1:]) for row in json.load(file)["conflicts"]]
    except (FileNotFoundError, ValueError, KeyError):
        return []


def read_decisions(state: str) -> dict[str, str]:
    """What --take decided beyond a text: path to `remove`."""
    try:
        with open(manifest_path(state), encoding="utf-8") as file:
            return dict(json.load(file).get("decisions", {}))
    except (FileNotFoundError, ValueError):
        return {}


def save(state: str, conflicts: list[Conflict], decisions: dict[str, str]) -> None:
    """Write the manifest."""
    rows = [[os.fsdecode(c.path), c.mode, c.base, c.theirs, c.mine] for c in conflicts]
    path = manifest_path(state)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"conflicts": rows, "decisions": decisions}, file)
    os.replace(path + ".new", path)


def write_manifest(state: str, conflicts: list[Conflict]) -> None:
    """Remember what is laid out now, and keep the decisions."""
    save(state, conflicts, read_decisions(state))


def write_decision(state: str, path: bytes, decision: str) -> None:
    """Remember one decision."""
    save(state, read_manifest(state), {**read_decisions(state), os.fsdecode(path): decision})


def forget_manifest(state: str) -> None:
    """Nothing is laid out any more."""
    with suppress(FileNotFoundError):
        os.unlink(manifest_path(state))
