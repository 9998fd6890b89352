"""When the remote refuses a push: which commit does it mean? The others go.

Commits are tried one by one on top of what the remote has. A refused one is set aside, with every later one that
touches the same paths; at the end those are tried once more as one commit, because a later commit may have mended
what was refused. What stays refused is put on top of what was pushed: the tree keeps it, and the next sync tries again.

With --ask, the repository's own pre-push hook has a say as well: `ask COMMIT BASE` goes out on stdout, and `yes` or
`no` comes in on stdin. What it refuses is set aside in the same way.

Lines on stdout, tab-separated: `pushed OID`, `tip OID` (what the branch holds here: pushed, then refused),
`replayed OLD NEW`, `refused OLD NEW SUBJECT`, `held OLD NEW SUBJECT` (by our own gates), `hooked OLD NEW SUBJECT` (by
the hook), `said TEXT`.
Exit status: 0, or 1 when somebody else pushed meanwhile.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field

from claudetools.core import git
from claudetools.core.objects import tree_with
from claudetools.merge import replay, trees


class Raced(Exception):
    """The remote's tip moved: the refusal was a lost race."""


@dataclass
class PushOutcome:
    """What came of asking commit by commit. `pushed` is the remote's tip now."""

    pushed: str
    replayed: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    hooked: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    as_it_is: bool = False  # nothing was made anew: what is refused stays where it stands


@dataclass(frozen=True)
class Remote:
    """Where to push, and whether the repository's own hook is to be asked before. `stripped`: commits and the paths
    that they go without, which belong to this machine alone."""

    top: str
    name: str
    branch: str
    ask: bool
    stripped: dict[str, set[bytes]] = field(default_factory=dict)

    def is_let_through(self, commit: str, seen: str) -> bool:
        """What the repository's own pre-push hook says."""
        if not self.ask:
            return True
        print(f"ask\t{commit}\t{seen}", flush=True)
        return sys.stdin.readline() == "yes\n"

    def push(self, commit: str, seen: str) -> str:
        """'' when it was taken on top of `seen`, else the remote's words."""
        target = f"{commit}:refs/heads/{self.branch}"
        try:
            lease = f"--force-with-lease=refs/heads/{self.branch}:{seen}"
            git.run(self.top, "push", "--no-verify", lease, self.name, target, starts_programs=True)
        except git.GitError as error:
            return str(error).partition(": ")[2]  # without our own words in front
        return ""

    def tip(self) -> str:
        """The remote's branch as it is now, "" for none."""
        out = git.run(self.top, "ls-remote", "--quiet", self.name, f"refs/heads/{self.branch}", starts_programs=True)
        return out.split(b"\t")[0].decode()


def words_of(text: str) -> list[str]:
    """What the remote said: its own lines, else the reason that git names, without git's frame."""
    said = [line.removeprefix("remote: ").strip() for line in text.splitlines() if line.startswith("remote: ")]
    said = [line for line in said if line] or re.findall(r"^ ! .*\((.+)\)$", text, re.M)
    return said or [line.strip() for line in text.splitlines() if line.strip()][-2:]


def settle(remote: Remote, seen: str, tip: str, unsafe: dict[str, set[bytes]]) -> PushOutcome:
    """Push what the remote takes, but no commit of `unsafe` (commit: paths that may not go out). Raises Raced."""
    top = remote.top
    rows = [
        line.split()
        for line in git.run(top, "rev-list", "--reverse", "--parents", tip, *unless(seen)).decode().splitlines()
    ]
    result = PushOutcome(seen)
    set_aside: set[bytes] = set()
    hooked_paths: set[bytes] = set()
    unsafe_paths = {path for paths in unsafe.values() for path in paths}
    if any(len(row) != 2 for row in rows):
        result.refused, result.as_it_is = [row[0] for row in rows], bool(unsafe)
        if unsafe:
            push_what_is_below(remote, result, tip, set(unsafe))
        return result
    for commit, parent in rows:
        touched = replay.paths_of(top, parent, commit)
        if commit in unsafe or touched & unsafe_paths:
            result.held.add(commit)
        if touched & hooked_paths:
            result.hooked.add(commit)
        if commit in unsafe or touched & set_aside or not try_commit(remote, result, commit, parent):
            result.refused.append(commit)
            set_aside |= touched
        if commit in result.hooked:
            hooked_paths |= touched
    if len(result.refused) > 1:
        try_as_one(remote, result, unsafe_paths)
    return result


def unless(seen: str) -> tuple[str, ...]:
    """For rev-list: without what the remote has, which may be nothing."""
    return (f"^{seen}",) if seen else ()


def push_what_is_below(remote: Remote, result: PushOutcome, tip: str, unsafe: set[str]) -> None:
    """Push the last commit of the branch that holds nothing of `unsafe`, and leave what is above it as it is: a merge,
    or the first commit of all, cannot be laid on another base. Raises Raced."""
    top, seen = remote.top, result.pushed
    branch = git.run(top, "rev-list", "--first-parent", tip, *unless(seen)).decode().split()
    for commit in branch:
        below = set(git.run(top, "rev-list", commit, *unless(seen)).decode().split())
        if not below & unsafe and (not seen or git.is_ancestor(top, seen, commit)):
            if remote.is_let_through(commit, seen) and push(remote, result, commit):
                result.replayed = [(one, one) for one in result.refused if one in below]
            break
    done = {old for old, _ in result.replayed}
    result.refused = [one for one in result.refused if one not in done]
    result.held = set(result.refused)


def try_commit(remote: Remote, result: PushOutcome, commit: str, parent: str) -> bool:
    """Replay one commit on what was pushed, and push it. False when it is refused or does not fit."""
    new = commit
    if commit in remote.stripped:
        new = without(remote.top, commit, parent, remote.stripped[commit])
    if parent != result.pushed:
        merged = trees.merge_trees(remote.top, parent, result.pushed, new)
        if merged.conflicts:
            return False
        new = replay.rewrite(remote.top, commit, merged.tree, [result.pushed])
    if remote.stripped and git.tree_of(remote.top, new) == git.tree_of(remote.top, result.pushed):
        result.replayed.append((commit, result.pushed))
        return True
    if not remote.is_let_through(new, result.pushed):
        result.hooked.add(commit)
        return False
    if not push(remote, result, new):
        return False
    result.replayed.append((commit, new))
    return True


def without(top: str, commit: str, parent: str, paths: set[bytes]) -> str:
    """The commit with these paths as its parent has them."""
    before = {path: git.entry(top, parent, path) for path in paths}
    changes = {path: entry if entry[1] else None for path, entry in before.items()}
    tree = tree_with(top, git.tree_of(top, commit), changes)
    return replay.rewrite(top, commit, tree, [parent])


def push(remote: Remote, result: PushOutcome, commit: str) -> bool:
    """Push one commit on top of what was pushed. False when the remote refuses it. Raises Raced."""
    text = remote.push(commit, result.pushed)
    if not text:
        result.pushed = commit
        return True
    if remote.tip() != result.pushed:
        raise Raced
    result.said += [line for line in words_of(text) if line not in result.said]
    return False


def on_top(remote: Remote, result: PushOutcome) -> list[tuple[str, str]] | None:
    """The refused commits replayed on what was pushed, old and new name of each; None when they do not fit."""
    tip, pairs = result.pushed, []
    for commit in result.refused:
        parent = git.run(remote.top, "rev-parse", f"{commit}^").decode().strip()
        merged = trees.merge_trees(remote.top, parent, tip, commit)
        if merged.conflicts:
            return None
        tip = commit if parent == tip else replay.rewrite(remote.top, commit, merged.tree, [tip])
        pairs.append((commit, tip))
    return pairs


def try_as_one(remote: Remote, result: PushOutcome, unsafe_paths: set[bytes]) -> None:
    """A later commit may have taken out what was refused in an earlier one: only their sum counts then."""
    pairs = on_top(remote, result)
    if not pairs or unsafe_paths & replay.paths_of(remote.top, result.pushed, pairs[-1][1]):
        return
    sum_of_all = replay.rewrite(remote.top, result.refused[-1], git.tree_of(remote.top, pairs[-1][1]), [result.pushed])
    if remote.is_let_through(sum_of_all, result.pushed) and push(remote, result, sum_of_all):
        result.replayed += [(commit, sum_of_all) for commit in result.refused]
        result.refused = []


def read_unsafe(path: str) -> dict[str, set[bytes]]:
    """NUL-separated commit and path, in pairs; '' for none."""
    found: dict[str, set[bytes]] = {}
    if path:
        with open(path, "rb") as file:
            fields = file.read().split(b"\0")[:-1]
        for commit, name in zip(fields[::2], fields[1::2], strict=False):
            found.setdefault(commit.decode(), set()).add(name)
    return found


def main(argv: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="refused")
    for name in ("--top", "--tree-state", "--seen", "--tip", "--remote", "--branch"):
        parser.add_argument(name, required=True)
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--unsafe", default="")
    parser.add_argument("--stripped", default="")
    args = parser.parse_args(argv)
    remote = Remote(args.top, args.remote, args.branch, args.ask, read_unsafe(args.stripped))
    try:
        result = settle(remote, args.seen, args.tip, read_unsafe(args.unsafe))
    except Raced:
        return 1
    as_they_are = [(commit, commit) for commit in result.refused] if result.as_it_is else None
    pairs = as_they_are or on_top(remote, result)
    if pairs is None:
        return 70
    print(f"pushed\t{result.pushed}")
    print(f"tip\t{args.tip if as_they_are else pairs[-1][1] if pairs else result.pushed}")
    for old, new in result.replayed:
        print(f"replayed\t{old}\t{new}")
    for old, new in pairs:
        subject = git.run(args.top, "log", "-1", "--format=%s", old).decode("utf-8", "replace").strip()
        kind = "held" if old in result.held else "hooked" if old in result.hooked else "refused"
        print(f"{kind}\t{old}\t{new}\t{subject}")
    for line in result.said:
        print(f"said\t{line}")
    return 0
