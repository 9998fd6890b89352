"""By which program a vault encrypts, and for whom: the conventions of pass, age and sops, the nearest one counts.

A value goes from pipe to pipe: it is never an argument, never in a file that is not encrypted, never in a message.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import NamedTuple

from claudetools.core.messages import visible

SECONDS = 30
CONVENTIONS = (".gpg-id", ".age-recipients", ".sops.yaml")


class SealError(Exception):
    """It cannot be encrypted, with the reason in words."""


class Seal(NamedTuple):
    """How to encrypt: the program's name, its command, and what the file's name ends with."""

    program: str
    command: list[str]
    suffix: str

    def close(self, folder: str, value: str) -> bytes:
        """The value, encrypted. Raises SealError with the program's last words."""
        text = f"value: {json.dumps(value)}\n" if self.program == "sops" else f"{value}\n"
        try:
            done = subprocess.run(
                self.command,
                cwd=folder,
                input=text.encode("utf-8", "surrogateescape"),
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise SealError(f"{self.program} is not installed.") from error
        except subprocess.TimeoutExpired as error:
            raise SealError(f"{self.program} did not end within {SECONDS} s.") from error
        if done.returncode or not done.stdout:
            words = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SealError(f"{self.program} ended with {done.returncode}: {visible(words)[:300]}")
        return done.stdout


def find(folder: str, name: str) -> Seal:
    """The seal for the secret `name` below `folder`. Raises SealError when nothing says for whom to encrypt."""
    at = os.path.dirname(name)
    while True:
        for convention in CONVENTIONS:
            path = os.path.join(folder, at, convention)
            if os.path.isfile(path):
                return of(convention, path, name)
        if not at:
            raise SealError(f"Nothing in the vault says for whom to encrypt: {', '.join(CONVENTIONS)}.")
        at = os.path.dirname(at)


def of(convention: str, path: str, name: str) -> Seal:
    """The seal that a convention's file asks for. Raises SealError."""
    if convention == ".sops.yaml":
        kind = ["--input-type", "yaml", "--output-type", "yaml"]
        return Seal("sops", ["sops", "--encrypt", *kind, "--filename-override", f"{name}.yaml", "/dev/stdin"], ".yaml")
    if convention == ".age-recipients":
        return Seal("age", ["age", "--encrypt", "-R", path], ".age")
    with open(path, encoding="utf-8", errors="replace") as file:
        keys = [line.split("#")[0].strip() for line in file]
    keys = [key for key in keys if key]
    if not keys:
        raise SealError(f"{visible(path)} names no key.")
    return Seal("gpg", ["gpg", "--batch", "--quiet", "--encrypt", *(x for key in keys for x in ("-r", key))], ".gpg")
