"""Nothing that a draft says is believed: the lines that it cites prove it, or it reads `(verify)`.

Pure. Facts are read in the text as its reader sees it (rendered.py), and proved from what the logs say (statements.py).
What a synthesizer makes up (an address, a price, a path) is caught here, and so is what a log made it write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from claudetools.text.sidecar import Cite, Claim, Rejected, quote_digest
from claudetools.wiki import draft, facts, kept, outline, subjects
from claudetools.wiki.draft import Line, Mark, Refused
from claudetools.wiki.facts import Fact
from claudetools.wiki.rendered import Shown, place_in, render
from claudetools.wiki.sources import Source, shown_lines
from claudetools.wiki.statements import Answer, Statement, Statements, locate
from claudetools.wiki.wording import BILLED, BILLING

MARK = "(verify)"
MOST_VALUES = 2000  # of a draft
FIGURE = re.compile(r"(?<![\w.,:-])[+-]?\d+(?:[.,]\d+)*(?![\w:]|[.,-]\d)")


@dataclass(frozen=True)
class Evidence:
    """Everything a draft may be proved from.

    `previous`: the article's body, `claims` and `uncited` what its sidecar says of it, `new` the logs (paths) that it
    has not absorbed. `billing`: figures as Syncro told them; None where there is no Syncro. `in_vault`: None where
    there is no vault. `names`: what the article is called.
    """

    previous: str
    sources: Sequence[Source]
    claims: Sequence[Claim] = ()
    uncited: Sequence[str] = ()
    billing: Mapping[str, float] | None = None
    in_vault: Callable[[str], bool] | None = None
    names: Sequence[str] = ()
    in_tree: Callable[[str], bool] = field(default=lambda path: False)
    new: Collection[str] = ()


@dataclass
class Verdict:
    """The text that may replace the article's body, with its claims, and what was wrong with the draft, in words."""

    body: str
    claims: list[Claim]
    uncited: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @property
    def replaced(self) -> list[str]:
        """The values that read `(verify)` now."""
        return [one.value for one in self.rejected]


class Court:
    """The evidence, read once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.labels = {source.label: source for source in evidence.sources}
        self.paths = {source.path: source for source in evidence.sources}
        self.before = {claim.text: claim.cites for claim in evidence.claims}
        self.old = evidence.previous.split("\n")
        self.article = render(blank_secrets(evidence.previous))
        known = {*self.before, *evidence.uncited}
        mine = [one for one in self.article if not all(self.old[n - 1].strip() in known for n in lines_of(one))]
        self.record = Statements(evidence.sources, mine, evidence.new or [source.path for source in evidence.sources])

    def cited(self, line: Line) -> list[Statement]:
        """What the marks of a draft's line point at; of an unchanged line also what was known of it before."""
        found: list[Statement] = []
        for mark in line.marks:
            if mark.label == "A":
                for number in range(mark.first, min(mark.last, len(self.old)) + 1):
                    found += self.of_article(number)
            else:
                found += self.record.within(mark.label, mark.first, mark.last)
        return found + self.known(line.text.strip())

    def of_article(self, number: int) -> list[Statement]:
        """A line of the present article: what it was proved from, or what a person wrote there."""
        text = self.old[number - 1].strip() if 1 <= number <= len(self.old) else ""
        return self.known(text) or self.record.within("A", number, number)

    def known(self, text: str) -> list[Statement]:
        """The statements that a line of the present article was proved from."""
        found = []
        for cite in self.before.get(text, ()):
            source = self.paths.get(cite.log)
            place = locate(source, cite) if source else None
            if source and place:
                found += self.record.within(source.label, *place)
        return found

    def quote(self, mark: Mark) -> kept.Quoted | None:
        """The cited lines of a log, as they are read; None for what is no evidence."""
        source = self.labels.get(mark.label)
        found = self.record.within(mark.label, mark.first, mark.last) if source else []
        texts = [one.text for one in found if one.text.strip()]
        if source is None or not texts or source.at(mark.first, mark.last) is None:
            return None
        later = [one.text for one in self.record.all if one.at > found[-1].at]
        return kept.Quoted(texts, "\n".join({one.around for one in found}), found[0].day or source.path, later)

    def answer(self, shown: Shown, fact: Fact, cited: Sequence[Statement] | None) -> Answer:
        """Whether a value of a draft's line is true."""
        evidence = self.evidence
        if fact.kind == "path" and evidence.in_tree(fact.text):
            return Answer(TREE)
        if fact.kind == "vault" and evidence.in_vault is not None and not evidence.in_vault(fact.text):
            return Answer(why="it is not in the vault")
        if fact.kind in ("host", "introduced", "code") and fact.forms & {name.lower() for name in evidence.names}:
            return Answer(TREE)
        return self.record.prove(shown, fact, cited)


TREE = Statement("", (0, 0), Shown("", (), (), 0, 0))


def lines_of(shown: Shown) -> range:
    """The numbers of its lines in the source."""
    return range(shown.first, shown.last + 1)


def blank_secrets(text: str) -> str:
    """The text without its sections of credentials: they are no evidence."""
    return "\n".join(line or "" for line in shown_lines(text))


def verify(text: str, evidence: Evidence) -> Verdict:
    """Prove a draft (tidied Markdown with citations). Raises Refused where nothing of it can be used."""
    court = Court(evidence)
    restored = kept.restore(draft.read_lines(text), evidence.previous, court.quote)
    refuse_stump(restored.lines, evidence.previous)
    verdict = Verdict("", [], undone=restored.undone, resolved=restored.resolved)
    lines, found = proved(restored.lines, court, verdict)
    newline = "\r\n" if evidence.previous.count("\r\n") * 2 > evidence.previous.count("\n") else "\n"
    ends = ["\n" if line.kept else newline for line in lines]
    verdict.body = "".join(line.text + end for line, end in zip(lines, ends, strict=True))
    verdict.claims = claims_of(lines, court, found)
    verdict.uncited = uncited(lines, verdict.claims, evidence)
    verdict.gone = gone(court, verdict.body)
    return verdict


def refuse_stump(lines: Sequence[Line], previous: str) -> None:
    """Raises Refused when most of the article would be gone."""
    old = outline.split_lines(previous)
    held = sum(s.end - s.start for s in outline.kept_sections(old))
    before = sum(1 for line in old if line.strip()) - held
    after = sum(1 for line in lines if line.text.strip() and not line.kept)
    if before >= 10 and after * 4 < before:
        raise Refused(f"it has {after} lines where the article has {before}")


def proved(lines: Sequence[Line], court: Court, verdict: Verdict) -> tuple[list[Line], dict[int, list[Statement]]]:
    """The lines with `(verify)` in the place of all that cannot be proved, and by line what proves the uncited ones."""
    body = "\n".join(line.text for line in lines)
    spans: list[tuple[int, int, str, str]] = []
    found: dict[int, list[Statement]] = {}
    values = 0
    for shown in render(body):
        values += len(facts.find(shown.text))
        if values > MOST_VALUES:
            raise Refused(f"it has more than {MOST_VALUES} values")
        mine = [lines[n - 1] for n in lines_of(shown)]
        if all(line.kept for line in mine):
            continue
        cited = [one for line in mine for one in court.cited(line)]
        has_marks = any(line.marks for line in mine) or bool(cited)
        unchanged = court.evidence.billing is None and all(line.text in court.old for line in mine)
        figures = [] if unchanged else figures_of(shown.text, court.evidence.billing or {})
        for fact in court.record.facts_of(shown.text):
            if any(fact.start < end and start < fact.end for start, end, _ in figures):
                continue
            place = shown.span(fact.start, fact.end)
            answer = court.answer(shown, fact, cited if has_marks else None)
            if answer.by is None and place:
                spans.append((*place_in(body, *place), fact.text, answer.why))
            elif answer.by and answer.by.label and not has_marks:
                found.setdefault(shown.first - 1, []).append(answer.by)
        for start, end, is_told in figures:
            if not is_told and (place := shown.span(start, end)):
                spans.append((*place, shown.text[start:end], "only Syncro tells this"))
    return with_marks(lines, body, spans, verdict), found


def figures_of(text: str, told: Mapping[str, float]) -> list[tuple[int, int, bool]]:
    """The figures of a line about hours and tickets, and whether each is the one that Syncro told of just that."""
    terms = [(m.start(), m.end(), int((m.lastgroup or "f0")[1:])) for m in BILLED.finditer(text)]
    if not any(weight < 3 for *_, weight in terms):
        return []
    mine = ("amount", "number", "ticket", "order", "version")
    other = [(f.start, f.end) for f in facts.find(text) if not f.kind.startswith(mine)]
    pieces = subjects.segments(text)
    found = []
    for match in FIGURE.finditer(text):
        if any(start <= match.start() < end for start, end in other):
            continue
        around = [part for part in pieces if part[0] <= match.start() < part[1]]
        here = [term for term in terms if any(start <= term[0] < end for start, end in around)]
        near = min(here or terms, key=lambda term: min(abs(term[0] - match.end()), abs(match.start() - term[1])))
        known = told.get(BILLING[near[2]][0], math.inf)
        found.append((*match.span(), any(abs(value - known) < 0.005 for value in values_of(match[0]))))
    return found


def values_of(text: str) -> list[float]:
    """What a figure may mean."""
    sign = -1.0 if text.startswith("-") else 1.0
    return [sign * float(form) for form in facts.number_forms(text.lstrip("+-"))]


def with_marks(
    lines: Sequence[Line], body: str, spans: Sequence[tuple[int, int, str, str]], verdict: Verdict
) -> list[Line]:
    """The lines with the mark in these places of the body; what stood there is told by the verdict."""
    values: dict[int, list[tuple[str, str]]] = {}
    last = len(body) + 1
    for start, end, value, why in sorted(spans, reverse=True):
        if end <= last:
            values.setdefault(body.count("\n", 0, start), []).insert(0, (value, why))
            body = body[:start] + MARK + "\n" * body.count("\n", start, end) + body[end:]
            last = start
    made = [line.with_text(text) for line, text in zip(lines, body.split("\n"), strict=True)]
    for number in sorted(values):
        verdict.rejected += [Rejected(made[number].text.strip(), value, why) for value, why in values[number]]
    return made


def claims_of(lines: Sequence[Line], court: Court, found: Mapping[int, Sequence[Statement]]) -> list[Claim]:
    """Where each line comes from: what the draft cites and is there, what was known of it, what proves it."""
    out: dict[str, tuple[Cite, ...]] = {}
    for number, line in enumerate(lines):
        text = line.text.strip()
        cites = list(court.before.get(text, ()))
        for mark in line.marks:
            if mark.label == "A" and 1 <= mark.first <= mark.last <= len(court.old):
                cites += [c for old in court.old[mark.first - 1 : mark.last] for c in court.before.get(old.strip(), ())]
            elif court.quote(mark):
                cites += cite(court, mark.label, mark.first, mark.last)
        for one in found.get(number, ()):
            cites += cite(court, one.label, one.shown.first, one.shown.last)
        if cites and text:
            out[text] = tuple(dict.fromkeys((*out.get(text, ()), *cites)))
    return [Claim(text, cites) for text, cites in out.items()]


def cite(court: Court, label: str, first: int, last: int) -> list[Cite]:
    """Some lines of a log as the sidecar keeps them; none for the article."""
    source = court.labels.get(label)
    quoted = source.at(first, last) if source else None
    return [Cite(source.path, first, last, quote_digest(quoted))] if source and quoted else []


def uncited(lines: Sequence[Line], claims: Sequence[Claim], evidence: Evidence) -> list[str]:
    """The lines that the draft brings without a source: no person wrote them."""
    now, before = (
        {text.strip() for text in texts} for texts in ([line.text for line in lines], evidence.previous.split("\n"))
    )
    return sorted((now - before | now & set(evidence.uncited)) - {claim.text for claim in claims} - {""})


def gone(court: Court, body: str) -> list[str]:
    """The values of the present article that the new one does not say."""
    said = [fact for shown in render(body) for fact in facts.find(shown.text)]
    forms = {(fact.kind, form) for fact in said for form in fact.forms}
    forms |= {pair for fact in said for pair in facts.implied(fact)}
    text = body.lower()
    return sorted(
        {
            fact.text
            for shown in court.article
            for fact in facts.find(shown.text)
            if not any(
                (fact.kind, form) in forms or (fact.kind in facts.LETTERS and form in text) for form in fact.forms
            )
        }
    )


__all__ = ["MARK", "Evidence", "Refused", "Verdict", "verify"]
