"""Late writes: what a program writes into a file that it opened before advance replaced it.

The replaced inode stays in `late/<time>/<number>` under the tree's state. Whatever appears in it is carried over to
the file that now stands in its place, by this sync and later ones, until it has been quiet for a week.

Before it is read it gets a time of last write that no clock shows. Any other time later means that somebody wrote to
it: clocks are set back, tick in steps, and some files are dated in the future.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from claudetools.core import files, git
from claudetools.core.checkpoint import checkpoint
from claudetools.core.light import NamedTuple
from claudetools.text.lines import merge_texts, put_back

QUIET_SECONDS = 7 * 24 * 3600
RECENT_SECONDS = 2  # a file may be cut off for the moment when it was written this recently
UNSEEN = -1  # the time of last write of a copy that has to be looked at in any case
CARRIED_AT_ONCE = 20  # exchanges for one writer that is as fast as we are; the rest is left to the next look
TURNS, TURN_SECONDS = 25, 0.002  # how long a writer may take from reading a file to writing it back
MANIFEST = "manifest.json"
READ_TIMES = 10**9, 2 * 10**9  # in turn: a run that is killed after giving one has not yet written it down
MARKER_TIME = 1000 * 10**9  # later than those: the shell looks for files that are newer (glance.sh)


class ReplacedInode:
    """One replaced inode. `used`: "blob:<oid>" or "file": what it held when its content was last accounted for.

    `inode` is that of the file prepared to replace it: while that one lies here, nothing was exchanged.
    """

    def __init__(self, number: int, path: bytes, used: str, mtime: int = UNSEEN, size: int = 0, inode: int = 0) -> None:
        self.number, self.path, self.used = number, path, used
        self.mtime, self.size, self.inode = mtime, size, inode

    @property
    def row(self) -> tuple[int, str, str, int, int, int]:
        """As it is saved in the manifest."""
        return self.number, os.fsdecode(self.path), self.used, self.mtime, self.size, self.inode


class Carried(NamedTuple):
    """A late write to `path` that was brought over: what the old inode held with it, and what the file holds now."""

    path: bytes
    written: bytes
    now: bytes


class Shelf:
    """The replaced inodes of one advance."""

    def __init__(self, top: str, folder: str, kept: list[ReplacedInode]) -> None:
        self.top, self.folder, self.kept = top, folder, kept

    def place(self, item: ReplacedInode) -> str:
        return os.path.join(self.folder, str(item.number))

    def save(self) -> None:
        files.write_whole(os.path.join(self.folder, MANIFEST), json.dumps([k.row for k in self.kept]).encode())

    def is_used(self, item: ReplacedInode, data: bytes) -> bool:
        kind, _, oid = item.used.partition(":")
        if kind == "blob":
            return files.Content("file", data).oid(oid) == oid
        return self.used_bytes(item) == data

    def used_bytes(self, item: ReplacedInode) -> bytes:
        """The bytes that have been accounted for."""
        kind, _, oid = item.used.partition(":")
        if kind == "blob":
            return git.blob(self.top, oid)
        with open(f"{self.place(item)}.used", "rb") as file:
            return file.read()

    def account(self, item: ReplacedInode, data: bytes) -> None:
        """Written after the data was carried over: a crash repeats that and never skips it."""
        files.write_whole(f"{self.place(item)}.used", data)
        item.used = "file"

    def is_quiet(self) -> bool:
        """For a week, and with nothing unsettled."""
        # The list of copies is written anew with each write that is found.
        rests = time.time() - os.stat(self.folder).st_mtime > QUIET_SECONDS
        return rests and not any(item.mtime == UNSEEN for item in self.kept)

    # --- carrying over -------------------------------------------------------

    def look(self) -> tuple[list[Carried], list[tuple[bytes, str]]]:
        """See `look` below."""
        carried: list[Carried] = []
        conflicts: list[tuple[bytes, str]] = []
        before, limit = [k.row for k in self.kept], len(self.kept) + CARRIED_AT_ONCE
        for item in self.kept:  # grows while carry_over exchanges files
            if len(self.kept) <= limit:
                self.look_at(item, carried, conflicts)
        if [k.row for k in self.kept] != before:
            self.save()
        return carried, conflicts

    def look_at(self, item: ReplacedInode, carried: list[Carried], conflicts: list[tuple[bytes, str]]) -> None:
        place = self.place(item)
        try:
            info = os.lstat(place)
        except FileNotFoundError:  # a person settled a conflict by removing the copy
            item.mtime = 0
            return
        if (info.st_mtime_ns, info.st_size) == (item.mtime, item.size):
            return
        if item.inode and not files.was_exchanged(place, item.inode):
            item.mtime = 0
            os.unlink(place)
            return
        recent = abs(time.time() - info.st_mtime) < RECENT_SECONDS
        read_at = date(place, info, item.mtime)
        now = files.look(None, place)
        if now.kind == "file" and not self.is_used(item, now.data):
            result = self.carry_over(item.path, self.used_bytes(item), now.data)
            if result is not None:
                checkpoint("carried")
                self.account(item, now.data)
                carried.append(Carried(item.path, now.data, result))
            else:
                # Cut off for the moment, if it is just being rewritten: the next look tells.
                if not recent:
                    conflicts.append((item.path, place))
                item.mtime = UNSEEN
                if read_at:  # until it is settled, every look finds it
                    os.utime(place, ns=(info.st_atime_ns, max(info.st_mtime_ns, 2 * MARKER_TIME)))
                return
        item.mtime, item.size = read_at or (UNSEEN if recent else info.st_mtime_ns), info.st_size

    def carry_over(self, path: bytes, used: bytes, now: bytes) -> bytes | None:
        """Bring to `path` what changed from `used` to `now`: what it held right then. None: it conflicts with what
        stands there.

        Growth is appended, as the writer itself would have done; anything else is merged and exchanged.
        """
        made = None
        for _ in range(50):
            try:
                with files.parent_of(self.top, path) as (folder, name):
                    current = files.look(folder, name)
                    if current.kind != "file":
                        return None
                    if now.startswith(used):
                        grown = now[len(used) :]
                        if current.data.startswith(now):  # an editor had read it, and has written it here
                            return current.data
                        _append(folder, name, grown)
                        if self.stays(path, grown, current.data.count(grown) + 1):
                            return current.data + grown
                        continue
                    merged = self.merge(current.data, used, now)
                    if merged is None or merged == current.data:
                        return merged and (made or merged)
                    self.exchange(path, folder, name, current, merged)
                    made = merged
                    if self.lies_still(path):
                        return made
            except (OSError, files.InTheWay):
                return None
        return None

    def merge(self, current: bytes, used: bytes, now: bytes) -> bytes | None:
        """Three ways; what both put in at one place stays there from both. None for a conflict."""
        merged = merge_texts(self.folder, current, used, now)
        if merged is None and b"\0" not in current + used + now:
            return put_back(used, now, current)
        return merged

    def stays(self, path: bytes, data: bytes, times: int) -> bool:
        """Whether what was appended is there still when somebody who had read the file before has written it back."""
        before = files.stamp(self.top, path)
        for _ in range(TURNS):
            time.sleep(TURN_SECONDS)
            now = files.stamp(self.top, path)
            if now != before and files.look_in_tree(self.top, path).data.count(data) >= times:
                return True
            before = now
        return files.look_in_tree(self.top, path).data.count(data) >= times

    def lies_still(self, path: bytes) -> bool:
        """Whether nobody writes to the path for a moment."""
        before = files.stamp(self.top, path)
        for _ in range(TURNS):
            time.sleep(TURN_SECONDS)
            if files.stamp(self.top, path) != before:
                return False
        return True

    def exchange(self, path: bytes, folder: int, name: bytes, current: files.Content, data: bytes) -> None:
        """Put `data` at `path`. What comes out is kept like the others, and looked at in turn."""
        item = ReplacedInode(max(k.number for k in self.kept) + 1, path, "file")
        place = self.place(item)
        files.write_whole(place, data)
        os.chmod(place, current.permissions)
        item.inode = os.lstat(place).st_ino
        files.write_whole(f"{place}.used", current.data)
        self.kept.append(item)
        self.save()
        checkpoint("carry-prepared")
        files.exchange(place, folder, name)
        checkpoint("carry-exchanged")


def date(place: str, info: os.stat_result, before: int) -> int:
    """Give a copy that is about to be read a time of its own: that time. 0 where it keeps the one that it has: it
    belongs to somebody else, or has another name that people see."""
    if info.st_nlink > 1:
        return 0
    chosen = READ_TIMES[before == READ_TIMES[0]]
    try:
        os.utime(place, ns=(info.st_atime_ns, chosen))
    except OSError:
        return 0
    return chosen


def _append(folder: int, name: bytes, data: bytes) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | files.NOFOLLOW, dir_fd=folder)
    with os.fdopen(fd, "ab") as file:
        file.write(data)


def read_shelf(top: str, folder: str) -> Shelf:
    """The copies of one advance, as its manifest has them. Raises OSError, ValueError."""
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
        rows = json.load(file)
    try:
        return Shelf(top, folder, [ReplacedInode(row[0], os.fsencode(row[1]), *row[2:]) for row in rows])
    except (TypeError, LookupError) as error:
        raise ValueError(f"{folder}: no list of copies") from error


def look(top: str, tree_state: str) -> tuple[list[Carried], list[tuple[bytes, str]]]:
    """Carry over what has come late. Returns what was, and the paths that conflict with their copy."""
    root = os.path.join(tree_state, "late")
    carried: list[Carried] = []
    conflicts: list[tuple[bytes, str]] = []
    if not os.path.isdir(root):
        return carried, conflicts
    marker = os.path.join(root, "looked")
    with suppress(FileNotFoundError):
        os.unlink(marker)  # a run that is killed leaves none, and the next one looks again
    for stamp in sorted(os.listdir(root)):
        folder = os.path.join(root, stamp)
        try:
            shelf = read_shelf(top, folder)
        except (OSError, ValueError):
            continue
        found, unsettled = shelf.look()
        carried += found
        conflicts += unsettled
        if shelf.is_quiet():
            with suppress(OSError):
                files.remove_folder(folder)
    with open(marker, "w", encoding="utf-8"):
        pass
    os.utime(marker, ns=(MARKER_TIME, MARKER_TIME))
    return carried, conflicts
