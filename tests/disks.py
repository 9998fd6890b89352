"""Disks that are full, read-only or mounted for one test. Only root can make them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount and run as somebody else")


@contextlib.contextmanager
def mounted(*args: str | Path) -> Iterator[None]:
    done = subprocess.run(["mount", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mount is not possible here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(args[-1])], check=True)


def fill(path: Path, leave: int) -> None:
    """A file that takes all free space but `leave` bytes."""
    disk = os.statvfs(path.parent)
    size = max(0, disk.f_bavail * disk.f_frsize - leave)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
