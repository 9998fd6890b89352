"""What a repository gets of this version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from claudetools.install.archive import Archive, Item, item_of, name_of, names_in
from claudetools.install.place import OLD_HOME, Repository

START = ".claude/scripts/claudetools-start.sh"
SHIMS = (START, *(f".claude/scripts/{name}.sh" for name in ("sync", "whoami-block", "claudetools")))
# What agents look for in these places and nowhere else: it lies among the user's own.
SHARED = (".claude/skills", ".claude/commands")
WORKFLOWS = {"github": ".github/workflows/claudetools.yml", "gitea": ".gitea/workflows/claudetools.yml"}
ARCHIVE = re.compile(r"\.claude/" + re.escape(name_of("VERSION")).replace("VERSION", r"[0-9A-Za-z.+-]+"))
# 0.1.0 lay in a folder of its own, with this record in it. What was started then goes on looking for these two.
OLD_RECORD = f"{OLD_HOME}/manifest.json"
FORWARDS = {
    f"{OLD_HOME}/{n}": f"hooks/forward/{n.rpartition('/')[2]}" for n in ("hooks/agent/run.sh", "scripts/schedule.sh")
}


def files_of(
    toolkit: Path, archive: Archive | None, servers: Iterable[str] = (), forward: bool = False
) -> dict[str, Item]:
    """Every file of ours, by its path there, in the order in which they are put there: each finds what it starts.

    `archive` None leaves that out. `servers` are the keys of WORKFLOWS that it is to have.
    """
    found = {f".claude/{archive.name}": Item(archive.data, False)} if archive else {}
    found |= {name: item_of(toolkit / name) for name in SHIMS}
    for folder in SHARED:
        found |= {name: item_of(toolkit / name) for name in names_in(toolkit, folder)}
    found |= {WORKFLOWS[name]: item_of(toolkit / f"hooks/ci/{name}.yml") for name in servers}
    return found | ({path: item_of(toolkit / name) for path, name in FORWARDS.items()} if forward else {})


def is_ours(path: str) -> bool:
    """Whether a path may be a file of ours, of this version or another, whatever a record says."""
    return path in (*SHIMS, *WORKFLOWS.values()) or ARCHIVE.fullmatch(path) is not None


def is_pinned(toolkit: Path, place: Repository) -> bool:
    """Whether the toolkit that runs is the one that was unpacked for this repository."""
    return toolkit.resolve().parent == (place.state / "toolkit").resolve()
