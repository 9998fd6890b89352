"""A remote that takes the connection and says nothing: who waits hears for what, and may stop waiting."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from world import TOOLKIT, Machine, World


@pytest.fixture
def silent(machine: Machine) -> Iterator[socket.socket]:
    """The machine's remote; it accepts by itself, and answers nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        machine.git("remote", "set-url", "origin", f"git://127.0.0.1:{server.getsockname()[1]}/ops.git")
        yield server


def begin(machine: Machine, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
    """A sync of something new, in a process group of its own, as a terminal gives one."""
    machine.write("a.md", "x\n")
    return subprocess.Popen(
        ["bash", str(TOOLKIT / "scripts" / "sync.sh"), *arguments],
        cwd=machine.top,
        env=machine.env(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    out, err = process.communicate(timeout=60)
    return out.decode(), err.decode()


@pytest.mark.parametrize("to", ["group", "shell"])
@pytest.mark.parametrize("agent", [{}, {"CLAUDECODE": "1"}], ids=["person", "agent"])
def test_who_stops_waiting_hears_for_what_it_was(
    machine: Machine, world: World, silent: socket.socket, to: str, agent: dict[str, str]
) -> None:
    process = begin(machine, **agent)
    connection, _ = silent.accept()
    (os.killpg if to == "group" else os.kill)(process.pid, signal.SIGINT)
    _, err = end(process)
    assert process.returncode == 130, err
    assert err == (
        "[ERROR] Ended by a signal while it waited for origin. Nothing is lost; the next sync goes on from here.\n"
    )
    # git has ended as well: nobody holds the other end any more.
    connection.settimeout(60)
    while connection.recv(4096):
        pass
    connection.close()
    machine.git("remote", "set-url", "origin", str(world.remote))
    assert machine.sync().code == 0 and world.remote_file("a.md") == "x\n"


def test_what_is_waited_for_is_said_where_somebody_looks(machine: Machine, silent: socket.socket) -> None:
    process = begin(machine, "--progress")
    connection, _ = silent.accept()
    assert process.stderr
    said = b""
    while not said.endswith(b"Waiting for origin, 3 s "):
        said += os.read(process.stderr.fileno(), 1)
    silent.close()  # to come again is refused
    connection.close()
    out, err = end(process)
    assert out.startswith("[OK] Saved here. origin cannot be reached") and process.returncode == 69, out
    assert err.endswith("\r\x1b[K") and said.count(b"Waiting") == 2


def test_nothing_is_said_on_a_pipe(machine: Machine, silent: socket.socket) -> None:
    process = begin(machine)
    connection, _ = silent.accept()
    silent.close()
    connection.close()
    _, err = end(process)
    assert err == "" and process.returncode == 69
