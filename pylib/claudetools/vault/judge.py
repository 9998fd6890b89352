"""Which changed files have to be encrypted and are not: a job of the sync, of the commit hook and of a server.

`--index` looks at what the index has and `--base` (a commit, "" for none) has not, but for what comes from `--merged`;
`--commits FILE` at what each commit in FILE brings itself, a merge by what none of its parents has. What asks for
encryption is what stands in the working tree, in `--base`, in `--tip`, and in what is looked at: nobody takes a rule
away in the same breath. With `--every 1`, in a vault, what was encrypted has to stay so, whatever its name.

Records on stdout, each part ended by a NUL: commit ("" for the index), path, kind, and "1" when `--tip` shows it still.
Kinds: gpg, age, sops, part (sops has encrypted some of it), unread, git-crypt, ansible, pgp (a .gpg that is none), was
(encrypted before), unmarked (the store's own file goes, and files of the store stay), outside (a store's file that lies
in no store any more).
With `--rules FILE`: the lines of a .sops.yaml that cannot be read, one a line. Exit status: 0, or 70.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterable
from typing import NamedTuple

from claudetools.core import git
from claudetools.core.job import read_options
from claudetools.vault import conventions, sealed
from claudetools.vault.yaml_lines import UnreadableYaml


class VaultEntry(NamedTuple):
    """What one commit, or the index, has at a path. `oid` is "" where the file goes, `old` where it is new."""

    commit: str
    path: str
    mode: str
    oid: str
    old: str


# --- what is looked at ----------------------------------------------------------------------


def read_index(top: str, base: str) -> list[VaultEntry]:
    """What the index changes of `base`."""
    like = base or git.run(top, "hash-object", "-t", "tree", "--stdin").decode().strip()
    return list(entries_of(git.run(top, "diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", like)))


def read_commits(top: str, commits: bytes) -> list[VaultEntry]:
    """What each of the commits brings itself."""
    options = ("--stdin", "--root", "-c", "-r", "-z", "--raw", "--no-abbrev", "--no-renames")
    return list(entries_of(git.run(top, "diff-tree", *options, stdin=commits)))


def entries_of(raw: bytes) -> Iterable[VaultEntry]:
    """Git's raw format. Of a merge, `::` modes and ids of each parent and of the result."""
    commit = ""
    fields = iter(raw.split(b"\0"))
    for field in fields:
        if not field.startswith(b":"):
            commit = field.decode().strip() or commit
            continue
        count = len(field) - len(field.lstrip(b":"))
        words = field[count:].decode().split()
        modes, oids = words[: count + 1], words[count + 1 : 2 * count + 2]
        old = next((oid for oid in oids[:-1] if oid.strip("0")), "")
        path = next(fields).decode("utf-8", "surrogateescape")
        yield VaultEntry(commit, path, modes[-1], oids[-1] if modes[-1].strip("0") else "", old)


class Blobs:
    """Blobs by name for git, asked for together."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.known: dict[str, bytes | None] = {"": None}

    def know(self, names: Iterable[str]) -> None:
        """Read all of them by one process."""
        new = sorted({name for name in names if name not in self.known})
        if not new:
            return
        stdin = b"".join(os.fsencode(name) + b"\0" for name in new)
        out, at = git.run(self.top, "cat-file", "-z", "--batch", stdin=stdin), 0
        for name in new:
            asked = os.fsencode(name)
            if out.startswith(asked + b" missing\n", at) or out.startswith(asked + b" ambiguous\n", at):
                self.known[name] = None
                at = out.index(b"\n", at + len(asked)) + 1
                continue
            head, _, _ = out[at : at + 200].partition(b"\n")
            begin = at + len(head) + 1
            at = begin + int(head.split()[-1]) + 1
            self.known[name] = out[begin : at - 1] if b" blob " in head else None

    def get(self, name: str) -> bytes | None:
        self.know([name])
        return self.known[name]


# --- what asks for encryption -----------------------------------------------------------------


class Asked:
    """The conventions of every folder on the way to what is looked at, wherever they stand."""

    def __init__(self, top: str, objects: Blobs, entries: list[VaultEntry], commits: Iterable[str]) -> None:
        self.found: dict[str, list[bytes]] = {}
        self.rules: dict[str, list[str] | None] = {}
        folders = {folder for entry in entries for folder in conventions.folders_of(entry.path)}
        places = [folder + name for folder in folders for name in conventions.NAMES]
        trees = [*commits, ":0"]  # the last one is the index
        names = [f"{tree}:{place}" for tree in trees for place in places]
        names += [oid for e in entries if posixpath.basename(e.path) in conventions.NAMES for oid in (e.oid, e.old)]
        objects.know(names)
        for place in places:
            self.add(place, [objects.get(f"{tree}:{place}") for tree in trees])
            path = os.path.join(top, place)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    self.add(place, [file.read()])
        for entry in entries:
            self.add(entry.path, [objects.get(entry.oid), objects.get(entry.old)])
        filtered = [e.path for e in entries if self.may_be_git_crypt(e.path)]
        self.git_crypt = attributed(top, filtered) if filtered else set()

    def add(self, place: str, texts: Iterable[bytes | None]) -> None:
        if posixpath.basename(place) in conventions.NAMES:
            known = self.found.setdefault(place, [])
            known += [text for text in texts if text is not None and text not in known]

    def may_be_git_crypt(self, path: str) -> bool:
        folders = conventions.folders_of(path)
        return any(b"git-crypt" in t for f in folders for t in self.found.get(f + conventions.ATTRIBUTES, []))

    def store_of(self, path: str) -> str:
        """ "gpg" or "age" for a path in a store, else ""."""
        for folder in conventions.folders_of(path):
            for name, kind in conventions.STORES.items():
                if self.found.get(folder + name):
                    return kind
        return ""

    def kind_of(self, path: str) -> str:
        """What is asked for, "" for nothing."""
        name = conventions.by_name(path)
        if name == "age":
            return name
        if posixpath.basename(path) in conventions.EXEMPT:
            return ""
        if store := self.store_of(path):
            return store
        for folder in conventions.folders_of(path):
            if self.found.get(folder + conventions.RULES):
                if kind := conventions.asks_for(self.rules_of(folder), path[len(folder) :]):
                    return kind
                break
        return "git-crypt" if path in self.git_crypt else name

    def rules_of(self, folder: str) -> list[str] | None:
        """Every path_regex that stands, or stood, in that folder's file; None where one of them cannot be read."""
        if folder not in self.rules:
            rules: list[str] | None = []
            for text in self.found[folder + conventions.RULES]:
                try:
                    more = conventions.read_rules(text.decode("utf-8"))
                    rules = None if rules is None else rules + more
                except (UnreadableYaml, UnicodeDecodeError):
                    rules = None
            self.rules[folder] = rules
        return self.rules[folder]


def attributed(top: str, paths: list[str]) -> set[str]:
    """Those of the paths that git-crypt's filter is for."""
    stdin = b"".join(os.fsencode(path) + b"\0" for path in paths)
    fields = git.run(top, "check-attr", "-z", "--stdin", "filter", stdin=stdin).split(b"\0")
    return {os.fsdecode(p) for p, v in zip(fields[::3], fields[2::3], strict=False) if v.startswith(b"git-crypt")}


# --- judging --------------------------------------------------------------------------------


def is_in_order(kind: str, entry: VaultEntry, data: bytes) -> bool:
    """Whether a file that has to be encrypted may go out."""
    if entry.mode == git.SYMLINK:
        return not data.startswith((b"/", b"~"))  # the name of another file here, which is looked at itself
    if entry.mode == git.GITLINK or sealed.is_sealed(data):
        return True
    if not data and (kind == "git-crypt" or posixpath.basename(entry.path).startswith(".")):
        return True  # git-crypt leaves an empty file as it is; .gitkeep
    return (kind == "pgp" or "/.public-keys/" in f"/{entry.path}") and sealed.is_public(data)


def judge(asked: Asked, objects: Blobs, entries: list[VaultEntry], every: bool) -> list[tuple[VaultEntry, str]]:
    """The entries that break a rule, each with its kind."""
    kinds = {entry: asked.kind_of(entry.path) for entry in entries if entry.oid}
    looked_at = [e for e, kind in kinds.items() if (kind or (every and e.old)) and e.mode != git.GITLINK]
    objects.know(oid for e in looked_at for oid in ((e.oid, e.old) if every else (e.oid,)))
    broken = []
    for entry in looked_at:
        kind, data = kinds[entry], objects.get(entry.oid) or b""
        if kind and not is_in_order(kind, entry, data):
            broken.append((entry, "part" if sealed.is_partly_sops(data) else kind))
        elif not kind and not sealed.is_sealed(data) and sealed.is_sealed(objects.get(entry.old) or b""):
            broken.append((entry, "was"))
    return broken


def find_unmarked(top: str, asked: Asked, entries: list[VaultEntry]) -> list[tuple[VaultEntry, str]]:
    """The file of a convention that goes while files it speaks for stay, and what left its store."""
    gone = {entry.path for entry in entries if not entry.oid}
    found = []
    for entry in entries:
        folder, name = posixpath.split(entry.path)
        if entry.path in gone and name in (*conventions.STORES, conventions.RULES):
            listed = git.run(top, "ls-files", "-z", "--", f":(top,literal){folder}" if folder else ":(top)")
            stays = [os.fsdecode(path) for path in listed.split(b"\0")[:-1]]
            if any(asked.kind_of(path) in ("gpg", "age", "sops") for path in stays if not path.endswith(".age")):
                found.append((entry, "unmarked"))
    left = {e.old for e in entries if not e.oid and asked.store_of(e.path)}
    names = {posixpath.basename(path) for path in gone if asked.store_of(path)}
    moved = [e for e in entries if e.oid and posixpath.basename(e.path) not in conventions.EXEMPT]
    moved = [e for e in moved if e.oid in left or (conventions.by_name(e.path) and posixpath.basename(e.path) in names)]
    by_folder = {posixpath.dirname(e.path): e for e in reversed(moved) if not asked.store_of(e.path)}
    return found + [(entry, "outside") for entry in by_folder.values()]


def still_shown(asked: Asked, objects: Blobs, tip: str, entry: VaultEntry, kind: str) -> bool:
    """Whether the tip has the file, and not encrypted."""
    data = objects.get(f"{tip}:{entry.path}")
    return data is not None and not is_in_order(kind, entry, data)


def unreadable(text: str) -> list[str]:
    """What of a .sops.yaml cannot be read, in words of the file."""
    try:
        rules = conventions.read_rules(text)
    except UnreadableYaml as error:
        return [str(error)]
    found = []
    for rule in rules:
        try:
            conventions.compile_go(rule)
        except conventions.Unclear:
            found.append(rule)
    return found


def main(argv: list[str]) -> int:
    """See the module."""
    names = ("top", "index", "base", "merged", "commits", "tip", "every", "rules")
    options = read_options(argv, [], dict.fromkeys(names, ""))
    if options["rules"]:
        with open(options["rules"], encoding="utf-8", errors="replace") as file:
            print("\n".join(line.replace("\n", " ") for line in unreadable(file.read())))
        return 0
    top, base, tip = options["top"], options["base"], options["tip"]
    try:
        objects = Blobs(top)
        if options["commits"]:
            with open(options["commits"], "rb") as file:
                entries = read_commits(top, file.read())
        else:
            entries = read_index(top, base)
        if merged := options["merged"]:
            wanted = git.run(top, "ls-tree", "-r", "-z", "--full-tree", merged).split(b"\0")
            there = {os.fsdecode(w.partition(b"\t")[2]): w.split(b"\t")[0].split()[-1].decode() for w in wanted if w}
            entries = [e for e in entries if not e.oid or there.get(e.path) != e.oid]
        asked = Asked(top, objects, entries, [commit for commit in (base, tip) if commit])
        found = judge(asked, objects, entries, options["every"] == "1")
        if tip:
            objects.know(f"{tip}:{entry.path}" for entry, _ in found)
        else:
            found += find_unmarked(top, asked, entries)
        for entry, kind in found:
            still = "1" if tip and still_shown(asked, objects, tip, entry, kind) else ""
            parts = (entry.commit, entry.path, kind, still)
            sys.stdout.buffer.write(b"".join(os.fsencode(part) + b"\0" for part in parts))
    except (git.GitError, OSError) as error:
        print(error, file=sys.stderr)
        return 70
    return 0
