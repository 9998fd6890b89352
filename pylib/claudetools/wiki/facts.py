"""The things in a text that have to be true: addresses, names, ports, versions, paths, numbers of things, dates, times.

Pure; works on lines as they are read (rendered.py). Each fact has its place and its forms, so that `06/05/2026` and
`June 5, 2026` are one date and `$4.5k` is `4,500 USD`. A kind that is not sure finds too much rather than too little.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import urlsplit

from claudetools.wiki.patterns import (
    KIND_WORDS,
    MONEY,
    MONTHS,
    NO_VAULT,
    NUMBER,
    ORDINARY,
    PATHLIKE,
    PATTERNS,
    UNIT,
    UNITS,
    VAULT,
    VAULT_WORD,
)  # fmt: skip

LETTERS = ("host", "name", "introduced", "code", "serial", "email", "path", "url", "commit", "vault")
TO_AMOUNT = re.compile(rf"\s?(?:to|auf|->|→)\s?{NUMBER}[\s-]?(?P<unit>{UNIT})(?!\w)", re.IGNORECASE)
COUNTABLE = ("port", "vlan", "ticket", "order", "ext")
COUNTED = re.compile(r"[\s-](?!(?:and|or|is|was|for|on|at|to|in|of|und)\b)[a-zäöü]{3,}")
ALIASES = {"hkey_local_machine": "hklm", "hkey_current_user": "hkcu", "hkey_classes_root": "hkcr", "hkey_users": "hku"}


@dataclass(frozen=True)
class Fact:
    """One thing that has to be true. `forms`: what it may be called; two facts of a kind agree when they share one."""

    kind: str
    text: str
    start: int
    end: int
    forms: frozenset[str] = field(compare=False)


@lru_cache(maxsize=20_000)
def find(line: str) -> tuple[Fact, ...]:
    """The facts of one line, in their order, none inside of another."""
    taken = [(match.start(), match.end()) for match in ORDINARY.finditer(line)]
    found = []
    for fact in candidates(line):
        if all(fact.end <= start or end <= fact.start for start, end in taken):
            taken.append((fact.start, fact.end))
            found += [fact] if fact.forms else []
    return tuple(sorted(typed(found, line), key=lambda fact: fact.start))


def typed(found: Sequence[Fact], line: str) -> Iterator[Fact]:
    """The facts; a plain number in a clause that speaks of ports, and has none, is one: "the VLAN has the ID 30"."""
    for fact in found:
        kind = fact.kind
        if kind == "number" and (pair := TO_AMOUNT.match(line, fact.end)):  # "from 30 to 45 days"
            made = next(iter(facts_of("amount", f"{fact.text} {pair['unit']}", fact.start)))
            yield replace(made, text=fact.text, end=fact.end)
            continue
        if kind == "number":
            start = max(line.rfind(sign, 0, fact.start) for sign in (". ", "; ", "\u2502", "! ")) + 1
            clause = line[start : fact.start]
            said = [(one, words) for one in COUNTABLE if (words := KIND_WORDS[one].search(clause))]
            if len(said) == 1:
                one, words = said[0]
                listed = clause[words.end() :].lstrip().startswith(":")  # "VLANs: 10 voice, 20 guest"
                others = any(other.kind == one and other.start >= start for other in found)
                kind = one if listed or not (others or COUNTED.match(line, fact.end)) else kind
        yield fact if kind == fact.kind else replace(fact, kind=kind)


def candidates(line: str) -> Iterator[Fact]:
    """Everything that may be a fact; what comes first has the first claim on its place."""
    yield from vault_paths(line)
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(line):
            group = "value" if "value" in pattern.groupindex else 0
            yield from facts_of(kind, match[group], match.start(group))


def vault_paths(line: str) -> Iterator[Fact]:
    """Where a secret lies: after `vault:` and the like, and whatever looks like a path beside the word."""
    places = [(m.start(1), m[1]) for m in VAULT.finditer(line)]
    if VAULT_WORD.search(line):
        places += [(m.start(), m[0]) for m in PATHLIKE.finditer(line)]
    for start, text in places:
        text = text.rstrip(".:#")
        if text and not NO_VAULT.fullmatch(text):
            yield Fact("vault", text, start, start + len(text), frozenset({text.lower()}))


def facts_of(kind: str, text: str, start: int) -> Iterator[Fact]:
    """The facts in what a pattern found; none when it only looks like one."""
    if kind in MANY or kind in ("ticket", "order"):
        for match in re.finditer(r"\d+", text):
            number = match[0].lstrip("0")
            yield Fact(MANY.get(kind, kind), match[0], start + match.start(), start + match.end(), frozenset({number}))
        return
    text = text.rstrip(".,;:!?") if kind in ("url", "path", "share", "drive", "registry") else text
    forms = FORMS[kind](text)
    if kind == "amount":  # of what it is measured in: a price is no rival of a speed
        unit = next(iter(forms)).partition(" ")[2]
        kind = f"amount of {MEASURES.get(unit, unit)}"
    if text:
        yield Fact(KINDS.get(kind, kind), text, start, start + len(text), frozenset(forms))


def lower(text: str) -> set[str]:
    """The text itself, in small letters, without a last separator."""
    return {text.lower().rstrip("/\\") or text}


def windows_forms(text: str) -> set[str]:
    """A path with backslashes; roots of the registry by their short names."""
    root, _, rest = text.lower().rstrip("\\/").partition("\\")
    return {f"{ALIASES.get(root.rstrip(':'), root.rstrip(':') if root.startswith('hk') else root)}\\{rest}"}


def url_forms(text: str) -> set[str]:
    """Without a last slash, and without the port that its scheme has anyway."""
    small = text.lower().rstrip("/")
    return {re.sub(r"^(https://[^/]+):443(?=/|$)|^(http://[^/]+):80(?=/|$)", lambda m: m[1] or m[2], small)}


def host_forms(text: str) -> set[str]:
    """None for a word that only looks like a name: no digit and no dot."""
    small = text.lower()
    last = text.rpartition(".")[2]
    sentence = "." in text and last[:1].isupper() and not last.isupper()  # "done.Then"
    if sentence or not re.search(r"[\d.]", small) or re.fullmatch(r"(?:[a-z]\.)+[a-z]?", small):
        return set()
    return {small}


def address_forms(text: str) -> set[str]:
    """An address or a network of four numbers."""
    return {re.sub(r"\b0+(?=\d)", "", text.lower())}


def range_forms(text: str) -> set[str]:
    """`10.0.0.50-10.0.0.99`, however its end is written."""
    first, last = re.split(r"\s?-\s?|\s\w+\s", text, maxsplit=1)
    parts = last.lstrip(".").split(".")
    return {f"{first}-{'.'.join([*first.split('.')[: 4 - len(parts)], *parts])}"}


def address6_forms(text: str) -> set[str]:
    """An IPv6 address in its short form; a time such as 14:02:11 is none."""
    try:
        found = str(ipaddress.ip_interface(text.partition("%")[0])) if text.strip(":") else ""
        return {found.removesuffix("/128")} if found else set()
    except ValueError:
        return set()


def port_forms(text: str) -> set[str]:
    """The number alone."""
    number = re.sub(r"\D", "", text).lstrip("0")
    return {number} if number and int(number) < 65536 else set()


def hex_forms(text: str) -> set[str]:
    """The digits without what stands between them."""
    return {re.sub(r"[^0-9a-f]", "", text.lower())}


def phone_forms(text: str) -> set[str]:
    """The digits, as one dials them from inside of the country too."""
    digits = re.sub(r"\D", "", text.replace("(0)", ""))
    forms = {digits}
    if text.startswith("+"):
        forms |= {digits[1:]} if digits.startswith("1") and len(digits) == 11 else {"0" + digits[2:]}
    return forms


def version_forms(text: str) -> set[str]:
    """Without the v."""
    return {text.lower().removeprefix("v")}


def time_forms(text: str) -> set[str]:
    """Hours and minutes of 24 hours, and with seconds where they are said."""
    small = text.lower().replace(".", ":") if "uhr" in text.lower() else text.lower()
    numbers = [int(n) for n in re.findall(r"\d+", small)]
    half = re.search(r"([ap])\W?m", small)
    hour = numbers[0] % 12 + 12 * (half[1] == "p") if half else numbers[0]
    short = f"{hour:02}:{numbers[1] if len(numbers) > 1 else 0:02}"
    return {f"{short}:{numbers[2]:02}"} if len(numbers) > 2 else {short}


def amount_forms(text: str) -> set[str]:
    """Number and unit: `$1,200.00` is `1200 $`, `1.5 hrs` is `90 minutes`, `100 Mbps` is `100 Mbit/s`."""
    number = re.search(NUMBER, text)
    assert number is not None
    unit = (text[: number.start()] + text[number.end() :]).strip(" -,")
    money = re.search(MONEY, unit, re.IGNORECASE)
    factor = 1.0
    if money or text.endswith(",-"):
        times = re.sub(MONEY, "", unit, flags=re.IGNORECASE).strip(" .").lower()
        factor = {"k": 1e3, "tsd": 1e3, "thousand": 1e3, "m": 1e6, "mio": 1e6, "million": 1e6}.get(times, 1.0)
        name = money[0].lower() if money else "€"
        name = {"usd": "$", "us$": "$", "eur": "€", "euro": "€", "gbp": "£"}.get(name, name)
        return {f"{trimmed(str(round(float(value) * factor, 4)))} {name}" for value in number_forms(number[0], True)}
    bits = re.fullmatch(r"([KkMGT])(b/s|b|bps|Bps)", unit)
    if bits and bits[2] in ("b/s", "b", "bps"):
        unit = f"{bits[1]}bit/s"
    elif bits:
        unit = f"{bits[1]}b/s"
    base, factor = UNITS.get(unit.lower(), (unit.lower(), 1))
    return {f"{trimmed(str(round(float(value) * factor, 4)))} {base}" for value in number_forms(number[0])}


def number_forms(text: str, money: bool = False) -> set[str]:
    """What a number may mean: a comma or a point may separate thousands or decimals. Prices have no three decimals."""
    text = re.sub(r"['\u2019 ]", "", text)
    whole, mark, rest = re.fullmatch(r"(.*?)(?:([.,])(\d+))?", text).groups()  # type: ignore[union-attr]
    digits = re.sub(r"\D", "", whole)
    if not mark:
        return {trimmed(digits)}
    if len(rest) == 3 and ({mark} == set(re.findall(r"[.,]", whole)) or digits == whole):
        thousands = {trimmed(digits + rest)}
        certain = money or mark == "," or digits != whole
        return thousands if certain and digits != "0" else thousands | {trimmed(f"{digits}.{rest}")}
    return {trimmed(f"{digits}.{rest}")}


def trimmed(number: str) -> str:
    """Without zeros that say nothing."""
    found = (number.rstrip("0").rstrip(".") if "." in number else number).lstrip("0") or "0"
    return f"0{found}" if found.startswith(".") else found


def date_forms(text: str) -> set[str]:
    """The ISO date, `--MM-DD` or `YYYY-MM`. Of `06/05/2026` the month is first, of `05.06.2026` the day."""
    small = text.lower().replace(",", " ")
    numbers = [int(n) for n in re.findall(r"\d+", small)]
    names = [m for m in re.findall(r"[a-zäöü]{3,}", small) if m[:3] in MONTHS]
    if names:
        name = names[0]
        if name in ("may", "mar", "march") and name in text:  # "may 5 users", "march 20 miles"
            return set()
        month = MONTHS[name[:3]]
        year = next((n for n in numbers if n > 31), 0)
        day = next((n for n in numbers if n <= 31), 0)
        if year and day:
            return {f"{year:04}-{month:02}-{day:02}"}
        return {f"{year:04}-{month:02}"} if year else {f"--{month:02}-{day:02}"} if day else set()
    if len(numbers) != 3:
        return set()
    if numbers[0] > 99:
        return {f"{numbers[0]:04}-{numbers[1]:02}-{numbers[2]:02}"}
    year = numbers[2] + (2000 if numbers[2] < 100 else 0)
    month, day = (numbers[0], numbers[1]) if "/" in text and numbers[0] <= 12 else (numbers[1], numbers[0])
    return {f"{year:04}-{month:02}-{day:02}"} if 1 <= month <= 12 and 1 <= day <= 31 else set()


FORMS: dict[str, Callable[[str], set[str]]] = {
    **dict.fromkeys(("path", "email", "name", "introduced", "code", "serial"), lower),
    **dict.fromkeys(("share", "drive", "registry"), windows_forms),
    **dict.fromkeys(("mac", "guid", "commit"), hex_forms),
    **dict.fromkeys(("ip", "net"), address_forms), **dict.fromkeys(("port", "vlan", "ext"), port_forms),
    "url": url_forms, "number": number_forms, "date": date_forms, "time": time_forms, "range": range_forms,
    "ip6": address6_forms, "amount": amount_forms, "host": host_forms,
    "phone": phone_forms, "version": version_forms,
}  # fmt: skip
KINDS = {"share": "path", "drive": "path", "registry": "path"}
MEASURES = {**dict.fromkeys("$€£¥", "money"), "days": "span", "months": "span", "minutes": "time", "seconds": "time"}
MANY = {"ports": "port", "vlans": "vlan", "exts": "ext"}


def implied(fact: Fact) -> Iterator[tuple[str, str]]:
    """Kind and form of what a fact says besides itself: a date its month, a URL its host and port, a host its first
    name, a network or a range its addresses."""
    for form in fact.forms:
        if fact.kind == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", form):
            yield from (("date", form[:7]), ("date", f"-{form[4:]}"), ("number", form[:4]))
        elif fact.kind == "time":
            yield "time", form[:5]
        elif fact.kind == "host" and "." in form:
            yield "host", form.partition(".")[0]
        elif fact.kind in ("range", "net", "ip6"):
            yield from (
                ("ip6" if ":" in form else "ip", part) for part in re.split(r"[/-]", form)[: 2 if "-" in form else 1]
            )
        elif fact.kind == "url":
            parts = urlsplit_or_none(form)
            if parts:
                host, port = parts
                yield from ((other.kind, each) for other in find(host) for each in other.forms)
                yield "port", port or {"https": "443", "http": "80"}.get(form.partition(":")[0], "")
                yield "url", form.partition("?")[0]
                yield "url", re.match(r"[^:]+://[^/]*", form)[0]  # type: ignore[index]
        elif fact.kind == "email":
            yield "host", form.partition("@")[2]


def urlsplit_or_none(url: str) -> tuple[str, str] | None:
    """Host and port of a URL."""
    try:
        parts = urlsplit(url)
        return (parts.hostname, str(parts.port or "")) if parts.hostname else None
    except ValueError:
        return None


def agrees(fact: Fact, mine: str, other: Fact, line: str) -> bool:
    """Whether `other`, a fact of `line`, says what `fact`, one of the line `mine`, says."""
    if other.kind == fact.kind and fact.forms & other.forms:
        return True
    if any(kind == fact.kind and form in fact.forms for kind, form in implied(other)):
        return True
    if fact.kind in LETTERS and other.kind in LETTERS and fact.forms & other.forms:
        return any(re.search(r"[^\W\d]", form) for form in fact.forms)
    if fact.kind == other.kind == "commit":  # a short one stands for the long one that begins so
        return any(long.startswith(short) for short in fact.forms for long in other.forms)
    if fact.kind == other.kind == "version":
        return any(long.startswith(f"{short}.") for short in fact.forms for long in other.forms)
    if other.kind == "number" and fact.kind in KIND_WORDS:
        return bool(fact.forms & other.forms and KIND_WORDS[fact.kind].search(line))
    if fact.kind == "number" and other.kind in KIND_WORDS:
        return bool(fact.forms & other.forms and KIND_WORDS[other.kind].search(mine))
    return False


EDGE = (re.compile(r"[\w-]$"), re.compile(r"[\w-]|\.\w"))


def stands_in(fact: Fact, line: str) -> int:
    """Where a name or a path stands in the line letter for letter, nothing around makes it another; else -1."""
    if fact.kind not in LETTERS:
        return -1
    small = line.lower()
    for form in fact.forms:
        at = small.find(form) if re.search(r"[^\W\d]", form) else -1
        while at >= 0:
            if not EDGE[0].search(small, max(at - 2, 0), at) and not EDGE[1].match(small, at + len(form)):
                return at
            at = small.find(form, at + 1)
    return -1
