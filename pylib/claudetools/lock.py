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
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{owner} is not a plain file")
        text = file.read(MAX_RECORD)
    name = _claim_name(claims, info)
    fields: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        fields[key] = value
    if name and name.count(".") == 3 and not fields:
        boot, pid, start, token = name.split(".")
        fields = {"protocol": "1", "boot": boot, "pid": pid, "start": start, "token": token}
    if fields.get("protocol") != "1":
        raise ValueError(f"{owner} was written by another version (protocol {clean(fields.get('protocol', '?'))})")
    if not fields.get("pid", "").isdigit() or not fields.get("token"):
        raise ValueError(f"{owner} holds no readable record")
    if not name:
        # Without its claim there is no beacon to ask; the name is rebuilt from the text.
        name = ".".join(fields.get(key, "") for key in ("boot", "pid", "start", "token"))
    winpid = fields.get("winpid", "")
    return Record(
        token=fields["token"],
        pid=int((winpid if winpid.isdigit() else fields["pid"])[:12]),
        start=fields.get("start", "unknown"),
        boot=fields.get("boot", "unknown"),
        machine=fields.get("machine", ""),
        host=fields.get("host", ""),
        title=fields.get("title", ""),
        beacon=os.path.join(claims, os.path.basename(name) + ".alive"),
    )


def _claim_name(claims: str, info: os.stat_result) -> str:
    with contextlib.suppress(OSError):
        for entry in os.scandir(claims):
            if entry.inode() == info.st_ino and not entry.name.endswith(".alive"):
                return entry.name
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
        return True if error.errno == errno.ENXIO else False
    os.close(fd)
    return False


def judge(record: Record, machine: str, boot: str) -> tuple[Verdict, str]:
    """The verdict on a record, and a sentence for the user."""
    if record.boot != boot or "unknown" in (record.boot, boot):
        if record.boot == "unknown" or boot == "unknown":
            if record.machine != machine:
                return Verdict.FOREIGN, f"The lock belongs to {record.label}, on another machine."
        elif record.machine in (machine, ""):
            return Verdict.DEAD, f"The lock of {record.label} is older than this machine's last start: cleared."
        else:
            return Verdict.FOREIGN, f"The lock belongs to {record.label}, on another machine."
    dark = beacon_is_dark(record.beacon)
    try:
        process = processes.look_up(record.pid)
    except OSError as error:
        return Verdict.HELD, f"Whether {record.label} still runs cannot be told: {error}."
    gone = process is None or process.zombie
    if process and process.start != record.start and "unknown" not in (process.start, record.start):
        gone = True
    if dark is False:
        if not gone:
            return Verdict.HELD, f"{record.label} has the lock."
        names = ", ".join(f"{p.pid} {clean(p.command)}" for p in processes.holders_of(record.beacon)[:3])
        return Verdict.HELD, f"{record.label} died, but a program that it started still runs: {names or 'unknown'}."
    if gone:
        return Verdict.DEAD, f"{record.label} died without releasing the lock: cleared."
    return Verdict.HELD, f"{record.label} has the lock."


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

            fcntl.flock(fd, fcntl.LOCK_EX)
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
        os.unlink(owner)
    _mark_dead(claims, token)
    return True


def _mark_dead(claims: str, token: str) -> None:
    """Rename the claim so that the next owner looks for what a killed git may have left (scripts/lib/recover.sh)."""
    with contextlib.suppress(OSError):
        for name in os.listdir(claims):
            if name.endswith(token) and not name.startswith("dead."):
                os.rename(os.path.join(claims, name), os.path.join(claims, f"dead.{name}"))
            elif name.endswith(f"{token}.alive"):
                os.unlink(os.path.join(claims, name))


def sweep(lock: str, state: str, machine: str, boot: str) -> list[str]:
    """Remove the claims of dead processes that own nothing. Returns their tokens."""
    claims, owner, swept = os.path.join(state, "claims"), os.path.join(lock, "owner"), []
    for name in sorted(os.listdir(claims)):
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
    return swept


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
    verdict, text = judge(record, machine, boot)
    if verdict is Verdict.HELD:
        return f"HELD {text}"
    if verdict is Verdict.FOREIGN:
        return (
            f"FOREIGN {text} If that run is over for certain: "
            f"bash .claude/claudetools/scripts/doctor.sh --break-lock {clean(record.token)}"
        )
    _pause_for_test("verdict")
    return f"CLEARED {text}" if clear(lock, state, record.token) else "GONE"


def main(argv: list[str]) -> int:
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
    time.sleep(0)
    return 0 if done else 73
