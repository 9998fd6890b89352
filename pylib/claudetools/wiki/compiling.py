"""From logs to article: read, draft, prove, replace; and the surgical refresh where that did not work out.

A compile never stops a save: whatever goes wrong, the article records the session, and one line says what to do later.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from claudetools.core import cli
from claudetools.text import article_index, sidecar
from claudetools.text.front import Unreadable
from claudetools.text.sidecar import Sidecar
from claudetools.text.target import Target
from claudetools.wiki import article, billing, desk, facts, prompt, reading, synthesizer, turn
from claudetools.wiki.draft import Refused, parse_answer
from claudetools.wiki.reading import Reading
from claudetools.wiki.sources import Source
from claudetools.wiki.store import Changed, Store, Unusable
from claudetools.wiki.verify import Evidence, Verdict, verify

REFRESHED = "wiki refreshed, not recompiled; run /wiki-compile --full later"
# What may go wrong with one article, and is told instead of raised.
TROUBLE = (Refused, Changed, Unusable, Unreadable, turn.Busy, OSError)


@dataclass
class Outcome:
    """What happened to an article. done: "compiled", "absorbed" (nothing was left to do), "refreshed", "untouched", or
    "shown": nothing was written, and `diff` is what would have changed."""

    target: Target
    done: str
    logs: int = 0
    reason: str = ""
    verdict: Verdict | None = None
    notes: list[str] = field(default_factory=list)
    diff: str = ""


def compile_article(
    store: Store, target: Target, full: bool, more: Sequence[str], environ: Mapping[str, str], dry: bool = False
) -> Outcome:
    """Read, let the synthesizer draft, apply. Never raises for what can go wrong outside of this program.

    `dry`: nothing is written.
    """
    limit = synthesizer.seconds(environ)  # for waiting and drafting together: a save waits no longer
    try:
        with turn.turn(store.scratch, target, cli.info, limit) as waited:
            found = reading.read(store, target, more)
            if not found.is_due and (waited or not full):
                return Outcome(target, "absorbed", len(found.sources))
            if not found.sources:
                raise Refused(f"no log of {target} is there to compile from")
            shown = reading.shown_in(found, full)
            answer = synthesizer.ask(prompt.write(found, shown), environ, cli.info, limit - waited)
            return apply(store, target, reading.note(found, shown), answer, environ, dry)
    except TROUBLE as error:
        if dry:
            return Outcome(target, "untouched", reason=words_for(error))
        return refresh(store, target, more, environ, words_for(error))


def apply_draft(
    store: Store, target: Target, note: Mapping[str, Any], text: bytes, environ: Mapping[str, str], dry: bool = False
) -> Outcome:
    """Apply a draft that an agent's subagent made, and the agent has looked at. `dry`: nothing is written."""
    try:
        with turn.turn(store.scratch, target, cli.info, synthesizer.seconds(environ)):
            return apply(store, target, note, text, environ, dry)
    except TROUBLE as error:
        if dry:
            return Outcome(target, "untouched", reason=words_for(error))
        return refresh(store, target, (), environ, words_for(error))


def apply(
    store: Store, target: Target, note: Mapping[str, Any], text: bytes, environ: Mapping[str, str], dry: bool
) -> Outcome:
    """Prove a draft, made from the reading that `note` remembers, and land it. Raises what TROUBLE names."""
    labels = note["labels"]
    now = reading.read(store, target, [path for path, _ in labels.values()])
    if note["article"] != reading.article_digest(now):
        raise Changed(target.path)
    known = {source.path: source for source in now.sources}
    read = [
        replace(known[path], label=label, digest=digest) for label, (path, digest) in labels.items() if path in known
    ]
    title, markdown = parse_answer(text)
    shown = [source for source in read if source.path in note["shown"]]
    return land(store, replace(now, sources=read), shown, title, markdown, environ, dry)


def land(
    store: Store,
    found: Reading,
    shown: Sequence[Source],
    title: str,
    text: str,
    environ: Mapping[str, str],
    dry: bool = False,
) -> Outcome:
    """Prove the draft and put it in the article's place, with sidecar and index. Raises what TROUBLE names."""
    target, now = found.target, desk.now(store.place)
    told = billing.ask(store, target, found.values, customer_names(store, found), now, environ)
    evidence = Evidence(
        found.body,
        found.sources,
        found.sidecar.claims,
        found.sidecar.uncited,
        billing.figures({**(billing.of(found.values)), **told.fields}),
        desk.vault_check(store.place),
        (found.title, target.slug),
        desk.tree_check(store.place, target.folder),
        [source.path for source in found.new],
    )
    verdict = verify(text, evidence)
    if not title or (facts.find(title) and verify(f"# x\n\n## x\n\n{title}\n", evidence).rejected):
        title = found.title
    values = {**heading(found, title), **record(found, now), "stale": False, **told.change()}
    notes = [*found.problems, *told.notes]
    if dry:
        return Outcome(
            target, "shown", len(shown), "", verdict, notes, difference(target.path, found.body, verdict.body)
        )
    place(store, found, verdict.body, values)
    absorbed = {path: digest for path, digest in found.sidecar.read.items() if path not in {s.path for s in shown}}
    absorbed |= {source.path: source.digest for source in shown}
    drafted = found.sidecar.title if found.values.get("title") else title
    write_sidecar(store, target, Sidecar(absorbed, verdict.claims, verdict.uncited, verdict.rejected, drafted))
    write_index(store)
    return Outcome(target, "compiled", len(shown), verdict=verdict, notes=notes)


def difference(path: str, old: str, new: str) -> str:
    """What changes in an article's text, as a unified diff."""
    before, after = ([line + "\n" for line in text.strip("\n").split("\n")] for text in (old, new))
    return "".join(difflib.unified_diff(before, after, path, f"{path} (draft)"))


def place(store: Store, found: Reading, body: str, values: Mapping[str, Any]) -> None:
    """Put the new text below the front matter as it is now: a refresh may have written there. Raises Changed."""
    data, text = found.data, found.text
    for _ in range(5):
        head = article.take_apart(text)
        whole = head.opening + "".join(head.lines) + head.closing + "\n" + body.lstrip("\n")
        with suppress(Changed):
            store.replace(found.target.path, data, article.change(whole, values).encode())
            return
        text = store.text(found.target.path) or ""
        data = text.encode() or None
        if article.take_apart(text).body.strip() != found.body.strip():
            raise Changed(found.target.path)
    raise Changed(found.target.path)


def customer_names(store: Store, found: Reading) -> list[str]:
    """What the client may be called at Syncro: as a person wrote, never as a draft called itself."""
    title = found.values.get("title")
    mine = [title] if isinstance(title, str) and title and title != found.sidecar.title else []
    return list(dict.fromkeys([*mine, *desk.client_names(store, found.target), found.target.slug.replace("-", " ")]))


def refresh(store: Store, target: Target, more: Sequence[str], environ: Mapping[str, str], reason: str = "") -> Outcome:
    """The surgical refresh: last_compiled, sources, what Syncro says; the text stays. Without an article, a stub."""
    try:
        found = reading.read(store, target, more)
        if not found.sources and found.data is None:
            return Outcome(target, "untouched", reason=reason or f"there is neither an article nor a log of {target}")
        now = desk.now(store.place)
        told = billing.ask(store, target, found.values, customer_names(store, found), now, environ)
        for _ in range(5):
            values = {**heading(found, ""), **record(found, now), **told.change()}
            values |= {"stale": True} if found.is_due or reason else {}
            stub = found.text or f"# {found.title}\n\nNot compiled yet; its logs are named in the front matter.\n"
            with suppress(Changed):
                store.replace(target.path, found.data, article.change(stub, values).encode())
                break
            found = reading.read(store, target, more)
        write_index(store)
    except TROUBLE as error:
        return Outcome(target, "untouched", reason=words_for(error))
    return Outcome(target, "refreshed", len(found.new), reason=reason, notes=[*found.problems, *told.notes])


def heading(found: Reading, title: str) -> dict[str, str]:
    """Title, type and slug, where the article does not name them yet."""
    wanted = {"title": title or found.title, "type": found.target.type, "slug": found.target.slug}
    return {key: value for key, value in wanted.items() if not found.values.get(key)}


def record(found: Reading, now: datetime) -> dict[str, Any]:
    """The day, and every log it was made from."""
    return {"last_compiled": f"{now:%Y-%m-%d}", "sources": [source.path for source in found.sources]}


def write_sidecar(store: Store, target: Target, made: Sidecar) -> None:
    """The sidecar belongs to the text that was just written: what another compile left there is of an older one."""
    for _ in range(5):
        with suppress(Changed):
            store.replace(target.sidecar, store.read(target.sidecar), sidecar.write(target.path, made).encode())
            return


def write_index(store: Store) -> bool:
    """Make wiki/index.md anew. Whether it changed."""
    for _ in range(5):
        old = store.text(article_index.PATH)
        articles = {target.path: store.read(target.path) or b"" for target in store.articles()}
        with suppress(Changed):
            made = article_index.make(old, articles).encode()
            return store.replace(article_index.PATH, None if old is None else old.encode(), made)
    raise Changed(article_index.PATH)


def words_for(error: BaseException) -> str:
    """The reason, in words for the person."""
    if isinstance(error, Changed):
        return f"{error} was changed by somebody else meanwhile"
    if isinstance(error, OSError):
        return f"{os.path.basename(str(error.filename or ''))}: {error.strerror}".removeprefix(": ")
    return str(error)
