"""Up to where each session's edits are in a commit: the commits themselves say so, in trailers.

A commit names its sessions as `Session-Id: ID`, each followed by `Edits: POSITION`. What was committed and then lost
its way (a killed run, a branch that was reset) is so never taken for saved, and nothing has to be kept in step.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from claudetools.core import git

TRAILER = re.compile(r"^(Session-Id|Edits): *(\S+) *$", re.M)


def read(message: str) -> dict[str, int]:
    """The sessions that a message names, and up to where it holds their edits."""
    found: dict[str, int] = {}
    id = ""
    for key, value in TRAILER.findall(message):
        if key == "Session-Id":
            id = value
        elif id and value.isascii() and value.isdigit() and len(value) < 16:
            found[id] = max(found.get(id, 0), int(value))
    return found


def find(top: str, ids: Collection[str], tips: Collection[str], since: float = 0.0) -> dict[str, int]:
    """The largest position of each of these sessions in the history of `tips`, as far back as `since` (epoch)."""
    found: dict[str, int] = {}
    tips = [tip for tip in tips if tip]
    if not ids or not tips:
        return found
    when = [f"--since={int(since)}"] if since else []
    args = ("rev-list", "--no-commit-header", "--format=%B%x00", "--extended-regexp", "--grep=^Edits: ", *when)
    for message in git.run(top, *args, *tips, "--").decode("utf-8", "replace").split("\0"):
        for id, position in read(message).items():
            if id in ids and position > found.get(id, 0):
                found[id] = position
    return found
