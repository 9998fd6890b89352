"""A shell command as the words of its simple commands. Pure.

It is split as a shell would: quotes, here-documents, `&&`, `|`, `;`, subshells, redirections; `without_prefix` takes
off assignments, keywords, `env`, `sudo`. Not seen: aliases, a command that is put together from variables, and a
substitution inside of double quotes.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress

from claudetools.core.light import NamedTuple

SEPARATORS = set(";&|()\n{}")
OPERATORS = ";&|()\n<>"
KEYWORDS = {"then", "do", "else", "elif", "if", "while", "until", "!", "{", "}", "time"}
WRAPPERS = {"sudo", "env", "command", "exec", "nohup", "nice", "builtin", "xargs", "timeout", "stdbuf", "ionice"}
HERE = re.compile(r"(?<!<)<<(-?)[ \t]*(?:(['\"])(.+?)\2|\\?([\w.-]+))")
UNKNOWN_FOLDER = "?"  # a folder that a variable names


class Simple(NamedTuple):
    """One command: its words, the files that its output goes to, and what parts it from the one before ("&&")."""

    words: list[str]
    targets: list[str]
    after: str = ""


def simple_commands(command: str) -> list[list[str]]:
    """The words of each command. Where a quote stays open, each line by itself, without those that have one."""
    text = without_here_documents(command.replace("\\\r\n", " ").replace("\\\n", " "))
    try:
        return [simple.words for simple in split_commands(text)]
    except ValueError:
        found: list[list[str]] = []
        for line in text.split("\n"):
            with suppress(ValueError):
                found += [simple.words for simple in split_commands(line)]
        return found


def split_commands(text: str) -> list[Simple]:
    """Each command in a text. Raises ValueError for a quote that stays open."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=OPERATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    commands = [Simple([], [])]
    redirection = ""
    for token in lexer:
        words, targets, _ = commands[-1]
        if token and set(token) <= SEPARATORS:
            commands.append(Simple([], [], token))
            redirection = ""
        elif token and set(token) <= set(OPERATORS):
            redirection = token  # its file is no word of the command
            if words and words[-1].isdigit():
                words.pop()
        elif redirection:
            if ">" in redirection and not (redirection.endswith("&") and (token.isdigit() or token == "-")):
                targets.append(token)
            redirection = ""
        else:
            words.append(token)
    return commands


def without_here_documents(text: str, only_quoted: bool = False) -> str:
    """The command without the lines that go to some program's stdin; or only without those that the shell leaves as
    they are (`<<'EOF'`)."""
    kept: list[str] = []
    waiting: list[tuple[str, str, bool]] = []
    for line in text.split("\n"):
        if not waiting and line.lstrip().startswith("#"):
            continue
        if waiting:
            dash, end, goes = waiting[0]
            is_end = (line.lstrip("\t") if dash else line).rstrip("\r") == end
            if is_end:
                waiting.pop(0)
            if not goes or (is_end and only_quoted):
                kept.append(line)
            continue
        kept.append(line)
        waiting = [(m[1], m[3] or m[4], bool(m[2]) or not only_quoted) for m in HERE.finditer(line)]
    return "\n".join(kept)


def without_prefix(words: list[str]) -> list[str]:
    """The command without keywords, assignments and programs that start another one."""
    while words:
        name = os.path.basename(words[0])
        if words[0] in KEYWORDS or words[0] == "$" or re.match(r"[A-Za-z_]\w*\+?=", words[0]):
            words = words[1:]
        elif name in WRAPPERS:
            words = words[1:]
            while words and (words[0].startswith("-") or re.fullmatch(r"[\d.]+[smhd]?", words[0])):
                # An option's value is taken for the command only where it is a word of its own: `sudo -u me git`.
                takes = words[0] in ("-u", "-g", "-n", "-I", "-L", "-P", "-k", "-s", "-C", "-D") and len(words) > 2
                words = words[2:] if takes and os.path.basename(words[1]) != "git" else words[1:]
        else:
            return words
    return words


def parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Options and the rest. Behind `--` everything is the rest."""
    options: list[str] = []
    rest: list[str] = []
    for n, word in enumerate(words):
        if word == "--":
            return options, rest + words[n + 1 :]
        (options if word.startswith("-") and word != "-" else rest).append(word)
    return options, rest


def has_option(options: list[str], short: str, *long: str, stop: str = "") -> bool:
    """Whether an option is given, alone or in a cluster. Letters in `stop` take the rest of a cluster as value."""
    for option in options:
        name = option.partition("=")[0]
        if name in long:
            return True
        if short and re.match(r"-[A-Za-z]", option):
            cluster = re.split(f"(?<=[{stop}])", option[1:])[0] if stop else option[1:]
            if short in cluster:
                return True
    return False


def folder_after_cd(folder: str, told: str) -> str:
    """The folder after a `cd`."""
    if folder == UNKNOWN_FOLDER or "$" in told or "`" in told or told == "-":
        return UNKNOWN_FOLDER if not os.path.isabs(told) or "$" in told else told
    return os.path.join(folder, os.path.expanduser(told))


def text_after_c(words: list[str]) -> str:
    """The text behind `-c`."""
    at = next(n for n, word in enumerate(words) if n and re.fullmatch(r"-\w*c", word))
    return words[at + 1] if at + 1 < len(words) else ""
