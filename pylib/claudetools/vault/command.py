"""`claudetools.sh vault`: secrets go into the vault, and their path stays in the text."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import click

from claudetools.core import cli
from claudetools.core.checkpoint import checkpoint
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.logs import names, write
from claudetools.logs.record import record
from claudetools.sessions.registry import current_id
from claudetools.text.value import PREFIX, find_in, find_told
from claudetools.vault import remains, seal, sending, storing
from claudetools.wiki import desk

TARGET = re.compile(r"(?P<path>.+):(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?", re.S)
NAME = re.compile(r"(?!.*//)[A-Za-z0-9_@+][A-Za-z0-9._@+-]*(?:/[A-Za-z0-9_@+][A-Za-z0-9._@+-]*)*")
LONGEST_NAME = 200


def main(arguments: Sequence[str]) -> int:
    """The command line of `vault`."""
    return cli.run(vault, arguments, "claudetools.sh vault")


@click.group(cls=cli.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def vault() -> None:
    """The vault: a repository of its own for secrets (setup.sh --vault PATH)."""


@vault.command()
@click.argument("target", metavar="FILE:LINE[-LINE]")
@click.argument("name")
@click.option("--stdin", "told", is_flag=True, help="Read the value from stdin: for a line where it is not plain.")
@click.option("--vault", "wanted", metavar="FOLDER", default="", help="Of several vaults, the one it goes into.")
@click.option("--dry-run", is_flag=True, help="Show what the line would read; change nothing.")
def put(target: str, name: str, told: bool, wanted: str, dry_run: bool) -> int:
    """Move a value out of a file into the vault, encrypted as NAME, and leave its path.

    `password: hunter2` becomes `password: vault:NAME`. Of several lines, such as a key, all of them become one. The
    vault's .gpg-id, .age-recipients or .sops.yaml says for whom to encrypt. The value is never shown. Where the vault
    has a remote, the line changes once that has the file.
    """
    place = cli.here()
    path, first, last = read_target(place, target)
    folder = choose(desk.vault_folders(place), wanted)
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        cli.fail(cli.USAGE, f"{visible(name)} is no name for a secret.", "Such as: acme/graph-secret")
    text = read(place, path)
    value, after = move(text, first, last, name, sys.stdin.read().removesuffix("\n") if told else "", path)
    line = visible(after.split("\n")[first - 1].strip())
    try:
        found = seal.find(folder, name)
        if dry_run:
            print(f"Would put {len(value)} characters into the vault as {name}{found.suffix}, by {found.program}.")
            print(f"The line would read: {line}")
            return cli.OK
        sealed = found.close(folder, value)
    except seal.SealError as error:
        cli.fail(cli.HELD, str(error), "Nothing was changed.")
    again = (target, name, *(["--stdin"] if told else []), *(["--vault", wanted] if wanted else []))
    exchange(place, path, text, after, Secret(folder, name + found.suffix, sealed, shlex.join(again)))
    print(f"[OK] {len(value)} characters lie in the vault as {name}{found.suffix} now, by {found.program}.")
    print(f"     {visible(path)}:{first} reads: {line}")
    remains.tell(place, path, value)
    return cli.OK


def read_target(place: Place, target: str) -> tuple[str, int, int]:
    """The path from the top, and the lines, from 1. Raises Stop."""
    found = TARGET.fullmatch(target)
    if not found:
        cli.fail(cli.USAGE, f"{visible(target)} names no line.", "Such as: session-logs/2026-06-05-mike-vpn.md:88")
    path = place.relative(found["path"])
    if path is None or os.path.islink(os.path.join(place.top, path)):
        cli.fail(cli.USAGE, f"{visible(found['path'])} is no file of this tree.")
    first = int(found["first"])
    return path, first, int(found["last"] or first)


def choose(folders: list[str], wanted: str) -> str:
    """The vault that was asked for, or the only one. Raises Stop."""
    if not folders:
        cli.fail(cli.SETUP, "This machine has no vault.", f"Name it: {cli.program(cli.here(), 'setup')} --vault PATH")
    asked = os.path.realpath(os.path.expanduser(wanted))
    found = [folder for folder in folders if not wanted or os.path.realpath(folder) == asked]
    if len(found) == 1:
        return found[0]
    what = f"{visible(wanted)} is no vault of this machine." if wanted else "This machine has several vaults."
    cli.fail(cli.USAGE, what, "Say which:", *(f"  --vault {shlex.quote(folder)}" for folder in folders))


def read(place: Place, path: str) -> str:
    """The file's text. Raises OSError."""
    with open(os.path.join(place.top, path), encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def move(text: str, first: int, last: int, name: str, told: str, path: str) -> tuple[str, str]:
    """The value, and the text with the vault's path in its place. Raises Stop."""
    lines = text.split("\n")
    if not 1 <= first <= last <= len(lines) or not "".join(lines[first - 1 : last]).strip():
        cli.fail(cli.USAGE, f"{visible(path)} has nothing in line {first}{f' to {last}' if last > first else ''}.")
    if last > first:
        value = "\n".join(line.removesuffix("\r") for line in lines[first - 1 : last])
        lines[first - 1 : last] = [PREFIX + name + ("\r" if lines[last - 1].endswith("\r") else "")]
        return value, "\n".join(lines)
    line = lines[first - 1]
    if told:
        span = find_told(line, told)
    elif is_in_head(lines, first - 1):
        span = None
    else:
        span = find_in(lines, first - 1)
    if span is None:
        cli.fail(
            cli.HELD,
            f"Which part of {visible(path)}:{first} is the value cannot be told."
            if not told
            else f"{visible(path)}:{first} does not hold that value, or more than once.",
            f"Give it on stdin, exactly as it stands there: {cli.typed('claudetools.sh vault put')} ... --stdin",
        )
    start, end = span
    lines[first - 1] = line[:start] + PREFIX + name + line[end:]
    return line[start:end], "\n".join(lines)


def is_in_head(lines: list[str], index: int) -> bool:
    """Whether the line is of a log's front matter, where `user: mike` is no secret."""
    return lines[0].strip() == "---" and not any(line.strip() == "---" for line in lines[1 : index + 1])


class Secret(NamedTuple):
    """What goes into the vault: its folder, the file's name there, what is in it, encrypted; and how to do it again."""

    folder: str
    name: str
    sealed: bytes
    again: str

    def make_room(self) -> str:
        """The file's path, with the folders above it. Raises Stop when they lead out of the vault, OSError."""
        path = os.path.join(self.folder, self.name)
        at = os.path.dirname(path)
        os.makedirs(at, mode=0o700, exist_ok=True)
        vault = os.path.realpath(self.folder)
        if os.path.commonpath([os.path.realpath(at), vault]) != vault:
            cli.fail(cli.USAGE, f"{visible(self.name)} leads out of the vault.")
        return path


def exchange(place: Place, path: str, before: str, after: str, secret: Secret) -> None:
    """The secret into the vault, and the file's new text, unless somebody has changed it. Raises Stop, OSError.

    Both under the file's lock: of two who do the same only one comes here. The vault's remote has the secret before
    the line changes. Killed in between, or not sent, it goes on when it is done once more.
    """
    os.makedirs(place.tree, mode=0o700, exist_ok=True)
    names.sweep(place.tree)
    stored = secret.make_room()
    key = storing.key_of(path, before, after)
    is_stored = False

    def edit(now: str) -> str:
        nonlocal is_stored
        if now != before:
            cli.fail(cli.HELD, f"{visible(path)} has changed meanwhile.", "Nothing was changed. Do it again.")
        if not (os.path.exists(stored) and storing.was_cut_off(place.tree, key, stored)):
            sending.refuse_name_of_others(secret.folder, secret.name)
        storing.store(place.tree, key, stored, secret.sealed)
        is_stored = True
        checkpoint("vault-stored")
        if sending.has_remote(secret.folder):
            is_stored = False  # it stays, whatever comes: a commit may have it
            send(place, path, secret)
            checkpoint("vault-sent")
            if read(place, path) != before:
                cli.fail(
                    cli.HELD,
                    f"{visible(path)} has changed meanwhile, and still holds the value.",
                    f"Write {PREFIX}{visible(os.path.splitext(secret.name)[0])} in its place: the vault has it.",
                )
        return after

    try:
        old, new = write.change(os.path.join(place.top, path), edit, place.tree)
    except FileExistsError:
        fail_taken(secret, stored)
    except BaseException:
        if is_stored and read(place, path) == before:  # interrupted a moment later, the text names what is stored
            os.unlink(stored)
            storing.forget(place.tree, key)
        raise
    storing.forget(place.tree, key)
    record(place, current_id(os.environ) or "", path, old, new, "vault")


def send(place: Place, path: str, secret: Secret) -> None:
    """To the vault's remote. Raises Stop where that does not have it afterwards."""
    code, words = sending.send(place, secret.folder, secret.name)
    if code:
        cli.fail(
            code,
            f"The vault's remote does not have {visible(secret.name)} yet: {words}",
            f"{visible(path)} is unchanged, and still holds the value. Encrypted, it lies in the vault here.",
            f"Send it: {cli.program(place, 'sync')} --vault={visible(shlex.quote(secret.folder))}",
            f"Then it goes on by: {cli.program(place)} vault put {visible(secret.again)}",
        )


def fail_taken(secret: Secret, stored: str) -> NoReturn:
    """Another secret has that name. Raises Stop."""
    cli.fail(
        cli.HELD,
        f"The vault has {visible(secret.name)} already.",
        "Nothing was changed. Take another name.",
        f"If it is of a run that was ended half way, and nothing names it yet: rm {shlex.quote(stored)}, then again.",
    )
