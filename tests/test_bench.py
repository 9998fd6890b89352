"""The benchmark runs, skips by name what is not here, and its pages say what its figures say. No times are judged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import docs, plot
from bench.pace import HEAVY, LEAST, Pace
from bench.programs import PEERS, find_peers
from bench.timing import Run, Series, paired, run_timed
from bench.transports import TRANSPORTS, Missing
from bench.twins import CASES, Twin
from world import TOOLKIT, Machine, World, clean_environment

BENCH = TOOLKIT / "tests" / "bench"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("way", ["local", "link 50 ms"])
def test_a_short_run_prints_every_case_and_writes_its_figures(tmp_path: Path, way: str) -> None:
    figures = tmp_path / "figures.json"
    words = ["--rounds", "1", "--files", "200", "--sessions", "2", "--clones", "2", "--transports", way.split()[0]]
    command = [sys.executable, str(BENCH), *words, "--json", str(figures)]
    done = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    ours = [row for row in found["rows"] if row["program"] == "sync.sh"]
    assert [(row["where"], row["case"]) for row in ours] == [(way, case) for case in CASES]
    for row in ours:
        assert row["own"]["failed"] == row["five"]["failed"] == 0, row
        assert row["own"]["wall_median"] > 0 and 5 < row["own"]["peak"] < 80, row
        assert ("programs" in row["own"]) <= (row["where"] == "local")
    if way != "local":
        assert [row["own"]["trips"] for row in ours][:2] == [1, 1]
        assert [row["five"]["trips"] for row in ours] == [2, 2, 2, 2]
    assert [(c["kind"], c["count"], c["where"]) for c in found["crowds"]] == [
        (kind, 2, way) for kind in ("sessions", "clones")
    ]
    assert all(crowd["all_there"] and set(crowd["exit_codes"]) == {"0"} for crowd in found["crowds"]), found["crowds"]
    assert {row["program"] for row in found["rows"]} | set(found["skipped"]) >= {peer.name for peer in PEERS}
    for name, reason in found["skipped"].items():
        assert f"skipped: {name} ({reason})" in done.stdout
    for case in CASES:
        assert f" {case} " in done.stdout
    assert docs.page(found) and docs.section(found)


def test_a_peer_that_is_not_here_is_skipped_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_peers(tmp_path) == ([], {peer.name: "not on PATH" for peer in PEERS})
    stub = tmp_path / "git-sync"
    stub.write_text("#!/bin/sh\n")
    stub.chmod(0o755)
    here, skipped = find_peers(tmp_path)
    assert [program.name for program in here] == ["git-sync"] and "git-sync" not in skipped


def test_an_unknown_way_to_the_remote_is_named() -> None:
    done = subprocess.run([sys.executable, str(BENCH), "--transports", "local,pigeon"], capture_output=True, text=True)
    assert done.returncode == 2 and "not pigeon" in done.stderr


# --- what is measured ------------------------------------------------------------------------


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_sync_goes_through_each_kind_of_server(tmp_path: Path, name: str) -> None:
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world")
    machine = world.machine()
    try:
        with TRANSPORTS[name](tmp_path) as way:
            way.point(world)
            # More than git sends over http in one piece, so that it comes in chunks.
            large = "".join(f"{n * n * 7919 % 1_000_003:x}\n" for n in range(600_000))
            for text, trips in ((large, 1), (large + "x\n", 2)):
                machine.write("a.md", text)
                result = machine.sync(env=way.env)
                assert result.code == 0, result.text
                assert world.remote_file("a.md") == text
                assert way.trips() in (None, trips)
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("case", CASES)
def test_twins_get_the_same_work(tmp_path: Path, case: str) -> None:
    first = Twin(tmp_path / "first", 120)
    second = first.copy(tmp_path / "second")
    for turn in (1, 2):
        for twin in (first, second):
            twin.change(case, turn)
        assert first.machine.status() == second.machine.status()
        assert tree(first.world) == tree(second.world)
        assert first.machine.git("rev-parse", "HEAD^{tree}") == second.machine.git("rev-parse", "HEAD^{tree}")
        assert first.is_even() == second.is_even() == (case == "nothing")
        for twin in (first, second):
            result = twin.machine.sync()
            assert result.code == 0, result.text
            assert twin.is_even()
        assert tree(first.world) == tree(second.world)


def tree(world: World) -> str:
    return world.remote_git("rev-parse", "main^{tree}")


def test_a_run_tells_the_largest_program_below_it(machine: Machine) -> None:
    script = f"{sys.executable} -I -S -c 'x = b\"x\" * (60 << 20)'; exit 3"
    large = run_timed(machine, ["sh", "-c", script], {})
    small = run_timed(machine, ["sh", "-c", "exit 0"], {})
    assert (large.code, small.code) == (3, 0)
    assert 60 < large.peak < 100 and small.peak < 20


def test_ratios_are_taken_of_the_same_round() -> None:
    fast, slow = Series([Run(0, 1, 1, 1), Run(0, 10, 1, 1)]), Series([Run(0, 2, 1, 1), Run(0, 20, 1, 1)])
    assert paired(fast, slow, "wall") == 0.5


def test_without_time_there_are_still_a_few_rounds() -> None:
    pace = Pace(rounds=10, minutes=1e-9, weights=2)
    assert [len(list(pace.turns(1))) for _ in range(2)] == [LEAST, LEAST]
    assert len(list(pace.turns(HEAVY + 1))) == LEAST - 1
    assert len(list(Pace(rounds=2, minutes=1e-9, weights=1).turns(1))) == 2
    assert len(list(Pace(rounds=10, minutes=None, weights=1).turns(1))) == 10


def test_the_minutes_are_shared_by_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("bench.pace.time.monotonic", lambda: now)
    pace = Pace(rounds=10, minutes=1, weights=4)
    assert pace.share(0) == 100 and pace.share(1) == 115
    now = 130.0  # it took longer: the others have less
    assert pace.share(1) == 140 and pace.share(2) == 160


# --- the pages ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((TOOLKIT / "docs" / "cost.json").read_text())
    return figures


def test_the_pages_are_made_from_the_figures_beside_them(committed: dict[str, Any]) -> None:
    assert (TOOLKIT / "docs" / "cost.md").read_text() == docs.page(committed)
    readme = (TOOLKIT / "README.md").read_text()
    assert docs.with_section(readme, docs.section(committed)) == readme
    assert (TOOLKIT / "docs" / "cost.json").read_text() == docs.to_json(committed)


def test_a_failure_is_told_and_gives_no_good_figure(committed: dict[str, Any]) -> None:
    row = {**committed["rows"][0], "rounds": 5, "own": {**committed["rows"][0]["own"], "failed": 4}}
    assert "(failed 4 of 5)" in docs.single(row)
    crowd = {**committed["crowds"][0], "exit_codes": {"0": 7, "70": 1}, "all_there": False}
    assert "7 x 0, 1 x 70, not all there" in docs.crowd_row(crowd)
    assert "70" in docs.outcome([crowd])


def test_a_readme_without_marks_is_not_touched() -> None:
    with pytest.raises(ValueError, match="no section"):
        docs.with_section("# ops\n", "new")


def test_the_picture_has_every_panel_and_line(committed: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    picture = tmp_path / "cost.svg"
    plot.draw(committed, picture)
    text = picture.read_text()
    for title, xlabel, lines in plot.panels_of(committed):
        assert title in text and xlabel in text and lines
        assert all(f">{name}<" in text for name, _, _ in lines)
    assert ">plain git<" in text and len(text) < 60_000
    assert words_of((TOOLKIT / "docs" / "cost.svg").read_text()) == words_of(text)


def words_of(picture: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", picture)


@given(st.lists(st.floats(-3, 3), max_size=8), st.floats(0.01, 1))
def test_labels_keep_their_order_and_their_distance(places: list[float], gap: float) -> None:
    found = plot.spread(places, gap)
    order = sorted(range(len(places)), key=lambda n: places[n])
    for low, high in pairwise(order):
        assert found[high] - found[low] >= gap * 0.999
    if len(places) == 1:
        assert found == places
