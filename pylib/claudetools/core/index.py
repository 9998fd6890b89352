"""Changing the shared index without ever leaving a stray lock.

The lock file is a hard link to our claim of the sync lock: if we are killed, `index.lock -ef claim` proves whose it
is, and the next sync removes it (scripts/lib/recover.sh). The new index is built in a private copy and renamed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from claudetools.core import git
from claudetools.core.checkpoint import checkpoint

ABSENT = ("000000", "")
NAMED_AT_ONCE = 100  # paths that go on a command line; more of them are picked out of the whole index
PATIENCE = 10.0  # seconds that another git command may hold the index


class IndexBusy(Exception):
    """Another git command holds index.lock."""


@contextmanager
def locked_copy(git_dir: str, claim: str, scratch: str) -> Iterator[str]:
    """A private copy of the index under index.lock; it becomes the index when the block ends without an error."""
    index, lock = os.path.join(git_dir, "index"), os.path.join(git_dir, "index.lock")
    _take(lock, claim)
    try:
        copy = os.path.join(scratch, "index.new")
        with suppress(FileNotFoundError):
            os.unlink(copy)
        with suppress(FileNotFoundError):
            _link_or_copy(index, copy)
        checkpoint("advance-index-locked")
        yield copy
        os.replace(copy, index)
        with suppress(FileNotFoundError):
            os.unlink(copy)  # two names of one file stay both when one replaces the other: nothing had to be changed
    finally:
        if _is_ours(lock, claim):
            os.unlink(lock)


def _link_or_copy(index: str, copy: str) -> None:
    """A second name is enough: git replaces an index, and never writes into it. Linux gives none to a file of another
    user (fs.protected_hardlinks)."""
    try:
        os.link(index, copy)
    except PermissionError:
        import shutil

        shutil.copy2(index, copy)


def _take(lock: str, claim: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            os.link(claim, lock)
            return
        except FileExistsError:
            if _is_ours(lock, claim):  # of a helper of this very run that was killed
                return
            if time.monotonic() > deadline:
                raise IndexBusy(lock) from None
            time.sleep(0.02)


def _is_ours(lock: str, claim: str) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samefile(lock, claim)
    return False


def entries(
    top: str, index: str, paths: list[bytes] | None = None
) -> tuple[dict[bytes, tuple[str, str]], dict[bytes, str]]:
    """Mode and oid of the given paths (None: all) in an index file, unmerged and absent ones left out; and those among
    them that git was told not to look at, with the word for it."""
    wanted = set(paths or ())
    found, flags = {}, {}
    only = [f":(top,literal){os.fsdecode(path)}" for path in wanted] if len(wanted) <= NAMED_AT_ONCE else []
    for line in git.run(top, "ls-files", "-s", "-v", "-z", "--", *only, env={"GIT_INDEX_FILE": index}).split(b"\0")[
        :-1
    ]:
        head, _, path = line.partition(b"\t")
        if paths is None or path in wanted:
            tag, mode, oid, stage = head.decode().split()
            if stage == "0":
                found[path] = (mode, oid)
            if tag != "H":
                flags[path] = "skip-worktree" if tag in "Ss" else "assume-unchanged" if tag.islower() else ""
    return found, {path: flag for path, flag in flags.items() if flag}


def hidden_paths(top: str, changes: Sequence[git.Change]) -> set[bytes]:
    """What a sparse checkout hides, of the index and of the paths that `changes` add: it changes in the index only.

    A file that is there all the same is not hidden: git would take it for an edit.
    """
    if not git.is_sparse(top):
        return set()
    lines = git.run(top, "ls-files", "-t", "-z").split(b"\0")
    hidden = {line[2:] for line in lines if line.startswith(b"S ")}
    hidden |= hidden_by_rules(top, {c.path for c in changes if c.added} - hidden)
    return {path for path in hidden if not os.path.lexists(os.path.join(os.fsencode(top), path))}


def hidden_by_rules(top: str, paths: set[bytes]) -> set[bytes]:
    """Those of `paths` that the rules of the sparse checkout hide. git says so itself, of empty files in a repository
    made for the question: it tells only while it checks out (`sparse-checkout check-rules` came with 2.41)."""
    if not paths:
        return set()
    import shutil
    import tempfile

    rules = git.run(top, "rev-parse", "--path-format=absolute", "--git-path", "info/sparse-checkout").rstrip(b"\n")
    cone = git.run(top, "config", "--bool", "--default", "false", "core.sparseCheckoutCone").decode().strip()
    with tempfile.TemporaryDirectory() as scratch:
        git.run(scratch, "init", "-q", "--template=")
        os.mkdir(os.path.join(scratch, ".git", "info"))
        shutil.copyfile(rules, os.path.join(os.fsencode(scratch), b".git/info/sparse-checkout"))
        git.run(scratch, "config", "core.sparseCheckout", "true")
        git.run(scratch, "config", "core.sparseCheckoutCone", cone)
        empty = git.run(scratch, "hash-object", "-w", "--stdin").strip()
        entries = b"".join(b"100644 %s 0\t%s\0" % (empty, path) for path in paths)
        git.run(scratch, "update-index", "-z", "--index-info", stdin=entries)
        tree = git.run(scratch, "write-tree").decode().strip()
        os.unlink(os.path.join(scratch, ".git", "index"))
        git.run(scratch, "read-tree", "-m", "-u", tree)
        lines = git.run(scratch, "ls-files", "-t", "-z").split(b"\0")
    return {line[2:] for line in lines if line.startswith(b"S ")}


def record(top: str, index: str, changes: list[git.Change], flags: dict[bytes, str]) -> None:
    """Put the new side of the changes into an index file and refresh what is on disk. `flags`: see entries."""
    flagged = flags | dict.fromkeys(hidden_paths(top, changes), "skip-worktree")
    lines = [
        b"%s %s 0\t%s" % (b"0" if c.deleted else c.new_mode.encode(), c.new_oid.encode(), c.path)
        for c in sorted(changes, key=lambda c: not c.deleted)
    ]
    env = {"GIT_INDEX_FILE": index}
    git.run(top, "update-index", "-z", "--index-info", stdin=b"".join(line + b"\0" for line in lines), env=env)
    for flag in set(flagged.values()):  # a new entry has lost it
        again = b"".join(c.path + b"\0" for c in changes if not c.deleted and flagged.get(c.path) == flag)
        git.run(top, "update-index", "-z", f"--{flag}", "--stdin", stdin=again, env=env)
    refresh(top, index, [c.path for c in changes if not c.deleted and c.path not in flagged])


def refresh(top: str, index: str, paths: list[bytes]) -> None:
    """Give the entries of `paths` their stamps: without them every later `git status` would read these files again."""
    if not paths:
        return
    args = ("add", "--refresh", "--pathspec-from-file=-", "--pathspec-file-nul")
    env = {"GIT_INDEX_FILE": index, "GIT_LITERAL_PATHSPECS": "1"}
    # A path that came and went meanwhile, or is modified: no error here, its entry just has no stamp.
    git.run(top, *args, stdin=b"\0".join(paths), env=env, ok=(0, 1, 128))
