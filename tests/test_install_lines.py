"""Our lines in the user's files: added once, taken out to the byte."""

from __future__ import annotations

import subprocess
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from claudetools.install import sections
from claudetools.install import text as marked
from installing import run_install
from world import Machine

lines = st.sampled_from(
    [
        b"",
        b"# a",
        b".claude/identity.json",
        b"/.claudetools-resolve/",
        b"@AGENTS.md",
        b".claude/** text eol=lf",
        b"!.claude/claudetools-*.tar.gz",
        b"x  ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    section=st.sampled_from(sections.SECTIONS),
    content=st.lists(lines, max_size=6),
    eol=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
    bom=st.booleans(),
    later=st.sampled_from([b"", b"later\n"]),
)
def test_what_is_added_comes_out_to_the_byte(
    section: marked.TextSection, content: list[bytes], eol: bytes, last: bool, bom: bool, later: bytes
) -> None:
    before = (marked.BOM if bom else b"") + eol.join(content) + (eol if last and content else b"")
    after, added = marked.with_section(before, section, None)
    assert after.startswith(before)
    again, same = marked.with_section(after, section, added)
    assert (again, same) == (after, added)
    if added is None:
        assert after == before
        return
    eol = marked.newline_of(before)
    assert after[len(before) :].count(b"\n") == after[len(before) :].count(eol)
    assert marked.without_section(after, section, added) == before
    grown = marked.without_section(after + later, section, added)
    between = eol if later and added.completes else b""
    assert grown == before + between + later
    # A checkout on Windows may have converted the whole file.
    crlf = after.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    expected = before.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert marked.without_section(crlf, section, added) == expected
    assert marked.with_section(crlf, section, added)[0] == crlf


def test_a_line_that_the_user_has_is_not_added_twice() -> None:
    for text in (
        b"/.claude/identity.json\r\n.claudetools-resolve/\r\n",
        b".claudetools-resolve/\n.claude/identity.json  \n",
    ):
        text += b"!.claude/claudetools-*.tar.gz\n"
        assert marked.with_section(text, marked.GITIGNORE, None) == (text, None)
    after, added = marked.with_section(b".claude/identity.json\n", marked.GITIGNORE, None)
    assert after.count(b"identity.json") == 1
    assert added is not None and ".claudetools-resolve/" in added.text
    assert marked.with_section(b"see @./AGENTS.md\n", marked.CLAUDE, None)[1] is None
    for no_import in (b"mail me@AGENTS.md\n", b"@AGENTS.mdx\n", b"AGENTS.md\n"):
        assert marked.with_section(no_import, marked.CLAUDE, None)[1] is not None


def test_pictures_below_claude_stay_as_they_are(empty: Machine) -> None:
    """`text` without `auto` would turn CRLF inside of a picture at the next commit."""
    run_install(empty, empty.top)
    picture = b"\x89PNG\r\n\x1a\n\0\r\n"
    empty.write(".claude/skills/x/logo.png", picture)
    empty.write(".claude/skills/x/run.sh", b"a\r\n")
    empty.git("add", ".claude/skills")
    shown: Any = subprocess.run(
        ["git", "-C", empty.top, "show", ":.claude/skills/x/logo.png"], capture_output=True, env=empty.env(), check=True
    )
    assert shown.stdout == picture
    assert empty.git("show", ":.claude/skills/x/run.sh") == "a"
