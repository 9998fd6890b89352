"""A restore point outside of a sync: the tree as it is now, kept as `refs/claudetools/points/<time>` for 14 days.

The same refs as scripts/lib/points.sh makes; `sync.sh --points` lists them, `--restore PATH@TIME` brings a file back.
"""

from __future__ import annotations

import os
import shutil
import time

from claudetools.core import git
from claudetools.core.place import Place
from claudetools.sessions.status import GIT_VARIABLES


def take(place: Place, why: str) -> str:
    """Keep the tree as it is: the commit's id. Ignored files are not in it. Raises GitError, OSError."""
    scratch = os.path.join(place.tree, f"point.{os.getpid()}")
    os.makedirs(place.tree, mode=0o700, exist_ok=True)
    env = {"GIT_INDEX_FILE": scratch, "GIT_OPTIONAL_LOCKS": "0"}
    person = {f"GIT_{who}_{key}": text for who in ("AUTHOR", "COMMITTER") for key, text in PERSON.items()}
    for name in GIT_VARIABLES:
        os.environ.pop(name, None)
    try:
        if os.path.exists(os.path.join(place.git_folder, "index")):
            shutil.copy2(os.path.join(place.git_folder, "index"), scratch)
        git.run(place.top, "-c", "core.fsmonitor=false", "add", "-A", "--ignore-errors", env=env, ok=(0, 1))
        tree = git.run(place.top, "write-tree", env=env).decode().strip()
        head = git.run(place.top, "rev-parse", "-q", "--verify", "HEAD", ok=(0, 1)).decode().strip()
        parent = ("-p", head) if head else ()
        commit = git.run(place.top, "commit-tree", tree, *parent, "-m", why, env={**env, **person}).decode().strip()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        git.run(place.top, "update-ref", f"refs/claudetools/points/{stamp}-{commit[:4]}", commit)
        return commit
    finally:
        for path in (scratch, f"{scratch}.lock"):
            if os.path.exists(path):
                os.unlink(path)


PERSON = {"NAME": "claudetools", "EMAIL": "claudetools@localhost"}
