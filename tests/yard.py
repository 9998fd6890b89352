"""A repository whose lock is fought for, with real processes, real signals and real file systems.

Whether two runs overlap is not counted from who says that it won: a kernel lock taken inside says it (`INSIDE`), and
one test checks that this oracle sees overlaps when there is no lock. Schedules are forced by gates (programs of the
toolkit that wait at a FIFO), never by sleeping.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from claudetools.core import processes
from claudetools.lock import judging
from world import TOOLKIT, WITH_LOCK, Result, clean_environment

LIB = TOOLKIT / "scripts" / "lib"
ENTRY = TOOLKIT / "pylib" / "claudetools" / "__main__.py"
PATIENCE = 30.0
linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
needs_flock = pytest.mark.skipif(not shutil.which("flock"), reason="the oracle is flock(1)")
PROLOGUE = f"""\
set -euo pipefail
for part in environment exit_codes ui python owner claim lock; do . '{LIB}'/$part.sh; done
use_lock "$COMMON"
trap release_lock EXIT
"""
TAKE = """\
prepare_claim "$LOCK_STATE" "${TITLE:-test}" || die $? "prepare: $LOCK_MESSAGE"
acquire_lock "${WAIT:-60}" || die $? "acquire: ${LOCK_MESSAGE:-$(describe_owner)}"
"""
# Descriptor 5 is closed before the beacon, 9, when a process dies: the oracle never outlives the lock.
INSIDE = """\
exec 5>>"$ORACLE"
flock -n 5 || printf '%s\\n' "$$" >>"$OVERLAPS"
printf '%s\\n' "$$" >>"$ENTRIES"
exec 5>&-
"""
WORKER = f"""\
for ((n = 0; n != ROUNDS; n++)); do
{TAKE}{INSIDE}
release_lock
done
"""


class Gate:
    """A place where a program waits until the test lets it go on."""

    def __init__(self, folder: Path, name: str) -> None:
        self.at, self.go = folder / f"{name}.at", folder / f"{name}.go"
        os.mkfifo(self.at)
        os.mkfifo(self.go)
        self._at = os.open(self.at, os.O_RDWR | os.O_NONBLOCK)
        self._go = -1

    @property
    def shell(self) -> str:
        return f"echo >'{self.at}'; read -r _ <'{self.go}'"

    def reached(self) -> None:
        ready, _, _ = select.select([self._at], [], [], PATIENCE)
        assert ready, f"nobody came to {self.at.name}"
        os.read(self._at, 100)

    def open(self) -> None:
        if self._go < 0:
            self._go = os.open(self.go, os.O_RDWR | os.O_NONBLOCK)
            os.write(self._go, b"\n")

    def close(self) -> None:
        self.open()
        os.close(self._at)
        os.close(self._go)


@dataclass
class Yard:
    """A repository whose lock is fought for, and every process that the test started there."""

    root: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    more_env: dict[str, str] = field(default_factory=dict)

    @property
    def top(self) -> Path:
        return self.root / "ops"

    @property
    def common(self) -> Path:
        return self.top / ".git"

    @property
    def state(self) -> Path:
        return self.common / "claudetools"

    @property
    def claims(self) -> Path:
        return self.state / "claims"

    @property
    def lock(self) -> Path:
        return self.common / "claudetools-sync.lock"

    @property
    def owner(self) -> Path:
        return self.lock / "owner"

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        marks = {name.upper(): str(self.root / name) for name in ("oracle", "overlaps", "entries")}
        return {**clean_environment(self.root), **marks, "COMMON": str(self.common), **self.more_env, **(more or {})}

    def start(
        self, *argv: str | Path, env: Mapping[str, str] | None = None, pass_fds: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [str(a) for a in argv],
            cwd=self.top,
            env=self.env(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=heed_interrupts if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else None,
        )
        self.started.append(process)
        return process

    def run(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> Result:
        return finish(self.start(*argv, env=env))

    def start_program(self, body: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        return self.start("bash", "-c", PROLOGUE + body, env=env)

    def program(self, body: str, env: Mapping[str, str] | None = None) -> Result:
        """A bash program with the toolkit's library."""
        return self.run("bash", "-c", PROLOGUE + body, env=env)

    def with_lock(self, *args: str | Path, env: Mapping[str, str] | None = None) -> Result:
        return self.run("bash", WITH_LOCK, *args, env=env)

    def start_with_lock(self, *args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        return self.start("bash", WITH_LOCK, *args, env=env)

    def holder(
        self, gate: Gate, title: str = "holder", env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """One bash that has the lock and waits at the gate; its only child is the reading of the gate."""
        body = f"{TAKE}exec 4<>'{gate.go}'\necho >'{gate.at}'\nread -r _ <&4\nrelease_lock\n"
        process = self.start_program(body, env={"TITLE": title, **(env or {})})
        gate.reached()
        return process

    def gate(self, name: str) -> Gate:
        self.gates.append(Gate(self.root, name))
        return self.gates[-1]

    def stub(self, name: str, body: str, folder: str = "stubs") -> dict[str, str]:
        """A program that hides the system's one; `$REAL` in its body is that one. Returns the PATH to use."""
        stubs = self.root / folder
        stubs.mkdir(exist_ok=True)
        path = stubs / name
        path.write_text(f"#!/bin/sh\nREAL='{shutil.which(name)}'\n{body}\n")
        path.chmod(0o755)
        return {"PATH": f"{stubs}:{os.environ['PATH']}"}

    def judge(self, job: str = "judge", *more: str) -> Result:
        facts = self.facts()
        return self.run(sys.executable, "-I", ENTRY, "lock", job, self.lock, self.state, *facts, *more)

    def facts(self) -> tuple[str, str]:
        """Machine and boot, as the shell tells them."""
        said = subprocess.run(
            ["bash", "-c", PROLOGUE + 'read_process_facts; printf "%s %s" "$MACHINE_ID" "$BOOT_ID"'],
            env=self.env(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        machine, boot = said.split()
        return machine, boot

    def token(self) -> str:
        return next(x for x in self.owner.read_text().splitlines() if x.startswith("token=")).removeprefix("token=")

    def plant(self, text: bytes, name: str = "") -> None:
        """A lock whose owner is `text`, with a claim of that name or without one."""
        self.claims.mkdir(parents=True, exist_ok=True)
        self.lock.mkdir(exist_ok=True)
        self.owner.write_bytes(text)
        if name:
            os.link(self.owner, self.claims / name)

    def plant_dead(self) -> None:
        """A lock whose owner was killed."""
        gate = self.gate("dead")
        kill(self.holder(gate, "the dead one"))
        assert self.owner.exists()

    def lines(self, name: str) -> list[str]:
        path = self.root / name
        return path.read_text().split() if path.exists() else []

    def settle(self) -> None:
        """Until no process has any beacon open: what was killed is gone, orphans too."""

        def dark() -> bool:
            beacons = [
                Path(folder, f) for folder, _, files in os.walk(self.state) for f in files if f.endswith(".alive")
            ]
            return all(judging.beacon_is_dark(str(path)) is not False for path in beacons)

        wait_until(dark)

    def assert_free(self) -> None:
        assert not self.owner.exists() and not self.owner.is_symlink(), "a lock is left"
        assert not self.claims.exists() or not list(self.claims.iterdir()), list(self.claims.iterdir())
        assert not (self.state / "nested").exists()

    def assert_next_gets_it_at_once(self) -> None:
        """The next acquire needs no wait step, and leaves nothing but marks for the recovery."""
        path = self.stub("sleep", f'echo slept >>"{self.root}/slept"; exec "$REAL" "$@"', "no-sleep")
        done = self.program(f"{TAKE}{SWEEP}release_lock\n", env={**path, "WAIT": "20"})
        assert done.code == 0, done.text
        assert not (self.root / "slept").exists(), done.text
        assert not self.owner.exists()
        left = [p.name for p in self.claims.iterdir()] if self.claims.exists() else []
        assert all(name.startswith("dead.") and not name.endswith(".alive") for name in left), left
        assert not (self.state / "nested").exists()

    def close(self) -> None:
        for process in self.started:
            if process.returncode is None:  # not reaped: its group is still ours
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        for gate in self.gates:
            gate.close()
        for process in self.started:
            process.communicate()


SWEEP = 'find_python; run_python_with_packages lock sweep "$LOCK_DIR" "$LOCK_STATE" "$MACHINE_ID" "$BOOT_ID"\n'


def heed_interrupts() -> None:
    """A test run in the background of a shell ignores them, and bash cannot trap what it was born ignoring."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[bytes]) -> Result:
    out, err = process.communicate(timeout=PATIENCE * 2)
    return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def kill(process: subprocess.Popen[bytes], whole_group: bool = False) -> None:
    """SIGKILL, and reaped: gone from the process table."""
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait(timeout=PATIENCE)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def paused_at(fifo: Path) -> int:
    """Waits until a helper stands at its pause point; closing the descriptor lets it go on."""
    found: list[int] = []

    def there() -> bool:
        with contextlib.suppress(OSError):
            found.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(found)

    wait_until(there)
    return found[0]


def can(*argv: str) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def make_repository(yard: Yard) -> None:
    yard.top.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=yard.top, env=yard.env(), check=True)


def living() -> dict[str, str]:
    """This very process, as a record would name it."""
    me = processes.look_up(os.getpid())
    assert me
    return {"pid": str(me.pid), "start": me.start}
