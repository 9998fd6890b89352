"""Who works here: `.claude/identity.json` (this machine, not committed) and `.claude/users.json` (committed).

Read once and cached as `key=value` lines that the shell can read without Python.

identity.json says whose commits are made and which other repository is synced, so one that came with a commit is never
read: whoever pushed it would decide. A file counts as this machine's own when it is the one that was used before
(`<cache>.of` is a link to it), when setup.sh has just written it, or when git does not know its bytes. Where git put
another one over it, the one before is used on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from claudetools.core.messages import kind_of

REQUIRED = ("user", "full_name", "email", "machine")
OPTIONAL = ("timezone", "hostname")
DEFAULT_TIMEZONE = "America/Los_Angeles"  # of an identity.json from before 0.2.0, which says none
GIT_STRIPS = " .,:;<>\"\\'"  # from the ends of a name; a name of nothing else is refused by git


class Invalid(Exception):
    """A file that cannot be used. The text names the file, the key and what was expected."""


@dataclass
class Identity:
    """Everything that is written into commits and User blocks."""

    user: str
    full_name: str
    email: str
    machine: str
    timezone: str = DEFAULT_TIMEZONE
    hostname: str = ""
    vaults: list[str] = field(default_factory=list)
    vault_faults: list[str] = field(default_factory=list)  # entries of vault_path that name no folder
    role: str = ""
    source: str = "identity.json"
    foreign: str = ""  # "1": the file in the tree came with a commit
    problems: list[str] = field(default_factory=list)


def load_json(path: str, shown: str) -> dict[str, Any] | None:
    """The object in a JSON file, None when there is no file. Raises Invalid."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise Invalid(f"{shown} is no file; expected a JSON file")
        with open(path, encoding="utf-8-sig") as file:
            data = json.load(file)
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise Invalid(f"{shown} line {error.lineno}: not valid JSON ({error.msg})") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{shown} is not UTF-8 text (byte {error.start}); expected JSON in UTF-8") from error
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond what Python reads
        raise Invalid(f"{shown}: not valid JSON ({error})") from error
    except OSError as error:
        raise Invalid(f"{shown} cannot be read: {error.strerror}") from error
    if not isinstance(data, dict):
        raise Invalid(f"{shown}: expected an object with keys, found {kind_of(data)}")
    return data


def text_of(data: dict[str, Any], key: str, shown: str, required: bool) -> str:
    """One line of text under `key`. Raises Invalid."""
    value = data.get(key)
    if value is None or value == "":
        if required:
            raise Invalid(f"{shown}: key {key!r} is missing; expected text, for example {EXAMPLES[key]!r}")
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{shown}: key {key!r} is {kind_of(value)}; expected text")
    if any(is_control(c) for c in value):
        raise Invalid(f"{shown}: key {key!r} holds a control character; expected one line of text")
    if not value.strip():
        raise Invalid(f"{shown}: key {key!r} holds spaces only; expected text")
    if value != value.strip():
        raise Invalid(f"{shown}: key {key!r} is {value!r}; expected text without blanks at its ends")
    if key == "email" and ("@" not in value or any(c in value for c in "<> ")):
        raise Invalid(f"{shown}: key 'email' is {value!r}; expected an address, for example {EXAMPLES['email']!r}")
    if key == "user" and not is_user_id(value):
        raise Invalid(f"{shown}: key 'user' is {value!r}; expected letters, digits, '-', '_' or '.'")
    if key == "full_name" and any(c in value for c in "<>"):
        raise Invalid(f"{shown}: key 'full_name' is {value!r}; expected a name without '<' and '>'")
    if key == "full_name" and not value.strip(GIT_STRIPS):
        raise Invalid(f"{shown}: key 'full_name' is {value!r}; expected a name with letters")
    return value


def read_vaults(data: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The folders of `vault_path`, a text or a list of them, and a sentence for each entry that names none: it stops
    neither the repository nor the other vaults."""
    value = data.get("vault_path") or []
    shown = ".claude/identity.json"
    if not isinstance(value, (str, list)):
        return [], [f"{shown}: key 'vault_path' is {kind_of(value)}; expected text, or a list of texts"]
    entries = {"vault_path": value} if isinstance(value, str) else {f"vault_path[{n}]": v for n, v in enumerate(value)}
    found: dict[str, str] = {}
    faults = []
    for key, entry in entries.items():
        try:
            path = text_of({key: entry}, key, shown, False)
        except Invalid as error:
            faults.append(str(error))
            continue
        if not path:
            faults.append(f"{shown}: key {key!r} is empty; expected the path of a folder")
        elif path in found:
            faults.append(f"{shown}: key {key!r} names the same folder as {found[path]!r}")
        else:
            found[path] = key
    return list(found), faults


def is_control(char: str) -> bool:
    """What would break a line, a terminal or the cache: control characters, line separators, lone surrogates."""
    return ord(char) < 32 or 0x7F <= ord(char) <= 0x9F or char in "\u2028\u2029" or 0xD800 <= ord(char) <= 0xDFFF


def is_user_id(value: str) -> bool:
    """Whether the text may be a user id."""
    return value.replace("-", "").replace("_", "").replace(".", "").isalnum()


def one_line(text: str) -> str:
    """Text that quotes others' files, so that it can neither forge a line of the cache nor rewrite a screen."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


EXAMPLES = {
    "user": "mike",
    "full_name": "Mike Swanson",
    "email": "mike@example.com",
    "machine": "LINUX-01",
    "role": "admin",
}


def read_users(path: str) -> dict[str, dict[str, Any]]:
    """`users` of users.json, {} when there is no such file. Raises Invalid."""
    data = load_json(path, ".claude/users.json")
    if data is None:
        return {}
    users = data.get("users")
    if not isinstance(users, dict):
        raise Invalid(f".claude/users.json: key 'users' is {kind_of(users)}; expected an object, one entry per person")
    for name, entry in users.items():
        if not isinstance(entry, dict):
            raise Invalid(f".claude/users.json: key 'users.{name}' is {kind_of(entry)}; expected an object")
        for key in ("full_name", "email", "role"):
            text_of(entry, key, f".claude/users.json, users.{name}", False)
        aliases = entry.get("aliases", [])
        if not isinstance(entry.get("active", True), bool):
            raise Invalid(
                f".claude/users.json: key 'users.{name}.active' is {kind_of(entry['active'])}; expected true or false"
            )
        if not isinstance(aliases, list) or not all(isinstance(a, str) for a in aliases):
            raise Invalid(f".claude/users.json: key 'users.{name}.aliases' is no list of names")
    return users


def read_groups(path: str) -> dict[str, list[str]]:
    """`groups` of users.json: a name for several people, and their ids. Raises Invalid."""
    groups = (load_json(path, ".claude/users.json") or {}).get("groups", {})
    if not isinstance(groups, dict):
        raise Invalid(f".claude/users.json: key 'groups' is {kind_of(groups)}; expected an object, one list per group")
    for name, ids in groups.items():
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise Invalid(f".claude/users.json: key 'groups.{name}' is no list of user ids")
    return groups


def read_identity(top: str, git_email: str, host: str, file: str = "") -> Identity:
    """The identity of this machine: `file` is its identity.json, "" for none. Raises Invalid.

    A fault in users.json, which may have come from somebody else, never stops a sync whose own identity.json is good:
    it is reported in `problems`.
    """
    folder = os.path.join(top, ".claude")
    problems = []
    users: dict[str, dict[str, Any]] = {}
    try:
        users = read_users(os.path.join(folder, "users.json"))
        read_groups(os.path.join(folder, "users.json"))
    except Invalid as error:
        problems.append(str(error))
    shown = ".claude/identity.json"
    data = load_json(file, shown) if file else None
    if data is None:
        return derive(users, git_email, host, problems)
    values: dict[str, Any] = {key: text_of(data, key, shown, True) for key in REQUIRED}
    extra = {key: text_of(data, key, shown, False) for key in OPTIONAL}
    values |= {key: value for key, value in extra.items() if value}
    values["vaults"], values["vault_faults"] = read_vaults(data)
    identity = Identity(**values, problems=problems)
    from claudetools.core.clock import is_zone  # slow to load

    if identity.timezone and not is_zone(identity.timezone):
        problems.append(
            f"{shown}: key 'timezone' is {identity.timezone!r}; expected a name such as 'Europe/Berlin'. "
            f"Times are those of {DEFAULT_TIMEZONE}"
        )
    if users:
        take_role(identity, users.get(identity.user))
        tell_namesakes(identity, users)
    return identity


def take_role(identity: Identity, entry: dict[str, Any] | None) -> None:
    """What users.json says of the person, and where it does not agree."""
    if entry is None:
        identity.problems.append(f".claude/users.json: key 'users.{identity.user}' is missing; your role is unknown")
    if not entry:
        return
    identity.role = entry.get("role", "")
    if entry.get("email") and entry["email"].lower() != identity.email.lower():
        identity.problems.append(
            f".claude/identity.json has email {identity.email}, .claude/users.json has {entry['email']} "
            f"for {identity.user}"
        )
    if entry.get("full_name") and entry["full_name"] != identity.full_name:
        identity.problems.append(
            f".claude/identity.json has full_name {identity.full_name}, .claude/users.json has {entry['full_name']} "
            f"for {identity.user}"
        )


def tell_namesakes(identity: Identity, users: dict[str, dict[str, Any]]) -> None:
    """Whose name or address is somebody else's in users.json would sign that person's work."""
    for name, entry in users.items():
        if name == identity.user or not entry.get("active", True):
            continue
        for key, mine in (("email", identity.email), ("full_name", identity.full_name)):
            if str(entry.get(key) or "").lower() == mine.lower():
                text = f".claude/identity.json has {key} {mine}, which is {name} in .claude/users.json"
                identity.problems.append(text)


def derive(users: dict[str, dict[str, Any]], git_email: str, host: str, problems: list[str]) -> Identity:
    """The one person of users.json with git's own user.email. Raises Invalid."""
    if problems:
        raise Invalid(problems[0])
    here = {name: e for name, e in users.items() if e.get("active", True)}
    matches = [name for name, e in here.items() if git_email and e.get("email", "").lower() == git_email.lower()]
    if len(matches) != 1:
        who = f"{git_email} is nobody in .claude/users.json" if git_email else "git has no user.email either"
        if len(matches) > 1:
            who = f"{git_email} is {' and '.join(sorted(matches))} in .claude/users.json"
        raise Invalid(f"This machine is not set up: .claude/identity.json is missing and {who}.")
    name = matches[0]
    if not is_user_id(name):
        raise Invalid(
            f".claude/users.json: key 'users.{name}' is no user id; expected letters, digits, '-', '_' or '.'"
        )
    entry = users[name]
    from claudetools.core.clock import MACHINE_ZONE

    return Identity(
        user=name,
        full_name=entry.get("full_name") or name,
        email=entry["email"],
        machine=host or "unknown",
        timezone=MACHINE_ZONE,
        role=entry.get("role", ""),
        source="derived",
    )


def own_file(top: str, cache: str) -> str:
    """The identity.json of this machine: the one at `top` or, where that came with a commit, the one before. "" where
    there is neither. Raises Invalid."""
    path = os.path.join(top, ".claude", "identity.json")
    links = [f"{cache}.of"]
    trees = os.path.dirname(os.path.dirname(cache))
    if os.path.basename(trees) == "trees":  # a linked worktree: the main one may know
        links.append(os.path.join(os.path.dirname(trees), "identity.of"))
    before = [link for link in links if os.path.exists(link)]
    if not os.path.lexists(path) or any(is_same(path, one) for one in before) or not came_with_commit(top, path):
        return path
    return before[0] if before else ""


def is_same(path: str, other: str) -> bool:
    """Whether two files are one, or hold the same bytes."""
    try:
        return os.path.samefile(path, other) or read_file(path) == read_file(other)
    except OSError:
        return False


def read_file(path: str) -> bytes:
    """The bytes of a file; of a pipe or a folder none, at once."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return b""
    with open(path, "rb") as file:
        return file.read()


def came_with_commit(top: str, path: str) -> bool:
    """Whether git has the file's bytes, or the text of a link on the way to it, as an object. Raises Invalid."""
    from claudetools.core import git

    links = (os.readlink(p) for p in (os.path.dirname(path), path) if os.path.islink(p))
    texts = [os.fsencode(text) for text in links]
    with suppress(OSError):
        texts.append(read_file(path))
    names = [f(b"blob %d\0" % len(text) + text).hexdigest() for f in (hashlib.sha1, hashlib.sha256) for text in texts]
    env = {"GIT_NO_LAZY_FETCH": "1"}
    try:
        if texts:  # as git would store it, line ends and filters applied
            clean = git.run(top, "hash-object", "--path=.claude/identity.json", "--stdin", stdin=texts[-1], env=env)
            names.append(clean.decode().strip())
        said = git.run(top, "cat-file", "--batch-check", stdin="".join(f"{n}\n" for n in names).encode(), env=env)
    except git.GitError as error:
        raise Invalid(f"whether .claude/identity.json came with a commit cannot be told: {error}") from error
    return any(not line.endswith(b" missing") for line in said.splitlines())


def complete(draft: str, own: str) -> None:
    """Give the file `draft`, what setup.sh was told, the other keys of the present file, `own`. One that cannot
    be read has nothing to give. Raises Invalid for a time zone that this machine does not know."""
    told = load_json(draft, "the new identity.json") or {}
    from claudetools.core.clock import is_zone

    if not is_zone(told.get("timezone", DEFAULT_TIMEZONE)):
        raise Invalid(f"{told['timezone']!r} is no time zone; expected a name such as 'Europe/Berlin'")
    with suppress(Invalid):
        told = {**((load_json(own, "") if own else None) or {}), **told}
    with open(draft, "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def cache_lines(identity: Identity) -> str:
    """What scripts/lib/identity.sh reads."""
    keys = (*REQUIRED, *OPTIONAL, "role", "source", "foreign")
    lines = [f"{key}={getattr(identity, key)}" for key in keys]
    lines += [f"vault_path={path}" for path in identity.vaults]
    lines += [f"vault_fault={one_line(text)}" for text in identity.vault_faults]
    return "\n".join(lines + [f"problem={one_line(p)}" for p in identity.problems]) + "\n"


def note_file(path: str, link: str) -> None:
    """A hard link to the very file that is read: an older copy that is put in its place has another inode.

    Made before reading, so that a file replaced in between is noticed by the next sync.
    """
    with suppress(FileNotFoundError):
        os.unlink(link)
    with suppress(OSError):
        os.link(os.path.realpath(path), link)


def inode_of(path: str) -> int:
    """0 where there is no such file."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def find_identity(args: argparse.Namespace) -> Identity:
    """The identity by the arguments of `main`, and the link to its file. Raises Invalid."""
    path, link = os.path.join(args.top, ".claude", "identity.json"), f"{args.cache}.of"
    judged = inode_of(path)
    own = path if args.own else own_file(args.top, args.cache)
    if own == path and judged:
        note_file(path, link)
        if os.path.exists(link) and inode_of(link) != judged:
            os.unlink(link)
            raise Invalid(".claude/identity.json is being replaced right now; run this again")
    try:
        identity = read_identity(args.top, args.git_email, args.host, own)
    except Invalid as error:
        if own:
            raise
        raise Invalid(str(error).replace("is missing", "came with a commit, so it is not read,")) from error
    identity.foreign = "" if own == path else "1"
    from claudetools.core import settings
    from claudetools.core.clock import MACHINE_ZONE

    said = (load_json(own, ".claude/identity.json") or {}).get("timezone") if own else ""
    if not said or said == MACHINE_ZONE:
        identity.timezone = settings.timezone_at(args.top) or identity.timezone
    return identity


def main(argv: list[str]) -> int:
    """Write the cache, or with --complete FILE nothing but that file. Exit 0, or 78 with one line that names file, key
    and what was expected."""
    parser = argparse.ArgumentParser(prog="identity")
    parser.add_argument("top")
    parser.add_argument("cache")
    parser.add_argument("--git-email", default="")
    parser.add_argument("--host", default="")
    parser.add_argument("--own", action="store_true", help="setup.sh has just written it")
    parser.add_argument("--complete", metavar="FILE", default="")
    parser.add_argument("--entry", metavar="USER", default="", help="only print name and address of users.json")
    args = parser.parse_args(argv)
    try:
        if args.entry:
            entry = read_users(os.path.join(args.top, ".claude", "users.json")).get(args.entry, {})
            print(entry.get("full_name") or "", entry.get("email") or "", sep="\n")
            return 0
        if args.complete:
            complete(args.complete, own_file(args.top, args.cache))
            return 0
        identity = find_identity(args)
    except Invalid as error:
        print(one_line(str(error)), file=sys.stderr)
        return 78
    draft = f"{args.cache}.{os.getpid()}"  # sessions that start together ask together, without a lock
    with open(draft, "w", encoding="utf-8", newline="\n") as file:
        file.write(cache_lines(identity))
    os.replace(draft, args.cache)
    return 0
