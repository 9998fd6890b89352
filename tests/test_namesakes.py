"""The same person, the same topic, the same day, two machines: two logs of one name. Each session keeps its own."""

from __future__ import annotations

import pytest

from claudetools.text.front import are_namesakes
from forced import at, was_reached
from test_logs import log, made
from world import Machine, Result, World

NAME = "session-logs/2026-06-05-mike-acme-vpn.md"
SECOND = NAME.replace(".md", "-2.md")
SUMMARY = "## Session Summary\n"


@pytest.fixture
def pair(world: World) -> tuple[Machine, Machine]:
    """Mike's two machines, each in the clone that it has had for a while."""
    machine = world.synced({"n.md": "x\n"})
    other = world.machine("MAC-02", "mike")
    for one in machine, other:
        one.extra_env["CLAUDETOOLS_HOSTNAME"] = one.name
    return machine, other


def sync_as(machine: Machine, session: str, *args: str, **env: str) -> Result:
    return machine.sync(*args, env={"CLAUDETOOLS_SESSION_ID": session, **env})


def begin(machine: Machine, session: str, text: str) -> str:
    """A log of this session, with its text in the summary: its path."""
    path = made(machine, "new", "acme vpn", session=session, now=1780686131 + len(text))
    machine.write(path, machine.read(path).replace(SUMMARY, f"{SUMMARY}{text}\n"))
    return path


def send_theirs(other: Machine) -> str:
    begin(other, "theirs", "written on the other machine")
    assert sync_as(other, "theirs").code == 0
    return other.read(NAME)


def assert_apart(world: World, machine: Machine, theirs: str, mine: str, name: str = SECOND) -> None:
    assert (world.remote_file(NAME), world.remote_file(name)) == (theirs, mine)
    assert (machine.read(NAME), machine.read(name)) == (theirs, mine)
    assert machine.status() == ""
    machine.assert_sound()


def test_the_later_one_gets_the_next_name_and_its_session_goes_on_with_it(
    world: World, pair: tuple[Machine, Machine]
) -> None:
    machine, other = pair
    theirs = send_theirs(other)
    begin(machine, "mine", "written here")
    result = sync_as(machine, "mine")
    assert result.code == 0, result.text
    assert f"[INFO] {NAME}: another session's log came in under this name; yours is {SECOND} now" in result.out
    mine = machine.read(SECOND)
    assert "written here" in mine and "session: mine" in mine
    assert_apart(world, machine, theirs, mine)
    assert machine.git("log", "--format=%(trailers:key=Log,valueonly,separator=)").split() == [SECOND] * 2 + [NAME] * 2
    assert log(machine, "path", session="mine").out.strip() == SECOND
    assert log(machine, "append", session="mine", body="more\n").code == 0
    assert sync_as(machine, "mine").code == 0
    assert_apart(world, machine, theirs, machine.read(SECOND))
    assert "more\n" in world.remote_file(SECOND)
    assert sync_as(other, "theirs").code == 0
    assert (other.read(NAME), other.read(SECOND)) == (theirs, machine.read(SECOND))
    assert made(other, "new", "acme vpn", session="theirs") == NAME


def test_commits_that_waited_here_go_on_with_the_new_name(world: World, pair: tuple[Machine, Machine]) -> None:
    """Also one whose change would fit into the other log without a conflict."""
    machine, other = pair
    path = begin(machine, "mine", "written here")
    assert sync_as(machine, "mine", "--no-push").code == 0
    theirs = send_theirs(other)
    machine.write(path, machine.read(path).replace("## Key Decisions\n", "## Key Decisions\nmade here\n"))
    assert sync_as(machine, "mine", "--no-push").code == 0
    machine.write(
        path, machine.read(path).replace("## Reference Information\n", "## Reference Information\nhere too\n")
    )
    mine = machine.read(path)
    result = sync_as(machine, "mine")
    assert result.code == 0, result.text
    assert_apart(world, machine, theirs, mine)
    assert result.out.count("yours is") == 1


def test_what_is_written_while_the_other_log_comes_in_goes_into_its_own(
    world: World, pair: tuple[Machine, Machine]
) -> None:
    machine, other = pair
    theirs = send_theirs(other)
    path = begin(machine, "mine", "written here")
    late = at(machine, "pushed", f"sed -i 's/^## Key Decisions$/&\\nwritten late/' {path}")
    result = sync_as(machine, "mine", **late)
    assert was_reached(late) and theirs == world.remote_file(NAME), result.text
    assert "written late" in machine.read(path) and "session: mine" in machine.read(path)
    assert "another session's log of that name came in" in result.out
    mine = machine.read(path)
    result = sync_as(machine, "mine")
    assert result.code == 0, result.text
    assert_apart(world, machine, theirs, mine)


def test_a_name_that_is_taken_is_passed_over(world: World, pair: tuple[Machine, Machine]) -> None:
    machine, other = pair
    theirs = send_theirs(other)
    begin(machine, "mine", "written here")
    assert begin(machine, "also", "a second one") == SECOND
    mine, also = machine.read(NAME), machine.read(SECOND)
    assert machine.sync("--all").code == 0
    assert_apart(world, machine, theirs, mine, NAME.replace(".md", "-3.md"))
    assert world.remote_file(SECOND) == also


def test_a_merge_made_by_hand_keeps_them_apart_as_well(world: World, pair: tuple[Machine, Machine]) -> None:
    machine, other = pair
    machine.git("switch", "-qc", "side")
    machine.write("s.md", "side\n")
    machine.git("add", "s.md")
    machine.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "side")
    machine.git("switch", "-q", "main")
    begin(machine, "mine", "written here")
    assert sync_as(machine, "mine", "--no-push").code == 0
    machine.git("-c", "user.name=x", "-c", "user.email=x@example.com", "merge", "-q", "--no-ff", "side")
    theirs, mine = send_theirs(other), machine.read(NAME)
    assert sync_as(machine, "mine").code == 0
    assert_apart(world, machine, theirs, mine)


def test_a_session_that_works_on_two_machines_has_one_log(world: World, pair: tuple[Machine, Machine]) -> None:
    machine, other = pair
    begin(other, "same", "written on the other machine")
    assert sync_as(other, "same").code == 0
    begin(machine, "same", "written here")
    assert sync_as(machine, "same").code == 0
    assert SECOND not in world.remote_files()
    assert all(f"written {where}" in world.remote_file(NAME) for where in ("here", "on the other machine"))


def front(**values: str) -> bytes:
    return "\n".join(["---", *(f"{key}: {value}" for key, value in values.items()), "---", "", "text"]).encode()


BEGUN = {"machine": "A", "created": "2026-06-05T12:02:11-07:00"}


@pytest.mark.parametrize(
    ("one", "other", "namesakes"),
    [
        (front(session="a"), front(session="b"), True),
        (front(session='"7 a"'), front(session="a"), False),
        (front(session="a b"), front(session="b c"), False),
        (front(**BEGUN), front(**BEGUN), False),
        (front(session="a", **BEGUN), front(session="b", **BEGUN), True),
        (front(**BEGUN), front(**BEGUN | {"machine": "B"}), True),
        (front(session="a", **BEGUN), front(**BEGUN), False),
        (front(**BEGUN), b"# no front matter\n", False),
        (b"", b"", False),
    ],
)
def test_two_logs_are_told_apart_by_who_began_them(one: bytes, other: bytes, namesakes: bool) -> None:
    assert are_namesakes(one, other) == are_namesakes(other, one) == namesakes
