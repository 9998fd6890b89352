"""What install.sh was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstallCall:
    """What was asked for, and by which words."""

    job: str  # install, check, clone, uninstall
    toolkit: Path
    repo: str
    command: str
    state_format: str
    wait: str = "75"
    dry_run: bool = False
    json: bool = False
    allow_cloud: bool = False
    locked: bool = False
    ci: str = ""
    no_archive: bool = False
    source: str = ""
