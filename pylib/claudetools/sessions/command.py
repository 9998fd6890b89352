"""`claudetools.sh sessions`: who works in this folder, and what a session did."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence

import click

from claudetools import cli, git
from claudetools.place import Place
from claudetools.sessions import news, registry, transcript
from claudetools.sessions.registry import Session
from claudetools.text import visible

PROGRAM = "claudetools.sh sessions"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def sessions() -> None:
    """Who works in this folder, and whose each change is."""


@sessions.command()
@click.option("--all", "every", is_flag=True, help="Also those that are over, of the last 30 days.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
def who(every: bool, as_json: bool) -> None:
    """List the sessions that work here, the one that was active last first."""
    place, now = cli.here(), time.time()
    me = registry.current_id(os.environ)
    found = [(one, one.state(now)) for one in registry.find_sessions(place)]
    found = [(one, state) for one, state in found if every or state in ("live", "idle")]
    if as_json:
        print(json.dumps([{**one._asdict(), "state": state} for one, state in found]))
        return
    for one, state in found:
        you = ", this session" if one.id == me else ""
        print(f"{visible(one.id)}  {news.describe(one, state, now)}{you}")
    if not found:
        print("[OK] No session is known to work here.")


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

    ID may be the beginning of one. Says its commits and files, then the talk: the beginning and the end of a long one.
    """
    place = cli.here()
    session = find(place, id)
    state = session.state()
    if state == "live":
        cli.warn("That session still works here. Its own /save knows more than its transcript.")
    print(f"Session {visible(session.id)} ({state}) {visible(session.topic)}".rstrip())
    for name, when in (("Began", session.began), ("Last active", session.seen)):
        if when:
            print(f"{name}: {time.strftime('%Y-%m-%d %H:%M %Z', time.localtime(when))}")
    print(commits_of(place, session.id))
    print(f"--- transcript: {visible(session.transcript) or 'not known'}")
    print(visible(talk(session, size), keep="\n\t"))


def find(place: Place, id: str) -> Session:
    """The one session whose id begins so. Raises Stop."""
    exact = registry.read_session(place, id) if id else None
    found = [exact] if exact else [one for one in registry.find_sessions(place) if id and one.id.startswith(id)]
    if len(found) != 1:
        problem = f"{len(found)} sessions begin with" if found else "No session is known as"
        raise cli.Stop(cli.HELD, f"{problem} {visible(id)!r}.", f"See: {cli.program(place)} sessions who --all")
    return found[0]


def talk(session: Session, size: int) -> str:
    """The digest of the transcript. Raises Stop where there is none."""
    if not session.transcript:
        raise cli.Stop(
            cli.HELD, "No hook has said where this session's transcript is.", "Write the log from its commits."
        )
    try:
        text = transcript.digest(transcript.read_lines(session.transcript), size).text
    except OSError as error:
        raise cli.Stop(
            cli.HELD,
            f"The transcript {visible(session.transcript)} cannot be read: {error.strerror}.",
            "Write the log from the session's commits.",
        ) from error
    return text or "(nothing in it that can be read)"


def commits_of(place: Place, id: str) -> str:
    """Commits with the session's trailer, with their files."""
    try:
        told = git.run(
            place.top,
            "log",
            "-50",
            "--no-merges",
            "--fixed-strings",
            f"--grep=Session-Id: {id}",
            "--stat",
            "--format=%h %s",
        )
    except git.GitError:
        return "Commits: none"
    text = visible(told.decode("utf-8", "replace").strip(), keep="\n")
    return f"Commits:\n{text}" if text else "Commits: none"


def main(arguments: Sequence[str]) -> int:
    """Entry of `claudetools.sh sessions`."""
    return cli.run(sessions, arguments, PROGRAM)
