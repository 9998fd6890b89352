"""People use plain git while a sync runs, at every boundary of its phases: they lose nothing, and so do we."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from forced import (
    RECEIVING,
    SENDING,
    TOKENS,
    assert_together,
    assert_whose,
    at,
    copy_world,
    lines,
    was_reached,
    words_of,
    work_on_both_sides,
)
from world import SYNC, Machine, World

EDIT = "sed -i 's/^line 2$/MY-person/' person.txt"
# Work of the person on the very file that is being saved, with only that staged.
SAME_FILE = """\
git show :mine.txt | sed 's/^line 1$/MY-first/' >"$HOME/staged"
git update-index --cacheinfo "100644,$(git hash-object -w "$HOME/staged"),mine.txt"
sed -i 's/^line 1$/MY-first/' mine.txt
"""
# Two hunks in one file, of which only the first is staged, as `git add -p` does it.
PARTLY = """\
sed -i 's/^line 1$/MY-first/' partly.txt
git diff -- partly.txt >"$HOME/first.patch"
sed -i 's/^line 10$/MY-second/' partly.txt
git apply --cached "$HOME/first.patch"
"""


@dataclass(frozen=True)
class Act:
    """What a person does, and the tokens that it brings. `staged`: what of it stays in the index alone."""

    script: str
    tokens: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    merges: bool = False  # a merge keeps both the commits that were sent on and the ones that the person had


ACTS = {
    "edits a file": Act(EDIT, ("MY-person",)),
    "creates, deletes and renames files": Act(
        "echo MY-made >made.txt; rm person.txt; mv old-name.txt new-name.txt; echo MY-name >>new-name.txt",
        ("MY-made", "MY-name"),
    ),
    "stages a file": Act(f"{EDIT}; git add person.txt", ("MY-person",), ("MY-person",)),
    "stages a new file": Act("echo MY-made >made.txt; git add made.txt", ("MY-made",), ("MY-made",)),
    "stages a part of a file": Act(PARTLY, ("MY-first", "MY-second"), ("MY-first",)),
    "stages another part of the file that is saved": Act(SAME_FILE, ("MY-first",), ("MY-first",)),
    "commits what is staged": Act(f"{EDIT}; git add person.txt; git commit -qm plain", ("MY-person",)),
    "commits a part of a file": Act(f"{PARTLY}; git commit -qm plain", ("MY-first", "MY-second")),
    "commits everything": Act(f"{EDIT}; git commit -qam plain", ("MY-person",)),
    "commits one path": Act(f"{EDIT}; git commit -qm plain -- person.txt", ("MY-person",)),
    "commits and pushes": Act(f"{EDIT}; git commit -qam plain; git push -q origin main", ("MY-person",)),
    "pulls with a rebase": Act(f"{EDIT}; git pull -q --rebase --autostash", ("MY-person",)),
    "commits and pulls": Act(
        f"{EDIT}; git commit -qam plain; git pull -q --no-rebase --no-edit", ("MY-person",), merges=True
    ),
    "fetches": Act("git fetch -q"),
    "stashes and unstashes": Act(f"{EDIT}; git stash -q; git stash pop -q", ("MY-person",)),
    "discards an edit": Act(f"{EDIT}; git checkout -q -- person.txt mod.txt"),
    "unstages everything": Act("git reset -q"),
    "moves a file": Act("git mv old-name.txt new-name.txt; git commit -qm plain"),
}
PLACES = [p for p in SENDING + RECEIVING if p not in ("swap-2", "swap-3", "swap-4", "swap-5", "swapped-4")]
CASES = [(place, act) for place in PLACES for act in ACTS]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return work_on_both_sides(tmp_path_factory.mktemp("template") / "world")


def check(template: World, root: Path, place: str, name: str) -> None:
    world, act = copy_world(template, root), ACTS[name]
    mike, howard = world.machines["LINUX-01"], world.machines["MAC-02"]
    mike.write(".env", "PASSWORD=MY-secret\n")
    env = at(mike, place, act.script)
    process = mike.start("bash", SYNC, "--", "mine.txt", "own.txt", env=env)
    out, err = process.communicate(timeout=60)
    assert was_reached(env), f"nobody came by {place}"
    told = f"{out.decode()}{err.decode()}\n--- the person saw\n{words_of(env)}"
    assert process.returncode == 0, told
    if "index-locked" not in place:  # there git itself refuses, and says so
        assert_staging_kept(mike, act, told)
    assert mike.git("ls-files", ".env") == "", "a secret leaked into the index"
    result = mike.sync("--allow", "nothing")
    assert result.code == 65, result.text  # the secret is left out, and that is all
    assert result.out.count("Left out") == 1, result.text
    (mike.top / ".env").unlink()
    for machine in (howard, mike):
        result = machine.sync()
        assert result.code == 0, told + result.text
    assert_together(world)
    tokens = {**TOKENS, **dict.fromkeys(act.tokens, "Mike Swanson")}
    if act.merges:
        for token in tokens:
            assert mike.git("grep", "-c", "-w", token).endswith(":1"), token
    else:
        assert_whose(world, tokens)
    assert mike.read("mod.txt") == lines((3, "UP-mod"))
    assert mike.read("merged.txt") == lines((1, "UP-merged"), (10, "MY-merged"))
    assert not (mike.top / "gone.txt").exists()
    assert not mike.git("stash", "list"), told


def assert_staging_kept(machine: Machine, act: Act, told: str) -> None:
    """What was staged is still staged, or committed; what was not staged is not in the index."""
    staged = machine.git("diff", "--cached")
    history = machine.git("log", "-p", "--format=")
    for token in act.staged:
        assert f"+{token}" in staged + history, told
    if "commit" not in act.script and "stash" not in act.script and "pull" not in act.script:
        assert "MY-merged" not in staged + history, "an edit that nobody asked to save was saved or staged"
        for token in set(act.tokens) - set(act.staged):
            assert token not in staged, told
    for token in ("UP-mod", "UP-merged", "UP-new", "MY-mine"):
        assert f"-{token}" not in staged, f"a plain commit would take {token} away\n{told}"


@pytest.mark.sampled(20)
@pytest.mark.parametrize(("place", "act"), CASES)
def test_a_person_works_with_plain_git_while_a_sync_runs(template: World, tmp_path: Path, place: str, act: str) -> None:
    check(template, tmp_path / "world", place, act)


def test_a_round_for_others_after_a_plain_commit_keeps_what_the_caller_saved(template: World, tmp_path: Path) -> None:
    world = copy_world(template, tmp_path / "world")
    mike = world.machines["LINUX-01"]
    others = "echo MY-others >others.txt; sed -i 's/^line 2$/MY-person/' person.txt; git commit -qm plain -- person.txt"
    env = {"CLAUDETOOLS_SESSION_ID": "session-1", **at(mike, "advance-index", others)}
    result = mike.sync(env=env)
    assert was_reached(env) and result.code == 0, result.text + words_of(env)
    assert "Files:  3 files (" in result.out, result.text  # those of the session, not those of the round after it
    assert mike.sync().code == 0
    assert world.remote_file("others.txt") == "MY-others\n" and world.remote_file("own.txt") == "MY-own\n"
