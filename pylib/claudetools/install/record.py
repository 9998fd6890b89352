"""What earlier runs wrote down.

What travels with the repository is in `.claude/claudetools-installed.json`, what belongs to this clone alone (hook,
settings) in `<git common dir>/claudetools/installed.json`. A file that neither of them knows is the user's.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claudetools.install.merged import MergedSettings, merged_from
from claudetools.install.place import KEPT, OLD_HOME, SETUP, NotInstallable, Repository, refuse_links, show
from claudetools.install.steps import look
from claudetools.install.text import Addition
from claudetools.install.toolkit import OLD_RECORD, SHARED, WORKFLOWS, is_ours

RECORD = ".claude/claudetools-installed.json"
FORMAT = 1
CACHES = ("helpers", "pycache", "toolkit", "venv")
STATE_FILES = ("config.before", "config.edited", "pin", "set-up", "start.sh", "trust-ask", "trusted", "installed.json")
COPIES = 3  # an older run may still be under way


@dataclass(frozen=True)
class Kept:
    """A file that was in our way. `whose`: "yours", or "changed" when it was ours before somebody edited it."""

    path: str
    kept_as: str
    whose: str
    digest: str


@dataclass
class KnownKeys:
    """What earlier runs wrote down: both records, and the intention of a run that did not end."""

    version: str = ""
    installed: bool = False
    forwards: str = ""  # the version that has put FORWARDS there
    files: dict[str, set[str]] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    additions: dict[str, Addition] = field(default_factory=dict)
    coming: dict[str, Addition] = field(default_factory=dict)  # of a run that was killed
    settings: MergedSettings = field(default_factory=MergedSettings)
    local: dict[str, Any] = field(default_factory=dict)


def read_known(place: Repository, state_format: str) -> KnownKeys:
    """Both records. Refused when one cannot be trusted, or belongs to a newer version."""
    refuse_links(place.top, RECORD)
    refuse_links(place.top, OLD_RECORD)
    with suppress(FileNotFoundError):
        there = (place.state / "format").read_text().strip()
        # An older one is brought up to date by the next sync.
        if there and not (there.isascii() and there.isdigit() and len(there) < 8 and int(there) <= int(state_format)):
            raise NotInstallable(
                SETUP,
                f"This repository's state is in format {show(there)}, this version knows {state_format}.",
                "Use the claudetools that this repository has, or a newer one.",
            )
    known = KnownKeys()
    for name in (RECORD, OLD_RECORD):
        record = read_record(place.top / name, f"git checkout HEAD -- {name}")
        if record is not None and not known.installed:
            known.installed, known.version = True, str(record.get("version", ""))
            learn(known, record)
        if record is not None and name == OLD_RECORD:
            known.files[name] = {look(place.top / name).digest}
    known.local = read_record(place.state / "installed.json", "remove it, then install again") or {}
    learn(known, known.local.get("pending") or {})
    known.kept = [k for n, k in enumerate(known.kept) if k not in known.kept[:n]]
    return known


def read_record(path: Path, remedy: str) -> dict[str, Any] | None:
    """A JSON object, None when there is no file."""
    found = look(path)
    if found.kind == "absent":
        return None
    try:
        data = json.loads(found.data)
        if not isinstance(data, dict):
            raise ValueError("no object")
    except ValueError as error:
        raise NotInstallable(SETUP, f"{show(path)} cannot be read ({error}).", f"Take it back: {remedy}") from error
    if data.get("format") != FORMAT:
        raise NotInstallable(
            SETUP,
            f"{show(path)} was written by another version (format {data.get('format')!r}).",
            "Use that version, or a newer one.",
        )
    return data


def learn(known: KnownKeys, record: dict[str, Any]) -> None:
    """Adds what a record says. It may come from another person: no path in it leads out of our places."""
    try:
        for path, digests in record.get("files", {}).items():
            if not is_ours(path) and not any(is_plain(path, folder) for folder in (OLD_HOME, *SHARED)):
                raise ValueError(path)
            known.files.setdefault(path, set()).update([digests] if isinstance(digests, str) else digests)
        for entry in record.get("kept", []):
            kept = Kept(**entry)
            if (not is_plain(kept.path, ".claude") and kept.path not in WORKFLOWS.values()) or not is_plain(
                kept.kept_as, KEPT
            ):
                raise ValueError(kept.path)
            known.kept.append(kept)
        for name, entry in record.get("additions", {}).items():
            known.coming[name] = Addition(**entry)
            known.additions.setdefault(name, known.coming[name])
        known.settings = known.settings.together_with(merged_from(record.get("settings", {})))
        known.forwards = str(record.get("forwards", known.forwards))
    except (ValueError, TypeError, AttributeError) as error:
        raise NotInstallable(
            SETUP,
            f"{RECORD} is not as claudetools writes it ({show(error)}).",
            f"Nothing was changed. Take it back: git checkout HEAD -- {RECORD}",
        ) from error


def is_plain(path: str, folder: str) -> bool:
    """A path below `folder`, without a way out of it."""
    parts = path.split("/")
    return path.startswith(folder + "/") and not {"", ".", ".."} & set(parts) and "\\" not in path and "\0" not in path


def as_json(data: object) -> bytes:
    """As people read it in a diff."""
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def forget_old(place: Repository, current: str) -> None:
    """Versions that nobody runs any more, and what was left of one that was not unpacked whole. `current` is a sum."""
    shutil.rmtree(place.state / "helpers", ignore_errors=True)  # of 0.1.0
    last = look(place.state / "pin").data.decode("ascii", "replace").partition(" ")[0]
    with suppress(OSError):
        found = [path for path in (place.state / "toolkit").iterdir() if path.name not in (current, last)]
        dated = {path: path.stat().st_mtime for path in found}
        halves = [path for path in dated if path.name.startswith(".new-")]
        whole = sorted(set(dated) - set(halves), key=lambda path: dated[path])
        for path in [*whole[: 2 - COPIES], *(path for path in halves if dated[path] < time.time() - 86_400)]:
            shutil.rmtree(path, ignore_errors=True)
            shutil.rmtree(f"{place.state}/pycache/{path}", ignore_errors=True)


def forget_local(place: Repository) -> None:
    """Last of all: until then the next run knows what is left to do. What can be had again goes as well."""
    for name in CACHES:
        shutil.rmtree(place.state / name, ignore_errors=True)
    for name in STATE_FILES:
        with suppress(FileNotFoundError):
            (place.state / name).unlink()
    with suppress(OSError):
        place.state.rmdir()
