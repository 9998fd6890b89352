"""What an agent's client runs: every recorded payload through the real hooks, and what a session is told by them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from claudetools.core.place import Place, find_place
from claudetools.sessions import registry
from claudetools.sessions.registry import Session, current_id
from world import TOOLKIT, Machine, Result, World

HOOKS = TOOLKIT / "hooks" / "agent"
PAYLOADS = sorted((Path(__file__).parent / "payloads").glob("*.json"))
EVENT_OF = {
    "SessionStart": "session-start",
    "UserPromptSubmit": "user-prompt",
    "SessionEnd": "session-end",
    "PreToolUse": "pre-tool-use",
    "PostToolUse": "post-tool-use",
    "PostToolUseFailure": "post-tool-use",
}
EVENTS = sorted(set(EVENT_OF.values()))


def recorded(name: str, machine: Machine) -> tuple[dict[str, Any], dict[str, str]]:
    """Payload and environment as the real client gave them, in this machine's folders."""
    text = (Path(__file__).parent / "payloads" / f"{name}.json").read_text()
    found = json.loads(text.replace("{top}", str(machine.top)).replace("{home}", str(machine.home)))
    return found["stdin"], found["env"]


def fire(machine: Machine, event: str, payload: object, env: dict[str, str] | None = None, *arguments: str) -> Result:
    """The hook as the client starts it: by a shell, payload on stdin, in some folder."""
    if (machine.top / ".git" / "claudetools").is_dir():
        machine.share_compiled()
    done = subprocess.run(
        ["sh", "-c", f'"{HOOKS}/{event}" "$@"', "-", *arguments],
        input=payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
        cwd=machine.home,
        env=machine.env({"CLAUDE_PROJECT_DIR": str(machine.top), **(env or {})}),
        capture_output=True,
        timeout=30,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(machine: Machine, id: str, **more: str) -> str:
    """A session starts: what it is told."""
    payload, _ = recorded("SessionStart-startup", machine)
    return context(fire(machine, "session-start", {**payload, "session_id": id, **more}))


def prompt(machine: Machine, id: str) -> str:
    payload, _ = recorded("UserPromptSubmit", machine)
    return context(fire(machine, "user-prompt", {**payload, "session_id": id}))


def context(result: Result) -> str:
    """What the model reads, "" for a silent hook."""
    assert result.code == 0 and result.err == "", result.text
    if not result.out:
        return ""
    told = json.loads(result.out)
    assert list(told) == ["hookSpecificOutput"]
    return str(told["hookSpecificOutput"]["additionalContext"])


def place_of(machine: Machine) -> Place:
    place = find_place(str(machine.top))
    assert place
    return place


def session(machine: Machine, id: str) -> Session:
    found = registry.read_session(place_of(machine), id)
    assert found, id
    return found


def complaints(machine: Machine) -> str:
    path = machine.state / "hooks.log"
    return path.read_text() if path.exists() else ""


# --- the recorded payloads -------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("path", PAYLOADS, ids=lambda p: p.stem)
def test_every_recorded_payload_is_taken_in_silence_or_answered_in_the_clients_own_format(
    path: Path, machine: Machine
) -> None:
    payload, env = recorded(path.stem, machine)
    event = EVENT_OF.get(payload["hook_event_name"], "")
    if event == "session-end":
        fire(machine, "session-start", {**payload, "hook_event_name": "SessionStart"}, env)
    for hook in [event] if event else EVENTS:
        result = fire(machine, hook, payload, env)
        assert result.code == 0 and result.err == "", result.text
        if result.out:
            answer = json.loads(result.out)["hookSpecificOutput"]
            assert event and answer.pop("hookEventName") == payload["hook_event_name"]
            assert set(answer) <= {"additionalContext", "permissionDecision", "permissionDecisionReason"}
    assert complaints(machine) == ""
    known = {s.id: s for s in registry.find_sessions(place_of(machine))}
    assert set(known) <= {env["CLAUDE_CODE_SESSION_ID"]}
    if event == "session-start":
        (one,) = known.values()
        assert (one.agent, one.transcript, one.pid) == ("claude", payload["transcript_path"], os.getpid())
        assert one.state() == "live"
    if event == "session-end":
        assert next(iter(known.values())).state() == "ended"
    if not event:
        assert not known, "an event that may carry a throw-away id registers nobody"


def test_the_hooks_of_git_below_an_agent_know_its_session(machine: Machine) -> None:
    text = (Path(__file__).parent / "payloads" / "git-pre-commit.env.txt").read_text()
    environ = dict(line.split("=", 1) for line in text.splitlines())
    assert current_id(environ) == "364dae81-2709-491b-a0a3-254ed630f8b2"


def test_clear_gives_a_second_session_in_the_same_process(machine: Machine) -> None:
    old, env = recorded("SessionEnd-clear", machine)
    fire(machine, "session-start", {**old, "hook_event_name": "SessionStart", "source": "startup"}, env)
    fire(machine, "session-end", old, env)
    new, env = recorded("SessionStart-clear", machine)
    fire(machine, "session-start", new, env)
    before, after = session(machine, old["session_id"]), session(machine, new["session_id"])
    assert (before.state(), after.state()) == ("ended", "live")
    assert (before.pid, before.started) == (after.pid, after.started)


# --- never fail the client ---------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("event", EVENTS)
def test_nothing_that_is_handed_to_a_hook_makes_it_fail(event: str, machine: Machine) -> None:
    deep = b"[" * 100_000
    for payload in (b"", b"{", b"[]", b"null", b'{"session_id": 7}', b"\xff\xfe", b'{"session_id": "../../x"}', deep):
        result = fire(machine, event, payload)
        assert (result.code, result.out, result.err) == (0, "", ""), (payload[:20], result.text)
    assert not (machine.top.parent / "x").exists()
    values: list[Any] = [None, 1, [], {}, "x\0y", "\ud800"]
    for value in values:
        result = fire(machine, event, dict.fromkeys(("session_id", "cwd", "source", "tool_name", "tool_input"), value))
        assert (result.code, result.err) == (0, ""), (value, result.text)


@pytest.mark.parametrize("event", EVENTS)
def test_outside_of_a_repository_a_hook_does_nothing(event: str, world: World, machine: Machine) -> None:
    empty = world.root / "empty"
    empty.mkdir()
    for project in (empty, world.root / "missing", world.remote):
        result = fire(machine, event, {"session_id": "a", "cwd": str(empty)}, {"CLAUDE_PROJECT_DIR": str(project)})
        assert (result.code, result.out, result.err) == (0, "", ""), result.text
    assert not list(empty.iterdir())


def test_without_a_python_the_hooks_are_silent(machine: Machine, world: World) -> None:
    tools = world.root / "tools"
    (tools / "claudetools").mkdir(parents=True)
    shutil.copytree(HOOKS, tools / "claudetools" / "hooks" / "agent")
    for bad in ("missing", "/bin/false"):
        for event in EVENTS:
            done = subprocess.run(
                [shutil.which("sh") or "sh", str(tools / "claudetools/hooks/agent" / event)],
                input=b'{"session_id": "a"}',
                env={"PATH": str(tools), "CLAUDETOOLS_PYTHON": bad, "CLAUDE_PROJECT_DIR": str(machine.top)},
                capture_output=True,
            )
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("code", [49, 2, 127])
def test_what_is_no_python_for_us_is_passed_over(machine: Machine, tmp_path: Path, code: int) -> None:
    stub = tmp_path / "python3"
    stub.write_text(f"#!/bin/sh\necho tried >>'{tmp_path}/tries'\necho 'Python was not found' >&2\nexit {code}\n")
    stub.chmod(0o755)
    payload, _ = recorded("SessionStart-startup", machine)
    result = fire(machine, "session-start", {**payload, "session_id": "a"}, {"CLAUDETOOLS_PYTHON": str(stub)})
    assert (result.code, result.err) == (0, "") and session(machine, "a").state() == "live"
    assert (tmp_path / "tries").read_text() == "tried\n"


def test_on_a_full_disk_a_session_hears_what_can_be_read_and_that_it_is_unknown(machine: Machine) -> None:
    for _ in range(2):  # the second one has all modules compiled: the limit kills a Python that writes too early
        start(machine, "a")
    write_state(machine, 3, "offline", 0)
    payload, _ = recorded("SessionStart-startup", machine)
    done = subprocess.run(
        ["sh", "-c", f'ulimit -f 0; exec "{HOOKS}/session-start"'],
        input=json.dumps({**payload, "session_id": "b"}).encode(),
        env=machine.env({"CLAUDE_PROJECT_DIR": str(machine.top)}),
        capture_output=True,
    )
    told = context(Result(done.returncode, done.stdout.decode(), done.stderr.decode()))
    assert told.startswith("[WARN] Nothing has reached the remote for 3 days")
    assert told.endswith("cannot be written: File too large. Others may not see this session.")
    assert session(machine, "a").state() == "live"
    folder = Path(registry.folder_of(place_of(machine), "b"))
    assert {p.name for p in folder.iterdir()} <= {"seen", "edits.jsonl"}, "no draft is left"


def test_a_failure_that_nobody_foresaw_is_kept_for_the_doctor(machine: Machine) -> None:
    start(machine, "a")
    folder = Path(registry.folder_of(place_of(machine), "a"))
    shutil.rmtree(folder)
    folder.write_text("a file in the place of the session's folder")
    assert prompt(machine, "a") == ""
    assert "user-prompt" in complaints(machine) and complaints(machine).count("\n") == 1


def test_older_hooks_leave_newer_state_alone(machine: Machine) -> None:
    machine.state.mkdir(mode=0o700)
    (machine.state / "format").write_text("99\n")
    assert start(machine, "a") == ""
    assert {p.name for p in machine.state.iterdir()} <= {"format", "pycache"}


def test_the_hooks_leave_nothing_in_the_tree(machine: Machine) -> None:
    before = machine.status()
    start(machine, "a")
    prompt(machine, "a")
    assert machine.status() == before
    cached = [p for p in TOOLKIT.joinpath("hooks").rglob("__pycache__")]
    assert not cached


# --- what a session is told --------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "/save vpn"])
def test_a_session_without_a_topic_is_called_by_what_its_person_typed_first(machine: Machine, typed: str) -> None:
    start(machine, "a")
    payload, _ = recorded("UserPromptSubmit", machine)
    for text in (typed, "\n Renew\x1b[1m the firewall \nand more", "something else"):
        fire(machine, "user-prompt", {**payload, "session_id": "a", "prompt": text})
    assert "'Renew?[1m the firewall'" in start(machine, "b")
    machine.write("a.txt", "x\n")
    assert machine.sync(env={"CLAUDETOOLS_SESSION_ID": "a"}).code == 0
    assert "firewall" not in machine.git("log", "-1", "--format=%B"), "it stays on this machine"
    registry.set_topic(place_of(machine), "a", "acme vpn")
    assert "'acme vpn'" in start(machine, "c")


def test_a_session_hears_who_else_is_here_and_on_what(machine: Machine) -> None:
    assert start(machine, "a") == ""
    registry.set_topic(place_of(machine), "a", "acme vpn\x1b[31m")
    assert start(machine, "b") == "[INFO] Also working in this folder: 'acme vpn?[31m' (live, active just now)"
    registry.touch(place_of(machine), "b", time.time() - 3600)
    registry.touch(place_of(machine), "nobody", time.time() - 3600)
    registry.end(place_of(machine), "a")
    assert "(b), mike (idle, active 60 min ago)" in start(machine, "c").replace("(b) (", "(b), mike (")
    assert start(machine, "c").count("\n") == 0 and "a session without a topic (b)" in start(machine, "d")


def test_a_prompt_brings_news_once_and_only_when_something_changed(machine: Machine) -> None:
    place = place_of(machine)
    start(machine, "a")
    assert prompt(machine, "a") == ""
    start(machine, "b")
    assert "Also working in this folder" in prompt(machine, "a")
    assert prompt(machine, "a") == "" and prompt(machine, "b") == ""
    tree = Path(place.tree)
    (tree / "conflict-since").write_text(f"{int(time.time())}\n")
    assert prompt(machine, "a").startswith("[ERROR] A conflict waits since ")
    assert prompt(machine, "a") == ""
    (tree / "conflict-since").unlink()
    (tree / "stopped").write_text(f"{int(time.time())}\n")
    news = prompt(machine, "a")
    assert "[WARN] Received files are not in this folder yet" in news and "[OK] the conflict is settled" in news
    assert "\n" not in news
    (tree / "stopped").unlink()
    assert prompt(machine, "a") == "[OK] all received files are in this folder"
    registry.end(place, "b")
    assert prompt(machine, "a") == "", "one that left is no news"


def test_a_prompt_of_an_unannounced_session_is_activity(machine: Machine) -> None:
    prompt(machine, "late")
    assert session(machine, "late").state() == "live"


def write_state(machine: Machine, reached: float, word: str, ended: float) -> None:
    machine.state.mkdir(mode=0o700, exist_ok=True)
    (machine.state / "reached").write_text(f"{int(time.time() - reached * 86400)}\n")
    (machine.state / "status").write_text(f"{word} 3f9c2a1 {int(time.time() - ended * 86400)}\n")


def test_work_that_silently_stays_here_is_said_first(machine: Machine) -> None:
    write_state(machine, 3.1, "offline", 0.01)
    told = start(machine, "a")
    assert told.startswith("[WARN] Nothing has reached the remote for 3 days (the remote cannot be reached).")
    assert "bash .claude/scripts/sync.sh" in told
    write_state(machine, 1.2, "saved", 1.2)
    assert start(machine, "b").startswith("[WARN] No sync has run for 1 day. Run: bash ")
    write_state(machine, 0.9, "saved", 0.9)
    assert "WARN" not in start(machine, "c")
    assert "[OK] the remote has been reached again" in prompt(machine, "a")


def test_the_alarm_reads_what_a_real_sync_wrote(machine: Machine, world: World) -> None:
    machine.write("a.md", "a\n")
    assert machine.sync().code == 0
    assert start(machine, "a") == ""
    world.remote.rename(world.root / "away.git")
    machine.write("b.md", "b\n")
    assert machine.sync().code == 69
    long_ago = int(time.time()) - 5 * 86400
    (machine.state / "reached").write_text(f"{long_ago}\n")
    assert start(machine, "b").startswith("[WARN] Nothing has reached the remote for 5 days (the remote cannot be")


@pytest.mark.parametrize(("word", "told"), [("held", True), ("refused", True), ("saved", False), ("deferred", False)])
def test_how_the_last_sync_ended_is_told_where_somebody_has_to_look(word: str, told: bool, machine: Machine) -> None:
    write_state(machine, 0, word, 0)
    assert ("The last sync" in start(machine, "a")) is told


@pytest.mark.parametrize("text", ["", "x", "\xff", "9" * 400, "held", "held a b c", "held 3f9c2a1 " + "9" * 400])
def test_broken_state_files_are_no_news(text: str, machine: Machine) -> None:
    write_state(machine, 0, "saved", 0)
    for name in ("status", "reached", "trees/main/stopped", "trees/main/conflict-since"):
        (machine.state / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.state / name).write_text(text, "latin-1")
    assert start(machine, "a") == "" and complaints(machine) == ""


def test_the_last_log_is_that_of_the_project(machine: Machine) -> None:
    for path in (
        "session-logs/2026-06-01-mike-root.md",
        "clients/acme/session-logs/2026-06-05-mike-vpn.md",
        "clients/acme/session-logs/2026-05/2026-05-30-mike-old.md",
        "projects/rmm/session-logs/2026-06/2026-06-04-howard-agent.md",
        "projects/rmm/session-logs/README.md",
    ):
        machine.write(path, "# log\n")
    acme, rmm = machine.top / "clients/acme", machine.top / "projects/rmm/src"
    assert start(machine, "a", cwd=str(machine.top)).endswith(": clients/acme/session-logs/2026-06-05-mike-vpn.md")
    assert "2026-06-05-mike-vpn" in start(machine, "a", cwd=str(acme))
    assert "2026-06/2026-06-04-howard-agent.md" in start(machine, "a", cwd=str(rmm))
    assert "log" not in start(machine, "a", cwd=str(machine.top / "clients/none"))
    assert "log" not in start(machine, "a", source="compact")


def test_yesterdays_session_without_a_log_is_named(machine: Machine) -> None:
    place = place_of(machine)
    now = time.time()
    for id, topic, edits, ago in (
        ("lost", "", "{}\n", 1.0),
        ("logged", "vpn", "{}\n", 1.0),
        ("idle", "", "", 1.0),
        ("old", "", "{}\n", 3.0),
        ("live", "", "{}\n", 0.0),
    ):
        registry.register(place, id, topic=topic)
        Path(registry.folder_of(place, id), "edits.jsonl").write_text(edits)
        if ago:
            registry.end(place, id)
        registry.touch(place, id, now - ago * 86400)
    machine.write("session-logs/2026-06-05-mike-vpn.md", "---\nsession: logged\n---\n\n## Session Summary\n\nDone.\n")
    told = start(machine, "a")
    assert told.count("/save --for") == 1 and "/save --for lost" in told


def test_old_sessions_are_forgotten_once_a_day(machine: Machine) -> None:
    place = place_of(machine)
    now = time.time()
    for id, ago in (("old", 31.0), ("young", 29.0)):
        registry.register(place, id)
        registry.touch(place, id, now - ago * 86400)
    start(machine, "a")
    assert {s.id for s in registry.find_sessions(place)} == {"young", "a"}
    registry.touch(place, "young", now - 31 * 86400)
    start(machine, "a")
    assert {s.id for s in registry.find_sessions(place)} == {"young", "a"}, "looks once a day"


def test_the_doctor_tells_why_a_hook_did_nothing(machine: Machine) -> None:
    doctor = ("bash", TOOLKIT / "scripts" / "doctor.sh")
    start(machine, "a")
    assert "hook of the agent" not in machine.run(*doctor).out
    fire(machine, "session-start", b"{cut\x1b[2J")
    told = machine.run(*doctor).out
    assert "[WARN] A hook of the agent failed at " in told and "session-start" in told and "JSONDecodeError" in told
    (machine.state / "hooks.log").write_text("1000000000 session-start old\n")
    assert "hook of the agent" not in machine.run(*doctor).out
