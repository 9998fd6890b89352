"""Which places of a matrix a run takes: `make test` a part, the next one with the next commit; `make lab` all.

A matrix says how large the part is: `@pytest.mark.sampled(4)` takes a quarter of it, and any four seeds in a row take
each place once. `sampled(3, "stories")` makes one matrix of all tests that say so, each a long story of its own. What a
run does not take has the mark `lab` for that run.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
FAST = 48  # `make test-fast` takes one in so many of what needs a repository


def seed_of_head() -> int:
    """How many commits HEAD has; where a shallow clone cannot know that, its name as a number."""
    asked = ("git", "-C", ROOT, "rev-parse", "--is-shallow-repository", "HEAD")
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        return 0  # no repository, or none with a commit
    shallow, head = done.stdout.split()
    if shallow == "true":
        return int(head[:8], 16)
    return int(subprocess.check_output(("git", "-C", ROOT, "rev-list", "--count", "HEAD")))


def rank(name: str) -> str:
    """An order that has nothing to do with how a matrix is written down, and is the same everywhere."""
    return hashlib.sha256(name.encode()).hexdigest()


def is_in_shard(name: str, shard: str) -> bool:
    """Whether a test is in shard "2/8", the second of eight."""
    number, count = map(int, shard.split("/"))
    return int(rank(name), 16) % count == number - 1


def drawn(names: Iterable[str], every: int, seed: int) -> set[str]:
    """The part of these names that a seed takes."""
    return {name for n, name in enumerate(sorted(names, key=rank)) if (n - seed) % every == 0}


def leave_to_the_lab(items: Iterable[pytest.Item], seed: int) -> None:
    """Mark what this run does not take."""
    matrices: dict[tuple[str, int], dict[str, pytest.Item]] = {}
    for item in items:
        if mark := item.get_closest_marker("sampled"):
            every, *matrix = mark.args
            name = matrix[0] if matrix else item.nodeid.partition("[")[0]
            matrices.setdefault((name, every), {})[item.nodeid] = item
    for (_, every), places in matrices.items():
        leave(places, min(every, len(places)), seed)


def leave_most(items: Iterable[pytest.Item], seed: int) -> None:
    """For a run after each edit: all that needs no repository and is no matrix, the core, and a part of the rest."""
    rest = {item.nodeid: item for item in items if takes_long(item) and not item.get_closest_marker("core")}
    leave(rest, FAST, seed)


def takes_long(item: pytest.Item) -> bool:
    folders = {"tmp_path", "open_world"} & set(getattr(item, "fixturenames", ()))
    return bool(folders) or item.get_closest_marker("sampled") is not None


def leave(places: Mapping[str, pytest.Item], every: int, seed: int) -> None:
    for name in places.keys() - drawn(places, every, seed):
        places[name].add_marker("lab")
