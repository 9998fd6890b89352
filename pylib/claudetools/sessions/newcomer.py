"""Whether anybody knows who works on this machine: asked when a session starts, not when its first sync stops."""

from __future__ import annotations

import os

from claudetools.core.messages import visible
from claudetools.core.place import Place

SETUP = "bash .claude/scripts/claudetools.sh setup"


def warning(place: Place) -> list[str]:
    """One line where the next sync would stop for want of an identity; none where git's address is somebody's."""
    homes = (place.top, os.path.dirname(place.common))  # git brings ignored files into no linked worktree
    if any(os.path.exists(os.path.join(home, ".claude", "identity.json")) for home in homes):
        return []
    if not os.path.exists(os.path.join(place.top, ".claude", "claudetools.json")):
        return []
    from claudetools.core import identity  # with what it needs 15 ms, which nobody pays who is known

    try:
        identity.read_identity(place.top, address(place), "")
    except identity.Invalid as error:
        return [f"[WARN] {visible(str(error)).rstrip('.')}. Nothing can be synced before: {SETUP}"]
    return []


def address(place: Place) -> str:
    """git's own user.email, "" when there is none."""
    import subprocess

    asked = ("git", "-C", place.top, "config", "user.email")
    try:
        done = subprocess.run(asked, capture_output=True, check=False)
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
