"""What changes where, as the rows of a table."""

from __future__ import annotations

import os
import time

from claudetools.core.messages import counted
from claudetools.install import agent_settings, pin
from claudetools.install.place import OLD_HOME, show
from claudetools.install.plan import Plan
from claudetools.install.record import Kept
from claudetools.install.steps import FoundFile
from claudetools.install.toolkit import ARCHIVE, SHARED, SHIMS, START, WORKFLOWS


def rows_of(plan: Plan) -> list[tuple[str, str]]:
    """What changes where, for installing and for leaving."""
    notes = {k.path: kept_note(k, f) for k, f in plan.kept}
    rows = [
        *rows_of_archive(plan),
        *rows_of_shims(plan, notes),
        *rows_of_shared(plan, notes),
        *rows_of_0_1(plan, notes),
    ]
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


def words_for(plan: Plan, path: str, word: str) -> str:
    """`word`, or what becomes of the file."""
    for paths, said in ((plan.removed, "removed"), (plan.restored, "yours again"), (plan.added + plan.updated, word)):
        if path in paths:
            return said
    return ""


def rows_of_archive(plan: Plan) -> list[tuple[str, str]]:
    """All of claudetools in one file, and what says which one."""
    archives = [path for path in (*plan.added, *plan.updated, *plan.removed) if ARCHIVE.fullmatch(path)]
    rows = [(path, words_for(plan, path, "claudetools itself")) for path in archives]
    word = words_for(plan, pin.NAME, "its version and sum; your team's settings go here")
    return [*rows, (pin.NAME, word)] if word else rows


def rows_of_0_1(plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """The folder in which version 0.1.0 lay, in one row, and what people have changed in it."""
    gone, stay = (
        [path for path in paths if is_in(path, OLD_HOME)] for paths in (plan.removed, plan.added + plan.updated)
    )
    words = [f"{counted(len(gone), 'file')} removed"] if gone else []
    words += [f"{counted(len(stay), 'file')} for what was started before"] if stay else []
    rows = [(f"{OLD_HOME}/", "; ".join(words))] if words else []
    return rows + [(path, notes[path]) for path in gone + stay if path in notes]


def rows_of_shims(plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """The files at the places where the user's calls look for them."""
    words = {path: words_for(plan, path, "shim" if path != START else "unpacks and starts it") for path in SHIMS}
    return [(path, word + (f"; {notes[path]}" if path in notes else "")) for path, word in words.items() if word]


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


def kept_note(entry: Kept, found: FoundFile) -> str:
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
