"""One line on a client's hours, for a session that starts in its folder. Standard library only: a hook shows it."""

from __future__ import annotations

import os

from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.text.article_index import read_scalars, unquote
from claudetools.text.front import by_key, split_front_matter
from claudetools.text.target import FOLDERS, Target, is_slug

LARGEST = 64 * 1024


def client_of(path: str) -> str:
    """The client whose folder a path (from the top, with "/") lies in, "" for none."""
    parts = path.split("/")
    return parts[1] if len(parts) > 1 and parts[0] == FOLDERS["client"] and is_slug(parts[1]) else ""


def line_for(place: Place, slug: str) -> str:
    """`Acme: 3 open tickets, 12.5 h this month, 20 h prepaid (Syncro, 2026-06-05 14:02)`; "" when nothing is known."""
    try:
        with open(os.path.join(place.top, Target("client", slug).path), "rb") as file:
            text = file.read(LARGEST)
    except OSError:
        return ""
    return line_of(text, slug)


def line_of(text: bytes, slug: str) -> str:
    """The line from an article's front matter."""
    lines, _ = split_front_matter(text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    block = {}
    for line in by_key(lines).get(b"syncro", [])[1:]:
        key, colon, value = line.decode("utf-8", "replace").strip().partition(":")
        if colon:
            block[key] = visible(unquote(value.strip()))
    tickets = block.get("open_tickets", "")
    facts = [
        f"{tickets} open ticket{'' if tickets == '1' else 's'}" if tickets else "",
        f"{block['hours_this_month']} h this month" if block.get("hours_this_month") else "",
        f"{block['prepaid_hours']} h prepaid" if block.get("prepaid_hours") else "",
    ]
    told = ", ".join(fact for fact in facts if fact)
    if not told:
        return ""
    as_of = block.get("as_of", "")[:16].replace("T", " ")
    since = "not reached since " if block.get("stale") == "true" else ""
    title = visible(read_scalars(text).get("title") or slug)
    return f"{title}: {told} (Syncro, {since}{as_of})"
