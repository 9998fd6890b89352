"""The version that a repository uses: `version`, `sha256` and perhaps `source` in `.claude/claudetools.json`, beside
what its people write there. A shell reads it without a JSON parser (.claude/scripts/claudetools-start.sh)."""

from __future__ import annotations

import json
from pathlib import Path

from claudetools.install import json_text
from claudetools.install.agent_settings import read_text
from claudetools.install.place import Repository
from claudetools.install.plan import Plan
from claudetools.install.steps import look, put_text

NAME = ".claude/claudetools.json"
KEYS = ("version", "sha256", "source")


def read_pin(place: Repository) -> dict[str, str]:
    """What is pinned here; nothing where that is nothing. Refused, by line, when the file is no JSON."""
    data = json.loads(read_text(place, NAME)[0] or "{}")
    return {key: data[key] for key in KEYS if isinstance(data.get(key), str)}


def with_pin(text: str | None, wanted: dict[str, str]) -> str:
    """The file that pins what is wanted. Everything else stays in it to the byte."""
    if text is None:
        return json.dumps(wanted, indent=2) + "\n"
    for key in KEYS:
        there = json.loads(text)
        if key in wanted and key in there:
            text = json_text.replace(text, key, wanted[key])
        elif key in wanted:
            text = json_text.append(text, (), wanted[key], key)
        elif key in there:
            text = json_text.remove(text, (), None, key)
    return text


def without_pin(text: str) -> str | None:
    """The file as its people wrote it; None when nothing of theirs is in it."""
    for key in KEYS:
        text = json_text.remove(text, (), None, key)
    return text if json.loads(text) else None


def plan_pin(plan: Plan, place: Repository, wanted: dict[str, str]) -> None:
    """From this step on, the version that is wanted runs here."""
    text, mark = read_text(place, NAME)
    plan_change(plan, place.top / NAME, text, with_pin(text, wanted), mark)


def plan_unpin(plan: Plan, place: Repository) -> None:
    """No version any more. What people have written into the file stays."""
    text, mark = read_text(place, NAME)
    after = None if text is None else without_pin(text)
    plan_change(plan, place.top / NAME, text, after, mark)
    if after is not None:
        plan.stays.append(f"{NAME}: your settings")


def plan_change(plan: Plan, path: Path, before: str | None, after: str | None, mark: bytes) -> None:
    """One step, one row for the table."""
    if before == after:
        return
    names = plan.removed if after is None else plan.added if before is None else plan.updated
    names.append(NAME)
    plan.step(f"text {NAME}", put_text, path, None if after is None else mark + after.encode(), look(path))
