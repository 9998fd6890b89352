"""What changes while a shell command runs: the tree is looked at before and after it.

Looking means `git status` and the stat of every path that is not as in HEAD; a content is read when its stat is new,
and kept, because the next look can only tell that it has changed. What was clean before has HEAD's content. A change
that was there before the command began to work (a person typed while another gave the permission) is not its own.

Whose a change is when several looked at it is not decided here but when it goes out: see explain.py.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence

from claudetools.light import NamedTuple
from claudetools.place import Place
from claudetools.sessions import calls, ledger, sight
from claudetools.sessions.ledger import UNKNOWN, Edit
from claudetools.sessions.reach import Reach
from claudetools.sessions.registry import folder_of, make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STATUS = (
    *("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "status.renames=false", "status"),
    *("--porcelain=v2", "-z", "-uall", "--branch", "--no-ahead-behind", "--no-renames", "--ignore-submodules=all"),
)
SEEN = "seen.json"
MOST = 64 * 1024 * 1024  # bytes of contents that one look keeps
SLACK = 2.0  # seconds from the end of a tool call to our look at it, on a busy machine
TICK = 50_000_000  # ns: a file written less than this before it was read may change without a new stat
GIT_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_NAMESPACE")


class Entry(NamedTuple):
    """A path that is not as in HEAD. HEAD's mode and blob, null for what it does not have."""

    path: str
    mode: str | None
    oid: str | None


class Look(NamedTuple):
    """The tree at one moment. `dirty`: path -> [stat or null, sha or null, mode]. `entries`: what HEAD has there.
    `gone`: contents that the last look has kept and that are there no more."""

    head: str
    dirty: dict[str, list[Any]]
    entries: dict[str, Entry]
    gone: set[str]


class GitFailed(Exception):
    """git could not be asked."""


def start(
    place: Place, session: str, use: str, tool: str, subagent: str = "", reach: tuple[Sequence[str], bool] = ((), False)
) -> None:
    """A command is about to run. `reach`: what it writes, and whether that is all (reach.py).

    Raises OSError, GitFailed.
    """
    now = time.time()
    found = look(place, session)
    call = calls.Call(use, tool, now, calls.WINDOW, subagent=subagent, head=found.head, dirty=found.dirty)
    calls.start(place, session, call._replace(writes=reach[0], closed=reach[1]))
    ledger.drop(folder_of(place, session), found.gone)


def finish(
    place: Place,
    session: str,
    call: calls.Call,
    seconds: float = 0.0,
    told: str | None = None,
    goes_on: bool = False,
) -> list[Edit]:
    """It has run, for `seconds` where that is known, or `goes_on`: what changed goes into the ledger, then the call is
    no longer under way. `told`: what it was given to do, where that is known. Raises OSError, GitFailed."""
    began = max(call.began, time.time() - seconds - SLACK if seconds else 0.0)
    found = look(place, session)
    now = time.time()
    changed = [path for path in {**call.dirty, **found.dirty} if is_changed(place, path, call, found, began)]
    clean = [path for path in changed if path not in call.dirty]
    known = contents_in_head(place, clean, found, call.head)
    edits, contents = [], []
    for path in changed:
        before, was = known[path] if path in known else (call.dirty[path][1], call.dirty[path][2])
        after = sight.look(place.top, path)
        if isinstance(before, bytes):
            contents.append(before)
            before = ledger.digest(before)
        if (before, was) == (after.sha, after.mode) and before != UNKNOWN:
            continue
        contents.append(after.data)
        note = {"reach": Reach(tuple(call.writes), call.closed).of(path, told)}
        edits.append(Edit(path, before, after.sha, "window", after.mode, was, call.tool, call.use, began, now, note))
    if edits:
        ledger.record(place, session, edits, contents)
    if not goes_on:
        calls.end(place, session, call.use)
    ledger.drop(folder_of(place, session), found.gone)
    return edits


def roll(place: Place, session: str) -> None:
    """Write down what the session's running commands have changed so far: a command that starts a sync is part of its
    session like any other. Raises OSError, GitFailed."""
    for call in calls.under_way(place, session):
        if call.path == calls.WINDOW and call.tool:
            finish(place, session, call, goes_on=True)
            start(place, session, call.use, call.tool, call.subagent, (call.writes, call.closed))


def running(place: Place, session: str) -> list[float]:
    """When the commands of a session that still run have begun."""
    return [call.began for call in calls.under_way(place, session) if call.path == calls.WINDOW]


def is_changed(place: Place, path: str, call: calls.Call, found: Look, began: float) -> bool:
    """Whether the path may have changed since `began`."""
    after = sight.stat_of(place.top, path)
    if path in call.dirty:
        before = call.dirty[path][0]
        if before == (list(after) if after else None) and not (after and is_fresh(after, call.began)):
            return False
    return after is None or after[3] / 1e9 > began - TICK / 1e9


def is_fresh(stat: sight.Stat | list[int], at: float) -> bool:
    """Whether the file was written so shortly before `at` that a later write may have left the same stat."""
    return max(stat[2], stat[3]) + TICK > at * 1e9


# --- looking -----------------------------------------------------------------


def look(place: Place, session: str) -> Look:
    """The tree now; contents that are not known yet are read and kept. Raises OSError, GitFailed."""
    read = begin_git(place.top, STATUS)
    folder = folder_of(place, session)
    remembered = recall(folder)
    before = {str(old[1]) for old in remembered.values()}
    began = time.time()
    head, entries = parse_status(read())
    dirty: dict[str, list[Any]] = {}
    left = MOST
    for path in entries:
        stat = sight.stat_of(place.top, path)
        old = remembered.get(path)
        if stat and old and old[0] == list(stat) and not is_fresh(stat, old[3]):
            dirty[path] = old[:3]
            remembered[path] = old
            continue
        seen = sight.look(place.top, path) if stat and stat[1] <= left else sight.Sight(UNKNOWN, sight.REGULAR)
        if stat is None:
            seen = sight.NOTHING
        elif seen.sha not in (None, UNKNOWN):
            left -= len(seen.data)
            ledger.keep_blob(folder, str(seen.sha), seen.data)
        dirty[path] = [list(stat) if stat else None, seen.sha, seen.mode]
        remembered[path] = [*dirty[path], began]
    remember(folder, {path: remembered[path] for path in dirty})
    return Look(head, dirty, entries, before - {str(found[1]) for found in dirty.values()})


def recall(folder: str) -> dict[str, list[Any]]:
    """What the last look has read: path -> [stat, sha, mode, when]."""
    try:
        with open(os.path.join(folder, SEEN), encoding="ascii") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    blobs = os.path.join(folder, ledger.BLOBS)
    kept = set(os.listdir(blobs)) if os.path.isdir(blobs) else set()
    return {path: old for path, old in found.items() if isinstance(old, list) and len(old) == 4 and old[1] in kept}


def remember(folder: str, seen: Mapping[str, list[Any]]) -> None:
    """For the next look. Two at once: one of them is kept."""
    path = os.path.join(folder, SEEN)
    make_private(folder)
    with open(f"{path}.{os.getpid()}", "w", encoding="ascii") as file:
        json.dump(seen, file)
    os.replace(f"{path}.{os.getpid()}", path)


def parse_status(out: bytes) -> tuple[str, dict[str, Entry]]:
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
                entries[path] = Entry(path, *((mode, oid) if oid.strip("0") else (None, None)))
        elif kind == b"? " and not line.endswith(b"/"):  # a folder here is a repository of its own
            path = os.fsdecode(line[2:])
            entries.setdefault(path, Entry(path, None, None))
    return ("" if head == "(initial)" else head), entries


def contents_in_head(
    place: Place, paths: list[str], found: Look, head: str
) -> dict[str, tuple[bytes | str | None, str | None]]:
    """What lay at these paths while they were clean: content, None or UNKNOWN, and mode."""
    entries: Mapping[str, Entry] = found.entries
    if head != found.head:
        entries = entries_of(place, head, paths)
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


def entries_of(place: Place, head: str, paths: list[str]) -> dict[str, Entry]:
    """What a commit has at these paths."""
    if not head or not paths:
        return {}
    found = {}
    for line in run_git(place.top, ("ls-tree", "-r", "-z", "--full-tree", head, "--", *paths)).split(b"\0"):
        fields, _, path = line.partition(b"\t")
        if path:
            mode, _, oid = fields.decode().split(" ")
            found[os.fsdecode(path)] = Entry(os.fsdecode(path), mode, oid)
    return found


# --- git -----------------------------------------------------------------------


def environment() -> dict[str, str]:
    """The caller's, without what would make git look at another repository."""
    return {k: v for k, v in os.environ.items() if k not in GIT_VARIABLES} | {"GIT_TERMINAL_PROMPT": "0"}


def begin_git(top: str, command: tuple[str, ...]) -> Any:
    """Start git now; the result gives its output when called. `subprocess` alone would cost 10 ms to import."""
    command = (command[0], "-C", top, *command[1:])
    if not hasattr(os, "posix_spawnp"):
        return lambda: run_git(top, command[3:])
    readable, writable = os.pipe()
    nothing = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, writable, 1), (os.POSIX_SPAWN_DUP2, nothing, 2)]
    try:
        pid = os.posix_spawnp(command[0], command, environment(), file_actions=actions)
    finally:
        os.close(writable)
        os.close(nothing)

    def read() -> bytes:
        with os.fdopen(readable, "rb") as file:
            out = file.read()
        _, status = os.waitpid(pid, 0)
        if status:
            raise GitFailed(f"git status ended with {os.waitstatus_to_exitcode(status)}")
        return out

    return read


def run_git(top: str, arguments: tuple[str, ...], stdin: bytes = b"") -> bytes:
    """git's output. Raises GitFailed."""
    import subprocess

    command = ("git", "-C", top, *arguments)
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment(), check=False)
    if done.returncode:
        raise GitFailed(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
