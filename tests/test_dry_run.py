"""--dry-run changes nothing and --json answers, for every job of sync.sh."""

from __future__ import annotations

import json

import pytest

from world import Machine, World


def points(machine: Machine) -> list[str]:
    return [p["time"] for p in json.loads(machine.sync("--points", "--json").out)["main"]["points"]]


def test_a_dry_run_of_restore_shows_the_difference_and_restores_nothing(machine: Machine) -> None:
    assert points(machine) == []
    machine.write("notes.md", "good\n")
    assert machine.sync().code == 0
    machine.write("notes.md", "bad\n")
    assert machine.sync().code == 0
    held = {name: machine.git("show", f"refs/claudetools/points/{name}:notes.md") for name in points(machine)}
    first = next(name for name, text in held.items() if text == "good")  # two of one second come in any order
    refs = machine.git("for-each-ref")
    told = machine.sync("--dry-run", "--restore", f"notes.md@{first}")
    assert told.code == 0, told.text
    assert told.out.splitlines()[0] == "Would restore notes.md: 1 file would change. Nothing was changed."
    assert "  -bad\n  +good\n" in told.out
    assert (machine.read("notes.md"), machine.git("for-each-ref"), machine.status()) == ("bad\n", refs, "")
    told = machine.sync("--dry-run", "--json", "--restore", f"notes.md@{first}")
    assert "  +good" in json.loads(told.out)["main"]["facts"] and machine.read("notes.md") == "bad\n"


def test_a_dry_run_of_resolve_lays_out_takes_and_lays_aside_nothing(world: World, machine: Machine) -> None:
    machine.write("notes.md", "one\n")
    assert machine.sync().code == 0
    howard = world.machine("MAC-02", "howard")
    howard.write("notes.md", "howard\n")
    howard.push()
    machine.write("notes.md", "mike\n")
    assert machine.sync().code == 65
    folder = machine.top / ".claudetools-resolve"
    told = machine.sync("--dry-run", "--resolve")
    assert told.out.startswith("Would lay out 1 file. Nothing was changed. To do it: "), told.text
    assert ".claudetools-resolve/notes.md" in told.out and not folder.exists()
    assert machine.sync("--dry-run", "--resolve", "--take", "mine", "notes.md").code == 65, "nothing is laid out yet"
    assert machine.sync("--resolve").code == 0
    laid = (folder / "notes.md").read_text()
    told = machine.sync("--dry-run", "--resolve", "--take", "mine", "notes.md")
    assert (told.code, told.out) == (0, "Would take mine for notes.md. Nothing was changed.\n"), told.text
    assert machine.sync("--dry-run", "--resolve", "--take", "mine", "nothing.md").code == 65
    told = machine.sync("--dry-run", "--resolve", "--abort")
    assert told.out == "Would lay aside what is in .claudetools-resolve/. Nothing was changed.\n", told.text
    assert (folder / "notes.md").read_text() == laid and machine.read("notes.md") == "mike\n"


@pytest.mark.parametrize("saved", [False, True])
def test_status_is_one_object(machine: Machine, saved: bool) -> None:
    if saved:
        machine.write("a.md", "x\n")
        assert machine.sync().code == 0
    told = machine.sync("--status", "--json")
    data = json.loads(told.out)
    assert (told.code, told.err, data["exit"]) == (0, "", 0), told.text
    main = data["main"]
    assert main["path"] == str(machine.top) and main["running"] is None and main["waiting"] == 0
    if saved:
        assert main["last"]["status"] == "saved"
        assert machine.git("rev-parse", "HEAD").startswith(main["last"]["head"])
    else:
        assert main["last"] is None
