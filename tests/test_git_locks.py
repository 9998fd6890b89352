"""Lock files of git's own that a killed git left: named with age and remedy, waited for when young, never removed."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from world import Machine, Result, World


def leave_lock(path: Path, seconds: int = 300) -> Path:
    """As a git that was killed so long ago left it."""
    path.touch()
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def assert_named(result: Result, lock: Path, age: str = "5 minutes") -> None:
    assert result.code == 73, result.text
    assert f"git's lock file {lock} is in the way, made {age} ago." in result.out, result.text
    assert lock.exists(), "removed, though nothing proves whose it is"
    for wrong in ("[OK]", "cannot be reached", "Others commit here"):
        assert wrong not in result.out, result.text


def follow_advice(machine: Machine, result: Result) -> None:
    """Run the printed commands as they stand."""
    found = re.search(r": (rm .+)\n +Then: (bash .+)\n", result.out)
    assert found, result.text
    assert machine.run("bash", "-c", found[1]).code == 0
    done = machine.run("bash", "-c", found[2])
    assert done.code == 0, done.text


def test_each_lock_of_a_killed_git_is_named_and_its_remedy_works(tmp_path: Path) -> None:
    world = World(tmp_path)
    mike, howard = world.machine("LINUX-01", "mike"), world.machine("MAC-02", "howard")
    assert mike.sync().code == 0
    git = mike.common
    here = [git / "HEAD.lock", git / "refs/heads/main.lock", world.remote / "refs/heads/main.lock"]
    for n, lock in enumerate([*here, world.remote / "HEAD.lock", git / "refs/remotes/origin/main.lock"]):
        mike.write("mine.txt", f"{n}\n")
        leave_lock(lock)
        first = mike.sync()
        assert_named(first, lock)
        assert_named(mike.sync(), lock)
        follow_advice(mike, first)
        assert world.remote_file("mine.txt") == f"{n}\n" and mike.status() == ""
    # One of the index may be a person's, in the editor of `git commit`, but not for hours.
    mike.write("mine.txt", "of the index\n")
    lock = leave_lock(git / "index.lock", 3 * 3600)
    result = mike.sync()
    assert_named(result, lock, "3 hours")
    follow_advice(mike, result)
    # What comes in meets the same files.
    for n, name in enumerate(("HEAD.lock", "refs/remotes/origin/main.lock")):
        howard.write("theirs.txt", f"{n}\n")
        assert howard.sync().code == 0
        lock = leave_lock(git / name)
        assert_named(mike.sync(), lock)
        follow_advice(mike, mike.sync())
        assert mike.read("theirs.txt") == f"{n}\n"
    world.assert_linear()
    mike.assert_sound()


def test_a_lock_of_gits_settings_is_named_and_the_work_goes_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    mike = world.machine()
    assert mike.sync().code == 0
    mike.git("config", "user.name", "Somebody Else")
    lock = leave_lock(mike.common / "config.lock")
    mike.write("mine.txt", "mine\n")
    assert_named(mike.sync(), lock)
    assert world.remote_file("mine.txt") == "mine\n"
    assert world.remote_git("log", "-1", "--format=%an", "main") == "Mike Swanson\n"
    result = mike.sync()
    assert_named(result, lock)
    follow_advice(mike, result)
    assert mike.git("config", "user.name") == "Mike Swanson"


def test_the_lock_of_a_linked_worktree_is_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    mike = world.machine()
    assert mike.sync().code == 0
    linked = Machine("LINUX-01", "mike", mike.home, mike.home / "linked")
    mike.git("worktree", "add", "-q", "-b", "side", str(linked.top))
    linked.git("config", "extensions.worktreeConfig", "true")
    linked.git("config", "--worktree", "claudetools.branch", "side")
    linked.write("linked.txt", "linked\n")
    lock = leave_lock(mike.common / "worktrees/linked/HEAD.lock")
    result = linked.sync()
    assert_named(result, lock)
    follow_advice(linked, result)
    assert world.remote_git("show", "side:linked.txt") == "linked\n"


def test_a_lock_that_goes_in_time_is_only_waited_for(tmp_path: Path) -> None:
    world = World(tmp_path)
    mike = world.machine()
    assert mike.sync().code == 0
    mike.write("mine.txt", "mine\n")
    lock = mike.common / "HEAD.lock"
    lock.touch()
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    (stubs / "sleep").write_text(f"#!/bin/sh\nrm -f '{lock}'\n")
    (stubs / "sleep").chmod(0o755)
    result = mike.sync(env={"PATH": f"{stubs}:{os.environ['PATH']}"})
    assert result.code == 0 and "Saved and pushed" in result.out, result.text


def test_a_lock_on_another_machine_is_told_by_the_words_of_its_git(tmp_path: Path) -> None:
    world = World(tmp_path)
    mike = world.machine()
    assert mike.sync().code == 0
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\n[ "$1" != -G ] || exit 1\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c "$1"\n')
    ssh.chmod(0o755)
    mike.git("remote", "set-url", "origin", f"server:{world.remote}")
    mike.write("mine.txt", "mine\n")
    lock = world.remote / "refs/heads/main.lock"
    lock.touch()
    result = mike.sync(env={"GIT_SSH_COMMAND": str(ssh)})
    assert result.code == 77, result.text
    assert f"git's lock file {lock} is in the way there." in result.out, result.text
    assert f"on that machine: rm {lock}\n" in result.out and lock.exists()
    lock.unlink()
    assert mike.sync(env={"GIT_SSH_COMMAND": str(ssh)}).code == 0
    assert world.remote_file("mine.txt") == "mine\n"
