"""Machines with a vault, and files as the programs that encrypt write them."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

from world import Machine, World, run_plain, write_identity

AGE = b"age-encryption.org/v1\n-> X25519 8pyLABJclEP\nYdUOvtmSFpbj\n--- ihwzUBIC3O0\n" + bytes(range(40))
# For tests that look at lines.
AGE_TEXT = "age-encryption.org/v1\n-> X25519 abc\ndef\n--- ghi\n" + "\u00ff" * 20 + "\n"
_IV, _TAG = "SHnn7poq88mY1i//6YVgORAgEo7WW3ZmoVAnL+23fbg=", "x+jYoZmnCu3DLcfR+xdLJA==,type:str]"
CIPHER = f"ENC[AES256_GCM,data:Rw==,iv:{_IV},tag:{_TAG}"
RECIPIENT = "age1pfmln4ycvjqg6r6gesptdmep06yr5a4qn4rccqaje9unce74jplskqlwzr"
_BODY = b64encode(AGE).decode()
DATA_KEY = f"-----BEGIN AGE ENCRYPTED FILE-----\n{_BODY}\n-----END AGE ENCRYPTED FILE-----\n"
_KEY = json.dumps([{"recipient": RECIPIENT, "enc": DATA_KEY}])
METADATA = f"""sops:
    age:
        - recipient: {RECIPIENT}
          enc: {json.dumps(DATA_KEY)}
    lastmodified: "2026-11-29T21:31:28Z"
    mac: {CIPHER}
    unencrypted_suffix: _unencrypted
    version: 3.11.0
"""
YAML = f"""#{CIPHER}
db:
    password: {CIPHER}
    empty: ""
    nothing: null
    list:
        - {CIPHER}
        - - {CIPHER}
    site_unencrypted: visible
{METADATA}---
second: {CIPHER}
{METADATA}"""
JSON = f"""{{
	"a": "{CIPHER}", "n": null, "l": ["{CIPHER}", {{"k": "{CIPHER}"}}], "o": {{}},
	"sops": {{"age": {_KEY}, "mac": "{CIPHER}", "version": "3.11.0"}}
}}"""
ENV = f"""#{CIPHER}
A={CIPHER}
B=
sops_age__list_0__map_enc={json.dumps(DATA_KEY)[1:-1]}
sops_age__list_0__map_recipient={RECIPIENT}
sops_mac={CIPHER}
sops_version=3.11.0
"""
INI = f"""; {CIPHER}
root = {CIPHER}

[sec]
k = {CIPHER}
e =

[sops]
mac                        = {CIPHER}
age__list_0__map_recipient = {RECIPIENT}
version                    = 3.11.0
"""
# Two packets of OpenPGP: the session key for somebody, and what is encrypted with it.
GPG = b"\x85\x00\x0d\x03" + b"k" * 12 + b"\xd2\x14\x01" + b"d" * 19
GIT_CRYPT = b"\0GITCRYPT\0" + bytes(range(12)) + b"cipher"
ANSIBLE = b"$ANSIBLE_VAULT;1.1;AES256\n" + b"61626364" * 10 + b"\n6162\n"


def with_vault(world: World, name: str, user: str) -> tuple[Machine, Path]:
    """A machine with a clone of one vault for all."""
    machine = world.machine(name, user)
    folder = clone_vault(world, machine, "vault")
    write_identity(machine, vault_path=str(folder))
    return machine, folder


def clone_vault(world: World, machine: Machine, name: str) -> Path:
    """A clone of the vault of that name, which is made where there is none yet."""
    bare, folder = world.root / f"{name}.git", machine.home / name
    if not bare.exists():
        run_plain(world.root, "git", "init", "-q", "--bare", "-b", "main", str(bare))
    run_plain(world.root, "git", "clone", "-q", str(bare), str(folder))
    machine.run("git", "symbolic-ref", "HEAD", "refs/heads/main", cwd=folder)
    return folder
