"""`sessions claim | undo | restore`: what somebody decides about work that others have done.

What carries it out is imported where it is done: `sessions who` would pay 30 ms for it.
"""

from __future__ import annotations

import os
import shlex

import click

from claudetools.core import cli, git
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import registry


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
def claim(paths: tuple[str, ...]) -> None:
    """Take over what nobody, or more than one session, may have changed in PATHS.

    It goes out with this session's next save. What another session is known to have written stays its own.
    """
    from claudetools.sessions import claim as claims

    place = cli.here()
    me = registry.current_id(os.environ)
    if me is None:
        cli.fail(
            cli.USAGE,
            "No session is known to claim it for.",
            f"Name one: {cli.program(place)} --session ID sessions claim ...   IDs: {cli.program(place)} sessions who",
        )
    for told in paths:
        path = inside(place, told)
        if not claims.claim(place, me, path):
            cli.fail(cli.HELD, f"{visible(path)} cannot be read.", f"Look at it: ls -l {visible(path)}")
        print(f"[OK] {visible(path)} goes out with this session's next save.")


@click.command()
@click.argument("id")
@click.argument("path", type=click.Path())
@click.option("--yes", is_flag=True, help="Do it. Without this it is shown only.")
def restore_lost(id: str, path: str, yes: bool) -> int:
    """Bring back what a session wrote into PATH and what is no longer there.

    Nothing of what is there now is overwritten. It goes out with that session's next save.
    """
    from claudetools.sessions import exchange
    from claudetools.sessions.command import find

    place = cli.here()
    session, name = find(place, id), inside(place, path)

    def work() -> int:
        return bring_back(place, session.id, name, yes)

    arguments = ["restore", session.id, os.path.join(place.top, name), *(["--yes"] if yes else [])]
    return exchange.under_lock(place, "sessions restore", arguments, work) if yes else work()


def bring_back(place: Place, id: str, name: str, yes: bool) -> int:
    """Show what can come back of what a session wrote into the path `name`, or do it. Raises Stop."""
    from claudetools.sessions import exchange, restore

    made = restore.plan(place, id, name)
    if made is None:
        cli.fail(
            cli.HELD,
            f"The ledger of {visible(id)} holds no contents of {visible(name)}.",
            f"What was there at some time: {exchange.sync_command(place)} --points, then --restore PATH@TIME",
        )
    if made.stuck:
        cli.warn(f"{made.stuck} of its edits cannot come back by themselves: other text is at those lines now.")
    if not made.edits:
        print("[OK] Nothing of it is missing.")
        return cli.HELD if made.stuck else cli.OK
    if not yes:
        print(f"Would bring back {made.edits} of its edits in {visible(name)}. Nothing was changed.")
        print(f"To do it: {cli.program(place)} sessions restore {id} {shlex.quote(name)} --yes")
        return cli.OK
    restore.carry_out(place, id, name, made)
    print(f"[OK] Brought back {made.edits} of its edits in {visible(name)}. The next sync of that session saves it.")
    return cli.OK


@click.command()
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do it. Without this it is shown only.")
def undo(id: str, yes: bool) -> int:
    """Take back what a session has done: its unsaved lines, and each of its commits by a commit of its own.

    Shows it first. The same once more brings the commits back, `sessions restore` the unsaved lines. Nothing is sent
    before the next sync.
    """
    from claudetools.sessions import exchange
    from claudetools.sessions.command import find

    place = cli.here()
    session = find(place, id)

    def work() -> int:
        try:
            return take_back(place, session.id, yes)
        except git.GitError as error:
            cli.fail_as_git(error)

    arguments = ["undo", session.id, *(["--yes"] if yes else [])]
    return exchange.under_lock(place, "sessions undo", arguments, work) if yes else work()


def take_back(place: Place, id: str, yes: bool) -> int:
    """The unsaved lines first, then the commits. Raises GitError, Stop."""
    from claudetools.sessions import exchange
    from claudetools.sessions import undo as undoing

    unsaved = undoing.plan_unsaved(place, id)
    branch = git.run(place.top, "symbolic-ref", "HEAD").decode().strip()
    head = git.run(place.top, "rev-parse", "HEAD").decode().strip()
    taken = undoing.plan_commits(place, id, head)
    word = "Took" if yes else "Would take"
    if yes and unsaved.paths:
        exchange.swap(place, unsaved.tree, unsaved.without)
    for path in unsaved.paths:
        print(f"{word} its unsaved lines out of {visible(path)}.")
        if yes:
            print(f"     To bring them back: {restoring(place, id, path)}")
    if yes and taken.undone:
        exchange.swap(place, head, taken.tip, branch)
    for oid, subject in taken.undone:
        print(f"{word} back {oid[:7]} {visible(subject)}")
    for path, why in [*unsaved.stuck, *taken.stuck]:
        cli.warn(f"Left as it is: {visible(path)} {why}.")
    if not unsaved.paths and not taken.undone:
        print("[OK] There is nothing to take back.")
    elif not yes:
        print(f"Nothing was changed. To do it: {cli.program(place)} sessions undo {id} --yes")
    elif taken.undone:
        again = "take them out again" if taken.redone else "bring the commits back"
        print(f"[OK] The next sync sends it. To {again}: the same command once more.")
    return cli.HELD if unsaved.stuck or taken.stuck else cli.OK


def restoring(place: Place, id: str, path: str) -> str:
    """What one types to bring back the lines of a session."""
    return f"{cli.program(place)} sessions restore {id} {visible(shlex.quote(path))} --yes"


def inside(place: Place, told: str) -> str:
    """The path seen from the top. Raises Stop for one that is not in this tree."""
    path = place.relative(told)
    if path is None:
        cli.fail(cli.USAGE, f"{visible(told)} is not in this tree.")
    return path
