"""What changes where, as the rows of a table."""

from __future__ import annotations

import os
import time

from claudetools.install import agent_settings
from claudetools.install.place import HOME_OF_OURS, show
from claudetools.install.plan import Plan
from claudetools.install.record import Kept
from claudetools.install.steps import Found
from claudetools.install.toolkit import SHARED, SHIMS, WORKFLOWS
from claudetools.text import counted


def rows_of(plan: Plan) -> list[tuple[str, str]]:
    """What changes where, for installing and for leaving."""
    notes = {k.path: kept_note(k, f) for k, f in plan.kept}
    rows = [*rows_of_house(plan, notes), *rows_of_shims(plan, notes), *rows_of_shared(plan, notes)]
    if plan.agent:
        rows.append((agent_settings.NAME, plan.agent))
    if plan.lines:
        amounts = ", ".join(f"{'+' if n >= 0 else '-'} {counted(abs(n), 'line')}" for n in plan.lines.values())
        rows.append((" ".join(plan.lines), amounts))
    rows += plan.hooks.items()
    if plan.settings:
        unset = "" if "=" not in plan.settings[0] else " (was unset)" if len(plan.settings) == 1 else " (were unset)"
        rows.append((".git/config", ", ".join(plan.settings) + unset))
    return rows


def rows_of_house(plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """Our own folder in one row, and whatever of the user's own was in it. Takes those out of `notes`."""
    new, changed, removed, back = (
        [p for p in paths if p.startswith(HOME_OF_OURS)]
        for paths in (plan.added, plan.updated, plan.removed, plan.restored)
    )
    named = (new, "new"), (changed, "changed"), (removed, "removed"), (back, "yours again")
    words = [f"{len(paths)} {word}" for paths, word in named if paths]
    if len(words) == 1 and new:
        words = [f"{counted(len(new), 'file')}, ours alone"]
    elif len(words) == 1 and removed:
        words = [f"{counted(len(removed), 'file')} removed"]
    rows = [(f"{HOME_OF_OURS}/", ", ".join(words))] if words else []
    return rows + [(path, notes.pop(path)) for path in new + changed + removed + back if path in notes]


def rows_of_shims(plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """The files at the places where the user's calls look for them."""
    rows = []
    for path in SHIMS:
        for paths, word in (
            (plan.added, "shim"),
            (plan.updated, "shim"),
            (plan.removed, "removed"),
            (plan.restored, "yours again"),
        ):
            if path in paths:
                rows.append((path, word + (f"; {notes[path]}" if path in notes else "")))
    return rows


def rows_of_shared(plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """Skills and commands by their names, and whatever of the user's own was in their way."""
    rows = []
    for folder in SHARED:
        words = []
        for paths, word in (
            (sorted(plan.added + plan.updated), ""),
            (sorted(plan.removed), " removed"),
            (sorted(plan.restored), " yours again"),
        ):
            names = [p.removeprefix(f"{folder}/").split("/")[0].removesuffix(".md") for p in paths if is_in(p, folder)]
            if names:
                words.append(", ".join(dict.fromkeys(names)) + word)
        if words:
            rows.append((f"{folder}/", "; ".join(words)))
        rows += [(show(path), notes[path]) for path in notes if is_in(path, folder)]
    for path in WORKFLOWS.values():
        for paths, word in (
            (plan.added + plan.updated, "the same rules on the server"),
            (plan.removed, "removed"),
            (plan.restored, "yours again"),
        ):
            note = f"; {notes[path]}" if path in notes else ""
            rows += [(path, word + note)] if path in paths else []
    return rows


def is_in(path: str, folder: str) -> bool:
    """Whether a path lies below a folder."""
    return path.startswith(f"{folder}/")


def kept_note(entry: Kept, found: Found) -> str:
    """Whose file it was, and where it is now."""
    if found.kind == "link":
        about = f"a link to {show(os.fsdecode(found.data))}"
    else:
        day = time.strftime("%Y-%m-%d", time.localtime(found.mtime))
        lines = found.data.count(b"\n")
        about = f"{day}, {counted(lines, 'line')}"
    whose = "yours" if entry.whose == "yours" else "ours, changed here"
    return f"{whose} ({about}) is kept as {show(entry.kept_as)}"


def table(rows: list[tuple[str, str]]) -> list[str]:
    """Two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name.ljust(width)}   {note}" for name, note in rows]
