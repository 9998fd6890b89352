"""Bring back what another session's write took out of a file, where that is proved (lost.py).

The sync does it before it commits: it exchanges the file by compare-and-swap and starts over, so that what came back
goes out as any other edit of its session. What is to come back is written down first (`put-back.json` in the tree's
state), what the exchange said beside it (`put-back.said`): whatever is killed in between, the job settles it then, and
a line that is taken out once more stays out. `sessions restore` goes the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import NamedTuple

from claudetools.attribution import lost
from claudetools.attribution.chain import PUT_BACK, Touch
from claudetools.attribution.edits import UPON, Edit, digest
from claudetools.attribution.lost import Lost
from claudetools.core import files, git
from claudetools.core.job import tell
from claudetools.core.objects import Entry, Objects
from claudetools.core.place import Place
from claudetools.sessions import ledger
from claudetools.sessions.owners import PLAIN
from claudetools.text.lines import put_back

PENDING = "put-back.json"
SAID = "put-back.said"
MOMENT = 1e-5  # seconds, between one step and the next


class PutBackRow(NamedTuple):
    """An edit of `session` that comes back, as a step of the file between two contents (git's names, "" for no file).
    `of`: its position; `topic` and `by` are for people, `by` is "" where a person asked for it. `upon`: it was merged
    with that content, in a way that no step tells."""

    session: str
    path: str
    mode: str
    before: str
    after: str
    of: int | None = None
    topic: str = ""
    by: str = ""
    upon: str = ""


class Said(NamedTuple):
    """What the exchange said. `merged`: what lay there, and what does now, where somebody had written meanwhile."""

    began: float
    ended: float
    merged: Mapping[str, tuple[str, str]]
    unsettled: set[str]


def prepare(
    objects: Objects,
    tree: str,
    changes: Sequence[git.Change],
    touches: Mapping[bytes, Sequence[Touch]],
    kept: Callable[[str], bytes | None],
    topic_of: Callable[[str], str],
) -> tuple[str, list[PutBackRow]]:
    """The tree with all that is proved lost, and what that is; the same tree when nothing is."""
    rows: list[PutBackRow] = []
    entries: dict[bytes, Entry | None] = {}
    for change in changes:
        here = touches.get(change.path, [])
        if len({x.session for x in here}) < 2 or change.new_mode not in PLAIN:
            continue
        text, oid = objects.read(change.new_oid), change.new_oid
        for run in runs(lost.find(here, digest(text))):
            texts = put_back_all(run, text, kept)
            for one, made in zip(run, objects.write_blobs(texts), strict=False):
                path, topics = os.fsdecode(change.path), (topic_of(one.session), topic_of(one.by))
                rows.append(PutBackRow(one.session, path, change.new_mode, oid, made, one.seq, *topics))
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
        made = None if base is None or after is None else put_back(base, after, text)
        if made is None:
            return []
        text = made
        texts.append(made)
    return texts


def write_pending(folder: str, rows: Sequence[PutBackRow]) -> None:
    """What is about to come back; its name tells it from any other. Raises OSError."""
    files.write_whole(os.path.join(folder, PENDING), json.dumps({"name": str(time.time_ns()), "rows": rows}).encode())


# --- once it is there ----------------------------------------------------------------


def settle(place: Place, objects: Objects) -> list[PutBackRow]:
    """Write down what came back, each edit as a step of its own, and when. Gives what did. Raises OSError, GitError,
    ValueError for files that are not ours."""
    path = os.path.join(place.tree, PENDING)
    try:
        with open(path, encoding="ascii") as file:
            pending = json.load(file)
        rows = [PutBackRow(*row) for row in pending["rows"]]
        said = read_said(place)
    except FileNotFoundError:
        return []
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None
    if said is None and os.path.exists(os.path.join(place.tree, "journal")):
        return []  # the exchange goes on with the next sync
    back = [] if said is None else list(steps(objects, rows, said))
    for n, (row, texts) in enumerate(back):
        assert said
        edit = edit_of(row, texts, f"put-back-{pending['name']}-{n}")
        edit = edit._replace(began=said.began, time=said.ended + n * MOMENT)
        if not any(old.use == edit.use for old in ledger.read_edits(place, row.session)):
            ledger.record(place, row.session, [edit], [text for text in texts if text is not None])
    os.unlink(path)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(place.tree, SAID))
    return [row for row, _ in back]


def edit_of(row: PutBackRow, texts: Sequence[bytes | None], use: str) -> Edit:
    """The record of one row."""
    before, after = (None if text is None else digest(text) for text in texts)
    was = None if before is None else row.mode
    note = {key: told for key, told in (("of", row.of), (UPON, row.upon)) if told not in (None, "")}
    return Edit(row.path, before, after, "edit", row.mode, was, PUT_BACK, use, note=note)


def read_said(place: Place) -> Said | None:
    """None when the exchange has not come to its end."""
    with suppress(FileNotFoundError), open(os.path.join(place.tree, SAID), encoding="utf-8", errors="replace") as file:
        said = [line.rstrip("\n").split("\t") for line in file]
        ends = [float(words[2]) for words in said if words[0] == "swapped" and len(words) == 3]
        if ends:
            began = min(float(words[1]) for words in said if words[0] == "exchanged")
            merged = {words[1]: (words[2], words[3]) for words in said if words[0] in ("merged", "late")}
            return Said(began, max(ends), merged, {words[1] for words in said if words[0] == "unsettled"})
    return None


def steps(objects: Objects, rows: Iterable[PutBackRow], said: Said) -> Iterator[tuple[PutBackRow, list[bytes | None]]]:
    """What came back with the text before and after it."""
    for path, some in groupby(rows, key=lambda row: row.path):
        shown = files.shown(os.fsencode(path))
        if shown in said.unsettled:
            continue
        texts = [(row, objects.read(row.before) if row.before else None, objects.read(row.after)) for row in some]
        if shown not in said.merged:
            for row, *pair in texts:
                yield row, pair
            continue
        now, end = map(objects.read, said.merged[shown])
        made = [now]
        for _, before, after in texts:
            made.append(put_back(before or b"", after, made[-1]) or made[-1])
        if made[-1] != end:
            # Whose is whose in there cannot be told by steps; the earlier records tell whose the lines are.
            texts = [(row._replace(upon=digest(now)), before, after) for row, before, after in texts]
            made = [end] * len(made)
        for n, (row, _, _) in enumerate(texts):
            yield row, [made[n], made[n + 1]]


def main(argv: list[str]) -> int:
    """Settle what is pending; `back PATH TOPIC BY` on stdout for each edit that came back. 0 or 70."""
    parser = argparse.ArgumentParser(prog="put-back")
    for name in ("--top", "--git-dir", "--common", "--scratch"):
        parser.add_argument(name, required=True)
    args = parser.parse_args(argv)
    try:
        with Objects(args.top, args.scratch) as objects:
            for row in settle(Place(args.top, args.git_dir, args.common), objects):
                if row.by:
                    tell("back", files.shown(os.fsencode(row.path)), row.topic or "-", row.by)
    except (git.GitError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 70
    return 0
