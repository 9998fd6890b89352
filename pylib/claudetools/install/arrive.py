"""Planning an installation: into a repository, or up to date there."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from claudetools.install import agent_settings
from claudetools.install.archive import Item, version_of
from claudetools.install.clone import plan_clone
from claudetools.install.files import plan_file, plan_removal, plan_sweep
from claudetools.install.merged import as_record
from claudetools.install.place import HELD, HOME_OF_OURS, SETUP, USAGE, Place, Refused, run_git, show
from claudetools.install.plan import Plan, finish_plan
from claudetools.install.record import FORMAT, Known, as_json
from claudetools.install.sections import SECTIONS, plan_section
from claudetools.install.steps import digest_of, look, prune, put
from claudetools.install.toolkit import MANIFEST, SHIMS, WORKFLOWS, files_of, is_inside


def plan_install(place: Place, toolkit: Path, known: Known, server: str = "") -> Plan:
    """What has to be done so that the repository has this version. Empty steps: nothing."""
    if is_inside(toolkit, place):
        return plan_own_clone(place, toolkit, known, server)
    wanted = files_of(toolkit, [name for name in WORKFLOWS if name == server or WORKFLOWS[name] in known.files])
    plan = Plan(version_of(toolkit), known.version)
    plan_sweep(plan, place, known, wanted)
    kept = [k for k in known.kept if look(place.top / k.kept_as).kind != "absent"]
    for path, item in wanted.items():
        plan_file(plan, place, known, kept, path, item)
    for path in sorted(set(known.files) - set(wanted)):
        plan_removal(plan, place, known, kept, path)
    plan.step("folders", prune, place.top, [*known.files])
    additions = dict(known.additions)
    for section in SECTIONS:
        plan_section(plan, place, additions, section)
    settings = agent_settings.plan_settings(plan, place, known, agent_settings.ours(toolkit))
    manifest = {
        "format": FORMAT,
        "version": plan.version,
        "files": {path: digest_of(item.data) for path, item in sorted(wanted.items())},
        "additions": {name: asdict(a) for name, a in sorted(additions.items())},
        "kept": [asdict(k) for k in sorted(kept, key=lambda k: k.path)],
        "settings": as_record(settings),
    }
    plan_clone(plan, place, toolkit, known)
    if look(place.top / MANIFEST).data != as_json(manifest):
        plan.step("manifest", put, place.top, MANIFEST, as_json(manifest), False)
    warn_of_ignored(plan, place)
    warn_of_hidden(plan, place, wanted)
    pending = {"files": either_version(known, wanted), "settings": as_record(known.settings.together_with(settings))}
    return finish_plan(plan, place, known, manifest | pending)


def either_version(known: Known, wanted: dict[str, Item]) -> dict[str, list[str]]:
    """While the steps are under way, a file may be the earlier one or the new one."""
    found = {path: sorted(digests) for path, digests in known.files.items()}
    return found | {
        path: sorted(known.files.get(path, set()) | {digest_of(item.data)}) for path, item in wanted.items()
    }


def warn_of_hidden(plan: Plan, place: Place, wanted: dict[str, Item]) -> None:
    """An agent that finds a skill and a command of one name takes the skill."""
    for path in wanted:
        skill = re.fullmatch(r"\.claude/skills/([^/]+)/SKILL\.md", path)
        command = f".claude/commands/{skill[1]}.md" if skill else ""
        if skill and command not in wanted and look(place.top / command).kind != "absent":
            plan.warnings.append(
                f"Your {show(command)} is hidden by the skill of that name. To have both, rename yours."
            )


def warn_of_ignored(plan: Plan, place: Place) -> None:
    """What git ignores does not travel. Below our own folder a file of ours says that nothing is."""
    for path in (f"{HOME_OF_OURS}/", SHIMS[0]):
        if run_git(place.top, "check-ignore", "-q", "--no-index", path, ok=(0, 1))[0] == 0:
            rule = run_git(place.top, "check-ignore", "-v", "--no-index", path)[1].split("\t")[0]
            plan.warnings.append(
                f"git ignores {path} ({show(rule)}): it stays on this machine. To have it travel, change that line."
            )


def plan_own_clone(place: Place, toolkit: Path, known: Known, server: str) -> Plan:
    """The copy in the repository has nothing to copy from: it looks after this clone, and names what is damaged."""
    if server:
        raise Refused(USAGE, "The copy in a repository adds no workflow.", "Run install.sh of a claudetools folder.")
    plan = plan_for_clone(place, toolkit, known)
    for path, digests in sorted(known.files.items()):
        found = look(place.top / path)
        if found.digest not in digests:
            plan.damaged.append(f"{path} is missing" if found.kind == "absent" else f"{path} was changed")
    return plan


def plan_for_clone(place: Place, toolkit: Path, known: Known) -> Plan:
    """What a clone of a repository that has claudetools still needs."""
    if not known.installed:
        raise Refused(
            SETUP,
            f"{MANIFEST} is missing; this copy cannot tell what belongs to it.",
            f"Take it back: git checkout HEAD -- {MANIFEST}, or install from a claudetools folder.",
        )
    if known.local.get("pending"):
        raise Refused(
            HELD,
            "An installation was interrupted here.",
            "Finish it: run install.sh of the claudetools folder that it came from. Or take it back: --uninstall",
        )
    plan = Plan(known.version, known.version)
    plan_clone(plan, place, toolkit, known)
    return finish_plan(plan, place, known, {})
