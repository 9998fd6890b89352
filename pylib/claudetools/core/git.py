"""Running git from the helpers. The shell has already fixed the environment (scripts/lib/environment.sh)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache

from claudetools.core.light import NamedTuple

TRIES = 10
BUS_ERROR = -signal.SIGBUS if hasattr(signal, "SIGBUS") else None
GITLINK, SYMLINK, EXECUTABLE, REGULAR = "160000", "120000", "100755", "100644"


class GitError(Exception):
    """A git command that had to succeed did not."""


class Change(NamedTuple):
    """One path of `git diff-tree --raw`. A side that is absent has mode "000000" and an all-zero oid."""

    path: bytes
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str

    @property
    def added(self) -> bool:
        return self.old_mode == "000000"

    @property
    def deleted(self) -> bool:
        return self.new_mode == "000000"


def beacon() -> tuple[int, ...]:
    """The lock's beacon, to be inherited by every git: an orphan must be seen. See scripts/lib/lock.sh."""
    fd = os.environ.get("CLAUDETOOLS_BEACON_FD", "")
    # A sync inside a with-lock has one of its own, and those of the levels above it (scripts/lib/lock.sh).
    return tuple(n for n in range(int(fd), 10) if os.path.exists(f"/dev/fd/{n}")) if fd.isdigit() else ()


def run(
    top: str,
    *args: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    ok: Iterable[int] = (0,),
    starts_programs: bool = False,
) -> bytes:
    """git's stdout. GitError with git's own words for any exit status outside `ok`.

    With `starts_programs` (hooks, credential helpers) the beacon is its standard input: see hold_by_stdin in claim.sh.

    git maps files into memory, and is killed by SIGBUS when somebody cuts one off meanwhile: then it is run again.
    """
    env = env or {}
    fds = beacon() if os.name == "posix" else ()
    own = fds[0] if starts_programs and fds else None
    for _ in range(TRIES):
        done = subprocess.run(
            ("git", "-C", top, *args),
            input=stdin if own is None else None,
            stdin=own,
            capture_output=True,
            env={**os.environ, **env},
            pass_fds=[fd for fd in fds if fd != own],
            check=False,
        )
        if done.returncode != BUS_ERROR:
            break
        with suppress(FileNotFoundError, KeyError):
            os.unlink(env["GIT_INDEX_FILE"] + ".lock")
    if done.returncode not in ok:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise GitError(f"git {args[0]} ended with {done.returncode}: {words}")
    return done.stdout


@cache
def changes(top: str, old: str, new: str) -> tuple[Change, ...]:
    """Every path in which the trees of two commits differ, folders resolved, renames as two paths. Asked once a run."""
    raw = run(top, "diff-tree", "-r", "-z", "--no-renames", "--raw", old, new).split(b"\0")
    found = []
    for i in range(0, len(raw) - 1, 2):
        old_mode, new_mode, old_oid, new_oid, _ = raw[i].decode()[1:].split()
        found.append(Change(raw[i + 1], old_mode, new_mode, old_oid, new_oid))
    return tuple(found)


@cache
def is_sparse(top: str) -> bool:
    """Whether a sparse checkout may hide files (core.sparseCheckout). Asked once a run, if the shell does not know."""
    if os.environ.get("CLAUDETOOLS_SPARSE") == "no":
        return False
    return run(top, "config", "--bool", "--default", "false", "core.sparseCheckout").strip() == b"true"


def is_ancestor(top: str, old: str, new: str) -> bool:
    """Whether `old` is in the history of `new`. False as well where one of them is not here."""
    try:
        run(top, "merge-base", "--is-ancestor", old, new)
    except GitError:
        return False
    return True


_COMMITS: dict[str, bytes] = {}  # objects by id, which never come to mean something else


def know_commits(top: str, oids: Sequence[str]) -> None:
    """Read many commits by one process: what is asked about them from now on starts none."""
    out, at = run(top, "cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in oids).encode()), 0
    for oid in oids:
        head, _, _ = out[at : at + 200].partition(b"\n")  # id, kind, size
        begin = at + len(head) + 1
        at = begin + int(head.split()[-1]) + 1
        _COMMITS[oid] = out[begin : at - 1]


def commit_object(top: str, oid: str) -> bytes:
    """The object of a commit: header, empty line, message."""
    return _COMMITS.get(oid) or run(top, "cat-file", "commit", oid)


def store_commit(top: str, data: bytes) -> str:
    """Write the object of a commit and return its id."""
    oid = run(top, "hash-object", "-t", "commit", "-w", "--stdin", stdin=data).decode().strip()
    _COMMITS[oid] = data
    return oid


def tree_of(top: str, commit: str) -> str:
    """The tree of a commit."""
    if known := _COMMITS.get(commit):
        return known[5 : known.index(b"\n")].decode()
    return run(top, "rev-parse", f"{commit}^{{tree}}").decode().strip()


def parents_of(top: str, commit: str) -> list[str]:
    """The parents of a commit."""
    if known := _COMMITS.get(commit):
        lines = known.partition(b"\n\n")[0].split(b"\n")
        return [line[7:].decode() for line in lines if line.startswith(b"parent ")]
    return run(top, "rev-parse", f"{commit}^@").decode().split()


def empty_tree(like: str) -> str:
    """The id of the tree without entries, in the object format of `like`."""
    if len(like) == 40:
        return "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    return "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"


@cache
def signs(top: str) -> bool:
    """Whether commits are to be signed here (commit.gpgsign). Asked once a run."""
    return run(top, "config", "--bool", "--default", "false", "commit.gpgsign").strip() == b"true"


def blob(top: str, oid: str) -> bytes:
    """The bytes of a blob, none for ''."""
    return run(top, "cat-file", "blob", oid) if oid else b""


def store(top: str, data: bytes) -> str:
    """Write a blob and return its id."""
    return run(top, "hash-object", "-w", "--stdin", stdin=data).decode().strip()


def entry(top: str, commit: str, path: bytes) -> tuple[str, str]:
    """Mode and oid of a path in a commit, ('', '') when it is not there, or a folder."""
    out = run(top, "ls-tree", "-z", "--full-tree", commit, "--", f":(literal){os.fsdecode(path)}")
    if not out:
        return "", ""
    mode, kind, oid = out.split(b"\t")[0].decode().split()
    return ("", "") if kind == "tree" else (mode, oid)
