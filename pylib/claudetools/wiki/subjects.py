"""What a line says a value of, and how: the names and words that belong to it, and whether it is so, was so, or may be.

Pure; works on lines as they are read (rendered.py) and the facts in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from claudetools.wiki import facts
from claudetools.wiki.facts import Fact
from claudetools.wiki.rendered import COLUMN
from claudetools.wiki.wording import (
    CHANGE,
    NOW_AFTER,
    OLD_AFTER,
    OLD_BEFORE,
    PLAN,
    RETIRED,
    SAME,
    TRANSPARENT,
    TURNS,
    WAS,
)

WORD = re.compile(r"[^\W\d_](?:[\w&]|[-'](?=\w))*")
DIVIDERS = re.compile(
    rf"(?<=[^.\s][.!?])\s+(?=[\W\dA-ZÄÖÜ])|{COLUMN.strip()}|[;,](?=\s)|\s(?:and|und|while|whereas|but|sowie)\s|\s[-/|]\s|\s\u2022\s",
    re.IGNORECASE,
)
SENTENCE = re.compile(rf"(?<=[^.\s][.!?])\s+(?=\W*[A-ZÄÖÜ\d])|\s?{COLUMN.strip()}\s?|;\s")
PLANNED_KINDS = (
    "ip",
    "net",
    "range",
    "ip6",
    "port",
    "vlan",
    "version",
    "amount",
    "path",
    "ext",
    "url",
    "number",
    "host",
)


@lru_cache(maxsize=50_000)
def words(text: str) -> frozenset[str]:
    """What a text speaks of: its words without the transparent ones, in one form."""
    return frozenset(word for match in WORD.finditer(text) if (word := stem(match[0])))


def stem(text: str) -> str:
    """One form of a word; "" for a transparent one and for one letter."""
    small = re.sub(r"['\u2019]s$", "", text.casefold())
    if small in TRANSPARENT or len(small) < 2:
        return ""
    small = SAME.get(small, small)
    for end, least in (("ies", 5), ("es", 6), ("s", 4)):
        if small.endswith(end) and len(small) >= least and not small.endswith("ss"):
            small = small[: -len(end)] + (
                "y" if end == "ies" else "e" if end == "es" and small[-3] not in "sxh" else ""
            )
            break
    return "" if small in TRANSPARENT else SAME.get(small, small)


def name_of(form: str) -> str:
    """`fw1` for `fw1.acme.example`; a domain of two labels as it is."""
    return form.partition(".")[0] if form.count(".") >= 2 else form


@lru_cache(maxsize=50_000)
def names(line: str, known: frozenset[str] = frozenset()) -> tuple[tuple[int, int, str], ...]:
    """Names of hosts and what else a log has introduced by name, with their places."""
    found = [
        (fact.start, fact.end, name_of(form))
        for fact in facts.find(line)
        if fact.kind in ("host", "introduced")
        for form in fact.forms
    ]
    taken = [(start, end) for start, end, _ in found]
    if known:
        for match in WORD.finditer(line):
            word = re.sub(r"['\u2019]s$", "", match[0].casefold())
            if word in known and all(match.end() <= start or end <= match.start() for start, end in taken):
                found.append((match.start(), match.end(), word))
    return tuple(sorted(found))


@lru_cache(maxsize=50_000)
def named(text: str, known: frozenset[str]) -> frozenset[str]:
    """All names in some lines, with the domains that they belong to."""
    found = {name for line in text.split("\n") for _, _, name in names(line, known)}
    for line in text.split("\n"):
        for fact in facts.find(line):
            for form in fact.forms if fact.kind in ("host", "email", "url") else ():
                host = re.sub(r"^.*@|^[a-z]+://|[:/].*$", "", form)
                found |= {name_of(host), ".".join(host.split(".")[-2:])}
    return frozenset(found)


def parts(found: Iterable[str]) -> frozenset[str]:
    """What names are made of: `nas` of NORD-NAS01."""
    return words(" ".join(re.sub(r"[-.\d]", " ", name) for name in found))


@lru_cache(maxsize=50_000)
def segments(line: str) -> tuple[tuple[int, int], ...]:
    """The pieces of a line between which a value has no owner: clauses, items of a list, cells."""
    out, start = [], 0
    for match in DIVIDERS.finditer(line):
        out.append((start, match.start()))
        start = match.end()
    return tuple([*out, (start, len(line))])


def sentence(line: str, at: int) -> tuple[int, int]:
    """From where to where the sentence around the place goes."""
    start, end = 0, len(line)
    for match in SENTENCE.finditer(line):
        if match.end() <= at:
            start = match.end()
        elif match.start() >= at:
            end = min(end, match.start())
            break
    return start, end


def rivals(line: str, fact: Fact) -> list[Fact]:
    """Other values of its kind in the line."""
    return [other for other in facts.find(line) if other.kind == fact.kind and not other.forms & fact.forms]


@lru_cache(maxsize=50_000)
def equals(line: str, fact: Fact) -> tuple[Fact, ...]:
    """The rivals that the line speaks of in the same way: in "moved from A to B" both are of one thing."""
    mine = role(line, fact)
    return tuple(other for other in rivals(line, fact) if role(line, other) == mine)


@lru_cache(maxsize=50_000)
def owners(line: str, fact: Fact, known: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The names and the words of which the line says this value."""
    parts = segments(line)
    mine = next(n for n, (start, end) in enumerate(parts) if start <= fact.start < end or n == len(parts) - 1)
    others = equals(line, fact)
    start, end = narrowed(line, fact, parts[mine], others)
    all_names = [one for one in names(line, known) if not (fact.start <= one[0] < fact.end)]
    own = {name for at, _, name in all_names if start <= at < end}
    near = [parts[n] for n in range(mine - 1, -1, -1)] + [parts[n] for n in range(mine + 1, len(parts))]
    for first, last in near:
        if own:
            break
        own = {name for at, _, name in all_names if first <= at < last}
    text = blanked(line, start, end)
    found = words(text)
    free = [p for p in near[:mine] if not any(p[0] <= other.start < p[1] for other in others)]
    if not found or any(line[: parts[mine][0]].rstrip().endswith(sign) for sign in (":",)):
        for first, last in free[:2]:
            found |= words(blanked(line, first, last))
            if found:
                break
    called = {name for _, _, name in names(line, known)} | (
        words(fact.text) if fact.kind in ("introduced", "host", "name") else set()
    )
    return frozenset(own), found - called


def narrowed(line: str, fact: Fact, part: tuple[int, int], others: Sequence[Fact]) -> tuple[int, int]:
    """The piece around a value; where it holds several of the kind, from the one before or up to the one behind."""
    start, end = part
    inside = [other for other in others if start <= other.start < end]
    if not inside:
        return start, end
    first = min([*inside, fact], key=lambda one: one.start)
    leads = bool(words(blanked(line, start, first.start)) or names(line[start : first.start]))
    before = [other.end for other in inside if other.end <= fact.start]
    behind = [other.start for other in inside if other.start >= fact.end]
    if leads:
        return max(before, default=start), fact.end if behind else end
    return fact.start, min(behind, default=end)


@lru_cache(maxsize=50_000)
def blanked(line: str, start: int, end: int) -> str:
    """A piece of the line without its facts."""
    out, at = [], start
    for fact in facts.find(line):
        if start <= fact.start < end:
            out += [line[at : fact.start], "\u241f"]
            at = fact.end
    return "".join([*out, line[at:end]])


def is_planned(fact: Fact) -> bool:
    """Whether a value of the kind may be a plan; a ticket or a serial number is there, whatever will be done."""
    return fact.kind.startswith(("amount", *PLANNED_KINDS))


@lru_cache(maxsize=50_000)
def role(line: str, fact: Fact) -> str:
    """How the line speaks of a value: "now", "old" (it was so, or is not so), "plan" (it may become so)."""
    start, end = sentence(line, fact.start)
    before, after = line[start : fact.start], line[fact.end : end]
    siblings = [other for other in rivals(line, fact) if start <= other.start < end]
    if is_old(before, after, fact, siblings, start):
        return "old"
    if is_planned(fact) and PLAN.search(line[start : min(end + 2, len(line))]):
        return "plan"
    return "now"


def every(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The matches of a pattern, also those that begin inside of another."""
    found = pattern.search(text)
    while found:
        yield found
        found = pattern.search(text, found.start() + 1)


def is_old(before: str, after: str, fact: Fact, siblings: Sequence[Fact], start: int) -> bool:
    """Whether the words around a value take it back."""
    is_name = fact.kind in ("host", "introduced", "name", "code")
    for found in every(OLD_BEFORE, before):
        if fact.kind == "date" and found[0].lower().startswith(("until", "closed")):
            continue
        if is_name and found[0].lower().startswith("replac") and not siblings and facts.find(after):
            continue  # "replaced SW01 with a new switch, serial ...": the name goes on
        gap_at = start + found.start("gap")
        crossed = any(gap_at <= other.start < fact.start for other in siblings)
        other_thing = is_name and re.search(r"\d|\b(?:of|from|at|von)\b", found["gap"])
        if not TURNS.search(found["gap"]) and not crossed and not other_thing:
            return True
    later = [other for other in siblings if other.start > fact.start]
    behind = OLD_AFTER.match(after)
    next_is_denied = bool(
        behind
        and later
        and later[0].start - fact.end - behind.end() <= 5
        and behind[0].lower().endswith(("not", "nicht"))
    )
    if behind and not next_is_denied:
        rest = after[behind.end() :]
        by_a_value = behind[0].lower().endswith("replaced") and re.match(
            r"\s(?:by|with|durch)\s(?:the\s)?[\d.:/]+", rest
        )
        if not is_name or (RETIRED.search(behind[0]) and not by_a_value):
            return True
    if not later:
        return False
    gap = after[: later[0].start - fact.end]
    moved = re.search(r"(?i)\b(?:from|von)\b[^.;!?]{0,25}$", before) and CHANGE.search(before)
    if moved and re.search(r"(?i)\b(?:to|nach|auf|zu)\b|→|->", gap):
        return True
    return bool(WAS.search(before) and NOW_AFTER.match(after))


def retires(line: str, about: Iterable[str], known: frozenset[str]) -> bool:
    """Whether the line says of one of the names that it is no more."""
    wanted = set(about)
    for start, end, name in names(line, known):
        first, last = sentence(line, start)
        if (
            name in wanted
            and RETIRED.search(line[first:last])
            and not PLAN.search(line[first : min(last + 2, len(line))])
        ):
            fact = Fact("host", line[start:end], start, end, frozenset({name}))
            if is_old(line[first:start], line[end:last], fact, (), first):
                return True
    return False
