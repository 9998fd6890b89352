"""Entry of everything that the shell starts: `python -I [-S] .../__main__.py NAME ARGS...`.

Run as a file so that a package of the same name in the user's repository is never imported. JOBS live on the standard
library (-S, 9 ms); COMMANDS are what people type after `claudetools.sh`, with click and the other packages.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

JOBS = {
    "advance": "checkout.command",
    "arrivals": "checks.arrivals",
    "credentials": "logs.credentials",
    "deliver": "notes.deliver",
    "hook": "sessions.hook",
    "environment": "install.environment",
    "held-moves": "checks.held_moves",
    "identity": "core.identity",
    "install": "install.command",
    "lock": "lock.command",
    "put-back": "sessions.putback",
    "refused": "merge.refused",
    "replay": "merge.command",
    "resolve": "merge.resolve",
    "sealed": "vault.judge",
    "secrets": "checks.secrets",
    "twins": "checks.twins",
    "settings": "core.settings",
    "split": "sessions.split",
    "touched": "checks.touched",
    "unhooked": "sessions.unhooked",
}
COMMANDS = {
    "log": "logs.command",
    "notes": "notes.command",
    "sessions": "sessions.command",
    "vault": "vault.command",
    "wiki": "wiki.command",
}


def keep_compiled_whole() -> None:
    """Let Python write a compiled module whole or not at all.

    On a full disk some versions (3.11 does) write as much as fits, and every later start ends with "marshal data too
    short": no hook and no job would run again.
    """
    import _frozen_importlib_external as loader

    def write(path: str, data: bytes, mode: int = 0o666) -> None:
        draft = f"{path}.{os.getpid()}"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode & 0o666)
        try:
            whole = os.write(file, data) == len(data)
        except OSError:
            whole = False
        os.close(file)
        os.replace(draft, path) if whole else os.unlink(draft)

    loader._write_atomic = write  # type: ignore[attr-defined]


def run_job(name: str, arguments: list[str]) -> int:
    """Ends the process with the job's status. A job lives for milliseconds: to look for garbage often, and to take the
    interpreter apart once all files are closed, would cost it as much as two git commands."""
    gc.set_threshold(50_000)
    status = int(importlib.import_module(f"claudetools.{JOBS[name]}").main(arguments))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = status or 1  # whoever asked has ended, and needs no answer
    os._exit(status)


def main() -> int:
    """Run what is named first. 64 for an unknown name, 79 where a package is missing, or Python is too old."""
    if sys.hexversion < 0x030A0000:  # before stdin is read: a hook tries the next Python
        print("[ERROR] claudetools needs Python 3.10 or later.", file=sys.stderr)
        return 79
    keep_compiled_whole()
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    name, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name in JOBS:
        return run_job(name, arguments)
    session = ""
    if name == "--session" and len(arguments) > 1:
        session, name, *arguments = arguments
    if name not in COMMANDS:
        print(f"usage: __main__.py {'|'.join([*JOBS, *COMMANDS])} ARGS...", file=sys.stderr)
        return 64
    try:
        if session and (status := importlib.import_module("claudetools.sessions.command").act_as(session)):
            return int(status)
        return int(importlib.import_module(f"claudetools.{COMMANDS[name]}").main(arguments))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("claudetools"):
            raise
        print(f"[ERROR] The Python package {error.name} is missing.", file=sys.stderr)  # claudetools.sh goes on
        return 79


if __name__ == "__main__":
    sys.exit(main())
