"""The contract of the seed, sentence by sentence, from a fresh install: what every later change has to keep.

Two people, each with a machine, in a repository that has installed claudetools; everything is typed as they type it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from agents import Agent
from installing import in_use, tools
from test_checks import PRE_COMMIT, published
from test_git_hooks import plain_commit
from vaults import AGE_TEXT, clone_vault
from world import TOOLKIT, Machine, Result, World, write_identity

A, B = {"CLAUDE_CODE_SESSION_ID": "aaaa-1"}, {"CLAUDE_CODE_SESSION_ID": "bbbb-2"}
SECTIONS = (
    "User",
    "Session Summary",
    "Key Decisions",
    "Problems Encountered",
    "Configuration Changes",
    "Credentials & Secrets",
    "Infrastructure & Servers",
    "Commands & Outputs",
    "Pending / Incomplete Tasks",
    "Reference Information",
)
SAVE = (TOOLKIT / ".claude/skills/save/SKILL.md").read_text("utf-8")

__all__ = ["published"]  # the fixture


@pytest.fixture
def mike(world: World) -> Machine:
    (machine,) = world.take(in_use(), "LINUX-01")
    machine.extra_env["CLAUDETOOLS_HOSTNAME"] = machine.name
    return machine


@pytest.fixture
def howard(world: World, mike: Machine) -> Machine:
    (machine,) = world.take(in_use(), "MAC-02")
    machine.extra_env["CLAUDETOOLS_HOSTNAME"] = json.loads(machine.read(".claude/identity.json"))["machine"]
    return machine


def sync(machine: Machine, *args: str, env: dict[str, str] | None = None) -> Result:
    return machine.run("bash", ".claude/scripts/sync.sh", *args, env=env)


def new_log(machine: Machine, topic: str, *args: str, env: dict[str, str] | None = None) -> str:
    made = tools(machine, "log", "new", topic, *args, env=env)
    assert made.code == 0, made.text
    return made.out.strip()


def fill(machine: Machine, path: str, more: str = "", session: str = "aaaa-1") -> None:
    """What an agent does with a new log."""
    text = machine.read(path)
    for name in SECTIONS[1:]:
        text = text.replace(f"\n## {name}\n", f"\n## {name}\n\nDone: {name}.\n")
    Agent(machine, session).write(path, (text + more).encode())


def held_lock(machine: Machine, tmp_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Somebody who has the lock, and the pipe that ends it."""
    inside = tmp_path / "inside"
    os.mkfifo(inside)
    hold, release = os.pipe()
    words = ("with-lock", "--", "bash", "-c", f"echo >'{inside}'; cat <&{hold}")
    holder = subprocess.Popen(
        ["bash", ".claude/scripts/claudetools.sh", *words],
        cwd=machine.top,
        env=machine.env(),
        pass_fds=(hold,),
        start_new_session=True,
    )
    os.close(hold)
    assert inside.read_text() == "\n"
    return holder, release


# --- the lock -----------------------------------------------------------------------------


def test_an_atomic_mkdir_lock_in_git_around_the_whole_run(mike: Machine, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    mike.write("a.md", "x\n")
    look = tmp_path / "look.sh"
    look.write_text(f"[ ! -d .git/claudetools-sync.lock ] || ls .git/claudetools-sync.lock >>'{seen}'\n")
    assert sync(mike, env={"CLAUDETOOLS_TEST_AT": f"commit:{look}"}).code == 0
    assert "owner" in seen.read_text().split() and mike.lock.name == "claudetools-sync.lock"
    mike.assert_sound()


def test_it_waits_for_120_seconds_then_75_and_no_success_is_said(mike: Machine, tmp_path: Path) -> None:
    script = '. "$1/scripts/lib/exit_codes.sh"; . "$1/scripts/lib/arguments.sh"; echo "$EXIT_DEFERRED"'
    assert mike.run("bash", "-c", script, "bash", TOOLKIT).out == "75\n"
    assert "seconds to wait for another sync (120;" in sync(mike, "--help").out
    holder, release = held_lock(mike, tmp_path)
    try:
        mike.write("a.md", "x\n")
        result = sync(mike, "--wait", "0")
    finally:
        os.close(release)
        assert holder.wait(30) == 0
    assert result.code == 75 and result.out.startswith("[DEFERRED] Another sync is running."), result.text
    assert "[OK]" not in result.out and "Post-commit Summary" not in result.out
    assert "a.md" in mike.status()
    words = "sync deferred — another sync is running; your session log is written locally and will sync on the next run"
    assert words in " ".join(SAVE.split()) and "Exit 75: no success summary." in SAVE


def test_the_lock_of_a_dead_owner_is_reclaimed(world: World, mike: Machine, tmp_path: Path) -> None:
    holder, release = held_lock(mike, tmp_path)
    assert mike.lock.is_dir()
    os.killpg(holder.pid, signal.SIGKILL)
    holder.wait(30)
    os.close(release)
    mike.write("a.md", "x\n")
    assert sync(mike, "--wait", "5").code == 0
    assert "a.md" in world.remote_files()
    mike.assert_sound()


# --- logs -----------------------------------------------------------------------------------


def test_names_are_the_sessions_own_and_nobody_is_overwritten(mike: Machine) -> None:
    paths = [new_log(mike, "GuruRMM platform day", env=env) for env in (A, B)]
    assert [re.sub(r"\d{4}-\d\d-\d\d", "DATE", path) for path in paths] == [
        "session-logs/DATE-mike-gururmm-platform-day.md",
        "session-logs/DATE-mike-gururmm-platform-day-2.md",
    ]
    assert new_log(mike, "GuruRMM platform day", env=A) == paths[0]
    for args, folder in ((("--client", "acme"), "clients/acme"), (("--project", "rmm"), "projects/rmm")):
        assert new_log(mike, "vpn", *args, env=A).startswith(f"{folder}/session-logs/")


def test_a_bare_name_never_goes(world: World, mike: Machine) -> None:
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    result = sync(mike)
    assert result.code == 65 and "is a log name that every session of that day would share" in result.out
    assert "session-logs/2026-06-05-session.md" not in world.remote_files()


def test_ten_sections_in_order_and_the_user_block_of_the_script(mike: Machine) -> None:
    path = new_log(mike, "vpn", env=A)
    assert tuple(re.findall(r"(?m)^## (.*)$", mike.read(path))) == SECTIONS
    block = mike.run("bash", ".claude/scripts/whoami-block.sh")
    assert block.code == 0 and block.out in mike.read(path)
    assert "- **User:** Mike Swanson (mike)\n- **Role:** admin\n- **Machine:** LINUX-01\n" in block.out
    mike.extra_env["CLAUDETOOLS_HOSTNAME"] = "WIN-7"
    stale = mike.run("bash", ".claude/scripts/whoami-block.sh")
    assert stale.code == 78 and "[WARNING]" in stale.text
    assert tools(mike, "log", "new", "other", env=B).code == 78


def test_the_same_session_appends_an_update(mike: Machine) -> None:
    path = new_log(mike, "vpn", env=A)
    before = mike.read(path)
    body = mike.write("body.ignored", "And that.\n")
    assert tools(mike, "log", "append", "dns", "--file", body, env=A).code == 0
    added = mike.read(path).removeprefix(before.partition("\nupdated:")[0])
    assert re.search(r"\n## Update: \d\d:\d\d PT — dns\n\nAnd that\.\n$", added)


# --- sync -----------------------------------------------------------------------------------


def test_identity_is_reconciled_and_path_cruft_purged(world: World, mike: Machine) -> None:
    mike.git("config", "user.name", "Somebody Else")
    mike.git("config", "user.email", "else@example.com")
    cruft = mike.write("C:\\Users\\mike\\notes.txt", "only copy\n")
    mike.write("a.md", "x\n")
    assert sync(mike).code == 0
    assert mike.git("config", "user.email") == "mike@example.com"
    assert world.remote_git("log", "-1", "--format=%an <%ae>", "main") == "Mike Swanson <mike@example.com>\n"
    assert not cruft.exists() and not [path for path in world.remote_files() if "notes.txt" in path]
    (kept,) = (path for path in (mike.state / "quarantine").rglob("*notes.txt") if path.is_file())
    assert kept.read_text() == "only copy\n"


def test_all_of_it_goes_after_a_rebase_and_the_vault_by_the_same_flow(world: World, mike: Machine) -> None:
    vault = clone_vault(world, mike, "vault")
    write_identity(mike, vault_path=str(vault))
    (vault / "acme.age").write_text(AGE_TEXT)
    (howard,) = world.take(in_use(), "MAC-02")
    howard.write("theirs.md", "x\n")
    howard.push()
    mike.write("a.md", "x\n")
    result = sync(mike)
    assert result.code == 0 and re.search(r"^Vault:  [0-9a-f]{7} pushed$", result.out, re.M), result.text
    assert {"a.md", "theirs.md"} <= set(world.remote_files()) and (mike.top / "theirs.md").exists()
    world.assert_linear()
    assert mike.git("-C", str(vault), "rev-parse", "HEAD") == mike.git("-C", str(vault), "rev-parse", "origin/main")


def test_the_wiki_goes_in_the_logs_commit_and_its_failure_never_stops_the_save(world: World, mike: Machine) -> None:
    path = new_log(mike, "isp", "--client", "acme", env=A)
    fill(mike, path)
    article = "wiki/clients/acme.md"
    mike.write(article, "---\ntype: client\nslug: acme\nlast_compiled: 2026-01-01\nsources:\n---\n\n# Acme\n")
    assert tools(mike, "wiki", "target", path).out == "client:acme\n"
    assert tools(mike, "wiki", "target", new_log(mike, "general", "--new", env=B)).out == ""
    broken = mike.home / "bin" / "claude"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    search = {"PATH": f"{broken.parent}{os.pathsep}{os.environ['PATH']}", **A}
    done = tools(mike, "wiki", "compile", "client:acme", "--full", env=search)
    warning = "[WARN] wiki refreshed, not recompiled; run /wiki-compile --full later"
    assert done.code == 0 and warning in done.text.split("\n"), done.text
    assert sync(mike, "-m", "acme: new isp", env=A).code == 0
    files = world.remote_git("log", "-1", "--name-only", "--format=", "main").split()
    assert {path, article, "wiki/index.md"} <= set(files)
    assert path in mike.read(article) and "2026-01-01" not in mike.read(article)


def test_the_summary_is_the_seeds(mike: Machine) -> None:
    path = new_log(mike, "vpn", env=A)
    fill(mike, path)
    result = sync(mike, "-m", "acme: new vpn", env=A)
    assert re.search(
        r"^## Post-commit Summary\n"
        r"Commit: [0-9a-f]{7} acme: new vpn\n"
        r"Author: Mike Swanson <mike@example\.com>\n"
        r"Push:   [0-9a-f]{7}\.\.[0-9a-f]{7} main -> main \(origin\)\n"
        rf"File:   {re.escape(path)} \(\+\d+ lines, created\)\n",
        result.out,
        re.M,
    ), result.text


@pytest.mark.parametrize("word", ["Note", "Message"])
def test_a_note_of_an_incoming_log_is_on_top_whole(mike: Machine, howard: Machine, word: str) -> None:
    path = new_log(howard, "isp", env=B)
    fill(howard, path, f"\n## {word} for mike\n\nCheck the firewall.\n- before 17:00\n", "bbbb-2")
    assert sync(howard, env=B).code == 0
    lines = sync(mike, env=A).out.split("\n")
    ruler = "=" * 60
    assert lines[0] == lines[2] == lines[5] == ruler
    assert re.match(r"MESSAGE FROM Howard Lee \(\d{4}-\d\d-\d\d \d\d:\d\d \w+\)", lines[1])
    assert lines[3:5] == ["| Check the firewall.", "| - before 17:00"]
    assert "its whole banner first, above everything else" in SAVE


# --- the card -------------------------------------------------------------------------------


def test_make_has_its_targets() -> None:
    told = subprocess.run(["make", "-s", "help"], cwd=TOOLKIT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"(?m)^  make (\S+)", told))
    assert {"demo", "install", "test", "check", "format", "schedule", "sync", "wiki-html", "clean"} <= targets


def test_pre_commit_by_rev_rejects_a_bare_name(published: Path, mike: Machine) -> None:
    hook = {"repo": str(published), "rev": "v1", "hooks": [{"id": "claudetools"}]}
    mike.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [hook]}))
    (mike.common / "hooks" / "pre-commit").unlink(missing_ok=True)
    assert mike.run(PRE_COMMIT, "install").code == 0
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    code, words = plain_commit(mike, "session-logs/2026-06-05-session.md")
    assert code == 1 and "is a log name that every session of that day" in words, words
