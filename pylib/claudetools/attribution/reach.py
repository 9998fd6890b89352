"""Which files of the tree a shell command surely writes, and whether it can write any other. Pure.

Two sessions' commands that run in the same seconds are both suspects for all that changes meanwhile (explain.py). What
a command consists of tells more: `echo line >> a.md` writes a.md and nothing else. Whatever is not known here, a
program, a script, a variable, may write anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from claudetools.attribution.harmless import is_reader
from claudetools.attribution.shell_words import (
    UNKNOWN_FOLDER,
    has_option,
    parted,
    split_commands,
    without_here_documents,
    without_prefix,
)
from claudetools.core.light import NamedTuple

# Of the shell, or for folders, which git does not know: they write no file.
QUIET = {":", "done", "exit", "export", "fi", "for", "mkdir", "rmdir", "set", "umask", "unset", "wait"}
NAMED = {"rm", "tee", "touch", "unlink"}  # write what their words name and nothing else
ELSEWHERE = ("--target-directory", "--backup", "--suffix")  # of cp and mv: they write under other names
MAGIC = set("$*?[]{}~`")
EXPANDED = ("$(", "`", "<(", ">(")
SED_OPTIONS = {"-i", "-E", "-n", "-r", "--in-place", "--quiet", "--regexp-extended"}
# One command that writes no file of its own: `s/a/b/g`, `3d`, `/x/,$d`.
SED = re.compile(
    r"(?:(?:\d+|\$|/[^/]*/)(?:,(?:\d+|\$|/[^/]*/))?)?\s*(?:d|s(\W)(?:(?!\1).)*\1(?:(?!\1).)*\1[gpiI0-9]*)", re.S
)
LONGEST = 64 * 1024  # characters of a command that is looked at

WRITES, CANNOT, NAMES, MAY = "writes", "cannot", "names", "may"


class Reach(NamedTuple):
    """`writes`: paths from the top, files or folders; `closed`: nothing else is written."""

    writes: tuple[str, ...] = ()
    closed: bool = False

    def of(self, path: str, text: str | None = None) -> str:
        """What the command has to do with a path: it WRITES it, CANNOT, NAMES it, or MAY write it all the same.
        `text`: all that the command was told, None where that is not known any more."""
        if any(path == one or path.startswith(one + "/") for one in self.writes):
            return WRITES
        if self.closed:
            return CANNOT
        return NAMES if text is None or os.path.basename(path) in text else MAY


def reach_of(command: object, folder: str, relative: Callable[[str], str | None]) -> Reach:
    """The reach of a command that starts in `folder`, now. `relative`: a path seen from the top, None outside of it."""
    if not isinstance(command, str) or len(command) > LONGEST or "\0" in command:
        return Reach()
    text = without_here_documents(command.replace("\\\r\n", " ").replace("\\\n", " "), only_quoted=True)
    closed = not any(mark in text for mark in EXPANDED)
    try:
        simples = split_commands(without_here_documents(text))
    except ValueError:
        return Reach()
    found: list[str] = []
    for n, (words, targets, _) in enumerate(simples):
        words, here = without_prefix(words), folder
        if words[:1] == ["cd"]:
            folder = gone_to(folder, words, simples[1].after if n == 0 and len(simples) > 1 else "|")
            words = []
        is_plain = folder != UNKNOWN_FOLDER and not any(MAGIC & set(word) for word in words)
        told = written(words, folder) if is_plain else Reach((), not words or is_reader(words))
        paths = [path for path in targets if not MAGIC & set(path) and (here != UNKNOWN_FOLDER or os.path.isabs(path))]
        closed = closed and told.closed and len(paths) == len(targets)
        # A redirection is opened before a `cd` of the same command goes anywhere.
        whole = [*(os.path.join(folder, path) for path in told.writes), *(os.path.join(here, path) for path in paths)]
        found += [at for path in whole if (at := relative(path))]
    return Reach(tuple(dict.fromkeys(found)), closed)


def gone_to(folder: str, words: list[str], next_by: str) -> str:
    """Where a first `cd` leads that surely works; any other one, or one in a pipe, may lead anywhere."""
    to = os.path.join(folder, words[1]) if len(words) == 2 and not MAGIC & set(words[1]) and words[1] != "-" else ""
    return to if next_by.strip() in ("&&", ";", "") and os.path.isdir(to) else UNKNOWN_FOLDER


def written(words: list[str], folder: str) -> Reach:
    """What one simple command writes beside its redirections, seen from `folder`."""
    if not words:
        return Reach((), True)
    name, rest = words[0], words[1:]
    if name == "git" and rest[:1] in (["mv"], ["rm"], ["add"]):
        name, rest = rest[0], rest[1:]
    if name in QUIET or name == "add" or is_reader(words):
        return Reach((), True)
    options, paths = parted(rest)
    if name == "sed":
        return sed(options, paths)
    if name in NAMED and not any("=" in option for option in options):
        return Reach(tuple(paths), True)
    if name == "chmod" and not any(option.startswith("--") for option in options):
        recursive = has_option(options, "R")  # the mode is among the rest as well, and there is no such file
        return Reach(tuple(p for p in rest if recursive or not os.path.isdir(os.path.join(folder, p))), True)
    if name in ("cp", "mv") and len(paths) > 1 and not any(has_option(options, c, *ELSEWHERE) for c in "tSb"):
        *sources, to = paths
        into = os.path.isdir(os.path.join(folder, to))
        targets = [os.path.join(to, os.path.basename(path.rstrip("/"))) for path in sources] if into else [to]
        return Reach((*targets, *(sources if name == "mv" else ())), True)
    return Reach()


def sed(options: list[str], paths: list[str]) -> Reach:
    """`sed -i SCRIPT FILE...`; without -i it only reads. A script may write files of its own."""
    in_place = {"-i", "--in-place"} & set(options)
    if not paths or not set(options) <= SED_OPTIONS or not SED.fullmatch(paths[0]):
        return Reach()
    return Reach(tuple(paths[1:]) if in_place else (), True)
