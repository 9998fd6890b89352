"""The rules of hooks/checks: by sync, a plain commit, pre-commit, a server, a CI job; in shell as in Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import Agent
from claudetools.logs import sections
from installing import TOOLKIT as AT_REST
from test_cost import wrap_path
from test_git_hooks import installed, plain_commit
from vaults import AGE, CIPHER, GPG
from world import TOOLKIT, Machine, Result, World, clean_environment, log_text, run_plain

RUN = TOOLKIT / "hooks" / "checks" / "run.sh"
TOOLS = TOOLKIT / "scripts" / "claudetools.sh"
PRE_COMMIT = Path(sys.executable).parent / "pre-commit"
LOG = "session-logs/2026-06-05-mike-acme.md"
SEALED = f"x: {CIPHER}\nsops:\n    mac: {CIPHER}\n"

__all__ = ["installed"]  # the fixture


# --- both languages say the same --------------------------------------------------------


def ask_shell(script: str, *items: str) -> list[str]:
    """One line of the script's answer for each item, which it reads from stdin, NUL after each."""
    parts = ["ui", "log-name", "log-text"]
    files = [str(TOOLKIT / ("scripts/lib" if part == "ui" else "hooks/checks") / f"{part}.sh") for part in parts]
    source = "".join(f". {file}\n" for file in files)
    done = subprocess.run(
        ["bash", "-c", source + script],
        input=b"".join(os.fsencode(item) + b"\0" for item in items),
        env={**clean_environment(Path("/nonexistent")), "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split("\n")[:-1]


WORDS = st.sampled_from(
    [
        "2026-06-05",
        "2026-13-05",
        "2026-06-00",
        "-",
        "--",
        "mike",
        "session",
        "Session",
        "acme",
        "2",
        " ",
        ":",
        "é",
        ".md",
        ".MD",
        ".markdown",
        "\n",
        "]",
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=7).map("".join), min_size=1, max_size=60))
def test_shell_and_python_agree_on_names(names: list[str]) -> None:
    names = [name.replace(chr(0), "").replace("/", "") for name in names]
    names = [f"{name}{'' if re.search('(?i)[.]m[a-z]+$', name) else '.md'}" for name in names]
    script = """while IFS= read -r -d '' name; do
      if check_log_name "session-logs/$name"; then echo good; else echo "$RULE_TEXT"; fi; done"""
    told = ask_shell(script, *names)
    expected = []
    for name in names:
        good = sections.is_log_name(name) or not sections.is_log_path(f"session-logs/{name}")
        good = good and not sections.is_bare_name(name)
        bare = "is a log name that every session of that day would share"
        other = "is no log name (YYYY-MM-DD-<user>-<topic>.md)"
        expected.append("good" if good else bare if sections.is_bare_name(name) else other)
    assert told == expected


BARE = [
    *(f"session-logs/2026-06-05-{word}" for word in ("SESSION.md", "Session-2.MD", "session.markdown", "session.mkd")),
    *("session-logs/2026-06-05.MD", "Session-Logs/2026-06-05-session.md", "clients/a/SESSION-LOGS/2026-06-05.mdown"),
]


@pytest.mark.parametrize("path", BARE)
def test_a_bare_name_is_one_in_every_case_and_with_every_ending(path: str) -> None:
    script = """while IFS= read -r -d '' path; do check_log_name "$path" || echo "$RULE_TEXT: $RULE_FIX"; done"""
    (told,) = ask_shell(script, path)
    folder, _, name = path.rpartition("/")
    assert told == (
        "is a log name that every session of that day would share: "
        f"Rename it: mv -- {path} {folder}/2026-06-05-USER-TOPIC.md"
    )
    assert sections.is_bare_name(name) and not sections.is_log_name(name)


@pytest.mark.parametrize("path", ["notes/2026-06-05-session.md", "session-logs/2026-06-05-session.mp3", "a.md"])
def test_other_files_may_be_called_as_they_like(path: str) -> None:
    assert ask_shell("""while IFS= read -r -d '' p; do check_log_name "$p" && echo ok; done""", path) == ["ok"]


LINES = st.sampled_from(
    [f"## {section.name}" for section in sections.SECTIONS]
    + ["##  User ##", "## User#", "## Other", "### User", "```", "~~~~", "``` x", "```` `", " ```", "text", "~~~"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(LINES, max_size=16).map("\n".join), min_size=1, max_size=20))
def test_shell_and_python_agree_on_sections(texts: list[str]) -> None:
    script = """while IFS= read -r -d '' text; do
      begin_log; n=0
      while IFS= read -r line; do n=$((n + 1)); take_log_line "$n" "$line"; done <<<"$text"
      for name in "${LOG_SECTIONS[@]}"; do
        case $LOG_FOUND in *$'\\n'"$name"$'\\n'*) ;; *) printf '%s, ' "$name" ;; esac
      done
      printf '/%s\\n' "$LOG_LOW"
    done"""
    expected = []
    for text in texts:
        found = {name for _, name in sections.headings(text)}
        lacks = [s.name for s in sections.SECTIONS if s.name not in found]
        expected.append("".join(f"{name}, " for name in lacks) + "/" + sections.misplaced_section(text))
    assert ask_shell(script, *texts) == expected


PIECES = st.sampled_from(
    ["---", "user: x", "- **User:** x", "", " ", "\r", "<!-- x -->", "x", "```"]
    + [f"## {name}" for name in ("User", "Session Summary", "Key Decisions ", "note: mike", "Notes @mike")]
    + ["# VPN", "## A message to", "## Note for mike", "##  \U0001f4cc Note for all ##"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=9).map("\n".join), min_size=1, max_size=20))
def test_shell_and_python_agree_on_what_is_empty_and_what_is_a_message(texts: list[str]) -> None:
    script = """git() { printf '%s' "$text"; }
    while IFS= read -r -d '' text; do
      begin_log; n=0
      while IFS= read -r line; do n=$((n + 1)); take_log_line "$n" "$line"; done <<<"$text"
      told='a log'
      ! is_empty_log "$text" || told='empty'
      [ "$LOG_NOTES" -eq 0 ] || [ "$LOG_OTHERS" -gt 0 ] || told+=', a message'
      echo "$told"
    done"""
    expected = [
        ("a log" if sections.is_filled(text) else "empty") + (", a message" if sections.is_message(text) else "")
        for text in texts
    ]
    assert ask_shell(script, *texts) == expected


def test_both_know_the_same_sections() -> None:
    told = ask_shell('printf "%s\\n" "${LOG_SECTIONS[@]}" "$LOG_OPTIONAL"')
    assert told == [s.name for s in sections.SECTIONS] + [s.name for s in sections.SECTIONS if s.optional]


# --- the index ----------------------------------------------------------------------------


def judge(machine: Machine, *args: str, **env: str) -> Result:
    machine.git("add", "-A")
    return machine.run("bash", RUN, *args, env=env)


@pytest.fixture
def mike(world: World) -> Machine:
    machine = world.synced({})
    machine.extra_env["CLAUDETOOLS_HOSTNAME"] = machine.name
    return machine


WRONG_LOGS = {
    "empty": ("-Done.", "is an empty log"),
    "no section": ("# VPN\n", "is a log without the sections '## User', '## Session Summary' and 7 more"),
    "one missing": ("-## Key Decisions", "is a log without the section '## Key Decisions'"),
    "order": ("-## User+## Key Decisions\n## User", "is a log where '## User' stands too low"),
    "no block": ("-- **User:** Mike Swanson (mike)", "is a log without a User block"),
    "other person": (
        "-Mike Swanson (mike)+Howard Lee (howard)",
        "is a log whose User block is not of who writes it: Howard Lee (howard) **Machine:** LINUX-01",
    ),
    "other machine": (
        "-LINUX-01+WIN-7",
        "is a log whose User block is not of who writes it: Mike Swanson (mike) **Machine:** WIN-7",
    ),
    "in a fence": ("-## Key Decisions+```\n## Key Decisions\n```", "is a log without the section '## Key Decisions'"),
}


def wrong_log(machine: Machine, how: str) -> str:
    if not how.startswith("-"):
        return how
    old, _, new = how[1:].partition("+")
    text = log_text(machine)
    assert old in text
    return text.replace(old, new)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", WRONG_LOGS)
def test_a_log_out_of_order_is_refused_by_a_commit_and_left_out_by_a_sync(
    world: World, mike: Machine, case: str
) -> None:
    how, words = WRONG_LOGS[case]
    mike.write(LOG, wrong_log(mike, how))
    result = judge(mike)
    assert result.code == 1
    assert f"[ERROR] {LOG} {words}." in result.err, result.text
    mike.write("a.md", "x\n")
    result = mike.sync()
    assert result.code == 65
    assert f"[WARN] Left out: {LOG} ({words}). It stays in your folder." in result.out, result.text
    assert "a.md" in world.remote_files() and LOG not in world.remote_files()
    result = mike.sync("--allow", LOG)
    assert result.code == 0 and LOG in world.remote_files()
    mike.assert_sound()


def test_the_fix_that_is_named_settles_it(world: World, mike: Machine) -> None:
    mike.write(LOG, "# VPN\n\n## User\n\n## Session Summary\n\nDone.\n")
    result = mike.sync()
    fix = next(line for line in result.out.split("\n") if "log check --fix" in line).split(": ", 1)[1]
    assert mike.run("bash", "-c", fix).code == 0
    assert mike.sync().code == 0
    assert LOG in world.remote_files()


def test_a_log_that_is_there_already_may_change_as_it_likes(world: World, mike: Machine) -> None:
    mike.write(LOG, log_text(mike))
    assert mike.sync().code == 0
    mike.write(LOG, "redacted\n")
    assert judge(mike).code == 0
    assert mike.sync().code == 0
    assert world.remote_file(LOG) == "redacted\n"


def test_an_adopted_log_is_not_new(world: World, mike: Machine) -> None:
    bare = "session-logs/2026-05-01-session.md"
    mike.write(bare, "# Firewall\nold and short\n")
    mike.git("add", bare)
    mike.git("commit", "-qm", "before claudetools")
    mike.git("push", "-q", "origin", "main")
    assert mike.run("bash", TOOLS, "log", "adopt", "--all").code == 0
    assert judge(mike).code == 0
    mike.git("reset", "-q")
    assert mike.sync().code == 0
    assert "session-logs/2026-05-01-mike-firewall.md" in world.remote_files()
    assert bare not in world.remote_files()


def test_what_a_merge_brings_is_not_this_commits(mike: Machine) -> None:
    mike.git("switch", "-qc", "side")
    mike.write("session-logs/2026-05-01-session.md", "old\n")
    mike.write("session-logs/2026-05-01-howard-x.md", "# his\n")
    mike.git("add", "-A")
    mike.git("commit", "-qm", "side")
    mike.git("switch", "-q", "main")
    mike.git("merge", "-q", "--no-ff", "--no-commit", "side")
    assert mike.run("bash", RUN).code == 0
    mike.write("session-logs/2026-05-02-session.md", "mine\n")
    assert judge(mike).code == 1


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("session", "code"), [("theirs", 1), ("mine", 0), ("later", 0), ("", 0)])
def test_a_session_changes_no_other_sessions_log_but_a_person_may(mike: Machine, session: str, code: int) -> None:
    mike.write(LOG, log_text(mike, '"mine later"'))
    assert mike.sync().code == 0
    mike.write(LOG, log_text(mike, '"mine later"', "\ncorrected\n"))
    result = judge(mike, CLAUDETOOLS_SESSION_ID=session)
    assert result.code == code, result.text
    assert not code or f"[ERROR] {LOG} is another session's log." in result.err


def test_a_sync_leaves_out_a_log_that_another_session_changed(world: World, mike: Machine) -> None:
    mine, theirs = Agent(mike, "mine1111", "acme"), Agent(mike, "theirs22", "sophos")
    mine.write(LOG, log_text(mike, "mine1111").encode())
    assert mine.sync().code == 0
    theirs.append(LOG, "an intruder's line")
    theirs.write("a.md", b"x\n")
    result = theirs.sync()
    assert result.code == 65, result.text
    assert f"[WARN] Left out: {LOG} (is another session's log). It stays in your folder." in result.out
    assert "log new TOPIC" in result.out
    assert "a.md" in world.remote_files() and "intruder" not in world.remote_file(LOG)
    assert "intruder" in mike.read(LOG)
    assert mike.sync("--allow", LOG).code == 0, "a person may"
    theirs.sync("--allow", LOG)
    assert "intruder" in world.remote_file(LOG)
    mine.append(LOG, "its own line")
    assert mine.sync().code == 0 and world.remote_file(LOG).endswith("its own line\n")
    mike.assert_sound()


def test_who_changed_a_log_that_is_not_its_own_is_named_to_others(world: World, mike: Machine) -> None:
    """To the session that did it, it is one thing; to whoever syncs after its end another one."""
    mine, theirs = Agent(mike, "mine1111", "acme"), Agent(mike, "theirs22", "sophos")
    mine.write(LOG, log_text(mike, "mine1111").encode())
    assert mine.sync().code == 0
    theirs.append(LOG, "an intruder's line")
    mine.write("a.md", b"x\n")
    assert mine.sync().code == 0, "it stays, as all unsaved work of live sessions"
    theirs.end()
    for result in mine.sync(), mike.sync():
        assert result.code == 65, result.text
        assert f"[WARN] Left out: {LOG} ('sophos' changed it, and it is another session's log)." in result.out
        assert f"       See what: git -C {mike.top} diff HEAD -- {LOG}\n" in result.out, result.text
    assert mike.sync("--allow", LOG).code == 0 and "intruder" in world.remote_file(LOG)
    assert mike.status() == ""


def test_a_new_log_may_be_put_in_order_by_whoever_is_asked_to(world: World, mike: Machine) -> None:
    mine, theirs = Agent(mike, "mine1111", "acme"), Agent(mike, "theirs22", "sophos")
    mine.write(LOG, b"---\nsession: mine1111\n---\n# VPN\n")
    assert mine.sync().code == 65
    theirs.write(LOG, log_text(mike, "mine1111").encode())
    assert mine.sync("--all").code == 0
    assert LOG in world.remote_files()


def test_who_commits_is_found_again_after_identity_json_has_changed(mike: Machine) -> None:
    assert mike.sync().code == 0
    mike.write(".claude/identity.json", mike.read(".claude/identity.json") + "\n")
    mike.write("a.md", "x\n")
    mike.git("add", "a.md")
    result = judge(mike)
    assert result.code == 0 and "not checked" not in result.err, result.text


def test_few_programs_are_started(mike: Machine, tmp_path: Path) -> None:
    env, log = wrap_path(tmp_path / "wrappers", os.environ["PATH"])
    mike.write("a.md", "x\n")
    mike.git("add", "-A")
    assert mike.run(shutil.which("bash") or "bash", RUN, env=env).code == 0
    started = [line.split()[:2] for line in log.read_text(errors="replace").split("\0")[:-1]]
    assert started == [["git", "diff"], ["git", "grep"]]
    log.unlink()
    mike.write(LOG, log_text(mike).replace("Done.", "Done.\n" * 6, 1))
    mike.git("add", "-A")
    env |= {"GIT_AUTHOR_EMAIL": "mike@example.com"}
    assert mike.run(shutil.which("bash") or "bash", RUN, env=env).code == 0
    assert [line.split()[:2] for line in log.read_text(errors="replace").split("\0")[:-1]] == [
        ["git", "diff"],
        ["git", "grep"],
        ["git", "config"],  # whether values in it are wanted
        ["git", "grep"],  # a.md
    ]


def test_nothing_is_touched_and_no_state_is_made(world: World) -> None:
    howard = world.machine("WIN-7", "howard")
    howard.write(LOG, log_text(howard).replace("Howard", "Somebody"))
    assert judge(howard).code == 0, "before the first sync nobody is known"
    assert not howard.state.exists()


# --- author, vault --------------------------------------------------------------------------


def test_a_commit_by_somebody_else_is_refused(installed: Machine) -> None:
    installed.write("a.md", "x\n")
    installed.git("config", "user.email", "agent@vendor.example")
    code, words = plain_commit(installed, "a.md")
    assert code == 1
    assert "[ERROR] agent@vendor.example is the author, and this machine is set up for mike@example.com." in words
    fix = next(line for line in words.split("\n") if "git config" in line).split(": ", 1)[1]
    assert installed.run("bash", "-c", fix).code == 0
    assert plain_commit(installed, "a.md")[0] == 0


VAULT = [
    (".sops.yaml", "creation_rules:\n  - path_regex: 'keys/\\d+\\.ya?ml$' # yes\n    age: a\n", {
        "keys/1.yaml": False, "keys/2.yml": True, "keys/x.yaml": None, "other/keys/3.yaml": False,
    }),
    ("deep/.sops.yaml", 'creation_rules:\n- path_regex: "^a\\\\.json$"\n', {"deep/a.json": False, "a.json": None}),
    ("pass/.gpg-id", "0xABC\n", {"pass/mail.txt": False, "pass/deep/x.gpg": True, "pass/.gitattributes": None}),
    ("README", "", {"any/where.age": False, "also.age": True}),
    (".sops.yaml", "creation_rules:\n  - path_regex: '(['\n", {"x.yaml": False, "code.py": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: (?i)SECRET\\s?\\D$\n", {"a.secretx": False, "a.secret1": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: \\bkeys\\b\n", {"keys.py": False, "code.yaml": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: (x\n", {"x.yaml": False, "code.py": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: a.yaml$  \n  age: a\n", {"a.yaml": False, "README.md": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: 'a.yaml$' # it's all\n", {"a.yaml": False, ".a.yaml": False}),
    ("x/.age-recipients", "age1\n", {"x/README-vpn.txt": False, "x/.netrc": False, "x/LICENSE": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: '[\\w-]+\\.env'\n", {"a.env": False, "code.py": None}),
    (".sops.yaml", "creation_rules:\n- {path_regex: x, age: y}\n", {"x.json": False, "a.json": None}),
    (".sops.yaml", "creation_rules:\n- path_regex: >-\n    x\n", {"x.ini": False, "code.py": None}),
    (".sops.yaml", "creation_rules:\n- <<: *there\n", {"a.ini": False, "code.py": None}),
    (".sops.yaml", "creation_rules:\n# path_regex: a\n- path_regex: b\n", {"a.yaml": None, "b.yaml": False}),
]  # fmt: skip
SEALED_AS = {"yaml": SEALED, "yml": SEALED, "json": json.dumps({"sops": {"mac": CIPHER}}), "gpg": os.fsdecode(GPG)}


@pytest.mark.sampled(8)
@pytest.mark.parametrize(("convention", "text", "files"), VAULT)
def test_plain_text_where_it_should_be_encrypted_stays_here(
    world: World, mike: Machine, convention: str, text: str, files: dict[str, bool | None]
) -> None:
    mike.write(convention, text)
    for path, sealed in files.items():
        kind = path.rsplit(".", 1)[-1]
        cipher = SEALED_AS.get(kind, os.fsdecode(AGE))
        mike.write(path, os.fsencode(cipher) if sealed else b"password: x\n")
    plain = {path for path, sealed in files.items() if sealed is False}
    result = judge(mike)
    assert {line.split(" ")[1] for line in result.err.split("\n") if "is not encrypted" in line} == plain, result.text
    mike.git("reset", "-q")
    result = mike.sync()
    assert (result.code == 65) == bool(plain)
    assert set(files) - plain <= set(world.remote_files()) and not plain & set(world.remote_files())
    mike.git("add", "-A")
    mike.git("commit", "-qm", "by plain git")
    result = mike.sync()
    assert result.code in (65, 77) and not plain & set(world.remote_files()), result.text


def test_an_expression_that_cannot_be_read_is_named(mike: Machine) -> None:
    rules = ("vault/.*\\.yaml", "(?=a)keys", "(?i)secret")
    mike.write(".sops.yaml", "creation_rules:\n" + "".join(f"- path_regex: {rule}\n" for rule in rules))
    mike.write("a.json", "{}\n")
    assert "a.json (is not encrypted, and .sops.yaml has a path_regex that cannot be read)" in mike.sync().out
    told = mike.run("bash", TOOLKIT / "scripts" / "doctor.sh").out
    assert re.findall(r"cannot be read here: (.*)", told) == ["(?=a)keys"]


def test_what_was_encrypted_does_not_go_out_plain_later(world: World, mike: Machine) -> None:
    mike.write(".sops.yaml", "creation_rules:\n- path_regex: a.yaml\n")
    mike.write("a.yaml", SEALED)
    assert mike.sync().code == 0
    mike.write("a.yaml", "password: x\n")
    result = mike.sync()
    assert result.code == 65 and "is not encrypted, and .sops.yaml asks for it" in result.out
    assert "Encrypt it: sops encrypt --in-place a.yaml" in result.out
    assert world.remote_file("a.yaml") == SEALED


def test_the_command_in_the_header_of_pre_receive_puts_it_there(world: World, mike: Machine, tmp_path: Path) -> None:
    text = (AT_REST / "hooks/git/pre-receive").read_text()
    found = re.search(r"# For a bare repository: (.*)\n# (\S+/)\. Each", text)
    assert found
    command = f"{found[1]} {found[2]}".replace("SERVER.git", str(world.remote))
    shutil.rmtree(world.remote / "hooks", ignore_errors=True)
    done = mike.run("sh", "-c", command, cwd=AT_REST)
    assert done.code == 0, done.text
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    mike.git("add", "-A")
    mike.git("-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-q", "--no-verify", "-m", "x")
    pushed = mike.run("git", "push", "origin", "main")
    assert pushed.code == 1 and "2026-06-05-session.md" in pushed.err, pushed.text


# --- plain commits, and a server --------------------------------------------------------------


def test_a_plain_commit_with_a_broken_log_waits_and_the_rest_goes(world: World, mike: Machine) -> None:
    mike.write(LOG, "# nothing\n")
    mike.git("add", "-A")
    mike.git("commit", "-qm", "by plain git")
    mike.write("a.md", "x\n")
    result = mike.sync()
    assert "added by commit" in result.out and "is a log without the sections" in result.out
    assert "a.md" in world.remote_files() and LOG not in world.remote_files()


def test_a_plain_commit_that_opens_a_vault_file_stays_here_until_it_is_mended(world: World, mike: Machine) -> None:
    mike.write(".sops.yaml", "creation_rules:\n- path_regex: a.yaml\n")
    mike.write("a.yaml", SEALED)
    assert mike.sync().code == 0
    mike.write("a.yaml", "password: x\n")
    mike.git("commit", "-qam", "by plain git")
    opened = mike.git("rev-parse", "HEAD")
    mike.write("b.md", "x\n")
    result = mike.sync()
    assert result.code == 65, result.text
    assert f"Left out: a.yaml (shown by commit {opened[:7]}; is not encrypted" in result.out
    assert "sops encrypt --in-place a.yaml" in result.out
    assert world.remote_file("a.yaml") == SEALED and "b.md" in world.remote_files()
    assert mike.read("a.yaml") == "password: x\n"
    # Encrypted again, it goes, and the text of between is in no commit that the remote has.
    mike.write("a.yaml", SEALED.replace("data:", "data:AAAA"))
    result = mike.sync()
    assert result.code == 0, result.text
    assert world.remote_file("a.yaml") == mike.read("a.yaml") and mike.status() == ""
    assert "password: x" not in world.remote_git("log", "-p", "--all")
    mike.assert_sound()


@pytest.fixture
def server(world: World, mike: Machine) -> World:
    """The remote with our pre-receive, as its header says."""
    home = world.remote / "claudetools"
    for name in ("hooks", "scripts", "pylib"):
        shutil.copytree(TOOLKIT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    (world.remote / "hooks").mkdir(exist_ok=True)
    (world.remote / "hooks" / "pre-receive").symlink_to("../claudetools/hooks/git/pre-receive")
    return world


def push(machine: Machine, ref: str = "main") -> Result:
    return machine.run("git", "push", "origin", f"HEAD:refs/heads/{ref}")


def commit_and_push(machine: Machine, ref: str = "main", trailer: str = "") -> Result:
    machine.git("add", "-A")
    machine.git("commit", "-qm", f"by plain git\n\n{trailer}")
    return push(machine, ref)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("session-logs/2026-06-05-session.md", "x\n", "is a log name that every session of that day would share."),
        (LOG, "x\n", "is a log without the sections '## User', '## Session Summary' and 7 more."),
        ("x.age", "plain\n", "is not encrypted."),
        ("C:\\Users\\x.txt", "x\n", "is a Windows path used as a file name."),
    ],
)
def test_a_server_refuses_with_the_reason_and_sync_passes_it_on(
    server: World, mike: Machine, path: str, text: str, words: str
) -> None:
    mike.write("fine.md", "x\n")
    assert commit_and_push(mike).code == 0
    tip = server.tip()
    mike.write(path, text)
    result = commit_and_push(mike)
    assert result.code == 1
    assert f"remote: [ERROR] {path} {words}" in result.err, result.text
    assert server.tip() == tip
    # Somebody whose own rules are older, or overruled, hears it from the server.
    result = mike.sync("--allow", ".")
    assert result.code == 77, result.text
    assert f"{path} {words}" in result.out.replace("\\\\", "\\")
    mike.git("rm", "-q", "--", f":(literal){path}")
    expected = 1 if path == "x.age" else 0
    assert commit_and_push(mike).code == expected, "what the branch comes to counts, but what was shown was shown"


def test_a_server_knows_its_people_and_whose_log_it_is(server: World, mike: Machine) -> None:
    mike.write(LOG, log_text(mike, "mine"))
    assert commit_and_push(mike).code == 0
    mike.write(LOG, log_text(mike, "mine", "\nmore\n"))
    result = commit_and_push(mike, trailer="Session-Id: theirs")
    assert result.code == 1 and f"{LOG} is another session's log." in result.err
    mike.git("commit", "-q", "--amend", "-m", "x\n\nSession-Id: mine")
    assert push(mike).code == 0
    mike.write("session-logs/2026-06-05-eve-x.md", log_text(mike).replace("Mike Swanson (mike)", "Eve (eve)"))
    mike.git("config", "user.email", "eve@example.com")
    result = commit_and_push(mike)
    assert "remote: [ERROR] session-logs/2026-06-05-eve-x.md is a log whose User block is not of who" in result.err
    assert ": eve@example.com is the author, and nobody in .claude/users.json." in result.err


def test_a_server_sees_plain_text_in_between(server: World, mike: Machine) -> None:
    mike.write("x.age", "plain\n")
    mike.git("add", "-A", "-f")
    mike.git("commit", "-qm", "a secret")
    mike.write("x.age", AGE)
    result = commit_and_push(mike)
    assert result.code == 1 and "x.age is not encrypted." in result.err


def test_branches_and_first_pushes(server: World, mike: Machine) -> None:
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    assert commit_and_push(mike, "feature").code == 1
    assert push(mike, "claudetools/conflict/x/main").code == 0, "a copy of what waits is kept"
    for ref in ("main", "claudetools/conflict/x/main"):
        server.remote_git("update-ref", "-d", f"refs/heads/{ref}")
    assert push(mike).code == 0, "what is there when the rules come is taken as it is"
    assert push(mike, "feature").code == 0, "nothing in it is new"
    assert mike.run("git", "push", "-q", "origin", ":refs/heads/feature", "HEAD:refs/tags/v1").code == 0


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["github", "gitea"])
def test_the_ci_job_runs_the_same_rules(world: World, installed: Machine, name: str) -> None:
    workflow = yaml.safe_load((TOOLKIT / "hooks" / "ci" / f"{name}.yml").read_text())
    script = workflow["jobs"]["rules"]["steps"][-1]["run"]
    base = installed.git("rev-parse", "HEAD")
    installed.write(LOG, "x\n")
    installed.git("add", "-A")
    installed.git("commit", "-q", "--no-verify", "-m", "x")
    for old in (base, "0" * 40):
        env = {"OLD": old, "NEW": installed.git("rev-parse", "HEAD"), "DEFAULT": "main"}
        result = installed.run("bash", "-eo", "pipefail", "-c", script, env=env)
        assert result.code == 1 and f"{LOG} is a log without the sections" in result.err, result.text
    installed.git("reset", "-q", "--hard", base)
    assert installed.run("bash", "-ec", script, env={**env, "OLD": base, "NEW": base}).code == 0


def test_the_frameworks_range_is_judged_as_one(mike: Machine) -> None:
    """`pre-commit run --from-ref OLD --to-ref NEW`, as a CI job calls it."""
    base = mike.git("rev-parse", "HEAD")
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    mike.git("add", "-A")
    person = ("-c", "user.name=Mike Swanson", "-c", "user.email=mike@example.com")
    mike.git(*person, "commit", "-q", "--no-verify", "-m", "bad")
    run = ("bash", str(TOOLKIT / "hooks/checks/run.sh"))
    assert mike.run(*run).code == 0
    done = mike.run(*run, env={"PRE_COMMIT_FROM_REF": base, "PRE_COMMIT_TO_REF": "HEAD"})
    assert done.code == 1 and "2026-06-05-session.md is a log name that every session" in done.err, done.text


# --- the pre-commit framework ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toolkit as somebody finds it: a repository with a tag."""
    place = tmp_path_factory.mktemp("published") / "toolkit"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("hooks", "scripts", "pylib"):
        shutil.copytree(TOOLKIT / name, place / name, ignore=ignored)
    shutil.copy(TOOLKIT / ".pre-commit-hooks.yaml", place)
    person = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    run_plain(place, "git", "init", "-q")
    run_plain(place, "git", "add", "-A")
    run_plain(place, "git", *person, "commit", "-qm", "Release")
    run_plain(place, "git", "tag", "v1")
    return place


def test_pre_commit_tries_the_repository(published: Path, mike: Machine) -> None:
    mike.write("session-logs/2026-06-05-session.md", "x\n")
    mike.git("add", "-A")
    result = mike.run(PRE_COMMIT, "try-repo", published, "claudetools")
    assert result.code == 1
    assert "[ERROR] session-logs/2026-06-05-session.md is a log name that every session of that day" in result.out


def test_a_consumer_by_tag_rejects_a_bare_log(published: Path, mike: Machine) -> None:
    hook = {"repo": str(published), "rev": "v1", "hooks": [{"id": "claudetools"}]}
    mike.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [hook]}))
    assert mike.run(PRE_COMMIT, "install").code == 0
    code, words = plain_commit(mike, ".pre-commit-config.yaml")
    assert code == 0, words
    bare = "session-logs/2026-06-05-session.md"
    mike.write(bare, log_text(mike))
    code, words = plain_commit(mike, bare)
    assert code == 1
    assert f"[ERROR] {bare} is a log name that every session of that day would share." in words
    mike.git("mv", bare, LOG)
    assert mike.run("git", "commit", "-qm", "renamed").code == 0
    # A sync runs that very hook in a copy, and has no quarrel with it.
    mike.write("session-logs/2026-06-06-session.md", "x\n")
    mike.write("b.md", "x\n")
    result = mike.sync("--allow", "session-logs/2026-06-06-session.md")
    assert result.code == 0, result.text
