"""How much of the wiki still stands on its sources: each citation and each fact is looked up again, without a draft.

A claim is a citation (it resolves when its log still says the same lines) or a fact in the text (it resolves when a
log, Syncro, the tree or the vault says it). A line that a person has rewritten has only its facts left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from claudetools.text.target import Target
from claudetools.wiki import article, billing, compiling, desk, facts, reading
from claudetools.wiki.rendered import render
from claudetools.wiki.statements import locate
from claudetools.wiki.store import Store
from claudetools.wiki.verify import MARK, Court, Evidence, blank_secrets, lines_of


@dataclass
class Report:
    """One article. `lost`: the claims that do not resolve, in words; `marks`: how often it says (verify); `doubts`:
    what reads so, and why."""

    path: str
    claims: int = 0
    resolved: int = 0
    marks: int = 0
    lost: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    problem: str = ""

    def count(self, resolved: bool, words: str) -> None:
        """One more claim."""
        self.claims += 1
        self.resolved += resolved
        self.lost += [] if resolved else [words]


def check(store: Store, target: Target) -> Report:
    """Look up everything that one article says. Never raises for what lies in the tree."""
    report = Report(target.path)
    try:
        found = reading.read(store, target)
    except compiling.TROUBLE as error:
        report.problem = compiling.words_for(error)
        return report
    if found.values.get("redirect"):
        return report
    court = Court(
        Evidence(
            "",
            found.sources,
            found.sidecar.claims,
            in_vault=desk.vault_check(store.place),
            in_tree=desk.tree_check(store.place, target.folder),
            names=(found.title, target.slug),
        )
    )
    report.marks = found.body.count(MARK)
    lines = found.body.split("\n")
    first = article.take_apart(found.text)
    offset = len(first.lines) + (2 if first.opening else 0)
    places = {line.strip(): n + offset for n, line in enumerate(lines, 1)}
    check_citations(report, found, places)
    told = billing.figures(billing.of(found.values)) or {}
    for shown in render(blank_secrets(found.body)):
        cited = [one for number in lines_of(shown) for one in court.known(lines[number - 1].strip())]
        for fact in court.record.facts_of(shown.text):
            syncro = fact.kind.startswith(("amount", "number")) and any(
                facts.trimmed(str(v)) in fact.text for v in told.values()
            )
            answer = court.answer(shown, fact, cited or None)
            report.count(syncro or bool(answer.by), f"line {shown.first + offset}: {fact.text}: {answer.why}")
    for one in found.sidecar.rejected:
        if one.text in places:
            report.doubts.append(f"line {places[one.text]}: {MARK} was {one.value}: {one.why}")
    return report


def check_citations(report: Report, found: reading.Reading, lines: dict[str, int]) -> None:
    """The citations of every line that the article still has."""
    sources = {source.path: source for source in found.sources}
    for claim in found.sidecar.claims:
        if claim.text in lines:
            for cite in claim.cites:
                where = f"{cite.log} line {cite.first}"
                source = sources.get(cite.log)
                there = source is not None and locate(source, cite) is not None
                report.count(there, f"line {lines[claim.text]}: {where} does not say this (any more)")
