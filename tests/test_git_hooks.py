"""Our native pre-commit: what a plain `git commit` meets in a tree that others are writing in."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from installing import in_use
from test_own_hooks import CHECK, CONFIG
from world import TOOLKIT, Machine, World, log_text


@pytest.fixture
def installed(world: World) -> Machine:
    """A repository with the toolkit, and the shim as its pre-commit hook."""
    (machine,) = world.take(in_use(), "LINUX-01")
    return machine


def plain_commit(machine: Machine, *paths: str) -> tuple[int, str]:
    machine.git("add", "-f", "--", *paths)
    result = machine.run("git", "commit", "-q", "-m", "by hand")
    return result.code, result.err


def test_a_bare_log_name_is_refused_with_the_command_that_helps(installed: Machine) -> None:
    log = "clients/acme/session-logs/2026-06-05-session.md"
    installed.write(log, log_text(installed))
    code, words = plain_commit(installed, log)
    assert code == 1
    assert f"[ERROR] {log} is a log name that every session of that day would share." in words
    assert "mv -- " in words
    installed.git("mv", log, "clients/acme/session-logs/2026-06-05-mike-acme.md")
    assert installed.run("git", "commit", "-q", "-m", "by hand").code == 0


def test_an_old_bare_log_may_change(world: World, machine: Machine) -> None:
    machine.sync()
    log = "session-logs/2026-06-05-session.md"
    machine.write(log, "x\n")
    machine.git("add", log)
    machine.git("commit", "-q", "-m", "before claudetools")
    machine.write(log, "x\ny\n")
    machine.git("add", log)
    assert machine.run("bash", TOOLKIT / "hooks" / "checks" / "run.sh").code == 0


def test_the_framework_runs_in_a_copy_and_puts_nobodys_work_away(installed: Machine, tmp_path: Path) -> None:
    installed.extra_env["TMPDIR"] = str(tmp_path)
    installed.write(".pre-commit-config.yaml", CONFIG.format(python=sys.executable))
    installed.write("check.py", CHECK)
    installed.sync()
    hooks = installed.common / "hooks"
    (hooks / "pre-commit").rename(hooks / "shim")
    assert installed.run(Path(sys.executable).parent / "pre-commit", "install").code == 0
    (hooks / "pre-commit").rename(hooks / "pre-commit.before")
    (hooks / "shim").rename(hooks / "pre-commit")
    installed.write("README.md", "another session is writing here")
    before = (installed.top / "README.md").stat()
    installed.write("a.md", "fine\n")
    assert plain_commit(installed, "a.md")[0] == 0
    after = (installed.top / "README.md").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino), "the file was never touched"
    installed.write("b.md", "a\ttab\n")
    code, words = plain_commit(installed, "b.md")
    assert code == 1
    assert "b.md: a tab" in words
    assert installed.read("README.md") == "another session is writing here"
    assert not list(tmp_path.glob("claudetools-commit.*")), "the copy is gone"


def test_a_formatter_is_named_and_the_file_is_left_alone(installed: Machine) -> None:
    own = installed.common / "hooks" / "pre-commit.before"
    own.write_text("#!/bin/sh\nprintf 'formatted\\n' > a.md\nexit 1\n")
    own.chmod(0o755)
    installed.write("a.md", "as I wrote it\n")
    code, words = plain_commit(installed, "a.md")
    assert code == 1
    assert "Your hook would rewrite a.md" in words
    assert installed.read("a.md") == "as I wrote it\n"


def test_a_partial_commit_works_as_ever(installed: Machine) -> None:
    """`git commit -- PATH` gives the hook an index of its own."""
    own = installed.common / "hooks" / "pre-commit.before"
    own.write_text("#!/bin/sh\ngit diff --cached --name-only\n")
    own.chmod(0o755)
    installed.write("a.md", "a\n")
    installed.write("b.md", "b\n")
    installed.git("add", "a.md", "b.md")
    result = installed.run("git", "commit", "-m", "one of two", "--", "a.md")
    assert result.code == 0, result.text
    assert installed.git("show", "--format=", "--name-only", "HEAD") == "a.md"
    assert installed.git("diff", "--cached", "--name-only") == "b.md"


def test_a_sync_does_not_pay_for_the_shim_alone(installed: Machine) -> None:
    installed.write("a.md", "x\n")
    assert installed.sync().code == 0
    assert not (installed.state / "trees" / "main" / "check").exists()


def test_without_the_toolkit_the_shim_runs_what_was_there_before(machine: Machine, tmp_path: Path) -> None:
    machine.sync()
    hooks = machine.common / "hooks"
    hooks.mkdir(exist_ok=True)
    shutil.copy(TOOLKIT / "hooks" / "git" / "shim", hooks / "pre-commit")
    machine.write("a.md", "x\n")
    assert plain_commit(machine, "a.md")[0] == 0
    (hooks / "pre-commit.before").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (hooks / "pre-commit.before").chmod(0o755)
    machine.write("b.md", "x\n")
    assert plain_commit(machine, "b.md")[0] == 0
    assert (tmp_path / "ran").exists()
