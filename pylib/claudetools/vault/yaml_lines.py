"""The part of YAML that configuration is written in, as a flat list of its values. Pure.

Read with the standard library, because the hooks and the jobs of a sync have no other. What is outside of that part
(`? ` keys, tabs for indentation, what no YAML reader takes) raises Unreadable: the caller must not guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class UnreadableYaml(Exception):
    """Not in the part of YAML that is read here."""


class Leaf(NamedTuple):
    """One scalar or comment. `path` has mapping keys (str) and places in lists (int); `text` is None for null."""

    path: tuple[str | int, ...]
    text: str | None
    is_comment: bool = False


PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*(?:\s+|$)")
BLOCK = re.compile(r"(?P<style>[|>])[-+1-9]{0,2}[ \t]*(?:#.*)?$")
KEY = re.compile(r"(?![\[{&*!|>%@`\"'#,]|[-?](?:\s|$)).*?(?=\s*:(?:\s|$))")
NULLS = ("", "~", "null", "Null", "NULL")
ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
ESCAPES |= {"e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028"}
LONGEST = 300  # lines of one value in quotes or brackets: each is looked at once more for the next
CODES = {"x": 2, "u": 4, "U": 8}


def read(text: str) -> list[Leaf]:
    """Every value and comment of all documents, in order. Raises Unreadable."""
    reader = YamlReader(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"))
    try:
        reader.read_documents()
    except RecursionError as error:
        raise UnreadableYaml("nested too deeply") from error
    return reader.leaves


class YamlReader:
    """A cursor over lines. Blocks are told by indentation; what begins behind "- " is read as a line of its own."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.leaves: list[Leaf] = []
        self.anchors: dict[str, str | None] = {}
        self.blocks: list[tuple[int, tuple[str | int, ...]]] = [(-1, ())]

    def read_documents(self) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("%") or re.fullmatch(r"(---|\.\.\.)\s*", line):
                self.at += 1
            elif line.startswith(("--- ", "---\t")):
                self.lines[self.at] = "   " + line[3:]
            elif self.next_line() is not None:
                before = self.at
                self.read_block(-1, ())
                if self.at == before:
                    raise UnreadableYaml(f"line {self.at + 1}")

    # --- lines ---------------------------------------------------------------

    def next_line(self, path: tuple[str | int, ...] | None = None) -> int | None:
        """The indentation of the next line with a value, None at the end of the document. Comments above it are
        taken; `path` is the block that begins here."""
        comments = []
        found = None
        while self.at < len(self.lines):
            line = self.lines[self.at]
            content = line.lstrip(" ")
            if not content.strip():
                self.at += 1
            elif content.startswith("#"):
                comments.append((len(line) - len(content), content[1:]))
                self.at += 1
            elif content.startswith("\t"):
                raise UnreadableYaml("a tab at the beginning of a line")
            else:
                if not re.match(r"(---|\.\.\.)(\s|$)", line) and not (line.startswith("%") and not self.leaves):
                    found = len(line) - len(content)
                break
        for indent, text in comments:
            owner = next(p for i, p in reversed(self.blocks) if i <= indent)
            if path is not None and found is not None and indent >= found > self.blocks[-1][0]:
                owner = path
            self.leaves.append(Leaf(owner, text.strip(), True))
        return found

    def comment(self, text: str, path: tuple[str | int, ...]) -> None:
        """What may follow a value: nothing, or a comment."""
        if text.strip().startswith("#"):
            self.leaves.append(Leaf(path, text.strip()[1:].strip(), True))
        elif text.strip():
            raise UnreadableYaml(f"line {self.at + 1}")

    # --- blocks ----------------------------------------------------------------

    def read_block(self, above: int, path: tuple[str | int, ...], lists_too: bool = False) -> None:
        """The mapping, list or scalar that is indented more than `above`; a list below a key may be indented as the
        key is. Nothing there is null."""
        indent = self.next_line(path)
        is_item = indent is not None and re.match(r"-(\s|$)", self.lines[self.at][indent:])
        if indent is None or indent < above or (indent == above and not (lists_too and is_item)):
            self.leaves.append(Leaf(path, None))
            return
        self.blocks.append((indent, path))
        if is_item:
            self.read_list(indent, path)
        elif self.key_of(self.lines[self.at][indent:]):
            self.read_mapping(indent, path)
        else:
            text = self.lines[self.at][indent:]
            self.at += 1
            self.read_value(text, above, path)
        self.blocks.pop()

    def read_list(self, indent: int, path: tuple[str | int, ...]) -> None:
        count = 0
        while self.next_line() == indent and re.match(r"-(\s|$)", self.lines[self.at][indent:]):
            line = self.lines[self.at]
            rest = line[indent + 1 :]
            if "\t" in rest[: len(rest) - len(rest.lstrip())]:
                raise UnreadableYaml("a tab behind a dash")
            if not rest.strip() or rest.strip().startswith("#"):
                self.at += 1
                self.comment(rest, path)
                self.read_block(indent, (*path, count))
            else:
                self.lines[self.at] = " " * (indent + 1) + rest
                self.read_block(indent, (*path, count))
            count += 1

    def read_mapping(self, indent: int, path: tuple[str | int, ...]) -> None:
        while self.next_line() == indent:
            text = self.lines[self.at][indent:]
            found = self.key_of(text)
            if not found:
                raise UnreadableYaml(f"line {self.at + 1}")
            key, rest = found
            self.at += 1
            self.read_value(rest, indent, (*path, key), below_key=True)
        if (self.next_line() or -1) > indent:
            raise UnreadableYaml(f"line {self.at + 1}")

    def key_of(self, text: str) -> tuple[str, str] | None:
        """The key of `key: rest`, and the rest."""
        if text[:1] in "\"'":
            end = end_of_quoted(text)
            if end < 0 or not re.match(r"\s*:(\s|$)", text[end:]):
                return None
            return unquoted(text[:end]), text[end:].lstrip()[1:].strip()
        found = KEY.match(text)
        if not found or " #" in found[0]:
            return None
        return found[0].rstrip(), text[found.end() :].lstrip()[1:].strip()

    # --- values ----------------------------------------------------------------

    def read_value(self, text: str, indent: int, path: tuple[str | int, ...], below_key: bool = False) -> None:
        """What stands behind a key or a dash, with what belongs to it in the lines below; `indent` is the parent's."""
        anchor = ""
        while found := PROPERTY.match(text):
            anchor = found[0].strip()[1:] if found[0].startswith("&") else anchor
            text = text[found.end() :]
        count = len(self.leaves)
        if not text or text.startswith("#"):
            self.comment(text, path)
            self.read_block(indent, path, lists_too=below_key)
        elif found := BLOCK.match(text):
            self.leaves.append(Leaf(path, self.block_text(indent, found["style"])))
        elif text[0] in "\"'":
            text = self.gathered(text, lambda t: end_of_quoted(t) >= 0)
            end = end_of_quoted(text)
            self.leaves.append(Leaf(path, unquoted(text[:end])))
            self.comment(text[end:], path[:-1])
        elif text[0] in "[{":
            text = self.gathered(text, lambda t: Flow(t, path, self.anchors).ends())
            flow = Flow(text, path, self.anchors)
            flow.read(path)
            self.leaves += flow.leaves
            self.comment(text[flow.at :], path[:-1])
        else:
            self.read_plain(text, indent, path)
        if anchor:
            new = [leaf for leaf in self.leaves[count:] if not leaf.is_comment]
            self.anchors[anchor] = new[0].text if len(new) == 1 and new[0].path == path else None

    def read_plain(self, text: str, indent: int, path: tuple[str | int, ...]) -> None:
        """A scalar without quotes, or an alias."""
        if text[0] in "%@`,]}" or re.match(r"[-?:](\s|$)", text):
            raise UnreadableYaml(f"line {self.at}")
        text, comment = cut_comment(text)
        if ": " in text or text.endswith(":"):
            raise UnreadableYaml(f"line {self.at}")
        while not comment and self.at < len(self.lines):
            line = self.lines[self.at]
            content = line.strip()
            if not content or content.startswith("#") or len(line) - len(line.lstrip(" ")) <= indent:
                break
            if indent < 0 and re.match(r"(---|\.\.\.)(\s|$)", line):
                break
            more, comment = cut_comment(content)
            if ": " in more or more.endswith(":"):
                raise UnreadableYaml(f"line {self.at + 1}")
            text += " " + more
            self.at += 1
        self.leaves.append(scalar(path, text, self.anchors))
        self.comment(comment, path[:-1])

    def block_text(self, indent: int, style: str) -> str:
        """The lines of a `|` or `>` scalar; blank lines and the last line break do not matter here."""
        taken = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            taken.append(line.strip())
            self.at += 1
        return ("\n" if style == "|" else " ").join(line for line in taken if line)

    def gathered(self, text: str, is_whole: Callable[[str], bool]) -> str:
        """The text with as many lines below as it needs to be whole. Raises Unreadable at the end of the file."""
        last = min(len(self.lines), self.at + LONGEST)
        while not is_whole(text):
            if self.at >= last:
                raise UnreadableYaml("a quote or bracket without its end")
            line = self.lines[self.at].strip()
            escaped = (len(text) - len(text.rstrip("\\"))) % 2  # a line break that a `\\` takes back
            text = text[:-1] + line if escaped else f"{text} {line}"
            self.at += 1
        return text


class Flow:
    """`[a, b]` and `{a: b}`, on one line."""

    def __init__(self, text: str, path: tuple[str | int, ...], anchors: dict[str, str | None]) -> None:
        self.text, self.at, self.anchors = text, 0, anchors
        self.leaves: list[Leaf] = []
        self.path = path

    def ends(self) -> bool:
        """Whether every bracket is closed."""
        try:
            self.read(self.path)
        except IndexError:
            return False
        return True

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        if self.text[self.at] == "#":
            raise UnreadableYaml("a comment inside of brackets")

    def read(self, path: tuple[str | int, ...]) -> None:
        """One value. Raises IndexError when the text ends before it, Unreadable."""
        self.skip()
        while found := PROPERTY.match(self.text, self.at):
            self.at = found.end()
            self.skip()
        if self.text[self.at] in "[{":
            self.read_items(path, {"[": "]", "{": "}"}[self.text[self.at]])
        else:
            self.leaves.append(self.read_scalar(path))

    def read_items(self, path: tuple[str | int, ...], end: str) -> None:
        self.at += 1
        count = 0
        self.skip()
        while self.text[self.at] != end:
            if end == "]":
                self.read_item((*path, count))
            else:
                key = str(self.read_scalar(path).text or "")
                self.skip()
                if self.text[self.at] == ":":
                    self.at += 1
                    self.skip()
                    self.read_or_null((*path, key))
                else:
                    self.leaves.append(Leaf((*path, key), None))
            count += 1
            self.skip()
            if self.text[self.at] == ",":
                self.at += 1
                self.skip()
            elif self.text[self.at] != end:
                raise UnreadableYaml("brackets")
        self.at += 1

    def read_item(self, path: tuple[str | int, ...]) -> None:
        """An item of a list; `[a: b]` is a mapping of one key."""
        count = len(self.leaves)
        self.read(path)
        self.skip()
        if self.text[self.at] == ":":
            key = str(self.leaves[count].text or "")
            del self.leaves[count:]
            self.at += 1
            self.skip()
            self.read_or_null((*path, key))

    def read_or_null(self, path: tuple[str | int, ...]) -> None:
        if self.text[self.at] in ",]}":
            self.leaves.append(Leaf(path, None))
        else:
            self.read(path)

    def read_scalar(self, path: tuple[str | int, ...]) -> Leaf:
        if self.text[self.at] in "\"'":
            end = end_of_quoted(self.text[self.at :])
            if end < 0:
                raise IndexError
            begin, self.at = self.at, self.at + end
            return Leaf(path, unquoted(self.text[begin : self.at]))
        found = re.compile(r"(?:[^,\[\]{}:#]|:(?![\s,\[\]{}]|$)|(?<!\s)#)+").match(self.text, self.at)
        if not found:
            raise UnreadableYaml("brackets")
        self.at = found.end()
        return scalar(path, found[0].strip(), self.anchors)


def scalar(path: tuple[str | int, ...], text: str, anchors: dict[str, str | None]) -> Leaf:
    """A scalar without quotes. An alias has the text that it stands for; one of a list or mapping stays an alias."""
    text = text.strip()
    if text.startswith("*"):
        known = anchors.get(text[1:])
        return Leaf(path, text if known is None else known)
    return Leaf(path, None if text in NULLS else text)


def cut_comment(text: str) -> tuple[str, str]:
    """A line's value, and its comment with the sign."""
    found = re.search(r"\s#", text)
    return (text[: found.start()].rstrip(), text[found.start() :].strip()) if found else (text.rstrip(), "")


def end_of_quoted(text: str) -> int:
    """Where the quoted scalar at the beginning of the text ends, -1 when it does not."""
    pattern = r'"(?:[^"\\]|\\.)*"' if text[0] == '"' else r"'(?:[^']|'')*'"
    found = re.match(pattern, text, re.S)
    return found.end() if found else -1


def unquoted(text: str) -> str:
    """What a quoted scalar says. Raises Unreadable."""
    body = text[1:-1]
    if text[0] == "'":
        return body.replace("''", "'")

    def unescape(found: re.Match[str]) -> str:
        sign, digits = found[1], found[2] or ""
        if sign in CODES:
            if len(digits) < CODES[sign] or int(digits[: CODES[sign]], 16) > 0x10FFFF:
                raise UnreadableYaml("an escape")
            return chr(int(digits[: CODES[sign]], 16)) + digits[CODES[sign] :]
        if sign not in ESCAPES:
            raise UnreadableYaml("an escape")
        return ESCAPES[sign] + digits

    return re.sub(r"\\(.)((?<=[xuU])[0-9A-Fa-f]{1,8})?", unescape, body, flags=re.S)
