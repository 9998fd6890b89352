"""The first line is the worst true thing, and says of no place that the work is there but where it is.

Troubles meet in pairs and triples: nobody tests the text of each, but what all of them have to keep.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from test_situations import Scene
from world import Result

# Worst first, as EXIT_TABLE has it.
ORDER = (70, 73, 78, 77, 69, 65, 75, 0)


def hold(s: Scene) -> None:
    s.mike.write(".env", "TOKEN=x\n")


def save(s: Scene) -> None:
    s.mike.write("a.md", "x\n")


def track_own(s: Scene) -> None:
    """Something of this machine alone that git tracks."""
    s.mike.git("add", "-f", ".claude/identity.json")
    s.mike.git("commit", "-qm", "mine")


def conflict(s: Scene) -> None:
    s.sends("notes.md", "theirs\n")
    s.mike.write("notes.md", "mine\n")


def block(s: Scene) -> None:
    s.sends("big.bin", "theirs\n")
    s.mike.write(".gitignore", "big.bin\n")
    s.mike.git("add", ".gitignore")
    s.mike.write("big.bin", "mine\n")


def rewrite(s: Scene) -> None:
    s.save("secret.md", "hunter2\n")
    s.world.remote_git("update-ref", "refs/heads/main", "main~1")


def refuse_push(s: Scene) -> None:
    s.own_hook("echo no; exit 1", "pre-push")


def refuse_there(s: Scene) -> None:
    s.remote_hook("exit 1")


def go_offline(s: Scene) -> None:
    s.mike.git("remote", "set-url", "origin", str(s.world.root / "gone.git"))


Trouble = Callable[[Scene], None]
# The exit status of each alone; None where it depends on what else is there to be sent.
TROUBLES: dict[Trouble, int | None] = {
    save: 0,
    hold: 65,
    track_own: None,
    conflict: 65,
    block: 65,
    rewrite: 65,
    refuse_push: None,
    refuse_there: None,
    go_offline: 69,
}
THREE = [(hold, save, go_offline), (conflict, hold, go_offline), (hold, block, save)]
TOGETHER = [*itertools.combinations(TROUBLES, 2), *THREE]


def claims(result: Result) -> list[str]:
    return [line for line in result.out.splitlines() if re.search(r"\bhere and on origin\b", line)]


@pytest.mark.parametrize("troubles", TOGETHER, ids=lambda p: "-".join(t.__name__ for t in p))
@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
@pytest.mark.sampled(4)
def test_the_worst_of_several_troubles_is_the_first_line(
    troubles: tuple[Trouble, ...], again: bool, tmp_path: Path
) -> None:
    s = Scene(tmp_path / "s")
    for trouble in troubles:
        trouble(s)
    result = s.mike.sync()
    if again:
        result = s.mike.sync()
    known = [code for t in troubles if (code := TROUBLES[t]) is not None]
    worst = min([*known, 0], key=ORDER.index)
    assert ORDER.index(result.code) <= ORDER.index(worst), result.text
    first = result.out.splitlines()[0]
    if result.code == 69:
        assert "cannot be reached" in first, result.text
    if result.code == 77:
        assert first.startswith("[WARN] origin refused"), result.text
    if re.search(r"^\[ERROR\]", result.out, re.MULTILINE) and result.code == 65:
        assert first.startswith("[ERROR]"), result.text
    told_nothing = "Nothing to do" in first
    assert not (told_nothing and re.search(r"^\[(ERROR|WARN)\] (?!Left out)", result.out, re.MULTILINE)), result.text
    there = s.world.remote_git("rev-parse", "main").strip()
    here = s.mike.git("rev-parse", "HEAD").strip()
    for line in claims(result):
        assert here == there and here.startswith(line.partition(" is at ")[2][:7]), result.text
        assert go_offline not in troubles, result.text


def test_held_with_nothing_heard_of_the_remote_claims_nothing_of_it(tmp_path: Path) -> None:
    s = Scene(tmp_path / "s")
    hold(s)
    result = s.mike.sync("--no-push")
    assert result.code == 65 and not claims(result), result.text
    assert result.out.startswith("[OK] Nothing to save. main is at "), result.text


def test_the_vaults_worse_trouble_is_the_exit_status(tmp_path: Path) -> None:
    s = Scene(tmp_path / "s")
    s.vault()
    assert s.mike.sync().code == 0
    (s.world.root / "vault.git").rename(s.world.root / "vault-gone.git")
    hold(s)
    result = s.mike.sync()
    assert result.code == 69 and "Vault:" in result.out, result.text
    told = json.loads(s.mike.sync("--json").out)
    assert (told["exit"], told["main"]["exit"], told["vault"]["exit"]) == (69, 65, 69)


def test_status_tells_of_a_sync_that_saw_no_commit(tmp_path: Path) -> None:
    s = Scene(tmp_path / "s")
    s.mike.state.joinpath("status").write_text("deferred - 1796000000\n")
    told = s.mike.sync("--status").out
    assert re.search(r"^Last sync: deferred, \d\d:\d\d:\d\d$", told, re.MULTILINE), told
    s.mike.state.joinpath("status").write_text("deferred  1796000000\n")  # as versions before wrote it
    assert s.mike.sync("--status").out == told


@pytest.mark.parametrize("args", [("--abort",), ("--resolve", "--abort")])
def test_to_lay_aside_what_was_never_laid_out_says_so(args: tuple[str, ...], tmp_path: Path) -> None:
    s = Scene(tmp_path / "s")
    result = s.mike.sync(*args)
    assert (result.code, result.out) == (0, "[OK] Nothing is laid out, so there is nothing to lay aside.\n")
    conflict(s)
    assert s.mike.sync().code == 65
    assert "nothing to lay aside" in s.mike.sync(*args).out
    assert s.mike.sync("--resolve").code == 0
    assert "The conflict is still there" in s.mike.sync(*args).out


def test_what_a_save_would_leave_out_is_no_trouble_of_a_restore(tmp_path: Path) -> None:
    s = Scene(tmp_path / "s")
    assert s.save("a.md", "one\n").code == 0
    assert s.save("a.md", "two\n").code == 0
    hold(s)
    point = s.mike.sync("--points").out.splitlines()[-2].split()[0]
    result = s.mike.sync("--restore", f"a.md@{point}")
    assert result.code == 0 and result.out.startswith("[OK] Restored a.md"), result.text
