"""What a shell command can write: only what is sure keeps a session's changes apart from another's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.attribution.reach import CANNOT, MAY, NAMES, WRITES, Reach, reach_of

TOP = "/ops"


def relative(path: str) -> str | None:
    path = os.path.normpath(path)
    return path.removeprefix(TOP + "/") if path.startswith(TOP + "/") else None


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("echo line >> a.md", "a.md"),
        ("cd / > a.md; touch ops/b.md", "a.md b.md"),
        ("cat > 'a b.md' <<'EOF'\n$(rm x) `y` > z\nEOF\necho done", "a b.md"),
        ("cat <<EOF > a.md\nplain\nEOF", "a.md"),
        ("cd / && printf '%s\\n' \"$x\" >ops/acme/b.md 2>/dev/null", "acme/b.md"),
        ("echo x | tee -a a.md b.md >/dev/null; git add a.md && bash .claude/scripts/sync.sh -m x", "a.md b.md"),
        ("sed -i 's/a b/c/g' a.md && sed -n '3,9p' b.md", None),
        ("sed -i -E 's#a#c#' a.md b.md", "a.md b.md"),
        ("rm -rf old && mkdir -p new/x && touch new/x/y", "old new/x/y"),
        ("mv a.md b.md; cp c.md d.md; git mv e f; git rm -q g", "b.md a.md d.md f e g"),
        ("if [ -f a ]; then echo x > b; fi", "b"),
        ("for f in a b; do echo $f >> c; done", "c"),
        ("chmod +x run.sh", "+x run.sh"),
        ("ls *.md; git status; grep -r x .", ""),
        ("cd /tmp && touch a", ""),
        ("cd - && echo x > /ops/a", "a"),
    ],
)
def test_the_reach_of_a_command_that_is_known(command: str, writes: str | None) -> None:
    found = reach_of(command, TOP, relative)
    if writes is None:
        assert not found.closed
        return
    expected = ["a b.md"] if writes == "a b.md" else writes.split()
    assert (list(found.writes), found.closed) == (expected, True)


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("python gen.py > a.md", "a.md"),
        ("npm test", ""),
        ("echo $(make x) > a.md", "a.md"),
        ("cat > a.md <<EOF\n$(rm b)\nEOF", "a.md"),
        ("rm $x; rm *.tmp; rm a", "a"),
        ("echo x > $f", ""),
        ("cd $HOME && rm a", ""),
        ("cd /nowhere-at-all; rm a", ""),
        ("cd / | touch a", ""),
        ("(cd /); touch a", ""),
        ("echo; cd /; touch ops/a", ""),
        ("sed -i 's/x/y/w out' a.md", ""),
        ("sed -i.bak s/x/y/ a.md", ""),
        ("cp -t folder a b", ""),
        ("cp --backup=numbered a b", ""),
        ("source x.sh; . ./y.sh", ""),
        ("bash -c 'rm a'", ""),
        ("git commit -m x", ""),
        ("echo 'open", ""),
        ("x" * 100_000, ""),
        ("", None),
        (None, ""),
        (["rm", "a"], ""),
        ("rm a\0b", ""),
    ],
)
def test_what_may_write_anything(command: object, writes: str | None) -> None:
    found = reach_of(command, TOP, relative)
    assert found == (Reach((), True) if writes is None else Reach(tuple(writes.split()), False))


def test_what_a_command_has_to_do_with_a_path() -> None:
    reach = Reach(("a.md", "old"), True)
    words = [reach.of("a.md"), reach.of("old/x/y.md"), reach.of("b.md"), reach._replace(closed=False).of("b.md")]
    assert words == [WRITES, WRITES, CANNOT, NAMES]
    assert Reach().of("x/b.md", "make x") == MAY and Reach().of("x/b.md", "python fix.py b.md") == NAMES


WORD = st.sampled_from(["a.md", "b.md", "dir", "dir/c.md", "-r", "-f", "-i", "-n", "s/a/b/", "new.md", "x"])
NAME = st.sampled_from(
    ["echo", "cat", "rm", "mv", "cp", "touch", "tee", "sed", "mkdir", "rmdir", "chmod", "cd", "ln", "(cd"]
)
ONE = st.tuples(NAME, st.lists(WORD, max_size=4), st.sampled_from(["", " > a.md", " >> new.md", " 2>x", " </dev/null"]))
GLUE = st.sampled_from(["; ", " && ", " || ", " | ", "\n"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ONE, GLUE), min_size=1, max_size=4))
def test_a_closed_command_writes_nothing_else(parts: list[tuple[tuple[str, list[str], str], str]]) -> None:
    import tempfile

    command = "".join(" ".join([name, *words]) + target + glue for (name, words, target), glue in parts)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve()
        for name in ("a.md", "b.md", "dir/c.md", "dir/d.md", "e.md"):
            (top / name).parent.mkdir(exist_ok=True)
            (top / name).write_text(f"{name} a\n")

        def look() -> dict[str, tuple[bytes, int]]:
            files = [path for path in top.rglob("*") if path.is_file()]
            return {str(p.relative_to(top)): (p.read_bytes(), p.stat().st_mode) for p in files}

        def from_top(path: str) -> str | None:
            path = os.path.normpath(path)
            return os.path.relpath(path, top) if path.startswith(f"{top}/") else None

        reach, before = reach_of(command, str(top), from_top), look()
        subprocess.run(
            ["bash", "-c", command.rstrip("|&; \n")], cwd=top, capture_output=True, stdin=subprocess.DEVNULL, timeout=20
        )
        after = look()
        changed = {path for path in {**before, **after} if before.get(path) != after.get(path)}
        if reach.closed:
            assert all(reach.of(path) == WRITES for path in changed), (command, changed, reach)
