"""Where claudetools is installed: the repository, and what stands in the way there."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from claudetools.core.files import shown

NEW = ".claudetools-new"
OLD_HOME = ".claude/claudetools"  # where 0.1.0 lay
KEPT = ".claude/before-claudetools"
GIT_FLOOR = (2, 38)
USAGE, HELD, CANNOT_CREATE, SETUP = 64, 65, 73, 78
# Folders that another program synchronises: it replaces files under git's hands, and makes "conflicted copies" of refs.
CLOUD = re.compile(
    r"/(?:(OneDrive)(?: ?- [^/]*)?|(Dropbox)(?: \([^/]*\))?|(iCloud) ?Drive|(Google) ?Drive[^/]*"
    r"|Library/(?:Mobile Documents()|CloudStorage/([A-Za-z]+)[^/]*))(?=/)"
)
CLOUD_NAMES = {"OneDrive": "OneDrive", "Dropbox": "Dropbox", "iCloud": "iCloud", "Google": "Google Drive", "": "iCloud"}


class NotInstallable(Exception):
    """Nothing was changed. The exit code, what is the matter, and lines that say how to go on."""

    def __init__(self, code: int, message: str, *lines: str) -> None:
        super().__init__(message)
        self.code, self.message, self.lines = code, message, lines


@dataclass(frozen=True)
class Repository:
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
        raise NotInstallable(SETUP, "git is not to be found.", "Install git 2.38 or newer.") from None
    if done.returncode not in ok:
        words = shown(done.stderr.strip()[:300])
        raise NotInstallable(SETUP, f"git {args[0]} ended with {done.returncode}: {words}")
    return done.returncode, os.fsdecode(done.stdout)


def open_place(given: str, allow_cloud: bool) -> Repository:
    """The working tree whose top is `given`. Refused when it is none, or when claudetools could not work there."""
    path = Path(os.path.abspath(os.path.expanduser(given)))
    if not path.is_dir():
        raise NotInstallable(SETUP, f"{show(path)} is no folder.", "Name the top of your repository.")
    words = run_git(path, "version")[1]
    version = re.search(r"(\d+)\.(\d+)", words)
    if version is None or (int(version[1]), int(version[2])) < GIT_FLOOR:
        raise NotInstallable(SETUP, f"git 2.38 or newer is needed (merge-tree --write-tree); this is {words.strip()}.")
    status, out = run_git(path, "rev-parse", "--show-toplevel", ok=(0, 128))
    if status or not out.strip():
        # Also where git refuses a folder of somebody else's; its own words say how to allow it.
        raise NotInstallable(SETUP, f"{show(path)} is not the working tree of a git repository.", *why_not(path))
    top = Path(out.removesuffix("\n"))
    if not os.path.samefile(top, path):
        raise NotInstallable(
            SETUP, f"{show(path)} is a folder inside of a repository.", f"Its top is {show(top)}: name that."
        )
    if "\n" in str(top):
        raise NotInstallable(
            SETUP, f"The path {show(top)} holds a line break; git's answers cannot be told apart there."
        )
    cloud = cloud_folder(path) or cloud_folder(top)
    if cloud and not allow_cloud:
        raise NotInstallable(
            SETUP,
            f"{show(path)} is kept in sync by {cloud}, which replaces files of the tree and of .git at any time.",
            "Move the repository to a folder of this machine alone; its remote carries it to the others.",
            "Take the risk: install.sh --allow-cloud-folder REPO",
        )
    common, hooks = (
        Path(run_git(top, "rev-parse", "--path-format=absolute", *asked)[1].removesuffix("\n"))
        for asked in (("--git-common-dir",), ("--git-path", "hooks"))
    )
    return Repository(top, common, common / "claudetools", hooks, kind_of_hooks(top, common, hooks))


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
            raise NotInstallable(
                SETUP,
                f"{name} is a symbolic link to {show(os.readlink(folder))}; claudetools needs a folder there.",
                "What was written through it would land elsewhere. Replace the link by a folder, then install again.",
            )
        if not stat.S_ISDIR(mode):
            raise NotInstallable(
                SETUP, f"{name} is no folder, and claudetools needs one there.", "Rename it, then install again."
            )
        if (folder / ".git").exists():
            raise NotInstallable(
                SETUP,
                f"{name} is a git repository of its own; what is put there would not travel with this one.",
                "Take it out, or install into that repository instead.",
            )


def local_settings(place: Repository) -> dict[str, str]:
    """The repository's own configuration, by keys in lower case; the last value counts."""
    entries = run_git(place.top, "config", "--local", "--includes", "--list", "-z")[1].split("\0")
    pairs = (entry.partition("\n") for entry in entries if entry)
    return {key.lower(): value if gap else "true" for key, gap, value in pairs}


def old_bare_logs(place: Repository) -> int:
    """How many session logs carry a name that every session of their day shared."""
    names = run_git(place.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md")[1].split(
        "\0"
    )
    bare = re.compile(r"(?:^|/)session-logs/(?:[^/]+/)*\d{4}-\d\d-\d\d(?:-session)?\.md$")
    return len({name for name in names if bare.search(name)})


def show(path: object) -> str:
    """A path for a message."""
    return shown(os.fsencode(str(path)))
