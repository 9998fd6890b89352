"""A copy of the helpers, for as long as a run of their version may last.

The shell code of a run is in memory before it takes the lock; the helpers are started later, one by one. When an
upgrade arrives meanwhile, those of the tree belong to another version. So each version's helpers are copied once to
`<state>/helpers/<id>`, under an id that is made of everything the toolkit consists of, and started from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from claudetools.install.place import HOME_OF_OURS
from claudetools.install.steps import digest_of

VERSION = f"{HOME_OF_OURS}/version"
HELPERS = f"{HOME_OF_OURS}/pylib/"
COPIES = 3  # an older run may still wait for the lock


def version_line(version: str, digests: Mapping[str, str]) -> bytes:
    """`<version> <id>`: the id changes with any file of the toolkit."""
    listed = sorted((path, digest) for path, digest in digests.items() if path != VERSION)
    whole = hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]
    return f"{version} {whole}\n".encode()


def copy_helpers(toolkit: Path, target: Path) -> bool:
    """`pylib` of an installed toolkit at `target`, whole or not at all. False when it is not as the manifest says:
    an upgrade is under way, or somebody changed it by hand."""
    try:
        manifest = json.loads((toolkit / "manifest.json").read_bytes())
        files = {str(path): str(digest) for path, digest in manifest["files"].items()}
        if version_line(manifest["version"], files).split()[-1].decode() != target.name:
            return False
        target.parent.mkdir(mode=0o700, exist_ok=True)
        copy = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    try:
        for path in (path for path in files if path.startswith(HELPERS)):
            data = (toolkit / path.removeprefix(f"{HOME_OF_OURS}/")).read_bytes()
            if digest_of(data) != files[path]:
                return False
            name = copy / path.removeprefix(HELPERS)
            name.parent.mkdir(parents=True, exist_ok=True)
            name.write_bytes(data)
        with suppress(OSError):  # another run was faster
            os.rename(copy, target)
        return (target / "claudetools").is_dir()
    except OSError:
        return False
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def forget_old(folder: Path, current: str) -> None:
    """Copies of versions that nobody runs any more."""
    with suppress(OSError):
        others = [p for p in folder.iterdir() if p.name != current and not p.name.startswith(".new-")]
        for path in sorted(others, key=lambda p: p.stat().st_mtime)[: -(COPIES - 1)]:
            shutil.rmtree(path, ignore_errors=True)
            shutil.rmtree(f"{folder.parent}/pycache/{path}", ignore_errors=True)


def main(argv: list[str]) -> int:
    """`helpers TOOLKIT TARGET`, for scripts/lib/python.sh. 1 when the tree's own have to do."""
    toolkit, target = (Path(name) for name in argv)
    if not copy_helpers(toolkit, target):
        return 1
    forget_old(target.parent, target.name)
    return 0
