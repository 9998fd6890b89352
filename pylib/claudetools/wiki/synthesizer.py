"""The command that drafts: headless Claude without tools, or whatever CLAUDETOOLS_SYNTHESIZER names.

It reads the prompt on stdin and prints its answer (draft.parse_answer). It runs in an empty folder, without our
session, with a limit on its time and on what it may print; whatever it does, there is an answer or a reason.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO

from claudetools.core.messages import visible
from claudetools.sessions.registry import ID_VARIABLES
from claudetools.wiki.draft import Refused

SECONDS = 300.0
LARGEST = 4 * 1024 * 1024  # bytes of an answer
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "article": {"type": "string"}},
    "required": ["title", "article"],
    "additionalProperties": False,
}
CLAUDE = (
    "claude", "-p", "--model", "sonnet", "--output-format", "json", "--json-schema", json.dumps(SCHEMA),
    "--tools", "", "--setting-sources", "", "--strict-mcp-config", "--no-session-persistence",
)  # fmt: skip
# A client inside of a client refuses to start, and hooks of ours must not take it for a session.
NOT_INHERITED = (
    *ID_VARIABLES,
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_ENV_FILE",
    "CLAUDETOOLS_SYNCRO_TOKEN",
)


def command(environ: Mapping[str, str]) -> list[str]:
    """What to start. Raises Refused when it is not there."""
    try:
        words = shlex.split(environ.get("CLAUDETOOLS_SYNTHESIZER", "")) or list(CLAUDE)
    except ValueError as error:
        raise Refused(f"CLAUDETOOLS_SYNTHESIZER cannot be read: {error}") from error
    if shutil.which(words[0], path=environ.get("PATH")) is None:
        raise Refused(f"{visible(words[0])} is not installed; another one: CLAUDETOOLS_SYNTHESIZER='COMMAND'")
    return words


def seconds(environ: Mapping[str, str]) -> float:
    """How long it may take: CLAUDETOOLS_SYNTHESIZER_SECONDS, 300 without it."""
    with suppress(ValueError):
        return max(float(environ.get("CLAUDETOOLS_SYNTHESIZER_SECONDS", SECONDS)), 0.1)
    return SECONDS


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's, without what belongs to its session; retries off: on 529 they hang for minutes."""
    kept = {key: value for key, value in environ.items() if key not in NOT_INHERITED}
    return {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_MAX_RETRIES": "1", **kept}


def ask(prompt: str, environ: Mapping[str, str], tell: Callable[[str], None], limit: float) -> bytes:
    """The answer, within `limit` seconds. Raises Refused with the reason when there is none. `tell` is called while it
    takes long."""
    words = command(environ)
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryDirectory(prefix="claudetools-") as folder:
        asked.write(prompt.encode("utf-8", "replace"))
        asked.seek(0)
        process = subprocess.Popen(
            words,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(environ),
            start_new_session=True,
        )
        try:
            return wait(process, os.path.basename(words[0]), limit, tell)
        finally:
            end(process)


def wait(process: subprocess.Popen[bytes], name: str, limit: float, tell: Callable[[str], None]) -> bytes:
    """Its stdout when it ends well in time. Raises Refused."""
    out, err = Bounded(process.stdout, LARGEST, process), Bounded(process.stderr, 64 * 1024, None)
    began, told = time.monotonic(), 2.0
    while out.thread.is_alive() or process.poll() is None:
        passed = time.monotonic() - began
        if passed >= limit:
            raise Refused(f"{visible(name)} gave no answer within {limit:.0f} s")
        if out.overflowed:
            raise Refused(f"{visible(name)} printed more than {LARGEST >> 20} MB")
        if passed >= told:
            tell(f"{visible(name)} is writing ({passed:.0f} s; up to {limit:.0f} s).")
            told = passed + 30.0
        out.thread.join(min(0.05, limit - passed)) if out.thread.is_alive() else pause(process)
    err.thread.join(0.5)
    if out.overflowed:
        raise Refused(f"{visible(name)} printed more than {LARGEST >> 20} MB")
    if process.returncode:
        raise Refused(f"{visible(name)} ended with {process.returncode}: {reason(bytes(out.data), bytes(err.data))}")
    return bytes(out.data)


def pause(process: subprocess.Popen[bytes]) -> None:
    """A moment of waiting for its end."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.05)


def reason(out: bytes, err: bytes) -> str:
    """Its last words, one line: what it said on stderr, else the `result` of its answer."""
    with suppress(ValueError, AttributeError, RecursionError):
        found = json.loads(out).get("result")
        if isinstance(found, str) and found:
            return visible(found)[:200]
    lines = (err.strip() or out.strip()).decode("utf-8", "replace").split("\n")
    return visible(lines[-1])[:200] or "no reason given"


class Bounded:
    """Reads a pipe in a thread of its own and keeps no more than `most` bytes of it."""

    def __init__(self, pipe: IO[bytes] | None, most: int, process: subprocess.Popen[bytes] | None) -> None:
        self.data = bytearray()
        self.overflowed = False
        self.pipe, self.most = pipe, most
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.pipe is not None
        with suppress(OSError, ValueError):
            while piece := os.read(self.pipe.fileno(), 65536):
                room = self.most - len(self.data)
                self.overflowed = self.overflowed or len(piece) > room
                self.data += piece[: max(room, 0)]


def end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it stays behind when it has not ended by itself. It is not reaped yet: its number is still its own."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
