"""Names that another machine cannot hold, or that are one name there: held, with a command that renames."""

from __future__ import annotations

import os
import re
import subprocess
import unicodedata

import pytest

from claudetools.checks.twins import skeleton, twins
from world import TOOLKIT, Machine, World

NFC, NFD = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
BAD = {  # and what it becomes
    "nul.txt": "_nul.txt", "COM1": "_COM1", "com\u00b9.md": "_com\u00b9.md", "sub/lpt9.tar.gz": "sub/_lpt9.tar.gz",
    "aux .md": "_aux .md", "a:b/one": "a-b/one", "a?.md": "a-.md", "a*.md": "a--2.md",
    'say "hi".md': "say -hi-.md", "new\nline.md": "new-line.md", "2>&1": "2-&1",
    "\x7f": "-", "end.": "end", "end  ": "end-2", "dir./f": "dir/f", "\ufeffC:\\x": "\ufeffC--x", "CONIN$": "_CONIN$",
    ".g\u200cit/x": "_.g\u200cit/x", "git~1": "_git~1",
    f"deep/{'d' * 120}/{'e' * 130}.md": f"deep/{'d' * 120}/{'e' * 111}.md",
}  # fmt: skip
FINE = [
    "console.md",
    "com10",
    "auxiliary",
    "nulled.md",
    "digit.md",
    ".gitkeep",
    "a - b.md",
    "v1.2.md",
    "na\u00efve \u2014 dash.md",
    "\u65e5" * 60,
]


def test_what_another_machine_cannot_hold_is_held_and_renamed_by_the_command(machine: Machine, world: World) -> None:
    assert machine.sync().code == 0
    for name in [*BAD, *FINE]:
        machine.write(name, f"{name}\n")
    result = machine.sync("--json")
    assert result.code == 65, result.text
    assert not set(BAD) & set(remote_files(machine)) and set(FINE) <= set(remote_files(machine)), result.text
    told = machine.sync().out
    ways = re.findall(r"^ *Rename it: (.*)$", told, re.M)
    assert len(ways) == len(BAD), told
    for way in ways:
        done = machine.run("bash", "-c", way)
        assert done.code == 0, done.text
    result = machine.sync()
    there = set(remote_files(machine))
    assert result.code == 0 and {re.sub(r"-2(?=\\.|$)", "", name) for name in BAD.values()} <= there, result.text
    assert len(there - {""}) == 3 + len(BAD) + len(FINE), "none was written over by another"


def remote_files(machine: Machine) -> list[str]:
    return machine.git("ls-tree", "-r", "-z", "--name-only", "origin/main").split("\0")


def test_a_folders_files_have_one_command(machine: Machine) -> None:
    for n in range(3):
        machine.write(f"what?/{n}.md", "x\n")
    result = machine.sync()
    assert result.out.count("Rename it: mv -- 'what?' what-") == 1, result.text
    assert result.out.count("It goes with its folder") == 2


def test_what_is_on_the_remote_already_is_not_held_again(machine: Machine, world: World) -> None:
    machine.write("a:b/one", "x\n")
    assert machine.sync("--allow", ".").code == 0
    machine.write("a:b/one", "y\n")
    assert machine.sync().code == 0
    machine.git("mv", "a:b/one", "c?d")
    result = machine.sync()
    assert result.code == 65 and "c?d" not in world.remote_files() and "a:b/one" in world.remote_files(), result.text


def test_git_hook_server_and_plain_commits_know_the_rule(machine: Machine, world: World) -> None:
    assert machine.sync().code == 0
    before = machine.git("rev-parse", "HEAD")
    machine.write("aux.md", "x\n")
    machine.git("add", "-A")
    rules = TOOLKIT / "hooks/checks/run.sh"
    result = machine.run("bash", rules)
    assert result.code == 1 and "Rename it: git mv -- aux.md _aux.md" in result.err, result.text
    machine.git("commit", "-qnm", "x")
    result = machine.run("bash", rules, "--range", f"{before}..HEAD")
    assert result.code == 1 and "aux.md has a name that Windows keeps for a device" in result.err, result.text
    result = machine.sync()
    assert result.code == 65 and "aux.md" not in world.remote_files(), result.text
    way = re.search(r"Rename it: (.*), then: ", result.out)
    assert way and machine.run("bash", "-c", way[1]).code == 0, result.text


@pytest.mark.parametrize("more", [0, 120], ids=["few", "many"])
def test_twins_of_files_and_folders_are_held(machine: Machine, world: World, more: int) -> None:
    machine.write("docs/a.md", "x\n")
    machine.write("Both/x.md", "x\n")
    machine.write("both/y.md", "x\n")
    assert machine.sync("--allow", ".").code == 0
    for n in range(more):
        machine.write(f"more/{n}.md", "x\n")
    held = {
        "Docs/b.md": "docs/b.md",
        "DOCS/sub/c.md": "docs/sub/c.md",
        "new/x.md": "New/x.md",
        "docs/A.md": "docs/A-2.md",
    }
    for name in [*held, "New/y.md", "Both/z.md", "both/w.md"]:
        machine.write(name, f"{name}\n")
    result = machine.sync()
    assert result.code == 65 and not set(held) & set(world.remote_files()), result.text
    assert {"New/y.md", "Both/z.md", "both/w.md"} <= set(world.remote_files())
    for way in re.findall(r"^ *(?:Rename it|Put it there): (.*)$", result.out, re.M):
        done = machine.run("bash", "-c", way)
        assert done.code == 0, done.text
    result = machine.sync()
    assert result.code == 0 and set(held.values()) <= set(world.remote_files()), result.text


def test_names_that_look_the_same_are_held(machine: Machine, world: World) -> None:
    for name in (f"{NFC}/x.md", "clients/acme/admin.md", "plan.md"):
        machine.write(name, "x\n")
    assert machine.sync().code == 0
    held = [f"{NFD}/y.md", "clients/acme/\u0430dmin.md", "clients/acm\u200be/z.md", "plan\ufe0f.md", "\uff50lan.md"]
    for name in [*held, f"{NFC}/z.md", "pl\u00e4n.md"]:
        machine.write(name, "y\n")
    result = machine.sync()
    assert result.code == 65 and not set(held) & set(remote_files(machine)), result.text
    assert {f"{NFC}/z.md", "pl\u00e4n.md"} <= set(remote_files(machine))
    assert result.out.count("another name and the same one on some systems") == len(held), result.text
    for way in re.findall(r"^ *(?:Rename it|Put it there): (.*)$", result.out, re.M):
        done = machine.run("bash", "-c", way)
        assert done.code == 0, done.text
    assert (machine.top / NFC / "y.md").exists()


def test_twins_by_their_rule() -> None:
    assert twins(["a/B", "A/c"], ["a/b"]) == [("a/B", "a/b"), ("A/c", "a/c")]
    assert twins(["A/c"], ["a/b", "A/d"]) == []
    assert skeleton("stra\u00dfe") == skeleton("STRASSE") and skeleton("a") != skeleton("\u00e4")


def test_every_reserved_name_with_any_ending() -> None:
    bases = ("con", "PRN", "aux", "nul", "com1", "LPT9", "conin$", "ConOut$")
    names = [
        f"{folder}{base}{end}" for base in bases for end in ("", ".txt", " .x", ".tar.gz") for folder in ("", "a/")
    ]
    assert [name for name in names if is_good(name)] == []
    assert [name for name in FINE if not is_good(name)] == []


def is_good(name: str) -> bool:
    script = f'TOP=/; near() {{ printf %q "$1"; }}; . {TOOLKIT}/hooks/checks/names.sh; check_name "$1"'
    env = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    return subprocess.run(("bash", "-c", script, "x", name), env=env, check=False).returncode == 0
