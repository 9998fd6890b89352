"""The toolkit as one file: reproducible, small, whole, and as good as the folder that it was packed from."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from claudetools.install import archive
from installing import TOOLKIT, copy_toolkit


def test_the_same_contents_make_the_same_bytes_whenever_and_wherever(tmp_path: Path) -> None:
    one = archive.pack(TOOLKIT)
    other = copy_toolkit(TOOLKIT, tmp_path / "other place")
    for path in other.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # a checkout on Windows
            path.chmod(0o600)
            os.utime(path, (1777680000, 1777680000))
    (other / "scripts/__pycache__").mkdir()
    for cruft in ("scripts/sync.sh~", "scripts/.swp", "scripts/__pycache__/x.pyc"):
        (other / cruft).write_text("x")
    assert archive.pack(other) == one
    assert hashlib.sha256(one.data).hexdigest() == one.sha256
    assert len(one.data) < 550_000  # the aim is 500 KB: each feature has to bring its own room from here on
    assert one.name == f"claudetools-{archive.version_of(TOOLKIT)}.tar.gz"


def test_any_change_of_a_file_makes_another_archive(tmp_path: Path) -> None:
    other = copy_toolkit(TOOLKIT, tmp_path / "other")
    sums = {archive.pack(other).sha256}
    for name in (
        "scripts/sync.sh",
        "pylib/claudetools/core/messages.py",
        "hooks/git/shim",
        ".claude/skills/save/SKILL.md",
    ):
        (other / name).write_text((other / name).read_text() + "# more\n")
        sums.add(archive.pack(other).sha256)
    (other / "scripts/sync.sh").rename(other / "scripts/sync2.sh")
    sums.add(archive.pack(other).sha256)
    assert len(sums) == 6


def test_what_tar_unpacks_is_the_toolkit_and_packs_to_the_same_archive(tmp_path: Path) -> None:
    one = archive.pack(TOOLKIT)
    (tmp_path / one.name).write_bytes(one.data)
    subprocess.run(["tar", "-xzf", tmp_path / one.name, "-C", tmp_path], check=True)
    assert archive.pack(tmp_path) == one
    assert os.access(tmp_path / "scripts/sync.sh", os.X_OK) and not os.access(tmp_path / "scripts/lib/ui.sh", os.X_OK)
    done = subprocess.run(["bash", tmp_path / "scripts/sync.sh", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:8]) == (0, "Summary:")


def test_what_is_cut_off_or_no_archive_is_known_as_such() -> None:
    one = archive.pack(TOOLKIT)
    whole = archive.expand(one.data)
    assert whole is not None and archive.compress(whole) == one.data
    for data in (b"", b"version https://git-lfs.github.com/spec/v1\n", one.data[:-1], one.data[: len(one.data) // 2]):
        assert archive.expand(data) is None


def test_it_is_packed_without_the_packages_of_ours() -> None:
    """The installer runs before there are any."""
    code = f"import sys; sys.path.insert(0, {str(TOOLKIT / 'pylib')!r}); import claudetools.install.archive"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
