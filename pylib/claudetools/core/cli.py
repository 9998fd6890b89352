"""What the click commands have in common: exit codes, the house's messages, the repository they work in."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from claudetools.core.messages import visible
from claudetools.core.place import Place, find_place, typed_command
from claudetools.core.place import script as script

# The same numbers as scripts/lib/exit_codes.sh; a test compares the two.
OK, USAGE, HELD, OFFLINE, INTERNAL, CANNOT_CREATE, DEFERRED, REFUSED, SETUP = 0, 64, 65, 69, 70, 73, 75, 77, 78

# As is_disk_failure of scripts/lib/results.sh.
NO_SPACE = (
    "no space left",
    "out of diskspace",
    "disk quota",
    "read-only file system",
    "unable to write",
    "write error",
)


class Stop(Exception):
    """Ends a command with a deliberate code. Lines below the message are what to do next."""

    def __init__(self, code: int, message: str, *more: str) -> None:
        super().__init__(message)
        self.code, self.lines = code, (message, *more)


class Group(click.Group):
    """Commands below one name. Their list says what each one does, and is not cut off where the line ends."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str(1000)) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def info(message: str) -> None:
    """Talk, on stderr."""
    print(f"[INFO] {message}", file=sys.stderr)


def warn(message: str, *more: str) -> None:
    """A warning on stderr, with what to do about it below."""
    print("\n       ".join([f"[WARN] {message}", *more]), file=sys.stderr)


def here() -> Place:
    """The repository that the caller stands in. Raises Stop (78) outside of one."""
    place = find_place(".")
    if place is None:
        raise Stop(SETUP, "This folder is in no git working tree.", "Go to your repository, or make one: git init")
    return place


def program(place: Place, name: str = "") -> str:
    """What one types in this repository to start the commands, or the program of that name."""
    return typed_command(place.top, name)


def typed(command: str) -> str:
    """`claudetools.sh log` and the like as one types it where the caller stands."""
    place = find_place(".")
    return command.replace("claudetools.sh", program(place), 1) if place else command


def run(command: click.Command, arguments: Sequence[str], program: str) -> int:
    """Run a click command as `program`: its exit code, with the house's words for every failure."""
    for stream in (sys.stdout, sys.stderr):  # a file name may hold what the locale cannot say
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        name = program.replace("claudetools.sh", os.environ.get("CLAUDETOOLS_TYPED") or "claudetools.sh", 1)
        result = command.main(list(arguments), prog_name=name, standalone_mode=False)
        return result if isinstance(result, int) else OK
    except Stop as stop:
        return tell(stop.code, *stop.lines)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        if not arguments:  # the manual, which is no error message
            print(visible(error.format_message(), keep="\n"), file=sys.stderr)
            return USAGE
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else program
        return tell(USAGE, visible(error.format_message()), f"See: {typed(where)} --help")
    except BrokenPipeError:
        return OK
    except OSError as error:
        return tell(CANNOT_CREATE, visible(f"{error.filename or program}: {error.strerror or error}"))


def fail_as_git(error: Exception) -> NoReturn:
    """The words of a git that failed. Raises Stop."""
    text = visible(str(error))
    if any(words in text.lower() for words in NO_SPACE):
        fail(CANNOT_CREATE, text, "Nothing is lost. Free some space, then do it again.")
    fail(INTERNAL, text, "Nothing is lost. See what git itself says: git status")


def tell(code: int, message: str, *more: str) -> int:
    """Print an error and return its code."""
    place = find_place(".") if any("bash .claude/" in line for line in more) else None
    if place and not os.path.samefile(".", place.top):
        more = (*more, f"Type it at the top: cd {shlex.quote(place.top)}")
    print("\n        ".join([f"[ERROR] {message}", *more]), file=sys.stderr)
    return code


def fail(code: int, message: str, *more: str) -> NoReturn:
    """Raise Stop: for expressions."""
    raise Stop(code, message, *more)
