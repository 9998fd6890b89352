"""What is not committed: the hook and git's settings of one clone."""

from __future__ import annotations

import os
from pathlib import Path

from claudetools.install.place import SETUP, NotInstallable, Repository, local_settings, run_git, show
from claudetools.install.plan import Plan, write_local
from claudetools.install.record import FORMAT, KnownKeys
from claudetools.install.steps import FoundFile, digest_of, keep_hook, look, put_whole, unhook
from claudetools.install.toolkit import START

HOOKS = ("pre-commit",)
SHIM_MARK = b"# Installed by claudetools"
BRANCH = "claudetools.branch"
COPY = "start.sh"  # of START, in the state folder: what no commit changes
SETTINGS = {"pull.ff": "only", "merge.autoStash": "false", "rebase.autoStash": "false"}


def plan_clone(plan: Plan, place: Repository, toolkit: Path, known: KnownKeys) -> None:
    """What is not committed: the hook and git's settings."""
    plan.local = {"format": FORMAT, "hooks": {}, "config": {}, **known.local}
    plan.local = {k: dict(v) if isinstance(v, dict) else v for k, v in plan.local.items() if k != "pending"}
    start = (toolkit / START).read_bytes().replace(b"\r\n", b"\n")
    if look(place.state / COPY).data != start:
        plan.step("start", put_whole, place.state / COPY, start, 0o600)
    for name in HOOKS:
        plan_hook(plan, place, toolkit, name)
    plan_settings(plan, place)


def plan_hook(plan: Plan, place: Repository, toolkit: Path, name: str) -> None:
    """Our shim as git's hook; what was there before stays beside it and runs as well."""
    if place.hooks_are != "ours":
        warn_of_foreign_hooks(plan, place, name)
        return
    shim = (toolkit / "hooks" / "git" / "shim").read_bytes().replace(b"\r\n", b"\n")
    hook, before = place.hooks / name, place.hooks / (name + ".before")
    found, other = look(hook), look(before)
    shown_name = show_hook(place, place.hooks / name)
    if found.kind == "other":
        raise NotInstallable(SETUP, f"{shown_name} is a folder.", "Rename it, then install again.")
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


def warn_of_foreign_hooks(plan: Plan, place: Repository, name: str) -> None:
    """Where git looks for hooks is somebody else's choice: what to do there is said, and left to them."""
    call = f"h=$(sh {START} where)"
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
            f'if [ -e {START} ] && {call}; then bash "$h/hooks/git/{name}" || exit 1; fi'
        )


def is_shim(found: FoundFile) -> bool:
    """Whether a hook is ours: of this version or of another."""
    return found.data.split(b"\n")[1:2] != [] and found.data.split(b"\n")[1].startswith(SHIM_MARK)


def show_hook(place: Repository, path: Path) -> str:
    """A hook as the user would name it."""
    return show(path.relative_to(place.top)) if path.is_relative_to(place.top) else show(path)


def plan_settings(plan: Plan, place: Repository) -> None:
    """Plain git shall not stash or merge what others are writing. Only what nobody has set in this repository."""
    wanted = {}
    mine, branch = local_settings(place), branch_of(place)
    for key, value in (SETTINGS | ({BRANCH: branch} if branch else {})).items():
        there = mine.get(key.lower())
        if there is None:
            wanted[key] = value
            plan.settings.append(f"{key}={value}")
        elif "autoStash" in key and there.lower() in ("true", "yes", "on", "1"):
            plan.warnings.append(
                f"{key} is {there} here: a plain git pull stashes, and loses, what others write at that moment. "
                f"Better: git config {key} false"
            )
    if wanted:
        plan.local["config"].update(wanted)
        plan.step("settings", set_settings, place, wanted, plan)


def branch_of(place: Repository) -> str:
    """The branch to be synced from now on: the remote's, else the one that the main working tree is on; '' for none."""
    remote = local_settings(place).get("claudetools.remote", "origin")
    head = run_git(place.top, "symbolic-ref", "-q", f"refs/remotes/{remote}/HEAD", ok=(0, 1))[1].strip()
    if head:
        return head.removeprefix(f"refs/remotes/{remote}/")
    return run_git(place.common, "symbolic-ref", "-q", "HEAD", ok=(0, 1))[1].strip().removeprefix("refs/heads/")


def set_settings(place: Repository, wanted: dict[str, str], plan: Plan) -> None:
    """All settings in one step. The file as it was stays beside our record: git does not undo its edits to the byte."""
    config = Path(os.path.realpath(place.common / "config"))
    before, edited = look(config), place.state / "config.edited"
    put_whole(edited, before.data, 0o600)
    edited.with_name("config.edited.lock").unlink(missing_ok=True)  # of a setup that was killed; the file is ours alone
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


def plan_unhook(plan: Plan, place: Repository, known: KnownKeys, name: str) -> None:
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


def plan_unset(plan: Plan, place: Repository, known: KnownKeys) -> None:
    """git's settings: what we set, as long as it is as we set it."""
    now, recorded = local_settings(place), known.local.get("config", {})
    ours = {k: v for k, v in recorded.items() if k in (*SETTINGS, BRANCH) and now.get(k.lower()) == v}
    if ours:
        plan.settings = [f"{key} unset" for key in ours]
        plan.step("settings", unset_settings, place, ours, known.local.get("config_after", ""))


def unset_settings(place: Repository, ours: dict[str, str], after: str) -> None:
    """The file as it was, when nobody changed it since; else our keys alone."""
    config = Path(os.path.realpath(place.common / "config"))
    found, before = look(config), look(place.state / "config.before")
    if found.digest == after and before.kind == "file":
        put_whole(config, before.data, config.stat().st_mode & 0o7777, found)
        return
    for key in ours:
        run_git(place.top, "config", "--local", "--unset", key)
