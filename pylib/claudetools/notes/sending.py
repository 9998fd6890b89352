"""A note without a log: a file among the logs that holds it alone, and that the next sync sends."""

from __future__ import annotations

import os
import re

from claudetools.core import cli, clock
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.logs import make, names, sections, shelf
from claudetools.logs.person import Author, read_person
from claudetools.logs.record import record
from claudetools.logs.slug import slug
from claudetools.notes import inbox
from claudetools.notes.banner import command, one_line, preview, whole_text
from claudetools.notes.people import People, read_people
from claudetools.notes.writing import faults
from claudetools.sessions import registry
from claudetools.text import front
from claudetools.text.notes import NOTE

LONGEST = 1024 * 1024
MARKED = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
RULED = re.compile(r" {0,3}(?:=+|-+)[ \t]*")


def send(place: Place, who: str, text: str) -> str:
    """Write a note for `who`, as a heading names people: its path. Raises Stop when it would reach nobody, OSError."""
    who = visible(" ".join(who.split()))
    if not text.strip() or "\0" in text or len(text) > LONGEST:
        what = "is empty" if not text.strip() else "holds NUL bytes" if "\0" in text else "is longer than 1 MB"
        raise cli.Stop(cli.USAGE, f"The text {what}.", "Nothing was written.")
    person = read_person(place)
    moment = clock.now(person.zone)
    body = quoted_headings(text.replace("\r\n", "\n").replace("\r", "\n").strip("\n"))
    note = f"## Note for {who}\n\n{body}\n"
    refuse_unheard(note, who, read_people(place.top))
    values = {
        "date": f"{moment:%Y-%m-%d}",
        "user": front.yaml_text(person.user),
        "machine": front.yaml_text(person.machine),
        "created": clock.stamp(moment),
    }
    content = f"{front.front_lines(values)}\n{note}".encode("utf-8", "surrogateescape")
    path = claim(place, person, f"{moment:%Y-%m-%d}", slug(f"note for {who}"), content)
    record(place, registry.writer_id(os.environ), path, None, content)
    return path


def claim(place: Place, person: Author, date: str, topic: str, content: bytes) -> str:
    """A file of its own for each note, seen from the top."""
    folder = os.path.join(place.top, shelf.folder_for(place, "", "", date))
    os.makedirs(folder, exist_ok=True)
    user = person.user.strip("-.") or "user"

    def name(number: int) -> str:
        return os.path.join(folder, sections.log_name(date, user, topic, number))

    path, _ = names.claim(name, content, make.scratch(place), lambda _: False)
    return os.path.relpath(path, place.top).replace(os.sep, "/")


def refuse_unheard(note: str, who: str, people: People) -> None:
    """What the writer of a log is only warned of stops here: nothing else would come of it."""
    found = faults(note.encode("utf-8", "surrogateescape"), people)
    if not who or found:
        raise cli.Stop(
            cli.USAGE, f"It would reach nobody: {found[0][1] if found else 'no name'}.", "Nothing was written."
        )


def quoted_headings(text: str) -> str:
    """Headings of the text stay in its note, and begin no other one."""
    lines = text.split("\n")
    for number, line, fence in sections.scan(text):
        below_note = number > 1 and NOTE.fullmatch(lines[number - 2].strip())
        if not fence and (MARKED.match(line) or (below_note and RULED.fullmatch(line))):
            lines[number - 1] = "\\" + line.lstrip()
    return "\n".join(lines)


def reply(place: Place, note: inbox.Note, text: str) -> tuple[str, str]:
    """Answer a note: the path of the answer and whom it is for. Raises Stop, OSError."""
    people = read_people(place.top)
    author = people.by_email(note.email)
    if author is None:
        told = f"{one_line(note.sender, 120)}: no answer reaches them."
        raise cli.Stop(
            cli.HELD, told, "Answer another way, then: " + f"{command(place)} ack {inbox.short_id(place, note.id)}"
        )
    if not text.strip():
        raise cli.Stop(cli.USAGE, "The text is empty.", "Nothing was written.")
    about = f"> Answer to your note of {note.date}: {preview(whole_text(place, note))}"
    return send(place, author.id, f"{about}\n\n{text}"), author.name
