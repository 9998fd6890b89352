"""Every article that is there or could be, with what it waits for: what `wiki status` shows and `--stale` compiles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from claudetools.text.target import FOLDERS, WITH_LOGS, Target, Unfit, is_slug, parse
from claudetools.wiki import compiling, reading
from claudetools.wiki.store import Store


@dataclass(frozen=True)
class Standing:
    """One article. `state`: "current", "stale", "never compiled" or "unreadable"; `logs`: how many wait to be absorbed;
    `doubts`: values that read (verify); `compiled`: the day, "" for never; `age` in days, -1 where there is none."""

    article: str
    state: str
    logs: int = 0
    doubts: int = 0
    compiled: str = ""
    age: int = -1
    problem: str = ""


def known(store: Store) -> list[Target]:
    """The articles that are there, and those that a client's or project's logs imply."""
    found = set(store.articles())
    for kind in WITH_LOGS:
        with suppress(FileNotFoundError, NotADirectoryError):
            names = os.listdir(os.path.join(store.place.top, FOLDERS[kind]))
            found |= {Target(kind, name) for name in names if is_slug(name) and store.logs(Target(kind, name))}
    return sorted(found)


def guess(store: Store, text: str) -> Target:
    """The article that is meant by TYPE:SLUG, or by a slug alone where only one type has it. Raises Unfit."""
    if ":" in text or not is_slug(text):
        return parse(text)
    same = [target for target in known(store) if target.slug == text]
    if len(same) != 1:
        called = " or ".join(map(str, same)) or f"client:{text} or project:{text}"
        raise Unfit(f"{text!r} is {'no article that is known' if not same else 'several articles'}; type {called}")
    return same[0]


def look(store: Store, target: Target, today: date) -> Standing | None:
    """How an article stands; None for a redirect."""
    try:
        found = reading.read(store, target)
    except compiling.TROUBLE as error:
        return Standing(str(target), "unreadable", problem=compiling.words_for(error))
    if found.values.get("redirect"):
        return None
    day = str(found.values.get("last_compiled") or "")[:10]
    age = -1
    with suppress(ValueError):
        age = (today - date.fromisoformat(day)).days
    lines = {line.strip() for line in found.body.split("\n")}
    doubts = sum(one.text in lines for one in found.sidecar.rejected)
    compiled = found.data is not None and bool(found.sidecar.read)
    state = "never compiled" if not compiled else "stale" if found.is_due else "current"
    return Standing(str(target), state, len(found.new), doubts, day, age)


ORDER = ("unreadable", "never compiled", "stale", "current")


def standings(store: Store, today: date) -> list[Standing]:
    """All of them: those that wait first, among them the oldest."""
    found = [one for target in known(store) if (one := look(store, target, today))]
    return sorted(found, key=lambda one: (ORDER.index(one.state), -one.age, one.article))


def due(found: Sequence[Standing], all: bool) -> list[Target]:
    """Which of them a compile is for: those with logs that wait, or all that can be read."""
    wanted = [one for one in found if one.state != "unreadable" and (all or (one.state != "current" and one.logs))]
    return [parse(one.article) for one in wanted]
