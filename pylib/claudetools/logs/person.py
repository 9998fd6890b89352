"""Who writes a log: the User block as whoami-block.sh prints it, and the few facts beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import tzinfo

from claudetools.core import cli, clock
from claudetools.core.place import Place


@dataclass(frozen=True)
class Author:
    """One person on one machine. `block` is the User block with a newline at its end."""

    user: str
    full_name: str
    machine: str
    zone: tzinfo
    block: str


def read_person(place: Place) -> Author:
    """The person of this machine. Raises Stop with the script's own code and words when it is not set up, or stale."""
    done = subprocess.run(["bash", cli.script("whoami-block.sh")], cwd=place.top, capture_output=True, check=False)
    words = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        first, *rest = words.strip().split("\n")
        raise cli.Stop(
            done.returncode, first.removeprefix("[ERROR] ").removeprefix("[WARNING] "), *(line.strip() for line in rest)
        )
    sys.stderr.write(words)
    facts = read_facts(place)
    zone = clock.read_zone(facts.get("timezone", ""))
    if zone is None:
        raise cli.Stop(
            cli.SETUP,
            f".claude/identity.json: key 'timezone' is {facts.get('timezone', '')!r}; expected a name such as "
            "'America/Los_Angeles'",
        )
    block = done.stdout.decode("utf-8", "replace")
    return Author(facts["user"], facts["full_name"], facts["machine"], zone, block)


def read_facts(place: Place) -> dict[str, str]:
    """The cache of the identity, `key=value` lines, that whoami-block.sh has just made or found fresh."""
    with open(where_identity_is(place)[1], encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)


def where_identity_is(place: Place) -> tuple[str, str]:
    """The working tree whose identity.json counts here, and its cache: load_identity of the shell."""
    main = os.path.dirname(place.common)
    if place.git_folder == place.common:
        return place.top, os.path.join(place.state, "identity")
    if has_identity(place.top) or not has_identity(main):
        return place.top, os.path.join(place.tree, "identity")
    return main, os.path.join(place.state, "identity")


def has_identity(top: str) -> bool:
    """Whether the working tree at `top` has an identity.json of its own."""
    return os.path.exists(os.path.join(top, ".claude", "identity.json"))
