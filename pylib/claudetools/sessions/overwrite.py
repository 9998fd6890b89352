"""A whole file is about to be written: which unsaved lines of other live sessions go that the writer has not seen.

An Edit names the text that it replaces; a Write names nothing, and newer models write over files that they have never
read. A line counts as seen where it lies in the session's transcript, in what one of its own edits of the file found or
made, or in an earlier refusal.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from claudetools.attribution.edits import digest, is_inside
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import aware, ledger, saved
from claudetools.sessions.event import SILENT, Event, Reply
from claudetools.sessions.registry import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATHS = ("file_path", "path", "filePath", "filename", "file")
CONTENTS = ("content", "contents", "file_text", "text")
TOLD = "overwrite.json"
SHOWN = 10  # lines in a refusal
WIDEST = 120
TAIL = 4 * 1024 * 1024  # bytes of a transcript that are looked at


def written(given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Path and content where a tool writes a whole file, whatever it is called."""
    path = next((given[key] for key in PATHS if isinstance(given.get(key), str)), "")
    content = next((given[key] for key in CONTENTS if isinstance(given.get(key), str)), None)
    return (path, content) if path and "\0" not in path and content is not None else None


def before_write(place: Place, event: Event) -> Reply:
    """Refuse, once for each line, or tell, as `guards` is set. Also for a tool of a server that writes a whole file."""
    told = written(event.given)
    path = place.relative(os.path.join(event.cwd or place.top, told[0])) if told else None
    if told is None or not path or not is_inside(path):
        return SILENT
    others = aware.others_in(place, [event.session], [path])
    mode = aware.mode_of(place) if others else "off"
    disk = ledger.look_at(place.top, path) if mode != "off" else ledger.NOTHING
    lost = set(lines_of(disk.data)) - set(lines_of(told[1].encode("utf-8", "surrogatepass")))
    if not lost:
        return SILENT
    ends = saved.find(place, [one.id for one in others])
    whose = {one.id: lost & added(place, one.id, path, ends.get(one.id, 0)) for one in others}
    known = seen(place, event, path, set().union(*whose.values()))
    unseen = {id: lines - known for id, lines in whose.items() if lines - known}
    if not unseen:
        return SILENT
    remember(place, event.session, path, set().union(*unseen.values()))
    text = message(path, [one for one in others if one.id in unseen], set().union(*unseen.values()), disk.data)
    return Reply(refusal=text) if mode == "refuse" else Reply(f"[WARN] {text}")


def lines_of(data: bytes) -> list[bytes]:
    """The lines that say something, without their ends."""
    return [line for line in data.replace(b"\r", b"").split(b"\n") if line.strip()]


def added(place: Place, session: str, path: str, position: int) -> set[bytes]:
    """The lines that the session has put into the file since its last save, up to `position`."""
    found: set[bytes] = set()
    for edit in aware.edits_of(place, session, [path]):
        if edit.seq > position:
            was, now = (ledger.blob(place, session, name or "") or b"" for name in (edit.before, edit.after))
            found |= set(lines_of(now)) - set(lines_of(was))
    return found


def seen(place: Place, event: Event, path: str, lines: Iterable[bytes]) -> set[bytes]:
    """Those of the lines that the session knows."""
    told = set(aware.read_told(place, event.session, TOLD).get(path, []))
    found = {line for line in lines if digest(line) in told}
    own = next(aware.edits_of(place, event.session, [path]), None)
    for name in (own.before, own.after) if own else ():
        found |= set(lines_of(ledger.blob(place, event.session, name or "") or b""))
    transcript = tail_of(event.transcript)
    return found | {line for line in lines if transcript and shows(transcript, line)}


def tail_of(path: str) -> bytes:
    """The end of a transcript, b"" where there is none."""
    with suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
        return file.read(TAIL)
    return b""


def shows(transcript: bytes, line: bytes) -> bool:
    """Whether the line lies there as a line of some JSON text, alone or behind its number."""
    text = json.dumps(line.decode("utf-8", "replace"), ensure_ascii=False)[1:-1].encode("utf-8", "replace")
    start, end = rb'(?:\\n|"|\\t|\xe2\x86\x92)', rb'(?:\\n|\\r|")'
    return re.search(start + re.escape(text) + end, transcript) is not None


def remember(place: Place, session: str, path: str, lines: Iterable[bytes]) -> None:
    """The session has been told of these lines. Raises OSError."""
    told = aware.read_told(place, session, TOLD)
    names = {*told.get(path, []), *(digest(line) for line in lines)}
    aware.write_told(place, session, {**told, path: sorted(names)}, TOLD)


def message(path: str, others: list[Session], lines: set[bytes], disk: bytes) -> str:
    """What would go, and what to do instead."""
    there = list(dict.fromkeys(line for line in lines_of(disk) if line in lines))
    shown = [f"  {visible(os.fsdecode(line))[:WIDEST]}" for line in there[:SHOWN]]
    more = [f"  and {len(there) - SHOWN} more"] if len(there) > SHOWN else []
    count = "1 unsaved line" if len(there) == 1 else f"{len(there)} unsaved lines"
    what = f"This would remove {count} of {aware.names(others)} from {visible(path)}, which you have not read:"
    instead = "Instead: read the file, and change your own lines with Edit. If these lines must go, write it again."
    return "\n".join([what, *shown, *more, instead])
