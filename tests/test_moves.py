"""A move is one change: no gate, hook or session lets the old name go from the remote while the new one stays here."""

from __future__ import annotations

import os
import shutil

from agents import Agent
from round_trip import assert_plain, assert_synced
from world import Machine, World

BIG = os.urandom(1_200_000)
TEXT = "".join(f"KEY_{n}=value {n}\n" for n in range(30))


def seed(machine: Machine, files: dict[str, str | bytes]) -> None:
    machine.git("config", "claudetools.limitMB", "1")
    for path, data in files.items():
        machine.write(path, data)
    assert_synced(machine.sync("--allow", "."))


def move(machine: Machine, old: str, new: str, more: str | bytes = "") -> None:
    target = machine.top / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (machine.top / old).rename(target)
    if more:
        with target.open("ab") as file:
            file.write(more if isinstance(more, bytes) else more.encode())


def test_what_the_remote_has_already_may_get_another_name(world: World, machine: Machine) -> None:
    logs = {f"clients/a/session-logs/2026-05-0{n}-session.md": f"old {n}\n" for n in range(1, 10)}
    seed(machine, {".env": TEXT, "mail.pst": BIG, "Notes.md": "case\n", "gone.md": "gone\n", **logs})
    move(machine, ".env", "archive/.env")
    machine.git("mv", "-k", "mail.pst", "archive-mail.pst")
    move(machine, "clients/a", "clients/b")
    move(machine, "Notes.md", "notes.md")
    (machine.top / "gone.md").unlink()
    machine.write("new/.env", "OTHER=1\n")
    result = machine.sync()
    assert result.code == 65 and result.out.count("Left out") == 1 and "Left out: new/.env" in result.out, result.text
    assert_plain(result)
    files = set(world.remote_files())
    assert files >= {"archive/.env", "archive-mail.pst", "notes.md", *(p.replace("/a/", "/b/") for p in logs)}
    assert not files & {".env", "mail.pst", "Notes.md", "gone.md", "new/.env", *logs}
    assert machine.status() == "?? new/.env"
    machine.assert_sound()


def test_a_deletion_stays_while_the_new_name_is_left_out(world: World, machine: Machine) -> None:
    code = {f"lib/{n}.py": f"def f{n}():\n    return {n}\n" * 5 for n in range(3)}
    kept: dict[str, str | bytes] = {".env": TEXT, "data.bin": BIG, "notes.md": TEXT * 2, "paper.md": TEXT * 3, **code}
    seed(machine, {**kept, "gone.md": "gone\n", "empty.md": ""})
    hook = machine.top / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\n! git diff --cached --name-only | grep . | grep refused/ || exit 1\n")
    hook.chmod(0o755)
    move(machine, ".env", "archive/.env", "NEW=secret\n")
    move(machine, "data.bin", "big/data.bin", b"more")
    move(machine, "notes.md", r"C:\Users\mike\notes.md")
    move(machine, "paper.md", "refused/paper.md")
    move(machine, "lib", "vendor/lib")
    machine.run("git", "init", "-q", cwd=machine.top / "vendor/lib")
    for path in ("gone.md", "empty.md"):
        (machine.top / path).unlink()
    result = machine.sync()
    assert result.code == 65, result.text
    assert_plain(result)
    assert set(kept) <= set(world.remote_files()), result.text
    assert not {"gone.md", "empty.md"} & set(world.remote_files()), result.text
    for old in kept:
        assert f"It was {old}, which stays on origin until this goes." in result.out, result.text
        assert f"--allow {old}\n" in result.out
    assert "Left out: archive/.env (looks like a secret)" in result.out
    assert (machine.top / r"C:\Users\mike\notes.md").exists()
    # A deletion that is meant goes alone; a new name that is allowed takes its old one along.
    hook.unlink()
    shutil.rmtree(machine.top / "vendor/lib/.git")
    args = [word for path in ("data.bin", "archive/.env") for word in ("--allow", path)]
    result = machine.sync(*args)
    assert result.code == 65, result.text
    files = set(world.remote_files())
    assert files >= {"archive/.env", "refused/paper.md", "vendor/lib/0.py", "notes.md"}, result.text
    assert not files & {".env", "data.bin", "big/data.bin", "paper.md", *code}, result.text
    (machine.top / r"C:\Users\mike\notes.md").rename(machine.top / "notes.md")
    (machine.top / "big/data.bin").unlink()
    assert_synced(machine.sync())
    machine.assert_sound()


def test_a_plain_commit_that_moves_what_the_remote_has_goes_and_one_that_moves_what_is_new_waits(
    world: World, machine: Machine
) -> None:
    seed(machine, {".env": TEXT, "mail.pst": BIG})
    (machine.top / "archive").mkdir()
    for name in (".env", "mail.pst"):
        machine.git("mv", name, f"archive/{name}")
    machine.git("commit", "-qm", "Move")
    assert_synced(machine.sync())
    assert {"archive/.env", "archive/mail.pst"} <= set(world.remote_files())
    machine.write("id_rsa", "KEY\n")
    machine.git("add", "id_rsa")
    machine.git("commit", "-qm", "Add")
    machine.git("mv", "id_rsa", "archive/id_rsa")
    machine.git("commit", "-qm", "Move")
    assert machine.sync().code == 65
    assert not {"id_rsa", "archive/id_rsa"} & set(world.remote_files())
    machine.git("reset", "-q", "--hard", "origin/main")
    # Only the deletion was committed: the new name is not tracked yet.
    move(machine, "archive/.env", "old/.env")
    machine.git("commit", "-qm", "Delete", "--", "archive/.env")
    assert_synced(machine.sync())
    assert "old/.env" in world.remote_files() and "archive/.env" not in world.remote_files()
    move(machine, "old/.env", "new/.env", "B=2\n")
    machine.git("commit", "-qm", "Delete", "--", "old/.env")
    machine.write("other.md", "goes\n")
    for _ in range(2):
        result = machine.sync()
        assert result.code == 65, result.text
        assert {"old/.env", "other.md"} <= set(world.remote_files()), result.text
        assert "Left out: old/.env (deleted by commit" in result.out
    assert_synced(machine.sync("--allow", "new/.env"))
    assert "new/.env" in world.remote_files() and "old/.env" not in world.remote_files()


def test_a_folder_that_gets_another_name_is_no_mass_deletion(world: World, machine: Machine) -> None:
    seed(machine, {f"docs/{n}.md": f"text {n}\n" * 9 for n in range(30)})
    move(machine, "docs", "handbook")
    assert_synced(machine.sync())
    assert "handbook/7.md" in world.remote_files() and "docs/7.md" not in world.remote_files()


def test_a_move_that_one_session_began_and_another_ended_goes_as_one(world: World, machine: Machine) -> None:
    seed(machine, {"old.md": TEXT})
    one, other = Agent(machine, "session-1"), Agent(machine, "session-2")
    other.write("new.md", TEXT.encode())
    one.write("old.md", None)
    result = one.sync()
    assert {"old.md", "new.md"} & set(world.remote_files()), result.text
    assert_synced(other.sync())
    assert "new.md" in world.remote_files() and "old.md" not in world.remote_files()


def test_a_file_that_moves_to_an_ignored_place_is_deleted(world: World, machine: Machine) -> None:
    seed(machine, {"notes.md": TEXT})
    move(machine, "notes.md", "notes.ignored")
    assert_synced(machine.sync())
    assert "notes.md" not in world.remote_files() and machine.read("notes.ignored") == TEXT
