"""The billing fields of a client's article: what Syncro last said, in the front matter under `syncro`.

syncro:
  customer_id: 4711
  open_tickets: 3
  hours_this_month: 12.5
  prepaid_hours: 20          (left out where Syncro does not tell)
  as_of: "2026-06-05T14:02:00-07:00"
  stale: true                (only while Syncro cannot be asked; the figures are then those of `as_of`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from claudetools.core import clock
from claudetools.text.target import Target
from claudetools.wiki import syncro, token
from claudetools.wiki.store import Store

FIGURES = ("open_tickets", "hours_this_month", "prepaid_hours")


@dataclass
class Told:
    """What to write under `syncro` (None: take the key out), and what to say. Nothing for no client."""

    fields: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def change(self) -> dict[str, Any]:
        """As a change of the front matter."""
        return {"syncro": self.fields} if self.fields else {}


def of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The `syncro` block of a front matter."""
    found = values.get("syncro")
    return found if isinstance(found, dict) else {}


def figures(block: Mapping[str, Any]) -> dict[str, float] | None:
    """The figures of a block; None where Syncro has never said anything."""
    found = {key: value for key in FIGURES if (value := syncro.number(block.get(key))) is not None}
    return found or None


def ask(
    store: Store,
    target: Target,
    values: Mapping[str, Any],
    names: Sequence[str],
    now: datetime,
    environ: Mapping[str, str],
) -> Told:
    """Ask Syncro for a client's figures; where it does not tell, the last ones stay and are marked stale.

    `names`: what the client may be called there, for as long as its `customer_id` is not known.

    Without an address (CLAUDETOOLS_SYNCRO_URL, or git config claudetools.syncroUrl) there is no Syncro, and no word.
    """
    if target.type != "client":
        return Told()
    url = environ.get("CLAUDETOOLS_SYNCRO_URL", "") or token.setting(store.place, "syncroUrl")
    if not url:
        return Told()
    before = of(values)
    known = before.get("customer_id")
    try:
        with syncro.Syncro(url, token.read_token(store.place, environ), seconds(environ)) as connection:
            found = syncro.fetch(connection, syncro.whole(known), names, now)
    except (syncro.SyncroFailed, token.NoToken) as error:
        kept = "; the figures of " + str(before.get("as_of") or "before")[:16] + " stay" if figures(before) else ""
        return Told({"stale": True} if figures(before) else {}, [f"Syncro: {error}{kept}."])
    return Told(
        {
            "customer_id": found.customer_id,
            "open_tickets": found.open_tickets,
            "hours_this_month": plain(found.hours_this_month),
            "prepaid_hours": None if found.prepaid_hours is None else plain(found.prepaid_hours),
            "as_of": clock.stamp(now),
            "stale": None,
        }
    )


def seconds(environ: Mapping[str, str]) -> float:
    """How long Syncro may take: CLAUDETOOLS_SYNCRO_SECONDS, 40 without it."""
    with suppress(ValueError):
        return max(float(environ.get("CLAUDETOOLS_SYNCRO_SECONDS", syncro.SECONDS)), 0.1)
    return syncro.SECONDS


def plain(value: float) -> float | int:
    """12.0 as 12."""
    return int(value) if value == int(value) else value
