"""Paths that came in and that the tree does not hold: the file `unsettled` in the tree's state.

Each is held back by the snapshot (hold_unsettled_paths of gates.sh), and every sync tries again to bring it in, until
the tree holds what HEAD has, or somebody takes what lies there. A record is two fields, each ended by a NUL: the path,
and the reason with, on a line of its own, mode and oid of what the path held before.
"""

from __future__ import annotations

import os
from contextlib import suppress

from claudetools.core import files, git
from claudetools.core.light import NamedTuple

ABSENT = "000000"


class Unsettled(NamedTuple):
    """One path. `mode` is '' where an older version did not write down what was there before."""

    path: bytes
    reason: str
    mode: str = ""
    oid: str = ""


def read(state: str) -> dict[bytes, Unsettled]:
    """The records of a tree, the first of each path: it names what the tree still holds."""
    found: dict[bytes, Unsettled] = {}
    with suppress(FileNotFoundError), open(os.path.join(state, "unsettled"), "rb") as file:
        fields = file.read().split(b"\0")
        for path, text in zip(fields[:-1:2], fields[1:-1:2], strict=False):
            reason, _, side = text.decode("utf-8", "replace").partition("\n")
            mode, _, oid = side.partition(" ")
            found.setdefault(path, Unsettled(path, reason, mode, oid))
    return found


def write(state: str, records: dict[bytes, Unsettled]) -> None:
    """Replace the records; none: the file goes."""
    path = os.path.join(state, "unsettled")
    rows = (b"%s\0%s\n%s %s\0" % (r.path, r.reason.encode(), r.mode.encode(), r.oid.encode()) for r in records.values())
    if records:
        files.write_whole(path, b"".join(rows))
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)


def add(state: str, change: git.Change, reason: str) -> None:
    """One more. Of a path that is in there already the older record counts: it names what the tree holds."""
    records = read(state)
    records[change.path] = records.get(
        change.path, Unsettled(change.path, "", change.old_mode, change.old_oid)
    )._replace(reason=reason)
    write(state, records)


def changes(top: str, state: str, head: str) -> list[git.Change]:
    """What would have to be done to each of them, now that HEAD is `head`."""
    found = []
    for record in read(state).values():
        mode, oid = git.entry(top, head, record.path)
        new_mode, new_oid = mode or ABSENT, oid or "0" * len(head)
        # Where nobody knows what was there before, only a file that is missing can be brought in.
        old_mode, old_oid = (record.mode, record.oid) if record.mode else (ABSENT, "0" * len(head))
        found.append(git.Change(record.path, old_mode, new_mode, old_oid, new_oid))
    return found
