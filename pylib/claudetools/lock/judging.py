"""Is the owner of the lock dead? Fails closed: only what is proved is DEAD, all the rest is HELD or FOREIGN."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from enum import Enum

from claudetools.core import processes
from claudetools.core.light import NamedTuple

# --- the record -----------------------------------------------------------------------
# Reading the claim that a lock's owner is a link to. Written by scripts/lib/claim.sh.


MAX_RECORD = 4096
MAX_PID = 2**31 - 1
NAMED = ("boot", "pid", "start", "token")  # what a claim's name tells as well, in this order


class Record(NamedTuple):
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
        text, name = _read_claim(owner, claims)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{owner} cannot be read: {error.strerror}") from error
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


def _read_claim(owner: str, claims: str) -> tuple[bytes, str]:
    """Text and name of the claim, '' when it has none any more."""
    fd = os.open(owner, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{owner} is not a plain file")
        # The name while the open file keeps its inode from being used again.
        return os.read(fd, MAX_RECORD), _claim_name(claims, info)
    finally:
        os.close(fd)


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


# --------------------------------------------------------------------------------------


# Kinds of file system that several kernels may have mounted at once, where another boot id proves nothing.
SHARED_FILE_SYSTEMS = (
    "9p afs ceph cifs coda davfs fakeowner gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 prl_fs smb3 smbfs "
    "vboxsf virtiofs vmhgfs"
)


class OwnerVerdict(Enum):
    """What may be said about an owner."""

    DEAD = "DEAD"
    HELD = "HELD"
    FOREIGN = "FOREIGN"


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


def judge(record: Record, machine: str, boot: str) -> tuple[OwnerVerdict, str]:
    """The verdict on a record, and a sentence for the user."""
    # The beacon first: it goes dark for ever, while a pid that was seen gone says nothing about children.
    dark = beacon_is_dark(record.beacon)
    if "unknown" in (record.boot, boot):
        if record.machine != machine:
            return OwnerVerdict.FOREIGN, f"The lock belongs to {record.label}, on another machine."
    elif record.boot != boot:
        if dark is False:  # a container that was given a boot id of its own, on this very kernel
            return OwnerVerdict.HELD, f"{record.label} has the lock, in another container or as another user."
        if record.machine not in (machine, ""):
            return OwnerVerdict.FOREIGN, f"The lock belongs to {record.label}, on another machine."
        if not on_local_disk(record.beacon):
            return OwnerVerdict.FOREIGN, f"The lock of {record.label} is on a shared file system and of another start."
        return OwnerVerdict.DEAD, f"The lock of {record.label} is older than this machine's last start: cleared."
    try:
        process = processes.look_up(record.pid)
    except OSError as error:
        return OwnerVerdict.HELD, f"Whether {record.label} still runs cannot be told: {error}."
    if not processes.proves_end(process, record.start):
        return OwnerVerdict.HELD, f"{record.label} has the lock."
    if dark is False:
        holders = processes.holders_of(record.beacon)
        # The owner itself may be among them: another container gave it another number, but its start is the same.
        if not holders or record.start in [p.start for p in holders]:
            return OwnerVerdict.HELD, f"{record.label} has the lock, in another container or as another user."
        names = ", ".join(f"{p.pid} {clean(p.command)}" for p in holders[:3])
        advice = "If it hangs: kill " + " ".join(str(p.pid) for p in holders)
        if stopped := [str(p.pid) for p in holders if p.stopped]:
            advice = f"It is stopped (Ctrl-Z, SIGSTOP) and goes on by: kill -CONT {' '.join(stopped)}"
        return OwnerVerdict.HELD, f"{record.label} died, but a program that it started still runs: {names}. {advice}"
    return OwnerVerdict.DEAD, f"{record.label} died without releasing the lock: cleared."
