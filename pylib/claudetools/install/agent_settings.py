"""The agent's settings: our hooks and permissions among the user's own in `.claude/settings.json`.

What is ours comes from `hooks/agent/settings.json`: lists of entries under the same keys. An entry that the user has
already is left to him, with the line of this version; what we add is written down, and only that is taken out again.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from claudetools.core.messages import counted, visible
from claudetools.install import json_text
from claudetools.install.json_text import Keys
from claudetools.install.merged import MergedSettings
from claudetools.install.place import SETUP, NotInstallable, Repository, refuse_links
from claudetools.install.plan import Plan
from claudetools.install.record import KnownKeys
from claudetools.install.steps import look, put_text
from claudetools.install.text import BOM

NAME = ".claude/settings.json"
SOURCE = "hooks/agent/settings.json"
# The lines of earlier versions. The first two end with 2 where the shell cannot read the hook: that refuses every tool.
EARLIER = (
    *(
        f'h="$CLAUDE_PROJECT_DIR"/.claude/claudetools/hooks/agent/{{}}; [ ! -e "$h" ] || {start} "$h"'
        for start in ("exec sh", "bash")
    ),
    "trap 'exit 0' EXIT; h=$CLAUDE_PROJECT_DIR/.claude/claudetools/hooks/agent; set -- {}; "
    '[ ! -f "$h/run.sh" ] || . "$h/run.sh" 2>/dev/null',
)
OF_OURS = re.compile(r"claudetools-start\.sh|/\.claude/claudetools/")
EVENT = re.compile(r"; set -- hook ([a-z-]+);")


def ours(toolkit: Path) -> list[tuple[Keys, Any]]:
    """The entries that this version wants; none for a version without hooks for agents."""
    path = toolkit / SOURCE
    return list(entries_of(json.loads(path.read_text("utf-8")))) if path.is_file() else []


def entries_of(data: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every element of every list below `data`, with the keys that lead to its list."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from entries_of(value, (*path, key))
    elif isinstance(data, list):
        yield from ((path, value) for value in data)


def has(there: Any, entry: Any) -> bool:
    """Whether a list holds an entry: the same one, or for hooks one that starts the same command."""
    if not isinstance(there, list):
        return False
    return entry in there or bool(commands_in(entry) and commands_in(entry) <= set().union(*map(commands_in, there)))


def commands_in(entry: Any) -> set[str]:
    """What a hook's entry starts."""
    handlers = entry.get("hooks") if isinstance(entry, dict) else None
    handlers = handlers if isinstance(handlers, list) else []
    return {str(h["command"]) for h in handlers if isinstance(h, dict) and "command" in h}


def with_entries(
    text: str | None, wanted: list[tuple[Keys, Any]], before: MergedSettings
) -> tuple[str, MergedSettings]:
    """The file with what is wanted in it. Refused when the user's part of it cannot be added to."""
    created = text is None or before.created
    text = "{}\n" if text is None else text
    merged = MergedSettings([], list(before.made), dict(before.blank), created)
    for path, entry in before.entries:
        if (path, entry) not in wanted:
            text = without_entry(text, path, entry, merged)
    for line in sorted(set().union(*(commands_in(entry) for _, entry in wanted))):
        text = with_line(text, line)
    for path, entry in wanted:
        if has(json_text.value_at(json.loads(text), path), entry):
            if (path, entry) in before.entries:
                merged.entries.append((path, entry))
            continue
        text = with_container(text, path, merged)
        inside = json_text.inside_of(text, path)
        if inside is not None and path not in merged.made:
            merged.blank[path] = inside
        text = json_text.append(text, path, entry)
        merged.entries.append((path, entry))
    return text, merged


def with_line(text: str, line: str) -> str:
    """The file with `line` where it has one of an earlier version: in an entry that the user changed, or wrote."""
    event = EVENT.search(line)
    for earlier in [form.format(event[1]) for form in EARLIER] if event else ():
        text = text.replace(json.dumps(earlier), json.dumps(line))
    return text


def with_container(text: str, path: Keys, merged: MergedSettings) -> str:
    """The file with a list at `path`. Refused when something else is there."""
    data = json.loads(text)
    for depth in range(1, len(path) + 1):
        head, kind = path[:depth], list if depth == len(path) else dict
        there = json_text.value_at(data, head)
        if there is None and json_text.locate(text, head) is None and has_no_key(data, head):
            inside = json_text.inside_of(text, head[:-1])
            if inside is not None and head[:-1] not in merged.made:
                merged.blank[head[:-1]] = inside
            text = json_text.append(text, head[:-1], kind(), head[-1])
            merged.made.append(head)
            data = json.loads(text)
        elif not isinstance(there, kind):
            expected = "a list" if kind is list else "an object"
            raise NotInstallable(
                SETUP,
                f"{NAME}: key {visible('.'.join(head))!r} is no {expected.split()[1]}; the agent expects {expected}.",
                "Nothing was changed. Correct it, then install again.",
            )
    return text


def has_no_key(data: Any, path: Keys) -> bool:
    """Whether the last of these keys is missing, not null."""
    parent = json_text.value_at(data, path[:-1])
    return isinstance(parent, dict) and path[-1] not in parent


def without_entry(text: str, path: Keys, entry: Any, merged: MergedSettings) -> str:
    """The file without one entry of ours, and without the containers that were made for it alone."""
    text = json_text.remove(text, path, entry, blank=merged.blank.get(path, ""))
    while path and path in merged.made and json_text.inside_of(text, path) is not None:
        merged.made.remove(path)
        *head, key = path
        path = tuple(head)
        text = json_text.remove(text, path, None, key, merged.blank.get(path, ""))
    return text


def without_ours(text: str, before: MergedSettings) -> str | None:
    """The file as it was; None when it was not there and nobody added to it."""
    merged = MergedSettings([], list(before.made), before.blank)
    for path, entry in reversed(before.entries):
        text = without_entry(text, path, entry, merged)
    return None if before.created and not json.loads(text) else text


# --- planning --------------------------------------------------------------------


def read_text(place: Repository, name: str = NAME) -> tuple[str | None, bytes]:
    """The file's text and its byte order mark. Refused, by line, when it is no JSON that we may add to."""
    refuse_links(place.top, name)
    found = look(place.top / name)
    if found.kind == "absent":
        return None, b""
    mark = BOM if found.data.startswith(BOM) else b""
    try:
        text = found.data.removeprefix(mark).decode("utf-8")
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise unusable(f"{name} line {error.lineno}: not valid JSON ({error.msg})") from None
    except UnicodeDecodeError as error:
        raise unusable(f"{name} is not UTF-8 text (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise unusable(f"{name}: not valid JSON ({error})") from None
    if not isinstance(data, dict):
        raise unusable(f"{name} line 1: expected an object with keys")
    return text, mark


def unusable(message: str) -> NotInstallable:
    """Nothing of a file that we do not understand is touched."""
    return NotInstallable(SETUP, f"{message}.", "Nothing was changed. Correct it, then run the same command again.")


def is_left_alone(plan: Plan, place: Repository) -> bool:
    """A link, or something that is no file: what it leads to may belong to other repositories."""
    if look(place.top / NAME).kind in ("absent", "file"):
        return False
    plan.warnings.append(
        f"{NAME} is a link or no file and was left alone. Without hooks there sessions are not told apart; "
        f"the entries to add are in {SOURCE} of claudetools."
    )
    return True


def plan_settings(plan: Plan, place: Repository, known: KnownKeys, wanted: list[tuple[Keys, Any]]) -> MergedSettings:
    """Our entries in the user's settings, shown as a diff. What is ours from now on."""
    before = known.settings
    if (not wanted and not before.entries) or is_left_alone(plan, place):
        return before
    text, mark = read_text(place)
    after, merged = with_entries(text, wanted, before)
    plan_change(plan, place, text, after, mark)
    return merged


def plan_removal(plan: Plan, place: Repository, known: KnownKeys) -> None:
    """The user's settings without ours. An entry of ours that was edited is the user's: it is named."""
    before = known.settings
    if not before.entries or look(place.top / NAME).kind != "file":
        return
    text, mark = read_text(place)
    if text is None:
        return
    after = without_ours(text, before)
    plan_change(plan, place, text, after, mark)
    left = sum(1 for _, entry in entries_of(json.loads(after or "{}")) if OF_OURS.search(json.dumps(entry)))
    if left:
        plan.stays.append(f"{NAME}: {counted(left, 'entry')} that you changed; without claudetools it does nothing")


def plan_change(plan: Plan, place: Repository, before: str | None, after: str | None, mark: bytes) -> None:
    """One step, one row for the table, one diff."""
    if before == after:
        return
    plan.agent = change_in_words(before, after)
    if before is not None and after is not None:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), NAME, NAME, lineterm="", n=2)
        plan.diff = [visible(line, "\t") for line in lines]
    found = look(place.top / NAME)
    plan.step(f"text {NAME}", put_text, place.top / NAME, None if after is None else mark + after.encode(), found)


def change_in_words(before: str | None, after: str | None) -> str:
    """`+ 5 hooks, + 6 permissions; your 11 entries stay as they are`."""
    old, new = (list(entries_of(json.loads(text or "{}"))) for text in (before, after))
    parts = []
    for word, top in (("hook", "hooks"), ("permission", "permissions")):
        for sign, one, other in (("-", old, new), ("+", new, old)):
            amount = sum(1 for entry in one if entry[0][0] == top and entry not in other)
            parts += [f"{sign} {counted(amount, word)}"] if amount else []
    stay = sum(1 for entry in old if entry in new)
    if stay:
        parts[-1:] = [f"{parts[-1]}; your {counted(stay, 'entry')} {'stays' if stay == 1 else 'stay'} as before"]
    return ", ".join(parts) or "changed"
