"""The rules of CONTRIBUTING.md that a program can judge: floors, headers, sizes, words that we do not use.

Shell is looked at in three views, all with the lines of the file: `raw` without comments, `code` also without what
stands in single quotes, `bare` without any quoted text (but with the commands and expansions inside of it).
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from claudetools.__main__ import JOBS
from world import TOOLKIT, clean_environment

LONGEST_FILE, LONGEST_FUNCTION = 500, 60


# --- reading shell -------------------------------------------------------------


@dataclass(frozen=True)
class Shell:
    """One shell file in its views."""

    name: str
    raw: str
    code: str
    bare: str

    @property
    def functions(self) -> list[tuple[str, int, int]]:
        """Name, first and last line (from 1) of every function that starts in column 0."""
        found, lines = [], self.code.split("\n")
        for start, line in enumerate(lines, 1):
            if not (match := re.match(r"([A-Za-z_]\w*) ?\(\) ?([{(])", line)):
                continue
            end = start
            closing = "}" if match[2] == "{" else ")"
            if not line.rstrip().endswith(closing):
                end = next((n for n in range(start + 1, len(lines) + 1) if lines[n - 1].rstrip() == closing), start)
            found.append((match[1], start, end))
        return found

    def function_at(self, line: int) -> tuple[str, int, int]:
        """The function around a line; the whole file, without a name, for a line outside of all."""
        around = (f for f in self.functions if f[1] <= line <= f[2])
        return next(around, ("", 1, self.code.count("\n") + 1))

    def text_of(self, function: tuple[str, int, int]) -> str:
        return "\n".join(self.raw.split("\n")[function[1] - 1 : function[2]])


def read_shell(name: str, text: str) -> Shell:
    """The views. Quotes, comments, here-documents and nested substitutions are told apart."""
    raw, code, bare = [], [], []
    stack = ["code"]
    waiting: list[str] = []  # delimiters of here-documents that begin with the next line
    i = 0

    def put(char: str, in_code: bool = True, in_bare: bool = True) -> None:
        raw.append(char)
        code.append(char if in_code or char == "\n" else " ")
        bare.append(char if in_bare or char == "\n" else " ")

    while i < len(text):
        char, pair, mode = text[i], text[i : i + 2], stack[-1]
        quoted = mode in ("double", "single", "ansi")
        if char == "\\" and mode != "single":
            put(pair[0], mode != "ansi", not quoted)
            put(pair[1:], mode != "ansi", not quoted)
            i += 2
            continue
        if mode in ("single", "ansi"):
            put(char, False, False)
            if char == "'":
                stack.pop()
        elif pair in ("$(", "${"):
            put(pair[0])
            put(pair[1])
            stack.append("paren" if pair == "$(" else "brace")
            i += 2
            continue
        elif mode == "double":
            put(char, True, char == '"')
            if char == '"':
                stack.pop()
        elif char == '"':
            put(char)
            stack.append("double")
        elif char == "'" and not (mode == "brace" and "double" in stack):
            put(char, False, False)
            stack.append("ansi" if text[i - 1 : i] == "$" else "single")
        elif char == "#" and mode != "brace" and (i == 0 or text[i - 1] in " \t\n;(|&"):
            while i < len(text) and text[i] != "\n":
                i += 1
            continue
        elif here := re.match(r"<<-?\s*(['\"]?)(\w+)\1", text[i:]) if text[i - 1 : i] != "<" else None:
            waiting.append(here[2])
            put("<")
        elif char == "\n" and waiting:
            put(char)
            for end in waiting:
                while (line := text[i + 1 :].partition("\n")[0]).strip() != end and i + 1 < len(text):
                    for other in line + "\n":
                        put(other, in_bare=False)
                    i += len(line) + 1
                for other in line:
                    put(other, in_bare=False)
                i += len(line)
            waiting.clear()
        else:
            put(char)
            if char == "(" and mode == "paren":
                stack.append("paren")
            elif (char == ")" and mode == "paren") or (char == "}" and mode == "brace"):
                stack.pop()
        i += 1
    return Shell(name, "".join(raw), "".join(code), "".join(bare))


@cache
def shell_files() -> tuple[Shell, ...]:
    """Everything in scripts/, hooks/, .ci/ and tests/model/ that a shell reads."""
    found = []
    for folder in ("scripts", "hooks", ".ci", ".claude/scripts", "tests/model"):
        for path in sorted((TOOLKIT / folder).rglob("*")):
            if path.is_file() and (
                path.suffix == ".sh" or first_line(path).startswith(("#!/usr/bin/env bash", "#!/bin/"))
            ):
                found.append(read_shell(path.relative_to(TOOLKIT).as_posix(), path.read_text("utf-8")))
    assert len(found) > 10
    return tuple(found)


def first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(200).decode("utf-8", "replace")


def programs() -> list[Path]:
    return sorted((TOOLKIT / "scripts").glob("*.sh"))


# --- what bash 3.2 and the standard tools lack -----------------------------------


@dataclass(frozen=True)
class Rule:
    """A pattern over one view; `bad` has to be found, `good` must not. A function that names `guard` may do it."""

    name: str
    pattern: str
    bad: tuple[str, ...]
    good: tuple[str, ...] = ()
    view: str = "code"
    guard: str = ""

    def find(self, shell: Shell) -> list[str]:
        """Every place, as `file:line: text`."""
        text: str = getattr(shell, self.view)
        found = []
        for match in re.finditer(self.pattern, text, re.MULTILINE):
            number = text.count("\n", 0, match.start()) + 1
            if self.guard and self.guard in shell.text_of(shell.function_at(number)):
                continue
            found.append(f"{shell.name}:{number}: {shell.raw.split(chr(10))[number - 1].strip()}")
        return found


# A word in the place of a command: at the start, or behind what may stand before one.
COMMAND = r"(?:^|[;&|(){!`]|\b(?:then|do|else|if|while|until|command|exec|xargs)\b)[ \t]*(?:\w+=\S*[ \t]+)*"
# Up to the end of one simple command.
REST = r"(?:\\\n|[^\n;|&)])*?"


def option(tool: str, options: str) -> str:
    """A standard tool with one of these options."""
    return rf"{COMMAND}(?:{tool})\b{REST}[ \t](?:{options})"


BASH_3_2 = [
    Rule("associative arrays", r"\b(?:declare|local|typeset|readonly)[ \t]+-\w*A", ("declare -A x", "local -rA x=()")),
    Rule("namerefs", r"\b(?:declare|local|typeset)[ \t]+-\w*n\b", ("local -n x=$1", "declare -n x"), ("local n=1",)),
    Rule("declare -g", r"\b(?:declare|typeset)[ \t]+-\w*g", ("declare -g x=1",)),
    Rule("local -", r"\blocal[ \t]+-(?:[ \t;]|$)", ("local -",), ("local -r x=1",)),
    Rule("mapfile", r"\b(?:mapfile|readarray)\b", ("mapfile -t x <f", "readarray x"), view="bare"),
    Rule("upper and lower case", r"\$\{!?\w+(?:\[[^]]*\])?(?:\^|,)", ("${x,,}", '"${x^^}"', "${a[0]^}"), ("${x%,}",)),
    Rule("${x@Q}", r"\$\{\w+(?:\[[^]]*\])?@[A-Za-z]\}", ("${x@Q}", "${a[@]@A}"), ("${a[@]}", "${x%@*}")),
    Rule("&>>", r"&>>", ("make &>>log",), ("make >>log 2>&1",), "bare"),
    Rule("|&", r"\|&", ("make |& cat",), ("make 2>&1 | cat", "a || b & c"), "bare"),
    Rule("coproc", rf"{COMMAND}coproc\b", ("coproc cat",), (), "bare"),
    Rule("wait -n", rf"{COMMAND}wait[ \t]+-\w*[npf]", ("wait -n",), ("wait $n",), "bare"),
    Rule(
        "read -t with a fraction",
        rf"\bread\b{REST}[ \t]-\w*t[ \t]*\d*\.\d",
        ("read -t 0.5 x", "read -rt .1 x"),
        ("read -t 1 x",),
    ),
    Rule(
        "read -N, -i", rf"\bread\b{REST}[ \t]-\w*[Ni]", ("read -N 4 x", "read -rN1 x"), ("read -n 4 x", "read -r NAME")
    ),
    Rule(
        "printf %(...)T",
        r"%-?\d*\([^)\n]*\)T",
        ("printf '%(%s)T' -1",),
        ("f() {\n  [ $BASH_VERSINFO ] && printf '%(%s)T' -1\n}",),
        "raw",
        "BASH_VERSINFO",
    ),
    Rule(
        "clocks of bash 5",
        r"\$\{?EPOCH(?:SECONDS|REALTIME)\b(?!:?-)",
        ("x=$EPOCHSECONDS", "${EPOCHREALTIME/./}"),
        ("${EPOCHREALTIME:-}", "f() {\n  [ $BASH_VERSINFO ] && x=$EPOCHSECONDS\n}"),
        "code",
        "BASH_VERSINFO",
    ),
    Rule("BASHPID", r"\bBASHPID\b", ("echo $BASHPID",)),
    Rule("negative index", r"\$\{!?\w+\[-", ("${a[-1]}",), ("${a[${#a[@]} - 1]}",)),
    Rule(
        "negative length",
        r"\$\{\w+(?:\[[^]]*\])?:(?![-=?+])[^}:{]*:[ \t]*-",
        ("${x:0:-1}", "${x: 1: -2}"),
        ("${x: -1}", "${x:-${y:-}}", "${x:0:${n:-1}}"),
    ),
    Rule(
        "-v tests",
        r"(?:\[\[?|\btest)[ \t]+(?:![ \t]+)?-v\b",
        ("[[ -v x ]]", "[ ! -v x ]", "test -v x"),
        ("printf -v x 1",),
    ),
    Rule("falling through a case", r";;?&", ("a) b ;;&", "a) b ;&"), ("a) b & ;;",), "bare"),
    Rule(
        "shopts of bash 4",
        r"\b(?:globstar|lastpipe|inherit_errexit|autocd|globasciiranges)\b",
        ("shopt -s globstar",),
        (),
        "bare",
    ),
    Rule(
        "padded or stepped ranges",
        r"\{-?(?:0\d+\.\.\d+|\d+\.\.0\d+|\d+\.\.\d+\.\.\d+)\}",
        ("{01..10}", "{1..9..2}"),
        ("{1..10}", "{0..3}"),
    ),
    Rule("descriptors by name", r"(?<!\$)\{[A-Za-z_]\w*\}[<>]", ("exec {fd}>f",), ("exec 9>f", "echo ${x}>f")),
    Rule("printf -v of an element", r"\bprintf[ \t]+-v[ \t]+[\"']?\w+\[", ("printf -v a[1] x",), ("printf -v a x",)),
    Rule(
        "\\u in $'...'",
        r"\$'(?:[^'\\\n]|\\[^uU\n])*\\[uU]",
        ("x=$'\\u2713'",),
        ("x=$'\\xe2\\x80'", "printf '\\\\u%04x'"),
        "raw",
    ),
    # A file that a function sources declares it there for that function alone.
    Rule(
        "declared arrays",
        r"^[ \t]*(?:readonly|declare|typeset)\b[^\n;#]*=\(",
        ("readonly A=(b c)", "  declare -r A=(b)", "declare -a A=()"),
        ("A=(b c)", "readonly A='=('", "local a=(b)"),
        "bare",
    ),
    # Without the quotes around it, all versions take the backslashes off.
    Rule(
        "quotes put in within quotes",
        r"\"(?:\\.|\$'[^']*'|[^\"\n\\])*?\$\{\w+(?:\[[^]]*\])?//?(?:\\.|\$'[^']*'|[^/}\\'])+/[^}\"\n]*'",
        (r"""x "${text//\'/\'\\\'\'}" """, """x "a ${t/b/'}" """),
        (r"x=${text//\'/\'\\\'\'}", "x \"${rest//$'\\t'/ }\"", "x \"${y//a/b}\" 'c'"),
        "raw",
    ),
    Rule(
        "groups in a regular expression",
        r"=~[ \t]+[^\s$]\S*\(",
        ("[[ $x =~ ^a*(.*)$ ]]",),
        ("[[ $x =~ $groups ]]",),
        "bare",
    ),
    # Its parser counts parentheses there: the pattern's own ends the substitution.
    Rule(
        "case inside $( )",
        r"\$\([^()]*\bcase\b[^()]*\bin\b\s+[^()\s]",
        ("x=$(case $y in a) z ;; esac)",),
        ("x=$(case $y in (a) z ;; esac)", "case $(x) in a) y ;; esac"),
        "bare",
    ),
]

LONG_OPTION_TOOLS = "awk|basename|cat|chmod|cmp|cp|cut|date|diff|dirname|find|grep|head|ln|ls|mkdir|mktemp|mv|od|ps|rm|rmdir|sed|sort|stat|tail|tee|touch|tr|uniq|wc"  # noqa: E501
GNU_ONLY = [
    Rule(
        "sed",
        option("sed", r"-\w*[irzs]\b|-i\S*"),
        ("sed -i s/a/b/ f", "x | sed -r 's/(a)/b/'", "sed -i.bak x f"),
        ("sed -E s/a/b/", "sed -n 1p", "echo sed -i"),
        "bare",
    ),
    Rule(
        "grep",
        option("[ef]?grep", r"-\w*[PzZ]"),
        ("grep -P x", "if grep -qP x f; then"),
        ("grep -E x", "grep -q P"),
        "bare",
    ),
    Rule("sort", option("sort", r"-\w*[zVR]"), ("sort -z", "a | sort -uV"), ("sort -u",), "bare"),
    Rule(
        "xargs",
        option("xargs", r"-\w*[rd]\b|--(?:no-run|null|delim|max-)"),
        ("x | xargs -r rm", "xargs -0r rm"),
        ("xargs -0 rm",),
        "bare",
    ),
    Rule(
        "readlink, realpath",
        rf"{option('readlink', '-[fem]')}|{COMMAND}realpath\b",
        ('x=$(readlink -f "$y")', "realpath x"),
        ("readlink x",),
        "bare",
    ),
    Rule(
        "date",
        option("date", r"-\w*[dI]\b|-d\S|\+\S*%N") + "|%N\\b",
        ("date -d @1", "date -I", "date +%N"),
        ("date -u +%Y", "date +%s"),
        "code",
    ),
    Rule("stat", option("stat", r"-\w*[cL]*c"), ("stat -c %s f",), (), "bare"),
    Rule(
        "cp, mv, ln",
        option("cp|mv|ln", r"-\w*[tTZ]\b|-r\b(?=[^\n]*\bln)"),
        ("cp -T a b", "mv -t d a"),
        ("cp -p a b", "mv a b"),
        "bare",
    ),
    Rule(
        "find",
        option("find", r"-(?:printf|fprint|regextype|readable|executable|writable)\b"),
        ("find . -printf x",),
        ("find . -exec printf x",),
        "bare",
    ),
    Rule(
        "head, tail",
        option("head|tail", r"-[nc][ \t]*-\d") + "|" + option("tail", "-s"),
        ("head -n -1",),
        ("head -n 1", "head -c 9", "tail -n 1"),
        "bare",
    ),
    Rule(
        "touch, base64, mktemp",
        option("touch", r"-d") + "|" + option("base64", "-w"),
        ("touch -d x f", "base64 -w0"),
        ("touch -t 1 f",),
        "bare",
    ),
    Rule(
        "long options",
        option(LONG_OPTION_TOOLS, r"--[a-z]"),
        ("cp --reflink=auto a b", "mktemp --suffix=x", "rm -f --one-file-system x"),
        ("rm -f -- x", "git grep --cached x", "rm -f x; git --version"),
        "bare",
    ),
    Rule(
        "programs of GNU or Linux",
        rf"{COMMAND}(?:tac|timeout|nproc|shuf|flock|setsid|truncate|stdbuf|numfmt|(?:md5|sha\d+)sum|pidof|gawk)\b(?![(=])",
        ("timeout 5 x", "x | tac", "flock f x"),
        ("echo timeout", "timeout=5", "timeout() {"),
        "bare",
    ),
]

WORDS = [
    Rule("eval", rf"{COMMAND}eval\b", ("eval x", "a && eval $b"), ("x=eval", "echo 'eval'"), "bare"),
    Rule("which", rf"{COMMAND}which\b", ("which git", "x=$(which git)"), ("# which one", "echo which"), "bare"),
]
ALL_RULES = BASH_3_2 + GNU_ONLY + WORDS


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda r: r.name)
def test_a_rule_catches_its_counter_examples_and_nothing_else(rule: Rule) -> None:
    for text in rule.bad:
        assert rule.find(read_shell("bad", text)), f"not caught: {text}"
        assert not rule.find(read_shell("comment", f"# {text}"))
    for text in rule.good:
        assert not rule.find(read_shell("good", text)), f"caught wrongly: {text}"


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda r: r.name)
def test_shell_keeps_to_bash_3_2_and_posix_options(rule: Rule) -> None:
    found = [line for shell in shell_files() for line in rule.find(shell)]
    assert not found, "\n".join(found)


# --- empty arrays ----------------------------------------------------------------

USE = r"(?<!\+)\"\$\{(\w+)\[@\][^}]*\}\""


def find_empty_arrays(shell: Shell) -> list[str]:
    """Uses of an array that the same function empties, with nothing that says it is not empty any more.

    Before bash 4.4 `"${a[@]}"` of an empty array ends a program under `set -u`. Asking for `${#a[@]}` anywhere in the
    function is taken as a sign that somebody thought of it.
    """
    found = []
    lines = shell.code.split("\n")
    for function in shell.functions:
        body = lines[function[1] - 1 : function[2]]
        text = "\n".join(body)
        for number, line in enumerate(body, function[1]):
            for use in re.finditer(USE, line):
                name = use[1]
                guarded = f"${{{name}[@]+" in line[: use.start()] or f"#{name}[@]" in text
                if not guarded and re.search(rf"\b{name}=\(\)", text) and not is_surely_filled(name, body):
                    found.append(f"{shell.name}:{number}: {line.strip()}")
    return found


def is_surely_filled(name: str, body: list[str]) -> bool:
    """Something is added without a condition, or in a loop over what is not empty."""
    for number, line in enumerate(body):
        if not re.search(rf"\b{name}\+?=\([^)]", line):
            continue
        indent = len(line) - len(line.lstrip())
        if "for " not in line:
            line = next((e for e in reversed(body[:number]) if e.strip() and len(e) - len(e.lstrip()) < indent), "")
        if re.match(r"\w+ ?\(\) ?[{(]", line) or re.search(r"\bfor (?:\(\(|\w+ in [^$]*;)", line):
            return True
        over = re.search(r"\bfor \w+ in \"\$\{(\w+)\[@\]", line)
        if over and f"#{over[1]}[@]" in "\n".join(body):
            return True
    return False


def test_arrays_that_may_be_empty_are_guarded() -> None:
    found = [line for shell in shell_files() for line in find_empty_arrays(shell)]
    assert not found, "\n".join(found)


def test_an_unguarded_empty_array_is_caught() -> None:
    bad = 'f() {\n  local a=()\n  g "${a[@]}"\n}\n'
    assert find_empty_arrays(read_shell("bad", bad)) == ['bad:3: g "${a[@]}"']
    assert not find_empty_arrays(read_shell("good", bad.replace('"${a[@]}"', '${a[@]+"${a[@]}"}')))
    assert not find_empty_arrays(read_shell("good", bad.replace("  g", "  [ ${#a[@]} -eq 0 ] || g")))


# --- headers and help --------------------------------------------------------------


def header_of(path: Path) -> list[str]:
    """The comment below the first line, without its `# `."""
    lines = path.read_text("utf-8").split("\n")
    assert lines[0] == "#!/usr/bin/env bash", f"{path.name}: {lines[0]}"
    header = []
    for line in lines[1:]:
        if not line.startswith("#"):
            break
        header.append(line.removeprefix("#").removeprefix(" "))
    return header


@pytest.mark.parametrize("path", programs(), ids=lambda p: p.name)
def test_the_header_is_the_help(path: Path, tmp_path: Path) -> None:
    header = header_of(path)
    assert re.fullmatch(r"Summary: \S.{0,58}\.", header[0]), header[0]
    assert len(header[0].removeprefix("Summary: ")) <= 60, header[0]
    assert header[1].startswith(f"Usage: {path.name}"), header[1]
    env = clean_environment(tmp_path)
    done = subprocess.run(
        ["bash", str(path), "--help"], cwd=tmp_path, env=env, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "\n".join(header) + "\n"
    assert done.stderr == b""
    assert not list(tmp_path.iterdir())


def test_make_help_lists_every_target() -> None:
    targets = re.findall(r"(?m)^([a-z0-9-]+):.*## ", (TOOLKIT / "Makefile").read_text())
    listed = subprocess.check_output(["make", "-s", "-C", TOOLKIT, "help"], text=True)
    assert "e2e" in targets and targets == re.findall(r"(?m)^  make (\S+) ", listed)


@pytest.mark.parametrize("path", programs(), ids=lambda p: p.name)
def test_a_wrong_argument_is_answered_with_a_command_that_works(path: Path, tmp_path: Path) -> None:
    env = clean_environment(tmp_path)
    done = subprocess.run(["bash", path, "--nonsense"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 64
    named = done.stderr.partition("See: ")[2]
    assert subprocess.check_output(["bash", "-c", named], cwd=tmp_path, env=env).startswith(b"Summary: ")


@pytest.mark.parametrize("path", programs(), ids=lambda p: p.name)
def test_programs_are_executable_and_end_with_main(path: Path) -> None:
    assert path.stat().st_mode & 0o111
    assert path.read_text("utf-8").rstrip("\n").split("\n")[-1] == 'main "$@"'


# --- libraries ---------------------------------------------------------------------


def libraries() -> list[Shell]:
    return [s for s in shell_files() if s.name.startswith(("scripts/lib/", "hooks/lib/"))]


def find_shell_options(shell: Shell) -> list[str]:
    """`set` and `shopt` outside of functions, and errexit, nounset, pipefail anywhere: the program decides on them."""
    found = []
    for number, line in enumerate(shell.bare.split("\n"), 1):
        for match in re.finditer(rf"{COMMAND}(set|shopt)[ \t]+([-+]\S*)", line):
            decides = match[1] == "set" and re.search(r"^[-+][a-zA-Z]*[euo]", match[2])
            if decides or not shell.function_at(number)[0]:
                found.append(f"{shell.name}:{number}: {line.strip()}")
    return found


def find_exits(shell: Shell) -> list[str]:
    found = []
    for number, line in enumerate(shell.bare.split("\n"), 1):
        if re.search(rf"{COMMAND}exit\b", line) and shell.function_at(number)[0] != "die":
            found.append(f"{shell.name}:{number}: {line.strip()}")
    return found


def find_changes_of_folder(shell: Shell) -> list[str]:
    """A `cd` that is not inside ( ) or $( ) on its own line, or in a function whose body is a subshell."""
    found = []
    for number, line in enumerate(shell.bare.split("\n"), 1):
        for match in re.finditer(rf"{COMMAND}(?:cd|pushd|popd)\b", line):
            # What is closed before it does not count, and neither do the parentheses of case patterns.
            before = re.sub(r"\$?\([^()]*\)", "", line[: match.end()])
            function = shell.function_at(number)
            if not re.search(r"\([^()]*$", before) and "() (" not in shell.code.split("\n")[function[1] - 1]:
                found.append(f"{shell.name}:{number}: {line.strip()}")
    return found


@pytest.mark.parametrize("shell", libraries(), ids=lambda s: s.name)
def test_a_library_decides_nothing_for_its_program(shell: Shell) -> None:
    found = find_shell_options(shell) + find_exits(shell)
    assert not found, "\n".join(found)
    assert shell.raw.strip(), shell.name


def test_no_program_changes_its_folder() -> None:
    # A CI stage and the model's runner are started from anywhere and go to their folder first.
    mine = [s for s in shell_files() if s.name.startswith(("scripts/", "hooks/"))]
    found = [line for shell in mine for line in find_changes_of_folder(shell)]
    assert not found, "\n".join(found)


def test_the_rules_for_libraries_catch_their_counter_examples() -> None:
    for text in ("set -e", "shopt -s nullglob", "f() {\n  set -o pipefail\n}", "f() {\n  set +u\n}"):
        assert find_shell_options(read_shell("bad", text)), text
    assert not find_shell_options(read_shell("good", "f() {\n  set -- a\n  set -m\n  set +m\n}"))
    for text in ("exit 1", "f() {\n  a || exit 1\n}"):
        assert find_exits(read_shell("bad", text)), text
    assert not find_exits(read_shell("good", "die() {\n  exit 1\n}\nf() { echo 'exit 1'; }"))
    for text in ("cd x", "f() {\n  a && cd x || return\n}", "case $a in b) cd d ;; esac", "(a) && cd b"):
        assert find_changes_of_folder(read_shell("bad", text)), text
    for text in ("(cd x && y)", "a=$(cd x && pwd)", "f() (\n  cd x\n)", "case $a in b) c=$(cd d && pwd) ;; esac"):
        assert not find_changes_of_folder(read_shell("good", text)), text


# --- sizes -------------------------------------------------------------------------


def test_shell_files_are_short() -> None:
    sizes = {s.name: s.raw.count("\n") for s in shell_files()}
    long = [f"{name}: {lines} lines" for name, lines in sizes.items() if lines > LONGEST_FILE]
    assert not long, "\n".join(long)


def test_shell_functions_fit_a_screen() -> None:
    sizes = [(end - start + 1, f"{s.name}: {name}") for s in shell_files() for name, start, end in s.functions]
    assert len(sizes) > 100
    longest = sorted(sizes, reverse=True)[:5]
    assert longest[0][0] <= LONGEST_FUNCTION, f"the longest: {longest}"


# --- every tracked file -----------------------------------------------------------


def tracked() -> list[tuple[str, str]]:
    """Name and text of every file that is tracked, or will be with the next `git add`."""
    command = ["git", "-C", str(TOOLKIT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git repository")
    found = []
    for name in done.stdout.split("\0"):
        path = TOOLKIT / name
        if name and path.is_file() and not path.is_symlink():
            found.append((name, path.read_bytes().decode("utf-8", "replace")))
    return found


EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f]")
MACHINE_PATH = re.compile(r"(?<![\w.$}*~])/(?:home|Users|root|work)/[\w.]")


@pytest.mark.parametrize(
    ("what", "pattern"),
    [pytest.param("emoji", EMOJI, id="emoji"), pytest.param("machine path", MACHINE_PATH, id="paths")],
)
def test_no_tracked_file_holds(what: str, pattern: re.Pattern[str]) -> None:
    found = []
    for name, text in tracked():
        for number, line in enumerate(text.split("\n"), 1):
            if pattern.search(line):
                found.append(f"{name}:{number}: {what}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


def test_emoji_and_machine_paths_are_caught() -> None:
    assert EMOJI.search("done \u2705") and EMOJI.search("\U0001f600") and not EMOJI.search("a \u2014 b \u2192 c \u00e9")
    for path in ("ho" + "me/me/x", "Us" + "ers/me", "ro" + "ot/.ssh", "wo" + "rk/x"):
        assert MACHINE_PATH.search(f"see /{path}"), path
    assert not MACHINE_PATH.search("$x/home/y, a/work/b, https://example.com/home/x, /home")


# --- Python ------------------------------------------------------------------------


def modules() -> list[Path]:
    return sorted((TOOLKIT / "pylib").rglob("*.py"))


def find_missing_docstrings(name: str, text: str) -> list[str]:
    """Public functions and classes of a module that say nothing of themselves."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [n for n in ast.parse(text).body if isinstance(n, kinds) and not n.name.startswith("_")]
    return [f"{name}:{n.lineno}: {n.name} has no docstring" for n in public if not ast.get_docstring(n)]


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.name)
def test_public_python_is_documented(path: Path) -> None:
    found = find_missing_docstrings(path.relative_to(TOOLKIT).as_posix(), path.read_text("utf-8"))
    assert not found, "\n".join(found)


def large_packages() -> list[Path]:
    """More modules than one takes in at a glance."""
    return sorted(p.parent for p in (TOOLKIT / "pylib").rglob("__init__.py") if len(list(p.parent.glob("*.py"))) > 10)


@pytest.mark.parametrize("package", large_packages(), ids=lambda p: p.name)
def test_a_large_package_says_which_module_does_what(package: Path) -> None:
    told = re.findall(r"\w+", ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or "")
    modules = [path.stem for path in package.glob("*.py") if not path.stem.startswith("__")]
    assert len(modules) > 9 and not sorted(set(modules) - set(told)), "name them in __init__.py"


@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_job_needs_the_standard_library_alone(job: str) -> None:
    """psutil, where /proc tells nothing, and other packages are imported inside of the function that wants them."""
    load = f"import sys; sys.path.insert(0, {str(TOOLKIT / 'pylib')!r}); import claudetools.{JOBS[job]}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", load], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_rules_for_python_catch_their_counter_examples() -> None:
    assert find_missing_docstrings("bad", "def f(): ...\nclass A:\n  'x'\ndef _g(): ...") == [
        "bad:1: f has no docstring"
    ]


# --- the reader itself ---------------------------------------------------------------


def test_the_reader_tells_quotes_and_comments_apart() -> None:
    text = "a \"b $(c 'd' \"e\") f\" 'g $(h)' # i\nj=${k#l} $# \"${m//\\'/n}\" $'o\\'p' q\ncat <<X\nr\nX\ns"
    shell = read_shell("x", text)
    assert shell.raw.count("\n") == shell.code.count("\n") == shell.bare.count("\n") == text.count("\n")
    for gone in "bdefghiopr":
        assert gone not in re.sub(r"[^a-z]", "", shell.bare.replace("cat", "")), gone
    for kept in "acjklmnqs":
        assert kept in shell.bare, kept
