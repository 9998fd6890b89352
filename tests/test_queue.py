"""The queue: who finds the lock taken is served by who has it, and hears the truth about its own work."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents import Agent
from forced import KILL_BASH, KILL_GROUP, assert_together, at, was_reached
from world import SYNC, WITH_LOCK, Machine, Result, World

PATIENCE = 60.0
# Where a leader may die: before the others are in, after each step, between two answers.
PLACES = ["requests-taken", "snapshot", "index", "ref", "push", "pushed", "answered"]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def requests(machine: Machine) -> list[Path]:
    queue = machine.state / "trees" / "main" / "queue"
    return list(queue.iterdir()) if queue.is_dir() else []


def answers(machine: Machine) -> list[Path]:
    results = machine.state / "trees" / "main" / "results"
    return list(results.iterdir()) if results.is_dir() else []


@contextmanager
def lock_held(machine: Machine) -> Iterator[None]:
    """Somebody else has the lock until the block ends."""
    wait, release = os.pipe()
    inside = machine.home / "inside"
    inside.unlink(missing_ok=True)
    os.mkfifo(inside)
    holder = subprocess.Popen(
        ["bash", WITH_LOCK, "--", "bash", "-c", f"echo >'{inside}'; cat <&{wait}"],
        cwd=machine.top,
        env=machine.env(),
        pass_fds=(wait,),
    )
    os.close(wait)
    try:
        assert inside.read_text() == "\n"
        yield
    finally:
        os.close(release)
        assert holder.wait(PATIENCE) == 0


def start_queued(machine: Machine, count: int, *args: str, **env: str) -> list[subprocess.Popen[bytes]]:
    """Syncs of sessions, each with a file and a wish of its own, all of them queued."""
    before, started = len(requests(machine)), []
    for n in range(count):
        machine.write(f"{n}.txt", f"{n}\n")
        session = {"CLAUDETOOLS_SESSION_ID": f"session-{n}", **env}
        started.append(machine.start_sync("-m", f"wish {n}", *args, env=session))
    wait_until(lambda: len(requests(machine)) == before + count)
    return started


def result_of(process: subprocess.Popen[bytes]) -> Result:
    out, err = process.communicate(timeout=PATIENCE)
    return Result(process.returncode, out.decode(), err.decode())


def pushes(world: World) -> int:
    log = world.remote / "logs" / "refs" / "heads" / "main"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def logged(world: World) -> World:
    """A remote that counts the pushes it took."""
    world.remote_git("config", "core.logAllRefUpdates", "always")
    return world


def assert_served(world: World, machine: Machine, results: list[Result]) -> None:
    """Every session's file is on the remote, and each was told so with the commit that holds its request."""
    for n, result in enumerate(results):
        assert result.code == 0, result.text
        assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session."), result.text
        assert world.remote_file(f"{n}.txt") == f"{n}\n"
        named = result.out.split("Commit: ")[1].split()[0]
        assert f"{n}.txt" in world.remote_git("log", "-3", "--format=", "--name-only", named).split(), result.text
    assert not requests(machine) and not answers(machine)
    assert_together(world)


def test_those_who_wait_are_served_with_one_push(logged: World, machine: Machine) -> None:
    before = pushes(logged)
    with lock_held(machine):
        started = start_queued(machine, 6)
    assert_served(logged, machine, [result_of(p) for p in started])
    assert pushes(logged) == before + 1
    message = logged.remote_git("log", "-1", "--format=%B", "main")
    assert message.count("Request: ") == 6
    assert sorted(line[-1] for line in message.splitlines() if "wish" in line) == list("012345")


def test_each_of_several_agents_gets_a_commit_of_its_own(logged: World, machine: Machine) -> None:
    machine.write("list.md", "one\n")
    assert machine.sync().code == 0
    agents = [Agent(machine, f"agent-{n}", f"topic {n}") for n in range(4)]
    idle = Agent(machine, "idle-one", "not saved")
    for agent in (*agents, idle):
        agent.append("list.md", f"of {agent.id}")
    before = pushes(logged)
    machine.write("by-hand.txt", "x\n")
    with lock_held(machine):
        started = [machine.start_sync("-m", f"wish of {a.id}", env={"CLAUDETOOLS_SESSION_ID": a.id}) for a in agents]
        by_hand = machine.start_sync("-m", "wish of a person")
        wait_until(lambda: len(requests(machine)) == len(agents) + 1)
    said = result_of(by_hand)
    assert said.code == 0 and " wish of a person\n" in said.out, said.text
    (oid,) = logged.remote_git("log", "--format=%H", "main", "--", "by-hand.txt").split()
    assert logged.remote_git("log", "-1", "--format=%s", oid) == "wish of a person\n"
    for agent, result in zip(agents, map(result_of, started), strict=True):
        assert result.code == 0, result.text
        assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session."), result.text
        oid, subject = result.out.split("Commit: ")[1].split("\n")[0].split(" ", 1)
        assert subject == f"wish of {agent.id}"
        changed = logged.remote_git("show", "--format=", "-U0", oid)
        assert [line for line in changed.splitlines() if line.startswith("+of")] == [f"+of {agent.id}"]
    assert pushes(logged) == before + 1
    assert "idle-one" not in logged.remote_file("list.md") and "of idle-one" in machine.read("list.md")
    machine.assert_sound()


def test_whoever_is_served_hears_what_of_its_own_has_to_wait(logged: World, machine: Machine) -> None:
    other, callers = Agent(machine, "other", "isp"), [Agent(machine, f"session-{n}") for n in range(3)]
    for n, caller in enumerate(callers):
        caller.write(f"with-{n}.md", b"a line\nand more\n")
        other.replace(f"with-{n}.md", "and more", "and much more")
    with lock_held(machine):
        started = [machine.start_sync(env={"CLAUDETOOLS_SESSION_ID": caller.id}) for caller in callers]
        wait_until(lambda: len(requests(machine)) == 3)
    results = [result_of(process) for process in started]
    assert sum("Another sync has done this one's work." in result.text for result in results) == 2
    for n, result in enumerate(results):
        assert result.out.startswith("[OK] Nothing saved, 1 file waiting for another session."), result.text
        assert f"[INFO] Waiting: with-{n}.md has changes that hang together with unsaved work of 'isp'" in result.out


@pytest.mark.sampled(8)
@pytest.mark.parametrize("whom", [KILL_BASH, KILL_GROUP], ids=["bash", "group"])
@pytest.mark.parametrize("place", PLACES)
def test_a_leader_that_is_killed_leaves_its_followers_to_the_next(
    world: World, machine: Machine, place: str, whom: str
) -> None:
    killer = at(machine, place, whom)
    with lock_held(machine):
        started = start_queued(machine, 4, **killer)
    results = [result_of(p) for p in started]
    assert was_reached(killer)
    assert [r.code for r in results].count(-9) == 1, [r.text for r in results]
    for n, result in enumerate(results):
        assert world.remote_file(f"{n}.txt") == f"{n}\n"
        if result.code != -9:
            assert result.code == 0, result.text
            assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session."), result.text
    assert machine.sync().code == 0  # and tidies what the dead one left
    assert not requests(machine) and not answers(machine)
    assert_together(world)


def test_who_waits_and_is_killed_is_served_all_the_same(world: World, machine: Machine) -> None:
    with lock_held(machine):
        started = start_queued(machine, 3)
        started[1].kill()
        started[1].wait()
    assert [result_of(p).code for p in started] == [0, -9, 0]
    assert world.remote_file("1.txt") == "1\n"
    assert machine.sync().code == 0
    assert not requests(machine) and not answers(machine)
    assert_together(world)


def test_a_deferred_request_stays_queued_and_goes_with_the_next_sync(world: World, machine: Machine) -> None:
    machine.write("mine.txt", "mine\n")
    with lock_held(machine):
        result = machine.sync("--wait", "0", "-m", "acme: the wish of a deferred one, a=")
        assert result.code == 75, result.text
        assert "your request is queued; the next sync sends them." in result.out
        assert len(requests(machine)) == 1
        assert "Waiting: 1 request\n" in machine.sync("--status").out
    assert machine.sync().code == 0
    assert world.remote_file("mine.txt") == "mine\n"
    assert world.remote_git("log", "-1", "--format=%s", "main") == "acme: the wish of a deferred one, a=\n"
    assert not requests(machine)
    assert_together(world)


def test_a_deferred_request_with_nothing_left_to_do_is_put_away(machine: Machine) -> None:
    with lock_held(machine):
        assert machine.sync("--wait", "0").code == 75
    assert machine.sync().out.startswith("[OK] Nothing to do.")
    assert not requests(machine)


def test_what_a_repository_always_allows_is_no_reason_to_wait_alone(logged: World, machine: Machine) -> None:
    machine.git("config", "claudetools.allow", "big.iso")
    before = pushes(logged)
    with lock_held(machine):
        started = start_queued(machine, 3)
    assert_served(logged, machine, [result_of(p) for p in started])
    assert pushes(logged) == before + 1


@pytest.mark.sampled(2)
@pytest.mark.parametrize("args", [["--dry-run"], ["--no-push"], ["--", "a.txt"], ["--allow", "a.txt"]])
def test_a_request_for_less_or_more_waits_for_the_lock_itself(machine: Machine, args: list[str]) -> None:
    machine.write("a.txt", "a\n")
    with lock_held(machine):
        assert machine.sync("--wait", "0", *args).code == 75
        assert not requests(machine)


def test_one_that_does_not_push_serves_nobody(world: World, machine: Machine) -> None:
    with lock_held(machine):
        assert machine.sync("--wait", "0", "-m", "queued").code == 75
    machine.write("a.txt", "a\n")
    assert machine.sync("--no-push").code == 0
    assert len(requests(machine)) == 1 and "a.txt" not in world.remote_files()
    assert machine.sync().code == 0
    assert not requests(machine) and "a.txt" in world.remote_files()


def test_the_answer_tells_an_unreachable_remote_and_what_is_left_out(world: World, machine: Machine) -> None:
    away = world.remote.rename(world.root / "away.git")
    machine.write("key.pem", "-----BEGIN PRIVATE KEY-----\n")
    with lock_held(machine):
        started = start_queued(machine, 3)
    for result in map(result_of, started):
        assert result.code == 69, result.text  # the worst of the two
        assert "Left out: key.pem" in result.out and "cannot be reached" in result.out, result.text
    (machine.top / "key.pem").unlink()
    away.rename(world.remote)
    assert machine.sync().code == 0
    assert {"0.txt", "1.txt", "2.txt"} <= set(world.remote_files())
    assert_together(world)


def test_the_answer_as_json(world: World, machine: Machine) -> None:
    with lock_held(machine):
        started = start_queued(machine, 3, "--json")
    for result in map(result_of, started):
        found = json.loads(result.out)["main"]
        assert found["status"] == "saved" and found["pushed"] and len(found["commits"]) == 1, result.text
        assert found["head"] == world.tip()


def test_who_was_not_served_in_time_takes_the_lock(world: World, machine: Machine) -> None:
    """What is queued behind the leader's last look at the tree is not answered by it."""
    late = at(machine, "pushed", f"echo late >late.txt; bash '{SYNC}' --wait 60 -m late >'{machine.home}/late' 2>&1 &")
    machine.write("a.txt", "a\n")
    assert machine.sync(env=late).code == 0
    wait_until(lambda: "late.txt" in world.remote_files())
    wait_until(lambda: "[OK] Saved and pushed" in (machine.home / "late").read_text())
    wait_until(lambda: not (machine.lock / "owner").exists())
    assert not requests(machine) and not answers(machine)


HOSTILE = {
    "torn": b"claim=a.1.1.ffff\nsession=x\n",
    "empty": b"",
    "elsewhere": b"claim=../../../../tmp/x\nsession=x\nmessage=m\nend\n",
    "binary": b"claim=\xff\xfe\nsession=\x1b[31m\nmessage=\x1b]0;x\x07\nend\n",
    "long": b"claim=a\nmessage=" + b"x" * 100_000 + b"\nend\n",
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_request_that_is_no_request_harms_nobody(world: World, machine: Machine, name: str) -> None:
    assert machine.sync().code == 0
    queue = machine.state / "trees" / "main" / "queue"
    queue.mkdir(parents=True, exist_ok=True)
    (queue / "x").write_bytes(HOSTILE[name])
    machine.write("a.txt", "a\n")
    result = machine.sync(env={"CLAUDETOOLS_SESSION_ID": "session-1"})
    assert result.code == 0, result.text
    assert "\x1b" not in result.text
    assert world.remote_file("a.txt") == "a\n"
    machine.assert_sound()


def test_the_vault_is_served_as_well(world: World, machine: Machine) -> None:
    from world import write_identity

    vault = machine.home / "vault"
    bare = world.root / "vault.git"
    machine.git("init", "-q", "--bare", "-b", "main", str(bare))
    machine.git("clone", "-q", str(bare), str(vault))
    write_identity(machine, vault_path=str(vault))
    (vault / "notes.txt").write_text("first\n")
    assert machine.sync().code == 0
    with lock_held(machine):
        started = start_queued(machine, 3)
        (vault / "notes.txt").write_text("second\n")
    results = [result_of(p) for p in started]
    assert [r.code for r in results] == [0, 0, 0], [r.text for r in results]
    assert all("Vault:" in r.out for r in results)
    assert world.remote_git("-C", str(bare), "show", "main:notes.txt") == "second\n"


@pytest.mark.lab
def test_thirty_two_at_once_are_all_told_the_truth(logged: World, machine: Machine) -> None:
    before = pushes(logged)
    started = []
    for n in range(32):
        machine.write(f"{n}.txt", f"{n}\n")
        started.append(machine.start_sync("-m", f"wish {n}", env={"CLAUDETOOLS_SESSION_ID": f"session-{n}"}))
    results = [result_of(p) for p in started]
    assert [r.text for r in results if r.code != 0] == []
    assert {f"{n}.txt" for n in range(32)} <= set(logged.remote_files())
    assert pushes(logged) - before <= 6
    assert not requests(machine) and not answers(machine)
    assert_together(logged)
