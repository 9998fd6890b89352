"""A secret's way to the vault's remote. No line loses its value before that has it."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress

from claudetools.core import cli, git
from claudetools.core.messages import visible
from claudetools.core.place import Place


def refuse_name_of_others(folder: str, name: str) -> None:
    """Another machine may have put that name, and this one not received it yet: the vault's remote is asked.
    Raises Stop."""
    remote = ""
    ssh = os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10")
    with suppress(git.GitError):
        remote = git.run(folder, "rev-parse", "--abbrev-ref", "@{upstream}").decode().strip()
    if not remote:
        return  # nobody else writes there
    place, _, branch = remote.partition("/")
    spec = f"+refs/heads/{branch}:refs/remotes/{remote}"
    options = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=10", "fetch", "--quiet", "--no-tags")
    env = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": ssh}
    try:
        git.run(folder, *options, "--no-recurse-submodules", place, spec, env=env, starts_programs=True)
    except git.GitError as error:
        words = visible(str(error))
        cli.fail(cli.OFFLINE, f"The vault's remote cannot be asked: {words}", "Nothing was changed. Do it again later.")
    if git.entry(folder, f"refs/remotes/{remote}", os.fsencode(name))[1]:
        cli.fail(
            cli.HELD,
            f"The vault has {visible(name)} already, from another machine.",
            f"Nothing was changed. Take another name, or receive it first: {cli.program(cli.here(), 'sync')} --vault",
        )


def send(place: Place, folder: str, name: str) -> tuple[int, str]:
    """Sync that file of the vault: 0 once a remote has it, or where there is none; else an exit code and the reason."""
    if not has_remote(folder):
        return cli.OK, ""
    call = (
        "bash",
        cli.script("sync.sh"),
        f"--vault={folder}",
        "--quiet",
        "-m",
        f"Add {name}",
        "--",
        f"{folder}/{name}",
    )
    done = subprocess.run(call, cwd=place.top, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if is_sent(folder, name):
        return cli.OK, ""
    said = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    words = [line.strip() for line in said if line.strip() and not line.startswith("Vault")]
    return done.returncode or cli.HELD, visible(words[0]) if words else "no word of it"


def has_remote(folder: str) -> bool:
    """Whether the vault is sent anywhere."""
    with suppress(git.GitError):
        top = git.run(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")
        return os.path.samefile(top, folder) and bool(git.run(folder, "remote").strip())
    return False


def is_sent(folder: str, name: str) -> bool:
    """Whether a remote has the file as it is committed here."""
    with suppress(git.GitError):
        here = git.entry(folder, "HEAD", os.fsencode(name))
        refs = git.run(folder, "for-each-ref", "--format=%(refname)", "refs/remotes").decode().split()
        return bool(here[1]) and any(git.entry(folder, ref, os.fsencode(name)) == here for ref in refs)
    return False
