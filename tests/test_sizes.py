"""Large files, many files, and deletions of nearly everything."""

from __future__ import annotations

import os
import time

import pytest

from round_trip import assert_same, assert_synced, save, two_machines
from world import Machine, World


def test_a_file_of_200_megabytes_is_left_out_by_name_while_the_rest_goes(world: World, machine: Machine) -> None:
    big = machine.write("clients/acme/backup/mail.pst", "")
    os.truncate(big, 200 * 1024 * 1024)
    machine.write("clients/acme/notes.md", "goes\n")
    result = machine.sync()
    assert result.code == 65, result.text
    lines = result.out.splitlines()
    assert lines[0] == "[OK] Saved and pushed: 1 commit, 1 file left out."
    at = lines.index("[WARN] Left out: clients/acme/backup/mail.pst (200 MB; limit 50 MB). It stays in your folder.")
    assert lines[at + 1].strip() == "Keep it out: echo /clients/acme/backup/mail.pst >> .gitignore"
    assert lines[at + 2].strip().startswith("Send it anyway: bash ")
    assert lines[at + 2].endswith("sync.sh --allow clients/acme/backup/mail.pst")
    assert "clients/acme/notes.md" in world.remote_files()
    assert "clients/acme/backup/mail.pst" not in world.remote_files()
    assert big.stat().st_size == 200 * 1024 * 1024
    assert machine.git("count-objects", "-v").count("size-pack: 0"), "the held file was packed"
    machine.assert_sound()


def test_a_file_of_exactly_the_limit_goes(world: World, machine: Machine) -> None:
    machine.git("config", "claudetools.limitMB", "1")
    os.truncate(machine.write("exact.bin", ""), 1024 * 1024)
    os.truncate(machine.write("more.bin", ""), 1024 * 1024 + 1)
    result = machine.sync()
    assert result.code == 65, result.text
    assert "more.bin" in result.out
    assert "exact.bin" in world.remote_files()
    assert "more.bin" not in world.remote_files()
    machine.assert_sound()


def test_deleting_900_of_1000_files_is_held_until_it_is_allowed(world: World) -> None:
    a, b = two_machines(world)
    for i in range(1000):
        a.write(f"many/{i:04}.txt", f"{i}\n")
    save(a)
    save(b)
    for i in range(900):
        (a.top / f"many/{i:04}.txt").unlink()
    a.write("notes.md", "goes\n")
    result = a.sync()
    assert result.code == 65, result.text
    assert "the deletion of 900 files" in result.out
    assert "more than half" in result.out
    assert f"git -C {a.top} restore ." in result.out
    assert "--allow ." in result.out
    assert len([f for f in world.remote_files() if f.startswith("many/")]) == 1000
    assert "notes.md" in world.remote_files()
    a.assert_sound()
    assert_synced(a.sync("--allow", "."))
    assert len([f for f in world.remote_files() if f.startswith("many/")]) == 100
    save(b)
    assert_same(a, b)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("folders", "staged"), [(20, False), (8, True)], ids=["untracked", "staged by somebody"])
def test_thousands_of_new_files_are_saved_in_one_sync(
    world: World, machine: Machine, folders: int, staged: bool
) -> None:
    for folder in range(folders):
        (machine.top / f"data/{folder:02}").mkdir(parents=True)
        for i in range(500):
            (machine.top / f"data/{folder:02}/{i:03}.txt").write_bytes(b"%d" % i)
    if staged:
        machine.git("add", "-A")
    began = time.monotonic()
    result = machine.sync()
    took = time.monotonic() - began
    assert_synced(result)
    print(f"{folders * 500} files in {took:.1f} s")
    assert world.remote_git("ls-tree", "-r", "--name-only", "main").count("data/") == folders * 500
    assert machine.status() == ""
    machine.assert_sound()
