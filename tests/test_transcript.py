"""`claudetools.sh sessions transcript`: what a session did, short enough for another one to write its log from."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.sessions import registry
from claudetools.sessions.transcript import DEFAULT_SIZE, LONGEST_PART, digest
from claudetools.text import detector
from test_claudetools import place_of, run
from world import Machine


def line(kind: str, *blocks: Any, **more: Any) -> bytes:
    return json.dumps({"type": kind, "message": {"role": kind, "content": list(blocks)}, **more}).encode() + b"\n"


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def use(name: str, **given: object) -> dict[str, object]:
    return {"type": "tool_use", "name": name, "input": given}


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
    lost = registry.read_session(place_of(machine), "lost")
    assert lost and lost.topic == "old work"
    nothing = run(machine, "--session")
    assert nothing.code == 64 and "--session needs the id" in nothing.err


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
@given(st.lists(st.tuples(st.booleans(), st.text(max_size=3 * LONGEST_PART)), max_size=60), st.integers(8000, 50_000))
def test_a_digest_fits_and_keeps_every_request(said: list[tuple[bool, str]], size: int) -> None:
    lines = [line("user" if asked else "assistant", text(f"{n} {words}")) for n, (asked, words) in enumerate(said)]
    found = digest(lines, size)
    assert len(found.text) <= size
    shown = [n for n, (asked, _) in enumerate(said) if f"{'PERSON' if asked else 'AGENT'}: {n}" in found.text]
    assert [n for n, (asked, _) in enumerate(said) if asked and n not in shown] == []
    assert found.left_out == len(said) - len(shown)
    if found.left_out:
        assert f"[... {found.left_out} parts left out" in found.text


def test_a_request_from_the_middle_of_a_long_day_is_kept() -> None:
    lines = [line("user", {"type": "tool_result", "content": "x" * 900}) for _ in range(400)]
    lines[200] = line("user", text("Move the firewall to the new rack"))
    found = digest(lines)
    assert "PERSON: Move the firewall to the new rack" in found.text and len(found.text) <= DEFAULT_SIZE < 30_000


def test_a_digest_shows_no_credential_and_no_part_of_one() -> None:
    token = "ghp_" + "Zk3Qw9XbT5uRy7Lm2Nc8Vd4Fs6Gh1Jp0aE5o"
    said = [f"The password: Tr0ub4dor&3x and {token}", "a" * (LONGEST_PART // 2 - 30) + f" token {token} " + "b" * 5000]
    found = digest([line("user", text(words)) for words in said] * 3)
    assert detector.find(found.text) == [] and "Tr0ub4dor" not in found.text and "Zk3Qw9" not in found.text
    assert "aaaa" in found.text and "bbbb" in found.text


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
