"""What the doctor looks at, its verdict, its exit status; what cannot be told is never in order."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from installing import own_sync, run_install, tools
from world import Machine, Result


@pytest.fixture
def installed(machine: Machine) -> Machine:
    assert run_install(machine, machine.top).code == 0
    assert own_sync(machine).code == 0
    return machine


def doctor(machine: Machine, *args: str, **env: str) -> Result:
    return tools(machine, "doctor", *args, env=env)


def marks(told: Result) -> list[str]:
    return [line.partition("]")[0][1:] for line in told.out.splitlines() if line.startswith("[")]


def test_in_order_every_line_is_ok_and_nothing_is_changed(installed: Machine) -> None:
    told = doctor(installed)
    assert (told.code, told.err) == (0, ""), told.text
    assert told.out.splitlines()[0] == "[OK] Everything that was looked at is in order."
    assert set(marks(told)) == {"OK"}
    for words in (
        "git 2.",
        "commit hook is in place",
        "origin answers, for reading",
        "The lock is free",
        "You are Mike",
    ):
        assert words in told.out
    assert installed.status() == "" and "claudetools/doctor" not in installed.git("ls-remote", "origin")


def test_the_first_line_is_the_worst_and_json_says_the_same(installed: Machine) -> None:
    installed.git("remote", "set-url", "origin", str(installed.home / "nowhere"))
    (installed.common / "hooks/pre-commit").unlink()
    told = doctor(installed)
    assert told.code == 78 and told.out.startswith("[ERROR] 1 error, 2 warnings.\n"), told.text
    assert "[WARN] Whether origin takes work cannot be told: fatal: " in told.out
    assert "        See: git ls-remote origin\n" in told.out
    assert (
        "[ERROR] The commit hook is not in place. A plain git commit is not checked.\n        Put it back: " in told.out
    )
    told = doctor(installed, "--json")
    data = json.loads(told.out)
    assert (told.code, data["exit"], data["verdict"], told.err) == (78, 78, "1 error, 2 warnings.", "")
    levels = [finding["level"] for finding in data["findings"]]
    assert (levels.count("ERROR"), levels.count("WARN")) == (1, 2)
    put_back = next(f for f in data["findings"] if "commit hook" in f["text"])["more"][0].split(": ", 1)[1]
    assert installed.run("bash", "-c", put_back).code == 0
    assert "[OK] git's commit hook is in place." in doctor(installed).out


def test_a_hook_where_git_does_not_look_is_not_in_place(installed: Machine) -> None:
    for folder in (".husky", "/dev/null"):
        installed.git("config", "core.hooksPath", folder)
        told = doctor(installed)
        assert told.code == 78 and f"core.hooksPath is {folder}. A plain git commit is not checked." in told.out
    installed.write(".husky/pre-commit", "#!/bin/sh\nh=$(sh .claude/scripts/claudetools-start.sh where)\n")
    installed.git("config", "core.hooksPath", ".husky/_")
    assert "[OK] " + str(installed.top / ".husky/pre-commit") + " calls the rules." in doctor(installed).out


def test_missing_packages_are_an_error(installed: Machine, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(
        f'#!/bin/sh\nexec {shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"} -S "$@"\n'
    )
    python.chmod(0o755)
    told = doctor(installed, CLAUDETOOLS_PYTHON=str(python), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert told.code == 78 and "[ERROR] Python packages are missing (" in told.out, told.text
    assert "Without them a sync saves and sends" in told.out


def test_a_remote_that_takes_nothing_is_told_apart_from_one_that_cannot_be_asked(installed: Machine) -> None:
    installed.git("config", "remote.origin.receivepack", "false")
    told = doctor(installed)
    assert told.code == 78 and "[ERROR] origin can be read and takes nothing from here: " in told.out, told.text
    installed.git("remote", "remove", "origin")
    told = doctor(installed)
    assert told.code == 0 and "[WARN] There is no remote: what is saved stays on this machine." in told.out, told.text


def test_settings_that_wait_or_cannot_be_read_are_named(installed: Machine) -> None:
    file = installed.top / ".claude/claudetools.json"
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"settings": {"limitMB": 900, "limitMb": 1}}))
    told = doctor(installed)
    assert "[WARN] Not in force here until you accept it: limitMB 50 -> 900" in told.out, told.text
    assert "key 'settings.limitMb' is unknown; is settings.limitMB meant?" in told.out


@pytest.mark.parametrize("words", [("--x",), ("--json", "x"), ("--locks", "x"), ("--break-lock",), ("x",)])
def test_what_it_does_not_take_is_refused(installed: Machine, words: tuple[str, ...]) -> None:
    told = doctor(installed, *words)
    assert told.code == 64 and "doctor --help" in told.err, told.text
