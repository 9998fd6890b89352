"""`claudetools.sh --session ID COMMAND`: the command is given as that session would give it."""

from __future__ import annotations

import os

from claudetools.core import cli, git
from claudetools.core.place import Place
from claudetools.sessions import registry


def take(told: str) -> int:
    """From here on this process belongs to the session that `told` names. 0, or the code of what was said."""
    os.environ[registry.CALLER] = registry.current_id(os.environ) or ""
    try:
        os.environ["CLAUDETOOLS_SESSION_ID"] = whole_id(cli.here(), told)
    except cli.Stop as stop:
        return cli.tell(stop.code, *stop.lines)
    return cli.OK


def whole_id(place: Place, told: str) -> str:
    """The id of the one session that `told` names, as everywhere by its beginning or a word of its topic too; or `told`
    itself where nothing but a commit knows it any more. A mistyped one must not become a session. Raises Stop."""
    from claudetools.sessions.command import find

    try:
        return find(place, told).id
    except cli.Stop:
        if not committed(place, told):
            raise
    return told


def committed(place: Place, id: str) -> bool:
    """Whether some commit names the session as its own."""
    values = "--format=%(trailers:key=Session-Id,valueonly)"
    try:
        named = git.run(place.top, "log", "--fixed-strings", f"--grep=Session-Id: {id}", values)
    except git.GitError:  # no commit yet
        return False
    return id in named.decode("utf-8", "replace").split()
