"""Fixtures: a world, and a machine in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from world import Machine, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def machine(world: World) -> Machine:
    return world.machine()
