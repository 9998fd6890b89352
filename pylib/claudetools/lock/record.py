"""Reading the claim that a lock's owner is a link to. Written by scripts/lib/claim.sh."""

from __future__ import annotations

import contextlib
import os
import stat

from claudetools.core.light import NamedTuple

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
