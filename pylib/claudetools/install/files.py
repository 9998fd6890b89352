"""The files of ours: written, removed, and what is in their way kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from claudetools.install import agent_settings, pin
from claudetools.install.archive import Item
from claudetools.install.clone import HOOKS
from claudetools.install.place import KEPT, NEW, SETUP, NotInstallable, Repository, refuse_links
from claudetools.install.plan import Plan
from claudetools.install.record import RECORD, STATE_FILES, Kept, KnownKeys
from claudetools.install.sections import SECTIONS
from claudetools.install.steps import FoundFile, keep, look, put, remove
from claudetools.install.toolkit import ARCHIVE


def plan_file(plan: Plan, place: Repository, known: KnownKeys, kept: list[Kept], path: str, item: Item) -> None:
    """One file of ours: written unless it is there. What is in its way is kept."""
    refuse_links(place.top, path)
    found = look(place.top / path)
    if found.kind == "other":
        raise NotInstallable(
            SETUP, f"{path} is a folder, and claudetools needs a file there.", "Rename it, then install again."
        )
    if found.kind == "file" and found.data == item.data:
        # The user may have it by another way: then it has to be there afterwards too.
        if path not in known.files and not ARCHIVE.fullmatch(path):
            plan_keep(plan, place, known, kept, path, found)
        if found.executable == item.executable or os.name != "posix":
            return
        plan.updated.append(path)
    elif found.kind == "absent":
        plan.added.append(path)
    else:
        plan.updated.append(path)
        if found.digest not in known.files.get(path, ()):
            plan_keep(plan, place, known, kept, path, found)
    plan.step(f"write {path}", put, place.top, path, item.data, item.executable, found)


def plan_removal(plan: Plan, place: Repository, known: KnownKeys, kept: list[Kept], path: str) -> None:
    """A file of an older version that this one does not have any more."""
    found = look(place.top / path)
    if found.kind in ("absent", "other"):
        return
    refuse_links(place.top, path)
    if found.digest not in known.files[path]:
        plan_keep(plan, place, known, kept, path, found)
    plan.removed.append(path)
    plan.step(f"remove {path}", remove, place.top, path, found)


def plan_keep(plan: Plan, place: Repository, known: KnownKeys, kept: list[Kept], path: str, found: FoundFile) -> None:
    """A copy that stays. One that a killed run made already is good; any other name that is taken is left alone."""
    earlier = [k for k in known.kept if k.path == path]
    yours = path not in known.files or any(k.whose == "yours" and k.digest == found.digest for k in earlier)
    stem = f"{KEPT}/{path.removeprefix('.claude/')}"
    names = (stem if n == 1 else f"{stem}.{n}" for n in range(1, 10_000))
    for name in names:
        refuse_links(place.top, name)
        there = look(place.top / name)
        if there.kind == "absent" or (there.digest == found.digest and any(k.kept_as == name for k in earlier)):
            break
    entry = Kept(path, name, "yours" if yours else "changed", found.digest)
    if entry not in kept:
        kept.append(entry)
    plan.kept.append((entry, found))
    if there.kind == "absent":
        plan.step(f"keep {path}", keep, place.top, path, name, found)


def plan_sweep(plan: Plan, place: Repository, known: KnownKeys, wanted: dict[str, Item]) -> None:
    """What a killed run had not renamed yet."""
    kept = [f"{KEPT}/{path.removeprefix('.claude/')}" for path in (*wanted, *known.files)]
    names = [*wanted, *known.files, *kept, *(k.kept_as for k in known.kept), *(s.name for s in SECTIONS), RECORD]
    names += [agent_settings.NAME, pin.NAME]
    paths = [place.top / name for name in dict.fromkeys(names)]
    paths += [place.hooks / name for name in HOOKS] if place.hooks_are == "ours" else []
    paths += [place.common / "config", place.common / "info" / "exclude"]
    paths += [place.state / name for name in STATE_FILES]
    for path in paths:
        new = path.with_name(path.name + NEW)
        if os.path.lexists(new):
            plan.step(f"sweep {new.name}", new.unlink, True)


def walk(top: Path, folder: str) -> Iterator[str]:
    """Every file below a folder, caches of Python aside."""
    for path in sorted((top / folder).rglob("*")):
        if "__pycache__" not in path.parts and (path.is_symlink() or not path.is_dir()):
            yield path.relative_to(top).as_posix()
