"""Ways to a bare remote, all on this machine: the disk, a link of 50 ms, `git daemon`, http and ssh.

Each is a context manager that gives a `Transport` for the repositories below one folder, and ends what it has started.
`Missing` says why a machine does not have one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.http_remote import serve
from world import Machine, World

LINK_MS = 50
LOCAL, LINK = "local", f"link {LINK_MS} ms"


class Missing(Exception):
    """This machine cannot have that transport; the text says why."""


@dataclass(frozen=True)
class Transport:
    """`url` of a bare repository, the environment that git needs for it, and a file with a line per conversation."""

    name: str
    url: Callable[[Path], str]
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    mark: str = ""

    def point(self, world: World) -> None:
        """All machines of the world reach its remote this way."""
        world.remote_git("config", "http.receivepack", "true")
        for machine in world.machines.values():
            self.point_machine(machine, world.remote)

    def point_machine(self, machine: Machine, remote: Path) -> None:
        machine.git("remote", "set-url", "origin", self.url(remote))

    def trips(self) -> int | None:
        """Conversations with the remote so far: each ls-remote, fetch or push is one."""
        if self.log is None:
            return None
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return sum(self.mark in line for line in lines)


@contextmanager
def local(root: Path) -> Iterator[Transport]:
    """The remote lies on the same disk."""
    yield Transport(LOCAL, str)


@contextmanager
def link(root: Path) -> Iterator[Transport]:
    """As by ssh, 50 ms a round trip: see link.py."""
    log = root / "link.log"
    words = [sys.executable, "-I", "-S", str(Path(__file__).with_name("link.py")), str(LINK_MS), str(log)]
    env = {"GIT_SSH_COMMAND": shlex.join(words), "GIT_SSH_VARIANT": "simple"}
    yield Transport(LINK, lambda remote: f"far:{remote}", env, log)


@contextmanager
def daemon(root: Path) -> Iterator[Transport]:
    """`git daemon`, git's own protocol."""
    program = Path(run("git", "--exec-path")) / "git-daemon"
    if not program.exists():
        raise Missing("git-daemon is not installed")
    port, log = free_port(), root / "daemon.log"
    options = ["--verbose", "--export-all", "--enable=receive-pack", "--max-connections=0", f"--base-path={root}"]
    listen = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr"]
    with started([str(program), *options, *listen, str(root)], log, port):
        yield Transport("git://", lambda remote: f"git://127.0.0.1:{port}{below(root, remote)}", {}, log, " Request ")


@contextmanager
def http(root: Path) -> Iterator[Transport]:
    """`git http-backend`, as any web server calls it."""
    if not (Path(run("git", "--exec-path")) / "git-http-backend").exists():
        raise Missing("git-http-backend is not installed")
    log = root / "http.log"
    with serve(root, log) as port:
        url = f"http://127.0.0.1:{port}"
        yield Transport("http://", lambda remote: url + below(root, remote), {}, log, "/info/refs")


@contextmanager
def ssh(root: Path) -> Iterator[Transport]:
    """A real sshd with a configuration, a host key and a user's key of its own."""
    sshd = find_program("sshd")
    if not (sshd and shutil.which("ssh") and shutil.which("ssh-keygen")):
        raise Missing("ssh, sshd and ssh-keygen are not all installed")
    home, log, port = root / "ssh", root / "ssh.log", free_port()
    home.mkdir(mode=0o700)
    for key in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key))
    (home / "config").write_text(sshd_config(home, port, log))
    command = f"ssh -F none -p {port} -i {home / 'user'} -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR"
    hosts = f" -o StrictHostKeyChecking=no -o UserKnownHostsFile={home / 'known'}"
    with private_folder(), started([sshd, "-D", "-e", "-f", str(home / "config")], home / "sshd.log", port):
        env = {"GIT_SSH_COMMAND": command + hosts, "GIT_SSH_VARIANT": "ssh"}
        yield Transport("ssh://", lambda remote: f"ssh://127.0.0.1:{port}{remote}", env, log)


def sshd_config(home: Path, port: int, log: Path) -> str:
    """Loopback only, one key, one command: git's shell, which writes a line per conversation."""
    shutil.copy(home / "user.pub", home / "authorized")
    shell = home / "serve"
    shell.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$SSH_ORIGINAL_COMMAND\" >>{shlex.quote(str(log))}\n"
        f'PATH={shlex.quote(os.environ["PATH"])} exec git shell -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    shell.chmod(0o700)
    return (
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {home / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {home / 'authorized'}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"PermitRootLogin prohibit-password\nForceCommand {shell}\nMaxStartups 200\nUseDNS no\n"
    )


@contextmanager
def private_folder() -> Iterator[None]:
    """Where sshd wants an empty folder for root, and nobody has made it yet."""
    folder = Path("/run/sshd")
    if os.geteuid() != 0 or folder.exists():
        yield
        return
    folder.mkdir(mode=0o755)
    try:
        yield
    finally:
        folder.rmdir()


TRANSPORTS: dict[str, Callable[[Path], AbstractContextManager[Transport]]] = {
    "local": local,
    "link": link,
    "git": daemon,
    "http": http,
    "ssh": ssh,
}


@contextmanager
def started(command: list[str], log: Path, port: int) -> Iterator[None]:
    """A server that has begun to listen; it is ended afterwards."""
    with log.open("wb") as words:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
    try:
        while not listens(port):
            if server.poll() is not None:
                raise Missing(f"{Path(command[0]).name} did not start: {log.read_text(errors='replace').strip()}")
        yield
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return True
    time.sleep(0.01)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def below(root: Path, remote: Path) -> str:
    return f"/{remote.relative_to(root).as_posix()}"


def find_program(name: str) -> str | None:
    """Also where only root's PATH looks."""
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
