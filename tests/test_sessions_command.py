"""`claudetools.sh sessions`: who is here, and a transcript short enough to write a log from."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.place import Place, find_place
from claudetools.sessions import registry
from claudetools.sessions.transcript import LONGEST_PART, digest
from world import TOOLKIT, Machine, Result

CLAUDETOOLS = TOOLKIT / "scripts" / "claudetools.sh"


def run(machine: Machine, *args: str, **env: str) -> Result:
    return machine.run("bash", CLAUDETOOLS, *args, env=env)


def place_of(machine: Machine) -> Place:
    place = find_place(str(machine.top))
    assert place
    return place


def line(kind: str, *blocks: Any, **more: Any) -> bytes:
    return json.dumps({"type": kind, "message": {"role": kind, "content": list(blocks)}, **more}).encode() + b"\n"


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def use(name: str, **given: object) -> dict[str, object]:
    return {"type": "tool_use", "name": name, "input": given}


# --- who -----------------------------------------------------------------------------


def test_who_lists_the_living_and_with_all_the_others(machine: Machine) -> None:
    place = place_of(machine)
    assert run(machine, "sessions", "who").out == "[OK] No session is known to work here.\n"
    registry.register(place, "aaaa-1", agent="claude", topic="acme \x1b[1mvpn")
    registry.register(place, "bbbb-2")
    registry.end(place, "bbbb-2")
    told = run(machine, "sessions", "who", CLAUDE_CODE_SESSION_ID="aaaa-1")
    assert told.out == "* acme ?[1mvpn  live   just now      aaaa-1    claude\n", told.text
    assert "bbbb-2" in run(machine, "sessions", "who", "--all").out
    listed = json.loads(run(machine, "sessions", "who", "--all", "--json").out)
    assert {(one["id"], one["state"]) for one in listed} == {("aaaa-1", "live"), ("bbbb-2", "ended")}


# --- as another session ----------------------------------------------------------------


def test_a_log_is_written_for_a_session_that_left_none(machine: Machine) -> None:
    registry.register(place_of(machine), "lost", agent="claude")
    made = run(
        machine,
        "--session",
        "lost",
        "log",
        "new",
        "old work",
        CLAUDE_CODE_SESSION_ID="me",
        CLAUDETOOLS_HOSTNAME=machine.name,
    )
    assert made.code == 0, made.text
    assert "session: lost" in machine.read(made.out.strip())
    assert registry.find_sessions(place_of(machine))[0].topic == "old work"
    nothing = run(machine, "--session")
    assert nothing.code == 64 and "--session needs the id" in nothing.err


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
    assert (told.code, "log, notes, sessions, vault and wiki" in told.err) == (64, True), told.text
    told = run(machine, "sessions", "--help")
    assert told.code == 0 and "at work here or has unsaved work; yours is" in told.out


# --- transcripts -------------------------------------------------------------------------


def test_a_transcript_tells_what_was_said_done_and_committed(machine: Machine) -> None:
    place = place_of(machine)
    machine.write("clients/acme/vpn.md", "new certificate\n")
    assert machine.sync("-m", "acme: replace the certificate", env={"CLAUDE_CODE_SESSION_ID": "f00d-1"}).code == 0
    path = machine.home / "t.jsonl"
    path.write_bytes(
        line("user", text("Replace the VPN certificate\x1b[2J"))
        + line("assistant", text("I will."), use("Bash", command="openssl x509 -in a.pem", description="look"))
        + line("user", {"type": "tool_result", "content": "notAfter=2027"})
        + line("user", {"type": "tool_result", "content": [text("no such host")], "is_error": True})
        + line("assistant", use("Edit", file_path="clients/acme/vpn.md", old_string="a", new_string="b"))
        + line("user", text("a skill's own text"), isMeta=True)
        + line("assistant", text("a subagent's"), isSidechain=True)
        + b'{"type": "summary", "summary": "x"}\n[]\n{"type": "user", "message": 7}\n\xff\n{cut'
    )
    registry.register(place, "f00d-1", transcript=str(path), topic="acme vpn")
    registry.end(place, "f00d-1")
    told = run(machine, "sessions", "transcript", "f00d")
    assert told.code == 0 and told.err == "", told.text
    assert told.out.startswith("Session f00d-1 (ended) acme vpn\nBegan: ")
    assert "acme: replace the certificate" in told.out and "clients/acme/vpn.md | 1 +" in told.out
    assert told.out.partition(f"--- transcript: {path}\n")[2] == (
        "PERSON: Replace the VPN certificate?[2J\nAGENT: I will.\nBash: openssl x509 -in a.pem\n  -> notAfter=2027\n"
        "  FAILED no such host\nEdit: clients/acme/vpn.md\n"
    )


def test_without_a_transcript_the_commits_are_still_told(machine: Machine) -> None:
    place = place_of(machine)
    registry.register(place, "one")
    registry.register(place, "two", transcript=str(machine.home / "gone.jsonl"))
    for id, words in (("one", "No hook has said where"), ("two", "gone.jsonl cannot be read: No such file")):
        told = run(machine, "sessions", "transcript", id)
        assert told.code == 65 and words in told.err and "Commits: none" in told.out
        assert "[WARN] That session still works here." in told.err
    for id in ("", "none", "../x"):
        assert "[ERROR] No session is known as" in run(machine, "sessions", "transcript", id).err
    registry.register(place, "oneness")
    assert run(machine, "sessions", "transcript", "one").code == 65, "the whole id wins over a beginning"
    assert "2 sessions begin with 'on'" in run(machine, "sessions", "transcript", "on").err


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=3 * LONGEST_PART), max_size=60), st.integers(1000, 50_000))
def test_a_digest_fits_and_keeps_the_first_and_the_last(words: list[str], size: int) -> None:
    words = [f"{n} {w}" for n, w in enumerate(words)]
    found = digest((line("user", text(w)) for w in words), size)
    assert len(found.text) <= size + LONGEST_PART + 60
    assert len(found.head) + len(found.tail) + found.left_out == len(words)
    if words:
        assert found.text.split("\n")[0].startswith("PERSON: 0") or found.left_out
        assert f"PERSON: {len(words) - 1}" in (found.tail or found.head)[-1]


def test_a_large_transcript_is_read_line_by_line(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        file.write(line("user", text("the beginning")))
        for _ in range(200):
            file.write(line("user", {"type": "tool_result", "content": "x" * 100_000}))
        file.write(b'{"type": "user", "message": "' + b"y" * (9 * 1024 * 1024) + b'"}\n')
        file.write(line("assistant", text("the end")))
    registry.register(place_of(machine), "big", transcript=str(path))
    registry.touch(place_of(machine), "big", time.time() - 3600)
    told = run(machine, "sessions", "transcript", "big", "--size", "5000")
    assert told.code == 0 and len(told.out) < 8000, told.err
    assert "PERSON: the beginning" in told.out and "parts left out" in told.out and "AGENT: the end" in told.out


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
