"""The job `replay`: replay local commits on another tip, take what a person settled, and say what came of it.

Lines on stdout, tab-separated: `tip OID`, `replayed OLD NEW`, `contained OLD NEW` (the tip holds its change already, in
NEW), `parked OID`, `conflict PATH WHO`, `settled PATH HOW`, `resolved PATH`. Exit status: 0, or 78 when there is no
common history.
"""

from __future__ import annotations

import argparse
import os
import sys

from claudetools.core import files, git
from claudetools.merge import resolve
from claudetools.merge.replay import find_pair, read_pairs, replay


def author_of_other_side(top: str, head: str, onto: str, path: bytes) -> str:
    """`Howard Lee (f00dfee, 14:02)`: who upstream last touched the path."""
    form = ("--format=%an (%h, %cd)", "--date=format:%H:%M")
    args = ("log", "-1", *form, onto, f"^{head}", "--", f":(top,literal){os.fsdecode(path)}")
    return git.run(top, *args).decode("utf-8", "replace").strip()


def main(argv: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="replay")
    for name in ("--top", "--tree-state", "--head", "--onto"):
        parser.add_argument(name, required=True)
    args = parser.parse_args(argv)
    top, state = args.top, args.tree_state
    try:
        git.run(top, "merge-base", args.head, args.onto)
    except git.GitError:
        print("no common history", file=sys.stderr)
        return 78
    scratch = os.path.join(state, "work")
    pair = find_pair(top, read_pairs(os.path.join(state, "pairs")), args.head, args.onto)
    result = replay(top, scratch, args.head, args.onto, pair)
    if result.parked:
        taken = resolve.take_resolution(top, state, args.head, args.onto, result)
        for path in taken:
            print(f"resolved\t{files.shown(path)}")
    print(f"tip\t{result.tip}")
    for old, new in result.replayed:
        print(f"replayed\t{old}\t{new}")
    for old, new in result.contained:
        print(f"contained\t{old}\t{new}")
    for path, how in result.settled:
        print(f"settled\t{files.shown(path)}\t{how}")
    for commit in result.parked:
        print(f"parked\t{commit}")
    for path in result.conflicts:
        print(f"conflict\t{files.shown(path)}\t{author_of_other_side(top, args.head, args.onto, path)}")
    return 0
