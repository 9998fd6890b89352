"""Other sessions' troubles: what is theirs to settle is one line for everybody else, and no exit code."""

from __future__ import annotations

import json
import sys

import pytest

from agents import Agent
from test_queue import lock_held, requests, result_of, wait_until
from world import SYNC, Machine, World

LIST = "clients/acme/notes.md"
NOT_YOURS = (
    "[INFO] Left out, not yours: .env (looks like a secret) of 'sophos renewal'. That session is told when it saves."
)


@pytest.fixture
def shared(world: World) -> Machine:
    return world.synced({LIST: "".join(f"l{n}\n" for n in range(8))})


@pytest.fixture
def two(shared: Machine) -> tuple[Agent, Agent]:
    """Both at work; the second has made a file that no sync sends."""
    one, other = Agent(shared, "aaaa1111", "acme vpn"), Agent(shared, "bbbb2222", "sophos renewal")
    other.write(".env", b"TOKEN=x\n")
    one.write("one.txt", b"one\n")
    return one, other


def test_what_another_session_has_to_settle_is_one_line_and_no_exit_code(two: tuple[Agent, Agent]) -> None:
    one, other = two
    result = one.sync()
    assert result.code == 0 and NOT_YOURS in result.out and "[WARN]" not in result.out, result.text
    told = json.loads(one.sync("--json").out)["main"]
    assert told["exit"] == 0 and told["left_out"] == [] and NOT_YOURS in told["facts"]
    result = other.sync()
    assert result.code == 65 and "[WARN] Left out: .env (looks like a secret)" in result.out, result.text


def test_what_nobody_at_work_can_settle_is_everybodys(two: tuple[Agent, Agent], shared: Machine) -> None:
    one, other = two
    other.end()
    for result in one.sync(), shared.sync():
        assert result.code == 65 and "[WARN] Left out: .env" in result.out, result.text
    other.__post_init__()
    assert one.sync().code == 0
    shared.write("id_rsa", "a person's\n")
    result = one.sync()
    assert result.code == 65 and "[WARN] Left out: id_rsa" in result.out and NOT_YOURS in result.out, result.text


def test_whoever_is_served_along_hears_of_its_own(two: tuple[Agent, Agent], shared: Machine) -> None:
    """The one that gets the lock saves for both; each is told what it has to settle itself."""
    started = []
    with lock_held(shared):
        for agent in two:
            before = len(requests(shared))
            agent.write(f"{agent.id}.txt", b"more\n")
            started.append(shared.start("bash", SYNC, env={"CLAUDETOOLS_SESSION_ID": agent.id}))
            wait_until(lambda count=before: len(requests(shared)) > count)  # type: ignore[misc]
    first, second = (result_of(process) for process in started)
    assert first.code == 0 and "[WARN]" not in first.out, first.text
    assert second.code == 65 and "[WARN] Left out: .env" in second.out, second.text


def test_a_subject_says_unsaved_only_of_what_nobody_saved(shared: Machine) -> None:
    me, over = Agent(shared, "aaaa1111"), Agent(shared, "bbbb2222")
    me.write("a.txt", b"a\n")
    over.write("b.txt", b"b\n")
    over.end()
    assert me.sync().code == 0
    subjects = shared.git("log", "-2", "--format=%s").splitlines()
    assert subjects == ["ops: 1 file edited (session aaaa)", "ops: 1 file edited (session bbbb, unsaved)"]


# --- when the helper fails --------------------------------------------------------


def python(machine: Machine, spared: str = "nothing") -> dict[str, str]:
    """An interpreter that is killed whenever it is to split, but where its arguments hold a word that is spared."""
    helper = machine.home / "python"
    kill = f"case \"$*\" in *{spared}*) ;; *'__main__.py split '*) kill -9 $$ ;; esac"
    helper.write_text(f'#!/bin/sh\n{kill}\nexec {sys.executable} "$@"\n')
    helper.chmod(0o755)
    return {"CLAUDETOOLS_PYTHON": str(helper)}


def assert_all_arrives(world: World, machine: Machine, *agents: Agent) -> None:
    """With a helper that works again everything goes, in commits of those whose it is."""
    for agent in agents:
        result = agent.sync()
        assert result.code == 0, result.text
    assert machine.status() == ""
    for path in world.remote_files():
        assert world.remote_file(path) == machine.read(path)
    machine.assert_sound()


def work(one: Agent, other: Agent) -> None:
    """Each has a file of its own, both have changed the list, and a person has made one."""
    for agent in (one, other):
        agent.append(LIST, f"of {agent.id}")
        agent.write(f"{agent.id}.txt", b"x\n")
    one.machine.write("persons.txt", "x\n")


def test_without_the_contents_files_of_several_wait_as_a_whole(shared: Machine, world: World) -> None:
    one, other = Agent(shared, "aaaa1111", "acme vpn"), Agent(shared, "bbbb2222", "sophos renewal")
    work(one, other)
    result = one.sync(**python(shared, "--files"))
    assert result.code == 0 and f"[INFO] Waiting: {LIST} " in result.out, result.text
    assert "[WARN] Whose each line is cannot be told (killed by signal 9). Files that several" in result.out, (
        result.text
    )
    files = world.remote_files()
    assert {"aaaa1111.txt", "persons.txt"} <= set(files) and "bbbb2222.txt" not in files
    assert "of " not in world.remote_file(LIST)
    assert_all_arrives(world, shared, other, one)
    assert world.remote_file(LIST).endswith("of aaaa1111\nof bbbb2222\n")


def test_without_the_helper_what_another_one_named_stays(shared: Machine, world: World) -> None:
    one, other = Agent(shared, "aaaa1111", "acme vpn"), Agent(shared, "bbbb2222", "sophos renewal")
    work(one, other)
    result = one.sync(**python(shared))
    assert result.code == 65, result.text
    words = "[WARN] Whose work is whose cannot be told (killed by signal 9). 2 files of sessions at work here are left"
    assert words in result.out and f"[WARN] Left out: {LIST} (another session at work here has" in result.out, (
        result.text
    )
    files = world.remote_files()
    assert {"aaaa1111.txt", "persons.txt"} <= set(files) and "bbbb2222.txt" not in files
    assert "of " not in world.remote_file(LIST) and "of aaaa1111\nof bbbb2222\n" in shared.read(LIST)
    assert shared.git("diff", "--cached", "--name-only") == ""
    assert_all_arrives(world, shared, one, other)
    result = one.sync("--all", **python(shared))
    assert result.code == 0 and "Nothing to do" in result.out, result.text


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["plain.txt", 'sp "ace\\.txt', "umläut.txt", "[a]b.txt"])
def test_names_that_json_writes_otherwise_stay_as_well(shared: Machine, world: World, name: str) -> None:
    one, other = Agent(shared, "aaaa1111"), Agent(shared, "bbbb2222")
    other.write(name, b"x\n")
    one.write("one.txt", b"one\n")
    assert one.sync(**python(shared)).code == 0
    assert name not in world.remote_files() and "one.txt" in world.remote_files()
    assert one.sync("--all", **python(shared)).code == 0
    assert name in world.remote_files() and shared.status() == ""


def test_who_has_ended_or_was_silent_is_not_waited_for_without_the_helper(shared: Machine, world: World) -> None:
    one, ended, idle = Agent(shared, "aaaa1111"), Agent(shared, "bbbb2222"), Agent(shared, "cccc3333")
    ended.write("ended.txt", b"x\n")
    idle.write("idle.txt", b"x\n")
    ended.end()
    idle.idle()
    result = one.sync(**python(shared))
    assert result.code == 0 and "Everything is in one commit." in result.out, result.text
    assert {"ended.txt", "idle.txt"} <= set(world.remote_files())
