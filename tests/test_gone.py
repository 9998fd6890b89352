"""Unsaved lines of a session that somebody took out: a decision, said once with the way back, and left as it is."""

from __future__ import annotations

import shlex

import pytest

from agents import Agent
from world import TOOLKIT, Machine, World

LIST = "clients/acme/notes.md"
GONE = f"[INFO] Gone from {LIST}: 1 unsaved line of 'acme vpn'. Somebody took them out, and they stay out.\n"


@pytest.fixture
def machine(world: World) -> Machine:
    return world.synced({LIST: "".join(f"l{n}\n" for n in range(8))})


@pytest.fixture
def one(machine: Machine) -> Agent:
    return Agent(machine, "aaaa1111", "acme vpn")


def save(agent: Agent) -> str:
    result = agent.sync()
    assert result.code == 0, result.text
    return result.out


@pytest.mark.sampled(2)
@pytest.mark.parametrize("more", ["nothing else", "another file"])
def test_what_a_person_restored_is_said_once_with_the_way_back(
    machine: Machine, world: World, one: Agent, more: str
) -> None:
    one.append(LIST, "of one")
    machine.git("restore", LIST)
    if more == "another file":
        one.write("other.txt", b"x\n")
    said = save(one)
    assert GONE in said, said
    assert "of one\n" not in machine.read(LIST)
    assert "Gone" not in save(one) and machine.status() == ""
    assert world.remote_file(LIST) == machine.read(LIST)
    # The command does what it says.
    command = said.partition("If that was a mistake: ")[2].partition("\n")[0]
    assert command.endswith(f" sessions restore {one.id} {LIST}")
    done = machine.run(*shlex.split(command), "--yes")
    assert done.code == 0, done.text
    assert machine.read(LIST).endswith("l7\nof one\n")
    save(one)
    assert world.remote_file(LIST).endswith("l7\nof one\n") and machine.status() == ""


def test_of_two_lines_each_is_said_when_it_goes(machine: Machine, one: Agent) -> None:
    one.append(LIST, "first")
    one.append(LIST, "second")
    text = machine.read(LIST)
    machine.write(LIST, text.replace("first\n", ""))
    result = machine.sync("--dry-run", env={"CLAUDETOOLS_SESSION_ID": one.id})
    assert result.code == 0, result.text
    assert GONE in one.sync("--no-push", "--", ".gitignore", LIST).out
    machine.write(LIST, text.replace("first\n", "").replace("second\n", ""))
    assert "Gone" not in save(one), "it was in a commit"


def test_a_file_that_somebody_deleted_is_named(machine: Machine, one: Agent) -> None:
    one.write("a draft's.txt", b"1\n2\n\n3\n")
    (machine.top / "a draft's.txt").unlink()
    said = save(one)
    assert "Gone from 'a draft'\"'\"'s.txt': 3 unsaved lines of 'acme vpn'" in said, said
    assert "Gone" not in save(one)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("back", [True, False])
def test_a_renamed_file_that_another_renames_again_is_not_gone(machine: Machine, one: Agent, back: bool) -> None:
    """Back to its name, or on to the next: its lines are all there."""
    new, text = "clients/acme/info.md", one.read(LIST)
    one.write(LIST, None, "window")
    one.write(new, text, "window")
    (machine.top / new).rename(machine.top / (LIST if back else "clients/acme/third.md"))
    assert "Gone" not in save(one)
    assert "Gone" not in machine.sync("--all").out and machine.status() == ""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("who", ["itself", "moved", "plain commit", "replaced", "kept"])
def test_what_is_no_matter_is_not_spoken_of(machine: Machine, one: Agent, who: str) -> None:
    two = Agent(machine, "bbbb2222", "isp")
    one.append(LIST, "of one")
    if who == "itself":
        one.replace(LIST, "of one\n", "")
    elif who == "moved":
        machine.write(LIST, "  of one\n" + machine.read(LIST).replace("of one\n", ""))
    elif who == "plain commit":
        machine.git("commit", "-qam", "By hand")
        machine.git("revert", "--no-edit", "HEAD")
    elif who == "replaced":
        two.replace(LIST, "of one\n", "of two\n")
    for agent in (two, one, two):
        assert "Gone" not in agent.sync().out


def test_what_another_session_removed_is_said(machine: Machine, one: Agent) -> None:
    two = Agent(machine, "bbbb2222", "isp")
    one.append(LIST, "of one")
    two.replace(LIST, "of one\n", "")
    assert "Gone" not in save(two), "that one knows"
    assert GONE in save(one)


def test_what_a_write_took_out_by_mistake_and_came_back_is_not_gone(machine: Machine, one: Agent) -> None:
    two = Agent(machine, "bbbb2222", "isp")
    base = one.read(LIST) or b""
    one.write(LIST, base + b"of one\n", "edit", began=100.0, time=110.0)
    two.record(LIST, base, base + b"of two\n", "write", began=105.0, time=120.0)
    machine.write(LIST, base + b"of two\n")
    said = save(one)
    assert "Put back" in said and "Gone" not in said, said


def test_what_is_left_out_of_a_sync_is_not_gone(machine: Machine, one: Agent) -> None:
    one.append(LIST, "of one")
    one.write("other.txt", b"x\n")
    result = one.sync("--", "other.txt")
    assert result.code == 0 and "Gone" not in result.out, result.text
    assert "Gone" not in save(one)


def test_what_came_back_cannot_be_brought_back_without_contents_and_another_way_is_named(
    machine: Machine, one: Agent
) -> None:
    tools = ("bash", TOOLKIT / "scripts/claudetools.sh", "sessions", "restore", one.id, "README.md")
    done = machine.run(*tools)
    assert done.code == 65 and "holds no contents of README.md" in done.err, done.text
    assert "sync.sh --points, then --restore PATH@TIME" in done.err
