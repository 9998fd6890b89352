"""Who writes what in the shell: a variable that two files share has one writer, and that file's header names it.

`# Sets:` in the header of a lib lists the variables of it that other files read. It does not match any more?
`CLAUDETOOLS_BLESS=1 pytest tests/test_shell_state.py` writes the headers anew, and shrinks the list below.
NOT_YET names those that are not there yet. It may only shrink.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections import defaultdict
from functools import cache
from pathlib import Path

from test_style import Shell, read_shell, shell_files
from world import TOOLKIT

BLESS = os.environ.get("CLAUDETOOLS_BLESS") == "1"
MOST_SHARED = 267  # one more is a reason to look for a function that answers instead
NOT_YET = """
AHEAD ALLOWED ALL_CHANGED BASE_OID BEHIND BRANCH CHANGED CHANGE_KINDS COMMIT_BELOW COMMIT_OID COMMIT_PARENT
COMMIT_TREE COMMON CONFIG_ALLOWED CONFIG_CREDENTIALS CONFIG_EMAIL CONFIG_HOOK_SECONDS CONFIG_LIMIT_MB CONFIG_TRUST
CONFLICTS CONTAINED CONTENT_GIT CONTENT_PATHS CONTENT_TASKS CONVENTIONS FIXES_SHARED FOREIGN_FIX FOREIGN_LOGS
FOREIGN_WHY GLANCE HEAD_BRANCH HEAD_OID HOOKS HOOK_BROKE HOOK_INPUT HOOK_REFUSED HOOK_REFUSED_TIP HOOK_STATUS
HOOK_WORDS ID_EMAIL ID_MACHINE ID_NAME ID_SOURCE ID_USER ID_VAULTS IGNORED_HOOKS JSON_PARTS LEFT_OUT LEFT_RUNNING
LOCK_HELD LOCK_LITTER LOCK_MESSAGE LOCK_RECORD LOCK_SCRATCH LOCK_SERVED LOCK_TOKEN LOG_FILES LOG_PATH MADE
MAIN_STATE MAIN_TOP MERGED_IN MESSAGE MOVED_AWAY NETWORK_PID OTHERS_LEFT PARKED POSTPONED PUT_BACK PYTHON QUIET
RECEIVING_FOR REFUSED_WORK RELATED REMOTE REMOTE_MOVED REPLAYED_PAIRS RESOLVED ROLE RULE_FIX RULE_TEXT SAVED_ADDED
SAVED_ARTICLES SAVED_FILES SAVED_KINDS SAVED_REMOVED SAVING_REFUSED SEALS_SAVED SEAL_PATHS SEEN SESSION
SNAPSHOT_WHOLE SPLITS SPLIT_ASKED SPLIT_TREE STATE STATE_FOUND TAKE_SIDE TAKE_UPSTREAM TICKS_LEFT TIP TOLD_JSON
TOLD_REWRITTEN TOOLKIT TOP TRACKED_IDENTITY TRACKED_OWN TREE UNSAFE UPSTREAM VAULT_FAULTS VAULT_PARTS WAIT WANTED
WHOSE WORD WRITTEN
"""
SEVERAL_WRITERS = frozenset(NOT_YET.split())

NAME = r"[A-Z][A-Z0-9_]+"
SET = re.compile(rf"(?<![\w$\{{])({NAME})(?:\[[^\]]*\])?\+?=")
READ_INTO = re.compile(rf"\bread\b[^|;&\n]*?\s({NAME})\b")
PRINTED_INTO = re.compile(rf"printf -v ({NAME})")
GET = re.compile(rf"\$\{{?[#!]?({NAME})")
ARITHMETIC = re.compile(r"\(\(([^)]*)\)\)")
# What belongs to git, to the shell or to whoever started us is no state of ours.
FOREIGN = re.compile(r"GIT_|LC_ALL$|IFS$|PATH$|HOME$|TZ$|CLAUDETOOLS_|CLAUDE_|BASH_|PRE_COMMIT_|NO_COLOR$")


@cache
def parts() -> tuple[Shell, ...]:
    """Programs, libs and rules: what is loaded into one shell."""
    return tuple(f for f in shell_files() if f.name.startswith(("scripts/", "hooks/checks/", "hooks/git/pre-")))


def writes(shell: Shell) -> set[str]:
    """The variables that a file sets, but for those that a function declares on the same line."""
    lines = [line for line in shell.code.split("\n") if not re.match(r"\s*local\s", line)]
    return {m for line in lines for rule in (SET, READ_INTO, PRINTED_INTO) for m in rule.findall(line)}


def reads(shell: Shell) -> set[str]:
    found = set(GET.findall(shell.raw))
    for inner in ARITHMETIC.findall(shell.code):
        found.update(re.findall(rf"(?<![\w$])({NAME})\b", inner))
    return found


@cache
def shared() -> dict[str, set[str]]:
    """Each variable that concerns two files, with the files that set it."""
    set_in, seen_in = defaultdict(set), defaultdict(set)
    for shell in parts():
        for name in writes(shell):
            set_in[name].add(shell.name)
        for name in reads(shell):
            seen_in[name].add(shell.name)
    return {
        name: files
        for name, files in set_in.items()
        if seen_in[name] and len(files | seen_in[name]) > 1 and not FOREIGN.match(name)
    }


def exports(shell: Shell) -> list[str]:
    return sorted(name for name, files in shared().items() if shell.name in files)


HEADER = re.compile(r"# Sets: ((?:.*\n)(?:#   .*\n)*)")


def write_header(path: Path, names: list[str]) -> None:
    text = HEADER.sub("", path.read_text("utf-8"), count=1)
    if names:
        said = textwrap.fill(" ".join(names) + ".", 120, initial_indent="# Sets: ", subsequent_indent="#   ") + "\n"
        lines = text.splitlines(keepends=True)
        end = next(n for n, line in enumerate(lines) if not line.startswith("#"))
        text = "".join(lines[:end]) + said + "".join(lines[end:])
    path.write_text(text, "utf-8")


def shrink_list(several: set[str]) -> None:
    path = Path(__file__)
    text = re.sub(
        r'NOT_YET = """.*?"""',
        f'NOT_YET = """\n{textwrap.fill(" ".join(sorted(several)), 116)}\n"""',
        path.read_text("utf-8"),
        count=1,
        flags=re.S,
    )
    path.write_text(re.sub(r"MOST_SHARED = \d+", f"MOST_SHARED = {len(shared())}", text, count=1), "utf-8")


def test_each_lib_names_what_it_sets_for_others() -> None:
    wrong = []
    for shell in parts():
        if not shell.name.startswith(("scripts/lib/", "hooks/checks/")):
            continue
        path, names = TOOLKIT / shell.name, exports(shell)
        if BLESS:
            write_header(path, names)
        found = HEADER.search(path.read_text("utf-8"))
        said = found[1].replace("\n#", " ").strip().rstrip(".").split() if found else []
        if said != names:
            wrong.append(f"{shell.name} says {' '.join(said) or 'nothing'}, and sets {' '.join(names) or 'nothing'}")
    assert not wrong, "\n".join(wrong)


def test_a_shared_variable_has_one_writer() -> None:
    several = {name for name, files in shared().items() if len(files) > 1}
    if BLESS and several <= SEVERAL_WRITERS and len(shared()) <= MOST_SHARED:
        shrink_list(several)
    new = [f"{name}: {', '.join(sorted(shared()[name]))}" for name in sorted(several - SEVERAL_WRITERS)]
    assert not new, "set in several files:\n" + "\n".join(new)
    gone = [] if BLESS else sorted(SEVERAL_WRITERS - several)
    assert not gone, f"has one writer now, take it out of the list: {' '.join(gone)}"


def test_few_variables_are_shared() -> None:
    assert len(shared()) <= MOST_SHARED


def test_no_function_is_defined_twice() -> None:
    """Else the order of loading decides which one runs."""
    where = defaultdict(set)
    for shell in parts():
        for name in re.findall(r"^[ \t]*([A-Za-z_]\w*) ?\(\) ?[{(]", shell.code, re.MULTILINE):
            where[name].add(shell.name)
    libs = {n: {f for f in files if "/lib/" in f or "/checks/" in f} for n, files in where.items()}
    twice = [f"{name}: {', '.join(sorted(files))}" for name, files in libs.items() if len(files) > 1]
    assert not twice, "\n".join(twice)


def test_what_sets_and_reads_a_variable_is_found() -> None:
    text = "f() {\n  local HERE=1\n  ONE=1 TWO[3]=x\n  LIST+=(a)\n  read -r THREE <f\n  printf -v FOUR x\n"
    text += "  [ $((FIVE + 1)) ]\n}\n"
    shell = read_shell("sample", text + "# SIX=1\ng 'SEVEN=1' \"$EIGHT\" ${#NINE[@]}\n")
    assert writes(shell) == {"ONE", "TWO", "LIST", "THREE", "FOUR"}
    assert reads(shell) == {"FIVE", "EIGHT", "NINE"}
