"""The job that sync.sh calls when logs came in, or when notes wait for the session that called it.

    deliver --top DIR --user ID --name NAME --email ADDRESS --machine NAME [--zone NAME]
            [--tip COMMIT] [--session ID [--shell PID]] [--json] [-- LOG...]

--tip brings what came in up to that commit into the inbox; --session takes what nobody handles and prints it; each LOG
(a path in the tree, just saved here) is searched for notes to nobody. Lines on stdout, tab-separated: `banner TEXT`,
`json OBJECT`, `shown FILE` (to be made when the banner was printed), `fact TEXT`. Exit status: 0, 79 where a package is
missing, 70 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import suppress

from claudetools.core.git import GitError
from claudetools.core.messages import counted
from claudetools.core.place import Place, find_place
from claudetools.notes import inbox, taking
from claudetools.notes.banner import as_json, banner, command, one_line
from claudetools.notes.people import People, Person, read_people
from claudetools.notes.who import Me

OK, INTERNAL, NO_PACKAGES = 0, 70, 79


def main(argv: list[str]) -> int:
    """See above."""
    args = parse(argv)
    place = find_place(args.top)
    if place is None:
        print(f"{args.top} is no working tree", file=sys.stderr)
        return INTERNAL
    person = Person(args.user, args.name, args.email)
    people = read_people(args.top, person)
    inbox.adopt(place)
    try:
        if args.tip:
            receive(place, args, person, people)
            if args.session:
                remind(place, person, people)
        for path in args.logs:
            for text in warnings(args.top, path, people):
                tell("fact", f"[WARN] {text}")
    except ModuleNotFoundError as error:
        print(f"the Python package {error.name} is missing", file=sys.stderr)
        return NO_PACKAGES
    except (GitError, OSError) as error:
        print(error, file=sys.stderr)
        return INTERNAL
    finally:
        if args.session:  # what is in the inbox is shown, whatever happened to the rest
            show(place, args)
    return OK


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="deliver")
    for name in ("top", "user", "name", "email", "machine"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("zone", "tip", "session"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--shell", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("logs", nargs="*")
    return parser.parse_args(argv)


def tell(word: str, text: str) -> None:
    """One line for the shell."""
    sys.stdout.write(f"{word}\t{text}\n")


def receive(place: Place, args: argparse.Namespace, person: Person, people: People) -> None:
    """Fill the inbox."""
    from claudetools.core.clock import clock_of
    from claudetools.notes.incoming import collect

    got = collect(place, args.tip, Me(person, args.machine, args.zone), people, clock_of(args.zone))
    for path in got.too_large:
        tell("fact", f"[WARN] {one_line(path, 200)} is too large to be searched for notes. Read it yourself.")


def remind(place: Place, person: Person, people: People) -> None:
    """Once a day: what this person has written and somebody has left open for days."""
    from claudetools.notes.sent import PATIENCE, find_sent

    now, marker = time.time(), inbox.folder(place, "reminded")
    with suppress(OSError):
        if abs(now - os.stat(marker).st_mtime) < 86400:
            return
    with suppress(OSError), open(marker, "w", encoding="ascii"):
        os.utime(marker)
    ages = [(int(now - note.added.commit.time) // 86400, note) for note in find_sent(place.top, person, people)]
    late = [(days, note) for days, note in ages if days >= PATIENCE and note.still and not note.waits]
    if late:
        names = [f"{one_line(', '.join(p.name for p in note.still), 60)} ({days} days)" for days, note in late[:3]]
        more = f" and {len(late) - 3} more" if len(late) > 3 else ""
        what = f"{counted(len(late), 'note')} of yours {'is' if len(late) == 1 else 'are'}"
        tell("fact", f"[INFO] {what} still open with {'; '.join(names)}{more}. See: {command(place)} sent")


def warnings(top: str, path: str, people: People) -> list[str]:
    """What the writer of a log has to know about its notes."""
    from claudetools.notes.writing import warnings_for

    try:
        with open(os.path.join(top, path), "rb") as file:
            return warnings_for(path, file.read(), people)
    except OSError:  # saved, and taken away since
        return []


def show(place: Place, args: argparse.Namespace) -> None:
    """Take what nobody handles and print it; say once what another session handles."""
    mine, left = taking.take_unread(place, args.session, args.shell)
    for i, (note, number) in enumerate(mine, 1):
        if args.json:
            tell("json", json.dumps(as_json(place, note)))
        else:
            for line in banner(place, note, i, len(mine)):
                tell("banner", line)
        tell("shown", taking.shown_path(place, note.id, number))
    if left:
        tell("fact", f"[INFO] {left} more notes wait for you: {command(place)}")
    tell_handled(place, args.session, {note.id for note, _ in mine})


def tell_handled(place: Place, session: str, mine: set[str]) -> None:
    """One line for each note that another session handles, said once to each session."""
    for note in inbox.open_notes(place):
        who = taking.holder(place, note.id)
        if note.id in mine or who is None or who.session == session or who.is_gone(place):
            continue
        if taking.tell_once(place, note.id, session):
            id, by = inbox.short_id(place, note.id), one_line(who.title(place), 60)
            tell("fact", f"[INFO] 1 note from {one_line(note.sender, 60)} ({id}) is being handled in '{by}'.")
