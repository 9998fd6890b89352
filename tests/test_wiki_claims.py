"""The prover against claims that are true, and claims that are not: the corpus of claims.py, a seed each."""

from __future__ import annotations

import pytest

from claims import Result, measure, table, totals
from claudetools.wiki import draft, sources
from claudetools.wiki.verify import Evidence, verify
from told_logs import FALSE, LOGS, TRUE


@pytest.mark.parametrize("seed", range(4))
def test_few_false_claims_are_proved_and_few_true_ones_doubted(seed: int) -> None:
    result = Result()
    measure(seed, result)
    false, proved, true, doubted = totals(result)
    assert min(false, true) >= 75
    assert proved <= false * 0.03 and doubted <= true * 0.03, "\n".join([*result.shown, table(result)])


def rejected(line: str, log: int, word: str) -> list[str]:
    """What the prover takes out of a line that cites a log's line by a word of it."""
    folder = "clients/nordwind/session-logs"
    found = [
        sources.Source(f"S{n}", f"{folder}/2026-0{n}-05-mike-x.md", "0", tuple(sources.shown_lines(text)))
        for n, text in enumerate(LOGS, 1)
    ]
    cited = next((n for n, text in enumerate(LOGS[log - 1].split("\n"), 1) if word in text), 0) if log else 0
    cite = f" [S{log}:{cited}]" if cited else ""
    text = draft.tidy(f"# X\n\n## Overview\n\n{line}{cite}\n\nmore\n")
    return [f"{one.value}: {one.why}" for one in verify(text, Evidence("", found, names=("nordwind",))).rejected]


@pytest.mark.parametrize(("line", "log", "word"), TRUE)
def test_what_the_logs_tell_stands(line: str, log: int, word: str) -> None:
    assert rejected(line, log, word) == []


@pytest.mark.parametrize(("line", "log", "word"), FALSE)
def test_what_they_do_not_tell_does_not(line: str, log: int, word: str) -> None:
    assert rejected(line, log, word)
