"""The rules on a server: a workflow comes when it is asked for, and stays until the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from claudetools.install.toolkit import WORKFLOWS
from installing import TOOLKIT, copy_toolkit, difference, own_sync, run_install, tools, tree_of
from world import Machine


@pytest.fixture
def with_workflows(tmp_path: Path) -> Path:
    toolkit = copy_toolkit(TOOLKIT, tmp_path / "with-workflows")
    for name in ("github", "gitea"):
        path = toolkit / "hooks/ci" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"name: claudetools on {name}\n")
    return toolkit


@pytest.mark.sampled(2)
@pytest.mark.parametrize("server", ["github", "gitea"])
def test_a_workflow_comes_when_it_is_asked_for_and_stays_until_the_end(
    lived_in: Machine, with_workflows: Path, server: str
) -> None:
    before = tree_of(lived_in.top)
    path = lived_in.write(f".{server}/workflows/claudetools.yml", "mine\n")
    plan = run_install(lived_in, "--dry-run", "--ci", server, lived_in.top, toolkit=with_workflows)
    assert f"install.sh --ci {server} ~/ops " in plan.out
    result = run_install(lived_in, "--ci", server, lived_in.top, toolkit=with_workflows)
    assert result.code == 0, result.text
    assert "the same rules on the server; yours" in result.out
    assert path.read_text() == f"name: claudetools on {server}\n"
    assert run_install(lived_in, lived_in.top, toolkit=with_workflows).out.startswith("[OK] Nothing to do")
    assert run_install(lived_in, "--uninstall", lived_in.top, toolkit=with_workflows).code == 0
    assert path.read_text() == "mine\n"
    path.unlink()
    assert run_install(lived_in, "--ci", server, lived_in.top, toolkit=with_workflows).code == 0
    assert run_install(lived_in, "--uninstall", lived_in.top, toolkit=with_workflows).code == 0
    assert difference(before, tree_of(lived_in.top, state=False)) == []
    assert run_install(lived_in, "--ci", server, lived_in.top, toolkit=with_workflows).code == 0
    assert own_sync(lived_in).code == 0
    result = run_install(lived_in, "--uninstall", lived_in.top, toolkit=with_workflows)
    lived_in.git("config", "user.email", "m@example.com")
    commit = lived_in.run("bash", "-c", result.out.splitlines()[-1].removeprefix("To commit it: "))
    assert (commit.code, lived_in.status()) == (0, ""), commit.text


def test_the_workflows_that_may_be_asked_for_are_there() -> None:
    for name, path in WORKFLOWS.items():
        text = (TOOLKIT / "hooks/ci" / f"{name}.yml").read_text()
        assert path.startswith(f".{name}/workflows/")
        assert "bash .claude/scripts/claudetools.sh rules --range" in text


def test_the_workflow_runs_the_rules_in_a_clone_that_nobody_has_set_up(machine: Machine, lived_in: Machine) -> None:
    """The server's, which has neither hook nor identity."""
    assert run_install(lived_in, "--ci", "github", lived_in.top).code == 0
    assert own_sync(lived_in).code == 0
    tip = lived_in.git("rev-parse", "HEAD")
    lived_in.write("session-logs/2026-06-05-session.md", "x\n")
    lived_in.git("add", "-A")
    lived_in.git("commit", "-q", "--no-verify", "-m", "by hand")
    server = Machine("CI", "ci", lived_in.home, lived_in.home / "ci")
    lived_in.run("git", "clone", "-q", lived_in.top, server.top)
    assert tools(server, "rules", "--range", f"{tip}..{tip}").code == 0
    result = tools(server, "rules", "--range", f"{tip}..HEAD")
    assert (result.code, "2026-06-05-session.md" in result.err) == (1, True), result.text


def test_another_server_is_no_choice(empty: Machine) -> None:
    for args in (("--ci", "jenkins"), ("--ci",)):
        result = run_install(empty, *args, empty.top)
        assert (result.code, "--ci takes github or gitea" in result.err) == (64, True), result.text
