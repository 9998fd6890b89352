"""Mutants: one line of lock, checkout, merge or attribution is changed, and the tests of that part should notice.

    python tests/mutants.py [COUNT]

Takes COUNT changes (10) by SEED, each in a copy of the toolkit, and runs the tests that the table below names until
one fails. Prints one line for each with that test, and how many were noticed. One that was not is a missing test, or a
line that is not needed; some change nothing that can be seen (a message, a longer way to the same answer).
"""

from __future__ import annotations

import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sample import seed_of_head

TOOLKIT = Path(__file__).resolve().parent.parent
# What is changed, and the tests that should notice.
PARTS = {
    "scripts/lib/{lock,owner,claim}.sh pylib/claudetools/lock/*.py": (
        "lock_records lock_release lock_owners lock_trouble lock_races lock_daemons lock_exclusion with_lock contention"
    ),
    "scripts/lib/{advance,recover}.sh pylib/claudetools/checkout/*.py": "damaged_state advance kill",
    "scripts/lib/{replay,exchange,conflict,refusal,outgoing}.sh pylib/claudetools/merge/{trees,replay,refused}.py": (
        "conflict sync states kill"
    ),
    "scripts/lib/{split,others}.sh pylib/claudetools/{attribution/*,sessions/{plan,split,evidence}}.py": (
        "chain weave others moves gone lost split split_windows lost_hooks split_rounds split_states"
    ),
    "scripts/lib/{snapshot,gates,commit,glance,queue,points}.sh": (
        "queue gates sync restore writers file_kinds hostile_names plain_git"
    ),
}
FLIPS = {
    ".sh": [
        (" -eq ", " -ne "),
        (" -ne ", " -eq "),
        (" = ", " != "),
        (" != ", " = "),
        (" -n ", " -z "),
        (" -z ", " -n "),
        (" -gt ", " -le "),
        (" -lt ", " -ge "),
        (" && ", " || "),
        (" || ", " && "),
        ("return 1", "return 0"),
        ("return 0", "return 1"),
        ("if ! ", "if "),
        ("[ -e ", "[ ! -e "),
    ],
    ".py": [
        (" == ", " != "),
        (" != ", " == "),
        (" not in ", " in "),
        (" is not ", " is "),
        ("if not ", "if "),
        (" and ", " or "),
        (" or ", " and "),
        (" < ", " >= "),
        (" > ", " <= "),
        ("return True", "return False"),
        ("return False", "return True"),
        (" + 1", ""),
    ],
}
# A command or statement of its own on one line.
WHOLE = {
    ".sh": re.compile(
        r"^\s+(?!local |if |elif |else|then|fi|for |while |do|done|case |esac|return|\w+\))[a-z_]+ [^|&\\{(]+$"
    ),
    ".py": re.compile(r"^\s{4,}(?!return|if |for |def |class |import |from |raise |yield )[\w.]+(\(.*\)| [-+|]?= .*)$"),
}


def changes(path: Path) -> list[tuple[int, str]]:
    """Line numbers from 0, and what the line becomes."""
    found = []
    text = path.read_text("utf-8")
    lines, words = text.split("\n"), docstrings(text) if path.suffix == ".py" else set()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("#") or not line.startswith(" ") or number in words:
            continue
        found += [(number, line.replace(old, new, 1)) for old, new in FLIPS[path.suffix] if old in line]
        if WHOLE[path.suffix].match(line) and not lines[number - 1].endswith(("\\", ",", "(")):
            indent = line[: len(line) - len(line.lstrip())]
            found.append((number, indent + {".sh": ":", ".py": "pass"}[path.suffix]))
    return found


def docstrings(text: str) -> set[int]:
    """The lines of texts that stand for themselves."""
    alone = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr))
    return {n for one in alone if isinstance(one, ast.Constant) for n in range(one.lineno - 1, one.end_lineno or 0)}


def is_whole(path: Path) -> bool:
    """Whether the changed file still is a program at all."""
    check = ("bash", "-n", path) if path.suffix == ".sh" else (sys.executable, "-m", "py_compile", path)
    return subprocess.run(check, capture_output=True).returncode == 0


def expanded(words: str) -> list[str]:
    """The files that a pattern of the table stands for."""
    shell = f"cd '{TOOLKIT}' && shopt -s nullglob && printf '%s\\n' {words}"
    return subprocess.check_output(("bash", "-c", shell), text=True).split()


def noticed_by(copy: Path, tests: str) -> str:
    """The first test that fails, the cheapest files first; "" where all pass."""
    files = expanded(" ".join(f"tests/test_{name}.py" for name in tests.split()))
    command = (sys.executable, "-m", "pytest", "-x", "-q", "-n", os.environ.get("JOBS", "0"), *files)
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=3600)
    assert done.returncode in (0, 1, 2), f"pytest ended with {done.returncode}"  # 2: a file could not even be loaded
    failed = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(\S+)", done.stdout, re.M)
    return "" if done.returncode == 0 else failed[1] if failed else "loading the tests"


def try_one(name: str, tests: str, chance: random.Random) -> bool:
    """Change one line of a file in a copy of the toolkit; whether a test fails."""
    with tempfile.TemporaryDirectory(prefix="claudetools-mutant.") as folder:
        copy = Path(folder) / "toolkit"
        shutil.copytree(TOOLKIT, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", ".e2e", "*cache*"))
        path = copy / name
        text = path.read_text("utf-8")
        possible = changes(path)
        chance.shuffle(possible)
        for number, line in possible:
            lines = text.split("\n")
            lines[number] = line
            path.write_text("\n".join(lines), "utf-8")
            if is_whole(path):
                test = noticed_by(copy, tests)
                print(f"{'noticed' if test else 'MISSED '} {name}:{number + 1}: {line.strip()}  {test}", flush=True)
                return bool(test)
    return True


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = os.environ.setdefault("SEED", str(seed_of_head()))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    parts = [(name, tests) for names, tests in PARTS.items() for name in expanded(names)]
    noticed = sum(try_one(*chance.choice(parts), chance) for _ in range(count))
    print(f"{noticed} of {count} changes were noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
