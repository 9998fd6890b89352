"""The tests bring their own surroundings, and a part of each matrix is drawn so that no place is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from forced import RECEIVING, SENDING
from sample import drawn, is_in_shard
from world import TOOLKIT

# What a person has set and a test would stumble over.
HOSTILE = """\
[user]
	signingKey = nobody
[commit]
	gpgSign = true
[core]
	autocrlf = true
	hooksPath = /nonexistent
	editor = false
[init]
	defaultBranch = trunk
[alias]
	st = status
[color]
	ui = always
[push]
	default = nothing
[status]
	short = true
"""
# git of a person's beside ours; modes of files; an installation; helpers that run in this process.
SOME = (
    "test_sync.py::test_the_branch_is_called_by_its_name",
    "test_advance.py::test_the_executable_bit_follows_and_other_permissions_stay",
    "test_install.py::test_the_users_hook_runs_as_before_and_ours_too",
    "test_log_rules.py",
)


def run_pytest(*args: str, **env: str) -> str:
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args)
    here = TOOLKIT / "tests"
    ours = {name: text for name, text in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(command, cwd=here, env={**ours, **env}, capture_output=True, text=True, umask=0o077)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_pass_whatever_a_person_has_set(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text(HOSTILE)
    theirs = {
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"),
        "GIT_DIR": "/nonexistent",
        "GIT_AUTHOR_NAME": "",
        "LC_ALL": "C",
        "TZ": "Asia/Kathmandu",
        "EDITOR": "false",
        "CLAUDECODE": "1",
        "CLAUDETOOLS_SESSION_ID": "a-caller",
    }
    assert "skipped" not in run_pytest(*SOME, f"--basetemp={tmp_path}/t", **theirs)


@given(st.sets(st.text(), min_size=1), st.integers(1, 8), st.integers())
def test_as_many_seeds_in_a_row_take_each_place_once(names: set[str], every: int, seed: int) -> None:
    assert sorted(name for n in range(every) for name in drawn(names, every, seed + n)) == sorted(names)
    shards = [f"{n + 1}/{every}" for n in range(every)]
    assert sorted(name for shard in shards for name in names if is_in_shard(name, shard)) == sorted(names)


def test_the_lab_takes_every_place_and_who_names_one_gets_it() -> None:
    matrix = "test_kill.py::test_a_sync_killed_with_all_its_children_is_finished_by_the_next"
    some, every = (
        {line for line in run_pytest(matrix, "--collect-only", *more).splitlines() if line.startswith("tests/")}
        for more in ((), ("-m", "lab"))
    )
    assert some < every and len(every) == len(SENDING + RECEIVING)
    for place in list(every - some)[:1]:
        assert "1 test collected" in run_pytest(place.removeprefix("tests/"), "--collect-only")
