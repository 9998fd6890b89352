"""What of a settings file is ours, as the records hold it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from claudetools.install.json_text import Keys

OURS = re.compile(r"\.claude/(claudetools|scripts)\b|session-logs/|wiki/")


@dataclass
class MergedSettings:
    """What is ours: entries, the containers that were made for them, and what empty ones looked like."""

    entries: list[tuple[Keys, Any]] = field(default_factory=list)
    made: list[Keys] = field(default_factory=list)
    blank: dict[Keys, str] = field(default_factory=dict)
    created: bool = False

    def together_with(self, other: MergedSettings) -> MergedSettings:
        """What two records say; the second is of a run that did not end."""
        return MergedSettings(
            self.entries + [entry for entry in other.entries if entry not in self.entries],
            self.made + [path for path in other.made if path not in self.made],
            {**other.blank, **self.blank},
            self.created or other.created,
        )


def as_record(merged: MergedSettings) -> dict[str, Any]:
    """As the record has it."""
    return {
        "entries": [[list(path), entry] for path, entry in merged.entries],
        "made": [list(path) for path in merged.made],
        "blank": [[list(path), text] for path, text in sorted(merged.blank.items())],
        "created": merged.created,
    }


def merged_from(record: dict[str, Any]) -> MergedSettings:
    """What a record says is ours. It may come from another person: only what speaks of us can be ours."""
    entries = [(keys_of(path), entry) for path, entry in record.get("entries", [])]
    return MergedSettings(
        [(path, entry) for path, entry in entries if OURS.search(json.dumps(entry))],
        [keys_of(path) for path in record.get("made", [])],
        {keys_of(path): text for path, text in record.get("blank", []) if not str(text).strip()},
        record.get("created") is True,
    )


def keys_of(path: Any) -> Keys:
    """A path as it is in a record. Raises ValueError for anything else."""
    if not isinstance(path, list) or not all(isinstance(key, str) for key in path):
        raise ValueError(path)
    return tuple(path)
