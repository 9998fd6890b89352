"""Late writes: what a program writes into a file that it opened before advance replaced it.

The replaced inode stays in `late/<time>/<number>` under the tree's state. Whatever appears in it is carried over to
the file that now stands in its place, by this sync and later ones, until it has been quiet for a week.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass

from claudetools import files, git

QUIET_SECONDS = 7 * 24 * 3600
RECENT_SECONDS = 2  # clocks of file systems are coarse: what was written this recently is looked at again
MANIFEST = "manifest.json"


@dataclass
class Kept:
    """One replaced inode. `used`: "blob:<oid>" or "file": what it held when its content was last accounted for."""

    number: int
    path: bytes
    used: str
    mtime: int
    size: int


def used_bytes(top: str, folder: str, kept: Kept) -> bytes:
    """The bytes that have been accounted for."""
    kind, _, oid = kept.used.partition(":")
    if kind == "blob":
        return git.run(top, "cat-file", "blob", oid)
    with open(os.path.join(folder, f"{kept.number}.used"), "rb") as file:
        return file.read()


def save_used(folder: str, kept: Kept, data: bytes) -> None:
    """Account for `data`. The file is written first, so that a crash repeats a carry-over and never skips one."""
    path = os.path.join(folder, f"{kept.number}.used")
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)
    kept.used = "file"


def write_manifest(folder: str, kept: list[Kept]) -> None:
    rows = [[k.number, os.fsdecode(k.path), k.used, k.mtime, k.size] for k in kept]
    path = os.path.join(folder, MANIFEST)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(rows, file)
    os.replace(path + ".new", path)


def read_manifest(folder: str) -> list[Kept]:
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
        return [Kept(n, os.fsencode(path), used, mtime, size) for n, path, used, mtime, size in json.load(file)]


def carry_over(top: str, scratch: str, path: bytes, used: bytes, now: bytes) -> bool:
    """Bring to `path` what changed from `used` to `now`. False: it conflicts with what stands there.

    Growth is appended, as the writer itself would have done; anything else is a three-way merge by exchange.
    """
    if used == now:
        return True
    grown = now[len(used) :] if now.startswith(used) else b""
    for _ in range(50):
        try:
            with files.parent_of(top, path) as (folder, name):
                current = files.look(folder, name)
                if current.kind != "file":
                    return False
                if grown:
                    if _append(folder, name, grown):
                        return True
                    continue
                merged = files.merge(scratch, current.data, used, now)
                if merged is None:
                    return False
                if merged == current.data:
                    return True
                prepared = os.path.join(scratch, "carried")
                with open(prepared, "wb") as file:
                    file.write(merged)
                os.chmod(prepared, 0o755 if current.executable else 0o644)
                files.exchange(prepared, folder, name)
                out = files.look(None, prepared)
                if out.data == current.data:
                    return True
                # Somebody wrote in between: what came out now has to be carried over in turn.
                used, now = current.data, out.data
                grown = now[len(used) :] if now.startswith(used) else b""
        except (FileNotFoundError, files.InTheWay):
            return False
    return False


def _append(folder: int, name: bytes, data: bytes) -> bool:
    """Append to the file that stands at `name`; False when it was replaced meanwhile and has to be tried again."""
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | files.NOFOLLOW, dir_fd=folder)
    try:
        before = os.fstat(fd).st_size
        os.write(fd, data)
        with suppress(FileNotFoundError):
            if os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino == os.fstat(fd).st_ino:
                return True
        # Ours landed in a replaced file: take it back there if nobody wrote behind it, else it is seen as late.
        if os.fstat(fd).st_size == before + len(data):
            os.ftruncate(fd, before)
        return False
    finally:
        os.close(fd)


def look(top: str, tree_state: str) -> tuple[list[bytes], list[bytes]]:
    """Carry over what has come late. Returns the paths that were brought up to date and those that conflict."""
    root = os.path.join(tree_state, "late")
    carried: list[bytes] = []
    conflicts: list[bytes] = []
    if not os.path.isdir(root):
        return carried, conflicts
    started = time.time()
    for stamp in sorted(os.listdir(root)):
        folder = os.path.join(root, stamp)
        if not os.path.isdir(folder):
            continue
        try:
            kept = read_manifest(folder)
        except (OSError, ValueError):
            continue  # a move into `late` that a crash cut off: advance finishes it
        _look_at(top, folder, kept, carried, conflicts)
        if kept and all(time.time() - k.mtime / 1e9 > QUIET_SECONDS for k in kept) and _is_old(folder):
            shutil.rmtree(folder, ignore_errors=True)
    marker = os.path.join(root, "looked")
    with open(marker, "w", encoding="utf-8"):
        pass
    os.utime(marker, (started - RECENT_SECONDS, started - RECENT_SECONDS))
    return carried, conflicts


def _is_old(folder: str) -> bool:
    return time.time() - os.stat(folder).st_mtime > QUIET_SECONDS


def _look_at(top: str, folder: str, kept: list[Kept], carried: list[bytes], conflicts: list[bytes]) -> None:
    changed = False
    for item in kept:
        path = os.path.join(folder, str(item.number))
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        if (info.st_mtime_ns, info.st_size) == (item.mtime, item.size):
            continue
        now = files.look(None, path)
        if now.kind != "file":
            continue
        used = used_bytes(top, folder, item)
        if now.data != used:
            if carry_over(top, folder, item.path, used, now.data):
                save_used(folder, item, now.data)
                carried.append(item.path)
            else:
                conflicts.append(item.path)
                continue
        item.mtime, item.size = info.st_mtime_ns, info.st_size
        changed = True
    if changed:
        write_manifest(folder, kept)
