"""Fixtures: a world, and a machine in it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from world import Machine, World

# A shell's background job (`make test &`) ignores Ctrl-C, and so would every sync that a test sends it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def machine(world: World) -> Machine:
    return world.machine()
