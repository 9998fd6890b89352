"""Git commands that take from a shared tree what other sessions have not saved, found in a shell command. Pure.

Also behind `cd`, `git -C`, `bash -c` and `eval`. Not seen: a script, a program that calls git, and what shell_words.py
does not see. What cannot be split (an open quote) is not judged.
"""

from __future__ import annotations

import os
import re

from claudetools.attribution.shell_words import (
    folder_after_cd,
    has_option,
    parted,
    simple_commands,
    text_after_c,
    without_prefix,
)
from claudetools.core.light import NamedTuple

SYNC = "bash .claude/scripts/sync.sh"
SHELLS = {"bash", "sh", "zsh", "dash", "ksh"}
WITH_VALUE = {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env"}
ALL = {".", "./", ":/", ":/.", "*", ":/*", ":"}
DEEPEST = 4


class Found(NamedTuple):
    """A command that touches more than its session's own. `git`: in short; `why`; `instead`: the safe commands;
    `folder`: where it runs, seen from where the whole command starts (UNKNOWN_FOLDER: a variable names it); `paths`:
    only these are at stake (empty: the whole tree); `loses`: it writes into the tree, so a restore point helps."""

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
            folder = folder_after_cd(folder, next((w for w in words[1:] if not w.startswith("-") or w == "-"), "~"))
        elif name == "eval" or (name in SHELLS and any(re.fullmatch(r"-\w*c", w) for w in words[1:])):
            inner = " ".join(words[1:]) if name == "eval" else text_after_c(words)
            found += find(inner, depth + 1, folder) if depth < DEEPEST else []
        elif name == "git":
            found += judge(words[1:], folder)
    return found


def judge(words: list[str], folder: str) -> list[Found]:
    """What a git command does to others."""
    while words and words[0].startswith("-"):
        if words[0] == "-C" and len(words) > 1:
            folder = folder_after_cd(folder, words[1])
        if words[0].startswith(("--git-dir", "--work-tree")):
            return []  # another repository, or plumbing that knows what it does
        words = words[2:] if words[0] in WITH_VALUE else words[1:]
    if not words or "-h" in words or "--help" in words:
        return []
    options, paths = parted(without_texts(words[1:]) if words[0] == "commit" else words[1:])
    rule = RULES.get(words[0])
    found = rule(options, paths, "--" in words) if rule else None
    return [found._replace(folder=folder)] if found else []


def without_texts(words: list[str]) -> list[str]:
    """The words of `git commit` without what its options take: a message may be anything."""
    kept, skip = [], False
    for word in words:
        if not skip:
            kept.append(word)
        skip = not skip and bool(re.fullmatch(r"-[a-ln-zA-Z]*[mFCct]|--(message|file|author|date|trailer|fixup)", word))
    return kept


def add(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Staging: of named paths it is nobody else's business."""
    everything = has_option(options, "A", "--all", "--no-ignore-removal") or has_option(options, "u", "--update")
    if has_option(options, "n", "--dry-run") or not (set(paths) & ALL or (everything and not paths)):
        return None
    why = "stages what other sessions have not saved; the next commit would take it along"
    return Found("git add of everything", why, f"git add -- FILE, or save your own work: {SYNC}", "", loses=False)


def commit(options: list[str], paths: list[str], _: bool) -> Found | None:
    """Only what stages by itself."""
    if not has_option(options, "a", "--all", stop="mFCcSut") or "--dry-run" in options:
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
    if has_option(options, "f", "--force", stop="bB") or set(paths) & ALL:
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
    if has_option(options, "S", "--staged") and not has_option(options, "W", "--worktree"):
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
    if has_option(options, "n", "--dry-run", stop="e") or not has_option(options, "f", "--force", stop="e"):
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
