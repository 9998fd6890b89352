"""Lines that a session has not saved and that somebody else took out of a file: said once, and left as it is.

That was a decision (an undo, `git restore`, a rewind, a formatter, a person, another session that removed them), unless
it is proved to have been none (lost.py). What the session took out itself, what lies elsewhere in the file or whole
under another name, what a commit has held, and what another session replaced by lines of its own, which go out with it,
is nothing to speak of.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from claudetools.attribution import chain
from claudetools.attribution.chain import Touch
from claudetools.attribution.edits import GONE, Edit, digest
from claudetools.attribution.explain import Witness, explain
from claudetools.attribution.weave import Weave, is_nobody
from claudetools.core import git
from claudetools.core.objects import Objects
from claudetools.core.place import Place
from claudetools.sessions import meanwhile, owners
from claudetools.sessions.ledger import record
from claudetools.sessions.plan import Worker
from claudetools.sessions.registry import folder_of
from claudetools.text.lines import OPEN_END

SAVED = "saved "  # before the name of a session in a step that a commit holds
Read = Callable[[str], bytes | None]  # the contents of the ledgers


def find(touches: Sequence[Touch], text: bytes | None, kept: Read) -> dict[str, list[bytes]]:
    """The lines of each session that are gone from a file. `touches`: all records of it, in the order of time; `text`:
    what it holds, None for no file. Nothing where the steps are not known."""
    touches, kept = owners.as_git_stores(touches, kept, None, text) if touches else (touches, kept)
    ordered = chain.in_order([x for x in touches if chain.is_step(x.edit)])
    while ordered and ordered[0].done:
        ordered.pop(0)
    if not ordered or any(not x.done and not chain.is_step(x.edit) for x in touches):
        return {}
    start, end = ordered[0].edit.before, None if text is None else digest(text)
    known = {end: text}
    woven = Weave(content(start, known, kept) or b"")
    named = [Touch(SAVED + x.session if x.done else x.session, x.edit) for x in ordered]
    for step in chain.link(named, start, end):
        data = content(step.after, known, kept)
        if data is None and step.after is not None:
            return {}
        woven.apply(step.owner, data or b"")
    unclear = chain.contested(touches)
    found = dict(taken_lines(woven, {line.strip() for line in (text or b"").split(b"\n")}))
    return {id: lines for id, lines in found.items() if id not in unclear}


def content(name: str | None, known: Mapping[str | None, bytes | None], kept: Read) -> bytes | None:
    """The content of that name; None for no file, and where it is lost."""
    return known[name] if name in known else None if name is None else kept(name)


def taken_lines(woven: Weave, there: Collection[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Each session with the lines that others have taken out, but for those that are `there` all the same."""
    replaced = {line.put for line in woven.lines}
    found: dict[str, list[bytes]] = {}
    for line in woven.lines:
        if line.taken is None or line.text == OPEN_END or not line.text.strip() or line.text.strip() in there:
            continue
        maker, taker = woven.step_owners[line.put], woven.step_owners[line.taken]
        if not maker or is_nobody(maker) or maker.startswith(SAVED) or taker.removeprefix(SAVED) == maker:
            continue
        if is_nobody(taker) or line.taken not in replaced:
            found.setdefault(maker, []).append(line.text)
    yield from found.items()


# --- once -----------------------------------------------------------------------------


class Search(NamedTuple):
    """Where to look: `tree` is the snapshot, `tip` the newest commit, `known` what the sessions did to the paths that
    are changed, `differs` tells whether a path holds something else than the snapshot."""

    place: Place
    objects: Objects
    tree: str
    tip: str
    workers: Mapping[str, Worker]
    known: Mapping[bytes, Sequence[Touch]]
    kept: Read
    differs: Callable[[bytes], bool]


def report(search: Search, ids: Iterable[str], without: Collection[str]) -> Iterator[tuple[str, str, int]]:
    """Session, path and number of lines that nobody has been told of; from now on somebody has. `without`: paths that
    are looked after. Raises OSError, GitError."""
    busy = {call.path for _, call in meanwhile.under_way(search.place, search.workers)} | set(without)
    for id in sorted(ids):
        worker = search.workers[id]
        for path in sorted({edit.path for edit in worker.edits if edit.seq > worker.position} - busy):
            entry = search.objects.entry_at(search.tree, os.fsencode(path))
            if (entry and entry[0] not in owners.PLAIN) or search.differs(os.fsencode(path)):
                continue
            text = search.objects.read(entry[1]) if entry else None
            lines = find(touches_of(search, path), text, search.kept).get(id, [])
            if (count := count_news(search, id, path, lines)) and not (entry is None and is_elsewhere(search, path)):
                yield id, path, count
        note_look(search.place, id)


def is_elsewhere(search: Search, path: str) -> bool:
    """Whether what last lay at a path that is gone lies under another name, or under its old one again."""
    last = [edit.after or edit.before for _, edit, _ in touches_of(search, path)][-1:]
    text = search.kept(last[0]) if last and last[0] else None
    if text is None:
        return False
    told = git.run(search.place.top, "hash-object", f"--path={path}", "--stdin", stdin=text).strip()
    listed = git.run(search.place.top, "ls-tree", "-r", "-z", "--format=%(objectname)", search.tree)
    return told in listed.split(b"\0")


def touches_of(search: Search, path: str) -> Sequence[Touch]:
    """What the sessions did to a path, in the order of time."""
    if os.fsencode(path) in search.known:
        return search.known[os.fsencode(path)]
    records = [Witness(id, edit) for id, worker in search.workers.items() for edit in worker.edits if edit.path == path]
    touches = [Touch(id, edit, edit.seq <= search.workers[id].position) for id, edit in explain(records)]
    return sorted(touches, key=lambda x: x.edit.time)


def count_news(search: Search, id: str, path: str, lines: Sequence[bytes]) -> int:
    """How many of the lines are news. That somebody has been told of them is noted."""
    worker = search.workers[id]
    new = {name_of(line) for line in lines} - told(worker.told).get(path, set())
    if not new:
        return 0
    record(search.place, id, [Edit(path, None, None, GONE, None, None, note={"lines": sorted(new)})])
    began = min(edit.time for edit in worker.edits if edit.path == path)
    new -= {name_of(line) for line in added_since(search, path, began)}
    return sum(name_of(line) in new for line in lines)


def told(edits: Iterable[Edit]) -> dict[str, set[str]]:
    """The lines of each path that a session's ledger says to have been told of."""
    found: dict[str, set[str]] = {}
    for edit in edits:
        lines = edit.note.get("lines")
        found.setdefault(edit.path, set()).update(map(str, lines) if isinstance(lines, list) else ())
    return found


def name_of(line: bytes) -> str:
    """A short name for a line."""
    return digest(line.strip())[:16]


def added_since(search: Search, path: str, began: float) -> Iterator[bytes]:
    """The lines that commits have added to the file since then: whoever made them, they were saved."""
    if search.tip:
        show = ("log", f"--since={int(began) - 60}", "-p", "-U0", "--format=", "--no-ext-diff", "--no-textconv")
        patch = git.run(search.place.top, "--literal-pathspecs", *show, search.tip, "--", path)
        yield from (line[1:] for line in patch.split(b"\n") if line.startswith(b"+"))


def note_look(place: Place, id: str) -> None:
    """A sync that finds nothing to do looks at the ledger again when it is younger (scripts/lib/split.sh)."""
    with open(os.path.join(folder_of(place, id), "looked"), "wb"):
        pass
