"""All that an article's logs say, statement by statement, and which of it is the last word.

A statement is one line of a log as it is read, with what it stands below. It proves a value where it says it of the
same thing. Of two statements about one thing the newer one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from claudetools.logs.sections import SECTIONS, USER
from claudetools.text.sidecar import Cite, quote_digest
from claudetools.wiki import facts, subjects
from claudetools.wiki.facts import Fact
from claudetools.wiki.outline import KEPT
from claudetools.wiki.rendered import Shown, render
from claudetools.wiki.sources import Source
from claudetools.wiki.wording import (
    ACRONYMS,
    ATTRIBUTES,
    BESIDE,
    CAPITALS,
    CHANGE,
    INSIDE,
    IT,
    OUTSIDE,
    PASSED,
    PENDING,
    PLAN,
    RETIRED,
)

STRUCTURE = frozenset(section.name.casefold() for section in SECTIONS)
MOST_AT_ONCE = 4  # a line that says one value more often is a machine's
ADDRESSES = ("ip", "ip6", "net")
NAMES = ("host", "introduced", "name", "code")
LETTERS = (*NAMES, "email", "vault", "path", "serial", "guid", "mac", "commit", "phone")


@dataclass(frozen=True)
class Statement:
    """`at` orders statements by age; `label` is what a draft calls the source; `day` the log's, "" for none."""

    label: str
    at: tuple[int, int]
    shown: Shown
    day: str = ""
    is_article: bool = False

    @property
    def text(self) -> str:
        return self.shown.text

    @cached_property
    def around(self) -> str:
        """What it stands below, without the sections that every log has."""
        below = [text for text in self.shown.above if text.casefold() not in STRUCTURE]
        return "\n".join([*below, *self.shown.earlier])

    @cached_property
    def above(self) -> str:
        """The headings and the items that it stands below."""
        return "\n".join(self.shown.above)

    @property
    def is_pending(self) -> bool:
        return any(PENDING.search(text) for text in self.shown.headings)

    def __str__(self) -> str:
        return f"{self.label}:{self.shown.first}"


@dataclass(frozen=True)
class Saying:
    """A value as a line says it: of which names, and in which words."""

    fact: Fact
    names: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """Whether a value is proved (`by` says by what), or in words why not."""

    by: Statement | None = None
    why: str = ""


def statements(source: Source, order: int) -> list[Statement]:
    """What one log says. Its front matter and its User block tell of who wrote it, and are no evidence."""
    lines = [line or "" for line in source.lines]
    if lines and re.fullmatch(r"---[ \t]*", lines[0]):
        end = next((n for n, line in enumerate(lines[1:], 1) if re.fullmatch(r"---[ \t]*", line)), 0)
        lines[: end + 1] = [""] * (end + 1)
    day = re.match(r"\d{4}-\d\d-\d\d", source.path.rpartition("/")[2])
    found = [
        Statement(source.label, (order, one.first), one, day[0] if day else "") for one in render("\n".join(lines))
    ]
    return [one for one in found if USER not in one.shown.headings]


def locate(source: Source, cite: Cite) -> tuple[int, int] | None:
    """Where the log says the cited lines, there or elsewhere: lines move when somebody writes above them."""
    count = cite.last - cite.first + 1
    for first in [cite.first, *range(1, len(source.lines) - count + 2)]:
        lines = source.at(first, first + count - 1)
        if lines is not None and quote_digest(lines) == cite.says:
            return first, first + count - 1
    return None


class Statements:
    """The statements of all sources in the order of their age, to ask for proof."""

    def __init__(self, sources: Sequence[Source], article: Sequence[Shown] = (), new: Iterable[str] = ()) -> None:
        """`article`: lines that a person wrote; they are younger than all logs but those in `new` (paths)."""
        fresh = set(new)
        self.all: list[Statement] = []
        old = [source for source in sources if source.path not in fresh]
        for order, source in enumerate([*old, *(source for source in sources if source.path in fresh)]):
            self.all += statements(source, order + (order >= len(old)))
        self.all += [Statement("A", (len(old), one.first), one, is_article=True) for one in article]
        self.all.sort(key=lambda one: one.at)

    @cached_property
    def known(self) -> frozenset[str]:
        """Names without a digit that a log introduces as such."""
        return frozenset(
            form
            for one in self.all
            for fact in facts.find(one.text)
            if fact.kind == "introduced"
            for form in fact.forms
        )

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of every source."""
        return frozenset(word for one in self.all for word in re.findall(r"[^\W\d_]+", one.text.casefold()))

    @cached_property
    def stems(self) -> frozenset[str]:
        """The same in one form, without transparent ones: another word of a draft tells nothing of a log's line."""
        return frozenset(word for one in self.all for word in subjects.words(one.text))

    @cached_property
    def by_kind(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for one in self.all:
            for kind in {fact.kind for fact in facts.find(one.text)}:
                found.setdefault(kind, []).append(one)
        return found

    def within(self, label: str, first: int, last: int) -> list[Statement]:
        """The statements in some lines of a source, each with the others as what it stands beside."""
        found = [one for one in self.all if one.label == label and one.shown.first <= last and first <= one.shown.last]
        texts = [one.text for one in found]
        return [
            replace(one, shown=replace(one.shown, earlier=(*one.shown.earlier, *texts[:n], *texts[n + 1 :])))
            for n, one in enumerate(found)
        ]

    def facts_of(self, line: str) -> list[Fact]:
        """What a draft's line says that has to be true, known names without a digit among it."""
        found = list(facts.find(line))
        for start, end, name in subjects.names(line, self.known):
            if all(end <= fact.start or fact.end <= start for fact in found):
                found.append(Fact("introduced", line[start:end], start, end, frozenset({name})))
        for match in CAPITALS.finditer(line):
            free = all(match.end() <= fact.start or fact.end <= match.start() for fact in found)
            if free and not ACRONYMS.fullmatch(match[0]) and match[0].casefold() not in self.words:
                found.append(Fact("introduced", match[0], match.start(), match.end(), frozenset({match[0].lower()})))
        return sorted(found, key=lambda fact: fact.start)

    def said(self, text: str, fact: Fact) -> Saying:
        """A value as a line says it."""
        return Saying(fact, *subjects.owners(text, fact, self.known))

    def named(self, text: str) -> frozenset[str]:
        """The names in some lines."""
        return subjects.named(text, self.known)

    def named_around(self, one: Statement) -> frozenset[str]:
        """The names that a line without one is about: those above it; "it" is what the line before speaks of."""
        return self.named(one.around if IT.match(one.text) else one.above)

    def prove(self, claim: Shown, fact: Fact, cited: Sequence[Statement] | None) -> Answer:
        """Whether the cited statements say a value of a draft's line; None: whether any statement does."""
        if fact.kind in NAMES and is_subject(claim.text):
            cited = None  # what else the line says is proved of this name
        why = "the cited lines do not say it" if cited is not None else "no source says it"
        for one in self.all if cited is None else cited:
            answer = self.proved_by(claim, fact, one)
            if answer and answer.by:
                return answer
            if answer and not why.startswith("superseded"):
                why = answer.why
        return Answer(why=why)

    def proved_by(self, claim: Shown, fact: Fact, one: Statement) -> Answer | None:
        """What one statement says to a value; None when it does not say it at all."""
        same = [other for other in facts.find(one.text) if facts.agrees(fact, claim.text, other, one.text)]
        if not same and (at := facts.stands_in(fact, one.text)) >= 0:
            size = max(len(form) for form in fact.forms)
            same = [Fact(fact.kind, one.text[at : at + size], at, at + size, fact.forms)]
        if not same:
            return Answer(one) if self.stands_around(fact, one) else None
        answers = [self.judged(claim, fact, one, other) for other in same[:MOST_AT_ONCE]]
        return next((answer for answer in answers if answer.by), answers[-1])

    def stands_around(self, fact: Fact, one: Statement) -> bool:
        """Whether a heading or an item above names it, or it is the day of the log."""
        if fact.kind == "date" and one.day:
            return bool(fact.forms & {one.day, one.day[:7], f"-{one.day[4:]}"})
        lines = one.around.split("\n") if fact.kind in LETTERS else list(one.shown.above)
        return fact.kind != "time" and any(
            facts.stands_in(fact, line) >= 0 or any(facts.agrees(fact, "", other, line) for other in facts.find(line))
            for line in lines
        )

    def judged(self, claim: Shown, fact: Fact, one: Statement, other: Fact) -> Answer:
        """Whether the statement, which says the value, says it now, of the same thing, and has the last word."""
        told, asked = self.role_of(one, other), subjects.role(claim.text, fact)
        if any(KEPT.search(text) for text in claim.headings):
            asked = "old"  # Patterns and History tell what was so on a day
        elif asked == "now" and any(PENDING.search(text) for text in (claim.text, *claim.headings)):
            asked = "plan"
        if asked != "old" and told != "now" and told != asked:
            return Answer(why=f"{one} says that it was so" if told == "old" else f"{one} says only that it may be so")
        mine, theirs = self.said(claim.text, fact), self.said(one.text, other)
        if not self.same_thing(claim, mine, one, theirs):
            return Answer(why=f"{one} says it of something else")
        newer = self.newer(claim, mine, one, theirs) if asked == "now" else None
        return Answer(why=f"superseded by {newer}") if newer else Answer(one)

    def role_of(self, one: Statement, fact: Fact) -> str:
        """How a statement speaks of a value. What is pending and changes something is a plan."""
        found = subjects.role(one.text, fact)
        changes = one.is_pending and subjects.is_planned(fact) and CHANGE.search(one.text)
        return "plan" if found == "now" and changes else found

    # --- of the same thing ------------------------------------------------------------

    def same_thing(self, claim: Shown, mine: Saying, one: Statement, theirs: Saying) -> bool:
        """Whether both say the value of the same thing: first by names, then by words."""
        is_name = mine.fact.kind in NAMES
        if is_name and is_subject(claim.text):
            return True  # what else the line says is proved of this name
        if not self.same_names(claim, mine, one, theirs, is_name):
            return False
        equals = subjects.equals(one.text, theirs.fact)
        for rival in (self.said(one.text, fact) for fact in equals):
            if mine.names <= rival.names and mine.words & rival.words - theirs.words:
                return False
        if mine.fact.kind in ADDRESSES and other_side(mine.words, theirs.words):
            return False
        here = (theirs.words if equals else subjects.words(one.text)) | subjects.words(one.around)
        here |= subjects.parts(theirs.names if equals else self.named(one.text))
        common = mine.words & here
        if mine.words and not common and not mine.names:
            return False
        return mine.words <= here or not self.fits_elsewhere(mine, len(common), one)

    def same_names(self, claim: Shown, mine: Saying, one: Statement, theirs: Saying, is_name: bool) -> bool:
        """Whether the statement says the value of the names that the claim says it of."""
        here, around = self.named(one.text), self.named(one.around)
        if not mine.names:
            return is_name or not self.told_of_others(claim, one, theirs)
        if is_name:
            return bool(mine.names & (here | around) or mine.words & subjects.words(f"{one.text}\n{one.around}"))
        if any(name not in here | around and not stands(name, one.text) for name in mine.names):
            called = mine.words | subjects.parts(mine.names)
            return not (here | self.named(one.above)) and bool(theirs.words & called)  # "the firewall", and no name
        if mine.names & here:
            return bool(mine.names & theirs.names) or not subjects.equals(one.text, theirs.fact)
        return theirs.names <= self.named(claim.text)

    def told_of_others(self, claim: Shown, one: Statement, theirs: Saying) -> bool:
        """Whether the draft's line stands below a name, and the statement says it of another."""
        below = next((found for text in reversed(claim.above) if (found := self.named(text))), frozenset())
        return bool(below and theirs.names) and not below & self.named(one.text)

    def fits_elsewhere(self, mine: Saying, common: int, one: Statement) -> bool:
        """Whether another statement says another value of the kind, and in more words of the claim than this one."""
        for two in self.by_kind.get(mine.fact.kind, ()):
            if two.at == one.at or len(mine.words & subjects.words(f"{two.text}\n{two.around}")) <= common:
                continue
            for fact in self.others(mine.fact, two):
                rival = self.said(two.text, fact)
                words = rival.words | subjects.words(two.around)
                if len(mine.words & words) > common and (not mine.names or mine.names & rival.names):
                    return True
        return False

    def others(self, fact: Fact, two: Statement) -> list[Fact]:
        """Other values of the kind that a statement says to be so now."""
        found = (other for other in facts.find(two.text) if other.kind == fact.kind and not other.forms & fact.forms)
        return [other for other in found if self.role_of(two, other) == "now"]

    # --- and last -----------------------------------------------------------------------

    def newer(self, claim: Shown, mine: Saying, one: Statement, theirs: Saying) -> Statement | None:
        """The statement that has taken the value back since; None while it is the last word."""
        about = mine.words & self.stems  # a word that no source has tells nothing here
        names = mine.names or theirs.names or self.named(one.above)
        subject = Saying(mine.fact, names, about)
        last: Statement | None = None
        for two in self.all:
            if two.at > one.at:
                verdict = self.changes(claim, subject, theirs.words, two)
                last = last if verdict is None else two if verdict else None
        return last

    def changes(self, claim: Shown, mine: Saying, says: frozenset[str], two: Statement) -> bool | None:
        """Whether a newer statement takes the value back (True), says it again (False), or tells nothing of it."""
        fact = mine.fact
        if fact.kind in NAMES:
            if subjects.retires(two.text, {subjects.name_of(form) for form in fact.forms}, self.known):
                return True
            if is_subject(claim.text):
                return None
        beside = self.named(two.text) or self.named_around(two)
        same = [other for other in facts.find(two.text) if facts.agrees(fact, claim.text, other, two.text)]
        told = same or [other for other in facts.find(two.text) if other.kind == fact.kind]
        its = subjects.words(f"{two.text}\n{two.around}")
        if mine.names and beside:
            shares = bool(mine.names & beside)
        else:
            says |= subjects.parts(mine.names)
            shares = self.shares_words(mine, says, its, two, told)
        passed = next((found for other in same if (found := PASSED.match(two.text[other.end :]))), None)
        if passed and mine.words:
            return not mine.words & subjects.words(passed["to"])
        if same:
            if any(self.role_of(two, other) == "now" for other in same):
                return False if shares else None
            is_old = all(self.role_of(two, other) == "old" for other in same)
            return True if is_old and (shares or not (beside or its)) else None
        if mine.names and subjects.retires(two.text, mine.names, self.known):
            return True
        if not mine.names and self.is_retired(mine.words, two):
            return True
        return True if shares and self.replaced(mine, says, two) else None

    def shares_words(
        self, mine: Saying, says: frozenset[str], its: frozenset[str], two: Statement, told: Sequence[Fact]
    ) -> bool:
        """Whether a statement without a name may be about the same thing."""
        belong = [self.said(two.text, fact).words for fact in told]
        return mine.words <= its or any(words and words <= mine.words | says for words in belong)

    def is_retired(self, about: frozenset[str], two: Statement) -> bool:
        """Whether a statement without a value says of the thing that it is no more."""
        match = RETIRED.search(two.text)
        if not match or not about or PLAN.search(two.text):
            return False
        start, end = subjects.sentence(two.text, match.start())
        return about <= subjects.words(two.text[start:end]) and not facts.find(two.text[start:end])

    def replaced(self, mine: Saying, says: frozenset[str], two: Statement) -> bool:
        """Whether a newer statement says another value of the same attribute of the same thing."""
        for fact in self.others(mine.fact, two):
            rival = self.said(two.text, fact)
            names = rival.names or self.named_around(two)
            if mine.names and names and not mine.names & names:
                continue
            if self.same_attribute(mine, says, rival, two, bool(names)):
                return True
        return False

    def same_attribute(self, mine: Saying, says: frozenset[str], rival: Saying, two: Statement, by_name: bool) -> bool:
        """Whether the other value answers the same question: it is told in the same words, or with a word of change."""
        words = mine.words or says
        if not mine.names or not by_name:
            if not rival.words and not mine.words:
                return bool(CHANGE.search(two.text))
            return bool(words and rival.words) and (words <= rival.words or rival.words <= words | says)
        if (words ^ rival.words) & ATTRIBUTES:
            return False
        if rival.words <= mine.words | says and words <= rival.words | mine.words & says:
            return True
        start, end = subjects.sentence(two.text, rival.fact.start)
        is_address = mine.fact.kind in ADDRESSES
        changed = bool(CHANGE.search(two.text[start:end]))
        return changed and (is_address or not words or not rival.words or bool(words & rival.words))


def stands(name: str, text: str) -> bool:
    """Whether a name stands in the text as a word, inside of a path for example."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text.lower()))


def is_subject(line: str) -> bool:
    """Whether the line says values of its names, or said one that nothing proved."""
    return "(verify)" in line or any(other.kind not in NAMES for other in facts.find(line))


def other_side(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether one line speaks of an address of a host's own, and the other of one beside it, or of its other side."""
    crossed = (mine & OUTSIDE and theirs & INSIDE) or (mine & INSIDE and theirs & OUTSIDE)
    return bool(crossed and not mine & theirs & (OUTSIDE | INSIDE)) or bool((mine ^ theirs) & BESIDE)
