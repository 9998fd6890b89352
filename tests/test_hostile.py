"""Hostile file names, file types, file systems and writers: all of it goes over to another machine, or is named.

Every test ends with trees that git finds sound. What only root can do (mounts, other users) is skipped with a reason.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from world import SYNC, Machine, Result, World, write_identity

NAMES = [
    "new\nline.md",
    "end with newline\n",
    "tab\there.md",
    "-leading",
    "--force",
    "-",
    "quote'single.md",
    'quote"double.md',
    "back\\slash.md",
    "trailing\\",
    "x" * 255,
    "emoji-\U0001f98a-日本語.md",
    unicodedata.normalize("NFC", "café.md"),
    unicodedata.normalize("NFD", "café.md"),
    " space at both ends ",
    "glob*.md",
    "glob?.md",
    "[abc].md",
    "{a,b}.md",
    "!negated",
    "#comment",
    ":(glob)x",
    ":!exclude",
    ":/",
    "HEAD",
    "refs",
    "~tilde",
    "$HOME",
    "`id`",
    "$(touch pwned)",
    "a;b&c|d>e",
    "main",
    "escape\x1b[31mred.md",
    "bell\x07\x7f.md",
    "carriage\rreturn.md",
    "bidi\u202egpj.md",
    "isolate\u2066x\u2069.md",
    "c1\u0085x.md",
    "0 000000 0",
    "100644 blob",
    "...",
    ".hidden",
    "deep/ spaced folder /-x/new\nline/:(top)/file.md",
]
BYTES_NAME = b"latin1-\xe9\xff.md"  # no valid UTF-8
RAW = ["\x1b", "\x07", "\x7f", "\r", "\u202e", "\u2066", "\u2069", "\u0085"]

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount and run as somebody else")


def two_machines(world: World) -> tuple[Machine, Machine]:
    return world.machine("LINUX-01"), world.machine("MAC-02", "howard")


def assert_synced(result: Result) -> None:
    assert result.code == 0, result.text
    assert_plain(result)


def assert_plain(result: Result) -> None:
    """Nothing that could colour, ring, erase or reorder a terminal, and no failure of the shell itself."""
    for char in RAW:
        assert char not in result.out + result.err, (char, result.text)
    for words in ("Traceback", "syntax error", "unbound variable", "command not found", "line "):
        assert words not in result.err, result.text


def save(machine: Machine, *args: str) -> Result:
    result = machine.sync(*args)
    assert_synced(result)
    return result


def contents(top: Path) -> dict[bytes, bytes]:
    """Every file and link below `top`, by the bytes of its name; links as what they point to."""
    found: dict[bytes, bytes] = {}
    for at, folders, files in os.walk(os.fsencode(top)):
        folders[:] = [f for f in folders if f not in (b".git", b".claude")]
        for name in [*files, *(f for f in folders if os.path.islink(os.path.join(at, f)))]:
            path = os.path.join(at, name)
            link = os.path.islink(path)
            found[os.path.relpath(path, os.fsencode(top))] = (
                b"-> " + os.readlink(path) if link else Path(os.fsdecode(path)).read_bytes()
            )
    return found


def assert_same(*machines: Machine) -> None:
    first = contents(machines[0].top)
    for machine in machines:
        assert contents(machine.top) == first
        assert machine.status() == "", machine.status()
        machine.assert_sound()


def exchange(a: Machine, b: Machine) -> None:
    """What A has is on B afterwards, byte for byte."""
    save(a)
    save(b)
    assert_same(a, b)


# --- names ----------------------------------------------------------------------


def test_every_hostile_name_is_sent_received_changed_renamed_and_deleted(world: World) -> None:
    a, b = two_machines(world)
    for i, name in enumerate(NAMES):
        a.write(name, f"{i} of A\n")
    (a.top / os.fsdecode(BYTES_NAME)).write_bytes(b"\x00\xff raw")
    exchange(a, b)
    assert not (a.top / "pwned").exists()
    assert not (b.top / "pwned").exists()

    for name in NAMES:
        with (b.top / name).open("a") as file:
            file.write("and B\n")
    exchange(b, a)
    assert (a.top / NAMES[0]).read_text() == "0 of A\nand B\n"

    for i, name in enumerate(NAMES):
        (a.top / name).rename(a.top / f"renamed {i}")
        if i % 2:
            (a.top / f"renamed {i}").rename(a.top / NAMES[i - 1])
    exchange(a, b)

    for path in sorted(contents(b.top)):
        if path not in (b"README.md", b".gitignore"):
            os.unlink(os.path.join(os.fsencode(b.top), path))
    result = b.sync("--allow", ".")
    assert_synced(result)
    save(a)
    assert_same(a, b)
    assert sorted(contents(a.top)) == [b".gitignore", b"README.md"]


@pytest.mark.parametrize("name", [NAMES[0], "-leading", ":(glob)x", "glob*.md", "escape\x1b[31m.md", "bidi\u202e.md"])
def test_a_path_that_the_caller_names_is_taken_literally(world: World, name: str) -> None:
    a, b = two_machines(world)
    a.write(name, "wanted\n")
    a.write("globally.md", "not wanted\n")
    a.write("x", "not wanted\n")
    save(a, "--", name)
    assert world.remote_files().count(name) == 1
    assert "globally.md" not in world.remote_files()
    assert "x" not in world.remote_files()
    save(b)
    assert (b.top / name).read_text() == "wanted\n"
    save(a)
    save(b)
    assert_same(a, b)


def test_hostile_names_that_are_held_back_never_reach_the_terminal_raw(machine: Machine) -> None:
    for char in ("\x1b[2J", "\u202e", "\r", "\x07", "\u0085"):
        machine.write(f"x{char}/.env", "SECRET=1\n")
        machine.write(f"twin{char}.md", "a\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert_plain(result)
    assert "looks like a secret" in result.out
    for option in ("--json", "--dry-run", "--points", "--status"):
        assert_plain(machine.sync(option))
    machine.assert_sound()


def test_hostile_words_in_the_message_are_saved_as_they_are_and_shown_harmlessly(
    machine: Machine, world: World
) -> None:
    message = "red \x1b[31m, bell \x07, bidi \u202e, 'quotes\" $(id) `id` %s \\n"
    machine.write("notes.md", "x\n")
    result = machine.sync("-m", message)
    assert_synced(result)
    assert world.remote_git("log", "-1", "--format=%s", "main").rstrip("\n") == message
    machine.assert_sound()


def test_a_message_as_long_as_the_system_lets_through_is_saved_whole(machine: Machine, world: World) -> None:
    """One argument of a program may have 128 KiB on Linux: a longer one never gets as far as sync."""
    message = "long " * 26_000
    machine.write("notes.md", "x\n")
    result = machine.sync("-m", message)
    assert_synced(result)
    assert world.remote_git("log", "-1", "--format=%B", "main").startswith(message.strip())
    machine.assert_sound()


def test_a_message_of_two_lines_is_refused_before_anything_happens(machine: Machine, world: World) -> None:
    machine.write("notes.md", "x\n")
    result = machine.sync("-m", "one\ntwo")
    assert result.code == 64, result.text
    assert "-m takes one line" in result.err
    assert "notes.md" not in world.remote_files()
    machine.assert_sound()


def test_twins_that_differ_in_case_only_are_held_and_the_first_one_stays(world: World) -> None:
    a, b = two_machines(world)
    a.write("Readme.MD", "twin of README.md\n")
    a.write("other.md", "goes\n")
    result = a.sync()
    assert result.code == 65, result.text
    assert "differs from README.md in upper and lower case only" in result.out
    assert "Readme.MD" not in world.remote_files()
    assert "other.md" in world.remote_files()
    assert a.read("Readme.MD") == "twin of README.md\n"
    save(b)
    assert_synced(a.sync("--allow", "Readme.MD"))
    save(b)
    assert_same(a, b)


def test_twins_that_are_both_new_do_not_slip_through_together(world: World, machine: Machine) -> None:
    machine.write("docs/Plan.md", "one\n")
    machine.write("docs/plan.md", "two\n")
    machine.write("docs/goes.md", "three\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "in upper and lower case only" in result.out
    sent = [f for f in world.remote_files() if f.lower() == "docs/plan.md"]
    assert len(sent) <= 1, sent
    assert "docs/goes.md" in world.remote_files()
    assert machine.read("docs/Plan.md") == "one\n"
    assert machine.read("docs/plan.md") == "two\n"
    machine.assert_sound()


def test_a_rename_of_case_alone_goes_through(world: World) -> None:
    a, b = two_machines(world)
    (a.top / "README.md").rename(a.top / "Readme.md")
    exchange(a, b)
    assert "Readme.md" in world.remote_files()
    assert "README.md" not in world.remote_files()


def test_a_file_named_like_a_windows_path_is_moved_to_quarantine_not_deleted(world: World) -> None:
    a, b = two_machines(world)
    cruft = ["C:\\Users\\mike\\notes.txt", "C:Usersmikex.txt", "D:\\temp\\x", "nul", "sub/C:\\x.txt"]
    for name in cruft:
        a.write(name, f"only copy of {name}\n")
    a.write("real.md", "goes\n")
    result = a.sync()
    assert_synced(result)
    assert "is a Windows path used as a file name" in result.out
    assert not [f for f in world.remote_files() if "C:" in f or "D:" in f or f == "nul"]
    assert "real.md" in world.remote_files()
    kept = {p.name: p.read_text() for p in (a.state / "quarantine").rglob("*") if p.is_file()}
    assert kept == {Path(name).name: f"only copy of {name}\n" for name in cruft}
    save(b)
    assert_same(a, b)


def test_windows_cruft_that_is_tracked_already_can_still_be_deleted_by_its_owner(world: World) -> None:
    a, b = two_machines(world)
    a.write("C:\\old.txt", "tracked\n")
    a.git("add", "-A")
    a.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "By plain git")
    a.git("push", "-q", "origin", "main")
    save(a)
    save(b)
    (b.top / "C:\\old.txt").unlink()
    exchange(b, a)


def test_windows_cruft_that_is_tracked_already_is_moved_away_once_a_day(world: World) -> None:
    a, b = two_machines(world)
    cruft = ["C:\\old.txt", "sub/nul", "C\uf03aUsers\uf05cx.txt", "a\uf05cb", "tmpclaude-12ab-cwd"]
    harmless = ["null.md", "annuloid/x", "ratio 3:4.md"]
    for name in [*cruft, *harmless, "D:\\wanted.txt"]:
        a.write(name, f"tracked {name}\n")
    a.git("add", "-A")
    a.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "By plain git")
    a.git("push", "-q", "origin", "main")
    a.git("config", "--add", "claudetools.allow", "D:\\wanted.txt")
    (a.state / "pruned").unlink(missing_ok=True)
    a.write("real.md", "goes\n")
    result = a.sync()
    assert_synced(result)
    assert result.out.count("is a Windows path used as a file name") == len(cruft)
    assert {"D:\\wanted.txt", "real.md", *harmless} <= set(world.remote_files())
    assert not set(cruft) & set(world.remote_files())
    kept = {p.name: p.read_text() for p in (a.state / "quarantine").rglob("*") if p.is_file()}
    assert kept == {Path(name).name: f"tracked {name}\n" for name in cruft}
    save(b)
    assert_same(a, b)


# --- repositories of every kind ---------------------------------------------------


def test_the_first_sync_of_an_empty_repository_creates_the_branch_on_an_empty_remote(world: World) -> None:
    a = world.machine("LINUX-01", clone=False)
    a.run("git", "clone", "-q", world.remote, a.top, cwd=a.home)
    a.git("symbolic-ref", "HEAD", "refs/heads/main")
    write_identity(a)
    a.write(".gitignore", ".claude/identity.json\n")
    a.write("notes.md", "first\n")
    result = a.sync()
    assert_synced(result)
    assert result.out.startswith("[OK] Saved and pushed: 1 commit"), result.text
    assert world.remote_files() == [".gitignore", "notes.md"]
    assert a.status() == ""
    b = world.machine("MAC-02", "howard")
    save(b)
    assert_same(a, b)


def test_an_empty_repository_with_nothing_in_it_has_nothing_to_do(world: World) -> None:
    a = world.machine("LINUX-01", clone=False)
    a.run("git", "clone", "-q", world.remote, a.top, cwd=a.home)
    a.git("symbolic-ref", "HEAD", "refs/heads/main")
    (a.top / ".git/info/exclude").write_text(".claude\n")
    write_identity(a)
    result = a.sync()
    assert_synced(result)
    assert "[OK] Nothing to do" in result.out
    assert world.tip() == ""


def test_an_unborn_branch_receives_what_the_remote_has(world: World) -> None:
    a = world.machine("LINUX-01")
    b = world.machine("MAC-02", "howard", clone=False)
    b.run("git", "init", "-q", "-b", "main", b.top, cwd=b.home)
    b.git("remote", "add", "origin", str(world.remote))
    write_identity(b)
    result = b.sync()
    assert_synced(result)
    assert_same(a, b)


def test_no_commits_and_no_remote_makes_the_first_commit_here(world: World) -> None:
    a = world.machine("LINUX-01", clone=False)
    a.run("git", "init", "-q", "-b", "main", a.top, cwd=a.home)
    write_identity(a)
    a.write("notes.md", "first\n")
    result = a.sync()
    assert_synced(result)
    assert "[OK] Saved here: 1 commit. No remote is configured: git remote add origin URL" in result.out
    assert "[INFO] Left alone: .claude/identity.json is this machine's own." in result.out
    assert a.status() == "?? .claude/identity.json"
    assert a.git("ls-tree", "-r", "--name-only", "HEAD") == "notes.md"
    a.assert_sound()
    result = a.sync()
    assert_synced(result)
    assert "no remote is configured" in result.out


def test_without_a_remote_the_work_is_saved_here_and_goes_out_when_one_is_added(world: World, machine: Machine) -> None:
    machine.git("remote", "remove", "origin")
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert_synced(result)
    assert "No remote is configured" in result.out
    machine.git("remote", "add", "origin", str(world.remote))
    result = machine.sync()
    assert_synced(result)
    assert "notes.md" in world.remote_files()
    machine.assert_sound()


def add_worktree(machine: Machine, folder: str, branch: str) -> Machine:
    machine.git("worktree", "add", "-q", "-b", branch, str(machine.home / folder))
    return Machine(machine.name, machine.user, machine.home, machine.home / folder)


def test_a_linked_worktree_on_another_branch_is_told_so(machine: Machine) -> None:
    machine.git("config", "claudetools.branch", "main")
    linked = add_worktree(machine, "linked", "feature")
    linked.write("notes.md", "x\n")
    result = linked.sync()
    assert result.code == 78, result.text
    assert "This tree is on branch feature; main is the branch that is synced." in result.out
    assert linked.status() == "?? notes.md"
    machine.assert_sound()


@pytest.mark.parametrize("folder", ["linked", "main"])
def test_a_linked_worktree_syncs_its_own_configured_branch(world: World, machine: Machine, folder: str) -> None:
    linked = add_worktree(machine, folder, "feature")
    machine.git("config", "extensions.worktreeConfig", "true")
    linked.git("config", "--worktree", "claudetools.branch", "feature")
    machine.write("from-main.md", "main\n")
    linked.write("from-linked.md", "linked\n")
    assert_synced(linked.sync())
    assert_synced(machine.sync())
    assert "from-linked.md" in world.remote_git("ls-tree", "--name-only", "feature")
    assert "from-main.md" not in world.remote_git("ls-tree", "--name-only", "feature")
    assert "from-main.md" in world.remote_files()
    assert "from-linked.md" not in world.remote_files()
    assert linked.status() == ""
    assert machine.status() == ""
    # Who commits is this machine's, not this folder's: identity.json lies in the main working tree only.
    trailer = world.remote_git("log", "-1", "--format=%an %(trailers:key=Machine,valueonly)", "feature").split("\n")[0]
    assert trailer == "Mike Swanson LINUX-01"
    assert world.remote_git("log", "-1", "--format=%(trailers:key=Machine,valueonly)", "main").strip() == "LINUX-01"
    machine.assert_sound()


def make_submodule(world: World, a: Machine) -> Machine:
    """A repository `lib` of its own, added to A as a submodule."""
    library = world.root / "lib.git"
    world.remote_git("init", "-q", "--bare", "-b", "main", str(library))
    work = Machine("LIB", "mike", a.home, a.home / "lib-work")
    a.run("git", "clone", "-q", library, work.top, cwd=a.home)
    work.git("symbolic-ref", "HEAD", "refs/heads/main")
    work.git("config", "user.name", "Lib")
    work.git("config", "user.email", "lib@example.com")
    commit_plainly(work, "lib.txt", "1\n")
    work.git("push", "-q", "origin", "HEAD:main")
    a.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "vendor/lib")
    return work


def commit_plainly(machine: Machine, path: str, text: str) -> None:
    machine.write(path, text)
    machine.git("add", "-A")
    machine.git("-c", "user.name=Plain", "-c", "user.email=plain@example.com", "commit", "-qm", f"Change {path}")


def test_a_submodule_travels_as_a_pointer_and_is_not_deleted_by_who_has_not_checked_it_out(world: World) -> None:
    a, b = two_machines(world)
    work = make_submodule(world, a)
    save(a)
    save(b)
    assert b.status() == "", b.status()
    shutil.rmtree(b.top / "vendor")
    b.write("notes.md", "of B\n")
    save(b)
    assert "vendor/lib" in world.remote_git("ls-tree", "-r", "--name-only", "main").splitlines()
    commit_plainly(work, "lib.txt", "2\n")
    work.git("push", "-q", "origin", "HEAD:main")
    a.run("git", "-C", a.top / "vendor/lib", "pull", "-q", "origin", "main")
    (a.top / "vendor/lib/unsaved.txt").write_text("dirt inside a submodule is its own affair\n")
    save(a)
    assert world.remote_git("rev-parse", "main:vendor/lib").strip() == work.git("rev-parse", "HEAD")
    save(b)
    a.assert_sound()
    b.assert_sound()
    shutil.rmtree(a.top / "vendor")
    a.git("rm", "-q", "-f", "vendor/lib")
    save(a)
    save(b)
    assert "vendor/lib" not in world.remote_git("ls-tree", "-r", "--name-only", "main").splitlines()
    assert a.status() == ""
    assert b.status() == ""


def test_a_nested_repository_is_held_back_and_named(world: World, machine: Machine) -> None:
    inner = machine.top / "projects/inner"
    inner.mkdir(parents=True)
    machine.run("git", "init", "-q", "-b", "main", cwd=inner)
    (inner / "work.md").write_text("of another repository\n")
    person = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    machine.run("git", "add", "-A", cwd=inner)
    machine.run("git", *person, "commit", "-qm", "Inner", cwd=inner)
    machine.write("notes.md", "goes\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "Left out: projects/inner/ (is a git repository of its own). It stays in your folder." in result.out
    assert "echo /projects/inner/ >> .gitignore" in result.out
    assert "notes.md" in world.remote_files()
    assert not [f for f in world.remote_files() if f.startswith("projects")]
    assert (inner / "work.md").read_text() == "of another repository\n"
    machine.write(".gitignore", machine.read(".gitignore") + "/projects/inner/\n")
    save(machine)
    machine.assert_sound()


def test_the_worktrees_of_agents_inside_the_tree_are_ignored_silently(world: World, machine: Machine) -> None:
    machine.git("worktree", "add", "-q", "-b", "agent", ".claude/worktrees/agent one")
    machine.write(".claude/worktrees/agent one/draft.md", "unsaved\n")
    machine.write("notes.md", "goes\n")
    result = machine.sync()
    assert_synced(result)
    assert "worktrees" not in result.out + result.err
    assert not [f for f in world.remote_files() if "worktrees" in f]
    result = machine.sync()
    assert_synced(result)
    assert "[OK] Nothing to do" in result.out
    assert machine.read(".claude/worktrees/agent one/draft.md") == "unsaved\n"
    machine.assert_sound()


# --- kinds of files ---------------------------------------------------------------


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


# --- size and number --------------------------------------------------------------


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
    assert "900 deletions" in result.out
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


@pytest.mark.parametrize(("folders", "staged"), [(100, False), (20, True)], ids=["untracked", "staged by somebody"])
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


# --- writers ----------------------------------------------------------------------


def stub_git(machine: Machine, when: str, script: str) -> dict[str, str]:
    """A git on PATH that runs `script` once, "before" or "after" the real git reads the changed files."""
    folder = machine.home / "stubs"
    folder.mkdir(exist_ok=True)
    real = shutil.which("git")
    once = folder / "ran"
    (folder / "script").write_text(script)
    (folder / "git").write_text(
        textwrap.dedent(f"""\
        #!/bin/bash
        act() {{ [ -e '{once}' ] || {{ : >'{once}'; bash '{folder}/script'; }}; }}
        case " $* " in
          *' update-index -z --add '*)
            [ {when} != before ] || act
            '{real}' "$@"
            status=$?
            [ {when} != after ] || act
            exit "$status"
            ;;
        esac
        exec '{real}' "$@"
        """)
    )
    (folder / "git").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def committed_versions(world: World, path: str) -> list[bytes]:
    versions = []
    for commit in world.remote_git("rev-list", "main", "--", path).split():
        done = subprocess.run(
            ["git", "-C", str(world.remote), "cat-file", "blob", f"{commit}:{path}"], capture_output=True, check=True
        )
        versions.append(done.stdout)
    return versions


def test_a_file_that_changes_between_status_and_read_is_saved_as_it_then_is(world: World, machine: Machine) -> None:
    machine.write("notes.md", "as status saw it\n")
    env = stub_git(machine, "before", f"printf 'as it was read, and longer\\n' >'{machine.top}/notes.md'")
    assert_synced(machine.sync(env=env))
    assert committed_versions(world, "notes.md") == [b"as it was read, and longer\n"]
    assert machine.status() == ""
    machine.assert_sound()


def test_a_file_that_grows_while_it_is_read_is_saved_as_a_beginning(world: World, machine: Machine) -> None:
    machine.write("log.md", "one\n")
    env = stub_git(machine, "after", f"printf 'two\\n' >>'{machine.top}/log.md'")
    assert_synced(machine.sync(env=env))
    assert committed_versions(world, "log.md")[0] in (b"one\n", b"one\ntwo\n")
    save(machine)
    assert committed_versions(world, "log.md")[0] == b"one\ntwo\n"
    machine.assert_sound()


def test_a_file_that_is_rewritten_while_it_is_read_is_read_again(world: World, machine: Machine) -> None:
    machine.write("state.json", "half of the ol")
    env = stub_git(machine, "after", f"printf 'the whole new text' >'{machine.top}/state.json'")
    result = machine.sync(env=env)
    assert_synced(result)
    assert set(committed_versions(world, "state.json")) <= {b"the whole new text"}
    save(machine)
    assert committed_versions(world, "state.json") == [b"the whole new text"]
    machine.assert_sound()


def test_a_file_that_vanishes_between_status_and_read_stops_nobody(world: World, machine: Machine) -> None:
    machine.write("fleeting.tmp", "x\n")
    machine.write("notes.md", "goes\n")
    env = stub_git(machine, "before", f"rm '{machine.top}/fleeting.tmp'")
    result = machine.sync(env=env)
    assert result.code == 0, result.text
    assert "notes.md" in world.remote_files()
    assert "fleeting.tmp" not in world.remote_files()
    save(machine)
    assert machine.status() == ""
    machine.assert_sound()


REWRITER = """
import os, sys, itertools
path, stop = sys.argv[1], sys.argv[2]
fd = os.open(path, os.O_RDWR)
for n in itertools.count(1):
    os.lseek(fd, 0, 0)
    line = b"%08d\\n" % n
    for _ in range(2000):
        os.write(fd, line)  # in place, the size never changes: a torn read holds two numbers
    if n == 3:
        print("writing", flush=True)
    if os.path.exists(stop):
        break
"""


def test_no_half_rewritten_file_is_ever_committed(world: World, machine: Machine) -> None:
    target = machine.write("table.txt", b"%08d\n" % 0 * 2000)
    save(machine)
    stop = machine.home / "stop"
    with running(machine.start(sys.executable, "-c", REWRITER, target, stop)) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(8):
            result = machine.sync()
            assert result.code == 0, result.text
        stop.touch()
        writer.wait(30)
    save(machine)
    versions = committed_versions(world, "table.txt")
    for version in versions:
        assert len(set(version.split())) == 1, "torn: " + repr(set(version.split()))
    assert versions[0] == target.read_bytes()
    machine.assert_sound()


APPENDER = """
import os, sys, itertools, time
path, stop = sys.argv[1], sys.argv[2]
for n in itertools.count(1):
    with open(path, "ab", buffering=0) as file:
        file.write(b"line %d\\n" % n)
    if n == 3:
        print("writing", flush=True)
    time.sleep(0.0005)  # as a fast logger does, or the file outgrows every disk
    if os.path.exists(stop):
        break
"""


def test_a_log_that_grows_all_the_time_is_committed_as_beginnings_and_in_the_end_whole(world: World) -> None:
    a, b = two_machines(world)
    target = a.write("grow.log", "")
    stop = a.home / "stop"
    with running(a.start(sys.executable, "-c", APPENDER, target, stop)) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for n in range(5):
            b.write(f"from-b-{n}.md", "x\n")
            save(b)
            save(a)
        stop.touch()
        writer.wait(30)
    save(a)
    whole = target.read_bytes()
    for version in committed_versions(world, "grow.log"):
        assert whole.startswith(version)
    assert world.remote_file("grow.log").encode() == whole
    save(b)
    assert_same(a, b)


@contextlib.contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


# --- permissions and disks --------------------------------------------------------

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


@contextlib.contextmanager
def mounted(*args: str | Path) -> Iterator[None]:
    done = subprocess.run(["mount", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mount is not possible here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(args[-1])], check=True)


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


@root_only
def test_a_disk_that_is_full_loses_nothing_and_the_next_sync_finishes(world: World, tmp_path: Path) -> None:
    """Every amount of free space from nothing to plenty: some let the sync begin and not end."""
    a, b = two_machines(world)
    disk = tmp_path / "disk"
    disk.mkdir()
    for n in range(20):
        b.write(f"incoming/{n}.bin", os.urandom(20_000))
    save(b)
    with mounted("-t", "tmpfs", "-o", "size=16m", "claudetools-test", disk):
        a.run("cp", "-a", a.top, disk / "ops")
        a.top = disk / "ops"
        seen = set()
        for free in (0, 4, 8, 12, 24, 48, 100, 250, 450, 700):
            for n in range(3):
                b.write(f"incoming/{n}.bin", os.urandom(20_000))
            b.write(f"incoming/new-{free}.bin", os.urandom(60_000))
            save(b)
            mine = a.write(f"mine-{free}.bin", os.urandom(30_000)).read_bytes()
            fill(disk / "filler", free * 1024)
            before = contents(a.top)
            result = a.sync()
            seen.add(result.code)
            assert result.code in (0, 73), (free, result.text)
            assert "[" in result.out, result.text
            if result.code:
                words = ("o space left", "full disk", "couldn't write", "unable to write", "write error")
                assert any(w in result.out for w in words), (free, result.text)
            assert_unchanged_or_new(a, b, before)
            (disk / "filler").unlink()
            result = a.sync()
            assert_synced(result)
            save(b)
            assert (b.top / f"mine-{free}.bin").read_bytes() == mine
            assert_same(a, b)
        assert 0 in seen
        assert 73 in seen


def fill(path: Path, leave: int) -> None:
    """A file that takes all free space but `leave` bytes."""
    disk = os.statvfs(path.parent)
    size = max(0, disk.f_bavail * disk.f_frsize - leave)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))


def assert_unchanged_or_new(a: Machine, b: Machine, before: dict[bytes, bytes]) -> None:
    """Every file of A is whole: as it was, or as B has it."""
    theirs = contents(b.top)
    for path, data in contents(a.top).items():
        assert data in (before.get(path), theirs.get(path)), path
    for path in before:
        assert path in contents(a.top), path
