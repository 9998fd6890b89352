"""`claudetools.sh` itself: which session it acts as, its manuals, and what a wrong word is answered with."""

from __future__ import annotations

import shutil

from claudetools.core.place import Place, find_place
from claudetools.sessions import registry
from world import TOOLKIT, Machine, Result

CLAUDETOOLS = TOOLKIT / "scripts" / "claudetools.sh"


def run(machine: Machine, *args: str, **env: str) -> Result:
    return machine.run("bash", CLAUDETOOLS, *args, env=env)


def place_of(machine: Machine) -> Place:
    place = find_place(str(machine.top))
    assert place
    return place


def test_a_session_is_named_by_a_part_of_it_and_a_mistyped_one_makes_none(machine: Machine) -> None:
    place = place_of(machine)
    registry.register(place, "aaaa-1", topic="acme vpn")
    machine.write("a.md", "x\n")
    for name in ("aaaa-1", "aa", "vpn"):
        assert run(machine, "--session", name, "sessions", "claim", "a.md").code == 0
    wrong = run(machine, "--session", "aabb", "sessions", "claim", "a.md")
    assert (wrong.code, "No session is known as 'aabb'" in wrong.err) == (65, True), wrong.text
    assert [one.id for one in registry.find_sessions(place)] == ["aaaa-1"]
    machine.write("b.md", "x\n")
    assert machine.sync(env={"CLAUDE_CODE_SESSION_ID": "gone-7"}).code == 0
    shutil.rmtree(registry.folder_of(place, "gone-7"), ignore_errors=True)
    assert run(machine, "--session", "gone-7", "log", "path").err.startswith("[ERROR] This session has no log yet.")


def test_below_the_top_it_is_said_where_the_command_is_typed(machine: Machine) -> None:
    machine.write(".claude/scripts/claudetools.sh", "")
    below = machine.top / "clients"
    below.mkdir()
    told = machine.run("bash", CLAUDETOOLS, "sessions", "show", "nope", cwd=below).err
    assert told.endswith(f"        Type it at the top: cd {machine.top}\n"), told
    assert "Type it" not in run(machine, "sessions", "show", "nope").err


def test_a_wrong_word_is_answered_with_the_manual_that_has_the_right_one(machine: Machine) -> None:
    told = run(machine, "sessions", "restore")
    assert (told.code, told.err.splitlines()[-1].endswith("sessions restore --help")) == (64, True), told.text
    told = run(machine, "session")
    assert (told.code, "Unknown command: session." in told.err) == (64, True), told.text
    told = run(machine, "sessions", "--help")
    assert told.code == 0 and "at work here or has unsaved work; yours is" in told.out


def test_a_command_without_arguments_prints_its_manual(machine: Machine) -> None:
    for name in ("log", "sessions", "wiki"):
        result = run(machine, name)
        assert (result.code, result.out) == (64, "")
        assert result.err == run(machine, name, "--help").out
    assert run(machine, "notes", "-h").out.startswith("Usage: claudetools.sh notes ")


def test_a_command_that_is_named_can_be_typed(machine: Machine) -> None:
    for words in (("wiki", "refresh"), ("log", "nonsense"), ("sessions", "undo"), ("notes", "show")):
        result = run(machine, *words)
        named = result.err.partition("See: ")[2].strip()
        assert result.code == 64 and machine.run("bash", "-c", named).out.startswith(
            f"Usage: claudetools.sh {words[0]}"
        )
