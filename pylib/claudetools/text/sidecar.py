"""Where an article's lines come from: `wiki/.sources/<type folder>/<slug>.json`, so that the article stays readable.

    {"version": 1, "article": "wiki/clients/acme.md",
     "read":   {"<log>": "<sha256 of its bytes when it was compiled>", ...},
     "claims": [{"text": "<the article's line, trimmed>",
                 "cites": [{"log": "<path from the top>", "lines": [12, 15], "says": "<16 hex digits>"}]}],
     "uncited": ["<a line that the compile wrote without a source>", ...],
     "rejected": [{"text": "<the article's line, trimmed>", "value": "<what reads (verify) there>", "why": "<words>"}],
     "title": "<the title in the front matter, where a draft gave it and no person>"}

`says` is the beginning of the sha256 of the cited lines: a log that was corrected no longer says the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSION = 1


@dataclass(frozen=True)
class Cite:
    """Lines of a log, from 1, and the digest of what they said."""

    log: str
    first: int
    last: int
    says: str


@dataclass(frozen=True)
class Claim:
    """A line of the article and where it comes from."""

    text: str
    cites: tuple[Cite, ...]


@dataclass(frozen=True)
class Rejected:
    """A value of a draft that nothing proves: the line in which it reads `(verify)` now, and why, in words."""

    text: str
    value: str
    why: str


@dataclass(frozen=True)
class Sidecar:
    """`read`: each log that the article has absorbed, with its digest at that time. `title`: as a draft called it."""

    read: Mapping[str, str] = field(default_factory=dict)
    claims: Sequence[Claim] = ()
    uncited: Sequence[str] = ()
    rejected: Sequence[Rejected] = ()
    title: str = ""

    def compiled(self) -> frozenset[str]:
        """The lines that a compile wrote, and not a person."""
        return frozenset([claim.text for claim in self.claims] + list(self.uncited))


def quote_digest(lines: Sequence[str]) -> str:
    """The digest of some lines of a log, as they are shown."""
    return hashlib.sha256("\n".join(line.rstrip() for line in lines).encode()).hexdigest()[:16]


def parse(text: str | None) -> Sidecar:
    """What a sidecar says; nothing for one that is missing, broken or of a newer version. Never raises."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return Sidecar()
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return Sidecar()
    read, claims = found.get("read"), found.get("claims")
    kept = {k: v for k, v in read.items() if isinstance(v, str)} if isinstance(read, dict) else {}
    known = [claim for item in claims if (claim := parse_claim(item))] if isinstance(claims, list) else []
    uncited = found.get("uncited")
    lines = [item for item in uncited if isinstance(item, str)] if isinstance(uncited, list) else []
    refused = found.get("rejected")
    doubts = [one for item in refused if (one := parse_rejected(item))] if isinstance(refused, list) else []
    title = found.get("title")
    return Sidecar(kept, known, lines, doubts, title if isinstance(title, str) else "")


def parse_claim(item: Any) -> Claim | None:
    """One claim, None when it is none."""
    try:
        cites = [Cite(str(c["log"]), int(c["lines"][0]), int(c["lines"][1]), str(c["says"])) for c in item["cites"]]
        return Claim(str(item["text"]), tuple(cites))
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def parse_rejected(item: Any) -> Rejected | None:
    """One value that was not proved, None when it is none."""
    try:
        return Rejected(str(item["text"]), str(item["value"]), str(item["why"]))
    except (KeyError, TypeError):
        return None


def write(article: str, sidecar: Sidecar) -> str:
    """The file. The same content gives the same bytes."""
    claims = [
        {
            "text": claim.text,
            "cites": [{"log": c.log, "lines": [c.first, c.last], "says": c.says} for c in claim.cites],
        }
        for claim in sidecar.claims
    ]
    found = {"version": VERSION, "article": article, "read": dict(sorted(sidecar.read.items())), "claims": claims}
    if sidecar.uncited:
        found["uncited"] = list(sidecar.uncited)
    if sidecar.title:
        found["title"] = sidecar.title
    if sidecar.rejected:
        found["rejected"] = [{"text": one.text, "value": one.value, "why": one.why} for one in sidecar.rejected]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
