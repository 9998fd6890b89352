"""The world of the tests: bare remotes, machines with a home of their own, real git and real bash.

A `World` lives in one temporary folder. A `Machine` is one person's account on one computer: HOME, identity, a clone.
Nothing of git is mocked. Dates are fixed where a test asks for it, never otherwise.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from claudetools.core import identity
from claudetools.logs.sections import REQUIRED

Env = Mapping[str, str] | None
OUTSIDE = dict(os.environ)  # what the tests were started with
TOOLKIT = Path(__file__).resolve().parent.parent
SYNC = TOOLKIT / "scripts" / "sync.sh"
TOOLS = TOOLKIT / "scripts" / "claudetools.sh"
WITH_LOCK = TOOLKIT / "scripts" / "with-lock.sh"
USERS = {
    "users": {
        "mike": {"full_name": "Mike Swanson", "email": "mike@example.com", "role": "admin", "aliases": ["Michael"]},
        "howard": {"full_name": "Howard Lee", "email": "howard@example.com", "role": "tech", "aliases": []},
    }
}


@dataclass(frozen=True)
class Result:
    """What a program said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


@dataclass
class Machine:
    """One person's account on one computer with a clone of the repository at `top`."""

    name: str
    user: str
    home: Path
    top: Path
    extra_env: dict[str, str] = field(default_factory=dict)
    compiles: bool = False  # its Python modules itself, as in the first sync of a clone
    own_identity: tuple[int, int] = (0, 0)  # the stamp of the identity.json that `World.machine` wrote

    def env(self, more: Env = None) -> dict[str, str]:
        return {**clean_environment(self.home), **self.extra_env, **(more or {})}

    def run(self, *argv: str | Path, cwd: Path | None = None, timeout: float = 120, env: Env = None) -> Result:
        self.prepare(argv)
        done = subprocess.run(
            [str(a) for a in argv],
            cwd=cwd or self.top,
            env=self.env(env),
            capture_output=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def start(self, *argv: str | Path, cwd: Path | None = None, env: Env = None) -> subprocess.Popen[bytes]:
        """A program in a process group of its own, so that a test can kill all of it."""
        self.prepare(argv)
        return subprocess.Popen(
            [str(a) for a in argv],
            cwd=cwd or self.top,
            env=self.env(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def prepare(self, argv: Sequence[str | Path]) -> None:
        """What people's first sync has to find or to make, and the first one in a test would."""
        if {SYNC, TOOLS} & set(argv[:2]):
            self.share_compiled()
        elif any(str(word).startswith(".claude/scripts/") for word in argv[:2]):
            self.share_compiled_version()
        if SYNC in argv[:2] and not self.compiles and not (self.top / ".git" / "claudetools" / "format").exists():
            with contextlib.suppress(OSError):
                self.know()

    def share_compiled(self) -> None:
        """A clone compiles the modules of Python once, for the longest part of its first sync: those of a test find
        what another one has compiled, where people's find what their own syncs have."""
        git, cache = self.top / ".git", self.top / ".git" / "claudetools" / "pycache"
        if not self.compiles and git.is_dir() and not os.path.lexists(cache):
            with contextlib.suppress(OSError):  # a test has made it read-only
                cache.parent.mkdir(mode=0o700, exist_ok=True)
                cache.symlink_to(compiled())

    def share_compiled_version(self) -> None:
        """The same where the version lies unpacked in the repository's state, at another path in each test: only the
        names of the folders in the cache differ."""
        state = self.top / ".git" / "claudetools"
        if self.compiles or not (state / "installed.json").exists() or os.path.lexists(state / "pycache"):
            return
        paths = sysconfig.get_paths()
        shared = {path: path for path in (paths["stdlib"], paths["purelib"])} | {f"{state}/toolkit": "/toolkit"}
        with contextlib.suppress(OSError):
            for path, name in shared.items():
                target = Path(f"{compiled()}{name}")
                target.mkdir(parents=True, exist_ok=True)
                place = Path(f"{state}/pycache{path}")
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                place.symlink_to(target)

    def know(self) -> None:
        """What setup.sh leaves beside identity.json: who works here, and the Python that was found. The first sync of
        a clone that nobody set up takes as long again to find both."""
        state, file = self.top / ".git" / "claudetools", self.top / ".claude" / "identity.json"
        if self.own_identity != stamp(file) or not state.is_dir():
            return  # a test has its own plans
        assert identity.main(["--own", str(self.top), str(state / "identity")]) == 0
        (state / "python").write_text(f"{sys.executable}\n")
        newest = max(path.stat().st_mtime_ns for path in (file, file.with_name("users.json")) if path.exists())
        os.utime(state / "identity", ns=(newest + 1, newest + 1))  # clocks of file systems are coarse

    def git(self, *args: str, check: bool = True, env: Env = None) -> str:
        result = self.run("git", *args, env=env)
        if check and result.code:
            raise AssertionError(f"git {' '.join(args)}: {result.text}")
        return result.out.removesuffix("\n")

    def sync(self, *args: str, env: Env = None) -> Result:
        return self.run("bash", SYNC, *args, env=env)

    def start_sync(self, *args: str, env: Env = None) -> subprocess.Popen[bytes]:
        return self.start("bash", SYNC, *args, env=env)

    def push(self) -> None:
        """Commit and push all of it by plain git: what a test about the one who receives needs of the one who sends,
        at a third of what a sync costs."""
        person = USERS["users"][self.user]
        command = (
            'git add -A && git -c user.name="$1" -c user.email="$2" commit -qm "Change" && git push -q origin HEAD:main'
        )
        result = self.run("bash", "-c", command, "bash", str(person["full_name"]), str(person["email"]))
        assert result.code == 0, result.text

    def write(self, path: str, text: str | bytes) -> Path:
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return target

    def read(self, path: str) -> str:
        return (self.top / path).read_text()

    @property
    def common(self) -> Path:
        git = self.top / ".git"
        if git.is_dir() and not git.is_symlink():
            return git.resolve()
        return Path(self.git("rev-parse", "--path-format=absolute", "--git-common-dir"))

    @property
    def state(self) -> Path:
        return self.common / "claudetools"

    @property
    def lock(self) -> Path:
        return self.common / "claudetools-sync.lock"

    def status(self) -> str:
        """What git sees as changed, '' when the tree is clean."""
        return self.git("status", "--porcelain", "-uall")

    def assert_sound(self) -> None:
        """No half state: no lock left, no merge under way, on the branch, nothing corrupt, no claim left behind."""
        common = self.common
        git_dir = common if common.parent == self.top.resolve() else Path(self.git("rev-parse", "--absolute-git-dir"))
        assert (git_dir / "HEAD").read_text() == "ref: refs/heads/main\n"
        for name in ("index.lock", "HEAD.lock", "MERGE_HEAD", "rebase-merge", "rebase-apply", "CHERRY_PICK_HEAD"):
            assert not (git_dir / name).exists(), name
        assert not [str(p) for p in common.rglob("refs/**/*.lock")]
        assert not (common / "claudetools-sync.lock/owner").exists(), "a lock is left"
        claims = common / "claudetools/claims"
        assert not claims.exists() or not list(claims.iterdir()), list(claims.iterdir())
        fsck = self.run("git", "fsck", "--no-dangling", "--no-progress")
        assert fsck.code == 0, fsck.text


class World:
    """A folder with a bare remote and any number of machines."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remote = root / "remote.git"
        self.machines: dict[str, Machine] = {}
        run_plain(root, "git", "init", "-q", "--bare", "-b", "main", str(self.remote))

    def machine(self, name: str = "LINUX-01", user: str = "mike", clone: bool = True) -> Machine:
        """A new machine; its clone starts from the remote, or with the first commit when the remote is empty."""
        home = self.root / f"home-{name}"
        home.mkdir()
        machine = Machine(name, user, home, home / "ops")
        self.machines[name] = machine
        if not clone:
            return machine
        if self.tip() == "":
            self._copy(first_clone(), machine)
        else:
            self._clone(machine)
        write_identity(machine)
        machine.own_identity = stamp(machine.top / ".claude" / "identity.json")
        return machine

    def _clone(self, machine: Machine) -> None:
        run_plain(self.root, "git", "clone", "-q", str(self.remote), str(machine.top))

    def _copy(self, first: World, machine: Machine) -> None:
        """What `_seed` makes, a quarter of the time."""
        shutil.copytree(first.remote / "objects", self.remote / "objects", dirs_exist_ok=True)
        shutil.copy(first.remote / "refs/heads/main", self.remote / "refs/heads/main")
        shutil.copytree(first.root / "clone", machine.top, symlinks=True)
        config = machine.top / ".git" / "config"
        config.write_text(config.read_text().replace(str(first.remote), str(self.remote)))
        machine.git("update-index", "-q", "--refresh")

    def take(self, other: World, *names: str) -> list[Machine]:
        """The remote of a world that tests share, and these of its machines as they are there, in place of all the
        commands that made them."""
        shutil.copytree(other.remote / "objects", self.remote / "objects", dirs_exist_ok=True)
        shutil.copytree(other.remote / "refs", self.remote / "refs", dirs_exist_ok=True)
        for name in names:
            old = other.machines[name]
            home = self.root / old.home.name
            shutil.copytree(old.home, home, symlinks=True, ignore=shutil.ignore_patterns("pycache"))
            self.machines[name] = machine = replace(old, home=home, top=home / "ops", extra_env={**old.extra_env})
            git = machine.top / ".git"
            if (git / "claudetools/identity.of").exists():  # a link to what says so
                (git / "claudetools/identity.of").unlink()
                (git / "claudetools/identity.of").hardlink_to(machine.top / ".claude/identity.json")
            for path in (git / "config", git / "claudetools/config.before", git / "claudetools/trees/main/accepted"):
                if path.exists():
                    path.write_text(path.read_text().replace(str(other.root), str(self.root)))
            machine.git("update-index", "-q", "--refresh")
        return [self.machines[name] for name in names]

    def synced(self, files: Mapping[str, str]) -> Machine:
        """LINUX-01 as its first sync leaves it, which has sent these files."""
        (machine,) = self.take(first_sync(tuple(files.items())), "LINUX-01")
        return machine

    def _seed(self, machine: Machine) -> None:
        self._clone(machine)
        machine.git("symbolic-ref", "HEAD", "refs/heads/main")
        machine.write("README.md", "# ops\n")
        machine.write(".gitignore", ".claude/identity.json\n*.ignored\n")
        machine.write(".claude/users.json", json.dumps(USERS, indent=2) + "\n")
        machine.git("add", "-A")
        person = ("-c", "user.name=Seed", "-c", "user.email=seed@example.com")
        machine.git(*person, "commit", "-q", "-m", "Start the repository")
        machine.git("push", "-q", "origin", "HEAD:refs/heads/main")
        machine.git("branch", "-q", "--set-upstream-to=origin/main")

    def tip(self) -> str:
        """The remote's main, '' when there is none."""
        ref = self.remote / "refs/heads/main"
        if ref.is_file():
            return ref.read_text().strip()
        done = subprocess.run(
            ["git", "-C", str(self.remote), "rev-parse", "-q", "--verify", "refs/heads/main"],
            env=clean_environment(self.root),
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def remote_git(self, *args: str) -> str:
        return run_plain(self.root, "git", "-C", str(self.remote), *args)

    def remote_files(self) -> list[str]:
        return [f for f in self.remote_git("ls-tree", "-r", "-z", "--name-only", "main").split("\0") if f]

    def remote_file(self, path: str) -> str:
        return self.remote_git("show", f"main:{path}")

    def assert_linear(self) -> None:
        assert self.remote_git("rev-list", "--merges", "main") == ""


@cache
def compiled() -> Path:
    """Compiled modules of this process's tests."""
    return folder_until_the_end("compiled")


@cache
def first_clone() -> World:
    """A remote with the first commit, and a clone of it."""
    world = World(folder_until_the_end("first"))
    world._seed(Machine("first", "mike", world.root, world.root / "clone"))
    return world


@cache
def first_sync(files: tuple[tuple[str, str], ...], second: str = "") -> World:
    """A machine that has sent these files by the first sync of its clone, and Howard's, which has synced as well."""
    world = World(folder_until_the_end("synced"))
    machine = world.machine()
    for path, text in files:
        machine.write(path, text)
    for one in (machine, world.machine(second, "howard")) if second else (machine,):
        result = one.sync()
        assert result.code == 0, result.text
    return world


def folder_until_the_end(name: str) -> Path:
    """A folder for all tests of this process."""
    folder = tempfile.mkdtemp(prefix=f"claudetools-{name}.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def log_text(machine: Machine, session: str = "", more: str = "") -> str:
    """A session log that is in order."""
    front = f"---\nsession: {session}\n---\n\n" if session else ""
    return front + log_body(machine.user, machine.name) + more


def log_body(user: str, machine: str) -> str:
    """Every section that a log has to have, with something in it."""
    others = "".join(f"\n## {name}\n\nDone.\n" for name in REQUIRED[1:])
    full_name = USERS["users"][user]["full_name"]
    return f"## {REQUIRED[0]}\n- **User:** {full_name} ({user})\n- **Machine:** {machine}\n{others}"


def stamp(path: Path) -> tuple[int, int]:
    """Which file it is, and its last write; zeros where there is none."""
    try:
        info = path.stat()
    except OSError:
        return 0, 0
    return info.st_ino, info.st_mtime_ns


def write_identity(machine: Machine, **more: object) -> None:
    person = USERS["users"][machine.user]
    identity = {
        "user": machine.user,
        "full_name": str(person["full_name"]),
        "email": str(person["email"]),
        "machine": machine.name,
        **more,
    }
    machine.write(".claude/identity.json", json.dumps(identity, indent=2) + "\n")


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """No user's or system's git settings, no session of the caller's; our interpreter for the helpers; no package
    index: an installation that nobody meant ends at once instead of waiting for a network."""
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "USER": "tester",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_SYSTEM": str(TOOLKIT / "tests" / "gitconfig"),
        "CLAUDETOOLS_PYTHON": sys.executable,
        "PIP_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        **(extra or {}),
    }


def run_plain(cwd: Path, *argv: str) -> str:
    done = subprocess.run(argv, cwd=cwd, env=clean_environment(cwd), capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def needs(program: str) -> str:
    """Reason for a skip when a program is missing, '' when it is there."""
    return "" if shutil.which(program) else f"{program} is not installed"
