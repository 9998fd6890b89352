"""The wheel: installed by pip, uv and pipx, from a checkout and as a file, without a network; how a release is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

import dist
from claudetools.install.archive import pack, version_of
from claudetools.install.environment import requirements
from test_setup import wheel
from world import OUTSIDE, TOOLKIT, folder_until_the_end

VERSION = version_of(TOOLKIT)
SOURCE = (
    "the build program of a checkout, hatchling, is no wheel here: pip download hatchling -d FOLDER; HATCHLING=FOLDER"
)


@cache
def built() -> Path:
    """dist/ of this checkout, made once."""
    folder = folder_until_the_end("dist")
    dist.build_twice(TOOLKIT, folder)
    return folder / "out"


@cache
def shop() -> Path:
    """Instead of the package index: stand-ins for what the wheel asks for."""
    folder = folder_until_the_end("shop")
    for pin in requirements((TOOLKIT / "pyproject.toml").read_text()):
        name, _, version = pin.partition("==")
        wheel(folder, name.replace("-", "_"), version)
    return folder


def run(*argv: str | Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    own = {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}", "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    own |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(shop()), "UV_CACHE_DIR": str(home / "c")}
    own |= {"PIP_FIND_LINKS": str(shop()), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON": sys.executable}
    own |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run([str(word) for word in argv], env={**own, **env}, cwd=home, capture_output=True, text=True)


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.prefix) / "bin"))
    if not found:
        pytest.skip(f"{name} is not installed (pip install '.[installers]')")
    return found


def install(how: str, what: Path | str, home: Path) -> Path:
    """The command as it stands on the PATH."""
    if how == "pip":
        subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
        done = run(home / "venv/bin/pip", "install", "-q", what, home=home)
        command = home / "venv/bin/claudetools"
    elif how == "uv":
        where = {
            "UV_TOOL_DIR": str(home / "tools"),
            "UV_TOOL_BIN_DIR": str(home / "bin"),
        }
        done = run(tool("uv"), "tool", "install", what, home=home, **where)
        command = home / "bin/claudetools"
    else:
        where = {
            "PIPX_HOME": str(home / "pipx"),
            "PIPX_BIN_DIR": str(home / "bin"),
            "PIPX_DEFAULT_PYTHON": sys.executable,
        }
        done = run(tool("pipx"), "install", "--backend", "uv", what, home=home, **where)
        command = home / "bin/claudetools"
    assert done.returncode == 0, done.stdout + done.stderr
    return command


def assert_works(command: Path, home: Path) -> None:
    told = run(command, "--version", home=home)
    assert (told.returncode, told.stdout, told.stderr) == (0, f"claudetools {VERSION}\n", "")
    toolkit = Path(run(command, "--toolkit", home=home).stdout.strip())
    assert pack(toolkit).data == next(built().glob("*.tar.gz")).read_bytes(), "another toolkit than in the archive"
    run("git", "init", "-q", "-b", "main", home / "ops", home=home)
    people = ("--user", "mike", "--name", "Mike", "--email", "mike@example.com", "--machine", "m")
    told = run(command, "setup", "--repo", home / "ops", *people, home=home)
    assert told.returncode == 0 and "Save and sync: claudetools sync" in told.stdout, told
    told = subprocess.run(
        [command, "sync"],
        cwd=home / "ops",
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0 and told.stdout.startswith("[OK]"), told


@pytest.mark.sampled(3)
@pytest.mark.parametrize("how", ["pip", "uv", "pipx"])
def test_the_wheel_is_installed_without_a_network(how: str, tmp_path: Path) -> None:
    command = install(how, next(built().glob("*.whl")), tmp_path)
    assert_works(command, tmp_path)
    python = (tmp_path / "ops/.git/claudetools/python").read_text().strip()
    assert python.startswith(str(tmp_path)), f"the packages are in the environment of the wheel, not with {python}"


@pytest.mark.parametrize("how", ["pip", "uv", "pipx"])
def test_a_checkout_is_installed_without_a_network(how: str, tmp_path: Path) -> None:
    """Built in a place of its own, by the build program from a folder of wheels."""
    found = list(Path(OUTSIDE.get("HATCHLING", "/nonexistent")).glob("*.whl"))
    if not found:
        pytest.skip(SOURCE)
    for file in found:
        if not (shop() / file.name).exists():
            shutil.copyfile(file, shop() / file.name)
    checkout = dist.copy_tracked(TOOLKIT, tmp_path / "check out", 0o022, 1_000_000_000)
    assert_works(install(how, checkout, tmp_path), tmp_path)


def test_npm_installs_the_same_toolkit_without_a_network(tmp_path: Path) -> None:
    npm, checkout = tool("npm"), dist.copy_tracked(TOOLKIT, tmp_path / "check out", 0o022, 1_000_000_000)
    (checkout / "pylib/claudetools/__pycache__").mkdir()
    (checkout / "pylib/claudetools/__pycache__/x.pyc").write_bytes(b"x")
    done = run(npm, "pack", "--pack-destination", tmp_path, checkout, home=tmp_path)
    assert done.returncode == 0, done.stderr
    prefix = tmp_path / "npm"
    packed = tmp_path / f"claudetools-{VERSION}.tgz"
    done = run(npm, "install", "-g", "--offline", "--prefix", prefix, packed, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_works(prefix / "bin/claudetools", tmp_path)
    assert not list(prefix.rglob("*.pyc"))


def test_the_wheel_brings_no_modules_for_other_programs() -> None:
    with zipfile.ZipFile(next(built().glob("*.whl"))) as packed:
        names = packed.namelist()
    assert {re.sub(r"^[^/]*\.(data|dist-info)/.*", r"\1", name) for name in names} == {"data", "dist-info"}
    assert f"claudetools-{VERSION}.data/scripts/claudetools" in names


# --- releases --------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a release is made from, in order."""
    top = tmp_path / "claudetools"
    (top / ".claude-plugin").mkdir(parents=True)
    (top / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    for name in (".claude-plugin/plugin.json", "package.json"):
        (top / name).write_text('{"version": "0.3.0"}\n')
    (top / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 0.3.0 (2026-11-30)\n\n**Upgrade**: install again.\n\n- x\n\n## 0.2.0 (2026-01-02)\n"
    )
    dist.git(tmp_path, "init", "-q", "-b", "main", str(top))
    commit(top)
    dist.git(top, "tag", "v0.3.0")
    return top


def commit(top: Path) -> None:
    dist.git(top, "add", "-A")
    dist.git(top, "-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-qm", "x")


def test_a_release_is_clean_tagged_and_told_of(checkout: Path) -> None:
    assert dist.why_no_release(checkout) == []
    (checkout / "note").write_text("x")
    assert dist.why_no_release(checkout) == ["Something is not committed: git status"]
    commit(checkout)
    assert "The tag v0.3.0 is at another commit" in dist.why_no_release(checkout)[0]
    dist.git(checkout, "tag", "-d", "v0.3.0")
    assert "There is no tag v0.3.0" in dist.why_no_release(checkout)[0]
    dist.git(checkout, "-c", "user.name=M", "-c", "user.email=m@example.com", "tag", "-am", "x", "v0.3.0")
    assert dist.why_no_release(checkout) == []


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("## 0.4.0 (2026-11-30)\n\n**Upgrade**: x\n", "The newest section of CHANGELOG.md is '0.4.0 (2026-11-30)'"),
        ("## 0.3.0 (unreleased)\n\n**Upgrade**: x\n", "give it its day"),
        ("## 0.3.0 (2026-11-30)\n\n- x\n\n## 0.2.0\n\n**Upgrade**: x\n", "says not what an upgrade to 0.3.0 takes"),
        ("no sections", "The newest section of CHANGELOG.md is ''"),
    ],
)
def test_a_changelog_without_its_section_is_named(head: str, why: str) -> None:
    found = dist.why_no_section(f"# Changelog\n\n{head}", "0.3.0")
    assert len(found) == 1 and why in found[0]
