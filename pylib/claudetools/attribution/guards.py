"""Commands that take from a shared tree what other sessions have not saved, or change branch, commits or hooks under
them, found in a shell command. Pure.

Also behind `cd`, `git -C`, `bash -c`, `eval`, `xargs`, `find -exec` and git's aliases. Not seen: a script, a program
that calls git, an alias of the shell, and what shell_words.py does not see. What cannot be split (an open quote) is not
judged.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable

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


class Danger(NamedTuple):
    """A command that touches more than its session's own. `git`: in short; `why`; `instead`: the safe commands;
    `folder`: where it runs, seen from where the whole command starts (UNKNOWN_FOLDER: a variable names it); `paths`:
    only these are at stake (empty: the whole tree); `loses`: it writes into the tree, so a restore point helps;
    `stake`: whose work it is that decides, see below."""

    git: str
    why: str
    instead: str
    folder: str
    paths: tuple[str, ...] = ()
    loses: bool = True
    stake: str = "sessions"


HEAD = "head"  # as `stake`: the session that made the commit at HEAD
WORKTREE = "worktree"  # the sessions in the linked worktree at `folder`


def find(command: str, depth: int = 0, folder: str = "", alias: Callable[[str], str] = lambda _: "") -> list[Danger]:
    """Every such command, in order. `alias`: what one of git's aliases stands for, "" for none."""
    found: list[Danger] = []
    for whole_words in simple_commands(command):
        words = without_prefix(whole_words)
        if not words:
            continue
        if "xargs" in map(os.path.basename, whole_words[: len(whole_words) - len(words)]):
            words = [*words, "*"]  # whatever it reads
        name = os.path.basename(words[0]).removesuffix(".exe")
        if name == "cd":
            folder = folder_after_cd(folder, next((w for w in words[1:] if not w.startswith("-") or w == "-"), "~"))
        elif name == "eval" or (name in SHELLS and any(re.fullmatch(r"-\w*c", w) for w in words[1:])):
            inner = " ".join(words[1:]) if name == "eval" else text_after_c(words)
            found += find(inner, depth + 1, folder, alias) if depth < DEEPEST else []
        elif name == "git":
            found += judge(words[1:], folder, depth, alias)
        elif name in ("rm", "unlink"):
            found += removal(words[1:], folder)
        elif name == "find" and (starts := [n for n, w in enumerate(words) if w in ("-exec", "-execdir")]):
            inner = " ".join([*map(shlex.quote, words[starts[0] + 1 :]), "'*'"])
            found += find(inner, depth + 1, folder, alias) if depth < DEEPEST else []
        elif (name, words[1:2]) in FORGES and words[2:3] in (["checkout"], ["co"]):
            found.append(BRANCH._replace(folder=folder))
    return found


def removal(words: list[str], folder: str) -> list[Danger]:
    """`rm`: of files that others are changing."""
    _, paths = parted(words)
    named = tuple(path.split("*")[0].rpartition("/")[0] or "." if "*" in path else path for path in paths)
    why = "deletes what other sessions have not saved"
    return [Danger("rm", why, f"wait for their save, then delete: {SYNC}", folder, named)] if named else []


def judge(words: list[str], folder: str, depth: int = 0, alias: Callable[[str], str] = lambda _: "") -> list[Danger]:
    """What a git command does to others."""
    hooks = any(word.lower().startswith("core.hookspath=") for word in words if words[0] == "-c")
    while words and words[0].startswith("-"):
        if words[0] == "-C" and len(words) > 1:
            folder = folder_after_cd(folder, words[1])
        if words[0].startswith(("--git-dir", "--work-tree")):
            return []  # another repository, or plumbing that knows what it does
        words = words[2:] if words[0] in WITH_VALUE else words[1:]
    if not words or "-h" in words or "--help" in words:
        return []
    if words[0] not in RULES and depth < DEEPEST and (text := alias(words[0])):
        rest = " ".join(map(shlex.quote, words[1:]))
        inner = f"{text[1:]} {rest}" if text.startswith("!") else f"git {text} {rest}"
        return find(inner, depth + 1, folder, alias)
    options, paths = parted(without_texts(words[1:]) if words[0] in ("commit", "revert", "tag") else words[1:])
    rule = RULES.get(words[0])
    found = rule(options, paths, "--" in words) if rule else None
    if found and found.stake == WORKTREE:
        folder = folder_after_cd(folder, paths[-1])
    judged = [found._replace(folder=folder)] if found else []
    return [*judged, HOOKS._replace(folder=folder)] if hooks else judged


def without_texts(words: list[str]) -> list[str]:
    """The words of `git commit` without what its options take: a message may be anything."""
    kept, skip = [], False
    for word in words:
        if not skip:
            kept.append(word)
        skip = not skip and bool(re.fullmatch(r"-[a-ln-zA-Z]*[mFCct]|--(message|file|author|date|trailer|fixup)", word))
    return kept


def add(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Staging: of named paths it is nobody else's business."""
    everything = has_option(options, "A", "--all", "--no-ignore-removal") or has_option(options, "u", "--update")
    if has_option(options, "n", "--dry-run") or not (set(paths) & ALL or (everything and not paths)):
        return None
    why = "stages what other sessions have not saved; the next commit would take it along"
    return Danger("git add of everything", why, f"git add -- FILE, or save your own work: {SYNC}", "", loses=False)


def commit(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """What stages by itself, and what takes another's commit for its own."""
    if "--dry-run" not in options and "--amend" in options:
        why = "made the last commit, and this rewrites it: its message, author and session would be yours"
        return Danger("git commit --amend", why, f"a commit of your own: {SYNC}", "", loses=False, stake=HEAD)
    if not has_option(options, "a", "--all", stop="mFCcSut") or "--dry-run" in options:
        return None
    why = "commits what other sessions have not saved as yours"
    return Danger("git commit -a", why, f"git commit -m TEXT -- FILE, or save your own work: {SYNC}", "", loses=False)


def stash(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Everything but looking."""
    if paths[:1] and paths[0] in ("list", "show", "create"):
        return None
    why = "takes away, or writes over, what other sessions have not saved"
    return Danger("git stash", why, f"save your own work: {SYNC}. Another version to look at: git show REV:FILE", "")


def reset(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Moving the index alone touches no file."""
    mode = next((o for o in options if o in ("--hard", "--merge", "--keep")), "")
    if not mode:
        return None
    why = "writes over what other sessions have not saved"
    return Danger(f"git reset {mode}", why, "git restore -- FILE, for your own files", "")


def checkout(options: list[str], paths: list[str], dashes: bool) -> Danger | None:
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


def switch(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Always: there is one branch for everybody."""
    return BRANCH


def branch(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Only the name of the branch that everybody is on."""
    moves = has_option(options, "m", "--move") or has_option(options, "M")
    return BRANCH if moves and len(paths) < 2 else None


def symbolic_ref(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """HEAD, when it is written."""
    return BRANCH if paths[:1] == ["HEAD"] and len(paths) > 1 else None


def bisect(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Everything but looking."""
    return None if paths[:1] in (["log"], ["view"], ["visualize"], ["terms"], ["help"]) or not paths else BRANCH


def remove(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """`git rm`: the index is everybody's."""
    if has_option(options, "n", "--dry-run", "--cached") or not paths:
        return None
    why = "stages a deletion in the index that all of them share; the next commit would take it along"
    return Danger("git rm", why, f"rm FILE, for a file that only you have changed, then {SYNC}", "")


def push(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Only what may take commits off the remote."""
    forced = has_option(options, "f", "--force", "--force-with-lease", "--mirror", stop="o")
    gone = has_option(options, "d", "--delete", stop="o")
    if has_option(options, "n", "--dry-run", stop="o") or not (
        forced or gone or any(p.startswith(("+", ":")) and p != ":" for p in paths[1:])
    ):
        return None
    why = "may take away what other sessions have sent"
    return Danger("a forced git push", why, f"{SYNC} (it rebases and sends)", "", loses=False)


def worktree(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Removing one takes what is not saved in it."""
    if paths[:1] != ["remove"] or len(paths) < 2:
        return None
    why = "deletes the folder that they work in"
    return Danger("git worktree remove", why, "wait until they have ended", "", loses=False, stake=WORKTREE)


def config(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Only the hooks: what keeps secrets and other sessions' work out of a commit."""
    if paths[:1] and paths[0] in ("set", "unset", "get"):
        action, paths = paths[0], paths[1:]
    else:
        action = "unset" if {"--unset", "--unset-all"} & set(options) else "set" if len(paths) > 1 else "get"
    if action == "get" or not paths or paths[0].lower() != "core.hookspath":
        return None
    return HOOKS


def restore(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Of all or of some files; the index alone is not looked at."""
    if has_option(options, "S", "--staged") and not has_option(options, "W", "--worktree"):
        return None
    if set(paths) & ALL or any("*" in path for path in paths):
        return whole("git restore .")
    return whole("git restore of files")._replace(paths=tuple(paths)) if paths else None


def whole(what: str) -> Danger:
    """Files are written over."""
    why = "writes over what other sessions have not saved"
    return Danger(what, why, "git restore -- FILE, for files that only you have changed", "")


def clean(options: list[str], paths: list[str], _: bool) -> Danger | None:
    """Only where it deletes."""
    if has_option(options, "n", "--dry-run", stop="e") or not has_option(options, "f", "--force", stop="e"):
        return None
    return Danger("git clean", "deletes files that other sessions have just made", "rm FILE, for your own files", "")


def incoming(name: str, options: list[str]) -> Danger | None:
    """pull, merge, rebase."""
    if {"--abort", "--quit", "--show-current-patch"} & set(options):
        return None
    why = "writes into files that other sessions are changing, and may stop half way in a conflict for all of them"
    return Danger(f"git {name}", why, f"{SYNC} (it receives and sends without touching anybody's unsaved work)", "")


def no_rule(*_: object) -> Danger | None:
    """It takes nothing."""
    return None


BRANCH = Danger(
    "changing the branch",
    "changes the branch, and files, under every session that works in this folder",
    "a folder of your own: git worktree add ../NAME BRANCH",
    "",
)
HOOKS = Danger(
    "setting core.hooksPath",
    "turns the hooks off that keep secrets and unsaved work of others out of commits",
    "mend what the hook names",
    "",
    loses=False,
)
FORGES = [("gh", ["pr"]), ("hub", ["pr"]), ("glab", ["mr"]), ("tea", ["pr"]), ("tea", ["pulls"])]
RULES: dict[str, Callable[[list[str], list[str], bool], Danger | None]] = {
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
    "am": lambda options, *_: incoming("am", options),
    "cherry-pick": lambda options, *_: incoming("cherry-pick", options),
    "revert": lambda options, *_: incoming("revert", options),
    "bisect": bisect,
    "branch": branch,
    "config": config,
    "push": push,
    "rm": remove,
    "symbolic-ref": symbolic_ref,
    "worktree": worktree,
    # Never an alias, and nobody else's business.
    **dict.fromkeys(("blame", "diff", "fetch", "grep", "log", "ls-files", "rev-parse", "show", "status"), no_rule),
}
