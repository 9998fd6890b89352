"""What sync says where a branch, a worktree or a remote is amiss: each command that it prints is run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from world import SYNC, Machine, Result, World


def commands(result: Result) -> list[str]:
    """Every `git -C ...` that was printed, up to the end of its line."""
    return re.findall(r": (git -C .*)", result.out)


def follow(machine: Machine, result: Result, words: str, cwd: Path | None = None) -> None:
    """Runs the one command behind `words`."""
    found = re.search(re.escape(words) + r"\S* ?(git -C .*)", result.out)
    assert found, f"{words!r} is not named: {result.text}"
    done = machine.run("bash", "-c", found[1], cwd=cwd)
    assert done.code == 0, found[1] + done.text


@pytest.fixture
def set_up(machine: Machine) -> Machine:
    machine.git("config", "claudetools.branch", "main")
    assert machine.sync().code == 0
    return machine


def sync_in(machine: Machine, folder: Path, *args: str) -> Result:
    return machine.run("bash", SYNC, *args, cwd=folder)


def test_a_linked_worktree_is_told_what_works_there(world: World, set_up: Machine, tmp_path: Path) -> None:
    side = tmp_path / "si de"
    set_up.git("worktree", "add", "-q", str(side), "-b", "it's/a")
    (side / "notes.md").write_text("x\n")
    result = sync_in(set_up, side)
    assert (result.code, "switch" in result.out) == (78, False), result.text
    assert f"Nothing was changed. main is checked out in {set_up.top}: it is synced there." in result.out
    follow(set_up, result, "To sync this one from now on:", side)
    assert sync_in(set_up, side).code == 0
    assert world.remote_git("show", "it's/a:notes.md") == "x\n"
    assert [set_up.sync().code, set_up.git("config", "claudetools.branch")] == [0, "main"]
    set_up.assert_sound()


def test_worktrees_of_a_bare_clone_are_told_nothing_that_breaks_them(set_up: Machine, tmp_path: Path) -> None:
    bare = tmp_path / "proj.git"
    set_up.git("clone", "-q", "--bare", str(tmp_path / "remote.git"), str(bare))
    set_up.git("-C", str(bare), "worktree", "add", "-q", str(tmp_path / "main"), "main")
    set_up.git("-C", str(bare), "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"), "main")
    set_up.git("-C", str(bare), "config", "claudetools.branch", "main")
    result = sync_in(set_up, tmp_path / "side")
    assert (result.code, commands(result)) == (78, []), result.text
    assert f"main is checked out in {tmp_path / 'main'}" in result.out


@pytest.mark.sampled(2)
@pytest.mark.parametrize("state", ["clean", "in the way", "remote only", "nowhere", "gone worktree"])
def test_the_way_back_to_the_branch_works_or_is_not_named(set_up: Machine, tmp_path: Path, state: str) -> None:
    set_up.git("switch", "-q", "-c", "idea")
    if state == "in the way":
        set_up.write("notes.md", "idea\n")
        set_up.git("add", "-A")
        set_up.git("commit", "-q", "-m", "idea")
        set_up.write("notes.md", "edited\n")
    if state in ("remote only", "nowhere"):
        set_up.git("branch", "-q", "-D", "main")
    if state == "nowhere":
        set_up.git("config", "claudetools.branch", "trunk")
    if state == "gone worktree":
        set_up.git("worktree", "add", "-q", str(tmp_path / "gone"), "main")
        (tmp_path / "gone").rename(tmp_path / "elsewhere")
    result = set_up.sync()
    assert result.code == 78, result.text
    if state == "in the way":
        assert "What is changed here is in the way. Commit it, then: git" in result.out
        set_up.git("commit", "-q", "-am", "kept")
        follow(set_up, result, "then:")
    elif state == "nowhere":
        assert "There is no branch trunk here." in result.out
        follow(set_up, result, "To sync this one from now on:")
    elif state == "gone worktree":
        assert (" switch " in result.out, "whose folder is gone" in result.out) == (False, True)
        set_up.git("worktree", "prune")
        set_up.git("switch", "-q", "main")
    else:
        follow(set_up, result, "Fix:")
    assert set_up.sync().code == 0


def test_commits_on_no_branch_are_kept_under_a_name(set_up: Machine, tmp_path: Path) -> None:
    set_up.git("switch", "-q", "--detach")
    assert "Keep them" not in set_up.sync().out
    set_up.write("notes.md", "x\n")
    set_up.git("add", "-A")
    set_up.git("commit", "-q", "-m", "on no branch")
    oid = set_up.git("rev-parse", "HEAD")
    result = set_up.sync()
    assert result.code == 78, result.text
    follow(set_up, result, "Fix:")
    follow(set_up, result, "Keep them:")
    assert set_up.git("rev-parse", f"kept-{oid[:7]}") == oid
    assert set_up.sync().code == 0
    set_up.git("config", "--unset", "claudetools.branch")
    set_up.git("remote", "rm", "origin")
    set_up.git("switch", "-q", "--detach")
    result = set_up.sync()
    assert "none is named as the one that is synced" in result.out and commands(result) == [], result.text


@pytest.mark.sampled(2)
@pytest.mark.parametrize("fetched", [False, True], ids=["unseen", "pruned"])
def test_a_branch_that_was_renamed_on_the_remote_is_followed_or_made_anew(
    world: World, set_up: Machine, fetched: bool
) -> None:
    other = world.machine("MAC-02", "howard")
    assert other.sync().code == 0
    world.remote_git("branch", "-m", "main", "tr/unk's")
    world.remote_git("symbolic-ref", "HEAD", "refs/heads/tr/unk's")
    if fetched:
        for machine in (set_up, other):
            machine.git("fetch", "-q", "--prune")
    for machine in (set_up, other):
        machine.write(f"{machine.user}.md", "x\n")
        for _ in range(2):
            result = machine.sync()
            assert result.code == 65, result.text
            assert "[ERROR] origin has no branch main any more." in result.out
        assert world.remote_git("branch", "--format=%(refname)").split() == ["refs/heads/tr/unk's"]
    follow(set_up, set_up.sync(), "so is yours by:")
    assert set_up.sync().code == 0
    assert world.remote_git("show", "tr/unk's:mike.md") == "x\n"
    follow(other, result, "To make it anew there:")
    assert other.sync().code == 0
    assert world.remote_file("howard.md") == "x\n"


def test_a_remote_that_lost_every_branch_gets_it_back_by_the_command(world: World, set_up: Machine) -> None:
    world.remote_git("update-ref", "-d", "refs/heads/main")
    result = set_up.sync()
    assert (result.code, "renamed" in result.out) == (65, False), result.text
    follow(set_up, result, "To make it anew there:")
    assert (set_up.sync().code, world.tip()) == (0, set_up.git("rev-parse", "HEAD"))


def test_another_branch_or_remote_is_no_rewritten_history(world: World, set_up: Machine) -> None:
    set_up.write("notes.md", "x\n")
    assert set_up.sync().code == 0
    set_up.git("push", "-q", "origin", "HEAD~1:refs/heads/older")
    set_up.git("switch", "-q", "-c", "older", "--track", "origin/older")
    result = set_up.sync()
    follow(set_up, result, "To sync this one from now on:")
    assert set_up.sync().code == 0
    set_up.git("init", "-q", "--bare", str(world.root / "second.git"))
    set_up.git("remote", "add", "second", str(world.root / "second.git"))
    set_up.git("config", "claudetools.remote", "second")
    assert set_up.sync().code == 0
    set_up.git("config", "--unset", "claudetools.remote")
    set_up.git("branch", "-q", "--unset-upstream")
    set_up.git("remote", "rm", "origin")
    set_up.write("notes.md", "y\n")
    result = set_up.sync()
    named = re.search(r"No remote is chosen: (.*)", result.out)
    assert named and set_up.run("bash", "-c", named[1]).code == 0, result.text
    assert set_up.sync().code == 0
    assert set_up.git("ls-remote", "second", "older").split()[0] == set_up.git("rev-parse", "HEAD")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("what", ["merge", "rebase", "rebase of merges", "am", "cherry-pick", "revert", "bisect"])
def test_what_somebody_left_half_done_is_taken_back_by_the_command(set_up: Machine, what: str) -> None:
    set_up.git("config", "user.name", "M")
    for text in ("one", "two"):
        set_up.write("notes.md", f"{text}\n")
        set_up.git("add", "-A")
        set_up.git("commit", "-q", "-m", text)
    set_up.git("switch", "-q", "-c", "other", "HEAD~1")
    set_up.write("notes.md", "three\n")
    set_up.git("commit", "-q", "-am", "three")
    patch = set_up.git("format-patch", "-1", "-o", str(set_up.home))
    set_up.git("switch", "-q", "main")
    started = {
        "merge": ("merge", "other"),
        "rebase": ("rebase", "other"),
        "rebase of merges": ("rebase", "-r", "other"),
        "am": ("am", "-3", patch),
        "cherry-pick": ("cherry-pick", "other"),
        "revert": ("revert", "--no-edit", "HEAD~1"),
        "bisect": ("bisect", "start", "HEAD", "HEAD~2"),
    }[what]
    set_up.run("git", *started)
    result = set_up.sync()
    assert (result.code, "is in progress" in result.out) == (78, True), result.text
    follow(set_up, result, "or take it back:")
    assert set_up.sync().code == 0
    set_up.assert_sound()
