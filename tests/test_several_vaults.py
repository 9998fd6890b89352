"""Several vaults beside one repository: each is judged, synced and told by itself."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from commands import run_tools
from installing import own_sync, run_install
from vaults import AGE_TEXT, clone_vault
from world import TOOLKIT, Machine, World, needs, run_plain, write_identity

SETUP = TOOLKIT / "scripts" / "setup.sh"
DOCTOR = TOOLKIT / "scripts" / "doctor.sh"


@pytest.fixture
def both(world: World, machine: Machine) -> tuple[Path, Path]:
    """Two vaults, each with something to send; the second is named as seen from the repository."""
    one, two = clone_vault(world, machine, "one"), clone_vault(world, machine, "two x")
    write_identity(machine, vault_path=["~/one", "../two x"])
    for folder in (one, two):
        (folder / "key.age").write_text(AGE_TEXT)
    return one, two


def has(world: World, vault: str, path: str) -> bool:
    bare = str(world.root / f"{vault}.git")
    return path in run_plain(world.root, "git", "-C", bare, "ls-tree", "-r", "--name-only", "main").split("\n")


def test_each_is_synced_and_told_by_its_name(world: World, machine: Machine, both: tuple[Path, Path]) -> None:
    result = machine.sync()
    assert result.code == 0, result.text
    assert re.search(r"^Vault ~/one:  [0-9a-f]{7} pushed$", result.out, re.M), result.text
    assert re.search(r"^Vault \.\./two x:  [0-9a-f]{7} pushed$", result.out, re.M), result.text
    assert has(world, "one", "key.age") and has(world, "two x", "key.age")
    told = json.loads(machine.sync("--json").out)
    assert [one["path"] for one in told["vaults"]] == [str(folder) for folder in both] and "vault" not in told
    assert json.loads(machine.sync("--vault=~/one", "--json").out)["vault"]["path"] == str(both[0])


def test_the_trouble_of_one_keeps_neither_the_other_nor_the_repository(
    world: World, machine: Machine, both: tuple[Path, Path]
) -> None:
    (machine.home / "inside").mkdir()
    inside = str(machine.top / ".claude")
    write_identity(machine, vault_path=["~/nowhere", inside, "~/one", 7, "", "~/one", "a\nb", "../two x"])
    (both[1] / ".env").write_text("TOKEN=x\n")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 78, result.text
    assert "a.md" in world.remote_files() and has(world, "one", "key.age") and has(world, "two x", "key.age")
    assert "Vault ~/nowhere:" in result.out and "is not the working tree of a git repository" in result.out
    assert f"it lies inside of {machine.top}" in result.out
    for words in ("[3]' is a number; expected text", "[4]' is empty; expected the path of a folder",
                  "[5]' names the same folder as 'vault_path[2]'", "[6]' holds a control character"):  # fmt: skip
        assert f"[ERROR] .claude/identity.json: key 'vault_path{words}" in result.out, result.text
    told = json.loads(machine.sync("--json").out)
    assert [one["exit"] for one in told["vaults"]] == [78, 78, 0, 65, 78]
    doctor = machine.run("bash", DOCTOR)
    assert doctor.code == 78 and doctor.out.count("\n[ERROR]") == 6, doctor.text


def test_a_value_of_another_kind_keeps_the_repository_from_nothing(world: World, machine: Machine) -> None:
    write_identity(machine, vault_path={"a": 1})
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 78 and "key 'vault_path' is an object; expected text, or a list" in result.out, result.text
    assert "a.md" in world.remote_files()


def test_a_command_that_is_named_is_for_that_vault(world: World, machine: Machine, both: tuple[Path, Path]) -> None:
    for folder in both:
        (folder / ".env").write_text("TOKEN=x\n")
    held = machine.sync()
    ways = re.findall(r"Send it anyway: (.*--vault.*)$", held.out, re.M)
    assert len(ways) == 2 and "--vault='../two x'" in ways[1], held.text
    assert machine.run(*shlex.split(ways[1])).code == 0
    assert has(world, "two x", ".env") and not has(world, "one", ".env")
    which = machine.sync("--vault", "--points")
    assert which.code == 64 and "--vault=~/one" in which.err.replace("'", ""), which.text
    assert machine.sync(f"--vault={both[0]}", "--points").code == 0
    assert machine.sync("--vault=~/other").code == 64
    assert machine.sync("--vault", "--allow", ".env").code == 64


def test_a_vault_whose_hooks_an_agent_waits_for_keeps_the_other_from_nothing(
    world: World, machine: Machine, both: tuple[Path, Path]
) -> None:
    hook = both[0] / ".git" / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    told = json.loads(machine.sync("--json", env={"CLAUDECODE": "1"}).out)
    assert [(one["path"], one["pushed"]) for one in told["vaults"]] == [(str(folder), True) for folder in both]
    (both[0] / "b.age").write_text(AGE_TEXT)
    result = machine.sync("--vault", "-m", "vaults: b", env={"CLAUDECODE": "1"})
    assert result.code == 0 and "Vault ~/one:" in result.out and "Vault ../two x:" in result.out, result.text
    assert machine.run("git", "log", "-1", "--format=%s", cwd=both[0]).out == "vaults: b\n"


def test_setup_takes_several_and_keeps_them(world: World, machine: Machine, both: tuple[Path, Path]) -> None:
    wrong = machine.run("bash", SETUP, "--vault", "~/one", "--vault", "~/nowhere")
    assert wrong.code == 78 and "~/nowhere is not the working tree" in wrong.err, wrong.text
    assert machine.run("bash", SETUP, "--vault", "~/one", "--vault", "../two x").code == 0
    assert machine.run("bash", SETUP, "--machine", "OTHER").code == 0
    assert json.loads(machine.read(".claude/identity.json"))["vault_path"] == ["~/one", "../two x"]
    write_identity(machine, vault_path=["~/one", 7])
    broken = machine.run("bash", SETUP)
    assert broken.code == 78 and "key 'vault_path[1]' is a number" in broken.err, broken.text
    assert machine.run("bash", SETUP, "--vault", "~/one").code == 0
    assert json.loads(machine.read(".claude/identity.json"))["vault_path"] == "~/one"


@pytest.mark.skipif(bool(needs("age")), reason=needs("age"))
def test_a_value_goes_into_the_one_that_is_named(world: World, machine: Machine, both: tuple[Path, Path]) -> None:
    key = machine.run("age-keygen", "-o", machine.home / "key.txt").err.split()[-1]
    (both[1] / ".age-recipients").write_text(key + "\n")
    machine.write("a.md", "password: hunter2\n")
    which = run_tools(machine, "vault", "put", "a.md:1", "acme/vpn")
    assert which.code == 64 and f"--vault '{both[1]}'" in which.err.replace("/ops/../", "/"), which.text
    done = run_tools(machine, "vault", "put", "a.md:1", "acme/vpn", "--vault", str(both[1]))
    assert done.code == 0 and (both[1] / "acme" / "vpn.age").exists(), done.text


def test_the_hooks_of_all_go_with_the_toolkit(world: World, machine: Machine, both: tuple[Path, Path]) -> None:
    assert run_install(machine, machine.top).code == 0
    sync = own_sync(machine)
    hooks = [folder / ".git" / "hooks" / "pre-commit" for folder in both]
    assert [hook.exists() for hook in hooks] == [True, True], sync.text
    gone = run_install(machine, "--uninstall", machine.top)
    assert gone.code == 0 and [hook.exists() for hook in hooks] == [False, False], gone.text
