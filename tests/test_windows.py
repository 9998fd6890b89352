"""What a shell command changed is seen from outside: real git, real files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from claudetools.attribution.edits import UNKNOWN, Edit, digest
from claudetools.core.place import Place, find_place
from claudetools.sessions import calls, ledger, windows
from claudetools.sessions.registry import folder_of
from claudetools.sessions.status import GitFailed
from world import Machine

SESSION = "7f3a"


@pytest.fixture
def place(machine: Machine) -> Place:
    machine.write("notes/a.md", "one\ntwo\n")
    machine.write("run.sh", "echo\n")
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "Start")
    found = find_place(str(machine.top))
    assert found
    return found


def command(place: Place, action: Callable[[], object], session: str = SESSION) -> list[Edit]:
    """What the ledger has after a command that does `action`."""
    windows.start(place, session, "use1", "Bash")
    action()
    call = calls.find(place, session, "use1")
    assert call
    return windows.finish(place, session, call)


def contents(place: Place, edit: Edit) -> tuple[bytes | None, bytes | None]:
    before, after = (None if n is None else ledger.blob(place, SESSION, n) for n in (edit.before, edit.after))
    return before, after


def test_a_clean_file_that_changed_has_the_content_of_head_before(place: Place, machine: Machine) -> None:
    (edit,) = command(place, lambda: machine.write("notes/a.md", "one\ntwo\nthree\n"))
    assert (edit.path, edit.kind, edit.tool, edit.use) == ("notes/a.md", "window", "Bash", "use1")
    assert contents(place, edit) == (b"one\ntwo\n", b"one\ntwo\nthree\n")
    assert ledger.read_edits(place, SESSION)[0]._replace(seq=0) == edit


def test_a_file_that_was_dirty_before_has_that_content_before(place: Place, machine: Machine) -> None:
    machine.write("notes/a.md", "mine\n")
    (edit,) = command(place, lambda: machine.write("notes/a.md", "ours\n"))
    assert contents(place, edit) == (b"mine\n", b"ours\n")


def test_a_second_edit_of_the_same_size_is_seen(place: Place, machine: Machine) -> None:
    """The status is the same `M` before and after, the size too, and the time may be the same tick."""
    machine.write("notes/a.md", "aaaa\n")
    path = machine.top / "notes/a.md"
    stat = path.stat()

    def rewrite() -> None:
        path.write_text("bbbb\n")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    (edit,) = command(place, rewrite)
    assert contents(place, edit) == (b"aaaa\n", b"bbbb\n")


def test_new_deleted_renamed_and_executable_files(place: Place, machine: Machine) -> None:
    def work() -> None:
        machine.write("new file.md", "new\n")
        machine.git("mv", "notes/a.md", "notes/b.md")
        (machine.top / "run.sh").chmod(0o755)

    edits = {e.path: e for e in command(place, work)}
    assert sorted(edits) == ["new file.md", "notes/a.md", "notes/b.md", "run.sh"]
    assert contents(place, edits["new file.md"]) == (None, b"new\n")
    assert contents(place, edits["notes/a.md"]) == (b"one\ntwo\n", None)
    assert contents(place, edits["notes/b.md"]) == (None, b"one\ntwo\n")
    assert (edits["run.sh"].was, edits["run.sh"].mode) == ("100644", "100755")
    assert edits["run.sh"].before == edits["run.sh"].after
    assert (edits["notes/a.md"].was, edits["notes/a.md"].mode) == ("100644", None)


def test_what_was_not_touched_is_nobodys_window(place: Place, machine: Machine) -> None:
    machine.write("dirty.md", "dirty\n")
    assert command(place, lambda: None) == []
    assert command(place, lambda: (machine.top / "dirty.md").touch()) == []
    assert command(place, lambda: machine.git("add", "-A")) == []
    assert ledger.read_edits(place, SESSION) == []


def test_what_a_commit_in_the_command_saved_is_done(place: Place, machine: Machine) -> None:
    def commit() -> None:
        machine.write("notes/a.md", "committed\n")
        machine.write("left.md", "left\n")
        machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "x", "notes/a.md")

    assert [e.path for e in command(place, commit)] == ["left.md"]


def test_a_file_that_is_changed_after_a_commit_in_the_same_command(place: Place, machine: Machine) -> None:
    """It was clean before: what it held then is in the HEAD of that time."""

    def commit() -> None:
        machine.write("notes/a.md", "committed\n")
        machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "x", "notes/a.md")
        machine.write("notes/a.md", "and more\n")

    (edit,) = command(place, commit)
    assert contents(place, edit) == (b"one\ntwo\n", b"and more\n")


def test_a_restore_in_the_command_is_a_change(place: Place, machine: Machine) -> None:
    machine.write("notes/a.md", "mine\n")
    (edit,) = command(place, lambda: machine.git("checkout", "-q", "--", "notes/a.md"))
    assert contents(place, edit) == (b"mine\n", b"one\ntwo\n")


def test_line_ends_that_git_converts_are_those_of_the_disk(place: Place, machine: Machine) -> None:
    machine.write(".gitattributes", "*.txt text eol=crlf\n")
    machine.write("a.txt", "a\r\nb\r\n")
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "x")
    (edit,) = command(place, lambda: machine.write("a.txt", "a\r\nb\r\nc\r\n"))
    assert contents(place, edit) == (b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n")


@pytest.mark.skipif(os.name == "nt", reason="names")
def test_names_of_every_kind(place: Place, machine: Machine) -> None:
    names = [
        b"sp ace",
        b"tab\tbed",
        b"line\nfeed",
        b"-dash",
        b":(top)x",
        b"latin-\xe9",
        "gr\u00fcn".encode(),
        b'q"uote',
    ]
    top = os.fsencode(place.top)
    for name in names[:4]:  # half of them are known to git
        (Path(os.fsdecode(top)) / os.fsdecode(name)).write_bytes(b"old\n")
    machine.git("add", "-A")
    machine.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "-m", "x")

    def write() -> None:
        for name in names:
            with open(os.path.join(top, name), "wb") as file:
                file.write(b"new\n")

    edits = {os.fsencode(e.path): e for e in command(place, write)}
    assert sorted(edits) == sorted(names)
    assert {contents(place, edits[n]) for n in names[4:]} == {(None, b"new\n")}
    assert {contents(place, edits[n]) for n in (names[0], names[1], names[3])} == {(b"old\n", b"new\n")}
    assert edits[names[2]].before == UNKNOWN


def test_links_binaries_and_what_is_too_long(place: Place, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claudetools.sessions.ledger.LONGEST", 100)

    def write() -> None:
        (machine.top / "link").symlink_to("notes/a.md")
        machine.write("binary", b"\0\1\2")
        machine.write("long", b"x" * 101)

    edits = {e.path: e for e in command(place, write)}
    assert edits["link"].mode == "120000" and contents(place, edits["link"])[1] == b"notes/a.md"
    assert contents(place, edits["binary"]) == (None, b"\0\1\2")
    assert edits["long"].after == UNKNOWN


def test_ignored_files_nested_repositories_and_git_itself_are_left_out(place: Place, machine: Machine) -> None:
    def write() -> None:
        machine.write("x.ignored", "x")
        machine.git("init", "-q", "nested")
        machine.write("nested/file", "x")
        machine.write(".git/description", "x")

    assert command(place, write) == []


def test_before_the_first_commit(machine: Machine) -> None:
    top = machine.home / "empty"
    machine.run("git", "init", "-q", str(top), cwd=machine.home)
    place = find_place(str(top))
    assert place
    (edit,) = command(place, lambda: (top / "a").write_text("a\n"))
    assert (edit.path, edit.before) == ("a", None)


def test_what_was_there_before_the_command_began_is_not_its_own(place: Place, machine: Machine) -> None:
    """A person edits while another is asked for the permission to run the command: the tool tells how long it ran."""
    windows.start(place, SESSION, "use1", "Bash")
    machine.write("notes/a.md", "a person's\n")
    old = os.stat(machine.top / "notes/a.md").st_ctime
    call = calls.find(place, SESSION, "use1")
    assert call
    assert windows.finish(place, SESSION, call._replace(began=old + 1)) == []


def test_a_call_that_was_refused_does_not_stay_open(place: Place) -> None:
    windows.start(place, SESSION, "refused", "Bash")
    (open_call,) = calls.under_way(place, SESSION)
    calls.start(place, SESSION, open_call._replace(began=open_call.began - 60))
    windows.start(place, SESSION, "next", "Bash")
    windows.start(place, SESSION, "beside", "Bash")
    assert [c.use for c in calls.under_way(place, SESSION)] == ["next", "beside"]
    windows.start(place, SESSION, "below", "Bash", subagent="s1")
    assert len(calls.under_way(place, SESSION)) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"use": 1}', '{"use":"u","tool":"t","began":"x"}', "\0"])
def test_a_call_that_cannot_be_read_is_still_under_way(place: Place, text: str) -> None:
    windows.start(place, SESSION, "use1", "Bash")
    path = Path(folder_of(place, SESSION)) / "open" / "use1"
    path.write_text(text)
    (call,) = calls.under_way(place, SESSION)
    assert call.use == "use1" and call.path == calls.WINDOW and call.dirty == {}


def test_git_that_fails_is_said(place: Place, machine: Machine) -> None:
    (machine.top / ".git/index").write_bytes(b"no index")
    with pytest.raises(GitFailed):
        windows.start(place, SESSION, "use1", "Bash")


def blobs(place: Place) -> set[bytes]:
    folder = Path(folder_of(place, SESSION)) / "blobs"
    return {path.read_bytes() for path in folder.iterdir()}


def test_contents_that_nobody_needs_any_more_go(place: Place, machine: Machine) -> None:
    """What others have not saved is copied at each command; a copy that no record names does not stay."""
    for n in range(3):
        machine.write("theirs.md", f"version {n}\n")
        command(place, lambda: None)
    assert blobs(place) == {b"version 2\n"}
    (edit,) = command(place, lambda: machine.write("theirs.md", "mine\n"))
    machine.write("theirs.md", "version 3\n")
    command(place, lambda: None)
    assert contents(place, edit) == (b"version 2\n", b"mine\n")


def test_a_sync_inside_of_a_command_forgets_nothing_that_the_command_needs(place: Place, machine: Machine) -> None:
    machine.write("theirs.md", "theirs\n")
    ledger.record(place, SESSION, [Edit("old.md", None, digest(b"old"))], [b"old"])

    def work() -> None:
        ledger.forget(place, SESSION, ledger.read_ledger(place, SESSION).position)
        machine.write("theirs.md", "changed\n")

    (edit,) = command(place, work)
    assert contents(place, edit) == (b"theirs\n", b"changed\n")
    assert b"old" not in blobs(place)
