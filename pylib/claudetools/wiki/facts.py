"""The things in a text that have to be true: addresses, host names, ports, paths, vault paths, amounts, dates.

Pure. Each is found with its place and in a normal form, so that `06/05/2026` and `June 5, 2026` are one date. A kind
that is not sure finds too much rather than too little: what is found twice costs nothing, what is missed is believed.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from claudetools.wiki.patterns import MONTHS, NO_VAULT, NUMBER, ORDINARY, PATHLIKE, PATTERNS, VAULT, VAULT_WORD

TIME = next(pattern for kind, pattern in PATTERNS if kind == "time")
PIECE = 20_000  # characters of one line that are looked at together


@dataclass(frozen=True)
class Fact:
    """One thing that has to be true. `forms`: what it may be called; two facts agree when they share one."""

    kind: str
    text: str
    start: int
    end: int
    forms: frozenset[str] = field(compare=False)


def plain(text: str) -> str:
    """Letters and digits of every script and width as the patterns know them, at the same places."""
    return "".join(c if len(n := unicodedata.normalize("NFKC", c)) != 1 else n for c in text)


def find(line: str) -> list[Fact]:
    """The facts of one line, in their order, none inside of another."""
    line = plain(line)
    taken: list[tuple[int, int]] = []
    found = []
    for fact in candidates(line):
        if all(fact.end <= start or end <= fact.start for start, end in taken):
            taken.append((fact.start, fact.end))
            found += [fact] if fact.forms else []
    return sorted(found, key=lambda fact: fact.start)


def candidates(line: str) -> Iterator[Fact]:
    """Everything that may be a fact; what comes first has the first claim on its place."""
    yield from vault_paths(line)
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(line):
            yield from facts_of(kind, match[0], match.start())


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
    if kind == "ports":
        for match in re.finditer(r"\d+", text):
            yield Fact("port", match[0], start + match.start(), start + match.end(), frozenset({match[0].lstrip("0")}))
        return
    if kind == "time":  # no fact; it only has its place, so that its minutes are no port
        yield Fact(kind, text, start, start + len(text), frozenset())
        return
    text = text.rstrip(".,;:!?") if kind in ("url", "path", "share", "drive") else text
    forms = FORMS[kind](text)
    if forms and text:
        yield Fact(KINDS.get(kind, kind), text, start, start + len(text), frozenset(forms))


def lower(text: str) -> set[str]:
    """The text itself, in small letters, without a last separator."""
    return {text.lower().rstrip("/\\") or text}


def host_forms(text: str) -> set[str]:
    """None for a word that only looks like a name: no digit and no dot, or one that everybody uses."""
    small = text.lower()
    last = text.rpartition(".")[2]
    sentence = "." in text and last[:1].isupper() and not last.isupper()  # "done.Then"
    if ORDINARY.fullmatch(small) or sentence or not re.search(r"[\d.]", small):
        return set()
    return {small}


def address_forms(text: str) -> set[str]:
    """An address or network of four numbers. In a source it also stands for the address without its prefix."""
    return {text}


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


def amount_forms(text: str) -> set[str]:
    """Number and unit, without separators: `$1,200.00` is `1200 $`, `1.5 hrs` is `1.5 h`."""
    number = re.search(NUMBER, text)
    assert number is not None
    unit = (text[: number.start()] + text[number.end() :]).strip(" -").lower()
    unit = {"usd": "$", "us$": "$", "eur": "€", "gbp": "£", "percent": "%"}.get(unit, unit)
    for word, short in (("hour", "h"), ("hr", "h"), ("min", "min"), ("licen", "licen"), ("gi", "g"), ("mi", "m")):
        unit = short if unit.startswith(word) and word not in ("gi", "mi") else unit
    return {f"{value} {unit.rstrip('s')}" for value in number_forms(number[0])}


def number_forms(text: str) -> set[str]:
    """What a number may mean: a comma or a point may separate thousands or decimals."""
    text = re.sub(r"['\u2019 ]", "", text)
    whole, mark, rest = re.fullmatch(r"(.*?)(?:([.,])(\d+))?", text).groups()  # type: ignore[union-attr]
    digits = re.sub(r"\D", "", whole)
    if not mark:
        return {trimmed(digits)}
    forms = {trimmed(f"{digits}.{rest}")}
    if len(rest) == 3 and ({mark} == set(re.findall(r"[.,]", whole)) or digits == whole):
        forms |= {trimmed(digits + rest)}
    return forms


def trimmed(number: str) -> str:
    """Without zeros that say nothing."""
    return (number.rstrip("0").rstrip(".") if "." in number else number).lstrip("0") or "0"


def date_forms(text: str) -> set[str]:
    """ISO dates that the text may mean (of two numbers either is the day), `--MM-DD`, `YYYY-MM`."""
    small = text.lower().replace(",", " ")
    month = re.search(r"[a-z]{3,}", re.sub(r"\d+(?:st|nd|rd|th)\b", lambda m: re.sub(r"\D", "", m[0]), small))
    numbers = [int(n) for n in re.findall(r"\d+", small)]
    if month:
        name = next((m for m in re.findall(r"[a-z]{3,}", small) if m[:3] in MONTHS), "")
        if name in ("may", "mar", "march") and name in text:  # "may 5 users", "march 20 miles"
            return set()
        at = MONTHS.index(name[:3]) + 1 if name else 0
        year = next((n for n in numbers if n > 31), 0)
        day = next((n for n in numbers if n <= 31), 0)
        if not at:
            return set()
        if year and day:
            return {f"{year:04}-{at:02}-{day:02}"}
        return {f"{year:04}-{at:02}"} if year else {f"--{at:02}-{day:02}"}
    if len(numbers) != 3:
        return set()
    if numbers[0] > 99:
        return {f"{numbers[0]:04}-{numbers[1]:02}-{numbers[2]:02}"}
    year = numbers[2] + (2000 if numbers[2] < 100 else 0)
    pairs = {(numbers[0], numbers[1]), (numbers[1], numbers[0])}
    return {f"{year:04}-{m:02}-{d:02}" for m, d in pairs if 1 <= m <= 12 and 1 <= d <= 31}


def mac_forms(text: str) -> set[str]:
    """With colons."""
    return {text.lower().replace("-", ":")}


FORMS: dict[str, Callable[[str], set[str]]] = {
    "url": lower, "share": lower, "drive": lower, "path": lower, "email": lower, "name": lower, "number": lower,
    "mac": mac_forms, "date": date_forms, "ip": address_forms, "ip6": address6_forms, "port": port_forms,
    "amount": amount_forms, "host": host_forms,
}  # fmt: skip
KINDS = {"share": "path", "drive": "path", "ip6": "ip", "ports": "port"}


class Known:
    """All that the sources say. Looked through kind by kind, when a fact of it is asked for: there may be many logs."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = [plain(line[at : at + PIECE]) for line in lines for at in range(0, max(len(line), 1), PIECE)]
        self.text = "\n".join(self.lines).lower()
        self.kinds: dict[str, set[str]] = {}

    def has(self, fact: Fact) -> bool:
        """Whether a source says it: letter for letter (names, paths, numbers), or in the same sense."""
        edges = EDGES.get(fact.kind)
        if edges and any(self._stands(form, *edges) for form in fact.forms):
            return True
        return bool(fact.forms & self.forms(fact.kind))

    def forms(self, kind: str) -> set[str]:
        """What the sources call their facts of one kind."""
        if kind not in self.kinds:
            found = {form for line in self.lines for fact in of_kind(kind, line) for form in fact.forms}
            self.kinds[kind] = found | implied(kind, found)
        return self.kinds[kind]

    def _stands(self, form: str, before: re.Pattern[str], after: re.Pattern[str]) -> bool:
        """Whether the text holds it with nothing around that makes it another word or number."""
        at = self.text.find(form)
        while at >= 0:
            end = at + len(form)
            if not before.search(self.text, max(at - 2, 0), at) and not after.match(self.text, end):
                return True
            at = self.text.find(form, at + 1)
        return False


def of_kind(kind: str, line: str) -> Iterator[Fact]:
    """The facts of one kind in a line, whatever else claims their place."""
    if kind == "vault":
        yield from vault_paths(line) if "vault" in line.lower() or "pass show" in line.lower() else ()
        return
    if kind == "port":
        line = TIME.sub(" ", line)
    for name, pattern in PATTERNS:
        if KINDS.get(name, name) == kind:
            for match in pattern.finditer(line):
                yield from facts_of(name, match[0], match.start())


def implied(kind: str, forms: Iterable[str]) -> set[str]:
    """A date also tells its month and its day, `fw1.acme.example` its `fw1`, a network or range its first address."""
    if kind == "date":
        dates = [form for form in forms if re.fullmatch(r"\d{4}-\d\d-\d\d", form)]
        return {form[:7] for form in dates} | {f"-{form[4:]}" for form in dates}
    if kind == "host":
        return set().union(*(host_forms(form.partition(".")[0]) for form in forms))
    return {re.split(r"[/-]", form)[0] for form in forms} if kind == "ip" else set()


# What must not stand right before and right after a fact that is found letter for letter.
WORD = (re.compile(r"[\w-]$"), re.compile(r"[\w-]|\.\w"))
EDGES = {
    **dict.fromkeys(("host", "path", "name", "url", "email", "mac", "vault"), WORD),
    "number": (re.compile(r"\d$"), re.compile(r"\d")),
    "port": (re.compile(r"[\w.,:/$-]$"), re.compile(r"[\w%]|[.,:/-]\d")),
    "ip": (re.compile(r"[\d.]$"), re.compile(r"[\d/]|[.-]\d")),
}
