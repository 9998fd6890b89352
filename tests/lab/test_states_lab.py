"""The long run of tests/test_states.py: three hundred made-up stories, other ones each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from test_states import make_up_stories, template
from world import World

__all__ = ["template"]
pytestmark = pytest.mark.lab


def test_three_hundred_stories_lose_nothing(template: World, tmp_path: Path) -> None:
    figures = make_up_stories(template, tmp_path, examples=300, steps=20)
    assert figures["settled"] >= 300
    for word in ("kills", "conflicts", "rewritten remotes", "pushed commits amended", "reverts"):
        assert figures[word], f"no story had any {word}"
