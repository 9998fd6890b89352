"""What begins before it is known to be needed (look, fetch, receive) must not count alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from forced import at, ended, was_reached
from world import SYNC, Machine, World
from yard import wait_until

# The helper has judged the tree and prepared the file that came in, and waits for the push.
PREPARED = "until [ -e .git/claudetools/trees/main/swap/1 ]; do sleep 0.01; done\n"


@pytest.fixture
def mike(world: World) -> Machine:
    """Has a file of his own to send; Howard has pushed another text of the file that both have."""
    mike, howard = world.machine("LINUX-01"), world.machine("MAC-02", "howard")
    mike.write("both.txt", "one\ntwo\nthree\nfour\nfive\n")
    assert mike.sync().code == 0
    assert howard.sync().code == 0
    howard.write("both.txt", "UP\ntwo\nthree\nfour\nfive\n")
    assert howard.sync().code == 0
    mike.write("mine.txt", "mine\n")
    return mike


def swap(machine: Machine) -> Path:
    """Where files are prepared."""
    return machine.state / "trees" / "main" / "swap"


def sync_with(machine: Machine, place: str, script: str) -> int:
    env = at(machine, place, script)
    code = ended(machine.start("bash", SYNC, "--", "mine.txt", env=env))
    assert was_reached(env)
    return code


def test_an_edit_made_while_the_push_is_under_way_is_merged(world: World, mike: Machine) -> None:
    assert sync_with(mike, "pushed", PREPARED + "printf 'one\\ntwo\\nthree\\nfour\\nMY\\n' >both.txt") == 0
    assert mike.read("both.txt") == "UP\ntwo\nthree\nfour\nMY\n"
    assert mike.sync().code == 0
    assert world.remote_file("both.txt") == "UP\ntwo\nthree\nfour\nMY\n"
    mike.assert_sound()


def test_an_edit_made_while_the_push_is_under_way_stops_what_contradicts_it(world: World, mike: Machine) -> None:
    """Judged anew: nothing is written at all, as if it had been there before."""
    assert sync_with(mike, "pushed", PREPARED + "printf 'MY\\ntwo\\nthree\\nfour\\nfive\\n' >both.txt") == 65
    assert mike.read("both.txt") == "MY\ntwo\nthree\nfour\nfive\n"
    assert world.remote_file("mine.txt") == "mine\n"
    assert not swap(mike).exists()
    mike.assert_sound()


def test_a_push_that_is_lost_after_all_leaves_nothing_of_what_was_prepared(world: World, mike: Machine) -> None:
    howard = world.machines["MAC-02"]
    howard.write("more.txt", "more\n")
    howard.git("add", "-A")
    howard.git("commit", "-q", "-m", "more")
    howard.git("push", "-q", "origin", "HEAD:side")
    hook = world.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    move = "env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main refs/heads/side"
    hook.write_text(f"#!/bin/sh\nmkdir once 2>/dev/null || exit 0\n(cd '{mike.top}' && {PREPARED})\n{move}\n")
    hook.chmod(0o755)
    result = mike.sync("--", "mine.txt")
    assert result.code == 0, result.text
    assert (world.remote / "once").exists()
    assert mike.read("both.txt").startswith("UP\n") and mike.read("more.txt") == "more\n"
    assert world.remote_file("mine.txt") == "mine\n"
    assert not swap(mike).exists()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("whom", ['"$2"', '-- "-$2"'], ids=["bash", "group"])
def test_a_helper_that_waits_ends_with_its_sync(world: World, mike: Machine, whom: str) -> None:
    assert sync_with(mike, "pushed", f"{PREPARED}kill -KILL {whom}") == -9
    assert mike.read("both.txt") == "one\ntwo\nthree\nfour\nfive\n"
    wait_until(lambda: mike.sync().code == 0)
    assert mike.read("both.txt") == "UP\ntwo\nthree\nfour\nfive\n"
    assert world.remote_git("log", "--format=%s", "--", "mine.txt").count("\n") <= 1
    mike.assert_sound()


# One helper of a sync ends alone: an out-of-memory killer, a person with `kill`.
KILL_HELPER_OF = (
    "helper=$(ps -A -o pid= -o ppid= -o args= | awk -v p=\"$2\" '$2 == p && /{what}/ {{print $1}}')\n"
    '[ -n "$helper" ] && kill -{how} $helper || exit 0\necho killed >>killed.ignored\n'
)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", ["KILL", "TERM"])
def test_a_receive_goes_on_when_the_helper_that_prepared_it_is_killed(world: World, mike: Machine, how: str) -> None:
    kill = KILL_HELPER_OF.format(what="begin-ahead", how=how)
    assert sync_with(mike, "pushed", PREPARED + kill) == 0
    assert (mike.top / "killed.ignored").exists()
    assert mike.read("both.txt") == "UP\ntwo\nthree\nfour\nfive\n"
    assert not swap(mike).exists()
    mike.assert_sound()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", ["KILL", "TERM"])
def test_a_fetch_ahead_that_is_killed_is_as_if_there_had_been_none(world: World, mike: Machine, how: str) -> None:
    slow = mike.home / "slow"
    slow.write_text('#!/bin/sh\nmkdir "$0.once" 2>/dev/null && sleep 1\nexec git-upload-pack "$@"\n')
    slow.chmod(0o755)
    mike.git("config", "remote.origin.uploadpack", str(slow))
    (mike.state / "trees" / "main" / "crowded").write_text("1")
    kill = KILL_HELPER_OF.format(what=" fetch ", how=how)
    assert sync_with(mike, "commit", kill) == 0
    assert (mike.top / "killed.ignored").exists()
    assert mike.read("both.txt") == "UP\ntwo\nthree\nfour\nfive\n"
    assert world.remote_file("mine.txt") == "mine\n"
    mike.assert_sound()
