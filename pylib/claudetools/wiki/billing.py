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

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from claudetools.wiki.store import Store
from claudetools.wiki.target import Target

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
    found = {key: float(block[key]) for key in FIGURES if isinstance(block.get(key), int | float)}
    return found or None


def ask(
    store: Store, target: Target, values: Mapping[str, Any], title: str, now: datetime, environ: Mapping[str, str]
) -> Told:
    """Ask Syncro for a client's figures."""
    return Told()
