"""`claudetools.sh sessions`: who works in this folder, and whose each unsaved change is."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

import click

from claudetools.core import cli
from claudetools.core.git import GitError
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import calls, decide, recover, registry, running, show, transcript, unsaved
from claudetools.sessions.record import Refused, record_all
from claudetools.sessions.registry import Session
from claudetools.sessions.status import GitFailed

PROGRAM = "claudetools.sh sessions"


@click.group(cls=cli.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def sessions() -> None:
    """Who works in this folder, and whose each change is that is not saved yet.

    ID is the id of a session, its beginning, or a word of its topic.
    """


@sessions.command()
@click.option("--all", "every", is_flag=True, help="Also those that are over and saved, of the last 30 days.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
def who(every: bool, as_json: bool) -> None:
    """Every session that is at work here or has unsaved work; yours is marked with a star."""
    place, now = cli.here(), time.time()
    caller = registry.current_id(os.environ) or ""
    works = find_work(place, every)
    if as_json:
        print(json.dumps([show.as_object(work, caller, now) for work in works]))
    else:
        print("\n".join(show.who(works, caller, now)))


@sessions.command("show")
@click.argument("id", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show_one(id: str, as_json: bool) -> None:
    """One session: who, since when, and each change of it that is not saved. Without ID: your own."""
    place, now = cli.here(), time.time()
    own = registry.current_id(os.environ) or ""
    if not id and not own:
        cli.fail(cli.USAGE, "You are in no session: say which one.", f"See: {cli.typed(PROGRAM)} who")
    session = find(place, id or own)
    work = next(one for one in find_work(place, True) if one.session.id == session.id)
    under_way = calls.under_way(place, session.id)
    if as_json:
        edits = [edit._asdict() | {"note": dict(edit.note)} for edit in work.edits]
        print(json.dumps({**show.as_object(work, own, now), "edits": edits}))
    else:
        print("\n".join(show.details(work, under_way, now)))


@sessions.command("transcript")
@click.argument("id")
@click.option(
    "--size",
    default=transcript.DEFAULT_SIZE,
    type=click.IntRange(1000),
    show_default=True,
    help="About how many characters at most.",
)
def show_transcript(id: str, size: int) -> None:
    """Print what a session did, short enough to write its log from it.

    ID may be the beginning of one. Says its commits and files, then the talk: of a long one all that the person asked,
    the beginning and the end. Credentials are masked.
    """
    place = cli.here()
    session = find(place, id)
    state = session.state()
    if state == "live":
        cli.warn("That session still works here. Its own /save knows more than its transcript.")
    print(f"Session {visible(session.id)} ({state}) {visible(session.title)}".rstrip())
    for name, when in (("Began", session.began), ("Last active", session.seen)):
        if when:
            print(f"{name}: {time.strftime('%Y-%m-%d %H:%M %Z', time.localtime(when))}")
    commits = recover.commits_of(place, session.id, size // 4)
    print(commits)
    print(f"--- transcript: {visible(session.transcript) or 'not known'}")
    print(recover.talk(session, size - len(commits)))


@sessions.command()
def record() -> None:
    """Write down what a session has changed: for agents that no adapter knows yet.

    Reads JSON from stdin, one object a line, and does what each one says, in order:

    \b
      {"session": ID, "event": "edit", "path": P, "before": TEXT|null, "after": TEXT|null}
      {"session": ID, "event": "file", "path": P}          it changed; from what to what is not known
      {"session": ID, "event": "open", "use": CALL}        a command begins that may change anything
      {"session": ID, "event": "close", "use": CALL}       it has ended: what changed is the session's
      {"session": ID, "event": "begin"} and "end"          the session itself

    Also read: agent, tool, topic, pid. The session may come from CLAUDETOOLS_SESSION_ID. null stands for no file;
    a content that is no text goes into before_base64, after_base64.
    """
    try:
        record_all(cli.here(), os.environ, sys.stdin.buffer)
    except Refused as error:
        cli.fail(
            cli.USAGE,
            visible(str(error)),
            f"Nothing behind that line was recorded. See: {cli.typed(PROGRAM)} record --help",
        )
    except GitFailed as error:
        cli.fail(cli.INTERNAL, visible(str(error)))


@sessions.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--topic", default="", help="What it works on, for others to see.")
def run(command: tuple[str, ...], topic: str) -> int:
    """Run an agent that has no hooks as a session: what changes while it runs is its own.

    What other sessions say they changed meanwhile stays theirs.
    """
    return running.run(cli.here(), list(command), topic)


sessions.add_command(decide.claim)
sessions.add_command(decide.undo)
sessions.add_command(decide.restore_lost, "restore")


def find_work(place: Place, every: bool) -> list[unsaved.Work]:
    """As `unsaved.find_work`, with git's trouble as a message."""
    try:
        return unsaved.find_work(place, every)
    except (GitFailed, GitError) as error:
        cli.fail_as_git(error)


def find(place: Place, id: str) -> Session:
    """The one session with this id, whose id begins so, or whose topic holds it. Raises Stop."""
    exact = registry.read_session(place, id) if id else None
    every = registry.find_sessions(place) if id and not exact else []
    begin = [exact] if exact else [one for one in every if one.id.startswith(id)]
    found = begin or [one for one in every if id.lower() in one.title.lower()]
    if len(found) != 1:
        problem = f"{len(found)} sessions begin with" if begin else f"{len(found)} sessions have a topic with"
        problem = problem if found else "No session is known as"
        raise cli.Stop(cli.HELD, f"{problem} {visible(id)!r}.", f"See: {cli.program(place)} sessions who --all")
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """Run the command. Exit codes as sync.sh; those of `run` are its command's."""
    return cli.run(sessions, arguments, PROGRAM)
