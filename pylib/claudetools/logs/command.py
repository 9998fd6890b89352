"""`claudetools.sh log`: what people and agents type. A command finds its facts, calls a function, says what it did."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from claudetools.core import cli, clock, git
from claudetools.core.messages import counted, visible
from claudetools.core.place import Place
from claudetools.logs import adopt as adopting
from claudetools.logs import check as checking
from claudetools.logs import credentials, listing, make, missing, sections, shelf, write
from claudetools.logs.person import read_facts, read_person
from claudetools.logs.record import record
from claudetools.notes.people import read_people
from claudetools.notes.writing import faults
from claudetools.sessions import registry
from claudetools.text import front

PROGRAM = "claudetools.sh log"
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object or list on stdout.")
CONTENTS = "\n".join(f"  {section.name:<28}{section.holds}" for section in sections.SECTIONS)


@click.group(cls=cli.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def log() -> None:
    """Session logs: one file for each session and topic."""


@log.command(epilog="\b\nWhat belongs where:\n" + CONTENTS)
@click.argument("topic")
@click.option("--project", default="", help="The log goes to projects/NAME/session-logs/.", metavar="NAME")
@click.option("--client", default="", help="The log goes to clients/NAME/session-logs/.", metavar="NAME")
@click.option("--new", "another", is_flag=True, help="Another log, although this session has one.")
@AS_JSON
def new(topic: str, project: str, client: str, another: bool, as_json: bool) -> None:
    """Make this session's log of TOPIC, or find the one that it has.

    Prints the path. Another session gets another file, also at the same moment.
    """
    if project and client:
        raise click.UsageError("A log belongs to a project or to a client, not to both.")
    topic = visible(" ".join(topic.split()))
    if not topic:
        raise click.UsageError("The topic is empty. What is this session's main work?")
    place, session = cli.here(), registry.current_id(os.environ) or ""
    person = read_person(place)
    path, made = make.make_log(place, person, session, topic, project, client, another)
    if session:
        registry.set_topic(place, session, topic, by=registry.writer_id(os.environ))
    if not made:
        cli.info(
            f"This session has this log. Go on with: {cli.program(place)} log append; another one: log new --new TOPIC"
        )
    show(path, as_json, {"path": path, "absolute": os.path.join(place.top, path), "created": made})


@log.command()
@click.argument("topic", default="")
@click.option("--log", "path", default="", metavar="FILE", help="The log; without it, this session's last one.")
@click.option("--file", "body", type=click.File("rb"), default="-", metavar="FILE", help="The text; without it, stdin.")
@AS_JSON
def append(topic: str, path: str, body: Any, as_json: bool) -> None:
    """Add an update at the end of a log, text from stdin.

    Its heading is "## Update: HH:MM PT — TOPIC", with the date when it is not the log's own.
    """
    place, session = cli.here(), registry.current_id(os.environ) or ""
    full = os.path.abspath(path) if path else os.path.join(place.top, own_logs(place, session, "append --log FILE")[0])
    told = front_of(place, full)
    if not sections.is_log_path(place.relative(os.path.realpath(full)) or ""):
        told_so = f"{visible(path or full)} is no session log of this repository."
        raise cli.Stop(cli.HELD, told_so, f"See this session's logs: {cli.program(place)} log path --all")

    def refuse_foreign(text: str) -> None:
        if session and not shelf.goes_on_for(place, session, front.owners(text)):
            told = f"{visible(place.relative(full) or full)} is another session's log."
            raise cli.Stop(cli.HELD, told, f"Make your own: {cli.program(place)} log new TOPIC")

    refuse_foreign(front.read_head(full))
    if path == "" and getattr(body, "isatty", lambda: False)():
        cli.info("Type the text, end it with Ctrl-D.")
    text = body.read().decode("utf-8", "surrogateescape")
    if not text.strip() or "\0" in text:
        raise click.UsageError("The text is empty." if not text.strip() else "The text holds NUL bytes.")
    moment = clock.now(person_zone(place))
    name = os.path.basename(full)
    date = name[:10] if sections.is_log_name(name) else str(told.get("date") or "")
    topic = visible(" ".join((topic or str(told.get("topic") or "going on")).split()))
    heading = write.update_heading(moment, date, topic)
    text, lowered = write.lowered(text)
    if lowered:
        cli.info("Headings of the text are lowered below '## Update': a section of the log stands in it once.")
    path = place.relative(full) or full
    make.let_caller_write(place, session, path)
    contents = write.append(full, heading, text, clock.stamp(moment), refuse_foreign)
    record(place, registry.writer_id(os.environ), path, *contents)
    for fault in note_faults(place, contents[1]):
        if fault.line > contents[0].count(b"\n"):
            cli.warn(f"{visible(path)}:{fault.line}: {fault.text}.")
    show(path, as_json, {"path": path, "heading": heading})


def note_faults(place: Place, contents: bytes) -> list[checking.Fault]:
    """Notes in a log that will reach nobody. They hold nothing back."""
    return [checking.Fault(line, text, mild=True) for line, text in faults(contents, read_people(place.top))]


def credential_faults(place: Place, text: str) -> list[checking.Fault]:
    """Values in plain text, where this repository does not want them; they hold a log back where it blocks them."""
    policy = credentials.policy_of(place.top)
    if policy not in ("vault", "block"):
        return []
    words = f"a credential in plain text; into the vault: {cli.program(place)} vault put FILE:LINE NAME"
    return [checking.Fault(line, words, mild=policy == "vault") for line in credentials.find_plain(text)]


def person_zone(place: Place) -> Any:
    """The time zone to write in. The whole identity is judged when a log is made, not at each update."""
    try:
        zone = clock.read_zone(read_facts(place).get("timezone", ""))
    except FileNotFoundError:
        zone = None
    return zone or read_person(place).zone


def front_of(place: Place, full: str) -> dict[str, Any]:
    """The front matter of a log that has to be there; {} when it is unreadable. Raises Stop."""
    if not os.path.isfile(full) or os.path.islink(full):
        raise cli.Stop(
            cli.HELD, f"{visible(full)} is no file.", f"See this session's logs: {cli.program(place)} log path --all"
        )
    try:
        return front.read_front(front.read_head(full))
    except front.Unreadable:
        return {}


@log.command()
@click.option("--all", "every", is_flag=True, help="All of them, the last one first.")
@AS_JSON
def path(every: bool, as_json: bool) -> None:
    """Print this session's log, the last one of several."""
    place = cli.here()
    found = own_logs(place, registry.current_id(os.environ) or "", "path")
    if as_json:
        print(json.dumps(found))
    else:
        print("\n".join(map(from_here, found if every else found[:1])))


def own_logs(place: Place, session: str, command: str) -> list[str]:
    """The session's logs, the last one first. Raises Stop when there is none; `command` is what was asked for."""
    if not session:
        program = cli.program(place)
        way = f"Name one: {program} log {command}"
        if command == "path":
            way = f"Say whose: {program} --session ID log path   IDs: {program} sessions who"
        raise cli.Stop(cli.HELD, "This shell belongs to no session, so it has no log.", way)
    found = shelf.logs_of(place, session)
    if not found:
        raise cli.Stop(cli.HELD, "This session has no log yet.", f"Make one: {cli.program(place)} log new TOPIC")
    return found


@log.command("list")
@click.option("--client", default="", help="Only of that client.", metavar="NAME")
@click.option("--project", default="", help="Only of that project.", metavar="NAME")
@click.option("--user", default="", help="Only of that person.", metavar="NAME")
@click.option("--since", default="", help="A day: 2026-06-05, yesterday, or how many days ago.", metavar="DAY")
@AS_JSON
def list_logs(client: str, project: str, user: str, since: str, as_json: bool) -> None:
    """List logs, everybody's, the latest first.

    What did Howard do for acme yesterday? log list --user howard --client acme --since yesterday
    """
    place = cli.here()
    if project and client:
        raise click.UsageError("A log belongs to a project or to a client, not to both.")
    day = listing.day_of(since, clock.now(person_zone(place)).date()) if since else None
    if since and day is None:
        raise click.UsageError(f"--since {visible(since)} is no day; such as 2026-06-05, today, yesterday, 7.")
    rows = listing.find(place, day, one_person(place, user), known_scope(place, project, client))
    if as_json:
        print(json.dumps([row._asdict() for row in rows]))
        return
    for row in rows:
        print(visible(f"{row.last}  {row.user:10}  {row.scope or 'general':18}  {row.topic}"))
        print(f"            {visible(from_here(row.path))}")
    if not rows:
        print("No log.")


def one_person(place: Place, name: str) -> str:
    """The id of the person of that name, "" where none is asked for. Raises Stop."""
    people = read_people(place.top)
    found = people.find(name) if name else None
    if found and people.listed and (found.unknown or found.everyone or len(found.ids) != 1):
        known = ", ".join(sorted(people.people))
        raise cli.Stop(cli.USAGE, f"users.json names no one person {visible(name)!r}.", f"It knows {visible(known)}.")
    return next(iter(found.ids), name) if found else ""


def known_scope(place: Place, project: str, client: str) -> str:
    """The folder of a project or client that is there, "" where none is asked for. Raises Stop."""
    for scope, name in zip(shelf.SCOPES, (project, client), strict=True):
        if name:
            found = shelf.known_folder(os.path.join(place.top, scope), name)
            if not found:
                raise cli.Stop(cli.USAGE, f"There is no folder {scope}/{visible(name)}.", f"See: ls {scope}")
            return f"{scope}/{found}"
    return ""


@log.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--fix", is_flag=True, help="Add the sections that are missing, each at its place.")
@AS_JSON
def check(file: str, fix: bool, as_json: bool) -> int:
    """Say what is wrong with a log.

    Exit 65 when it has to be mended; what a sync would hold back is among that.
    """
    place = cli.here()
    person = read_person(place)
    if fix:
        if not sections.is_log_path(place.relative(os.path.realpath(file)) or ""):
            raise cli.Stop(cli.HELD, f"{visible(file)} is no session log of this repository.")
        contents = write.change(file, lambda text: checking.completed(text, person.block), make.scratch(place))
        record(place, registry.writer_id(os.environ), place.relative(file) or file, *contents)
    with open(file, "rb") as opened:
        data = opened.read()
    block = "" if is_committed(place, file) else person.block  # what is committed is its author's
    found = checking.find_faults(os.path.basename(file), data.decode("utf-8", "replace"), block)
    found += note_faults(place, data) + credential_faults(place, data.decode("utf-8", "replace"))
    held = any(not fault.mild for fault in found)
    if as_json:
        print(json.dumps({"path": file, "ok": not held, "faults": [vars(fault) for fault in found]}))
    for fault in [] if as_json else found:
        where = f"{visible(file)}:{fault.line}" if fault.line else visible(file)
        print(f"[{'INFO' if fault.mild else 'ERROR'}] {where}: {visible(fault.text)}.")
    if not as_json and not found:
        print(f"[OK] {visible(file)} is in order.")
    if sections.missing_sections(data.decode("utf-8", "replace")) and held and not fix and not as_json:
        print(f"        Add them: {cli.program(place)} log check --fix {shlex.quote(visible(file))}")
    return cli.HELD if held else cli.OK


def is_committed(place: Place, file: str) -> bool:
    """Whether HEAD has the log: whose it is was judged when it was committed."""
    name = f"HEAD:{place.relative(os.path.realpath(file)) or file}"
    return bool(git.run(place.top, "rev-parse", "-q", "--verify", name, ok=(0, 1, 128)).strip())


@log.command()
@click.argument("files", nargs=-1, type=click.Path())
@click.option("--all", "every", is_flag=True, help="Every log whose name all sessions of its day would share.")
@click.option("--dry-run", is_flag=True, help="Only say what would be renamed.")
@AS_JSON
def adopt(files: tuple[str, ...], every: bool, dry_run: bool, as_json: bool) -> None:
    """Give logs from before names of their own.

    Their content stays, nothing is overwritten. The person is the one of the User block, else who committed the file
    first; the topic is the first heading that tells one.
    """
    if bool(files) == every:
        raise click.UsageError("Name the logs, or say --all.")
    place, session = cli.here(), registry.current_id(os.environ) or ""
    found = [p for p in shelf.find_logs(place.top) if not sections.is_log_name(os.path.basename(p))]
    if files:
        wanted = [place.relative(file) or file for file in files]
        strange = next((file for file in wanted if file not in found), None)
        if strange is not None:
            raise cli.Stop(cli.HELD, f"{visible(strange)} is no log that needs another name.")
        found = wanted
    plan = adopting.plan(place, found, read_person(place).user)
    for one in [] if dry_run else plan:
        content = adopting.rename(place, one)
        record(place, session, one.old, content, None)
        record(place, session, one.new, None, content)
    if as_json:
        print(json.dumps([vars(one) for one in plan]))
        return
    for one in plan:
        print(f"{visible(one.old)} -> {visible(one.new)}")
    word = "would be renamed" if dry_run else "renamed; the next sync sends it"
    print(f"[OK] {len(plan)} {'log' if len(plan) == 1 else 'logs'} {word}.")


@log.command("missing")
@click.option("--days", default=7, type=click.IntRange(1, 3650), show_default=True, help="How far to look back.")
@AS_JSON
def find_missing(days: int, as_json: bool) -> None:
    """List sessions that left no log of their work: none at all, or none of what followed their last save.

    Those of this machine only: their transcripts are here. A log that nobody has filled is none.
    """
    place = cli.here()
    person = read_person(place)
    found = missing.find_missing(place, person.machine, days, registry.current_id(os.environ) or "")
    if as_json:
        print(json.dumps([{**vars(one), "files": sorted(one.files)} for one in found]))
        return
    for one in found:
        when = datetime.fromtimestamp(one.last, person.zone)
        work = visible(one.topic or one.subject)
        amount = f"{counted(one.commits, 'commit')}, {counted(len(one.files), 'file')}" if one.commits else "no commit"
        amount += f" since {visible(one.log)}" if one.log else ""
        print(f"{when:%Y-%m-%d} {clock.clock_text(when)}  {amount}  {work}")
        print(f"        session {visible(one.id)} ({one.state}); write its log: /save --for {visible(one.id)}")
    if not found:
        print(f"[OK] Every session of the last {days} days has a log of its work.")


def show(path: str, as_json: bool, facts: dict[str, Any]) -> None:
    """The path as one can use it from where the caller stands; or the facts."""
    print(json.dumps(facts) if as_json else from_here(path))


def from_here(path: str) -> str:
    """A path from the top, as seen from the current folder."""
    return os.path.relpath(os.path.join(cli.here().top, path))


def main(arguments: Sequence[str]) -> int:
    """Entry of `claudetools.sh log`."""
    return cli.run(log, arguments, PROGRAM)
