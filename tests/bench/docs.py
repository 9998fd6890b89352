"""The figures as pages: docs/cost.md, the README's section and the picture, all made from what docs/cost.json has."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.crowds import SAMPLE
from bench.transports import LINK, LINK_MS, LOCAL
from bench.twins import CASES, TITLES
from world import TOOLKIT

Figures = dict[str, Any]
BEGIN, END = "<!-- cost: made by make bench-docs -->", "<!-- cost: end -->"
SENTENCES = (
    ("sessions", "sessions that save at once in one folder", "one sync alone"),
    ("clones", "clones that push at once to one remote", "the same syncs one after the other"),
)
WAYS = {LOCAL: "on the same disk", LINK: f"behind a link of {LINK_MS} ms"}


def write(figures: Figures, top: Path = TOOLKIT) -> None:
    """Everything that stands in the repository. The picture needs matplotlib."""
    from bench import plot

    docs = top / "docs"
    (docs / "cost.json").write_text(to_json(figures), encoding="utf-8")
    (docs / "cost.md").write_text(page(figures), encoding="utf-8")
    readme = top / "README.md"
    readme.write_text(with_section(readme.read_text(encoding="utf-8"), section(figures)), encoding="utf-8")
    plot.draw(figures, docs / "cost.svg")


def to_json(figures: Figures) -> str:
    """A line for each row, so that a diff of two runs can be read."""
    parts = []
    for key, value in figures.items():
        if isinstance(value, list):
            lines = ",\n".join("  " + json.dumps(row) for row in value)
            parts.append(f' "{key}": [\n{lines}\n ]')
        else:
            parts.append(f' "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def with_section(text: str, new: str) -> str:
    """The README with another section between its marks. ValueError when a mark is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has no section between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{new}{END}{after}"


# --- the README's section -----------------------------------------------------------


def section(figures: Figures) -> str:
    """One small table, the picture, and where the rest is."""
    return "\n".join(
        [
            "One `sync.sh` as a multiple of `git add -A; commit; fetch; rebase; push`, in wall time",
            f"({where(figures)}):",
            "",
            *small_table(figures),
            "",
            *crowd_words(figures),
            *program_words(figures),
            "",
            "![Cost against files, sessions and machines](docs/cost.svg)",
            "",
            "[docs/cost.md](docs/cost.md) has all figures, with other tools beside them. To repeat them: `make bench`.",
            "",
        ]
    )


def where(figures: Figures) -> str:
    system = figures["system"]
    return f"{system['date']}, {system['cores']} cores, {system['memory_gb']} GB, {system['git']}"


def small_table(figures: Figures) -> Iterator[str]:
    places = [(files, way) for way in WAYS for files in sizes(figures) if rows(figures, files=files, where=way)]
    heads = [f"{files:,} files{'' if way == LOCAL else f', {LINK_MS} ms link'}" for files, way in places]
    yield f"| | {' | '.join(heads)} |"
    yield "|---" * (len(places) + 1) + "|"
    for case in CASES:
        found = [rows(figures, files=files, where=way, case=case, program="sync.sh") for files, way in places]
        cells = [f"{each[0]['ratio']:.2f}" if each else "" for each in found]
        yield f"| {TITLES[case]} | {' | '.join(cells)} |"


def crowd_words(figures: Figures) -> Iterator[str]:
    """The largest crowds, a sentence for each kind."""
    for kind, who, beside in SENTENCES:
        found = [crowd for crowd in figures["crowds"] if crowd["kind"] == kind and crowd["where"] in WAYS]
        largest = [crowd for crowd in found if crowd["count"] == max(each["count"] for each in found)]
        if largest:
            times = " and ".join(f"{crowd['ratio']:.1f} times ({WAYS[crowd['where']]})" for crowd in largest)
            yield bullet(f"{largest[0]['count']} {who} take {times} as long as {beside}; {outcome(largest)}.")


def program_words(figures: Figures) -> Iterator[str]:
    """How many programs a small sync starts, and how large the largest of all is."""
    counted = [(case, rows(figures, case=case, where=LOCAL, program="sync.sh")) for case in ("nothing", "edit")]
    words = [
        f"{TITLES[case]}: {found[0]['own']['programs']} (plain git: {found[0]['five']['programs']})"
        for case, found in counted
        if found and "programs" in found[0]["own"]
    ]
    peaks = [row["own"]["peak"] for row in rows(figures, program="sync.sh")]
    peaks += [crowd["peak"] for crowd in figures["crowds"]]
    yield bullet(f"Programs started, {'; '.join([*words, ''])}the largest of all runs takes {max(peaks):.0f} MB.")


def bullet(sentence: str) -> str:
    return textwrap.fill(f"- {sentence}", 120, subsequent_indent="  ")


def outcome(crowds: list[dict[str, Any]]) -> str:
    codes = {code for crowd in crowds for code in crowd["exit_codes"]}
    if codes == {"0"} and all(crowd["all_there"] for crowd in crowds):
        return "everything arrives and each of them ends with 0"
    return f"exit codes {', '.join(sorted(codes))}"


# --- the page ------------------------------------------------------------------------


def page(figures: Figures) -> str:
    """docs/cost.md."""
    return "\n".join([*introduction(figures), *singles(figures), *crowds(figures), *skipped(figures), ""])


def introduction(figures: Figures) -> Iterator[str]:
    system = figures["system"]
    peers = "".join(f", {name} {version}" for name, version in system["peers"].items())
    made = (
        f"Made by `make bench-docs`: {where(figures)}{peers}, {system['system']}, load {system['load']} when it began."
    )
    yield f"""# What a sync costs

{textwrap.fill(made, 120)}
No test judges these figures. Read ratios, not milliseconds.

![Cost against files, sessions and machines](cost.svg)

`make bench` prints the same tables for your machine and changes nothing; `make bench MINUTES=5` takes about that long.
`make bench-docs` writes this page, the picture, [cost.json](cost.json) and the README's table anew.

"Plain git" is `git add -A; git commit; git fetch; git rebase; git push`. Each program works in a twin of the same
repository; each round runs all of them one right after the other, the next one the other way round, so that a busy
machine slows all of them down. `x` is the median of the ratios of wall times in the same round.
"""


def singles(figures: Figures) -> Iterator[str]:
    for files in sizes(figures):
        yield f"## One sync, {files:,} files\n"
        yield "| remote | to do | program | x | x CPU | ms | plain git, ms | programs | trips | MB | rounds |"
        yield "|---|---|---|---|---|---|---|---|---|---|---|"
        for row in rows(figures, files=files):
            yield single(row)
        yield ""
    yield """\
Programs: those that are started, without what a git that talks to the remote starts. Trips: conversations with the
remote. Both with plain git's in brackets. MB: the largest program of a run.
"""


def single(row: dict[str, Any]) -> str:
    own, five = row["own"], row["five"]
    ratio = f"{row['ratio']:.2f}"
    if own["failed"]:
        ratio += f" (failed {own['failed']} of {row['rounds']})"
    cells = [
        row["where"],
        TITLES[row["case"]],
        row["program"],
        ratio,
        f"{row['cpu_ratio']:.2f}",
        *(f"{1000 * each['wall_median']:.0f}" for each in (own, five)),
        *(beside(own, five, what) for what in ("programs", "trips")),
        f"{own['peak']:.0f}",
        str(row["rounds"]),
    ]
    return f"| {' | '.join(cells)} |"


def beside(own: dict[str, Any], five: dict[str, Any], what: str) -> str:
    return f"{own[what]:g} ({five[what]:g})" if what in own and what in five else ""


HEADS = {
    "sessions": ("## Sessions that save at the same moment in one folder", "x one sync alone"),
    "clones": ("## Clones that push at the same moment to one remote", "x the same syncs in a row"),
}


def crowds(figures: Figures) -> Iterator[str]:
    for kind, (title, alone) in HEADS.items():
        found = [crowd for crowd in figures["crowds"] if crowd["kind"] == kind]
        if not found:
            continue
        yield f"{title}\n"
        yield f"| remote | {kind} | seconds | {alone} | x plain git in a row | trips | MB | rounds | exit codes |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for crowd in found:
            yield crowd_row(crowd)
        yield ""
    yield f"""\
Plain git is measured one after the other, because at the same moment it fails: most of its pushes are refused. Of more
than {SAMPLE} in a row {SAMPLE} are run, and as much time is counted for each of the others.
"""


def crowd_row(crowd: dict[str, Any]) -> str:
    codes = ", ".join(f"{count} x {code}" for code, count in crowd["exit_codes"].items())
    cells = [
        crowd["where"],
        str(crowd["count"]),
        f"{crowd['together']:.2f}",
        f"{crowd['ratio']:.2f}",
        f"{crowd['plain_ratio']:.2f}",
        "" if crowd["trips"] is None else f"{crowd['trips']:g}",
        f"{crowd['peak']:.0f}",
        str(crowd["rounds"]),
        codes + ("" if crowd["all_there"] else ", not all there"),
    ]
    return f"| {' | '.join(cells)} |"


def skipped(figures: Figures) -> Iterator[str]:
    if figures["skipped"]:
        names = "; ".join(f"{name} ({reason})" for name, reason in figures["skipped"].items())
        yield f"Not measured on that machine: {names}."


def sizes(figures: Figures) -> list[int]:
    return sorted({row["files"] for row in figures["rows"]})


def rows(figures: Figures, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in figures["rows"] if all(row[key] == value for key, value in wanted.items())]
