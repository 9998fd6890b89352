"""What a compile needs to know of this machine: the day, and what lies in the vault."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from claudetools.core import clock
from claudetools.core.identity import DEFAULT_TIMEZONE, Invalid, load_json, own_file, read_vaults
from claudetools.core.place import Place
from claudetools.logs.person import where_identity_is
from claudetools.text import front
from claudetools.text.target import Target
from claudetools.wiki.store import Store, Unusable

SUFFIX = re.compile(r"\.(age|gpg|asc|sops|enc|ya?ml|json|env|txt|md|kdbx|ini)$", re.IGNORECASE)


def read_identity(place: Place) -> dict[str, Any]:
    """This machine's identity.json as it is, {} when there is none that can be read: a compile needs no name."""
    try:
        own = own_file(*where_identity_is(place))
        return (load_json(own, ".claude/identity.json") if own else None) or {}
    except Invalid:
        return {}


def now(place: Place) -> datetime:
    """This second in the person's time zone."""
    name = read_identity(place).get("timezone")
    zone = clock.read_zone(name) if isinstance(name, str) else None
    return clock.now(zone or clock.read_zone(DEFAULT_TIMEZONE) or clock.read_zone("UTC"))  # type: ignore[arg-type]


def client_names(store: Store, target: Target) -> list[str]:
    """What a client's own folder calls it: `customer`, `name` or `title` in the front matter of a text at its top, or
    that text's heading."""
    found = []
    for name in ("README.md", "index.md", "client.md", f"{target.slug}.md") if target.type == "client" else ():
        try:
            text = store.text(f"{target.folder}/{target.slug}/{name}") or ""
            values = front.read_front(text)
        except (Unusable, front.Unreadable):
            continue
        told = [values.get(key) for key in ("customer", "business_name", "name", "title")]
        heading = re.search(r"(?m)^#[ \t]+(.+?)[ \t#]*$", text)
        found += [one for one in [*told, heading[1] if heading else None] if isinstance(one, str) and one.strip()]
    return found


def vault_folders(place: Place) -> list[str]:
    """The working trees of this machine's vaults."""
    paths = read_vaults(read_identity(place))[0]
    folders = (os.path.join(place.top, os.path.expanduser(path)) for path in paths)
    return [folder for folder in folders if os.path.isdir(folder)]


def vault_names(folder: str) -> set[str]:
    """Every name a secret of the vault may be called by: its path, with and without what it is encrypted with."""
    found = set()
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in [*names, *folders]:
            path = os.path.relpath(os.path.join(at, name), folder).replace(os.sep, "/").lower()
            found.add(path)
            while SUFFIX.search(path):
                path = SUFFIX.sub("", path)
                found.add(path)
    return found


def vault_check(place: Place) -> Callable[[str], bool] | None:
    """Whether a path is in a vault; None where there is no vault to ask. Reads no secret."""
    folders = vault_folders(place)
    if not folders:
        return None
    names = set().union(*map(vault_names, folders))

    def is_there(path: str) -> bool:
        path = re.split(r"[#:]", path.lower())[0].strip("/")
        return path in names or path.removeprefix("vault/") in names

    return is_there


def tree_check(place: Place, folder: str) -> Callable[[str], bool]:
    """Whether a path, seen from the top or from wiki/`folder`, is a file of the repository."""

    def is_there(path: str) -> bool:
        if path.startswith(("/", "~")) or "\\" in path:
            return False
        for start in ("", f"wiki/{folder}"):
            full = posixpath.normpath(posixpath.join(start, path))
            inside = not full.startswith(("..", ".git/")) and full not in (".", ".git")
            if inside and os.path.lexists(os.path.join(place.top, full)):
                return True
        return False

    return is_there
