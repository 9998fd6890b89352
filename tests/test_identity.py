"""Who commits: identity.json and users.json in every state of repair, the cache, and what git itself is told."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from claudetools.core import identity
from world import TOOLKIT, USERS, Machine, Result, World

GOOD = {"user": "mike", "full_name": "Mike Swanson", "email": "mike@example.com", "machine": "LINUX-01"}
FILE = ".claude/identity.json"


def put(machine: Machine, data: object) -> None:
    machine.write(FILE, data if isinstance(data, bytes) else json.dumps(data))


def people(machine: Machine, data: object) -> None:
    machine.write(".claude/users.json", data if isinstance(data, bytes) else json.dumps(data))


def assert_no_traceback(result: Result) -> None:
    text = result.out + result.err
    for words in ("Traceback", 'File "', "Error:", "unbound variable", "usage: "):
        assert words not in text, result.text


def assert_not_set_up(machine: Machine, world: World, *words: str) -> None:
    """Exit 78, the words, the way out, and nothing changed."""
    tip, status = world.tip(), machine.status()
    result = machine.sync()
    assert result.code == 78, result.text
    first = result.out.splitlines()[0]
    assert first.startswith("[ERROR] "), result.text
    for word in words:
        assert word in first, result.text
    assert "Nothing was changed." in result.out
    assert "setup.sh" in result.out
    assert_no_traceback(result)
    assert world.tip() == tip
    assert machine.status() == status
    machine.assert_sound()


def author(world: World) -> str:
    return world.remote_git("log", "-1", "--format=%an <%ae> / %cn <%ce>", "main").strip()


# --- identity.json out of order -----------------------------------------------------

BROKEN: dict[str, tuple[object, list[str]]] = {
    "empty": (b"", ["line 1", "not valid JSON"]),
    "half": (b'{"user": "mike",\n "full_na', ["line 2", "not valid JSON"]),
    "comma": (b'{\n"user": "mike",\n}', ["line 3", "not valid JSON"]),
    "no object": (["mike"], ["expected an object with keys, found a list"]),
    "text": ("mike", ["expected an object with keys, found text"]),
    "null": (None, ["expected an object with keys, found null"]),
    "latin-1": ('{"user": "mike", "full_name": "J\xf6rg"}'.encode("latin-1"), ["UTF-8"]),
    "utf-16": (json.dumps(GOOD).encode("utf-16"), ["UTF-8"]),
    "nul bytes": (b"\x00" * 100, ["not valid JSON"]),
    "deep": (b"[" * 200_000, ["not valid JSON"]),
    "huge number": (b'{"user": ' + b"9" * 5000 + b"}", ["not valid JSON"]),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_identity_is_named_with_file_and_expectation(world: World, machine: Machine, case: str) -> None:
    data, words = BROKEN[case]
    put(machine, data)
    machine.write("notes.md", "x\n")
    assert_not_set_up(machine, world, FILE, *words)


@pytest.mark.parametrize("key", ["user", "full_name", "email", "machine"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("missing", "is missing; expected text, for example"),
        ("", "is missing; expected text, for example"),
        (None, "is missing; expected text, for example"),
        (7, "is a number; expected text"),
        (True, "is true or false; expected text"),
        (["mike"], "is a list; expected text"),
        ({"a": "b"}, "is an object; expected text"),
        ("mike\nemail=evil@example.com", "holds a control character; expected one line of text"),
        ("mi\x1b[31mke", "holds a control character"),
        ("mi\u2028ke", "holds a control character"),
        ("mi\ud800ke", "holds a control character"),
        ("   ", "expected"),
    ],
)
def test_a_key_of_the_wrong_kind_is_named_with_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: Any, words: str
) -> None:
    data = {**GOOD, key: value}
    if value == "missing":
        del data[key]
    (tmp_path / ".claude").mkdir()
    (tmp_path / FILE).write_text(json.dumps(data))
    assert identity.main(["--own", str(tmp_path), str(tmp_path / "cache")]) == 78
    text = capsys.readouterr().err
    assert f"{FILE}: key {key!r} " in text
    assert words in text
    assert text.count("\n") == 1
    assert not (tmp_path / "cache").exists()


def test_a_wrong_key_stops_a_sync_with_the_same_words(world: World, machine: Machine) -> None:
    put(machine, {**GOOD, "email": 7})
    assert_not_set_up(machine, world, f"{FILE}: key 'email' is a number; expected text")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("email", "mike", "expected an address, for example 'mike@example.com'"),
        ("email", "mike <mike@example.com>", "expected an address"),
        ("user", "mike swanson", "expected letters, digits"),
        ("user", "../mike", "expected letters, digits"),
        ("full_name", "Mike <admin>", "expected a name without '<' and '>'"),
        ("full_name", "...", "expected a name"),
    ],
)
def test_values_that_git_would_refuse_or_change_are_refused_here(
    world: World, machine: Machine, key: str, value: object, words: str
) -> None:
    put(machine, {**GOOD, key: value})
    machine.write("notes.md", "x\n")
    assert_not_set_up(machine, world, f"{FILE}: key '{key}'", words)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(world: World, machine: Machine) -> None:
    put(machine, b"\xef\xbb\xbf" + json.dumps(GOOD, indent=2).replace("\n", "\r\n").encode())
    machine.write("notes.md", "x\n")
    assert machine.sync().code == 0
    assert author(world) == "Mike Swanson <mike@example.com> / Mike Swanson <mike@example.com>"


def test_names_of_all_languages_are_kept(world: World, machine: Machine) -> None:
    put(machine, {**GOOD, "full_name": "Jörg O'Neil-Müller \U0001f98a 王"})
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert "Author: Jörg O'Neil-Müller \U0001f98a 王 <mike@example.com>" in result.out
    assert author(world).startswith("Jörg O'Neil-Müller \U0001f98a 王 <")


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling link"])
def test_an_identity_that_is_no_file_is_named_and_never_waited_for(world: World, machine: Machine, kind: str) -> None:
    path = machine.top / FILE
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    result = machine.sync()
    assert result.code == 78, result.text
    assert FILE in result.out
    assert_no_traceback(result)
    machine.assert_sound()


# --- no identity.json -----------------------------------------------------------------


def test_without_an_identity_the_one_person_with_gits_address_is_taken_and_said(world: World, machine: Machine) -> None:
    (machine.top / FILE).unlink()
    machine.git("config", "user.email", "Howard@Example.com")
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert "[INFO] Not set up yet; you are Howard Lee by git's user.email. Make it yours: bash " in result.out
    assert author(world).startswith("Howard Lee <howard@example.com>")
    machine.assert_sound()


def test_without_an_identity_and_an_address_there_is_nobody(world: World, machine: Machine) -> None:
    (machine.top / FILE).unlink()
    assert_not_set_up(machine, world, "This machine is not set up", FILE, "git has no user.email either")


def test_an_address_that_nobody_has_is_named(world: World, machine: Machine) -> None:
    (machine.top / FILE).unlink()
    machine.git("config", "user.email", "dana@new.example")
    assert_not_set_up(machine, world, "dana@new.example is nobody in .claude/users.json")


def test_who_works_here_no_more_is_not_taken_for_somebody(world: World, machine: Machine) -> None:
    (machine.top / FILE).unlink()
    users = json.loads(machine.read(".claude/users.json"))
    users["users"]["howard"]["active"] = False
    machine.write(".claude/users.json", json.dumps(users))
    machine.git("config", "user.email", "howard@example.com")
    assert_not_set_up(machine, world, "howard@example.com is nobody in .claude/users.json")


def test_an_address_that_looks_like_an_option_is_only_an_address(world: World, machine: Machine) -> None:
    (machine.top / FILE).unlink()
    machine.git("config", "user.email", "--host=evil@example.com")
    assert_not_set_up(machine, world, "--host=evil@example.com is nobody in .claude/users.json")


def test_an_address_that_two_have_is_ambiguous(world: World, machine: Machine) -> None:
    users = {**USERS["users"], "mike2": {**USERS["users"]["mike"], "full_name": "Mike the Second"}}
    people(machine, {"users": users})
    (machine.top / FILE).unlink()
    machine.git("config", "user.email", "mike@example.com")
    assert_not_set_up(machine, world, "mike@example.com is mike and mike2 in .claude/users.json")


def test_without_an_identity_a_broken_users_file_is_what_is_named(world: World, machine: Machine) -> None:
    people(machine, b'{"users": ')
    (machine.top / FILE).unlink()
    machine.git("config", "user.email", "mike@example.com")
    assert_not_set_up(machine, world, ".claude/users.json line 1: not valid JSON")


# --- users.json, which others may have broken ---------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<<<<<<< HEAD\n{}", "users.json line 1: not valid JSON"),
        ([], "expected an object with keys, found a list"),
        ({"users": []}, "key 'users' is a list; expected an object"),
        ({}, "key 'users' is null"),
        ({"users": {"mike": "x"}}, "key 'users.mike' is text; expected an object"),
        ({"users": {"mike": {"email": 7}}}, "key 'email' is a number; expected text"),
        ({"users": {"mike": {"aliases": "Michael"}}}, "key 'users.mike.aliases' is no list of names"),
        ({"users": {"howard": {"email": "h@example.com"}}}, "key 'users.mike' is missing; your role is unknown"),
        ({"users": {"mike": {"email": "other@example.com"}}}, "has email mike@example.com"),
        ({"users": {"a\nemail=evil@example.com\nuser=evil": "x"}}, "expected an object"),
        ({"users": {"a\ud800": "x"}}, "expected an object"),
        ({"users": {"mike": {"role": "\x1b[31m"}}}, "holds a control character"),
        ({"users": {"mike": {"full_name": "Michael"}}}, "has full_name Mike Swanson, .claude/users.json has Michael"),
        ({"users": {"mike": {}, "eve": {"email": "Mike@example.com"}}}, "which is eve in .claude/users.json"),
        ({"users": {"mike": {"full_name": "Mike "}}}, "expected text without blanks at its ends"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[" * 200_000, "not valid JSON"),
    ],
    ids=range(17),
)
def test_a_users_file_broken_by_somebody_else_only_warns(
    world: World, machine: Machine, data: object, words: str
) -> None:
    people(machine, data)
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert "[WARN] " in result.out
    assert words in result.out, result.text
    assert "\x1b" not in result.out
    assert_no_traceback(result)
    assert author(world) == "Mike Swanson <mike@example.com> / Mike Swanson <mike@example.com>"
    assert "notes.md" in world.remote_files()
    machine.assert_sound()


def test_no_users_file_at_all_is_no_fault(world: World, machine: Machine) -> None:
    (machine.top / ".claude/users.json").unlink()
    result = machine.sync()
    assert result.code == 0, result.text
    assert "[WARN]" not in result.out


# --- the cache ---------------------------------------------------------------------------


def sync_without_python(machine: Machine) -> Result:
    """By a toolkit of its own, which has no environment that Python could be found in."""
    toolkit = machine.home / "toolkit"
    if not toolkit.exists():
        for folder in ("scripts", "hooks", "pylib"):
            shutil.copytree(TOOLKIT / folder, toolkit / folder)
    return machine.run("bash", toolkit / "scripts/sync.sh", env=without_python(machine))


def without_python(machine: Machine) -> dict[str, str]:
    """A PATH with all programs but Python, and an interpreter that fails and leaves a mark."""
    folder = machine.home / "no-python"
    folder.mkdir(exist_ok=True)
    for place in os.environ["PATH"].split(":"):
        for program in Path(place).iterdir() if os.access(place, os.R_OK) else ():
            link = folder / program.name
            if not program.name.startswith("python") and not link.is_symlink():
                link.symlink_to(program)
    broken = machine.home / "broken-python"
    broken.write_text(f"#!/bin/sh\n: >'{machine.home}/python-ran'\nexit 1\n")
    broken.chmod(0o755)
    return {"PATH": str(folder), "CLAUDETOOLS_PYTHON": str(broken)}


def test_while_nothing_changed_no_python_is_started(world: World, machine: Machine) -> None:
    machine.write("notes.md", "1\n")
    assert machine.sync().code == 0
    assert shutil.which("python3", path=without_python(machine)["PATH"]) is None
    for text in ("2\n", "2\n", "3\n"):
        machine.write("notes.md", text)
        result = sync_without_python(machine)
        assert result.code == 0, result.text
    assert world.remote_file("notes.md") == "3\n"
    assert author(world).startswith("Mike Swanson <mike@example.com>")
    assert not (machine.home / "python-ran").exists()
    machine.assert_sound()


def test_a_change_without_python_is_78_and_says_so(world: World, machine: Machine) -> None:
    assert machine.sync().code == 0
    put(machine, {**GOOD, "full_name": "Michael Swanson"})
    machine.write("notes.md", "x\n")
    result = sync_without_python(machine)
    assert result.code == 78, result.text
    assert "Python 3.10 or newer is not to be found, and .claude/identity.json has changed." in result.out
    assert (machine.home / "python-ran").exists()
    assert "notes.md" not in world.remote_files()
    machine.assert_sound()


def test_a_change_is_read_at_the_next_sync(world: World, machine: Machine) -> None:
    for number in range(3):
        put(machine, {**GOOD, "full_name": f"Mike the {number}"})
        machine.write("notes.md", f"{number}\n")
        assert machine.sync().code == 0
        assert author(world).startswith(f"Mike the {number} <")


def test_a_change_of_users_json_is_read_at_the_next_sync(machine: Machine) -> None:
    assert "[WARN]" not in machine.sync().out
    people(machine, {"users": {}})
    people(machine, {"users": {"howard": {}}})
    assert "users.mike' is missing" in machine.sync().out


def test_an_older_file_put_in_place_of_a_younger_one_is_read_too(world: World, machine: Machine) -> None:
    """A copy that is moved back keeps its old time: the time alone does not tell that the file changed."""
    backup = machine.write(".claude/identity.json.ignored", json.dumps({**GOOD, "full_name": "From The Backup"}))
    os.utime(backup, (1, 1))
    assert machine.sync().code == 0
    backup.rename(machine.top / FILE)
    machine.write("notes.md", "x\n")
    assert machine.sync().code == 0
    assert author(world).startswith("From The Backup <")


def test_a_damaged_cache_is_made_anew_or_refused_but_never_believed(world: World, machine: Machine) -> None:
    assert machine.sync().code == 0
    for damage in (b"", b"user=mike\n", b"\x00\xff", b"email=x@example.com\n"):
        (machine.state / "identity").write_bytes(damage)
        machine.write("notes.md", repr(damage))
        result = machine.sync()
        assert result.code == 0, result.text
        assert_no_traceback(result)
        assert author(world) == "Mike Swanson <mike@example.com> / Mike Swanson <mike@example.com>"
    machine.assert_sound()


# --- what git is told ------------------------------------------------------------------------


def test_neither_environment_nor_configuration_changes_who_commits(world: World, machine: Machine) -> None:
    machine.git("config", "user.email", "other@example.com")
    machine.git("config", "user.name", "Somebody Else")
    machine.git("config", "author.email", "author@example.com")
    machine.git("config", "committer.name", "Committer")
    env = {
        "GIT_AUTHOR_NAME": "Env",
        "GIT_AUTHOR_EMAIL": "env@example.com",
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z",
        "GIT_COMMITTER_NAME": "Env",
        "GIT_COMMITTER_EMAIL": "env@example.com",
        "EMAIL": "env@example.com",
    }
    machine.write("notes.md", "x\n")
    result = machine.sync(env=env)
    assert result.code == 0, result.text
    assert author(world) == "Mike Swanson <mike@example.com> / Mike Swanson <mike@example.com>"
    assert not world.remote_git("log", "-1", "--format=%ad", "main").count("2001")


def test_plain_git_beside_us_commits_as_the_same_person(machine: Machine) -> None:
    machine.git("config", "user.email", "other@example.com")
    (machine.home / ".gitconfig").write_text("[user]\n\tname = Global\n\temail = global@example.com\n")
    assert machine.sync().code == 0
    assert machine.git("config", "--local", "user.name") == "Mike Swanson"
    assert machine.git("config", "--local", "user.email") == "mike@example.com"
    machine.write("notes.md", "x\n")
    machine.git("add", "notes.md")
    machine.git("commit", "-qm", "By plain git")
    assert machine.git("log", "-1", "--format=%an <%ae>") == "Mike Swanson <mike@example.com>"
    before = (machine.top / ".git/config").stat().st_mtime_ns
    assert machine.sync().code == 0
    assert (machine.top / ".git/config").stat().st_mtime_ns == before, "written again though nothing changed"


def test_other_peoples_commits_keep_their_author_when_they_are_replayed(world: World, machine: Machine) -> None:
    other = world.machine("MAC-02", "howard")
    machine.write("a.md", "1\n")
    machine.git("add", "a.md")
    person = ("-c", "user.name=Guest", "-c", "user.email=guest@example.com")
    machine.git(*person, "commit", "-qm", "By a guest")
    other.write("b.md", "1\n")
    assert other.sync().code == 0
    assert machine.sync().code == 0
    assert (
        world.remote_git("log", "-1", "--format=%an <%ae>", "main", "--", "a.md").strip() == "Guest <guest@example.com>"
    )


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["[", "a.*", "x\\", "*"])
def test_a_machine_may_have_any_name(world: World, machine: Machine, name: str) -> None:
    put(machine, {**GOOD, "machine": name})
    machine.write("notes.md", "x\n")
    result = machine.sync()
    assert result.code == 0, result.text
    other = world.machine("MAC-02", "howard")
    other.write("from-howard.md", "x\n")
    assert other.sync().code == 0
    result = machine.sync()
    assert result.code == 0, result.text
    assert "Received: 1 file from Howard Lee (1 commit)" in result.out
    assert_no_traceback(result)


def test_what_counts_before_user_is_set_as_well(machine: Machine) -> None:
    (machine.home / "more").write_text("[author]\n\temail = agent@vendor.example\n[committer]\n\tname = Agent\n")
    machine.git("config", "--global", "include.path", str(machine.home / "more"))
    for _ in range(2):
        assert machine.sync().code == 0
        for who in ("AUTHOR", "COMMITTER"):
            assert machine.git("var", f"GIT_{who}_IDENT").startswith("Mike Swanson <mike@example.com>")


@pytest.mark.parametrize(("value", "code"), [("yes", 78), ("1", 78), ("0x2", 78), ("off", 0), ("00", 0)])
def test_booleans_are_read_as_git_reads_them(machine: Machine, value: str, code: int) -> None:
    machine.git("config", "commit.gpgSign", value)
    machine.git("config", "gpg.program", "false")
    machine.write("a.md", "x\n")
    assert machine.sync().code == code


def test_what_counts_before_user_is_set_once(machine: Machine) -> None:
    """Git's list has the value that is overruled as well."""
    (machine.home / ".gitconfig").write_text("[author]\n\temail = agent@vendor.example\n")
    assert machine.sync().code == 0
    config = machine.top / ".git" / "config"
    before = config.stat().st_mtime_ns
    trail = machine.home / "trail"
    trail.write_text(f"touch '{machine.home}/locked'\n")
    assert machine.sync(env={"CLAUDETOOLS_TEST_AT": f"locked:{trail}"}).code == 0
    assert config.stat().st_mtime_ns == before and not (machine.home / "locked").exists(), "a look was enough"


def test_several_values_of_a_setting_become_the_one(world: World, machine: Machine) -> None:
    for key in ("user.email", "author.email"):
        machine.git("config", key, "mike@example.com")
        machine.git("config", "--add", key, "second@example.com")
    machine.write("a.md", "x\n")
    assert machine.sync().code == 0
    assert machine.git("var", "GIT_AUTHOR_IDENT").startswith("Mike Swanson <mike@example.com>")
    assert "a.md" in world.remote_files()


@pytest.mark.parametrize("where", ["include", "worktree"])
def test_a_setting_that_counts_before_ours_is_told_with_its_file(world: World, machine: Machine, where: str) -> None:
    assert machine.sync().code == 0
    if where == "include":
        file = machine.home / "mo re"
        file.write_text("[user]\n\temail = agent@vendor.example\n")
        machine.git("config", "include.path", str(file))
    else:
        machine.git("config", "extensions.worktreeConfig", "true")
        machine.git("config", "--worktree", "user.email", "agent@vendor.example")
    machine.write("a.md", "x\n")
    for _ in range(2):
        result = machine.sync()
        assert result.code == 78 and "git's user.email is not mike@example.com: " in result.out, result.text
    assert "a.md" in world.remote_files()
    way = result.out.split("Set it there: ")[1].split("\n")[0]
    assert machine.run("bash", "-c", way).code == 0
    assert machine.sync().code == 0
    assert machine.git("var", "GIT_AUTHOR_IDENT").startswith("Mike Swanson <mike@example.com>")


def test_names_that_the_shell_has_exported_are_told(machine: Machine) -> None:
    assert machine.sync().code == 0
    env = {"GIT_AUTHOR_EMAIL": "agent@vendor.example", "GIT_COMMITTER_NAME": "Mike Swanson", "EMAIL": "e@example.com"}
    result = machine.sync(env=env)
    assert result.code == 0 and result.out.count("[WARN]") == 1, result.text
    assert "[WARN] GIT_AUTHOR_EMAIL is agent@vendor.example in this shell" in result.out
    assert machine.git("var", "GIT_AUTHOR_IDENT", env={"EMAIL": "e@example.com"}).startswith("Mike Swanson <mike@e")


def test_a_time_zone_that_does_not_exist_is_told(machine: Machine) -> None:
    put(machine, {**GOOD, "timezone": "Europe/Berln"})
    result = machine.sync()
    assert result.code == 0 and "key 'timezone' is 'Europe/Berln'; expected a name" in result.out, result.text
