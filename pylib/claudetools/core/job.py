"""What a job and the shell say to each other.

argparse alone would cost a job as much as a git command, and no person types these.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping


def read_options(argv: list[str], needed: Iterable[str], defaults: Mapping[str, str] | None = None) -> dict[str, str]:
    """`--name value` pairs by name, "-" in a name as "_". Ends with 64 for anything else, and for a missing one."""
    found = dict(defaults or {})
    known = {*needed, *found}
    for name, value in zip(argv[::2], [*argv[1::2], ""], strict=False):
        key = name.removeprefix("--").replace("-", "_")
        if not name.startswith("--") or key not in known or len(argv) % 2:
            print(f"unknown argument, or no value: {name}", file=sys.stderr)
            raise SystemExit(64)
        found[key] = value
    if missing := known - found.keys():
        print(f"missing: --{sorted(missing)[0]}", file=sys.stderr)
        raise SystemExit(64)
    return found


def tell(*words: str) -> None:
    """One line for the shell: at once, so that what is told is told even if we are killed."""
    print("\t".join(words), flush=True)
