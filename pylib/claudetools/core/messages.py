"""Words for people. Text that others wrote is made safe to show: the shell has the same rule in ui.sh (`visible`)."""

from __future__ import annotations

import re

# C0 and C1 controls, zero-width and bidirectional characters, line and paragraph separators, the byte order mark,
# tags, and what stands for undecodable bytes. They can rewrite a terminal, or show a text that is not there.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str, keep: str = "") -> str:
    """`text` with every character that is not seen replaced by `?`, and line feed, tab and return spelled out.

    Characters in `keep` stay as they are ("\\n" for text of several lines).
    """
    return UNSEEN.sub(lambda match: match[0] if match[0] in keep else NAMED.get(match[0], "?"), text)


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`, `2 entries`."""
    many = f"{what[:-1]}ies" if what.endswith("ry") else f"{what}s"
    return f"{number} {what if number == 1 else many}"


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
