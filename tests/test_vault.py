"""`vault put`: a value leaves a file for the vault, encrypted, and is seen nowhere on the way."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import Agent
from claudetools.sessions.ledger import read_edits
from claudetools.text.value import find_cell, find_told, find_value
from commands import run_tools
from forced import KILL_HELPER, at, ended, was_reached
from vaults import AGE_TEXT, with_vault
from world import TOOLKIT, Machine, Result, World, needs, run_plain, write_identity

LOG = "session-logs/2026-06-05-mike-vpn.md"
SECRET = "hunter2-Ünïcode!"
PEM = "-----BEGIN KEY-----\nabc\ndef\n-----END KEY-----"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("password: hunter2", "hunter2"),
        ("- **Password:** hunter2", "hunter2"),
        ("- **Password**: hunter2  ", "hunter2"),
        ("PASSWORD=hunter2\r", "hunter2"),
        ("key: 'two words'", "two words"),
        ("the key is `a b=c`, of Monday", "a b=c"),
        ("| graph | abc~1:2 |", "abc~1:2"),
        ("uri: https://u:p@host/x", "https://u:p@host/x"),
        ("password: hunter2 (old one: hunter1)", None),
        ("user=bob password=x", None),
        ("use `a` or `b`", None),
        ("|---|---|", None),
        ("| only |", None),
        ("password: vault:acme/vpn", None),
        ("no value here", None),
        ("", None),
    ],
)
def test_which_part_of_a_line_is_the_value(line: str, value: str | None) -> None:
    span = find_value(line)
    assert (line[slice(*span)] if span else None) == value


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("| site | password | note |\n|---|---|---|\n| acme | hunter2 | ok |", "hunter2"),
        ("| a | **API key** |\n|:-:|---|\n| acme | `h 2` |", "h 2"),
        ("| key | value |\n|---|---|\n| x | hunter2 |", None),
        ("| name | value |\n|---|---|\n| x | hunter2 |", "hunter2"),
        ("| graph | hunter2 |", "hunter2"),
        ("| a | b | hunter2 |", None),
        ("| user | password | old password |\n|---|---|---|\n| mike | x | y |", None),
        ("| site | password |\n|---|---|\n| acme | vault:acme/vpn |", None),
        ("| site | password |\n|---|---|", None),
    ],
)
def test_which_cell_of_a_row_is_the_value(table: str, value: str | None) -> None:
    lines = table.split("\n")
    span = find_cell(lines, len(lines) - 1)
    assert (lines[-1][slice(*span)] if span else None) == value


@given(st.text())
def test_any_line_gives_a_part_of_itself_or_nothing(line: str) -> None:
    span = find_value(line)
    assert span is None or line[slice(*span)].strip()


@given(st.text(min_size=1), st.text(), st.text())
def test_a_told_value_is_found_only_where_it_is_once(value: str, before: str, after: str) -> None:
    line = before + value + after
    span = find_told(line, value)
    assert span is None or (line[slice(*span)] == value and line.count(value) == 1)


@pytest.fixture
def shelf(machine: Machine) -> Path:
    """A machine with an empty vault."""
    folder = machine.home / "vault"
    folder.mkdir()
    machine.write(".claude/identity.json", json.dumps({"vault_path": str(folder)}))
    machine.write(LOG, f"# Log\n\n- **Password:** {SECRET}\n{PEM}\nend\n")
    return folder


@pytest.fixture
def gpg(machine: Machine, shelf: Path) -> Iterator[Path]:
    """A password store with a real key."""
    if needs("gpg"):
        pytest.skip(needs("gpg"))
    with TemporaryDirectory(prefix="g-") as home:  # not below tmp_path: the path of a socket is short
        machine.extra_env["GNUPGHOME"] = home
        made = machine.run(
            "gpg", "--batch", "--passphrase", "", "--quick-gen-key", "t@example.com", "default", "default", "never"
        )
        assert made.code == 0, made.text
        (shelf / ".gpg-id").write_text("# of the team\nt@example.com # this one\n")
        yield shelf
        machine.run("gpgconf", "--kill", "all")


def put(machine: Machine, *args: str, stdin: str = "", **env: str) -> Result:
    result = run_tools(machine, "vault", "put", *args, env=env, stdin=stdin)
    assert SECRET not in result.out + result.err and "BEGIN KEY" not in result.out + result.err
    return result


def opened(machine: Machine, path: Path) -> str:
    return machine.run("gpg", "--batch", "--quiet", "--decrypt", path).out


def test_a_value_goes_into_a_password_store_and_its_path_stays(machine: Machine, gpg: Path) -> None:
    before = machine.read(LOG)
    shown = put(machine, f"{LOG}:3", "acme/vpn", "--dry-run")
    assert shown.code == 0 and "The line would read: - **Password:** vault:acme/vpn" in shown.out, shown.text
    assert machine.read(LOG) == before and not (gpg / "acme").exists()
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 0 and result.err == "", result.text
    assert f"[OK] {len(SECRET)} characters lie in the vault as acme/vpn.gpg now, by gpg." in result.out
    assert machine.read(LOG) == before.replace(SECRET, "vault:acme/vpn")
    assert opened(machine, gpg / "acme/vpn.gpg") == f"{SECRET}\n"
    again = put(machine, f"{LOG}:3", "acme/vpn")
    assert again.code == 65 and "cannot be told" in again.err, again.text


def test_several_lines_become_one(machine: Machine, gpg: Path) -> None:
    assert put(machine, f"{LOG}:4-7", "acme/key").code == 0
    assert machine.read(LOG).endswith(f"{SECRET}\nvault:acme/key\nend\n")
    assert opened(machine, gpg / "acme/key.gpg") == f"{PEM}\n"


def test_a_value_that_is_told_on_stdin(machine: Machine, gpg: Path) -> None:
    machine.write(LOG, f"login mike with {SECRET} on Monday\n")
    assert put(machine, f"{LOG}:1", "acme/vpn").code == 65
    assert put(machine, f"{LOG}:1", "acme/vpn", "--stdin", stdin="other").code == 65
    assert put(machine, f"{LOG}:1", "acme/vpn", "--stdin", stdin=f"{SECRET}\n").code == 0
    assert machine.read(LOG) == "login mike with vault:acme/vpn on Monday\n"


def test_it_is_the_sessions_work_and_a_committed_value_is_said(machine: Machine, gpg: Path) -> None:
    machine.git("add", "--", LOG)
    machine.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "log")
    agent = Agent(machine, "mine")
    result = put(machine, f"{LOG}:3", "acme/vpn", CLAUDETOOLS_SESSION_ID="mine")
    assert result.code == 0 and "[WARN] The value is in a commit already" in result.err, result.text
    assert [edit.path for edit in read_edits(agent.place, "mine")] == [LOG]


def test_every_place_that_keeps_the_value_is_told(machine: Machine, gpg: Path) -> None:
    """What the machine has of it besides those is nothing: each object of git is looked through."""
    write_identity(machine, vault_path=str(gpg))
    machine.git("config", "claudetools.credentials", "block")
    machine.write("copy.txt", f"x\nsee {SECRET} there\n")
    machine.git("add", "--", LOG)
    assert machine.sync().code == 78  # the log is held back, after git has seen it; the store is no repository
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 0, result.text
    assert "The value is in these lines as well:\n       copy.txt:2\n" in result.err.replace(
        "         copy", "       copy"
    )
    assert re.search(r"the value is still in git's index and \d objects? of git", result.err), result.text
    names = machine.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").split("\n")
    holding = [one for one in names if " blob" in one and SECRET in machine.git("cat-file", "-p", one.split()[0])]
    assert f" {len(holding)} object" in result.err, result.text


def test_the_line_that_the_check_names_can_be_put(machine: Machine, gpg: Path) -> None:
    machine.write(LOG, f"- VPN on fw01: user admin, password: {SECRET}\n- login bob:{SECRET}1, token {SECRET}2: x\n")
    assert put(machine, f"{LOG}:1", "acme/vpn").code == 0
    assert machine.read(LOG).startswith("- VPN on fw01: user admin, password: vault:acme/vpn\n")
    machine.write(LOG, "curl -u bob:Xk9!pq2Rt http://a:Yk8!pq2Rt@b/\n")
    assert "cannot be told" in put(machine, f"{LOG}:1", "acme/two").err


def test_nothing_changes_where_it_cannot_be_done(machine: Machine, shelf: Path) -> None:
    before = machine.read(LOG)
    cases = {
        (f"{LOG}:3", "acme/vpn"): (65, "Nothing in the vault says for whom to encrypt"),
        (f"{LOG}:99", "acme/vpn"): (64, "has nothing in line 99"),
        (f"{LOG}:2", "acme/vpn"): (64, "has nothing in line 2"),
        (f"{LOG}:5-4", "acme/vpn"): (64, "has nothing in line 5"),
        (LOG, "acme/vpn"): (64, "names no line"),
        ("../out.md:1", "acme/vpn"): (64, "is no file of this tree"),
        ("none.md:1", "acme/vpn"): (73, "none.md: No such file"),
        **{(f"{LOG}:3", name): (64, "is no name for a secret") for name in ("../x", "/x", "a//b", ".x", "a b", "")},
    }
    for arguments, (code, words) in cases.items():
        result = put(machine, *arguments)
        assert result.code == code and words in result.err, (arguments, result.text)
    machine.write("log.md", "---\nuser: mike\n---\n")
    assert "cannot be told" in put(machine, "log.md:2", "acme/vpn").err
    (shelf / ".gpg-id").write_text("\n")
    assert "names no key" in put(machine, f"{LOG}:3", "acme/vpn").err
    (shelf / ".gpg-id").write_text("nobody@example.com\n")
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 65 and "Nothing was changed." in result.err, result.text
    assert machine.read(LOG) == before and sorted(p.name for p in shelf.iterdir()) == [".gpg-id"]
    machine.write(".claude/identity.json", "{}")
    assert put(machine, f"{LOG}:3", "acme/vpn").code == 78


def test_a_name_that_is_taken_and_a_folder_that_leads_out(machine: Machine, gpg: Path) -> None:
    before = machine.read(LOG)
    (gpg / "acme").mkdir()
    (gpg / "acme" / "vpn.gpg").write_text("old")
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 65 and "has acme/vpn.gpg already" in result.err, result.text
    (gpg / "out").symlink_to(machine.home)
    result = put(machine, f"{LOG}:3", "out/vpn")
    assert result.code == 64 and "leads out of the vault" in result.err, result.text
    assert machine.read(LOG) == before and (gpg / "acme" / "vpn.gpg").read_text() == "old"
    assert not list(machine.home.glob("vpn*"))


def test_a_file_that_changes_meanwhile_keeps_its_text(machine: Machine, shelf: Path) -> None:
    stub(machine, "gpg", f"echo more >>'{machine.top / LOG}'; cat >/dev/null; echo sealed")
    (shelf / ".gpg-id").write_text("t@example.com\n")
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 65 and "has changed meanwhile" in result.err, result.text
    assert machine.read(LOG).endswith("end\nmore\n") and SECRET in machine.read(LOG)
    assert not (shelf / "acme" / "vpn.gpg").exists()


def kill_between(machine: Machine) -> None:
    """`vault put`, killed when the secret is stored and the line not yet replaced."""
    env = at(machine, "vault-stored", KILL_HELPER)
    before = machine.read(LOG)
    assert put(machine, f"{LOG}:3", "acme/vpn", **env).code != 0
    assert was_reached(env) and machine.read(LOG) == before


def drafts(machine: Machine) -> list[Path]:
    return [path for kind in ("vault-*", "log-*") for path in (machine.state / "trees" / "main").glob(kind)]


def test_a_run_that_was_killed_half_way_is_finished_by_the_same_one(machine: Machine, gpg: Path) -> None:
    before = machine.read(LOG)
    kill_between(machine)
    assert (gpg / "acme" / "vpn.gpg").exists()
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 0 and result.err == "", result.text
    assert machine.read(LOG) == before.replace(SECRET, "vault:acme/vpn")
    assert opened(machine, gpg / "acme/vpn.gpg") == f"{SECRET}\n"
    assert drafts(machine) == []


def test_another_value_never_takes_the_place_of_one_that_a_killed_run_has_stored(machine: Machine, gpg: Path) -> None:
    kill_between(machine)
    machine.write(LOG, machine.read(LOG).replace(SECRET, "another"))
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 65 and "The vault has acme/vpn.gpg already." in result.err, result.text
    assert "another" in machine.read(LOG) and opened(machine, gpg / "acme/vpn.gpg") == f"{SECRET}\n"
    (way,) = re.findall(r"half way, and nothing names it yet: (rm .*), then again", result.err)
    assert machine.run("bash", "-c", way).code == 0
    assert put(machine, f"{LOG}:3", "acme/vpn").code == 0
    assert opened(machine, gpg / "acme/vpn.gpg") == "another\n"


def test_of_two_who_move_the_same_value_one_does_it(machine: Machine, gpg: Path) -> None:
    program = ("bash", TOOLKIT / "scripts" / "claudetools.sh", "vault", "put", f"{LOG}:3", "acme/vpn")
    assert sorted(ended(one) for one in [machine.start(*program) for _ in range(2)]) == [0, 65]
    assert machine.read(LOG).splitlines()[2] == "- **Password:** vault:acme/vpn"
    assert opened(machine, gpg / "acme/vpn.gpg") == f"{SECRET}\n"
    assert drafts(machine) == []


def test_a_text_that_cannot_be_replaced_keeps_its_value_and_no_draft_is_left(machine: Machine, gpg: Path) -> None:
    before = machine.read(LOG)
    env = at(machine, "vault-stored", f"rm '{machine.top / LOG}'; mkdir '{machine.top / LOG}'")
    assert put(machine, f"{LOG}:3", "acme/vpn", **env).code != 0
    (machine.top / LOG).rmdir()
    machine.write(LOG, before)
    assert put(machine, f"{LOG}:3", "acme/other").code == 0
    assert [path for path in drafts(machine) if path.name.startswith("log-")] == []


def test_drafts_of_killed_runs_go_after_a_day(machine: Machine, gpg: Path) -> None:
    kill_between(machine)
    (old,) = drafts(machine)
    os.utime(old, (1, 1))
    machine.write(LOG, machine.read(LOG) + "more\n")
    assert put(machine, f"{LOG}:3", "acme/second").code == 0
    assert drafts(machine) == []


@pytest.mark.skipif(bool(needs("age")), reason=needs("age"))
def test_age(machine: Machine, shelf: Path) -> None:
    key = machine.home / "key.txt"
    made = machine.run("age-keygen", "-o", key)
    recipient = made.err.split()[-1]
    (shelf / "acme").mkdir()
    (shelf / "acme" / ".age-recipients").write_text(recipient + "\n")
    assert put(machine, f"{LOG}:3", "acme/vpn").code == 0
    assert machine.run("age", "--decrypt", "-i", key, shelf / "acme/vpn.age").out == f"{SECRET}\n"


def test_sops_is_told_the_name_and_gets_the_value_by_a_pipe(machine: Machine, shelf: Path) -> None:
    stub(machine, "sops", f"echo \"$*\" >'{machine.home}/told'; cat >'{machine.home}/got'; echo sealed")
    (shelf / ".sops.yaml").write_text("creation_rules: []\n")
    assert put(machine, f"{LOG}:3", "acme/vpn").code == 0
    assert "--filename-override acme/vpn.yaml" in (machine.home / "told").read_text()
    assert SECRET not in (machine.home / "told").read_text()
    assert (machine.home / "got").read_text() == f"value: {json.dumps(SECRET)}\n"
    assert (shelf / "acme/vpn.yaml").read_text() == "sealed\n"


def stub(machine: Machine, name: str, script: str) -> None:
    path = machine.home / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    machine.extra_env["PATH"] = f"{path.parent}{os.pathsep}{machine.env()['PATH']}"


@pytest.fixture
def shared(world: World) -> tuple[Machine, Path]:
    """A machine with a vault that others have as well, for a real key of age."""
    if needs("age"):
        pytest.skip(needs("age"))
    machine, folder = with_vault(world, "LINUX-01", "mike")
    made = machine.run("age-keygen", "-o", machine.home / "key.txt")
    (folder / ".age-recipients").write_text(made.err.split()[-1] + "\n")
    assert machine.sync().code == 0
    machine.write(LOG, f"# Log\n\n- **Password:** {SECRET}\n")
    return machine, folder


def in_remote(world: World, name: str) -> bool:
    bare = str(world.root / "vault.git")
    return name in run_plain(world.root, "git", "-C", bare, "ls-tree", "-r", "--name-only", "main").split()


def test_the_line_changes_once_the_vaults_remote_has_the_secret(world: World, shared: tuple[Machine, Path]) -> None:
    machine, folder = shared
    (folder / "other.age").write_text(AGE_TEXT)
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 0 and in_remote(world, "acme/vpn.age") and not in_remote(world, "other.age"), result.text
    assert machine.read(LOG).splitlines()[2] == "- **Password:** vault:acme/vpn"
    assert LOG not in world.remote_files()


def test_nothing_is_done_while_the_vaults_remote_is_away(world: World, shared: tuple[Machine, Path]) -> None:
    machine, folder = shared
    before = machine.read(LOG)
    bare = (world.root / "vault.git").rename(world.root / "away.git")
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 69 and "The vault's remote cannot be asked: " in result.err, result.text
    assert machine.read(LOG) == before and not (folder / "acme" / "vpn.age").exists() and drafts(machine) == []
    bare.rename(world.root / "vault.git")
    assert put(machine, f"{LOG}:3", "acme/vpn").code == 0


def test_a_secret_that_the_remote_refuses_leaves_the_line_as_it_is(world: World, shared: tuple[Machine, Path]) -> None:
    machine, folder = shared
    before = machine.read(LOG)
    hook = world.root / "vault.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no secrets today\nexit 1\n")
    hook.chmod(0o755)
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 77 and "The vault's remote does not have acme/vpn.age yet: " in result.err, result.text
    assert machine.read(LOG) == before and (folder / "acme" / "vpn.age").exists()
    hook.unlink()
    for words in ("Send it: ", "Then it goes on by: "):
        way = result.err.split(words)[1].split("\n")[0]
        assert machine.run("bash", "-c", way).code == 0, way
    assert machine.read(LOG) == before.replace(SECRET, "vault:acme/vpn") and in_remote(world, "acme/vpn.age")
    assert drafts(machine) == []


@pytest.mark.parametrize("where", ["vault-stored", "vault-sent"])
def test_a_run_that_was_killed_on_the_way_to_the_remote_goes_on(
    world: World, shared: tuple[Machine, Path], where: str
) -> None:
    machine, _ = shared
    before = machine.read(LOG)
    env = at(machine, where, KILL_HELPER)
    assert put(machine, f"{LOG}:3", "acme/vpn", **env).code != 0
    assert was_reached(env) and machine.read(LOG) == before
    assert in_remote(world, "acme/vpn.age") == (where == "vault-sent")
    result = put(machine, f"{LOG}:3", "acme/vpn")
    assert result.code == 0 and in_remote(world, "acme/vpn.age"), result.text
    assert machine.read(LOG) == before.replace(SECRET, "vault:acme/vpn")


def test_a_text_that_changes_while_the_secret_is_sent_is_kept(world: World, shared: tuple[Machine, Path]) -> None:
    machine, _ = shared
    env = at(machine, "vault-sent", f"echo more >>'{machine.top / LOG}'")
    result = put(machine, f"{LOG}:3", "acme/vpn", **env)
    assert result.code == 65 and "Write vault:acme/vpn in its place" in result.err, result.text
    assert machine.read(LOG).endswith("more\n") and SECRET in machine.read(LOG)


def test_of_two_machines_that_put_one_name_the_second_is_told(world: World, shared: tuple[Machine, Path]) -> None:
    machine, _ = shared
    other, there = with_vault(world, "LINUX-02", "howard")
    assert other.sync().code == 0
    other.write(LOG, f"password: {SECRET}\n")
    assert put(machine, f"{LOG}:3", "acme/vpn").code == 0
    result = put(other, f"{LOG}:1", "acme/vpn")
    assert result.code == 65 and "already, from another machine" in result.err, result.text
    assert SECRET in other.read(LOG) and not (there / "acme" / "vpn.age").exists()
