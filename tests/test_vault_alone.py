"""What goes wrong in the vault is settled by the command that is named there, and by no other repository's leave."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from vaults import YAML, with_vault
from world import Machine, Result, World, run_plain, write_identity


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def mike(world: World) -> tuple[Machine, Path]:
    machine, folder = with_vault(world, "LINUX-01", "mike")
    (folder / "codes.txt").write_text("one\n")
    assert machine.sync().code == 0
    return machine, folder


def type_command(machine: Machine, result: Result, before: str) -> Result:
    """What stands behind `before` in the output, typed by somebody in the repository."""
    found = re.search(rf"{before}\s*(.*)$", result.out, re.M)
    assert found, result.text
    return machine.run(*shlex.split(found[1]))


def test_a_conflict_in_the_vault_is_settled_by_the_command_that_is_named(
    world: World, mike: tuple[Machine, Path]
) -> None:
    machine, folder = mike
    other, there = with_vault(world, "LINUX-02", "howard")
    assert other.sync().code == 0
    (there / "codes.txt").write_text("howard's\n")
    assert other.sync().code == 0
    (folder / "codes.txt").write_text("mike's\n")
    conflict = machine.sync()
    assert conflict.code == 65, conflict.text
    laid_out = type_command(machine, conflict, "Settle:")
    assert f"{folder}/.claudetools-resolve/codes.txt" in laid_out.out, laid_out.text
    taken = type_command(
        machine, Result(0, laid_out.out.replace("mine|theirs|both PATH", "mine codes.txt"), ""), "^ *(?=bash)"
    )
    assert taken.code == 0, taken.text
    done = type_command(machine, taken, "Now run:")
    assert done.code == 0, done.text
    assert (folder / "codes.txt").read_text() == "mike's\n"
    assert run_plain(world.root, "git", "-C", str(world.root / "vault.git"), "show", "main:codes.txt") == "mike's\n"
    assert not (folder / ".claudetools-resolve").exists()


def test_what_is_allowed_for_one_of_both_is_allowed_for_that_one(world: World, mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    machine.write(".env", "TOKEN=main\n")
    (folder / ".env").write_text("TOKEN=vault\n")
    held = machine.sync()
    assert held.code == 65 and held.out.count("Left out: .env") == 2, held.text
    assert f">> {folder}/.gitignore" in held.out
    main, vault = held.out.split("Vault:")
    sent = type_command(machine, Result(0, vault, ""), "Send it anyway:")
    assert sent.code == 0, sent.text
    in_vault = run_plain(world.root, "git", "-C", str(world.root / "vault.git"), "ls-tree", "--name-only", "main")
    assert ".env" in in_vault and ".env" not in world.remote_files()
    (folder / "key.pfx").write_text("x\n")
    machine.write("key.pfx", "x\n")
    assert machine.sync("--allow", "key.pfx").out.count("Left out: key.pfx") == 1
    assert "key.pfx" in world.remote_files()
    assert type_command(machine, Result(0, main, ""), "Send it anyway:").code == 65, "the vault's key.pfx still waits"
    assert ".env" in world.remote_files()


def test_a_file_of_the_vault_comes_back_from_its_restore_point(mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    points = machine.sync("--vault", "--points")
    assert points.code == 0, points.text
    (folder / "codes.txt").write_text("gone wrong\n")
    assert machine.sync("--vault", "-m", "vault: worse").code == 0
    back = machine.sync("--vault", "--restore", f"codes.txt@{points.out.split()[0]}")
    assert back.code == 0, back.text
    assert (folder / "codes.txt").read_text() == "one\n"


def test_the_vault_alone_leaves_the_repository_alone(world: World, mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    machine.write("a.md", "x\n")
    (folder / "b.txt").write_text("b\n")
    (folder / "c.txt").write_text("c\n")
    result = machine.sync("--vault", "--json", "-m", "vault: b", "--", "b.txt")
    facts = json.loads(result.out)
    assert result.code == 0 and "main" not in facts, result.text
    assert [one["subject"] for one in facts["vault"]["commits"]] == ["vault: b"]
    assert machine.run("git", "status", "--porcelain", cwd=folder).out == "?? c.txt\n"
    assert "a.md" not in world.remote_files()


def test_the_vaults_report_has_what_the_repositorys_has(world: World, mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    (folder / "codes.txt").write_text("".join(f"{n}\n" for n in range(9)))
    (folder / "plan.txt").write_text("x\n")
    assert "Vault:  would save 2 files" in machine.sync("--dry-run").out
    assert machine.sync().code == 0
    other, there = with_vault(world, "LINUX-02", "howard")
    assert other.sync().code == 0
    (there / "codes.txt").write_text("".join(f"{n}\n" for n in (*range(8), "howard's")))
    assert other.sync().code == 0
    (folder / "codes.txt").write_text("".join(f"{n}\n" for n in ("mike's", *range(1, 9))))
    (folder / "C:\\Users\\x.txt").write_text("x\n")
    (folder / "plan.txt").write_text("y\n")
    reached = folder / ".git" / "claudetools" / "reached"
    reached.write_text("1000000000\n")
    assert "is a Windows path used as a file name). It stays" in machine.sync("--dry-run").out
    result = machine.sync("--vault", "--", "plan.txt")
    vault = result.out.split("Vault:", 1)[1]
    assert result.code == 0 and "received 1 file from Howard Lee (1 commit)" in vault, result.text
    assert "[INFO] Merged with your unsaved edits: codes.txt" in vault, result.text
    result = machine.sync()
    assert f"Keep such a name: git -C {folder} config --add claudetools.allow" in result.out, result.text
    machine.run("git", "remote", "set-url", "origin", world.root / "away.git", cwd=folder)
    reached.write_text("1000000000\n")
    (folder / "plan.txt").write_text("z\n")
    result = machine.sync("--no-push")
    assert "Nothing has reached origin for" in result.out and "saved here. Not pushed, as asked." in result.out, (
        result.text
    )


def test_both_of_two_ciphertexts_are_kept_under_two_names(world: World, mike: tuple[Machine, Path]) -> None:
    """Edits of different lines of one file of sops, which git would merge into what nobody could open."""
    machine, folder = mike
    (folder / "db.yaml").write_text(YAML)
    assert machine.sync().code == 0
    other, there = with_vault(world, "LINUX-02", "howard")
    assert other.sync().code == 0
    theirs, mine = YAML.replace("db:", "database:"), YAML.replace("second:", "third:")
    (there / "db.yaml").write_text(theirs)
    assert other.sync().code == 0
    (folder / "db.yaml").write_text(mine)
    assert machine.sync().code == 65
    assert machine.sync("--vault", "--resolve").code == 0
    taken = machine.sync("--vault", "--resolve", "--take", "both", "db.yaml")
    assert taken.code == 0 and "theirs keeps the name" in taken.out, taken.text
    result = machine.sync()
    assert result.code == 0, result.text
    assert (folder / "db.yaml").read_text() == theirs and (folder / "db-2.yaml").read_text() == mine


def test_mains_trouble_does_not_leave_the_vault_unsaid(world: World, mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    machine.git("switch", "-qc", "other")
    machine.git("config", "claudetools.branch", "main")
    (folder / "b.txt").write_text("b\n")
    result = machine.sync()
    assert result.code == 78 and "Vault:" in result.out and "pushed" in result.out, result.text


def test_another_branch_of_the_vault_is_told(world: World, mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    machine.run("git", "switch", "-qc", "trial", cwd=folder)
    (folder / "b.txt").write_text("b\n")
    result = machine.sync()
    assert result.code == 78 and "main is the branch that is synced" in result.out, result.text
    assert type_command(machine, result, "Fix:").code == 0
    result = machine.sync()
    assert result.code == 0 and "rewritten" not in result.out, result.text


def test_a_vault_that_is_a_submodule_goes_before_its_commit_in_main(world: World, mike: tuple[Machine, Path]) -> None:
    machine, _ = mike
    bare = str(world.root / "vault.git")
    machine.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", bare, "sub")
    write_identity(machine, vault_path="sub")
    assert machine.sync().code == 0
    machine.git("-C", "sub", "remote", "set-url", "origin", str(world.root / "none.git"))
    machine.write("sub/n.txt", "n\n")
    for _ in range(2):
        result = machine.sync()
        assert result.code == 69, result.text
    assert "sub waits: the vault's remote does not have its commit yet" in result.out, result.text
    machine.git("-C", "sub", "remote", "set-url", "origin", bare)
    assert machine.sync().code == 0
    assert machine.sync().code == 0
    sent = world.remote_git("rev-parse", "main:sub").strip()
    assert sent == run_plain(world.root, "git", "-C", bare, "rev-parse", "main").strip()


def test_a_folder_below_another_repository_is_no_vault(mike: tuple[Machine, Path]) -> None:
    machine, folder = mike
    (folder / "inner").mkdir()
    (folder / "inner" / "diary.txt").write_text("x\n")
    write_identity(machine, vault_path=str(folder / "inner"))
    result = machine.sync()
    assert result.code == 78 and f"it lies inside of {folder}" in result.out, result.text
    assert "diary.txt" in machine.run("git", "status", "--porcelain", "-uall", cwd=folder).out


def test_without_a_vault_the_command_that_names_one_is_told(world: World) -> None:
    machine = world.machine()
    result = machine.sync("--vault")
    assert result.code == 78, result.text
    assert "--vault PATH" in result.err
