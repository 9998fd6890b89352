"""Entry for scripts/doctor.sh: sessions at work here whose plugin was removed, as an update of it does."""

from __future__ import annotations

import os
import time

from claudetools.core import processes
from claudetools.core.messages import visible
from claudetools.core.place import Place, find_place
from claudetools.sessions import registry
from claudetools.sessions.registry import Session

HOOK = "hooks/agent/run.sh"


def main(_: list[str]) -> int:
    """A warning for each. Always 0: nothing is wrong with this repository."""
    place = find_place(".")
    for session in registry.find_sessions(place) if place else []:
        if place and has_lost_its_plugin(place, session, time.time()):
            name = f"'{visible(session.title)}'" if session.title else session.id
            print(f"[WARN] Session {name} runs without its hooks: {visible(session.toolkit)} is gone.")
            print("       Its changes are no longer recorded as its own. An update of a plugin removes the old folder:")
            print("       end the session and resume it in its client.")
    return 0


def has_lost_its_plugin(place: Place, session: Session, now: float) -> bool:
    """Whether its process runs here and its hooks are gone. A process that cannot be asked is no proof; what is missing
    in this tree, `install.sh --check` tells."""
    here = (processes.host_name(), processes.system_name())
    return (
        bool(session.pid and session.toolkit)
        and (session.host, session.system) == here
        and session.state(now) in ("live", "idle")
        and not os.path.realpath(session.toolkit).startswith((place.top + os.sep, place.state + os.sep))
        and not os.path.isfile(os.path.join(session.toolkit, HOOK))
    )
