"""The figures as a picture: `python tests/bench/plot.py FIGURES.json PICTURE.svg`. Needs the extra `bench`.

Four panels, each with plain git as the line at 1: one sync by number of files, on the same disk and behind the link;
sessions and machines by how many there are. Lines are named where they end, the background is clear, and every colour
can be read on white and on black.
"""

from __future__ import annotations

import io
import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

INK = "#7d8590"
COLOURS = ["#2f81f7", "#2da44e", "#d4720b", "#a371f7"]
WAY_COLOURS = ["#0e9aa7", "#d6409f", "#9a8700", "#e5534b", INK]
CASES = {"nothing": "nothing to do", "edit": "one file", "both": "one file, one incoming", "many": "20 and 20 incoming"}
Line = tuple[str, str, list[tuple[float, float]]]  # its name, its colour, its points


def single_lines(figures: dict[str, Any], where: str) -> list[Line]:
    """One sync: a line for each case, and one for each peer."""
    found: list[Line] = []
    rows = [row for row in figures["rows"] if row["where"] == where]
    for (case, name), colour in zip(CASES.items(), COLOURS, strict=False):
        points = points_of(rows, case, "sync.sh")
        found.append((name, colour, points))
    for peer in sorted({row["program"] for row in rows} - {"sync.sh"}):
        found.append((f"{peer}, one file", INK, points_of(rows, "edit", peer)))
    return [line for line in found if line[2]]


def points_of(rows: list[dict[str, Any]], case: str, program: str) -> list[tuple[float, float]]:
    chosen = [row for row in rows if row["case"] == case and row["program"] == program and not row["own"]["failed"]]
    return sorted((row["files"], row["ratio"]) for row in chosen)


def crowd_lines(figures: dict[str, Any], kind: str) -> list[Line]:
    """A line for each way to the remote."""
    crowds = [crowd for crowd in figures["crowds"] if crowd["kind"] == kind]
    names = list(dict.fromkeys(crowd["where"] for crowd in crowds))
    return [
        (
            {"local": "same disk"}.get(name, name),
            colour,
            sorted((crowd["count"], crowd["plain_ratio"]) for crowd in crowds if crowd["where"] == name),
        )
        for name, colour in zip(names, WAY_COLOURS, strict=False)
    ]


def spread(places: Sequence[float], gap: float) -> list[float]:
    """The same places in the same order, moved apart until neighbours are `gap` or more from one another."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    groups: list[tuple[float, list[int]]] = []  # the middle of what stands together, and who does
    for n in order:
        groups.append((places[n], [n]))
        while len(groups) > 1 and too_close(groups[-2], groups[-1], gap):
            (low, lower), (high, higher) = groups[-2:]
            members = lower + higher
            groups[-2:] = [((low * len(lower) + high * len(higher)) / len(members), members)]
    found = [0.0] * len(places)
    for middle, members in groups:
        for step, n in enumerate(members):
            found[n] = middle + (step - (len(members) - 1) / 2) * gap
    return found


def too_close(low: tuple[float, list[int]], high: tuple[float, list[int]], gap: float) -> bool:
    return high[0] - low[0] < gap * (len(low[1]) + len(high[1])) / 2


def draw(figures: dict[str, Any], path: Path) -> None:
    """Write the picture as SVG."""
    import matplotlib

    matplotlib.use("svg")
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "cost", "font.size": 9}
    settings |= dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    with matplotlib.rc_context(settings):
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(2, 2, figsize=(9, 6.4), sharey="row")
        panels = [(each, *panel) for each, panel in zip(axes.flat, panels_of(figures), strict=True)]
        for panel in panels:
            draw_panel(*panel)
        for each, _, _, lines in panels:  # not before the scales are known, which neighbours share
            name_lines(each, lines)
        for row in axes:
            row[0].set_ylabel("time, as a multiple of plain git")
        figure.tight_layout(w_pad=2.5, h_pad=2)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    # The reader's own font, and a file that is not half made of the names of fonts.
    path.write_text(re.sub('font-family: [^;"]*', "font-family: sans-serif", text.getvalue()), encoding="utf-8")


def panels_of(figures: dict[str, Any]) -> list[tuple[str, str, list[Line]]]:
    """Title, name of the x axis, lines."""
    files, ms = "files in the repository", f"{figures['system']['link_ms']} ms"
    row = " (plain git: in a row)"  # at the same moment it fails
    return [
        ("One sync, remote on the same disk", files, single_lines(figures, "local")),
        (f"One sync, remote {ms} away", files, single_lines(figures, f"link {ms}")),
        ("Sessions that save at once", f"sessions in one folder{row}", crowd_lines(figures, "sessions")),
        ("Machines that push at once", f"clones of one remote{row}", crowd_lines(figures, "clones")),
    ]


def draw_panel(axes: Any, title: str, xlabel: str, lines: list[Line]) -> None:
    from matplotlib.ticker import LogLocator

    axes.set_title(title, loc="left", fontweight="bold")
    axes.set(xscale="log", yscale="log", xlabel=xlabel)
    axes.axhline(1, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    for _, colour, points in lines:
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=4, linewidth=1.8)
    xs = sorted({x for _, _, points in lines for x, _ in points})
    axes.set_xticks(xs, [f"{x:,}" for x in xs])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: "plain git" if value == 1 else f"{value:g} x")
    axes.tick_params(length=0, labelleft=True)
    axes.grid(axis="y", color=INK, alpha=0.2, linewidth=0.6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def name_lines(axes: Any, lines: list[Line]) -> None:
    """Each at its end, in its colour, none on top of another."""
    low, high = axes.get_ylim()
    places = spread([math.log10(points[-1][1]) for _, _, points in lines], 0.075 * math.log10(high / low))
    for (name, colour, _), place in zip(lines, places, strict=True):
        where = {"xycoords": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
        axes.annotate(name, (1.02, 10**place), color=colour, fontsize=8, **where)


def main(argv: list[str]) -> int:
    """See the module."""
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    with open(argv[0], encoding="utf-8") as file:
        draw(json.load(file), Path(argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
