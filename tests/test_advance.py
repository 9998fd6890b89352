"""What came in reaches the shared tree file by file, and nothing that anybody wrote is lost on the way.

The first half judges single paths through the whole of sync.sh; the second lets programs write as fast as they get
while files are exchanged under them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claudetools.core import files
from forced import KILL_GROUP, assert_nothing_pending, assert_together, at, copy_world, ended, was_reached
from world import Machine, World

OLD, NEW = "one\ntwo\nthree\nfour\nfive\n", "ONE\ntwo\nthree\nfour\nfive\n"
MINE, BOTH = "one\ntwo\nthree\nfour\nFIVE\n", "ONE\ntwo\nthree\nfour\nFIVE\n"
CLASH = "uno\ntwo\nthree\nfour\nfive\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("template") / "world"
    root.mkdir()
    world = World(root)
    mike = world.machine("LINUX-01", "mike")
    for name in ("a.txt", "dir/b.txt", "dir/c.txt", "other.txt"):
        mike.write(name, OLD)
    (mike.top / "link").symlink_to("a.txt")
    assert mike.sync().code == 0
    world.machine("MAC-02", "howard")
    assert world.machines["MAC-02"].sync().code == 0
    return world


@pytest.fixture
def two(template: World, tmp_path: Path) -> World:
    return copy_world(template, tmp_path / "world")


@pytest.fixture
def mike(two: World) -> Machine:
    return two.machines["LINUX-01"]


@pytest.fixture
def howard(two: World) -> Machine:
    return two.machines["MAC-02"]


def send(machine: Machine) -> None:
    result = machine.sync()
    assert result.code == 0, result.text


# What is to be saved of the receiving machine: a path that nobody has changed, so that edits stay unsaved.
UNSAVED = ("--", "README.md")


def receive(machine: Machine) -> None:
    """What the others sent comes in below edits that nobody saves."""
    result = machine.sync(*UNSAVED)
    assert result.code == 0, result.text
    assert_nothing_pending(machine)


def refuse(machine: Machine, path: str, why: str) -> None:
    """Nothing comes in, nothing is touched, and it is said which path is in the way and why."""
    before = {p: p.read_bytes() for p in machine.top.rglob("*") if p.is_file() and ".git" not in p.parts}
    head = machine.git("rev-parse", "HEAD")
    result = machine.sync(*UNSAVED)
    assert result.code == 65, result.text
    assert f"{path}: " in result.out and why in result.out, result.text
    after = {p: p.read_bytes() for p in machine.top.rglob("*") if p.is_file() and ".git" not in p.parts}
    assert after == before
    assert machine.git("rev-parse", "HEAD") == head
    assert_nothing_pending(machine)
    machine.assert_sound()


# --- judging one path ------------------------------------------------------------


def test_a_file_that_nobody_touched_gets_the_new_text(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    receive(mike)
    assert mike.read("a.txt") == NEW
    assert mike.status() == ""


def test_an_unsaved_edit_elsewhere_in_the_file_is_merged(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    mike.write("a.txt", MINE)
    result = mike.sync(*UNSAVED)
    assert "Merged with your unsaved edits: a.txt" in result.out
    assert mike.read("a.txt") == BOTH
    assert mike.git("diff", "--stat", "HEAD") != ""
    assert mike.git("show", "HEAD:a.txt") + "\n" == NEW


def test_an_unsaved_edit_of_the_same_line_stops_everything(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.write("other.txt", NEW)
    howard.push()
    mike.write("a.txt", CLASH)
    refuse(mike, "a.txt", "edited here")
    mike.write("a.txt", OLD)
    receive(mike)
    assert mike.read("other.txt") == NEW


def test_the_same_edit_on_both_sides_needs_nothing(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    inode = mike.write("a.txt", NEW).stat().st_ino
    receive(mike)
    assert mike.status() == ""
    assert (mike.top / "a.txt").stat().st_ino == inode


def test_a_file_deleted_here_and_changed_there_stops_everything(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    (mike.top / "a.txt").unlink()
    refuse(mike, "a.txt", "deleted here, changed by the other side")


def test_a_file_edited_here_and_deleted_there_stops_everything(mike: Machine, howard: Machine) -> None:
    (howard.top / "a.txt").unlink()
    howard.push()
    mike.write("a.txt", MINE)
    refuse(mike, "a.txt", "edited here, deleted by the other side")


def test_a_file_deleted_on_both_sides_is_gone(mike: Machine, howard: Machine) -> None:
    (howard.top / "a.txt").unlink()
    howard.push()
    (mike.top / "a.txt").unlink()
    receive(mike)
    assert mike.status() == ""


def test_a_deleted_file_goes_and_its_empty_folder_with_it(mike: Machine, howard: Machine) -> None:
    shutil.rmtree(howard.top / "dir")
    howard.push()
    receive(mike)
    assert not (mike.top / "dir").exists()


def test_a_folder_with_an_untracked_file_stays(mike: Machine, howard: Machine) -> None:
    shutil.rmtree(howard.top / "dir")
    howard.push()
    mike.write("dir/notes.ignored", "mine\n")
    receive(mike)
    assert [p.name for p in (mike.top / "dir").iterdir()] == ["notes.ignored"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["new.txt", "new.ignored"])
def test_an_untracked_or_ignored_file_in_the_way_is_never_overwritten(
    mike: Machine, howard: Machine, name: str
) -> None:
    howard.write(name, "theirs\n")
    howard.git("add", "-f", name)
    howard.push()
    mike.write(name, "mine\n")
    refuse(mike, name, "is here already, with other content")


def test_an_untracked_file_of_the_same_content_is_taken_as_it_is(mike: Machine, howard: Machine) -> None:
    howard.write("new.txt", "same\n")
    howard.push()
    inode = mike.write("new.txt", "same\n").stat().st_ino
    receive(mike)
    assert mike.status() == ""
    assert (mike.top / "new.txt").stat().st_ino == inode


def test_a_folder_in_the_way_of_a_file_is_kept(mike: Machine, howard: Machine) -> None:
    howard.write("new", "theirs\n")
    howard.push()
    mike.write("new/mine.ignored", "mine\n")
    refuse(mike, "new", "a folder of that name")


def test_an_empty_folder_in_the_way_of_a_file_makes_room(mike: Machine, howard: Machine) -> None:
    howard.write("new", "theirs\n")
    howard.push()
    (mike.top / "new" / "below").mkdir(parents=True)
    receive(mike)
    assert mike.read("new") == "theirs\n"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_link_in_the_way_is_not_written_through(mike: Machine, howard: Machine, two: World, ignored: bool) -> None:
    outside = two.root / "outside.txt"
    outside.write_text("outside\n")
    name = "new.ignored" if ignored else "new.txt"
    howard.write(name, "theirs\n")
    howard.git("add", "-f", name)
    howard.push()
    (mike.top / name).symlink_to(outside)
    result = mike.sync(*UNSAVED)
    assert result.code == 65 and "a link of that name" in result.out, result.text
    assert outside.read_text() == "outside\n"
    assert_nothing_pending(mike)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("path", ["linked/new.txt", "dir/b.txt"])
def test_nothing_is_written_below_a_linked_folder(mike: Machine, howard: Machine, two: World, path: str) -> None:
    outside = two.root / "outside"
    outside.mkdir()
    for name in ("b.txt", "c.txt"):
        (outside / name).write_text(OLD)
    howard.write(path, NEW)
    howard.push()
    folder = mike.top / path.split("/")[0]
    if folder.exists():
        shutil.rmtree(folder)
    folder.symlink_to(outside)
    result = mike.sync(*UNSAVED)
    assert result.code == 65 and "is a link or a file, not a folder" in result.out, result.text
    assert sorted(p.name for p in outside.iterdir()) == ["b.txt", "c.txt"]
    assert {p.read_text() for p in outside.iterdir()} == {OLD}


def test_a_folder_linked_to_the_outside_during_the_exchange_is_not_written_through(
    mike: Machine, howard: Machine, two: World
) -> None:
    outside = two.root / "outside"
    outside.mkdir()
    howard.write("dir/b.txt", NEW)
    howard.write("dir/new.txt", NEW)
    howard.push()
    env = at(mike, "advance-journal", f"mv dir elsewhere.ignored && ln -s '{outside}' dir")
    result = mike.sync(*UNSAVED, env=env)
    assert was_reached(env) and result.code == 65, result.text
    assert list(outside.iterdir()) == []
    assert (mike.top / "elsewhere.ignored" / "b.txt").read_text() == OLD


def test_a_dangling_link_as_parent_of_a_deleted_file_is_left_alone(mike: Machine, howard: Machine) -> None:
    shutil.rmtree(howard.top / "dir")
    howard.push()
    shutil.rmtree(mike.top / "dir")
    (mike.top / "dir").symlink_to("nowhere")
    result = mike.sync(*UNSAVED)
    assert result.code == 0, result.text
    assert os.readlink(mike.top / "dir") == "nowhere"


# --- kinds of files ----------------------------------------------------------------


def test_the_executable_bit_follows_and_other_permissions_stay(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW).chmod(0o755)
    howard.write("other.txt", NEW)
    howard.push()
    (mike.top / "a.txt").chmod(0o640)
    (mike.top / "other.txt").chmod(0o600)
    receive(mike)
    assert (mike.top / "a.txt").stat().st_mode & 0o777 == 0o750
    assert (mike.top / "other.txt").stat().st_mode & 0o777 == 0o600
    assert mike.status() == ""


def test_an_executable_bit_set_here_survives_a_change_of_the_text(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    (mike.top / "a.txt").chmod(0o755)
    receive(mike)
    assert mike.read("a.txt") == NEW
    assert (mike.top / "a.txt").stat().st_mode & 0o111


def test_links_files_and_folders_turn_into_each_other(mike: Machine, howard: Machine) -> None:
    for name in ("link", "a.txt", "other.txt"):
        (howard.top / name).unlink()
    shutil.rmtree(howard.top / "dir")
    howard.write("link", "a file now\n")
    (howard.top / "a.txt").symlink_to("other.txt")
    howard.write("other.txt/inner.txt", "a folder now\n")
    howard.write("dir", "a file now\n")
    howard.push()
    receive(mike)
    assert mike.status() == ""
    assert (mike.top / "link").is_file() and not (mike.top / "link").is_symlink()
    assert os.readlink(mike.top / "a.txt") == "other.txt"
    assert mike.read("other.txt/inner.txt") == "a folder now\n"
    assert mike.read("dir") == "a file now\n"


def test_a_folder_that_turns_into_a_file_keeps_what_is_edited_in_that_moment(mike: Machine, howard: Machine) -> None:
    shutil.rmtree(howard.top / "dir")
    howard.write("dir", "a file now\n")
    howard.push()
    env = at(mike, "advance-journal", "echo mine >>dir/b.txt")
    result = mike.sync(*UNSAVED, env=env)
    assert was_reached(env) and result.code == 65, result.text
    assert mike.read("dir/b.txt") == OLD + "mine\n"


def test_a_link_pointed_elsewhere_in_that_moment_is_kept(mike: Machine, howard: Machine) -> None:
    (howard.top / "link").unlink()
    (howard.top / "link").symlink_to("other.txt")
    howard.push()
    env = at(mike, "advance-journal", "ln -sf README.md link")
    result = mike.sync(*UNSAVED, env=env)
    assert was_reached(env) and result.code == 65, result.text
    assert os.readlink(mike.top / "link") == "README.md"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("setting", ["eol=crlf", "autocrlf"])
def test_line_ends_of_the_tree_are_converted(mike: Machine, howard: Machine, setting: str) -> None:
    if setting == "autocrlf":
        mike.git("config", "core.autocrlf", "true")
    else:
        howard.write(".gitattributes", "*.txt eol=crlf\n")
        howard.push()
        receive(mike)
    for name in ("a.txt", "other.txt", "dir/b.txt", "dir/c.txt"):
        mike.write(name, OLD.replace("\n", "\r\n"))
    receive(mike)
    howard.write("a.txt", NEW)
    howard.write("other.txt", NEW)
    howard.write("new.txt", NEW)
    (howard.top / "dir" / "b.txt").unlink()
    howard.push()
    mike.write("other.txt", MINE.replace("\n", "\r\n"))
    receive(mike)
    assert (mike.top / "a.txt").read_bytes() == NEW.replace("\n", "\r\n").encode()
    assert (mike.top / "new.txt").read_bytes() == NEW.replace("\n", "\r\n").encode()
    assert (mike.top / "other.txt").read_bytes() == BOTH.replace("\n", "\r\n").encode()
    assert not (mike.top / "dir" / "b.txt").exists()
    send(mike)
    assert mike.status() == ""
    assert mike.git("show", "HEAD:other.txt") + "\n" == BOTH


def test_a_filter_driver_is_applied_and_merged_through(mike: Machine, howard: Machine) -> None:
    howard.write(".gitattributes", "*.shout filter=shout\n")
    howard.push()
    receive(mike)
    for machine in (mike, howard):
        machine.git("config", "filter.shout.clean", "tr A-Z a-z")
        machine.git("config", "filter.shout.smudge", "tr a-z A-Z")
    howard.write("a.shout", OLD.upper())
    howard.push()
    receive(mike)
    assert mike.read("a.shout") == OLD.upper()
    howard.write("a.shout", OLD.upper().replace("ONE", "UNO"))
    howard.push()
    mike.write("a.shout", OLD.upper().replace("FIVE", "CINCO"))
    receive(mike)
    assert mike.read("a.shout") == OLD.upper().replace("ONE", "UNO").replace("FIVE", "CINCO")
    send(mike)
    assert mike.git("show", "HEAD:a.shout") == "uno\ntwo\nthree\nfour\ncinco"


def test_strange_names_arrive(mike: Machine, howard: Machine) -> None:
    names = ["with space.txt", "tab\there.txt", "new\nline.txt", "ümläut.txt", "-dash.txt", "quote'\".txt", "*.txt"]
    for name in names:
        howard.write(name, NEW)
    assert howard.sync("--allow", ".").code == 0
    receive(mike)
    assert all((mike.top / name).read_text() == NEW for name in names)
    assert mike.status() == ""


def test_an_immutable_file_is_named_and_nothing_else_suffers(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.write("other.txt", NEW)
    howard.push()
    if subprocess.run(["chattr", "+i", mike.top / "a.txt"], capture_output=True).returncode:
        pytest.skip("files cannot be made immutable here")
    try:
        result = mike.sync(*UNSAVED)
        assert result.code == 65 and "a.txt" in result.out, result.text
        assert mike.read("other.txt") == NEW and mike.read("a.txt") == OLD
        assert mike.sync().code == 65
    finally:
        subprocess.run(["chattr", "-i", mike.top / "a.txt"], check=True)
    assert howard.sync().code == 0
    assert howard.read("a.txt") == NEW, "what was not received was sent as an edit of ours"


def test_a_thousand_incoming_files_arrive_together(mike: Machine, howard: Machine) -> None:
    for n in range(500):
        howard.write(f"many/{n:03}.txt", f"{n}\n")
    howard.push()
    receive(mike)
    for n in range(500):
        howard.write(f"many/{n:03}.txt", f"{n} changed\n")
        howard.write(f"more/{n:03}.txt", f"{n}\n")
    howard.push()
    mike.write("many/250.txt", "250\nmine\n")
    refuse(mike, "many/250.txt", "edited here")
    mike.write("many/250.txt", "250\n")
    receive(mike)
    assert all(mike.read(f"many/{n:03}.txt") == f"{n} changed\n" for n in range(500))
    assert mike.status() == ""


# --- the index ------------------------------------------------------------------------


def test_a_staged_edit_stays_staged_on_top_of_what_came_in(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    mike.write("a.txt", MINE)
    mike.git("add", "a.txt")
    receive(mike)
    mike.git("commit", "-qm", "plain")
    assert mike.git("show", "HEAD:a.txt") + "\n" == BOTH


def test_a_part_that_is_staged_stays_the_only_staged_part(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    mike.write("a.txt", MINE)
    mike.git("add", "a.txt")
    mike.write("a.txt", MINE.replace("three", "THREE"))
    receive(mike)
    assert mike.git("show", ":a.txt") + "\n" == BOTH
    assert mike.read("a.txt") == BOTH.replace("three", "THREE")


def test_files_hidden_by_a_sparse_checkout_change_in_the_index_only(mike: Machine, howard: Machine) -> None:
    mike.git("update-index", "-q", "--refresh")  # a copied world has other inodes, and git hides clean files only
    mike.git("sparse-checkout", "set", "--no-cone", "/*", "!/dir/")
    assert not (mike.top / "dir").exists()
    howard.write("dir/b.txt", NEW)
    howard.push()
    receive(mike)
    assert not (mike.top / "dir").exists()
    assert mike.status() == ""
    assert mike.git("show", "HEAD:dir/b.txt") + "\n" == NEW


@pytest.mark.sampled(2)
@pytest.mark.parametrize("cone", [True, False])
def test_what_is_added_below_a_hidden_folder_stays_hidden(mike: Machine, howard: Machine, cone: bool) -> None:
    howard.write("dir/keep/k.txt", "k\n")
    howard.push()
    receive(mike)
    mike.git("update-index", "-q", "--refresh")
    if cone:
        mike.git("sparse-checkout", "set", "--cone", "dir/keep", ".claude")
        hidden = ["other/deep/n.txt", "dir/keepers/n.txt"]
        shown = ["dir/keep/n.txt", "dir/keep/deep/n.txt", "dir/n.txt", "top.txt"]
    else:
        mike.git("sparse-checkout", "set", "--no-cone", "/*", "!/dir/", "/dir/keep/", "!*.bin", "!/back\\\\slash/")
        hidden = ["dir/n.txt", "dir/deep/n.txt", "dir/keep/x.bin", "back\\slash/n.txt", "dir/a\nb"]
        shown = ["dir/keep/n.txt", "other/n.txt", "slash/n.txt"]
    for path in hidden + shown:
        howard.write(path, NEW)
    howard.push()
    receive(mike)
    assert mike.status() == ""
    for path in hidden + shown:
        assert (mike.top / path).exists() == (path in shown), path
        assert mike.git("show", f"HEAD:{path}") + "\n" == NEW
    mike.git("sparse-checkout", "disable")
    assert all(mike.read(path) == NEW for path in hidden)


def test_a_file_in_the_way_below_a_hidden_folder_is_never_taken_for_an_edit(mike: Machine, howard: Machine) -> None:
    mike.git("update-index", "-q", "--refresh")
    mike.git("sparse-checkout", "set", "--no-cone", "/*", "!/dir/", "!/hidden/")
    mike.write("hidden/x.txt", "mike's own\n")
    mike.write(".git/info/exclude", "/hidden/\n")
    howard.write("hidden/x.txt", NEW)
    howard.push()
    result = mike.sync()
    assert result.code == 65 and "hidden/x.txt" in result.out, result.text
    assert mike.read("hidden/x.txt") == "mike's own\n"
    (mike.top / "hidden/x.txt").unlink()
    receive(mike)
    assert mike.status() == "" and not (mike.top / "hidden/x.txt").exists()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at_waits_alone(mike: Machine, howard: Machine, flag: str) -> None:
    for name in ("a.txt", "dir/b.txt", "dir/c.txt"):
        mike.git("update-index", f"--{flag}", name)
        howard.write(name, NEW)
    howard.write("other.txt", NEW)
    howard.push()
    mike.write("a.txt", CLASH)
    mike.write("dir/b.txt", MINE)
    result = mike.sync()
    assert result.code == 65 and "a.txt: edited here" in result.out, result.text
    assert [mike.read(n) for n in ("a.txt", "dir/b.txt", "dir/c.txt", "other.txt")] == [CLASH, BOTH, NEW, NEW]
    assert mike.git("rev-parse", "HEAD") == howard.git("rev-parse", "HEAD")
    result = mike.sync()
    assert result.code == 65 and "Left out: a.txt (edited here, " in result.out and f"({flag})" in result.out, (
        result.text
    )
    result = mike.sync("--allow", "a.txt")
    assert result.code == 0, result.text
    assert mike.read("a.txt") == CLASH and mike.status() == ""
    assert len([line for line in mike.git("ls-files", "-v").splitlines() if line[0] in "hS"]) == 3


def test_a_record_of_what_was_unsettled_goes_with_its_cause(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    env = at(mike, "swap-1", f"printf '{CLASH}' >a.txt")
    result = mike.sync(env=env)
    assert was_reached(env) and result.code == 65, result.text
    result = mike.sync()
    assert result.code == 65 and "Left out: a.txt" in result.out, result.text
    mike.git("checkout", "-q", "--", "a.txt")
    send(mike)
    assert_nothing_pending(mike)


def test_a_restore_waits_while_the_tree_stands_on_another_commit_than_the_branch(
    mike: Machine, howard: Machine, two: World
) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    # The branch is lost to a plain commit, and the sync dies before it can go round again.
    plain = 'echo mine >mine.txt; git add mine.txt; git commit -qm plain; kill -KILL -- "-$2"'
    env = at(mike, "advance-index", plain)
    assert ended(mike.start_sync(*UNSAVED, env=env)) == -9
    result = mike.sync("--restore", "a.txt@2100")
    assert result.code == 65 and "run a sync first" in result.out, result.text
    send(mike)
    send(howard)
    assert_together(two)
    assert two.remote_file("a.txt") == NEW and two.remote_file("mine.txt") == "mine\n"


# --- exchange -------------------------------------------------------------------------


@pytest.fixture(params=["kernel", "fallback"])
def exchange_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fallback":
        monkeypatch.setattr(files, "_kernel_exchange", lambda *_: False)
    return str(request.param)


def test_two_files_change_places(tmp_path: Path, exchange_by: str) -> None:
    (tmp_path / "prepared").write_text("new")
    (tmp_path / "name").write_text("old")
    inode = (tmp_path / "prepared").stat().st_ino
    with files.parent_of(str(tmp_path), b"name") as (folder, name):
        files.exchange(str(tmp_path / "prepared"), folder, name)
    assert (tmp_path / "name").read_text() == "new"
    assert (tmp_path / "prepared").read_text() == "old"
    assert files.was_exchanged(str(tmp_path / "prepared"), inode)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["name", "prepared"]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_an_exchange_without_the_kernels_help_may_be_cut_off_anywhere(tmp_path: Path, cut: int) -> None:
    prepared, name = tmp_path / "prepared", tmp_path / "name"
    prepared.write_text("new")
    name.write_text("old")
    inode = prepared.stat().st_ino
    # The steps of the exchange, the first `cut` of them.
    steps: list[Callable[[], object]] = [
        lambda: os.link(name, f"{prepared}.old"),
        lambda: os.rename(prepared, name),
        lambda: os.rename(f"{prepared}.old", prepared),
    ]
    for step in steps[:cut]:
        step()
    assert files.was_exchanged(str(prepared), inode) == (cut > 1)
    assert name.read_text() == ("new" if cut > 1 else "old")
    assert prepared.read_text() == ("old" if cut > 1 else "new")
    assert not Path(f"{prepared}.old").exists()


@contextmanager
def without_kernel_exchange(machine: Machine) -> Iterator[dict[str, str]]:
    """An interpreter for the helpers whose files.py never finds the system call."""
    wrapper = machine.home / "python"
    wrapper.write_text(
        "#!/bin/sh\nfor last; do case $last in */__main__.py) main=$last ;; esac; done\n"
        f'[ -n "$main" ] || exec {sys.executable} "$@"\n'
        'while [ "$1" != "$main" ]; do shift; done; shift\n'
        f"exec {sys.executable} -I -c '\n"
        "import os, sys\n"
        "sys.path.insert(0, os.path.dirname(os.path.dirname(sys.argv.pop(1))))\n"
        "from claudetools import __main__\n"
        "from claudetools.core import files\n"
        "files._kernel_exchange = lambda *_: False\n"
        'sys.exit(__main__.main())\' "$main" "$@"\n'
    )
    wrapper.chmod(0o755)
    machine.extra_env["CLAUDETOOLS_PYTHON"] = str(wrapper)
    yield machine.extra_env
    del machine.extra_env["CLAUDETOOLS_PYTHON"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("place", ["exchange-linked", "exchange-renamed"])
def test_a_sync_killed_within_such_an_exchange_is_finished_by_the_next(
    mike: Machine, howard: Machine, two: World, place: str
) -> None:
    howard.write("a.txt", NEW)
    howard.write("other.txt", NEW)
    howard.push()
    mike.write("other.txt", MINE)
    with without_kernel_exchange(mike):
        env = at(mike, place, KILL_GROUP)
        assert ended(mike.start_sync(*UNSAVED, env=env)) == -9
        assert was_reached(env)
        send(mike)
    send(howard)
    assert_together(two)
    assert mike.read("a.txt") == NEW and mike.read("other.txt") == BOTH


# --- late and fast writers ------------------------------------------------------------


def test_what_a_program_appends_to_the_old_inode_is_carried_over(mike: Machine, howard: Machine, two: World) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    with (mike.top / "a.txt").open("a") as file:
        receive(mike)
        file.write("late 1\n")
        file.flush()
        send(mike)
        assert mike.read("a.txt") == NEW + "late 1\n"
        file.write("late 2\n")
    send(mike)
    assert mike.read("a.txt") == NEW + "late 1\nlate 2\n"
    assert two.remote_file("a.txt") == NEW + "late 1\nlate 2\n"


def test_what_a_program_rewrites_in_the_old_inode_is_merged(mike: Machine, howard: Machine, two: World) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    with (mike.top / "a.txt").open("r+") as file:
        receive(mike)
        file.write(MINE)
    send(mike)
    assert mike.read("a.txt") == BOTH == two.remote_file("a.txt")


def test_what_both_put_in_at_one_place_stays_from_both(mike: Machine, howard: Machine, two: World) -> None:
    howard.write("a.txt", OLD.replace("two\n", "two\nup\n"))
    howard.push()
    with (mike.top / "a.txt").open("r+") as file:
        receive(mike)
        file.write(OLD.replace("two\n", "two\nmine\n"))
    send(mike)
    assert sorted(mike.read("a.txt").split()) == sorted([*OLD.split(), "up", "mine"])
    assert two.remote_file("a.txt") == mike.read("a.txt")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("place", ["carry-prepared", "carry-exchanged", "carried"])
@pytest.mark.parametrize("text", [MINE, OLD + "late\n"], ids=["rewritten", "grown"])
def test_a_late_write_survives_a_kill_while_it_is_carried_over(
    mike: Machine, howard: Machine, two: World, place: str, text: str
) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    with (mike.top / "a.txt").open("r+") as file:
        receive(mike)
        file.write(text)
    env = at(mike, place, KILL_GROUP)
    ended(mike.start_sync(env=env))
    assert was_reached(env) or (text != MINE and place != "carried")
    send(mike)
    # Cut off between the append and the note of it, growth is appended once more: twice rather than never.
    expected = {BOTH} if text == MINE else {NEW + "late\n", NEW + "late\nlate\n"}
    assert two.remote_file("a.txt") in expected
    assert mike.status() == ""
    assert_nothing_pending(mike)


def test_a_late_write_that_conflicts_is_kept_and_named_until_it_is_settled(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    with (mike.top / "a.txt").open("r+") as file:
        receive(mike)
        file.write(CLASH)
    old = time.time() - 60
    copies = [p for p in (mike.state / "trees" / "main" / "late").rglob("*") if p.is_file() and p.name.isdigit()]
    for copy in copies:  # no longer being written: the clock of the test does not wait for that
        os.utime(copy, (old, old))
    result = mike.sync()
    assert result.code == 65, result.text
    (copy,) = (p for p in copies if p.read_text() == CLASH)
    assert str(copy) in result.out, result.text
    assert mike.read("a.txt") == NEW
    copy.unlink()
    assert mike.sync().code == 0


def test_a_late_write_is_carried_over_whatever_its_date(mike: Machine, howard: Machine) -> None:
    howard.write("a.txt", NEW)
    howard.push()
    with (mike.top / "a.txt").open("a") as file:
        receive(mike)
        send(mike)
        (copy,) = (p for p in (mike.state / "trees" / "main" / "late").rglob("*") if p.name.isdigit() and p.is_file())
        late = ""
        for hours in (-1, 24, -1):  # the clock was set back, or was wrong when the file was written
            late += f"late {hours}\n"
            file.write(f"late {hours}\n")
            file.flush()
            date = time.time() + hours * 3600
            os.utime(copy, (date, date))
            send(mike)
            assert mike.read("a.txt") == NEW + late
    copy.write_text(CLASH)
    os.utime(copy, (date, date))
    for _ in range(2):
        result = mike.sync()
        assert result.code == 65 and str(copy) in result.out, result.text


def test_a_late_write_to_a_deleted_file_is_named(mike: Machine, howard: Machine) -> None:
    (howard.top / "a.txt").unlink()
    howard.push()
    with (mike.top / "a.txt").open("a") as file:
        receive(mike)
        file.write("late\n")
    (copy,) = (p for p in (mike.state / "trees" / "main" / "late").rglob("*") if p.name.isdigit() and p.is_file())
    old = time.time() - 60
    os.utime(copy, (old, old))
    result = mike.sync()
    assert result.code == 65 and str(copy) in result.out, result.text


WRITERS = {
    # One program that keeps the file open, as a logger does.
    "keeps it open": """
with open(path, "a") as file:
    for token in tokens():
        file.write(token + "\\n")
        file.flush()
""",
    "opens and appends": """
for token in tokens():
    with open(path, "a") as file:
        file.write(token + "\\n")
""",
    # Editors and the client's own tools.
    "writes beside and renames": """
for token in tokens():
    with open(path) as file:
        text = file.read()
    with open(path + ".ignored", "w") as file:
        file.write(text + token + "\\n")
    os.rename(path + ".ignored", path)
""",
    "truncates and rewrites": """
for token in tokens():
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text + token + "\\n")
""",
}
PREAMBLE = """
import os, sys, time
path, name, rate, stop = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
def tokens():
    n = 0
    next_time = time.monotonic()
    with open(stop + "." + name, "w") as log:
        while not os.path.exists(stop):
            yield f"{name}-{n}"
            # Only what was written completely counts.
            log.write(f"{name}-{n}\\n")
            log.flush()
            n += 1
            if rate:
                next_time += 1 / rate
                time.sleep(max(0, next_time - time.monotonic()))
"""


class Writers:
    """Programs that write to the tree of a machine until they are told to stop; each logs its tokens."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.stop = machine, machine.home / "stop"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, how: str, path: str, rate: float) -> None:
        name = f"w{len(self.running)}"
        program = PREAMBLE + WRITERS[how]
        argv: list[str | Path] = [sys.executable, "-c", program, self.machine.top / path, name, str(rate), self.stop]
        self.running.append(self.machine.start(*argv))
        while not (log := Path(f"{self.stop}.{name}")).exists() or not log.stat().st_size:
            time.sleep(0.001)
            assert self.running[-1].poll() is None

    def finish(self) -> list[str]:
        self.stop.touch()
        for process in self.running:
            _, err = process.communicate(timeout=30)
            assert process.returncode == 0, err
        logs = self.machine.home.glob("stop.*")
        return [token for log in logs for token in log.read_text().split()]


def torture(world: World, how: str, writers: int, rate: float, syncs: int) -> dict[str, object]:
    """Syncs under writers while upstream changes the first line of the same files: how much of it is lost."""
    mike, howard = world.machines["LINUX-01"], world.machines["MAC-02"]
    paths = [f"busy-{n}.log" for n in range(writers)]
    for path in paths:
        howard.write(path, "first 0\n" + "".join(f"line {n}\n" for n in range(20)))
    howard.push()
    receive(mike)
    running = Writers(mike)
    done = 0
    try:
        for path in paths:
            running.start(how, path, rate)
        for n in range(1, syncs + 1):
            for path in paths:
                text = howard.read(path).split("\n", 1)
                howard.write(path, f"first {n}\n" + text[1])
            howard.push()
            result = mike.sync()
            assert result.code in (0, 65), result.text
            done += result.code == 0
            if result.code:
                print(result.text)
            assert howard.sync().code == 0
    finally:
        tokens = running.finish()
    for machine in (mike, howard, mike):
        send(machine)
    assert_together(world)
    lost = doubled = 0
    for path in paths:
        text = world.remote_file(path).split("\n")
        assert f"first {syncs}" in text[0], f"what upstream wrote to {path} was undone: {text[0]}"
    everything = "\n".join(world.remote_file(path) for path in paths).split("\n")
    counted = {token: everything.count(token) for token in tokens}
    lost = sum(count == 0 for count in counted.values())
    doubled = sum(count > 1 for count in counted.values())
    return {"how": how, "written": len(tokens), "lost": lost, "doubled": doubled, "syncs": f"{done} of {syncs}"}


# A program that writes back what it read a moment ago undoes what came in between: no order of our steps can prevent
# that. The faster it writes and the busier the machine, the longer is that moment; here it is tried at 20 a second.
REWRITERS = ("writes beside and renames", "truncates and rewrites")
CALM_OR_NOT = [(how, rate) for how in WRITERS for rate in (20, 1000) if rate == 20 or how not in REWRITERS]


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("how", "rate"), CALM_OR_NOT)
def test_writers_lose_nothing_while_their_files_are_received(two: World, how: str, rate: float) -> None:
    figures = torture(two, how, 2, rate, 4)
    print(figures)
    assert figures["lost"] == 0, figures
    assert figures["syncs"] == "4 of 4", figures


@pytest.mark.lab
@pytest.mark.parametrize("rate", [20, 300, 3000])
@pytest.mark.parametrize("how", [how for how in WRITERS if how != "truncates and rewrites"])
def test_more_writers_lose_nothing_in_eight_syncs(two: World, how: str, rate: float) -> None:
    figures = torture(two, how, 5, rate, 8)
    print(figures)
    assert figures["lost"] == 0, figures
    assert figures["syncs"] == "8 of 8", figures
