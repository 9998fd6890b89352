"""The smallest steps on files.

A step leaves every file whole, and changes nothing when somebody wrote to the file since it was looked at.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claudetools.core.checkpoint import checkpoint
from claudetools.install.place import HELD, KEPT, NEW, OLD_HOME, NotInstallable, refuse_links, show


@dataclass(frozen=True)
class FoundFile:
    """What lies at a path. `kind`: "absent", "file", "link" or "other"; `digest` tells contents apart."""

    kind: str
    data: bytes = b""
    executable: bool = False
    mtime: float = 0

    @property
    def digest(self) -> str:
        return digest_of(self.data) if self.kind == "file" else f"{self.kind}:{self.data.hex()}"


def look(path: Path) -> FoundFile:
    """What lies at a path now; links are not followed."""
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return FoundFile("absent")
    if stat.S_ISLNK(info.st_mode):
        return FoundFile("link", os.fsencode(os.readlink(path)), mtime=info.st_mtime)
    if not stat.S_ISREG(info.st_mode):
        return FoundFile("other")
    return FoundFile("file", path.read_bytes(), bool(info.st_mode & 0o100), info.st_mtime)


def digest_of(data: bytes) -> str:
    """sha256, as the record has it."""
    return hashlib.sha256(data).hexdigest()


def expect(path: Path, planned: FoundFile) -> None:
    """In a shared tree somebody may have written since we looked."""
    found = look(path)
    if (found.kind, found.digest) != (planned.kind, planned.digest):
        raise NotInstallable(
            HELD,
            f"{show(path)} was written at this very moment and was left alone.",
            "Run the same command again: it goes on from here.",
        )


def put_whole(path: Path, data: bytes, mode: int, planned: FoundFile | None = None) -> None:
    """Temp file, then rename. `mode` as for a new file, unless it says it all (settings, records)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + NEW)
    with suppress(FileNotFoundError):
        new.unlink()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb") as file:
        file.write(data)
    os.chmod(new, mode)
    checkpoint("install-written")
    if planned is not None:
        expect(path, planned)
    patiently(os.replace, new, path)


def patiently(do: Callable[..., None], *args: Any) -> None:
    """Windows refuses to replace a file that a scanner has open: for a moment, as a rule."""
    for attempt in range(20):
        try:
            return do(*args)
        except PermissionError:
            if os.name != "nt" or attempt == 19:
                raise
            time.sleep(0.1)


def new_mode(executable: bool) -> int:
    """As git would create it."""
    umask = os.umask(0)
    os.umask(umask)
    return (0o777 if executable else 0o666) & ~umask


def put(top: Path, path: str, data: bytes, executable: bool, planned: FoundFile | None = None) -> None:
    """A file of ours."""
    refuse_links(top, path)
    put_whole(top / path, data, new_mode(executable), planned)


def put_text(path: Path, data: bytes | None, planned: FoundFile) -> None:
    """A file of the user's, with the permissions that it had; None removes it."""
    if data is None:
        expect(path, planned)
        patiently(os.unlink, path)
        return
    put_whole(path, data, path.stat().st_mode & 0o7777 if planned.kind == "file" else new_mode(False), planned)


def keep(top: Path, path: str, kept_as: str, planned: FoundFile) -> None:
    """A copy with its time and permissions. The original stays until ours takes its place."""
    refuse_links(top, kept_as)
    target = top / kept_as
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(target.name + NEW)
    with suppress(FileNotFoundError):
        new.unlink()
    shutil.copy2(top / path, new, follow_symlinks=False)
    checkpoint("install-written")
    expect(new, planned)
    os.rename(new, target)


def keep_hook(hook: Path, before: Path) -> None:
    """A second name for the user's hook: at no moment is there none."""
    if os.path.lexists(before):
        return
    try:
        os.link(hook, before, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(hook, before, follow_symlinks=False)


def unhook(hook: Path, before: Path | None, made: bool) -> None:
    """The user's hook back in its place, or none. The folder goes when we made it."""
    if before is not None:
        patiently(os.replace, before, hook)
    else:
        patiently(os.unlink, hook)
    if made:
        with suppress(OSError):
            hook.parent.rmdir()


def restore(top: Path, path: str, kept_as: str, planned: FoundFile) -> None:
    """What the user had, back in its place."""
    refuse_links(top, path)
    refuse_links(top, kept_as)
    expect(top / path, planned)
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    patiently(os.replace, top / kept_as, top / path)


def remove(top: Path, path: str, planned: FoundFile) -> None:
    """A file of ours, as long as it is as it was planned."""
    refuse_links(top, path)
    expect(top / path, planned)
    patiently(os.unlink, top / path)


def prune(top: Path, paths: Iterable[str]) -> None:
    """Our folders, and those above `paths`, where nothing is left in them."""
    for folder in (OLD_HOME, KEPT):
        for path in sorted((top / folder).rglob("__pycache__")):
            shutil.rmtree(path)
        for path in sorted((p for p in (top / folder).rglob("*") if p.is_dir() and not p.is_symlink()), reverse=True):
            with suppress(OSError):
                path.rmdir()
    above = {parent for path in (*paths, f"{OLD_HOME}/x", f"{KEPT}/x") for parent in list(Path(path).parents)[:-1]}
    for parent in sorted(above, reverse=True):
        with suppress(OSError):
            (top / parent).rmdir()
