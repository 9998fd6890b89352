"""Where a repository's parts lie, found by reading files: no git process, so that a hook of 20 ms can afford it."""

from __future__ import annotations

import os

from claudetools.core.light import NamedTuple


class Place(NamedTuple):
    """One working tree. All paths are absolute and resolved. (A dataclass would cost every hook 7 ms of imports.)"""

    top: str
    git_folder: str
    common: str

    @property
    def state(self) -> str:
        """The toolkit's state, shared by all working trees of the repository; `make_state` of the shell makes it."""
        return os.path.join(self.common, "claudetools")

    @property
    def lock_owner(self) -> str:
        """What a sync has the lock by, see scripts/lib/lock.sh."""
        return os.path.join(self.common, "claudetools-sync.lock", "owner")

    @property
    def tree(self) -> str:
        """What belongs to this working tree alone: journal, sessions, check worktree."""
        linked = self.git_folder != self.common
        name = f"linked-{os.path.basename(self.git_folder)}" if linked else "main"
        return os.path.join(self.state, "trees", name)

    def relative(self, path: str) -> str | None:
        """`path` seen from the top with "/" between its parts; None outside of the tree or inside of `.git`.

        Links above the last part are followed: what is reached through a link out of the tree is not in it.
        """
        folder, name = os.path.split(os.path.abspath(path))
        full = os.path.join(os.path.realpath(folder), name)
        if not full.startswith(self.top + os.sep):
            return None
        found = full[len(self.top) + 1 :].replace(os.sep, "/")
        return None if found.split("/", 1)[0] == ".git" else found


def script(name: str) -> str:
    """The path of a program of ours. We may be a copy that outlives an upgrade: the shell says where it started us."""
    here = os.path.abspath(os.path.join(__file__, *[os.pardir] * 4))
    return os.path.join(os.environ.get("CLAUDETOOLS_TOOLKIT") or here, "scripts", name)


def typed_command(top: str, name: str = "") -> str:
    """What one types at `top` to start the program `name` ("" for the commands of Python): as typed_command of
    scripts/lib/identity.sh."""
    import shlex

    if os.environ.get("CLAUDETOOLS_TYPED"):
        return f"claudetools {name}".rstrip()
    if not os.path.exists(os.path.join(top, ".claude/scripts/claudetools.sh")):
        return f"bash {shlex.quote(script(f'{name}.sh' if name else 'claudetools.sh'))}"
    if name == "sync":
        return "bash .claude/scripts/sync.sh"
    return f"bash .claude/scripts/claudetools.sh {name}".rstrip()


def find_place(folder: str) -> Place | None:
    """The working tree around `folder`; None where there is none (also in a bare repository)."""
    top = os.path.realpath(folder)
    while True:
        git = os.path.join(top, ".git")
        if os.path.isdir(git):
            return Place(top, git, common_of(git))
        if os.path.isfile(git):
            with open(git, encoding="utf-8", errors="surrogateescape") as file:
                word, _, target = file.readline().rstrip("\r\n").partition(": ")
            if word != "gitdir" or not target:
                return None
            git = os.path.realpath(os.path.join(top, target))
            return Place(top, git, common_of(git))
        parent = os.path.dirname(top)
        if parent == top:
            return None
        top = parent


def common_of(git: str) -> str:
    """The folder that all worktrees share. `commondir` names it in a linked one."""
    try:
        with open(os.path.join(git, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.realpath(os.path.join(git, file.readline().rstrip("\r\n")))
    except FileNotFoundError:
        return git
