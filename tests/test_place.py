"""place.py finds by reading files what git finds; text.py and the shell show foreign text alike."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from claudetools.core import cli
from claudetools.core.messages import visible
from claudetools.core.place import Place, find_place
from claudetools.sessions.registry import ID_VARIABLES
from world import TOOLKIT, World


def test_the_parts_are_found_where_git_finds_them(world: World) -> None:
    machine = world.machine("alpha", "mike")
    machine.git("worktree", "add", "-q", "-b", "other", str(machine.top.parent / "other place"))
    (machine.top / "a folder/deep").mkdir(parents=True)
    for folder in (machine.top, machine.top / "a folder/deep", machine.top.parent / "other place"):
        asked = ("rev-parse", "--path-format=absolute", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        top, git_folder, common = machine.run("git", "-C", folder, *asked).out.splitlines()
        place = find_place(str(folder))
        assert place and (place.top, place.git_folder, place.common) == (top, git_folder, common)
    main, linked = find_place(str(machine.top)), find_place(str(machine.top.parent / "other place"))
    assert main and main.tree.endswith("claudetools/trees/main")
    assert linked and linked.tree.endswith("claudetools/trees/linked-other-place") and linked.state == main.state
    assert find_place(str(world.root)) is None


def test_a_path_is_in_the_tree_or_it_is_not(world: World) -> None:
    machine = world.machine("alpha", "mike")
    place = find_place(str(machine.top))
    assert place
    (machine.top / "out").symlink_to(world.root)
    (machine.top / "link").symlink_to("README.md")
    top = str(machine.top)
    assert place.relative(f"{top}/a/./b/../c") == "a/c"
    assert place.relative(f"{top}/link") == "link"
    for outside in (top, f"{top}/../x", f"{top}/out/x", f"{top}/.git/config", "/", f"{top}x/y"):
        assert place.relative(outside) is None, outside


def test_text_of_others_cannot_act() -> None:
    bad = "a\x1b[31mb\r\n\tc\u202ed\u200be\x9bf\x00\u2066\ufeff\U000e0041"
    assert visible(bad) == "a?[31mb\\r\\n\\tc?d?e?f????"
    assert visible("x\ny\tz", keep="\n") == "x\ny\\tz"
    assert visible("Zoë 漢字") == "Zoë 漢字"
    for char in "\x1b\r\n\t\u202e\u200b\x9b\u2066\u2028":
        script = '. "$1/scripts/lib/ui.sh"; visible "$2"'
        done = subprocess.run(
            ["bash", "-c", script, "-", str(TOOLKIT), f"a{char}b"],
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        assert done.stdout.decode() == visible(f"a{char}b")


def test_the_exit_codes_are_those_of_the_shell() -> None:
    lines = Path(TOOLKIT / "scripts/lib/exit_codes.sh").read_text()
    for name, number in re.findall(r"readonly EXIT_(\w+)=(\d+)", lines):
        assert getattr(cli, name) == int(number)


def test_session_variables_and_the_locks_name_are_those_of_the_shell() -> None:
    text = (TOOLKIT / "scripts/lib/identity.sh").read_text()
    functions = re.findall(r"(?m)^(?:find|leave)_session\(\) .*", text)
    assert [tuple(re.findall(r"\w+_SESSION_ID", line)) for line in functions] == [ID_VARIABLES, ID_VARIABLES]
    name = re.findall(r"LOCK_NAME=(\S+)", (TOOLKIT / "scripts/lib/owner.sh").read_text())
    assert [Path(Place("top", "git", "git").lock_owner).parent.name] == name


def test_the_readme_and_the_manual_of_sync_name_every_exit_code() -> None:
    codes = re.findall(r"readonly EXIT_\w+=(\d+)", (TOOLKIT / "scripts/lib/exit_codes.sh").read_text())
    readme = re.findall(r"(?m)^\| (\d+) \|", (Path(__file__).parent.parent / "README.md").read_text())
    manual = (TOOLKIT / "scripts/sync.sh").read_text().partition("# Exit status:")[2].partition("# Environment:")[0]
    assert sorted(codes) == sorted(readme) == sorted(re.findall(r"\b(\d+) [a-z]", manual))
