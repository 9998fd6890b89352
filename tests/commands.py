"""`claudetools.sh log` and the like without its shell: each in a fork of a process that has loaded the packages.

To start bash, Python and click again costs a test ten times what the command itself takes. The first command in a
repository is started by the shell as ever, which makes the state folder; so is one with checkpoints, which are read
where Python starts. Everything else is as there: a process of its own, its environment, its three streams.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from world import TOOLKIT, TOOLS, Env, Machine, Result

PREPARE = '. "$1" && exec env -0'
ZYGOTE = """\
import importlib, json, os, signal, sys, traceback
sys.path.insert(0, sys.argv[1])
from claudetools import __main__ as entry
import frontmatter, markdown_it
for name in entry.COMMANDS.values():
    importlib.import_module(f"claudetools.{name}")

def run(asked):
    for fd in range(3):
        os.dup2(os.open(asked["streams"][fd], os.O_RDWR | os.O_CREAT), fd)
    os.closerange(3, 64)
    signal.alarm(120)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv[1:] = asked["words"]
    sys.stdin, sys.stdout, sys.stderr = (
        open(fd, mode, encoding="utf-8", errors=errors)
        for fd, mode, errors in ((0, "r", "surrogateescape"), (1, "w", "surrogateescape"), (2, "w", "backslashreplace"))
    )
    try:
        status = entry.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        run(asked)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@cache
def zygote() -> subprocess.Popen[str]:
    """One for each process of pytest. It ends when that closes its stdin."""
    command = (sys.executable, "-I", "-c", ZYGOTE, str(TOOLKIT / "pylib"))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


@cache
def exports() -> dict[str, str]:
    """What the shell's environment.sh sets, whatever the repository."""
    before = {"PATH": os.environ["PATH"]}
    command = ("bash", "-c", PREPARE, "bash", str(TOOLKIT / "scripts" / "lib" / "environment.sh"))
    after = subprocess.check_output(command, env=before, text=True).split("\0")
    found = dict(line.split("=", 1) for line in after if line)
    return {name: text for name, text in found.items() if name not in ("PATH", "PWD", "SHLVL", "_", "OLDPWD")}


def run_tools(machine: Machine, *words: str, env: Env = None, stdin: str = "") -> Result:
    """Run it at the top of the machine's repository."""
    given = machine.env(env)
    if "CLAUDETOOLS_TEST_AT" in given or not (machine.top / ".git" / "claudetools" / "format").exists():
        machine.share_compiled()
        done = subprocess.run(
            ["bash", TOOLS, *words],
            cwd=machine.top,
            env=given,
            input=stdin.encode(),
            capture_output=True,
            timeout=120,
        )
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    with TemporaryDirectory() as folder:
        given_in, out, err = (Path(folder, name) for name in ("in", "out", "err"))
        given_in.write_text(stdin)
        asked = {
            "words": words,
            "cwd": str(machine.top),
            "env": {**exports(), **given, "LC_ALL": "C", "CLAUDETOOLS_TOOLKIT": str(TOOLKIT)},
            "streams": [str(given_in), str(out), str(err)],
        }
        status = ask(asked)
        return Result(status, out.read_text(errors="replace"), err.read_text(errors="replace"))


def ask(asked: Mapping[str, object]) -> int:
    process = zygote()
    assert process.stdin and process.stdout
    print(json.dumps(asked), file=process.stdin, flush=True)
    return int(process.stdout.readline())
