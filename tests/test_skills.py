"""The slash commands: thin texts that call what exists, and settings that let them run without a question."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import frontmatter
import pytest

from claudetools.core.place import find_place
from claudetools.sessions import registry
from world import TOOLKIT, Machine, clean_environment

SKILLS = sorted((TOOLKIT / ".claude" / "skills").glob("*/SKILL.md"))
SETTINGS = json.loads((TOOLKIT / "hooks" / "agent" / "settings.json").read_text())
DEFERRED = "sync deferred — another sync is running; your session log is written locally and will sync on the next run"


def rules() -> list[str]:
    return [
        rule[5:-3] for rule in SETTINGS["permissions"]["allow"] if rule.startswith("Bash(") and rule.endswith(":*)")
    ]


def commands_in(text: str) -> list[str]:
    """What a skill tells the agent to type."""
    return re.findall(r"`(bash [^`]+)`", " ".join(text.split()))


@pytest.mark.parametrize("path", SKILLS, ids=lambda p: p.parent.name)
def test_a_skill_is_thin_and_starts_by_its_name_only_when_a_person_types_it(path: Path) -> None:
    parsed: tuple[dict[str, Any], str] = frontmatter.parse(path.read_text("utf-8"))
    head, text = parsed
    assert head["name"] == path.parent.name and head["disable-model-invocation"] is True
    assert 20 < len(head["description"]) < 160
    assert text.count("\n") < 80, "a skill says what to call; what is done lies in the scripts"
    assert "600000 ms" in text or path.parent.name == "wiki-compile", "a sync may take longer than two minutes"
    for command in commands_in(text):
        assert any(command.startswith(rule) for rule in rules()), f"would ask for permission: {command}"
        assert any(command.startswith(rule[5:-3]) for rule in head["allowed-tools"].split(", ")), command
        assert (TOOLKIT / command.split()[1]).is_file(), command


def test_save_follows_the_phases_and_has_the_seeds_words_for_a_deferred_sync() -> None:
    text = " ".join((TOOLKIT / ".claude/skills/save/SKILL.md").read_text("utf-8").split())
    assert DEFERRED in text
    order = [
        "log new",
        "log append",
        "log check",
        "wiki target",
        "wiki-compile/SKILL.md",
        "wiki compile",
        "sync.sh -m",
        "MESSAGE FROM",
        "## Post-commit Summary",
    ]
    found = [text.index(words) for words in order]
    assert found == sorted(found)


def test_save_says_what_each_code_asks_for_and_shows_text_on_stdin() -> None:
    text = (TOOLKIT / ".claude/skills/save/SKILL.md").read_text("utf-8")
    first, rest = text.split("\n## 2. The wiki")
    for code in (64, 65, 73, 78):
        assert f"{code}" in first and f"{code}" in rest, code
    assert "log append \"TOPIC\" --log FILE <<'END'" in first and "\n  END\n" in first
    assert "you look the draft over, and only then it is put in place" in " ".join(rest.split())


def test_the_commands_of_a_skill_work_where_they_are_installed(machine: Machine) -> None:
    machine.extra_env["CLAUDETOOLS_HOSTNAME"] = machine.name
    assert machine.run("bash", TOOLKIT / "scripts" / "install.sh", machine.top).code == 0
    place = find_place(str(machine.top))
    assert place
    registry.register(place, "a")
    for number in (1, 2):  # the first time it is unpacked
        made = machine.run(
            "bash", ".claude/scripts/claudetools.sh", "--session", "a", "log", "new", "--new", f"topic {number}"
        )
        assert made.code == 0 and made.out.endswith(f"-mike-topic-{number}.md\n"), made.text


def test_checkpoint_has_a_second_name_that_no_client_knows() -> None:
    one, other = ((TOOLKIT / f".claude/skills/{n}/SKILL.md").read_text() for n in ("checkpoint", "commit-here"))
    says = [text.split("\nThe message is")[1].rpartition("\n\n") for text in (one, other)]
    assert says[0][0] == says[1][0] and "sync.sh --no-push" in one
    assert "/commit-here" in says[0][2] and "/checkpoint" in says[1][2]


@pytest.mark.parametrize("event", sorted(SETTINGS["hooks"]))
def test_a_hook_of_the_settings_is_there_and_silent_where_it_is_not(event: str, tmp_path: Path) -> None:
    for group in SETTINGS["hooks"][event]:
        for handler in group["hooks"]:
            name = re.search(r"; set -- hook ([\w-]+);", handler["command"])
            assert name and (TOOLKIT / "hooks/agent" / name[1]).is_file()
            assert 0 < handler["timeout"] <= 10
            for project in (tmp_path, tmp_path / "a b"):
                (project / ".claude").mkdir(parents=True, exist_ok=True)
                done = subprocess.run(
                    ["sh", "-c", handler["command"]],
                    env=clean_environment(tmp_path, {"CLAUDE_PROJECT_DIR": str(project)}),
                    input=b"{}",
                    capture_output=True,
                )
                assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
            home = tmp_path / "a b" / ".claude" / "scripts"
            if not home.exists():
                home.symlink_to(TOOLKIT / ".claude" / "scripts")
                state = home.parent.parent / ".git" / "claudetools"
                state.mkdir(parents=True)
                (state / "installed.json").write_text("{}")
            done = subprocess.run(
                ["sh", "-c", handler["command"]],
                env=clean_environment(tmp_path, {"CLAUDE_PROJECT_DIR": str(tmp_path / "a b")}),
                input=b"{}",
                capture_output=True,
            )
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
