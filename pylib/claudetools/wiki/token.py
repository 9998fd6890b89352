"""The token for Syncro: from the environment, or out of the vault by the program that encrypted it there.

It is read from a pipe and handed on in memory: never an argument, never a file, never in a message.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping

from claudetools.core import settings
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.wiki import desk

SECONDS = 20
AGE_KEYS = ("SOPS_AGE_KEY_FILE", "AGE_IDENTITY")
# By which name a structured secret holds the token.
KEYS = ("token", "api_token", "api_key", "apikey", "key", "value", "password")


class NoToken(Exception):
    """There is no token, with the reason in words."""


def setting(place: Place, name: str) -> str:
    """The setting of that name, "" when it is not set."""
    return settings.value(place, name)


def read_token(place: Place, environ: Mapping[str, str]) -> str:
    """CLAUDETOOLS_SYNCRO_TOKEN, else what lies in the vault at `claudetools.syncroToken`. Raises NoToken."""
    if environ.get("CLAUDETOOLS_SYNCRO_TOKEN", "").strip():
        return environ["CLAUDETOOLS_SYNCRO_TOKEN"].strip()
    name = setting(place, "syncroToken")
    if not name:
        raise NoToken("no token: set CLAUDETOOLS_SYNCRO_TOKEN, or git config claudetools.syncroToken PATH-IN-THE-VAULT")
    folders = desk.vault_folders(place)
    if not folders:
        raise NoToken(
            "claudetools.syncroToken names a place in the vault, but there is no vault (setup.sh --vault PATH)"
        )
    folder, path = find(folders, name)
    return pick(decrypt(folder, path, environ), path)


def find(folders: list[str], name: str) -> tuple[str, str]:
    """The vault and the file of that name in it, whatever it is encrypted with. Raises NoToken."""
    wanted = os.path.normpath(name)
    if os.path.isabs(wanted) or wanted.startswith(".."):
        raise NoToken(f"claudetools.syncroToken: {visible(name)} is no path in the vault")
    for folder in folders:
        at = os.path.join(folder, os.path.dirname(wanted))
        names = sorted(os.listdir(at)) if os.path.isdir(at) else []
        for found in names:
            if found == os.path.basename(wanted) or found.startswith(os.path.basename(wanted) + "."):
                return folder, os.path.join(os.path.dirname(wanted), found)
    raise NoToken(f"claudetools.syncroToken: {visible(name)} is not in the vault")


def command(path: str, environ: Mapping[str, str]) -> list[str]:
    """What prints the secret in that file. Raises NoToken."""
    if path.endswith((".gpg", ".asc")):
        return ["gpg", "--batch", "--quiet", "--decrypt", "--", path]
    if path.endswith(".age"):
        keys = next((environ[name] for name in AGE_KEYS if environ.get(name)), "")
        home = os.path.expanduser("~/.config/sops/age/keys.txt")
        return ["age", "--decrypt", "-i", keys or home, path]
    if ".sops." in path or path.endswith((".yaml", ".yml", ".json", ".enc", ".sops")):
        return ["sops", "--decrypt", path]
    raise NoToken(f"{visible(path)} in the vault is not encrypted with sops, age or gpg")


def decrypt(folder: str, path: str, environ: Mapping[str, str]) -> str:
    """The secret as text. Raises NoToken; what the program said is not repeated."""
    words = command(path, environ)
    try:
        done = subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise NoToken(f"{words[0]} is not installed, and {visible(path)} needs it") from error
    except subprocess.TimeoutExpired as error:
        raise NoToken(
            f"{words[0]} did not open {visible(path)} within {SECONDS} s; does it ask for a passphrase?"
        ) from error
    if done.returncode:
        raise NoToken(f"{words[0]} could not open {visible(path)} (it ended with {done.returncode})")
    return done.stdout.decode("utf-8", "replace")


def pick(text: str, path: str) -> str:
    """The token in a decrypted file: its first line, or the value that is called so. Raises NoToken."""
    found = structured(text)
    if found is None:
        return text.strip().split("\n")[0].strip()
    values = [str(found[key]) for key in KEYS if found.get(key)] or [str(v) for k, v in found.items() if k != "sops"]
    if not values or (len(values) > 1 and not any(found.get(key) for key in KEYS)):
        raise NoToken(f"{visible(path)} holds no value called {', '.join(KEYS[:3])}")
    return values[0].strip()


def structured(text: str) -> dict[str, object] | None:
    """A JSON or YAML mapping, None for plain text."""
    import yaml

    try:
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
