"""One module for each event of an agent's hooks: `handle(place, event) -> Reply`. Each has 30 ms in all."""

from __future__ import annotations

import os

# The folder that the hooks run from: the repository's, or that of a plugin's version.
TOOLKIT = os.path.abspath(os.path.join(__file__, *[os.pardir] * 5))
