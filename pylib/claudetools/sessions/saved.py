"""Up to where each session's edits are in HEAD, for hooks: asked of git once for each HEAD, then read from a file.

What the commits say is the truth (positions.py); the file says for which commit it was asked, and no other counts.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress

from claudetools.core.place import Place

CACHE = "saved.json"
MONTH = 30 * 86400.0  # as long as a session is kept


def find(place: Place, ids: Sequence[str]) -> dict[str, int]:
    """The positions of these sessions. Empty before the first commit."""
    head = head_of(place)
    known = read(place, head) if head else {}
    if all(id in known for id in ids):
        return {id: known[id] for id in ids}
    from claudetools.core import git
    from claudetools.sessions import positions

    try:
        asked = positions.find(place.top, ids, [head or "HEAD"], time.time() - MONTH)
    except git.GitError:  # no commit yet
        return {}
    if head:
        write(place, head, {**known, **dict.fromkeys(ids, 0), **asked})
    return asked


def head_of(place: Place) -> str:
    """The commit that HEAD is at; "" where only git can tell."""
    try:
        with open(os.path.join(place.git_folder, "HEAD"), encoding="ascii") as file:
            word, _, ref = file.readline().strip().partition(" ")
        if word != "ref:":
            return word
        with open(os.path.join(place.common, ref), encoding="ascii") as file:
            return file.readline().strip()
    except (OSError, ValueError):
        return ""


def read(place: Place, head: str) -> dict[str, int]:
    """What was asked for this commit."""
    told: object = None
    with suppress(OSError, ValueError), open(os.path.join(place.tree, CACHE), encoding="ascii") as file:
        told = json.load(file)
    found = told.get("saved") if isinstance(told, dict) and told.get("head") == head else None
    return {id: end for id, end in found.items() if type(end) is int} if isinstance(found, dict) else {}


def write(place: Place, head: str, found: dict[str, int]) -> None:
    """For the next hook. Two at once: one of them is kept."""
    at = os.path.join(place.tree, CACHE)
    with suppress(OSError):
        with open(f"{at}.{os.getpid()}", "w", encoding="ascii") as file:
            json.dump({"head": head, "saved": found}, file)
        os.replace(f"{at}.{os.getpid()}", at)
