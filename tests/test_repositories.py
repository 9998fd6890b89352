"""Repositories of every kind: empty, without a remote, with worktrees, submodules and repositories inside."""

from __future__ import annotations

import shutil

import pytest

from round_trip import assert_same, assert_synced, save, two_machines
from world import SYNC, TOOLKIT, Machine, World, write_identity


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
    assert "[OK] Nothing to save. main has no commit here." in result.out
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


@pytest.mark.sampled(2)
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


def test_two_working_trees_on_one_branch_are_refused_with_the_way_out(world: World, machine: Machine) -> None:
    linked = Machine(machine.name, machine.user, machine.home, machine.home / "a second")
    machine.git("worktree", "add", "-q", "-f", str(linked.top), "main")
    machine.write("notes.md", "here\n")
    before = world.tip()
    for tree, other in ((machine, linked), (linked, machine)):
        result = tree.sync()
        assert result.code == 78, result.text
        assert f"Two working trees are on branch main: {tree.top} and {other.top}.\n" in result.out
        assert result.out.splitlines()[-1].endswith(f"git -C '{linked.top}' switch --detach"), result.text
    assert world.tip() == before and machine.status() == "?? notes.md"
    assert machine.run("bash", "-c", result.out.splitlines()[-1].partition("are: ")[2]).code == 0
    assert_synced(machine.sync())
    assert "notes.md" in world.remote_files() and linked.status() == ""
    linked.git("switch", "-q", "--ignore-other-worktrees", "main")
    shutil.rmtree(linked.top)  # git prunes it some day
    assert_synced(machine.sync())
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


def test_a_repository_whose_path_holds_a_line_break_is_told_so_and_left_alone(world: World, machine: Machine) -> None:
    for name in ("new\nline", "new\n/line"):
        there = machine.home / name
        there.parent.mkdir(exist_ok=True)
        machine.top = machine.top.rename(there)
        machine.write("notes.md", "x\n")
        before = machine.status()
        for program in (SYNC, *(TOOLKIT / "scripts" / name for name in ("claudetools.sh", "doctor.sh", "install.sh"))):
            arguments = {"claudetools.sh": ["sessions", "who"], "install.sh": [str(machine.top)]}.get(program.name, [])
            result = machine.run("bash", program, *arguments)
            assert result.code == 78 and "line break" in result.out + result.err, (program, result.text)
        assert machine.status() == before and "notes.md" not in world.remote_files()
