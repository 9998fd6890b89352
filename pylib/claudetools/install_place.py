"""Where claudetools is installed: the repository, what stands in the way there, and the smallest steps on its files.

A step leaves every file whole, and changes nothing when somebody wrote to the file since it was looked at.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claudetools.checkpoint import checkpoint
from claudetools.files import shown

NEW = ".claudetools-new"
HOME_OF_OURS = ".claude/claudetools"
KEPT = ".claude/before-claudetools"
GIT_FLOOR = (2, 38)
USAGE, HELD, CANNOT_CREATE, SETUP = 64, 65, 73, 78

# Folders that another program synchronises: it replaces files under git's hands, and makes "conflicted copies" of refs.
CLOUD = re.compile(
    r"/(?:(OneDrive)(?: ?- [^/]*)?|(Dropbox)(?: \([^/]*\))?|(iCloud) ?Drive|(Google) ?Drive[^/]*"
    r"|Library/(?:Mobile Documents()|CloudStorage/([A-Za-z]+)[^/]*))(?=/)"
)
CLOUD_NAMES = {"OneDrive": "OneDrive", "Dropbox": "Dropbox", "iCloud": "iCloud", "Google": "Google Drive", "": "iCloud"}


class Refused(Exception):
    """Nothing was changed. The exit code, what is the matter, and lines that say how to go on."""

    def __init__(self, code: int, message: str, *lines: str) -> None:
        super().__init__(message)
        self.code, self.message, self.lines = code, message, lines


@dataclass(frozen=True)
class Place:
    """One working tree. `hooks` is where git looks for hooks; `hooks_are` "ours", "tree", "outside" or "off"."""

    top: Path
    common: Path
    state: Path
    hooks: Path
    hooks_are: str


def run_git(folder: Path, *args: str, ok: tuple[int, ...] = (0,)) -> tuple[int, str]:
    """Exit code and output. Refused, with git's own words, for a code outside `ok`."""
    try:
        done = subprocess.run(("git", "-C", os.fspath(folder), *args), capture_output=True, check=False)
    except FileNotFoundError:
        raise Refused(SETUP, "git is not to be found.", "Install git 2.38 or newer.") from None
    if done.returncode not in ok:
        words = shown(done.stderr.strip()[:300])
        raise Refused(SETUP, f"git {args[0]} ended with {done.returncode}: {words}")
    return done.returncode, os.fsdecode(done.stdout)


def open_place(given: str, allow_cloud: bool) -> Place:
    """The working tree whose top is `given`. Refused when it is none, or when claudetools could not work there."""
    path = Path(os.path.abspath(os.path.expanduser(given)))
    if not path.is_dir():
        raise Refused(SETUP, f"{show(path)} is no folder.", "Name the top of your repository.")
    words = run_git(path, "version")[1]
    version = re.search(r"(\d+)\.(\d+)", words)
    if version is None or (int(version[1]), int(version[2])) < GIT_FLOOR:
        raise Refused(SETUP, f"git 2.38 or newer is needed (merge-tree --write-tree); this is {words.strip()}.")
    status, out = run_git(path, "rev-parse", "--show-toplevel", ok=(0, 128))
    if status or not out.strip():
        # Also where git refuses a folder of somebody else's; its own words say how to allow it.
        raise Refused(SETUP, f"{show(path)} is not the working tree of a git repository.", *why_not(path))
    top = Path(out.removesuffix("\n"))
    if not os.path.samefile(top, path):
        raise Refused(SETUP, f"{show(path)} is a folder inside of a repository.", f"Its top is {show(top)}: name that.")
    cloud = cloud_folder(path) or cloud_folder(top)
    if cloud and not allow_cloud:
        raise Refused(
            SETUP,
            f"{show(path)} is kept in sync by {cloud}, which replaces files of the tree and of .git at any time.",
            "Move the repository to a folder of this machine alone; its remote carries it to the others.",
            "Take the risk: install.sh --allow-cloud-folder REPO",
        )
    common, hooks = (
        Path(run_git(top, "rev-parse", "--path-format=absolute", *asked)[1].removesuffix("\n"))
        for asked in (("--git-common-dir",), ("--git-path", "hooks"))
    )
    return Place(top, common, common / "claudetools", hooks, kind_of_hooks(top, common, hooks))


def why_not(path: Path) -> list[str]:
    """git's words when it refuses a repository that is there, else how to make one."""
    done = subprocess.run(
        ("git", "-C", os.fspath(path), "rev-parse", "--show-toplevel"), capture_output=True, check=False
    )
    words = done.stderr.decode("utf-8", "replace")
    if "dubious ownership" in words:
        return [shown(line.encode()) for line in words.splitlines() if line.strip()]
    return ["Go to your repository, or make one: git init"]


def kind_of_hooks(top: Path, common: Path, hooks: Path) -> str:
    """Whose the hooks folder is: "ours" to add to, in the "tree" (husky), shared with others ("outside"), or "off"."""
    if hooks.exists() and not hooks.is_dir():
        return "off"
    real = os.path.realpath(hooks)
    if is_below(real, os.path.realpath(common)):
        return "ours"
    return "tree" if is_below(real, os.path.realpath(top)) else "outside"


def is_below(path: str, folder: str) -> bool:
    """Whether a resolved path lies in a resolved folder."""
    return (
        os.path.commonpath([path, folder]) == folder
        if os.path.splitdrive(path)[0] == os.path.splitdrive(folder)[0]
        else False
    )


def cloud_folder(path: Path) -> str:
    """The service that keeps this folder, '' when none is known to. Links are followed too."""
    for name in (path.as_posix(), Path(os.path.realpath(path)).as_posix()):
        if match := CLOUD.search(name + "/"):
            word = next(group for group in match.groups() if group is not None)
            return CLOUD_NAMES.get(word, word)
    return ""


def refuse_links(top: Path, path: str) -> None:
    """Every folder above `path` has to be a folder of this repository, or not be there yet."""
    folder = top
    for part in Path(path).parts[:-1]:
        folder = folder / part
        try:
            mode = folder.lstat().st_mode
        except FileNotFoundError:
            return
        name = show(folder.relative_to(top))
        if stat.S_ISLNK(mode):
            raise Refused(
                SETUP,
                f"{name} is a symbolic link to {show(os.readlink(folder))}; claudetools needs a folder there.",
                "What was written through it would land elsewhere. Replace the link by a folder, then install again.",
            )
        if not stat.S_ISDIR(mode):
            raise Refused(
                SETUP, f"{name} is no folder, and claudetools needs one there.", "Rename it, then install again."
            )
        if (folder / ".git").exists():
            raise Refused(
                SETUP,
                f"{name} is a git repository of its own; what is put there would not travel with this one.",
                "Take it out, or install into that repository instead.",
            )


@dataclass(frozen=True)
class Found:
    """What lies at a path. `kind`: "absent", "file", "link" or "other"; `digest` tells contents apart."""

    kind: str
    data: bytes = b""
    executable: bool = False
    mtime: float = 0

    @property
    def digest(self) -> str:
        return digest_of(self.data) if self.kind == "file" else f"{self.kind}:{self.data.hex()}"


def look(path: Path) -> Found:
    """What lies at a path now; links are not followed."""
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Found("absent")
    if stat.S_ISLNK(info.st_mode):
        return Found("link", os.fsencode(os.readlink(path)), mtime=info.st_mtime)
    if not stat.S_ISREG(info.st_mode):
        return Found("other")
    return Found("file", path.read_bytes(), bool(info.st_mode & 0o100), info.st_mtime)


def digest_of(data: bytes) -> str:
    """sha256, as the manifest has it."""
    return hashlib.sha256(data).hexdigest()


def local_settings(place: Place) -> dict[str, str]:
    """The repository's own configuration, by keys in lower case; the last value counts."""
    entries = run_git(place.top, "config", "--local", "--includes", "--list", "-z")[1].split("\0")
    pairs = (entry.partition("\n") for entry in entries if entry)
    return {key.lower(): value if gap else "true" for key, gap, value in pairs}


def old_bare_logs(place: Place) -> int:
    """How many session logs carry a name that every session of their day shared."""
    names = run_git(place.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md")[1].split(
        "\0"
    )
    bare = re.compile(r"(?:^|/)session-logs/(?:[^/]+/)*\d{4}-\d\d-\d\d(?:-session)?\.md$")
    return len({name for name in names if bare.search(name)})


def show(path: object) -> str:
    """A path for a message."""
    return shown(os.fsencode(str(path)))


# --- steps -----------------------------------------------------------------------


def expect(path: Path, planned: Found) -> None:
    """In a shared tree somebody may have written since we looked."""
    found = look(path)
    if (found.kind, found.digest) != (planned.kind, planned.digest):
        raise Refused(
            HELD,
            f"{show(path)} was written at this very moment and was left alone.",
            "Run the same command again: it goes on from here.",
        )


def put_whole(path: Path, data: bytes, mode: int, planned: Found | None = None) -> None:
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


def put(top: Path, path: str, data: bytes, executable: bool, planned: Found | None = None) -> None:
    """A file of ours."""
    refuse_links(top, path)
    put_whole(top / path, data, new_mode(executable), planned)


def put_text(path: Path, data: bytes | None, planned: Found) -> None:
    """A file of the user's, with the permissions that it had; None removes it."""
    if data is None:
        expect(path, planned)
        patiently(os.unlink, path)
        return
    put_whole(path, data, path.stat().st_mode & 0o7777 if planned.kind == "file" else new_mode(False), planned)


def keep(top: Path, path: str, kept_as: str, planned: Found) -> None:
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


def restore(top: Path, path: str, kept_as: str, planned: Found) -> None:
    """What the user had, back in its place."""
    refuse_links(top, path)
    refuse_links(top, kept_as)
    expect(top / path, planned)
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    patiently(os.replace, top / kept_as, top / path)


def remove(top: Path, path: str, planned: Found) -> None:
    """A file of ours, as long as it is as it was planned."""
    refuse_links(top, path)
    expect(top / path, planned)
    patiently(os.unlink, top / path)


def prune(top: Path) -> None:
    """Our folders, where nothing is left in them."""
    for folder in (HOME_OF_OURS, KEPT, ".claude/scripts"):
        for path in sorted((top / folder).rglob("__pycache__")):
            shutil.rmtree(path)
        for path in sorted((p for p in (top / folder).rglob("*") if p.is_dir() and not p.is_symlink()), reverse=True):
            with suppress(OSError):
                path.rmdir()
        with suppress(OSError):
            (top / folder).rmdir()
    with suppress(OSError):
        (top / ".claude").rmdir()
