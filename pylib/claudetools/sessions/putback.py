"""Bring back what another session's write took out of a file, where that is proved (lost.py).

The sync does it before it commits: it exchanges the file by compare-and-swap and starts over, so that what came back
goes out as any other edit of its session. Then this job writes it into that session's ledger: a line that is taken
out once more stays out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from claudetools import files, git
from claudetools.place import Place
from claudetools.sessions import lost, sight
from claudetools.sessions.chain import PUT_BACK, Touch
from claudetools.sessions.ledger import Edit, digest, record
from claudetools.sessions.lost import Lost
from claudetools.sessions.objects import Entry, Objects
from claudetools.sessions.owners import PLAIN

PENDING = "put-back.json"  # in the sync's scratch folder, from the proof to the record
SAID = "put-back"  # beside it: what the job `advance` said
MOMENT = 1e-5  # seconds, between one step and the next
Row = tuple[str, str, str, str, str, str]  # session, by whom, path, mode, git's names of the contents before and after


def prepare(
    objects: Objects,
    tree: str,
    changes: Sequence[git.Change],
    touches: Mapping[bytes, Sequence[Touch]],
    kept: Callable[[str], bytes | None],
) -> tuple[str, list[Row]]:
    """The tree with all that is proved lost, and what that is; the same tree when nothing is."""
    rows: list[Row] = []
    entries: dict[bytes, Entry | None] = {}
    for change in changes:
        here = touches.get(change.path, [])
        if len({x.session for x in here}) < 2 or change.new_mode not in PLAIN:
            continue
        text, oid = objects.read(change.new_oid), change.new_oid
        for run in runs(lost.find(here, digest(text))):
            texts = put_back_all(run, text, kept)
            for one, made in zip(run, objects.write_blobs(texts), strict=False):
                rows.append((one.session, one.by, os.fsdecode(change.path), change.new_mode, oid, made))
                entries[change.path], oid = (change.new_mode, made), made
            text = [text, *texts][-1]
    if not rows:
        return tree, []
    write_pending(objects.scratch, rows)
    return objects.tree_with(tree, entries), rows


def runs(found: Sequence[Lost]) -> list[list[Lost]]:
    """Those that were made one upon the other, in their order."""
    return [list(some) for _, some in groupby(found, key=lambda one: one.branch)]


def put_back_all(run: Sequence[Lost], text: bytes, kept: Callable[[str], bytes | None]) -> list[bytes]:
    """The text after each of them came back; [] unless all can: a later one may have undone an earlier one."""
    texts = []
    for one in run:
        base, after = kept(one.before), kept(one.after)
        made = None if base is None or after is None else lost.put_back(base, after, text)
        if made is None:
            return []
        text = made
        texts.append(made)
    return texts


def write_pending(scratch: str, rows: Sequence[Row]) -> None:
    """For the job, once the files are exchanged."""
    with open(os.path.join(scratch, PENDING), "w", encoding="ascii") as file:
        json.dump(rows, file)


def read_said(scratch: str) -> tuple[float, dict[str, str]]:
    """When the files were exchanged; and of those where it did not go as planned, how it went: "merged" with what
    somebody had written since, or "unsettled", and left alone."""
    with open(os.path.join(scratch, SAID), encoding="utf-8", errors="replace") as file:
        said = [line.rstrip("\n").split("\t") for line in file]
    times = [float(words[1]) for words in said if words[0] == "exchanged"]
    return min(times), {words[1]: words[0] for words in said if words[0] in ("merged", "unsettled")}


def edit_of(top: str, objects: Objects, row: Sequence[str], merged: bool) -> tuple[Edit, list[bytes]]:
    """The record of one row and its contents. In a `merged` file the steps are nobody's to tell: only that it was
    done is written down, and whose the lines are the earlier records tell."""
    _, _, path, mode, *oids = row
    before, after = [sight.look(top, path).data] * 2 if merged else map(objects.read, oids)
    return Edit(path, digest(before), digest(after), "edit", mode, mode, PUT_BACK), [before, after]


def main(argv: list[str]) -> int:
    """Write down what was put back, one step for each edit, and when. 0 or 70."""
    parser = argparse.ArgumentParser(prog="put-back")
    for name in ("--top", "--git-dir", "--common", "--scratch"):
        parser.add_argument(name, required=True)
    args = parser.parse_args(argv)
    place = Place(args.top, args.git_dir, args.common)
    try:
        with open(os.path.join(args.scratch, PENDING), encoding="ascii") as file:
            rows = json.load(file)
        with Objects(args.top, args.scratch) as objects:
            at, otherwise = read_said(args.scratch)
            for n, row in enumerate(rows):
                how = otherwise.get(files.shown(os.fsencode(row[2])), "")
                edit, contents = edit_of(args.top, objects, row, how == "merged")
                if how != "unsettled":
                    record(place, row[0], [edit._replace(time=at + n * MOMENT)], contents)
        os.unlink(os.path.join(args.scratch, PENDING))
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 70
    return 0
