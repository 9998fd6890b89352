"""A change is planned first, then done step by step.

Before the first step the record of the clone says what is about to be ours, so that a run that was killed is completed,
or taken back, by the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from claudetools.core.checkpoint import checkpoint
from claudetools.install.place import Repository
from claudetools.install.record import FORMAT, Kept, KnownKeys, as_json
from claudetools.install.steps import FoundFile, put_whole


@dataclass
class Plan:
    """The steps, and what they mean for the user."""

    version: str
    was: str = ""
    steps: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    kept: list[tuple[Kept, FoundFile]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    hooks: dict[str, str] = field(default_factory=dict)
    agent: str = ""
    diff: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    local: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] = field(default_factory=dict)
    pinned: str = ""  # the sum of the version that the clone is made ready for
    archive: str = ""

    def step(self, name: str, do: Callable[..., None], *args: Any) -> None:
        """One more thing to do."""
        self.steps.append((name, partial(do, *args)))


def finish_plan(plan: Plan, place: Repository, known: KnownKeys, pending: dict[str, Any]) -> Plan:
    """The intention before the first step, the record after the last one. Nothing to do when nothing changes."""
    plan.pending = pending
    if all(name == "folders" for name, _ in plan.steps) and plan.local == known.local:
        plan.steps.clear()
        return plan
    plan.steps.insert(0, ("intention", partial(write_local, place, plan)))
    plan.step("record", write_final, place, plan)
    return plan


def carry_out(plan: Plan) -> None:
    """Step by step; each leaves every file whole."""
    for number, (_, do) in enumerate(plan.steps):
        checkpoint(f"install-{number}")
        do()


def write_local(place: Repository, plan: Plan) -> None:
    """The record of this clone, with what is about to be done."""
    place.state.mkdir(mode=0o700, exist_ok=True)
    record = {**plan.local, "format": FORMAT, "pending": plan.pending}
    put_whole(place.state / "installed.json", as_json(record), 0o600)


def write_final(place: Repository, plan: Plan) -> None:
    """The records of this clone when all is done. That of the version is the shell's."""
    if plan.pinned:
        put_whole(place.state / "set-up", f"{plan.pinned}\n".encode(), 0o600)
    put_whole(place.state / "installed.json", as_json(plan.local), 0o600)
