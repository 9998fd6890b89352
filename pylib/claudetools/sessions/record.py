"""The neutral way into the ledger: what any agent, or a command of ours, says that it did. See `sessions record`."""

from __future__ import annotations

import base64
import binascii
import json
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from claudetools.attribution.edits import UNKNOWN, Edit, digest, is_inside
from claudetools.core.place import Place
from claudetools.sessions import calls, ledger, registry, windows
from claudetools.sessions.ledger import LONGEST

EVENTS = ("edit", "file", "open", "close", "begin", "end")
LONGEST_LINE = 4 * LONGEST


class BadRecord(Exception):
    """A line that cannot be used. The text names the line, the key, and what was expected."""


def record_all(place: Place, environ: Mapping[str, str], lines: Iterable[bytes]) -> None:
    """Do what each line says. Raises Refused at the first that cannot be used, OSError, GitFailed."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line) if len(line) <= LONGEST_LINE else None
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise BadRecord(f"stdin line {number}: expected a JSON object")
        try:
            record_one(place, environ, fields)
        except BadRecord as error:
            raise BadRecord(f"stdin line {number}: {error}") from None


def record_one(place: Place, environ: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    """One object. Raises Refused, OSError, GitFailed."""
    for key in ("session", "event", "agent", "tool", "use", "topic", "path"):
        if not isinstance(fields.get(key, ""), str):
            raise BadRecord(f"key {key!r} is no text")
    told = fields.get("session", "")
    session = registry.safe_id(told) if told else registry.current_id(environ)
    if not session:
        raise BadRecord("key 'session' is missing, and CLAUDETOOLS_SESSION_ID is not set")
    event = fields.get("event", "edit")
    if event not in EVENTS:
        raise BadRecord(f"key 'event' is {event!r}; expected one of {', '.join(EVENTS)}")
    register(place, session, fields)
    if event in ("edit", "file"):
        record_change(place, session, event, fields)
    elif event == "open":
        windows.start(place, session, use_of(fields), fields.get("tool", ""))
    elif event == "close" and (call := calls.find(place, session, use_of(fields))):
        windows.finish(place, session, call)
    elif event == "end":
        registry.end(place, session)


def register(place: Place, session: str, fields: Mapping[str, Any]) -> None:
    """The session is active; what is told about it is kept."""
    pid = fields.get("pid")
    if pid is not None and (type(pid) is not int or pid <= 0):
        raise BadRecord("key 'pid' is no process number")
    told = {key: fields[key] for key in ("agent", "topic") if fields.get(key)}
    if fields.get("event") == "begin" or told or pid:
        registry.register(place, session, pid=pid, **told)
    registry.touch(place, session)


def use_of(fields: Mapping[str, Any]) -> str:
    """The id of a call."""
    if not fields.get("use"):
        raise BadRecord("key 'use' is missing; expected the id of the call that begins or ends")
    return str(fields["use"])


def record_change(place: Place, session: str, event: str, fields: Mapping[str, Any]) -> None:
    """A file changed."""
    path = place.relative(os.path.join(place.top, fields.get("path", "")))
    if not fields.get("path") or not path or not is_inside(path):
        raise BadRecord(f"key 'path' is {fields.get('path', '')!r}; expected a file in this tree")
    common = {"tool": fields.get("tool", ""), "use": fields.get("use", "")}
    if event == "file":
        disk = ledger.look_at(place.top, path)
        edit = Edit(path, UNKNOWN, disk.sha, "file", disk.mode, disk.mode, **common)
        ledger.record(place, session, [edit], [disk.data] if disk.sha not in (None, UNKNOWN) else [])
    else:
        wrote(place, session, path, content_of(fields, "before"), content_of(fields, "after"), **common)


def wrote(
    place: Place, session: str, path: str, before: bytes | None, after: bytes | None, tool: str = "", use: str = ""
) -> None:
    """`session` made `after` of `before` at `path` (from the top; None: no file): also for our own commands that write
    into the tree. Raises OSError."""
    if before == after:
        return
    disk = ledger.look_at(place.top, path)
    mode = disk.mode or ledger.REGULAR
    start, end = (None if data is None else digest(data) for data in (before, after))
    was, now = (None if data is None else mode for data in (before, after))
    kind = "write" if before is None else "edit"
    edit = Edit(path, start, end, kind, now, was, tool, use, time=time.time())
    ledger.record(place, session, [edit], [data for data in (before, after) if data is not None])


def content_of(fields: Mapping[str, Any], key: str) -> bytes | None:
    """The content under `key` or `key_base64`. Raises Refused."""
    encoded = fields.get(f"{key}_base64")
    if isinstance(encoded, str):
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise BadRecord(f"key '{key}_base64' is no base64") from None
    if key not in fields:
        raise BadRecord(f"key {key!r} is missing; expected the file's text, or null for no file")
    text = fields[key]
    if text is not None and not isinstance(text, str):
        raise BadRecord(f"key {key!r} is no text")
    try:
        return None if text is None else text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadRecord(f"key {key!r} holds what is no text; use {key}_base64") from None
