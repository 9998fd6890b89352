"""The installer beside a running sync or a writer, and killed at any step: completed or taken back, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from claudetools.install import command, place, plan, steps
from claudetools.install.call import InstallCall
from claudetools.install.toolkit import SHIMS
from installing import INSTALL, OWN_HOOK, OWN_SYNC, TOOLKIT, difference, run_install, tree_of
from world import Machine, clean_environment


def test_it_waits_for_nobody_forever_and_changes_nothing_under_a_running_sync(lived_in: Machine) -> None:
    """The lock is held by a live program; the installer is told not to wait."""
    before = tree_of(lived_in.top, state=False)
    script = f"CLAUDETOOLS_REENTER= bash '{INSTALL}' --wait 0 '{lived_in.top}'"
    result = lived_in.run("bash", TOOLKIT / "scripts/with-lock.sh", "--", "bash", "-c", script)
    assert result.code == 75, result.text
    assert difference(before, tree_of(lived_in.top, state=False)) == []


def test_what_somebody_writes_at_that_moment_is_not_overwritten(lived_in: Machine, tmp_path: Path) -> None:
    script = tmp_path / "write.sh"
    script.write_text(
        f"[ -e '{tmp_path}/done' ] || {{ echo more >>'{lived_in.top}/AGENTS.md'; touch '{tmp_path}/done'; }}\n"
    )
    env = {"CLAUDETOOLS_TEST_AT": f"install-written:{script}"}
    result = run_install(lived_in, lived_in.top, env=env)
    assert (result.code, "was written at this very moment" in result.err) == (65, True), result.text
    assert lived_in.read("AGENTS.md") == "# Rules\n\nBe kind.more\n"
    assert run_install(lived_in, lived_in.top).code == 0
    assert lived_in.read("AGENTS.md").startswith("# Rules\n\nBe kind.more\n")


@pytest.mark.parametrize("at", ["install-3", "install-written"])
def test_a_real_kill_leaves_a_lock_that_is_cleared_and_a_state_that_is_finished(
    lived_in: Machine, tmp_path: Path, at: str
) -> None:
    before = tree_of(lived_in.top)
    script = tmp_path / "kill.sh"
    script.write_text('kill -9 -- "-$2"\n')
    process = lived_in.start("bash", INSTALL, lived_in.top, env={"CLAUDETOOLS_TEST_AT": f"{at}:{script}"})
    assert process.wait(60) == -9
    assert run_install(lived_in, lived_in.top).code == 0
    assert run_install(lived_in, "--check", lived_in.top).code == 0
    assert not list(lived_in.top.rglob("*.claudetools-new"))
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    assert difference(before, tree_of(lived_in.top, state=False)) == []
    lived_in.sync()  # sweeps the dead run's claim
    lived_in.assert_sound()


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Stage:
    """A small toolkit in two versions and a repository to be copied, all in this process."""

    def __init__(self, root: Path) -> None:
        self.root, self.count, self.stop = root, 0, -1
        self.toolkits = [self.toolkit(v) for v in ("1.0", "2.0")]
        repo = root / "repo"
        for name, data in {
            ".claude/scripts/sync.sh": OWN_SYNC,
            ".claude/skills/a/SKILL.md": b"the user's, under our name\n",
            ".gitignore": b"*.log",
            "AGENTS.md": b"# Rules\r\n",
        }.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_bytes(data)
        subprocess.run(["git", "init", "-q", "--template=", repo], check=True)
        (repo / ".git/hooks").mkdir()
        (repo / ".git/hooks/pre-commit").write_bytes(OWN_HOOK)
        self.template = repo

    def toolkit(self, version: str) -> Path:
        toolkit = self.root / f"toolkit-{version}"
        texts = {"scripts/a.sh": "a", ".claude/skills/a/SKILL.md": "b", f".claude/skills/only-{version}/SKILL.md": "c"}
        for name, text in {**texts, **dict.fromkeys(SHIMS, "shim")}.items():
            (toolkit / name).parent.mkdir(parents=True, exist_ok=True)
            (toolkit / name).write_text(f"{text} {version}\n")
        (toolkit / "hooks/git").mkdir(parents=True)
        shutil.copy(TOOLKIT / "hooks/git/shim", toolkit / "hooks/git/shim")
        (toolkit / "pyproject.toml").write_text(f'version = "{version}"\n')
        return toolkit

    def copy(self, of: Path, name: str) -> Path:
        shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.copytree(of, self.root / name, symlinks=True)
        return self.root / name

    def run(self, job: str, repo: Path, toolkit: Path, stop: int = -1) -> int:
        """The number of places that were passed. Killed at place number `stop`."""
        call = InstallCall(job, toolkit, str(repo), "install.sh", "1")
        self.count, self.stop = 0, stop
        plan.carry_out(command.make_plan(call, place.open_place(str(repo), False)))
        return self.count

    def reach(self, name: str) -> None:
        self.count += 1
        if self.count == self.stop:
            raise Killed(name)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in [n for n in os.environ if n.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in clean_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    stage = Stage(tmp_path)
    monkeypatch.setattr(plan, "checkpoint", stage.reach)
    monkeypatch.setattr(steps, "checkpoint", stage.reach)
    yield stage


@pytest.mark.sampled(3)
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("then", ["install", "uninstall"])
@pytest.mark.parametrize("first", ["install", "upgrade", "uninstall"])
def test_killed_at_any_step_the_next_run_completes_it_or_takes_it_back(
    stage: Stage, first: str, then: str, part: int
) -> None:
    old, new = stage.toolkits
    start = stage.copy(stage.template, "start")
    if first != "install":
        stage.run("install", start, old)
    job, toolkit = ("uninstall", old) if first == "uninstall" else ("install", new)
    whole = stage.copy(stage.template if first != "upgrade" else start, "whole")
    stage.run("install", whole, new if first != "uninstall" else old)
    goal = tree_of(whole) if then == "install" else tree_of(stage.template)
    places = stage.run(job, stage.copy(start, "count"), toolkit)
    assert places > 15
    for stop in range(1 + part, places + 1, 3):
        repo = stage.copy(start, "repo-killed")
        with pytest.raises(Killed) as killed:
            stage.run(job, repo, toolkit, stop)
        assert OWN_SYNC in [v[1] for v in tree_of(repo).values()], "the user's file is somewhere at every moment"
        assert OWN_HOOK in [v[1] for v in tree_of(repo).values()]
        stage.run(then, repo, toolkit)
        left = difference(goal, tree_of(repo))
        assert left == [], f"killed at {stop} ({killed.value}), then {then}: {left}"
