"""Our entries among the user's in `.claude/settings.json`: every byte of his stays, ours come out without a trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.install import agent_settings, json_text
from claudetools.install.merged import MergedSettings, as_record, merged_from
from claudetools.install.place import NotInstallable
from installing import PIN, RECORD, TOOLKIT, copy_toolkit, run_install
from world import Machine

NAME = ".claude/settings.json"
OURS = agent_settings.ours(TOOLKIT)
HOOKS, RULES = (sum(path[0] == top for path, _ in OURS) for top in ("hooks", "permissions"))
USERS_OWN = """{
    "model": "opus",
    "permissions": {
        "allow": ["Bash(ls:*)",   "WebFetch"],
        "deny": []
    },
    "hooks": {
        "SessionStart": [
            { "hooks": [ {"type": "command", "command": "echo \\u00e9 hello"} ] }
        ]
    }
}"""


def commands(data: Any, event: str) -> list[str]:
    return [h["command"] for group in data["hooks"][event] for h in group["hooks"]]


def test_every_entry_of_the_users_stays_and_ours_are_added(machine: Machine) -> None:
    path = machine.write(NAME, USERS_OWN)
    result = run_install(machine, "--dry-run", machine.top)
    assert result.code == 0, result.text
    assert path.read_text() == USERS_OWN
    row = next(line for line in result.out.splitlines() if NAME in line and "What" not in line)
    assert row.split(NAME)[1].strip() == "+ 6 hooks, + 11 permissions; your 3 entries stay as before"
    diff = result.out.split(f"What changes in {NAME}:\n")[1].split("Nothing was changed")[0]
    assert '+        "SessionEnd": [' in diff and "; set -- hook session-start;" in diff
    taken = [line[3:].strip() for line in diff.splitlines() if line.startswith("  -")]
    assert taken == ['"allow": ["Bash(ls:*)",   "WebFetch"],', USERS_OWN.split("\n")[8].strip()], diff
    result = run_install(machine, machine.top)
    assert result.code == 0, result.text
    text = path.read_text()
    data = json.loads(text)
    assert data["model"] == "opus" and data["permissions"]["deny"] == []
    assert data["permissions"]["allow"][:2] == ["Bash(ls:*)", "WebFetch"]
    assert "Bash(bash .claude/scripts/sync.sh:*)" in data["permissions"]["allow"]
    assert commands(data, "SessionStart")[0] == "echo \u00e9 hello" and len(commands(data, "SessionStart")) == 2
    assert '"Bash(ls:*)",   "WebFetch", ' in text, "added in the way that the list is written"
    assert '            { "hooks": [ {"type": "command", "command": "echo \\u00e9 hello"} ] },\n            {\n' in text
    assert run_install(machine, machine.top).out.startswith("[OK] Nothing to do")
    assert run_install(machine, "--uninstall", machine.top).code == 0
    assert path.read_text() == USERS_OWN


def test_a_repository_without_settings_gets_some_and_loses_them_again(machine: Machine) -> None:
    assert run_install(machine, machine.top).code == 0
    assert json.loads(machine.read(NAME)) == json.loads((TOOLKIT / agent_settings.SOURCE).read_text())
    assert run_install(machine, "--uninstall", machine.top).code == 0
    assert not (machine.top / NAME).exists()


def test_what_others_added_later_stays_when_ours_goes(machine: Machine) -> None:
    run_install(machine, machine.top)
    data = json.loads(machine.read(NAME))
    data["permissions"]["allow"].insert(0, "Bash(make:*)")
    data["hooks"]["Stop"] = [{"hooks": [{"type": "command", "command": "say done"}]}]
    data["hooks"]["PreToolUse"][0]["matcher"] = "Bash"
    machine.write(NAME, json.dumps(data, indent=4))
    result = run_install(machine, "--uninstall", machine.top)
    assert result.code == 0, result.text
    assert f"{NAME}: 1 entry that you changed" in result.out
    left = json.loads(machine.read(NAME))
    assert left["permissions"] == {"allow": ["Bash(make:*)"]}
    assert sorted(left["hooks"]) == ["PreToolUse", "Stop"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "model": "opus",\n}\n', "line 3"),
        ('{"a": 1}\n<<<<<<< HEAD\n', "line 2"),
        ("", "line 1"),
        ("[]", "expected an object"),
        ('{"hooks": []}', "key 'hooks' is no object"),
        ('{"hooks": {"SessionStart": {}}}', "key 'hooks.SessionStart' is no list"),
        ('{"permissions": null}', "key 'permissions' is no object"),
        ("[" * 100_000, "not valid JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    ],
    ids=lambda v: None if isinstance(v, bytes) else str(v)[:20],
)
def test_settings_that_cannot_be_read_are_named_and_nothing_is_written(
    machine: Machine, text: str | bytes, words: str
) -> None:
    path = machine.write(NAME, text)
    before = path.read_bytes()
    result = run_install(machine, machine.top)
    assert (result.code, NAME in result.err, words in result.err) == (78, True, True), result.text
    assert "Nothing was changed" in result.err and "Traceback" not in result.err
    assert path.read_bytes() == before
    assert not (machine.top / PIN).exists()


def test_settings_that_broke_later_stop_the_uninstall_before_anything_is_touched(machine: Machine) -> None:
    run_install(machine, machine.top)
    machine.write(NAME, "{\n")
    result = run_install(machine, "--uninstall", machine.top)
    assert (result.code, f"{NAME} line 2" in result.err) == (78, True), result.text
    assert (machine.top / RECORD).exists()


def test_a_link_is_left_alone_and_said(machine: Machine) -> None:
    shared = machine.home / "shared.json"
    shared.write_text("{}\n")
    (machine.top / NAME).symlink_to(shared)
    result = run_install(machine, machine.top)
    assert (result.code, "is a link" in result.err) == (0, True), result.text
    assert shared.read_text() == "{}\n"


def test_an_entry_that_the_user_has_already_is_his_also_afterwards(machine: Machine) -> None:
    """The same permission, and the same hook with a time limit of his own."""
    own = json.loads((TOOLKIT / agent_settings.SOURCE).read_text())
    own = {"permissions": own["permissions"], "hooks": {"SessionEnd": own["hooks"]["SessionEnd"]}}
    own["hooks"]["SessionEnd"][0]["hooks"][0]["timeout"] = 30
    text = json.dumps(own)
    machine.write(NAME, text)
    run_install(machine, machine.top)
    assert len(json.loads(machine.read(NAME))["hooks"]["SessionEnd"]) == 1
    assert run_install(machine, "--uninstall", machine.top).code == 0
    assert machine.read(NAME) == text


def test_an_upgrade_takes_its_old_entries_out(machine: Machine, tmp_path: Path) -> None:
    machine.write(NAME, USERS_OWN)
    older = copy_toolkit(TOOLKIT, tmp_path / "older")
    old = {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "x/.claude/claudetools/hooks/agent/stop"}]}]}}
    (older / agent_settings.SOURCE).write_text(json.dumps(old))
    run_install(machine, machine.top, toolkit=older)
    assert "Stop" in json.loads(machine.read(NAME))["hooks"]
    result = run_install(machine, machine.top)
    assert "+ 6 hooks" in result.out and "- 1 hook" in result.out, result.text
    assert "Stop" not in json.loads(machine.read(NAME))["hooks"]
    assert run_install(machine, "--uninstall", machine.top).code == 0
    assert machine.read(NAME) == USERS_OWN


def test_an_upgrade_replaces_lines_that_may_refuse_a_tool_also_in_what_the_user_changed(
    machine: Machine, tmp_path: Path
) -> None:
    machine.write(NAME, USERS_OWN)
    older = copy_toolkit(TOOLKIT, tmp_path / "older")
    now, old = (json.loads((TOOLKIT / agent_settings.SOURCE).read_text()) for _ in range(2))
    for number, event in enumerate(old["hooks"]):
        found = agent_settings.EVENT.search(commands(now, event)[0])
        assert found
        old["hooks"][event][0]["hooks"][0]["command"] = agent_settings.EARLIER[number % 3].format(found[1])
    (older / agent_settings.SOURCE).write_text(json.dumps(old))
    run_install(machine, machine.top, toolkit=older)
    before = machine.read(NAME)
    for undo in (True, False):
        if not undo:  # a time limit of his own: SessionEnd and UserPromptSubmit
            run_install(machine, machine.top, toolkit=older)
            machine.write(NAME, before.replace('"timeout": 5', '"timeout": 30'))
        result = run_install(machine, machine.top)
        assert result.code == 0, result.text
        data = json.loads(machine.read(NAME))
        for event in now["hooks"]:
            assert commands(data, event)[-1:] == commands(now, event)
            assert len(commands(data, event)) == (2 if event == "SessionStart" else 1), "no line of before is left"
        assert run_install(machine, machine.top).out.startswith("[OK] Nothing to do")
        result = run_install(machine, "--uninstall", machine.top)
        assert (machine.read(NAME) == USERS_OWN) is undo
    assert data["hooks"]["SessionEnd"][0]["hooks"][0]["timeout"] == 30
    assert f"{NAME}: 2 entries that you changed" in result.out, result.text


def test_a_manifest_that_calls_an_entry_of_the_users_ours_is_not_believed(machine: Machine) -> None:
    machine.write(NAME, USERS_OWN)
    run_install(machine, machine.top)
    path = machine.top / RECORD
    manifest = json.loads(path.read_text())
    manifest["settings"]["entries"].append([["permissions", "allow"], "WebFetch"])
    path.write_text(json.dumps(manifest))
    assert run_install(machine, "--uninstall", machine.top).code == 0
    assert machine.read(NAME) == USERS_OWN
    run_install(machine, machine.top)
    wrong: list[Any] = [{"entries": [["x"]]}, {"made": [1]}, [], "x", {"entries": [[[1], "x"]]}]
    for broken in wrong:
        path.write_text(json.dumps({**manifest, "settings": broken}))
        result = run_install(machine, "--uninstall", machine.top)
        assert (result.code, "not as claudetools writes it" in result.err) == (78, True), result.text


# --- skills and commands -----------------------------------------------------------


@pytest.fixture
def skilled(tmp_path: Path) -> Path:
    """A toolkit with a skill and a command of fixed texts."""
    toolkit = copy_toolkit(TOOLKIT, tmp_path / "skilled")
    for name in ("skills/save/SKILL.md", "skills/save/run.sh", "commands/scc.md"):
        path = toolkit / ".claude" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ours: {name}\n")
    return toolkit


def test_skills_and_commands_come_and_a_users_own_of_that_name_is_kept(machine: Machine, skilled: Path) -> None:
    machine.write(".claude/commands/scc.md", "mine\n")
    machine.write(".claude/commands/save.md", "mine too\n")
    machine.write(".claude/skills/deploy/SKILL.md", "other\n")
    result = run_install(machine, machine.top, toolkit=skilled)
    assert result.code == 0, result.text
    rows = {line.split()[0]: line for line in result.out.splitlines() if line.startswith("  .claude/")}
    assert "save" in rows[".claude/skills/"] and "deploy" not in rows[".claude/skills/"]
    assert "is kept as .claude/before-claudetools/commands/scc.md" in rows[".claude/commands/scc.md"]
    assert "Your .claude/commands/save.md is hidden by the skill of that name" in result.err
    assert machine.read(".claude/commands/scc.md") == "ours: commands/scc.md\n"
    assert machine.read(".claude/before-claudetools/commands/scc.md") == "mine\n"
    assert run_install(machine, "--uninstall", machine.top, toolkit=skilled).code == 0
    assert machine.read(".claude/commands/scc.md") == "mine\n"
    names = sorted(p.relative_to(machine.top).as_posix() for p in (machine.top / ".claude").rglob("*") if p.is_file())
    assert names == [
        ".claude/commands/save.md",
        ".claude/commands/scc.md",
        ".claude/identity.json",
        ".claude/skills/deploy/SKILL.md",
        ".claude/users.json",
    ]


# --- the text of a JSON file --------------------------------------------------------

keys = st.sampled_from(["hooks", "permissions", "allow", "deny", "SessionStart", "PreToolUse", "x", '\u00e9 \\ "'])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
styles = st.sampled_from([None, 0, 1, 2, 4, "\t"])


def strings_in(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for value in inner for text in strings_in(value)]


@settings(max_examples=400, deadline=None)
@given(
    data=st.dictionaries(keys, values, max_size=4),
    style=styles,
    crlf=st.booleans(),
    gap=st.sampled_from(["", " ", "\n", "\n\n  "]),
)
def test_what_is_merged_into_any_json_comes_out_to_the_byte(data: Any, style: Any, crlf: bool, gap: str) -> None:
    text = json.dumps(data, indent=style)
    if not any(brackets in value for value in strings_in(data) for brackets in ("[]", "{}")):
        text = text.replace("[]", f"[{gap}]").replace("{}", f"{{{gap}}}")
    text = text.replace("\n", "\r\n") if crlf else text
    before = json.loads(text)
    try:
        after, merged = agent_settings.with_entries(text, OURS, MergedSettings())
    except NotInstallable:
        return  # something else is where our lists have to go
    if crlf and "\n" in text:
        assert "\n" not in after.replace("\r\n", "")
    value = json.loads(after)
    for path, entry in OURS:
        assert entry in json_text.value_at(value, path)
    record = merged_from(json.loads(json.dumps(as_record(merged))))
    assert agent_settings.with_entries(after, OURS, record) == (after, record)
    assert agent_settings.without_ours(after, record) == text
    assert json.loads(text) == before
