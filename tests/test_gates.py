"""The gates: what is held back is named with the command that settles it, and the rest goes all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from world import SYNC, Machine, Result, World, log_text

PERSON = ("-c", "user.name=Plain", "-c", "user.email=plain@example.com")
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


def assert_held(result: Result, path: str, why: str) -> None:
    assert result.code == 65, result.text
    assert f"[WARN] Left out: {path} ({why}). It stays in your folder." in result.out, result.text


def commit_plainly(machine: Machine, message: str = "By plain git") -> None:
    machine.git("add", "-A")
    machine.git(*PERSON, "commit", "-qm", message)


def staged(machine: Machine) -> list[str]:
    return machine.git("diff", "--cached", "--name-only").splitlines()


# --- secrets ----------------------------------------------------------------------

SECRETS = {
    ".env": "PASSWORD=1\n",
    "app/.env.production": "PASSWORD=1\n",
    "id_rsa": "anything\n",
    "keys/id_ed25519": KEY,
    "server.pem": KEY,
    "bundle.pem": CERTIFICATE + KEY,
    "attributes.key": "Bag Attributes\n    friendlyName: x\n" + KEY,
    "store.pfx": "\x00",
    "login.ppk": "x\n",
    "passwords.kdbx": "x\n",
}
HARMLESS = {
    ".env.example": "PASSWORD=\n",
    ".env.template": "PASSWORD=\n",
    "id_rsa.pub": "ssh-rsa AAAA\n",
    "ca.pem": CERTIFICATE,
    "public.key": "-----BEGIN PUBLIC KEY-----\n",
    "environment.md": "about .env\n",
}


def test_what_needs_a_filter_waits_for_it(machine: Machine, world: World) -> None:
    """git sends the bytes as they are where a filter's commands are not set up."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:137bc2\nsize 100000\n"
    machine.write(".gitattributes", "*.bin filter=lfs -text\n")
    machine.write("sub/.gitattributes", "*.up filter=upper\n")
    machine.write("a.bin", pointer)
    assert machine.sync().code == 0
    machine.write("a.bin", "large\n" * 99)
    machine.write("sub/b.up", "text\n")
    machine.write("sub/c.txt", "text\n")
    result = machine.sync()
    assert result.code == 65 and "git lfs install --local" in result.out, result.text
    assert "sub/b.up (needs the filter upper, which is not set up here: it would go out as it is)" in result.out
    assert world.remote_git("show", "main:a.bin") == pointer and "sub/b.up" not in world.remote_files()
    assert "sub/c.txt" in world.remote_files()
    machine.git("config", "filter.upper.clean", "tr a-z A-Z")
    assert machine.sync().code == 65 and world.remote_git("show", "main:sub/b.up") == "TEXT\n"
    machine.git("config", "filter.lfs.clean", "cat")
    assert machine.sync().code == 0


def test_secrets_stay_here_and_their_harmless_neighbours_go(world: World, machine: Machine) -> None:
    for path, text in {**SECRETS, **HARMLESS}.items():
        machine.write(path, text)
    result = machine.sync()
    for path in SECRETS:
        assert_held(result, path, "looks like a secret")
        assert f"Keep it out: echo /{path} >> .gitignore" in result.out
        assert f"--allow {path}" in result.out
    assert result.out.startswith(f"[OK] Saved and pushed: 1 commit, {len(SECRETS)} files left out.")
    assert not set(SECRETS) & set(world.remote_files())
    assert set(HARMLESS) <= set(world.remote_files())
    for path, text in SECRETS.items():
        assert machine.read(path) == text
    machine.assert_sound()


def test_allow_opens_the_gate_for_exactly_that_path(world: World, machine: Machine) -> None:
    machine.write("a/.env", "A=1\n")
    machine.write("a/.env.local", "B=1\n")
    machine.write("b/.env", "C=1\n")
    result = machine.sync("--allow", "a/.env")
    assert result.code == 65, result.text
    assert {f for f in world.remote_files() if ".env" in f} == {"a/.env"}
    result = machine.sync("--allow", "b")
    assert {f for f in world.remote_files() if ".env" in f} == {"a/.env", "b/.env"}
    result = machine.sync("--allow", "a/.env.local")
    assert result.code == 0, result.text
    assert machine.status() == ""
    machine.assert_sound()


@pytest.mark.parametrize("path", ["./sub/.env", "../sub/.env", ".env", "absolute"])
def test_allow_understands_paths_as_the_caller_types_them(world: World, machine: Machine, path: str) -> None:
    target = machine.write("sub/.env", "A=1\n")
    folder = machine.top if path.startswith("./") else machine.top / "sub"
    result = machine.run("bash", SYNC, "--allow", target if path == "absolute" else path, cwd=folder)
    assert result.code == 0, result.text
    assert "sub/.env" in world.remote_files()
    machine.assert_sound()


def test_a_secret_that_somebody_staged_by_force_stays_out_of_the_commit(world: World, machine: Machine) -> None:
    machine.write(".gitignore", machine.read(".gitignore") + ".env\n")
    machine.write(".env", "PASSWORD=1\n")
    machine.write("notes.md", "goes\n")
    machine.git("add", "-f", ".env")
    result = machine.sync()
    assert_held(result, ".env", "looks like a secret")
    assert ".env" not in world.remote_files()
    assert "notes.md" in world.remote_files()
    assert staged(machine) == [".env"], "somebody's staging was undone"
    machine.assert_sound()
    result = machine.sync()
    assert_held(result, ".env", "looks like a secret")
    assert machine.git("log", "--all", "--format=%H", "--", ".env") == ""


def test_a_large_file_that_somebody_staged_stays_out_of_the_commit(world: World, machine: Machine) -> None:
    machine.git("config", "claudetools.limitMB", "1")
    os.truncate(machine.write("big.bin", ""), 3 * 1024 * 1024)
    machine.git("add", "big.bin")
    machine.write("notes.md", "goes\n")
    result = machine.sync()
    assert_held(result, "big.bin", "3 MB; limit 1 MB")
    assert world.remote_files().count("big.bin") == 0
    assert "notes.md" in world.remote_files()
    assert staged(machine) == ["big.bin"]
    result = machine.sync("--allow", "big.bin")
    assert result.code == 0, result.text
    assert "big.bin" in world.remote_files()
    machine.assert_sound()


def test_a_tracked_file_that_grows_over_the_limit_keeps_its_old_version_on_the_remote(
    world: World, machine: Machine
) -> None:
    machine.git("config", "claudetools.limitMB", "1")
    machine.write("data.bin", "small\n")
    assert machine.sync().code == 0
    os.truncate(machine.top / "data.bin", 2 * 1024 * 1024)
    machine.write("notes.md", "goes\n")
    result = machine.sync()
    assert_held(result, "data.bin", "2 MB; limit 1 MB")
    assert world.remote_file("data.bin") == "small\n"
    assert "notes.md" in world.remote_files()
    assert machine.status() == "M data.bin" or machine.status() == " M data.bin"
    machine.assert_sound()


def test_a_limit_that_is_no_number_is_named_with_its_fix(machine: Machine) -> None:
    machine.git("config", "claudetools.limitMB", "lots")
    result = machine.sync()
    assert result.code == 78, result.text
    assert "git config claudetools.limitMB is 'lots'; expected whole megabytes." in result.out
    assert "Fix: git config claudetools.limitMB 50" in result.out
    machine.assert_sound()


def test_nothing_but_held_files_is_said_as_such_and_commits_nothing(world: World, machine: Machine) -> None:
    before = world.tip()
    machine.write(".env", "A=1\n")
    for _ in range(2):
        result = machine.sync()
        assert_held(result, ".env", "looks like a secret")
        assert "1 file left out" in result.out.splitlines()[0]
    assert world.tip() == before
    machine.assert_sound()


def test_a_dry_run_names_what_would_be_held_and_changes_nothing(world: World, machine: Machine) -> None:
    before = world.tip()
    machine.write(".env", "A=1\n")
    machine.write("notes.md", "x\n")
    index = (machine.top / ".git/index").read_bytes()
    result = machine.sync("--dry-run")
    assert_held(result, ".env", "looks like a secret")
    assert "[OK] Would save: 1 file in 1 commit, 1 file left out. Nothing was changed." in result.out
    assert world.tip() == before
    assert machine.git("rev-parse", "HEAD") == before
    assert (machine.top / ".git/index").read_bytes() == index
    assert machine.status() == "?? .env\n?? notes.md"
    machine.assert_sound()


# --- names of logs ------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "folder", ["session-logs", "clients/acme/session-logs", "projects/x/session-logs", "session-logs/2026-06"]
)
def test_a_log_named_for_the_day_alone_is_held_with_the_command_that_renames_it(
    world: World, machine: Machine, folder: str
) -> None:
    bare, good = f"{folder}/2026-06-05-session.md", f"{folder}/2026-06-05-mike-vpn.md"
    machine.write(bare, log_text(machine))
    machine.write(good, log_text(machine))
    result = machine.sync()
    assert_held(result, bare, "is a log name that every session of that day would share")
    assert f"Rename it: mv -- {bare} {folder}/2026-06-05-USER-TOPIC.md" in result.out
    assert good in world.remote_files()
    assert bare not in world.remote_files()
    (machine.top / bare).rename(machine.top / folder / "2026-06-05-mike-mail.md")
    assert machine.sync().code == 0
    assert machine.status() == ""
    machine.assert_sound()


def test_old_logs_that_are_tracked_may_change_move_away_and_go(world: World, machine: Machine) -> None:
    bare = "session-logs/2026-06-05-session.md"
    machine.write(bare, "# Log\n")
    commit_plainly(machine)
    machine.git("push", "-q", "origin", "main")
    machine.write(bare, "# Log\nmore\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert world.remote_file(bare) == "# Log\nmore\n"
    (machine.top / bare).unlink()
    result = machine.sync()
    assert result.code == 0, result.text
    assert bare not in world.remote_files()
    machine.assert_sound()


def test_only_logs_in_a_folder_of_logs_have_to_follow_the_rule(world: World, machine: Machine) -> None:
    free = ["notes/2026-06-05-session.md", "session-logs/README.md", "session-logs/picture.png", "my-session-logs/x.md"]
    for path in free:
        machine.write(path, "x\n")
    machine.write("session-logs/whatever.md", "x\n")
    result = machine.sync()
    assert_held(result, "session-logs/whatever.md", "is no log name (YYYY-MM-DD-<user>-<topic>.md)")
    assert set(free) <= set(world.remote_files())
    machine.assert_sound()


# --- deletions ----------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", ["removed", "git rm", "removed and staged"])
def test_deleting_more_than_half_is_held_however_it_was_done(world: World, machine: Machine, how: str) -> None:
    names = [f"many/{i:02}.txt" for i in range(40)]
    for name in names:
        machine.write(name, "x\n")
    assert machine.sync().code == 0
    if how == "git rm":
        machine.git("rm", "-rq", "many")
    else:
        for name in names:
            (machine.top / name).unlink()
        if how == "removed and staged":
            machine.git("add", "-A")
    machine.write("notes.md", "goes\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "Left out: the deletion of 40 files (more than half of the" in result.out
    assert set(names) <= set(world.remote_files())
    assert "notes.md" in world.remote_files()
    machine.assert_sound()
    result = machine.sync("--allow", "many")
    assert result.code == 0, result.text
    assert not set(names) & set(world.remote_files())
    assert machine.status() == ""
    machine.assert_sound()


def test_deleting_half_and_a_handful_are_no_accident(world: World, machine: Machine) -> None:
    for i in range(40):
        machine.write(f"many/{i:02}.txt", "x\n")
    assert machine.sync().code == 0
    for i in range(20):
        (machine.top / f"many/{i:02}.txt").unlink()
    result = machine.sync()
    assert result.code == 0, result.text
    assert len([f for f in world.remote_files() if f.startswith("many/")]) == 20
    machine.assert_sound()


# --- a part of the tree ---------------------------------------------------------------


def test_below_the_top_it_is_said_where_the_commands_are_typed(machine: Machine) -> None:
    machine.write("clients/acme/.env", "TOKEN=x\n")
    below = machine.run("bash", SYNC, cwd=machine.top / "clients")
    assert below.code == 65 and below.out.endswith(f"for the top of the repository: cd {machine.top}\n"), below.text
    assert "for the top" not in machine.sync().out


def test_a_path_that_nobody_knows_is_a_slip_and_not_nothing_to_do(world: World, machine: Machine) -> None:
    machine.write("clients/acme/notes.md", "x\n")
    machine.write("staged.md", "x\n")
    machine.git("add", "staged.md")
    (machine.top / "staged.md").unlink()
    result = machine.sync("--", "clients/acem")
    assert (result.code, "clients/acem is not here" in result.err) == (64, True), result.text
    assert machine.sync("--", "staged.md").code == 0, "git knows it"
    machine.write("folder/a.md", "x\n")
    assert machine.sync().code == 0
    machine.git("rm", "-rq", "folder")
    assert machine.sync("--", str(machine.top / "folder")).code == 0, "what was deleted is known"
    assert "folder/a.md" not in world.remote_files()


def test_a_sync_of_some_paths_leaves_everything_else_as_it_is(world: World, machine: Machine) -> None:
    machine.write("tracked.md", "old\n")
    machine.write("gone.md", "old\n")
    assert machine.sync().code == 0
    machine.write("clients/acme/notes.md", "wanted\n")
    machine.write("clients/acme/more/deep.md", "wanted\n")
    machine.write("clients/acme-other/notes.md", "not wanted\n")
    machine.write("tracked.md", "edited\n")
    machine.write("staged.md", "staged by somebody\n")
    machine.git("add", "staged.md")
    machine.write("staged.md", "staged by somebody, then edited\n")
    (machine.top / "gone.md").unlink()
    machine.git("rm", "-q", "--cached", "gone.md")
    machine.write(".env", "not looked at\n")
    result = machine.sync("--", "clients/acme")
    assert result.code == 0, result.text
    assert "Files:  2 files" in result.out
    assert {"clients/acme/notes.md", "clients/acme/more/deep.md", "gone.md"} <= set(world.remote_files())
    assert "clients/acme-other/notes.md" not in world.remote_files()
    assert world.remote_file("tracked.md") == "old\n"
    assert sorted(machine.status().splitlines()) == sorted(
        ["D  gone.md", " M tracked.md", "AM staged.md", "?? .env", "?? clients/acme-other/notes.md"]
    )
    assert machine.git("show", ":staged.md") == "staged by somebody"
    machine.assert_sound()


def test_a_part_is_named_as_seen_from_the_callers_folder(world: World, machine: Machine) -> None:
    machine.write("sub/one.md", "1\n")
    machine.write("sub/two.md", "2\n")
    machine.write("top.md", "3\n")
    assert machine.run("bash", SYNC, "--", "one.md", "../top.md", cwd=machine.top / "sub").code == 0
    assert {"sub/one.md", "top.md"} <= set(world.remote_files())
    assert "sub/two.md" not in world.remote_files()
    assert machine.run("bash", SYNC, "--", ".", cwd=machine.top / "sub").code == 0
    assert machine.status() == ""
    machine.assert_sound()


def test_a_file_deleted_and_named_is_deleted_and_nothing_else_is(world: World, machine: Machine) -> None:
    machine.write("one.md", "1\n")
    machine.write("two.md", "2\n")
    assert machine.sync().code == 0
    (machine.top / "one.md").unlink()
    (machine.top / "two.md").unlink()
    assert machine.sync("--", "one.md").code == 0
    assert "one.md" not in world.remote_files()
    assert "two.md" in world.remote_files()
    assert machine.status() == " D two.md"
    machine.assert_sound()


def test_two_dashes_without_a_path_are_refused(machine: Machine) -> None:
    result = machine.sync("--")
    assert result.code == 64, result.text
    assert "-- needs at least one path." in result.err


def test_a_held_path_stays_held_when_it_is_named(world: World, machine: Machine) -> None:
    machine.write(".env", "A=1\n")
    result = machine.sync("--", ".env")
    assert_held(result, ".env", "looks like a secret")
    assert ".env" not in world.remote_files()
    machine.assert_sound()


# --- states that are somebody's to finish ---------------------------------------------


def diverge(machine: Machine) -> None:
    machine.git("config", "user.name", "Plain")
    machine.git("config", "user.email", "plain@example.com")
    machine.write("notes.md", "base\n")
    commit_plainly(machine, "Base")
    machine.git("switch", "-qc", "other")
    machine.write("notes.md", "theirs\n")
    commit_plainly(machine, "Theirs")
    machine.git("switch", "-q", "main")
    machine.write("notes.md", "ours\n")
    commit_plainly(machine, "Ours")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("what", ["merge", "rebase", "cherry-pick", "revert"])
def test_somebodys_half_done_work_is_left_to_them_with_the_command(world: World, machine: Machine, what: str) -> None:
    diverge(machine)
    before, tip = machine.git("rev-parse", "HEAD"), world.tip()
    if what == "revert":
        machine.write("notes.md", "later\n")
        commit_plainly(machine, "Later")
        machine.git("revert", "HEAD~1", check=False)
        before = machine.git("rev-parse", "HEAD")
    else:
        machine.git(what, "other", check=False)
    conflict = machine.read("notes.md")
    assert "<<<<<<<" in conflict
    result = machine.sync()
    assert result.code == 78, result.text
    assert f"Somebody's git {what} is in progress" in result.out
    assert "Nothing was changed." in result.out
    assert f"git -C {machine.top} {what} --abort" in result.out
    assert machine.read("notes.md") == conflict
    assert world.tip() == tip
    machine.git(what, "--abort")
    assert machine.git("rev-parse", "HEAD") == before
    assert machine.sync().code == 0
    machine.assert_sound()


def test_conflict_markers_of_a_stash_pop_are_never_committed(world: World, machine: Machine) -> None:
    machine.git("config", "user.name", "Plain")
    machine.git("config", "user.email", "plain@example.com")
    machine.write("notes.md", "base\n")
    commit_plainly(machine)
    machine.write("notes.md", "stashed\n")
    machine.git("stash", "-q")
    machine.write("notes.md", "committed\n")
    commit_plainly(machine)
    machine.git("stash", "pop", check=False)
    machine.write("other.md", "goes\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "notes.md (has unmerged entries in the index" in result.out
    assert "git add -- notes.md" in result.out
    assert world.remote_file("notes.md") == "committed\n"
    assert "other.md" in world.remote_files()
    assert "<<<<<<<" in machine.read("notes.md")
    assert machine.git("ls-files", "-u") != "", "somebody's conflict was taken from them"
    machine.write("notes.md", "settled\n")
    machine.git("add", "--", "notes.md")
    assert machine.sync().code == 0
    assert world.remote_file("notes.md") == "settled\n"
    machine.assert_sound()


@pytest.mark.parametrize("where", ["other", "--detach"])
def test_a_tree_that_is_elsewhere_is_told_the_way_back(world: World, machine: Machine, where: str) -> None:
    machine.git("config", "claudetools.branch", "main")
    machine.git("switch", "-q", *(["-c", where] if where == "other" else [where]))
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert result.code == 78, result.text
    name = "branch other" if where == "other" else "no branch (HEAD is detached)"
    assert f"This tree is on {name}; main is the branch that is synced." in result.out
    assert f"Nothing was changed. Fix: git -C {machine.top} switch main" in result.out
    assert "claudetools.branch '(detached)'" not in result.out
    assert machine.status() == "?? notes.md"
    machine.git("switch", "-q", "main")
    assert machine.sync().code == 0
    machine.assert_sound()


def test_a_detached_head_is_refused_even_when_no_branch_is_configured(machine: Machine) -> None:
    machine.git("switch", "-q", "--detach")
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert result.code == 78, result.text
    assert "HEAD is detached" in result.out
    assert machine.status() == "?? notes.md"
    assert machine.git("for-each-ref", "refs/heads") == machine.git("for-each-ref", "refs/heads/main")


def test_a_bisect_under_way_is_left_alone(machine: Machine) -> None:
    machine.git("bisect", "start")
    result = machine.sync()
    assert result.code == 78, result.text
    assert "Somebody's git bisect is in progress" in result.out
    assert "bisect reset" in result.out
    assert "bisect --abort" not in result.out


def test_outside_a_repository_it_says_where_to_go(world: World, machine: Machine, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for options in ([], ["--json"], ["--status"], ["--points"], ["--restore", "x@2026"], ["--", "x"], ["--allow", "x"]):
        result = machine.run("bash", SYNC, *options, cwd=outside)
        assert result.code == 78, result.text
        assert "is not the working tree of a git repository" in result.out, result.text
        assert "fatal" not in result.err, result.text
    assert list(outside.iterdir()) == []


def test_a_bare_repository_and_the_git_folder_are_no_working_trees(world: World, machine: Machine) -> None:
    before = sorted(p.name for p in world.remote.iterdir())
    for folder in (world.remote, machine.top / ".git"):
        result = machine.run("bash", SYNC, cwd=folder)
        assert result.code == 78, result.text
        assert "is not the working tree of a git repository" in result.out
    assert sorted(p.name for p in world.remote.iterdir()) == before
    machine.assert_sound()


def test_unrelated_histories_are_refused_with_both_ways_on(world: World, machine: Machine) -> None:
    machine.git("checkout", "-q", "--orphan", "fresh")
    machine.git(*PERSON, "commit", "-qm", "Another beginning")
    machine.git("branch", "-qM", "main")
    tip = world.tip()
    result = machine.sync()
    assert result.code == 78, result.text
    assert "have no commit in common" in result.out
    assert "Nothing was pushed." in result.out
    assert world.tip() == tip
    machine.assert_sound()
