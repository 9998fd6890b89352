"""The figures as lines of a terminal."""

from __future__ import annotations

from bench.crowds import Crowd
from bench.measure import Row

HEADER = (
    f"{'files':>6}  {'remote':<10} {'case':<8} {'program':<10} {'ms':>8} {'least':>8} {'five':>8} {'least':>8}"
    f"  {'ratio':>6} {'cpu':>6} {'peak':>5} {'programs':>9} {'trips':>7} {'rounds':>6}"
)
CROWD_HEADER = (
    f"{'':>4} {'at once':<8} {'remote':<10} {'s':>8} {'beside':>8} {'ratio':>6} {'five':>8} {'ratio':>6} {'peak':>5} "
    f"{'trips':>5} {'rounds':>6}  exit codes"
)


def row_line(row: Row) -> str:
    """One program in one case."""
    own, five = row.own, row.five
    ms = [own["wall_median"], own["wall_min"], five["wall_median"], five["wall_min"]]
    failed = f"  failed: {own['failed']} of {row.rounds}" if own["failed"] else ""
    failed += f"  five failed: {five['failed']} of {row.rounds}" if five["failed"] else ""
    return (
        f"{row.files:>6}  {row.where:<10} {row.case:<8} {row.program:<10} "
        + " ".join(f"{1000 * seconds:>8.1f}" for seconds in ms)
        + f"  {row.ratio:>6.2f} {row.cpu_ratio:>6.2f} {own['peak']:>5.0f} {both(row, 'programs'):>9}"
        + f" {both(row, 'trips'):>7} {row.rounds:>6}{failed}"
    )


def both(row: Row, what: str) -> str:
    """`4 of 5`: ours, and the five commands'; "" when it was not counted."""
    return f"{row.own[what]:g} of {row.five[what]:g}" if what in row.own and what in row.five else ""


def crowd_line(crowd: Crowd) -> str:
    """One crowd."""
    trips = "" if crowd.trips is None else f"{crowd.trips:g}"
    codes = ", ".join(f"{count} x {code}" for code, count in crowd.exit_codes.items())
    return (
        f"{crowd.count:>4} {crowd.kind:<8} {crowd.where:<10} {crowd.together:>8.3f} {crowd.alone:>8.3f} "
        f"{crowd.ratio:>6.2f} {crowd.plain:>8.3f} {crowd.plain_ratio:>6.2f} {crowd.peak:>5.0f} {trips:>5} "
        f"{crowd.rounds:>6}  {codes}{'' if crowd.all_there else '  NOT ALL THERE'}"
    )
