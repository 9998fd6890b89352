"""`git config claudetools.credentials`: what becomes of values in plain text where a log tells of credentials."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.logs.credentials import find_plain, holds_value
from test_log_rules import WHOLE
from world import TOOLKIT, Machine, Result, World

LOG = "session-logs/2026-06-05-mike-vpn.md"
SECTION = "## Credentials & Secrets\n"
TOOLS = TOOLKIT / "scripts/claudetools.sh"


def log(*lines: str, machine: Machine | None = None) -> str:
    """A whole log with these credentials."""
    text = WHOLE.replace(f"{SECTION}x\n", SECTION + "".join(f"{line}\n" for line in lines))
    return text.replace("LINUX-01", machine.name) if machine else text


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- Password: hunter2", True),
        ("PASSWORD=hunter2", True),
        ("admin `admin`, password `hunter2`", True),
        ("user=bob password=hunter2", True),
        ("| fw1 | hunter2 |", True),
        ("- **API key:** sk-123 (until Monday)", True),
        ("uri: https://bob:pw@host/", True),
        ("- Password: vault:acme/vpn", False),
        ("- User: admin", False),
        ("- **Username:** `admin`", False),
        ("- Portal: https://portal.acme.example/login", False),
        ("- Client ID: 12-34", False),
        ("None.", False),
        ("- Passwords: none", False),
        ("Nothing new in this session.", False),
        ("|---|---|", False),
        ("", False),
    ],
)
def test_a_name_with_a_value_is_plain_and_names_and_paths_of_the_vault_are_not(line: str, found: bool) -> None:
    assert holds_value(line) == found
    assert bool(find_plain(log(line))) == found


def test_only_where_credentials_are_told_of() -> None:
    text = log("| Name | Value |", "|---|---|", "| fw1 | hunter2 |", "### Old ones", "```", "KEY=abc", "```")
    lines = text.split("\n")
    assert [lines[n - 1] for n in find_plain(text)] == ["| fw1 | hunter2 |", "KEY=abc"]
    assert find_plain("## Commands & Outputs\nPORT=80\n") == []
    update = "## Update: 10:00 PT — more\n### Credentials\nkey: abc\n### Next\nport: 80\n"
    assert find_plain(update) == [3]
    assert find_plain("## Commands & Outputs\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n") == [2]


@given(st.text())
def test_any_text_is_searched(text: str) -> None:
    assert all(1 < n <= text.count("\n") + 2 for n in find_plain(SECTION + text))


def check(machine: Machine, *args: str) -> Result:
    return machine.run("bash", TOOLS, "log", "check", *args, LOG, env={"CLAUDETOOLS_HOSTNAME": machine.name})


def test_a_value_is_told_once_and_goes(machine: Machine, world: World) -> None:
    assert machine.sync().code == 0
    machine.git("config", "claudetools.credentials", "vault")
    machine.write(LOG, log("- Password: hunter2", machine=machine))
    line = machine.read(LOG).split("\n").index("- Password: hunter2") + 1
    checked = check(machine)
    assert checked.code == 0 and f"[INFO] {LOG}:{line}: a credential in plain text; into the vault:" in checked.out
    result = machine.sync()
    assert result.code == 0 and LOG in world.remote_files(), result.text
    assert result.out.count("holds a credential in plain text, in line") == 1, result.text
    assert f"vault put {LOG}:{line} NAME" in result.out and "hunter2" not in result.text
    machine.write(LOG, machine.read(LOG) + "\n## Update: 10:00 PT — more\ntext\n")
    assert "plain text" not in machine.sync().text


def test_a_log_with_a_value_is_held_back_until_that_lies_in_the_vault(machine: Machine, world: World) -> None:
    assert machine.sync().code == 0
    machine.git("config", "claudetools.credentials", "block")
    machine.write(LOG, log("- Password: hunter2", "- PIN: 1234", machine=machine))
    machine.write("other.md", "x\n")
    result = machine.sync()
    assert result.code == 65 and "other.md" in world.remote_files() and LOG not in world.remote_files(), result.text
    assert f"{LOG} (holds credentials in plain text, in lines" in result.out, result.text
    assert check(machine).code == 65
    told = json.loads(check(machine, "--json").out)
    assert len([f for f in told["faults"] if "plain text" in f["text"] and not f["mild"]]) == 2
    machine.write(LOG, machine.read(LOG).replace("hunter2", "vault:acme/vpn").replace("1234", "vault:acme/pin"))
    assert machine.sync().code == 0 and LOG in world.remote_files()
    # What is in it already is left alone, what comes is not.
    machine.git("config", "claudetools.credentials", "inline")
    machine.write(LOG, machine.read(LOG) + "\n## Update: 10:00 PT — more\n### Credentials\nkey: abc\n")
    assert machine.sync().code == 0
    machine.git("config", "claudetools.credentials", "block")
    machine.write(LOG, machine.read(LOG) + "text\n")
    assert machine.sync().code == 0
    machine.write(LOG, machine.read(LOG) + "key: def\n")
    assert machine.sync().code == 65
    assert machine.sync("--allow", LOG).code == 0


def test_plain_git_hears_of_it_too(machine: Machine) -> None:
    assert machine.sync().code == 0
    machine.write(LOG, log("- Password: hunter2", machine=machine))
    machine.git("add", LOG)
    rules = TOOLKIT / "hooks/checks/run.sh"
    assert machine.run("bash", rules).code == 0
    machine.git("config", "claudetools.credentials", "vault")
    result = machine.run("bash", rules)
    assert result.code == 0 and "[WARN]" in result.err and "holds a credential in plain text" in result.err
    machine.git("config", "claudetools.credentials", "block")
    result = machine.run("bash", rules)
    assert result.code == 1 and f"[ERROR] {LOG} holds a credential in plain text, in line" in result.err, result.text


def test_a_word_that_is_no_policy_is_said(machine: Machine) -> None:
    machine.git("config", "claudetools.credentials", "never")
    result = machine.sync()
    assert result.code == 78 and "expected inline, vault or block" in result.out, result.text
