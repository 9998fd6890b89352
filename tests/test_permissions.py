"""What we may not read or write: named, never taken for deleted, and nothing is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from disks import mounted, root_only
from round_trip import assert_plain, assert_synced, save
from world import SYNC, Machine, Result, World

NOBODY = 65534


def give_away(*folders: Path) -> None:
    for folder in folders:
        for at, names, files in os.walk(folder):
            for name in [".", *names, *files]:
                os.chown(os.path.join(at, name), NOBODY, NOBODY, follow_symlinks=False)


def sync_as_nobody(machine: Machine, *args: str) -> Result:
    return machine.run(
        *("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "bash", SYNC), *args
    )


@pytest.fixture
def open_world() -> Iterator[World]:
    """A world that another user may enter; pytest's own folders are closed to others, again with every start of it."""
    with tempfile.TemporaryDirectory(prefix="claudetools-test-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        yield TrustingWorld(root)


class TrustingWorld(World):
    """Repositories of one user are worked on by another here: git has to be told that this is meant."""

    def __init__(self, root: Path) -> None:
        (root / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        super().__init__(root)

    def machine(self, name: str = "LINUX-01", user: str = "mike", clone: bool = True) -> Machine:
        machine = super().machine(name, user, clone)
        shutil.copy(self.root / ".gitconfig", machine.home)
        return machine


@root_only
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
class TestAsAnotherUser:
    def machine(self, world: World) -> Machine:
        machine = world.machine()
        give_away(machine.home, world.remote)
        return machine

    def test_unreadable_files_are_named_and_the_rest_goes(self, open_world: World) -> None:
        world = open_world
        machine = self.machine(world)
        machine.write("notes.md", "goes\n")
        names = ["secret.bin", "new\nline", "esc\x1b[31m", "folder/-x", *(f"many/{i}" for i in range(300))]
        for name in names:
            machine.write(name, "mine\n")
        machine.git("config", "claudetools.allow", ".")  # names that Windows cannot hold are among them
        give_away(machine.top)
        for name in names:
            (machine.top / name).chmod(0)
        began = time.monotonic()
        result = sync_as_nobody(machine)
        assert time.monotonic() - began < 20
        assert result.code == 65, result.text
        assert_plain(result)
        assert "Left out: esc?[31m (cannot be read: permission denied). It stays in your folder." in result.out
        assert "notes.md" in world.remote_files()
        assert not set(names) & set(world.remote_files())
        for name in names:
            (machine.top / name).chmod(0o644)
        assert_synced(sync_as_nobody(machine))
        assert set(names) <= set(world.remote_files())
        machine.assert_sound()

    @pytest.mark.sampled(2)
    @pytest.mark.parametrize("mode", ["all of it", "one file"])
    def test_state_that_a_sync_with_sudo_has_taken_over_is_named_with_the_way_back(
        self, open_world: World, mode: str
    ) -> None:
        machine = self.machine(open_world)
        assert_synced(sync_as_nobody(machine))
        state = machine.state
        for path in [state / "format"] if mode == "one file" else [state, *state.rglob("*")]:
            os.chown(path, 0, 0)
            path.chmod(0o700 if path.is_dir() else 0o600)
        machine.write("notes.md", "waits\n")
        result = sync_as_nobody(machine)
        assert result.code == 73, result.text
        assert_plain(result)
        assert f"Was a sync run with sudo? sudo chown -R nobody {state}\n" in result.out
        give_away(state)
        assert_synced(sync_as_nobody(machine))
        assert "notes.md" in open_world.remote_files()

    def test_an_index_that_git_with_sudo_has_taken_over_is_copied_or_named_with_the_way_back(
        self, open_world: World
    ) -> None:
        world = open_world
        machine = self.machine(world)
        other = world.machine("MAC-02", "howard")
        index = machine.top / ".git/index"
        os.chown(index, 0, 0)
        index.chmod(0o600)
        machine.write("notes.md", "goes\n")
        result = sync_as_nobody(machine)
        assert result.code == 73 and f"Take it back: sudo chown nobody {index}\n" in result.out, result.text
        index.chmod(0o644)
        assert_synced(sync_as_nobody(machine))
        assert world.remote_file("notes.md") == "goes\n"
        other.write("shared.md", "comes in\n")
        save(other)
        give_away(world.remote)
        os.chown(index, 0, 0)
        assert_synced(sync_as_nobody(machine))
        assert machine.read("shared.md") == "comes in\n"
        machine.assert_sound()

    def test_a_folder_that_cannot_be_entered_is_not_taken_for_deleted(self, open_world: World) -> None:
        world = open_world
        machine = self.machine(world)
        machine.write("closed/file.md", "tracked\n")
        give_away(machine.top)
        assert_synced(sync_as_nobody(machine))
        (machine.top / "closed").chmod(0)
        machine.write("notes.md", "goes\n")
        result = sync_as_nobody(machine)
        assert_plain(result)
        assert "closed/file.md" in world.remote_files()
        assert "notes.md" in world.remote_files()
        (machine.top / "closed").chmod(0o755)
        assert_synced(sync_as_nobody(machine))
        machine.assert_sound()

    def test_an_incoming_change_to_an_unreadable_file_waits_and_is_named(self, open_world: World) -> None:
        world = open_world
        machine = self.machine(world)
        other = world.machine("MAC-02", "howard")
        other.write("shared.md", "1\n")
        save(other)
        give_away(world.remote)
        assert_synced(sync_as_nobody(machine))
        (machine.top / "shared.md").chmod(0)
        other.write("shared.md", "2\n")
        save(other)
        give_away(world.remote)
        result = sync_as_nobody(machine)
        assert result.code == 65, result.text
        assert "shared.md" in result.out
        assert_plain(result)
        (machine.top / "shared.md").chmod(0o644)
        assert_synced(sync_as_nobody(machine))
        assert machine.read("shared.md") == "2\n"

    def test_what_could_not_be_written_comes_in_once_it_can(self, open_world: World) -> None:
        world = open_world
        machine = self.machine(world)
        other = world.machine("MAC-02", "howard")
        other.write("sub/old.md", "1\n")
        save(other)
        give_away(world.remote)
        assert_synced(sync_as_nobody(machine))
        (machine.top / "sub").chmod(0o555)
        for n, text in enumerate(("sent\n", "changed\n")):
            other.write("sub/new.md", text)
            other.write(f"rest-{n}.md", "goes\n")
            save(other)
            give_away(world.remote)
            result = sync_as_nobody(machine)
            assert result.code == 65, result.text
            assert machine.read(f"rest-{n}.md") == "goes\n"
        assert "Left out: sub/new.md (it came in and is not in your folder: Permission denied).\n" in result.out
        assert "--allow" not in result.out
        machine.write("mine.md", "goes\n")
        give_away(machine.top)
        assert sync_as_nobody(machine, "--allow", "sub/new.md").code == 65
        assert world.remote_file("sub/new.md") == "changed\n" and world.remote_file("mine.md") == "goes\n"
        (machine.top / "sub").chmod(0o755)
        result = sync_as_nobody(machine)
        assert_synced(result)
        assert "[INFO] Brought in: sub/new.md" in result.out
        assert machine.read("sub/new.md") == "changed\n" and machine.status() == ""
        assert not (machine.state / "trees/main/unsettled").exists()
        machine.assert_sound()

    def test_a_git_folder_that_cannot_be_written_is_73(self, open_world: World) -> None:
        world = open_world
        machine = world.machine()
        machine.write("notes.md", "x\n")
        machine.run("chmod", "-R", "a+rX", machine.home)
        result = sync_as_nobody(machine)
        assert result.code == 73, result.text
        assert "Nothing was changed" in result.out
        assert "ermission denied" in result.out
        assert_plain(result)
        assert machine.status() == "?? notes.md"
        machine.assert_sound()


@root_only
def test_a_read_only_git_folder_is_73_and_nothing_is_changed(world: World, machine: Machine) -> None:
    machine.write("notes.md", "x\n")
    git_dir = machine.top / ".git"
    with mounted("--bind", git_dir, git_dir):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(git_dir)], check=True)
        result = machine.sync()
        assert result.code == 73, result.text
        assert "ead-only file system" in result.out
        assert "Nothing was changed" in result.out
        assert_plain(result)
        assert machine.read("notes.md") == "x\n"
    assert machine.status() == "?? notes.md"
    save(machine)
    machine.assert_sound()


@root_only
def test_a_git_folder_that_becomes_read_only_after_earlier_syncs_is_73(world: World, machine: Machine) -> None:
    save(machine)
    machine.write("notes.md", "x\n")
    git_dir = machine.top / ".git"
    with mounted("--bind", git_dir, git_dir):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(git_dir)], check=True)
        result = machine.sync()
        assert result.code == 73, result.text
        assert_plain(result)
    save(machine)
    assert "notes.md" in world.remote_files()
    machine.assert_sound()
