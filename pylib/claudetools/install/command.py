"""Entry for scripts/install.sh."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from claudetools.install.arrive import plan_for_clone, plan_install, warn_of_archive
from claudetools.install.call import InstallCall
from claudetools.install.leave import plan_uninstall
from claudetools.install.place import CANNOT_CREATE, USAGE, NotInstallable, Repository, open_place, show
from claudetools.install.plan import Plan, carry_out
from claudetools.install.record import FORMAT, forget_old, read_known
from claudetools.install.report import tell, tell_refusal
from claudetools.install.toolkit import WORKFLOWS


def make_plan(call: InstallCall, place: Repository) -> Plan:
    """The plan for what was asked."""
    known = read_known(place, call.state_format)
    if call.job == "uninstall":
        return plan_uninstall(place, known, call.toolkit)
    if call.job == "clone":
        return plan_for_clone(place, call.toolkit, known)
    return plan_install(place, call.toolkit, known, call)


def refuse_itself(call: InstallCall) -> None:
    """The folder that the toolkit is kept in is no place to install it to."""
    if os.path.realpath(os.path.expanduser(call.repo)) == os.path.realpath(call.toolkit):
        raise NotInstallable(USAGE, "This is claudetools itself.", "Name the repository to install it into.")


def run_under_lock(call: InstallCall, place: Repository, argv: list[str]) -> int:
    """The same once more, while no sync can run here. with-lock.sh tells who has it when it is taken (75)."""
    script = str(call.toolkit / "scripts" / "with-lock.sh")
    main_file = str(call.toolkit / "pylib" / "claudetools" / "__main__.py")
    lock = ("bash", script, "--wait", call.wait, "--title", f"claudetools {call.job}", "--")
    again = (sys.executable, "-I", "-S", "-B", main_file, "install", "--locked", *argv[:-1], str(place.top))
    return subprocess.run((*lock, *again), cwd=place.top, check=False).returncode


def parse(argv: list[str]) -> InstallCall:
    """The arguments as install.sh passes them."""
    parser = argparse.ArgumentParser("install", add_help=False)
    parser.add_argument("--job", choices=("install", "check", "clone", "uninstall"), default="install")
    parser.add_argument("--toolkit", type=Path, required=True)
    parser.add_argument("--ci", choices=tuple(WORKFLOWS), default="")
    parser.add_argument("--command", default="install.sh")
    parser.add_argument("--wait", default="75")
    parser.add_argument("--state-format", default=str(FORMAT))
    parser.add_argument("--source", default="")
    for flag in ("--dry-run", "--json", "--allow-cloud", "--locked", "--no-archive"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("repo")
    return InstallCall(**vars(parser.parse_args(argv)))


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
            warn_of_archive(plan, place)
            if plan.pinned:
                forget_old(place, plan.pinned)
        return tell(call, place, plan)
    except NotInstallable as refused:
        return tell_refusal(call, refused.code, refused.message, refused.lines)
    except KeyboardInterrupt:
        return tell_refusal(call, 130, "Ended by a signal.", ("Nothing is lost. The same command goes on from here.",))
    except OSError as error:
        name = show(error.filename) if error.filename else "A file"
        words = "Nothing is lost. The same command goes on from here; --uninstall takes it back."
        return tell_refusal(call, CANNOT_CREATE, f"{name} cannot be read or written ({error.strerror}).", (words,))
