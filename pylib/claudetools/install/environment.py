"""The Python packages of this machine: a virtual environment in the state folder, made again when the pins change.

Sync, lock and receive need none of them. What people type after `claudetools.sh` does.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

STAMP = "claudetools-requirements"
MISSING = 79  # as __main__.py answers it


class Failed(Exception):
    """The environment could not be made. The text is one line of the program that failed."""


def requirements(pyproject: str) -> list[str]:
    """`dependencies` of pyproject.toml, as pip takes them. Written for Python 3.10, which reads no TOML."""
    block = re.search(r"(?ms)^dependencies = \[\n(.*?)^\]", pyproject)
    return re.findall(r'(?m)^\s*"([^"]+)"', block[1]) if block else []


def missing(wanted: Sequence[str]) -> list[str]:
    """Those of `name==version` that this interpreter does not have."""
    found = []
    for pin in wanted:
        name, _, version = pin.partition("==")
        try:
            if metadata.version(name) != version:
                found.append(pin)
        except metadata.PackageNotFoundError:
            found.append(pin)
    return found


def stamp_of(wanted: Sequence[str]) -> str:
    """What an environment that holds these is marked with."""
    return hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()


def is_current(venv: Path, wanted: Sequence[str]) -> bool:
    """Whether the environment was made whole, for these very pins, and its interpreter is still there."""
    try:
        return (venv / STAMP).read_text() == stamp_of(wanted) and python_of(venv).exists()
    except OSError:
        return False


def python_of(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(venv: Path, wanted: Sequence[str]) -> None:
    """The environment at `venv`, made beside it and swapped in whole. Raises Failed."""
    new = Path(tempfile.mkdtemp(prefix="venv.", dir=venv.parent))
    old = new.with_name(new.name + ".old")
    try:
        uv = shutil.which("uv")
        if uv:
            run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(new))
            run(uv, "pip", "install", "--quiet", "--python", str(python_of(new)), *wanted)
        else:
            run(sys.executable, "-m", "venv", str(new))
            pip = (str(python_of(new)), "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "15")
            run(*pip, "install", "--quiet", *wanted)
        (new / STAMP).write_text(stamp_of(wanted))
        with suppress(FileNotFoundError):
            os.rename(venv, old)
        os.rename(new, venv)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def run(*argv: str) -> None:
    """One program. Raises Failed with the line that tells most."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise Failed(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()]
        told = [line for line in lines if line.lower().startswith(("error", "fatal"))] or [
            line for line in lines if line
        ]
        raise Failed(told[0] if told else f"{argv[0]} ended with {done.returncode}")


def main(argv: list[str]) -> int:
    """`environment PYPROJECT VENV [--check]`. 0 all is there; 79 and what is missing, or why it could not be had.

    On stdout "fetching" before it is made, and "made" after that.
    """
    pyproject, venv = (Path(name) for name in argv[:2])
    wanted = requirements(pyproject.read_text("utf-8"))
    absent = missing(wanted)
    if not absent or ("--check" not in argv and is_current(venv, wanted)):
        return 0
    if "--check" in argv:
        print(", ".join(absent), file=sys.stderr)
        return MISSING
    print("fetching", flush=True)
    try:
        make(venv, wanted)
    except (Failed, OSError) as error:
        print(error, file=sys.stderr)
        return MISSING
    print("made")
    return 0
