"""Nothing that a draft says is believed: code proves it from the logs and the present article, or writes `(verify)`.

Pure. What a synthesizer makes up (an address, a price, a path) is caught here, and so is what a log made it write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from claudetools.wiki import draft, facts, kept, outline
from claudetools.wiki.draft import Line, Mark, Refused
from claudetools.wiki.sidecar import Cite, Claim, quote_digest
from claudetools.wiki.sources import Source

MARK = "(verify)"
BILLING = re.compile(
    r"(?i)\bpre-?pa(?:y|id)\w*\b|\b(?:block|billable|billed|contract|retainer) hours?\b|\bopen tickets?\b|"
    r"\btickets? open\b|\bhours?\b.{0,20}\bthis month\b|\bthis month\b.{0,20}\bhours?\b|"
    r"\bhours?\b.{0,12}\b(?:left|remaining|balance)\b"
)
FIGURE = re.compile(r"(?<![\w.-])\d+(?:[.,]\d+)?(?![\w]|[.,-]\d)")


@dataclass(frozen=True)
class Evidence:
    """Everything a draft may be proved from.

    `billing`: figures as Syncro told them; None where there is no Syncro. `in_vault`: None where there is no vault.
    """

    previous: str
    sources: Sequence[Source]
    claims: Sequence[Claim] = ()
    uncited: Sequence[str] = ()
    billing: Mapping[str, float] | None = None
    in_vault: Callable[[str], bool] | None = None
    names: Sequence[str] = ()
    in_tree: Callable[[str], bool] = field(default=lambda path: False)

    def known(self) -> facts.Known:
        """What the article and all logs say."""
        lines = [*self.names, *self.previous.split("\n")]
        for source in self.sources:
            lines += [source.path, *(line for line in source.lines if line is not None)]
        return facts.Known(lines)


@dataclass
class Verdict:
    """The text that may replace the article's body, with its claims, and what was wrong with the draft, in words."""

    body: str
    claims: list[Claim]
    uncited: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def verify(text: str, evidence: Evidence) -> Verdict:
    """Prove a draft (tidied Markdown with citations). Raises Refused where nothing of it can be used."""
    known = evidence.known()
    labels = {source.label: source for source in evidence.sources}
    restored = kept.restore(draft.read_lines(text), evidence.previous, lambda mark: quote(labels, mark))
    refuse_stump(restored.lines, evidence.previous)
    verdict = Verdict("", [], undone=restored.undone, resolved=restored.resolved)
    lines = [line if line.kept else proved(line, known, evidence, verdict) for line in restored.lines]
    newline = "\r\n" if evidence.previous.count("\r\n") * 2 > evidence.previous.count("\n") else "\n"
    ends = ["\n" if line.kept else newline for line in lines]
    verdict.body = "".join(line.text + end for line, end in zip(lines, ends, strict=True))
    verdict.claims = claims_of(lines, labels, evidence)
    verdict.uncited = uncited(lines, verdict.claims, evidence)
    told = facts.Known(verdict.body.split("\n"))
    verdict.gone = sorted(
        {f.text for line in evidence.previous.split("\n") for f in facts.find(line) if not told.has(f)}
    )
    return verdict


def quote(labels: Mapping[str, Source], mark: Mark) -> tuple[list[str], str] | None:
    """The cited lines of a log and its day; None for a citation that points nowhere or at the article."""
    source = labels.get(mark.label)
    lines = source.at(mark.first, mark.last) if source else None
    if source is None or lines is None or not any(line.strip() for line in lines):
        return None
    day = re.match(r"\d{4}-\d\d-\d\d", source.path.rpartition("/")[2])
    return lines, day[0] if day else source.path


def refuse_stump(lines: Sequence[Line], previous: str) -> None:
    """Raises Refused when most of the article would be gone."""
    old = outline.split_lines(previous)
    held = sum(s.end - s.start for s in outline.kept_sections(old))
    before = sum(1 for line in old if line.strip()) - held
    after = sum(1 for line in lines if line.text.strip() and not line.kept)
    if before >= 10 and after * 4 < before:
        raise Refused(f"it has {after} lines where the article has {before}")


def proved(line: Line, known: facts.Known, evidence: Evidence, verdict: Verdict) -> Line:
    """The line with `(verify)` in the place of all that cannot be proved."""
    text = line.text
    for fact in reversed(facts.find(text)):
        if not is_true(fact, known, evidence):
            verdict.replaced.append(text[fact.start : fact.end])
            text = text[: fact.start] + MARK + text[fact.end :]
    if BILLING.search(text) and not (evidence.billing is None and line.text in evidence.previous.split("\n")):
        text = proved_billing(text, evidence.billing or {}, verdict)
    return line.with_text(text)


def is_true(fact: facts.Fact, known: facts.Known, evidence: Evidence) -> bool:
    """Whether a source, or for paths the tree or the vault, says so."""
    if fact.kind == "vault":
        return known.has(fact) and (evidence.in_vault is None or evidence.in_vault(fact.text))
    if fact.kind == "path" and evidence.in_tree(fact.text):
        return True
    return known.has(fact)


def proved_billing(text: str, billing: Mapping[str, float], verdict: Verdict) -> str:
    """A line about hours and tickets: only figures that Syncro told."""
    places = [(f.start, f.end) for f in facts.find(text) if f.kind not in ("amount", "number")]
    for match in reversed(list(FIGURE.finditer(text))):
        inside = any(start <= match.start() < end for start, end in places)
        if not inside and float(match[0].replace(",", ".")) not in billing.values():
            verdict.replaced.append(match[0])
            text = text[: match.start()] + MARK + text[match.end() :]
    return text


def claims_of(lines: Sequence[Line], labels: Mapping[str, Source], evidence: Evidence) -> list[Claim]:
    """Where each line comes from: what the draft cites and is there, and what was known of the line before."""
    before = {claim.text: claim.cites for claim in evidence.claims}
    old = evidence.previous.split("\n")
    found: dict[str, tuple[Cite, ...]] = {}
    for line in lines:
        cites = list(before.get(line.text.strip(), ()))
        for mark in line.marks:
            if mark.label == "A" and 1 <= mark.first <= mark.last <= len(old):
                cites += [c for text in old[mark.first - 1 : mark.last] for c in before.get(text.strip(), ())]
            elif quoted := quote(labels, mark):
                cites.append(Cite(labels[mark.label].path, mark.first, mark.last, quote_digest(quoted[0])))
        if cites and line.text.strip():
            known = found.get(line.text.strip(), ())
            found[line.text.strip()] = tuple(dict.fromkeys((*known, *cites)))
    return [Claim(text, cites) for text, cites in found.items()]


def uncited(lines: Sequence[Line], claims: Sequence[Claim], evidence: Evidence) -> list[str]:
    """The lines that the draft brings without a source: no person wrote them."""
    now, before = (
        {text.strip() for text in texts} for texts in ([line.text for line in lines], evidence.previous.split("\n"))
    )
    return sorted((now - before | now & set(evidence.uncited)) - {claim.text for claim in claims} - {""})


__all__ = ["MARK", "Evidence", "Refused", "Verdict", "verify"]
