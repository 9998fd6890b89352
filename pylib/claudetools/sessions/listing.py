"""The wiki's index in a split: it is made from the articles, so every commit that holds one gets its own."""

from __future__ import annotations

import os
from collections.abc import Iterable

from claudetools.core.objects import TREE, Entry, Objects
from claudetools.sessions.owners import Owned
from claudetools.text import article_index
from claudetools.text.target import of_article

PATH = article_index.PATH.encode()


def take(objects: Objects, owned: dict[bytes, Owned]) -> Owned | None:
    """The changed index, out of `owned`, where articles changed with it; None where it is a file like any other."""
    one = owned.get(PATH)
    if one is None or one.tree is None or not has_article(owned):
        return None
    text = objects.read(one.tree[1]).decode("utf-8", "surrogateescape")
    return owned.pop(PATH) if article_index.split(text) else None


def has_article(paths: Iterable[bytes]) -> bool:
    """Whether one of them is an article of the wiki."""
    return any(of_article(os.fsdecode(path)) for path in paths)


def put(objects: Objects, one: Owned, tree: str, paths: Iterable[bytes], last: bool) -> str:
    """The tree of a commit that changes these paths, with its index: as it is in the folder with the `last` one."""
    if last:
        return objects.tree_with(tree, {PATH: one.tree})
    return objects.tree_with(tree, {PATH: entry(objects, one, tree)}) if has_article(paths) else tree


def entry(objects: Objects, one: Owned, tree: str) -> Entry:
    """The index of the articles in a tree, with the folder's words around it."""
    assert one.tree
    old = objects.read(one.tree[1]).decode("utf-8", "surrogateescape")
    articles = {os.fsdecode(path): objects.read(oid) for path, oid in below(objects, tree, b"wiki")}
    text = article_index.make(old, articles).encode("utf-8", "surrogateescape")
    return one.tree[0], objects.write_blobs([text])[0]


def below(objects: Objects, tree: str, folder: bytes) -> Iterable[tuple[bytes, str]]:
    """Paths and blobs of the articles in a folder of a tree."""
    found = objects.entry_at(tree, folder)
    for name, (mode, oid) in objects.entries(found[1]).items() if found and found[0] == TREE else ():
        path = folder + b"/" + name
        if mode == TREE:
            yield from below(objects, tree, path)
        elif of_article(os.fsdecode(path)):
            yield path, oid
