"""Making a log, and adding to it, so that no byte of anybody is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import RawIOBase
from typing import BinaryIO

from claudetools.core import clock
from claudetools.logs import names, sections
from claudetools.logs.person import Author
from claudetools.text import front, notes


def skeleton(person: Author, moment: datetime, topic: str, session: str, project: str, client: str) -> str:
    """A new log: front matter, the User block, and the other sections, empty and in order."""
    scope = ("project", project) if project else ("client", client) if client else ("general", "")
    values = {
        "date": f"{moment:%Y-%m-%d}",
        "user": front.yaml_text(person.user),
        "machine": front.yaml_text(person.machine),
        **({"session": front.yaml_text(session)} if session else {}),
        "scope": scope[0],
        **({scope[0]: front.yaml_text(scope[1])} if scope[1] else {}),
        "topic": front.yaml_text(topic),
        "created": clock.stamp(moment),
        "updated": clock.stamp(moment),
    }
    others = (f"\n## {section.name}\n" for section in sections.SECTIONS[1:])
    return front.front_lines(values) + "\n" + person.block + "".join(others)


def update_heading(moment: datetime, log_date: str, topic: str) -> str:
    """`## Update: 14:02 PT — topic`, with the date when it is not the log's own."""
    today = f"{moment:%Y-%m-%d}"
    date = "" if today == log_date else f"{today} "
    return f"## {sections.UPDATE}: {date}{clock.clock_text(moment)} — {topic}"


def addition(text: str, heading: str, body: str) -> str:
    """What has to follow `text` so that `heading` and `body` stand there as a section of their own."""
    fence = sections.open_fence(text)
    start = "" if not text or text.endswith("\n") else "\n"
    body = body.replace("\r\n", "\n").strip("\n")
    return f"{start}{fence and fence + chr(10)}\n{heading}\n\n{body}\n"


def lowered(text: str) -> tuple[str, bool]:
    """The text of an update with its headings below `## Update`, and whether any had to move. Notes keep theirs."""
    lines, moved = text.split("\n"), 0
    for number, line, fence in sections.scan(text):
        heading = re.fullmatch(r"(#{1,6})[ \t].*", line)
        if not fence and heading and not notes.NOTE.fullmatch(line.lstrip("#")):
            moved = max(moved, 3 - len(heading[1]))
            lines[number - 1] = "#" * min(6 - len(heading[1]), moved) + lines[number - 1]
    return "\n".join(lines), bool(moved)


def append(
    path: str, heading: str, body: str, updated: str, check: Callable[[str], None] = lambda _: None
) -> tuple[bytes, bytes]:
    """Add a section at the end of a log and renew its time stamp: the content before and after. Raises OSError.

    `check` sees the log before anything is written, and may raise: a sync may have put another one there meanwhile.
    Written with O_APPEND, and the stamp over the old one of the same length: a program that has the file open at the
    same moment loses nothing. Others of us wait for the lock.
    """
    with locked(path) as file:
        old = file.read()
        check(old.decode("utf-8", "replace"))
        more = addition(old.decode("utf-8", "replace"), heading, body).encode("utf-8", "surrogateescape")
        with open(path, "ab", buffering=0) as end:
            write_all(end, more)
        place = old.find(b"\nupdated: ", 0, max(old.find(b"\n---", 4), 0))
        was = old[place + 10 :].split(b"\n", 1)[0]
        if place > 0 and len(was) == len(updated):
            file.seek(place + 10)
            file.write(updated.encode())
        file.seek(0)
        return old, file.read()


def write_all(end: RawIOBase, data: bytes) -> None:
    """All of it at the end of the file, or nothing. Raises OSError.

    A disk that becomes full takes the first part without an error. That is cut off again, unless more came behind it.
    """
    size = os.fstat(end.fileno()).st_size
    done = end.write(data) or 0
    if done == len(data):
        return
    try:
        while done < len(data):
            done += end.write(data[done:]) or 0
    except OSError:
        if os.fstat(end.fileno()).st_size == size + done:
            end.truncate(size)
        raise


def change(path: str, edit: Callable[[str], str], scratch: str) -> tuple[bytes, bytes]:
    """Replace a log by what `edit` makes of it: the content before and after. Raises OSError."""
    with locked(path) as file:
        old = file.read()
        new = edit(old.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if new != old:
            replace(path, new, scratch)
        return old, new


def replace(path: str, content: bytes, scratch: str) -> None:
    """Another content under the same name and mode, in one step. The caller holds the lock. Raises OSError."""
    draft = os.path.join(scratch, f"log-{os.getpid()}-{os.urandom(6).hex()}")
    names.write_new(draft, content)
    try:
        os.chmod(draft, os.stat(path).st_mode & 0o777)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


@contextmanager
def locked(path: str) -> Iterator[BinaryIO]:
    """The file, open for reading and writing, while no other of our programs writes it."""
    while True:
        with open(path, "r+b", buffering=0) as file:
            lock(file)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                yield file
                return


def lock(file: object) -> None:
    """Wait until the file is ours. On systems without flock (Windows) an append is still one write."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX)  # type: ignore[arg-type]
