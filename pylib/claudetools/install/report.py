"""What the user reads."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from claudetools.install import agent_settings
from claudetools.install.place import HELD, HOME_OF_OURS, Place, old_bare_logs, run_git, show
from claudetools.install.plan import Plan, counted
from claudetools.install.record import Kept
from claudetools.install.steps import Found, look
from claudetools.install.toolkit import MANIFEST, SHARED, SHIMS, WORKFLOWS, is_inside


@dataclass(frozen=True)
class Call:
    """What was asked for, and by which words."""

    job: str  # install, check, clone, uninstall
    toolkit: Path
    repo: str
    command: str
    state_format: str
    wait: str = "75"
    dry_run: bool = False
    json: bool = False
    allow_cloud: bool = False
    locked: bool = False
    ci: str = ""


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
    rows += rows_of_shared(plan, notes)
    if plan.agent:
        rows.append((agent_settings.NAME, plan.agent))
    if plan.lines:
        amounts = ", ".join(f"{'+' if n >= 0 else '-'} {counted(abs(n), 'line')}" for n in plan.lines.values())
        rows.append((" ".join(plan.lines), amounts))
    rows += plan.hooks.items()
    if plan.settings:
        rows.append((".git/config", ", ".join(plan.settings)))
    return rows


def rows_of_shared(plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """Skills and commands by their names, and whatever of the user's own was in their way."""
    rows = []
    for folder in SHARED:
        words = []
        for paths, word in (
            (plan.added, ""),
            (plan.updated, ""),
            (plan.removed, " removed"),
            (plan.restored, " yours again"),
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


def home_path(path: Path) -> str:
    """A folder as one may paste it into a shell, short where it can be."""
    home, name = os.path.expanduser("~"), str(path)
    if name.startswith(home + "/") and shlex.quote(name) == name:
        return "~" + name[len(home) :]
    return show(shlex.quote(name))


def tell(call: Call, place: Place, plan: Plan) -> int:
    """The report on stdout, warnings on stderr. The exit code."""
    code = HELD if plan.damaged or (call.job == "check" and plan.steps) else 0
    if call.json:
        print_json(call, place, plan, code)
        return code
    if call.job == "clone":
        for name, note in rows_of(plan):
            print(f"{name}: {note}")
        return tell_warnings(plan, code)
    where = home_path(place.top)
    for line in (tell_uninstall if call.job == "uninstall" else tell_install)(call, place, plan, where):
        print(line)
    sys.stdout.flush()
    for line in plan.damaged:
        print(
            f"[WARN] {line}. Get it again: git checkout HEAD -- PATH, or install from a claudetools folder.",
            file=sys.stderr,
        )
    return tell_warnings(plan, code)


def tell_warnings(plan: Plan, code: int) -> int:
    """What the user should know besides. The same code."""
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
    old = about_old_logs(old_bare_logs(place))
    if call.dry_run:
        yield f"Would {'change' if plan.was else 'add to'} {where} (claudetools {upgrade}):"
        yield from rows
        if plan.diff:
            yield f"What changes in {agent_settings.NAME}:"
            yield from (f"  {line}".rstrip() for line in plan.diff[2:])
        yield "Nothing was changed."
        yield from old
        yield f"To do it: {again}          {out}"
        return
    yield f"[OK] claudetools {upgrade} is installed in {where}. Nothing was committed."
    yield from rows
    yield from old
    if is_inside(call.toolkit, place):
        return
    yield f"Next, in {where}:"
    yield from table(next_commands(place, plan))
    yield out


def about_old_logs(count: int) -> list[str]:
    """Logs whose names every session of their day shared. They are nobody's mistake."""
    if not count:
        return []
    words = f"{counted(count, 'old log')} named YYYY-MM-DD-session.md {'stays' if count == 1 else 'stay'} valid."
    return [f"{words} To rename: bash .claude/scripts/claudetools.sh log adopt --all --dry-run"]


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
        "agent_settings": plan.agent,
        "diff": plan.diff,
        "damaged": plan.damaged,
        "warnings": plan.warnings,
        "stays": plan.stays,
        "old_bare_logs": old_bare_logs(place),
    }
    print(json.dumps(answer))


def tell_refusal(call: Call, code: int, message: str, lines: tuple[str, ...]) -> int:
    """What is the matter, and how to go on."""
    if call.json:
        print(json.dumps({"exit": code, "job": call.job, "problems": [message, *lines]}))
    print(f"[ERROR] {message}", *(f"        {line}" for line in lines), sep="\n", file=sys.stderr)
    return code
