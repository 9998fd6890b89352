"""What the user reads."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from claudetools.core.messages import counted
from claudetools.install import agent_settings
from claudetools.install.call import InstallCall
from claudetools.install.place import HELD, Repository, old_bare_logs, run_git, show
from claudetools.install.plan import Plan
from claudetools.install.record import RECORD
from claudetools.install.steps import look
from claudetools.install.table import rows_of, table
from claudetools.install.toolkit import OLD_RECORD, WORKFLOWS, is_pinned

ADOPT = "bash .claude/scripts/claudetools.sh log adopt --all --dry-run"


def home_path(path: Path) -> str:
    """A folder as one may paste it into a shell, short where it can be."""
    home, name = os.path.expanduser("~"), str(path)
    if name.startswith(home + "/") and shlex.quote(name) == name:
        return "~" + name[len(home) :]
    return show(shlex.quote(name))


def tell(call: InstallCall, place: Repository, plan: Plan) -> int:
    """The report on stdout, warnings on stderr. The exit code."""
    code = HELD if call.job == "check" and plan.steps else 0
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
    return tell_warnings(plan, code)


def tell_warnings(plan: Plan, code: int) -> int:
    """What the user should know besides. The same code."""
    for line in plan.warnings:
        print(f"[WARN] {line}", file=sys.stderr)
    return code


def tell_install(call: InstallCall, place: Repository, plan: Plan, where: str) -> Iterator[str]:
    """Plan, result or comparison."""
    program = program_of(call, place)
    rows, again = table(rows_of(plan)), f"{program}{f' --ci {call.ci}' if call.ci else ''} {where}"
    out = f"To take it out again: {program} --uninstall {where}"
    if not plan.steps:
        yield f"[OK] Nothing to do: claudetools {plan.version} is installed in {where}."
        return
    upgrade = f"{plan.was} -> {plan.version}" if plan.was not in ("", plan.version) else plan.version
    if call.job == "check":
        yield f"[WARN] {where} is not as claudetools {upgrade} would have it:"
        yield from rows or ["  the record of an earlier run is unfinished"]
        yield f"To settle it: {again}"
        return
    old = old_bare_logs(place)
    if call.dry_run:
        yield f"Would {'change' if plan.was else 'add to'} {where} (claudetools {upgrade}):"
        yield from [*rows, *about_settings(plan), "Nothing was changed."]
        if old:
            yield f"{about_old_logs(old)} To rename, once it is installed: {ADOPT}"
        yield f"To do it: {again}          {out}"
        return
    yield f"[OK] claudetools {upgrade} is installed in {where}. Nothing was committed."
    yield from rows
    if not changes_the_tree(plan):
        return
    yield f"Next, in {where}:"
    yield from table(next_commands(place, plan))
    if old:
        yield f"{about_old_logs(old)} To rename, there: {ADOPT}"
    yield out


def program_of(call: InstallCall, place: Repository) -> str:
    """What to type for the installer: of the copy that was unpacked here, what stays when another version comes."""
    return "bash .claude/scripts/claudetools.sh install" if is_pinned(call.toolkit, place) else call.command


def changes_the_tree(plan: Plan) -> bool:
    """Whether there is something to commit."""
    return bool(plan.added or plan.updated or plan.removed or plan.lines or plan.agent)


def about_settings(plan: Plan) -> Iterator[str]:
    """What would change in the agent's settings, line by line."""
    if plan.diff:
        yield f"What changes in {agent_settings.NAME}:"
        yield from (f"  {line}".rstrip() for line in plan.diff[2:])


def about_old_logs(count: int) -> str:
    """Logs whose names every session of their day shared. They are nobody's mistake."""
    return f"{counted(count, 'old log')} named YYYY-MM-DD-session.md {'stays' if count == 1 else 'stay'} valid."


def next_commands(place: Repository, plan: Plan) -> list[tuple[str, str]]:
    """What is left for the user to do."""
    rows = []
    if look(place.top / ".claude/identity.json").kind == "absent":
        rows.append(("bash .claude/scripts/claudetools.sh setup", "who you are; once per machine"))
    verb = "Install" if plan.was in ("", plan.version) else "Update to"
    return [*rows, (f'bash .claude/scripts/sync.sh -m "{verb} claudetools {plan.version}"', "commit and send it")]


def tell_uninstall(call: InstallCall, place: Repository, plan: Plan, where: str) -> Iterator[str]:
    """What goes, what comes back, what stays."""
    if not plan.steps:
        yield f"[OK] Nothing to do: claudetools is not installed in {where}."
        return
    what = f"claudetools {plan.version}".rstrip()  # where another machine's uninstall came in, nothing tells which
    if call.dry_run:
        yield f"Would take {what} out of {where}:"
    else:
        yield f"[OK] {what} is out of {where}. Nothing was committed."
    yield from table(rows_of(plan))
    if plan.stays:
        yield "What stays:"
        yield from (f"  {line}" for line in plan.stays)
    if call.dry_run:
        yield f"Nothing was changed. To do it: {program_of(call, place)} --uninstall {where}"
        return
    if run_git(place.top, "ls-files", "--", RECORD, OLD_RECORD)[1]:
        if any(name.startswith("schedule of") for name in plan.hooks):
            yield "A schedule on another machine takes itself out there once this has come in."
        servers = [path for path in WORKFLOWS.values() if path in plan.removed + plan.restored]
        git, paths = f"git -C {where}", " ".join([".claude", *plan.lines, *servers])
        yield f"To commit it: {git} add -A -- {paths} && {git} commit -m 'Remove claudetools' -- {paths}"


def print_json(call: InstallCall, place: Repository, plan: Plan, code: int) -> None:
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
        "warnings": plan.warnings,
        "stays": plan.stays,
        "old_bare_logs": old_bare_logs(place),
    }
    print(json.dumps(answer))


def tell_refusal(call: InstallCall, code: int, message: str, lines: tuple[str, ...]) -> int:
    """What is the matter, and how to go on."""
    if call.json:
        print(json.dumps({"exit": code, "job": call.job, "problems": [message, *lines]}))
    print(f"[ERROR] {message}", *(f"        {line}" for line in lines), sep="\n", file=sys.stderr)
    return code
