"""`claudetools` on the PATH: what it starts where, how its words are typed, completion."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from world import TOOLKIT, Machine, World, needs

COMMAND = TOOLKIT / "bin" / "claudetools"
VERSION = re.search(r'(?m)^version = "(.+)"', (TOOLKIT / "pyproject.toml").read_text())


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with `claudetools` on it, by a link to a link."""
    bin, elsewhere = tmp_path / "bin", tmp_path / "else where"
    bin.mkdir()
    elsewhere.mkdir()
    (elsewhere / "claudetools").symlink_to(COMMAND)
    (bin / "claudetools").symlink_to("../else where/claudetools")
    return f"{bin}:{os.environ['PATH']}"


def set_up(machine: Machine, version: str = "0.2.0") -> Path:
    """A clone that its person has set up, with a version that says what it was started with."""
    sum = "5d" * 32
    program = machine.state / "toolkit" / sum / "scripts/claudetools.sh"
    program.parent.mkdir(parents=True)
    program.write_text('echo "pinned: $*, typed as ${CLAUDETOOLS_TYPED-}"\n')
    machine.write(".claude/claudetools.json", json.dumps({"version": version, "sha256": sum}))
    shutil.copy(TOOLKIT / ".claude/scripts/claudetools-start.sh", machine.state / "start.sh")
    record = machine.state / "installed.json"
    record.write_text("{}")
    return record


def test_version_and_folder_are_told_without_python(tmp_path: Path, path: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "env", "readlink"):
        (tools / name).symlink_to(subprocess.check_output(["bash", "-c", f"command -v {name}"], text=True).strip())
    (tools / "claudetools").symlink_to(COMMAND)
    for word in ("--version", "version"):
        told = subprocess.run(["claudetools", word], env={"PATH": str(tools)}, capture_output=True, text=True)
        assert VERSION and (told.returncode, told.stdout, told.stderr) == (0, f"claudetools {VERSION[1]}\n", "")
    told = subprocess.run(["claudetools", "--toolkit"], env={"PATH": path}, capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, f"{TOOLKIT}\n"), told


def test_in_a_repository_it_starts_what_that_is_pinned_to(machine: Machine, path: str) -> None:
    set_up(machine)
    (machine.top / "a b").mkdir()
    env = {"PATH": path}
    for folder in (machine.top, machine.top / "a b"):
        told = machine.run("claudetools", "log", "new", "a b", cwd=folder, env=env)
        assert told.out == "pinned: log new a b, typed as claudetools\n", told.text
        assert machine.run("claudetools", "sync", "--all", cwd=folder, env=env).out == (
            "pinned: sync --all, typed as claudetools\n"
        )
    for word in ("--version", "help", "completion"):
        assert "pinned" not in machine.run("claudetools", word, env=env).out
    assert machine.run("claudetools", "install", "--help", env=env).out.startswith("Summary: Put claudetools into")


def test_in_a_linked_worktree_too(machine: Machine, path: str) -> None:
    set_up(machine)
    linked = machine.home / "linked"
    machine.git("worktree", "add", "-q", str(linked))
    shutil.copy(machine.top / ".claude/claudetools.json", linked / ".claude/claudetools.json")
    told = machine.run("claudetools", "doctor", cwd=linked, env={"PATH": path})
    assert told.out == "pinned: doctor, typed as claudetools\n", told.text


def test_code_of_a_repository_that_nobody_has_set_up_is_not_started(machine: Machine, path: str) -> None:
    set_up(machine).unlink()
    (machine.state / "start.sh").unlink()
    for name in ("sync", "claudetools", "claudetools-start"):
        machine.write(f".claude/scripts/{name}.sh", "echo pinned\n")
    for words in (("doctor",), ("sync",), ("notes",), ("setup", "--user", "mike")):
        told = machine.run("claudetools", *words, env={"PATH": path})
        assert "pinned" not in told.text and told.out + told.err


def test_outside_of_any_repository_it_answers(tmp_path: Path, machine: Machine, path: str) -> None:
    told = machine.run("claudetools", cwd=tmp_path, env={"PATH": path})
    assert (told.code, told.out, "Usage: claudetools " in told.err) == (64, "", True), told.text
    assert machine.run("claudetools", "notes", cwd=tmp_path, env={"PATH": path}).code == 78


def test_printed_commands_are_typed_as_this_one_was(world: World, path: str) -> None:
    machine = world.machine()
    env = {"PATH": path}
    for words, name in ((("sync", "--x"), "sync"), (("doctor", "x"), "doctor"), (("whoami", "x"), "whoami")):
        told = machine.run("claudetools", *words, env=env)
        assert (told.code, told.err.splitlines()[-1].strip()) == (64, f"See: claudetools {name} --help"), told.text
    assert machine.run("claudetools", "bogus", env=env).err.endswith("See: claudetools --help\n")
    told = machine.run("claudetools", "sessions", "restore", env=env)
    assert told.err.endswith("See: claudetools sessions restore --help\n"), told.text
    machine.write("secret/.env", "x\n")
    told = machine.run("claudetools", "sync", env=env)
    assert "Send it anyway: claudetools sync --allow secret/.env" in told.out, told.text
    assert "Usage: claudetools doctor [--json] | --locks" in machine.run("claudetools", "help", "doctor", env=env).out
    assert "Usage: claudetools notes " in machine.run("claudetools", "help", "notes", env=env).out


def test_every_program_is_a_command_with_its_manual(machine: Machine) -> None:
    manual = machine.run("bash", COMMAND, "help").out
    for program in (TOOLKIT / "scripts").glob("*.sh"):
        name = {"whoami-block": "whoami", "claudetools": "help"}.get(program.stem, program.stem)
        told = machine.run("bash", COMMAND, name, *([] if name == "help" else ["--help"]))
        summary = re.search(r"(?m)^# (Summary: .+)$", program.read_text())
        assert summary and told.out.startswith(summary[1]), told.text
        assert name == "help" or re.search(rf"(?m)^  {name} ", manual), f"the manual does not name {name}"


# --- completion ------------------------------------------------------------------


def test_completion_knows_commands_options_and_what_the_manuals_name(machine: Machine, path: str) -> None:
    def after(*words: str) -> set[str]:
        told = machine.run("claudetools", "--complete", *words, env={"PATH": path})
        assert told.code == 0, told.text
        return set(told.out.split())

    assert {"sync", "log", "with-lock", "completion", "--version"} <= after()
    assert {"--dry-run", "--mine", "--all"} <= after("sync")
    assert {"new", "append", "check"} <= after("log")
    assert {"new", "append", "check"} <= after("--session", "ab", "log")
    assert {"install", "status"} <= after("schedule")


def test_bash_completes(machine: Machine, path: str) -> None:
    script = (
        'eval "$(claudetools completion bash)"; COMP_WORDS=(claudetools sync --dr) COMP_CWORD=2; _claudetools; '
        'echo "${COMPREPLY[*]}"; COMP_WORDS=(claudetools whoa) COMP_CWORD=1; _claudetools; echo "${COMPREPLY[*]}"'
    )
    told = machine.run("bash", "-uc", script, env={"PATH": path})
    assert told.out == "--dry-run\nwhoami\n", told.text


@pytest.mark.skipif(bool(needs("fish")), reason=needs("fish"))
def test_fish_completes(machine: Machine, path: str) -> None:
    script = 'claudetools completion fish | source; complete -C "claudetools sync --dr"; complete -C "claudetools whoa"'
    told = machine.run("fish", "-c", script, env={"PATH": path})
    assert told.out.split() == ["--dry-run", "whoami"], told.text


@pytest.mark.skipif(bool(needs("zsh")), reason=needs("zsh"))
def test_zsh_completes(machine: Machine, path: str) -> None:
    """The function in zsh itself; only the two words of its own that need a terminal are replaced."""
    script = (
        'compdef() { :; }; compadd() { print -l -- "${@:2}"; }; eval "$(claudetools completion zsh)"; '
        "words=(claudetools sync --dr) CURRENT=3; _claudetools"
    )
    told = machine.run("zsh", "-fc", script, env={"PATH": path})
    assert "--dry-run" in told.out.split(), told.text


def test_no_other_shell_is_answered(machine: Machine) -> None:
    told = machine.run("bash", COMMAND, "completion", "tcsh")
    assert told.code == 64 and "bash, zsh or fish" in told.err
