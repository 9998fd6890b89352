"""docs/vault.md: of each kind of store, by each way in which a file may go out, what goes and what is held."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from test_stores import STORES, git, vault
from world import TOOLKIT, Machine, World

BLESS = bool(os.environ.get("CLAUDETOOLS_BLESS"))
DOCUMENT = TOOLKIT / "docs" / "vault.md"
NAMES = {"group_vars": "Ansible vault", **{kind: f"sops, {kind}" for kind in ("yaml", "json", "env", "ini", "binary")}}
HEAD = """# What goes out of a vault, and what is held

Made by `CLAUDETOOLS_BLESS=1 make test K=store_table`: files in the form that the programs write, in the folders that
they mark. First stands what became of an encrypted file, then of a password in plain text there. **goes**: it is on
the remote. **held**: no commit that the remote has shows it, and sync names the file.

"""
Act = Callable[[Machine, Path, dict[str, bytes], str], dict[str, str]]
__all__ = ["vault"]


def at(folder: Path, path: str, data: bytes) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    return path


def own(store: str, below: str = "") -> str:
    return f"{store}/{below}{STORES[store][2]}"


def new(machine: Machine, folder: Path, data: dict[str, bytes], turn: str) -> dict[str, str]:
    return {store: at(folder, own(store, f"{turn}/"), text) for store, text in data.items()}


def changed(machine: Machine, folder: Path, data: dict[str, bytes], turn: str) -> dict[str, str]:
    return {store: at(folder, own(store), text) for store, text in data.items()}


def renamed(machine: Machine, folder: Path, data: dict[str, bytes], turn: str) -> dict[str, str]:
    for store in data:
        (folder / store / turn).mkdir()
        git(machine, folder, "mv", own(store, "" if turn == "closed" else "closed/"), own(store, f"{turn}/"))
    return new(machine, folder, data, turn)


def merged(machine: Machine, folder: Path, data: dict[str, bytes], turn: str) -> dict[str, str]:
    git(machine, folder, "switch", "-qc", turn)
    found = changed(machine, folder, data, turn)
    commit(machine, folder, "on a branch")
    git(machine, folder, "switch", "-q", "main")
    git(machine, folder, "merge", "-q", "--no-ff", "-m", "merge", turn)
    return found


def in_a_merge(machine: Machine, folder: Path, data: dict[str, bytes], turn: str) -> dict[str, str]:
    git(machine, folder, "switch", "-qc", turn)
    at(folder, f"{turn}.txt", b"x\n")
    commit(machine, folder, "on a branch")
    git(machine, folder, "switch", "-q", "main")
    git(machine, folder, "merge", "-q", "--no-ff", "--no-commit", turn)
    found = changed(machine, folder, data, turn)
    commit(machine, folder, "merge, and what nobody asked for")
    return found


def added_and_removed(machine: Machine, folder: Path, data: dict[str, bytes], turn: str) -> dict[str, str]:
    found = new(machine, folder, data, turn)
    commit(machine, folder, "added")
    git(machine, folder, "rm", "-q", *found.values())
    commit(machine, folder, "removed")
    return found


def commit(machine: Machine, folder: Path, message: str) -> None:
    git(machine, folder, "add", "-A")
    git(machine, folder, "commit", "-qnm", message)


WAYS: dict[str, Act] = {
    "new": new, "changed": changed, "renamed": renamed, "merged": merged, "put into a merge": in_a_merge,
    "added and removed": added_and_removed,
}  # fmt: skip


def another(data: bytes) -> bytes:
    """The same file, encrypted anew: one character of the ciphertext differs."""
    for old, new in ((b"Rw==", b"Rg=="), (b"d" * 19, b"e" * 19), (b"cipher", b"cypher"), (b"61626364", b"61626365")):
        if old in data:
            return data.replace(old, new)
    return data[:-1] + b"\0"


def column(world: World, pair: tuple[Machine, Path], way: str) -> dict[str, str]:
    """What became of the file of each store: the encrypted one, and the other."""
    machine, folder = pair
    cells: dict[str, list[str]] = {store: [] for store in STORES}
    for turn in ("closed", "open"):
        data = {
            s: another(d) if turn == "closed" else f"password: hunter2 {s}\n".encode() for s, (*_, d) in STORES.items()
        }
        paths = WAYS[way](machine, folder, data, turn)
        oids = {}
        for store, text in data.items():
            (machine.home / "blob").write_bytes(text)
            oids[store] = git(machine, folder, "hash-object", "--no-filters", str(machine.home / "blob"))
        result = machine.sync("--json")
        there = git(machine, world.root / "vault.git", "rev-list", "--objects", "--all")
        for store, path in paths.items():
            named = f"{path} (" in result.out or result.code == 0
            cells[store].append("goes" if oids[store] in there else "held" if named else f"unsaid, {result.code}")
    return {store: " / ".join(words) for store, words in cells.items()}


def table(columns: dict[str, dict[str, str]]) -> str:
    lines = ["| store | " + " | ".join(WAYS) + " |", "|---" * (len(WAYS) + 1) + "|"]
    for store in STORES:
        lines.append(f"| {NAMES.get(store, store)} | " + " | ".join(columns[way][store] for way in WAYS) + " |")
    return HEAD + "\n".join(lines) + "\n"


def written(way: str) -> dict[str, str]:
    """The column of the document."""
    rows = [re.split(r" *\| *", line)[1:-1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    number = rows[0].index(way)
    return {store: row[number] for store, row in zip(STORES, rows[1:], strict=True)}


@pytest.mark.skipif(BLESS, reason="the document is written anew")
@pytest.mark.sampled(3)
@pytest.mark.parametrize("way", WAYS)
def test_the_table_says_what_goes_and_what_is_held(world: World, vault: tuple[Machine, Path], way: str) -> None:
    assert column(world, vault, way) == written(way)


@pytest.mark.skipif(not BLESS, reason="CLAUDETOOLS_BLESS=1 writes the document")
@pytest.mark.parametrize("way", WAYS)
def test_write_a_column(world: World, vault: tuple[Machine, Path], way: str) -> None:
    columns = {one: written(one) if DOCUMENT.exists() else dict.fromkeys(STORES, "") for one in WAYS}
    columns[way] = column(world, vault, way)
    DOCUMENT.write_text(table(columns))


def test_the_table_has_every_store_and_every_encrypted_file_goes() -> None:
    columns = {way: written(way) for way in WAYS}
    assert DOCUMENT.read_text() == table(columns)
    assert {cell for column in columns.values() for cell in column.values()} == {"goes / held"}
