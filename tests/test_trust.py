"""What a colleague pushes, who may be somebody else: what of it is started here, and what is said of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from installing import ARCHIVE, PIN, VERSION, other_version, own_sync, pinned, run_install, tools, unpacked
from test_schedule import program_of
from test_settings import HOSTILE, record
from test_start import NEXT, commit, hook, ready
from world import Machine, Result, World

__all__ = ["ready"]  # the fixture


@pytest.fixture
def pair(world: World, ready: Machine) -> tuple[Machine, Machine]:
    """Howard's clone is set up and wants to be asked."""
    howard = world.machine("MAC-02", "howard")
    assert tools(howard, "setup").code == 0
    howard.git("config", "claudetools.trust", "ask")
    assert own_sync(howard).code == 0
    return ready, howard


def hostile(folder: Path, version: str, ran: Path) -> Path:
    """A version whose every program and helper leaves a trace."""
    toolkit = other_version(folder, version)
    for path in [*(toolkit / "scripts").rglob("*"), *(toolkit / "hooks").rglob("*")]:
        if path.is_file() and path.read_bytes()[:2] == b"#!" and "install" not in path.name:
            first, _, rest = path.read_text().partition("\n")
            path.write_text(f"{first}\necho {path.name} >>'{ran}'\n{rest}")
    for path in (toolkit / "hooks/agent/run.sh", toolkit / "scripts/lib/environment.sh"):
        path.write_text(f"echo {path.name} >>'{ran}'\n{path.read_text()}")
    return toolkit


def push_hostile(mallory: Machine, tmp_path: Path, version: str = NEXT) -> Path:
    """The archive, its matching sum, and settings that loosen everything, by plain git. Names the file of traces."""
    ran = tmp_path / "ran"
    assert run_install(mallory, mallory.top, toolkit=hostile(tmp_path / "hostile", version, ran)).code == 0
    data = json.loads(mallory.read(PIN))
    mallory.write(PIN, json.dumps(data | {"settings": HOSTILE}, indent=2))
    ran.unlink(missing_ok=True)
    mallory.git("add", "-A")
    mallory.git("-c", "user.name=Mallory", "-c", "user.email=m@example.com", "commit", "-qm", "x", "--no-verify")
    mallory.git("push", "-q", "origin", "main")
    return ran


def every_start(machine: Machine) -> list[Result]:
    """All that starts something of ours by itself, and what a person types."""
    starts = [hook(machine, event) for event in ("SessionStart", "UserPromptSubmit", "PreToolUse", "SessionEnd")]
    starts += [own_sync(machine), own_sync(machine, "--status"), tools(machine, "doctor"), commit(machine)]
    return [*starts, machine.run("bash", ".claude/scripts/whoami-block.sh")]


@pytest.mark.parametrize("version", [NEXT, VERSION], ids=["another version", "the same version"])
def test_a_hostile_archive_with_a_matching_sum_and_hostile_settings(
    pair: tuple[Machine, Machine], tmp_path: Path, version: str
) -> None:
    """Nothing runs, nothing is loosened, both are told, until a person says otherwise."""
    mallory, howard = pair
    before, counted = pinned(howard)[1], record(howard)
    ran = push_hostile(mallory, tmp_path, version)
    told = own_sync(howard)
    assert told.code == 0, told.text
    sum = pinned(howard)[1]
    assert sum != before
    lines = told.out.splitlines()
    assert (
        f"[WARN] Mallory updated claudetools {VERSION} -> {version}, sha256 {sum[:16]}..., "
        "the one before runs on until you accept it." in lines
    ), told.text
    waits = f"[WARN] claudetools {version} (sha256 {sum[:12]}...) waits for you; the version before it runs on."
    assert any(line.startswith(waits) for line in lines), told.text
    loosened = next(line for line in lines if line.startswith("[WARN] Not in force here until you accept it:"))
    for words in ("limitMB 50 -> 5000", "guards refuse -> off", "allow + clients", "trust auto -> ask"):
        assert (words in loosened) == (words != "trust auto -> ask"), loosened
    starts = every_start(howard)
    assert not ran.exists(), ran.read_text()
    assert [start.code for start in starts] == [0] * len(starts), "\n".join(start.text for start in starts)
    assert f"claudetools {VERSION} runs on" in starts[4].err
    assert record(howard) == counted and not unpacked(howard).exists()
    howard.write("clients/big.bin", b"\0" * 60_000_000)
    assert "Left out: clients/big.bin" in own_sync(howard).out
    howard.assert_sound()


def test_where_nobody_asks_the_sync_that_brings_it_runs_nothing_of_it_and_says_so(
    pair: tuple[Machine, Machine], tmp_path: Path
) -> None:
    mallory, howard = pair
    howard.git("config", "--unset", "claudetools.trust")
    assert own_sync(howard).code == 0
    ran = push_hostile(mallory, tmp_path)
    told = own_sync(howard)
    assert "[WARN] Mallory updated claudetools" in told.out and "active from the next run" in told.out, told.text
    assert "Not in force here until you accept it: " in told.out
    assert not ran.exists() and not unpacked(howard).exists()
    howard.git("config", "claudetools.trust", "ask")
    every_start(howard)
    assert not ran.exists() and not unpacked(howard).exists(), "there is time to say no"


def test_what_starts_by_itself_or_on_the_path_takes_nothing_from_the_tree(
    pair: tuple[Machine, Machine], tmp_path: Path
) -> None:
    """Shims are as they were pushed: git's hook, the scheduler and `claudetools` start the copy in the git folder."""
    mallory, howard = pair
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "crontab").write_text("#!/bin/sh\ncat >/dev/null\n")
    (programs / "crontab").chmod(0o755)
    (programs / "claudetools").symlink_to(Path(__file__).parent.parent / "bin/claudetools")
    env = {"PATH": f"{programs}:{os.environ['PATH']}"}
    assert tools(howard, "schedule", "install", "--with", "cron", env=env).code == 0
    ran = tmp_path / "ran"
    for name in ("sync", "claudetools", "claudetools-start", "whoami-block"):
        mallory.write(f".claude/scripts/{name}.sh", f"echo {name} >>'{ran}'\n")
    mallory.push()
    ran.unlink(missing_ok=True)
    told = howard.run("claudetools", "sync", env=env)
    for name in ("sync", "claudetools", "claudetools-start", "whoami-block"):
        assert f"changed .claude/scripts/{name}.sh, which starts programs here." in told.out, told.text
    assert commit(howard).code == 0
    assert howard.run("claudetools", "whoami", env=env).code == 0
    job = program_of(howard)
    job.write_text(job.read_text().replace(" run; fi", " run --now; fi"))
    result = howard.run("bash", job, env=env, cwd=howard.home)
    assert result.code == 0, result.text
    assert " exit 0 " in (howard.state / "schedule.log").read_text()
    assert not ran.exists(), ran.read_text()


def test_two_upgrades_at_once_leave_each_machine_with_one_that_runs(
    world: World, ready: Machine, tmp_path: Path
) -> None:
    """The pins are in conflict: the last good version runs on here, and the conflict is settled as any other."""
    howard = world.machine("MAC-02", "howard")
    assert tools(howard, "setup").code == 0 and own_sync(howard).code == 0 and own_sync(ready).code == 0
    one, other = (other_version(tmp_path / version, version) for version in ("8.0.0", "9.0.0"))
    assert run_install(ready, ready.top, toolkit=one).code == 0
    assert own_sync(ready, "-m", "Upgrade to 8").code == 0
    assert run_install(howard, howard.top, toolkit=other).code == 0
    result = own_sync(howard, "-m", "Upgrade to 9")
    assert result.code == 65 and PIN in result.out, result.text
    assert pinned(howard)[0] == "9.0.0"
    howard.write("next.md", "x\n")
    result = own_sync(howard)
    assert result.code == 65 and world.remote_file("next.md") == "x\n", result.text
    assert hook(howard).code == 0
    assert own_sync(howard, "--resolve").code == 0
    for path in sorted(p for p in (howard.top / ".claudetools-resolve").rglob("*") if p.is_file()):
        name = path.relative_to(howard.top / ".claudetools-resolve").as_posix()
        result = own_sync(howard, "--resolve", "--take", "mine", name)
        assert result.code == 0, result.text
    result = own_sync(howard)
    assert result.code == 0, result.text
    for machine in (ready, howard):
        result = own_sync(machine)
        assert result.code == 0, result.text
        assert pinned(machine)[0] == "9.0.0" and own_sync(machine, "--status").err == ""
        assert run_install(machine, "--check", machine.top, toolkit=other).code == 0
        machine.assert_sound()


def test_what_is_wrongly_typed_is_answered_with_what_is_typed(ready: Machine) -> None:
    for words, name in (
        ("sync.sh --x", "sync.sh"),
        ("whoami-block.sh x", "whoami-block.sh"),
        ("claudetools.sh doctor x", "claudetools.sh doctor"),
        ("claudetools.sh schedule", "claudetools.sh schedule"),
        ("claudetools.sh install --x", "claudetools.sh install"),
        ("claudetools.sh rules --x", "claudetools.sh rules"),
        ("claudetools.sh whoami x", "whoami-block.sh"),
        ("claudetools.sh with-lock", "claudetools.sh with-lock"),
        ("claudetools.sh bogus", "claudetools.sh"),
    ):
        told = ready.run("bash", "-c", f"bash .claude/scripts/{words}")
        assert (told.code, told.err.splitlines()[-1].strip()) == (64, f"See: bash .claude/scripts/{name} --help"), (
            told.text
        )
        manual = ready.run("bash", "-c", told.err.splitlines()[-1].split("See: ")[1])
        assert manual.code == 0 and f"Usage: bash .claude/scripts/{name}" in manual.out, manual.text
    assert ARCHIVE in ready.git("ls-files")
