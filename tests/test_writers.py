"""Files that somebody writes while a sync reads them: saved as a beginning or whole, never torn."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

from round_trip import assert_same, assert_synced, save, two_machines
from world import Machine, World


def stub_git(machine: Machine, when: str, script: str) -> dict[str, str]:
    """A git on PATH that runs `script` once, "before" or "after" the real git reads the changed files."""
    folder = machine.home / "stubs"
    folder.mkdir(exist_ok=True)
    real = shutil.which("git")
    once = folder / "ran"
    (folder / "script").write_text(script)
    (folder / "git").write_text(
        textwrap.dedent(f"""\
        #!/bin/bash
        act() {{ [ -e '{once}' ] || {{ : >'{once}'; bash '{folder}/script'; }}; }}
        case " $* " in
          *' update-index -z --add '*)
            [ {when} != before ] || act
            '{real}' "$@"
            status=$?
            [ {when} != after ] || act
            exit "$status"
            ;;
        esac
        exec '{real}' "$@"
        """)
    )
    (folder / "git").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def committed_versions(world: World, path: str) -> list[bytes]:
    versions = []
    for commit in world.remote_git("rev-list", "main", "--", path).split():
        done = subprocess.run(
            ["git", "-C", str(world.remote), "cat-file", "blob", f"{commit}:{path}"], capture_output=True, check=True
        )
        versions.append(done.stdout)
    return versions


def test_a_file_that_changes_between_status_and_read_is_saved_as_it_then_is(world: World, machine: Machine) -> None:
    machine.write("notes.md", "as status saw it\n")
    env = stub_git(machine, "before", f"printf 'as it was read, and longer\\n' >'{machine.top}/notes.md'")
    assert_synced(machine.sync(env=env))
    assert committed_versions(world, "notes.md") == [b"as it was read, and longer\n"]
    assert machine.status() == ""
    machine.assert_sound()


def test_a_file_that_is_dated_in_the_future_is_saved(world: World, machine: Machine) -> None:
    machine.write("notes.md", "one\n")
    assert_synced(machine.sync())
    tomorrow = time.time() + 86400
    os.utime(machine.write("notes.md", "two\n"), (tomorrow, tomorrow))
    assert_synced(machine.sync())
    assert world.remote_file("notes.md") == "two\n"


def test_a_file_that_grows_while_it_is_read_is_saved_as_a_beginning(world: World, machine: Machine) -> None:
    machine.write("log.md", "one\n")
    env = stub_git(machine, "after", f"printf 'two\\n' >>'{machine.top}/log.md'")
    assert_synced(machine.sync(env=env))
    assert committed_versions(world, "log.md")[0] in (b"one\n", b"one\ntwo\n")
    save(machine)
    assert committed_versions(world, "log.md")[0] == b"one\ntwo\n"
    machine.assert_sound()


def test_a_file_that_is_rewritten_while_it_is_read_is_read_again(world: World, machine: Machine) -> None:
    machine.write("state.json", "half of the ol")
    env = stub_git(machine, "after", f"printf 'the whole new text' >'{machine.top}/state.json'")
    result = machine.sync(env=env)
    assert_synced(result)
    assert set(committed_versions(world, "state.json")) <= {b"the whole new text"}
    save(machine)
    assert committed_versions(world, "state.json") == [b"the whole new text"]
    machine.assert_sound()


def test_a_file_that_vanishes_between_status_and_read_stops_nobody(world: World, machine: Machine) -> None:
    machine.write("fleeting.tmp", "x\n")
    machine.write("notes.md", "goes\n")
    env = stub_git(machine, "before", f"rm '{machine.top}/fleeting.tmp'")
    result = machine.sync(env=env)
    assert result.code == 0, result.text
    assert "notes.md" in world.remote_files()
    assert "fleeting.tmp" not in world.remote_files()
    save(machine)
    assert machine.status() == ""
    machine.assert_sound()


REWRITER = """
import os, sys, itertools
path, stop = sys.argv[1], sys.argv[2]
fd = os.open(path, os.O_RDWR)
for n in itertools.count(1):
    os.lseek(fd, 0, 0)
    line = b"%08d\\n" % n
    for _ in range(2000):
        os.write(fd, line)  # in place, the size never changes: a torn read holds two numbers
    if n == 3:
        print("writing", flush=True)
    if os.path.exists(stop):
        break
"""


def test_no_half_rewritten_file_is_ever_committed(world: World, machine: Machine) -> None:
    target = machine.write("table.txt", b"%08d\n" % 0 * 2000)
    save(machine)
    stop = machine.home / "stop"
    with running(machine.start(sys.executable, "-c", REWRITER, target, stop)) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(5):
            result = machine.sync()
            assert result.code == 0, result.text
            assert "Saved" in result.out or ", 1 file being written right now" in result.out, result.text
        stop.touch()
        writer.wait(30)
    save(machine)
    versions = committed_versions(world, "table.txt")
    for version in versions:
        assert len(set(version.split())) == 1, "torn: " + repr(set(version.split()))
    assert versions[0] == target.read_bytes()
    machine.assert_sound()


APPENDER = """
import os, sys, itertools, time
path, stop = sys.argv[1], sys.argv[2]
for n in itertools.count(1):
    with open(path, "ab", buffering=0) as file:
        file.write(b"line %d\\n" % n)
    if n == 3:
        print("writing", flush=True)
    time.sleep(0.0005)  # as a fast logger does, or the file outgrows every disk
    if os.path.exists(stop):
        break
"""


def test_a_log_that_grows_all_the_time_is_committed_as_beginnings_and_in_the_end_whole(world: World) -> None:
    a, b = two_machines(world)
    target = a.write("grow.log", "")
    stop = a.home / "stop"
    with running(a.start(sys.executable, "-c", APPENDER, target, stop)) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for n in range(5):
            b.write(f"from-b-{n}.md", "x\n")
            save(b)
            save(a)
        stop.touch()
        writer.wait(30)
    save(a)
    whole = target.read_bytes()
    for version in committed_versions(world, "grow.log"):
        assert whole.startswith(version)
    assert world.remote_file("grow.log").encode() == whole
    save(b)
    assert_same(a, b)


@contextlib.contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
