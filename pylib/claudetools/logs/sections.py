"""What a session log is: where it lies, how it is called, which sections it has. Standard library only, for the hooks.

The one place of these names. `hooks/checks/` says the same in shell; tests/test_log_rules.py compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from claudetools.text.notes import NOTE


@dataclass(frozen=True)
class LogSection:
    """A `## ` section of a log: its heading, what belongs there, and whether a log without it is complete."""

    name: str
    holds: str
    optional: bool = False


SECTIONS = (
    LogSection("User", "who, printed by whoami-block.sh; never by hand"),
    LogSection("Session Summary", "3-5 paragraphs: what was done, in what order, why"),
    LogSection("Key Decisions", "decisions that are not obvious, with their reasons"),
    LogSection(
        "Problems Encountered", "each problem and how it was solved; left out when there was none", optional=True
    ),
    LogSection("Configuration Changes", "files changed, created, deleted, with their paths"),
    LogSection("Credentials & Secrets", "new ones in full, or the path in the vault; never half of one"),
    LogSection("Infrastructure & Servers", "addresses, host names, ports, tenant ids, containers, DNS, certificates"),
    LogSection("Commands & Outputs", "commands worth keeping, what they said, errors and what settled them"),
    LogSection("Pending / Incomplete Tasks", "what is left, what blocks it, what comes next"),
    LogSection("Reference Information", "URLs, endpoints, commits, tickets, paths"),
)
USER = SECTIONS[0].name
REQUIRED = tuple(section.name for section in SECTIONS if not section.optional)
UPDATE = "Update"

# Where the user's part ends only the front matter tells: it may hold dashes.
NAME = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])-[^-].*-[^-].*\.md", re.ASCII | re.DOTALL)
BARE = re.compile(
    r"\d{4}-\d\d-\d\d(?:-session(?:-\d+)?)?\.(?:md|markdown|mdown|mdwn|mkd|mkdn|mkdown)", re.ASCII | re.IGNORECASE
)
# What a shell, a terminal or Windows takes for something else.
UNFIT = re.compile(r"[\x00-\x20\x7f\"'`$&;*?<>|\\:(){}\[\]!#~^]")
NO_LOGS = ("README.md", "index.md")
FOLDER = "session-logs"
HEADING = re.compile(r"## +(?P<name>.*?)(?: +#+)? *", re.DOTALL)
COMMENT = re.compile(r"<!--.*-->")
FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<rest>.*)", re.DOTALL)


def is_log_path(path: str) -> bool:
    """Whether the file at this "/"-separated path is meant to be a log: Markdown below a `session-logs` folder."""
    *folders, name = path.split("/")
    return FOLDER in folders and name.endswith(".md") and name not in NO_LOGS


def is_log_name(name: str) -> bool:
    """Whether a file's name is `YYYY-MM-DD-<user>-<topic>.md`, as `log new` makes it and the checks demand it."""
    return bool(NAME.fullmatch(name)) and not UNFIT.search(name) and not is_bare_name(name)


def is_bare_name(name: str) -> bool:
    """Whether every session of that day would share the name: `YYYY-MM-DD.md`, `YYYY-MM-DD-session.md`, also `-2`; in
    any case, with any ending that Markdown has."""
    return bool(BARE.fullmatch(name))


def log_name(date: str, user: str, topic: str, number: int = 1) -> str:
    """The name of the `number`th log of that day, person and topic (a slug)."""
    return f"{date}-{user}-{topic}{f'-{number}' if number > 1 else ''}.md"


def headings(text: str) -> Iterator[tuple[int, str]]:
    """Each `## ` heading with its line number from 1; what stands in a fenced block is none."""
    for number, line, fence in scan(text):
        if not fence and (title := HEADING.fullmatch(line)):
            yield number, title["name"]


def open_fence(text: str) -> str:
    """The marks of a fenced block that is still open at the end of the text, "" when none is."""
    return list(scan(text))[-1][2]


def scan(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, line without its end, and the marks of the fenced block that is open after it ("" outside)."""
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if found := FENCE.fullmatch(line):
            mark, rest = found["mark"], found["rest"]
            if not fence and not (mark[0] == "`" and "`" in rest):
                fence = mark
            elif fence and mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip(" "):
                fence = ""
        yield number, line, fence


def missing_sections(text: str) -> list[str]:
    """Required sections that the log lacks, in their order."""
    found = {name for _, name in headings(text)}
    return [name for name in REQUIRED if name not in found]


def misplaced_section(text: str) -> str:
    """The first known section that stands before one which belongs above it; "" when all are in order."""
    order = [section.name for section in SECTIONS]
    last = -1
    for _, name in headings(text):
        if name in order:
            if order.index(name) < last:
                return name
            last = order.index(name)
    return ""


def is_message(text: str) -> bool:
    """Whether a file among the logs holds notes alone: it needs no section of a log."""
    names = [name for _, name in headings(text)]
    return bool(names) and all(NOTE.fullmatch(name) for name in names)


def is_filled(text: str) -> bool:
    """Whether somebody has written into a log: headings, front matter, User block and blank comments are no text."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").split("\n")]
    start = lines.index("---", 1) + 1 if lines[0] == "---" and "---" in lines[1:] else 0
    part = ""
    for line in lines[start:]:
        if heading := HEADING.fullmatch(line):
            part = heading["name"]
        elif part == USER and line.startswith("- **"):
            continue
        elif line and not line.startswith("#") and not COMMENT.fullmatch(line):
            return True
    return False
