"""A sync is killed anywhere; the next one finishes its work, unaided, and nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import re
import signal
import stat
import time
from pathlib import Path

import pytest

from forced import (
    KILL_BASH,
    KILL_GROUP,
    KILL_HELPER,
    RECEIVING,
    SENDING,
    TOKENS,
    assert_nothing_pending,
    assert_together,
    assert_whose,
    at,
    copy_world,
    ended,
    lines,
    places_of,
    was_reached,
    work_on_both_sides,
)
from world import SYNC, Machine, World


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return work_on_both_sides(tmp_path_factory.mktemp("template") / "world")


@pytest.fixture
def two(template: World, tmp_path: Path) -> World:
    return copy_world(template, tmp_path / "world")


def kill_at(machine: Machine, place: str, script: str) -> int:
    env = at(machine, place, script)
    code = ended(machine.start("bash", SYNC, "--", "mine.txt", "own.txt", env=env))
    assert was_reached(env), f"nobody came by {place}"
    return code


def settle_and_check(world: World) -> None:
    """One sync finishes what was left; then both machines hold the work of both."""
    mike, howard = world.machines["LINUX-01"], world.machines["MAC-02"]
    result = mike.sync()
    assert result.code == 0, result.text
    assert "Waiting" not in result.err, result.text
    assert howard.sync().code == 0
    assert_together(world)
    for machine in (mike, howard):
        assert machine.read("mod.txt") == lines((3, "UP-mod"))
        assert machine.read("merged.txt") == lines((1, "UP-merged"), (10, "MY-merged"))
        assert machine.read("mine.txt") == lines((5, "MY-mine"))
        assert machine.read("own.txt") == "MY-own\n"
        assert machine.read("sub/new.txt") == "UP-new\n"
        assert not (machine.top / "gone.txt").exists()
        assert (machine.top / "tool.sh").stat().st_mode & stat.S_IXUSR
    assert_whose(world, TOKENS)
    changed = world.remote_git("log", "--author=Mike", "--format=", "--name-only", "main~2..main").split()
    assert sorted(set(changed)) <= ["merged.txt", "mine.txt", "own.txt"], changed


def test_these_are_all_the_places_of_a_sync_that_sends_and_receives(two: World) -> None:
    reached = places_of(two.machines["LINUX-01"], "--", "mine.txt", "own.txt")
    assert set(reached) == {*SENDING, *RECEIVING}


@pytest.mark.sampled(8)
@pytest.mark.parametrize("place", SENDING + RECEIVING)
def test_a_sync_killed_with_all_its_children_is_finished_by_the_next(two: World, place: str) -> None:
    assert kill_at(two.machines["LINUX-01"], place, KILL_GROUP) == -signal.SIGKILL
    settle_and_check(two)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("place", [*SENDING, "advance-plan", "swapped-2", "advance-index-locked", "advance-ref"])
def test_a_sync_whose_shell_alone_is_killed_is_finished_by_the_next(two: World, place: str) -> None:
    assert kill_at(two.machines["LINUX-01"], place, KILL_BASH) == -signal.SIGKILL
    settle_and_check(two)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("place", RECEIVING)
def test_a_sync_whose_helper_alone_is_killed_says_so_and_leaves_no_lock(two: World, place: str) -> None:
    mike = two.machines["LINUX-01"]
    # Killed before it wrote down what it is about to do, it has changed nothing, and another one does it.
    assert kill_at(mike, place, KILL_HELPER) == (0 if place == "advance-plan" else 70)
    mike.assert_sound()
    settle_and_check(two)


@pytest.mark.sampled(6)
@pytest.mark.parametrize(
    ("place", "name"),
    [(place, "TERM") for place in ("index-locked", "ref", "pushed", "swapped-2", "advance-index-locked", "advance-ref")]
    + [(place, name) for place in ("index-locked", "advance-index-locked") for name in ("INT", "HUP")],
)
def test_a_sync_ended_by_a_signal_lets_go_of_every_lock(two: World, place: str, name: str) -> None:
    mike = two.machines["LINUX-01"]
    code = kill_at(mike, place, f"trap '' {name}; kill -{name} -- \"-$2\"")
    assert code == 128 + getattr(signal, f"SIG{name}")
    mike.assert_sound()
    settle_and_check(two)


def test_the_recovery_of_a_killed_sync_may_be_killed_as_well(two: World) -> None:
    mike = two.machines["LINUX-01"]
    for place in ("swapped-1", "swapped-3", "advance-kept", "advance-index-locked", "advance-ref"):
        assert kill_at(mike, place, KILL_GROUP) == -signal.SIGKILL, place
    settle_and_check(two)


def test_what_is_edited_between_the_kill_and_the_next_sync_is_kept(two: World) -> None:
    mike = two.machines["LINUX-01"]
    kill_at(mike, "swapped-3", KILL_GROUP)
    for name in ("mod.txt", "merged.txt", "mine.txt", "tool.sh"):
        with (mike.top / name).open("a") as file:
            file.write("MY-later\n")
    assert mike.sync().code == 0
    assert two.machines["MAC-02"].sync().code == 0
    assert_together(two)
    assert_whose(two, TOKENS)
    for name in ("mod.txt", "merged.txt", "mine.txt", "tool.sh"):
        assert two.remote_file(name).endswith("MY-later\n"), name
    assert "UP-mod" in mike.read("mod.txt")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("command", ["git checkout -q -- .", "git stash -q", "git reset -q --hard"])
@pytest.mark.parametrize("place", ["swapped-3", "swapped-5", "advance-index"])
def test_discarding_changes_after_a_kill_does_not_undo_what_was_received(two: World, place: str, command: str) -> None:
    mike = two.machines["LINUX-01"]
    kill_at(mike, place, KILL_GROUP)
    # A person who sees half of it and lets git put the tree back.
    mike.git("config", "user.name", "Mike Swanson")
    assert mike.run("bash", "-c", command).code == 0
    result = mike.sync()
    assert result.code == 0, result.text
    assert two.machines["MAC-02"].sync().code == 0
    assert_together(two)
    assert_whose(two, {token: by for token, by in TOKENS.items() if token != "MY-merged"})
    assert "UP-mod" in mike.read("mod.txt")
    assert mike.read("sub/new.txt") == "UP-new\n"
    assert not (mike.top / "gone.txt").exists()


# --- what a killed git leaves ----------------------------------------------------


def kill_in_transaction(machine: Machine, ref: str, state: str = "prepared") -> None:
    """git's own hook, run while the ref is locked: the kill hits git itself with its lock files on disk."""
    hook = machine.top / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    mark = machine.home / "transaction"
    # The remote lies on this machine too, and a push runs nothing of ours there.
    hook.write_text(
        f'#!/bin/sh\n[ "$1" = {state} ] && grep -q " {ref}$" && mkdir "{mark}" 2>/dev/null && kill -9 0\nexit 0\n'
    )
    hook.chmod(0o755)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/remotes/origin/main"])
def test_the_lock_files_of_a_killed_git_are_removed(two: World, ref: str) -> None:
    mike = two.machines["LINUX-01"]
    kill_in_transaction(mike, ref)
    assert ended(mike.start_sync("--", "mine.txt", "own.txt")) == -signal.SIGKILL
    left = [p.name for p in (mike.top / ".git").rglob("*.lock") if p != mike.lock]
    assert "main.lock" in left, "the kill came too late"
    (mike.state / "trees/main/work/stale.0").touch()  # of a recovery that was killed as well
    result = mike.sync()
    assert "left by a git that was killed" in result.out, result.text
    settle_and_check(two)


def test_the_index_lock_of_a_person_is_never_removed(two: World) -> None:
    mike = two.machines["LINUX-01"]
    kill_at(mike, "index", KILL_GROUP)
    lock = mike.top / ".git" / "index.lock"
    lock.write_bytes(b"a person's git is at work")
    process = mike.start_sync()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, (out, err)
    assert b"index.lock" in out
    assert lock.read_bytes() == b"a person's git is at work"
    lock.unlink()
    settle_and_check(two)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["HEAD.lock", "refs/heads/main.lock", "config.lock", "packed-refs.lock"])
def test_a_lock_file_that_no_killed_git_of_ours_made_is_never_removed(two: World, name: str) -> None:
    mike = two.machines["LINUX-01"]
    kill_at(mike, "commit", KILL_GROUP)  # before any git of the sync takes such a lock
    lock = mike.common / name
    lock.write_bytes(b"a person's git is at work")
    result = mike.sync()
    assert lock.read_bytes() == b"a person's git is at work" and "left by a git" not in result.out, result.text
    if name != "packed-refs.lock" and name != "config.lock":
        assert result.code == 73 and f"rm {lock}" in result.out, result.text
    lock.unlink()
    settle_and_check(two)


def test_a_check_worktree_whose_making_was_cut_off_is_made_anew(two: World) -> None:
    mike = two.machines["LINUX-01"]
    hook = mike.top / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    # While git makes a worktree, it is marked as locked; the hook below runs in the middle of it.
    kill_in_transaction(mike, "HEAD")
    assert ended(mike.start_sync("--", "mine.txt", "own.txt")) == -signal.SIGKILL
    settle_and_check(two)


# --- anywhere ------------------------------------------------------------------


def kill_somewhere(machine: Machine, chance: random.Random, duration: float) -> bool:
    """A sync that is killed at a random place or moment. False when it got through before."""
    if chance.random() < 0.5:
        env = at(machine, chance.choice(SENDING + RECEIVING), chance.choice([KILL_GROUP, KILL_BASH, KILL_HELPER]))
        return ended(machine.start_sync(env=env)) != 0
    process = machine.start_sync()
    # The moment itself is what is random here; nothing waits for this delay.
    time.sleep(chance.uniform(0, duration))
    killed = process.poll() is None
    if killed:
        process.send_signal(signal.SIGKILL) if chance.random() < 0.3 else kill_group(process.pid)
    ended(process)
    return killed


def kill_group(group: int) -> None:
    os.killpg(group, signal.SIGKILL)


def torture(world: World, kills: int, seed: int) -> dict[str, int]:
    """Both machines write and sync in turn, killed now and then; all lines arrive, once, by their authors."""
    chance = random.Random(seed)
    mike, howard = world.machines["LINUX-01"], world.machines["MAC-02"]
    assert mike.sync().code == 0 and howard.sync().code == 0
    began = time.monotonic()
    assert mike.sync().code == 0
    duration = 4 * (time.monotonic() - began)
    tokens: dict[str, str] = {}
    killed = 0
    for n in range(3 * kills):
        if killed == kills:
            break
        for machine, word, name in ((mike, "MY", "Mike Swanson"), (howard, "UP", "Howard Lee")):
            for file, line in (("shared.txt", 2 if machine is mike else 30), (f"{word.lower()}.txt", 0)):
                token = f"{word}-{n}-{file[0]}"
                write_line(machine, file, line, token)
                tokens[token] = name
            write_line(machine, f"new/{word.lower()}-{n}.txt", 0, f"{word}-{n}-new")
            tokens[f"{word}-{n}-new"] = name
            if chance.random() < 0.3 and n > 2:
                (machine.top / f"new/{word.lower()}-{n - 2}.txt").unlink(missing_ok=True)
                tokens.pop(f"{word}-{n - 2}-new", None)
        result = howard.sync()
        assert result.code == 0, f"round {n}, seed {seed}: {result.text}"
        victim = mike if n % 2 else howard
        if victim is howard:
            assert mike.sync().code == 0
        killed += kill_somewhere(victim, chance, duration)
        result = victim.sync()
        if found := re.search(r"If no git is at work there: (rm \S+/refs/heads/main\.lock)\n", result.out):
            # The kill met the git that received the push: nothing is ever removed in a remote.
            assert victim.run("bash", "-c", found[1]).code == 0
            result = victim.sync()
        assert result.code == 0, f"round {n}, seed {seed}: {result.text}"
        victim.assert_sound()
        assert_nothing_pending(victim)
    assert killed == kills, "the kills come too late"
    for machine in (mike, howard, mike):
        assert machine.sync().code == 0
    assert_together(world)
    assert_whose(world, tokens)
    return {"kills, each finished by the next sync": killed, "lines, none lost or doubled": len(tokens)}


def write_line(machine: Machine, file: str, after: int, text: str) -> None:
    path = machine.top / file
    path.parent.mkdir(exist_ok=True)
    content = path.read_text().splitlines() if path.exists() else [f"line {n}" for n in range(40)] if after else []
    anchor = content.index(f"line {after}") if after else -1
    content.insert(anchor + 1, text)
    path.write_text("\n".join(content) + "\n")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("seed", range(1, 7))
def test_five_random_kills_lose_nothing(two: World, seed: int) -> None:
    torture(two, 5, seed)


@pytest.mark.lab
@pytest.mark.parametrize("seed", range(100, 110))
def test_twenty_random_kills_lose_nothing(two: World, seed: int) -> None:
    print(torture(two, 20, seed))
