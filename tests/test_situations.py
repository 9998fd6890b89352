"""docs/situations.md: every situation, its exit code, the first words, and what the next sync does.

The document is what these scenarios really said. It does not match any more? `CLAUDETOOLS_BLESS=1 pytest
tests/test_situations.py` writes it anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from forced import KILL_GROUP, at, copy_world, ended, was_reached
from vaults import AGE_TEXT
from world import SYNC, TOOLKIT, Machine, Result, World, folder_until_the_end, log_text, run_plain, write_identity

DOCUMENT = TOOLKIT / "docs" / "situations.md"
BLESS = os.environ.get("CLAUDETOOLS_BLESS") == "1"
LINES = "".join(f"line {n}\n" for n in range(10))
HEAD = """\
# What sync says, and what it means

Each row was run on real repositories when this page was made; `tests/test_situations.py` fails when it no longer holds.
Numbers, times and names are examples. Whatever the exit code: what you wrote is in your folder or in a commit here.
"""
LOCK_TOKEN = "5d" * 16
CHAPTERS = {
    "Saved, or nothing to do": "The exit status is 0.",
    "Something was left out": "Exit status 65. The rest is on the remote; what is named waits for you.",
    "Two people wrote different things": "What the machine can settle, it settles. What it cannot, it lays before you.",
    "The remote": "Offline is no failure: the work is committed here. A remote that refuses names what it refuses.",
    "Not ready": "Exit status 78: nothing was changed, and the command that helps is named.",
    "Others at work, and accidents": "Sync again: a sync that was stopped anywhere is completed by the next one.",
    "Work with plain git beside the sync": "Commit, stage, pull as you like.",
    "The vault": "It goes through the same steps, and its trouble never hides that your work is safe.",
    "Usage": "",
}


class Scene:
    """Mike's clone, Howard's when it is asked for, and the remote between them."""

    def __init__(self, root: Path) -> None:
        self.world: World = copy_world(prepared(), root)
        self.mike: Machine = self.world.machines["LINUX-01"]
        self._howard: Machine | None = None

    @property
    def howard(self) -> Machine:
        if not self._howard:
            self._howard = self.world.machine("MAC-02", "howard")
        return self._howard

    def sends(self, path: str, text: str) -> None:
        """Howard's work reaches the remote."""
        self.howard.write(path, text)
        self.howard.git("add", "-f", path)
        self.howard.push()

    def save(self, path: str, text: str, *args: str) -> Result:
        self.mike.write(path, text)
        return self.mike.sync(*args)

    def remote_hook(self, text: str) -> None:
        hook = self.world.remote / "hooks" / "pre-receive"
        hook.write_text(f"#!/bin/sh\n{text}\n")
        hook.chmod(0o755)

    def own_hook(self, text: str, name: str = "pre-commit") -> None:
        hook = self.mike.top / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{text}\n")
        hook.chmod(0o755)

    def vault(self) -> Path:
        folder = self.world.root / "vault"
        run_plain(self.world.root, "git", "init", "-q", "--bare", "-b", "main", "vault.git")
        self.mike.run("git", "clone", "-q", self.world.root / "vault.git", folder)
        self.mike.git("-C", str(folder), "symbolic-ref", "HEAD", "refs/heads/main")
        write_identity(self.mike, vault_path=str(folder))
        (folder / "acme.age").write_text(AGE_TEXT)
        return folder


Act = Callable[[Scene], Result]


@cache
def prepared() -> World:
    """What each scene begins with, made once."""
    world = World(folder_until_the_end("scene"))
    mike = world.machine("LINUX-01", "mike")
    for name in ("notes.md", "code.py"):
        mike.write(name, LINES)
    mike.git("config", "claudetools.branch", "main")
    assert mike.sync().code == 0
    return world


@dataclass(frozen=True)
class Situation:
    """A row. `settle` is what the person does before the next sync, `settled` in words."""

    chapter: str
    title: str
    act: Act
    settled: str = ""
    settle: Callable[[Scene], object] | None = None


SITUATIONS: list[Situation] = []


def situation(title: str, settled: str = "", settle: Callable[[Scene], object] | None = None) -> Callable[[Act], Act]:
    """Adds the scenario to the chapter that was opened last."""
    chapter = CHAPTER[-1]

    def add(act: Act) -> Act:
        SITUATIONS.append(Situation(chapter, title, act, settled, settle))
        return act

    return add


CHAPTER: list[str] = []


def open_chapter(name: str) -> None:
    assert name in CHAPTERS
    CHAPTER.append(name)


# --- 0 -------------------------------------------------------------------------------

open_chapter("Saved, or nothing to do")


@situation("Nothing changed, here or there")
def nothing(s: Scene) -> Result:
    return s.mike.sync()


@situation("You changed files")
def saved(s: Scene) -> Result:
    return s.save("a.md", "x\n")


@situation("Others sent something")
def received(s: Scene) -> Result:
    s.sends("b.md", "x\n")
    return s.mike.sync()


@situation("You and others changed different files")
def different_files(s: Scene) -> Result:
    s.sends("b.md", "x\n")
    return s.save("a.md", "x\n")


@situation("You asked for `--no-push`")
def no_push(s: Scene) -> Result:
    return s.save("a.md", "x\n", "--no-push")


@situation("You asked for `--dry-run`")
def dry_run(s: Scene) -> Result:
    return s.save("a.md", "x\n", "--dry-run")


@situation("Your pre-commit hook rewrites a file")
def hook_rewrites(s: Scene) -> Result:
    s.own_hook("grep -q '  ' a.md || exit 0; sed 's/  / /' a.md >a.new; mv a.new a.md; exit 1")
    return s.save("a.md", "too  wide\n")


@situation("The remote is still empty")
def first_push(s: Scene) -> Result:
    run_plain(s.world.root, "git", "init", "-q", "--bare", "-b", "main", "empty.git")
    s.mike.git("remote", "set-url", "origin", str(s.world.root / "empty.git"))
    s.mike.git("update-ref", "-d", "refs/remotes/origin/main")
    (s.mike.state / "trees" / "main" / "accepted").unlink()
    return s.save("a.md", "x\n")


@situation(
    "No remote is configured",
    "`git remote add origin URL`",
    lambda s: s.mike.git("remote", "add", "origin", str(s.world.remote)),
)
def no_remote(s: Scene) -> Result:
    s.mike.git("remote", "remove", "origin")
    return s.save("a.md", "x\n")


# --- 65: left out --------------------------------------------------------------------

open_chapter("Something was left out")


def ignore(path: str) -> Callable[[Scene], object]:
    return lambda s: s.mike.write(".gitignore", s.mike.read(".gitignore") + f"/{path}\n")


@situation("A `.env` or key file", "ignored", ignore(".env"))
def env_file(s: Scene) -> Result:
    s.mike.write("a.md", "x\n")
    return s.save(".env", "TOKEN=1\n")


@situation(
    "A log with a password in it, and `claudetools.credentials` is `block`",
    "moved into the vault",
    lambda s: s.mike.write(
        "session-logs/2026-06-05-mike-vpn.md",
        s.mike.read("session-logs/2026-06-05-mike-vpn.md").replace("hunter2", "vault:acme/vpn"),
    ),
)
def password_in_log(s: Scene) -> Result:
    s.mike.git("config", "claudetools.credentials", "block")
    head = "## Credentials & Secrets\n"
    return s.save("session-logs/2026-06-05-mike-vpn.md", log_text(s.mike).replace(head, f"{head}- PSK: hunter2\n"))


@situation("A file over 50 MB", "ignored", ignore("mail.pst"))
def large_file(s: Scene) -> Result:
    s.mike.git("config", "claudetools.limitMB", "1")
    return s.save("mail.pst", "x" * 1_100_000)


@situation("A git repository inside of this one", "ignored", ignore("tools"))
def nested(s: Scene) -> Result:
    s.mike.run("git", "init", "-q", "tools")
    s.mike.write("tools/x", "x\n")
    s.mike.run("git", "add", "-A", cwd=s.mike.top / "tools")
    return s.mike.sync()


@situation(
    "A log whose name has no user and topic",
    "renamed",
    lambda s: (s.mike.top / "session-logs/2026-06-05-session.md").rename(
        s.mike.top / "session-logs/2026-06-05-mike-vpn.md"
    ),
)
def bare_log(s: Scene) -> Result:
    return s.save("session-logs/2026-06-05-session.md", log_text(s.mike))


@situation(
    "A log without its sections",
    "`log check --fix`",
    lambda s: s.mike.run(
        "bash",
        TOOLKIT / "scripts/claudetools.sh",
        "log",
        "check",
        "--fix",
        "session-logs/2026-06-05-mike-vpn.md",
        env={"CLAUDETOOLS_HOSTNAME": s.mike.name},
    ),
)
def log_without_sections(s: Scene) -> Result:
    return s.save("session-logs/2026-06-05-mike-vpn.md", "# VPN\n\nThe certificate is new.\n")


@situation("A file that should be encrypted", "encrypted", lambda s: s.mike.write("acme.age", AGE_TEXT))
def plain_text(s: Scene) -> Result:
    return s.save("acme.age", "password\n")


@situation(
    "Two names that differ in case only", "renamed", lambda s: (s.mike.top / "NOTES.md").rename(s.mike.top / "more.md")
)
def case_twins(s: Scene) -> Result:
    return s.save("NOTES.md", "x\n")


@situation("More than half of all files are gone", "`git restore .`", lambda s: s.mike.git("restore", "."))
def mass_deletion(s: Scene) -> Result:
    for n in range(30):
        s.mike.write(f"many/{n}.md", f"{n}\n")
    assert s.mike.sync().code == 0
    for path in (s.mike.top / "many").iterdir():
        path.unlink()
    return s.mike.sync()


@situation("Your pre-commit hook refuses", "mended", lambda s: s.mike.write("a.md", "short\n"))
def hook_refuses(s: Scene) -> Result:
    s.own_hook("[ -e a.md ] && grep -q long a.md || exit 0; echo 'a.md: line 1 is too long' >&2; exit 1")
    return s.save("a.md", "long\n")


@situation("Your commit-msg hook refuses the subject", "as it is", lambda s: None)
def message_refused(s: Scene) -> Result:
    s.own_hook("grep -q ^OPS- \"$1\" || { echo 'needs a ticket' >&2; exit 1; }", "commit-msg")
    return s.save("a.md", "x\n")


@situation("Your pre-push hook refuses", "mended", lambda s: s.mike.write("a.md", "short\n"))
def push_hook_refuses(s: Scene) -> Result:
    s.own_hook("! grep -q long a.md || { echo '1 test failed' >&2; exit 1; }", "pre-push")
    return s.save("a.md", "long\n")


@situation(
    "A file of yours lies where an incoming one belongs",
    "moved away",
    lambda s: (s.mike.top / "report.ignored").rename(s.mike.top / "mine.ignored"),
)
def in_the_way(s: Scene) -> Result:
    s.sends("report.ignored", "howard's\n")
    s.mike.write("report.ignored", "mine\n")
    return s.save("a.md", "x\n")


# --- conflicts -----------------------------------------------------------------------

open_chapter("Two people wrote different things")


@situation("In different lines of one file")
def merged(s: Scene) -> Result:
    s.sends("code.py", LINES.replace("line 1", "howard's"))
    return s.save("code.py", LINES.replace("line 8", "mike's"))


@situation("Both added lines to a text")
def both_added(s: Scene) -> Result:
    s.sends("notes.md", LINES + "howard's\n")
    return s.save("notes.md", LINES + "mike's\n")


@situation("Both began a session log of one name")
def one_log_name(s: Scene) -> Result:
    path = "session-logs/2026-06-05-ops-vpn.md"
    s.sends(path, log_text(s.howard, "theirs"))
    return s.save(path, log_text(s.mike, "mine"))


def clash(s: Scene) -> Result:
    s.sends("notes.md", LINES.replace("line 4", "howard's"))
    s.mike.write("notes.md", LINES.replace("line 4", "mike's"))
    return s.mike.sync()


def take(side: str) -> Callable[[Scene], object]:
    def settle(s: Scene) -> None:
        assert s.mike.sync("--resolve").code == 0
        assert s.mike.sync("--resolve", "--take", side, "notes.md").code == 0

    return settle


situation("In the same line")(clash)
situation("In the same line", "`--resolve --take mine notes.md`", take("mine"))(clash)
situation("In the same line", "`--resolve --take theirs notes.md`", take("theirs"))(clash)


def write_result(s: Scene) -> None:
    assert s.mike.sync("--resolve").code == 0
    s.mike.write(".claudetools-resolve/notes.md", LINES.replace("line 4", "both of us"))


situation("In the same line", "`--resolve`, and the file below `.claudetools-resolve/` edited", write_result)(clash)


@situation("You ask for `--resolve`", "")
def lay_out(s: Scene) -> Result:
    clash(s)
    return s.mike.sync("--resolve")


@situation("You ask for `--resolve` where nothing conflicts")
def nothing_to_settle(s: Scene) -> Result:
    return s.mike.sync("--resolve")


@situation("You changed what others deleted", "`--resolve --take theirs notes.md`", take("theirs"))
def deleted_there(s: Scene) -> Result:
    (s.howard.top / "notes.md").unlink()
    assert s.howard.sync().code == 0
    return s.save("notes.md", LINES + "mike's\n")


# --- the remote ------------------------------------------------------------------------

open_chapter("The remote")


def back_online(s: Scene) -> None:
    (s.world.root / "away.git").rename(s.world.remote)


@situation("Cannot be reached", "back on the network", back_online)
def offline(s: Scene) -> Result:
    s.world.remote.rename(s.world.root / "away.git")
    return s.save("a.md", "x\n")


@situation("Cannot be reached, and nothing waits", "back on the network", back_online)
def offline_idle(s: Scene) -> Result:
    s.world.remote.rename(s.world.root / "away.git")
    return s.mike.sync()


@situation("Wants a login", "logged in", lambda s: s.mike.git("remote", "set-url", "origin", str(s.world.remote)))
def login(s: Scene) -> Result:
    ssh = s.world.root / "ssh"
    ssh.write_text('#!/bin/sh\necho "git@host: Permission denied (publickey)." >&2\nexit 255\n')
    ssh.chmod(0o755)
    s.mike.extra_env["GIT_SSH_COMMAND"] = str(ssh)
    s.mike.git("remote", "set-url", "origin", "git@host:ops.git")
    return s.save("a.md", "x\n")


REFUSE_TOKENS = """while read old new ref; do for c in $(git rev-list $old..$new); do
if git show $c | grep -q '^+.*TOKEN'; then echo "commit $c holds a token" >&2; exit 1; fi; done; done"""


@situation("Refuses one commit of several", "mended", lambda s: s.mike.write("bad.md", "vault: acme/token\n"))
def refused(s: Scene) -> Result:
    s.remote_hook(REFUSE_TOKENS)
    s.save("a.md", "a\n", "--no-push")
    return s.save("bad.md", "TOKEN=1\n")


@situation("Refuses everything", "opened again", lambda s: (s.world.remote / "hooks" / "pre-receive").unlink())
def refuses_everything(s: Scene) -> Result:
    s.remote_hook("echo 'closed for maintenance' >&2; exit 1")
    return s.save("a.md", "a\n")


@situation("Its history was rewritten")
def rewritten(s: Scene) -> Result:
    s.save("secret.md", "hunter2\n")
    s.world.remote_git("update-ref", "refs/heads/main", "main~1")
    return s.save("a.md", "x\n")


@situation("Its history was rewritten, and you accept it: `--take-upstream`")
def taken(s: Scene) -> Result:
    rewritten(s)
    return s.mike.sync("--take-upstream")


@situation("Has a history that is not related to yours")
def unrelated(s: Scene) -> Result:
    run_plain(s.world.root, "git", "init", "-q", "-b", "main", "other")
    other = s.world.root / "other"
    person = ("-c", "user.name=X", "-c", "user.email=x@example.com")
    run_plain(other, "git", *person, "commit", "-q", "--allow-empty", "-m", "another start")
    run_plain(other, "git", "push", "-q", "--force", str(s.world.remote), "main")
    (s.mike.state / "trees" / "main" / "accepted").unlink()
    s.mike.git("fetch", "-q")
    return s.save("a.md", "x\n")


# --- not ready ---------------------------------------------------------------------------

open_chapter("Not ready")


def to_main(s: Scene) -> None:
    s.mike.git("switch", "-q", "main")


@situation("On another branch", "`git switch main`", to_main)
def wrong_branch(s: Scene) -> Result:
    s.mike.git("switch", "-q", "-c", "idea")
    return s.save("a.md", "x\n")


@situation("On no branch (detached HEAD)", "`git switch main`", to_main)
def detached(s: Scene) -> Result:
    s.mike.git("switch", "-q", "--detach")
    return s.save("a.md", "x\n")


@situation("In the middle of a merge", "`git merge --abort`", lambda s: s.mike.git("merge", "--abort"))
def merging(s: Scene) -> Result:
    s.sends("code.py", LINES.replace("line 4", "howard's"))
    s.mike.write("code.py", LINES.replace("line 4", "mike's"))
    s.mike.git("commit", "-qam", "plain")
    s.mike.git("pull", "-q", "--no-rebase", check=False)
    return s.mike.sync()


@situation("In the middle of a rebase", "`git rebase --abort`", lambda s: s.mike.git("rebase", "--abort"))
def rebasing(s: Scene) -> Result:
    s.sends("code.py", LINES.replace("line 4", "howard's"))
    s.mike.write("code.py", LINES.replace("line 4", "mike's"))
    s.mike.git("commit", "-qam", "plain")
    s.mike.git("pull", "-q", "--rebase", check=False)
    return s.mike.sync()


@situation(
    "Not set up",
    "`bash setup.sh`",
    lambda s: s.mike.run(
        "bash", TOOLKIT / "scripts" / "setup.sh", "--user", "mike", "--name", "Mike", "--email", "mike@example.com"
    ),
)
def not_set_up(s: Scene) -> Result:
    (s.mike.top / ".claude" / "identity.json").unlink()
    for key in ("user.name", "user.email"):
        s.mike.git("config", "--unset-all", key, check=False)
    return s.save("a.md", "x\n")


@situation("`identity.json` cannot be read", "mended", lambda s: write_identity(s.mike))
def broken_identity(s: Scene) -> Result:
    s.mike.write(".claude/identity.json", '{"user": "mike",\n')
    return s.save("a.md", "x\n")


@situation("A commit has to be signed, and the key is locked", "signing off", lambda s: sign(s, "false"))
def cannot_sign(s: Scene) -> Result:
    sign(s, "true")
    return s.save("a.md", "x\n")


def sign(s: Scene, value: str) -> None:
    s.mike.git("config", "commit.gpgsign", value)
    s.mike.git("config", "gpg.program", "false")


@situation("Outside of any repository")
def outside(s: Scene) -> Result:
    return s.mike.run("bash", SYNC, cwd=s.world.root)


# --- others at work --------------------------------------------------------------------------

open_chapter("Others at work, and accidents")


@situation("Another sync runs here")
def deferred(s: Scene) -> Result:
    gate = s.world.root / "gate"
    os.mkfifo(gate)
    s.mike.write("b.md", "x\n")
    running = s.mike.start_sync(env=at(s.mike, "locked", f"echo here >'{gate}'; read -r go <'{gate}'"))
    assert gate.read_text() == "here\n"
    result = s.save("a.md", "x\n", "--wait", "0")
    gate.write_text("go\n")
    assert ended(running) == 0
    return result


@situation("The lock is another machine's (a shared disk)", "`doctor.sh --break-lock`", lambda s: break_lock(s))
def foreign_lock(s: Scene) -> Result:
    s.mike.lock.mkdir(exist_ok=True)
    fields = {"protocol": "1", "token": LOCK_TOKEN, "pid": "1", "start": "1", "boot": "0" * 32, "machine": "another"}
    fields |= {"host": "their-host", "user": "howard", "winpid": "", "since": "1780000000", "title": "sync"}
    (s.mike.lock / "owner").write_text("".join(f"{key}={value}\n" for key, value in fields.items()))
    return s.save("a.md", "x\n", "--wait", "0")


def break_lock(s: Scene) -> None:
    done = s.mike.run("bash", TOOLKIT / "scripts" / "doctor.sh", "--break-lock", LOCK_TOKEN)
    assert done.code == 0, done.text


@situation("The state folder cannot be written", "made writable", lambda s: unblock(s))
def no_state(s: Scene) -> Result:
    # A file in place of the folder: permissions would not stop root.
    s.mike.state.rename(s.mike.state.with_name("put-away"))
    s.mike.state.write_text("")
    return s.save("a.md", "x\n")


def unblock(s: Scene) -> None:
    s.mike.state.unlink()
    s.mike.state.with_name("put-away").rename(s.mike.state)


def killed(s: Scene, place: str) -> Result:
    env = at(s.mike, place, KILL_GROUP)
    s.mike.write("a.md", "x\n")
    code = ended(s.mike.start_sync(env=env))
    assert was_reached(env)
    return Result(code, "", "")


@situation("Killed (or power lost) before the push")
def killed_sending(s: Scene) -> Result:
    return killed(s, "push")


@situation("Killed while files come in")
def killed_receiving(s: Scene) -> Result:
    s.sends("b.md", "x\n")
    s.sends("notes.md", LINES + "howard's\n")
    return killed(s, "swapped-1")


@situation("You press Ctrl-C")
def interrupted(s: Scene) -> Result:
    s.mike.write("a.md", "x\n")
    process = s.mike.start_sync(env=at(s.mike, "commit", "trap '' INT; kill -INT -- \"-$2\""))
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out.decode(), err.decode())


# --- plain git --------------------------------------------------------------------------

open_chapter("Work with plain git beside the sync")


@situation("You committed by `git commit`")
def plain_commit(s: Scene) -> Result:
    s.mike.write("code.py", LINES + "x\n")
    s.mike.git("commit", "-qam", "plain")
    return s.mike.sync()


@situation("You merged by `git pull --no-rebase`")
def plain_merge(s: Scene) -> Result:
    s.sends("b.md", "x\n")
    s.save("a.md", "x\n", "--no-push")
    s.mike.git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
    return s.mike.sync()


def take_out(s: Scene) -> None:
    s.mike.git("rm", "-q", "--cached", ".env")
    ignore(".env")(s)


@situation("You committed a secret by `git commit`", "`git rm --cached .env`, and ignored", take_out)
def plain_secret(s: Scene) -> Result:
    s.mike.write(".env", "TOKEN=1\n")
    s.mike.git("add", "-f", ".env")
    s.mike.git("commit", "-qm", "oops")
    return s.mike.sync()


@situation(
    "`git stash pop` met a conflict",
    "settled, and `git add code.py`",
    lambda s: (s.mike.write("code.py", LINES), s.mike.git("add", "code.py")),
)
def stash_pop(s: Scene) -> Result:
    s.mike.write("code.py", LINES.replace("line 4", "stashed"))
    s.mike.git("stash", "-q")
    s.save("code.py", LINES.replace("line 4", "saved"))
    s.mike.git("stash", "pop", check=False)
    return s.mike.sync()


@situation("You amended a commit that was pushed")
def amended(s: Scene) -> Result:
    s.save("a.md", "one\n")
    s.mike.write("a.md", "one\ntwo\n")
    s.mike.git("commit", "-qa", "--amend", "--no-edit")
    return s.mike.sync()


# --- vault and usage ----------------------------------------------------------------------

open_chapter("The vault")


def vault_line(result: Result) -> Result:
    """What is said of the vault, below what is said of main."""
    return Result(result.code, result.out[result.out.index("Vault:") :].replace("Vault:\n", "Vault: "), result.err)


@situation("Is sent with your files")
def vault_sent(s: Scene) -> Result:
    s.vault()
    return vault_line(s.save("a.md", "x\n"))


@situation(
    "Cannot be reached", "back on the network", lambda s: (s.world.root / "gone").rename(s.world.root / "vault.git")
)
def vault_offline(s: Scene) -> Result:
    s.vault()
    (s.world.root / "vault.git").rename(s.world.root / "gone")
    return vault_line(s.save("a.md", "x\n"))


def settle_vault(s: Scene) -> None:
    assert s.mike.sync("--vault", "--resolve").code == 0
    assert s.mike.sync("--vault", "--resolve", "--take", "mine", "acme.age").code == 0


@situation("Somebody else changed the same file there", "`--vault --resolve --take mine acme.age`", settle_vault)
def vault_conflict(s: Scene) -> Result:
    folder = s.vault()
    s.save("a.md", "x\n")
    other = s.world.root / "vault-2"
    s.howard.run("git", "clone", "-q", s.world.root / "vault.git", other)
    write_identity(s.howard, vault_path=str(other))
    (other / "acme.age").write_text(AGE_TEXT + "howard\n")
    assert s.howard.sync().code == 0
    (folder / "acme.age").write_text(AGE_TEXT + "mike\n")
    return vault_line(s.mike.sync())


@situation("Its folder is not there", "`vault_path` corrected", lambda s: write_identity(s.mike))
def vault_missing(s: Scene) -> Result:
    write_identity(s.mike, vault_path=str(s.world.root / "nowhere"))
    return vault_line(s.save("a.md", "x\n"))


@situation("Lies inside of this repository", "`vault_path` corrected", lambda s: write_identity(s.mike))
def vault_inside(s: Scene) -> Result:
    (s.mike.top / "vault").mkdir()
    write_identity(s.mike, vault_path="vault")
    return vault_line(s.save("a.md", "x\n"))


open_chapter("Usage")


@situation("A word that sync does not know")
def usage(s: Scene) -> Result:
    return s.mike.sync("--nonsense")


@situation("`--status`")
def status(s: Scene) -> Result:
    return s.mike.sync("--status")


@situation("`--points`, to see what can be brought back")
def points(s: Scene) -> Result:
    return s.mike.sync("--points")


# --- the document -----------------------------------------------------------------------------


def normal(text: str, root: Path) -> str:
    """Names, times and folders of this run replaced by such as a reader knows."""
    text = text.replace(str(root / "home-LINUX-01"), "~").replace(str(root), "~").replace(str(TOOLKIT), "claudetools")
    text = re.sub(r"\b[0-9a-f]{7}\b", "3f9c2a1", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?|\b\d\d:\d\d(:\d\d)?\b", "14:02", text)
    text = re.sub(r"\d{8}T\d{6}Z-\w{4}", "20260605T140211Z-3f9c", text)
    return re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", "Thu", text).replace("|", "\\|")


def first_words(result: Result, root: Path) -> str:
    """The first line, and the first trouble or fact below it; without what stands in parentheses or is the
    system's: that is of the moment."""
    said = (result.out.strip() or result.err.strip()).split("\n")
    told = said[:1] + [line for line in said[1:] if line.startswith(("[WARN]", "[ERROR]", "[INFO]"))][:1]
    if not told[0].startswith("[OK]"):
        del told[1:]
    lines = (re.sub(r" \([^()]*(\([^()]*\))?[^()]*\)|: mkdir: .*", "", normal(line, root)) for line in told)
    return " ".join(f"`{line}`" for line in lines if line) or "nothing"


def exit_word(code: int) -> str:
    return str(code) if code >= 0 else f"128+{-code}"


def play(row: Situation, root: Path) -> str:
    """The row as it is in the document."""
    scene = Scene(root)
    first = row.act(scene)
    if row.settle:
        row.settle(scene)
    then = scene.mike.sync()
    told = f"{row.settled}: " if row.settled else ""
    told += f"{exit_word(then.code)} {first_words(then, root)}"
    return f"| {row.title} | {exit_word(first.code)} | {first_words(first, root)} | {told} |"


def in_chapters(rows: list[str]) -> str:
    """The document of the rows, in the order of SITUATIONS."""
    text, chapter = HEAD, ""
    for row, line in zip(SITUATIONS, rows, strict=True):
        if row.chapter != chapter:
            chapter = row.chapter
            text += f"\n## {chapter}\n"
            text += f"{CHAPTERS[chapter]}\n" if CHAPTERS[chapter] else ""
            text += "\n| situation | exit | first words | the next sync |\n|---|---|---|---|\n"
        text += f"{line}\n"
    return text


def written_rows() -> list[str]:
    """The rows of the document."""
    lines = DOCUMENT.read_text().splitlines() if DOCUMENT.exists() else []
    return [line for line in lines if line.startswith("| ") and not line.startswith("| situation |")]


@pytest.mark.skipif(BLESS, reason="the document is written anew")
@pytest.mark.sampled(2)
@pytest.mark.parametrize("number", range(len(SITUATIONS)), ids=[row.act.__name__ for row in SITUATIONS])
def test_the_document_says_what_happens(tmp_path: Path, number: int) -> None:
    assert play(SITUATIONS[number], tmp_path / "world") == dict(enumerate(written_rows())).get(number)


def test_the_document_has_these_rows_and_no_others(tmp_path: Path) -> None:
    if BLESS:
        folders = [tmp_path / str(n) for n in range(len(SITUATIONS))]
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(in_chapters([play(*pair) for pair in zip(SITUATIONS, folders, strict=True)]))
    rows = written_rows()
    assert len(rows) == len(SITUATIONS)
    assert DOCUMENT.read_text() == in_chapters(rows)
