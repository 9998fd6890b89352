"""Fixtures: a world, and a machine in it, new or with what people have there; a yard, where a lock is fought for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("installing", "round_trip", "world", "yard")

from world import Machine, World  # noqa: E402
from yard import Yard, make_repository  # noqa: E402

# A shell's background job (`make test &`) ignores Ctrl-C, one below nohup the end of its terminal, and so would every
# sync that a test sends it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def machine(world: World) -> Machine:
    return world.machine()


@pytest.fixture
def empty(world: World) -> Machine:
    """A repository without a commit."""
    machine = world.machine(clone=False)
    machine.top.mkdir()
    machine.git("init", "-q", "-b", "main")
    return machine


@pytest.fixture
def lived_in(machine: Machine) -> Machine:
    """A repository with what people have before they meet us, on the remote too."""
    from installing import publish  # copies the toolkit

    return publish(machine, logs=3)


@pytest.fixture
def busy(machine: Machine) -> Machine:
    """The same after a year and a half."""
    from installing import publish

    return publish(machine, logs=400)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    make_repository(yard)
    yield yard
    yard.close()
