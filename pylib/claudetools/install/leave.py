"""Planning the way out: what was there before comes back."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from claudetools.core.files import shown
from claudetools.core.identity import Invalid, load_json, read_vaults
from claudetools.core.messages import counted
from claudetools.install import agent_settings, pin
from claudetools.install.clone import HOOKS, plan_unhook, plan_unset
from claudetools.install.files import plan_sweep, walk
from claudetools.install.merged import as_record
from claudetools.install.place import HELD, KEPT, NEW, OLD_HOME, NotInstallable, Repository, run_git, show
from claudetools.install.plan import Plan, write_local
from claudetools.install.record import RECORD, KnownKeys, forget_local
from claudetools.install.sections import SECTIONS, section_without
from claudetools.install.steps import look, prune, put_text, put_whole, remove, restore, unhook
from claudetools.install.toolkit import ARCHIVE, OLD_RECORD, SHIMS


def plan_uninstall(place: Repository, known: KnownKeys, toolkit: Path) -> Plan:
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
    refuse_changed(changed)
    for tree in scheduled_trees(place):
        plan.hooks[f"schedule of {show(tree)}"] = "removed"
        plan.step("schedule", unschedule, toolkit, tree)
    for name in HOOKS:
        plan_unhook(plan, place, known, name)
    plan_unhook_vaults(plan, place)
    plan_unset(plan, place, known)
    for section, file, after, found in sections:
        if file is not None:
            plan.lines[section.name] = len((after or b"").splitlines()) - len(found.data.splitlines())
            plan.step(f"text {section.name}", put_text, file, after, found)
    agent_settings.plan_removal(plan, place, known)
    plan_files_back(plan, place, known)
    plan.step("record", forget_local, place)
    plan.local = known.local
    plan.pending = {
        "files": {path: sorted(digests) for path, digests in known.files.items()},
        "kept": [asdict(k) for k in known.kept],
        "additions": {name: asdict(a) for name, a in known.additions.items()},
        "settings": as_record(known.settings),
    }
    plan.steps.insert(0, ("intention", partial(write_local, place, plan)))
    plan.stays = what_stays(place, known, plan)
    return plan


def plan_unhook_vaults(plan: Plan, place: Repository) -> None:
    """The hooks that a sync has put into this machine's clones of the vaults."""
    with suppress(Invalid):
        for path in read_vaults(load_json(str(place.top / ".claude" / "identity.json"), "") or {})[0]:
            plan_unhook_vault(plan, place, place.top / os.path.expanduser(path))


def plan_unhook_vault(plan: Plan, place: Repository, folder: Path) -> None:
    """The hook in that clone of a vault."""
    if not (folder / ".git").is_dir():
        return
    hook, before = folder / ".git" / "hooks" / "pre-commit", folder / ".git" / "hooks" / "pre-commit.before"
    if look(hook).data.split(b"\n")[1:2] and os.fsencode(f" of {place.top}. ") in look(hook).data.split(b"\n")[1]:
        had_one = look(before).kind != "absent"
        plan.hooks[show(hook)] = "yours again" if had_one else "removed"
        plan.step("unhook vault", unhook, hook, before if had_one else None, False)


def scheduled_trees(place: Repository) -> list[Path]:
    """The working trees that this machine's scheduler syncs."""
    found = []
    for record in sorted(place.state.glob("trees/*/schedule")):
        name = record.parent.name
        if name == "main":
            found.append(place.common.parent if place.common.name == ".git" else place.top)
            continue
        where = look(place.common / "worktrees" / name.removeprefix("linked-") / "gitdir").data
        tree = Path(os.fsdecode(where.strip())).parent
        if where and tree.is_dir():
            found.append(tree)
    return found


def unschedule(toolkit: Path, tree: Path) -> None:
    """Take the job out of the scheduler. Refused when it will not have it: nothing was removed then."""
    call = ("bash", os.fspath(toolkit / "scripts" / "schedule.sh"), "remove")
    done = subprocess.run(call, cwd=tree, capture_output=True, check=False)
    if done.returncode:
        words = shown(done.stderr.strip()[:300])
        raise NotInstallable(HELD, f"The schedule of {show(tree)} cannot be taken out: {words}", "Nothing was removed.")


def refuse_changed(changed: list[str]) -> None:
    """All or nothing: a file of ours that somebody changed may hold what only they know."""
    if changed:
        raise NotInstallable(
            HELD,
            "What is ours was changed here since. Nothing was removed.",
            *changed,
            "Put your version of each aside (in a text file: take our marked block out), then run this again.",
        )


def plan_files_back(plan: Plan, place: Repository, known: KnownKeys) -> None:
    """The user's files to their places, ours away, the shims and what they start last: until then calls work."""
    back = {k.path: k for k in known.kept if k.whose == "yours" and look(place.top / k.kept_as).kind != "absent"}
    for path in sorted({*known.files, *back}, key=order_out):
        found = look(place.top / path)
        if path in back and (found.kind == "absent" or path in known.files):
            plan.restored.append(path)
            plan.step(f"restore {path}", restore, place.top, path, back[path].kept_as, found)
        elif found.kind != "absent" and found.digest in known.files.get(path, ()):
            plan.removed.append(path)
            plan.step(f"remove {path}", remove, place.top, path, found)
    plan.step("ignore identity", ignore_what_stays, place)
    pin.plan_unpin(plan, place)
    record = look(place.top / RECORD)
    if record.kind != "absent":
        plan.step("the record", remove, place.top, RECORD, record)
    plan.step("folders", prune, place.top, [*known.files])


def order_out(path: str) -> tuple[bool, bool, bool, str]:
    """What is called goes late, what that starts goes last, and what says whose everything is."""
    return path == OLD_RECORD, ARCHIVE.fullmatch(path) is not None, path in SHIMS, path


def refuse_unfinished(place: Repository) -> None:
    """Only a sync can finish what a killed sync began."""
    if any(True for _ in place.state.glob("trees/*/journal")):
        raise NotInstallable(
            HELD, "A receive is unfinished here. Nothing was removed.", "Finish it: bash .claude/scripts/sync.sh"
        )


def is_changed(place: Repository, known: KnownKeys, path: str) -> bool:
    """Neither ours nor gone, and not what the user had here before (an uninstall that was killed brought it back)."""
    found = look(place.top / path)
    ours = known.files[path] | {k.digest for k in known.kept if k.path == path and k.whose == "yours"}
    return found.kind != "absent" and found.digest not in ours


def what_stays(place: Repository, known: KnownKeys, plan: Plan) -> list[str]:
    """What is the user's, though claudetools had to do with it."""
    stays = list(plan.stays)
    if look(place.top / ".claude/identity.json").kind != "absent":
        stays.append(".claude/identity.json: who works here; git goes on ignoring it in this clone")
    logs = run_git(place.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md")[1]
    count = len({name for name in logs.split("\0") if "/session-logs/" in f"/{name}"})
    if count:
        stays.append(f"{counted(count, 'session log')}")
    gone = {k.kept_as for k in known.kept if k.path in plan.restored and k.whose == "yours"}
    for folder in (OLD_HOME, KEPT):
        mine = {RECORD, *known.files, *gone}
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


def ignore_what_stays(place: Repository) -> None:
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
