"""Judging the owner of the lock, and clearing it when it is proved dead.

The shell takes and releases the lock (scripts/lib/lock.sh); this module runs only on contention. It fails closed:
only DEAD clears, and everything that cannot be told is HELD or FOREIGN. The proof comes *before* the owner is read
again under the guard: death is stable and tokens are unique, so a delayed step can hit nobody else.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from claudetools import processes

MAX_RECORD = 4096
MAX_PID = 2**31 - 1
GUARD_SECONDS = 2.0
# Kinds of file system that several kernels may have mounted at once, where another boot id proves nothing.
SHARED_FILE_SYSTEMS = (
    "9p afs ceph cifs coda davfs fakeowner gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 prl_fs smb3 smbfs "
    "vboxsf virtiofs vmhgfs"
)


class Verdict(Enum):
    """What may be said about an owner."""

    DEAD = "DEAD"
    HELD = "HELD"
    FOREIGN = "FOREIGN"


@dataclass(frozen=True)
class Record:
    """A claim: `key=value` lines, written once before the lock is tried. See scripts/lib/lock.sh."""

    token: str
    pid: int
    start: str
    boot: str
    machine: str
    host: str
    title: str
    beacon: str

    @property
    def label(self) -> str:
        return f"'{clean(self.title) or 'sync'}' (process {self.pid} on {clean(self.host) or 'an unnamed machine'})"


def clean(text: str) -> str:
    """Printable characters only: a record is a file that anybody may have written."""
    return "".join(c if c.isprintable() else "?" for c in text)


def read_record(owner: str, claims: str) -> Record | None:
    """The record that `owner` is a link to; None when there is no owner. ValueError: not a record that we know.

    A machine that lost power may leave the file empty: its name in `claims` still carries boot, pid, start, token.
    """
    try:
        fd = os.open(owner, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{owner} cannot be read: {error.strerror}") from error
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{owner} is not a plain file")
        text = os.read(fd, MAX_RECORD)
        name = _claim_name(claims, info)  # while the open file keeps its inode from being used again
    finally:
        os.close(fd)
    fields = _fields(owner, text, name)
    winpid = fields.get("winpid", "")
    pid = winpid if winpid.isdigit() else fields["pid"]
    if not (pid.isascii() and pid.isdigit() and len(pid) <= 10 and 0 < int(pid) <= MAX_PID and fields["token"]):
        raise ValueError(f"{owner} holds no readable record")
    # Without its claim there is no beacon to ask; the name is rebuilt from the text.
    name = name or ".".join(fields[key] for key in NAMED)
    return Record(
        token=fields["token"],
        pid=int(pid),
        start=fields["start"],
        boot=fields["boot"],
        machine=fields.get("machine", ""),
        host=fields.get("host", ""),
        title=fields.get("title", ""),
        beacon=os.path.join(claims, os.path.basename(name) + ".alive"),
    )


NAMED = ("boot", "pid", "start", "token")


def _fields(owner: str, text: bytes, name: str) -> dict[str, str]:
    """The record's fields. What a cut text lost, its claim's `name` still tells: identity, but no machine."""
    fields: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").split("\n"):
        key, equals, value = line.partition("=")
        if equals:
            fields.setdefault(key, value)
    if fields.get("protocol", "1") not in ("", "1"):
        raise ValueError(f"{owner} was written by another version (protocol {clean(fields['protocol'])})")
    if "title" not in fields:  # the last line: everything before it is whole
        if name.count(".") != len(NAMED) - 1:
            raise ValueError(f"{owner} holds no readable record")
        return dict(zip(NAMED, name.split("."), strict=True))
    if not all(fields.get(key) for key in ("protocol", *NAMED)):
        raise ValueError(f"{owner} holds no readable record")
    return fields


def _claim_name(claims: str, info: os.stat_result) -> str:
    with contextlib.suppress(OSError):
        for entry in os.scandir(claims):
            if entry.inode() == info.st_ino and not entry.name.endswith(".alive"):
                return entry.name.removeprefix("dead.")
    return ""


def beacon_is_dark(path: str) -> bool | None:
    """True: no process has the FIFO open. False: some process has. None: there is no beacon to ask.

    Opening a FIFO for writing without blocking gives ENXIO when nobody reads it (fifo(7)); the owner and all its
    descendants hold it open for reading and writing.
    """
    try:
        if not stat.S_ISFIFO(os.lstat(path).st_mode):
            return None
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.errno == errno.ENXIO
    os.close(fd)
    return False


def on_local_disk(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether only this machine can have written `path`, as far as the system tells. Format: proc(5)."""
    path, best, kind = os.path.realpath(path), "", ""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                left, _, right = line.partition(" - ")
                point = left.split()[4].replace("\\040", " ")
                if len(point) >= len(best) and (path + "/").startswith(point.rstrip("/") + "/"):
                    best, kind = point, right.split()[0]
    except (OSError, IndexError):
        return not os.path.exists(mounts)
    return kind not in SHARED_FILE_SYSTEMS.split() and not (kind.startswith("fuse") and kind != "fuseblk")


def judge(record: Record, machine: str, boot: str) -> tuple[Verdict, str]:
    """The verdict on a record, and a sentence for the user."""
    # The beacon first: it goes dark for ever, while a pid that was seen gone says nothing about children.
    dark = beacon_is_dark(record.beacon)
    if "unknown" in (record.boot, boot):
        if record.machine != machine:
            return Verdict.FOREIGN, f"The lock belongs to {record.label}, on another machine."
    elif record.boot != boot:
        if dark is False:  # a container that was given a boot id of its own, on this very kernel
            return Verdict.HELD, f"{record.label} has the lock, in another container or as another user."
        if record.machine not in (machine, ""):
            return Verdict.FOREIGN, f"The lock belongs to {record.label}, on another machine."
        if not on_local_disk(record.beacon):
            return Verdict.FOREIGN, f"The lock of {record.label} is on a shared file system and of another start."
        return Verdict.DEAD, f"The lock of {record.label} is older than this machine's last start: cleared."
    try:
        process = processes.look_up(record.pid)
    except OSError as error:
        return Verdict.HELD, f"Whether {record.label} still runs cannot be told: {error}."
    gone = process is None or process.zombie
    if process and process.start != record.start and "unknown" not in (process.start, record.start):
        gone = True
    if not gone:
        return Verdict.HELD, f"{record.label} has the lock."
    if dark is False:
        holders = processes.holders_of(record.beacon)
        # The owner itself may be among them: another container gave it another number, but its start is the same.
        if not holders or record.start in [p.start for p in holders]:
            return Verdict.HELD, f"{record.label} has the lock, in another container or as another user."
        names = ", ".join(f"{p.pid} {clean(p.command)}" for p in holders[:3])
        return Verdict.HELD, f"{record.label} died, but a program that it started still runs: {names}."
    return Verdict.DEAD, f"{record.label} died without releasing the lock: cleared."


@contextlib.contextmanager
def guard(state: str) -> Iterator[None]:
    """A kernel lock, gone with its holder. The file is never deleted: deleting it would make two guards."""
    fd = os.open(os.path.join(state, "reclaim.guard"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            # A guard's holder needs microseconds; one that was stopped there must not stop everybody else.
            deadline = time.monotonic() + GUARD_SECONDS
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
        yield
    finally:
        os.close(fd)


def clear(lock: str, state: str, token: str) -> bool:
    """Unlink the owner if it still is the one with `token`. The caller has proved that owner dead."""
    owner, claims = os.path.join(lock, "owner"), os.path.join(state, "claims")
    with guard(state):
        record = read_record(owner, claims)
        if record is None or record.token != token:
            return False
        _pause_for_test("verdict-unlink")
        # The mark first: killed between the two, the owner is judged again and the mark is already there.
        beacon = _mark_dead(claims, token)
        _pause_for_test("mark-unlink")
        try:
            os.unlink(owner)
        except FileNotFoundError:  # a broken lock's live owner let go by itself
            return False
        _pause_for_test("unlink-beacon")
        if beacon_is_dark(beacon):
            with contextlib.suppress(OSError):
                os.unlink(beacon)
    return True


def _mark_dead(claims: str, token: str) -> str:
    """Rename the claim so that the next owner looks for what a killed git may have left (scripts/lib/recover.sh).

    Returns the path of its beacon.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(claims):
            if name.endswith(f".{token}"):
                plain = name.removeprefix("dead.")
                os.replace(os.path.join(claims, name), os.path.join(claims, f"dead.{plain}"))
                return os.path.join(claims, f"{plain}.alive")
    return ""


def sweep(lock: str, state: str, machine: str, boot: str) -> list[str]:
    """Remove the claims of dead processes that own nothing. Returns their tokens."""
    claims, owner, swept = os.path.join(state, "claims"), os.path.join(lock, "owner"), []
    for name in _names(claims):
        path = os.path.join(claims, name)
        if name.endswith(".alive"):
            if not os.path.exists(path.removesuffix(".alive")) and beacon_is_dark(path):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            continue
        if name.startswith("dead."):
            continue
        with contextlib.suppress(OSError, ValueError):
            if os.path.exists(owner) and os.path.samefile(path, owner):
                continue
            record = read_record(path, claims)
            if record and judge(record, machine, boot)[0] is Verdict.DEAD:
                for leftover in (path + ".alive", path):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(leftover)
                swept.append(record.token)
    for token in _names(os.path.join(state, "nested")):
        with contextlib.suppress(OSError, ValueError):
            record = read_record(owner, claims)
            if record and record.token != token:
                _sweep_level(os.path.join(state, "nested", token), claims, machine, boot)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.join(state, "nested"))
    return swept


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _sweep_level(level: str, above: str, machine: str, boot: str) -> None:
    """Remove what a killed with-lock left of the level below it, unless anything there may still live.

    A claim that owned the level goes up as a dead one: its git may have left something as well.
    """
    claims, lock = os.path.join(level, "claims"), os.path.join(level, "lock")
    owner = os.path.join(lock, "owner")
    names = [name for name in _names(claims) if not name.endswith(".alive")]
    for name in names:
        record = read_record(os.path.join(claims, name), claims)
        if record is None or beacon_is_dark(record.beacon) is False:
            return
        if not name.startswith("dead.") and judge(record, machine, boot)[0] is not Verdict.DEAD:
            return
    for name in names:
        path = os.path.join(claims, name)
        if name.startswith("dead.") or (os.path.exists(owner) and os.path.samefile(path, owner)):
            os.replace(path, os.path.join(above, "dead." + name.removeprefix("dead.")))
        else:
            os.unlink(path)
    for path in (owner, os.path.join(level, "reclaim.guard"), *(os.path.join(claims, n) for n in _names(claims))):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    for folder in (lock, claims, level):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(folder)


def _pause_for_test(point: str) -> None:
    """Tests stop a helper between two steps: CLAUDETOOLS_TEST_PAUSE=point:FIFO blocks until the FIFO is written."""
    wanted, _, fifo = os.environ.get("CLAUDETOOLS_TEST_PAUSE", "").partition(":")
    if wanted == point:
        with open(fifo) as file:
            file.read()


def judge_and_clear(lock: str, state: str, machine: str, boot: str) -> str:
    """One line for the shell: CLEARED text, GONE, HELD text or FOREIGN text."""
    try:
        record = read_record(os.path.join(lock, "owner"), os.path.join(state, "claims"))
    except ValueError as error:
        return f"FOREIGN {error}. Look at it: bash .claude/claudetools/scripts/doctor.sh --locks"
    if record is None:
        return "GONE"
    _pause_for_test("read")
    verdict, text = judge(record, machine, boot)
    if verdict is Verdict.HELD:
        return f"HELD {text}"
    if verdict is Verdict.FOREIGN:
        return (
            f"FOREIGN {text} If that run is over for certain: "
            f"bash .claude/claudetools/scripts/doctor.sh --break-lock {clean(record.token)}"
        )
    _pause_for_test("verdict")
    try:
        return f"CLEARED {text}" if clear(lock, state, record.token) else "GONE"
    except BlockingIOError:
        return f"HELD {record.label} is dead; another run that is just clearing its lock does not get on."
    except OSError as error:
        return f"FOREIGN {record.label} is dead, but its lock cannot be cleared: {clean(str(error))}."


def main(argv: list[str]) -> int:
    """judge, sweep, break TOKEN or show, for LOCK STATE MACHINE BOOT; what each says is on stdout."""
    parser = argparse.ArgumentParser(prog="lock")
    parser.add_argument("job", choices=("judge", "sweep", "break", "show"))
    parser.add_argument("lock")
    parser.add_argument("state")
    parser.add_argument("machine")
    parser.add_argument("boot")
    parser.add_argument("token", nargs="?", default="")
    args = parser.parse_args(argv)
    if args.job == "judge":
        print(judge_and_clear(args.lock, args.state, args.machine, args.boot))
    elif args.job == "sweep":
        print("\n".join(sweep(args.lock, args.state, args.machine, args.boot)))
    elif args.job == "show":
        return show(args)
    else:
        return break_lock(args)
    return 0


def show(args: argparse.Namespace) -> int:
    """Who has the lock, in a person's words. Exit 0 free or held, 73 when nobody here can tell."""
    try:
        record = read_record(os.path.join(args.lock, "owner"), os.path.join(args.state, "claims"))
    except ValueError as error:
        print(error)
        return 73
    if record is None:
        print("The lock is free.")
        return 0
    verdict, text = judge(record, args.machine, args.boot)
    print(text if verdict is not Verdict.DEAD else f"{record.label} is dead; the next sync clears its lock.")
    return 73 if verdict is Verdict.FOREIGN else 0


def break_lock(args: argparse.Namespace) -> int:
    """A person's word replaces the proof of death; the guard and the token still decide whom it hits."""
    try:
        done = clear(args.lock, args.state, args.token)
    except (OSError, ValueError) as error:
        print(f"{error}", file=sys.stderr)
        return 73
    print(f"{'Cleared' if done else 'Not the owner any more, nothing was done'}: {clean(args.token)}")
    return 0 if done else 73
