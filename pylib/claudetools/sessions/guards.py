"""Git commands that take from a shared tree what other sessions have not saved, found in a shell command. Pure.

The command is split as a shell would: quotes, here-documents, `&&`, `|`, `;`, subshells, assignments, `env`, `sudo`,
`bash -c`, `cd`. Not seen: aliases, scripts, a program that calls git, a command that is put together from variables,
and a substitution inside of double quotes. What cannot be split (an open quote) is not judged.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress

from claudetools.light import NamedTuple

SYNC = "bash .claude/scripts/sync.sh"
SEPARATORS = set(";&|()\n{}")
OPERATORS = ";&|()\n<>"
KEYWORDS = {"then", "do", "else", "elif", "if", "while", "until", "!", "{", "}", "time"}
WRAPPERS = {"sudo", "env", "command", "exec", "nohup", "nice", "builtin", "xargs", "timeout", "stdbuf", "ionice"}
SHELLS = {"bash", "sh", "zsh", "dash", "ksh"}
WITH_VALUE = {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env"}
ALL = {".", "./", ":/", ":/.", "*", ":/*", ":"}
HERE = re.compile(r"(?<!<)<<(-?)[ \t]*(?:(['\"])(.+?)\2|\\?([\w.-]+))")
DEEPEST = 4
UNKNOWN = "?"  # a folder that a variable names


class Found(NamedTuple):
    """A command that touches more than its session's own. `git`: in short; `why`; `instead`: the safe commands;
    `folder`: where it runs, seen from where the whole command starts (UNKNOWN: a variable names it); `paths`: only
    these files are at stake (empty: the whole tree); `loses`: it writes into the tree, so a restore point helps."""

    git: str
    why: str
    instead: str
    folder: str
    paths: tuple[str, ...] = ()
    loses: bool = True


def find(command: str, depth: int = 0, folder: str = "") -> list[Found]:
    """Every such command, in order."""
    found: list[Found] = []
    for words in simple_commands(command):
        words = without_prefix(words)
        if not words:
            continue
        name = os.path.basename(words[0]).removesuffix(".exe")
        if name == "cd":
            folder = joined(folder, next((w for w in words[1:] if not w.startswith("-") or w == "-"), "~"))
        elif name == "eval" or (name in SHELLS and any(re.fullmatch(r"-\w*c", w) for w in words[1:])):
            inner = " ".join(words[1:]) if name == "eval" else after_c(words)
            found += find(inner, depth + 1, folder) if depth < DEEPEST else []
        elif name == "git":
            found += judge(words[1:], folder)
    return found


def joined(folder: str, told: str) -> str:
    """The folder after a `cd`."""
    if folder == UNKNOWN or "$" in told or "`" in told or told == "-":
        return UNKNOWN if not os.path.isabs(told) or "$" in told else told
    return os.path.join(folder, os.path.expanduser(told))


def after_c(words: list[str]) -> str:
    """The text behind `-c`."""
    at = next(n for n, word in enumerate(words) if n and re.fullmatch(r"-\w*c", word))
    return words[at + 1] if at + 1 < len(words) else ""


# --- splitting -------------------------------------------------------------------


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


# --- judging ---------------------------------------------------------------------


def judge(words: list[str], folder: str) -> list[Found]:
    """What a git command does to others."""
    while words and words[0].startswith("-"):
        if words[0] == "-C" and len(words) > 1:
            folder = joined(folder, words[1])
        if words[0].startswith(("--git-dir", "--work-tree")):
            return []  # another repository, or plumbing that knows what it does
        words = words[2:] if words[0] in WITH_VALUE else words[1:]
    if not words or "-h" in words or "--help" in words:
        return []
    options, paths = parted(without_texts(words[1:]) if words[0] == "commit" else words[1:])
    rule = RULES.get(words[0])
    found = rule(options, paths, "--" in words) if rule else None
    return [found._replace(folder=folder)] if found else []


def parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Options and the rest. Behind `--` everything is the rest."""
    options: list[str] = []
    rest: list[str] = []
    for n, word in enumerate(words):
        if word == "--":
            return options, rest + words[n + 1 :]
        (options if word.startswith("-") and word != "-" else rest).append(word)
    return options, rest


def without_texts(words: list[str]) -> list[str]:
    """The words of `git commit` without what its options take: a message may be anything."""
    kept, skip = [], False
    for word in words:
        if not skip:
            kept.append(word)
        skip = not skip and bool(re.fullmatch(r"-[a-ln-zA-Z]*[mFCct]|--(message|file|author|date|trailer|fixup)", word))
    return kept


def has(options: list[str], short: str, *long: str, stop: str = "") -> bool:
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


def add(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Staging: of named paths it is nobody else's business."""
    everything = has(options, "A", "--all", "--no-ignore-removal") or has(options, "u", "--update")
    if has(options, "n", "--dry-run") or not (set(paths) & ALL or (everything and not paths)):
        return None
    why = "stages what other sessions have not saved; the next commit would take it along"
    return Found("git add of everything", why, f"git add -- FILE, or save your own work: {SYNC}", "", loses=False)


def commit(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Only what stages by itself."""
    if not has(options, "a", "--all", stop="mFCcSut") or "--dry-run" in options:
        return None
    why = "commits what other sessions have not saved as yours"
    return Found("git commit -a", why, f"git commit -m TEXT -- FILE, or save your own work: {SYNC}", "", loses=False)


def stash(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Everything but looking."""
    if paths[:1] and paths[0] in ("list", "show", "create"):
        return None
    why = "takes away, or writes over, what other sessions have not saved"
    return Found("git stash", why, f"save your own work: {SYNC}. Another version to look at: git show REV:FILE", "")


def reset(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Moving the index alone touches no file."""
    mode = next((o for o in options if o in ("--hard", "--merge", "--keep")), "")
    if not mode:
        return None
    why = "writes over what other sessions have not saved"
    return Found(f"git reset {mode}", why, "git restore -- FILE, for your own files", "")


def checkout(options: list[str], paths: list[str], dashes: bool) -> Found | None:
    """Of all, of some files, or of a branch."""
    if has(options, "f", "--force", stop="bB") or set(paths) & ALL:
        return whole("git checkout .")
    if dashes and paths:
        named = paths[1:] if len(paths) > 1 else paths
        return whole("git checkout of files")._replace(paths=tuple(named))
    if not paths and not options:
        return None
    if len(paths) == 1 and not options and os.path.sep in paths[0].rstrip("/") and "." in os.path.basename(paths[0]):
        return whole("git checkout of files")._replace(paths=tuple(paths))
    return switch(options, paths, dashes)


def switch(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Always: there is one branch for everybody."""
    why = "changes the branch, and files, under every session that works in this folder"
    return Found("changing the branch", why, "a folder of your own: git worktree add ../NAME BRANCH", "")


def restore(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Of all or of some files; the index alone is not looked at."""
    if has(options, "S", "--staged") and not has(options, "W", "--worktree"):
        return None
    if set(paths) & ALL or any("*" in path for path in paths):
        return whole("git restore .")
    return whole("git restore of files")._replace(paths=tuple(paths)) if paths else None


def whole(what: str) -> Found:
    """Files are written over."""
    why = "writes over what other sessions have not saved"
    return Found(what, why, "git restore -- FILE, for files that only you have changed", "")


def clean(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Only where it deletes."""
    if has(options, "n", "--dry-run", stop="e") or not has(options, "f", "--force", stop="e"):
        return None
    return Found("git clean", "deletes files that other sessions have just made", "rm FILE, for your own files", "")


def incoming(name: str, options: list[str]) -> Found | None:
    """pull, merge, rebase."""
    if {"--abort", "--quit", "--show-current-patch"} & set(options):
        return None
    why = "writes into files that other sessions are changing, and may stop half way in a conflict for all of them"
    return Found(f"git {name}", why, f"{SYNC} (it receives and sends without touching anybody's unsaved work)", "")


RULES = {
    "add": add,
    "stage": add,
    "commit": commit,
    "stash": stash,
    "reset": reset,
    "checkout": checkout,
    "switch": switch,
    "restore": restore,
    "clean": clean,
    "pull": lambda options, *_: incoming("pull", options),
    "merge": lambda options, *_: incoming("merge", options),
    "rebase": lambda options, *_: incoming("rebase", options),
}
