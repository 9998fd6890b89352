"""Where logs lie, and which of them are whose. Nothing is kept beside them: their front matter is the index."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from claudetools import cli
from claudetools.logs import front, sections
from claudetools.logs.slug import slug
from claudetools.place import Place
from claudetools.sessions import registry

MONTH = re.compile(r"\d{4}-\d\d")
SCOPES = ("projects", "clients")


def folder_for(place: Place, project: str, client: str, date: str) -> str:
    """The folder of a new log, seen from the top. A folder that is sorted by months goes on to be. Raises Stop."""
    folder = sections.FOLDER
    for scope, name in zip(SCOPES, (project, client), strict=True):
        if name:
            known = not re.search(r"[/\\]|^\.", name) and os.path.isdir(os.path.join(place.top, scope, name))
            folder = f"{scope}/{name if known else slug(name)}/{folder}"
    full = os.path.join(place.top, folder)
    if os.path.realpath(full) != os.path.normpath(full):
        raise cli.Stop(cli.HELD, f"{folder} lies behind a link: a log there would not be part of this repository.")
    with suppress(OSError):
        if any(MONTH.fullmatch(name) for name in os.listdir(full)):
            folder += f"/{date[:7]}"
    return folder


def find_logs(top: str) -> Iterator[str]:
    """Every log of the tree, also badly named ones, as a path from the top."""
    folders = [sections.FOLDER]
    for scope in SCOPES:
        with suppress(OSError):
            folders += [f"{scope}/{name}/{sections.FOLDER}" for name in sorted(os.listdir(os.path.join(top, scope)))]
    for folder in folders:
        for here, below, names in os.walk(os.path.join(top, folder)):
            below.sort()
            for name in sorted(names):
                path = os.path.relpath(os.path.join(here, name), top).replace(os.sep, "/")
                if sections.is_log_path(path) and not os.path.islink(os.path.join(here, name)):
                    yield path


def logs_of(top: str, session: str) -> list[str]:
    """The logs that a session wrote, the one that it wrote last first."""
    found = []
    for path in find_logs(top):
        full = os.path.join(top, path)
        text = front.read_head(full)
        if session in text and session in front.owners(text):
            with suppress(OSError):
                found.append((-os.stat(full).st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def goes_on_for(place: Place, session: str, owners: list[str]) -> bool:
    """Whether `session` may write a log of `owners`: it is one of them, or the last of them ended in the same process.

    The latter is what /clear does: a new id, the same program, often the same work.
    """
    if not owners or session in owners:
        return True
    mine, former = registry.read_session(place, session), registry.read_session(place, owners[-1])
    if mine is None or former is None or not mine.pid or former.state() != "ended":
        return False
    return (mine.pid, mine.started, mine.system) == (former.pid, former.started, former.system)
