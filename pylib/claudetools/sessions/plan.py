"""Who goes out with a sync, and what that makes of the snapshot: one commit for each session, one for nobody's work.

Out go the callers, every session that has ended or died, one that idles (once an hour), and what nobody claims. What a
live session has not saved stays in the tree; so does a change that hangs together with such work, until that session
saves as well: each that was kept waiting has asked for it, and the last one takes them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from claudetools.attribution.edits import Edit
from claudetools.core.messages import visible
from claudetools.core.objects import TREE, Entry, Objects
from claudetools.sessions.owners import Owned, sessions_of
from claudetools.sessions.registry import Session
from claudetools.text import article_index
from claudetools.text.target import of_article

Group = frozenset[str]  # sessions that share a commit
NOBODYS: Group = frozenset()  # what nobody claims
Owners = Mapping[bytes, Owned]


@dataclass
class Worker:
    """A session with what its ledger says. `position`: up to there its edits are in a commit; `start`: up to there they
    matter to nobody. `rested`: it had its idle commit of the hour; `problems`: what is wrong with its ledger."""

    session: Session
    state: str
    rested: bool = False
    position: int = 0
    start: int = 0
    edits: list[Edit] = field(default_factory=list)
    told: list[Edit] = field(default_factory=list)  # records of what somebody was told of (gone.py)
    asked: dict[str, int] = field(default_factory=dict)  # path -> position when a save of it had to wait
    problems: list[str] = field(default_factory=list)

    @property
    def topic(self) -> str:
        """What to call it."""
        return visible(self.session.title) or f"session {self.session.id[:4]}"

    def has_asked(self, path: bytes) -> bool:
        """Whether a save of all that the session changed in this path had to wait for somebody."""
        name = os.fsdecode(path)
        last = max((edit.seq for edit in self.edits if edit.path == name), default=0)
        return self.asked.get(name, -1) >= last


@dataclass
class PlannedCommit:
    """One commit to be. `window`: something in it is known from outside only."""

    group: Group
    tree: str
    window: bool


@dataclass
class CommitPlan:
    """The commits, in their order. `left` counts the paths of each session that stays ("": nobody's); `waits` names
    paths where work that could go hangs together with a session that stays, and whose work that is; `staying`: paths,
    with a session each that has something left there."""

    commits: list[PlannedCommit] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    waits: list[tuple[bytes, str, frozenset[str]]] = field(default_factory=list)
    staying: set[tuple[bytes, str]] = field(default_factory=set)


def who_goes(workers: Mapping[str, Worker], callers: Collection[str], mode: str) -> set[str]:
    """The sessions whose work this sync takes. `mode`: "", "mine" or "all"."""
    if mode == "mine":
        return set(callers)
    takes_idle = {id for id, worker in workers.items() if worker.state == "idle" and not worker.rested}
    takes_over = {id for id, worker in workers.items() if mode == "all" or worker.state in ("ended", "dead")}
    return takes_idle | takes_over | set(callers)


def staying(path: bytes, names: frozenset[str], workers: Mapping[str, Worker], out: Collection[str]) -> frozenset[str]:
    """Of sessions that hang together in a path, those for which it has to wait. Who has asked waits for the others."""
    left = names - set(out)
    asking = {id for id in left if id in workers and workers[id].has_asked(path)}
    return left if left == names else left - asking


def sets_of(owned: Owners) -> list[tuple[bytes, frozenset[str]]]:
    """What goes out as one, in each path: see Owned."""
    return [(path, some) for path, one in owned.items() for some in one.sets]


def group_sessions(owned: Owners, workers: Mapping[str, Worker], out: Collection[str]) -> dict[str, Group]:
    """Each session that goes out with those that it hangs together with somewhere."""
    groups: dict[str, Group] = {}
    for path, some in sets_of(owned):
        names = sessions_of(some)
        if names and not staying(path, names, workers, out):
            joined = names.union(*(groups.get(name, names) for name in names))
            groups.update(dict.fromkeys(joined, joined))
    return groups


def make(
    objects: Objects,
    tree: str,
    owned: Owners,
    workers: Mapping[str, Worker],
    out: Collection[str],
    callers: Collection[str],
    nobody: Group | None,
) -> CommitPlan:
    """The commits on `tree`, their trees written. `nobody`: the group that takes what nobody claims; None: it stays."""
    owned = dict(owned)
    index = take_index(objects, owned)
    groups = group_sessions(owned, workers, out)
    if nobody:
        nobody = groups.get(min(nobody), nobody)

    def group_of(path: bytes, some: frozenset[str]) -> Group | None:
        names = sessions_of(some)
        if not names:
            return nobody
        return None if staying(path, names, workers, out) else groups[min(names)]

    plan = CommitPlan()
    there = {path: {group_of(path, some) for some in one.sets} for path, one in owned.items()}
    done: set[Group | None] = set()
    whole = not any(None in found for found in there.values())
    todo = sorted({g for found in there.values() for g in found if g is not None}, key=order(workers, callers))
    for group in todo:
        done.add(group)
        mine = {path: owned[path] for path, found in there.items() if group in found}
        made = objects.tree_with(tree, entries(objects, mine, lambda path, some: group_of(path, some) in done))
        if index:
            made = put_index(objects, index, made, mine, last=group == todo[-1] and whole)
        if made != tree:
            tree = made
            plan.commits.append(PlannedCommit(group, tree, any(one.window for one in mine.values())))
    for path, some in sets_of(owned):
        if group_of(path, some) is None:
            names = sessions_of(some)
            keep_back(plan, path, names, staying(path, names, workers, out))
    return plan


def order(workers: Mapping[str, Worker], callers: Collection[str]) -> Callable[[Group], tuple[int, float, list[str]]]:
    """Others first, then what nobody claims, then the callers that are served along, and the one that runs last: the
    tip is its commit."""
    first = next(iter(callers), None)

    def key(group: Group) -> tuple[int, float, list[str]]:
        rank = 3 if first in group else 2 if group & set(callers) else 0 if group else 1
        seen = [workers[id].session.seen for id in group if id in workers]
        return rank, min(seen, default=0.0), sorted(group)

    return key


def entries(
    objects: Objects, owned: Owners, goes: Callable[[bytes, frozenset[str]], bool]
) -> dict[bytes, Entry | None]:
    """What the paths hold once these sets are out."""
    found = {path: one.content(partial(goes, path)) for path, one in owned.items()}
    texts = {path: data for path, data in found.items() if isinstance(data, bytes)}
    oids = dict(zip(texts, objects.write_blobs(texts.values()), strict=True))
    return {path: (owned[path].mode, oids[path]) if isinstance(data, bytes) else data for path, data in found.items()}


def keep_back(plan: CommitPlan, path: bytes, names: frozenset[str], stay: frozenset[str]) -> None:
    """Note what stays, and where it keeps work back that could go."""
    plan.staying |= {(path, name) for name in names}
    for name in sorted(stay) or [""]:
        plan.left[name] = plan.left.get(name, 0) + 1
        if names - stay:
            plan.waits.append((path, name, names - stay))


# --- the index of the wiki ------------------------------------------------------------
# The wiki's index in a split: it is made from the articles, so every commit that holds one gets its own.


INDEX_PATH = article_index.PATH.encode()


def take_index(objects: Objects, owned: dict[bytes, Owned]) -> Owned | None:
    """The changed index, out of `owned`, where articles changed with it; None where it is a file like any other."""
    one = owned.get(INDEX_PATH)
    if one is None or one.tree is None or not has_article(owned):
        return None
    text = objects.read(one.tree[1]).decode("utf-8", "surrogateescape")
    return owned.pop(INDEX_PATH) if article_index.split(text) else None


def has_article(paths: Iterable[bytes]) -> bool:
    """Whether one of them is an article of the wiki."""
    return any(of_article(os.fsdecode(path)) for path in paths)


def put_index(objects: Objects, one: Owned, tree: str, paths: Iterable[bytes], last: bool) -> str:
    """The tree of a commit that changes these paths, with its index: as it is in the folder with the `last` one."""
    if last:
        return objects.tree_with(tree, {INDEX_PATH: one.tree})
    return objects.tree_with(tree, {INDEX_PATH: index_entry(objects, one, tree)}) if has_article(paths) else tree


def index_entry(objects: Objects, one: Owned, tree: str) -> Entry:
    """The index of the articles in a tree, with the folder's words around it."""
    assert one.tree
    old = objects.read(one.tree[1]).decode("utf-8", "surrogateescape")
    articles = {os.fsdecode(path): objects.read(oid) for path, oid in articles_below(objects, tree, b"wiki")}
    text = article_index.make(old, articles).encode("utf-8", "surrogateescape")
    return one.tree[0], objects.write_blobs([text])[0]


def articles_below(objects: Objects, tree: str, folder: bytes) -> Iterable[tuple[bytes, str]]:
    """Paths and blobs of the articles in a folder of a tree."""
    found = objects.entry_at(tree, folder)
    for name, (mode, oid) in objects.entries(found[1]).items() if found and found[0] == TREE else ():
        path = folder + b"/" + name
        if mode == TREE:
            yield from articles_below(objects, tree, path)
        elif of_article(os.fsdecode(path)):
            yield path, oid
