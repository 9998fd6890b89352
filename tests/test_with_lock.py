"""`with-lock.sh`: nesting, exit codes, arguments, signals, and what it says to those who wait."""

from __future__ import annotations

import os
import select
import signal
import subprocess

import pytest

from world import WITH_LOCK
from yard import INSIDE, PATIENCE, PROLOGUE, WORKER, Yard, finish, kill, linux_only, needs_flock, wait_until


def test_two_commands_inside_one_with_lock_run_one_after_the_other(yard: Yard) -> None:
    step = yard.root / "step"
    step.write_text(f'{INSIDE.replace("exec 5>&-", "")}\necho "enter $1" >>"$LOG"\n$2\necho "leave $1" >>"$LOG"\n')
    gate = yard.gate("inside")
    both = f"""
bash '{WITH_LOCK}' -- bash '{step}' one "bash {yard.root}/wait" &
read -r _ <'{yard.root}/first'
bash '{WITH_LOCK}' --wait 60 -- bash '{step}' two : &
bash '{WITH_LOCK}' --wait 0 -- true && echo overlapped
echo >'{gate.at}'
wait
"""
    os.mkfifo(yard.root / "first")
    (yard.root / "wait").write_text(f"echo >'{yard.root}/first'\nread -r _ <'{gate.go}'\n")
    outer = yard.start_with_lock("--", "bash", "-c", both, env={"LOG": str(yard.root / "log")})
    gate.reached()
    assert list((yard.state / "nested").iterdir())
    gate.open()
    done = finish(outer)
    assert (done.code, done.out) == (0, ""), done.text
    assert (yard.root / "log").read_text().splitlines() == ["enter one", "leave one", "enter two", "leave two"]
    assert yard.lines("overlaps") == []
    yard.assert_free()


@needs_flock
def test_a_crowd_inside_one_with_lock_never_overlaps(yard: Yard) -> None:
    crowd = 'for i in 1 2 3 4; do bash -c "$BODY" & done; wait'
    done = yard.with_lock("--", "bash", "-c", crowd, env={"BODY": PROLOGUE + WORKER, "ROUNDS": "5"})
    assert done.code == 0, done.text
    assert len(yard.lines("entries")) == 20
    assert yard.lines("overlaps") == []
    yard.assert_free()


def test_with_locks_nest_three_deep_and_stop_with_words_at_the_fifth(yard: Yard) -> None:
    again = ("bash", WITH_LOCK, "--wait", "0", "--")
    done = yard.with_lock("--", *again, *again, *again, "echo", "in")
    assert (done.code, done.out) == (0, "in\n"), done.text
    done = yard.with_lock("--", *again, *again, *again, *again, "echo", "in")
    assert (done.code, done.out) == (73, ""), done.text
    assert "nested more than four deep" in done.err
    yard.assert_free()


def test_a_with_lock_of_another_repository_in_between_does_not_hide_the_one_above(yard: Yard) -> None:
    other = yard.root / "other"
    subprocess.run(["git", "init", "-q", str(other)], env=yard.env(), check=True)
    there = f"cd '{other}' && bash '{WITH_LOCK}' -- sh -c \"cd '{yard.top}' && bash '{WITH_LOCK}' --wait 0 -- echo in\""
    done = yard.with_lock("--", "sh", "-c", there)
    assert (done.code, done.out) == (0, "in\n"), done.text
    yard.assert_free()


@linux_only
def test_what_a_killed_with_lock_left_below_is_swept_and_marked_for_the_recovery(yard: Yard) -> None:
    gate = yard.gate("inside")
    outer = yard.start_with_lock("--", "bash", WITH_LOCK, "--", "sh", "-c", gate.shell)
    gate.reached()
    kill(outer, whole_group=True)
    yard.settle()
    assert list((yard.state / "nested").iterdir())
    assert yard.program("read_process_facts; claims_look_dead && echo dead").out == "dead\n"
    yard.assert_next_gets_it_at_once()
    assert len([p for p in yard.claims.iterdir() if p.name.startswith("dead.")]) == 2


@linux_only
def test_a_nested_owner_that_was_killed_is_cleared_by_the_next_inside(yard: Yard) -> None:
    inside = f"""
bash '{WITH_LOCK}' -- sh -c 'kill -9 $PPID; sleep 0'
bash '{WITH_LOCK}' --wait 20 -- echo next
"""
    done = yard.with_lock("--", "bash", "-c", inside)
    assert (done.code, done.out) == (0, "next\n"), done.text
    assert not yard.owner.exists()
    yard.assert_next_gets_it_at_once()


@pytest.mark.parametrize("code", [0, 1, 3, 75, 126, 255])
def test_with_lock_passes_the_commands_exit_code(yard: Yard, code: int) -> None:
    assert yard.with_lock("--", "sh", "-c", f"exit {code}").code == code
    yard.assert_free()


def test_with_lock_says_127_for_a_command_that_is_not_there_and_128_and_more_for_a_killed_one(yard: Yard) -> None:
    assert yard.with_lock("--", "no-such-command").code == 127
    assert yard.with_lock("--", "sh", "-c", "kill -9 $$").code == 137
    yard.assert_free()


def test_with_lock_passes_stdin_and_arguments_as_they_are(yard: Yard) -> None:
    said = subprocess.run(
        [
            "bash",
            str(WITH_LOCK),
            "--",
            "sh",
            "-c",
            'cat; printf "<%s>" "$@"',
            "sh",
            "a b",
            "",
            "*",
            "$HOME",
            "--",
            "ä\nb",
        ],
        cwd=yard.top,
        env=yard.env(),
        input="from stdin\n",
        capture_output=True,
        text=True,
    )
    assert said.stdout == "from stdin\n<a b><><*><$HOME><--><ä\nb>", said
    yard.assert_free()


@pytest.mark.parametrize("name", ["say", "die", "release_lock", "cd", "-c"])
def test_with_lock_runs_programs_and_never_its_own_functions(yard: Yard, name: str) -> None:
    env = yard.stub(name, 'echo "the program $*"')
    done = yard.with_lock("--", name, "x", env=env)
    assert (done.code, done.out) == (0, "the program x\n"), done.text


def test_with_lock_gives_the_command_the_callers_language(yard: Yard) -> None:
    show = ("sh", "-c", 'echo "${LC_ALL-unset}"')
    assert yard.with_lock("--", *show).out == "unset\n"
    assert yard.with_lock("--", *show, env={"LC_ALL": "C.UTF-8"}).out == "C.UTF-8\n"


def test_with_locks_help_is_its_header(yard: Yard) -> None:
    header = [line[2:] for line in WITH_LOCK.read_text().splitlines()[1:] if line.startswith("#")]
    for flag in ("--help", "-h"):
        done = yard.with_lock(flag)
        assert (done.code, done.err) == (0, "")
        assert [x.rstrip() for x in done.out.splitlines()][: len(header)] == header[: len(done.out.splitlines())]
        assert "Usage:" in done.out and "Exit status" in done.out
    assert not yard.lock.exists()


WRONG = [
    "",
    "--",
    "--wait",
    "--wait x -- true",
    "--wait -1 -- true",
    "--wait -- true",
    "--title",
    "--what -- true",
    "true",
]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_64_and_points_to_the_help(yard: Yard, line: str) -> None:
    done = yard.with_lock(*line.split())
    assert (done.code, done.out) == (64, ""), done.text
    assert done.err.startswith("[ERROR] ")
    assert not yard.lock.exists() and not yard.state.exists()


def test_a_wait_with_a_leading_zero_is_no_octal_number(yard: Yard) -> None:
    done = yard.with_lock("--wait", "08", "--", "echo", "in")
    assert (done.code, done.out, done.err) == (0, "in\n", "")


def test_outside_a_repository_it_is_78(yard: Yard) -> None:
    done = finish(yard.start("sh", "-c", f"cd / && exec bash '{WITH_LOCK}' -- true"))
    assert done.code == 78, done.text
    assert "no git repository" in done.err


def test_a_linked_worktree_shares_the_lock_of_its_repository(yard: Yard) -> None:
    person = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    assert yard.run("git", *person, "commit", "-q", "--allow-empty", "-m", "x").code == 0
    assert yard.run("git", "worktree", "add", "-q", "../linked").code == 0
    gate = yard.gate("held")
    holder = yard.holder(gate, "main tree")
    done = finish(yard.start("sh", "-c", f"cd ../linked && exec bash '{WITH_LOCK}' --wait 0 -- true"))
    assert done.code == 75 and "'main tree'" in done.err, done.text
    gate.open()
    assert finish(holder).code == 0


def test_r13_a_program_left_behind_by_a_finished_run_holds_up_nobody(yard: Yard) -> None:
    gate = yard.gate("left")
    left = yard.start_with_lock("--", "sh", "-c", f"({gate.shell}) >/dev/null 2>&1 & exit 4")
    gate.reached()
    assert finish(left).code == 4
    yard.assert_free()
    assert yard.with_lock("--wait", "0", "--", "true").code == 0
    gate.open()


def test_75_names_who_has_the_lock(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.start_with_lock("--title", "night\x1b[2J build", "--", "sh", "-c", gate.shell)
    gate.reached()
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert f"'night?[2J build' (process {holder.pid} on" in done.err and "has the lock" in done.err
    assert "\x1b" not in done.err
    gate.open()
    assert finish(holder).code == 0


def test_a_waiter_says_whom_it_waits_for_and_when_it_got_the_lock(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate, "slow one")
    waiter = yard.start_with_lock("--wait", "60", "--", "true")
    assert waiter.stderr
    ready, _, _ = select.select([waiter.stderr], [], [], PATIENCE)
    assert ready
    first = waiter.stderr.readline().decode()
    assert "Waiting up to 60 s: 'slow one' on" in first and f"(process {holder.pid})" in first
    gate.open()
    done = finish(waiter)
    assert done.code == 0 and "Got the lock after" in done.err, done.text


def test_a_waiter_that_is_asked_to_end_leaves_no_claim(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate)
    waiter = yard.start_with_lock("--wait", "60", "--", "true")
    wait_until(lambda: len(list(yard.claims.glob("*.alive"))) == 2)
    os.kill(waiter.pid, signal.SIGTERM)
    assert finish(waiter).code == 143
    wait_until(lambda: len(list(yard.claims.iterdir())) == 2)
    assert yard.owner.exists()
    gate.open()
    assert finish(holder).code == 0
    yard.assert_free()


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_while_the_command_runs_keeps_the_lock_until_the_command_ended(
    yard: Yard, number: signal.Signals, code: int
) -> None:
    gate = yard.gate("inside")
    holder = yard.start_with_lock("--", "bash", WITH_LOCK, "--", "sh", "-c", gate.shell)
    gate.reached()
    os.kill(holder.pid, number)
    assert yard.with_lock("--wait", "0", "--", "true").code == 75
    gate.open()
    done = finish(holder)
    assert done.code == code, done.text
    yard.assert_free()
