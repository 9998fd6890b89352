"""Exchange files of the shared tree by compare-and-swap, for commands that people type: under the sync's lock."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from claudetools.checkout.command import BLOCKED, DONE, Advance
from claudetools.checkout.plan import Journal
from claudetools.core import cli, files, git
from claudetools.core.index import IndexBusy
from claudetools.core.messages import visible
from claudetools.core.objects import Entry, tree_with
from claudetools.core.place import Place


def under_lock(place: Place, title: str, arguments: Sequence[str], work: Callable[[], int]) -> int:
    """Do the work with the lock held: at once where somebody above holds it for us, else by starting this command
    (`arguments` as typed behind `sessions`) again below with-lock.sh."""
    if os.environ.get("CLAUDETOOLS_REENTER"):
        return work()
    entry = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__main__.py")
    lock = ("bash", cli.script("with-lock.sh"), "--title", title, "--")
    command = (*lock, sys.executable, "-I", entry, "sessions", *arguments)
    return subprocess.run(command, cwd=place.top, check=False).returncode


def snapshot(place: Place, paths: Sequence[str]) -> str:
    """HEAD's tree with these paths as they are in the folder, as git would store them. Raises GitError."""
    env = {"GIT_INDEX_FILE": os.path.join(scratch(place), "index.paths")}
    with contextlib.suppress(FileNotFoundError):
        os.unlink(env["GIT_INDEX_FILE"])
    git.run(place.top, "read-tree", "HEAD", env=env)
    names = {True: b"", False: b""}
    for path in map(os.fsencode, paths):
        names[is_for_git(place, path)] += path + b"\0"
    update = ("update-index", "-z")
    git.run(place.top, *update, "--force-remove", "--stdin", stdin=names[False], env=env)
    git.run(place.top, *update, "--add", "--remove", "--replace", "--stdin", stdin=names[True], env=env)
    return git.run(place.top, "write-tree", env=env).decode().strip()


def is_for_git(place: Place, path: bytes) -> bool:
    """Whether a file or a link lies there: by now it may be a folder, or lie behind a link."""
    try:
        return files.look_in_tree(place.top, path).kind in ("file", "link")
    except files.InTheWay:
        return False


def tree_of(place: Place, tree: str, changes: Mapping[bytes, Entry | None]) -> str:
    """The tree with these entries. Raises GitError."""
    return tree_with(place.top, tree, changes)


def store(place: Place, path: str, data: bytes) -> str:
    """The blob of what lies so on the disk. Raises GitError."""
    return git.run(place.top, "hash-object", "-w", f"--path={path}", "--stdin", stdin=data).decode().strip()


def swap(place: Place, old: str, new: str, branch: str = "", log: str = "") -> None:
    """Bring the folder from one tree to another: edits that came in between are merged. With `branch`, the two are
    commits, and branch and index follow. `log`: a file for what the exchange says. Raises Stop where a file cannot
    take it; then nothing was changed."""
    if was_cut_off(place):
        cli.fail(
            cli.DEFERRED, "A sync was cut off before it was done.", f"Nothing was changed. First: {sync_command(place)}"
        )
    base, target = (old, new) if branch else (commit(place, old), commit(place, new))
    with open(log, "w+", encoding="utf-8") if log else io.StringIO() as file, contextlib.redirect_stdout(file):
        journal = Journal(base, target, branch, base if branch else "")
        try:
            status = Advance(place.top, place.git_folder, place.tree, place.lock_owner).begin(journal)
        except IndexBusy as busy:
            lock = f"Another git command has {visible(str(busy))} and does not let go of it."
            cli.fail(cli.DEFERRED, lock, f"The next sync completes what was begun: {sync_command(place)}")
        file.seek(0)
        said = file.read().splitlines()
    words = [line.split("\t") for line in said]
    if status == BLOCKED:
        what = "Its commits stay as they are" if branch else "Its unsaved lines stay"
        lines = (": ".join(rest) for word, *rest in words if word == "blocked")
        cli.fail(cli.HELD, f"{what}: other text is there now.", *lines)
    if left := [": ".join(rest) for word, *rest in words if word == "unsettled"]:
        cli.fail(cli.HELD, "Written to in the same moment, and left as it is:", *left, "Do it once more.")
    if status != DONE:
        cli.fail(cli.DEFERRED, "The branch moved meanwhile.", "Nothing is lost. Run a sync, then try again.")


def was_cut_off(place: Place) -> bool:
    """Whether a sync that was killed has left something that the next one finishes (scripts/lib/recover.sh)."""
    claims = os.path.join(place.state, "claims")
    dead = os.path.isdir(claims) and any(name.startswith("dead.") for name in os.listdir(claims))
    return dead or os.path.exists(os.path.join(place.tree, "journal"))


def sync_command(place: Place) -> str:
    """What one types to sync."""
    return cli.program(place, "sync")


def commit(place: Place, tree: str) -> str:
    """A commit of a tree that no branch will ever have."""
    return git.run(place.top, "commit-tree", tree, stdin=b"a tree\n").decode().strip()


def scratch(place: Place) -> str:
    """A folder of our own, there since the first sync."""
    folder = os.path.join(place.tree, "work")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder
