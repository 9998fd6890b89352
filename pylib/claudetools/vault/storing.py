"""A secret's file in the vault, made so that a run which is killed on its way can be done once more.

What is stored stays in our own state as well, encrypted as it is, until the text holds its path: that tells a file of
a run that was cut off from somebody else's of the same name.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress

from claudetools.logs import names


def key_of(*parts: str) -> str:
    """Names one undertaking: the same text, place and name give the same key."""
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return f"vault-{hashlib.sha256(text).hexdigest()[:32]}"


def store(scratch: str, key: str, path: str, data: bytes) -> None:
    """Make `path`, unless a run with that key has made it before. Raises FileExistsError when the name is another's."""
    draft = os.path.join(scratch, f"{key}.{os.urandom(6).hex()}")
    try:
        names.write_new(draft, data)
        names.publish(draft, path, data)
    except FileExistsError:
        os.unlink(draft)
        if not was_cut_off(scratch, key, path):
            raise
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


def was_cut_off(scratch: str, key: str, path: str) -> bool:
    """Whether what lies at `path` is from a run with that key, which never came to its end."""
    with open(path, "rb") as file:
        stored = file.read()
    for draft in drafts(scratch, key):
        with suppress(OSError), open(draft, "rb") as file:
            if file.read() == stored:
                return True
    return False


def forget(scratch: str, key: str) -> None:
    """The text holds the path now, or nothing is stored."""
    for draft in drafts(scratch, key):
        with suppress(FileNotFoundError):
            os.unlink(draft)


def drafts(scratch: str, key: str) -> list[str]:
    """What runs with that key have written."""
    return [os.path.join(scratch, name) for name in os.listdir(scratch) if name.startswith(f"{key}.")]
