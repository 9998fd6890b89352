"""What a tool that writes one file has done: its own words, applied and verified against the disk. Pure.

An agent shows a file to its model as text: decoded, with line feeds. Only where that text is what lies on the disk byte
for byte, the change is known line by line; else (CRLF, a byte order mark, another encoding) it is known as a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from claudetools.core.light import NamedTuple
from claudetools.sessions.sight import Sight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
