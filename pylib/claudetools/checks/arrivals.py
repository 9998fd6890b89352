"""The job `arrivals`: what came in and starts programs here is told by name: the toolkit's pin, what an agent's client
starts, the shims, the drivers in .gitattributes.

    arrivals --top TOP --old COMMIT --new COMMIT [--state STATE --trust ask|auto]

One line on stdout for each, without its mark. STATE is that of a clone that starts the repository's version.
"""

from __future__ import annotations

import json
import os

from claudetools.core import git, settings
from claudetools.core.git import Change
from claudetools.core.job import read_options, tell
from claudetools.core.settings import plain

CLIENT = ".claude/settings.json"
SHIMS = ".claude/scripts/"
# Keys of a client's settings whose value is a program, besides `hooks`.
PROGRAMS = ("statusLine", "apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "otelHeadersHelper")
DRIVERS = ("filter=", "merge=", "diff=")
MOST = 3


class Range:
    """The commits that came in, and who made them."""

    def __init__(self, top: str, old: str, new: str) -> None:
        self.top, self.old, self.new = top, old, new

    def who(self, path: bytes) -> str:
        """Who changed a file last. A merge or a rewritten history may not tell."""
        told = git.run(self.top, "log", "-1", "--format=%an", self.new, f"^{self.old}", "--", os.fsdecode(path))
        return plain(told.decode("utf-8", "replace").strip()) or "Somebody"

    def texts(self, change: Change) -> tuple[str, str]:
        """The file before and after, "" where there was none, or no file."""
        sides = ((change.old_mode, change.old_oid), (change.new_mode, change.new_oid))
        both = [git.blob(self.top, oid) if mode in (git.REGULAR, git.EXECUTABLE) else b"" for mode, oid in sides]
        return both[0].decode("utf-8", "surrogateescape"), both[1].decode("utf-8", "surrogateescape")


def tell_pin(came: Range, change: Change, state: str, trust: str) -> list[str]:
    """Another version of ours, and when it is started."""
    (version, sha256), (newer, sum) = (settings.pin_of(text) for text in came.texts(change))
    if not sum or sum == sha256:
        return []
    versions = f"{version} -> {newer}" if version else newer
    when = ""
    if state:
        asked = trust == "ask" and settings.waits(state, sum)
        when = ", the one before runs on until you accept it" if asked else ", active from the next run"
    return [f"{came.who(change.path)} updated claudetools {versions}, sha256 {sum[:16]}...{when}."]


def programs_of(text: str) -> set[str]:
    """What a client's settings start, as `event: command`. A text that is no JSON starts nothing."""
    try:
        data = json.loads(text.removeprefix("\ufeff") or "{}")
    except (ValueError, RecursionError):
        return set()
    found: set[str] = set()
    if isinstance(data, dict):
        for event, groups in items(data.get("hooks")):
            for command in commands_in(groups):
                found.add(f"{event}: {command}")
        for key in PROGRAMS:
            found.update(f"{key}: {command}" for command in commands_in(data.get(key)))
    return found


def items(value: object) -> list[tuple[str, object]]:
    """The pairs of an object, none of anything else."""
    return list(value.items()) if isinstance(value, dict) else []


def commands_in(value: object) -> list[str]:
    """Every text below a key `command` or `url`, and a text itself."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [command for one in value if not isinstance(one, str) for command in commands_in(one)]
    found = []
    for key, one in items(value):
        if key in ("command", "url") or not isinstance(one, str):
            found += commands_in(one)
    return found


def drivers_of(text: str) -> set[str]:
    """The lines that give a file to a program."""
    lines = (line.strip() for line in text.splitlines())
    return {line for line in lines if line[:1] != "#" and any(word in line for word in DRIVERS)}


def tell_sets(came: Range, change: Change, what: str, old: set[str], new: set[str]) -> list[str]:
    """What was added and taken out, with who did it."""
    changed = [f"+ {plain(one)}" for one in sorted(new - old)] + [f"- {plain(one)}" for one in sorted(old - new)]
    if not changed:
        return []
    more = f", and {len(changed) - MOST} more" if len(changed) > MOST else ""
    path = plain(os.fsdecode(change.path))
    return [f"{came.who(change.path)} changed {what} ({path}): {'; '.join(changed[:MOST])}{more}"]


def tell_change(came: Range, change: Change, state: str, trust: str) -> list[str]:
    """One changed file in words, none for one that starts nothing."""
    path = os.fsdecode(change.path)
    if path == settings.FILE:
        return tell_pin(came, change, state, trust)
    if path == CLIENT:
        before, after = came.texts(change)
        return tell_sets(came, change, "what agents start here", programs_of(before), programs_of(after))
    if path.startswith(SHIMS):
        done = "took out" if change.deleted else "added" if change.added else "changed"
        return [f"{came.who(change.path)} {done} {plain(path)}, which starts programs here."]
    before, after = came.texts(change)
    return tell_sets(came, change, "what git starts here", drivers_of(before), drivers_of(after))


def main(argv: list[str]) -> int:
    """See the module. 70 when git cannot be asked."""
    options = read_options(argv, ("top", "old", "new"), {"state": "", "trust": "auto"})
    came = Range(options["top"], options["old"], options["new"])
    try:
        for change in git.changes(came.top, came.old, came.new):
            path = os.fsdecode(change.path)
            if path in (settings.FILE, CLIENT) or path.startswith(SHIMS) or path.rpartition("/")[2] == ".gitattributes":
                for line in tell_change(came, change, options["state"], options["trust"]):
                    tell(line)
    except git.GitError:
        return 70
    return 0
