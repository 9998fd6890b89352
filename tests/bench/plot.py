"""The figures of a benchmark as a picture: `python tests/bench/plot.py FIGURES.json PICTURE.svg` (or .png).

Cost against the five git commands by number of files, and cost of a crowd by its size. Needs the extra `bench`.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def series(rows: list[dict[str, Any]], **wanted: str) -> list[dict[str, Any]]:
    """The rows with these values."""
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def draw(figures: dict[str, Any], path: str) -> None:
    """Write the picture; its format follows the name."""
    import matplotlib

    matplotlib.use("svg" if path.endswith(".svg") else "agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    rows = [row for row in figures["rows"] if row["program"] == "sync.sh"]
    for where in sorted({row["where"] for row in rows}):
        for case in ("nothing", "edit", "both"):
            found = sorted(series(rows, where=where, case=case), key=lambda row: int(row["files"]))
            ratios = [row["own"]["wall_min"] / row["five"]["wall_min"] for row in found]
            style = "-o" if where == "local" else "--s"
            left.plot([row["files"] for row in found], ratios, style, label=f"{case}, {where}")
    left.axhline(1, color="grey", linewidth=0.8)
    left.set(xscale="log", xlabel="files", ylabel="x the five git commands", title="One sync")
    for kind in ("sessions", "clones"):
        for where in sorted({crowd["where"] for crowd in figures["crowds"]}):
            found = sorted(series(figures["crowds"], kind=kind, where=where), key=lambda crowd: int(crowd["count"]))
            ratios = [crowd["together"] / crowd["alone"] for crowd in found]
            style = "-o" if where == "local" else "--s"
            right.plot([crowd["count"] for crowd in found], ratios, style, label=f"{kind}, {where}")
    beside = "x one sync (sessions), x all in a row (clones)"
    right.set(xscale="log", xlabel="at the same moment", ylabel=beside, title="Many at once")
    for axes in (left, right):
        axes.legend(fontsize="small")
        axes.set_ylim(bottom=0)
    figure.tight_layout()
    figure.savefig(path)


def main(argv: list[str]) -> int:
    """See the module."""
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    with open(argv[0], encoding="utf-8") as file:
        draw(json.load(file), argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
