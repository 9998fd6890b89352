"""One record of a session's ledger: an edit, as it is written and read back (sessions/ledger.py keeps the file).

Fields, version 1 (of a newer version, or unknown: skipped and said):

    v, time (epoch seconds), tool, use (the tool call's id), path (from the top, "/" between its parts, bytes that are
    not UTF-8 as lone surrogates), before, after (sha256 of the content, null: no such file, "?": not known), mode and
    was (after and before: 100644, 100755, 120000, null), kind, began (when the tool call began), note (free object)

Kinds: "edit" and "write" hold exact contents on both sides, witnessed by the tool itself; "file" names a path that the
session changed where the contents cannot be told from somebody else's (file level); "window" is what changed between
the start and the end of a shell command (one witness); others are notes of other parts, for those who know them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from claudetools.core.light import NamedTuple, sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


VERSION = 1
GONE = "gone"  # kind of a record: that lines of this path are gone was said (gone.py)
DISK = "disk"  # in the note of an edit: what the hook found instead of what the tool had just written
UPON = "upon"  # in the note of what came back: the content that it was merged with, where its steps cannot be told
UNKNOWN = "?"  # in the place of a content's sha256: there was something, nobody knows what


CONTENT_KINDS = ("edit", "write", "file", "window")


LATE = 2.0  # seconds that a record without a beginning may have been written after the change
MODES = (None, "100644", "100755", "120000")


class Edit(NamedTuple):
    """One change of one path by one session. `seq` and `time` are given by `record`."""

    path: str
    before: str | None
    after: str | None
    kind: str = "edit"
    mode: str | None = "100644"
    was: str | None = "100644"
    tool: str = ""
    use: str = ""
    began: float = 0.0
    time: float = 0.0
    note: Mapping[str, Any] = {}
    seq: int = 0

    @property
    def exact(self) -> bool:
        """Whether both contents are known and were seen by the tool that made the change."""
        return self.kind in ("edit", "write") and UNKNOWN not in (self.before, self.after)

    @property
    def earliest(self) -> float:
        """Not before that did it happen (epoch seconds)."""
        return min(self.began or self.time - LATE, self.time)


class Ledger(NamedTuple):
    """What was read. `problems` says in words what could not be; `position` is where to read on."""

    edits: list[Edit]
    problems: list[str]
    position: int


def digest(data: bytes) -> str:
    """The name of a content."""
    return sha256(data).hexdigest()


def encode_edit(edit: Edit) -> bytes:
    """The record as it is appended: ASCII, whatever the path holds."""
    fields = {"v": VERSION, **edit._asdict(), "time": edit.time or time.time()}
    del fields["seq"]
    return b"\n" + json.dumps(fields, separators=(",", ":")).encode("ascii")


def parse_edits(data: bytes, offset: int = 0) -> Ledger:
    """The records in a piece of a ledger that begins at `offset`."""
    edits, problems, position = [], [], offset
    for line in data.split(b"\n"):
        offset += len(line)
        if line.strip(b" \t\r\0"):
            try:
                edits.append(decode_edit(line, offset))
                position = offset
            except ValueError as error:
                problems.append(f"the record that ends at {offset}: {error}")
        offset += 1
    return Ledger(edits, problems, position)


def decode_edit(line: bytes, seq: int) -> Edit:
    """One record. Raises ValueError in words that can be shown."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("torn, or not JSON") from None
    if not isinstance(fields, dict) or type(fields.get("v")) is not int:
        raise ValueError("no record of a ledger")
    if fields["v"] != VERSION:
        raise ValueError(f"version {fields['v']}; this toolkit reads {VERSION}")
    if not is_inside(fields.get("path")):
        raise ValueError("key 'path' is no path inside of the tree")
    for key in ("before", "after"):
        if not is_content(fields.get(key)):
            raise ValueError(f"key {key!r} is no sha256")
    for key in ("mode", "was"):
        if fields.get(key) not in MODES:
            raise ValueError(f"key {key!r} is no mode")
    for key in ("tool", "use", "kind"):
        if not isinstance(fields.get(key, ""), str):
            raise ValueError(f"key {key!r} is no text")
    for key in ("time", "began"):
        if type(fields.get(key, 0)) not in (int, float) or not abs(fields.get(key, 0)) < 1e12:
            raise ValueError(f"key {key!r} is no number")
    if not isinstance(fields.get("note", {}), dict):
        raise ValueError("key 'note' is no object")
    known = {key: fields[key] for key in Edit._fields if key in fields}
    return Edit(**{"before": None, "after": None, **known, "seq": seq})


def is_inside(path: object) -> bool:
    """Whether this is a path from the top that stays below it and outside of `.git`."""
    if not isinstance(path, str) or not path or "\0" in path:
        return False
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    parts = path.split("/")
    return not {"", ".", ".."} & set(parts) and parts[0].lower() != ".git"


def is_content(value: object) -> bool:
    """Whether this is what `before` and `after` hold."""
    if value is None or value == UNKNOWN:
        return True
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")
