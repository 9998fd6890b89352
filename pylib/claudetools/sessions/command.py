"""`claudetools.sh sessions`: who works in this folder, and whose each unsaved change is."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import click

from claudetools.core import cli, git
from claudetools.core.git import GitError
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import calls, recover, registry, show, transcript, unsaved, windows
from claudetools.sessions.record import BadRecord, record_all
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
    except BadRecord as error:
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
    return run_around(cli.here(), list(command), topic)


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


# --- what people decide about the work of others --------------------------------------
# `sessions claim | undo | restore`: what somebody decides about work that others have done.
#
# What carries it out is imported where it is done: `sessions who` would pay 30 ms for it.


@sessions.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
def claim(paths: tuple[str, ...]) -> None:
    """Take over what nobody, or more than one session, may have changed in PATHS.

    It goes out with this session's next save. What another session is known to have written stays its own.
    """
    from claudetools.sessions import claim as claims

    place = cli.here()
    me = registry.current_id(os.environ)
    if me is None:
        cli.fail(
            cli.USAGE,
            "No session is known to claim it for.",
            f"Name one: {cli.program(place)} --session ID sessions claim ...   IDs: {cli.program(place)} sessions who",
        )
    for told in paths:
        path = inside(place, told)
        if not claims.record_claim(place, me, path):
            cli.fail(cli.HELD, f"{visible(path)} cannot be read.", f"Look at it: ls -l {visible(path)}")
        print(f"[OK] {visible(path)} goes out with this session's next save.")


@sessions.command("restore")
@click.argument("id")
@click.argument("path", type=click.Path())
@click.option("--yes", is_flag=True, help="Do it. Without this it is shown only.")
def restore_lost(id: str, path: str, yes: bool) -> int:
    """Bring back what a session wrote into PATH and what is no longer there.

    Nothing of what is there now is overwritten. It goes out with that session's next save.
    """
    from claudetools.sessions import exchange

    place = cli.here()
    session, name = find(place, id), inside(place, path)

    def work() -> int:
        return bring_back(place, session.id, name, yes)

    arguments = ["restore", session.id, os.path.join(place.top, name), *(["--yes"] if yes else [])]
    return exchange.under_lock(place, "sessions restore", arguments, work) if yes else work()


def bring_back(place: Place, id: str, name: str, yes: bool) -> int:
    """Show what can come back of what a session wrote into the path `name`, or do it. Raises Stop."""
    from claudetools.sessions import exchange

    made = exchange.plan_restore(place, id, name)
    if made is None:
        cli.fail(
            cli.HELD,
            f"The ledger of {visible(id)} holds no contents of {visible(name)}.",
            f"What was there at some time: {exchange.sync_command(place)} --points, then --restore PATH@TIME",
        )
    if made.stuck:
        cli.warn(f"{made.stuck} of its edits cannot come back by themselves: other text is at those lines now.")
    if not made.edits:
        print("[OK] Nothing of it is missing.")
        return cli.HELD if made.stuck else cli.OK
    if not yes:
        print(f"Would bring back {made.edits} of its edits in {visible(name)}. Nothing was changed.")
        print(f"To do it: {cli.program(place)} sessions restore {id} {shlex.quote(name)} --yes")
        return cli.OK
    exchange.carry_out_restore(place, id, name, made)
    print(f"[OK] Brought back {made.edits} of its edits in {visible(name)}. The next sync of that session saves it.")
    return cli.OK


@sessions.command()
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do it. Without this it is shown only.")
def undo(id: str, yes: bool) -> int:
    """Take back what a session has done: its unsaved lines, and each of its commits by a commit of its own.

    Shows it first. The same once more brings the commits back, `sessions restore` the unsaved lines. Nothing is sent
    before the next sync.
    """
    from claudetools.sessions import exchange

    place = cli.here()
    session = find(place, id)

    def work() -> int:
        try:
            return take_back(place, session.id, yes)
        except git.GitError as error:
            cli.fail_as_git(error)

    arguments = ["undo", session.id, *(["--yes"] if yes else [])]
    return exchange.under_lock(place, "sessions undo", arguments, work) if yes else work()


def take_back(place: Place, id: str, yes: bool) -> int:
    """The unsaved lines first, then the commits. Raises GitError, Stop."""
    from claudetools.sessions import exchange
    from claudetools.sessions import exchange as undoing

    unsaved = undoing.plan_unsaved(place, id)
    branch = git.run(place.top, "symbolic-ref", "HEAD").decode().strip()
    head = git.run(place.top, "rev-parse", "HEAD").decode().strip()
    taken = undoing.plan_commits(place, id, head)
    word = "Took" if yes else "Would take"
    if yes and unsaved.paths:
        exchange.swap(place, unsaved.tree, unsaved.without)
    for path in unsaved.paths:
        print(f"{word} its unsaved lines out of {visible(path)}.")
        if yes:
            print(f"     To bring them back: {restoring(place, id, path)}")
    if yes and taken.undone:
        exchange.swap(place, head, taken.tip, branch)
    for oid, subject in taken.undone:
        print(f"{word} back {oid[:7]} {visible(subject)}")
    for path, why in [*unsaved.stuck, *taken.stuck]:
        cli.warn(f"Left as it is: {visible(path)} {why}.")
    if not unsaved.paths and not taken.undone:
        print("[OK] There is nothing to take back.")
    elif not yes:
        print(f"Nothing was changed. To do it: {cli.program(place)} sessions undo {id} --yes")
    elif taken.undone:
        again = "take them out again" if taken.redone else "bring the commits back"
        print(f"[OK] The next sync sends it. To {again}: the same command once more.")
    return cli.HELD if unsaved.stuck or taken.stuck else cli.OK


def restoring(place: Place, id: str, path: str) -> str:
    """What one types to bring back the lines of a session."""
    return f"{cli.program(place)} sessions restore {id} {visible(shlex.quote(path))} --yes"


def inside(place: Place, told: str) -> str:
    """The path seen from the top. Raises Stop for one that is not in this tree."""
    path = place.relative(told)
    if path is None:
        cli.fail(cli.USAGE, f"{visible(told)} is not in this tree.")
    return path


# --- on behalf of a session -----------------------------------------------------------
# `claudetools.sh --session ID COMMAND`: the command is given as that session would give it.


def act_as(told: str) -> int:
    """From here on this process belongs to the session that `told` names. 0, or the code of what was said."""
    os.environ[registry.CALLER] = registry.current_id(os.environ) or ""
    try:
        os.environ["CLAUDETOOLS_SESSION_ID"] = whole_id(cli.here(), told)
    except cli.Stop as stop:
        return cli.tell(stop.code, *stop.lines)
    return cli.OK


def whole_id(place: Place, told: str) -> str:
    """The id of the one session that `told` names, as everywhere by its beginning or a word of its topic too; or `told`
    itself where nothing but a commit knows it any more. A mistyped one must not become a session. Raises Stop."""

    try:
        return find(place, told).id
    except cli.Stop:
        if not committed(place, told):
            raise
    return told


def committed(place: Place, id: str) -> bool:
    """Whether some commit names the session as its own."""
    values = "--format=%(trailers:key=Session-Id,valueonly)"
    try:
        named = git.run(place.top, "log", "--fixed-strings", f"--grep=Session-Id: {id}", values)
    except git.GitError:  # no commit yet
        return False
    return id in named.decode("utf-8", "replace").split()


# --- a program without hooks ----------------------------------------------------------
# A session around any program that has no hooks: one window from its start to its end.


USE = "run"


def run_around(place: Place, command: list[str], topic: str) -> int:
    """Run the command as a session of its own: its exit code, 128 + N when signal N ended it."""
    session = f"run-{os.getpid()}-{os.urandom(4).hex()}"
    agent = os.path.basename(command[0])
    registry.register(place, session, agent=agent, pid=os.getpid(), topic=topic)
    try:
        windows.start(place, session, USE, agent, told=" ".join(command))
        with signals_for_the_child():
            return end_of(command, session)
    except GitFailed as error:
        cli.fail(cli.INTERNAL, visible(str(error)))
    finally:
        close(place, session)


def end_of(command: list[str], session: str) -> int:
    """Start the command and wait for it."""
    try:
        done = subprocess.run(command, env={**os.environ, "CLAUDETOOLS_SESSION_ID": session}, check=False)
    except OSError as error:
        print(f"[ERROR] {visible(command[0])}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def close(place: Place, session: str) -> None:
    """Write down what changed. A window that cannot be closed leaves its changes to nobody, and says so."""
    call = calls.find(place, session, USE)
    try:
        if call:
            windows.finish(place, session, call)
    except (OSError, GitFailed) as error:
        cli.warn(f"What the command changed could not be written down: {visible(str(error))}")
    with suppress(OSError):
        registry.end(place, session)


@contextmanager
def signals_for_the_child() -> Iterator[None]:
    """The terminal sends its signals to both of us: the command decides, we wait for it."""
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str]) -> int:
    """Run the command. Exit codes as sync.sh; those of `run` are its command's."""
    return cli.run(sessions, arguments, PROGRAM)
