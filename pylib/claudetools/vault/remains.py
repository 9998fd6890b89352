"""Where a value is still in plain text once its line has changed: told, never removed by us."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from claudetools.core import cli, git
from claudetools.core.messages import counted, visible
from claudetools.core.objects import Objects, TooLarge
from claudetools.core.place import Place
from claudetools.sessions import ledger

POINTS = "refs/claudetools/points"
LARGEST, MOST = 16 << 20, 20_000  # what is looked through: bytes of an object, and how many


def tell(place: Place, path: str, value: str) -> None:
    """Say it by warnings, the worst first. The value goes to git by a pipe."""
    data = value.encode("utf-8", "surrogateescape")
    pattern = max(data.split(b"\n"), key=len) + b"\n"
    with Objects(place.top) as objects:

        def holds(name: str) -> bool:
            if "\n" in name:  # which ends a question to git
                return data in git.run(place.top, "cat-file", "blob", name, ok=(0, 128))
            with suppress(TooLarge):
                return data in (objects.read_blob(name, LARGEST) or b"")
            return False

        with suppress(git.GitError):
            if any(holds(f"{commit}:{path}") for commit in commits_of(place, path)):
                cli.warn(
                    "The value is in a commit already: whoever has the repository has it.",
                    "Change it where it is in use.",
                )
        others = [one for one in lines_with(place, pattern) if data in one[1]]
        if others:
            cli.warn("The value is in these lines as well:", *(f"  {visible(where)}" for where, _ in others[:10]))
        points = len(points_with(place, path, pattern))
        ledgers = sum(any(data in blob for blob in blobs) for blobs in ledgers_of(place))
        where = [counted(points, "restore point")] if points else []
        where += [f"the record of {counted(ledgers, 'session')}"] if ledgers else []
        staged = holds(f":0:{path}")
        where += ["git's index"] if staged else []
        with suppress(git.GitError):
            loose = sum(holds(name) for name in loose_objects(place))
            where += [f"{counted(loose, 'object')} of git ({os.path.join(place.common, 'objects')})"] if loose else []
    if where:
        lines = ["Restore points go after 14 days, a session's record 30 days after its last change."]
        lines += [f"Out of the index: {cli.program(place, 'sync')}"] if staged else []
        lines += ["An object that nothing names any more goes with the next `git gc` after two weeks."] if loose else []
        if points:
            lines.append(
                f"All points now: git for-each-ref --format='delete %(refname)' {POINTS} | git update-ref --stdin"
            )
        cli.warn(f"On this machine the value is still in {' and '.join(where)}.", *lines)


def commits_of(place: Place, path: str) -> list[str]:
    """The commits of any branch, tag or remote that changed the file."""
    args = ("log", "--branches", "--tags", "--remotes", "HEAD", "--format=%H", "--no-show-signature", "-n", "2000")
    return git.run(place.top, *args, "--", f":(top,literal){path}", ok=(0, 128)).decode().split()


def lines_with(place: Place, pattern: bytes) -> list[tuple[str, bytes]]:
    """`FILE:LINE` and the line, of the files in the folder that have the value."""
    args = ("grep", "-n", "-z", "-I", "-F", "-f", "-", "--untracked", "--no-recurse-submodules", "--full-name")
    with suppress(git.GitError):
        told = git.run(place.top, *args, stdin=pattern, ok=(0, 1))
        found = re.findall(rb"([^\0]+)\0([0-9]+)\0([^\n]*)\n", told)
        return [(f"{os.fsdecode(name)}:{number.decode()}", line) for name, number, line in found]
    return []


def points_with(place: Place, path: str, pattern: bytes) -> list[str]:
    """The restore points whose file has the value."""
    with suppress(git.GitError):
        refs = git.run(place.top, "for-each-ref", "--format=%(objectname)", POINTS).decode().split()
        args = ("grep", "-l", "-a", "-F", "-f", "-", *dict.fromkeys(refs), "--", f":(top,literal){path}")
        return git.run(place.top, *args, stdin=pattern, ok=(0, 1)).decode(errors="replace").splitlines() if refs else []
    return []


def ledgers_of(place: Place) -> Iterator[Iterator[bytes]]:
    """The contents that each session's record keeps."""
    folder = os.path.join(place.tree, "sessions")
    for session in os.listdir(folder) if os.path.isdir(folder) else []:
        blobs = os.path.join(folder, session, "blobs")
        names = os.listdir(blobs) if os.path.isdir(blobs) else []
        yield (ledger.blob(place, session, name) or b"" for name in names)


def loose_objects(place: Place) -> list[str]:
    """What git has written lately and not packed: a file that was held back has been there before the gate saw it."""
    found: list[str] = []
    for folder in os.scandir(os.path.join(place.common, "objects")):
        if re.fullmatch(r"[0-9a-f]{2}", folder.name):
            found += [folder.name + name for name in os.listdir(folder) if re.fullmatch(r"[0-9a-f]{38,62}", name)]
    return found[:MOST]
