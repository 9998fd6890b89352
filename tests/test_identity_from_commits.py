"""What belongs to one machine and lies in a commit all the same: never read, never received, never sent, and named."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from world import SYNC, TOOLKIT, Machine, Result, World, write_identity

FILE = ".claude/identity.json"
UNTRACK = "git rm --cached -r -f -- .claude/identity.json"


@pytest.fixture
def pair(world: World, machine: Machine) -> tuple[Machine, Machine]:
    """mike and howard, both known to their machines."""
    howard = world.machine("MAC-02", "howard")
    write_identity(machine, timezone="Europe/Berlin")
    assert [machine.sync().code, howard.sync().code] == [0, 0]
    return machine, howard


def push(machine: Machine, *paths: str) -> None:
    """As somebody does who knows nothing of us."""
    machine.git("add", "-f", *paths)
    machine.git("commit", "-q", "--no-verify", "-m", "by hand")
    machine.git("pull", "-q", "--rebase", "origin", "main")
    machine.git("push", "-q", "origin", "HEAD:main")


def named_command(result: Result) -> str:
    """The remedy as printed."""
    found = re.search(r"git rm --cached .*&& bash .*", result.out)
    assert found, result.text
    return found[0]


def authors(world: World) -> set[str]:
    return set(world.remote_git("log", "--format=%an", "main").split("\n")) - {""}


def test_one_that_a_colleague_pushed_stops_nothing_and_is_nobodys(world: World, pair: tuple[Machine, Machine]) -> None:
    mike, howard = pair
    mine, his = mike.read(FILE), howard.read(FILE)
    howard.write("from-howard.md", "x\n")
    push(howard, FILE, "from-howard.md")
    mike.write("from-mike.md", "x\n")
    for text in ("x\n", "y\n"):
        mike.write("from-mike.md", text)
        result = mike.sync()
        assert (result.code, UNTRACK in result.out) == (65, True), result.text
        assert result.out.count("[WARN]") == 1, result.text
        assert (mike.read(FILE), mike.read("from-howard.md"), world.remote_file("from-mike.md")) == (mine, "x\n", text)
    assert world.remote_git("log", "-1", "--format=%an", "main") == "Mike Swanson\n"
    assert world.remote_file(FILE) == his, "mike's own was sent"
    assert mike.sync("--allow", FILE, "-m", "on purpose").code == 65
    assert world.remote_file(FILE) == his
    result = howard.sync()
    assert (result.code, UNTRACK in result.out) == (65, True), "whoever pushed it is told as well: " + result.text
    done = mike.run("bash", "-c", named_command(result := mike.sync()))
    assert (done.code, FILE in world.remote_files()) == (0, False), result.text + done.text
    assert howard.sync().code == 0
    assert (mike.read(FILE), howard.read(FILE)) == (mine, his)
    assert [mike.sync().out.count(FILE), howard.sync().out.count(FILE)] == [0, 0]
    assert authors(world) == {"Seed", "Mike Swanson", "Howard Lee"}
    mike.assert_sound()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", ["case", "link", "folder", "resolve"])
def test_neither_its_case_nor_its_kind_lets_one_in(world: World, pair: tuple[Machine, Machine], kind: str) -> None:
    mike, howard = pair
    mine, path = mike.read(FILE), FILE
    howard.write("x.json", json.dumps({**json.loads(howard.read(FILE)), "vault_path": "~/private"}))
    (howard.top / FILE).rename(howard.home / "identity.json")
    if kind == "case":
        path = ".claude/Identity.JSON"
        howard.write(path, howard.read("x.json"))
    elif kind == "link":
        (howard.top / FILE).symlink_to("../x.json")
    else:
        path = f"{FILE}/deep.json" if kind == "folder" else ".claudetools-resolve/x.json"
        howard.write(path, "{}")
    push(howard, path, "x.json")
    result = mike.sync()
    assert result.code == 65, result.text
    assert (mike.read(FILE), mike.read("x.json")) == (mine, howard.read("x.json"))
    assert not (mike.top / FILE).is_symlink() and (kind in ("link", "folder") or not (mike.top / path).exists())
    result = mike.sync()
    assert result.code == 65, result.text
    done = mike.run("bash", "-c", named_command(result))
    assert (done.code, path in world.remote_files()) == (0, False), done.text
    assert (mike.read(FILE), mike.status()) == (mine, "")
    mike.assert_sound()


def test_one_that_git_put_over_ours_is_not_read(world: World, pair: tuple[Machine, Machine]) -> None:
    """A plain pull replaces an ignored file without a word."""
    mike, howard = pair
    private = mike.home / "private"
    mike.run("git", "init", "-q", "-b", "main", private, cwd=mike.home)
    (private / "draft.txt").write_text("mine\n")
    write_identity(howard, vault_path=str(private))
    push(howard, FILE)
    mike.git("pull", "-q", "origin", "main")
    assert mike.read(FILE) == howard.read(FILE)
    for step in ("tracked", "untracked"):
        mike.write("notes.md", step)
        result = mike.sync()
        assert result.code == (65 if step == "tracked" else 0), result.text
        assert "[WARN] .claude/identity.json came with a commit, so it is not read; you are Mike Swanson" in result.out
        assert "Vault:" not in result.out
        assert world.remote_git("log", "-1", "--format=%an", "main") == "Mike Swanson\n"
        mike.git("rm", "-q", "--cached", "--ignore-unmatch", FILE)
    assert mike.run("git", "-C", private, "rev-parse", "-q", "--verify", "HEAD").code == 1
    remedy = re.search(r"Write it anew: (.*)", result.out)
    assert remedy and mike.run("bash", "-c", remedy[1]).code == 0
    identity = json.loads(mike.read(FILE))
    assert (identity["user"], identity["timezone"], "vault_path" in identity) == ("mike", "Europe/Berlin", False)
    assert (mike.sync().code, mike.sync().out.count("[WARN]")) == (0, 0)


def test_a_fresh_clone_is_nobodys_before_setup(world: World, pair: tuple[Machine, Machine]) -> None:
    howard = pair[1]
    push(howard, FILE)
    dana = world.machine("NEW-03", "mike", clone=False)
    dana.run("git", "clone", "-q", world.remote, dana.top, cwd=dana.home)
    dana.write("notes.md", "x\n")
    for _ in range(2):
        result = dana.sync()
        words = "This machine is not set up: .claude/identity.json came with a commit, so it is not read, and git has"
        assert (result.code, words in result.out) == (78, True), result.text
        dana.git("rm", "-q", "--cached", "--ignore-unmatch", FILE)
    assert "notes.md" not in world.remote_files()
    setup = re.search(r"One minute: (.*)", result.out)
    assert setup
    args = " --user dana --name 'Dana Fox' --email dana@new.example --machine NEW-03"
    assert dana.run("bash", "-c", setup[1] + args).code == 0
    result = dana.sync()
    assert result.code == 0, result.text
    assert FILE not in world.remote_files()
    assert world.remote_git("log", "-1", "--format=%an", "main") == "Dana Fox\n"
    assert json.loads(dana.read(FILE))["user"] == "dana"
    # Git knows these bytes too, and yet setup.sh has the last word.
    howard.run("bash", TOOLKIT / "scripts/setup.sh")
    assert howard.sync().code == 0
    assert json.loads(howard.read(FILE))["user"] == "howard"


def test_one_that_this_person_commits_by_hand_stays_here(world: World, pair: tuple[Machine, Machine]) -> None:
    mike, _ = pair
    mike.write(".gitignore", "*.ignored\n")
    mike.write("with-it.md", "x\n")
    mike.git("add", "-A")
    mike.git("commit", "-q", "-m", "by hand")
    mike.write("after-it.md", "x\n")
    result = mike.sync()
    assert result.code == 0, result.text
    assert "[INFO] Taken out of " in result.out and f"{FILE} belongs to this machine alone." in result.out
    assert FILE not in world.remote_files()
    assert {"with-it.md", "after-it.md"} <= set(world.remote_files()), result.text
    assert json.loads(mike.read(FILE))["user"] == "mike"
    mike.git("add", "-f", FILE)
    mike.git("commit", "-q", "-m", "only it")
    before = world.tip()
    assert [mike.sync().code, mike.sync().code] == [0, 0]
    assert (world.tip(), mike.git("rev-parse", "HEAD"), mike.git("ls-files", FILE)) == (before, before, "")
    assert authors(world) == {"Seed", "Mike Swanson"}
    mike.assert_sound()


def test_the_rules_refuse_it_in_a_plain_commit(world: World, pair: tuple[Machine, Machine]) -> None:
    mike, _ = pair
    mike.git("add", "-f", FILE)
    write_identity(mike, timezone="Europe/Rome")  # what is staged is neither in HEAD nor in the folder now
    result = mike.run("bash", TOOLKIT / "hooks/checks/run.sh")
    assert (result.code, f"{FILE} belongs to one machine alone, and goes into no commit." in result.err) == (1, True)
    assert mike.sync().code == 65
    assert FILE not in world.remote_files()
    fix = re.search(r"Untrack it: (.*)", result.err)
    assert fix and mike.run("bash", "-c", fix[1]).code == 0
    assert (mike.run("bash", TOOLKIT / "hooks/checks/run.sh").code, mike.sync().code) == (0, 0)
    assert json.loads(mike.read(FILE))["timezone"] == "Europe/Rome"


def test_a_linked_worktree_whose_branch_carries_one_is_the_main_ones(
    world: World, pair: tuple[Machine, Machine], tmp_path: Path
) -> None:
    mike, howard = pair
    howard.git("checkout", "-q", "-b", "side")
    howard.git("add", "-f", FILE)
    howard.git("commit", "-q", "--no-verify", "-m", "by hand")
    howard.git("push", "-q", "origin", "side")
    mike.git("fetch", "-q")
    mike.git("worktree", "add", "-q", str(tmp_path / "side"), "side")
    mike.git("config", "claudetools.branch", "side")
    (tmp_path / "side/notes.md").write_text("x\n")
    result = mike.run("bash", SYNC, cwd=tmp_path / "side")
    assert result.code == 65, result.text
    assert world.remote_git("log", "-1", "--format=%an", "side") == "Mike Swanson\n"
    assert os.path.exists(tmp_path / "side" / FILE)
