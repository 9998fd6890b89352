"""Whether a file is encrypted: whether it parses as what gpg, age, sops, git-crypt or Ansible write. Pure.

A first byte or one line that looks like it proves nothing: each format is read to its end, with all that is in it.
OpenPGP is RFC 9580, age is age-encryption.org/v1, sops is the `sops` metadata of github.com/getsops/sops (stores/).
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterable

from claudetools.vault.conventions import Unclear, compile_go
from claudetools.vault.yaml_lines import Leaf, UnreadableYaml, read

GIT_CRYPT = b"\0GITCRYPT\0"
ANSIBLE = re.compile(rb"\$ANSIBLE_VAULT;1\.[0-9];AES256(;[^\r\n]*)?\r?\n[0-9a-f][0-9a-f\r\n]*")
AGE = re.compile(rb"age-encryption\.org/v1\n(-> [!-~]+( [!-~]+)*\n([A-Za-z0-9+/]+\n)*)+--- [A-Za-z0-9+/]+\n.{32}", re.S)
BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
ENCRYPTED = re.compile(
    rf"ENC\[AES256_GCM,data:(?:{BASE64},iv:(?=.{{16}}){BASE64},tag:(?=.{{24}},){BASE64},type:[a-z]+"
    r"|[A-Za-z0-9+/=]{1,4}(?:,(?:iv|tag|type):[A-Za-z0-9+/=]{1,4})*)\]"  # abridged: too short to hold anything
)
TYPED = re.compile(rb"[\t -~]{10}[\r\n]+\Z|[\t\r\n -~]{16}\Z")  # below what a program has encrypted
KEYS, DATA, AROUND = {1, 3}, {9, 18, 20}, {10, 21}  # tags of OpenPGP's packets: session keys, what they encrypt
PUBLIC = {2, 6, 12, 13, 14, 17}  # of keys and signatures, which are no secret


def is_sealed(data: bytes) -> bool:
    """Whether nobody can read this without a key."""
    if data.startswith(GIT_CRYPT):
        return len(data) >= len(GIT_CRYPT) + 12 and not TYPED.search(data)
    return is_message(data) or is_age(data) or bool(ANSIBLE.fullmatch(data)) or is_sops(data)


# --- OpenPGP ------------------------------------------------------------------------


def is_message(data: bytes) -> bool:
    """Whether these are the packets of one encrypted message, in binary or in armor."""
    armored = unarmored(data, b"PGP MESSAGE")
    tags = [tag for tag in tags_of(data if armored is None else armored) if tag not in AROUND]
    return len(tags) > 1 and tags[-1] in DATA and set(tags[:-1]) <= KEYS


def is_public(data: bytes) -> bool:
    """Whether these are public keys or signatures."""
    for kind in (b"PGP PUBLIC KEY BLOCK", b"PGP SIGNATURE"):
        data = unarmored(data, kind) or data
    tags = tags_of(data)
    return bool(tags) and set(tags) <= PUBLIC


def tags_of(data: bytes) -> list[int]:
    """The tag of each packet; [] when the bytes do not end with the last one."""
    tags, at = [], 0
    try:
        while at < len(data):
            tag, at = packet(data, at)
            tags.append(tag)
    except (IndexError, ValueError):
        return []
    return tags if at == len(data) else []


def packet(data: bytes, at: int) -> tuple[int, int]:
    """A packet's tag and where it ends. Raises IndexError, ValueError."""
    head = data[at]
    at += 1
    if not head & 0x80:
        raise ValueError("no packet")
    if not head & 0x40:  # the old form
        tag, kind = head >> 2 & 15, head & 3
        if kind == 3:
            return with_version(data, at, tag, len(data) - at)
        size = 1 << kind
        return with_version(data, at + size, tag, int.from_bytes(data[at : at + size], "big"))
    tag, begin, first = head & 63, 0, True
    while True:
        length, at, more = new_length(data, at)
        if first:
            begin, first = at, False
            with_version(data, begin, tag, length)
        at += length
        if not more:
            return tag, at


def new_length(data: bytes, at: int) -> tuple[int, int, bool]:
    """The length of a packet or of its next part, where that begins, and whether more parts follow."""
    one = data[at]
    if one < 192:
        return one, at + 1, False
    if one < 224:
        return ((one - 192) << 8) + data[at + 1] + 192, at + 2, False
    if one < 255:
        return 1 << (one & 31), at + 1, True
    data[at + 4]
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5, False


def with_version(data: bytes, at: int, tag: int, length: int) -> tuple[int, int]:
    """The packet, where its first byte is a version that there is and the rest is there. Raises ValueError."""
    versions = {1: (2, 3, 6), 3: (4, 5, 6), 18: (1, 2), 20: (1,)}.get(tag)
    if length < 1 or at + length > len(data) or (versions and data[at] not in versions):
        raise ValueError("no packet")
    return tag, at + length


def unarmored(data: bytes, kind: bytes) -> bytes | None:
    """What an armor of this kind holds, b"" for one that is broken or not alone; None without it."""
    text = data.replace(b"\r\n", b"\n").strip()
    begin, end = b"-----BEGIN " + kind + b"-----\n", b"\n-----END " + kind + b"-----"
    if not text.startswith(begin):
        return None
    body, found, rest = text[len(begin) :].partition(end)
    if not found or rest:
        return b""
    if kind.startswith(b"PGP"):  # headers up to an empty line, and a checksum
        lines = body.split(b"\n")
        blank = next((i for i, line in enumerate(lines) if not line.strip()), -1)
        if any(b": " not in line for line in lines[: max(blank, 0)]):
            return b""
        body = b"\n".join(line for line in lines[blank + 1 :] if not re.fullmatch(rb"=[A-Za-z0-9+/]{4}", line))
    try:
        return b64decode(body.replace(b"\n", b""), validate=True)
    except binascii.Error:
        return b""


# --- age ----------------------------------------------------------------------------


def is_age(data: bytes) -> bool:
    """Whether this has age's header, in binary or in armor, and something behind it."""
    armored = unarmored(data, b"AGE ENCRYPTED FILE")
    data = data if armored is None else armored
    return bool(AGE.match(data)) and not TYPED.search(data)


# --- sops -----------------------------------------------------------------------------

# What stands in the metadata: what it says of this file, and groups of keys with their recipients.
TEXTS = {"mac", "version", "lastmodified", "unencrypted_suffix", "encrypted_suffix", "unencrypted_regex"}
TEXTS |= {"encrypted_regex", "unencrypted_comment_regex", "encrypted_comment_regex", "shamir_threshold"}
GROUPS = {"age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms", "key_groups"}
FLAGS = re.compile(r"true|false|[0-9]+")
DATE = re.compile(r"[0-9][0-9TZ:. +-]*")
FORMS = {
    "version": re.compile(r"[0-9][0-9A-Za-z.+-]*"),
    "lastmodified": DATE,
    "attention": re.compile(
        r"This section contains key material that should only be modified with extra care\..*sops -h`\."
    ),
}
KEYS_OF = {  # what a group says of one key
    "created_at": DATE,
    "recipient": re.compile(r"age1[a-z0-9-]+|(ssh-[a-z0-9-]+|ecdsa-[a-z0-9-]+) [A-Za-z0-9+/=]+( .*)?"),
    "fp": re.compile(r"[0-9A-Fa-f]{8,64}"),
    "arn": re.compile(r"arn:[\w.:/+=,@-]+"),
    "role": re.compile(r"arn:[\w.:/+=,@-]+"),
    "resource_id": re.compile(r"projects/[\w./-]+"),
    "vault_url": re.compile(r"https?://[^\s:@]+(:[0-9]+)?/?"),
    "vault_address": re.compile(r"https?://[^\s:@]+(:[0-9]+)?/?"),
    "version": re.compile(r"[0-9a-f]{32}"),
    **{name: re.compile(r"[\w./ -]+") for name in ("aws_profile", "engine_path", "key_name", "name", "key", "key_id")},
}
DATA_KEY = re.compile(rf"(?=.{{40}})[A-Za-z0-9+/_-]+={{0,2}}|vault:v[0-9]+:(?=.{{40}}){BASE64}")


def is_sops(data: bytes) -> bool:
    """Whether sops has encrypted every value that its own metadata in this file says it encrypts."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if "ENC[AES256_GCM," not in text:
        return False
    for parse in (leaves_of_json, leaves_of_yaml, leaves_of_env, leaves_of_ini):
        try:
            leaves = parse(text)
        except (UnreadableYaml, ValueError, RecursionError):
            continue
        if is_all_encrypted(leaves):
            return True
    return False


def is_partly_sops(data: bytes) -> bool:
    """Whether there are values that sops has encrypted."""
    return b"ENC[AES256_GCM," in data


def is_all_encrypted(leaves: list[Leaf]) -> bool:
    """Whether there is a mac, and all values and comments outside the metadata are encrypted, empty or meant plain."""
    rules: dict[str, str] = {}
    for leaf in leaves:
        if leaf.path[:1] != ("sops",):
            continue
        text = leaf.text or ""
        if leaf.is_comment and not ENCRYPTED.fullmatch(text):
            return False  # nobody but a person writes such a thing there
        if len(leaf.path) == 2 and not leaf.is_comment:
            name = str(leaf.path[1])
            form = FORMS.get(name) or (None if name in TEXTS else FLAGS)
            if text and form and not form.fullmatch(text):
                return False
            rules[name] = text
        elif text and not leaf.is_comment and not is_of_key(leaf.path[1:], text):
            return False
    if not ENCRYPTED.fullmatch(rules.get("mac", "")):
        return False
    plain = Plain(rules)
    return all(leaf.path[:1] == ("sops",) or plain.allows(leaf) for leaf in leaves)


def is_of_key(path: tuple[str | int, ...], text: str) -> bool:
    """Whether sops itself writes this into what its metadata say of a key."""
    names = [part for part in path if isinstance(part, str)]
    if not names or names[0] not in GROUPS:
        return bool(FLAGS.fullmatch(text))
    if "context" in names:  # of a key of AWS, which logs it
        return True
    if names[-1] == "enc":
        data = re.sub(r"(?m)^[A-Z][a-z]+: .*\n", "", text.replace("\\n", "\n")).encode()  # headers of an armor
        return bool(DATA_KEY.fullmatch(text.strip())) or is_message(data) or is_age(data)
    form = KEYS_OF.get(names[-1])
    return bool(form and form.fullmatch(text))


class Plain:
    """What a file of sops may hold in plain text, as `shouldBeEncrypted` of sops decides it."""

    def __init__(self, rules: dict[str, str]) -> None:
        self.rules = rules
        self.said = ""  # the comments right above
        names = ("unencrypted_regex", "encrypted_regex", "unencrypted_comment_regex", "encrypted_comment_regex")
        try:
            self.patterns = {name: compile_go(rules[name]) for name in names if rules.get(name)}
        except Unclear:  # nothing, then
            self.rules, self.patterns = {}, {}

    def allows(self, leaf: Leaf) -> bool:
        """Whether this value or comment may stand as it is. To be asked in the order of the file."""
        text = leaf.text or ""
        if not text or ENCRYPTED.fullmatch(text):
            self.said = ""
            return True
        wanted = self.wants(leaf, text)
        self.said = f"{self.said}\n{text}" if leaf.is_comment else ""
        return not wanted

    def wants(self, leaf: Leaf, text: str) -> bool:
        """Whether sops encrypts what is here."""
        keys = [part for part in leaf.path if isinstance(part, str)]
        rules, patterns = self.rules, self.patterns
        wanted = True
        if suffix := rules.get("unencrypted_suffix"):
            wanted = not any(key.endswith(suffix) for key in keys)
        if suffix := rules.get("encrypted_suffix"):
            wanted = any(key.endswith(suffix) for key in keys)
        if pattern := patterns.get("unencrypted_regex"):
            wanted = not any(pattern.search(key) for key in keys)
        if pattern := patterns.get("encrypted_regex"):
            wanted = any(pattern.search(key) for key in keys)
        said = text if leaf.is_comment else self.said
        if pattern := patterns.get("unencrypted_comment_regex"):
            wanted = not pattern.search(said)
        if pattern := patterns.get("encrypted_comment_regex"):
            wanted = not leaf.is_comment and bool(pattern.search(said))
        return wanted


def leaves_of_json(text: str) -> list[Leaf]:
    """Every value, those of a key that stands twice as well. Raises ValueError."""

    class Pairs(list[tuple[str, object]]):
        pass

    def walk(value: object, path: tuple[str | int, ...]) -> Iterable[Leaf]:
        if isinstance(value, Pairs):
            for key, one in value:
                yield from walk(one, (*path, key))
        elif isinstance(value, list):
            for number, one in enumerate(value):
                yield from walk(one, (*path, number))
        else:
            plain = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else value
            yield Leaf(path, None if plain is None else str(plain))

    return list(walk(json.loads(text, object_pairs_hook=Pairs), ()))


def leaves_of_yaml(text: str) -> list[Leaf]:
    """As yaml_lines reads them."""
    return read(text)


def leaves_of_env(text: str) -> list[Leaf]:
    """`NAME=value` lines; the metadata are names that begin with `sops_`. Raises ValueError."""
    leaves = []
    for line in text.split("\n"):
        name, sign, value = line.removesuffix("\r").partition("=")
        if line.startswith("#"):
            leaves.append(Leaf((), line[1:].strip(), True))
        elif sign and re.fullmatch(r"[\w.-]+", name):
            leaves.append(Leaf(unflattened(name.removeprefix("sops_")) if name.startswith("sops_") else (name,), value))
        elif line.strip():
            raise ValueError("no line of an env file")
    return leaves


def leaves_of_ini(text: str) -> list[Leaf]:
    """Sections of `name = value` lines; the metadata are the section `sops`. Raises ValueError."""
    leaves = []
    section = ""
    for line in map(str.strip, text.split("\n")):
        name, sign, value = (part.strip() for part in line.partition("="))
        if line.startswith((";", "#")):
            leaves.append(Leaf((section,), line[1:].strip(), True))
        elif line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif sign and ":" not in name:
            leaves.append(Leaf(unflattened(name) if section == "sops" else (section, name), value))
        elif line:
            raise ValueError("no line of an ini file")
    return leaves


def unflattened(name: str) -> tuple[str | int, ...]:
    """`age__list_0__map_enc` as the path it stands for in a format that has lists."""
    parts = re.split(r"__(list|map)_", name)
    below = (
        int(n) if kind == "list" and n.isdecimal() else n for kind, n in zip(parts[1::2], parts[2::2], strict=True)
    )
    return ("sops", parts[0], *below)
