"""Whom a dead sync's lock waits for: its own git, not the daemons that hooks and credential helpers leave behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from claudetools.core import processes
from forced import KILL_GROUP, at, was_reached
from world import Machine, World
from yard import Gate, linux_only, wait_until


def write_hook(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def new_world(tmp_path: Path) -> tuple[World, Machine]:
    world = World(tmp_path)
    mike = world.machine()
    assert mike.sync().code == 0
    mike.write("mine.txt", "mine\n")
    return world, mike


@linux_only
def test_daemons_left_by_hooks_and_by_a_credential_helper_do_not_keep_a_dead_syncs_lock(tmp_path: Path) -> None:
    world, mike = new_world(tmp_path)
    pids, here = tmp_path / "pids", mike.common / "hooks"
    daemon = f"setsid sleep 600 >/dev/null 2>&1 </dev/null &\necho $! >>'{pids}'"
    login = "printf 'protocol=https\\nhost=x.example\\nusername=u\\npassword=p\\n\\n' | git credential-cache store"
    write_hook(here, "pre-commit", f"{daemon}\n{login}")
    write_hook(here, "pre-push", daemon)
    write_hook(here, "reference-transaction", f'[ "$1" != committed ] || {{ {daemon}\n}}')
    write_hook(world.remote / "hooks", "post-receive", daemon)
    env = at(mike, "pushed", KILL_GROUP)
    try:
        assert mike.start_sync(env=env).wait(timeout=60) == -signal.SIGKILL and was_reached(env)
        left = [int(pid) for pid in pids.read_text().split()]
        assert len(left) > 3 and all(processes.look_up(pid) for pid in left)
        mike.write("more.txt", "more\n")
        result = mike.sync("--wait", "0")
        assert result.code == 0 and "died without releasing the lock: cleared" in result.err, result.text
        assert world.remote_file("mine.txt") == "mine\n" and world.remote_file("more.txt") == "more\n"
    finally:
        mike.run("git", "credential-cache", "exit")
        for pid in pids.read_text().split():
            os.kill(int(pid), signal.SIGKILL)


@linux_only
def test_the_push_of_a_dead_sync_keeps_its_lock_and_says_how_to_end_it(tmp_path: Path) -> None:
    world, mike = new_world(tmp_path)
    gate = Gate(tmp_path, "push")
    write_hook(world.remote / "hooks", "pre-receive", gate.shell)
    try:
        sync = mike.start_sync()
        gate.reached()
        os.kill(sync.pid, signal.SIGKILL)
        sync.wait(timeout=60)
        result = mike.sync("--wait", "0")
        found = re.search(r"that it started still runs: (\d+) git\. If it hangs: kill (\d+)\n", result.out)
        assert result.code == 75 and found and found[1] == found[2], result.text
        os.kill(int(found[1]), signal.SIGSTOP)
        result = mike.sync("--wait", "0")
        assert result.code == 75 and f"goes on by: kill -CONT {found[1]}\n" in result.out, result.text
        assert mike.run("bash", "-c", f"kill -CONT {found[1]}").code == 0
        gate.open()
        wait_until(lambda: processes.look_up(int(found[1])) is None)
        result = mike.sync("--wait", "0")
        assert result.code == 0, result.text
    finally:
        gate.close()
    assert world.remote_file("mine.txt") == "mine\n"


@linux_only
def test_a_stopped_sync_is_named_as_stopped_with_what_lets_it_go_on(tmp_path: Path) -> None:
    world, mike = new_world(tmp_path)
    gate = Gate(tmp_path, "push")
    write_hook(world.remote / "hooks", "pre-receive", gate.shell)
    sync = mike.start_sync()
    try:
        gate.reached()
        os.killpg(sync.pid, signal.SIGSTOP)  # as Ctrl-Z does
        said = [mike.sync("--wait", "0").out, mike.sync("--status").out]
        said.append(mike.run("bash", Path(__file__).parent.parent / "scripts" / "doctor.sh", "--locks").out)
        for text in said:
            assert f"It is stopped (Ctrl-Z, SIGSTOP) and goes on by: kill -CONT {sync.pid} " in text, said
        found = re.search(r"kill -CONT [\d ]+\n", said[0])
        assert found and mike.run("bash", "-c", found[0]).code == 0
        gate.open()
        assert sync.wait(timeout=60) == 0
    finally:
        gate.close()
    assert world.remote_file("mine.txt") == "mine\n"
