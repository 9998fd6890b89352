"""What the hooks before and after a tool call write down. The tools' names are Claude Code's; adapters translate."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping

from claudetools.attribution.edits import DISK, UNKNOWN, Edit, digest, is_inside
from claudetools.core.light import NamedTuple
from claudetools.core.place import Place
from claudetools.sessions import calls, ledger
from claudetools.sessions.event import Event
from claudetools.sessions.ledger import Sight
from claudetools.sessions.registry import folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# --- what an editing tool says --------------------------------------------------------
# What a tool that writes one file has done: its own words, applied and verified against the disk. Pure.
#
# An agent shows a file to its model as text: decoded, with line feeds. Only where that text is what lies on the disk
# byte for byte, the change is known line by line; else (CRLF, a byte order mark, another encoding) it is known as a
# file.


MISSING = object()  # nobody said
BOM = "\ufeff"


class ToolChange(NamedTuple):
    """An exact change of one file: None as content stands for no file. `kind` as in the ledger."""

    kind: str
    before: bytes | None
    after: bytes


def change_of(tool: str, given: Mapping[str, Any], result: Any, before: Sight | None, disk: Sight) -> ToolChange | None:
    """The change that the tool made, None where text and bytes are not one: then the file changed, that is all.

    `before` is what lay there when the call began, None where nobody looked; `disk` what lies there now.
    """
    original = told_by_tool = original_of(result)
    if original is MISSING and before is not None:
        original = None if before.sha is None else MISSING if plain(before.data) is None else plain(before.data)
    told = [text for text in texts_after(tool, given, result, original) if text is not None]
    if original is not None and not (isinstance(original, str) and is_the_same(original, before, disk)):
        return None
    kind, start = "write" if tool == "Write" else "edit", None if original is None else encode(original)
    if disk.sha is not None and any(encode(text) == disk.data for text in told):
        return ToolChange(kind, start, disk.data) if plain(disk.data) is not None else None
    # Somebody wrote once more before we looked; what this tool wrote is known all the same.
    if told and told_by_tool is not MISSING and plain(disk.data) is not None and plain(encode(told[0])) is not None:
        return ToolChange(kind, start, encode(told[0]))
    return None


def original_of(result: Any) -> Any:
    """The file's text before, as the tool has it: None for a new file, MISSING where it is not told."""
    if not isinstance(result, Mapping):
        return MISSING
    for key in ("originalFile", "originalFileContents"):
        if isinstance(result.get(key), str):
            return result[key]
    return None if result.get("type") == "create" else MISSING


def texts_after(tool: str, given: Mapping[str, Any], result: Any, original: Any) -> Iterator[str | None]:
    """What the file may hold after the call, the likeliest first."""
    told = result if isinstance(result, Mapping) else {}
    text = original if isinstance(original, str) else ""
    if tool == "Write":
        content = given.get("content")
        yield content if isinstance(content, str) else None
        return
    yield patched(text, told.get("structuredPatch"))
    edits = given.get("edits") if isinstance(given.get("edits"), list) else [given]
    yield replaced(text, edits)
    if "oldString" in told:
        pair = {"old_string": told["oldString"], "new_string": told.get("newString")}
        yield replaced(text, [{**pair, "replace_all": told.get("replaceAll")}])


def replaced(text: str, edits: Any) -> str | None:
    """The text after these replacements; None where one of them does not fit."""
    for edit in edits:
        old, new = (edit.get(key) if isinstance(edit, Mapping) else None for key in ("old_string", "new_string"))
        if not isinstance(old, str) or not isinstance(new, str):
            return None
        if not old:
            if text:
                return None
            text = new
        elif old not in text:
            return None
        else:
            text = text.replace(old, new) if edit.get("replace_all") else text.replace(old, new, 1)
    return text


def patched(text: str, hunks: Any) -> str | None:
    """The text after a structured patch; None where it does not fit line by line."""
    if not isinstance(hunks, list) or not hunks:
        return None
    old, new, at = text.split("\n"), [], 0
    for hunk in hunks:
        lines = hunk.get("lines") if isinstance(hunk, Mapping) else None
        start = hunk.get("oldStart") if isinstance(hunk, Mapping) else None
        if not isinstance(lines, list) or not isinstance(start, int) or not at <= max(start - 1, 0) <= len(old):
            return None
        new += old[at : max(start - 1, 0)]
        at = max(start - 1, 0)
        for line in lines:
            if not isinstance(line, str) or line[:1] not in (" ", "-", "+", "\\"):
                return None
            if line[0] in " -":
                if at >= len(old) or old[at] != line[1:]:
                    return None
                at += 1
            if line[0] in " +":
                new.append(line[1:])
    return "\n".join(new + old[at:])


def is_the_same(original: str, before: Sight | None, disk: Sight) -> bool:
    """Whether the tool's text of the file before is what lay on the disk, as far as anybody looked."""
    if plain(encode(original)) is None:
        return False
    if before is None or before.sha is None or encode(original) == before.data:
        return plain(disk.data) is not None
    return plain(before.data) is not None and normal(before.data) != original


def plain(data: bytes) -> str | None:
    """The text, where text and bytes are one: UTF-8 without byte order mark, carriage returns and NUL."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text or text.startswith(BOM) else text


def normal(data: bytes) -> str:
    """The text as an agent would show it."""
    return data.decode("utf-8", "replace").removeprefix(BOM).replace("\r\n", "\n")


def encode(text: str) -> bytes:
    """The bytes of a text; what UTF-8 cannot say becomes something that no file is equal to by chance."""
    return text.encode("utf-8", "surrogatepass")


# --------------------------------------------------------------------------------------


FILE_TOOLS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
SHELL_TOOLS = ("Bash", "PowerShell")
LONGEST_TOLD = 64 * 1024  # characters of what a command was given, that are kept while it runs
EXACT_TOOLS = ("Edit", "Write", "MultiEdit")


def is_window(tool: str) -> bool:
    """Whether the tool may change anything in the tree, and does not say what."""
    return tool in SHELL_TOOLS or tool.startswith("mcp__")


def target_of(place: Place, event: Event) -> str | None:
    """The one file that the call changes, seen from the top; None when it is not in this tree, or not told."""
    told = event.given.get("file_path") or event.given.get("notebook_path")
    if not isinstance(told, str) or not told or "\0" in told:
        return None
    at = os.path.join(event.cwd or place.top, told)
    if os.path.islink(at):  # what is written is the file behind it
        at = os.path.realpath(at)
    path = place.relative(at)
    return path if path and is_inside(path) else None


def start_file_call(place: Place, event: Event, path: str) -> None:
    """The call begins: remember what lies there."""
    seen = ledger.look_at(place.top, path)
    folder = folder_of(place, event.session)
    if seen.sha not in (None, UNKNOWN):
        ledger.keep_blob(folder, str(seen.sha), seen.data)
    use = calls.use_of(event.use, event.tool, event.given)
    call = calls.Call(use, event.tool, time.time(), path, seen.sha, seen.mode, event.subagent)
    calls.start(place, event.session, call)


def finish_file_call(place: Place, event: Event, path: str) -> Edit | None:
    """The call has ended: what it did goes into the ledger. None when it did nothing. Raises OSError."""
    use = calls.use_of(event.use, event.tool, event.given)
    try:
        # "The file was modified since it was read": others did that, this call changed nothing.
        if event.failed and not has_written(event):
            return None
        return record_file_call(place, event, path, calls.find(place, event.session, use))
    finally:
        calls.end(place, event.session, use)


def has_written(event: Event) -> bool:
    """Whether a call that failed has written all the same: it looked at the file once more, and found that a sync or
    somebody else had written there since. Claude Code says then: "Write verification failed: ..."."""
    return isinstance(event.result, str) and "verification failed" in event.result.lower()


def is_there(change: ToolChange, disk: bytes) -> bool:
    """Whether all lines that the change has put in lie there."""
    return set(change.after.split(b"\n")) - set((change.before or b"").split(b"\n")) <= set(disk.split(b"\n"))


def record_file_call(place: Place, event: Event, path: str, call: calls.Call | None) -> Edit | None:
    """What the call did. `call`: how it began, where somebody has seen that."""
    now = time.time()
    if call and call.path != path:
        call = None
    disk = ledger.look_at(place.top, path)
    before = sight_before(place, event.session, call)
    result = {"originalFile": normal(before.data)} if event.failed and before and before.sha else event.result
    exact = change_of(event.tool, event.given, result, before, disk) if event.tool in EXACT_TOOLS else None
    if exact is None and before and (before.sha, before.mode) == (disk.sha, disk.mode):
        return None
    if event.failed and (exact is None or not is_there(exact, disk.data)):
        return None
    edit, contents = file_edit(path, before, disk) if exact is None else exact_edit(path, exact, before, disk)
    began = began_at(event, call, now)
    now = written_at(place, path, began, now, edit.after == disk.sha)
    edit = edit._replace(tool=event.tool, use=event.use, began=began, time=now)
    if event.failed:  # the agent has been told so, and does it again: once it is gone it stays gone (lost.py)
        edit = edit._replace(note={**edit.note, "failed": True})
    ledger.record(place, event.session, [edit], contents)
    return edit


def file_edit(path: str, before: ledger.Sight | None, disk: ledger.Sight) -> tuple[Edit, list[bytes]]:
    """The file changed; between what, nobody can tell line by line."""
    was, start = (before.mode, before.sha) if before else (disk.mode, UNKNOWN)
    contents = [disk.data] if disk.sha not in (None, UNKNOWN) else []
    return Edit(path, start, disk.sha, "file", disk.mode, was), contents


def exact_edit(
    path: str, change: ToolChange, before: ledger.Sight | None, disk: ledger.Sight
) -> tuple[Edit, list[bytes]]:
    """What the tool itself says, checked against the disk."""
    after = digest(change.after)
    mode = disk.mode or ledger.REGULAR
    note = {} if disk.sha == after else {DISK: disk.sha}  # somebody has written there since
    if change.before is None:
        return Edit(path, None, after, change.kind, mode, None, note=note), [change.after]
    was = before.mode if before and before.mode else mode
    start = digest(change.before)
    return Edit(path, start, after, change.kind, mode, was, note=note), [change.before, change.after]


def sight_before(place: Place, session: str, call: calls.Call | None) -> ledger.Sight | None:
    """What lay there when the call began, None where that is not known any more."""
    if call is None or call.before == UNKNOWN:
        return None
    if call.before is None:
        return ledger.NOTHING
    data = ledger.blob(place, session, call.before)
    return None if data is None else ledger.Sight(call.before, call.was, data)


def began_at(event: Event, call: calls.Call | None, now: float) -> float:
    """When the tool began to work. A call may wait for a person's permission first: only what it took counts."""
    started = now - event.seconds - calls.SLACK if event.seconds else 0.0
    return max(call.began if call else 0.0, started) or now


def written_at(place: Place, path: str, began: float, now: float, is_ours: bool) -> float:
    """When the file was written, as near as it tells: what lies there now is this call's or was written later."""
    stat = ledger.stat_of(place.top, path)
    # The change time: clients write a file beside it and rename that, which leaves the time of writing as it was.
    if stat is None or not began <= stat[3] / 1e9 <= now:
        return now
    return stat[3] / 1e9 - (0 if is_ours else MOMENT)


MOMENT = 1e-5  # seconds


def start_command(place: Place, event: Event) -> None:
    """A command that may change anything is about to run. Raises OSError, GitFailed."""
    from claudetools.attribution.harmless import is_harmless  # no edit needs these, and each has 30 ms
    from claudetools.attribution.reach import reach_of
    from claudetools.sessions import background, windows

    command = event.given.get("command") if event.tool == "Bash" else None
    if is_harmless(command):
        return
    use = calls.use_of(event.use, event.tool, event.given)
    reach = reach_of(command, event.cwd or place.top, place.relative)
    background.look(place, event.session)
    told = json.dumps(event.given, ensure_ascii=False)[:LONGEST_TOLD]
    windows.start(place, event.session, use, event.tool, event.subagent, reach, told)


def finish_command(place: Place, event: Event) -> list[Edit]:
    """It has run. Where nobody saw it begin, nobody can tell what it changed. Raises OSError, GitFailed."""
    from claudetools.sessions import background, windows

    call = calls.find(place, event.session, calls.use_of(event.use, event.tool, event.given))
    if call is None or call.tool != event.tool:
        return []
    task = background.task_of(place, event, call)
    call = call._replace(background=task, first=call.began) if task else call
    found = windows.finish(place, event.session, call, event.seconds, goes_on=bool(task))
    background.look(place, event.session)
    return found
