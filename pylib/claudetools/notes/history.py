"""What a range of commits says: who wrote which note, who acknowledged which. One `git log`, one `git cat-file`.

A note belongs to the commit that added its lines: author and date are that commit's. Its id is made from path, text and
place among equal ones, so it is the same on every machine, whenever that one received it. A note that only moved to
another file is not a new one.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from claudetools import git
from claudetools.notes.extract import Found, find_notes
from claudetools.objects import Objects, TooLarge
from claudetools.settling import LOG

LARGEST_LOG = 8 * 1024 * 1024
MOST_IN_A_LOG = 100
ACK = re.compile(r"n[0-9a-f]{12}")
FIELDS = ("%H", "%an", "%ae", "%at", "%(trailers:key=Machine,valueonly,separator=%x2C)")
FORMAT = "%x00".join((*FIELDS, "%(trailers:key=Note-Ack,valueonly,separator=%x2C)", ""))


class Entry(NamedTuple):
    """One path of a commit: its blob in each parent, and its own ("" where there is no plain file)."""

    path: str
    old: tuple[str, ...]
    new: str


class Commit(NamedTuple):
    """One commit. `time` is the author's, in seconds since the epoch; `entries` are session logs only."""

    oid: str
    name: str
    email: str
    time: int
    machine: str
    acks: tuple[str, ...]
    entries: tuple[Entry, ...]


class Added(NamedTuple):
    """A note that a commit added, as it is at the tip of the range."""

    id: str
    commit: Commit
    path: str
    found: Found
    log: bytes


def read_commits(top: str, *revisions: str) -> list[Commit]:
    """The commits of a range, parents before children. Raises GitError."""
    settings = ("-c", "log.showRoot=true", "-c", "log.showSignature=false")
    shape = ("--raw", "-z", "-c", "--no-renames", "--no-abbrev", "--encoding=UTF-8", f"--format={FORMAT}")
    out = git.run(top, *settings, "log", "--reverse", "--topo-order", *shape, *revisions, "--")
    return list(parse_log(out))


def parse_log(out: bytes) -> Iterator[Commit]:
    """Six fields a commit, then its paths: `:MODES OIDS KIND`, NUL, the path; of a merge as many colons as parents."""
    words, at = out.split(b"\0"), 0
    while at + len(FIELDS) < len(words):
        oid, name, email, time, machine, acks = (w.decode("utf-8", "replace") for w in words[at : at + 6])
        at += 6
        entries = []
        while at < len(words):
            head = words[at].lstrip(b"\n")
            if head and not head.startswith(b":"):
                break
            if head:
                at += 1
                entries.append(read_entry(head.decode("ascii"), words[at]))
            at += 1
        ids = tuple(word for word in acks.split(",") if ACK.fullmatch(word))
        yield Commit(oid, name, email, int(time or 0), machine, ids, tuple(e for e in entries if e))


def read_entry(head: str, path: bytes) -> Entry | None:
    """One raw line, None when it is no session log. A name that is no UTF-8 or holds controls is none either."""
    parents = len(head) - len(head.lstrip(":"))
    words = head.lstrip(":").split(" ")
    try:
        name = path.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not LOG.search(name) or any(ord(char) < 32 for char in name):
        return None
    modes, oids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
    blobs = [oid if mode.startswith("100") else "" for mode, oid in zip(modes, oids, strict=True)]
    return Entry(name, tuple(blobs[:-1]), blobs[-1])


class Reader:
    """Finds the notes of a range. `too_large` are logs that were not searched."""

    def __init__(self, objects: Objects, tip: str) -> None:
        self.objects, self.tip = objects, tip
        self.too_large: list[str] = []
        self.tips: dict[str, dict[str, Found]] = {}

    def added(self, commits: list[Commit]) -> list[Added]:
        """The notes that these commits added and that are still there at the tip, oldest first."""
        found: dict[str, tuple[Commit, str, str]] = {}  # id: commit, key, path
        for commit in commits:
            fresh = self.fresh(commit)
            left = {key for entry in commit.entries if not entry.new for key in self.notes(entry.old, entry.path)}
            if fresh and left:
                moved = {key: path for path, key in fresh if key in left}
                found = {id: (c, key, moved.get(key, path)) for id, (c, key, path) in found.items()}
                fresh = [(path, key) for path, key in fresh if key not in left]
            for path, key in fresh:
                found.setdefault(note_id(path, key), (commit, key, path))
        out = []
        for id, (commit, key, path) in found.items():
            now = self.at_tip(path).get(key)
            if now:
                out.append(Added(id, commit, path, now, self.log_at_tip(path)))
        return out

    def fresh(self, commit: Commit) -> list[tuple[str, str]]:
        """Path and key of each note that the commit's logs have and those of its parents have not."""
        out = []
        for entry in commit.entries:
            new = self.notes((entry.new,), entry.path)
            if new:
                old = self.notes(entry.old, entry.path)
                out += [(entry.path, key) for key in new if key not in old][:MOST_IN_A_LOG]
        return out

    def notes(self, blobs: tuple[str, ...], path: str) -> dict[str, Found]:
        """The notes of some versions of one log, by key."""
        found: dict[str, Found] = {}
        for oid in blobs:
            if oid.strip("0"):
                found.update(by_key(self.blob(oid, path)))
        return found

    def blob(self, name: str, path: str) -> bytes:
        try:
            return self.objects.read(name, LARGEST_LOG) or b""
        except TooLarge:
            if path not in self.too_large:
                self.too_large.append(path)
            return b""

    def log_at_tip(self, path: str) -> bytes:
        return self.blob(f"{self.tip}:{path}", path)

    def at_tip(self, path: str) -> dict[str, Found]:
        if path not in self.tips:
            self.tips[path] = by_key(self.log_at_tip(path))
        return self.tips[path]


def by_key(log: bytes) -> dict[str, Found]:
    """The notes of a log. The key is made from the text and its number among equal ones of that log."""
    found: dict[str, Found] = {}
    count: Counter[bytes] = Counter()
    for note in find_notes(log):
        text = note.text or note.title.encode()
        count[text] += 1
        found[hashlib.sha256(b"%d\0" % count[text] + text).hexdigest()] = note
    return found


def note_id(path: str, key: str) -> str:
    """What people and commits call a note: `n` and 12 hex digits."""
    return "n" + hashlib.sha256(f"{path}\0{key}".encode()).hexdigest()[:12]
