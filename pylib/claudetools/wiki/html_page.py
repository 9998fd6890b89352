"""One log or article as HTML: every line can be linked to, nothing in it can run or call out.

Raw HTML is shown as text, an image as its description. `#L12` is line 12 of the file, as sidecars and messages count.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MARK = re.compile("\ue000(\\d+)\ue001")
PRIVATE_USE = re.compile("[\ue000\ue001]")
# A mark behind such a line would change what it is: a fence, a rule, an underline.
BARE = re.compile(r"[\s\-=*_`~#>|:+]*")
LINES_OF_ITS_OWN = (
    "bullet_list_open",
    "ordered_list_open",
    "blockquote_open",
    "table_open",
    "thead_open",
    "tbody_open",
)

Link = Callable[[str], str]


class Rendered(NamedTuple):
    """HTML, the lines that have an anchor, and the headings as (level, line, text)."""

    html: str
    anchors: frozenset[int]
    headings: tuple[tuple[int, int, str], ...]

    def anchor_for(self, line: int) -> str:
        """The fragment that shows a line: its own, or the nearest one above."""
        above = [number for number in self.anchors if number <= line]
        return f"#L{max(above)}" if above else ""


def render(lines: Sequence[str], marks: Mapping[int, str], link: Link) -> Rendered:
    """The page of some lines. `marks` are put behind the lines of that number (from 1), as HTML.

    `link` says where a link of the text leads to on the pages, "" for nowhere.
    """
    # With a line feed at the very end: without one the content of an open fence has none either.
    text = "".join(marked(PRIVATE_USE.sub("?", line), number, marks) + "\n" for number, line in enumerate(lines, 1))
    markdown = parser()
    tokens = markdown.parse(text)
    anchors = set_anchors(tokens)
    headings = []
    for i, token in enumerate(tokens):
        for child in token.children or []:
            if child.type == "link_open":
                child.attrs = {"href": to} if (to := link(str(child.attrs.get("href", "")))) else {}
        if token.type == "heading_open" and token.map and token.level == 0:
            headings.append((int(token.tag[1:]), token.map[0] + 1, plain(tokens[i + 1])))
    body = markdown.renderer.render(tokens, markdown.options, {})
    return Rendered(MARK.sub(lambda found: marks.get(int(found[1]), ""), body), frozenset(anchors), tuple(headings))


def marked(line: str, number: int, marks: Mapping[int, str]) -> str:
    """The line with the place of its mark."""
    if number not in marks or BARE.fullmatch(line):
        return line
    end = line.rstrip()
    if end.endswith("|"):  # the last cell of a table's row
        return f"{end[:-1]}\ue000{number}\ue001|"
    return f"{end}\ue000{number}\ue001"


def plain(inline: Token) -> str:
    """A heading's text without its marks."""
    text = "".join(child.content for child in inline.children or [] if child.type in ("text", "code_inline"))
    return MARK.sub("", text)


def set_anchors(tokens: list[Token]) -> set[int]:
    """Give each block, and each further line of a paragraph, an id. The lines that got one."""
    seen: set[int] = set()
    for token in tokens:
        if not token.map or token.nesting < 0 or token.type in LINES_OF_ITS_OWN:
            continue
        line = token.map[0] + 1
        if token.type in ("fence", "code_block"):
            first = line + (token.type == "fence")
            token.meta = {"line": first}
            seen.update(range(first, first + token.content.count("\n")))
        elif token.type == "inline":
            for child in token.children or []:
                if child.type in ("softbreak", "hardbreak"):
                    line += 1
                    child.meta = {} if line in seen else {"line": line}
                    seen.add(line)
        elif line not in seen and not token.hidden:
            token.attrSet("id", f"L{line}")
            seen.add(line)
    return seen


def parser() -> MarkdownIt:
    """CommonMark with tables; what could run or call out is shown as text."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    for name in ("fence", "code_block"):
        markdown.add_render_rule(name, render_code)
    for name in ("softbreak", "hardbreak"):
        markdown.add_render_rule(name, render_break)
    markdown.add_render_rule("image", render_image)
    return markdown


def render_code(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    """A block of code whose lines can be linked to one by one."""
    first = tokens[at].meta.get("line", 0)
    lines = tokens[at].content.split("\n")[:-1]
    spans = (f'<span id="L{n}">{html.escape(line)}</span>' for n, line in enumerate(lines, first))
    return "<pre><code>" + "\n".join(spans) + "</code></pre>\n"


def render_break(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    """The end of a line inside of a paragraph."""
    line = tokens[at].meta.get("line")
    end = "<br>\n" if tokens[at].type == "hardbreak" else "\n"
    return f'{end}<a id="L{line}"></a>' if line else end


def render_image(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    """An image is not fetched: its address may be anybody's."""
    return f"[{html.escape(tokens[at].content or 'image')}]"
