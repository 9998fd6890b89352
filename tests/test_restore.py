"""Restore points: what a sync has seen comes back, and what is there now is a restore point itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from forced import KILL_GROUP, at, was_reached
from world import SYNC, Machine, Result, World

HOSTILE = [
    "new\nline.md",
    "-leading",
    ":(glob)*",
    "a@b@c.md",
    " spaces ",
    "glob*.md",
    "back\\slash",
    "esc\x1b[31m",
    "HEAD",
]


def save(machine: Machine, files: Mapping[str, str]) -> str:
    """Write, sync, and return the name of the restore point that this made."""
    before = set(points(machine))
    for path, text in files.items():
        machine.write(path, text)
    result = machine.sync("--allow", ".")  # names that Windows cannot hold are among them
    assert result.code == 0, result.text
    (made,) = set(points(machine)) - before
    return made


def points(machine: Machine) -> list[str]:
    result = machine.sync("--points")
    assert result.code == 0, result.text
    return [line.split()[0] for line in result.out.splitlines() if line[:1].isdigit()]


def restore(machine: Machine, path: str, time: str) -> Result:
    result = machine.sync("--restore", f"{path}@{time}")
    assert result.code == 0, result.text
    assert "[OK] Restored" in result.out
    machine.assert_sound()
    return result


def assert_refused(result: Result, words: str) -> None:
    assert result.code == 65, result.text
    assert words in result.out
    assert "--points" in result.out
    assert "Traceback" not in result.err


def test_before_the_first_sync_there_are_no_points_and_it_says_how_one_comes(machine: Machine) -> None:
    result = machine.sync("--points")
    assert result.code == 0, result.text
    assert "No restore points yet. Every sync that saves something makes one." in result.out
    assert_refused(machine.sync("--restore", "README.md@20991231T000000Z"), "There is no restore point at or before")


def test_an_earlier_version_comes_back_and_the_next_sync_saves_it(world: World, machine: Machine) -> None:
    first = save(machine, {"notes.md": "first\n", "other.md": "1\n"})
    save(machine, {"notes.md": "second\n", "other.md": "2\n"})
    result = restore(machine, "notes.md", first)
    assert "[OK] Restored notes.md: 1 file changed. Not committed; the next sync saves it." in result.out
    assert machine.read("notes.md") == "first\n"
    assert machine.read("other.md") == "2\n"
    assert machine.status() == " M notes.md"
    assert machine.git("diff", "--cached") == ""
    assert machine.sync().code == 0
    assert world.remote_file("notes.md") == "first\n"
    machine.assert_sound()


def test_what_a_discard_of_everything_threw_away_comes_back_from_the_point_before_a_restore(machine: Machine) -> None:
    """`git checkout .` takes what no commit has. A restore, too, begins by keeping what is there."""
    first = save(machine, {"notes.md": "first\n"})
    save(machine, {"notes.md": "second\n"})
    machine.write("notes.md", "unsaved\n")
    machine.write("new.md", "unsaved and new\n")
    before = set(points(machine))
    restore(machine, "README.md", first)
    (kept,) = set(points(machine)) - before
    machine.git("checkout", "-q", ".")
    machine.git("clean", "-qfd")
    assert machine.read("notes.md") == "second\n"
    restore(machine, "notes.md", kept)
    restore(machine, "new.md", kept)
    assert machine.read("notes.md") == "unsaved\n"
    assert machine.read("new.md") == "unsaved and new\n"


def test_what_plain_git_threw_away_with_its_commits_comes_back(machine: Machine) -> None:
    point = save(machine, {"notes.md": "precious\n", "more/deep.md": "precious too\n"})
    machine.git("reset", "-q", "--hard", "HEAD~1")
    assert not (machine.top / "notes.md").exists()
    restore(machine, "notes.md", point)
    restore(machine, "more", point)
    assert machine.read("notes.md") == "precious\n"
    assert machine.read("more/deep.md") == "precious too\n"


def test_a_deleted_file_comes_back_with_its_mode(machine: Machine) -> None:
    machine.write("tool.sh", "echo\n").chmod(0o755)
    (machine.top / "link").symlink_to("README.md")
    point = save(machine, {})
    (machine.top / "tool.sh").unlink()
    (machine.top / "link").unlink()
    assert machine.sync().code == 0
    restore(machine, "tool.sh", point)
    restore(machine, "link", point)
    assert (machine.top / "tool.sh").stat().st_mode & 0o111
    assert (machine.top / "link").readlink() == Path("README.md")


def test_a_folder_comes_back_and_what_was_added_since_stays(machine: Machine) -> None:
    point = save(machine, {"docs/a.md": "a1\n", "docs/sub/b.md": "b1\n"})
    save(machine, {"docs/a.md": "a2\n", "docs/c.md": "added since\n"})
    shutil.rmtree(machine.top / "docs/sub")
    result = restore(machine, "docs", point)
    assert "2 files changed" in result.out
    assert machine.read("docs/a.md") == "a1\n"
    assert machine.read("docs/sub/b.md") == "b1\n"
    assert machine.read("docs/c.md") == "added since\n"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("path", [".", "many", "./many/"])
def test_everything_comes_back_after_everything_was_deleted(machine: Machine, path: str) -> None:
    """The gate that holds back a great deletion must not make the restore believe that nothing is gone."""
    names = {f"many/{i:02}.md": f"{i}\n" for i in range(30)}
    point = save(machine, names)
    shutil.rmtree(machine.top / "many")
    result = restore(machine, path, point)
    assert "30 files changed" in result.out
    assert {name: machine.read(name) for name in names} == names
    assert machine.status() == ""


def test_a_restore_can_be_restored_and_so_can_that(machine: Machine) -> None:
    first = save(machine, {"notes.md": "first\n"})
    save(machine, {"notes.md": "second\n"})
    machine.write("notes.md", "unsaved\n")
    seen = set(points(machine))
    restore(machine, "notes.md", first)
    (unsaved,) = set(points(machine)) - seen
    seen = set(points(machine))
    restore(machine, "notes.md", unsaved)
    assert machine.read("notes.md") == "unsaved\n"
    (again,) = set(points(machine)) - seen
    restore(machine, "notes.md", again)
    assert machine.read("notes.md") == "first\n"


def test_restoring_what_is_there_already_changes_nothing(machine: Machine) -> None:
    point = save(machine, {"notes.md": "first\n"})
    inode = (machine.top / "notes.md").stat().st_ino
    result = restore(machine, "notes.md", point)
    assert "0 files changed" in result.out
    assert (machine.top / "notes.md").stat().st_ino == inode


def test_the_last_point_not_younger_than_the_time_is_taken(machine: Machine) -> None:
    save(machine, {"notes.md": "now\n"})
    for name in points(machine):
        machine.git("update-ref", "-d", f"refs/claudetools/points/{name}")
    now = datetime.now(timezone.utc)
    for days, text in ((3, "three days ago"), (2, "two days ago"), (1, "yesterday")):
        machine.write("notes.md", text + "\n")
        machine.git("add", "notes.md")
        oid = machine.git("commit-tree", machine.git("write-tree"), "-m", text)
        machine.git("update-ref", f"refs/claudetools/points/{stamp(now - timedelta(days=days))}-{oid[:4]}", oid)
    for time, text in (
        (stamp(now - timedelta(days=2)), "two days ago"),
        (stamp(now - timedelta(days=2))[:13], "two days ago"),
        (stamp(now - timedelta(days=1, hours=1)), "two days ago"),
        (stamp(now - timedelta(days=1)), "yesterday"),
        (stamp(now), "yesterday"),
        (stamp(now - timedelta(days=3)), "three days ago"),
    ):
        restore(machine, "notes.md", time)
        assert machine.read("notes.md") == text + "\n", time
        for name in points(machine):
            if name[:8] == stamp(now)[:8] and name > stamp(now - timedelta(hours=1)):
                machine.git("update-ref", "-d", f"refs/claudetools/points/{name}")
    result = machine.sync("--restore", f"notes.md@{stamp(now - timedelta(days=4))}")
    assert_refused(result, "There is no restore point at or before")
    assert machine.read("notes.md") == "three days ago\n"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def test_points_older_than_two_weeks_go_with_a_later_sync_and_younger_ones_stay(machine: Machine) -> None:
    save(machine, {"notes.md": "1\n"})
    now = datetime.now(timezone.utc)
    head = machine.git("rev-parse", "HEAD")
    old, young = stamp(now - timedelta(days=15)) + "-abcd", stamp(now - timedelta(days=13)) + "-abcd"
    for name in (old, young):
        machine.git("update-ref", f"refs/claudetools/points/{name}", head)
    (machine.state / "pruned").unlink()
    save(machine, {"notes.md": "2\n"})
    assert old not in points(machine)
    assert young in points(machine)


def test_points_stay_on_this_machine(world: World, machine: Machine) -> None:
    save(machine, {"notes.md": "1\n"})
    assert "claudetools" not in world.remote_git("for-each-ref")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nothing.md@2099", "nothing.md was not there at that time."),
        ("docs/no@2099", "docs/no was not there at that time."),
        ("notes.md@1999", "There is no restore point at or before 1999."),
        ("esc\x1b[31m@2099", "esc?[31m was not there at that time."),
    ],
)
def test_a_path_or_time_that_is_not_there_is_said_and_nothing_changes(machine: Machine, what: str, words: str) -> None:
    save(machine, {"notes.md": "1\n"})
    before = points(machine)
    machine.write("notes.md", "unsaved\n")
    assert_refused(machine.sync("--restore", what), words)
    assert machine.read("notes.md") == "unsaved\n"
    assert points(machine) == before
    machine.assert_sound()


@pytest.mark.parametrize("what", ["notes.md", "notes.md@", "@", ""])
def test_a_restore_without_path_or_time_is_a_usage_error(machine: Machine, what: str) -> None:
    result = machine.sync("--restore", what)
    assert result.code == 64, result.text
    assert "--restore takes PATH@TIME" in result.err
    machine.assert_sound()


def test_a_path_outside_of_the_repository_is_refused(machine: Machine) -> None:
    save(machine, {"notes.md": "1\n"})
    for what in ("../../etc/passwd@2099", "/etc/passwd@2099"):
        result = machine.sync("--restore", what)
        assert result.code == 64, result.text
        assert "lies outside this repository" in result.err
    machine.assert_sound()


def test_hostile_names_come_back_byte_for_byte(machine: Machine) -> None:
    point = save(machine, {name: f"first of {name}\n" for name in HOSTILE})
    save(machine, {name: "second\n" for name in HOSTILE})
    for name in HOSTILE:
        result = restore(machine, name, point)
        assert "1 file changed" in result.out, result.text
        assert "\x1b" not in result.out + result.err
    for name in HOSTILE:
        assert machine.read(name) == f"first of {name}\n"


def test_paths_are_as_the_caller_types_them(machine: Machine) -> None:
    point = save(machine, {"sub/notes.md": "first\n", "top.md": "first\n"})
    save(machine, {"sub/notes.md": "second\n", "top.md": "second\n"})
    for path in ("notes.md", "../top.md", str(machine.top / "top.md")):
        result = machine.run("bash", SYNC, "--restore", f"{path}@{point}", cwd=machine.top / "sub")
        assert result.code == 0, result.text
    assert machine.read("sub/notes.md") == "first\n"
    assert machine.read("top.md") == "first\n"
    machine.assert_sound()


def test_an_ignored_file_in_the_way_is_not_overwritten(machine: Machine) -> None:
    point = save(machine, {"build/out.md": "saved\n"})
    machine.git("rm", "-rq", "build")
    machine.write(".gitignore", machine.read(".gitignore") + "build\n")
    assert machine.sync().code == 0
    machine.write("build/out.md", "only copy\n")
    result = machine.sync("--restore", f"build/out.md@{point}")
    assert result.code == 65, result.text
    assert "could not be restored" in result.out
    assert "Nothing was changed." in result.out
    assert machine.read("build/out.md") == "only copy\n"
    machine.assert_sound()


def test_a_held_file_does_not_stand_in_the_way_of_a_restore(machine: Machine) -> None:
    point = save(machine, {"notes.md": "first\n"})
    machine.write("notes.md", "second\n")
    machine.write(".env", "SECRET=1\n")
    result = machine.sync("--restore", f"notes.md@{point}")
    assert result.code == 0, result.text
    assert machine.read("notes.md") == "first\n"
    assert machine.read(".env") == "SECRET=1\n"
    machine.assert_sound()


def test_a_restore_finishes_first_what_a_killed_receive_began(world: World, machine: Machine) -> None:
    """A journal is the only witness of a half-received tree: a restore must not write its own over it."""
    other = world.machine("MAC-02", "howard")
    point = save(machine, {f"f{i}.md": "1\n" for i in range(5)})
    assert other.sync().code == 0
    for i in range(5):
        other.write(f"f{i}.md", "2\n")
    assert other.sync().code == 0
    env = at(machine, "swap-3", KILL_GROUP)
    with machine.start_sync(env=env) as sync:
        sync.communicate(timeout=60)
    assert was_reached(env)
    assert (machine.state / "trees/main/journal").exists()
    restore(machine, "f4.md", point)
    assert machine.read("f4.md") == "1\n"
    result = machine.sync()
    assert result.code == 0, result.text
    for i in range(4):
        assert world.remote_file(f"f{i}.md") == "2\n", "a sync reverted what others sent"
        assert machine.read(f"f{i}.md") == "2\n"
    assert world.remote_file("f4.md") == "1\n"
    machine.assert_sound()


def test_a_restore_during_somebodys_merge_touches_only_its_file(machine: Machine) -> None:
    point = save(machine, {"notes.md": "first\n", "other.md": "1\n"})
    save(machine, {"notes.md": "second\n"})
    (machine.top / ".git/MERGE_HEAD").write_text(machine.git("rev-parse", "HEAD") + "\n")
    result = machine.sync("--restore", f"notes.md@{point}")
    assert result.code in (0, 78), result.text
    assert machine.read("notes.md") in ("first\n", "second\n")
    (machine.top / ".git/MERGE_HEAD").unlink()
    machine.assert_sound()


def test_two_points_of_one_second_can_be_told_apart(machine: Machine) -> None:
    names = []
    for text in ("a", "b"):
        machine.write("notes.md", text + "\n")
        machine.git("add", "notes.md")
        person = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        oid = machine.git(*person, "commit-tree", machine.git("write-tree"), "-m", text)
        names.append(f"20261101T120000Z-{oid[:4]}")
        machine.git("update-ref", f"refs/claudetools/points/{names[-1]}", oid)
    assert set(points(machine)) == set(names)
    for name, text in zip(names, "ab", strict=True):
        restore(machine, "notes.md", name)
        assert machine.read("notes.md") == text + "\n"


def test_git_can_prune_without_losing_a_point(machine: Machine) -> None:
    point = save(machine, {"notes.md": "precious\n"})
    machine.git("reset", "-q", "--hard", "HEAD~1")
    machine.git("reflog", "expire", "--expire=now", "--all")
    subprocess.run(["git", "-C", machine.top, "gc", "-q", "--prune=now"], check=True, env=machine.env())
    restore(machine, "notes.md", point)
    assert machine.read("notes.md") == "precious\n"
