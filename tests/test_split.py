"""One tree, several sessions: whose commit holds what, and what stays in the folder."""

from __future__ import annotations

import json
import signal
import time

import pytest

from agents import Agent
from claudetools.attribution.edits import digest
from claudetools.sessions import calls, ledger, windows
from claudetools.text import article_index
from forced import KILL_GROUP, at, ended, was_reached
from splitting import save
from test_agent_hooks import prompt
from world import SYNC, Machine, World

LIST = "clients/acme/notes.md"


@pytest.fixture
def shared(world: World) -> Machine:
    return world.synced({LIST: "".join(f"l{n}\n" for n in range(8))})


def show(machine: Machine, commit: str, path: str) -> str:
    return machine.git("show", f"{commit}:{path}") + "\n"


def message(machine: Machine, commit: str = "HEAD") -> str:
    return machine.git("log", "-1", "--format=%B", commit)


def files(machine: Machine) -> set[str]:
    """What HEAD holds."""
    return set(machine.git("ls-tree", "-r", "--name-only", "HEAD").split("\n"))


def log(machine: Machine) -> list[str]:
    return machine.git("log", "--format=%s").split("\n")


def test_a_save_takes_the_callers_lines_and_leaves_a_live_sessions(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "aaaa1111", "acme vpn"), Agent(shared, "bbbb2222", "sophos renewal")
    one.append(LIST, "of one")
    two.append(LIST, "of two")
    two.write("two.txt", b"two\n")
    one.write("one.txt", b"one\n")
    result = one.sync()
    assert result.code == 0, result.text
    assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session.\n"), result.text
    kept = "[INFO] Left alone: unsaved work of 'sophos renewal' (live, 2 files). It goes with that session's next save."
    assert kept in result.out, result.text
    assert world.remote_file(LIST).endswith("l7\nof one\n")
    assert "Session-Id: aaaa1111" in message(shared) and "\nEdits: " in message(shared)
    assert log(shared)[0] == "ops: acme vpn"
    assert "two.txt" not in world.remote_files()
    # In the folder nothing has changed; two's line is a plain unstaged change.
    assert shared.read(LIST).endswith("of one\nof two\n")
    assert shared.git("diff", "--cached", "--name-only") == ""
    result = two.sync()
    assert result.code == 0, result.text
    assert world.remote_file(LIST).endswith("of one\nof two\n")
    assert shared.status() == ""
    assert shared.git("diff", "HEAD~1", "--", LIST).count("\n+of") == 1
    shared.assert_sound()


# --- who goes out -----------------------------------------------------------------


def ids(machine: Machine, commits: int) -> list[list[str]]:
    """The sessions of the last commits, newest first."""
    form = "--format=%(trailers:key=Session-Id,valueonly,separator=%x2C)"
    return [line.split(",") if line else [] for line in machine.git("log", f"-{commits}", form).split("\n")]


def test_who_has_ended_or_died_goes_along_and_nobodys_work_too(shared: Machine, world: World) -> None:
    ended, dead, live, me = (Agent(shared, f"{name}-id") for name in ("ended", "dead", "live", "me"))
    for agent in (ended, dead, live, me):
        agent.append(LIST, f"of {agent.id}")
        agent.write(f"{agent.id}.txt", b"x\n")
    ended.end()
    dead.die()
    shared.write("by-hand.txt", "a person\n")
    result = me.sync("-m", "Mine alone")
    assert result.code == 0, result.text
    assert log(shared)[:4][0] == "Mine alone" and "outside a session" in log(shared)[1]
    assert ids(shared, 4)[:2] == [["me-id"], []] and sorted(ids(shared, 4)[2:]) == [["dead-id"], ["ended-id"]]
    assert result.out.count("\nAlso:   ") == 3 and "1 commit of this session" in result.out, result.text
    assert "live-id" not in world.remote_file(LIST) and "live-id.txt" not in world.remote_files()
    for n, id in enumerate(["me-id", None]):
        added = [x for x in shared.git("show", "--format=", f"HEAD~{n}").split("\n") if x.startswith("+of")]
        assert added == ([f"+of {id}"] if id else []), added
    assert shared.git("status", "--porcelain").split("\n") == [f" M {LIST}", "?? live-id.txt"]
    shared.assert_sound()


def test_mine_all_and_paths(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.append(LIST, "of one")
    two.append(LIST, "of two")
    one.write("a.txt", b"a\n")
    shared.write("by-hand.txt", "x\n")
    result = one.sync("--mine", "--", LIST)
    assert result.code == 0, result.text
    assert world.remote_file(LIST).endswith("l7\nof one\n")
    assert not {"a.txt", "by-hand.txt"} & set(world.remote_files())
    result = one.sync("--mine")
    assert result.code == 0, result.text
    assert "a.txt" in world.remote_files() and "by-hand.txt" not in world.remote_files()
    assert "[INFO] Left alone: 1 file that no session claims." in result.out, result.text
    assert "unsaved work of 'session two' (live, 1 file)" in result.out, result.text
    result = one.sync("--all")
    assert result.code == 0, result.text
    assert result.out.startswith("[OK] This session had nothing to save. Saved and pushed for others: 2 commits.\n")
    assert ids(shared, 2) == [[], ["two"]]
    assert shared.status() == ""
    assert shared.sync("--mine", "--all").code == 64


def test_an_idle_session_goes_out_once_an_hour(shared: Machine) -> None:
    idle = Agent(shared, "idler", "long lunch")
    idle.append(LIST, "first")
    idle.idle()
    assert shared.sync().code == 0
    assert shared.status() == "" and ids(shared, 1) == [["idler"]]
    idle.append(LIST, "second")
    idle.idle()
    result = shared.sync()
    assert result.code == 0 and "'long lunch' (idle, 1 file)" in result.out, result.text
    assert shared.status() != ""
    assert idle.sync().code == 0 and shared.status() == ""


def test_a_caller_that_nobody_registered_saves_what_nobody_claims(shared: Machine) -> None:
    Agent(shared, "other").append(LIST, "of the other")
    shared.write("mine.txt", "x\n")
    result = shared.sync(env={"CODEX_SESSION_ID": "unknown-1"})
    assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session."), result.text
    assert ids(shared, 1) == [["unknown-1"]]
    assert shared.status().split() == ["M", LIST]


# --- what hangs together ------------------------------------------------------------


def test_the_same_line_waits_for_the_other_or_goes_with_both(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one", "acme vpn"), Agent(shared, "two", "isp")
    one.replace(LIST, "l3\n", "l3 of one\n")
    two.replace(LIST, "l3 of one\n", "l3 of both\n")
    one.write("a.txt", b"a\n")
    result = one.sync()
    assert result.code == 0 and "a.txt" in world.remote_files(), result.text
    assert f"[INFO] Waiting: {LIST} has changes that hang together with unsaved work of 'isp' (live)." in result.out
    assert "l3\n" in world.remote_file(LIST)
    two.end()
    result = one.sync()
    assert result.code == 0, result.text
    assert world.remote_file(LIST).count("l3 of both\n") == 1
    assert ids(shared, 1) == [["one", "two"]]
    assert message(shared).count("\nEdits: ") == 2
    assert shared.status() == ""


def test_two_whose_lines_hang_together_go_when_both_have_saved(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one", "acme vpn"), Agent(shared, "two", "isp")
    one.replace(LIST, "l3\n", "l3 of one\n")
    two.replace(LIST, "l3 of one\n", "l3 of both\n")
    two.write("b.txt", b"not finished\n")
    assert one.sync("--dry-run").code == 0
    result = one.sync()
    assert result.out.startswith("[OK] Nothing saved, 1 file waiting for another session. main is at "), result.text
    assert "They go together, with that session's next save." in result.out, result.text
    said = json.loads(one.sync("--json").out)["main"]
    assert (said["status"], said["waiting"]) == ("waiting", [LIST])
    (shared.top / "b.txt").unlink()
    two.write("c.txt", b"of two\n")
    result = two.sync()
    assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session.\n"), result.text
    assert world.remote_file(LIST).count("l3 of both\n") == 1 and "c.txt" in world.remote_files()
    assert sorted(ids(shared, 1)[0]) == ["one", "two"] and shared.status() == ""


def test_who_goes_on_after_asking_has_not_asked_for_that(shared: Machine) -> None:
    one, two, three = Agent(shared, "one"), Agent(shared, "two"), Agent(shared, "three")
    one.replace(LIST, "l3\n", "l3 of one\n")
    two.replace(LIST, "l3 of one\n", "l3 of both\n")
    three.append("c.txt", "of three")
    assert save(shared, "two").waiting() == [LIST]
    assert save(shared, "three").ids == [["three"]], "somebody else's save does not take them"
    two.append(LIST, "half done")
    saved = save(shared, "one")
    assert (saved.ids, saved.waiting()) == ([], [LIST])
    assert [sorted(names) for names in save(shared, "two").ids] == [["one", "two"]] and shared.status() == ""


def test_commands_that_ran_at_once_go_when_both_have_saved(shared: Machine) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.write("made.txt", b"by a command\n", "window", began=100.0, time=110.0)
    two.record("made.txt", None, b"by a command\n", "window", began=105.0, time=115.0)
    assert save(shared, "one").waiting() == ["made.txt"]
    assert [sorted(names) for names in save(shared, "two").ids] == [["one", "two"]] and shared.status() == ""


def test_commands_that_ran_at_once_are_contested_until_one_ends(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.write("made.txt", b"by a command\n", "window", began=100.0, time=110.0)
    two.record("made.txt", None, b"by a command\n", "window", began=105.0, time=115.0)
    result = one.sync()
    assert result.code == 0 and "Waiting: made.txt" in result.out, result.text
    assert "made.txt" not in world.remote_files()
    two.end()
    assert one.sync().code == 0
    assert "made.txt" in world.remote_files() and "Attribution: window" in message(shared)


def test_a_change_that_two_commands_may_have_made_is_one_step_once_it_is_saved(shared: Machine) -> None:
    shared.write("made.txt", b"first\n")
    save(shared)
    one, two, three = (Agent(shared, name) for name in ("one", "two", "three"))
    one.write("made.txt", b"first\nsecond\n", "window", began=100.0, time=110.0)
    two.record("made.txt", b"first\n", b"first\nsecond\n", "window", began=105.0, time=115.0)
    assert save(shared, "one", mode="all").ids == [["one", "two"]]
    three.write("made.txt", b"first\nsecond\nthird\n", "window", began=120.0, time=121.0)
    assert save(shared, "one", mode="all").ids == [["three"]]


@pytest.mark.parametrize("data", [b"\0\1\2", b""])
def test_what_has_no_lines_goes_as_a_whole(shared: Machine, data: bytes) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.write("a.bin", data)
    two.write("b.bin", data)
    save(shared, "one")
    assert {"a.bin"} == files(shared) & {"a.bin", "b.bin"}
    two.write("a.bin", data + b"\0")
    one.write("c.bin", data)
    save(shared, "one")
    assert shared.git("show", "HEAD:a.bin").encode() == data and "c.bin" in files(shared)
    assert save(shared, "two").ids == [["two"]] and shared.status() == ""


def test_deletions_modes_and_moves_belong_to_who_made_them(shared: Machine) -> None:
    for name in ("gone.txt", "moved.txt", "run.sh"):
        shared.write(name, f"{name}\n")
    save(shared)
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.write("gone.txt", None, "window")
    two.write("moved.txt", None, "window")
    two.write("new-name.txt", b"moved.txt\n", "window")
    (shared.top / "run.sh").chmod(0o755)
    one.record("run.sh", b"run.sh\n", b"run.sh\n", "window", was="100644")
    assert save(shared, "one").ids == [["one"]]
    assert files(shared) & {"gone.txt", "moved.txt", "new-name.txt"} == {"moved.txt"}
    assert shared.git("ls-tree", "HEAD", "run.sh").startswith("100755")
    assert save(shared, "two").ids == [["two"]]
    assert files(shared) & {"moved.txt", "new-name.txt"} == {"new-name.txt"} and shared.status() == ""


@pytest.mark.sampled(4)
@pytest.mark.parametrize("how", ["as it is", "changed", "by a person", "edited under the new name"])
def test_a_renamed_file_goes_with_what_others_have_not_saved_in_it(shared: Machine, world: World, how: str) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    two.replace(LIST, "l5\n", "l5 of two\n")
    new, text = "clients/acme/info.md", one.read(LIST)
    assert text is not None
    if how == "by a person":
        (shared.top / LIST).rename(shared.top / new)
    else:
        one.write(LIST, None, "window")
        one.write(new, text.replace(b"l1\n", b"l1 of one\n") if how == "changed" else text, "window")
    if how == "edited under the new name":
        two.replace(new, "l6\n", "l6 of two\n")
    one.write("a.txt", b"a\n")
    result = one.sync()
    assert result.code == 0 and "a.txt" in world.remote_files(), result.text
    assert LIST in world.remote_files() and new not in world.remote_files(), "neither half of it"
    result = two.sync()
    assert result.code == 0, result.text
    assert LIST not in world.remote_files()
    assert world.remote_file(new).count(" of two\n") == (2 if how == "edited under the new name" else 1)
    assert sorted(ids(shared, 1)[0]) == (["two"] if how == "by a person" else ["one", "two"])
    assert shared.status() == ""
    shared.assert_sound()


def test_a_new_file_goes_with_the_lines_and_the_mode_of_who_saves(shared: Machine) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.write("new.sh", b"of one\n")
    (shared.top / "new.sh").chmod(0o755)
    two.append("new.sh", "of two")
    save(shared, "one")
    assert show(shared, "HEAD", "new.sh") == "of one\n"
    assert shared.git("ls-tree", "HEAD", "new.sh").startswith("100755")
    assert save(shared, "two").ids == [["two"]] and shared.status() == ""
    assert show(shared, "HEAD", "new.sh") == "of one\nof two\n"


def test_a_renamed_folder_of_ones_own_waits_for_nobody(shared: Machine) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    two.write("b.txt", b"b\n")
    text = one.read(LIST)
    one.write(LIST, None, "window")
    one.write("clients/acme-group/notes.md", text, "window")
    assert save(shared, "one").ids == [["one"]]
    assert LIST not in files(shared) and "clients/acme-group/notes.md" in files(shared)


def test_a_file_in_the_place_of_a_folder_goes_as_a_whole(shared: Machine, world: World) -> None:
    shared.write("x/a.txt", "a\n")
    assert shared.sync().code == 0
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.write("x/a.txt", None, "window")
    (shared.top / "x").rmdir()
    two.write("x", b"a file\n")
    result = one.sync()
    assert result.code == 0 and "Waiting: x/a.txt" in result.out, result.text
    assert two.sync("--all").code == 0
    assert ids(shared, 1) == [["two", "one"]] and world.remote_file("x") == "a file\n"
    shared.assert_sound()


def test_crlf_and_a_missing_last_line_feed_split_too(shared: Machine) -> None:
    shared.write(".gitattributes", "dos.txt text eol=crlf\n")
    shared.write("dos.txt", "a\r\nb\r\n")
    shared.write("raw.txt", "a\r\nb")
    save(shared)
    one, two = Agent(shared, "one"), Agent(shared, "two")
    for path in ("dos.txt", "raw.txt"):
        one.write(path, (one.read(path) or b"") + b"one\r\n")
        two.write(path, b"two\r\n" + (two.read(path) or b""))
    assert save(shared, "one").ids == [["one"]]
    assert show(shared, "HEAD", "dos.txt") == "a\nb\none\n"
    assert shared.run("git", "show", "HEAD:raw.txt").out == "a\r\nbone\r\n"
    assert save(shared, "two").ids == [["two"]] and shared.status() == ""
    assert show(shared, "HEAD", "dos.txt") == "two\na\nb\none\n"


# --- undone, lost, lying -------------------------------------------------------------


def test_a_deliberate_undo_never_comes_back(shared: Machine) -> None:
    one = Agent(shared, "one")
    one.append(LIST, "mistake")
    one.write("draft.txt", b"x\n")
    shared.git("checkout", "--", LIST)
    (shared.top / "draft.txt").unlink()
    one.write("kept.txt", b"x\n")
    save(shared, "one")
    assert shared.git("show", "--format=", "--name-only", "HEAD") == "kept.txt"
    assert save(shared, "one").ids == [] and shared.status() == ""


def test_a_plain_commit_takes_nothing_along_and_is_done(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.append(LIST, "of one")
    two.append(LIST, "of two")
    assert one.sync().code == 0
    shared.write("by-hand.txt", "x\n")
    shared.git("add", "by-hand.txt")
    shared.git("commit", "-q", "-m", "By hand")
    assert shared.git("show", "--format=", "--name-only", "HEAD") == "by-hand.txt"
    shared.git("commit", "-q", "-a", "-m", "Two's work, by hand")
    two.append(LIST, "more of two")
    assert two.sync().code == 0
    assert world.remote_file(LIST).endswith("of one\nof two\nmore of two\n")
    assert [line for line in shared.git("show", "--format=", "HEAD").split("\n") if line.startswith("+")][1:] == [
        "+more of two"
    ]


def test_incoming_changes_to_the_same_file_are_nobodys_here(shared: Machine, world: World) -> None:
    other = world.machine("LINUX-02", "howard")
    one, two = Agent(shared, "one"), Agent(shared, "two")
    one.append(LIST, "of one")
    two.append(LIST, "of two")
    other.write(LIST, "up\n" + other.read(LIST))
    assert other.sync().code == 0
    assert one.sync().code == 0
    assert shared.read(LIST) == "up\nl0\nl1\nl2\nl3\nl4\nl5\nl6\nl7\nof one\nof two\n"
    two.replace(LIST, "l0\n", "l0 of two\n")
    result = two.sync()
    assert result.code == 0, result.text
    assert shared.status() == "" and ids(shared, 1) == [["two"]]
    assert world.remote_file(LIST) == shared.read(LIST)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("how", ["missing", "torn", "newer", "lying", "no contents"])
def test_a_bad_ledger_loses_nothing_and_is_named(shared: Machine, world: World, how: str) -> None:
    one, two = Agent(shared, "one", "acme vpn"), Agent(shared, "two")
    one.append(LIST, "of one")
    two.append(LIST, "of two")
    folder = shared.state / "trees/main/sessions/one"
    ledger = folder / "edits.jsonl"
    if how == "missing":
        ledger.unlink()
    elif how == "torn":
        ledger.write_bytes(ledger.read_bytes()[:-20])
    elif how == "newer":
        ledger.write_bytes(ledger.read_bytes().replace(b'"v":1', b'"v":2'))
    elif how == "lying":
        one.record(LIST, b"never\n", b"was there\n")
    else:
        for blob in folder.parent.glob("*/blobs/*"):
            blob.unlink()
    two.end()
    result = one.sync()
    assert result.code == 0, result.text
    assert world.remote_file(LIST) == shared.read(LIST) and shared.status() == ""
    if how == "missing":
        assert "[WARN] The ledger of 'acme vpn' is damaged (it is missing)." in result.out, result.text
        one.append("other.md", "x")
        assert "damaged" not in one.sync().out
    if how == "lying":
        assert f"[INFO] Gone from {LIST}: 1 unsaved line of 'acme vpn'." in result.out, result.text
    if how in ("torn", "newer"):
        assert "[WARN] The ledger of 'acme vpn' is damaged (the record that ends at " in result.out, result.text
    assert (f"[WARN] {LIST} goes as a whole: contents that " in result.out) == (how == "no contents"), result.text


# --- commands that still run --------------------------------------------------------


def start_command(agent: Agent) -> str:
    """The agent's hook before a shell command. Gives the call's id."""
    windows.start(agent.place, agent.id, f"use-{agent.id}", "Bash")
    return f"use-{agent.id}"


def end_command(agent: Agent, use: str) -> None:
    call = calls.find(agent.place, agent.id, use)
    assert call
    windows.finish(agent.place, agent.id, call)


def test_an_edit_during_a_long_command_is_known_though_the_command_ends_later(shared: Machine, world: World) -> None:
    """What came in meanwhile, the command has seen as well; its record is the later one, of what was earlier."""
    me, other = Agent(shared, "me"), world.machine("MAC-02", "howard")
    other.write(LIST, "howard's\n" + other.read(LIST))
    assert other.sync().code == 0
    use = start_command(me)
    assert shared.sync().code == 0
    me.write(LIST, (me.read(LIST) or b"") + b"mine\n", "edit", began=time.time())
    end_command(me, use)
    assert me.sync().code == 0 and world.remote_file(LIST).endswith("mine\n")
    assert ids(shared, 1) == [["me"]], message(shared)


def test_what_the_callers_own_command_made_is_its_own(shared: Machine) -> None:
    """`make-something; sync.sh` in one command: no hook has written down yet what it changed."""
    me = Agent(shared, "me", "build")
    shared.write("before.txt", "x\n")
    use = start_command(me)
    shared.write("made.txt", "x\n")
    shared.write(LIST, shared.read(LIST) + "made\n")
    assert save(shared, "me").ids == [["me"], []]
    end_command(me, use)
    assert shared.git("show", "--format=", "--name-only", "HEAD").split() == [LIST, "made.txt"]
    assert shared.git("show", "--format=", "--name-only", "HEAD~1") == "before.txt"
    assert save(shared, "me").ids == [] and shared.status() == ""


def test_what_another_ones_command_is_making_waits_for_it(shared: Machine, world: World) -> None:
    me, other = Agent(shared, "me"), Agent(shared, "other", "long build")
    use = start_command(other)
    shared.write("half.txt", "half\n")
    me.append(LIST, "of me")
    assert me.sync().code == 0
    assert "half.txt" not in world.remote_files() and ids(shared, 1) == [["me"]]
    shared.write("half.txt", "half\nwhole\n")
    end_command(other, use)
    assert other.sync().code == 0
    assert ids(shared, 1) == [["other"]] and shared.status() == ""


# --- a live session's edits hold up what came in --------------------------------------------


def test_a_live_sessions_edit_holds_up_a_receive_and_only_after_an_hour_that_is_trouble(
    shared: Machine, world: World
) -> None:
    howard = world.machine("MAC-02", "howard")
    busy, me = Agent(shared, "aaaa1111", "acme vpn"), Agent(shared, "bbbb2222", "sophos renewal")
    busy.replace(LIST, "l4", "busy's")
    howard.write(LIST, howard.read(LIST).replace("l4", "howard's"))
    howard.write("new.txt", "new\n")
    assert howard.sync().code == 0
    me.write("mine.txt", b"mine\n")
    result = me.sync()
    assert result.code == 0, result.text
    assert "[WARN] What the others sent is not in your folder yet (since " in result.out
    assert (
        f"{LIST}: edited here, and the other side wrote other text at the same place (unsaved work of 'acme vpn'"
        in (result.out)
    )
    assert "It completes when they save, or now: " in result.out and result.out.rstrip().count("--all") == 1
    assert "mine.txt" in world.remote_files() and not (shared.top / "new.txt").exists()
    told = {id: prompt(shared, id) for id in (busy.id, me.id)}
    assert f"your unsaved edits of {LIST} are in their way" in told[busy.id]
    assert "unsaved edits are in their way" in told[me.id] and "your unsaved" not in told[me.id]
    # An hour later somebody has to look.
    stopped = shared.state / "trees/main/stopped"
    since, *rest = stopped.read_text().splitlines()
    stopped.write_text("\n".join([str(int(since) - 3600), *rest]) + "\n")
    assert me.sync().code == 65
    # The holder saves: a true conflict, which it settles, and everything is here.
    assert busy.sync().code == 65
    shared.sync("--resolve")
    assert shared.sync("--resolve", "--take", "both", LIST).code == 0
    assert busy.sync().code == 0
    assert "busy's" in world.remote_file(LIST) and "howard's" in world.remote_file(LIST)
    assert (shared.top / "new.txt").exists() and not stopped.exists()
    assert "[OK] all received files are in this folder" in prompt(shared, busy.id)
    assert shared.status() == ""
    shared.assert_sound()


def test_what_upstream_takes_back_stays_away_while_a_live_edit_holds_up_the_receive(
    shared: Machine, world: World
) -> None:
    howard = world.machine("MAC-02", "howard")
    busy, me = Agent(shared, "aaaa1111", "acme vpn"), Agent(shared, "bbbb2222", "sophos renewal")
    busy.replace(LIST, "l4", "busy's")
    howard.write(LIST, howard.read(LIST).replace("l4", "howard's"))
    assert howard.sync().code == 0
    me.write("idea.txt", b"good idea\n")
    held = me.sync()
    assert held.code == 0 and "not in your folder yet" in held.out, held.text
    assert "Received:" not in held.out, "nothing has come in yet"
    assert howard.sync().code == 0
    (howard.top / "idea.txt").unlink()
    assert howard.sync().code == 0
    again = me.sync()
    assert again.code == 0 and "rewritten" not in again.out, again.text
    assert "idea.txt" not in world.remote_files(), "what howard took back stays away"
    assert again.out.startswith(f"[OK] Nothing to send. main is at {world.tip()[:7]} on origin."), again.text
    assert busy.sync().code == 65
    assert "idea.txt" not in world.remote_files()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("id", ["ide:window/7", "two words", ".hidden", "l" * 101, "\u00fcber"])
def test_a_session_may_be_called_anything(shared: Machine, world: World, id: str) -> None:
    me = Agent(shared, id)
    me.append(LIST, "mine")
    result = me.sync()
    assert result.out.startswith("[OK] Saved and pushed: 1 commit of this session."), result.text
    assert "mine" in world.remote_file(LIST)


# --- lost updates -------------------------------------------------------------------


def overwrite(machine: Machine) -> tuple[Agent, Agent]:
    """Two reads the file, one writes it, two writes what it has made of what it had read."""
    one, two = Agent(machine, "one", "acme vpn"), Agent(machine, "two", "isp")
    base = one.read(LIST)
    assert base is not None
    one.write(LIST, base + b"of one\n", "edit", began=100.0, time=110.0)
    two.record(LIST, base, base + b"of two\n", "write", began=105.0, time=120.0)
    machine.write(LIST, base + b"of two\n")
    return one, two


@pytest.mark.sampled(2)
@pytest.mark.parametrize("saver", ["one", "two"])
def test_a_proved_lost_update_is_put_back_and_said(shared: Machine, world: World, saver: str) -> None:
    one, two = overwrite(shared)
    result = (one if saver == "one" else two).sync()
    assert result.code == 0, result.text
    assert shared.read(LIST).endswith("l7\nof one\nof two\n"), result.text
    assert f"[INFO] Put back: 'isp' wrote {LIST} over what 'acme vpn' had just written there. It holds both now." in (
        result.out
    ), result.text
    assert world.remote_file(LIST).endswith(f"l7\nof {saver}\n")
    assert one.sync().code == 0 and two.sync().code == 0 and shared.status() == ""
    assert world.remote_file(LIST) == shared.read(LIST)
    # Taken out on purpose, it stays out.
    shared.write(LIST, shared.read(LIST).replace("of one\n", ""))
    assert two.sync().code == 0
    assert "of one" not in shared.read(LIST) and "of one" not in world.remote_file(LIST)


def test_what_was_saved_and_then_overwritten_comes_back_too(shared: Machine, world: World) -> None:
    one, two = Agent(shared, "one", "acme vpn"), Agent(shared, "two", "isp")
    base = one.read(LIST) or b""
    one.write(LIST, base + b"of one\n", "edit", began=100.0, time=110.0)
    assert one.sync().code == 0
    two.record(LIST, base, base + b"of two\n", "write", began=105.0, time=120.0)
    shared.write(LIST, base + b"of two\n")
    assert two.sync().code == 0
    assert world.remote_file(LIST).endswith("of one\nof two\n") and shared.status() == ""


@pytest.mark.sampled(4)
@pytest.mark.parametrize("doubt", ["before the call", "a person in between", "a person since", "same line"])
def test_what_is_not_proved_stays_as_somebody_decided(shared: Machine, doubt: str) -> None:
    one, two = Agent(shared, "one"), Agent(shared, "two")
    base = one.read(LIST) or b""
    after = base.replace(b"l3\n", b"l3 of one\n") if doubt == "same line" else base + b"of one\n"
    one.write(LIST, after, "edit", began=100.0, time=104.0 if doubt == "before the call" else 110.0)
    start = base + b"by hand\n" if doubt == "a person in between" else base
    text = base.replace(b"l3\n", b"l3 of two\n") if doubt == "same line" else start + b"of two\n"
    two.record(LIST, start, text, "write", began=105.0, time=120.0)
    if doubt == "a person since":
        text += b"by hand\n"
    shared.write(LIST, text)
    result = two.sync()
    assert result.code == 0 and "Put back" not in result.out, result.text
    assert shared.read(LIST).encode() == text


# --- the repository's own hook --------------------------------------------------------


def install_hook(machine: Machine, script: str) -> None:
    hook = machine.top / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("bad", ["me", "ended"])
def test_a_refused_session_is_left_out_and_the_others_go(shared: Machine, world: World, bad: str) -> None:
    install_hook(shared, "! git grep --cached -q FORBIDDEN || { echo 'a forbidden word'; exit 1; }")
    ended, me = Agent(shared, "ended", "acme vpn"), Agent(shared, "me", "isp")
    for agent in (ended, me):
        agent.append(LIST, "FORBIDDEN" if agent.id == bad else f"of {agent.id}")
    shared.write("by-hand.txt", "x\n")
    ended.end()
    result = me.sync()
    assert result.code == (65 if bad == "me" else 0), result.text
    assert ids(shared, 2) == ([[], ["ended"]] if bad == "me" else [["me"], []])
    assert world.remote_file(LIST).endswith(f"l7\nof {'ended' if bad == 'me' else 'me'}\n")
    assert shared.status().split() == ["M", LIST]
    if bad == "me":
        assert "a forbidden word" in result.out and "the other commits go" in result.out, result.text
    else:
        assert "[INFO] Left out, not yours: your pre-commit hook refuses acme: acme vpn" in result.out, result.text


def test_a_message_of_one_session_that_is_refused_keeps_no_other_back(shared: Machine, world: World) -> None:
    hook = shared.top / ".git/hooks/commit-msg"
    hook.write_text('#!/bin/sh\n! grep -q vpn "$1" || { echo "no vpn"; exit 1; }\necho "Seen-by: hook" >>"$1"\n')
    hook.chmod(0o755)
    ended, me = Agent(shared, "ended", "acme vpn"), Agent(shared, "me", "isp")
    for agent in (ended, me):
        agent.append(LIST, f"of {agent.id}")
    ended.end()
    result = me.sync()
    assert result.code == 0, result.text
    assert "[INFO] Left out, not yours: your commit-msg hook refuses acme: acme vpn." in result.out, result.text
    assert ids(shared, 2) == [["me"], []] and world.remote_file(LIST).endswith("l7\nof me\n")
    assert shared.read(LIST).endswith("l7\nof ended\nof me\n")
    hook.unlink()
    assert me.sync().code == 0 and ids(shared, 2) == [["ended"], ["me"]] and shared.status() == ""


def test_a_formatter_in_the_hook_gives_each_session_its_own_lines(shared: Machine, world: World) -> None:
    install_hook(shared, f"sed 's/ *$//' {LIST} >x && cat x >{LIST} && rm x")
    ended, me = Agent(shared, "ended"), Agent(shared, "me")
    me.replace(LIST, "l0\n", "l0\nof me  \n")
    ended.append(LIST, "of ended  ")
    ended.end()
    result = me.sync()
    assert result.code == 0, result.text
    assert "Your pre-commit hook rewrote files" in result.out, result.text
    assert world.remote_file(LIST) == shared.read(LIST) and "  \n" not in shared.read(LIST)
    assert ids(shared, 2) == [["me"], ["ended"]], result.text
    added = [x for x in shared.git("show", "--format=", "HEAD").split("\n") if x.startswith("+of")]
    assert added == ["+of me"] and shared.status() == ""


# --- the wiki's index ------------------------------------------------------------------


def test_each_commit_has_the_index_of_its_own_articles(shared: Machine) -> None:
    def compile_article(agent: Agent, slug: str) -> None:
        agent.write(f"wiki/clients/{slug}.md", f"---\ntitle: {slug.upper()}\n---\ntext\n".encode())
        articles = {f"wiki/clients/{p.name}": p.read_bytes() for p in (shared.top / "wiki/clients").glob("*.md")}
        agent.write(
            "wiki/index.md", article_index.make((agent.read("wiki/index.md") or b"").decode(), articles).encode()
        )

    compile_article(Agent(shared, "zero"), "zulu")
    save(shared, mode="all")
    one, two, ended = Agent(shared, "one"), Agent(shared, "two"), Agent(shared, "ended")
    for agent, slug in ((ended, "dodo"), (two, "bravo"), (one, "acme")):
        compile_article(agent, slug)
    ended.end()
    assert save(shared, "one").ids == [["one"], ["ended"]]
    for commit, names in (("HEAD", {"ACME", "DODO", "ZULU"}), ("HEAD~1", {"DODO", "ZULU"})):
        text = show(shared, commit, "wiki/index.md")
        assert {name for name in ("ACME", "BRAVO", "DODO", "ZULU") if name in text} == names
    assert shared.git("show", "--format=", "--name-only", "HEAD").split() == ["wiki/clients/acme.md", "wiki/index.md"]
    save(shared, "two")
    assert shared.status() == "" and show(shared, "HEAD", "wiki/index.md") == shared.read("wiki/index.md")


# --- kills -------------------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("place", ["snapshot", "commit", "index-locked", "index", "ref", "push", "pushed"])
def test_a_killed_split_is_finished_by_the_next(shared: Machine, world: World, place: str) -> None:
    ended_one, live, me = Agent(shared, "ended"), Agent(shared, "live"), Agent(shared, "me")
    for agent in (ended_one, live, me):
        agent.append(LIST, f"of {agent.id}")
    ended_one.end()
    env = {"CLAUDETOOLS_SESSION_ID": "me", **at(shared, place, KILL_GROUP)}
    assert ended(shared.start("bash", SYNC, env=env)) == -signal.SIGKILL and was_reached(env)
    result = me.sync()
    assert result.code == 0, result.text
    assert ids(shared, 2) == [["me"], ["ended"]]
    assert world.remote_file(LIST).endswith("l7\nof ended\nof me\n") and "of live" in shared.read(LIST)
    assert live.sync().code == 0
    assert shared.status() == "" and world.remote_file(LIST) == shared.read(LIST)
    for n, id in enumerate(["live", "me", "ended"]):
        patch = shared.git("show", "--format=", f"HEAD~{n}").split("\n")
        assert [line for line in patch if line.startswith("+of")] == [f"+of {id}"]
    shared.assert_sound()


BEFORE_IT_IS_THERE = ["put-back", "advance-plan", "advance-journal", "swap-1"]
ONCE_IT_IS_THERE = ["swapped-1", "advance-kept", "advance-done", "put-back-done"]


def kill_put_back(machine: Machine, place: str) -> tuple[Agent, Agent]:
    agents = overwrite(machine)
    env = {"CLAUDETOOLS_SESSION_ID": "one", **at(machine, place, KILL_GROUP)}
    assert ended(machine.start("bash", SYNC, env=env)) == -signal.SIGKILL and was_reached(env)
    return agents


@pytest.mark.sampled(8)
@pytest.mark.parametrize("place", BEFORE_IT_IS_THERE + ONCE_IT_IS_THERE)
def test_a_killed_put_back_is_finished_by_the_next(shared: Machine, world: World, place: str) -> None:
    one, two = kill_put_back(shared, place)
    said = ""
    for agent in (one, two):
        result = agent.sync()
        assert result.code == 0, result.text
        said += result.out
    assert said.count("[INFO] Put back: 'isp' wrote") == 1, said
    assert shared.read(LIST).endswith("l7\nof one\nof two\n") and shared.status() == ""
    assert ids(shared, 2) == [["two"], ["one"]] and world.remote_file(LIST) == shared.read(LIST)
    assert not list((shared.state / "trees/main").glob("put-back*"))
    shared.assert_sound()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("place", ONCE_IT_IS_THERE)
def test_what_a_killed_put_back_brought_and_a_person_takes_out_stays_out(
    shared: Machine, world: World, place: str
) -> None:
    """To the very bytes from before: nothing but the notes of the killed run tells that it had come back."""
    before = shared.read(LIST) + "of two\n"
    one, two = kill_put_back(shared, place)
    assert shared.read(LIST) != before
    shared.write(LIST, before)
    for agent in (one, two, one):
        assert agent.sync().code == 0
    assert shared.read(LIST) == world.remote_file(LIST) == before and shared.status() == ""
    shared.assert_sound()


def test_an_edit_before_lines_come_back_is_a_step_of_its_own(shared: Machine, world: World) -> None:
    """The file is merged then: what comes back is written down as what was done to the file as it was."""
    one, two = overwrite(shared)
    three = Agent(shared, "three")
    env = at(shared, "put-back", f"sed -i 's/^l3$/l3 of three/' {LIST}")
    text = shared.read(LIST)
    result = one.sync(**env)
    assert result.code == 0 and was_reached(env), result.text
    three.record(LIST, text.encode(), text.replace("l3\n", "l3 of three\n").encode(), "edit")
    back = ledger.read_edits(one.place, "one")[-1]
    assert back.tool == "put-back" and back.before == digest(text.replace("l3\n", "l3 of three\n").encode())
    assert back.after == digest(shared.read(LIST).encode()) and 0 < back.began <= back.time
    for agent in (two, three, one):
        assert agent.sync().code == 0
    assert shared.read(LIST).endswith("of one\nof two\n") and "l3 of three\n" in shared.read(LIST)
    assert world.remote_file(LIST) == shared.read(LIST) and shared.status() == ""


def test_what_cannot_be_put_back_is_not_said_to_be(shared: Machine, world: World) -> None:
    """Somebody has deleted the file in the same moment."""
    one, _ = overwrite(shared)
    env = at(shared, "swap-1", f"rm {LIST}")
    result = one.sync(**env)
    assert was_reached(env) and "Put back" not in result.out, result.text
    assert not (shared.top / LIST).exists() and "Traceback" not in result.err
