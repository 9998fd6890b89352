"""Planning an installation: into a repository, or up to date there."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from claudetools.core.settings import accept_pin
from claudetools.install import agent_settings, archive, pin
from claudetools.install.archive import Archive, Item
from claudetools.install.call import InstallCall
from claudetools.install.clone import plan_clone
from claudetools.install.files import plan_file, plan_removal, plan_sweep
from claudetools.install.merged import as_record
from claudetools.install.place import HELD, OLD_HOME, SETUP, NotInstallable, Repository, run_git, show
from claudetools.install.plan import Plan, finish_plan
from claudetools.install.record import FORMAT, RECORD, KnownKeys, as_json
from claudetools.install.sections import SECTIONS, plan_section
from claudetools.install.steps import digest_of, look, prune, put
from claudetools.install.toolkit import ARCHIVE, FORWARDS, OLD_RECORD, WORKFLOWS, files_of, is_pinned


def plan_install(place: Repository, toolkit: Path, known: KnownKeys, call: InstallCall) -> Plan:
    """What has to be done so that the repository has this version. Empty steps: nothing."""
    pinned = pin.read_pin(place)
    packed = archive_for(place, toolkit)
    source = source_of(call, pinned, packed.version)
    forwards = packed.version if comes_from_0_1(known) or known.forwards == packed.version else ""
    servers = [name for name in WORKFLOWS if name == call.ci or WORKFLOWS[name] in known.files]
    wanted = files_of(toolkit, None if source else packed, servers, bool(forwards))
    plan = Plan(packed.version, known.version)
    plan_sweep(plan, place, known, wanted)
    if pinned.get("sha256") != packed.sha256:
        plan.step("accepted", accept_pin, str(place.state), packed.sha256)  # whoever installs it here wants it
    kept = [k for k in known.kept if look(place.top / k.kept_as).kind != "absent"]
    pinning = {"version": packed.version, "sha256": packed.sha256} | ({"source": source} if source else {})
    for number, (path, item) in enumerate(wanted.items()):
        if number == (0 if source else 1):  # behind the archive, before what starts it
            pin.plan_pin(plan, place, pinning)
        plan_file(plan, place, known, kept, path, item)
    for path in sorted(set(known.files) - {*wanted, OLD_RECORD}):
        plan_removal(plan, place, known, kept, path)
    plan.step("folders", prune, place.top, [*known.files])
    additions = dict(known.additions)
    for section in SECTIONS:
        plan_section(plan, place, known, additions, section)
    settings = agent_settings.plan_settings(plan, place, known, agent_settings.ours(toolkit))
    record = {
        "format": FORMAT,
        "version": plan.version,
        "files": {path: digest_of(item.data) for path, item in sorted(wanted.items())},
        "additions": {name: asdict(a) for name, a in sorted(additions.items())},
        "kept": [asdict(k) for k in sorted(kept, key=lambda k: k.path)],
        "settings": as_record(settings),
    } | ({"forwards": forwards} if forwards else {})
    plan_clone(plan, place, toolkit, known)
    if look(place.top / RECORD).data != as_json(record):
        plan.step("the record", put, place.top, RECORD, as_json(record), False)
    if OLD_RECORD in known.files:  # until now a run that is killed can still read what it says
        plan_removal(plan, place, known, kept, OLD_RECORD)
    warn_of_rules(plan, place, [path for path in (*wanted, pin.NAME, RECORD) if not ARCHIVE.fullmatch(path)])
    warn_of_hidden(plan, place, wanted)
    pending = {"files": either_version(known, wanted), "settings": as_record(known.settings.together_with(settings))}
    plan.pinned, plan.archive = packed.sha256, "" if source else f".claude/{packed.name}"
    return finish_plan(plan, place, known, record | pending)


def archive_for(place: Repository, toolkit: Path) -> Archive:
    """The archive of the toolkit: the one that is there, where it holds the same. Another machine's zlib may pack it
    otherwise, which is no other version. Refused for an unpacked copy that holds something else than its archive."""
    contents, version = archive.contents_of(toolkit), archive.version_of(toolkit)
    there = look(place.top / ".claude" / archive.name_of(version)).data
    whole = archive.expand(there)
    if whole == archive.tar_of(contents):
        return Archive(version, there, digest_of(there))
    if whole and is_pinned(toolkit, place) and toolkit.name == digest_of(there):
        other = [
            name
            for name, data in archive.names_of(whole).items()
            if name not in contents or contents[name].data != data
        ]
        raise NotInstallable(
            HELD,
            f"What was unpacked into {show(toolkit)} is not as it came: {', '.join(other[:5]) or 'files were added'}.",
            "Remove that folder: the next run unpacks it anew.",
        )
    return archive.pack(toolkit)


def source_of(call: InstallCall, pinned: dict[str, str], version: str) -> str:
    """Where to get the version, where a repository has no archive; '' where it has. Once chosen it stays so."""
    there = pinned.get("source", "")
    usual = f"claudetools=={version}"
    if not call.no_archive and not there:
        return ""
    return call.source or (there if there and not there.startswith("claudetools==") else usual)


def comes_from_0_1(known: KnownKeys) -> bool:
    """Whether the folder of 0.1.0 is there, or half of it."""
    return any(path.startswith(f"{OLD_HOME}/") and path not in FORWARDS for path in known.files)


def either_version(known: KnownKeys, wanted: dict[str, Item]) -> dict[str, list[str]]:
    """While the steps are under way, a file may be the earlier one or the new one."""
    found = {path: sorted(digests) for path, digests in known.files.items()}
    return found | {
        path: sorted(known.files.get(path, set()) | {digest_of(item.data)}) for path, item in wanted.items()
    }


def warn_of_hidden(plan: Plan, place: Repository, wanted: dict[str, Item]) -> None:
    """An agent that finds a skill and a command of one name takes the skill."""
    for path in wanted:
        skill = re.fullmatch(r"\.claude/skills/([^/]+)/SKILL\.md", path)
        command = f".claude/commands/{skill[1]}.md" if skill else ""
        if skill and command not in wanted and look(place.top / command).kind != "absent":
            plan.warnings.append(
                f"Your {show(command)} is hidden by the skill of that name. To have both, rename yours."
            )


def warn_of_rules(plan: Plan, place: Repository, paths: list[str]) -> None:
    """What git ignores does not travel, and what it turns is not what was packed. One line for a rule."""
    told = set()
    for path in paths:
        if run_git(place.top, "check-ignore", "-q", "--no-index", path, ok=(0, 1))[0] == 0:
            rule = run_git(place.top, "check-ignore", "-v", "--no-index", path)[1].split("\t")[0]
            if rule not in told:
                plan.warnings.append(
                    f"git ignores {path} ({show(rule)}): it stays on this machine. To have it travel, change that line."
                )
            told.add(rule)


def warn_of_archive(plan: Plan, place: Repository) -> None:
    """Whether our lines, once they are there, have the last word on the archive."""
    if not plan.archive:
        return
    warn_of_rules(plan, place, [plan.archive])
    said = run_git(place.top, "check-attr", "-z", "text", "filter", "--", plan.archive)[1].split("\0")
    for name, value in zip(said[1::3], said[2::3], strict=False):
        if value != "unset":
            plan.warnings.append(
                f"git's attribute {name} of {plan.archive} is {show(value)}, so it may reach others damaged. "
                "A .gitattributes below .claude, or .git/info/attributes, says so: take that line out."
            )


def plan_for_clone(place: Repository, toolkit: Path, known: KnownKeys) -> Plan:
    """What a clone of a repository that has claudetools still needs."""
    if not known.installed:
        raise NotInstallable(
            SETUP,
            f"{RECORD} is missing; nothing tells what belongs to claudetools here.",
            f"Take it back: git checkout HEAD -- {RECORD}, or install again.",
        )
    if known.local.get("pending"):
        raise NotInstallable(
            HELD,
            "An installation was interrupted here.",
            "Finish it: run install.sh of the claudetools that it came from. Or take it back: --uninstall",
        )
    plan = Plan(known.version, known.version)
    plan_clone(plan, place, toolkit, known)
    plan.pinned = toolkit.name if is_pinned(toolkit, place) else ""
    return finish_plan(plan, place, known, {})
