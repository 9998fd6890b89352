"""`claudetools.sh sessions`: who is here, what is unsaved, other agents' records, programs without hooks."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from claudetools.attribution.edits import Edit
from claudetools.core.place import Place, find_place
from claudetools.sessions import ledger, registry
from commands import run_tools
from world import TOOLKIT, Env, Machine, Result

CLAUDETOOLS = TOOLKIT / "scripts" / "claudetools.sh"


def sessions(machine: Machine, *arguments: str, env: Env = None, stdin: str | None = None) -> Result:
    return run_tools(machine, "sessions", *arguments, env=env, stdin=stdin or "")


def place_of(machine: Machine) -> Place:
    found = find_place(str(machine.top))
    assert found
    return found


def record(machine: Machine, *objects: dict[str, Any], env: Env = None) -> Result:
    return sessions(machine, "record", stdin="".join(json.dumps(o) + "\n" for o in objects), env=env)


def edits(machine: Machine, session: str) -> list[Edit]:
    found = ledger.read_ledger(place_of(machine), session)
    assert found.problems == []
    return found.edits


def wrote(session: str, path: str, after: str, **more: Any) -> dict[str, Any]:
    return {"session": session, "event": "edit", "path": path, "before": None, "after": after, **more}


# --- who, show ----------------------------------------------------------------------


def test_nobody_is_here(machine: Machine) -> None:
    result = sessions(machine, "who")
    assert (result.code, result.out) == (0, "[OK] No session is known to work here.\n")
    assert json.loads(sessions(machine, "who", "--json").out) == []


def test_who_works_here_and_on_what(machine: Machine) -> None:
    machine.write("notes/a.md", "a\n")
    machine.write("notes/b.md", "b\n")
    begin = {"event": "begin", "pid": os.getpid()}
    record(machine, {"session": "one", "topic": "acme vpn", "agent": "claude", **begin}, {"session": "two", **begin})
    record(machine, wrote("one", "notes/a.md", "a\n"), wrote("one", "README.md", "# ops\n"))
    result = sessions(machine, "who", env={"CLAUDETOOLS_SESSION_ID": "two"})
    assert result.code == 0 and result.err == ""
    lines = sorted(line.rstrip() for line in result.out.splitlines())
    assert lines == [
        "    unsaved: notes/a.md",
        "  acme vpn     live   just now      one       claude",
        "* session two  live   just now      two",
    ]
    found = {one["id"]: one for one in json.loads(sessions(machine, "who", "--json").out)}
    assert found["one"]["unsaved"] == ["notes/a.md"] and found["one"]["state"] == "live"
    assert found["two"]["unsaved"] == [] and not found["two"]["caller"]


def test_who_lists_the_living_and_with_all_the_others(machine: Machine) -> None:
    place = place_of(machine)
    assert sessions(machine, "who").out == "[OK] No session is known to work here.\n"
    registry.register(place, "aaaa-1", agent="claude", topic="acme \x1b[1mvpn")
    registry.register(place, "bbbb-2")
    registry.end(place, "bbbb-2")
    told = sessions(machine, "who", env={"CLAUDE_CODE_SESSION_ID": "aaaa-1"})
    assert told.out == "* acme ?[1mvpn  live   just now      aaaa-1    claude\n", told.text
    assert "bbbb-2" in sessions(machine, "who", "--all").out
    listed = json.loads(sessions(machine, "who", "--all", "--json").out)
    assert {(one["id"], one["state"]) for one in listed} == {("aaaa-1", "live"), ("bbbb-2", "ended")}


def test_work_of_a_session_that_was_killed_is_still_shown(machine: Machine) -> None:
    agent = subprocess.Popen(["sleep", "60"])
    record(machine, {"session": "gone", "event": "begin", "pid": agent.pid, "topic": "sophos"})
    machine.write("a.md", "a\n")
    record(machine, wrote("gone", "a.md", "a\n"))
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    (line, files) = sessions(machine, "who").out.splitlines()
    assert line.split()[:2] == ["sophos", "dead"] and files.strip() == "unsaved: a.md"
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "x")
    assert sessions(machine, "who").out.startswith("[OK] No session")


def test_what_a_session_has_saved_is_not_shown_where_another_has_not(machine: Machine) -> None:
    """Both edited one file; one of them saved: the file is not as in HEAD, but only by the other."""
    assert machine.sync().code == 0
    begin = {"event": "begin", "pid": os.getpid()}
    record(machine, {"session": "one", **begin}, {"session": "two", **begin})
    text = machine.read("README.md")
    machine.write("README.md", f"one\n{text}two\n")
    first = {"session": "one", "path": "README.md", "before": text, "after": f"one\n{text}"}
    second = {"session": "two", "path": "README.md", "before": f"one\n{text}", "after": f"one\n{text}two\n"}
    record(machine, first, second)
    assert machine.sync(env={"CLAUDETOOLS_SESSION_ID": "one"}).code == 0
    found = {one["id"]: one["unsaved"] for one in json.loads(sessions(machine, "who", "--json").out)}
    assert found == {"one": [], "two": ["README.md"]}


def test_one_session_in_full(machine: Machine) -> None:
    machine.write("a.md", "2\n")
    first = {"session": "one", "event": "edit", "path": "a.md", "before": "1\n", "after": "2\n", "tool": "Edit"}
    record(machine, {"session": "one", "event": "begin", "topic": "acme vpn"}, wrote("one", "a.md", "1\n"), first)
    for name in ("one", "on", "vpn"):
        out = sessions(machine, "show", name).out
        assert out.splitlines()[0] == "acme vpn" and "unsaved: 2 changes in 1 file" in out, out
        assert [line.split(maxsplit=1)[1] for line in out.splitlines()[-2:]] == ["a.md written, new", "a.md edited"]
    found = json.loads(sessions(machine, "show", "one", "--json").out)
    assert [e["kind"] for e in found["edits"]] == ["write", "edit"]
    assert sessions(machine, "show", env={"CLAUDETOOLS_SESSION_ID": "one"}).out == sessions(machine, "show", "one").out


def test_a_session_that_cannot_be_meant(machine: Machine) -> None:
    record(machine, {"session": "one-1", "event": "begin"}, {"session": "one-2", "event": "begin"})
    result = sessions(machine, "show", "three")
    assert result.code == 65 and "No session is known as 'three'" in result.err and "sessions who --all" in result.err
    result = sessions(machine, "show", "one")
    assert result.code == 65 and "2 sessions begin with 'one'" in result.err
    result = sessions(machine, "show")
    assert result.code == 64 and "in no session" in result.err


def test_a_ledger_that_is_broken_is_said_and_does_no_harm(machine: Machine) -> None:
    machine.write("a.md", "a\n")
    record(machine, {"session": "one", "event": "begin"}, wrote("one", "a.md", "a\n"))
    path = Path(registry.folder_of(place_of(machine), "one")) / "edits.jsonl"
    path.write_bytes(path.read_bytes() + b'\n{"v":9}\n\xff\xfe')
    result = sessions(machine, "who")
    assert result.code == 0 and "cannot be read in full: the record that ends at" in result.out
    assert "version 9; this toolkit reads 1" in sessions(machine, "show", "one").out


def test_hostile_names_are_shown_as_such(machine: Machine) -> None:
    machine.write("\x1b[31mred\n.md", "a\n")
    record(machine, {"session": "one", "event": "begin", "topic": "\x1b[2J\u202ex\ny"})
    record(machine, wrote("one", "\x1b[31mred\n.md", "a\n"))
    out = sessions(machine, "who").out
    assert "\x1b" not in out and "\u202e" not in out and "?[31mred\\n.md" in out
    assert len(out.splitlines()) == 2


def test_outside_of_a_repository(machine: Machine) -> None:
    done = machine.run("bash", CLAUDETOOLS, "sessions", "who", cwd=machine.home)
    assert done.code == 78


# --- record -----------------------------------------------------------------------------


def test_what_another_agent_records_is_what_is_read(machine: Machine) -> None:
    machine.write("b.bin", b"\0\xff")
    result = record(
        machine,
        {"session": "s", "event": "begin", "agent": "other", "topic": "t"},
        {"event": "edit", "path": "a.md", "before": "1\n", "after": None, "use": "u1", "tool": "rm"},
        {"path": "b.bin", "before": None, "after_base64": base64.b64encode(b"\0\xff").decode()},
        {"event": "file", "path": "b.bin"},
        {"session": "s", "event": "end"},
        env={"CLAUDETOOLS_SESSION_ID": "s"},
    )
    assert result.code == 0, result.text
    found = edits(machine, "s")
    assert [(e.path, e.kind, e.tool, e.use) for e in found] == [
        ("a.md", "edit", "rm", "u1"),
        ("b.bin", "write", "", ""),
        ("b.bin", "file", "", ""),
    ]
    assert found[0].after is None and found[0].mode is None
    assert ledger.blob(place_of(machine), "s", found[1].after or "") == b"\0\xff"
    session = registry.read_session(place_of(machine), "s")
    assert session and (session.agent, session.topic, session.state()) == ("other", "t", "ended")


def test_a_window_of_another_agent(machine: Machine) -> None:
    assert record(machine, {"session": "s", "event": "open", "use": "c1", "tool": "shell"}).code == 0
    machine.write("a.md", "a\n")
    assert record(machine, {"session": "s", "event": "close", "use": "c1"}).code == 0
    assert [(e.path, e.kind, e.tool) for e in edits(machine, "s")] == [("a.md", "window", "shell")]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x", "expected a JSON object"),
        ("[]", "expected a JSON object"),
        ("[" * 100_000, "expected a JSON object"),
        ('{"session": 7}', "key 'session' is no text"),
        ("{}", "key 'session' is missing"),
        ('{"session": "s", "event": "x"}', "expected one of edit, file, open, close, begin, end"),
        ('{"session": "s"}', "key 'path' is ''"),
        ('{"session": "s", "path": "../x", "before": null, "after": ""}', "expected a file in this tree"),
        ('{"session": "s", "path": ".git/config", "before": null, "after": ""}', "expected a file in this tree"),
        ('{"session": "s", "path": "a"}', "key 'before' is missing"),
        ('{"session": "s", "path": "a", "before": 1, "after": ""}', "key 'before' is no text"),
        ('{"session": "s", "path": "a", "before_base64": "!", "after": ""}', "is no base64"),
        ('{"session": "s", "path": "a", "before": "\\ud800", "after": ""}', "use before_base64"),
        ('{"session": "s", "event": "open"}', "key 'use' is missing"),
        ('{"session": "s", "event": "begin", "pid": "1"}', "key 'pid'"),
    ],
)
def test_what_cannot_be_recorded_is_named(machine: Machine, line: str, words: str) -> None:
    good = json.dumps(wrote("s", "good.md", "x"))
    result = sessions(machine, "record", stdin=f"{good}\n\n{line}\n{good}\n")
    assert result.code == 64 and "stdin line 3: " in result.err and words in result.err, result.text
    assert "Traceback" not in result.err
    assert [e.path for e in edits(machine, "s")] == ["good.md"]


# --- run ----------------------------------------------------------------------------------


def test_a_program_without_hooks_is_a_session(machine: Machine) -> None:
    script = 'printf "%s" "$CLAUDETOOLS_SESSION_ID" >id.md; echo x >>README.md; exit 3'
    result = sessions(machine, "run", "--topic", "old agent", "--", "bash", "-c", script)
    assert result.code == 3, result.text
    id = machine.read("id.md")
    assert sorted((e.path, e.kind, e.tool) for e in edits(machine, id)) == [
        ("README.md", "window", "bash"),
        ("id.md", "window", "bash"),
    ]
    session = registry.read_session(place_of(machine), id)
    assert session and (session.agent, session.topic, session.state()) == ("bash", "old agent", "ended")


def test_a_program_that_is_not_there(machine: Machine) -> None:
    result = sessions(machine, "run", "--", "no-such-program")
    assert result.code == 127 and "no-such-program: No such file or directory" in result.err


def test_options_behind_the_dashes_are_the_programs(machine: Machine) -> None:
    result = sessions(machine, "run", "--", "printf", "%s", "--json")
    assert (result.code, result.out) == (0, "--json")


def test_a_program_that_a_signal_ends(machine: Machine) -> None:
    result = sessions(machine, "run", "--", "bash", "-c", "echo x >a.md; kill -TERM $$")
    assert result.code == 143
    (one,) = registry.find_sessions(place_of(machine))
    assert [e.path for e in edits(machine, one.id)] == ["a.md"]


def test_what_other_sessions_say_stays_theirs_while_it_runs(machine: Machine) -> None:
    """A session records an edit while the program runs: the window holds it, but explain takes it off."""
    from claudetools.attribution.explain import Witness, explain

    nested = f"echo a >a.md; printf '%s' '{json.dumps(wrote('other', 'b.md', 'b'))}' >p.json; printf b >b.md;"
    nested += f" env -u CLAUDETOOLS_SESSION_ID bash {CLAUDETOOLS} sessions record <p.json; rm p.json"
    assert sessions(machine, "run", "--", "bash", "-c", nested).code == 0
    ids = [one.id for one in registry.find_sessions(place_of(machine)) if one.id != "other"]
    found = [Witness(id, e) for id in [*ids, "other"] for e in edits(machine, id)]
    assert sorted(w.edit.path for w in found if w.session == ids[0]) == ["a.md", "b.md"]
    left = explain([w for w in found if w.edit.path == "b.md"])
    assert [w.session for w in left] == ["other"]
