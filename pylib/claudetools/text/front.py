"""The front matter of logs: read with python-frontmatter, changed line by line, never dumped anew.

A dump would reorder keys, drop comments and requote values that a person wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

HEAD = 16 * 1024  # bytes: no front matter of ours is longer
# What every YAML reader takes for text as it stands.
PLAIN = re.compile(r"[A-Za-z/](?:[\w ./@+-]*[\w/+-])?", re.ASCII)
OWNERS, WRITERS = "session", "recovered-by"
ID_LINES = {key: re.compile(rf"(?m)^{key}: (?P<ids>.*?)\r?$") for key in (OWNERS, WRITERS)}
PLAIN_IDS = re.compile(r"[A-Za-z_][A-Za-z0-9._ -]*|\"[A-Za-z0-9._ -]+\"", re.ASCII)
RESERVED = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


class Unreadable(Exception):
    """Front matter that is no YAML mapping. The text says what is wrong."""


def yaml_text(value: str) -> str:
    """A YAML scalar for one line of text. JSON's strings are YAML's."""
    if PLAIN.fullmatch(value) and value.lower() not in RESERVED:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def front_lines(values: Mapping[str, str]) -> str:
    """`key: value` lines between two `---`. Values of the toolkit's own making (dates) have to be YAML already."""
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in values.items()) + "---\n"


def read_front(text: str) -> dict[str, Any]:
    """The front matter as a mapping, {} when there is none. Raises Unreadable."""
    import frontmatter
    import yaml
    from frontmatter.default_handlers import YAMLHandler

    try:
        found, _ = frontmatter.parse(text.removeprefix("\ufeff"), handler=YAMLHandler())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        words = " ".join(str(error).split())
        raise Unreadable(f"front matter is not valid YAML ({words[:120]})") from error
    return found


def read_head(path: str) -> str:
    """The beginning of a file as text, "" when it cannot be read: enough for its front matter."""
    try:
        with open(path, "rb") as file:
            return file.read(HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


def owners(text: str) -> list[str]:
    """The ids of the sessions that wrote a log, first the one that began it. [] when it names none.

    They stand in one line, `session: ID ID ...`, which the shell checks read too.
    """
    return ids_of(text, OWNERS)


def writers(text: str) -> list[str]:
    """The ids of the sessions that wrote it for one that left no log: they may change it, and it is none of theirs."""
    return ids_of(text, WRITERS)


def ids_of(text: str, key: str) -> list[str]:
    """The ids in one line of the front matter."""
    line = ID_LINES[key].search(text, 0, HEAD)
    if not line or not text.startswith("---") or line.start() > text.find("\n---", 3) > 0:
        return []
    if PLAIN_IDS.fullmatch(line["ids"]):  # as we write it: thousands of logs are read so in no time
        return line["ids"].strip('"').split()
    try:
        found = read_front(text).get(key)
    except Unreadable:
        return []
    return str(found).split() if isinstance(found, (str, int)) else []  # never str() of what aliases may blow up


def with_id(text: str, key: str, id: str) -> str:
    """The text with an id behind those of that line, which is made below `session:` where there is none."""
    known = ids_of(text, key)
    if id in known:
        return text
    line = yaml_text(" ".join([*known, id]))
    if known:
        return set_line(text, key, line)
    owner = ", ".join(owners(text)) and ID_LINES[OWNERS].search(text, 0, HEAD)
    return f"{text[: owner.end()]}\n{key}: {line}{text[owner.end() :]}" if owner else text


def set_line(text: str, key: str, value: str) -> str:
    """The text with the front matter's line `key: ...` replaced; unchanged where there is no such line."""
    end = text.find("\n---", 4)
    if not text.startswith("---\n") or end < 0:
        return text
    head = re.sub(rf"(?m)^{re.escape(key)}:.*$", lambda _: f"{key}: {value}", text[: end + 1], count=1)
    return head + text[end + 1 :]


def split_front_matter(text: bytes) -> tuple[list[bytes], bytes]:
    """The lines between the two `---`, and what follows. No front matter: no lines, the whole text."""
    if not text.startswith(b"---\n"):
        return [], text
    head, end, body = text[4:].partition(b"\n---\n")
    return (head.split(b"\n"), body) if end else ([], text)


def by_key(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """Each key with its lines: an indented line or a list item belongs to the key before it."""
    found: dict[bytes, list[bytes]] = {}
    key = b""
    for line in lines:
        if line[:1] not in (b" ", b"\t", b"-", b"#", b""):
            key = line.partition(b":")[0]
        found.setdefault(key, []).append(line)
    return found


def merge_front_matter(base: list[bytes], theirs: list[bytes], ours: list[bytes]) -> list[bytes]:
    """Key by key. Where both changed one, the greater value: of two dates the later one."""
    old, one, other = by_key(base), by_key(theirs), by_key(ours)
    out: list[bytes] = []
    for key in [*one, *(k for k in other if k not in one)]:
        left, right, before = one.get(key), other.get(key), old.get(key)
        if left == right or right == before:
            chosen = left
        elif left == before:
            chosen = right
        else:
            chosen = max(left or [], right or [])
        out += chosen or []
    return out


def list_items(lines: list[bytes]) -> list[bytes]:
    """The items of a front matter's list, as they are written: `- a` lines, or `[a, b]` behind the key."""
    if not lines:
        return []
    first = lines[0].partition(b":")[2].strip()
    flow = re.fullmatch(rb"\[(.*)\]", b"".join([first, *lines[1:]]), re.DOTALL)
    found = flow[1].split(b",") if flow else [line.strip()[1:] for line in lines[1:] if line.strip().startswith(b"-")]
    return [item.strip() for item in found if item.strip()]


def are_namesakes(one: bytes, other: bytes) -> bool:
    """Whether two texts are logs that were begun apart. What does not say so is one log."""
    (ids, made), (other_ids, other_made) = begun_by(one), begun_by(other)
    if ids and other_ids:
        return not set(ids) & set(other_ids)
    return all([*made, *other_made]) and made != other_made


def is_same_log(one: bytes, other: bytes) -> bool:
    """Whether both say of themselves that they are one log. Sessions tell more than the second of its beginning."""
    (ids, made), (other_ids, other_made) = begun_by(one), begun_by(other)
    if ids and other_ids:
        return bool(set(ids) & set(other_ids))
    return all(made) and made == other_made


def begun_by(text: bytes) -> tuple[list[bytes], tuple[bytes, bytes]]:
    """The sessions of a log, its machine and when it was begun, as its front matter has them."""
    keys = by_key(split_front_matter(text)[0])
    session, machine, created = (
        keys.get(key, [b""])[0].partition(b":")[2].strip() for key in (b"session", b"machine", b"created")
    )
    return session.strip(b"\"'").split(), (machine, created)
