"""Which sessions work here: lives, deaths, hostile names and broken records."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.core.place import Place
from claudetools.sessions import registry
from claudetools.sessions.registry import IDLE, PLAIN_ID, Session, current_id, safe_id

CHILD = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / ".git").mkdir()
    return Place(str(tmp_path), str(tmp_path / ".git"), str(tmp_path / ".git"))


def start_child() -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout and child.stdout.readline() == b"up\n"
    return child


def only(place: Place) -> Session:
    (session,) = registry.find_sessions(place)
    return session


def record_of(place: Place, id: str) -> Path:
    return Path(registry.folder_of(place, id)) / "session.json"


def test_a_session_lives_idles_and_ends(place: Place) -> None:
    told = registry.register(place, "a", agent="claude", pid=os.getpid(), transcript="t.jsonl", topic="vpn")
    found = only(place)
    assert found == told and (found.agent, found.topic, found.transcript) == ("claude", "vpn", "t.jsonl")
    assert found.state() == "live" and found.state(found.seen + IDLE + 1) == "idle"
    assert found.state(found.seen - IDLE - 1) == "idle", "a clock that was wrong keeps nothing alive"
    registry.end(place, "a")
    assert only(place).state() == "ended"
    registry.touch(place, "a", time.time() + 1)
    assert only(place).state() == "live", "active after its end: it was resumed"
    registry.end(place, "nobody")
    assert len(registry.find_sessions(place)) == 1


def test_a_resumed_session_keeps_what_is_not_told_again(place: Place) -> None:
    first = registry.register(place, "a", agent="claude", pid=os.getpid(), transcript="t", topic="vpn")
    registry.end(place, "a")
    again = registry.register(place, "a")
    assert again == first._replace(seen=again.seen) and again.state() == "live"
    registry.set_topic(place, "a", "dns")
    assert only(place).topic == "dns" and only(place).pid == os.getpid()
    registry.set_topic(place, "unannounced", "mail")
    assert {s.topic for s in registry.find_sessions(place)} == {"dns", "mail"}


def test_a_killed_session_is_dead_also_while_it_is_a_zombie(place: Place) -> None:
    child = start_child()
    registry.register(place, "a", pid=child.pid)
    assert only(place).state() == "live"
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert only(place).state() == "dead", "a zombie"
    child.communicate()
    assert only(place).state() == "dead", "gone"


def test_a_stopped_session_is_not_dead(place: Place) -> None:
    child = start_child()
    registry.register(place, "a", pid=child.pid)
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    try:
        assert only(place).state() == "live"
    finally:
        child.kill()
        child.communicate()


def test_a_process_number_that_another_process_got_is_a_dead_session(place: Place) -> None:
    registry.register(place, "a", pid=os.getpid())
    session = only(place)
    assert session.state() == "live"
    assert session._replace(started="1").state() == "dead"
    assert session._replace(started="").state() == "live", "no start to compare: cannot tell"


def test_what_cannot_be_told_lives_until_it_idles(place: Place) -> None:
    registry.register(place, "a", pid=2**22 + 1)
    gone = only(place)
    boot, _, namespace = gone.system.partition(" ")
    assert gone.state() == "dead" and boot and namespace
    assert gone._replace(host="other").state() == "live"
    assert gone._replace(system=f"{boot} pid:[1]").state() == "live", "a container's numbers"
    assert gone._replace(system=f" {namespace}").state() == "live", "no boot to compare"
    assert gone._replace(pid=os.getpid(), system=f"earlier {namespace}").state() == "dead", "before a reboot"
    assert gone._replace(pid=0).state() == "live" and gone._replace(pid=0).state(gone.seen + IDLE + 1) == "idle"


BROKEN = [
    *("", "{", "[]", "null", '{"version": 2, "pid": 1}', '{"version": 1, "pid": true, "ended": "x", "topic": 7}'),
    *('{"version": 1, "pid": -4, "began": 1' + "0" * 400 + "}", "[" * 60_000, "\x00" * 70_000, '"\udcff"'),
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_record_is_somebody_until_it_idles(place: Place, text: str) -> None:
    registry.register(place, "a", pid=2**22 + 1, topic="x")
    record_of(place, "a").write_bytes(text.encode("utf-8", "surrogateescape"))
    found = only(place)
    assert (found.id, found.pid, found.topic) == ("a", 0, "")
    assert found.state() == "live" and found.state(found.seen + IDLE + 1) == "idle"
    assert registry.register(place, "a", topic="mended").topic == "mended"


def test_a_record_that_is_no_file_is_not_read(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps({"version": 1, "topic": "stolen"}))
    for id, make in (
        ("link", lambda p: p.symlink_to(tmp_path / "elsewhere.json")),
        ("pipe", os.mkfifo),
        ("folder", Path.mkdir),
    ):
        registry.touch(place, id)
        make(record_of(place, id))
    sessions = Path(place.tree) / "sessions"
    (sessions / "file").write_text("x")
    (sessions / "loop").symlink_to(sessions)
    (sessions / ".draft").mkdir()
    found = registry.find_sessions(place)
    assert {s.id for s in found} == {"link", "pipe", "folder"}
    assert {(s.topic, s.state()) for s in found} == {("", "live")}


@pytest.mark.parametrize(
    "id", ["..", ".", "", "a/b", "../../x", "a\nb", "-rf/", "x" * 101, ".git", "é", "\udcff", "a\0b", "a b", "C:\\x"]
)
def test_a_hostile_id_stays_in_its_folder(place: Place, id: str) -> None:
    registry.register(place, id, topic="t")
    registry.touch(place, id)
    registry.end(place, id)
    sessions = Path(place.tree) / "sessions"
    assert [p.name for p in sessions.iterdir()] == [safe_id(id)]
    assert safe_id(id).startswith("x-") and safe_id(safe_id(id)) == safe_id(id)
    assert only(place).state() == "ended"


@given(st.text())
def test_every_text_becomes_one_safe_name(text: str) -> None:
    name = safe_id(text)
    assert PLAIN_ID.fullmatch(name) and safe_id(name) == name and len(name) <= 100
    assert name == text or name.startswith("x-")


def test_the_first_who_says_the_id_is_believed() -> None:
    environ: dict[str, str] = {"CODEX_SESSION_ID": "codex", "CLAUDE_CODE_SESSION_ID": "claude"}
    assert current_id({}, None) is None and current_id({}, {"session_id": 7}) is None
    assert current_id({}, {"session_id": "hook"}) == "hook"
    assert current_id({"CODEX_SESSION_ID": "codex"}, {"session_id": "hook"}) == "codex"
    assert current_id(environ, {"session_id": "hook"}) == "claude"
    assert current_id({**environ, "CLAUDETOOLS_SESSION_ID": "ours"}) == "ours"
    assert current_id({**environ, "CLAUDETOOLS_SESSION_ID": " "}) == "claude"
    assert current_id({"CLAUDE_CODE_SESSION_ID": "../x"}) == safe_id("../x")


def register_often(place: Place, number: int, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for round in range(20):
        registry.register(place, "a", agent=f"agent {number}", topic=f"{number}.{round}" + "x" * 2000)


def test_one_id_registered_by_many_at_once_is_always_whole(place: Place) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(9)
    workers = [context.Process(target=register_often, args=(place, n, barrier)) for n in range(8)]
    for worker in workers:
        worker.start()
    barrier.wait()
    while any(worker.is_alive() for worker in workers):
        for session in registry.find_sessions(place):
            assert session.topic == "" or len(session.topic) > 2000
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert only(place).topic.endswith("x" * 2000)
    assert sorted(os.listdir(registry.folder_of(place, "a"))) == ["edits.jsonl", "seen", "session.json"], (
        "no draft is left"
    )


def test_the_folders_are_private_and_the_user_is_named(place: Place) -> None:
    old = os.umask(0)
    try:
        Path(place.common, "claudetools").mkdir(mode=0o700)
        Path(place.state, "identity").write_text("user=mike\nfull_name=Mike\n")
        registry.register(place, "a")
    finally:
        os.umask(old)
    assert only(place).user == "mike"
    for path in (place.tree, registry.folder_of(place, "a")):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_a_disk_that_takes_nothing_is_an_error_without_a_rest(place: Place) -> None:
    registry.register(place, "a", topic="kept")
    full = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); sys.path.insert(0, sys.argv[1])\n"
    full += "from claudetools.core.place import Place; from claudetools.sessions import registry\n"
    full += "try: registry.register(Place(*sys.argv[2:]), 'a', topic='lost')\nexcept OSError: sys.exit(7)"
    library = str(Path(registry.__file__).parents[2])
    assert subprocess.run([sys.executable, "-I", "-S", "-c", full, library, *place]).returncode == 7
    assert only(place).topic == "kept"
    assert sorted(os.listdir(registry.folder_of(place, "a"))) == ["edits.jsonl", "seen", "session.json"]
