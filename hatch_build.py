"""What the wheel carries: the toolkit as it is packed for a repository, in share/claudetools, and its command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Toolkit(BuildHookInterface):
    """Adds both to a wheel; not to an editable one, whose copy would grow old."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "pylib"))
        from claudetools.install.archive import contents_of

        build_data["shared_data"] = {str(root / name): f"share/claudetools/{name}" for name in contents_of(root)}
        build_data["shared_scripts"] = {str(root / "bin" / "claudetools"): "claudetools"}
