"""An upgrade travels with the repository: what runs while it arrives is not disturbed, and what runs next is of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forced import KILL_GROUP, at, ended, was_reached
from installing import VERSION, other_version, own_sync, pinned, run_install, tools, unpacked
from test_contention import Start
from world import Machine, World


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A version whose shell code and helpers do not understand those of ours: whoever mixes them fails."""
    toolkit = other_version(tmp_path / "claudetools-9.0", "9.0.0")
    python = toolkit / "scripts/lib/python.sh"
    python.write_text(python.read_text() + "export NINE=9\n")
    entry = toolkit / "pylib/claudetools/__main__.py"
    guard = (
        'if os.environ.get("NINE") != "9":\n    sys.exit("helpers of 9.0.0 were started by older code")\n\n\ndef main()'
    )
    entry.write_text(entry.read_text().replace("def main()", guard, 1))
    return toolkit


@pytest.fixture
def two(world: World) -> tuple[Machine, Machine]:
    """Mike installed it and sent it, Howard received it."""
    mike = world.machine("LINUX-01", "mike")
    assert run_install(mike, mike.top).code == 0
    assert own_sync(mike).code == 0
    howard = world.machine("MAC-02", "howard")
    assert tools(howard, "setup").code == 0
    assert own_sync(howard).code == 0
    return mike, howard


def version_of(machine: Machine) -> str:
    return pinned(machine)[0]


def upgrade(machine: Machine, toolkit: Path) -> None:
    """As its owner would: install, then send."""
    result = run_install(machine, machine.top, toolkit=toolkit, env={"NINE": "9"})
    assert result.code == 0, result.text
    result = own_sync(machine, "-m", "Upgrade")
    assert result.code == 0, result.text


@pytest.mark.sampled(2, "upgrades")
def test_an_upgrade_that_comes_in_changes_nothing_for_the_run_that_receives_it(
    world: World, two: tuple[Machine, Machine], newer: Path
) -> None:
    """After its files are swapped in, the run has to receive a second time: with the helpers that it began with."""
    mike, howard = two
    upgrade(mike, newer)
    howard.write("howard.md", "x\n")
    # When the upgrade lies in the tree but the branch has not moved yet, a commit by hand makes the run go round again.
    person = "git -c user.name=P -c user.email=p@example.com commit -q --no-verify --allow-empty -m 'by hand'"
    env = at(howard, "advance-index-locked", person)
    result = howard.run("bash", ".claude/scripts/sync.sh", env=env)
    assert was_reached(env)
    assert result.code == 0, result.text
    assert "older code" not in result.text
    assert version_of(howard) == "9.0.0"
    assert world.remote_file("howard.md") == "x\n"
    howard.write("next.md", "y\n")
    result = own_sync(howard)
    assert result.code == 0, result.text
    assert world.remote_file("next.md") == "y\n"
    howard.assert_sound()
    assert howard.status() == ""


@pytest.mark.sampled(2, "upgrades")
def test_one_machine_is_upgraded_while_eight_syncs_run_on_the_other(
    world: World, two: tuple[Machine, Machine], newer: Path
) -> None:
    mike, howard = two
    run_install(mike, mike.top, toolkit=newer, env={"NINE": "9"})
    start = Start()
    for who in range(8):
        script = f"echo {who} >'own-{who}.md'; exec bash .claude/scripts/sync.sh -m 'from {who}'"
        start.add(howard, script, CLAUDETOOLS_SESSION_ID=f"session-{who}")
    start.add(mike, "exec bash .claude/scripts/sync.sh -m Upgrade")
    results = start.go()
    assert {r.code for r in results} <= {0, 75}, "\n".join(r.text for r in results)
    assert not [r.text for r in results if "older code" in r.text or "line " in r.err]
    for machine in (howard, mike):
        assert own_sync(machine).code == 0
        assert version_of(machine) == "9.0.0"
        machine.assert_sound()
        assert machine.status() == ""
    for who in range(8):
        assert world.remote_file(f"own-{who}.md") == f"{who}\n"
    world.assert_linear()


@pytest.mark.sampled(2, "upgrades")
def test_back_to_the_older_version_and_up_again_loses_nothing(
    world: World, two: tuple[Machine, Machine], newer: Path
) -> None:
    mike, _ = two
    before = {p: p.read_bytes() for p in (mike.top / ".claude").rglob("*") if p.is_file()}
    upgrade(mike, newer)
    result = run_install(mike, mike.top)
    assert f"9.0.0 -> {VERSION}" in result.out, result.text
    assert {p: p.read_bytes() for p in (mike.top / ".claude").rglob("*") if p.is_file()} == before
    mike.write("a.md", "x\n")
    assert own_sync(mike).code == 0
    upgrade(mike, newer)
    mike.assert_sound()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("call", ["sync.sh", "whoami-block.sh", "claudetools.sh log --help"])
def test_older_code_that_meets_newer_state_stops_and_says_the_command(two: tuple[Machine, Machine], call: str) -> None:
    mike, _ = two
    (mike.state / "format").write_text("2\n")
    mike.write("a.md", "x\n")
    result = mike.run("bash", "-c", f"bash .claude/scripts/{call}")
    assert result.code == 78, result.text
    assert "format 2, this version knows 1" in result.text and "git pull --ff-only" in result.text
    assert mike.status() == "?? a.md"
    assert run_install(mike, "--check", mike.top).code == 78


@pytest.fixture
def migrating(newer: Path) -> Path:
    """The newer version keeps its state in another format: a file of the state folder has another name."""
    path = newer / "scripts/lib/repository.sh"
    path.write_text(path.read_text().replace("readonly STATE_FORMAT=1", "readonly STATE_FORMAT=2"))
    step = 'migrate_from_1() { [ ! -e "$STATE/old-name" ] || mv "$STATE/old-name" "$STATE/new-name"; }\n'
    path = newer / "scripts/lib/migrate.sh"
    path.write_text(path.read_text() + step)
    return newer


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kill", [False, True])
def test_older_state_is_brought_up_to_date_by_the_first_sync(
    world: World, two: tuple[Machine, Machine], migrating: Path, kill: bool
) -> None:
    mike, howard = two
    upgrade(mike, migrating)
    assert (mike.state / "format").read_text() == "2\n", "the sync that sent it was of the new version already"
    (howard.state / "old-name").write_text("precious\n")
    assert own_sync(howard).code == 0
    assert (howard.state / "format").read_text() == "1\n", "the run that received it was of the old version"
    result = howard.run("bash", ".claude/scripts/whoami-block.sh")
    assert (result.code, "A sync brings it up to date" in result.err) == (78, True), result.text
    assert (howard.state / "old-name").exists()
    if kill:
        env = at(howard, "migrated-1", KILL_GROUP)
        assert ended(howard.start("bash", ".claude/scripts/sync.sh", env=env)) == -9
        assert (howard.state / "format").read_text() == "1\n"
    result = own_sync(howard)
    assert result.code == 0, result.text
    assert (howard.state / "format").read_text() == "2\n"
    assert (howard.state / "new-name").read_text() == "precious\n"
    assert "Howard Lee" in howard.run("bash", ".claude/scripts/whoami-block.sh").out
    howard.assert_sound()
    # And back: older code leaves the newer state alone.
    result = run_install(howard, howard.top)
    assert (result.code, "format 2, this version knows 1" in result.err) == (78, True), result.text
    result = howard.sync()
    assert (result.code, "git pull --ff-only" in result.out) == (78, True), result.text


@pytest.mark.sampled(2, "upgrades")
def test_a_step_that_fails_is_told_and_nothing_is_sent(
    world: World, two: tuple[Machine, Machine], migrating: Path
) -> None:
    mike, _ = two
    path = migrating / "scripts/lib/migrate.sh"
    path.write_text(path.read_text() + "migrate_from_1() { return 1; }\n")
    assert run_install(mike, mike.top, toolkit=migrating, env={"NINE": "9"}).code == 0
    tip = world.tip()
    result = own_sync(mike)
    assert (result.code, "could not be brought from format 1 to 2" in result.out) == (73, True), result.text
    assert world.tip() == tip
    mike.assert_sound()


@pytest.mark.sampled(2, "upgrades")
def test_only_as_many_versions_are_kept_as_may_be_in_use(two: tuple[Machine, Machine], tmp_path: Path) -> None:
    """Halves of what a killed run unpacked go as well, once nobody can be at work on them."""
    mike, _ = two
    half, new = mike.state / "toolkit/.new-abcdef", mike.state / "toolkit/.new-ghijkl"
    for folder in (half, new):
        folder.mkdir()
    os.utime(half, (0, 0))
    for n in range(5):
        upgrade(mike, other_version(tmp_path / f"v{n}", f"0.2.{n}"))
    assert len([p for p in (mike.state / "toolkit").iterdir() if not p.name.startswith(".")]) == 3
    assert unpacked(mike).is_dir() and new.is_dir() and not half.exists()
