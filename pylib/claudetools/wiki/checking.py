"""How much of the wiki still stands on its sources: each citation and each fact is looked up again, without a draft.

A claim is a citation (it resolves when its log still says the same lines) or a fact in the text (it resolves when a
log, Syncro, the tree or the vault says it). A line that a person has rewritten has only its facts left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from claudetools.wiki import article, billing, compiling, desk, facts, reading
from claudetools.wiki.sidecar import Cite, quote_digest
from claudetools.wiki.sources import Source
from claudetools.wiki.store import Store
from claudetools.wiki.target import Target
from claudetools.wiki.verify import MARK, Evidence, is_true


@dataclass
class Report:
    """One article. `lost`: the claims that do not resolve, in words; `marks`: how often it says (verify)."""

    path: str
    claims: int = 0
    resolved: int = 0
    marks: int = 0
    lost: list[str] = field(default_factory=list)
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
    evidence = Evidence(
        f"{found.title}\n{target.slug}",
        found.sources,
        in_vault=desk.vault_check(store.place),
        in_tree=desk.tree_check(store.place, target.folder),
    )
    report.marks = found.body.count(MARK)
    lines = found.body.split("\n")
    first = article.take_apart(found.text)
    offset = len(first.lines) + (2 if first.opening else 0)
    check_citations(report, found, {line.strip(): n + offset for n, line in enumerate(lines, 1)})
    known = evidence.known()
    told = billing.figures(billing.of(found.values)) or {}
    for number, line in enumerate(lines, 1 + offset):
        for fact in facts.find(line):
            syncro = fact.kind == "amount" and any(facts.trimmed(str(v)) in fact.text for v in told.values())
            report.count(syncro or is_true(fact, known, evidence), f"line {number}: no source says {fact.text}")
    return report


def check_citations(report: Report, found: reading.Reading, lines: dict[str, int]) -> None:
    """The citations of every line that the article still has."""
    sources = {source.path: source for source in found.sources}
    for claim in found.sidecar.claims:
        if claim.text in lines:
            for cite in claim.cites:
                where = f"{cite.log} line {cite.first}"
                report.count(
                    says(sources.get(cite.log), cite), f"line {lines[claim.text]}: {where} does not say this (any more)"
                )


def says(source: Source | None, cite: Cite) -> bool:
    """Whether the log says the cited lines, there or elsewhere: lines move when somebody writes above them."""
    if source is None:
        return False
    count = cite.last - cite.first + 1
    places = [cite.first, *range(1, len(source.lines) - count + 2)]
    return any(said(source, place, place + count - 1) == cite.says for place in places)


def said(source: Source, first: int, last: int) -> str:
    """The digest of some lines, "" where they are hidden or not there."""
    lines: Sequence[str] | None = source.at(first, last)
    return "" if lines is None else quote_digest(lines)
