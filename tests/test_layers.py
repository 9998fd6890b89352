"""Which package may import which, and what an agent's hook may load.

The lists below are today's exceptions. They may only shrink: an entry that is no longer needed fails as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from claudetools.__main__ import COMMANDS
from world import TOOLKIT

ROOT = TOOLKIT / "pylib" / "claudetools"
# A package imports from lower steps only, and from itself. Logs stand above sessions: a log names its session.
STEPS = (
    {"core"},
    {"text"},
    {"lock", "checkout", "merge", "attribution"},
    {"checks", "sessions"},
    {"logs"},
    {"notes", "vault"},
    {"wiki", "recall", "install"},
)
EVENTS = ("session_start", "user_prompt", "session_end", "pre_tool_use", "post_tool_use")
# What people type, and what answers an agent's hook: these may import everything, and nobody imports them.
PROGRAMS = {*COMMANDS.values(), "__main__", *(f"sessions.events.{one}" for one in (*EVENTS, "news"))}
HEAVY = {"click", "argparse", "subprocess", "typing", "dataclasses", "yaml", "inspect", "hashlib", "shutil", "psutil"}

UPWARDS: set[tuple[str, str]] = set()
CIRCLES: set[str] = set()
SAME_NAME: set[str] = set()
# How many modules of ours an event loads; the aim is 8.
HOOK_MODULES = {"session_start": 10, "user_prompt": 13, "session_end": 11, "pre_tool_use": 15, "post_tool_use": 15}


@cache
def modules() -> dict[str, Path]:
    """Every module by its name below `claudetools`; a package by its own name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        found[name] = path
    assert len(found) > 50
    return found


@cache
def imports() -> dict[str, set[str]]:
    """What each module imports of ours, at its top or inside of a function, but for types alone."""
    return {name: set(imported(ast.parse(path.read_text("utf-8")))) for name, path in modules().items()}


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules below `claudetools` that a piece of code imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "claudetools":
            base = (node.module or "").removeprefix("claudetools").lstrip(".")
            for one in node.names:
                inner = f"{base}.{one.name}".lstrip(".")
                yield inner if inner in modules() else base
        elif isinstance(node, ast.Import):
            yield from (
                one.name.removeprefix("claudetools.") for one in node.names if one.name.startswith("claudetools.")
            )
        yield from imported(node)


def step_of(module: str) -> int:
    """How high a module stands. Programs stand above all packages, and so do the answers to a hook's events."""
    package = module.split(".")[0]
    if module in PROGRAMS:
        return len(STEPS)
    return next(n for n, packages in enumerate(STEPS) if package in packages)


def goes_up(importer: str, module: str) -> bool:
    """Whether an import goes to a step that is not below, in another package."""
    return importer.split(".")[0] != module.split(".")[0] and step_of(module) >= step_of(importer)


def test_no_import_goes_up_or_to_a_sibling() -> None:
    found = {
        (name, other)
        for name, others in imports().items()
        for other in others
        if name and other and goes_up(name, other) and step_of(name) < len(STEPS)
    }
    assert found == UPWARDS


def test_no_circle() -> None:
    found: set[str] = set()
    for name in modules():
        seen, todo = set[str](), list(imports()[name])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo += imports()[other]
        if name in seen:
            found.add(name)
    assert found == CIRCLES


def test_no_class_name_is_used_twice() -> None:
    places = defaultdict(set)
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].add(name)
    assert {name for name, where in places.items() if len(where) > 1} == SAME_NAME


def test_attribution_asks_neither_git_nor_the_disk() -> None:
    """A property test can drive it without a repository."""
    impure = {"core.git", "core.files", "core.index", "core.place"}
    found = {
        (name, other) for name in modules() if name.startswith("attribution") for other in imports()[name] & impure
    }
    assert not found


@pytest.mark.parametrize("event", EVENTS)
def test_a_hook_loads_little(event: str) -> None:
    """Each heavy module costs 4 to 20 ms of the 30 that a hook has, and each of ours the opening of a file."""
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(TOOLKIT / "pylib")!r})
        import claudetools.sessions.hook, claudetools.sessions.adapters.claude, claudetools.sessions.events.{event}
        print(*sorted(name for name in sys.modules))
    """
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & HEAVY
    ours = {name for name in loaded if name.startswith("claudetools.") and modules()[name[12:]].name != "__init__.py"}
    assert len(ours) <= HOOK_MODULES[event]
