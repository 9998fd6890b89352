"""The repository's own hooks, filters and signing, each with the real program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from world import Machine, World, needs

CONFIG = """\
repos:
  - repo: local
    hooks:
      - id: no-tabs
        name: no tabs
        entry: {python} check.py
        language: system
        files: \\.md$
"""
CHECK = """\
import sys
bad = [name for name in sys.argv[1:] if "\\t" in open(name).read()]
for name in bad:
    print(f"{name}: a tab")
sys.exit(bool(bad))
"""


@pytest.fixture
def framework(machine: Machine) -> Machine:
    """A machine whose repository uses the real pre-commit framework."""
    machine.write(".pre-commit-config.yaml", CONFIG.format(python=sys.executable))
    machine.write("check.py", CHECK)
    assert machine.sync().code == 0
    done = machine.run(Path(sys.executable).parent / "pre-commit", "install")
    assert done.code == 0, done.text
    return machine


def test_the_real_framework_passes_what_is_in_order(world: World, framework: Machine) -> None:
    framework.write("a.md", "in order\n")
    result = framework.sync()
    assert result.code == 0, result.text
    assert world.remote_file("a.md") == "in order\n"
    framework.assert_sound()


def test_the_real_framework_refuses_a_file_and_the_rest_goes(world: World, framework: Machine) -> None:
    framework.write("good.md", "in order\n")
    framework.write("bad.md", "a\ttab\n")
    result = framework.sync()
    assert result.code == 65, result.text
    assert "Left out: bad.md" in result.out and "a tab" in result.out
    assert "good.md" in world.remote_files()
    assert "bad.md" not in world.remote_files()
    assert framework.read("bad.md") == "a\ttab\n"
    assert framework.status() == "?? bad.md"
    framework.write("bad.md", "mended\n")
    assert framework.sync().code == 0
    assert world.remote_file("bad.md") == "mended\n"
    framework.assert_sound()


def test_the_framework_never_stashes_what_others_write(framework: Machine) -> None:
    """In the shared tree it would save unstaged changes away and check the files out."""
    framework.write("README.md", "# ops\nhalf a thought")
    framework.write("bad.md", "a\ttab\n")
    framework.sync("--", "bad.md")
    assert framework.read("README.md") == "# ops\nhalf a thought"
    assert not list((framework.home / ".cache" / "pre-commit").glob("patch*"))


def is_over(pid: str) -> bool:
    """Gone, or a zombie that nobody has reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def hook(machine: Machine, text: str) -> None:
    path = machine.common / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_hook_that_does_not_end_is_ended_with_all_that_it_started(machine: Machine, tmp_path: Path) -> None:
    """The real limit is 60 s; in an agent's shell what is left of its patience, here 1 s."""
    toolkit = tmp_path / "toolkit"
    toolkit.mkdir()
    for name in ("scripts", "pylib", "hooks"):
        shutil.copytree(Path(__file__).parent.parent / name, toolkit / name)
    own = toolkit / "scripts" / "lib" / "own_hooks.sh"
    own.write_text(own.read_text().replace("HOOK_LIMIT_SECONDS=60", "HOOK_LIMIT_SECONDS=1"))
    hook(machine, f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    machine.write("a.md", "x\n")
    result = machine.run("bash", toolkit / "scripts" / "sync.sh")
    assert result.code == 65, result.text
    assert "did not end within 1 s" in result.out
    assert is_over((tmp_path / "pid").read_text().strip())
    assert machine.status() == "?? a.md"
    machine.assert_sound()


def test_a_hook_without_a_path_in_its_words_holds_everything(world: World, machine: Machine) -> None:
    hook(machine, "echo 'not on a Friday' >&2; exit 1")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 65
    assert "not on a Friday" in result.out
    assert "a.md" not in world.remote_files()


@pytest.mark.skipif(bool(needs("ssh-keygen")), reason=needs("ssh-keygen"))
def test_commits_are_signed_where_the_user_signs_also_when_replayed(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    (tmp_path / "signers").write_text(f"mike@example.com {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", str(tmp_path / "signers")),
    ):
        machine.git("config", name, value)
    machine.write("a.md", "x\n")
    assert machine.sync().code == 0
    machine.git("verify-commit", "HEAD")
    other = world.machine("LINUX-02", "howard")
    other.write("h.md", "x\n")
    other.sync()
    machine.write("b.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    machine.git("verify-commit", "HEAD")
    world.assert_linear()


@pytest.mark.skipif(bool(needs("ssh-keygen")), reason=needs("ssh-keygen"))
def test_a_key_that_cannot_be_used_is_78_and_nothing_is_committed(machine: Machine, tmp_path: Path) -> None:
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(tmp_path / "missing")),
        ("commit.gpgSign", "true"),
    ):
        machine.git("config", name, value)
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 78, result.text
    assert "cannot be signed" in result.out
    assert machine.status() == "?? a.md"
    machine.assert_sound()


def test_a_filter_stores_the_one_and_shows_the_other(world: World, machine: Machine) -> None:
    """As LFS does: what is committed is not what lies in the folder, on either machine."""
    other = world.machine("LINUX-02", "howard")
    for each in (machine, other):
        each.git("config", "filter.caps.clean", "tr a-z A-Z")
        each.git("config", "filter.caps.smudge", "tr A-Z a-z")
    machine.write(".gitattributes", "*.big filter=caps\n")
    machine.sync()
    other.sync()
    machine.write("x.big", "content\n")
    assert machine.sync().code == 0
    assert world.remote_file("x.big") == "CONTENT\n"
    assert other.sync().code == 0
    assert other.read("x.big") == "content\n"
    other.write("x.big", "content\nmore\n")
    assert other.sync().code == 0
    assert machine.sync().code == 0
    assert machine.read("x.big") == "content\nmore\n"
    assert machine.status() == other.status() == ""
