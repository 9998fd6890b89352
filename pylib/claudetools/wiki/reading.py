"""One reading of all that an article is made from, and what of it is new. A compile answers for this very reading."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claudetools.text import sidecar
from claudetools.text.sidecar import Sidecar
from claudetools.text.target import Target
from claudetools.wiki import article, redirects, sources
from claudetools.wiki.sources import Source
from claudetools.wiki.store import Store

LARGEST_PROMPT = 600_000  # characters of logs that one synthesizer is given


@dataclass(frozen=True)
class Reading:
    """An article ("" and None when there is none) with its logs. `problems`: what could not be read, in words."""

    target: Target
    data: bytes | None
    text: str
    values: dict[str, Any]
    sidecar: Sidecar
    sources: Sequence[Source]
    problems: Sequence[str]

    @property
    def body(self) -> str:
        """The article without its front matter."""
        return article.take_apart(self.text).body

    @property
    def title(self) -> str:
        """The title in the front matter, else one made of the slug."""
        found = self.values.get("title")
        return found if isinstance(found, str) and found else self.target.slug.replace("-", " ").title()

    @property
    def new(self) -> list[Source]:
        """The logs that the article has not absorbed, or not as they are now."""
        return [source for source in self.sources if self.sidecar.read.get(source.path) != source.digest]

    @property
    def is_due(self) -> bool:
        """Whether a compile would bring something: no article, new logs, or an article that is marked stale."""
        return self.data is None or bool(self.new) or self.values.get("stale") is True


def read(store: Store, target: Target, more: Sequence[str] = ()) -> Reading:
    """Read it all. Raises Unusable and Unreadable for an article that cannot be changed safely."""
    text = store.text(target.path)
    values = article.read(text or "", target.path)
    named = [path for path in article.sources_of(values) if path.endswith(".md")]
    older = [path for name in redirects.aliases(store, target) for path in store.logs(name)]
    wanted = list(dict.fromkeys([*named, *more]))
    refused = {path: words for path in wanted if (words := sources.why_not(target, path, older))}
    found, problems = sources.gather(store, target, [*older, *(path for path in wanted if path not in refused)])
    missing = [f"{path} {words}" for path, words in refused.items()]
    missing += [words for words in problems if "is not there" not in words]
    known = sidecar.parse(store.text(target.sidecar))
    return Reading(target, None if text is None else text.encode(), text or "", values, known, found, missing)


def shown_in(reading: Reading, full: bool) -> list[Source]:
    """The logs that go into the prompt: the new ones (`full`: all), the newest first in what fits."""
    wanted = reading.sources if full or reading.data is None else reading.new
    left = LARGEST_PROMPT
    shown: list[Source] = []
    for source in sorted(wanted, key=lambda s: (s in reading.new, s.path.rpartition("/")[2]), reverse=True):
        size = sum(len(line or "") + 10 for line in source.lines)
        if size <= left or not shown:
            shown.append(source)
            left -= size
    return [source for source in reading.sources if source in shown]


def new_id() -> str:
    """What a draft names its reading by: another one for each reading, for each belongs to the session that read."""
    return secrets.token_hex(6)


def note(reading: Reading, shown: Sequence[Source]) -> dict[str, Any]:
    """What a draft's reading is remembered by: the article's text, the labels of the logs, the logs that were shown."""
    labels = {source.label: (source.path, source.digest) for source in reading.sources}
    return {"article": article_digest(reading), "labels": labels, "shown": [source.path for source in shown]}


def write_note(id: str, target: Target, found: dict[str, Any]) -> str:
    """The note as JSON."""
    return json.dumps({"id": id, "target": str(target), **found}) + "\n"


def article_digest(reading: Reading) -> str:
    """By which the article's text is recognised as unchanged, whatever a refresh does above it; "" for none."""
    return "" if reading.data is None else hashlib.sha256(reading.body.strip().encode()).hexdigest()


def recall(text: str, target: Target, id: str) -> dict[str, Any] | None:
    """A note as it was written; None for anything else."""
    try:
        found = json.loads(text)
        labels = {str(k): (str(v[0]), str(v[1])) for k, v in found["labels"].items()}
        if (found["id"], found["target"]) != (id, str(target)):
            return None
        return {"article": str(found["article"]), "labels": labels, "shown": [str(path) for path in found["shown"]]}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
