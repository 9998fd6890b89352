"""Faults: the Nth program of one sync fails or takes the whole run with it. What does that sync say, and what is left?

Every program that a sync starts by name is counted by a shim on PATH, also those that the Python helpers start. A
`Scenario` builds a world, runs one command in it, and tells what has arrived and what must never be gone.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agents import Agent
from forced import KILL_GROUP, at, ended, lines, work_on_both_sides
from world import SYNC, Machine, Result, World, run_plain, write_identity

PROGRAMS = ("git", "mv", "ln", "mkdir", "rm", "cp", "find", "mkfifo", "python")
FAILURES = ("1", "128", "kill")
SHIM = r"""#!/bin/sh
set -C
n=1
until { command : >"$FAULTS/$n"; } 2>/dev/null; do n=$((n + 1)); done
set +C
printf '%s\n' "${0##*/} $*" >"$FAULTS/$n"
if [ "$n" -eq "$FAULT_AT" ]; then
  : >"$FAULTS/hit"
  [ "$FAULT" != kill ] || kill -KILL 0
  echo "fatal: an injected fault" >&2
  exit "$FAULT"
fi
PATH=$FAULTLESS exec "REAL" "$@"
"""
UGLY = re.compile(r"Traceback|unbound variable|: line \d+:|syntax error|command not found|bad substitution", re.I)
WAITS = re.compile(r"not in your folder yet|waiting for another session")


@dataclass
class Scenario:
    """`missing`: what has not arrived where exit 0 says it has. `lost`: what nobody may ever take away."""

    name: str
    build: Callable[[Path], World]
    missing: Callable[[World], list[str]]
    lost: Callable[[World], list[str]]
    args: tuple[str, ...] = ()
    session: str = ""
    ends: int = 0


@dataclass
class Outcome:
    """One fault. `bad` says what is wrong with it, nothing where all is well."""

    scenario: str
    at: int
    how: str
    call: str
    code: int
    text: str
    bad: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.scenario} {self.how} at {self.at} ({self.call[:90]}) -> {self.code}: {'; '.join(self.bad)}"


class Explorer:
    """One scenario in one folder; the world is put back before every fault."""

    def __init__(self, scenario: Scenario, root: Path) -> None:
        self.scenario, self.root = scenario, root
        self.live, self.template, self.shims, self.faults = (root / n for n in ("live", "template", "shims", "faults"))
        self.world = scenario.build(self.live)
        self.mike = self.world.machines["LINUX-01"]
        subprocess.run(("cp", "-a", self.live, self.template), check=True)
        self.shims.mkdir()
        for name in PROGRAMS:
            real = self.mike.env()["CLAUDETOOLS_PYTHON"] if name == "python" else shutil.which(name)
            if real:
                (self.shims / name).write_text(SHIM.replace("REAL", real))
                (self.shims / name).chmod(0o755)

    def calls(self) -> list[str]:
        """The programs of the run without a fault."""
        result = self.run(0, "0")
        assert result.code == self.scenario.ends, result.text
        assert not self.scenario.missing(self.world), self.scenario.missing(self.world)
        return self.counted()

    def counted(self) -> list[str]:
        files = sorted((f for f in self.faults.iterdir() if f.name.isdigit()), key=lambda f: int(f.name))
        return [f.read_text(errors="replace").strip() for f in files]

    def run(self, place: int, how: str) -> Result:
        """The command, in a world as it was built."""
        shutil.rmtree(self.live)
        subprocess.run(("cp", "-a", self.template, self.live), check=True)
        shutil.rmtree(self.faults, ignore_errors=True)
        self.faults.mkdir()
        path = self.mike.env()["PATH"]
        env = {
            "PATH": f"{self.shims}:{path}",
            "FAULTLESS": f"{self.shims}:{path}",
            "FAULTS": str(self.faults),
            "FAULT_AT": str(place),
            "FAULT": how,
            "CLAUDETOOLS_PYTHON": str(self.shims / "python"),
            **self.session(),
        }
        process = self.mike.start("bash", SYNC, *self.scenario.args, env=env)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def session(self) -> dict[str, str]:
        return {"CLAUDETOOLS_SESSION_ID": self.scenario.session} if self.scenario.session else {}

    def fault(self, place: int, how: str) -> Outcome | None:
        """None where the run starts fewer programs than that."""
        result = self.run(place, how)
        if not (self.faults / "hit").exists():
            return None
        call = self.counted()[place - 1]
        outcome = Outcome(self.scenario.name, place, how, call, result.code, result.text)
        outcome.bad += [f"LOST {what}" for what in self.scenario.lost(self.world)]
        if result.code == 0 and not WAITS.search(result.out):
            outcome.bad += [f"FALSE OK {what}" for what in self.scenario.missing(self.world)]
            if self.scenario.ends:
                outcome.bad.append(f"FALSE OK where {self.scenario.ends} is right")
        outcome.bad += self.ugly(result)
        outcome.bad += self.heal()
        return outcome

    def ugly(self, result: Result) -> list[str]:
        found = UGLY.search(result.out + result.err)
        return [f"UGLY {found[0]} in {result.text}"] if found else []

    def heal(self) -> list[str]:
        """Two healthy runs at the most, then all is where it belongs."""
        for _ in range(2):
            result = self.mike.sync(*self.scenario.args, env=self.session())
            if result.code == self.scenario.ends:
                break
        bad = self.ugly(result)
        if result.code != self.scenario.ends:
            bad.append(f"WEDGED {result.text}")
        bad += [f"LOST, seen later: {what}" for what in self.scenario.lost(self.world)]
        if result.code == self.scenario.ends:
            bad += [f"NEVER ARRIVES {what}" for what in self.scenario.missing(self.world)]
        try:
            self.mike.assert_sound()
        except AssertionError as error:
            bad.append(f"UNSOUND {error}")
        return bad


# --- what has arrived --------------------------------------------------------------------------------------------


def in_folder(machine: Machine, **tokens: str) -> list[str]:
    """Of `name=token`, the name with `__` for a dot, those that the folder has not."""
    found = {name.replace("__", "."): token for name, token in tokens.items()}
    return [
        f"{token} in the folder's {name}"
        for name, token in found.items()
        if not (machine.top / name).exists() or token not in (machine.top / name).read_text()
    ]


def on_remote(world: World, ref: str = "main", **tokens: str) -> list[str]:
    missing = []
    for name, token in ((name.replace("__", "."), token) for name, token in tokens.items()):
        done = subprocess.run(("git", "-C", world.remote, "show", f"{ref}:{name}"), capture_output=True, text=True)
        if token not in done.stdout:
            missing.append(f"{token} in {name} of {ref} on the remote")
    return missing


MINE = {"mine__txt": "MY-mine", "own__txt": "MY-own", "merged__txt": "MY-merged"}
THEIRS = {"mod__txt": "UP-mod", "merged__txt": "UP-merged"}


def mike_of(world: World) -> Machine:
    return world.machines["LINUX-01"]


def received(world: World) -> list[str]:
    mike = mike_of(world)
    gone = ["gone.txt is still there"] if (mike.top / "gone.txt").exists() else []
    new = [] if (mike.top / "sub/new.txt").exists() else ["sub/new.txt did not come"]
    return on_remote(world, **MINE) + in_folder(mike, **THEIRS) + gone + new


# --- the worlds --------------------------------------------------------------------------------------------------


def one_file(root: Path) -> World:
    root.mkdir()
    world = World(root)
    mike = world.machine("LINUX-01", "mike")
    for name in ("mine.txt", "old-name.txt"):
        mike.write(name, lines())
    assert mike.sync().code == 0
    mike.write("mine.txt", lines((5, "MY-mine")))
    mike.write("own.txt", "MY-own\n")
    (mike.top / "old-name.txt").rename(mike.top / "merged.txt")
    mike.write("merged.txt", lines((10, "MY-merged")))
    return world


def held_back(root: Path) -> World:
    """A tracked file is too large now."""
    world = one_file(root)
    mike = mike_of(world)
    mike.write("large.txt", "SMALL\n")
    mike.git("config", "claudetools.limitMB", "1")
    assert mike.sync("--", "large.txt").code == 0
    mike.write("large.txt", "MY-large\n" * 200_000)
    return world


def formatted(root: Path) -> World:
    world = one_file(root)
    hook = mike_of(world).top / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\ngrep -q formatted own.txt || { echo formatted >>own.txt; git add own.txt; }\n")
    hook.chmod(0o755)
    return world


def with_vault(root: Path) -> World:
    world = one_file(root)
    run_plain(root, "git", "init", "-q", "--bare", "-b", "main", str(root / "vault.git"))
    mike, howard = mike_of(world), world.machine("MAC-02", "howard")
    for machine in (mike, howard):
        vault = machine.home / "vault"
        run_plain(root, "git", "clone", "-q", str(root / "vault.git"), str(vault))
        run_plain(vault, "git", "symbolic-ref", "HEAD", "refs/heads/main")
        write_identity(machine, vault_path=str(vault))
        (vault / f"first-{machine.user}.txt").write_text("sealed\n")
        assert machine.sync("--vault").code == 0
    (howard.home / "vault/howard.txt").write_text("sealed\n")
    assert howard.sync("--vault").code == 0
    (mike.home / "vault/mike.txt").write_text("sealed\n")
    return world


def vault_missing(world: World) -> list[str]:
    vault = world.root / "vault.git"
    names = run_plain(world.root, "git", "-C", str(vault), "ls-tree", "--name-only", "main").split()
    missing = [] if "mike.txt" in names else ["mike.txt on the vault's remote"]
    if not (mike_of(world).home / "vault/howard.txt").exists():
        missing.append("howard.txt in the vault")
    return missing + on_remote(world, **MINE)


def to_restore(root: Path) -> World:
    root.mkdir()
    world = World(root)
    mike = world.machine("LINUX-01", "mike")
    mike.write("mine.txt", "MY-old\n")
    assert mike.sync().code == 0
    mike.git("update-ref", "refs/claudetools/points/20200101T000000Z-0000", "HEAD")
    mike.write("mine.txt", "MY-new\n")
    assert mike.sync().code == 0
    mike.write("own.txt", "MY-own\n")
    return world


def conflicting(root: Path) -> World:
    """Line 1 of merged.txt is another one on each side; mine.txt and own.txt can go."""
    world = work_on_both_sides(root)
    mike = mike_of(world)
    mike.write("merged.txt", lines((1, "MY-merged")))
    person = ("-c", "user.name=Mike Swanson", "-c", "user.email=mike@example.com")
    mike.git("add", "mine.txt")
    mike.git(*person, "commit", "-qm", "mine")
    return world


def settled(root: Path) -> World:
    world = conflicting(root)
    mike = mike_of(world)
    assert mike.sync().code == 65
    assert mike.sync("--resolve").code == 0
    assert mike.sync("--resolve", "--take", "mine", "merged.txt").code == 0
    return world


def killed_half_way(root: Path) -> World:
    world = work_on_both_sides(root)
    mike = mike_of(world)
    assert ended(mike.start("bash", SYNC, env=at(mike, "swapped-1", KILL_GROUP))) == -signal.SIGKILL
    return world


def two_sessions(root: Path) -> World:
    world = work_on_both_sides(root)
    mike = mike_of(world)
    mike.write("mine.txt", lines())
    one, other = Agent(mike, "sess-a", "one"), Agent(mike, "sess-b", "other")
    one.write("mine.txt", lines((5, "MY-mine")).encode())
    other.write("mine.txt", lines((5, "MY-mine"), (9, "MY-others")).encode())
    other.write("others.txt", b"MY-others\n")
    one.append("own.txt", "more")
    return world


def mixed(world: World) -> list[str]:
    """What a session has not saved is in the folder, and on no remote."""
    log = world.remote_git("log", "-p", "main")
    return in_folder(mike_of(world), **MINE, others__txt="MY-others") + (
        ["a mix: MY-others went"] if "MY-others" in log else []
    )


SCENARIOS = (
    Scenario("one file", one_file, lambda w: on_remote(w, **MINE), lambda w: in_folder(mike_of(w), **MINE)),
    Scenario(
        "held back",
        held_back,
        lambda w: on_remote(w, **MINE),
        lambda w: in_folder(mike_of(w), **MINE, large__txt="MY-large") + on_remote(w, large__txt="SMALL"),
        ends=65,
    ),
    Scenario("incoming", work_on_both_sides, received, lambda w: in_folder(mike_of(w), **MINE)),
    Scenario(
        "formatting hook",
        formatted,
        lambda w: on_remote(w, **{**MINE, "own__txt": "formatted"}),
        lambda w: in_folder(mike_of(w), **MINE),
    ),
    Scenario("vault", with_vault, vault_missing, lambda w: in_folder(mike_of(w), **MINE)),
    Scenario(
        "restore",
        to_restore,
        lambda w: in_folder(mike_of(w), mine__txt="MY-old"),
        lambda w: in_folder(mike_of(w), own__txt="MY-own") + on_remote(w, mine__txt="MY-new"),
        args=("--restore", "mine.txt@20200101T000000Z"),
    ),
    Scenario(
        "conflict",
        conflicting,
        lambda w: on_remote(w, mine__txt="MY-mine"),
        lambda w: in_folder(mike_of(w), **MINE) + on_remote(w, merged__txt="UP-merged"),
        ends=65,
    ),
    Scenario("settling", settled, lambda w: on_remote(w, **MINE), lambda w: in_folder(mike_of(w), **MINE)),
    Scenario("recovery", killed_half_way, received, lambda w: in_folder(mike_of(w), **MINE)),
    Scenario("sessions", two_sessions, received, mixed, session="sess-a"),
)
