"""Entry of the helpers that the shell starts: `python -I -S .../__main__.py MODULE ARGS...`.

Run as a file so that a package of the same name in the user's repository is never imported.
"""

from __future__ import annotations

import importlib
import os
import sys

JOBS = ("advance", "identity", "install", "lock", "refused", "replay", "resolve")


def main() -> int:
    """Run the job that is named first. 64 for an unknown one."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if len(sys.argv) < 2 or sys.argv[1] not in JOBS:
        print(f"usage: __main__.py {'|'.join(JOBS)} ARGS...", file=sys.stderr)
        return 64
    module = importlib.import_module(f"claudetools.{sys.argv[1]}")
    return int(module.main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
