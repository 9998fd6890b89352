"""What a range of commits says: who wrote which note, who changed it, who acknowledged which.

A note belongs to the commit that added its lines: author and date are that commit's. Its id is made from path, text and
place among equal ones, so it is the same on every machine, whenever that one received it. A note that only moved to
another file, or whose text only changed in blanks, is not a new one. Whoever changes a note of their own replaces it;
what another one adds to it answers it. One `git log`, one `git cat-file`.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from claudetools.core import git
from claudetools.core.objects import Objects, TooLarge
from claudetools.merge.settling import LOG
from claudetools.notes.inbox import place_of
from claudetools.notes.people import fold
from claudetools.text.notes import Found, find_notes

LOGS = ":(icase,glob)**/session-logs/**"  # where logs lie, for git
LARGEST_LOG = 8 * 1024 * 1024
MOST_IN_A_LOG = 1000
ALIKE = 0.4  # how much of a note's text another one of the same person has to share to be its new wording
COMPARED = 4000  # characters
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


class Form(NamedTuple):
    """What makes a note of one log the same in two versions of it: who it is for, and its text among equal ones."""

    who: str
    text: str  # a digest


class Added(NamedTuple):
    """A note that a commit added and that is still there. `line` and `log` are those of the tip.

    `replaces` is the note whose new wording it is, and its path. `answers`: the address of whose note it answers.
    """

    id: str
    commit: Commit
    path: str
    form: Form
    found: Found
    line: int
    log: bytes
    replaces: tuple[str, Form, Found] | None = None
    answers: str = ""


def read_commits(top: str, *revisions: str, paths: Iterable[str] = ()) -> list[Commit]:
    """The commits of a range, parents before children; with `paths` those that touch them. Raises GitError."""
    settings = ("-c", "log.showRoot=true", "-c", "log.showSignature=false")
    shape = ("--raw", "-z", "-c", "--no-renames", "--no-abbrev", "--encoding=UTF-8", f"--format={FORMAT}")
    out = git.run(top, *settings, "log", "--reverse", "--topo-order", *shape, *revisions, "--", *paths)
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
    """Finds the notes of a range. `too_large` are logs that were not searched; `moved` tells the new place of a note
    that is the same."""

    def __init__(self, objects: Objects, top: str, tip: str) -> None:
        self.objects, self.top, self.tip = objects, top, tip
        self.too_large: list[str] = []
        self.moved: list[tuple[tuple[str, Form], tuple[str, Form]]] = []
        self.notes: dict[tuple[str, Form], Added] = {}
        self.answered: dict[tuple[str, Form], Form] = {}  # what a note was before somebody wrote an answer into it
        self.tips: dict[str, dict[Form, Found]] = {}

    def added(self, commits: list[Commit]) -> list[Added]:
        """The notes that these commits added and that are still there at the tip, in the order of their files."""
        for commit in commits:
            left = {form: e.path for e in commit.entries if not e.new for form in self.forms(e.old[:1], e.path)}
            for entry in commit.entries:
                if entry.new:
                    self.follow(commit, entry, left)
        out = []
        for note in self.notes.values():
            now = self.at_tip(note.path, note.form, note.found, bool(note.answers))
            if now:
                out.append(note._replace(line=now.line, log=self.log_at_tip(note.path)))
        return sorted(out, key=lambda note: (note.commit.time, place_of(note.path), note.line))

    def follow(self, commit: Commit, entry: Entry, left: dict[Form, str]) -> None:
        """What one commit did to the notes of one log."""
        new = self.forms((entry.new,), entry.path)
        olds = [self.forms((old,), entry.path) for old in entry.old]
        gone = {form: note for form, note in (olds[0] if olds else {}).items() if form not in new}
        gone = {form: note for form, note in gone.items() if all(form in old for old in olds)}
        fresh = {form: note for form, note in new.items() if not any(form in old for old in olds)}
        for form in [form for form in fresh if form in left]:
            self.move((left[form], form), (entry.path, form))
            del fresh[form]
        for form, same in [(form, other) for form in fresh for other in gone if is_same(fresh[form], gone[other])]:
            if form in fresh and same in gone:  # another number among equal ones, because one of them has gone
                self.move((entry.path, same), (entry.path, form))
                del fresh[form], gone[same]
        olds_of = pair(gone, fresh)
        for form, note in list(fresh.items())[:MOST_IN_A_LOG]:
            before = olds_of.get(form)
            old = gone[before] if before else None
            if before and old and (author := self.author(commit, entry.path, before, old)) != commit.email.lower():
                self.answer(commit, entry.path, old, note, author)
                if extends(old, note):  # it is only answered
                    self.answered[entry.path, form] = self.answered.get((entry.path, before), before)
                    continue
            self.add(commit, entry.path, form, note, (before, old) if before and old else None)

    def add(self, commit: Commit, path: str, form: Form, note: Found, before: tuple[Form, Found] | None) -> None:
        """A note, or the new wording of one."""
        replaces = None
        if before:
            was = self.answered.get((path, before[0]), before[0])
            replaced = self.notes.pop((path, was), None)
            replaces = replaced.replaces if replaced else (path, was, before[1])
        id = note_id(path, form.text)
        self.notes.setdefault((path, form), Added(id, commit, path, form, note, note.line, b"", replaces))

    def answer(self, commit: Commit, path: str, old: Found, new: Found, author: str) -> None:
        """What somebody else wrote into a note goes to its author."""
        lines, before = normal(new.text).split(b"\n"), normal(old.text).split(b"\n")
        blocks = difflib.SequenceMatcher(None, before, lines, autojunk=False).get_opcodes()
        text = b"\n".join(line for word, _, _, i, j in blocks if word != "equal" for line in lines[i:j]).strip(b"\n")
        if text.strip():
            form = Form(f"{new.who} {author}", digest(1, b"answer\0" + text))
            note = new._replace(text=text, title=f'Answer in "{new.title}"', who=author)
            added = Added(note_id(path, form.text), commit, path, form, note, new.line, b"", answers=author)
            self.notes.setdefault((path, form), added)

    def author(self, commit: Commit, path: str, form: Form, note: Found) -> str:
        """The address of who wrote a note's heading, in lower case; that of the commit where nobody can tell."""
        if known := self.notes.get((path, self.answered.get((path, form), form))):
            return known.commit.email.lower()
        where = ("-L", f"{note.line},{note.line}", f"{commit.oid}^1", "--", path)
        try:
            told = git.run(self.top, "blame", "--porcelain", *where).decode("utf-8", "replace")
        except git.GitError:
            return commit.email.lower()
        found = re.search(r"(?m)^author-mail <(.*)>$", told)
        return found[1].lower() if found else commit.email.lower()

    def move(self, old: tuple[str, Form], new: tuple[str, Form]) -> None:
        """A note has another place: its log another name, say. Its id stays."""
        self.moved.append((old, new))
        note = self.notes.pop(old, None)
        if note:
            self.notes[new] = note._replace(path=new[0], form=new[1])

    def forms(self, blobs: tuple[str, ...], path: str) -> dict[Form, Found]:
        """The notes of some versions of one log."""
        found: dict[Form, Found] = {}
        for oid in blobs:
            if oid.strip("0"):
                found.update(by_form(self.blob(oid, path)))
        return found

    def blob(self, name: str, path: str) -> bytes:
        try:
            return self.objects.read_blob(name, LARGEST_LOG) or b""
        except TooLarge:
            if path not in self.too_large:
                self.too_large.append(path)
            return b""

    def log_at_tip(self, path: str) -> bytes:
        return self.blob(f"{self.tip}:{path}", path)

    def at_tip(self, path: str, form: Form, note: Found, answer: bool = False) -> Found | None:
        """The note as it stands at the tip, perhaps with somebody's answer in it. None when it is there no more."""
        if path not in self.tips:
            self.tips[path] = by_form(self.log_at_tip(path))
        there = self.tips[path]
        for other, now in there.items():
            if other == form or ((answer or other.who == form.who) and not is_same(note, now) and extends(note, now)):
                return now
        return None


def pair(gone: dict[Form, Found], fresh: dict[Form, Found]) -> dict[Form, Form]:
    """Of each new form of a note the old one: the same text for somebody else, or another text for the same person."""
    alike: list[tuple[float, Form, Form]] = []
    if len(gone) * len(fresh) > MOST_IN_A_LOG:
        return {}
    for old, before in gone.items():
        for new, after in fresh.items():
            share = 1.0 if old.text == new.text else likeness(before, after) if old.who == new.who else 0.0
            if share >= ALIKE:
                alike.append((share, old, new))
    found: dict[Form, Form] = {}
    for _, old, new in sorted(alike, key=lambda one: -one[0]):
        if new not in found and old not in found.values():
            found[new] = old
    return found


def is_same(one: Found, other: Found) -> bool:
    """Whether two notes say the same to the same person."""
    return fold(one.who) == fold(other.who) and normal(one.text) == normal(other.text) and bool(one.text)


def likeness(one: Found, other: Found) -> float:
    """How much two texts share, 0 to 1."""
    if extends(one, other):
        return 1.0
    words = [normal(note.text)[:COMPARED].split() for note in (one, other)]
    return difflib.SequenceMatcher(None, words[0], words[1]).ratio()


def extends(one: Found, other: Found) -> bool:
    """Whether the other note has every line of the one, in order."""
    wanted, lines = [line for line in normal(one.text).split(b"\n") if line], iter(normal(other.text).split(b"\n"))
    return bool(wanted) and all(line in lines for line in wanted)


def normal(text: bytes) -> bytes:
    """A text as it is compared: blanks at the ends of lines make no difference."""
    return b"\n".join(line.rstrip() for line in text.splitlines())


def by_form(log: bytes) -> dict[Form, Found]:
    """The notes of a log, in their order."""
    found: dict[Form, Found] = {}
    count: Counter[bytes] = Counter()
    for note in find_notes(log):
        text = normal(note.text) or note.title.encode()
        count[text] += 1
        found[Form(fold(note.who), digest(count[text], text))] = note
    return found


def digest(number: int, text: bytes) -> str:
    """The text, and which of equal ones."""
    return hashlib.sha256(b"%d\0" % number + text).hexdigest()


def note_id(path: str, key: str) -> str:
    """What people and commits call a note: `n` and 12 hex digits."""
    return "n" + hashlib.sha256(f"{path}\0{key}".encode()).hexdigest()[:12]
