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

from claudetools import git
from claudetools.place import Place
from claudetools.sessions import lost
from claudetools.sessions.chain import Touch
from claudetools.sessions.ledger import Edit, digest, record
from claudetools.sessions.objects import Objects
from claudetools.sessions.owners import PLAIN

PENDING = "put-back.json"  # in the sync's scratch folder, from the proof to the record
Row = tuple[str, str, str, str]  # session, by whom, path, mode


def prepare(
    objects: Objects,
    tree: str,
    changes: Sequence[git.Change],
    touches: Mapping[bytes, Sequence[Touch]],
    kept: Callable[[str], bytes | None],
) -> tuple[str, list[Row]]:
    """The tree with all that is proved lost, and what that is; the same tree when nothing is."""
    texts: dict[bytes, bytes] = {}
    rows: list[Row] = []
    modes = {}
    for change in changes:
        here = touches.get(change.path, [])
        if len({x.session for x in here}) < 2 or change.new_mode not in PLAIN:
            continue
        now = objects.read(change.new_oid)
        for one in lost.find(here, digest(now)):
            base, after = kept(one.before), kept(one.after)
            text = None if base is None or after is None else lost.put_back(base, after, texts.get(change.path, now))
            if text is not None:
                texts[change.path], modes[change.path] = text, change.new_mode
                rows.append((one.session, one.by, os.fsdecode(change.path), change.new_mode))
    if not rows:
        return tree, []
    oids = dict(zip(texts, objects.write_blobs(texts.values()), strict=True))
    write_pending(objects.scratch, rows)
    return objects.tree_with(tree, {path: (modes[path], oid) for path, oid in oids.items()}), rows


def write_pending(scratch: str, rows: Sequence[Row]) -> None:
    """For the job, once the files are exchanged."""
    with open(os.path.join(scratch, PENDING), "w", encoding="ascii") as file:
        json.dump(rows, file)


def main(argv: list[str]) -> int:
    """Write down what was put back: the trees before and after say what each file became. 0 or 70."""
    parser = argparse.ArgumentParser(prog="put-back")
    for name in ("--top", "--git-dir", "--common", "--scratch", "--old", "--new"):
        parser.add_argument(name, required=True)
    args = parser.parse_args(argv)
    place = Place(args.top, args.git_dir, args.common)
    try:
        with open(os.path.join(args.scratch, PENDING), encoding="ascii") as file:
            rows = json.load(file)
        with Objects(args.top, args.scratch) as objects:
            trees = [git.tree_of(args.top, commit) for commit in (args.old, args.new)]
            for session, _, path, mode in rows:
                entries = [objects.entry_at(tree, os.fsencode(path)) for tree in trees]
                before, after = (objects.read(entry[1]) if entry else b"" for entry in entries)
                edit = Edit(path, digest(before), digest(after), "edit", mode, mode, lost.PUT_BACK)
                record(place, session, [edit], [before, after])
        os.unlink(os.path.join(args.scratch, PENDING))
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 70
    return 0
