"""The light stand-ins behave as what they stand in for, and the hooks load nothing heavier."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import typing

import pytest

from claudetools.core import light
from world import TOOLKIT


class Ours(light.NamedTuple):
    """What it is."""

    name: str
    size: int = 3

    @property
    def double(self) -> int:
        """Of the size."""
        return 2 * self.size


class Theirs(typing.NamedTuple):
    """What it is."""

    name: str
    size: int = 3

    @property
    def double(self) -> int:
        """Of the size."""
        return 2 * self.size


def test_a_light_tuple_is_what_typing_makes() -> None:
    one, other = Ours("a"), Theirs("a")
    assert tuple(one) == tuple(other) and one._asdict() == other._asdict() and Ours._fields == Theirs._fields
    assert one._replace(size=5).double == other._replace(size=5).double == 10
    assert repr(one) == repr(other).replace("Theirs", "Ours") and Ours.__doc__ == Theirs.__doc__
    assert Ours.__module__ == Theirs.__module__ and pickle.loads(pickle.dumps(one)) == one
    for wrong in (dict(size=1), dict(name="a", other=1)):
        with pytest.raises(TypeError):
            Ours(**wrong)
    with pytest.raises(AttributeError):
        one.more = 1  # type: ignore[attr-defined, unused-ignore]


def test_a_light_digest_is_the_usual_one() -> None:
    for data in (b"", b"a", bytes(range(256)) * 999):
        assert light.sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("event", ["session_start", "user_prompt", "session_end", "pre_tool_use", "post_tool_use"])
def test_a_hook_loads_nothing_heavy(event: str) -> None:
    """Each of these costs 4 to 20 ms of the 30 that a hook has."""
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(TOOLKIT / "pylib")!r})
        import claudetools.sessions.hook, claudetools.sessions.adapters.claude, claudetools.sessions.events.{event}
        heavy = {{"typing", "dataclasses", "inspect", "hashlib", "subprocess", "shutil", "argparse", "click", "psutil"}}
        print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
