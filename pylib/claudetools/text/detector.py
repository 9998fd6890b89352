"""Find credentials in text: tokens by their shape, and the values that people write down.

The one definition of a credential: for the gates, the commit hook, a server's check, `vault put`, what a model or a page is
shown, and logs under `vault` or `block`. Pure, standard library only. `find` tells which lines hold one, `values` where they
lie in a line, `mask` gives the text without them. Placeholders, redacted values, paths of a vault, hashes, public keys and
ids are none (detector_tables.py).

Prior art: the rule sets of gitleaks and detect-secrets, whose inline markers are honoured as well.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from claudetools.text.detector_tables import (
    ASSIGNED,
    BEFORE,
    BITLOCKER,
    CODE,
    COMMANDS,
    DOCKER,
    EMPTY_WORDS,
    HASH,
    OPTION,
    OTHER_NAME,
    OTPAUTH,
    PAIR,
    PATH,
    PEM,
    PEM_BODY,
    PEM_END,
    PEM_LINE,
    PLAIN_THING,
    PROSE,
    REFERENCE,
    REST,
    SECRET_COLUMN,
    SHAPE,
    SHAPES,
    SPOKEN,
    URL,
    UUID,
    WORDS,
)

MARKERS = ("claudetools:allow-secret", "gitleaks:allow", "pragma: allowlist secret", "betterleaks:allow")


HIDDEN = "[hidden]"
MOST = 50  # of one line
Hit = tuple[str, int, int]  # what it is, and where in the line the secret part lies


class Finding(NamedTuple):
    """A credential: its line (from 1), what it is, and where in the line the secret part lies."""

    line: int
    what: str
    start: int
    end: int


def find(text: str) -> list[Finding]:
    """All credentials of a text, in the order of their lines; at most one for each line."""
    lines = text.split("\n")
    found = []
    column: int | None = None
    for number, line in enumerate(lines, 1):
        column = column_of(lines, number - 1, column)
        if len(line) > LONGEST or (column is None and not may_hold_one(line)):
            continue
        hit = find_in_line(line, lines[number] if number < len(lines) else "", column)
        if hit and not any(marker in line for marker in MARKERS):
            found.append(Finding(number, *hit))
    return found


def values(lines: Sequence[str], at: int) -> list[Hit]:
    """Every credential of one line, from left to right."""
    top, column = at, None
    while top > 0 and "|" in lines[top] and "|" in lines[top - 1]:
        top -= 1
    for number in range(top, at + 1):
        column = column_of(lines, number, column)
    return values_in(lines, at, column)


def values_in(lines: Sequence[str], at: int, column: int | None) -> list[Hit]:
    """The same, where the table's column is known."""
    line, below, found = lines[at], lines[at + 1] if at + 1 < len(lines) else "", list[Hit]()
    if len(line) > LONGEST or (column is None and not may_hold_one(line)) or any(marker in line for marker in MARKERS):
        return []
    while len(found) < MOST and (hit := find_in_line(line, below, column)):
        found.append(hit)
        line = line[: hit[1]] + "*" * (hit[2] - hit[1]) + line[hit[2] :]  # of the same length, and no credential
    return sorted(found, key=lambda one: one[1])


def mask(text: str, hidden: str = HIDDEN) -> str:
    """The text with `hidden` in the place of each credential. The lines keep their numbers."""
    lines = text.split("\n")
    shown, in_key, column = [], False, None
    for at, line in enumerate(lines):
        column = column_of(lines, at, column)
        in_key = in_key and not PEM_END.search(line) and (not line.strip() or bool(PEM_LINE.fullmatch(line)))
        if in_key:
            shown.append(hidden if line.strip() else line)
            continue
        for what, start, end in reversed(values_in(lines, at, column)):
            line = line[:start] + hidden + line[end:]
            in_key = in_key or what == "a private key"
        shown.append(line)
    return "\n".join(shown)


def may_hold_one(line: str) -> bool:
    """Whether it is worth a closer look."""
    lower = line.lower()
    return any(word in lower for word in WORDS) or bool(REST.search(line))


# A line of a machine: what people write is not looked for in it, and beyond the second figure nothing.
LONGEST_WRITTEN, LONGEST = 2_000, 200_000


def find_in_line(line: str, following: str, column: int | None) -> Hit | None:
    """The first credential of a line, by its shape or by what stands before it."""
    for match in SHAPE.finditer(line):
        if not is_made_up(match[0]):
            return SHAPES[int((match.lastgroup or "s0")[1:])][0], *match.span()
    if (key := PEM.search(line)) and (PEM_BODY.match(key["rest"]) or is_pem_start(line, key, following)):
        return "a private key", key.start(), len(line)
    for match in BITLOCKER.finditer(line):
        if all(int(group) % 11 == 0 for group in match[0].split("-")) and len(set(match[0])) > 3:
            return "a BitLocker key", *match.span()
    if (seed := OTPAUTH.search(line)) and not is_made_up(seed["value"]):
        return "a TOTP seed", *seed.span("value")
    if (login := DOCKER.search(line)) and ":" in decoded(login["value"]):
        return "a registry login", *login.span("value")
    for match in URL.finditer(line):
        if match["value"] != match["user"] and is_secret(match["value"]):
            return "a password in a URL", *match.span("value")
    return find_written(line, column) if len(line) <= LONGEST_WRITTEN else None


def is_pem_start(line: str, match: re.Match[str], following: str) -> bool:
    """A key begins here: nothing but its header on the line, or what a format puts before it, and key data below."""
    return (
        not match["rest"].strip(" \t\"'\\|>n")
        and len(line[: match.start()].strip()) < 40
        and bool(PEM_BODY.fullmatch(following))
    )


def find_written(line: str, column: int | None) -> Hit | None:
    """`password: x`, a table's cell, an option or a command that takes a password."""
    if column is not None and (span := cell_span(line, column)) and is_secret(line[slice(*span)], weak=True):
        return "a password", *span
    for match in ASSIGNED.finditer(line):
        if is_assigned(line, match):
            return what_of(match[0]), *value_span(match)
    for pattern in (*COMMANDS, OPTION):
        for match in pattern.finditer(line):
            value = value_of(match)
            letters = pattern is not OPTION and re.fullmatch(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z]{10,}", value)
            if is_secret(value) or (letters and not is_placeholder(value)):
                return "a password", *value_span(match)
    for match in PAIR.finditer(line):
        if is_mixed(value_of(match)) and is_secret(value_of(match)):
            return "a password", *value_span(match)
    for match in SPOKEN.finditer(line):
        value = value_of(match)
        pin = match["name"].lower() == "pin" and re.fullmatch(r"\d{4,8}", value)
        if pin or (is_secret(value) and (is_mixed(value) or not match["word"])):
            return "a password", *value_span(match)
    return None


def is_assigned(line: str, match: re.Match[str]) -> bool:
    """Whether what follows `name:` is a secret."""
    name = match[0][: match.start("sign") - match.start()]
    value, between = value_of(match), match["between"] or ""
    if OTHER_NAME.search(between.rstrip("*`\"' ")) or BEFORE.search(line[: match.start()]):
        return False
    lower = name.lower()
    if lower.startswith(("pin", "passcode")) and re.fullmatch(r"\d{4,8}", value):
        return True
    if re.match(r"(?:totp|otp|2fa|mfa)", lower):
        rest = line[match.start(match.lastgroup or "word") :]
        seed = re.match(r"(?:[A-Z2-7]{4} ){3,}[A-Z2-7]{4}|(?:[a-z2-7]{4} ){3,}[a-z2-7]{4}|[A-Z2-7]{16,}", rest)
        return bool(seed) and not is_made_up(seed[0]) if seed else False
    if match["sign"].isalpha() or " " in match["sign"]:  # prose: "the password is ..."
        return is_secret(value) and (not match["word"] or is_mixed(value))
    weak = match["sign"] in (":", "=", ":=") and not PROSE.match(line[match.end() :])
    if lower.startswith(("auth", "_auth", "community", "credential", "creds", "access", "account", "host", "service")):
        return is_secret(value) and len(value) >= 8
    return is_secret(value, weak=weak and ("pass" in lower or (bool(UUID.fullmatch(value)) and "token" not in lower)))


def what_of(text: str) -> str:
    """A word for what is assigned."""
    lower = text.lower()
    for word, what in (
        ("token", "a token"),
        ("key", "a key"),
        ("psk", "a key"),
        ("secret", "a secret"),
        ("otp", "a TOTP seed"),
    ):
        if word in lower.split(":")[0].split("=")[0]:
            return what
    return "a password"


def value_of(match: re.Match[str]) -> str:
    """The value without its quotes and without what ends a sentence or a statement."""
    start, end = value_span(match)
    return match.string[start:end]


def value_span(match: re.Match[str]) -> tuple[int, int]:
    """Where the value lies in the line."""
    for group in ("double", "single", "code", "low"):
        if match[group] is not None:
            return match.span(group)
    start = match.start("word")
    word = match["word"]
    cut = re.search(r"[;\s]|[&,?](?=[\w-]+=)|\\n|</|[\"'](?=[\s,;)}\]]|$)|%0A", word)
    word = word[: cut.start()] if cut else word
    word = re.sub(r"(?:[,)\]}]+|[.](?=$))+$", "", word) or word
    return start, start + len(word)


def is_secret(value: str, weak: bool = False) -> bool:
    """Whether a value is one that somebody would have to change if it were read. `weak`: a short one may be as well."""
    value = value.strip().strip("*")
    if not 4 <= len(value) <= 400 or REFERENCE.match(value) or HASH.match(value) or PLAIN_THING.fullmatch(value):
        return False
    if UUID.fullmatch(value) and not weak:
        return False
    if CODE.match(value) or is_made_up(value) or is_placeholder(value):
        return False
    if PATH.fullmatch(value) and all(is_word(part) for part in re.split(r"[/:]", value)):
        return False
    if re.fullmatch(r"[\W_]+", value) or re.search(r"\$\{|\{\{|\$\(|<\w+>|^%[a-z]$", value):
        return False
    letters, digits = bool(re.search(r"[^\W\d_]", value)), bool(re.search(r"\d", value))
    symbols = bool(re.search(r"[^\w\s./:,()'\"-]", value))
    if " " in value:  # in quotes: a passphrase of several words
        words = value.split()
        return (
            (digits or symbols or len(words) >= 4)
            and len(words) <= 8
            and not any(w.lower() in EMPTY_WORDS for w in words)
        )
    if re.fullmatch(r"[a-z]+(?:[-_.][a-z]+){3,}", value):
        return not any(w in EMPTY_WORDS for w in re.split(r"[-_.]", value))
    if not letters:
        return digits and len(value) >= 6 and (symbols or weak or len(value) >= 8)
    if re.fullmatch(r"[A-Za-z]{16,}", value):  # random letters, as against camelCase
        return not re.fullmatch(r"[a-z]*(?:[A-Z][a-z]+)*|[A-Z]+", value) and bool(re.search(r"[A-Z]{2}", value))
    return len(value) >= (5 if weak else 6) and (digits or symbols) and (weak or len(value) >= 8 or is_mixed(value))


def is_mixed(value: str) -> bool:
    """Three kinds of characters, as in nothing that one reads aloud."""
    kinds = (r"[a-zäöüß]", r"[A-ZÄÖÜ]", r"\d", r"[^\w\s./:,()'\"-]")
    return len(value) >= 6 and sum(bool(re.search(kind, value)) for kind in kinds) >= 3


def is_word(part: str) -> bool:
    """A part of a path, as against one of base64."""
    return not (re.search(r"[a-z]", part) and re.search(r"[A-Z]", part) and re.search(r"\d", part)) or len(part) <= 6


def is_placeholder(value: str) -> bool:
    """Whether it consists of words that stand for something else: `your-token-here`, `secret123`, `<password>`."""
    words = re.findall(r"[a-zäöüß']+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value).lower())
    if re.search(r"(?i)example|placeholder|redact|changeme|change-me|your[_-]|dummy|insert|replace", value):
        return True
    rest = re.sub(r"[^\W\d_]+|[-_ ./'\"]+", "", value)
    simple = rest in (
        "",
        "0",
        "1",
        "2",
        "3",
        "12",
        "01",
        "123",
        "321",
        "1234",
        "12345",
        "123456",
        "456",
        "42",
        "!",
        "?",
    )
    return bool(words) and simple and all(word in EMPTY_WORDS or len(word) == 1 for word in words)


def is_made_up(token: str) -> bool:
    """Whether a token of the right shape was typed to show the shape, as in `ghp_xxxx` or `AKIA...EXAMPLE`."""
    body = re.sub(r"^[A-Za-z]{2,10}[_-]", "", token)
    if re.search(r"(?i)example|x{4,}|\.{3}|(.)\1{7,}|placeholder|redacted|your[_-]?|dummy|changeme|fake|insert", token):
        return True
    if token.startswith("eyJ"):
        return any(
            known in decoded(part) for part in token.split(".")[:2] for known in ("John Doe", "1234567890", "example")
        )
    return len(body) >= 8 and len(set(body.lower())) <= 4


def decoded(value: str) -> str:
    """Base64 of any alphabet as text, "" where it is none."""
    try:
        data = base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_") + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return ""
    text = data.decode("utf-8", "replace")
    return text if text.isprintable() else ""


# --- tables -----------------------------------------------------------------------------------


def is_ruler(line: str) -> bool:
    """Whether this is the line below the names of a table's columns."""
    return "-" in line and "|" in line and not line.strip("|:- \t\r")


def column_of(lines: Sequence[str], at: int, column: int | None) -> int | None:
    """Which cell of this row holds a secret, by the names above the table's ruler; None outside of such a table."""
    line = lines[at]
    if "|" not in line:
        return None
    if at + 1 < len(lines) and is_ruler(lines[at + 1]):
        return None  # the names themselves
    if is_ruler(line) and at and "|" in lines[at - 1]:
        names = [lines[at - 1][slice(*span)] for span in cells(lines[at - 1])]
        matching = [n for n, name in enumerate(names) if len(name) < 80 and SECRET_COLUMN.fullmatch(name.strip())]
        return matching[0] if matching else None
    return column


def cells(line: str) -> Iterator[tuple[int, int]]:
    """Each cell of a table's row, without the blanks and marks around it."""
    start = len(line) - len(line.lstrip()) + line.lstrip().startswith("|")
    for part in re.split(r"(?<!\\)\|", line[start:]):
        inner = part.strip(" \t*`\"'")
        begin = start + part.find(inner) if inner else start
        yield begin, begin + len(inner)
        start += len(part) + 1


def cell_span(line: str, column: int) -> tuple[int, int] | None:
    """One cell of a row, None for a ruler and where the row has fewer."""
    if is_ruler(line):
        return None
    found = list(cells(line))
    return found[column] if column < len(found) else None
