"""Links, folders that become files, pipes, sockets, executables, line ends: over to the other machine, or named."""

from __future__ import annotations

import os
import shutil
import socket
import stat

import pytest

from round_trip import assert_plain, assert_synced, exchange, save, two_machines
from world import SYNC, Machine, World


def test_links_travel_as_links_and_what_they_point_to_is_never_touched(world: World) -> None:
    a, b = two_machines(world)
    outside = {m.name: m.home / "outside" for m in (a, b)}
    for folder in outside.values():
        folder.mkdir()
        (folder / "private.txt").write_text("not in any repository\n")
    (a.top / "inside").symlink_to("README.md")
    (a.top / "dangling").symlink_to("/nowhere/at all")
    (a.top / "to-outside").symlink_to("../outside/private.txt")
    (a.top / "to-folder").symlink_to("../outside")
    (a.top / "loop").symlink_to("loop")
    exchange(a, b)
    assert os.readlink(b.top / "dangling") == "/nowhere/at all"
    for name in ("inside", "to-outside", "to-folder", "loop"):
        (b.top / name).unlink()
        (b.top / name).write_text(f"{name} is a file now\n")
    (b.top / "dangling").unlink()
    (b.top / "dangling").symlink_to("elsewhere")
    exchange(b, a)
    for name in ("inside", "to-folder"):
        (a.top / name).unlink()
        (a.top / name).symlink_to("README.md")
    exchange(a, b)
    for folder in outside.values():
        assert (folder / "private.txt").read_text() == "not in any repository\n"
    assert a.read("README.md") == "# ops\n"


def test_a_link_in_place_of_a_tracked_folder_leaves_the_linked_folder_alone(world: World) -> None:
    a, b = two_machines(world)
    a.write("docs/one.md", "1\n")
    a.write("docs/two.md", "2\n")
    exchange(a, b)
    outside = a.home / "outside"
    outside.mkdir()
    (outside / "one.md").write_text("outside\n")
    shutil.rmtree(a.top / "docs")
    (a.top / "docs").symlink_to("../outside")
    exchange(a, b)
    assert os.readlink(b.top / "docs") == "../outside"
    assert (outside / "one.md").read_text() == "outside\n"
    (b.home / "outside").mkdir()
    (b.home / "outside/one.md").write_text("outside of B\n")
    (a.top / "docs").unlink()
    a.write("docs/one.md", "a folder again\n")
    exchange(a, b)
    assert (b.home / "outside/one.md").read_text() == "outside of B\n"
    assert (outside / "one.md").read_text() == "outside\n"


def test_incoming_files_never_go_through_a_link_that_leads_out_of_the_tree(world: World) -> None:
    a, b = two_machines(world)
    a.write("docs/one.md", "1\n")
    exchange(a, b)
    outside = b.home / "outside"
    outside.mkdir()
    (outside / "one.md").write_text("1\n")
    shutil.rmtree(b.top / "docs")
    (b.top / "docs").symlink_to(outside)
    with (b.top / ".git/info/exclude").open("a") as file:
        file.write("docs\n")
    a.write("docs/one.md", "changed by A\n")
    a.write("docs/two.md", "new from A\n")
    save(a)
    result = b.sync("--", "README.md")
    assert_plain(result)
    assert result.code == 65, result.text
    assert sorted(p.name for p in outside.iterdir()) == ["one.md"]
    assert (outside / "one.md").read_text() == "1\n"
    b.assert_sound()


def test_the_executable_bit_travels_both_ways(world: World) -> None:
    a, b = two_machines(world)
    a.write("tool.sh", "echo\n").chmod(0o755)
    a.write("plain.sh", "echo\n")
    exchange(a, b)
    assert (b.top / "tool.sh").stat().st_mode & 0o111
    (b.top / "tool.sh").chmod(0o644)
    (b.top / "plain.sh").chmod(0o755)
    exchange(b, a)
    assert not (a.top / "tool.sh").stat().st_mode & 0o111
    assert (a.top / "plain.sh").stat().st_mode & 0o111
    (a.top / "plain.sh").write_text("echo changed\n")
    exchange(a, b)
    assert (b.top / "plain.sh").stat().st_mode & 0o111


def test_a_folder_becomes_a_file_and_a_file_a_folder_on_both_machines(world: World) -> None:
    a, b = two_machines(world)
    a.write("thing", "a file\n")
    a.write("box/deep/one.md", "1\n")
    a.write("box/two.md", "2\n")
    exchange(a, b)
    (a.top / "thing").unlink()
    a.write("thing/inner/file.md", "now a folder\n")
    shutil.rmtree(a.top / "box")
    a.write("box", "now a file\n")
    exchange(a, b)
    shutil.rmtree(b.top / "thing")
    b.write("thing", "a file again\n")
    (b.top / "box").unlink()
    b.write("box/two.md", "a folder again\n")
    exchange(b, a)


def test_a_folder_with_somebodys_own_file_does_not_give_way_to_an_incoming_file(world: World) -> None:
    a, b = two_machines(world)
    a.write("box/one.md", "1\n")
    exchange(a, b)
    b.write("box/mine.ignored", "only copy\n")
    shutil.rmtree(a.top / "box")
    a.write("box", "now a file\n")
    save(a)
    result = b.sync()
    assert result.code == 65, result.text
    assert "box" in result.out
    assert b.read("box/mine.ignored") == "only copy\n"
    assert b.read("box/one.md") == "1\n"
    b.assert_sound()
    (b.top / "box/mine.ignored").rename(b.top / "mine.ignored")
    save(b)
    assert b.read("box") == "now a file\n"
    b.assert_sound()


def test_fifos_and_sockets_are_passed_over_and_never_opened(world: World, machine: Machine) -> None:
    os.mkfifo(machine.top / "pipe")
    os.mkfifo(machine.top / "server.key")
    os.mkfifo(machine.home / "elsewhere")
    (machine.top / "link.key").symlink_to(machine.home / "elsewhere")
    with socket.socket(socket.AF_UNIX) as listener:
        # The path of a socket may have 107 bytes only.
        here = os.open(machine.top, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        machine.write("notes.md", "goes\n")
        result = machine.run("bash", SYNC, timeout=30)
        assert_synced(result)
    assert "notes.md" in world.remote_files()
    assert "link.key" in world.remote_files()
    assert not {"pipe", "server.key", "socket"} & set(world.remote_files())
    machine.assert_sound()


def test_a_tracked_file_that_became_a_fifo_is_held_back_or_deleted_but_never_read(
    machine: Machine, world: World
) -> None:
    machine.write("data.txt", "x\n")
    save(machine)
    (machine.top / "data.txt").unlink()
    os.mkfifo(machine.top / "data.txt")
    machine.write("notes.md", "goes\n")
    result = machine.run("bash", SYNC, timeout=30)
    assert result.code in (0, 65), result.text
    assert_plain(result)
    assert "notes.md" in world.remote_files()
    assert stat.S_ISFIFO((machine.top / "data.txt").lstat().st_mode)
    machine.assert_sound()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.autocrlf=input", "eol=crlf", "text=auto", "none"])
def test_files_with_carriage_returns_are_the_same_on_both_sides_and_clean(world: World, setting: str) -> None:
    a, b = two_machines(world)
    if setting.startswith("core"):
        for machine in (a, b):
            machine.git("config", *setting.split("="))
    elif setting != "none":
        a.write(".gitattributes", f"*.txt {setting}\n")
    a.write("dos.txt", "one\r\ntwo\r\n")
    a.write("mixed.txt", "one\ntwo\r\n")
    a.write("binary.bin", b"\x00\r\n\r\n\x00")
    save(a)
    save(b)
    for machine in (a, b):
        assert machine.status() == ""
        machine.assert_sound()
    with (b.top / "dos.txt").open("ab") as file:
        file.write(b"three of B\r\n")
    with (a.top / "dos.txt").open("rb+") as file:
        data = file.read()
        file.seek(0)
        file.write(b"zero of A\r\n" + data)
    save(b)
    save(a)
    save(b)
    for machine in (a, b):
        words = (machine.top / "dos.txt").read_bytes().replace(b"\r", b"").split(b"\n")
        assert words == [b"zero of A", b"one", b"two", b"three of B", b""]
        assert machine.status() == ""
        machine.assert_sound()
    assert (b.top / "binary.bin").read_bytes() == b"\x00\r\n\r\n\x00"


@pytest.mark.sampled(8)
@pytest.mark.parametrize("side", ["mine", "theirs"])
@pytest.mark.parametrize("folder", ["here", "there", "of it a file here", "of it a file there"])
def test_a_file_meets_a_folder_and_nothing_of_either_is_lost(world: World, folder: str, side: str) -> None:
    a, b = two_machines(world)
    old = "of it" in folder
    a.write("thing/old.md" if old else "thing", "one\ntwo\nthree\n")
    exchange(a, b)
    turns, edits = (a, b) if "here" in folder else (b, a)
    path = "thing/old.md" if old else "thing"
    edits.write(path, "one\nTWO\nthree\n")
    (turns.top / path).unlink()
    if old:
        (turns.top / "thing").rmdir()
    turned = "thing" if old else "thing/inner.md"
    turns.write(turned, "turned\n")
    a.write("other.md", "goes\n")
    save(b)
    for _ in range(2):
        result = a.sync()
        assert result.code == 65 and path in result.out, result.text
        assert_plain(result)
    assert "~" not in result.out.split("Settle:")[0], result.text
    assert path in a.sync("--resolve").out
    taken = a.sync("--resolve", "--take", side, path)
    assert taken.code == 0, taken.text
    exchange(a, b)
    texts = {name: world.remote_file(name) for name in world.remote_files()}
    assert texts["other.md"] == "goes\n"
    assert "turned\n" in texts.values(), texts
    assert ("one\nTWO\nthree\n" in texts.values()) == ((side == "mine") == (edits is a)), texts
    if side == "theirs":
        assert texts.get(path, "") == ("one\nTWO\nthree\n" if edits is b else ""), texts
