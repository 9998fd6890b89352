"""Names of their own for logs from before: renamed on disk, their content untouched, nothing overwritten."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass

from claudetools.core import git
from claudetools.core.identity import Invalid, is_user_id, read_users
from claudetools.core.place import Place
from claudetools.logs import sections
from claudetools.logs.slug import slug
from claudetools.text import front

SAID_USER = re.compile(r"(?m)^- \*\*User:\*\* .*\((?P<user>[^()\s]+)\)\s*$")
SAID_TOPIC = re.compile(r"(?m)^#{1,3} (?:Update: [^\n]*?— |Session Log[:—-]? ?|Session[:—-] )?(?P<topic>[^\n]+)$")
WORDS = 6  # of a heading or a first sentence, in a name


@dataclass(frozen=True)
class Adoption:
    """A log and the name that it gets, both as paths from the top."""

    old: str
    new: str


def plan(place: Place, paths: list[str], fallback: str) -> list[Adoption]:
    """A free name for each log: the person from its User block, else who committed it first, else `fallback`."""
    authors = first_authors(place, paths)
    taken: set[str] = set()
    found = []
    for path in paths:
        with open(os.path.join(place.top, path), "rb") as file:
            text = file.read().decode("utf-8", "replace")
        said = SAID_USER.search(text)
        user = said["user"] if said and is_user_id(said["user"]) else authors.get(path, fallback)
        folder, _, name = path.rpartition("/")
        date = name[:10] if re.match(r"\d{4}-\d\d-\d\d", name) else oldest_date(place, path)
        number = 1
        while True:
            new = f"{folder}/{sections.log_name(date, user, topic_of(name, text), number)}"
            if new not in taken and not os.path.lexists(os.path.join(place.top, new)):
                break
            number += 1
        taken.add(new)
        found.append(Adoption(path, new))
    return found


def topic_of(name: str, text: str) -> str:
    """What a log is about, as a slug: its front matter, its first telling heading, or the words of its name."""
    with suppress(front.Unreadable):
        told = front.read_front(text)
        for key in ("topic", "title"):
            if isinstance(told.get(key), str) and told[key].strip():
                return slug(told[key])
    known = {section.name.lower() for section in sections.SECTIONS}
    for match in SAID_TOPIC.finditer(text):
        words = re.sub(r"\d{4}-\d\d-\d\d|\d\d?:\d\d", " ", match["topic"])
        if match["topic"].strip().lower() not in known and re.search(r"[^\W\d]", words):
            return slug(" ".join(words.split()[:WORDS]))
    rest = re.sub(r"^\d{4}-\d\d-\d\d|\.md$", "", name).strip("-_ ")
    return slug(rest) if re.search(r"[^\W\d]", rest) else "session"


def first_authors(place: Place, paths: list[str]) -> dict[str, str]:
    """Who added each file, as a user id: only people of users.json count."""
    try:
        users = read_users(os.path.join(place.top, ".claude", "users.json"))
        ids = {str(entry.get("email", "")).lower(): name for name, entry in users.items()}
        raw = git.run(
            place.top, "log", "--no-renames", "--diff-filter=A", "--name-only", "-z", "--format=%x01%ae",
            "--", f":(glob)**/{sections.FOLDER}/**",
        )  # fmt: skip
    except (Invalid, git.GitError):
        return {}
    found: dict[str, str] = {}
    wanted = set(paths)
    for commit in raw.decode("utf-8", "surrogateescape").split("\x01")[1:]:
        email, *names = (part.strip("\n") for part in commit.split("\0"))
        for name in wanted.intersection(names):
            if email.lower() in ids:
                found[name] = ids[email.lower()]
    return found


def oldest_date(place: Place, path: str) -> str:
    """The day of a log whose name tells none: when the file was last written."""
    import datetime

    seconds = os.stat(os.path.join(place.top, path)).st_mtime
    return f"{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d}"


def rename(place: Place, one: Adoption) -> bytes:
    """Give the file its new name; its content. Raises FileExistsError (somebody took the name meanwhile), OSError."""
    old, new = os.path.join(place.top, one.old), os.path.join(place.top, one.new)
    try:
        os.link(old, new)
        os.unlink(old)
    except FileExistsError:
        raise
    except OSError:  # no links here
        if os.path.lexists(new):
            raise FileExistsError(new) from None
        os.rename(old, new)
    with open(new, "rb") as file:
        return file.read()
