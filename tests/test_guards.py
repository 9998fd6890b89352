"""Which shell commands are dangerous beside other sessions: every way to write them, and what must not be refused."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.attribution.guards import find
from claudetools.attribution.shell_words import UNKNOWN_FOLDER
from claudetools.core.place import find_place
from claudetools.sessions import registry
from test_tool_hooks import Agent, place_of
from world import Machine

REFUSED = {
    "git add of everything": [
        "git add -A",
        "git add --all",
        "git add .",
        "git add -Av",
        "git add -u",
        "git add :/",
        "git add '*'",
        "git stage -A",
        "git -c core.x=y add -A",
        "git add -A && git commit -m x",
        "cd notes; git add --all",
        "FOO=1 git add .",
        "true || git add -A",
        "(git add -A)",
        "{ git add -A; }",
        "if true; then git add .; fi",
        "for f in *; do git add -A; done",
        "bash -c 'git add -A'",
        'bash -lc "cd x && git add -A"',
        "sudo git add -A",
        "env A=b git add -A",
        "timeout 5 git add -A",
        "command git add .",
        "/usr/bin/git add -A",
        "git add -A >log 2>&1",
        "echo x|git add -A",
        "echo $(git add -A)",
        "git \\\n add -A",
        "eval 'git add -A'",
        "echo a\ngit add -A\n",
        "cat <<EOF >x\nit's\nEOF\ngit add -A",
        "2>/dev/null git add -A",
        "nohup git add -A &",
        "! git add -A",
        "# don't ask\ngit add -A",
        "echo it's\ngit add -A",
        "ls # that's all\ngit add -A",
    ],
    "git commit -a": ["git commit -a", "git commit -am x", "git commit -qam 'x y'", "git commit --all -m x"],
    "git stash": [
        "git stash",
        "git stash push -m x",
        "git stash pop",
        "git stash -u",
        "git stash drop",
        "git --no-pager stash",
    ],
    "git reset --hard": ["git reset --hard", "git reset --hard HEAD~1", "git reset -q --hard"],
    "git reset --keep": ["git reset --keep x"],
    "git checkout .": [
        "git checkout .",
        "git checkout -- .",
        "git checkout -f",
        "git checkout HEAD -- .",
        "git ls-files -m | xargs git checkout --",
    ],
    "changing the branch": [
        "git checkout main",
        "git checkout -b new",
        "git switch main",
        "git switch -c x",
        "git checkout -",
        "git switch -C x",
        "git checkout -B x",
        "git branch -m new",
        "git symbolic-ref HEAD refs/heads/x",
        "git bisect start HEAD v1",
        "git bisect run make",
        "gh pr checkout 12",
        "bash -c 'gh pr checkout 12'",
        "glab mr checkout 3",
    ],
    "git restore .": ["git restore .", "git restore --source HEAD :/", "git restore -SW .", "git restore '*.md'"],
    "git clean": ["git clean -f", "git clean -fdx", "git clean -df notes", "git clean --force"],
    "git pull": ["git pull", "git pull --rebase origin main"],
    "git merge": ["git merge origin/main", "git merge --no-ff x"],
    "git cherry-pick": ["git cherry-pick abc", "git -C notes cherry-pick -x abc"],
    "git revert": ["git revert HEAD", "git revert --no-edit abc"],
    "git am": ["git am <x.patch"],
    "git rm": ["git rm a.md", "git rm -r notes", "git rm -f -- a"],
    "git commit --amend": ["git commit --amend", "git commit --amend -m 'x y'", "git commit -q --amend --no-edit"],
    "a forced git push": [
        "git push -f",
        "git push --force origin main",
        "git push --force-with-lease=main origin main",
        "git push origin +main",
        "git push origin :main",
        "git push origin --delete main",
        "env A=b git push -uf origin main",
    ],
    "setting core.hooksPath": [
        "git config core.hooksPath /dev/null",
        "git config --local core.hookspath x",
        "git config --unset core.hooksPath",
        "git config set core.hooksPath x",
        "git -c core.hooksPath=/dev/null commit -m x",
    ],
    "git worktree remove": ["git worktree remove ../x", "git worktree remove --force ../x"],
    "rm": ["rm a.md", "rm -rf notes", "rm -- a", "rm notes/*.md", "sudo rm a", "find . -name x -exec rm {} +"],
    "git rebase": ["git rebase main", "git rebase -i HEAD~3", "git rebase --continue"],
}
ALLOWED = [
    "",
    "ls",
    "git status",
    "git add notes/a.md",
    "git add -- a b",
    "git add -p a.md",
    "git add -A notes",
    "git add -n .",
    "git commit -m 'add all'",
    "git commit -m -a",
    "git commit -ma",
    "git commit -F all a.md",
    'git commit -m "git stash"',
    "git stash list",
    "git stash show -p",
    "git reset",
    "git reset HEAD a.md",
    "git reset --soft HEAD~1",
    "git restore --staged .",
    "git clean -n",
    "git clean -nfd",
    "git log --all",
    "git merge-base a b",
    "git merge --abort",
    "git rebase --abort",
    "git fetch",
    "git push",
    "git diff",
    "git show x:git-stash",
    "git pull --help",
    "echo git add -A",
    "echo 'x; git stash'",
    "grep -r 'git reset --hard' .",
    "# git stash",
    "ls # git stash",
    "cat <<'EOF' >doc.md\ngit stash\nEOF",
    "cat <<-EOF\n\tgit stash\n\tEOF\nls",
    "git checkout",
    "git --git-dir=/x/.git stash",
    "python -c 'import git; git.stash()'",
    "git help stash",
    "gitk --all",
    "digit add -A",
    "printf '%s' \"$(date)\" >x",
    "git config alias.x 'stash'",
    "git worktree add ../x main",
    "git worktree list",
    "git rm --cached a.md",
    "git rm -n a.md",
    "git push origin main",
    "git push -u origin main",
    "git push -n -f",
    "git push -o ci.skip=f",
    "git config core.hooksPath",
    "git config --get core.hooksPath",
    "git config get core.hooksPath",
    "git config core.autocrlf false",
    "git cherry-pick --abort",
    "git revert --quit",
    "git bisect log",
    "git branch -m old new",
    "git branch -d x",
    "git branch --show-current",
    "git symbolic-ref HEAD",
    "gh pr list",
    "gh pr view 12",
    "find . -name x",
    "git stash list; git stash show",
    "git switch --help",
]


@pytest.mark.parametrize(("name", "command"), [(name, c) for name, commands in REFUSED.items() for c in commands])
def test_found(name: str, command: str) -> None:
    assert [one.git for one in find(command)] == [name]


@pytest.mark.parametrize("command", ALLOWED)
def test_not_found(command: str) -> None:
    assert find(command) == []


def test_several_in_one_command() -> None:
    assert [one.git for one in find("git stash && git pull; git stash pop")] == ["git stash", "git pull", "git stash"]


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("git stash", ""),
        ("cd sub && git stash", "sub"),
        ("cd /x/y; cd z; git stash", "/x/y/z"),
        ("git -C /x stash", "/x"),
        ("cd a; git -C b stash", "a/b"),
        ('cd "$DIR" && git stash', UNKNOWN_FOLDER),
        ("cd $X; cd /y && git stash", "/y"),
        ("cd - && git stash", UNKNOWN_FOLDER),
        ("(cd a && bash -c 'cd b; git stash')", "a/b"),
    ],
)
def test_where_it_runs(command: str, folder: str) -> None:
    assert [one.folder for one in find(command)] == [folder]


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("git checkout -- a.md b.md", ("b.md",)),
        ("git checkout HEAD~1 -- a.md", ("a.md",)),
        ("git checkout -- a.md", ("a.md",)),
        ("git restore a.md notes/", ("a.md", "notes/")),
        ("git checkout notes/a.md", ("notes/a.md",)),
    ],
)
def test_of_files_only_these_are_at_stake(command: str, paths: tuple[str, ...]) -> None:
    (found,) = find(command)
    assert set(paths) <= set(found.paths)


PIECES = ["git", "stash", "'", '"', ";", "<<", "$(", ")", "\n", "\\", "-c", "bash", "add", "-A", "|", "#", "x=1"]


@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_no_command_makes_it_fail(command: str) -> None:
    find(command)
    find(f"bash -c {command!r}" * 3)


# --- through the hooks -----------------------------------------------------------------


@pytest.fixture
def two(machine: Machine) -> tuple[Agent, Agent]:
    machine.write("notes/a.md", "one\ntwo\n")
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "Start")
    for id, topic in ("a", "acme vpn"), ("b", "sophos\x1b renewal"):
        registry.register(place_of(machine), id, pid=os.getpid(), topic=topic)
    return Agent(machine, "a"), Agent(machine, "b")


def points(machine: Machine) -> list[str]:
    return machine.git("for-each-ref", "--format=%(objectname)", "refs/claudetools/points").split()


def test_refused_beside_another_session_and_the_safe_way_is_named(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, b = two
    b.edit("notes/a.md", "one", "1")
    told = a.bash("git stash")
    assert told["permissionDecision"] == "deny"
    assert told["permissionDecisionReason"] == (
        "git stash: 'sophos? renewal' works in this folder too, and this takes away, or writes over, what other "
        "sessions have not saved.\nInstead: save your own work: bash .claude/scripts/sync.sh. Another version to look "
        "at: git show REV:FILE"
    )
    assert machine.read("notes/a.md") == "1\ntwo\n"
    assert points(machine) == []
    assert a.bash("git add notes/a.md") == {}


def test_alone_it_goes_through_with_a_restore_point(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, _ = two
    registry.end(a.place, "b")
    machine.write("notes/a.md", "unsaved\n")
    machine.write("new.md", "new\n")
    index = (machine.top / ".git/index").read_bytes()
    assert a.before("Bash", {"command": "git reset --hard && git clean -fd"}) == {}
    assert (machine.top / ".git/index").read_bytes() == index
    (point,) = points(machine)
    assert machine.git("show", f"{point}:notes/a.md") == "unsaved"
    assert machine.git("show", f"{point}:new.md") == "new"
    assert a.bash("git add -A") == {}
    assert points(machine) == [point], "staging loses nothing"
    listed = machine.sync("--points")
    assert "Before git reset --hard of an agent" in listed.out, listed.text


@pytest.mark.parametrize(
    ("value", "deny", "say"), [("refuse", True, False), ("tell", False, True), ("off", False, False)]
)
def test_a_person_sets_what_happens(
    machine: Machine, two: tuple[Agent, Agent], value: str, deny: bool, say: bool
) -> None:
    a, _ = two
    machine.git("config", "claudetools.guards", value)
    told = a.before("Bash", {"command": "git stash"})
    assert (told.get("permissionDecision") == "deny", "additionalContext" in told) == (deny, say)
    assert bool(points(machine)) != deny


def test_another_folder_is_not_this_one(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, _ = two
    other = machine.home / "other"
    machine.run("git", "init", "-q", str(other))
    assert a.before("Bash", {"command": f"cd {other} && git stash"}) == {}
    assert a.before("Bash", {"command": f"git -C {other} reset --hard"}) == {}
    assert a.before("Bash", {"command": "cd notes && git stash"})["permissionDecision"] == "deny"
    assert a.before("Bash", {"command": 'cd "$CLAUDE_PROJECT_DIR" && git stash'})["permissionDecision"] == "deny"


def test_an_alias_is_what_it_stands_for(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, _ = two
    for name, text in ("co", "checkout"), ("nuke", "!git reset --hard && git clean -fd"), ("loop", "loop"):
        machine.git("config", f"alias.{name}", text)
    assert a.before("Bash", {"command": "git co main"})["permissionDecision"] == "deny"
    assert a.before("Bash", {"command": "git nuke"})["permissionDecision"] == "deny"
    assert a.before("Bash", {"command": "git loop; git unknown"}) == {}


def test_anothers_commit_is_not_amended(machine: Machine, two: tuple[Agent, Agent]) -> None:
    """Whoever made it may have ended: its message, author and session would be gone. One's own is one's own."""
    a, b = two
    assert a.before("Bash", {"command": "git commit --amend --no-edit"}) == {}
    b.edit("notes/a.md", "one", "1")
    assert machine.sync("--no-push", env={"CLAUDETOOLS_SESSION_ID": "b"}).code == 0
    registry.end(a.place, "b")
    told = a.before("Bash", {"command": "git commit --amend -m 'one: add tag'"})
    assert told["permissionDecisionReason"] == (
        "git commit --amend: 'sophos? renewal' made the last commit, and this rewrites it: its message, author and "
        "session would be yours.\nInstead: a commit of your own: bash .claude/scripts/sync.sh"
    )
    assert b.before("Bash", {"command": "git commit --amend --no-edit"}) == {}


def test_deleting_files_is_refused_only_where_another_has_unsaved_work(
    machine: Machine, two: tuple[Agent, Agent]
) -> None:
    a, b = two
    a.write("own.md", "mine\n")
    b.edit("notes/a.md", "one", "1")
    for command in "rm own.md", "rm -rf build", "cd /tmp && rm -rf *":
        assert a.before("Bash", {"command": command}) == {}
    for command in "rm notes/a.md", "rm -rf notes", "rm notes/*", "rm -rf ./*", "rm -rf .", "ls | xargs rm":
        assert a.before("Bash", {"command": command})["permissionDecision"] == "deny", command


def test_a_worktree_is_not_removed_under_its_session(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, _ = two
    machine.git("worktree", "add", "-q", "../linked")
    assert a.before("Bash", {"command": "git worktree remove ../linked"}) == {}
    there = find_place(str(machine.top.parent / "linked"))
    assert there
    registry.register(there, "c", pid=os.getpid(), topic="dns")
    assert "'dns'" in a.before("Bash", {"command": "git worktree remove ../linked"})["permissionDecisionReason"]


def test_files_are_refused_only_where_another_has_unsaved_work(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, b = two
    a.write("own.md", "mine\n")
    b.edit("notes/a.md", "one", "1")
    assert a.before("Bash", {"command": "git checkout -- own.md"}) == {}
    assert a.before("Bash", {"command": "git restore notes/a.md"})["permissionDecision"] == "deny"
    assert a.before("Bash", {"command": "cd notes && git restore a.md"})["permissionDecision"] == "deny"
    assert a.before("Bash", {"command": "git restore notes"})["permissionDecision"] == "deny"


# --- awareness ----------------------------------------------------------------------------


def test_who_else_has_unsaved_work_in_the_file_is_said_once(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, b = two
    b.edit("notes/a.md", "one", "1")
    given_, _ = a.edit_call("notes/a.md", "two", "2")
    told = a.before("Edit", given_)
    assert told["additionalContext"].startswith(
        "[INFO] 'sophos? renewal' has unsaved changes in notes/a.md. Read it again"
    )
    assert a.before("Edit", given_) == {}
    other, _ = a.edit_call("README.md", "# ops", "# x")
    assert a.before("Edit", other) == {}
    assert b.before("Edit", given_) == {}, "its own work is no news"


def test_saved_work_is_no_reason_to_say_anything(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, b = two
    b.edit("notes/a.md", "one", "1")
    saved = machine.sync(env={"CLAUDETOOLS_SESSION_ID": "b"})
    assert saved.code == 0, saved.text
    given_, _ = a.edit_call("notes/a.md", "two", "2")
    assert a.before("Edit", given_) == {}


def test_a_session_that_has_ended_is_no_reason_either(machine: Machine, two: tuple[Agent, Agent]) -> None:
    a, b = two
    b.edit("notes/a.md", "one", "1")
    registry.end(a.place, "b")
    given_, _ = a.edit_call("notes/a.md", "two", "2")
    assert a.before("Edit", given_) == {}
