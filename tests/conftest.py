"""Fixtures: a world, and a machine in it, new or with what people have there; a yard, where a lock is fought for.
And what the tests are run in: surroundings of their own, and a part of each matrix."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("installing", "round_trip", "world", "yard")

import sample  # noqa: E402
from world import Machine, World, clean_environment  # noqa: E402
from yard import Yard, make_repository  # noqa: E402


def use_bash(path: str) -> None:
    """Put it first on PATH, whatever it is called: all that the tests start finds it there."""
    folder = tempfile.mkdtemp(prefix="claudetools-test-bash.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Path(folder, "bash").symlink_to(Path(path).resolve(strict=True))
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


if os.environ.get("TEST_BASH"):
    use_bash(os.environ.pop("TEST_BASH"))  # once: the workers of xdist inherit it


# A shell's background job (`make test &`) ignores Ctrl-C, one below nohup the end of its terminal, and so would every
# sync that a test sends it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.umask(0o022)
# What a caller may tell the tests. Nothing else of his environment reaches them.
TOLD = ("CLAUDETOOLS_BLESS", "CLAUDETOOLS_E2E", "CLAUDETOOLS_E2E_CACHE", "CLAUDETOOLS_SCREENSHOTS", "SEED", "TMPDIR")


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What runs in this process has the same environment as what the machines start."""
    kept = {name: text for name, text in os.environ.items() if name in TOLD or name.startswith("PYTEST_")}
    ours = clean_environment(tmp_path_factory.mktemp("home"), kept)
    os.environ.clear()
    os.environ.update(ours)
    time.tzset()


# --- a part of each matrix, see sample.py ------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    # The workers of xdist inherit it: all of them have to take the same part.
    os.environ.setdefault("SEED", str(sample.seed_of_head()))


def pytest_sessionstart(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(session.config, "workerinput"):
        reporter.write_line(f"SEED={os.environ['SEED']} takes this part of each matrix; make lab takes all of it")
        version = subprocess.check_output(("bash", "--version"), text=True).partition("\n")[0]
        reporter.write_line(f"{shutil.which('bash')} is {version}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lab = config.option.markexpr == "lab"
    if lab:
        for item in items:
            if item.get_closest_marker("sampled"):
                item.add_marker("lab")
    elif not any("[" in argument for argument in config.args):  # a place that is named is taken
        leave = sample.leave_most if os.environ.get("FAST") else sample.leave_to_the_lab
        leave(items, int(os.environ["SEED"]))
    if shard := os.environ.get("SHARD"):
        items[:] = [item for item in items if sample.is_in_shard(item.nodeid, shard)]


# --- fixtures --------------------------------------------------------------------


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
