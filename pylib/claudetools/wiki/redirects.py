"""Old names of articles: an article with `redirect: client:new` in its front matter has moved there."""

from __future__ import annotations

from claudetools.text.front import Unreadable
from claudetools.text.target import Target, Unfit, parse
from claudetools.wiki import article
from claudetools.wiki.store import Store, Unusable


def find(store: Store, target: Target) -> Target | None:
    """Where an article says that it has gone; None for one that is in its place."""
    try:
        found = article.read(store.text(target.path) or "", target.path).get("redirect")
        return parse(found) if isinstance(found, str) else None
    except (Unreadable, Unusable, Unfit):
        return None


def follow(store: Store, target: Target) -> Target:
    """The article that is meant by a name, which may be an old one."""
    seen = {target}
    while (to := find(store, target)) and to not in seen:
        seen.add(to)
        target = to
    return target


def aliases(store: Store, target: Target) -> list[Target]:
    """Old names of an article."""
    others = [other for other in store.articles() if other.type == target.type and other != target]
    return [other for other in others if find(store, other) == target]
