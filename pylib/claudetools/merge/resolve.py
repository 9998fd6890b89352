"""Settling a true conflict: both texts laid out in `.claudetools-resolve/`, and the result taken by the next sync.

The folder lies at the top of the tree because agents may not edit below `.git`; no snapshot ever takes it in. The
tree itself keeps the user's text until the result has been pushed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from claudetools.core import files, git
from claudetools.core.objects import Entry, tree_with
from claudetools.merge import settling, trees
from claudetools.merge.replay import Replay, find_pair, read_pairs, replay, rewrite
from claudetools.text import cipher
from claudetools.text.lines import merge_file, merge_texts

# --- what was laid out ----------------------------------------------------------------
# What was laid out for a true conflict, and what a person decided of it: the file `resolve` in the tree's state.


@dataclass
class Conflict:
    """One path that a parked commit touches. An oid is '' where that side has no such file."""

    path: bytes
    mode: str
    base: str
    theirs: str
    mine: str


def manifest_path(state: str) -> str:
    """The file that remembers which texts were laid out."""
    return os.path.join(state, "resolve")


def read_manifest(state: str) -> list[Conflict]:
    """The conflicts that were laid out last, [] when there are none."""
    try:
        with open(manifest_path(state), encoding="utf-8") as file:
            return [Conflict(os.fsencode(row[0]), *row[1:]) for row in json.load(file)["conflicts"]]
    except (FileNotFoundError, ValueError, KeyError):
        return []


def read_decisions(state: str) -> dict[str, str]:
    """What --take decided beyond a text: path to `remove`."""
    try:
        with open(manifest_path(state), encoding="utf-8") as file:
            return dict(json.load(file).get("decisions", {}))
    except (FileNotFoundError, ValueError):
        return {}


def save_manifest(state: str, conflicts: list[Conflict], decisions: dict[str, str]) -> None:
    """Write the manifest."""
    rows = [[os.fsdecode(c.path), c.mode, c.base, c.theirs, c.mine] for c in conflicts]
    path = manifest_path(state)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"conflicts": rows, "decisions": decisions}, file)
    os.replace(path + ".new", path)


def write_manifest(state: str, conflicts: list[Conflict]) -> None:
    """Remember what is laid out now, and keep the decisions."""
    save_manifest(state, conflicts, read_decisions(state))


def write_decision(state: str, path: bytes, decision: str) -> None:
    """Remember one decision."""
    save_manifest(state, read_manifest(state), {**read_decisions(state), os.fsdecode(path): decision})


def forget_manifest(state: str) -> None:
    """Nothing is laid out any more."""
    with suppress(FileNotFoundError):
        os.unlink(manifest_path(state))


# --------------------------------------------------------------------------------------


FOLDER = ".claudetools-resolve"
BESIDE = "beside"  # decided: theirs keeps the name, mine gets another one
MARKER = re.compile(rb"^(<{7} |={7}$|>{7} |\|{7} )", re.M)


def parked_paths(top: str, head: str, result: Replay) -> list[Conflict]:
    """Every path of the parked commits: as it was before the first of them that touches it, upstream, and here."""
    found: dict[bytes, Conflict] = {}
    for commit in result.parked:
        parents = git.run(top, "rev-parse", f"{commit}^@").decode().split()
        base = parents[0] if parents else git.empty_tree(head)
        for path in git.run(top, "diff-tree", "-r", "-z", "--no-renames", "--name-only", base, commit).split(b"\0"):
            if path and path not in found:
                mode, mine = git.entry(top, head, path)
                theirs_mode, theirs = git.entry(top, result.tip, path)
                old = git.entry(top, base, path)[1]
                found[path] = Conflict(path, mode or theirs_mode, old, theirs, mine)
    return list(found.values())


def merged_entry(top: str, scratch: str, head: str, c: Conflict) -> str | None:
    """The oid that the path gets without a person ('' for: not there), or None when a person has to decide."""
    if c.mine == c.base:
        return c.theirs
    if c.theirs in (c.base, c.mine):
        return c.mine
    if not has_lines(c):
        return None
    base, theirs, mine = (git.blob(top, oid) for oid in (c.base, c.theirs, c.mine))
    data = merge_texts(scratch, mine, base, theirs)
    if data is None:
        name = files.shown(c.path)
        settled = settling.settle(name, base, theirs, mine, trees.compiled_lines(top, head, name))
        data = settled[0] if settled else None
    return None if data is None else git.store(top, data)


def has_lines(c: Conflict) -> bool:
    """Whether both sides have a plain file there, whose lines can be merged."""
    opaque = trees.OPAQUE.search(files.shown(c.path)) or c.mode not in (git.REGULAR, git.EXECUTABLE)
    return bool(c.mine and c.theirs) and not opaque


# --- laying out -------------------------------------------------------------------


def lay_out(top: str, state: str, head: str, result: Replay, dry: bool = False) -> list[tuple[bytes, str]]:
    """Write both texts of each conflict; `dry`: none. Returns the paths, each with a word on how it can be settled.

    A file that was laid out before and still belongs to the same two texts is left as it is: somebody may be at it.
    """
    scratch = os.path.join(state, "work")
    known = {c.path: c for c in read_manifest(state)}
    open_conflicts, told = [], []
    for c in parked_paths(top, head, result):
        if merged_entry(top, scratch, head, c) is not None:
            continue
        open_conflicts.append(c)
        target = place_of(top, c.path)
        if known.get(c.path) == c and os.path.lexists(target):
            told.append((c.path, "laid out before" if not is_settled(top, c) else "settled"))
            continue
        text = both_texts(top, scratch, c)
        told.append((c.path, "both texts, marked" if text is not None else "no lines to merge: take a side"))
        if not dry:
            write_texts(target, text)
    if not dry:
        write_manifest(state, open_conflicts)
    return told


def write_texts(target: bytes, text: bytes | None) -> None:
    """The file with both texts, none where they have no lines."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if text is None:
        with suppress(FileNotFoundError):
            os.unlink(target)
        return
    with open(target, "wb") as file:
        file.write(text)


def both_texts(top: str, scratch: str, c: Conflict) -> bytes | None:
    """The file with conflict markers, or None where lines make no sense."""
    if not has_lines(c):
        return None
    sides = [git.blob(top, oid) for oid in (c.mine, c.base, c.theirs)]
    if any(b"\0" in side for side in sides) or cipher.is_cipher(*sides):
        return None
    return merge_file(scratch, sides, "--diff3", "-L", "yours", "-L", "before", "-L", "theirs")[1]


def place_of(top: str, path: bytes) -> bytes:
    """Where a path is laid out."""
    return os.path.join(os.fsencode(top), FOLDER.encode(), path)


def is_settled(top: str, c: Conflict) -> bool:
    """A result is there and no marker is left in it."""
    content = files.look(None, place_of(top, c.path))
    return content.kind == "file" and not MARKER.search(content.data)


# --- taking ------------------------------------------------------------------------


def take_side(top: str, state: str, side: str, path: bytes) -> bool:
    """Decide one path for `mine`, `theirs` or `both`. False when the path is in no conflict."""
    for c in read_manifest(state):
        if c.path != path:
            continue
        target = place_of(top, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        sides = [git.blob(top, oid) for oid in (c.mine, c.base, c.theirs)]
        if side == "both" and can_be_joined(path, sides):
            data = merge_file(os.path.join(state, "work"), sides, "--union")[1]
            write_decision(state, path, "")
        elif side == "both":
            data = sides[2] if c.theirs else sides[0]
            write_decision(state, path, BESIDE if c.mine and c.theirs else "")
        else:
            oid = c.mine if side == "mine" else c.theirs
            data = git.blob(top, oid)
            write_decision(state, path, "remove" if not oid else "")
        with open(target, "wb") as file:
            file.write(data)
        return True
    return False


def can_be_joined(path: bytes, sides: list[bytes]) -> bool:
    """Whether the texts of a file can be joined. Of two ciphertexts nobody could open what comes out."""
    return not (trees.OPAQUE.search(files.shown(path)) or cipher.is_cipher(*sides) or any(b"\0" in s for s in sides))


def free_name(top: str, path: bytes, *commits: str) -> bytes:
    """`name-2.ext`, or the next number that none of the commits has."""
    folder, slash, name = path.rpartition(b"/")
    stem, dot, ending = name.partition(b".") if not name.startswith(b".") else (name, b"", b"")
    number = 2
    while True:
        found = folder + slash + b"%s-%d" % (stem, number) + dot + ending
        if not any(git.entry(top, commit, found)[1] for commit in commits):
            return found
        number += 1


def take_resolution(top: str, state: str, head: str, onto: str, result: Replay) -> list[bytes]:
    """When every open conflict has its result: one commit on top of the replayed ones; nothing stays parked.

    Returns the paths that were settled by a person, [] when something is still open.
    """
    known = {c.path: c for c in read_manifest(state)}
    decisions = read_decisions(state)
    chosen: list[tuple[Conflict, str]] = []
    numbered: list[tuple[bytes, Conflict]] = []
    taken = []
    for c in parked_paths(top, head, result):
        oid = merged_entry(top, os.path.join(state, "work"), head, c)
        if oid is None:
            if known.get(c.path) != c or not is_settled(top, c):
                return []
            taken.append(c.path)
            decision = decisions.get(os.fsdecode(c.path))
            removed = decision == "remove"
            if decision == BESIDE:
                taken.append(free_name(top, c.path, head, result.tip))
                numbered.append((taken[-1], c))
            oid = "" if removed else git.store(top, files.look(None, place_of(top, c.path)).data)
        chosen.append((c, oid))
    gone = {c.path for c, oid in chosen if not oid}
    there = set(git.run(top, "ls-tree", "-r", "-z", "--name-only", result.tip).split(b"\0")) - gone
    entries: dict[bytes, Entry | None] = dict.fromkeys(gone)
    entries |= {name: (c.mode, c.mine) for name, c in numbered}
    for c, oid in chosen:
        if oid:
            path = beside(c.path, there)
            entries[path] = (c.mode, oid)
            if path != c.path:
                how = f"the other side has a file or a folder in its place; yours is {files.shown(path)} now"
                result.settled.append((c.path, how))
    tree = tree_with(top, git.tree_of(top, result.tip), entries)
    new = result.tip
    if tree != git.tree_of(top, result.tip):
        new = rewrite(top, result.parked[-1], tree, [result.tip])
    result.replayed += [(commit, new) for commit in result.parked]
    result.tip, result.parked, result.conflicts = new, [], []
    return taken


def beside(path: bytes, there: set[bytes]) -> bytes:
    """A name for `path` among the files `there`: another one where a folder has to be a file, or a file a folder."""
    for n in range(path.count(b"/") + 1):
        name = path.rsplit(b"/", n)[0]
        if (n and name in there) or (not n and any(file.startswith(name + b"/") for file in there)):
            return name + b"~mine" + path[len(name) :]
    return path


def forget(top: str, state: str) -> None:
    """Remove the folder and what was decided."""
    shutil.rmtree(os.path.join(top, FOLDER), ignore_errors=True)
    forget_manifest(state)


def put_away(top: str, state: str) -> str | None:
    """The conflict is gone without a result from here. What somebody wrote goes to quarantine; returns where."""
    place = None
    if any(is_settled(top, c) and not is_a_side(top, c) for c in read_manifest(state)):
        place = os.path.join(state, "..", "..", "quarantine", time.strftime("%Y%m%dT%H%M%SZ-resolve", time.gmtime()))
        place = os.path.normpath(place)
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        shutil.move(os.path.join(top, FOLDER), place)
    forget(top, state)
    return place


def is_a_side(top: str, c: Conflict) -> bool:
    """The result is one of the two texts, which git has."""
    data = files.look(None, place_of(top, c.path)).data
    return data in (git.blob(top, c.theirs), git.blob(top, c.mine))


def main(argv: list[str]) -> int:
    """`lay-out`, `take SIDE PATH`, `forget`, `put-away`. Lines `file PATH WORD`, `kept FOLDER`. Exit 0; 1 nothing to
    settle or no such path."""
    parser = argparse.ArgumentParser(prog="resolve")
    parser.add_argument("job", choices=("lay-out", "take", "forget", "put-away"))
    parser.add_argument("--top", required=True)
    parser.add_argument("--tree-state", required=True)
    parser.add_argument("--head", default="")
    parser.add_argument("--onto", default="")
    parser.add_argument("--side", choices=("mine", "theirs", "both"))
    parser.add_argument("--path", default="")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args(argv)
    top, state = args.top, args.tree_state
    if args.job == "forget":
        forget(top, state)
        return 0
    if args.job == "put-away":
        if kept := put_away(top, state):
            sys.stdout.write(f"kept\t{kept}\n")
        return 0
    if args.job == "take" and args.dry_run:
        return 0 if any(c.path == os.fsencode(args.path) for c in read_manifest(state)) else 1
    if args.job == "take" and args.side:
        if not take_side(top, state, args.side, os.fsencode(args.path)):
            return 1
        if read_decisions(state).get(args.path) == BESIDE:
            sys.stdout.write(f"{BESIDE}\n")
        return 0
    pair = find_pair(top, read_pairs(os.path.join(state, "pairs")), args.head, args.onto)
    result = replay(top, os.path.join(state, "work"), args.head, args.onto, pair)
    told = lay_out(top, state, args.head, result, args.dry_run) if result.parked else []
    for path, word in told:
        sys.stdout.write(f"file\t{files.shown(path)}\t{word}\n")
    return 0 if told else 1
