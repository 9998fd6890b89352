"""The models of lock, journal and queue: spin checks the protocols, and must catch each broken variant.

The large searches run with `make lab`; here only those that take a second or two.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

MODEL = Path(__file__).parent / "model"
# Sizes of the world and helpers of the text: flags that break nothing by themselves.
NOT_MUTANTS = {"PROCS", "KILLS", "PROGRAM_KILLS", "WRITES", "COMMITS", "CRASHES", "MUTANT", "WITHOUT_WATCH"}

missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
needs_spin = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


class Variant(NamedTuple):
    size: str
    name: str
    model: str
    mode: str
    expected: str
    flags: str


def run(*arguments: str, script: Path = MODEL / "run.sh") -> subprocess.CompletedProcess[str]:
    command = ["bash", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def listed(*options: str) -> list[Variant]:
    return [Variant(*line.split("|")) for line in run(*options, "--list").stdout.splitlines()]


QUICK = listed("--quick")
PROTOCOLS = [variant.name for variant in QUICK if variant.expected == "holds"]
MUTANTS = [variant.name for variant in QUICK if variant.expected != "holds"]


@pytest.mark.sampled(10)
@needs_spin
@pytest.mark.parametrize("name", PROTOCOLS)
def test_spin_finds_no_flaw_in_the_protocol(name: str) -> None:
    result = run(name)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.sampled(16)
@needs_spin
@pytest.mark.parametrize("name", MUTANTS)
def test_spin_catches_the_broken_variant_for_the_reason_in_the_table(name: str) -> None:
    result = run(name)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_table_of_variants_is_not_empty_and_names_each_once() -> None:
    names = [variant.name for variant in listed()]
    assert PROTOCOLS and MUTANTS
    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", ["lock", "journal", "queue"])
def test_every_switch_in_a_model_is_run_by_some_variant(model: str) -> None:
    text = (MODEL / f"{model}.pml").read_text(encoding="utf-8")
    switches = set(re.findall(r"#if(?:n?def) (\w+)|defined\((\w+)\)", text))
    flags = " ".join(variant.flags for variant in listed() if variant.model == model)
    used = set(re.findall(r"-D(\w+)", flags))
    assert {one or other for one, other in switches} - NOT_MUTANTS == used - NOT_MUTANTS


@needs_spin
def test_a_result_that_differs_from_the_table_fails_the_run(tmp_path: Path) -> None:
    root = tmp_path / "tests"
    shutil.copytree(MODEL, root / "model")
    (tmp_path / "scripts/lib").mkdir(parents=True)
    shutil.copy(MODEL.parents[1] / "scripts/lib/ui.sh", tmp_path / "scripts/lib/ui.sh")
    script = root / "model/run.sh"
    script.write_text(script.read_text(encoding="utf-8").replace("-DRECLAIM_NAIVE", ""), encoding="utf-8")
    result = run("lock-naive", script=script)
    assert result.returncode == 1
    assert "two writers           holds" in result.stdout


def test_without_spin_the_run_is_skipped_with_a_reason(tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "sed", "grep", "cut", "gcc"):
        found = shutil.which(tool)
        if found is not None:
            (tmp_path / tool).symlink_to(found)
    command = [str(tmp_path / "bash"), str(MODEL / "run.sh"), "--quick"]
    only_these = {"PATH": str(tmp_path)}
    result = subprocess.run(command, env=only_these, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 77
    assert "spin is not installed" in result.stderr


def test_help_is_the_header_of_the_program() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Summary: ")
    assert "Exit status:" in result.stdout
