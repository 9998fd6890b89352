"""Which owners of the lock are cleared, and which never: zombies, other users, containers, clocks, orphans."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from claudetools.core import processes
from world import TOOLKIT, WITH_LOCK
from yard import (
    PROLOGUE,
    TAKE,
    Gate,
    Yard,
    can,
    finish,
    kill,
    linux_only,
    living,
    make_repository,
    state_of,
    wait_until,
)

# --- never cleared, and cleared -----------------------------------------------------------------------------------


@linux_only
def test_a_zombie_owner_is_cleared(yard: Yard) -> None:
    owner = yard.holder(yard.gate("held"))
    os.kill(owner.pid, signal.SIGKILL)
    wait_until(lambda: state_of(owner.pid) == "Z")
    done = yard.with_lock("--wait", "20", "--", "true")
    assert done.code == 0, done.text
    assert "cleared" in done.err


@linux_only
def test_an_owner_that_we_may_not_signal_is_never_cleared() -> None:
    if os.geteuid() != 0 or not can("setpriv", "--reuid=65534", "--clear-groups", "true"):
        pytest.skip("needs root and setpriv to be two users")
    root = Path(tempfile.mkdtemp(prefix="claudetools-uid-"))  # pytest's own folders are closed to others
    yard = Yard(root)
    try:
        root.chmod(0o777)
        make_repository(yard)
        yard.common.chmod(0o777)
        gate = yard.gate("held")
        for fifo in (gate.at, gate.go):
            fifo.chmod(0o666)
        nobody = ("setpriv", "--reuid=65534", "--clear-groups", "bash", "-c")
        body = f"{TAKE}exec 4<>'{gate.go}'\necho >'{gate.at}'\nread -r _ <&4\nrelease_lock\n"
        owner = yard.start(*nobody, PROLOGUE + body, env={"TITLE": "another user"})
        gate.reached()
        # Root without the right to signal: reads the record, gets EPERM from kill(2).
        weak = ("setpriv", "--bounding-set=-kill", "--inh-caps=-kill", "bash", "-c")
        refused = yard.run(*weak, f"kill -0 {owner.pid}")
        assert "not permitted" in refused.err, refused.text
        done = yard.run(*weak, PROLOGUE + TAKE, env={"WAIT": "0"})
        assert done.code == 75 and "'another user'" in done.err, done.text
        # And the other way round: nobody, who may not even look into the lock.
        gate.open()
        assert finish(owner).code == 0
        second = yard.gate("root")
        yard.claims.chmod(0o777)
        yard.state.chmod(0o777)
        holder = yard.holder(second, "root")
        done = yard.run(*nobody, PROLOGUE + TAKE, env={"WAIT": "0"})
        assert done.code == 73 and "Permission denied" in done.err, done.text
        assert yard.owner.exists()
        second.open()
        assert finish(holder).code == 0
        yard.assert_free()
    finally:
        yard.close()
        shutil.rmtree(root)


def require_namespace(*flags: str) -> list[str]:
    command = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), *flags]
    if not can(*command, "true"):
        pytest.skip(f"{' '.join(command)} is not possible here")
    return command


def held_in(yard: Yard, namespace: list[str], gate: Gate) -> subprocess.Popen[bytes]:
    body = f"{TAKE}exec 4<>'{gate.go}'\necho >'{gate.at}'\nread -r _ <&4\nrelease_lock\n"
    owner = yard.start(*namespace, "bash", "-c", PROLOGUE + body, env={"TITLE": "boxed"})
    gate.reached()
    return owner


@linux_only
def test_r10_two_pid_namespaces_on_one_tree_exclude_each_other(yard: Yard) -> None:
    box = require_namespace("--pid", "--fork", "--kill-child", "--mount-proc")
    gate = yard.gate("held")
    owner = held_in(yard, box, gate)
    for where in ([], box):
        done = yard.run(*where, "bash", "-c", PROLOGUE + TAKE, env={"WAIT": "0"})
        assert done.code == 75, done.text
        assert "'boxed' (process 1 on" in done.err and "has the lock" in done.err
    # Killed, the box leaves a record with pid 1; the next one is pid 1 as well.
    kill(owner)
    yard.settle()
    done = yard.run(*box, "bash", "-c", PROLOGUE + TAKE + "release_lock\n", env={"WAIT": "0"})
    assert done.code == 0, done.text
    assert "cleared" in done.err


MASKS = {
    "host name": ("--uts", "hostname renamed.example"),
    "machine id": ("--mount", 'mount --bind "$FAKE" /etc/machine-id'),
    "boot id": ("--mount", 'mount --bind "$FAKE" /proc/sys/kernel/random/boot_id'),
}


@linux_only
@pytest.mark.parametrize("what", MASKS)
def test_r11_a_live_owner_is_never_cleared_when_a_name_of_the_machine_changes(yard: Yard, what: str) -> None:
    flag, change = MASKS[what]
    namespace = require_namespace(flag)
    fake = yard.root / "fake"
    fake.write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    gate = yard.gate("held")
    owner = yard.holder(gate)
    contend = (*namespace, "bash", "-c", f'{change} && exec bash -c "$BODY"')
    env = {"FAKE": str(fake), "BODY": PROLOGUE + TAKE + "release_lock\n", "WAIT": "0"}
    done = yard.run(*contend, env=env)
    assert done.code == 75, done.text
    kill(owner)
    done = yard.run(*contend, env=env)
    assert done.code == 0, done.text
    assert "cleared" in done.err


@linux_only
@pytest.mark.parametrize("step", ["+400d", "-400d"])
def test_a_clock_that_was_stepped_changes_no_verdict(yard: Yard, step: str) -> None:
    if not can("faketime", "-f", "+1d", "true"):
        pytest.skip("faketime is not installed")
    gate = yard.gate("held")
    owner = yard.holder(gate)
    faketime = ("faketime", "-f", step)
    done = yard.run(*faketime, "bash", WITH_LOCK, "--wait", "0", "--", "true")
    assert done.code == 75, done.text
    kill(owner)
    done = yard.run(*faketime, "bash", WITH_LOCK, "--wait", "0", "--", "true")
    assert done.code == 0, done.text


@linux_only
@pytest.mark.parametrize("step", ["+400d", "-400d"])
def test_the_start_of_a_process_does_not_move_with_the_clock(step: str) -> None:
    if not can("faketime", "-f", "+1d", "true"):
        pytest.skip("faketime is not installed")
    code = (
        f"import sys; sys.path.insert(0, {str(TOOLKIT / 'pylib')!r}); from claudetools.core.processes import look_up; "
    )
    code += f"print(look_up({os.getpid()}).start)"
    said = subprocess.run(["faketime", "-f", step, sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.strip() == living()["start"], said.stderr


# --- a dead owner whose children live -----------------------------------------------------------------------------


PYTHON_HELPER = """\
import os, subprocess, sys
child = subprocess.Popen(["git", "cat-file", "--batch"], stdin=open(sys.argv[1]), stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, pass_fds=(int(os.environ["CLAUDETOOLS_BEACON_FD"]),))
open(sys.argv[2], "w").write("\\n")
child.wait()
"""
# Each reads the FIFO $FEED until the test closes it, and says at the gate that it runs.
CHILDREN = {
    "a bash subshell": ("bash", '( exec <>"$FEED"; echo >"$AT"; read -r _ || : ) >/dev/null 2>&1 & wait'),
    "its git": (
        "git",
        '{ exec git cat-file --batch >/dev/null 2>&1; } <"$FEED" & echo >"$AT"; wait',
    ),
    "the git of its killed Python helper": (
        "git",
        'find_python; "$PYTHON" -c "$HELPER" "$FEED" "$AT" >/dev/null 2>&1 & wait',
    ),
}


@linux_only
@pytest.mark.parametrize("child", CHILDREN)
def test_r12_a_dead_owner_whose_child_still_runs_keeps_the_lock_until_that_ends(yard: Yard, child: str) -> None:
    command, body = CHILDREN[child]
    gate, feed = yard.gate("child"), yard.root / "feed"
    os.mkfifo(feed)
    feeder = os.open(feed, os.O_RDWR)
    env = {"FEED": str(feed), "AT": str(gate.at), "HELPER": PYTHON_HELPER, "TITLE": "the dead"}
    owner = yard.start_program(TAKE + body, env=env)
    gate.reached()
    helpers = [p.pid for p in processes.holders_of(str(beacon_of(yard))) if p.command.startswith("python")]
    assert bool(helpers) == ("Python" in child)
    kill(owner)  # first, or it would see its helper end and release
    for helper in helpers:
        os.kill(helper, signal.SIGKILL)
    wait_until(lambda: len(processes.holders_of(str(beacon_of(yard)))) == 1)
    orphan = processes.holders_of(str(beacon_of(yard)))[0]
    assert orphan.command == command

    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert f"'the dead' (process {owner.pid} on" in done.err
    assert f"died, but a program that it started still runs: {orphan.pid} {command}." in done.err

    os.write(feeder, b"\n")
    os.close(feeder)
    yard.settle()
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 0, done.text
    assert "died without releasing the lock: cleared" in done.err


def beacon_of(yard: Yard) -> Path:
    return next(p for p in yard.claims.iterdir() if p.name.endswith(f"{yard.token()}.alive"))


@linux_only
@pytest.mark.parametrize("killed", ["outer", "outer and inner"])
def test_r12_a_killed_with_lock_keeps_the_lock_while_a_nested_one_still_works(yard: Yard, killed: str) -> None:
    gate = yard.gate("inside")
    outer = yard.start_with_lock("--title", "outer", "--", "bash", WITH_LOCK, "--", "sh", "-c", gate.shell)
    gate.reached()
    inner = next(
        p.pid for p in processes.holders_of(str(beacon_of(yard))) if p.command == "bash" and p.pid != outer.pid
    )
    kill(outer)
    if killed != "outer":
        os.kill(inner, signal.SIGKILL)
        wait_until(lambda: processes.look_up(inner) is None)
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert "'outer'" in done.err and "died, but a program that it started still runs" in done.err
    gate.open()
    yard.settle()
    yard.assert_next_gets_it_at_once()
