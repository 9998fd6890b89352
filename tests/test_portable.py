"""With tools as macOS and the BSDs have them: stubs refuse what only GNU knows, and write down that they did. And with
a bash as macOS has it, which compares times by whole seconds."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from agents import Agent
from installing import TOOLKIT, run_install
from round_trip import assert_synced
from test_contention import Start
from test_gone import GONE, LIST
from test_queue import lock_held, result_of, start_queued
from test_writers import committed_versions, stub_git
from world import Machine, World

# The letters that POSIX gives each tool, and those that every BSD has as well. None of them takes a long option.
LETTERS = {
    "awk": "Ffv",
    "basename": "as",
    "cat": "u",
    "chmod": "R",
    "cksum": "",
    "cmp": "ls",
    "comm": "123",
    "cp": "fipRHLP",
    "cut": "bcdfns",
    "date": "u",
    "diff": "bcefruCU",
    "dirname": "",
    "env": "iu",
    "grep": "EFcefilnqsvx",
    "head": "cn",
    "hostname": "s",
    "id": "Gugnr",
    "ln": "fsLP",
    "ls": "1ACFRHLacdfgiklmnopqrstux",
    "mkdir": "mp",
    "mkfifo": "m",
    "mktemp": "dqtu",
    "mv": "fi",
    "od": "AjNtv",
    "ps": "Aaefgloptu",
    "readlink": "n",
    "rm": "fiRrd",
    "rmdir": "p",
    "sed": "Enef",
    "sleep": "",
    "sort": "bcdfikmnortu",
    "tail": "cfn",
    "tee": "ai",
    "touch": "acmrt",
    "tr": "Ccds",
    "uname": "amnrsv",
    "wc": "clmw",
    "xargs": "0EILnpstx",
}
# Here an option behind a file name is a file name.
STRICT = ("cat", "chmod", "cp", "ln", "mkdir", "mv", "rm", "rmdir", "touch")
MISSING = ["flock", "gawk", "md5sum", "nproc", "numfmt", "pidof", "realpath", "setsid", "sha256sum", "shuf", "stat"]
MISSING += ["stdbuf", "tac", "timeout", "truncate"]
FIND = "-H|-L|-P|-name|-newer|-path|-print|-print0|-prune|-size|-type|-mtime|-mmin|-maxdepth|-mindepth|-delete"

STUB = """#!/bin/sh
refuse() {{ printf '%s\\n' "{name} $*" >>'{log}'; exit 64; }}
seen=
for word do
  case $word in
    --) break ;;
    -) ;;
    -*)
      [ -z "$seen" ] || {after}
      [ -n "$seen" ] || case ${{word#-}} in {number}-* | *[!{letters}]*) {bad} ;; esac ;;
    *) seen=1 ;;
  esac
done
exec '{real}' "$@"
"""
DATE = """#!/bin/sh
case $1 in
  -r) shift; exec '{real}' -d "@$1" "$2" ;;
  -u | +*) case $* in *%N*) ;; *) exec '{real}' "$@" ;; esac ;;
  '') exec '{real}' ;;
esac
printf '%s\\n' "date $*" >>'{log}'
exit 64
"""
FIND_STUB = """#!/bin/sh
other=
for word do
  case $word in
    -exec) other=1 ;; # the words of another program, which has a stub of its own
    ';' | +) other= ;;
    {known}) ;;
    -*) [ -n "$other" ] || {{ printf '%s\\n' "find $*" >>'{log}'; exit 64; }} ;;
  esac
done
exec '{real}' "$@"
"""


class Tools:
    """A folder of stubs for the front of a PATH, and what was refused."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "bsd", folder / "bsd.log"
        self.folder.mkdir()
        for name, letters in LETTERS.items():
            if real := shutil.which(name):
                self.write(name, self.stub(name, letters, real))
        self.write("find", FIND_STUB.format(known=FIND, log=self.log, real=shutil.which("find")))
        self.write("date", DATE.format(log=self.log, real=shutil.which("date")))
        for name in MISSING:
            self.write(name, f"#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>'{self.log}'\nexit 127\n")

    def stub(self, name: str, letters: str, real: str) -> str:
        after = 'refuse "$@"' if name in STRICT else ":"
        # `head -5`, `tail -5`: every BSD takes them.
        number = "[0-9]*) ;; " if name in ("head", "tail") else ""
        bad = 'refuse "$@"'
        return STUB.format(
            name=name, log=self.log, letters=letters or "?", real=real, after=after, number=number, bad=bad
        )

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    @property
    def env(self) -> Mapping[str, str]:
        return {"PATH": f"{self.folder}:{os.environ['PATH']}"}

    def refused(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


@pytest.mark.parametrize(
    ("call", "fine"),
    [
        ("sed -i s/a/b/ f", False),
        ("sed -n -e p f", True),
        ("cp --preserve a b", False),
        ("cp a b -p", False),
        ("cp -p -- a -b", True),
        ("grep -P x f", False),
        ("grep -qE x f", True),
        ("date +%s%N", False),
        ("date +%s", True),
        ("sort -z", False),
        ("find . -printf x", False),
        ("find . -name x", True),
        ("stat -c %s f", False),
        ("timeout 1 true", False),
        ("rm -f f", True),
    ],
)
def test_the_stubs_refuse_what_only_gnu_knows(machine: Machine, tools: Tools, call: str, fine: bool) -> None:
    machine.run("sh", "-c", call, cwd=machine.home, env=tools.env)
    assert (tools.refused() == []) is fine


@pytest.mark.sampled(2, "mac")
def test_the_whole_way_works_with_the_tools_of_a_mac(world: World, tools: Tools) -> None:
    mike = world.machine("MAC-01", "mike")
    mike.extra_env = dict(tools.env)
    result = run_install(mike, mike.top)
    assert result.code == 0, result.text

    def call(machine: Machine, script: str, *expected: int) -> str:
        result = machine.run("bash", "-c", f"bash .claude/{script}")
        assert result.code in (expected or (0,)), f"{script}: {result.text}"
        return result.out

    call(mike, "scripts/sync.sh -m Install")
    howard = world.machine("MAC-02", "howard", clone=False)
    howard.extra_env = dict(tools.env)
    howard.run("git", "clone", "-q", world.remote, howard.top, cwd=howard.home)
    howard.git("config", "--global", "user.email", "howard@example.com")
    call(howard, "scripts/claudetools.sh setup --machine MAC-02")
    for machine, name in ((howard, "h"), (mike, "m")):
        machine.write(f"clients/{name}/notes.md", "one\n")
        machine.write("shared.md", f"from {name}\n")
        call(machine, "scripts/sync.sh", 0, 65)
    call(mike, "scripts/sync.sh --resolve", 0, 65)
    call(mike, "scripts/sync.sh --resolve --take both shared.md", 0, 65)
    call(mike, "scripts/sync.sh")
    call(howard, "scripts/sync.sh")
    assert mike.read("shared.md") == howard.read("shared.md")
    call(mike, "scripts/whoami-block.sh", 0, 78)  # the host is not called so
    points = call(mike, "scripts/sync.sh --points")
    assert points.strip()
    call(mike, "scripts/sync.sh --status")
    call(mike, "scripts/claudetools.sh doctor")
    call(mike, "scripts/claudetools.sh with-lock -- true")
    call(mike, "scripts/claudetools.sh log --help")
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    call(mike, "scripts/sync.sh", 65)
    (mike.top / "session-logs/2026-06-05-session.md").unlink()
    mike.write("by-hand.md", "x\n")
    mike.git("add", "by-hand.md")
    mike.git("commit", "-q", "-m", "by hand")
    call(mike, "scripts/sync.sh")
    mike.assert_sound()
    result = run_install(mike, "--uninstall", mike.top)
    assert result.code == 0, result.text
    assert tools.refused() == []


@pytest.mark.sampled(2, "mac")
def test_the_demo_keeps_everything_and_leaves_nothing_with_the_tools_of_a_mac(tools: Tools, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    machine = Machine("demo", "mike", home, home)
    folder = tmp_path / "temporary"
    folder.mkdir()
    result = machine.run("bash", TOOLKIT / "scripts" / "demo.sh", env={**tools.env, "TMPDIR": str(folder)})
    assert result.code == 0, result.text
    assert tools.refused() == []
    assert "8 commits, 0 foreign lines, 0 errors" in result.out
    assert "shown on machine A" in result.out
    assert "[OK] Nothing left behind." in result.out
    assert [*folder.iterdir(), *home.iterdir()] == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", ["refused", "Git Bash"])
def test_without_a_fifo_the_lock_is_kept_all_the_same(world: World, tools: Tools, how: str) -> None:
    """Some file systems refuse it, Git Bash has none that works: no beacon then, and everything else is as ever."""
    tools.write(
        "mkfifo", f"#!/bin/sh\necho 'mkfifo: Operation not permitted' >&2\necho {how} >>'{tools.log}'\nexit 1\n"
    )
    mike = world.machine("WIN-01", "mike")
    mike.extra_env = {**tools.env, **({"OSTYPE": "msys"} if how == "Git Bash" else {})}
    assert run_install(mike, mike.top).code == 0
    result = mike.run("bash", ".claude/scripts/sync.sh", "-m", "Install")
    assert result.code == 0, result.text
    start = Start()
    for who in range(4):
        start.add(mike, f"echo {who} >'{who}.md'; exec bash .claude/scripts/sync.sh", CLAUDETOOLS_SESSION_ID=f"s-{who}")
    results = start.go()
    assert {r.code for r in results} <= {0, 75}, "\n".join(r.text for r in results)
    assert mike.run("bash", ".claude/scripts/sync.sh").code == 0
    assert [world.remote_file(f"{who}.md") for who in range(4)] == [f"{who}\n" for who in range(4)]
    mike.assert_sound()
    assert (tools.refused() == []) is (how == "Git Bash"), "it is not even tried there"


# --- whole seconds ------------------------------------------------------------------

# Sourced by every bash program: its `[` tells times apart by ticks since the test began, and nothing in between.
COARSE = """
[() {{
  case $#${{2-}}${{3-}} in
    4-[no]t*) compare_ticks "$1" "$2" "$3" ;;
    5*-[no]t) ! compare_ticks "$2" "$3" "$4" ;;
    *) builtin [ "$@" ;;
  esac
}}
compare_ticks() {{
  local one other
  builtin [ -e "$1" ] && builtin [ -e "$3" ] || {{ builtin [ "$1" "$2" "$3" ]; return; }}
  one=$((($(date -r "$1" +%s) - {origin}) / {tick})) other=$((($(date -r "$3" +%s) - {origin}) / {tick}))
  case $2 in -nt) ((one > other)) ;; *) ((one < other)) ;; esac
}}
"""


def coarsen(machine: Machine, tick: int) -> None:
    """Bash as before 4.3 from here on: what is written within `tick` seconds is neither newer nor older."""
    file = machine.home / "coarse.sh"
    file.write_text(COARSE.format(origin=int(time.time()) + 1, tick=tick))
    machine.extra_env["BASH_ENV"] = str(file)


def test_work_of_the_second_of_a_sync_is_saved_by_it(world: World, machine: Machine) -> None:
    machine.write(LIST, "".join(f"l{n}\n" for n in range(8)))
    machine.write("state.json", "the old text\n")
    assert_synced(machine.sync())
    coarsen(machine, 1000)
    one = Agent(machine, "aaaa1111", "acme vpn")
    one.append(LIST, "first")
    machine.write("state.json", "rewritten, not grown\n")
    result = machine.sync("--all")
    assert_synced(result)
    assert "being written" not in result.text and machine.status() == ""
    assert world.remote_file("state.json") == "rewritten, not grown\n"
    one.append(LIST, "of one")
    machine.git("restore", LIST)
    assert GONE in one.sync().out
    staging = machine.home / "staging.sh"
    staging.write_text(f"git -C {machine.top} reset -q\n")
    machine.write("sent.md", "sent\n")
    assert_synced(machine.sync(env={"CLAUDETOOLS_TEST_AT": f"index:{staging}"}))
    assert machine.status() == "", "the next plain commit would take sent.md out again"
    machine.assert_sound()


def test_a_file_that_is_rewritten_in_the_second_of_its_reading_is_read_again(world: World, machine: Machine) -> None:
    machine.write("state.json", "the old text")
    assert_synced(machine.sync())
    machine.write("state.json", "half of the ne")
    coarsen(machine, 2)
    env = stub_git(machine, "after", f"printf 'the whole new text' >'{machine.top}/state.json'")
    result = machine.sync(env=env)
    assert_synced(result)
    assert committed_versions(world, "state.json") == [b"the whole new text", b"the old text"]
    assert machine.status() == ""


def test_who_is_served_hears_of_a_file_that_nobody_could_read_in_peace(world: World, machine: Machine) -> None:
    machine.write("state.json", "the old text")
    assert_synced(machine.sync())
    coarsen(machine, 1000)
    with lock_held(machine):
        env = stub_git(machine, "after", f"printf 'the whole new text' >'{machine.top}/state.json'")
        machine.write("state.json", "half of the ne")
        started = start_queued(machine, 2, **env)
    for result in map(result_of, started):
        assert result.code == 0 and "1 commit of this session, 1 file being written right now." in result.out, (
            result.text
        )
    assert_synced(machine.sync())
    assert world.remote_file("state.json") == "the whole new text"
