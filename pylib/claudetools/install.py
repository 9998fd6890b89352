"""Putting claudetools into a repository, bringing it up to date, and taking it out again.

What travels with the repository is written down in `.claude/claudetools/manifest.json`, what belongs to this clone
alone (hook, settings) in `<git common dir>/claudetools/installed.json`. A file that neither of them knows is the
user's: it is kept. A change is planned first, then done step by step; before the first step the second record says
what is about to be ours, so that a run that was killed is completed, or taken back, by the next one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from claudetools import install_text as text
from claudetools.checkpoint import checkpoint
from claudetools.install_place import (
    CANNOT_CREATE,
    HELD,
    HOME_OF_OURS,
    KEPT,
    NEW,
    SETUP,
    USAGE,
    Found,
    Place,
    Refused,
    digest_of,
    keep,
    keep_hook,
    local_settings,
    look,
    old_bare_logs,
    open_place,
    prune,
    put,
    put_text,
    put_whole,
    refuse_links,
    remove,
    restore,
    run_git,
    show,
    unhook,
)
from claudetools.install_text import Addition, Section

FORMAT = 1
MANIFEST = f"{HOME_OF_OURS}/manifest.json"
SHIMS = (".claude/scripts/sync.sh", ".claude/scripts/whoami-block.sh")
FOLDERS = ("scripts", "pylib/claudetools", "hooks")
NOT_COPIED = ("scripts/demo.sh",)
SECTIONS = (text.GITIGNORE, text.GITATTRIBUTES, text.AGENTS, text.CLAUDE)
HOOKS = ("pre-commit",)
SHIM_MARK = b"# Installed by claudetools"
SETTINGS = {"pull.ff": "only", "merge.autoStash": "false", "rebase.autoStash": "false"}
STATE_FILES = ("config.before", "config.edited", "installed.json")
# A user's "lib/" or "*.sh" must not keep a part of ours out of the commit.
OWN_IGNORE = b"!*\n__pycache__/\n"


@dataclass(frozen=True)
class Item:
    """One file as this version has it."""

    data: bytes
    executable: bool


@dataclass(frozen=True)
class Kept:
    """A file that was in our way. `whose`: "yours", or "changed" when it was ours before somebody edited it."""

    path: str
    kept_as: str
    whose: str
    digest: str


@dataclass
class Known:
    """What earlier runs wrote down: both records, and the intention of a run that did not end."""

    version: str = ""
    installed: bool = False
    files: dict[str, set[str]] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    additions: dict[str, Addition] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """The steps, and what they mean for the user."""

    version: str
    was: str = ""
    steps: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    kept: list[tuple[Kept, Found]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    hooks: dict[str, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    local: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str, do: Callable[..., None], *args: Any) -> None:
        """One more thing to do."""
        self.steps.append((name, partial(do, *args)))


# --- what this version consists of ----------------------------------------------


def files_of(toolkit: Path) -> dict[str, Item]:
    """Everything that a repository gets, by its path there."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((toolkit / folder).rglob("*")):
            name = path.relative_to(toolkit).as_posix()
            cruft = "__pycache__" in path.parts or path.name.startswith(".") or path.name.endswith(("~", ".pyc", NEW))
            if path.is_file() and not path.is_symlink() and not cruft and name not in NOT_COPIED:
                found[f"{HOME_OF_OURS}/{name}"] = item_of(path)
    if (toolkit / "LICENSE").is_file():
        found[f"{HOME_OF_OURS}/LICENSE"] = item_of(toolkit / "LICENSE")
    found[f"{HOME_OF_OURS}/.gitignore"] = Item(OWN_IGNORE, False)
    for name in SHIMS:  # last: from then on the rest is called
        found[name] = item_of(toolkit / name)
    return found


def item_of(path: Path) -> Item:
    """A file of the toolkit, with LF also where a checkout made CRLF of it."""
    data = path.read_bytes().replace(b"\r\n", b"\n")
    return Item(data, bool(path.stat().st_mode & 0o100) if os.name == "posix" else data.startswith(b"#!"))


def version_of(toolkit: Path) -> str:
    """The version in pyproject.toml."""
    match = re.search(r'(?m)^version = "([^"]+)"', (toolkit / "pyproject.toml").read_text("utf-8"))
    if match is None:
        raise Refused(SETUP, f"{show(toolkit / 'pyproject.toml')} names no version.")
    return match[1]


# --- what is known from before -----------------------------------------------------


def read_known(place: Place, state_format: str) -> Known:
    """Both records. Refused when one cannot be trusted, or belongs to a newer version."""
    refuse_links(place.top, MANIFEST)
    with suppress(FileNotFoundError):
        there = (place.state / "format").read_text().strip()
        if there and there != state_format:
            raise Refused(
                SETUP,
                f"This repository's state is in format {show(there)}, this version knows {state_format}.",
                "Use the claudetools that this repository has, or a newer one.",
            )
    known = Known()
    manifest = read_record(place.top / MANIFEST, f"git checkout HEAD -- {MANIFEST}")
    if manifest is not None:
        known.installed, known.version = True, str(manifest.get("version", ""))
        learn(known, manifest)
    known.local = read_record(place.state / "installed.json", "remove it, then install again") or {}
    learn(known, known.local.get("pending") or {})
    known.kept = [k for n, k in enumerate(known.kept) if k not in known.kept[:n]]
    return known


def read_record(path: Path, remedy: str) -> dict[str, Any] | None:
    """A JSON object, None when there is no file."""
    found = look(path)
    if found.kind == "absent":
        return None
    try:
        data = json.loads(found.data)
        if not isinstance(data, dict):
            raise ValueError("no object")
    except ValueError as error:
        raise Refused(SETUP, f"{show(path)} cannot be read ({error}).", f"Take it back: {remedy}") from error
    if data.get("format") != FORMAT:
        raise Refused(
            SETUP,
            f"{show(path)} was written by another version (format {data.get('format')!r}).",
            "Use that version, or a newer one.",
        )
    return data


def learn(known: Known, record: dict[str, Any]) -> None:
    """Adds what a record says. It may come from another person: no path in it leads out of our places."""
    try:
        for path, digests in record.get("files", {}).items():
            if path not in SHIMS and not is_plain(path, HOME_OF_OURS):
                raise ValueError(path)
            known.files.setdefault(path, set()).update([digests] if isinstance(digests, str) else digests)
        for entry in record.get("kept", []):
            kept = Kept(**entry)
            if not is_plain(kept.path, ".claude") or not is_plain(kept.kept_as, KEPT):
                raise ValueError(kept.path)
            known.kept.append(kept)
        for name, entry in record.get("additions", {}).items():
            known.additions[name] = Addition(**entry)
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(
            SETUP,
            f"{MANIFEST} is not as claudetools writes it ({show(error)}).",
            f"Nothing was changed. Take it back: git checkout HEAD -- {MANIFEST}",
        ) from error


def is_plain(path: str, folder: str) -> bool:
    """A path below `folder`, without a way out of it."""
    parts = path.split("/")
    return path.startswith(folder + "/") and not {"", ".", ".."} & set(parts) and "\\" not in path and "\0" not in path


# --- planning an installation ----------------------------------------------------------


def plan_install(place: Place, toolkit: Path, known: Known) -> Plan:
    """What has to be done so that the repository has this version. Empty steps: nothing."""
    if is_inside(toolkit, place):
        return plan_own_clone(place, toolkit, known)
    wanted = files_of(toolkit)
    plan = Plan(version_of(toolkit), known.version)
    plan_sweep(plan, place, known, wanted)
    kept = [k for k in known.kept if look(place.top / k.kept_as).kind != "absent"]
    for path, item in wanted.items():
        plan_file(plan, place, known, kept, path, item)
    for path in sorted(set(known.files) - set(wanted)):
        plan_removal(plan, place, known, kept, path)
    plan.step("folders", prune, place.top)
    additions = dict(known.additions)
    for section in SECTIONS:
        plan_section(plan, place, additions, section)
    hashes = {path: digest_of(item.data) for path, item in sorted(wanted.items())}
    manifest = {
        "format": FORMAT,
        "version": plan.version,
        "files": hashes,
        "additions": {name: asdict(a) for name, a in sorted(additions.items())},
        "kept": [asdict(k) for k in sorted(kept, key=lambda k: k.path)],
    }
    data = as_json(manifest)
    plan_clone(plan, place, toolkit, known)
    if look(place.top / MANIFEST).data != data:
        plan.step("manifest", put, place.top, MANIFEST, data, False)
    either = {path: sorted(digests) for path, digests in known.files.items()}
    either |= {path: sorted(known.files.get(path, set()) | {new}) for path, new in hashes.items()}
    warn_of_ignored(plan, place)
    return finish_plan(plan, place, known, {**manifest, "files": either})


def finish_plan(plan: Plan, place: Place, known: Known, pending: dict[str, Any]) -> Plan:
    """The intention before the first step, the record after the last one. Nothing to do when nothing changes."""
    plan.pending = pending
    if all(name == "folders" for name, _ in plan.steps) and plan.local == known.local:
        plan.steps.clear()
        return plan
    plan.steps.insert(0, ("intention", partial(write_local, place, plan)))
    plan.step("record", write_final, place, plan)
    return plan


def warn_of_ignored(plan: Plan, place: Place) -> None:
    """What git ignores does not travel. Below our own folder a file of ours says that nothing is."""
    for path in (f"{HOME_OF_OURS}/", SHIMS[0]):
        if run_git(place.top, "check-ignore", "-q", "--no-index", path, ok=(0, 1))[0] == 0:
            rule = run_git(place.top, "check-ignore", "-v", "--no-index", path)[1].split("\t")[0]
            plan.warnings.append(
                f"git ignores {path} ({show(rule)}): it stays on this machine. To have it travel, change that line."
            )


def is_inside(toolkit: Path, place: Place) -> bool:
    """Whether the toolkit that runs is the copy in this very repository."""
    ours = place.top / HOME_OF_OURS
    return ours.is_dir() and os.path.samefile(toolkit, ours)


def plan_own_clone(place: Place, toolkit: Path, known: Known) -> Plan:
    """The copy in the repository has nothing to copy from: it looks after this clone, and names what is damaged."""
    if not known.installed:
        raise Refused(
            SETUP,
            f"{MANIFEST} is missing; this copy cannot tell what belongs to it.",
            f"Take it back: git checkout HEAD -- {MANIFEST}, or install from a claudetools folder.",
        )
    plan = Plan(known.version, known.version)
    for path, digests in sorted(known.files.items()):
        found = look(place.top / path)
        if found.digest not in digests:
            plan.damaged.append(f"{path} is missing" if found.kind == "absent" else f"{path} was changed")
    if known.local.get("pending"):
        raise Refused(
            HELD,
            "An installation was interrupted here.",
            "Finish it: run install.sh of the claudetools folder that it came from. Or take it back: --uninstall",
        )
    plan_clone(plan, place, toolkit, known)
    return finish_plan(plan, place, known, {})


def plan_clone(plan: Plan, place: Place, toolkit: Path, known: Known) -> None:
    """What is not committed: the hook and git's settings."""
    plan.local = {"format": FORMAT, "hooks": {}, "config": {}, **known.local}
    plan.local = {k: dict(v) if isinstance(v, dict) else v for k, v in plan.local.items() if k != "pending"}
    for name in HOOKS:
        plan_hook(plan, place, toolkit, name)
    plan_settings(plan, place)


def plan_file(plan: Plan, place: Place, known: Known, kept: list[Kept], path: str, item: Item) -> None:
    """One file of ours: written unless it is there. What is in its way is kept."""
    refuse_links(place.top, path)
    found = look(place.top / path)
    if found.kind == "other":
        raise Refused(
            SETUP, f"{path} is a folder, and claudetools needs a file there.", "Rename it, then install again."
        )
    if found.kind == "file" and found.data == item.data:
        if (
            path in SHIMS and path not in known.files
        ):  # the user has it from us by another way: to be there afterwards too
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


def plan_removal(plan: Plan, place: Place, known: Known, kept: list[Kept], path: str) -> None:
    """A file of an older version that this one does not have any more."""
    found = look(place.top / path)
    if found.kind in ("absent", "other"):
        return
    refuse_links(place.top, path)
    if found.digest not in known.files[path]:
        plan_keep(plan, place, known, kept, path, found)
    plan.removed.append(path)
    plan.step(f"remove {path}", remove, place.top, path, found)


def plan_keep(plan: Plan, place: Place, known: Known, kept: list[Kept], path: str, found: Found) -> None:
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


def plan_sweep(plan: Plan, place: Place, known: Known, wanted: dict[str, Item]) -> None:
    """What a killed run had not renamed yet."""
    kept = [f"{KEPT}/{path.removeprefix('.claude/')}" for path in (*wanted, *known.files)]
    names = [*wanted, *known.files, *kept, *(k.kept_as for k in known.kept), *(s.name for s in SECTIONS), MANIFEST]
    paths = [place.top / name for name in dict.fromkeys(names)]
    paths += [place.hooks / name for name in HOOKS] if place.hooks_are == "ours" else []
    paths += [place.common / "config", place.common / "info" / "exclude"]
    paths += [place.state / name for name in STATE_FILES]
    for path in paths:
        new = path.with_name(path.name + NEW)
        if os.path.lexists(new):
            plan.step(f"sweep {new.name}", new.unlink, True)


# --- text files, hooks, settings ---------------------------------------------------------


def file_of(place: Place, section: Section) -> Path | None:
    """The file to edit: what a link of the user's leads to, None when that is outside of the repository."""
    path = place.top / section.name
    if not path.is_symlink():
        if path.exists() and not path.is_file():
            raise Refused(SETUP, f"{section.name} is no file.", "Rename it, then install again.")
        return path
    if section.marks != text.HTML_MARKS:
        raise Refused(
            SETUP,
            f"{section.name} is a symbolic link, which git does not read.",
            "Make a file of it, then install again.",
        )
    real, top = os.path.realpath(path), os.path.realpath(place.top)
    return Path(real) if real.startswith(top + os.sep) else None


def is_same_file(place: Place, section: Section) -> bool:
    """CLAUDE.md and AGENTS.md may be one file under two names: then it has our text once."""
    one, other = file_of(place, text.AGENTS), file_of(place, text.CLAUDE)
    return section is text.CLAUDE and one is not None and one == other


def plan_section(plan: Plan, place: Place, additions: dict[str, Addition], section: Section) -> None:
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
        after, added = text.with_section(before, section, additions.get(section.name))
    except text.Edited:
        plan.warnings.append(f"{section.name}: the text between our marks was edited by hand; it was left as it is.")
        return
    except text.Unreadable:
        raise Refused(
            SETUP, f"{section.name} is not UTF-8 text (UTF-16?).", "Save it as UTF-8, then install again."
        ) from None
    if added is not None:
        additions[section.name] = added
    if after != (before or b""):
        plan.lines[section.name] = len(after.splitlines()) - len((before or b"").splitlines())
        plan.step(f"text {section.name}", put_text, path, after, found)


def plan_hook(plan: Plan, place: Place, toolkit: Path, name: str) -> None:
    """Our shim as git's hook; what was there before stays beside it and runs as well."""
    call = f"{HOME_OF_OURS}/hooks/git/{name}"
    if place.hooks_are != "ours":
        if place.hooks_are == "off":
            plan.warnings.append(
                f"git's hooks are switched off here (core.hooksPath={show(place.hooks)}): {name} was left out."
            )
            return
        # husky generates its folder; the file to edit lies above it.
        at = place.hooks.parent / name if place.hooks.name == "_" else place.hooks / name
        if call.encode() not in look(at).data:
            where = show_hook(place, at)
            plan.warnings.append(
                f"core.hooksPath is yours, so no hook was installed. To run the rules, add to {where}: "
                f"[ ! -x {call} ] || {call} || exit 1"
            )
        return
    shim = (toolkit / "hooks" / "git" / "shim").read_bytes().replace(b"\r\n", b"\n")
    hook, before = place.hooks / name, place.hooks / (name + ".before")
    found, other = look(hook), look(before)
    shown_name = show_hook(place, place.hooks / name)
    if found.kind == "other":
        raise Refused(SETUP, f"{shown_name} is a folder.", "Rename it, then install again.")
    if is_shim(found):
        if found.data == shim and found.executable:
            return
        plan.hooks[shown_name] = "calls ours" + (", then yours" if other.kind != "absent" else "")
    elif found.kind == "absent":
        plan.hooks[shown_name] = "calls ours" + (", then yours" if other.kind != "absent" else "")
        plan.local["hooks"].setdefault(name, {"before": False})
    else:
        if other.kind != "absent" and other.digest != found.digest:
            plan.warnings.append(
                f"{shown_name} and {shown_name}.before are both yours, so no hook was installed. "
                "Make one of them, then install again."
            )
            return
        plan.hooks[shown_name] = f"calls ours, then yours (kept as {name}.before)"
        plan.local["hooks"][name] = {"before": True}
        plan.step(f"keep hook {name}", keep_hook, hook, before)
    if not place.hooks.is_dir():
        plan.local["hooks_made"] = True
    plan.step(f"hook {name}", put_whole, hook, shim, 0o755, found)


def is_shim(found: Found) -> bool:
    """Whether a hook is ours: of this version or of another."""
    return found.data.split(b"\n")[1:2] != [] and found.data.split(b"\n")[1].startswith(SHIM_MARK)


def show_hook(place: Place, path: Path) -> str:
    """A hook as the user would name it."""
    return show(path.relative_to(place.top)) if path.is_relative_to(place.top) else show(path)


def plan_settings(plan: Plan, place: Place) -> None:
    """Plain git shall not stash or merge what others are writing. Only what nobody has set in this repository."""
    wanted = {}
    mine = local_settings(place)
    for key, value in SETTINGS.items():
        there = mine.get(key.lower())
        if there is None:
            wanted[key] = value
            plan.settings.append(f"{key}={value} (was unset)")
        elif "autoStash" in key and there.lower() in ("true", "yes", "on", "1"):
            plan.warnings.append(
                f"{key} is {there} here: a plain git pull stashes, and loses, what others write at that moment. "
                f"Better: git config {key} false"
            )
    if wanted:
        plan.local["config"].update(wanted)
        plan.step("settings", set_settings, place, wanted, plan)


# --- planning the way out ------------------------------------------------------------------


def plan_uninstall(place: Place, known: Known) -> Plan:
    """What was there before comes back. Refused as a whole when something of ours was changed by hand."""
    plan = Plan(known.version, known.version)
    plan_sweep(plan, place, known, {})
    if not known.installed and not known.local and not known.files:
        if plan.steps:
            plan.step("record", forget_local, place)
        return plan
    refuse_unfinished(place)
    changed = [path for path in sorted(known.files) if is_changed(place, known, path)]
    sections = [(s, *section_without(place, known, s, changed)) for s in SECTIONS]
    if changed:
        raise Refused(
            HELD,
            "What is ours was changed here since. Nothing was removed.",
            *(f"{c}" for c in changed),
            "Put your version of each aside (in a text file: take our marked block out), then run this again.",
        )
    for name in HOOKS:
        plan_unhook(plan, place, known, name)
    plan_unset(plan, place, known)
    for section, file, after, found in sections:
        if file is not None:
            plan.lines[section.name] = len((after or b"").splitlines()) - len(found.data.splitlines())
            plan.step(f"text {section.name}", put_text, file, after, found)
    back = {k.path: k for k in known.kept if k.whose == "yours" and look(place.top / k.kept_as).kind != "absent"}
    for path in sorted({*known.files, *back}, key=lambda p: p in SHIMS):
        found = look(place.top / path)
        if path in back and (found.kind == "absent" or path in known.files):
            plan.restored.append(path)
            plan.step(f"restore {path}", restore, place.top, path, back[path].kept_as, found)
        elif found.kind != "absent" and found.digest in known.files.get(path, ()):
            plan.removed.append(path)
            plan.step(f"remove {path}", remove, place.top, path, found)
    plan.step("ignore identity", ignore_what_stays, place)
    manifest = look(place.top / MANIFEST)
    if manifest.kind != "absent":
        plan.step("manifest", remove, place.top, MANIFEST, manifest)
    plan.step("folders", prune, place.top)
    plan.step("record", forget_local, place)
    plan.local = known.local
    plan.pending = {
        "files": {path: sorted(digests) for path, digests in known.files.items()},
        "kept": [asdict(k) for k in known.kept],
        "additions": {name: asdict(a) for name, a in known.additions.items()},
    }
    plan.steps.insert(0, ("intention", partial(write_local, place, plan)))
    plan.stays = what_stays(place, known, plan)
    return plan


def refuse_unfinished(place: Place) -> None:
    """Only a sync can finish what a killed sync began."""
    if any(True for _ in place.state.glob("trees/*/journal")):
        raise Refused(
            HELD, "A receive is unfinished here. Nothing was removed.", "Finish it: bash .claude/scripts/sync.sh"
        )


def is_changed(place: Place, known: Known, path: str) -> bool:
    """Neither ours nor gone, and not what the user had here before (an uninstall that was killed brought it back)."""
    found = look(place.top / path)
    ours = known.files[path] | {k.digest for k in known.kept if k.path == path and k.whose == "yours"}
    return found.kind != "absent" and found.digest not in ours


def section_without(
    place: Place, known: Known, section: Section, changed: list[str]
) -> tuple[Path | None, bytes | None, Found]:
    """The file without our lines, no path when there is nothing to do. Names it in `changed` when it was edited."""
    found = Found("absent")
    path = file_of(place, section)
    if path is None or is_same_file(place, section) or (found := look(path)).kind != "file":
        return None, None, found
    try:
        after = text.without_section(found.data, section, known.additions.get(section.name))
    except text.Edited:
        changed.append(f"{section.name}, between our marks")
        return None, None, found
    return (None if after == found.data else path), after, found


def plan_unhook(plan: Plan, place: Place, known: Known, name: str) -> None:
    """The hook that was there before takes its place again."""
    if place.hooks_are != "ours":
        return
    hook, before = place.hooks / name, place.hooks / (name + ".before")
    found, other = look(hook), look(before)
    entry = known.local.get("hooks", {}).get(name)
    shown_name = show_hook(place, place.hooks / name)
    if is_shim(found):
        had_one = other.kind != "absent" and (entry is None or entry.get("before", False))
        plan.hooks[shown_name] = "yours again" if had_one else "removed"
        plan.step(f"unhook {name}", unhook, hook, before if had_one else None, known.local.get("hooks_made", False))
    elif entry and entry.get("before") and other.kind != "absent":
        if other.digest == found.digest:
            plan.step(f"unhook {name}", os.unlink, before)
        else:
            plan.stays.append(f"{shown_name}.before: your earlier hook ({shown_name} is not ours any more)")


def plan_unset(plan: Plan, place: Place, known: Known) -> None:
    """git's settings: what we set, as long as it is as we set it."""
    now, recorded = local_settings(place), known.local.get("config", {})
    ours = {k: v for k, v in recorded.items() if k in SETTINGS and now.get(k.lower()) == v}
    if ours:
        plan.settings = [f"{key} unset" for key in ours]
        plan.step("settings", unset_settings, place, ours, known.local.get("config_after", ""))


def what_stays(place: Place, known: Known, plan: Plan) -> list[str]:
    """What is the user's, though claudetools had to do with it."""
    stays = list(plan.stays)
    if look(place.top / ".claude/identity.json").kind != "absent":
        stays.append(".claude/identity.json: who works here; git goes on ignoring it in this clone")
    logs = run_git(place.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md")[1]
    count = len({name for name in logs.split("\0") if "/session-logs/" in f"/{name}"})
    if count:
        stays.append(f"{counted(count, 'session log')}")
    gone = {k.kept_as for k in known.kept if k.path in plan.restored and k.whose == "yours"}
    for folder in (HOME_OF_OURS, KEPT):
        mine = {MANIFEST, *known.files, *gone}
        left = [p for p in walk(place.top, folder) if p not in mine and not p.endswith(NEW)]
        stays += [f"{show(path)}: yours" for path in left[:20]] + (
            [f"{folder}/: {len(left) - 20} more"] if left[20:] else []
        )
    for what, where in (("file", "quarantine"), ("conflict laid out", ".claudetools-resolve")):
        at = place.state / where if where == "quarantine" else place.top / where
        count = sum(1 for p in at.rglob("*") if p.is_file()) if at.is_dir() else 0
        if count:
            stays.append(f"{show(at)}: {counted(count, what)}")
    points = run_git(place.top, "for-each-ref", "--format=x", "refs/claudetools/points")[1].split()
    if points:
        stays.append(f"{counted(len(points), 'restore point')}: git for-each-ref refs/claudetools/points")
    if (place.state / "history.jsonl").exists():
        stays.append(f"{show(place.state)}/: the history of earlier syncs")
    return stays


def walk(top: Path, folder: str) -> Iterator[str]:
    """Every file below a folder, caches of Python aside."""
    for path in sorted((top / folder).rglob("*")):
        if "__pycache__" not in path.parts and (path.is_symlink() or not path.is_dir()):
            yield path.relative_to(top).as_posix()


# --- doing it -----------------------------------------------------------------------------------


def carry_out(plan: Plan) -> None:
    """Step by step; each leaves every file whole."""
    for number, (_, do) in enumerate(plan.steps):
        checkpoint(f"install-{number}")
        do()


def set_settings(place: Place, wanted: dict[str, str], plan: Plan) -> None:
    """All settings in one step. The file as it was stays beside our record: git does not undo its edits to the byte."""
    config = Path(os.path.realpath(place.common / "config"))
    before, edited = look(config), place.state / "config.edited"
    put_whole(edited, before.data, 0o600)
    for key, value in wanted.items():
        run_git(place.top, "config", "--file", str(edited), key, value)
    data = edited.read_bytes()
    edited.unlink()
    if not set(plan.local["config"]) - set(wanted):
        put_whole(place.state / "config.before", before.data, 0o600)
    elif digest_of(before.data) != plan.local.get("config_after"):
        # It holds earlier settings of ours and the user's later ones: only key by key can tell them apart.
        (place.state / "config.before").unlink(missing_ok=True)
    plan.local["config_after"] = digest_of(data)
    write_local(place, plan)
    put_whole(config, data, config.stat().st_mode & 0o7777, before)


def unset_settings(place: Place, ours: dict[str, str], after: str) -> None:
    """The file as it was, when nobody changed it since; else our keys alone."""
    config = Path(os.path.realpath(place.common / "config"))
    found, before = look(config), look(place.state / "config.before")
    if found.digest == after and before.kind == "file":
        put_whole(config, before.data, config.stat().st_mode & 0o7777, found)
        return
    for key in ours:
        run_git(place.top, "config", "--local", "--unset", key)


def ignore_what_stays(place: Place) -> None:
    """This machine's identity must not travel, also when our line in .gitignore is gone."""
    lines = b""
    for name in (".claude/identity.json", ".claudetools-resolve"):
        if (
            look(place.top / name).kind != "absent"
            and run_git(place.top, "check-ignore", "-q", name, ok=(0, 1))[0] == 1
        ):
            lines += f"/{name}\n".encode()
    if lines:
        exclude = place.common / "info" / "exclude"
        found = look(exclude)
        gap = b"\n" if found.data and not found.data.endswith(b"\n") else b""
        put_whole(exclude, found.data + gap + lines, 0o644, found)


def write_local(place: Place, plan: Plan) -> None:
    """The record of this clone, with what is about to be done."""
    place.state.mkdir(mode=0o700, exist_ok=True)
    record = {**plan.local, "format": FORMAT, "pending": plan.pending}
    put_whole(place.state / "installed.json", as_json(record), 0o600)


def write_final(place: Place, plan: Plan) -> None:
    """The record of this clone when all is done."""
    put_whole(place.state / "installed.json", as_json(plan.local), 0o600)


def forget_local(place: Place) -> None:
    """Last of all: until then the next run knows what is left to do."""
    for name in STATE_FILES:
        with suppress(FileNotFoundError):
            (place.state / name).unlink()
    with suppress(OSError):
        place.state.rmdir()


def as_json(data: object) -> bytes:
    """As people read it in a diff."""
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


# --- what the user reads -----------------------------------------------------------------------------


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def rows_of(plan: Plan) -> list[tuple[str, str]]:
    """What changes where, for installing and for leaving."""
    rows = []
    notes = {k.path: kept_note(k, f) for k, f in plan.kept}
    in_house = [
        [p for p in paths if p.startswith(HOME_OF_OURS)]
        for paths in (plan.added, plan.updated, plan.removed, plan.restored)
    ]
    words = [
        f"{len(paths)} {word}"
        for paths, word in zip(in_house, ("new", "changed", "removed", "yours again"), strict=True)
        if paths
    ]
    if len(words) == 1 and in_house[0]:
        words = [f"{counted(len(in_house[0]), 'file')}, ours alone"]
    elif len(words) == 1 and in_house[2]:
        words = [f"{counted(len(in_house[2]), 'file')} removed"]
    if words:
        rows.append((f"{HOME_OF_OURS}/", ", ".join(words)))
    for path in (p for paths in in_house for p in paths if p in notes):
        rows.append((path, notes.pop(path)))
    for path in SHIMS:
        for paths, word in (
            (plan.added, "shim"),
            (plan.updated, "shim"),
            (plan.removed, "removed"),
            (plan.restored, "yours again"),
        ):
            if path in paths:
                rows.append((path, word + (f"; {notes[path]}" if path in notes else "")))
    if plan.lines:
        amounts = ", ".join(f"{'+' if n >= 0 else '-'} {counted(abs(n), 'line')}" for n in plan.lines.values())
        rows.append((" ".join(plan.lines), amounts))
    rows += plan.hooks.items()
    if plan.settings:
        rows.append((".git/config", ", ".join(plan.settings)))
    return rows


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


def home_path(path: Path) -> str:
    """A folder as one may paste it into a shell, short where it can be."""
    home, name = os.path.expanduser("~"), str(path)
    if name.startswith(home + "/") and shlex.quote(name) == name:
        return "~" + name[len(home) :]
    return show(shlex.quote(name))


@dataclass(frozen=True)
class Call:
    """What was asked for, and by which words."""

    job: str  # install, check, uninstall
    toolkit: Path
    repo: str
    command: str
    state_format: str
    wait: str = "75"
    dry_run: bool = False
    json: bool = False
    allow_cloud: bool = False
    locked: bool = False


def make_plan(call: Call, place: Place) -> Plan:
    """The plan for what was asked."""
    known = read_known(place, call.state_format)
    if call.job == "uninstall":
        return plan_uninstall(place, known)
    return plan_install(place, call.toolkit, known)


def refuse_itself(call: Call) -> None:
    """The folder that the toolkit is kept in is no place to install it to."""
    if os.path.realpath(os.path.expanduser(call.repo)) == os.path.realpath(call.toolkit):
        raise Refused(USAGE, "This is claudetools itself.", "Name the repository to install it into.")


def tell(call: Call, place: Place, plan: Plan) -> int:
    """The report on stdout, warnings on stderr. The exit code."""
    code = HELD if plan.damaged or (call.job == "check" and plan.steps) else 0
    if call.json:
        print_json(call, place, plan, code)
        return code
    where = home_path(place.top)
    for line in (tell_uninstall if call.job == "uninstall" else tell_install)(call, place, plan, where):
        print(line)
    sys.stdout.flush()
    for line in plan.damaged:
        print(
            f"[WARN] {line}. Get it again: git checkout HEAD -- PATH, or install from a claudetools folder.",
            file=sys.stderr,
        )
    for line in plan.warnings:
        print(f"[WARN] {line}", file=sys.stderr)
    return code


def tell_install(call: Call, place: Place, plan: Plan, where: str) -> Iterator[str]:
    """Plan, result or comparison."""
    rows, again = table(rows_of(plan)), f"{call.command} {where}"
    out = f"To take it out again: {call.command} --uninstall {where}"
    if not plan.steps:
        word = "[WARN]" if plan.damaged else "[OK]"
        yield f"{word} Nothing to do: claudetools {plan.version} is installed in {where}." + (
            f" {counted(len(plan.damaged), 'file')} of it not as it came." if plan.damaged else ""
        )
        return
    upgrade = f"{plan.was} -> {plan.version}" if plan.was not in ("", plan.version) else plan.version
    if call.job == "check":
        yield f"[WARN] {where} is not as claudetools {upgrade} would have it:"
        yield from rows or ["  the record of an earlier run is unfinished"]
        yield f"To settle it: {again}"
        return
    logs = old_bare_logs(place)
    old = (
        f"{counted(logs, 'old log')} named YYYY-MM-DD-session.md {'stays' if logs == 1 else 'stay'} valid."
        if logs
        else ""
    )
    if call.dry_run:
        yield f"Would {'change' if plan.was else 'add to'} {where} (claudetools {upgrade}):"
        yield from rows
        yield f"Nothing was changed. {old}".rstrip()
        yield f"To do it: {again}          {out}"
        return
    yield f"[OK] claudetools {upgrade} is installed in {where}. Nothing was committed."
    yield from rows
    if old:
        yield old
    if is_inside(call.toolkit, place):
        return
    yield f"Next, in {where}:"
    yield from table(next_commands(place, plan))
    yield out


def next_commands(place: Place, plan: Plan) -> list[tuple[str, str]]:
    """What is left for the user to do."""
    rows = []
    if look(place.top / ".claude/identity.json").kind == "absent":
        rows.append((f"bash {HOME_OF_OURS}/scripts/setup.sh", "who you are; once per machine"))
    verb = "Install" if plan.was in ("", plan.version) else "Update to"
    return [*rows, (f'bash {SHIMS[0]} -m "{verb} claudetools {plan.version}"', "commit and send it")]


def tell_uninstall(call: Call, place: Place, plan: Plan, where: str) -> Iterator[str]:
    """What goes, what comes back, what stays."""
    if not plan.steps:
        yield f"[OK] Nothing to do: claudetools is not installed in {where}."
        return
    if call.dry_run:
        yield f"Would take claudetools {plan.version} out of {where}:"
    else:
        yield f"[OK] claudetools {plan.version} is out of {where}. Nothing was committed."
    yield from table(rows_of(plan))
    if plan.stays:
        yield "What stays:"
        yield from (f"  {line}" for line in plan.stays)
    if call.dry_run:
        yield f"Nothing was changed. To do it: {call.command} --uninstall {where}"
        return
    if run_git(place.top, "ls-files", "--", MANIFEST)[1]:
        git, paths = f"git -C {where}", " ".join([".claude", *plan.lines])
        yield f"To commit it: {git} add -A -- {paths} && {git} commit -m 'Remove claudetools' -- {paths}"


def print_json(call: Call, place: Place, plan: Plan, code: int) -> None:
    """The same facts as one object."""
    answer = {
        "exit": code,
        "job": call.job,
        "dry_run": call.dry_run,
        "repo": str(place.top),
        "version": plan.version,
        "was": plan.was or None,
        "changes": bool(plan.steps),
        "added": plan.added,
        "updated": plan.updated,
        "removed": plan.removed,
        "restored": plan.restored,
        "kept": [
            {"path": k.path, "as": k.kept_as, "whose": k.whose, "lines": f.data.count(b"\n")} for k, f in plan.kept
        ],
        "lines": plan.lines,
        "hooks": plan.hooks,
        "settings": plan.settings,
        "damaged": plan.damaged,
        "warnings": plan.warnings,
        "stays": plan.stays,
        "old_bare_logs": old_bare_logs(place),
    }
    print(json.dumps(answer))


def run_under_lock(call: Call, place: Place, argv: list[str]) -> int:
    """The same once more, while no sync can run here. with-lock.sh tells who has it when it is taken (75)."""
    script = str(call.toolkit / "scripts" / "with-lock.sh")
    main_file = str(call.toolkit / "pylib" / "claudetools" / "__main__.py")
    lock = ("bash", script, "--wait", call.wait, "--title", f"claudetools {call.job}", "--")
    again = (sys.executable, "-I", "-S", "-B", main_file, "install", "--locked", *argv[:-1], str(place.top))
    return subprocess.run((*lock, *again), cwd=place.top, check=False).returncode


def parse(argv: list[str]) -> Call:
    """The arguments as install.sh passes them."""
    parser = argparse.ArgumentParser("install", add_help=False)
    parser.add_argument("--job", choices=("install", "check", "uninstall"), default="install")
    parser.add_argument("--toolkit", type=Path, required=True)
    parser.add_argument("--command", default="install.sh")
    parser.add_argument("--wait", default="75")
    parser.add_argument("--state-format", default=str(FORMAT))
    for flag in ("--dry-run", "--json", "--allow-cloud", "--locked"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("repo")
    return Call(**vars(parser.parse_args(argv)))


def main(argv: list[str]) -> int:
    """Entry for scripts/install.sh. 0 done, or in order; else the code of what stands in the way."""
    call = parse(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        refuse_itself(call)
        place = open_place(call.repo, call.allow_cloud)
        plan = make_plan(call, place)
        if plan.steps and not call.dry_run and call.job != "check":
            if not call.locked:
                return run_under_lock(call, place, argv)
            carry_out(plan)
        return tell(call, place, plan)
    except Refused as refused:
        return tell_refusal(call, refused.code, refused.message, refused.lines)
    except KeyboardInterrupt:
        return tell_refusal(call, 130, "Ended by a signal.", ("Nothing is lost. The same command goes on from here.",))
    except OSError as error:
        name = show(error.filename) if error.filename else "A file"
        words = "Nothing is lost. The same command goes on from here; --uninstall takes it back."
        return tell_refusal(call, CANNOT_CREATE, f"{name} cannot be read or written ({error.strerror}).", (words,))


def tell_refusal(call: Call, code: int, message: str, lines: tuple[str, ...]) -> int:
    """What is the matter, and how to go on."""
    if call.json:
        print(json.dumps({"exit": code, "job": call.job, "problems": [message, *lines]}))
    print(f"[ERROR] {message}", *(f"        {line}" for line in lines), sep="\n", file=sys.stderr)
    return code
