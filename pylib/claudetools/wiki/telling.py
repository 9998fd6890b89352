"""What the wiki commands say: one status line on stdout, what to look at on stderr."""

from __future__ import annotations

from collections.abc import Sequence

import click

from claudetools.core import cli
from claudetools.core.messages import counted, visible
from claudetools.wiki.checking import Report
from claudetools.wiki.compiling import REFRESHED, Outcome
from claudetools.wiki.overview import Standing

PROGRAM = "claudetools.sh wiki"


def tell(outcome: Outcome) -> None:
    """What happened, one status line on stdout; what to look at on stderr. Never an error: a save goes on."""
    name, path = visible(str(outcome.target)), visible(outcome.target.path)
    for note in outcome.notes:
        cli.warn(visible(note))
    if outcome.verdict:
        tell_verdict(outcome)
    if outcome.done == "compiled":
        click.echo(f"[OK] {path} is compiled from {counted(outcome.logs, 'log')}.")
    elif outcome.done == "shown":
        click.echo("".join(visible(line, "\n\t") for line in outcome.diff), nl=False)
        click.echo(f"[OK] {path} would be compiled from {counted(outcome.logs, 'log')}; nothing is written.")
    elif outcome.done == "absorbed":
        click.echo(f"[OK] {path} has absorbed all {counted(outcome.logs, 'log')} already.")
    elif outcome.reason and outcome.done == "refreshed":
        cli.info(f"{name}: {visible(outcome.reason).rstrip('.')}.")
        click.echo(f"[WARN] {REFRESHED}")
    elif outcome.done == "refreshed":
        click.echo(f"[OK] {path} is refreshed; {counted(outcome.logs, 'log')} to compile.")
    else:
        click.echo(f"[WARN] {path} was left as it is: {visible(outcome.reason).rstrip('.')}.")


def tell_verdict(outcome: Outcome) -> None:
    """What the proof has changed in the draft."""
    verdict = outcome.verdict
    assert verdict is not None
    for words in verdict.undone:
        cli.info(f"Draft corrected: {visible(words)}.")
    if verdict.rejected:
        cli.info(
            f"Not proved; it reads (verify) now: {listed([f'{one.value} ({one.why})' for one in verdict.rejected])}"
        )
    if verdict.resolved:
        cli.info(f"Marked resolved: {listed(verdict.resolved)}")
    if verdict.gone:
        cli.info(f"The old article said this, the new one does not: {listed(verdict.gone)}")


def show_standings(found: Sequence[Standing]) -> None:
    """A line for each article, those that wait first."""
    waiting = [one for one in found if one.state != "current"]
    doubts = sum(one.doubts for one in found)
    head = "[WARN]" if waiting or doubts else "[OK]"
    verify = f", {counted(doubts, 'doubt')}" if doubts else ""
    click.echo(f"{head} {counted(len(found), 'article')}, {len(waiting)} to compile{verify}.")
    for one in found:
        logs = f"{counted(one.logs, 'log')} to absorb" if one.logs else ""
        age = f"compiled {one.compiled}, {counted(one.age, 'day')} ago" if one.age >= 0 else ""
        told = [one.state, logs, age, counted(one.doubts, "doubt") if one.doubts else "", visible(one.problem)]
        click.echo(f"  {visible(one.article)}: {'; '.join(filter(None, told))}")
    if waiting:
        click.echo(f"Compile them: {cli.typed(PROGRAM)} compile --stale")


def show_report(report: Report) -> None:
    """One article that is not perfect, with its lost claims."""
    marks = f", {report.marks} (verify)" if report.marks else ""
    if report.problem:
        click.echo(f"  {visible(report.path)}: {visible(report.problem)}")
    elif report.lost or report.marks:
        click.echo(f"  {visible(report.path)}: {report.resolved} of {report.claims}{marks}")
    for words in report.lost[:20]:
        click.echo(f"    {visible(words)}")
    for words in report.doubts[:20]:
        click.echo(f"    {visible(words)}")
    if len(report.lost) > 20:
        click.echo(f"    and {len(report.lost) - 20} more; all of them: {cli.typed(PROGRAM)} check --json")


def listed(items: Sequence[str]) -> str:
    """Some of them, and how many more."""
    some = ", ".join(visible(item)[:160] for item in dict.fromkeys(items[:12]))
    return some + (f" and {len(items) - 12} more" if len(items) > 12 else "")
