"""`claudetools.sh wiki`: what people and agents type. A command finds its facts, calls a function, says what it did."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

import click

from claudetools.core import cli, files
from claudetools.core.messages import counted, visible
from claudetools.core.place import Place
from claudetools.sessions import registry
from claudetools.text import target
from claudetools.text.target import Target, Unfit
from claudetools.wiki import checking, compiling, desk, hours, overview, prompt, reading, redirects, renaming, sources
from claudetools.wiki.html import make_html
from claudetools.wiki.store import Store, Unusable
from claudetools.wiki.telling import PROGRAM, show_report, show_standings, tell

KEEP_READINGS = 50
LARGEST_DRAFT = 4 * 1024 * 1024
UNDER_LOCK = "CLAUDETOOLS_WIKI_LOCKED"
ARTICLE = click.argument("article", metavar="TYPE:SLUG")
LOGS = click.option("--log", "logs", multiple=True, metavar="FILE", help="One more log to compile from; repeatable.")


@click.group(cls=cli.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def wiki() -> None:
    """Articles that are compiled from the session logs, and proved by them.

    TYPE:SLUG is client:acme (wiki/clients/acme.md), project:..., system:... or pattern:...
    """


@wiki.command("target")
@click.argument("log")
def show_target(log: str) -> None:
    """Print the article that a log's path implies, such as client:acme.

    Prints nothing for a log at the root, which implies none.
    """
    place = cli.here()
    path = place.relative(log)
    if path is None:
        raise click.UsageError(f"{log} is not in this repository.")
    try:
        found = target.of_log(path)
    except Unfit as error:
        raise click.UsageError(str(error)) from error
    if found:
        click.echo(str(redirects.follow(Store(place), found)))


@wiki.command("index")
def make_index() -> None:
    """Make wiki/index.md anew from the front matter of all articles."""
    try:
        changed = compiling.write_index(open_store())
    except compiling.TROUBLE as error:
        raise cli.Stop(cli.HELD, visible(compiling.words_for(error))) from error
    click.echo("[OK] wiki/index.md is written." if changed else "[OK] wiki/index.md says it all already.")


@wiki.command("refresh")
@ARTICLE
@LOGS
def refresh_article(article: str, logs: Sequence[str]) -> None:
    """Surgical: last_compiled, sources and the Syncro fields; the text stays as it is."""
    store = open_store()
    wanted = parse(store, article)
    tell(compiling.refresh(store, wanted, paths(store, logs), os.environ))


@wiki.command("compile")
@click.argument("article", metavar="[TYPE:SLUG]", required=False)
@click.option("--full", is_flag=True, help="From all logs, also when none is new.")
@click.option("--all", "all_articles", is_flag=True, help="Every article that has logs.")
@click.option("--stale", is_flag=True, help="Every article with logs that it has not absorbed.")
@click.option("--dry-run", is_flag=True, help="Draft and prove, show what would change, write nothing.")
@LOGS
def compile_article(
    article: str | None, full: bool, all_articles: bool, stale: bool, dry_run: bool, logs: Sequence[str]
) -> None:
    """Draft the article anew from its logs, prove it, and put it in place.

    A failure never blocks: then last_compiled, sources and the Syncro fields are refreshed, and a [WARN] says so.
    The draft is made by headless `claude`, or by the command in CLAUDETOOLS_SYNTHESIZER.
    """
    store = open_store()
    if (article is not None) + all_articles + stale != 1:
        raise click.UsageError("Name one article, or --all, or --stale.")
    if article is None and logs:
        raise click.UsageError("--log goes with one article.")
    if article is not None:
        tell(compiling.compile_article(store, parse(store, article), full, paths(store, logs), os.environ, dry_run))
        return
    wanted = overview.due(overview.standings(store, desk.now(store.place).date()), all_articles)
    if not wanted:
        click.echo("[OK] No article has logs to absorb.")
    for one in wanted:
        if dry_run:
            click.echo(f"[OK] {visible(str(one))} would be compiled.")
        else:
            tell(compiling.compile_article(store, one, full, (), os.environ))


@wiki.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show_status(as_json: bool) -> int:
    """Say how each article stands: never compiled, stale, current, and how much of it reads (verify).

    Those that wait come first, the oldest on top. Exit 65 when one waits; nothing is changed.
    """
    store = open_store()
    found = overview.standings(store, desk.now(store.place).date())
    if as_json:
        click.echo(json.dumps({"articles": [dataclasses.asdict(one) for one in found]}))
    else:
        show_standings(found)
    return cli.HELD if any(one.state != "current" or one.doubts for one in found) else cli.OK


@wiki.command("show")
@ARTICLE
def show_article(article: str) -> None:
    """Print an article, each line with the lines of logs that prove it, and what reads (verify)."""
    store = open_store()
    wanted = parse(store, article)
    try:
        found = reading.read(store, wanted)
    except compiling.TROUBLE as error:
        raise cli.Stop(cli.HELD, visible(compiling.words_for(error))) from error
    if found.data is None:
        raise cli.Stop(cli.HELD, f"There is no {wanted.path}.", f"Make it: {cli.typed(PROGRAM)} compile {wanted}")
    cites = {claim.text: claim.cites for claim in found.sidecar.claims}
    for line in sources.shown_lines(found.body.strip("\n")):
        mine = cites.get((line or "").strip(), ())
        where = ", ".join(f"{os.path.basename(c.log)}:{c.first}" + f"-{c.last}" * (c.last != c.first) for c in mine)
        click.echo(("[hidden]" if line is None else line) + (f"  [{visible(where)}]" if where else ""))
    for one in found.sidecar.rejected:
        cli.info(f"(verify) was {visible(one.value)}: {visible(one.why)}")


@wiki.command("diff")
@ARTICLE
@click.option("--reading", "id", required=True, metavar="ID", help="The reading whose kept draft is meant.")
def diff_article(article: str, id: str) -> None:
    """Show what a kept draft would change, proved as `wiki apply` proves it. Nothing is written."""
    store = open_store()
    wanted = parse(store, article)
    note = recall_reading(store, wanted, id)
    kept = os.path.join(store.scratch, "readings", f"{id}.draft")
    if note is None or not os.path.exists(kept):
        raise cli.Stop(
            cli.USAGE,
            f"No draft of {wanted} is kept with a reading {visible(id)}.",
            f"Read it: {cli.typed(PROGRAM)} read {wanted}",
        )
    tell(compiling.apply_draft(store, wanted, note, open_whole(kept), os.environ, dry=True))


@wiki.command("read")
@ARTICLE
@click.option("--full", is_flag=True, help="All logs, also when none is new.")
@LOGS
def read_article(article: str, full: bool, logs: Sequence[str]) -> None:
    """Print what a draft is to be made from: rules, article, logs with line numbers.

    For an agent whose own subagent drafts; the draft goes back with: wiki apply
    """
    store = open_store()
    wanted = parse(store, article)
    try:
        found = reading.read(store, wanted, paths(store, logs))
    except compiling.TROUBLE as error:
        raise cli.Stop(cli.HELD, visible(compiling.words_for(error))) from error
    if not found.is_due and not full:
        cli.info(f"{wanted} has absorbed all {len(found.sources)} logs; to read them all the same: --full")
        return
    shown = reading.shown_in(found, full)
    id = reading.new_id()
    keep_reading(store, id, reading.write_note(id, wanted, reading.note(found, shown)))
    click.echo(prompt.write(found, shown, id), nl=False)


@wiki.command("apply")
@ARTICLE
@click.option("--reading", "id", required=True, metavar="ID", help="The id that `wiki read` printed.")
@click.option("--keep", is_flag=True, help="Only keep the draft with its reading, for somebody to look at first.")
@click.argument("draft", type=click.File("rb"), required=False)
def apply_draft(article: str, id: str, keep: bool, draft: BinaryIO | None) -> None:
    """Prove a draft and put it in the article's place.

    DRAFT is a file, or - for stdin; without it, the draft that was kept with this reading.
    """
    store = open_store()
    wanted = parse(store, article)
    note = recall_reading(store, wanted, id)
    if note is None:
        raise cli.Stop(
            cli.USAGE,
            f"No reading {visible(id)} of {wanted} is known here.",
            f"Read it: {cli.typed(PROGRAM)} read {wanted}",
        )
    kept = os.path.join(store.scratch, "readings", f"{id}.draft")
    if draft is None and os.path.exists(kept):
        text = open_whole(kept)
    else:
        text = (draft or sys.stdin.buffer).read(LARGEST_DRAFT)
    if keep:
        files.write_whole(kept, text)
        click.echo(f"[OK] The draft is kept. Put it in place: {cli.typed(PROGRAM)} apply {wanted} --reading {id}")
        return
    tell(compiling.apply_draft(store, wanted, note, text, os.environ))


@wiki.command("hours")
@click.argument("client")
def show_hours(client: str) -> None:
    """Print what Syncro last said of a client: open tickets, hours of this month, prepaid hours.

    CLIENT is acme or client:acme. Nothing is asked; `wiki refresh` does that.
    """
    store = open_store()
    wanted = parse(store, client if ":" in client else f"client:{client}")
    line = hours.line_for(store.place, wanted.slug)
    if line:
        click.echo(line)
    else:
        cli.info(f"Syncro has told nothing of {wanted} yet. Ask it: {cli.typed(PROGRAM)} refresh {wanted}")


@wiki.command("check")
@click.argument("articles", nargs=-1, metavar="[TYPE:SLUG]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check_articles(articles: Sequence[str], as_json: bool) -> int:
    """Look up again everything that the wiki says, and print the share that its sources still say.

    Exit 65 when something does not resolve; nothing is changed.
    """
    store = open_store()
    wanted = [parse(store, text) for text in articles] or store.articles()
    reports = [checking.check(store, target) for target in wanted]
    claims, resolved = sum(r.claims for r in reports), sum(r.resolved for r in reports)
    share = resolved / claims if claims else None
    well = claims == resolved and not any(report.problem for report in reports)
    if as_json:
        rows = [dataclasses.asdict(report) for report in reports]
        click.echo(
            json.dumps({"claims": claims, "resolved": resolved, "share": share and round(share, 4), "articles": rows})
        )
    else:
        head = "[OK]" if well else "[WARN]"
        words = "There are no claims" if share is None else f"{resolved} of {claims} claims resolve ({share:.1%})"
        click.echo(f"{head} {words} in {counted(len(reports), 'article')}.")
        for report in reports:
            show_report(report)
    return cli.OK if well else cli.HELD


@wiki.command("rename")
@click.argument("article", metavar="TYPE:OLD")
@click.argument("slug", metavar="NEW")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
def rename_article(article: str, slug: str, dry_run: bool) -> int:
    """Give a client or project another name: folder, article, sources, index, and a redirect.

    No sync runs meanwhile, and nothing is done while another live session has unsaved work in the folder.
    """
    store = open_store()
    try:
        old = target.parse(article)
        new = target.parse(slug if ":" in slug else f"{old.type}:{slug}")
    except Unfit as error:
        raise click.UsageError(str(error)) from error
    if not dry_run and not os.environ.get(UNDER_LOCK):
        return under_lock(store.place, "wiki", "rename", "--", article, slug)
    try:
        steps = renaming.plan(store, old, new) if dry_run else renaming.rename(store, old, new)
    except (renaming.CannotRename, *compiling.TROUBLE) as error:
        words = compiling.words_for(error)
        raise cli.Stop(cli.HELD, f"{visible(str(old))} was not renamed: {visible(words)}.") from error
    click.echo(f"[OK] {old} {'would be' if dry_run else 'is'} {new}.")
    for step in steps:
        click.echo(f"  {visible(step)}")
    return cli.OK


def under_lock(place: Place, *arguments: str) -> int:
    """This very command again, while no sync can start. The exit code."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    again = [sys.executable, "-I", os.path.join(package, "__main__.py"), *arguments]
    environ = {**os.environ, UNDER_LOCK: "1"}
    return subprocess.run(
        ["bash", cli.script("with-lock.sh"), "--title", "wiki rename", "--", *again], env=environ, check=False
    ).returncode


def open_store() -> Store:
    """The wiki around the caller, which tells the caller's session."""
    return Store(cli.here(), registry.current_id(os.environ) or "")


def parse(store: Store, text: str) -> Target:
    """The article that is meant. Raises UsageError."""
    try:
        return redirects.follow(store, overview.guess(store, text))
    except Unfit as error:
        raise click.UsageError(str(error)) from error


def paths(store: Store, logs: Sequence[str]) -> list[str]:
    """Logs as paths from the top. Raises UsageError."""
    found = [store.place.relative(log) for log in logs]
    if None in found:
        raise click.UsageError(f"{logs[found.index(None)]} is not in this repository.")
    return [path for path in found if path]


def keep_reading(store: Store, id: str, note: str) -> None:
    """Remember a reading; the oldest ones are forgotten."""
    folder = os.path.join(store.scratch, "readings")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{id}.{os.getpid()}"), "w", encoding="utf-8") as file:
        file.write(note)
    os.replace(file.name, os.path.join(folder, f"{id}.json"))
    old = sorted((entry for entry in os.scandir(folder)), key=lambda entry: entry.stat().st_mtime)
    for entry in old[:-KEEP_READINGS]:
        os.unlink(entry.path)


def open_whole(path: str) -> bytes:
    """All bytes of a file of ours."""
    with open(path, "rb") as file:
        return file.read()


def recall_reading(store: Store, wanted: Target, id: str) -> dict[str, object] | None:
    """The reading of that id; None when there is none."""
    if not re.fullmatch(r"[0-9a-f]{12}", id):
        return None
    try:
        with open(os.path.join(store.scratch, "readings", f"{id}.json"), encoding="utf-8") as file:
            return reading.recall(file.read(), wanted, id)
    except OSError:
        return None


wiki.add_command(make_html)


def main(arguments: Sequence[str]) -> int:
    """Run what is typed after `claudetools.sh wiki`."""
    try:
        return cli.run(wiki, arguments, PROGRAM)
    except Unusable as error:
        return cli.tell(cli.HELD, visible(str(error)))
