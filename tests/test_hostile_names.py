"""Names and messages made up to do harm, or that some system cannot hold: sent whole, or held back and named."""

from __future__ import annotations

import os
import subprocess
import unicodedata

import pytest

from round_trip import assert_plain, assert_same, assert_synced, contents, exchange, save, two_machines
from world import TOOLKIT, Machine, World

NAMES = [
    "new\nline.md",
    "end with newline\n",
    "tab\there.md",
    "-leading",
    "--force",
    "-",
    "quote'single.md",
    'quote"double.md',
    "back\\slash.md",
    "trailing\\",
    "x" * 255,
    "emoji-\U0001f98a-日本語.md",
    unicodedata.normalize("NFC", "café.md"),
    unicodedata.normalize("NFD", "café.md"),
    " space at both ends ",
    "glob*.md",
    "glob?.md",
    "[abc].md",
    "{a,b}.md",
    "!negated",
    "#comment",
    ":(glob)x",
    ":!exclude",
    ":/",
    "HEAD",
    "refs",
    "~tilde",
    "$HOME",
    "`id`",
    "$(touch pwned)",
    "a;b&c|d>e",
    "main",
    "escape\x1b[31mred.md",
    "bell\x07\x7f.md",
    "carriage\rreturn.md",
    "bidi\u202egpj.md",
    "isolate\u2066x\u2069.md",
    "c1\u0085x.md",
    "0 000000 0",
    "100644 blob",
    "...",
    ".hidden",
    "deep/ spaced folder /-x/new\nline/:(top)/file.md",
]
BYTES_NAME = b"latin1-\xe9\xff.md"  # no valid UTF-8


def test_every_hostile_name_is_sent_received_changed_renamed_and_deleted(world: World) -> None:
    a, b = two_machines(world)
    for machine in (a, b):
        machine.git("config", "claudetools.allow", ".")  # half of them are held otherwise (test_names)
    for i, name in enumerate(NAMES):
        a.write(name, f"{i} of A\n")
    (a.top / os.fsdecode(BYTES_NAME)).write_bytes(b"\x00\xff raw")
    exchange(a, b)
    assert not (a.top / "pwned").exists()
    assert not (b.top / "pwned").exists()

    for name in NAMES:
        with (b.top / name).open("a") as file:
            file.write("and B\n")
    exchange(b, a)
    assert (a.top / NAMES[0]).read_text() == "0 of A\nand B\n"

    for i, name in enumerate(NAMES):
        (a.top / name).rename(a.top / f"renamed {i}")
        if i % 2:
            (a.top / f"renamed {i}").rename(a.top / NAMES[i - 1])
    exchange(a, b)

    for path in sorted(contents(b.top)):
        if path not in (b"README.md", b".gitignore"):
            os.unlink(os.path.join(os.fsencode(b.top), path))
    result = b.sync("--allow", ".")
    assert_synced(result)
    save(a)
    assert_same(a, b)
    assert sorted(contents(a.top)) == [b".gitignore", b"README.md"]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", [NAMES[0], "-leading", ":(glob)x", "glob*.md", "escape\x1b[31m.md", "bidi\u202e.md"])
def test_a_path_that_the_caller_names_is_taken_literally(world: World, name: str) -> None:
    a, b = two_machines(world)
    a.write(name, "wanted\n")
    a.write("globally.md", "not wanted\n")
    a.write("x", "not wanted\n")
    save(a, "--allow", name, "--", name)
    assert world.remote_files().count(name) == 1
    assert "globally.md" not in world.remote_files()
    assert "x" not in world.remote_files()
    save(b)
    assert (b.top / name).read_text() == "wanted\n"
    save(a)
    save(b)
    assert_same(a, b)


def test_hostile_names_that_are_held_back_never_reach_the_terminal_raw(machine: Machine) -> None:
    for char in ("\x1b[2J", "\u202e", "\r", "\x07", "\u0085"):
        machine.write(f"x{char}/.env", "SECRET=1\n")
        machine.write(f"twin{char}.md", "a\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert_plain(result)
    assert "looks like a secret" in result.out
    for option in ("--json", "--dry-run", "--points", "--status"):
        assert_plain(machine.sync(option))
    machine.assert_sound()


def test_hostile_words_in_the_message_are_saved_as_they_are_and_shown_harmlessly(
    machine: Machine, world: World
) -> None:
    message = "red \x1b[31m, bell \x07, bidi \u202e, 'quotes\" $(id) `id` %s \\n"
    machine.write("notes.md", "x\n")
    result = machine.sync("-m", message)
    assert_synced(result)
    assert world.remote_git("log", "-1", "--format=%s", "main").rstrip("\n") == message
    machine.assert_sound()


def test_a_message_as_long_as_the_system_lets_through_is_saved_whole(machine: Machine, world: World) -> None:
    """One argument of a program may have 128 KiB on Linux: a longer one never gets as far as sync."""
    message = "long " * 26_000
    machine.write("notes.md", "x\n")
    result = machine.sync("-m", message)
    assert_synced(result)
    assert world.remote_git("log", "-1", "--format=%B", "main").startswith(message.strip())
    machine.assert_sound()


def test_a_message_of_two_lines_is_refused_before_anything_happens(machine: Machine, world: World) -> None:
    machine.write("notes.md", "x\n")
    result = machine.sync("-m", "one\ntwo")
    assert result.code == 64, result.text
    assert "-m takes one line" in result.err
    assert "notes.md" not in world.remote_files()
    machine.assert_sound()


def test_twins_that_differ_in_case_only_are_held_and_the_first_one_stays(world: World) -> None:
    a, b = two_machines(world)
    a.write("Readme.MD", "twin of README.md\n")
    a.write("other.md", "goes\n")
    result = a.sync()
    assert result.code == 65, result.text
    assert "differs from README.md in upper and lower case only" in result.out
    assert "Readme.MD" not in world.remote_files()
    assert "other.md" in world.remote_files()
    assert a.read("Readme.MD") == "twin of README.md\n"
    save(b)
    assert_synced(a.sync("--allow", "Readme.MD"))
    save(b)
    assert_same(a, b)


def test_twins_that_are_both_new_do_not_slip_through_together(world: World, machine: Machine) -> None:
    machine.write("docs/Plan.md", "one\n")
    machine.write("docs/plan.md", "two\n")
    machine.write("docs/goes.md", "three\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "in upper and lower case only" in result.out
    sent = [f for f in world.remote_files() if f.lower() == "docs/plan.md"]
    assert len(sent) <= 1, sent
    assert "docs/goes.md" in world.remote_files()
    assert machine.read("docs/Plan.md") == "one\n"
    assert machine.read("docs/plan.md") == "two\n"
    machine.assert_sound()


def test_a_rename_of_case_alone_goes_through(world: World) -> None:
    a, b = two_machines(world)
    (a.top / "README.md").rename(a.top / "Readme.md")
    exchange(a, b)
    assert "Readme.md" in world.remote_files()
    assert "README.md" not in world.remote_files()


def test_a_file_named_like_a_windows_path_is_moved_to_quarantine_not_deleted(world: World) -> None:
    a, b = two_machines(world)
    cruft = ["C:\\Users\\mike\\notes.txt", "C:Usersmikex", "D:\\temp\\x", "nul", "sub/C:\\x", "sub/D:/a", "sub/D:/b"]
    for name in cruft:
        a.write(name, f"only copy of {name}\n")
    a.write("real.md", "goes\n")
    result = a.sync()
    assert_synced(result)
    assert "is a Windows path used as a file name" in result.out
    assert not [f for f in world.remote_files() if "C:" in f or "D:" in f or f == "nul"]
    assert "real.md" in world.remote_files()
    there = a.state / "quarantine"
    kept = {str(p.relative_to(there)).partition("/")[2]: p.read_text() for p in there.rglob("*") if p.is_file()}
    assert kept == {name: f"only copy of {name}\n" for name in cruft}
    assert result.out.count("Moved away") == len(cruft) - 1, "a folder goes as one"
    save(b)
    assert_same(a, b)


def test_windows_cruft_that_is_tracked_already_can_still_be_deleted_by_its_owner(world: World) -> None:
    a, b = two_machines(world)
    a.write("C:\\old.txt", "tracked\n")
    a.git("add", "-A")
    a.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "By plain git")
    a.git("push", "-q", "origin", "main")
    save(a)
    save(b)
    (b.top / "C:\\old.txt").unlink()
    exchange(b, a)


@pytest.mark.parametrize(
    "name",
    [" C:\\Users\\x.txt", '"C:\\Users\\x.txt"', "$env:TEMP\\x", "%TEMP%\\x", ".\\x", "~\\x", "\\Users\\x",
     "Users\\m\\x", "C:srcops.txt", "c:x", "C%3A\\x", ">nul", "2> nul"],
)  # fmt: skip
def test_a_garbled_path_of_windows_is_known(name: str) -> None:
    rule = TOOLKIT / "hooks" / "checks" / "path-cruft.sh"
    done = subprocess.run(["bash", "-c", '. "$1"; is_garbled_path "sub/$2"', "-", str(rule), name])
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["back\\slash.md", "trailing\\", "ratio 3:4.md", "100% of 5%.md", "a: b.md", "a>b"])
def test_a_strange_name_is_no_path_of_windows(name: str) -> None:
    rule = TOOLKIT / "hooks" / "checks" / "path-cruft.sh"
    done = subprocess.run(["bash", "-c", '. "$1"; is_garbled_path "$2"', "-", str(rule), name])
    assert done.returncode == 1


def test_windows_cruft_that_is_tracked_already_is_named_once_a_day_and_stays(world: World) -> None:
    a, b = two_machines(world)
    cruft = ["C:\\old.txt", "sub/nul", "C\uf03aUsers\uf05cx.txt", "a\uf05cb", "tmpclaude-12ab-cwd"]
    harmless = ["null.md", "annuloid/x", "ratio 3:4.md"]
    for name in [*cruft, *harmless, "D:\\wanted.txt"]:
        a.write(name, f"tracked {name}\n")
    a.git("add", "-A")
    a.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "By plain git")
    a.git("push", "-q", "origin", "main")
    a.git("config", "--add", "claudetools.allow", "D:\\wanted.txt")
    (a.state / "pruned").unlink(missing_ok=True)
    a.write("real.md", "goes\n")
    result = a.sync()
    assert_synced(result)
    assert result.out.count("[WARN]") == result.out.count("is a Windows path used as a file name") == len(cruft)
    assert {"D:\\wanted.txt", "real.md", *harmless, *cruft} <= set(world.remote_files())
    assert not (a.state / "quarantine").exists()
    save(b)
    assert_same(a, b)
