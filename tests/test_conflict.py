"""True conflicts: what the machine settles, what is parked, and how a person settles it."""

from __future__ import annotations

import random

import pytest

from vaults import AGE_TEXT
from world import Machine, World, run_plain, write_identity

OPAQUE = "\u00ff\u00fe\u00fd" * 9  # as a line of a ciphertext
LINES = "".join(f"line {i}\n" for i in range(10))


@pytest.fixture
def other(world: World, machine: Machine) -> Machine:
    for name in ("n.md", "code.py", "free.md"):
        machine.write(name, LINES)
    machine.push()
    return world.machine("LINUX-02", "howard")


def clash(machine: Machine, other: Machine, path: str = "n.md") -> None:
    """Howard's change of line 4 is on the remote, Mike's is in his folder."""
    other.write(path, LINES.replace("line 4", "howard's"))
    other.push()
    machine.write(path, LINES.replace("line 4", "mike's"))


def safety_branches(world: World) -> str:
    return world.remote_git("for-each-ref", "--format=%(refname)", "refs/heads/claudetools")


def test_both_sides_appended_to_a_markdown_file_and_both_are_kept(
    world: World, machine: Machine, other: Machine
) -> None:
    other.write("n.md", LINES + "howard's\n")
    other.push()
    machine.write("n.md", LINES + "mike's\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert machine.read("n.md") == LINES + "howard's\nmike's\n" == world.remote_file("n.md")
    assert "[INFO] n.md: both sides added lines: both are kept" in result.out
    machine.assert_sound()


def test_both_sides_added_a_file_of_one_name_and_nothing_is_lost(
    world: World, machine: Machine, other: Machine
) -> None:
    other.write("both.txt", "howard's\n")
    other.push()
    machine.write("both.txt", "mike's\n")
    assert machine.sync().code == 0
    assert world.remote_file("both.txt") == "howard's\nmike's\n"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("driver", ["true", "cp %B %A"])
def test_a_merge_driver_that_keeps_one_side_drops_nobodys_lines(
    world: World, machine: Machine, other: Machine, driver: str
) -> None:
    machine.write(".gitattributes", "*.lock merge=one-side\n")
    machine.write("a.lock", LINES)
    assert machine.sync().code == 0
    machine.git("config", "merge.one-side.driver", driver)
    other.git("pull", "-q")
    other.write("a.lock", LINES.replace("line 1\n", "howard's\n"))
    other.push()
    machine.write("a.lock", LINES.replace("line 8\n", "mike's\n"))
    result = machine.sync()
    assert result.code == 0, result.text
    both = LINES.replace("line 1\n", "howard's\n").replace("line 8\n", "mike's\n")
    assert world.remote_file("a.lock") == both == machine.read("a.lock")
    assert "a.lock: a merge driver kept one side only: merged by lines instead" in result.out


def test_a_merge_driver_that_keeps_one_side_of_the_same_line_is_a_true_conflict(
    world: World, machine: Machine, other: Machine
) -> None:
    machine.write(".gitattributes", "n.md merge=one-side\n")
    machine.sync()
    machine.git("config", "merge.one-side.driver", "true")
    other.git("pull", "-q")
    clash(machine, other)
    result = machine.sync()
    assert result.code == 65, result.text
    assert "mike's" in machine.read("n.md") and "howard's" in world.remote_file("n.md")
    machine.sync("--resolve")
    assert machine.sync("--resolve", "--take", "mine", "n.md").code == 0
    assert machine.sync().code == 0
    assert world.remote_file("n.md") == LINES.replace("line 4", "mike's")


def test_appends_to_code_are_a_true_conflict(world: World, machine: Machine, other: Machine) -> None:
    other.write("code.py", LINES + "howard's\n")
    other.push()
    machine.write("code.py", LINES + "mike's\n")
    assert machine.sync().code == 65
    assert machine.read("code.py") == LINES + "mike's\n"


def test_a_true_conflict_parks_its_commit_and_the_others_go(world: World, machine: Machine, other: Machine) -> None:
    clash(machine, other)
    first = machine.sync()
    assert first.code == 65, first.text
    assert "[ERROR] n.md: you and Howard Lee (" in first.out
    assert "--resolve" in first.out and "Waiting for this: 1 received file. Your commits" in first.out
    assert machine.read("n.md") == LINES.replace("line 4", "mike's")
    machine.write("free.md", LINES + "more\n")
    second = machine.sync()
    assert second.code == 65, second.text
    assert world.remote_file("free.md") == LINES + "more\n", "what does not conflict is sent"
    assert world.remote_file("n.md") == LINES.replace("line 4", "howard's")
    assert "safe on origin" in second.out
    assert "refs/heads/claudetools/conflict/LINUX-01-mike/main" in safety_branches(world)
    machine.assert_sound()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_push_that_fails_while_a_conflict_waits_loses_nothing(
    world: World, machine: Machine, other: Machine, failing: int
) -> None:
    clash(machine, other)
    machine.write("own.txt", "mike's own\n")
    machine.write("free.md", LINES + "more\n")
    machine.git("add", "free.md")
    machine.git("-c", "user.name=Mike Swanson", "-c", "user.email=mike@example.com", "commit", "-qm", "free")
    shim = machine.home / "bin"
    shim.mkdir()
    (shim / "git").write_text(
        f"""#!/bin/sh
case " $* " in *" push "*) echo x >>{shim}/n; [ "$(wc -l <{shim}/n)" -ne {failing} ] || exit 128 ;; esac
PATH={machine.env()["PATH"]} exec git "$@"
"""
    )
    (shim / "git").chmod(0o755)
    machine.sync(env={"PATH": f"{shim}:{machine.env()['PATH']}"})
    assert len((shim / "n").read_text().split()) >= failing
    for _ in range(2):
        result = machine.sync()
        assert result.code == 65, result.text
        assert machine.read("n.md") == LINES.replace("line 4", "mike's")
        assert machine.read("own.txt") == "mike's own\n"
        copy = "refs/heads/claudetools/conflict/LINUX-01-mike/main"
        assert world.remote_git("show", f"{copy}:own.txt") == "mike's own\n"
        assert world.remote_file("free.md") == LINES + "more\n"


def test_two_clones_of_one_person_keep_a_copy_each(world: World, machine: Machine, other: Machine) -> None:
    second = world.machine("LINUX-01-again", "mike")
    second.name = machine.name
    write_identity(second)
    clash(machine, other)
    second.write("n.md", LINES.replace("line 4", "mike's other"))
    for one in (machine, second):
        result = one.sync()
        assert result.code == 65 and "safe on origin" in result.out, result.text
    first, again = safety_branches(world).split()
    assert "mike's\n" in world.remote_git("show", f"{first}:n.md")
    assert "mike's other\n" in world.remote_git("show", f"{again}:n.md")
    second.sync("--resolve")
    second.sync("--resolve", "--take", "mine", "n.md")
    assert second.sync().code == 0
    assert safety_branches(world).split() == [first], "one's own copy goes, the other's stays"


def test_a_copy_stays_when_its_commits_were_taken_off_by_hand(world: World, machine: Machine, other: Machine) -> None:
    clash(machine, other)
    assert machine.sync().code == 65
    machine.git("reset", "-q", "--hard", "origin/main")
    result = machine.sync()
    assert result.code == 0, result.text
    command = "git push origin --delete claudetools/conflict/LINUX-01-mike/main"
    assert command in result.out
    assert "mike's\n" in world.remote_git("show", f"{safety_branches(world).strip()}:n.md")
    assert command not in machine.sync().out
    machine.run("bash", "-c", command)
    assert safety_branches(world) == ""


def test_a_later_commit_to_a_parked_path_is_parked_with_it(world: World, machine: Machine, other: Machine) -> None:
    clash(machine, other)
    machine.sync()
    machine.write("n.md", machine.read("n.md").replace("line 9", "mike too"))
    assert machine.sync().code == 65
    assert "mike" not in world.remote_file("n.md")


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("side", "line"), [("mine", "mike's\n"), ("theirs", "howard's\n")])
def test_taking_a_side_settles_it(world: World, machine: Machine, other: Machine, side: str, line: str) -> None:
    clash(machine, other)
    machine.write("free.md", LINES + "more\n")
    machine.sync()
    laid = machine.sync("--resolve")
    assert laid.code == 0, laid.text
    assert ".claudetools-resolve/n.md" in laid.out
    assert "<<<<<<< yours" in machine.read(".claudetools-resolve/n.md")
    taken = machine.sync("--resolve", "--take", side, "n.md")
    assert taken.code == 0, taken.text
    result = machine.sync()
    assert result.code == 0, result.text
    assert machine.read("n.md") == LINES.replace("line 4\n", line) == world.remote_file("n.md")
    assert not (machine.top / ".claudetools-resolve").exists()
    assert safety_branches(world) == ""
    assert machine.status() == ""
    assert machine.git("rev-parse", "HEAD") == world.tip()
    world.assert_linear()
    machine.assert_sound()


def test_an_edited_resolution_is_taken_and_markers_are_not(world: World, machine: Machine, other: Machine) -> None:
    clash(machine, other)
    machine.sync()
    machine.sync("--resolve")
    assert machine.sync().code == 65, "the markers are still in it"
    assert "<<<<" not in world.remote_file("n.md")
    machine.write(".claudetools-resolve/n.md", LINES.replace("line 4", "both of us"))
    result = machine.sync()
    assert result.code == 0, result.text
    assert "your resolution was taken" in result.out
    assert world.remote_file("n.md") == machine.read("n.md") == LINES.replace("line 4", "both of us")
    machine.assert_sound()


def test_abort_leaves_everything_as_it_was(machine: Machine, other: Machine) -> None:
    clash(machine, other)
    machine.sync()
    machine.sync("--resolve")
    assert machine.sync("--resolve", "--abort").code == 0
    assert not (machine.top / ".claudetools-resolve").exists()
    assert machine.read("n.md") == LINES.replace("line 4", "mike's")
    assert machine.sync().code == 65


def test_an_edit_after_laying_out_is_never_dropped(machine: Machine, other: Machine) -> None:
    clash(machine, other)
    machine.sync()
    machine.sync("--resolve")
    machine.write(".claudetools-resolve/n.md", LINES.replace("line 4", "both of us"))
    machine.write("n.md", machine.read("n.md").replace("line 9", "one more thought"))
    assert machine.sync().code == 65, "the result was made for another text"
    assert "one more thought" in machine.read("n.md")
    machine.sync("--resolve")
    assert "one more thought" in machine.read(".claudetools-resolve/n.md")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("wrote", ["", "mine and howard's\n"])
def test_a_conflict_that_goes_by_itself_leaves_no_folder_behind_and_nothing_is_lost(
    world: World, machine: Machine, other: Machine, wrote: str
) -> None:
    clash(machine, other)
    assert machine.sync().code == 65
    machine.sync("--resolve")
    assert machine.status() == "", "what is laid out is nobody's to commit"
    laid = machine.top / ".claudetools-resolve/n.md"
    other.write("n.md", LINES)  # howard takes his line back
    other.push()
    if wrote:
        laid.write_text(wrote)
    result = machine.sync()
    assert result.code == 0, result.text
    assert not laid.parent.exists()
    assert world.remote_file("n.md") == LINES.replace("line 4", "mike's") == machine.read("n.md")
    kept = [path.read_text() for path in (machine.state / "quarantine").rglob("n.md")]
    assert kept == ([wrote] if wrote else [])
    assert ("The conflict is gone without your resolution." in result.out) == bool(wrote)
    machine.assert_sound()


def test_deleted_there_and_edited_here_is_settled_by_taking_a_side(
    world: World, machine: Machine, other: Machine
) -> None:
    (other.top / "n.md").unlink()
    other.push()
    machine.write("n.md", LINES + "mike's\n")
    assert machine.sync().code == 65
    assert "take a side" in machine.sync("--resolve").out
    assert machine.sync("--resolve", "--take", "theirs", "n.md").code == 0
    assert machine.sync().code == 0
    assert not (machine.top / "n.md").exists()
    assert "n.md" not in world.remote_files()
    machine.assert_sound()


def test_edits_of_different_lines_of_an_encrypted_file_are_never_merged(world: World, machine: Machine) -> None:
    sealed = AGE_TEXT + "".join(f"{OPAQUE}{n}\n" for n in range(10))
    howards, mikes = (sealed.replace(f"{OPAQUE}{n}\n", f"{OPAQUE[::-1]}{n}\n") for n in (1, 8))
    machine.write("acme.age", sealed)
    machine.sync()
    other = world.machine("LINUX-02", "howard")
    other.write("acme.age", howards)
    other.push()
    machine.write("acme.age", mikes)
    assert machine.sync().code == 65
    assert world.remote_file("acme.age") == howards
    assert machine.sync("--resolve", "--take", "mine", "acme.age").code == 65, "not laid out yet"
    machine.sync("--resolve")
    assert machine.sync("--resolve", "--take", "mine", "acme.age").code == 0
    assert machine.sync().code == 0
    assert world.remote_file("acme.age") == mikes


def test_a_renamed_folder_takes_the_others_new_file_along(world: World, machine: Machine, other: Machine) -> None:
    for i in range(4):
        machine.write(f"clients/old/{i}.md", f"some text that git can recognise {i}\n" * 5)
    machine.push()
    other.git("pull", "-q")
    other.write("clients/old/new.md", "howard's new file\n")
    other.push()
    (machine.top / "clients" / "old").rename(machine.top / "clients" / "acme")
    result = machine.sync("--allow", ".")
    assert result.code == 0, result.text
    assert "clients/acme/new.md" in world.remote_files()
    assert machine.read("clients/acme/new.md") == "howard's new file\n"


def test_twenty_local_commits_are_replayed_in_order(world: World, machine: Machine, other: Machine) -> None:
    for i in range(20):
        machine.write("n.md", machine.read("n.md") + f"{i}\n")
        machine.sync("--no-push", "-m", f"step {i}")
    other.write("free.md", "howard's\n" + LINES)
    other.push()
    result = machine.sync()
    assert result.code == 0, result.text
    subjects = world.remote_git("log", "--reverse", "--format=%s", "main").splitlines()
    assert subjects[-20:] == [f"step {i}" for i in range(20)]
    world.assert_linear()
    machine.assert_sound()


def test_resolve_without_a_conflict_says_so(machine: Machine) -> None:
    result = machine.sync("--resolve")
    assert (result.code, result.out) == (0, "[OK] Nothing to settle.\n")


# --- a remote that refuses ------------------------------------------------------------


def refuse(world: World, script: str) -> None:
    hook = world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nwhile read old new ref; do\n" + script + "\ndone\n")
    hook.chmod(0o755)


REFUSE_TOKENS = """
for c in $(git rev-list $old..$new); do
  if git show $c | grep -q '^+.*TOKEN'; then echo "commit $c holds a token" >&2; exit 1; fi
done"""


def test_a_refused_commit_is_set_aside_and_the_others_go(world: World, machine: Machine) -> None:
    refuse(world, REFUSE_TOKENS)
    machine.write("a.md", "a\n")
    machine.sync("--no-push", "-m", "first")
    machine.write("bad.md", "TOKEN=1\n")
    machine.sync("--no-push", "-m", "second")
    machine.write("c.md", "c\n")
    result = machine.sync("-m", "third")
    assert result.code == 77, result.text
    assert "[WARN] origin refused 1 of 3 commits; the other 2 are on main." in result.out
    assert "second" in result.out and "holds a token" in result.out
    assert {"a.md", "c.md"} <= set(world.remote_files())
    assert "bad.md" not in world.remote_files()
    assert machine.read("bad.md") == "TOKEN=1\n"
    assert machine.status() == ""
    assert machine.git("log", "-1", "--format=%s") == "second"
    again = machine.sync()
    assert again.code == 77, again.text
    machine.assert_sound()


REFUSE_PATHS = """
if git diff --name-only $old $new | grep -q '^locked/'; then echo "locked/ is the admins' folder" >&2; exit 1; fi"""
SAY_NOTHING = """
if git diff --name-only $old $new | grep -q '^locked/'; then exit 1; fi"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("by", ["path", "nothing said", "size"])
def test_whatever_the_reason_is_only_the_refused_commit_stays(world: World, machine: Machine, by: str) -> None:
    """By a hook that knows folders, by one that says nothing, and by git's own limit for what comes in at once."""
    content = b"locked\n"
    if by == "size":
        world.remote_git("config", "receive.maxInputSize", "40000")
        content = random.Random(1).randbytes(60_000)
    else:
        refuse(world, REFUSE_PATHS if by == "path" else SAY_NOTHING)
    for number, path in enumerate(["a.md", "locked/b.bin", "c.md", "d.md"]):
        machine.write(path, content if number == 1 else f"{number}\n")
        result = machine.sync("-m", f"step {number}", *(["--no-push"] if number < 3 else []))
    assert result.code == 77, result.text
    assert "[WARN] origin refused 1 of 4 commits; the other 3 are on main." in result.out
    assert "step 1" in result.out
    assert {"path": "locked/ is the admins' folder", "nothing said": "declined", "size": "maximum allowed size"}[
        by
    ] in result.out, result.text
    assert {"a.md", "c.md", "d.md"} <= set(world.remote_files()) and "locked/b.bin" not in world.remote_files()
    assert (machine.top / "locked/b.bin").read_bytes() == content
    assert machine.status() == ""
    (machine.top / "locked/b.bin").rename(machine.top / "b.bin")
    machine.write("b.bin", "mended\n")
    assert machine.sync().code == 0
    assert world.remote_file("b.bin") == "mended\n"
    machine.assert_sound()


def test_incoming_work_still_arrives_beside_a_refused_commit(world: World, machine: Machine) -> None:
    refuse(world, REFUSE_TOKENS)
    machine.write("bad.md", "TOKEN=1\n")
    assert machine.sync().code == 77
    other = world.machine("LINUX-02", "howard")
    other.write("h.md", "howard\n")
    other.push()
    machine.write("mine.md", "m\n")
    assert machine.sync().code == 77
    assert machine.read("h.md") == "howard\n"
    assert "mine.md" in world.remote_files()
    machine.assert_sound()


def test_mending_the_file_lets_the_next_sync_send_it_without_the_secret(world: World, machine: Machine) -> None:
    refuse(world, REFUSE_TOKENS)
    machine.write("bad.md", "one\nTOKEN=1\n")
    assert machine.sync().code == 77
    machine.write("bad.md", "one\nvault: acme/token\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert world.remote_file("bad.md") == "one\nvault: acme/token\n"
    history = run_plain(world.root, "git", "-C", str(world.remote), "log", "-p", "main")
    assert "TOKEN" not in history
    machine.assert_sound()


def test_a_secret_that_a_server_names_by_file_and_line_has_a_way_into_the_vault(world: World, machine: Machine) -> None:
    named = REFUSE_TOKENS.replace("; exit 1", "; echo '       path: acme/bad.md:2' >&2; exit 1")
    refuse(world, named)
    machine.write("acme/bad.md", "one\nTOKEN=1\n")
    assert "vault put" not in machine.sync().out, "there is no vault here"
    write_identity(machine, vault_path=str(world.root))
    result = machine.sync()
    assert "A value goes into the vault by: " in result.out and " vault put acme/bad.md:2 NAME\n" in result.out, (
        result.text
    )


def test_a_remote_that_refuses_everything_keeps_everything_here(world: World, machine: Machine) -> None:
    refuse(world, "echo closed >&2; exit 1")
    machine.write("a.md", "a\n")
    result = machine.sync()
    assert result.code == 77
    assert "closed" in result.out
    (world.remote / "hooks" / "pre-receive").unlink()
    assert machine.sync().code == 0
    assert "a.md" in world.remote_files()


def plain_commit(machine: Machine, path: str, text: str, subject: str) -> None:
    """What a person does beside us, with git alone."""
    machine.write(path, text)
    machine.git("add", "-f", path)
    machine.git("commit", "-q", "-m", subject)


def test_a_plain_commit_with_a_secret_waits_and_the_others_go(world: World, machine: Machine) -> None:
    machine.sync()
    plain_commit(machine, "one.md", "1\n", "one")
    plain_commit(machine, ".env", "TOKEN=1\n", "oops")
    plain_commit(machine, "two.md", "2\n", "two")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "Left out: .env (added by commit " in result.out and "looks like a secret" in result.out
    assert {"one.md", "two.md"} <= set(world.remote_files())
    assert ".env" not in world.remote_files()
    assert machine.read(".env") == "TOKEN=1\n"
    assert machine.sync().code == 65, "it stays named"
    machine.assert_sound()


def test_a_key_in_a_large_bundle_waits_and_its_deletion_takes_it_out(world: World, machine: Machine) -> None:
    machine.sync()
    key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
    plain_commit(machine, "site.pem", key + "-----BEGIN CERTIFICATE-----\n" + "MIIB\n" * 100_000, "bundle")
    (machine.top / "site.pem").rename(machine.home / "site.pem")
    result = machine.sync("--", "README.md")
    assert result.code == 65 and "site.pem (added by commit " in result.out, result.text
    result = machine.sync()
    assert result.code == 0, result.text
    assert "BEGIN PRIVATE KEY" not in world.remote_git("log", "-p", "main")


def test_taking_the_secret_out_again_sends_the_rest_without_it(world: World, machine: Machine) -> None:
    machine.sync()
    plain_commit(machine, ".env", "TOKEN=1\n", "oops")
    assert machine.sync().code == 65
    machine.git("rm", "-q", "--cached", ".env")
    machine.write(".gitignore", machine.read(".gitignore") + "/.env\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert ".env" not in run_plain(
        world.root, "git", "-C", str(world.remote), "log", "--name-only", "--format=", "main"
    )
    assert machine.read(".env") == "TOKEN=1\n"


def test_a_plain_commit_with_a_bare_log_name_can_be_allowed(world: World, machine: Machine) -> None:
    machine.sync()
    log = "session-logs/2026-06-05-session.md"
    plain_commit(machine, log, "x\n", "log")
    assert machine.sync().code == 65
    assert log not in world.remote_files()
    assert machine.sync("--allow", log).code == 0
    assert log in world.remote_files()
