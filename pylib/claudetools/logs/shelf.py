"""Where logs lie, and which of them are whose. Nothing is kept beside them: their front matter is the index."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from claudetools.core import cli, git
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.logs import sections
from claudetools.logs.slug import slug
from claudetools.sessions import aware, registry
from claudetools.text import front

MONTH = re.compile(r"\d{4}-\d\d")
SCOPES = ("projects", "clients")


def folder_for(place: Place, project: str, client: str, date: str) -> str:
    """The folder of a new log, seen from the top. A folder that is sorted by months goes on to be. Raises Stop."""
    folder = sections.FOLDER
    for scope, name in zip(SCOPES, (project, client), strict=True):
        if name:
            folder = f"{scope}/{known_folder(os.path.join(place.top, scope), name) or slug(name)}/{folder}"
    with suppress(OSError):
        if any(MONTH.fullmatch(name) for name in os.listdir(os.path.join(place.top, folder))):
            folder += f"/{date[:7]}"
    refuse_outside(place, folder)
    return folder


def known_folder(parent: str, name: str) -> str:
    """The folder that is there for a project or client, in whatever case it was typed; "" for none."""
    there: list[str] = []
    with suppress(OSError):
        there = sorted(entry.name for entry in os.scandir(parent) if entry.is_dir() and not entry.name.startswith("."))
    alike = [one for one in there if one.casefold() == name.casefold()] or [
        one for one in there if slug(one) == slug(name)
    ]
    return name if name in there else next(iter(alike), "")


def refuse_outside(place: Place, folder: str) -> None:
    """A log in a folder that is no part of this repository, or that git ignores, would reach nobody. Raises Stop."""
    full = os.path.join(place.top, folder)
    if os.path.realpath(full) != os.path.normpath(full):
        raise cli.Stop(cli.HELD, f"{folder} lies behind a link: a log there would not be part of this repository.")
    parts = folder.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    inner = next((path for path in above if os.path.lexists(os.path.join(place.top, path, ".git"))), "")
    staged = git.run(place.top, "ls-files", "-s", "-z", "--", *(f":(literal){path}" for path in above[:2]), ok=(0, 128))
    for entry in staged.split(b"\0"):
        if entry.startswith(b"160000 "):
            inner = inner or os.fsdecode(entry.partition(b"\t")[2])
    if inner in above:
        told = f"{visible(inner)} is a repository of its own: a log there would not be part of this one."
        raise cli.Stop(cli.HELD, told, "Make it at the top, without --client and --project.")
    name = f"{folder}/2000-01-01-user-topic.md"
    ignored = git.run(place.top, "check-ignore", "-v", "--no-index", "--", name, ok=(0, 1, 128)).decode(
        "utf-8", "replace"
    )
    if ignored and not ignored.partition("\t")[0].rpartition(":")[2].startswith("!"):
        where = visible(ignored.partition("\t")[0])
        told = f"{visible(folder)} is ignored by git ({where}): a log there would never be sent."
        raise cli.Stop(cli.HELD, told, "Take that line out, or make the log where git does not ignore it.")


def find_logs(top: str) -> Iterator[str]:
    """Every log of the tree, also badly named ones, as a path from the top."""
    folders = [sections.FOLDER]
    for scope in SCOPES:
        with suppress(OSError):
            folders += [f"{scope}/{name}/{sections.FOLDER}" for name in sorted(os.listdir(os.path.join(top, scope)))]
    for folder in folders:
        at = os.path.join(top, folder)
        if os.path.realpath(at) != os.path.normpath(at):
            continue  # behind a link: no part of this repository
        for here, below, names in os.walk(at):
            below.sort()
            for name in sorted(names):
                path = os.path.relpath(os.path.join(here, name), top).replace(os.sep, "/")
                is_log = sections.is_log_path(path) or sections.is_bare_name(name)
                if is_log and not os.path.islink(os.path.join(here, name)):
                    yield path


def logs_of(place: Place, session: str) -> list[str]:
    """The logs that a session wrote, the one that it wrote last first. A sync rewrites files: its own records tell."""
    found = []
    for path in find_logs(place.top):
        full = os.path.join(place.top, path)
        text = front.read_head(full)
        if session in text and session in front.owners(text):
            with suppress(OSError):
                edit = next(aware.edits_of(place, session, [path]), None)
                found.append((-edit.seq if edit else 1, -os.stat(full).st_mtime_ns, path))
    return [path for _, _, path in sorted(found)]


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
