"""What is set for claudetools: the one table of keys, the team's file, and what of that counts in this working tree.

`.claude/claudetools.json` travels with commits, so whoever can push writes it. What is tighter than before counts at
once; what loosens something, or names a branch, a remote, an exception or a server, counts after `claudetools trust`
alone. `git config claudetools.KEY` of a clone goes before the file.

What counts is kept in `settings` of the tree's state folder: `key=value` lines for the shell, an empty line, and the
text of the file that they were made from (scripts/lib/settings.sh compares that, and starts us when it is another one).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress

from claudetools.core.light import NamedTuple
from claudetools.core.messages import kind_of, visible
from claudetools.core.place import Place, find_place, typed_command

FILE = ".claude/claudetools.json"
PIN_KEYS = ("version", "sha256", "source")
LONGEST = 65536
NO_FILE, NO_TEXT = "", "\x01"  # nothing there; something that is no file, or holds what is no text
LONGEST_SHOWN = 60
NAME = re.compile(r"[\w.@+][\w./@+-]*")


class Key(NamedTuple):
    """One setting. Of `choices` an earlier one is tighter, of numbers a lower one; `trust` is never taken unasked."""

    name: str
    kind: str  # number, choice, list, name, text, zone
    default: str
    trust: bool = False
    choices: tuple[str, ...] = ()


KEYS = {
    key.name: key
    for key in (
        Key("branch", "name", "", trust=True),
        Key("remote", "name", "", trust=True),
        Key("limitMB", "number", "50"),
        Key("hookSeconds", "number", "600"),
        Key("allow", "list", "", trust=True),
        Key("credentials", "choice", "inline", choices=("block", "vault", "inline")),
        Key("guards", "choice", "refuse", choices=("refuse", "tell", "off")),
        Key("commitHook", "choice", "warn", choices=("refuse", "warn")),
        Key("trust", "choice", "auto", trust=True, choices=("ask", "auto")),
        Key("timezone", "zone", ""),
        Key("syncroUrl", "text", "", trust=True),
        Key("syncroToken", "text", "", trust=True),
    )
}

Values = dict[str, str]  # of a list its items, one a line


class Broken(Exception):
    """The file is no JSON object. The text names it and what was expected."""


class Settled(NamedTuple):
    """What counts in a tree, what waits (key, before, after), what is wrong with the file, and its pin."""

    values: Values
    waiting: tuple[tuple[str, str, str], ...] = ()
    problems: tuple[str, ...] = ()
    pin: tuple[str, str] = ("", "")  # version, sha256


# --- the file ----------------------------------------------------------------


def read_text(top: str) -> str:
    """The team's file as the shell reads it."""
    path = os.path.join(top, *FILE.split("/"))
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
        return NO_TEXT
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST + 1)
    except FileNotFoundError:
        return NO_FILE
    except OSError:
        return NO_TEXT
    text = data.decode("utf-8", "surrogateescape")
    return text.partition("\0")[0] + NO_TEXT if "\0" in text else text


def pin_of(text: str) -> tuple[str, str]:
    """Version and sum as the shims read them, which know no JSON: behind the first key of that name, wherever that is.
    What they start is what has to be told."""
    found = []
    for key in ("version", "sha256"):
        rest = text.replace("\n", "").partition(f'"{key}"')[2]
        found.append(plain(rest.partition('"')[2].partition('"')[0]))
    return found[0], found[1]


def parse(text: str) -> tuple[dict[str, str | None], list[str]]:
    """The settings by key, None for a value that is none, and what is wrong. Raises Broken."""
    data = load(text)
    problems = [unknown(key, "", ("settings", *PIN_KEYS)) for key in data if key not in ("settings", *PIN_KEYS)]
    found = data.get("settings", {})
    values: dict[str, str | None] = {}
    if not isinstance(found, dict):
        raise Broken(f"{FILE}: key 'settings' is {kind_of(found)}; expected an object")
    for name, value in found.items():
        if name not in KEYS:
            problems.append(unknown(name, "settings.", tuple(KEYS)))
            continue
        good, expected = value_of(KEYS[name], value)
        if expected:
            problems.append(f"{FILE}: key 'settings.{name}' is {shown(value)}; expected {expected}. It stays as it was")
        values[name] = None if expected else good
    for key, shown_as in zip(("version", "sha256"), pin_of(text), strict=True):
        if plain(str(data.get(key) or "")) != shown_as:
            problems.append(f"{FILE}: key '{key}' is there twice, and {shown_as!r} is what is started")
    return values, problems


def load(text: str) -> dict[str, object]:
    """The object in the file. Raises Broken."""
    if text == NO_FILE:
        return {}
    if NO_TEXT in text:
        raise Broken(f"{FILE} is no file of text; expected JSON")
    if len(text) > LONGEST:
        raise Broken(f"{FILE} is larger than {LONGEST // 1024} KB")
    try:
        data = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=without_twins)
    except json.JSONDecodeError as error:
        raise Broken(f"{FILE} line {error.lineno}: not valid JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise Broken(f"{FILE}: not valid JSON ({error})") from error
    if not isinstance(data, dict):
        raise Broken(f"{FILE}: expected an object with keys, found {kind_of(data)}")
    return data


def without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object. Of two equal keys programs take different ones: ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twins = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in twins if twins.count(key) > 1)!r} is there twice")
    return found


def value_of(key: Key, value: object) -> tuple[str, str]:
    """A value as text and "", or "" and what was expected."""
    if key.kind == "number":
        good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99999
        return (str(value), "") if good else ("", "a whole number from 1 to 99999")
    if key.kind == "list":
        good = isinstance(value, list) and all(is_line(item) and item not in (".", "/") for item in value)
        return ("\n".join(value), "") if good and isinstance(value, list) else ("", "a list of paths")
    if not is_line(value) or not isinstance(value, str):
        return "", "one line of text"
    if key.kind == "choice" and value not in key.choices:
        return "", f"{', '.join(key.choices[:-1])} or {key.choices[-1]}"
    if key.kind == "name" and (not NAME.fullmatch(value) or ".." in value):
        return "", f"the name of a {key.name}"
    if key.kind == "zone":
        from claudetools.core.clock import is_zone  # slow to load, and seldom set

        if not is_zone(value):
            return "", "a time zone such as 'Europe/Berlin'"
    return value, ""


def is_line(value: object) -> bool:
    """Whether it is text that breaks no line, no list of ours and no option of git's."""
    return isinstance(value, str) and value.isprintable() and value.strip() == value != "" and value[0] != "-"


def unknown(name: str, where: str, names: tuple[str, ...]) -> str:
    """Names a key that nobody reads, and the one that was meant."""
    from difflib import get_close_matches

    lower = {known.lower(): known for known in names}
    near = get_close_matches(name.lower(), lower, 1)
    meant = f"; is {where}{lower[near[0]]} meant?" if near else ""
    return f"{FILE}: key '{plain(where + name)}' is unknown{meant}"


def shown(value: object) -> str:
    """A value of somebody else's in a message."""
    return plain(json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value))


def plain(text: str) -> str:
    """Somebody else's text on one line, and short."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return visible(text if len(text) <= LONGEST_SHOWN + 20 else text[:LONGEST_SHOWN] + "...")


# --- what counts -----------------------------------------------------------------


def settle(before: Values, text: str, trusted: bool = False) -> Settled:
    """What counts now, from what counted before and the file. `trusted`: all of it. Never raises."""
    pin = pin_of(text)
    try:
        wanted, problems = parse(text)
    except Broken as error:
        return Settled(before, (), (f"{error}. What is in force here stays",), pin)
    values: Values = {}
    waiting = []
    for name, key in KEYS.items():
        old = before.get(name, key.default)
        new = wanted.get(name, key.default)
        if new is None:
            new = old
        if not trusted and not may_take(key, old, new):
            waiting.append((name, old, new))
            kept = set(new.split("\n"))
            new = "\n".join(item for item in old.split("\n") if item in kept) if key.kind == "list" else old
        if new != key.default:
            values[name] = new
    return Settled(values, tuple(waiting), tuple(problems), pin)


def may_take(key: Key, old: str, new: str) -> bool:
    """Whether a value counts as soon as it comes in."""
    if key.kind == "list":
        return set(filter(None, new.split("\n"))) <= set(old.split("\n"))
    if old == new:
        return True
    if key.trust:
        return False
    if key.kind == "number":
        return int(new) <= int(old)
    return key.kind == "zone" or key.choices.index(new) <= key.choices.index(old)


def tell_change(name: str, old: str, new: str) -> str:
    """One change in words: `limitMB 50 -> 500`, `allow + big.iso`."""
    if KEYS[name].kind == "list":
        return ", ".join(f"{name} + {plain(item)}" for item in new.split("\n") if item and item not in old.split("\n"))
    return f"{name} {plain(old) or 'unset'} -> {plain(new) or 'unset'}"


# --- the record ---------------------------------------------------------------------


def record_of(place: Place) -> str:
    """Where it is kept what counts in a tree."""
    return os.path.join(place.tree, "settings")


def read_record(path: str) -> tuple[Values, str] | None:
    """The values and the text they were made from; None where there is no record, or a damaged one."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            head, there, text = file.read().partition("\n\n")
    except OSError:
        return None
    values: Values = {}
    for line in head.split("\n"):
        name, _, value = line.partition("=")
        if name in KEYS:
            values[name] = f"{values[name]}\n{value}" if name in values else value
    return (values, text) if there else None


def in_force(place: Place) -> Values:
    """What counted here up to now. A linked worktree begins with what counts in the main one."""
    main = os.path.join(place.state, "trees", "main", "settings")
    found = read_record(record_of(place)) or read_record(main)
    return found[0] if found else {}


def write_record(place: Place, settled: Settled, text: str) -> None:
    """For the shell, whole or not at all."""
    lines = [f"{name}={item}" for name, value in settled.values.items() for item in value.split("\n")]
    lines += [f"waits={change[0]}\t{tell_change(*change)}" for change in settled.waiting]
    lines += [f"problem={visible(problem)}" for problem in settled.problems]
    lines += [f"pin={settled.pin[1]} {settled.pin[0]}"] if any(settled.pin) else []
    path = record_of(place)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    draft = f"{path}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write("\n".join(["made=by settings.py", *lines]) + "\n\n" + text)
    os.replace(draft, path)


def refresh(place: Place, trusted: bool = False) -> Settled:
    """What counts in this tree now. Writes the record where it is of another text."""
    text, known, before = read_text(place.top), read_record(record_of(place)), in_force(place)
    settled = settle(before, text, trusted)
    if trusted or known is None or known[1] != text:
        write_record(place, settled, text)
        if settled.values.get("timezone") != before.get("timezone"):
            for folder in {place.state, place.tree}:  # made with the other one
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, "identity"))
    return settled


# --- readers ------------------------------------------------------------------------


def value(place: Place, name: str) -> str:
    """One setting as it counts here: git's own, the team's, the default. For a list the items that git has none of."""
    asked = ("git", "-C", place.top, "config", "--get", f"claudetools.{name}")
    try:
        done = subprocess.run(asked, capture_output=True, check=False)
    except OSError:
        done = None
    if done is not None and done.returncode == 0:
        return done.stdout.decode("utf-8", "replace").strip()
    return in_force(place).get(name, KEYS[name].default)


def timezone_at(top: str) -> str:
    """The team's time zone, "" where none is set."""
    place = find_place(top)
    return value(place, "timezone") if place else ""


# --- trust ---------------------------------------------------------------------------


def accepted_pins(state: str) -> list[str]:
    """The sums that a person accepted in this clone, by `trust` or by installing them here."""
    try:
        with open(os.path.join(state, "trusted"), encoding="utf-8") as file:
            return file.read().split()
    except OSError:
        return []


def accept_pin(state: str, sha256: str) -> None:
    """One more line in `trusted`, which the shims read where `trust` is `ask`."""
    path, known = os.path.join(state, "trusted"), accepted_pins(state)
    draft = f"{path}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8") as file:
        file.write("".join(f"{sum}\n" for sum in dict.fromkeys([*known, sha256])))
    os.replace(draft, path)


def waits(state: str, sha256: str) -> bool:
    """Whether a pin is neither accepted nor what runs here already, as claudetools-start.sh has it."""
    try:
        with open(os.path.join(state, "pin"), encoding="utf-8") as file:
            runs = file.read().partition(" ")[0]
    except OSError:
        runs = ""
    return len(sha256) == 64 and sha256.isalnum() and sha256 not in (runs, *accepted_pins(state))


def trust(place: Place, show: bool) -> int:
    """Entry for scripts/trust.sh: tell what waits, and let it count from now on. 78 for a file that cannot be read."""
    settled = refresh(place)
    version, sha256 = settled.pin
    lines = [f"  {tell_change(*change)}" for change in settled.waiting]
    new_pin = waits(place.state, sha256)
    if new_pin and value(place, "trust") == "ask":
        lines.append(f"  claudetools {version}, sha256 {sha256}")
    for problem in settled.problems:
        print(f"[WARN] {problem}.", file=sys.stderr)
    if not lines:
        print(f"[OK] Nothing waits: {FILE} asks for nothing that is not in force here.")
        return 78 if any("in force here stays" in problem for problem in settled.problems) else 0
    if show:
        print("\n".join([f"Not in force here ({FILE}):", *lines, f"Accept it: {typed_command(place.top, 'trust')}"]))
        return 0
    refresh(place, trusted=True)
    if new_pin:
        accept_pin(place.state, sha256)
    print("\n".join([f"[OK] In force here from now on ({FILE}):", *lines]))
    return 0


def main(argv: list[str]) -> int:
    """`settings TOP [--trust | --show]`. Writes the record for scripts/lib/settings.sh."""
    place = find_place(argv[0])
    if place is None:
        return 78
    if len(argv) > 1:
        return trust(place, argv[1] == "--show")
    refresh(place)
    return 0
