"""The repository's own hooks, filters and signing, each with the real program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from world import Machine, World, needs

CONFIG = """\
repos:
  - repo: local
    hooks:
      - id: no-tabs
        name: no tabs
        entry: {python} check.py
        language: system
        files: \\.md$
"""
CHECK = """\
import sys
bad = [name for name in sys.argv[1:] if "\\t" in open(name).read()]
for name in bad:
    print(f"{name}: a tab")
sys.exit(bool(bad))
"""


@pytest.fixture
def framework(machine: Machine) -> Machine:
    """A machine whose repository uses the real pre-commit framework."""
    machine.write(".pre-commit-config.yaml", CONFIG.format(python=sys.executable))
    machine.write("check.py", CHECK)
    assert machine.sync().code == 0
    done = machine.run(Path(sys.executable).parent / "pre-commit", "install")
    assert done.code == 0, done.text
    return machine


def test_the_real_framework_passes_what_is_in_order(world: World, framework: Machine) -> None:
    framework.write("a.md", "in order\n")
    result = framework.sync()
    assert result.code == 0, result.text
    assert world.remote_file("a.md") == "in order\n"
    framework.assert_sound()


def test_the_real_framework_refuses_a_file_and_the_rest_goes(world: World, framework: Machine) -> None:
    framework.write("good.md", "in order\n")
    framework.write("bad.md", "a\ttab\n")
    result = framework.sync()
    assert result.code == 65, result.text
    assert "Left out: bad.md" in result.out and "a tab" in result.out
    assert "good.md" in world.remote_files()
    assert "bad.md" not in world.remote_files()
    assert framework.read("bad.md") == "a\ttab\n"
    assert framework.status() == "?? bad.md"
    framework.write("bad.md", "mended\n")
    assert framework.sync().code == 0
    assert world.remote_file("bad.md") == "mended\n"
    framework.assert_sound()


def test_the_framework_never_stashes_what_others_write(framework: Machine) -> None:
    """In the shared tree it would save unstaged changes away and check the files out."""
    framework.write("README.md", "# ops\nhalf a thought")
    framework.write("bad.md", "a\ttab\n")
    framework.sync("--", "bad.md")
    assert framework.read("README.md") == "# ops\nhalf a thought"
    assert not list((framework.home / ".cache" / "pre-commit").glob("patch*"))


def is_over(pid: str) -> bool:
    """Gone, or a zombie that nobody has reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def hook(machine: Machine, text: str) -> None:
    path = machine.common / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_hook_that_does_not_end_is_ended_with_all_that_it_started(machine: Machine, tmp_path: Path) -> None:
    machine.git("config", "claudetools.hookSeconds", "3")
    hook(machine, f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert result.out.startswith("[ERROR] Your repository's own pre-commit hook did not end within 3 s"), result.text
    assert "claudetools.hookSeconds 6" in result.out
    assert is_over((tmp_path / "pid").read_text().strip())
    assert machine.status() == "?? a.md"
    machine.assert_sound()


def test_a_hook_without_a_path_in_its_words_holds_everything(world: World, machine: Machine) -> None:
    hook(machine, "echo 'not on a Friday' >&2; exit 1")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 65
    assert "not on a Friday" in result.out
    assert "a.md" not in world.remote_files()


@pytest.mark.skipif(bool(needs("ssh-keygen")), reason=needs("ssh-keygen"))
def test_commits_are_signed_where_the_user_signs_also_when_replayed(
    world: World, machine: Machine, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    (tmp_path / "signers").write_text(f"mike@example.com {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", str(tmp_path / "signers")),
    ):
        machine.git("config", name, value)
    machine.write("a.md", "x\n")
    assert machine.sync().code == 0
    machine.git("verify-commit", "HEAD")
    other = world.machine("LINUX-02", "howard")
    other.write("h.md", "x\n")
    other.sync()
    machine.write("b.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    machine.git("verify-commit", "HEAD")
    world.assert_linear()


@pytest.mark.skipif(bool(needs("ssh-keygen")), reason=needs("ssh-keygen"))
def test_a_key_that_cannot_be_used_is_78_and_nothing_is_committed(machine: Machine, tmp_path: Path) -> None:
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(tmp_path / "missing")),
        ("commit.gpgSign", "true"),
    ):
        machine.git("config", name, value)
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 78, result.text
    assert "cannot be signed" in result.out
    assert machine.status() == "?? a.md"
    machine.assert_sound()


def test_a_filter_stores_the_one_and_shows_the_other(world: World, machine: Machine) -> None:
    """As LFS does: what is committed is not what lies in the folder, on either machine."""
    other = world.machine("LINUX-02", "howard")
    for each in (machine, other):
        each.git("config", "filter.caps.clean", "tr a-z A-Z")
        each.git("config", "filter.caps.smudge", "tr A-Z a-z")
    machine.write(".gitattributes", "*.big filter=caps\n")
    machine.sync()
    other.sync()
    machine.write("x.big", "content\n")
    assert machine.sync().code == 0
    assert world.remote_file("x.big") == "CONTENT\n"
    assert other.sync().code == 0
    assert other.read("x.big") == "content\n"
    other.write("x.big", "content\nmore\n")
    assert other.sync().code == 0
    assert machine.sync().code == 0
    assert machine.read("x.big") == "content\nmore\n"
    assert machine.status() == other.status() == ""


# --- what hooks do, and what they refuse ----------------------------------------------


def install(machine: Machine, name: str, text: str) -> None:
    path = machine.common / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


DOES = {
    "writes into .git": "echo x >.git/x && mkdir -p .git/team && echo x >.git/info/x",
    "leaves locks": "touch .git/index.lock .git/HEAD.lock .git/config.lock",
    "commits": "echo x >made.md; git add made.md; git -c core.hooksPath=/dev/null commit -q -m inner; git tag -f inner",
    "stashes": "echo x >>README.md; git stash -q",
    "resets": "git reset -q --hard HEAD",
    "moves refs": "git update-ref refs/heads/main HEAD~0; git branch -f side; git symbolic-ref HEAD refs/heads/side",
    "configures": "git config user.name Nobody; git config core.bare true",
    "collects": "git reflog expire --expire=all --all && git gc -q --prune=now",
    "deletes": "git rm -q --cached README.md; rm -f README.md a.md",
}


@pytest.mark.sampled(8)
@pytest.mark.parametrize("deed", DOES)
def test_what_a_hook_does_by_git_stays_in_its_copy(world: World, machine: Machine, deed: str) -> None:
    """And the next one finds its copy in order, whatever the last one left."""
    machine.git("commit", "-q", "--allow-empty", "-m", "nobody has a ref to it", env=AUTHOR)
    loose = machine.git("rev-parse", "HEAD")
    machine.git("reset", "-q", "--soft", "HEAD^")
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push"):
        if deed != "commits" or not name.endswith("-msg"):  # git would take the message of the inner commit
            install(machine, name, DOES[deed])
    for n, path in enumerate(("a.md", "b.md")):
        config = (machine.common / "config").read_bytes() if n else b""
        machine.write(path, "x\n")
        result = machine.sync("-m", f"save {path}")
        assert result.code == 0, result.text
        assert world.remote_file(path) == "x\n" and world.remote_file("README.md") == "# ops\n"
        assert machine.read("a.md") == "x\n" and machine.read("README.md") == "# ops\n" and machine.status() == ""
        assert machine.git("log", "-1", "--format=%an: %s") == f"Mike Swanson: save {path}"
        refs = machine.git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/stash")
        assert refs == "refs/heads/main"
        assert n == 0 or (machine.common / "config").read_bytes() == config
    machine.git("cat-file", "-e", loose)
    machine.assert_sound()


AUTHOR = {
    "GIT_AUTHOR_NAME": "m",
    "GIT_AUTHOR_EMAIL": "m@example.com",
    "GIT_COMMITTER_NAME": "m",
    "GIT_COMMITTER_EMAIL": "m@example.com",
}


def test_what_a_hook_stages_goes_along_and_what_lies_about_does_not(world: World, machine: Machine) -> None:
    install(machine, "pre-commit", "echo made >made.md; git add made.md; echo x >report.txt; echo more >>a.md")
    machine.write("a.md", "x\n")
    assert machine.sync().code == 0
    assert world.remote_file("made.md") == machine.read("made.md") == "made\n"
    assert world.remote_file("a.md") == machine.read("a.md") == "x\nmore\n"
    assert "report.txt" not in world.remote_files() and machine.status() == ""


def test_message_hooks_have_the_last_word_and_our_trailers_stay_readable(world: World, machine: Machine) -> None:
    install(machine, "prepare-commit-msg", 'printf "\\nSigned-off-by: Mike <m@example.com>\\n" >>"$1"')
    install(machine, "commit-msg", 'sed "1s/^/OPS-1 /" "$1" >.git/m && cat .git/m >"$1"')
    install(machine, "post-commit", "git log -1 --format=%B >>.git/seen; git status --short >>.git/seen")
    machine.write("a.md", "x\n")
    result = machine.sync("-m", "acme: firewall", env={"CLAUDETOOLS_SESSION_ID": "me"})
    assert result.code == 0 and "OPS-1 acme: firewall" in result.out, result.text
    assert machine.git("log", "-1", "--format=%s", "origin/main") == "OPS-1 acme: firewall"
    for key, value in (("Signed-off-by", "Mike <m@example.com>"), ("Machine", "LINUX-01"), ("Session-Id", "me")):
        assert machine.git("log", "-1", f"--format=%(trailers:key={key},valueonly)").strip() == value
    seen = (machine.state / "trees/main/check/.git/seen").read_text()
    assert seen == machine.git("log", "-1", "--format=%B") + "\n"


def test_a_message_that_is_refused_holds_its_commit_and_a_better_one_goes(world: World, machine: Machine) -> None:
    install(machine, "commit-msg", "grep -q '^OPS-' \"$1\" || { echo 'needs a ticket' >&2; exit 1; }")
    machine.write("a.md", "x\n")
    result = machine.sync("-m", "no ticket")
    assert result.code == 65, result.text
    assert result.out.startswith("[ERROR] Your repository's own commit-msg hook refused this commit."), result.text
    assert "needs a ticket" in result.out and "-m TEXT" in result.out and machine.status() == "?? a.md"
    result = machine.sync("-m", "OPS-1 a")
    assert result.code == 0, result.text
    assert world.remote_file("a.md") == "x\n"


def test_a_push_that_the_hook_refuses_is_told_as_the_hooks(world: World, machine: Machine) -> None:
    refuse = '[ ! -e bad.md ] || { echo "12 tests failed"; exit 1; }'
    install(machine, "pre-push", f'echo "$@" >>.git/runs; cat >>.git/runs; {refuse}')
    machine.write("bad.md", "x\n")
    result = machine.sync()
    runs = machine.state / "trees/main/check/.git/runs"
    assert result.code == 65, result.text
    assert result.out.startswith("[ERROR] Your repository's own pre-push hook refused the push."), result.text
    assert "12 tests failed" in result.out and "refused by" not in result.out
    assert len(runs.read_text().splitlines()) == 2, "asked once"
    other = world.machine("LINUX-02", "howard")
    other.write("h.md", "x\n")
    assert other.sync().code == 0
    machine.write("good.md", "x\n")
    result = machine.sync()
    assert result.code == 65 and "refused 1 of 2 commits" in result.out, result.text
    assert "good.md" in world.remote_files() and "bad.md" not in world.remote_files()
    assert machine.read("h.md") == "x\n"
    (machine.top / "bad.md").unlink()
    assert machine.sync().code == 0
    assert "bad.md" not in world.remote_files()
    machine.assert_sound()


PLACES = {
    "tracked": ".githooks",
    "generated and ignored": ".husky/_",
    "outside": "{home}/somewhere/hooks",
    "below home": "~/my hooks",
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("place", PLACES)
def test_hooks_are_found_where_git_finds_them(world: World, machine: Machine, place: str) -> None:
    """And one that is a link to a program elsewhere runs by the name of the link."""
    setting = PLACES[place].format(home=machine.home)
    folder = machine.top / setting.replace("~", str(machine.home))
    folder.mkdir(parents=True)
    script = machine.home / "program"
    script.write_text('#!/bin/sh\necho "${0##*/}" >>.git/ran\n')
    script.chmod(0o755)
    (folder / "pre-commit").symlink_to(script)
    shutil.copy(script, folder / "pre-push")
    shutil.copy(script, folder / "commit-msg.bat")
    machine.git("config", "core.hooksPath", setting)
    (machine.common / "info" / "exclude").write_text(".husky/\n")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert (machine.state / "trees/main/check/.git/ran").read_text() == "pre-commit\npre-push\n"
    assert world.remote_file("a.md") == "x\n"


def test_a_batch_file_in_the_place_of_a_hook_refuses_as_with_git(machine: Machine) -> None:
    (machine.common / "hooks").mkdir(exist_ok=True)
    (machine.common / "hooks" / "pre-commit").write_text("@echo off\r\nexit /b 0\r\n")
    (machine.common / "hooks" / "pre-commit").chmod(0o755)
    machine.write("a.md", "x\n")
    machine.git("add", "a.md")
    assert machine.run("git", "commit", "-m", "by hand", env=AUTHOR).code != 0
    result = machine.sync()
    assert result.code == 65 and "pre-commit hook refused" in result.out, result.text


@pytest.mark.sampled(2)
@pytest.mark.parametrize("required", ["true", "false"])
def test_a_filter_that_cannot_work_in_the_copy_holds_nothing_up(
    world: World, machine: Machine, tmp_path: Path, required: str
) -> None:
    """It works in the folder alone; the hook sees the stored bytes, and nothing is filtered twice."""
    script = tmp_path / "filter"
    script.write_text(f"#!/bin/sh\n[ \"$PWD\" -ef '{machine.top}' ] || exit 1\nexec rev\n")
    script.chmod(0o755)
    for key, value in (("clean", str(script)), ("smudge", str(script)), ("required", required)):
        machine.git("config", f"filter.turn.{key}", value)
    install(machine, "pre-commit", "cat secrets/* >>.git/seen; touch secrets/*; echo more >>notes.md")
    machine.write(".gitattributes", "secrets/** filter=turn\n")
    for n, text in enumerate(("abc\n", "def\n")):
        machine.write(f"secrets/{n}.txt", text)
        machine.write("notes.md", "x\n")
        result = machine.sync()
        assert result.code == 0, result.text
    assert world.remote_file("secrets/0.txt") == "cba\n" and world.remote_file("secrets/1.txt") == "fed\n"
    assert machine.read("secrets/1.txt") == "def\n" and machine.read("notes.md") == "x\nmore\n"
    assert machine.status() == ""
    # Set up anew, it is tried again.
    script.write_text("#!/bin/sh\nexec rev\n")
    machine.git("config", "filter.turn.clean", f"{script} ")
    machine.write("secrets/2.txt", "ghi\n")
    assert machine.sync().code == 0
    assert (machine.state / "trees/main/check/.git/seen").read_text().endswith("abc\ndef\nghi\n")
    assert world.remote_file("secrets/2.txt") == "ihg\n" and machine.status() == ""


def test_a_hook_that_may_not_be_executed_is_told(machine: Machine) -> None:
    install(machine, "pre-push", "exit 1")
    (machine.common / "hooks" / "pre-push").chmod(0o644)
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 0 and "pre-push is not executable" in result.out, result.text
