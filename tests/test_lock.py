"""The lock, with real processes, real signals and real file systems.

Whether two runs overlap is not counted from who says that it won: a kernel lock taken inside says it, and one test
checks that this oracle sees overlaps when there is no lock. Schedules are forced by gates (programs of the toolkit
that wait at a FIFO), never by sleeping. The long runs are in tests/lab/test_lock_lab.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from claudetools import processes
from claudetools.lock import command, judging
from claudetools.lock.record import MAX_RECORD
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


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    make_repository(yard)
    yield yard
    yard.close()


def make_repository(yard: Yard) -> None:
    yard.top.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=yard.top, env=yard.env(), check=True)


# --- exclusion, as an oracle sees it ------------------------------------------------------------------------------


def contend(yard: Yard, count: int, rounds: int, body: str = WORKER, env: Mapping[str, str] | None = None) -> list[str]:
    """Starts `count` workers that all stand at one barrier, lets them go; returns what they said on stderr."""
    read_end, write_end = os.pipe()
    ready = yard.gate("ready")
    barrier = f"echo >'{ready.at}'; read -r _ <&{read_end} || :; exec {read_end}<&-\n"
    workers = [
        yard.start(
            "bash", "-c", PROLOGUE + barrier + body, env={"ROUNDS": str(rounds), **(env or {})}, pass_fds=(read_end,)
        )
        for _ in range(count)
    ]
    os.close(read_end)
    seen = 0
    while seen < count:
        assert select.select([ready._at], [], [], PATIENCE)[0]
        seen += os.read(ready._at, 4096).count(b"\n")
    os.close(write_end)
    said = []
    for worker in workers:
        out, err = worker.communicate(timeout=1200)
        assert worker.returncode == 0, err.decode(errors="replace") + out.decode(errors="replace")
        said.append(err.decode(errors="replace"))
    return said


@needs_flock
def test_the_oracle_sees_overlaps_when_nobody_takes_the_lock(yard: Yard) -> None:
    no_lock = "prepare_claim() { :; }\nacquire_lock() { :; }\nrelease_lock() { :; }\n"
    slow = WORKER.replace("exec 5>&-", "sleep 0.01; exec 5>&-")
    contend(yard, 4, 10, no_lock + slow)
    assert yard.lines("overlaps")


@needs_flock
def test_eight_processes_with_fifty_acquisitions_each_never_overlap(yard: Yard) -> None:
    contend(yard, 8, 50)
    assert len(yard.lines("entries")) == 8 * 50
    assert yard.lines("overlaps") == []
    yard.assert_free()


@needs_flock
def test_forty_contenders_on_one_dead_lock_get_it_one_after_the_other_and_one_clears_it(yard: Yard) -> None:
    yard.plant_dead()
    said = contend(yard, 40, 1)
    entries = yard.lines("entries")
    assert len(entries) == len(set(entries)) == 40
    assert yard.lines("overlaps") == []
    assert sum("died without releasing the lock: cleared" in text for text in said) == 1
    assert [p.name.split(".")[0] for p in yard.claims.iterdir()] == ["dead"]


LIES = {
    "mkdir that always says yes": ("mkdir", '"$REAL" "$@" 2>/dev/null; exit 0'),
    "mkdir that always says no": ("mkdir", '"$REAL" "$@"; exit 1'),
    "ln that always says yes": ("ln", '"$REAL" "$@" 2>/dev/null; exit 0'),
    "ln that always says no": ("ln", '"$REAL" "$@"; exit 1'),
    "rmdir that always says no": ("rmdir", '"$REAL" "$@" 2>/dev/null; exit 1'),
}


@needs_flock
@pytest.mark.parametrize("lie", LIES)
def test_programs_that_lie_about_success_do_not_break_exclusion(yard: Yard, lie: str) -> None:
    contend(yard, 4, 6, env=yard.stub(*LIES[lie]))
    assert len(yard.lines("entries")) == 4 * 6
    assert yard.lines("overlaps") == []
    yard.assert_free()


def test_an_ln_that_does_nothing_and_says_yes_ends_with_73_and_not_in_a_loop(yard: Yard) -> None:
    done = yard.with_lock("--wait", "9", "--", "true", env=yard.stub("ln", "exit 0"))
    assert done.code == 73, done.text
    assert "gave no reason" in done.err
    yard.assert_free()


# --- forced schedules ---------------------------------------------------------------------------------------------


def pausing(yard: Yard, point: str) -> tuple[dict[str, str], Path]:
    fifo = yard.root / f"pause-{point}"
    os.mkfifo(fifo)
    return {"CLAUDETOOLS_TEST_PAUSE": f"{point}:{fifo}"}, fifo


@linux_only
def test_r2_a_verdict_that_was_overtaken_by_another_reclaimer_hits_nobody(yard: Yard) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, "verdict")
    late = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    go = paused_at(fifo)
    gate = yard.gate("second")
    second = yard.holder(gate, "second")
    token = yard.token()
    os.close(go)
    done = finish(late)
    assert done.code == 75, done.text
    assert "'second'" in done.err
    assert yard.token() == token
    gate.open()
    assert finish(second).code == 0
    yard.assert_next_gets_it_at_once()


@linux_only
def test_r1_a_reclaimer_stopped_under_the_guard_stops_the_others_only_for_a_moment(yard: Yard) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, "verdict-unlink")
    first = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    go = paused_at(fifo)
    other = yard.with_lock("--wait", "0", "--", "true")
    assert other.code == 75, other.text
    assert "another run that is just clearing its lock" in other.err
    os.close(go)
    done = finish(first)
    assert done.code == 0, done.text
    assert done.err.count("cleared") == 1
    yard.assert_next_gets_it_at_once()


@linux_only
def test_r4_an_owner_that_lets_go_and_ends_between_reading_and_probing_costs_nobody_the_lock(yard: Yard) -> None:
    first_gate, second_gate = yard.gate("first"), yard.gate("second")
    first = yard.holder(first_gate, "first")
    env, fifo = pausing(yard, "read")
    prober = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    go = paused_at(fifo)
    first_gate.open()
    assert finish(first).code == 0
    second = yard.holder(second_gate, "second")
    token = yard.token()
    # The pause point is passed once more: the way looked free, so the prober tries and reads again.
    os.close(go)
    wait_until(lambda: not processes.holders_of(str(fifo)))
    os.close(paused_at(fifo))
    done = finish(prober)
    assert done.code == 75, done.text
    assert yard.token() == token
    second_gate.open()
    assert finish(second).code == 0
    yard.assert_free()


def test_r6_an_acquirer_stopped_before_its_link_neither_owns_nor_blocks_nor_steals(yard: Yard) -> None:
    gate = yard.gate("ln")
    env = yard.stub("ln", f'{gate.shell}\nexec "$REAL" "$@"')
    slow = yard.start_with_lock("--wait", "0", "--", "true", env=env)
    gate.reached()
    assert yard.lock.is_dir() and not yard.owner.exists()
    taken = yard.gate("taken")
    quick = yard.holder(taken, "quick")
    token = yard.token()
    gate.open()
    done = finish(slow)
    assert done.code == 75, done.text
    assert "'quick'" in done.err
    assert yard.token() == token
    taken.open()
    assert finish(quick).code == 0
    yard.assert_free()


@linux_only
def test_r6_a_stopped_owner_is_never_cleared(yard: Yard) -> None:
    gate = yard.gate("held")
    owner = yard.holder(gate, "stopped")
    os.kill(owner.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(owner.pid) == "T")
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert f"'stopped' (process {owner.pid}" in done.err
    os.kill(owner.pid, signal.SIGCONT)
    gate.open()
    assert finish(owner).code == 0
    yard.assert_free()


@linux_only
def test_r8_a_killed_releasers_late_rm_hits_only_its_own_lock(yard: Yard) -> None:
    gate = yard.gate("rm")
    env = yard.stub("rm", f'case "$*" in *owner*) {gate.shell};; esac\nexec "$REAL" "$@"')
    releaser = yard.start_with_lock("--title", "releaser", "--", "true", env=env)
    gate.reached()
    kill(releaser)
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert "died, but a program that it started still runs" in done.err
    gate.open()
    yard.settle()
    assert not yard.owner.exists()
    yard.assert_next_gets_it_at_once()


def test_r8_a_late_rmdir_spares_the_next_owner(yard: Yard) -> None:
    gate, held = yard.gate("rmdir"), yard.gate("held")
    env = yard.stub("rmdir", f'case "$*" in *sync.lock*) {gate.shell};; esac\nexec "$REAL" "$@"')
    releaser = yard.start_with_lock("--", "sh", "-c", "exit 3", env=env)
    gate.reached()
    successor = yard.holder(held, "successor")
    gate.open()
    assert finish(releaser).code == 3
    assert yard.owner.exists()
    held.open()
    assert finish(successor).code == 0
    yard.assert_free()


@linux_only
def test_a_killed_acquirers_late_ln_meets_a_taken_lock_or_makes_a_dead_one(yard: Yard) -> None:
    gate, held = yard.gate("ln"), yard.gate("held")
    env = yard.stub("ln", f'{gate.shell}\nexec "$REAL" "$@"')
    acquirer = yard.start_with_lock("--", "true", env=env)
    gate.reached()
    kill(acquirer)
    owner = yard.holder(held, "owner")
    assert yard.judge("sweep").out.strip() == "", "a claim was swept although its ln still runs"
    held.open()
    assert finish(owner).code == 0
    yard.lock.mkdir()  # as the next acquirer would
    gate.open()
    yard.settle()
    assert yard.owner.exists()
    yard.assert_next_gets_it_at_once()


# --- what is no lock of ours, and where none can be made ----------------------------------------------------------


def make_odd_owner(kind: str, owner: Path) -> None:
    if kind == "directory":
        owner.mkdir()
    elif kind == "link to nowhere":
        owner.symlink_to("nowhere")
    elif kind == "link to a file":
        owner.with_name("elsewhere").write_text("x")
        owner.symlink_to("elsewhere")
    else:
        os.mkfifo(owner)


@pytest.mark.parametrize("kind", ["directory", "link to nowhere", "link to a file", "FIFO"])
def test_an_owner_that_is_no_plain_file_is_named_and_left_alone(yard: Yard, kind: str) -> None:
    yard.lock.mkdir()
    make_odd_owner(kind, yard.owner)
    before = sorted(p.name for p in yard.lock.rglob("*"))
    # A token of a with-lock above must not make anybody open the FIFO: that would hang.
    done = yard.with_lock("--", "true", env={"CLAUDETOOLS_REENTER": "0" * 32})
    assert done.code == 73, done.text
    assert "owner is not a plain file" in done.err
    assert sorted(p.name for p in yard.lock.rglob("*")) == before
    assert list(yard.claims.iterdir()) == []
    for job in ("judge", "show"):
        said = yard.judge(job)
        assert "Traceback" not in said.err and ("FOREIGN" in said.out or said.code == 73), said.text


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_a_container_that_is_no_directory_is_73_with_the_systems_words(yard: Yard, kind: str) -> None:
    yard.lock.write_text("") if kind == "file" else yard.lock.symlink_to("nowhere")
    done = yard.with_lock("--wait", "5", "--", "true")
    assert done.code == 73, done.text
    assert "File exists" in done.err or "Not a directory" in done.err
    assert list(yard.claims.iterdir()) == []


IN_TMPFS = """\
set -e
mount -t tmpfs -o "$OPTIONS" none "$MOUNT"
cd "$MOUNT"
git init -q .
eval "$BEFORE"
code=0
bash "$WITH_LOCK" --wait 5 -- true || code=$?
echo "code=$code"
eval "$AFTER"
find .git/claudetools .git/claudetools-sync.lock ! -type d 2>/dev/null || :
"""
FILL = 'dd if=/dev/zero of=filler bs=4096 2>/dev/null || :; [ "$(stat -f -c %a .)" = 0 ]'
EAT_INODES = "n=0; while : >filler.$n; do n=$((n + 1)); done 2>/dev/null; "
CANNOT = {
    "no space": ("size=1m", FILL, "", "No space left on device"),
    "no space, claims folder there": ("size=1m", f"mkdir -p .git/claudetools/claims; {FILL}", "", "No space left"),
    "no inodes": ("size=8m,nr_inodes=120", EAT_INODES, "", "No space left on device"),
    "read-only": ("size=1m", "mount -o remount,ro .", "mount -o remount,rw .", "Read-only file system"),
} | {
    f"{free} inodes left": (
        "size=8m,nr_inodes=120",
        f"mkdir -p .git/claudetools/claims; {EAT_INODES} i=0; while [ $i -lt {free} ]; do "
        "n=$((n - 1)); i=$((i + 1)); rm filler.$n; done",
        "",
        "No space left on device",
    )
    for free in (1, 2, 3)
}


@pytest.mark.parametrize("trouble", CANNOT)
def test_where_no_lock_can_be_made_it_says_why_with_73_and_leaves_nothing(yard: Yard, trouble: str) -> None:
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if not can(*namespace, "mount", "-t", "tmpfs", "none", "/mnt"):
        pytest.skip("no mount namespace for us here")
    options, before, after, words = CANNOT[trouble]
    mount = yard.root / "mount"
    mount.mkdir()
    env = {"OPTIONS": options, "MOUNT": str(mount), "BEFORE": before, "AFTER": after, "WITH_LOCK": str(WITH_LOCK)}
    done = yard.run(*namespace, "bash", "-c", IN_TMPFS, env=env)
    assert done.out.split() == ["code=73"], done.text
    assert words in done.err


def test_a_beacon_that_the_full_disk_refuses_is_73_and_one_that_no_file_system_here_has_is_done_without(
    yard: Yard,
) -> None:
    done = yard.with_lock("--", "true", env=yard.stub("mkfifo", 'echo "mkfifo: No space left on device" >&2; exit 1'))
    assert done.code == 73 and "No space left on device" in done.err, done.text
    yard.assert_free()
    stub = yard.stub("mkfifo", 'echo "mkfifo: Operation not supported" >&2; exit 1')
    assert yard.with_lock("--", "true", env=stub).code == 0
    yard.assert_free()


def test_a_folder_of_claims_that_cannot_be_made_is_73_with_the_systems_words(yard: Yard) -> None:
    yard.state.write_text("not a folder\n")
    done = yard.with_lock("--", "true")
    assert done.code == 73, done.text
    assert "File exists" in done.err or "Not a directory" in done.err
    assert not yard.lock.exists()


@linux_only
def test_a_dead_lock_that_cannot_be_cleared_is_73_and_no_traceback(yard: Yard) -> None:
    yard.plant_dead()
    (yard.state / "reclaim.guard").mkdir()
    done = yard.with_lock("--wait", "5", "--", "true")
    assert done.code == 73, done.text
    assert "cannot be cleared: " in done.err and "Is a directory" in done.err and "Traceback" not in done.err


def test_a_judge_that_gives_no_answer_is_73_at_the_end_and_never_a_live_owner(yard: Yard) -> None:
    yard.plant_dead()
    python = yard.root / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *judge*) exit 1;; esac\nexit 0\n')
    python.chmod(0o755)
    done = yard.with_lock("--wait", "0", "--", "true", env={"CLAUDETOOLS_PYTHON": str(python)})
    assert done.code == 73, done.text
    assert "could not be judged: no answer" in done.err


# --- killed after every step --------------------------------------------------------------------------------------

# In a stub: kills the run's bash, or its whole group; both have the group's number, which is field 5 of stat.
KILL_BASH = 'kill -9 "$(cut -d" " -f5 /proc/$$/stat)"'
KILL_GROUP = "kill -9 0"
STEPS = {
    "the record, before the beacon": ("mkfifo", "@KILL"),
    "the beacon's FIFO": ("mkfifo", '"$REAL" "$@"; @KILL'),
    "everything before the container": ("mkdir", 'case "$*" in *sync.lock*) @KILL;; esac; exec "$REAL" "$@"'),
    "the container": ("mkdir", '"$REAL" "$@"; case "$*" in *sync.lock*) @KILL;; esac'),
    "everything before the link": ("ln", "@KILL"),
    "the link": ("ln", '"$REAL" "$@"; @KILL'),
    "everything before the release": ("rm", "@KILL"),
    "the owner's unlinking": ("rm", '"$REAL" "$1" "$2"; @KILL'),
    "the record's unlinking": ("rm", '"$REAL" "$1" "$2" "$3"; @KILL'),
    "the beacon's unlinking": ("rm", '"$REAL" "$@"; @KILL'),
    "everything before the container's removal": ("rmdir", 'case "$*" in *sync.lock*) @KILL;; esac'),
    "the container's removal": ("rmdir", '"$REAL" "$@"; case "$*" in *sync.lock*) @KILL;; esac'),
}


@linux_only
@pytest.mark.parametrize("whom", [KILL_GROUP, KILL_BASH], ids=["group", "bash alone"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_the_next_acquire_succeeds_at_once(yard: Yard, step: str, whom: str) -> None:
    program, body = STEPS[step]
    env = yard.stub(program, body.replace("@KILL", f"{{ {whom}; }}"))
    done = yard.program(f"{TAKE}release_lock\n", env=env)
    assert done.code == -signal.SIGKILL, done.text
    yard.settle()
    yard.assert_next_gets_it_at_once()


@linux_only
@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "bash alone"])
@pytest.mark.parametrize("point", ["read", "verdict", "verdict-unlink", "mark-unlink", "unlink-beacon"])
def test_a_reclaimer_killed_at_any_step_leaves_a_lock_that_clears_at_once(
    yard: Yard, point: str, whole_group: bool
) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, point)
    reclaimer = yard.start_with_lock("--", "true", env=env)
    go = paused_at(fifo)
    kill(reclaimer, whole_group)
    os.close(go)
    yard.settle()
    yard.assert_next_gets_it_at_once()
    assert [p.name.split(".")[0] for p in yard.claims.iterdir()] == ["dead"], "the mark for the recovery is lost"


@linux_only
def test_a_helper_killed_alone_is_asked_again(yard: Yard) -> None:
    yard.plant_dead()
    env, fifo = pausing(yard, "verdict-unlink")
    contender = yard.start_with_lock("--wait", "30", "--", "true", env=env)
    go = paused_at(fifo)
    wait_until(lambda: len(processes.holders_of(str(fifo))) == 2)
    helper = next(p.pid for p in processes.holders_of(str(fifo)) if p.pid != os.getpid())
    assert os.getpgid(helper) == contender.pid
    os.kill(helper, signal.SIGKILL)
    os.close(go)
    wait_until(lambda: not processes.holders_of(str(fifo)))
    os.close(paused_at(fifo))
    done = finish(contender)
    assert done.code == 0, done.text


# --- records of all kinds -----------------------------------------------------------------------------------------

TOKEN = "ab" * 16


def record(yard: Yard, **changes: str) -> bytes:
    machine, boot = yard.facts()
    fields = {
        "protocol": "1", "token": TOKEN, "pid": "1", "start": "1", "boot": boot, "machine": machine, "host": "h",
        "user": "u", "winpid": "", "since": "1", "title": "planted", **changes,
    }  # fmt: skip
    return "".join(f"{key}={value}\n" for key, value in fields.items()).encode("utf-8", "surrogateescape")


def living() -> dict[str, str]:
    """This very process, as a record would name it."""
    me = processes.look_up(os.getpid())
    assert me
    return {"pid": str(me.pid), "start": me.start}


def claim_name(yard: Yard, pid: str, start: str) -> str:
    return f"{yard.facts()[1]}.{pid}.{start}.{TOKEN}"


def assert_verdict(yard: Yard, code: int, words: str) -> None:
    before = yard.owner.read_bytes()
    done = yard.with_lock("--wait", "0", "--", "true")
    assert "Traceback" not in done.err and "line " not in done.err, done.text
    assert done.code == code, done.text
    assert words in done.err
    if code:
        assert yard.owner.read_bytes() == before
    else:
        assert not yard.owner.exists()


@linux_only
def test_an_empty_record_is_judged_by_its_claims_name(yard: Yard) -> None:
    yard.plant(b"", claim_name(yard, **living()))
    assert_verdict(yard, 75, f"(process {os.getpid()}")


@linux_only
def test_an_empty_record_of_a_dead_process_is_cleared(yard: Yard) -> None:
    yard.plant(b"", claim_name(yard, living()["pid"], "1"))
    assert_verdict(yard, 0, "cleared")


def test_an_empty_record_without_a_claim_is_left_to_a_person(yard: Yard) -> None:
    yard.plant(b"")
    assert_verdict(yard, 73, "holds no readable record")


@linux_only
def test_an_empty_record_of_an_earlier_start_is_cleared(yard: Yard) -> None:
    yard.plant(b"", f"{'0' * 32}.{os.getpid()}.1.{TOKEN}")
    assert_verdict(yard, 0, "older than this machine's last start: cleared")


@linux_only
@pytest.mark.parametrize("with_claim", [True, False], ids=["claim", "no claim"])
def test_a_live_owners_record_cut_at_any_byte_is_never_cleared(yard: Yard, with_claim: bool) -> None:
    machine, boot = yard.facts()
    whole = record(yard, **living())
    yard.plant(whole, claim_name(yard, **living()) if with_claim else "")
    for length in range(len(whole) + 1):
        yard.owner.write_bytes(whole[:length])
        said = command.judge_and_clear(str(yard.lock), str(yard.state), machine, boot)
        assert said.split()[0] == "HELD" if with_claim else said.split()[0] in ("HELD", "FOREIGN"), (length, said)
        assert yard.owner.exists()


@linux_only
@pytest.mark.parametrize(
    "pid", ["", "0", "-1", "99999999999999999999", "4294967296", "²", "1 2", "\udcff\udcfe", "0x10"]
)
def test_a_record_with_an_impossible_pid_is_left_to_a_person(yard: Yard, pid: str) -> None:
    yard.plant(record(yard, pid=pid))
    assert_verdict(yard, 73, "holds no readable record")


@linux_only
def test_text_that_is_no_utf8_does_not_matter_where_it_decides_nothing(yard: Yard) -> None:
    yard.plant(record(yard, title="\udcff\udcfe", host="\udc80", **living()))
    assert_verdict(yard, 75, "has the lock")


@pytest.mark.parametrize("text", [b"\0" * 500, bytes(range(256)) * 40, b"protocol=1\n" * 5000, b"\n\n\n", b"=\n==\n"])
def test_rubbish_is_left_to_a_person(yard: Yard, text: bytes) -> None:
    yard.plant(text)
    assert_verdict(yard, 73, "")


@pytest.mark.parametrize("with_claim", [True, False], ids=["claim", "no claim"])
def test_a_newer_protocol_is_left_to_a_person_and_named(yard: Yard, with_claim: bool) -> None:
    yard.plant(b"protocol=2\nsomething=new\n", claim_name(yard, "1", "1") if with_claim else "")
    assert_verdict(yard, 73, "protocol 2")


def test_another_machines_lock_is_left_to_a_person_with_the_command_that_settles_it(yard: Yard) -> None:
    yard.plant(record(yard, boot="0" * 32, machine="another", host="their-host"))
    assert_verdict(yard, 73, f"doctor.sh --break-lock {TOKEN}")
    assert "their-host" in yard.judge("show").out


@linux_only
def test_another_start_of_this_machine_is_cleared_unless_its_beacon_still_burns(yard: Yard) -> None:
    text, name = record(yard, boot="0" * 32), f"{'0' * 32}.1.1.{TOKEN}"
    yard.plant(text, name)
    os.mkfifo(yard.claims / f"{name}.alive")
    beacon = os.open(yard.claims / f"{name}.alive", os.O_RDWR)
    assert_verdict(yard, 75, "in another container")
    os.close(beacon)
    assert_verdict(yard, 0, "older than this machine's last start: cleared")


def test_another_start_proves_nothing_on_a_shared_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    line = "36 35 98:0 / {} rw,noatime shared:1 - {} src rw\n"
    mounts.write_text(
        line.format("/", "ext4") + line.format("/net\\040dir", "nfs4") + line.format("/net\\040dir/local", "xfs")
        + line.format("/fuse", "fuse.sshfs") + line.format("/stick", "fuseblk")
    )  # fmt: skip
    expected = {"/home": True, "/net dir/x": False, "/net dir/local/x": True, "/fuse/x": False, "/stick/x": True}
    assert {path: judging.on_local_disk(path, str(mounts)) for path in expected} == expected
    assert judging.on_local_disk("/home", str(tmp_path / "missing"))


@linux_only
def test_our_own_pid_in_a_stale_record_is_cleared(yard: Yard) -> None:
    body = 'sed "s/@PID/$$/" "$TEMPLATE" >"$LOCK_DIR/owner"\n' + TAKE + "release_lock\n"
    yard.lock.mkdir()
    (yard.root / "template").write_bytes(record(yard, pid="@PID"))
    done = yard.program(body, env={"TEMPLATE": str(yard.root / "template"), "WAIT": "0"})
    assert done.code == 0, done.text
    assert "died without releasing the lock: cleared" in done.err


@linux_only
def test_r9_a_pid_that_was_given_to_another_process_is_cleared(yard: Yard) -> None:
    yard.plant(record(yard, pid=str(os.getpid()), start="1"))
    assert_verdict(yard, 0, "cleared")


def test_a_title_cannot_forge_another_field_of_the_record(yard: Yard) -> None:
    title = "x\npid=1\ntoken=0\r\x0bpid=2\n" + "long " * 2000
    gate = yard.gate("held")
    holder = yard.start_with_lock("--title", title, "--", "sh", "-c", gate.shell)
    gate.reached()
    text = yard.owner.read_text()
    assert text.count("\npid=") == 1 and f"\npid={holder.pid}\n" in text and len(text) < MAX_RECORD
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75 and f"(process {holder.pid} " in done.err, done.text
    gate.open()
    assert finish(holder).code == 0


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
def test_a_dead_owner_of_another_start_and_another_machine_is_left_to_a_person(yard: Yard) -> None:
    yard.plant(record(yard, boot="0" * 32, machine="0" * 32), f"{'0' * 32}.1.1.{TOKEN}")
    assert_verdict(yard, 73, "on another machine")


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
    code = f"import sys; sys.path.insert(0, {str(TOOLKIT / 'pylib')!r}); from claudetools.processes import look_up; "
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


# --- release ------------------------------------------------------------------------------------------------------


def test_releasing_twice_is_harmless_and_spares_the_next_owner(yard: Yard) -> None:
    gate = yard.gate("between")
    held = yard.gate("held")
    body = f"{TAKE}release_lock\n{gate.shell}\nrelease_lock\nrelease_lock && echo fine\n"
    twice = yard.start_program(body)
    gate.reached()
    successor = yard.holder(held)
    gate.open()
    done = finish(twice)
    assert (done.code, done.out) == (0, "fine\n"), done.text
    assert yard.owner.exists()
    held.open()
    assert finish(successor).code == 0
    yard.assert_free()


def test_a_broken_lock_is_not_ours_any_more_and_its_successor_is_spared(yard: Yard) -> None:
    gate, held = yard.gate("first"), yard.gate("second")
    body = f"{TAKE}verify_lock\n{gate.shell}\nverify_lock && echo still-ours\nrelease_lock\n"
    first = yard.start_program(body)
    gate.reached()
    assert yard.judge("break", "0" * 32).code == 73
    broken = yard.judge("break", yard.token())
    assert broken.code == 0 and "Cleared" in broken.out, broken.text
    successor = yard.holder(held)
    token = yard.token()
    gate.open()
    done = finish(first)
    assert done.code == 70, done.text
    assert "The lock was taken from this run" in done.err and "still-ours" not in done.out
    assert yard.token() == token
    held.open()
    assert finish(successor).code == 0
    yard.assert_next_gets_it_at_once()


def test_with_lock_says_70_when_its_lock_was_broken(yard: Yard) -> None:
    gate = yard.gate("inside")
    holder = yard.start_with_lock("--", "sh", "-c", gate.shell)
    gate.reached()
    assert yard.judge("break", yard.token()).code == 0
    gate.open()
    done = finish(holder)
    assert done.code == 70, done.text


def test_a_nested_lock_counts_no_more_when_the_one_above_is_broken(yard: Yard) -> None:
    gate = yard.gate("inside")
    body = f"{TAKE}verify_lock && echo before\n{gate.shell}\nverify_lock || echo lost\nrelease_lock\n"
    outer = yard.start_with_lock("--", "bash", "-c", PROLOGUE + body)
    gate.reached()
    assert yard.judge("break", yard.token()).code == 0
    gate.open()
    done = finish(outer)
    assert done.out == "before\nlost\n", done.text
    assert done.code == 70


@pytest.mark.parametrize("rmdir", ["exit 1", 'exec "$REAL" "$@"'], ids=["the next owner is in", "nobody waits"])
def test_the_exit_trap_under_set_e_releases_and_keeps_the_exit_code(yard: Yard, rmdir: str) -> None:
    body = f"{TAKE}(exit 3)\necho not-reached\n"
    done = yard.program(body, env=yard.stub("rmdir", rmdir))
    assert (done.code, done.out) == (3, ""), done.text
    yard.assert_free()


def test_a_subshells_end_keeps_its_parents_lock(yard: Yard) -> None:
    body = f'trap release_lock EXIT\n{TAKE}(exit 0)\n: "$(exit 0)"\n(true) &\nwait\nverify_lock && echo ours\n'
    done = yard.program(body)
    assert (done.code, done.out) == (0, "ours\n"), done.text
    yard.assert_free()


def test_a_signal_between_the_link_and_our_taking_note_of_it_leaves_no_lock(yard: Yard) -> None:
    gate = yard.gate("ln")
    env = yard.stub("ln", f'"$REAL" "$@"; {gate.shell}')
    run = yard.start_with_lock("--", "true", env=env)
    gate.reached()
    os.kill(run.pid, signal.SIGTERM)
    gate.open()
    done = finish(run)
    assert done.code == 143, done.text
    yard.assert_free()


# --- with-lock ----------------------------------------------------------------------------------------------------


def test_two_commands_inside_one_with_lock_run_one_after_the_other(yard: Yard) -> None:
    step = yard.root / "step"
    step.write_text(f'{INSIDE.replace("exec 5>&-", "")}\necho "enter $1" >>"$LOG"\n$2\necho "leave $1" >>"$LOG"\n')
    gate = yard.gate("inside")
    both = f"""
bash '{WITH_LOCK}' -- bash '{step}' one "bash {yard.root}/wait" &
read -r _ <'{yard.root}/first'
bash '{WITH_LOCK}' --wait 60 -- bash '{step}' two : &
bash '{WITH_LOCK}' --wait 0 -- true && echo overlapped
echo >'{gate.at}'
wait
"""
    os.mkfifo(yard.root / "first")
    (yard.root / "wait").write_text(f"echo >'{yard.root}/first'\nread -r _ <'{gate.go}'\n")
    outer = yard.start_with_lock("--", "bash", "-c", both, env={"LOG": str(yard.root / "log")})
    gate.reached()
    assert list((yard.state / "nested").iterdir())
    gate.open()
    done = finish(outer)
    assert (done.code, done.out) == (0, ""), done.text
    assert (yard.root / "log").read_text().splitlines() == ["enter one", "leave one", "enter two", "leave two"]
    assert yard.lines("overlaps") == []
    yard.assert_free()


@needs_flock
def test_a_crowd_inside_one_with_lock_never_overlaps(yard: Yard) -> None:
    crowd = 'for i in 1 2 3 4; do bash -c "$BODY" & done; wait'
    done = yard.with_lock("--", "bash", "-c", crowd, env={"BODY": PROLOGUE + WORKER, "ROUNDS": "5"})
    assert done.code == 0, done.text
    assert len(yard.lines("entries")) == 20
    assert yard.lines("overlaps") == []
    yard.assert_free()


def test_with_locks_nest_three_deep_and_stop_with_words_at_the_fifth(yard: Yard) -> None:
    again = ("bash", WITH_LOCK, "--wait", "0", "--")
    done = yard.with_lock("--", *again, *again, *again, "echo", "in")
    assert (done.code, done.out) == (0, "in\n"), done.text
    done = yard.with_lock("--", *again, *again, *again, *again, "echo", "in")
    assert (done.code, done.out) == (73, ""), done.text
    assert "nested more than four deep" in done.err
    yard.assert_free()


def test_a_with_lock_of_another_repository_in_between_does_not_hide_the_one_above(yard: Yard) -> None:
    other = yard.root / "other"
    subprocess.run(["git", "init", "-q", str(other)], env=yard.env(), check=True)
    there = f"cd '{other}' && bash '{WITH_LOCK}' -- sh -c \"cd '{yard.top}' && bash '{WITH_LOCK}' --wait 0 -- echo in\""
    done = yard.with_lock("--", "sh", "-c", there)
    assert (done.code, done.out) == (0, "in\n"), done.text
    yard.assert_free()


@linux_only
def test_what_a_killed_with_lock_left_below_is_swept_and_marked_for_the_recovery(yard: Yard) -> None:
    gate = yard.gate("inside")
    outer = yard.start_with_lock("--", "bash", WITH_LOCK, "--", "sh", "-c", gate.shell)
    gate.reached()
    kill(outer, whole_group=True)
    yard.settle()
    assert list((yard.state / "nested").iterdir())
    assert yard.program("read_process_facts; claims_look_dead && echo dead").out == "dead\n"
    yard.assert_next_gets_it_at_once()
    assert len([p for p in yard.claims.iterdir() if p.name.startswith("dead.")]) == 2


@linux_only
def test_a_nested_owner_that_was_killed_is_cleared_by_the_next_inside(yard: Yard) -> None:
    inside = f"""
bash '{WITH_LOCK}' -- sh -c 'kill -9 $PPID; sleep 0'
bash '{WITH_LOCK}' --wait 20 -- echo next
"""
    done = yard.with_lock("--", "bash", "-c", inside)
    assert (done.code, done.out) == (0, "next\n"), done.text
    assert not yard.owner.exists()
    yard.assert_next_gets_it_at_once()


@pytest.mark.parametrize("code", [0, 1, 3, 75, 126, 255])
def test_with_lock_passes_the_commands_exit_code(yard: Yard, code: int) -> None:
    assert yard.with_lock("--", "sh", "-c", f"exit {code}").code == code
    yard.assert_free()


def test_with_lock_says_127_for_a_command_that_is_not_there_and_128_and_more_for_a_killed_one(yard: Yard) -> None:
    assert yard.with_lock("--", "no-such-command").code == 127
    assert yard.with_lock("--", "sh", "-c", "kill -9 $$").code == 137
    yard.assert_free()


def test_with_lock_passes_stdin_and_arguments_as_they_are(yard: Yard) -> None:
    said = subprocess.run(
        [
            "bash",
            str(WITH_LOCK),
            "--",
            "sh",
            "-c",
            'cat; printf "<%s>" "$@"',
            "sh",
            "a b",
            "",
            "*",
            "$HOME",
            "--",
            "ä\nb",
        ],
        cwd=yard.top,
        env=yard.env(),
        input="from stdin\n",
        capture_output=True,
        text=True,
    )
    assert said.stdout == "from stdin\n<a b><><*><$HOME><--><ä\nb>", said
    yard.assert_free()


@pytest.mark.parametrize("name", ["say", "die", "release_lock", "cd", "-c"])
def test_with_lock_runs_programs_and_never_its_own_functions(yard: Yard, name: str) -> None:
    env = yard.stub(name, 'echo "the program $*"')
    done = yard.with_lock("--", name, "x", env=env)
    assert (done.code, done.out) == (0, "the program x\n"), done.text


def test_with_lock_gives_the_command_the_callers_language(yard: Yard) -> None:
    show = ("sh", "-c", 'echo "${LC_ALL-unset}"')
    assert yard.with_lock("--", *show).out == "unset\n"
    assert yard.with_lock("--", *show, env={"LC_ALL": "C.UTF-8"}).out == "C.UTF-8\n"


def test_with_locks_help_is_its_header(yard: Yard) -> None:
    header = [line[2:] for line in WITH_LOCK.read_text().splitlines()[1:] if line.startswith("#")]
    for flag in ("--help", "-h"):
        done = yard.with_lock(flag)
        assert (done.code, done.err) == (0, "")
        assert [x.rstrip() for x in done.out.splitlines()][: len(header)] == header[: len(done.out.splitlines())]
        assert "Usage:" in done.out and "Exit status" in done.out
    assert not yard.lock.exists()


WRONG = [
    "",
    "--",
    "--wait",
    "--wait x -- true",
    "--wait -1 -- true",
    "--wait -- true",
    "--title",
    "--what -- true",
    "true",
]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_64_and_points_to_the_help(yard: Yard, line: str) -> None:
    done = yard.with_lock(*line.split())
    assert (done.code, done.out) == (64, ""), done.text
    assert done.err.startswith("[ERROR] ")
    assert not yard.lock.exists() and not yard.state.exists()


def test_a_wait_with_a_leading_zero_is_no_octal_number(yard: Yard) -> None:
    done = yard.with_lock("--wait", "08", "--", "echo", "in")
    assert (done.code, done.out, done.err) == (0, "in\n", "")


def test_outside_a_repository_it_is_78(yard: Yard) -> None:
    done = finish(yard.start("sh", "-c", f"cd / && exec bash '{WITH_LOCK}' -- true"))
    assert done.code == 78, done.text
    assert "no git repository" in done.err


def test_a_linked_worktree_shares_the_lock_of_its_repository(yard: Yard) -> None:
    person = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    assert yard.run("git", *person, "commit", "-q", "--allow-empty", "-m", "x").code == 0
    assert yard.run("git", "worktree", "add", "-q", "../linked").code == 0
    gate = yard.gate("held")
    holder = yard.holder(gate, "main tree")
    done = finish(yard.start("sh", "-c", f"cd ../linked && exec bash '{WITH_LOCK}' --wait 0 -- true"))
    assert done.code == 75 and "'main tree'" in done.err, done.text
    gate.open()
    assert finish(holder).code == 0


def test_r13_a_program_left_behind_by_a_finished_run_holds_up_nobody(yard: Yard) -> None:
    gate = yard.gate("left")
    left = yard.start_with_lock("--", "sh", "-c", f"({gate.shell}) >/dev/null 2>&1 & exit 4")
    gate.reached()
    assert finish(left).code == 4
    yard.assert_free()
    assert yard.with_lock("--wait", "0", "--", "true").code == 0
    gate.open()


def test_75_names_who_has_the_lock(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.start_with_lock("--title", "night\x1b[2J build", "--", "sh", "-c", gate.shell)
    gate.reached()
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75, done.text
    assert f"'night?[2J build' (process {holder.pid} on" in done.err and "has the lock" in done.err
    assert "\x1b" not in done.err
    gate.open()
    assert finish(holder).code == 0


def test_a_waiter_says_whom_it_waits_for_and_when_it_got_the_lock(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate, "slow one")
    waiter = yard.start_with_lock("--wait", "60", "--", "true")
    assert waiter.stderr
    ready, _, _ = select.select([waiter.stderr], [], [], PATIENCE)
    assert ready
    first = waiter.stderr.readline().decode()
    assert "Waiting: 'slow one' on" in first and f"(process {holder.pid})" in first and "Up to 60 s." in first
    gate.open()
    done = finish(waiter)
    assert done.code == 0 and "Got the lock after" in done.err, done.text


def test_a_waiter_that_is_asked_to_end_leaves_no_claim(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate)
    waiter = yard.start_with_lock("--wait", "60", "--", "true")
    wait_until(lambda: len(list(yard.claims.glob("*.alive"))) == 2)
    os.kill(waiter.pid, signal.SIGTERM)
    assert finish(waiter).code == 143
    wait_until(lambda: len(list(yard.claims.iterdir())) == 2)
    assert yard.owner.exists()
    gate.open()
    assert finish(holder).code == 0
    yard.assert_free()


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_while_the_command_runs_keeps_the_lock_until_the_command_ended(
    yard: Yard, number: signal.Signals, code: int
) -> None:
    gate = yard.gate("inside")
    holder = yard.start_with_lock("--", "bash", WITH_LOCK, "--", "sh", "-c", gate.shell)
    gate.reached()
    os.kill(holder.pid, number)
    assert yard.with_lock("--wait", "0", "--", "true").code == 75
    gate.open()
    done = finish(holder)
    assert done.code == code, done.text
    yard.assert_free()


# --- the helper's own edges ---------------------------------------------------------------------------------------


def test_sweep_spares_the_owner_the_living_and_the_marked(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate)
    dead = claim_name(yard, "1", "1")
    (yard.claims / dead).write_bytes(record(yard))
    (yard.claims / f"dead.{dead}x").write_text("")
    (yard.claims / "rubbish").write_text("rubbish")
    kept = {p.name for p in yard.claims.iterdir()} - {dead}
    assert yard.judge("sweep").out.split() == [TOKEN]
    assert {p.name for p in yard.claims.iterdir()} == kept
    gate.open()
    assert finish(holder).code == 0


def test_sweep_and_show_are_calm_where_nothing_is(yard: Yard) -> None:
    assert yard.judge("sweep").code == 0
    assert yard.judge("show").out == "The lock is free.\n"
    assert yard.judge("break", TOKEN).err.count("Traceback") == 0


def test_show_tells_held_and_dead_apart(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate, "shown")
    assert f"'shown' (process {holder.pid} on" in yard.judge("show").out
    kill(holder)
    assert "is dead; the next sync clears its lock." in yard.judge("show").out
    assert yard.owner.exists()


# --- kill fuzz ----------------------------------------------------------------------------------------------------

# A child inside, so that bash is also killed while one holds the oracle.
FUZZ_WORKER = WORKER.replace("exec 5>&-", '(: >>"$ENTRIES.child")\nexec 5>&-')
# Takes the lock and lets two programs queue one level down; killed alone, it leaves them there.
NESTED_WORKER = f"""\
for ((n = 0; n != ROUNDS; n++)); do
{TAKE}
for inner in 1 2; do CLAUDETOOLS_REENTER=$LOCK_TOKEN bash -c "$INNER" & done
wait
rmdir "$STATE/nested/$LOCK_TOKEN/claims" "$STATE/nested/$LOCK_TOKEN" "$STATE/nested" || :
release_lock
done
"""


@dataclass
class Figures:
    acquisitions: int
    kills: int
    overlaps: int
    errors: list[str]


def fuzz(yard: Yard, seed: int, kills: int, workers: int = 5, body: str = FUZZ_WORKER, pace: float = 0.04) -> Figures:
    """Kills random runs, the whole group or bash alone, at random moments; each is replaced at once."""
    chance = random.Random(seed)
    errors: list[str] = []

    def launch() -> subprocess.Popen[bytes]:
        # Their talk goes nowhere: a full pipe would stop them.
        process = subprocess.Popen(
            ["bash", "-c", PROLOGUE + body],
            cwd=yard.top,
            env=yard.env({"ROUNDS": "-1", "WAIT": "60", "INNER": PROLOGUE + TAKE + INSIDE}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(yard.root / "talk").open("ab"),
            start_new_session=True,
        )
        yard.started.append(process)
        return process

    crew = [launch() for _ in range(workers)]
    for _ in range(kills):
        time.sleep(chance.uniform(0, pace))
        place = chance.randrange(workers)
        victim = crew[place]
        if victim.poll() is not None:
            errors.append(f"a worker ended by itself with {victim.returncode}")
        else:
            kill(victim, whole_group=chance.random() < 0.5)
        crew[place] = launch()
    for victim in crew:
        kill(victim, whole_group=True)
    yard.settle()
    talk = (yard.root / "talk").read_text(errors="replace")
    errors += [line for line in talk.splitlines() if "[ERROR]" in line or "Traceback" in line]
    figures = Figures(len(yard.lines("entries")), kills + workers, len(yard.lines("overlaps")), errors)
    print(f"seed {seed}: {figures.acquisitions} acquisitions, {figures.kills} kills, {figures.overlaps} overlaps")
    return figures


@needs_flock
@linux_only
def test_random_kills_never_make_two_runs_overlap_and_never_wedge_the_lock(yard: Yard) -> None:
    figures = fuzz(yard, seed=20260605, kills=120)
    assert figures.overlaps == 0
    assert figures.errors == []
    assert figures.acquisitions > 20
    yard.assert_next_gets_it_at_once()
