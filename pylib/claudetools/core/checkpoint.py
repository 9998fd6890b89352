"""Places between two steps where a test may stop, kill or change something. The shell has the same (results.sh).

`CLAUDETOOLS_TEST_AT=PATTERN:SCRIPT` runs SCRIPT with the place's name, the process group and our own pid wherever
PATTERN is reached. Without the variable a place costs one comparison.
"""

from __future__ import annotations

import os

_AT = os.environ.get("CLAUDETOOLS_TEST_AT", "")


def checkpoint(name: str) -> None:
    """Run the script of CLAUDETOOLS_TEST_AT where its pattern is reached."""
    if _AT:
        _reach(name)


def _reach(name: str) -> None:
    import fnmatch
    import subprocess

    pattern, _, script = _AT.partition(":")
    if fnmatch.fnmatchcase(name, pattern):
        env = {key: value for key, value in os.environ.items() if key != "CLAUDETOOLS_TEST_AT"}
        subprocess.run(["bash", script, name, str(os.getpgrp()), str(os.getpid())], env=env, check=False)
