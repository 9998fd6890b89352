"""What this version consists of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from claudetools.install.archive import Item, item_of, names_in, version_of
from claudetools.install.helpers import VERSION, version_line
from claudetools.install.place import HOME_OF_OURS, Place
from claudetools.install.steps import digest_of

MANIFEST = f"{HOME_OF_OURS}/manifest.json"
SHIMS = (".claude/scripts/sync.sh", ".claude/scripts/whoami-block.sh", ".claude/scripts/claudetools.sh")
FOLDERS = ("scripts", "pylib/claudetools", "hooks")
FILES = ("LICENSE", "pyproject.toml")
# What agents look for in these places and nowhere else: it lies among the user's own.
SHARED = (".claude/skills", ".claude/commands")
OURS = (HOME_OF_OURS, *SHARED)
WORKFLOWS = {"github": ".github/workflows/claudetools.yml", "gitea": ".gitea/workflows/claudetools.yml"}
NOT_COPIED = ("scripts/demo.sh", "hooks/hooks.json")  # hooks.json is the plugin's
# A user's "lib/" or "*.sh" must not keep a part of ours out of the commit.
OWN_IGNORE = b"!*\n__pycache__/\n"


def files_of(toolkit: Path, servers: Iterable[str] = ()) -> dict[str, Item]:
    """Everything that a repository gets, by its path there. `servers` are the keys of WORKFLOWS that it is to have."""
    found = {WORKFLOWS[name]: item_of(toolkit / f"hooks/ci/{name}.yml") for name in servers}
    for folder in FOLDERS:
        for name in names_in(toolkit, folder):
            if name not in NOT_COPIED:
                found[f"{HOME_OF_OURS}/{name}"] = item_of(toolkit / name)
    for name in FILES:
        if (toolkit / name).is_file():
            found[f"{HOME_OF_OURS}/{name}"] = item_of(toolkit / name)
    found[f"{HOME_OF_OURS}/.gitignore"] = Item(OWN_IGNORE, False)
    for folder in SHARED:
        found |= {name: item_of(toolkit / name) for name in names_in(toolkit, folder)}
    for name in SHIMS:  # late: from then on the rest is called
        found[name] = item_of(toolkit / name)
    digests = {path: digest_of(item.data) for path, item in found.items()}
    found[VERSION] = Item(version_line(version_of(toolkit), digests), False)
    return found


def is_inside(toolkit: Path, place: Place) -> bool:
    """Whether the toolkit that runs is the copy in this very repository."""
    ours = place.top / HOME_OF_OURS
    return ours.is_dir() and os.path.samefile(toolkit, ours)
