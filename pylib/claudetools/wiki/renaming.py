"""A client or project gets another name: its folder, its article with sources and sidecar, the index, and a redirect.

What others have open moves along: the folder is renamed as one thing. An article is moved by compare-and-swap, and the
old name stays as a redirect, so that links, and logs that still arrive there, find it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

from claudetools.sessions import ledger, registry
from claudetools.text import sidecar
from claudetools.text.front import Unreadable
from claudetools.text.sidecar import Claim, Sidecar
from claudetools.text.target import WITH_LOGS, Target
from claudetools.wiki import article, compiling, redirects
from claudetools.wiki.store import Changed, Store


class CannotRename(Exception):
    """Nothing was changed, with the reason in words."""


def folder_of(target: Target) -> str:
    """The folder of a client or project at the top; "" for what has none."""
    return f"{target.folder}/{target.slug}" if target.type in WITH_LOGS else ""


def plan(store: Store, old: Target, new: Target) -> list[str]:
    """What a rename would do, a line each. Raises CannotRename, before anything is changed."""
    if old.type != new.type or old == new:
        raise CannotRename(f"{old} and {new} are not two names of one type")
    source, wanted = folder_of(old), folder_of(new)
    has_folder = bool(source) and os.path.isdir(os.path.join(store.place.top, source))
    text = store.text(old.path)
    if text is None and not has_folder:
        raise CannotRename(f"there is neither {old.path} nor {source}/" if source else f"there is no {old.path}")
    if has_folder and os.path.lexists(os.path.join(store.place.top, wanted)):
        raise CannotRename(f"{wanted} is there already; move its content by hand, file by file")
    if store.text(new.path) is not None and redirects.find(store, new) != old:
        raise CannotRename(f"{new.path} is there already")
    if text is not None and redirects.find(store, old):
        raise CannotRename(f"{old} was renamed already, to {redirects.find(store, old)}")
    steps = [f"{source}/ -> {wanted}/"] if has_folder else []
    steps += [f"{old.path} -> {new.path}", f"{old.path} becomes a redirect"] if text is not None else []
    steps += [f"{path}: its sources" for path in followers(store, old)]
    return [*steps, "wiki/index.md is made anew"]


def others_at_work(store: Store, old: Target) -> list[str]:
    """Live sessions of others with unsaved work in the folder, each with a path."""
    folder = folder_of(old)
    if not folder:
        return []
    asked = ("status", "--porcelain", "-z", "-uall", "--no-renames", "--", folder)
    done = subprocess.run(["git", "-C", store.place.top, *asked], capture_output=True, check=False)
    dirty = {entry[3:].decode("utf-8", "surrogateescape") for entry in done.stdout.split(b"\0") if len(entry) > 3}
    found = []
    for session in registry.find_sessions(store.place):
        if session.id != store.session and session.state() == "live" and dirty:
            theirs = {edit.path for edit in ledger.read_edits(store.place, session.id)} & dirty
            found += [f"'{session.title or session.id}' has unsaved work in {sorted(theirs)[0]}"] if theirs else []
    return found


def rename(store: Store, old: Target, new: Target) -> list[str]:
    """Do it. Gives what was done. Raises CannotRename where nothing was changed."""
    steps = plan(store, old, new)
    busy = others_at_work(store, old)
    if busy:
        raise CannotRename("; ".join(busy))
    source, wanted = folder_of(old), folder_of(new)
    if source and os.path.isdir(os.path.join(store.place.top, source)):
        os.rename(os.path.join(store.place.top, source), os.path.join(store.place.top, wanted))
    move_article(store, old, new)
    for path in followers(store, old):
        follow(store, path, old, new)
    compiling.write_index(store)
    return steps


def move_article(store: Store, old: Target, new: Target) -> None:
    """The article under its new name, then the redirect in its old place; begun again when somebody writes to it."""
    for _ in range(5):
        text, there = store.text(old.path), store.read(new.path)
        if text is None:
            return
        moved = article.change(with_sources(text, old, new), {"slug": new.slug, "redirect": None})
        try:
            store.replace(new.path, there, moved.encode())
            store.replace(old.path, text.encode(), redirect(text, old, new).encode())
        except Changed:
            continue
        move_sidecar(store, old, new)
        return
    raise Changed(old.path)


def redirect(text: str, old: Target, new: Target) -> str:
    """What stays under the old name."""
    title = article.read(text, old.path).get("title") or new.slug
    head = {"title": str(title), "type": old.type, "slug": old.slug, "redirect": str(new)}
    return article.change(f"\n# {title}\n\nMoved to [{new.slug}](<{new.slug}.md>).\n", head)


def move_sidecar(store: Store, old: Target, new: Target) -> None:
    """The sources of each line, with the logs under their new paths."""
    data = store.read(old.sidecar)
    if data is not None:
        known = renamed_sidecar(sidecar.parse(data.decode("utf-8", "replace")), old, new)
        compiling.write_sidecar(store, new, known)
        store.remove(old.sidecar, data)


def renamed_sidecar(known: Sidecar, old: Target, new: Target) -> Sidecar:
    """The same with other paths."""
    claims = [
        Claim(c.text, tuple(replace(cite, log=renamed(cite.log, old, new)) for cite in c.cites)) for c in known.claims
    ]
    return Sidecar({renamed(path, old, new): digest for path, digest in known.read.items()}, claims)


def renamed(path: str, old: Target, new: Target) -> str:
    """A path below the old folder as one below the new."""
    before = folder_of(old) + "/"
    return folder_of(new) + "/" + path[len(before) :] if folder_of(old) and path.startswith(before) else path


def with_sources(text: str, old: Target, new: Target) -> str:
    """The text with its front matter's sources under their new paths, every other byte as it is."""
    if not folder_of(old):
        return text
    parts = article.take_apart(text)
    lines = list(parts.lines)
    start, end = article.group_of(lines, "sources")
    lines[start:end] = [line.replace(f"{folder_of(old)}/", f"{folder_of(new)}/") for line in lines[start:end]]
    return article.Parts(parts.opening, tuple(lines), parts.closing, parts.body).text


def followers(store: Store, old: Target) -> list[str]:
    """Other articles that are made from its logs."""
    found = []
    for target in store.articles():
        text = store.text(target.path) if target != old and folder_of(old) else None
        if text and any(path.startswith(folder_of(old) + "/") for path in sources_in(text, target)):
            found.append(target.path)
    return found


def sources_in(text: str, target: Target) -> list[str]:
    """What the front matter names; nothing where it cannot be read: then nobody can change it safely."""
    try:
        return article.sources_of(article.read(text, target.path))
    except Unreadable:
        return []


def follow(store: Store, path: str, old: Target, new: Target) -> None:
    """Tell one of them where its sources have gone."""
    for _ in range(5):
        text = store.text(path)
        if text is None:
            return
        try:
            store.replace(path, text.encode(), with_sources(text, old, new).encode())
            break
        except Changed:
            continue
    target = next(target for target in store.articles() if target.path == path)
    known = store.text(target.sidecar)
    if known is not None:
        compiling.write_sidecar(store, target, renamed_sidecar(sidecar.parse(known), old, new))
