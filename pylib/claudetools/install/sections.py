"""Our lines in text files of the user's."""

from __future__ import annotations

import os
from pathlib import Path

from claudetools.install import text
from claudetools.install.place import SETUP, NotInstallable, Repository
from claudetools.install.plan import Plan
from claudetools.install.record import KnownKeys
from claudetools.install.steps import FoundFile, look, put_text
from claudetools.install.text import Addition, TextSection

SECTIONS = (text.GITIGNORE, text.GITATTRIBUTES, text.AGENTS, text.CLAUDE)


def file_of(place: Repository, section: TextSection) -> Path | None:
    """The file to edit: what a link of the user's leads to, None when that is outside of the repository."""
    path = place.top / section.name
    if not path.is_symlink():
        if path.exists() and not path.is_file():
            raise NotInstallable(SETUP, f"{section.name} is no file.", "Rename it, then install again.")
        return path
    if section.marks != text.HTML_MARKS:
        raise NotInstallable(
            SETUP,
            f"{section.name} is a symbolic link, which git does not read.",
            "Make a file of it, then install again.",
        )
    real, top = os.path.realpath(path), os.path.realpath(place.top)
    return Path(real) if real.startswith(top + os.sep) else None


def is_same_file(place: Repository, section: TextSection) -> bool:
    """CLAUDE.md and AGENTS.md may be one file under two names: then it has our text once."""
    one, other = file_of(place, text.AGENTS), file_of(place, text.CLAUDE)
    return section is text.CLAUDE and one is not None and one == other


def addition_in(known: KnownKeys, section: TextSection, data: bytes) -> Addition | None:
    """What we have put into a file: of a run that was killed, what was there before or what it wanted."""
    said = [added for added in (known.additions.get(section.name), known.coming.get(section.name)) if added]
    return next((added for added in said if added.text in text.plain(data)), said[0] if said else None)


def plan_section(
    plan: Plan, place: Repository, known: KnownKeys, additions: dict[str, Addition], section: TextSection
) -> None:
    """Our lines in a file of the user's."""
    path = file_of(place, section)
    if path is None:
        plan.warnings.append(
            f"{section.name} is a link out of this repository and was left alone. It should say: {section.lines[0]}"
        )
        return
    if is_same_file(place, section):
        return
    found = look(path)
    before = found.data if found.kind == "file" else None
    try:
        after, added = text.with_section(before, section, addition_in(known, section, before or b""))
    except text.Edited:
        plan.warnings.append(f"{section.name}: the text between our marks was edited by hand; it was left as it is.")
        return
    except text.UnreadableText:
        raise NotInstallable(
            SETUP, f"{section.name} is not UTF-8 text (UTF-16?).", "Save it as UTF-8, then install again."
        ) from None
    if added is not None:
        additions[section.name] = added
    if after != (before or b""):
        plan.lines[section.name] = len(after.splitlines()) - len((before or b"").splitlines())
        plan.step(f"text {section.name}", put_text, path, after, found)


def section_without(
    place: Repository, known: KnownKeys, section: TextSection, changed: list[str]
) -> tuple[Path | None, bytes | None, FoundFile]:
    """The file without our lines, no path when there is nothing to do. Names it in `changed` when it was edited."""
    found = FoundFile("absent")
    path = file_of(place, section)
    if path is None or is_same_file(place, section) or (found := look(path)).kind != "file":
        return None, None, found
    try:
        after = text.without_section(found.data, section, addition_in(known, section, found.data))
    except text.Edited:
        changed.append(f"{section.name}, between our marks")
        return None, None, found
    return (None if after == found.data else path), after, found
