"""A session around any program that has no hooks: one window from its start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from claudetools.core import cli
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import calls, registry, windows
from claudetools.sessions.status import GitFailed

USE = "run"


def run(place: Place, command: list[str], topic: str) -> int:
    """Run the command as a session of its own: its exit code, 128 + N when signal N ended it."""
    session = f"run-{os.getpid()}-{os.urandom(4).hex()}"
    agent = os.path.basename(command[0])
    registry.register(place, session, agent=agent, pid=os.getpid(), topic=topic)
    try:
        windows.start(place, session, USE, agent, told=" ".join(command))
        with signals_for_the_child():
            return end_of(command, session)
    except GitFailed as error:
        cli.fail(cli.INTERNAL, visible(str(error)))
    finally:
        close(place, session)


def end_of(command: list[str], session: str) -> int:
    """Start the command and wait for it."""
    try:
        done = subprocess.run(command, env={**os.environ, "CLAUDETOOLS_SESSION_ID": session}, check=False)
    except OSError as error:
        print(f"[ERROR] {visible(command[0])}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def close(place: Place, session: str) -> None:
    """Write down what changed. A window that cannot be closed leaves its changes to nobody, and says so."""
    call = calls.find(place, session, USE)
    try:
        if call:
            windows.finish(place, session, call)
    except (OSError, GitFailed) as error:
        cli.warn(f"What the command changed could not be written down: {visible(str(error))}")
    with suppress(OSError):
        registry.end(place, session)


@contextmanager
def signals_for_the_child() -> Iterator[None]:
    """The terminal sends its signals to both of us: the command decides, we wait for it."""
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
