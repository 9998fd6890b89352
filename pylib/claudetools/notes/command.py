"""`claudetools.sh notes`: what others have written to you, what you have written to others."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from claudetools.core import cli
from claudetools.core.clock import clock_of
from claudetools.core.git import GitError
from claudetools.core.messages import counted, visible
from claudetools.core.place import Place
from claudetools.notes import inbox, sending, sent, taking
from claudetools.notes.banner import as_json, command, one_line, preview, whole_banner, whole_text
from claudetools.notes.incoming import collect
from claudetools.notes.people import read_people
from claudetools.notes.sent import Sent, find_sent, upstream
from claudetools.notes.who import Me, read_me

WHOLE = 1 << 30


def main(arguments: Sequence[str]) -> int:
    """The command line of `notes`."""
    return cli.run(notes, arguments, "claudetools.sh notes")


@click.group(
    invoke_without_command=True,
    cls=cli.Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--all", "with_done", is_flag=True, help="Also those that you have acknowledged.")
@click.option("--json", "as_object", is_flag=True, help="As one JSON list.")
@click.pass_context
def notes(context: click.Context, with_done: bool, as_object: bool) -> None:
    """Notes that others have written to you in session logs, until you acknowledge them.

    One writes a note as a section of a log: "## Note for NAME", where NAME is a user id, a full name, an alias, several
    of them, or "all". It is shown at the next sync of one session of the person who is meant.
    """
    if context.invoked_subcommand:
        return
    place = cli.here()
    catch_up(place)
    found = inbox.open_notes(place) + (inbox.done_notes(place) if with_done else [])
    if as_object:
        click.echo(json.dumps([{**as_json(place, n, WHOLE), "state": state_of(place, n)} for n in found], indent=1))
        return
    for note in found:
        id, text = inbox.short_id(place, note.id), preview(whole_text(place, note))
        click.echo(f"{id:6}  {note.date}  {one_line(note.sender, 40)}: {text}  [{one_line(state_of(place, note), 60)}]")
    if not found:
        click.echo("No notes for you." + ("" if with_done else f" Those that you have done: {command(place)} --all"))
    elif any(state_of(place, note) != "done" for note in found):
        click.echo(f"Read one: {command(place)} show ID   Done: {command(place)} ack ID")


@notes.command()
@click.argument("id")
@click.option("--json", "as_object", is_flag=True, help="As a JSON object.")
def show(id: str, as_object: bool) -> None:
    """Print one note with all of its text."""
    place = cli.here()
    note = find_one(place, id)
    if as_object:
        click.echo(json.dumps(as_json(place, note, WHOLE), indent=1))
        return
    for line in whole_banner(place, note):
        click.echo(line)


@notes.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def ack(ids: tuple[str, ...]) -> None:
    """Say that a note is done. Its sender sees it, and your other machines show it no more, after your next save."""
    place = cli.here()
    for note in [find_one(place, id) for id in ids]:
        id = inbox.short_id(place, note.id)
        if inbox.ack(place, note.id):
            click.echo(f"[OK] {id} is done. {one_line(note.sender, 40)} sees it with your next save.")
        else:
            click.echo(f"[OK] {id} was done already.")


@notes.command("send")
@click.argument("person")
@click.argument("words", nargs=-1, metavar="[TEXT]")
def send_one(person: str, words: tuple[str, ...]) -> None:
    """Write a note for PERSON: a user id, a name, several with commas, a group, or "all". TEXT, or stdin.

    It lies in a file of its own below session-logs/; the next sync sends it.
    """
    place = cli.here()
    path = sending.send(place, person, " ".join(words) or text_from_stdin())
    click.echo(f"[OK] Written for {one_line(person, 60)}: {visible(path)}. The next sync sends it.")
    click.echo(f"     Now: {cli.program(place, 'sync')}   Is it done? {command(place)} sent")


@notes.command()
@click.argument("id")
@click.argument("words", nargs=-1, metavar="[TEXT]")
def reply(id: str, words: tuple[str, ...]) -> None:
    """Answer the note ID. TEXT, or stdin. The note stays open until you acknowledge it."""
    place = cli.here()
    note = find_one(place, id)
    path, name = sending.reply(place, note, " ".join(words) or text_from_stdin())
    click.echo(f"[OK] Written for {one_line(name, 60)}: {visible(path)}. The next sync sends it.")
    done = f"{command(place)} ack {inbox.short_id(place, note.id)}"
    click.echo(f"     Now: {cli.program(place, 'sync')}   The note is done? {done}")


def text_from_stdin() -> str:
    """What is typed or piped."""
    if sys.stdin.isatty():
        cli.info("Type the text, end it with Ctrl-D.")
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


@notes.command("sent")
@click.option("--all", "of_all_time", is_flag=True, help=f"Not only those of the last {sent.DAYS} days.")
@click.option("--json", "as_object", is_flag=True, help="As one JSON list.")
def list_sent(of_all_time: bool, as_object: bool) -> None:
    """Notes that you have written, and who has acknowledged them."""
    place = cli.here()
    me = require_me(place)
    people = read_people(place.top, me.person)
    found = find_sent(place.top, me.person, people, 0 if of_all_time else sent.DAYS)
    clock = clock_of(me.zone)
    facts = [facts_of(note, people.people) for note in found]
    if as_object:
        click.echo(json.dumps(facts, indent=1))
        return
    for note, fact in zip(found, facts, strict=True):
        to, text = one_line(", ".join(fact["to"]), 60), preview(fact["text"])
        click.echo(
            f"{fact['id'][:6]}  {clock(note.added.commit.time)}  to {to}: {text}  [{state_of_sent(note, fact, clock)}]"
        )
    if not found:
        click.echo("You have written no notes" + ("." if of_all_time else f" in the last {sent.DAYS} days."))


def state_of_sent(note: Sent, fact: dict[str, Any], clock: Callable[[int], str]) -> str:
    """Who has acknowledged it, and who has not, and since when it waits."""
    if note.waits:
        return "not on the remote yet"
    done = ", ".join(f"{one_line(name, 40)} {clock(when)}" for name, when in fact["done"].items())
    if not note.to and not note.everyone:
        return "reaches nobody: no such name in users.json"
    still = ", ".join(one_line(person.name, 40) for person in note.still)
    days = int(time.time() - note.added.commit.time) // 86400
    since = f" for {counted(days, 'day')}" if days else ""
    of = f" with {still}" if still and (done or len(note.still) > 1) else ""
    return "; ".join([*([f"done by {done}"] if done else []), *([f"open{of}{since}"] if still or not done else [])])


def facts_of(note: Sent, people: dict[str, Any]) -> dict[str, Any]:
    """One sent note for a program."""
    added = note.added
    names = {id: people[id].name if id in people else id for id in note.done}
    return {
        "id": added.id,
        "to": [*(person.name for person in note.to), *(["all"] if note.everyone else []), *note.unknown],
        "path": added.path,
        "line": added.found.line,
        "time": added.commit.time,
        "text": (added.found.text or added.found.title.encode()).decode("utf-8", "replace"),
        "done": {names[id]: when for id, when in note.done.items()},
        "open": [person.name for person in note.still],
        "waits": note.waits,
    }


def state_of(place: Place, note: inbox.Note) -> str:
    """`done`, `new`, or who handles it."""
    if not taking.is_open(place, note.id):
        return note.state if note.state in (inbox.REPLACED, inbox.WITHDRAWN) else "done"
    who = taking.holder(place, note.id)
    return note.state or "new" if who is None or who.is_gone(place) else f"in '{who.title(place)}'"


def find_one(place: Place, beginning: str) -> inbox.Note:
    """The one note whose id begins so. Raises Stop (64)."""
    found = inbox.find(place, beginning.lower())
    if len(found) == 1:
        return found[0]
    shown = one_line(beginning, 20)
    if not found:
        raise cli.Stop(cli.USAGE, f"There is no note {shown}.", f"See them: {command(place)} --all")
    ids = ", ".join(inbox.short_id(place, note.id) for note in found[:5])
    raise cli.Stop(cli.USAGE, f"{shown} begins the ids of {len(found)} notes: {ids}", "Type one more character.")


def require_me(place: Place) -> Me:
    """The person of this machine. Raises Stop (78)."""
    me = read_me(place)
    return me or cli.fail(
        cli.SETUP, "Nobody has synced here yet: who you are is not known.", f"Run: {cli.program(place, 'sync')}"
    )


def catch_up(place: Place) -> None:
    """A plain `git pull` may have brought notes, with no sync since."""
    inbox.adopt(place)
    me = read_me(place)
    tips = upstream(place.top) if me else []
    if me and tips:
        try:
            collect(place, tips[0], me, read_people(place.top, me.person), clock_of(me.zone))
        except (GitError, OSError) as error:
            cli.warn(f"The newest notes could not be read: {one_line(str(error), 200)}")
