"""What the remote, ssh and the network answer: each cause is told by name, with what helps. Real servers on loopback.

What only a big forge says comes from a stand-in for ssh; git reads it as it would read the server's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from world import Machine, Result, World

# What ssh or the server says at a fetch: exit status, level, words of the headline.
FETCHES = {
    "ERROR: Repository not found.": (69, "ERROR", "leads to no repository that you may see (Repository not found)"),
    "fatal: The project you were looking for could not be found or you don't have permission to view it.": (
        *(69, "ERROR", "leads to no repository that you may see"),
    ),
    "ERROR: The 'acme' organization has enabled or enforced SAML SSO. To access": (69, "WARN", "single sign-on"),
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.": (
        *(69, "ERROR", "The host key of origin has changed (WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!)"),
    ),
    "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.": (
        *(69, "WARN", "The host key of origin is not known on this machine"),
    ),
    "git@host: Permission denied (publickey).": (69, "WARN", "origin wants a login (git@host: Permission denied"),
    "ssh: Could not resolve hostname h: Name or service not known": (69, "OK", "Saved here. origin cannot be reached"),
    "ssh: connect to host h port 22: Connection refused": (69, "OK", "Saved here. origin cannot be reached"),
    "something that nobody has ever said": (69, "OK", "cannot be reached (something that nobody has ever said)"),
}
PUSHES = {
    "ERROR: Permission to acme/ops.git denied to mike.": "You have no right to push to origin",
    "remote: You are not allowed to push code to this project.": "You have no right to push to origin",
    "ERROR: This repository was archived so it is read-only.": "origin is archived and takes no push",
    "remote: error: GH006: Protected branch update failed for refs/heads/main.": "takes no direct push to main",
    "remote: GitLab: You are not allowed to push code to protected branches on this project.": "no direct push to main",
    "remote: - Changes must be made through a pull request.": "takes no direct push to main",
    "remote: fatal: write error: No space left on device": "origin has no space left for the push",
    "fatal: the receiving end does not support push options": "takes no push options",
}


def use_ssh(machine: Machine, world: World, said: str, only_push: bool) -> Path:
    """A program in ssh's place that says this, or starts the server's side. Returns where it counts its starts."""
    count = world.root / "starts"
    program = world.root / "ssh"
    (world.root / "said").write_text(said + "\n")
    what = "*receive-pack*" if only_push else "*"
    program.write_text(
        f'#!/bin/sh\necho >>"{count}"\ncase "$*" in {what}) cat "{world.root}/said" >&2; exit 1 ;; esac\n'
        'while [ $# -gt 0 ]; do case $1 in git-*) eval "exec $*" ;; esac; shift; done\n'
    )
    program.chmod(0o755)
    machine.extra_env["GIT_SSH_COMMAND"] = str(program)
    machine.git("remote", "set-url", "origin", f"ssh://git@h{world.remote}")
    return count


def headline(result: Result) -> str:
    return result.out.split("\n", 1)[0]


def save(machine: Machine) -> Result:
    machine.write("a.md", f"{len(machine.git('log', '--format=%h'))}\n")
    return machine.sync()


def assert_mended(machine: Machine, world: World) -> None:
    """Once the remote answers again, everything goes."""
    machine.git("remote", "set-url", "origin", str(world.remote))
    assert machine.sync().code == 0 and world.tip() == machine.git("rev-parse", "HEAD")


@pytest.mark.parametrize("said", FETCHES)
def test_what_a_fetch_is_answered(machine: Machine, world: World, said: str) -> None:
    code, level, words = FETCHES[said]
    use_ssh(machine, world, said, only_push=False)
    result = save(machine)
    assert result.code == code and headline(result).startswith(f"[{level}]") and words in headline(result), result.text
    assert "Nothing to do." not in result.out and "Mend the file" not in result.out
    assert_mended(machine, world)


@pytest.mark.parametrize("said", PUSHES)
def test_what_a_push_is_answered(machine: Machine, world: World, said: str) -> None:
    """It is asked once: which commit is meant is no question."""
    count = use_ssh(machine, world, said, only_push=True)
    result = save(machine)
    assert result.code == 77 and headline(result).startswith("[WARN]") and PUSHES[said] in headline(result), result.text
    assert "Mend the file" not in result.out and count.read_text().count("\n") == 2
    assert_mended(machine, world)


def test_who_may_only_read_still_receives(machine: Machine, world: World) -> None:
    use_ssh(machine, world, "ERROR: Permission to acme/ops.git denied to mike.", only_push=True)
    howard = world.machine("DESK-02", "howard")
    howard.write("theirs.md", "x\n")
    howard.push()
    result = save(machine)
    assert result.code == 77 and machine.read("theirs.md") == "x\n", result.text


def test_a_hook_that_talks_of_such_things_is_a_hook(machine: Machine, world: World) -> None:
    """A refusal of one commit is told as one, whatever words it has."""
    hook = world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'clients/archived/x.md is too big' >&2\nexit 1\n")
    hook.chmod(0o755)
    result = save(machine)
    assert result.code == 77 and headline(result) == "[WARN] origin refused 1 of 1 commit.", result.text


def test_pushing_that_is_switched_off_is_told_with_the_setting(machine: Machine, world: World) -> None:
    machine.git("remote", "set-url", "--push", "origin", "no_push")
    result = save(machine)
    assert result.code == 77 and headline(result) == "[WARN] The push address of origin is no repository: no_push."
    fix = next(line for line in result.out.splitlines() if "--unset-all" in line).partition(": ")[2]
    assert machine.run("bash", "-c", fix).code == 0
    assert machine.sync().code == 0 and world.tip() == machine.git("rev-parse", "HEAD")


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_trusted_by_the_command_that_is_named(machine: Machine, world: World) -> None:
    for path in (world.remote, *world.remote.rglob("*")):
        os.chown(path, 12345, 12345)
    result = save(machine)
    assert result.code == 69 and "git does not trust the folder of origin" in headline(result), result.text
    fix = next(line for line in result.out.splitlines() if "safe.directory" in line).partition("right: ")[2]
    assert machine.run("bash", "-c", fix).code == 0
    assert machine.sync().code == 0
    for path in (world.remote, *world.remote.rglob("*")):
        os.chown(path, 0, 0)
    assert world.tip() == machine.git("rev-parse", "HEAD")


# --- over HTTP, and by git's own daemon --------------------------------------------------------


@contextmanager
def answering(code: int) -> Iterator[str]:
    """An HTTP server that has one answer. Gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            if code in (301, 302):
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/acme/ops.git"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "level", "words"),
    [
        (401, "WARN", "origin wants a login"),
        (403, "WARN", "origin wants a login"),
        (404, "ERROR", "leads to no repository that you may see"),
        (429, "OK", "cannot be reached"),
        (500, "OK", "cannot be reached"),
        (503, "OK", "cannot be reached"),
    ],
)
def test_what_a_web_server_answers(machine: Machine, world: World, code: int, level: str, words: str) -> None:
    with answering(code) as url:
        machine.git("remote", "set-url", "origin", url)
        result = save(machine)
    assert result.code == 69 and headline(result).startswith(f"[{level}]") and words in headline(result), result.text
    assert_mended(machine, world)


def test_nobody_listens(machine: Machine, world: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        machine.git("remote", "set-url", "origin", f"http://127.0.0.1:{free.getsockname()[1]}/ops.git")
        result = save(machine)
    assert result.code == 69 and headline(result).startswith("[OK] Saved here. origin cannot be reached"), result.text


def test_a_daemon_that_does_not_export_it(machine: Machine, world: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--verbose", f"--base-path={world.root}"]
    daemon = subprocess.Popen(command, stderr=subprocess.PIPE, env=machine.env())
    try:
        assert daemon.stderr and b"Ready" in daemon.stderr.readline()
        machine.git("remote", "set-url", "origin", f"git://127.0.0.1:{port}/nothing.git")
        result = save(machine)
        assert result.code == 69 and "leads to no repository that you may see" in headline(result), result.text
    finally:
        daemon.terminate()
        daemon.communicate()
    assert_mended(machine, world)
