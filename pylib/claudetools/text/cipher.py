"""Ciphertext has no lines: what joins, splits or unites lines of a file has to leave it whole. Pure.

A loose test, for any file that an encrypting program has written, however broken it is by now. Whether a file is
encrypted in earnest is judged in claudetools/vault/sealed.py.
"""

from __future__ import annotations

import re

ARMOR = re.compile(rb"\s*-----BEGIN (AGE|PGP) [A-Z ]+-----")
HEADERS = (b"age-encryption.org/v1", b"$ANSIBLE_VAULT;", b"\0GITCRYPT\0")
MAC = re.compile(rb'mac"?[ \t]*[:=][ \t]*"?ENC\[AES256_GCM,')


def is_cipher(*texts: bytes) -> bool:
    """Whether one of the texts is ciphertext."""
    return any(
        text.startswith(HEADERS) or ARMOR.match(text) or (b"ENC[AES256_GCM," in text and MAC.search(text))
        for text in texts
    )
