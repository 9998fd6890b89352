"""The log of a session and a topic: its own file again, or a new one that nobody else gets."""

from __future__ import annotations

import os

from claudetools.core import clock
from claudetools.core.place import Place
from claudetools.logs import names, sections, shelf, write
from claudetools.logs.person import Author
from claudetools.logs.record import record
from claudetools.logs.slug import slug
from claudetools.sessions import registry
from claudetools.text import front


def make_log(
    place: Place, person: Author, session: str, topic: str, project: str, client: str, another: bool = False
) -> tuple[str, bool]:
    """The session's log, seen from the top, and whether it was made just now. Raises Stop, OSError.

    A session goes on with its log whatever the topic is called now, unless the work belongs elsewhere, or `another` is
    asked for. Whoever works as that session may write the log from now on.
    """
    path, made = find_or_make(place, person, session, topic, project, client, another)
    let_caller_write(place, session, path)
    return path, made


def let_caller_write(place: Place, session: str, path: str) -> None:
    """Who works as the session of a log (`--session`) may go on with it, by editing the file too."""
    writer = registry.writer_id(os.environ)
    if writer != session:
        add_id(place, path, front.WRITERS, writer)


def add_id(place: Place, path: str, key: str, id: str) -> None:
    """That session may go on with a log."""
    full = os.path.join(place.top, path)
    record(place, id, path, *write.change(full, lambda text: front.with_id(text, key, id), scratch(place)))


def find_or_make(
    place: Place, person: Author, session: str, topic: str, project: str, client: str, another: bool
) -> tuple[str, bool]:
    """The log and whether it is new."""
    moment = clock.now(person.zone)
    folder = shelf.folder_for(place, project, client, f"{moment:%Y-%m-%d}")
    if session and (path := continued(place, folder, session, topic)):
        return path, False
    if session and not another:
        base = folder.partition(sections.FOLDER)[0] + sections.FOLDER
        mine = [log for log in shelf.logs_of(place, session) if log.startswith(f"{base}/") or not (project or client)]
        if mine:
            return mine[0], False
    # The slug of an unknown client is what its folder is called.
    parts = folder.split("/")
    project, client = (parts[1] if parts[0] == scope else "" for scope in shelf.SCOPES)
    text = write.skeleton(person, moment, topic, session, project, client)
    full = os.path.join(place.top, folder)
    os.makedirs(full, exist_ok=True)

    def name(number: int) -> str:
        user = person.user.strip("-.") or "user"
        return os.path.join(full, sections.log_name(f"{moment:%Y-%m-%d}", user, slug(topic), number))

    def is_mine(path: str) -> bool:
        return bool(session) and session in front.owners(front.read_head(path))

    path, made = names.claim(name, text.encode(), scratch(place), is_mine)
    path = os.path.relpath(path, place.top).replace(os.sep, "/")
    if made:
        record(place, registry.writer_id(os.environ), path, None, text.encode())
    return path, made


def continued(place: Place, folder: str, session: str, topic: str) -> str:
    """The log of that topic that the session began on any day, or the session before it in the same process; or ""."""
    base = folder[: folder.index(sections.FOLDER) + len(sections.FOLDER)]
    found = []
    for path in shelf.find_logs(place.top):
        text = front.read_head(os.path.join(place.top, path)) if path.startswith(f"{base}/") else ""
        owners = front.owners(text)
        if owners and shelf.goes_on_for(place, session, owners) and same_topic(text, topic):
            found.append((session in owners, os.path.basename(path), path, owners))
    if not found:
        return ""
    mine, _, path, _ = max(found)
    if not mine:
        add_id(place, path, front.OWNERS, session)
    return path


def same_topic(text: str, topic: str) -> bool:
    """Whether the log is of that topic, as far as names go."""
    try:
        return slug(str(front.read_front(text).get("topic") or "")) == slug(topic)
    except front.Unreadable:
        return False


def scratch(place: Place) -> str:
    """A private folder for drafts, where no sync finds them."""
    folder = os.path.join(place.tree, "work")
    registry.make_private(folder)
    return folder
