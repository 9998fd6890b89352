"""Which new lines of some files hold a credential: the job of the sync, the commit hook and a server's check.

Paths on stdin, each ended by a NUL; on stdout path and places ("a password in line 3, a key in line 9") of each file
that has some, the same way. A line that the base has in any file is not new. Exit status: 0, or 70 when git cannot be
asked.
"""

from __future__ import annotations

import os
import sys

from claudetools.core import git
from claudetools.core.job import read_options
from claudetools.core.objects import Objects, TooLarge
from claudetools.text.detector import find

SHOWN = 5
LARGEST = 64 << 20


def find_new(top: str, at: str, base: str, paths: list[str]) -> dict[str, list[tuple[int, str]]]:
    """Line and kind of each new credential by path, in the index or in the commit `at`. Raises GitError."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    with Objects(top) as objects:
        for path in paths:
            name = f"{at}:{path}"
            data = git.run(top, "cat-file", "blob", name) if "\n" in path else objects.read_blob(name, LARGEST)
            text = (data or b"").decode("utf-8", "replace")
            lines = text.split("\n")
            if hits := [(hit.line, hit.what, lines[hit.line - 1].strip()) for hit in find(text)]:
                found[path] = hits
    old = lines_of(top, base, {line for hits in found.values() for _, _, line in hits}) if base else set()
    new = {path: [(number, what) for number, what, line in hits if line not in old] for path, hits in found.items()}
    return {path: hits for path, hits in new.items() if hits}


def lines_of(top: str, base: str, lines: set[str]) -> set[str]:
    """Which of these lines `base` has in any of its files. Raises GitError."""
    old: set[str] = set()
    wanted = sorted(lines)
    for start in range(0, len(wanted), 50):
        patterns = [word for line in wanted[start : start + 50] for word in ("-e", line)]
        search = ("grep", "-h", "-F", "-I", "--no-color", "--no-recurse-submodules", *patterns, base)
        told = git.run(top, *search, ok=(0, 1, 128))  # 128: there is no HEAD yet, and every line is new
        old |= {line.strip() for line in told.decode("utf-8", "replace").split("\n")}
    return old & lines


def places(hits: list[tuple[int, str]]) -> str:
    """In words, the first of them."""
    told = [f"{what} in line {number}" for number, what in hits[:SHOWN]]
    return ", ".join(told) + (f" and {len(hits) - SHOWN} more" if len(hits) > SHOWN else "")


def main(argv: list[str]) -> int:
    """See the module."""
    options = read_options(argv, ["top"], {"at": "", "base": ""})
    paths = [os.fsdecode(path) for path in sys.stdin.buffer.read().split(b"\0")[:-1]]
    try:
        for path, hits in find_new(options["top"], options["at"], options["base"], paths).items():
            sys.stdout.buffer.write(os.fsencode(path) + b"\0" + places(hits).encode() + b"\0")
    except (git.GitError, TooLarge) as error:
        print(error, file=sys.stderr)
        return 70
    return 0
