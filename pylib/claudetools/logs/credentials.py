"""Values in plain text where a log tells of credentials: the job of the sync and the commit hook, for who asks for it.

The setting `credentials` says what becomes of them: "inline" (nothing: a log holds what it needs), "vault"
(each is told, with the command that moves it) or "block" (the log is held back). What a log had before is left alone.

Paths on stdin, each ended by a NUL; on stdout path and lines ("12, 14") of each log that has some, the same way.
Exit status: 0, or 70 when git cannot be asked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from itertools import pairwise

from claudetools.core import git, settings
from claudetools.core.job import read_options
from claudetools.core.place import find_place
from claudetools.logs import sections
from claudetools.text import detector
from claudetools.text.detector_tables import NAMED
from claudetools.text.value import CODE, PREFIX, find_value

POLICIES = ("inline", "vault", "block")
HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})[ \t]+(?P<name>.*?)[ \t#]*")
SECTION = re.compile(r"credentials\b.*", re.IGNORECASE)  # also below an update
RULER = re.compile(r"[ \t|:-]+")
# What stands before a value that is no secret, and such a value.
NAMES = re.compile(
    r"(?:^|.*[^a-z])(?:user|user[ _]?name|login|account|e-?mail|host|host[ _]?name|server|url|port|expires|expiry"
    r"|(?:client|tenant|app|key)[ _]id)[\s*_`\"':=|]*",
    re.IGNORECASE,
)
NO_SECRET = re.compile(r"https?://[^@?#\s]*|(?:none|nothing|unchanged|yes|no|n/a|-+)\.?", re.IGNORECASE)


def find_plain(text: str) -> list[int]:
    """The lines (from 1) of a log that hold a value in plain text: any value in its section of credentials, elsewhere
    what the detector takes for one."""
    found: list[int] = []
    for number, line, following in told(text):
        if holds_value(line) and not (is_row(line) and is_row(following) and RULER.fullmatch(following)):
            found.append(number)
    return sorted({*found, *(hit.line for hit in detector.find(text))})


def told(text: str) -> Iterator[tuple[int, str, str]]:
    """Each line of the sections of credentials with its number and the line below it."""
    lines = [*sections.scan(text), (0, "", "")]
    depth = 0
    for (number, line, fence), (_, following, _) in pairwise(lines):
        heading = None if fence else HEADING.fullmatch(line)
        if heading and (not depth or len(heading["marks"]) <= depth):
            depth = len(heading["marks"]) if SECTION.fullmatch(heading["name"]) else 0
        elif depth and not heading:
            yield number, line, following


def is_row(line: str) -> bool:
    """Whether this is a row of a table."""
    return line.strip().startswith("|")


def holds_value(line: str) -> bool:
    """Whether the line gives a name and, in plain text, a value that may be a secret."""
    if PREFIX in line:
        return False
    span = find_value(line)
    if span is None:
        return len(CODE.findall(line)) > 1 or bool(NAMED.search(line))
    start, end = span
    return not NAMES.fullmatch(line[:start]) and not NO_SECRET.fullmatch(line[start:end])


def find_new(top: str, base: str, path: str) -> list[int]:
    """Such lines of a log in the index that `base` (a commit, "" for none) does not have. Raises GitError."""
    text = read(top, f":{path}")
    found = find_plain(text)
    if not found or not base:
        return found
    before = read(top, f"{base}:{path}")
    old = {before.split("\n")[number - 1].strip() for number in find_plain(before)}
    return [number for number in found if text.split("\n")[number - 1].strip() not in old]


def read(top: str, name: str) -> str:
    """A blob by its name for git, "" where there is none. Raises GitError."""
    data = git.run(top, "cat-file", "blob", name, ok=(0, 128))
    return data.decode("utf-8", "replace")


def policy_of(top: str) -> str:
    """What this repository asks for."""
    place = find_place(top)
    return settings.value(place, "credentials") if place else POLICIES[0]


def main(argv: list[str]) -> int:
    """See the module."""
    options = read_options(argv, ["top"], {"base": ""})
    try:
        for path in sys.stdin.buffer.read().split(b"\0")[:-1]:
            lines = find_new(options["top"], options["base"], os.fsdecode(path))
            if lines:
                sys.stdout.buffer.write(path + b"\0" + ", ".join(map(str, lines)).encode() + b"\0")
    except git.GitError as error:
        print(error, file=sys.stderr)
        return 70
    return 0
