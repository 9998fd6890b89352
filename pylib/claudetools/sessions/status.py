"""What git says of the tree: which paths are not as in HEAD, and what HEAD has there.

Hooks ask here: git.py imports `subprocess`, of the 30 ms that a hook has 10.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from claudetools.attribution.edits import UNKNOWN
from claudetools.core.light import NamedTuple
from claudetools.core.place import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = (
    *("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "status.renames=false", "status"),
    *("--porcelain=v2", "-z", "-uall", "--branch", "--no-ahead-behind", "--no-renames", "--ignore-submodules=all"),
)
GIT_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_NAMESPACE")


class GitFailed(Exception):
    """git could not be asked."""


class HeadEntry(NamedTuple):
    """A path that is not as in HEAD. HEAD's mode and blob, null for what it does not have."""

    path: str
    mode: str | None
    oid: str | None


def begin(top: str) -> Callable[[], tuple[str, dict[str, HeadEntry]]]:
    """Start `git status` now; the result, called once, gives HEAD and what is not as in it: see parse."""
    if not hasattr(os, "posix_spawnp"):
        return lambda: parse(run_git(top, STATUS))
    readable, writable = os.pipe()
    nothing = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, writable, 1), (os.POSIX_SPAWN_DUP2, nothing, 2)]
    try:
        pid = os.posix_spawnp("git", ("git", "-C", top, *STATUS), environment(), file_actions=actions)
    finally:
        os.close(writable)
        os.close(nothing)

    def read() -> tuple[str, dict[str, HeadEntry]]:
        with os.fdopen(readable, "rb") as file:
            out = file.read()
        _, status = os.waitpid(pid, 0)
        if status:
            raise GitFailed(f"git status ended with {os.waitstatus_to_exitcode(status)}")
        return parse(out)

    return read


def parse(out: bytes) -> tuple[str, dict[str, HeadEntry]]:
    """HEAD ("" before the first commit), and every path of `git status --porcelain=v2 -z --branch` that is a file."""
    head, entries = "", {}
    for line in out.split(b"\0"):
        kind = line[:2]
        if line.startswith(b"# branch.oid "):
            head = line[13:].decode("ascii", "replace")
        elif kind in (b"1 ", b"u "):
            fields = line.split(b" ", 8 if kind == b"1 " else 10)
            path, mode = os.fsdecode(fields[-1]), fields[3].decode()
            oid = fields[6 if kind == b"1 " else 8].decode()  # of an unmerged path: ours
            if fields[2][:1] == b"N":
                entries[path] = HeadEntry(path, *((mode, oid) if oid.strip("0") else (None, None)))
        elif kind == b"? " and not line.endswith(b"/"):  # a folder here is a repository of its own
            path = os.fsdecode(line[2:])
            entries.setdefault(path, HeadEntry(path, None, None))
    return ("" if head == "(initial)" else head), entries


def contents_of(
    place: Place, paths: list[str], entries: Mapping[str, HeadEntry]
) -> dict[str, tuple[bytes | str | None, str | None]]:
    """What lies at these paths where they are as in a commit that has these entries: content, None or UNKNOWN, and
    mode."""
    wanted = {path: entries[path] for path in paths if path in entries and entries[path].oid and "\n" not in path}
    told = dict(zip(wanted, filtered(place, [(e.oid or "", path) for path, e in wanted.items()]), strict=True))
    result: dict[str, tuple[bytes | str | None, str | None]] = {}
    for path in paths:
        entry = entries.get(path)
        content = None if entry is None or entry.oid is None else told.get(path, UNKNOWN)
        result[path] = (content, entry.mode if entry else None)
    return result


def filtered(place: Place, wanted: list[tuple[str, str]]) -> list[bytes | str]:
    """The contents of blobs as they lie in the tree at these paths, line ends and all; UNKNOWN where git does not say.

    git tells the size before it applies the filters, so a random word parts the contents instead.
    """
    if not wanted:
        return []
    word = os.urandom(16).hex()
    lines = b"".join(os.fsencode(f"{oid} {path}\n") for oid, path in wanted)
    out = run_git(place.top, ("cat-file", f"--batch={word}", "--filters"), lines)
    found = (b"\n" + out).split(f"\n{word}\n".encode())[1:]
    if len(found) != len(wanted):
        return [UNKNOWN] * len(wanted)
    return [*found[:-1], found[-1][:-1]]


def entries_of(place: Place, head: str, paths: list[str]) -> dict[str, HeadEntry]:
    """What a commit has at these paths."""
    if not head or not paths:
        return {}
    found = {}
    for line in run_git(place.top, ("ls-tree", "-r", "-z", "--full-tree", head, "--", *paths)).split(b"\0"):
        fields, _, path = line.partition(b"\t")
        if path:
            mode, _, oid = fields.decode().split(" ")
            found[os.fsdecode(path)] = HeadEntry(os.fsdecode(path), mode, oid)
    return found


def environment() -> dict[str, str]:
    """The caller's, without what would make git look at another repository."""
    return {k: v for k, v in os.environ.items() if k not in GIT_VARIABLES} | {"GIT_TERMINAL_PROMPT": "0"}


def run_git(top: str, arguments: tuple[str, ...], stdin: bytes = b"") -> bytes:
    """git's output. Raises GitFailed."""
    import subprocess

    command = ("git", "-C", top, *arguments)
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment(), check=False)
    if done.returncode:
        raise GitFailed(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
