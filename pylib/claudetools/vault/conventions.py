"""What has to be encrypted: the conventions of pass, gopass, passage, sops, git-crypt and Ansible. Pure.

A store is a folder with `.gpg-id` or `.age-recipients`, with all below it. `path_regex` of `.sops.yaml` is YAML, and an
expression of Go (github.com/google/re2/wiki/Syntax), seen from the folder of the file.
"""

from __future__ import annotations

import re

from claudetools.vault.yaml_lines import UnreadableYaml, read

STORES = {".gpg-id": "gpg", ".age-recipients": "age"}
RULES = ".sops.yaml"
ATTRIBUTES = ".gitattributes"
NAMES = (*STORES, RULES, ATTRIBUTES)
# What these programs and git keep beside the secrets, and what tells people about them.
EXEMPT = {*NAMES, ".gpg-id.sig", ".gitignore", ".gitmodules", "README.md", "LICENSE"}
USUAL = re.compile(r"\.(ya?ml|json|env|ini)$", re.I)  # what sops usually encrypts
ANSIBLE = re.compile(r"(^|/)(group_vars|host_vars|vars)/(.*/)?vault([^/]*\.ya?ml)?(/|$)")


class Unclear(Exception):
    """An expression that cannot be said in Python. The text is the expression."""


def folders_of(path: str) -> list[str]:
    """The folders that a path lies in, the nearest first: "a/b/", "a/", ""."""
    found = []
    while path:
        path = path.rpartition("/")[0]
        found.append(f"{path}/" if path else "")
    return found


def by_name(path: str) -> str:
    """What the name alone asks for: "age", "pgp" (encrypted or public), "ansible" or ""."""
    if path.endswith(".age"):
        return "age"
    if path.endswith(".gpg"):
        return "pgp"
    return "ansible" if ANSIBLE.search(path) else ""


# --- .sops.yaml -------------------------------------------------------------------------


def read_rules(text: str) -> list[str]:
    """Each `path_regex` of the creation rules. Raises Unreadable. A rule without says how to encrypt, not what."""
    leaves = [leaf for leaf in read(text) if not leaf.is_comment and leaf.path[:1] == ("creation_rules",)]
    for leaf in leaves:
        if "<<" in leaf.path or (len(leaf.path) == 2 and (leaf.text or "").startswith("*")):
            raise UnreadableYaml("a rule that stands elsewhere")
        if leaf.path[2:] == ("path_regex",) and (leaf.text or "").startswith("*"):
            raise UnreadableYaml("an alias")
    return [leaf.text or "" for leaf in leaves if leaf.path[2:] == ("path_regex",)]


def asks_for(rules: list[str] | None, path: str) -> str:
    """ "sops" when a rule names the path, "unread" when one that cannot be read may, else "". None: no rule can be."""
    unclear = rules is None
    for rule in rules or []:
        try:
            if compile_go(rule).search(path):
                return "sops"
        except Unclear:
            unclear = True
    return "unread" if unclear and USUAL.search(path) else ""


# --- Go's regular expressions -------------------------------------------------------------

CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~", "space": r"\t-\r ",
    "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
ANY = r"[\s\S]"
PROPERTY = r"\\[pP](?:\{\^?\w+\}|[A-Z])"  # of Unicode: Python has none, so any character may be meant
TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\x\{(?P<code>[0-9A-Fa-f]{1,6})\}|\\(?P<octal>0[0-7]{0,2}|[1-7][0-7]{1,2})"
    rf"|(?P<property>{PROPERTY}|\\C)|\\(?P<escape>.)"
    r"|(?P<open>\((?:\?(?:P?<(?P<name>\w+)>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)]))?)?)|(?P<any>.)",
    re.S,
)


def compile_go(text: str) -> re.Pattern[str]:
    """Go's expression as one of Python that matches the same. Raises Unclear."""
    try:
        return re.compile(Translation(text).made(), re.ASCII)
    except (re.error, OverflowError, RecursionError, IndexError, ValueError) as error:
        raise Unclear(text) from error


class Translation:
    """One walk over an expression, token by token. What both take alike stays."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.flags = [""]  # of each group that is open
        self.closes = [0]  # how many brackets of ours end with it

    def made(self) -> str:
        out, at = [], 0
        while at < len(self.text):
            if self.text[at] == "[":
                part, at = self.read_class(at)
            else:
                found = TOKEN.match(self.text, at)
                if not found:
                    raise Unclear(self.text)
                at = found.end()
                part = self.token(found)
            out.append(part)
        if len(self.flags) != 1:
            raise Unclear(self.text)
        return "".join(out) + ")" * self.closes[0]

    def token(self, found: re.Match[str]) -> str:
        if found["quoted"] is not None:
            return re.escape(found["quoted"])
        if found["code"]:
            return re.escape(chr(int(found["code"], 16)))
        if found["octal"]:
            return re.escape(chr(int(found["octal"], 8)))
        if found["property"]:
            return ANY
        if found["escape"]:
            return self.escape(found["escape"])
        if found["open"]:
            return self.group(found)
        if found["any"] == ")":
            if len(self.flags) == 1:
                raise Unclear(self.text)
            self.flags.pop()
            return ")" * (self.closes.pop() + 1)
        if found["any"] == "|":  # ours would end here, and what follows would be without the flags
            return "|" if not self.closes[-1] else self.again()
        return found["any"] if found["any"] != "$" or "m" in self.flags[-1] else r"\Z"

    def again(self) -> str:
        count, self.closes[-1] = self.closes[-1], 0
        return ")" * count + "|" + self.begin(self.flags[-1])

    def begin(self, flags: str) -> str:
        """A group of Python's that has these flags, and not the others."""
        self.closes[-1] += 1
        on = "".join(sorted(set(flags) & set("ims")))
        off = "".join(sorted(set("ims") - set(on)))
        return f"(?{on}-{off}:" if off else f"(?{on}:"

    def group(self, found: re.Match[str]) -> str:
        if found["flags"] is None:
            if found["open"] == "(?":
                raise Unclear(self.text)  # Go has no other
            self.flags.append(self.flags[-1])
            self.closes.append(0)
            return f"(?P<{found['name']}>" if found["name"] else "("
        on, _, off = found["flags"].partition("-")
        flags = "".join(sorted((set(self.flags[-1]) | set(on)) - set(off) - {"U"}))  # which changes no answer
        if found["end"] == ")":
            self.flags[-1] = flags
            return self.begin(flags)
        self.flags.append(flags)
        self.closes.append(0)
        return "(?:" + self.begin(flags)

    def escape(self, char: str) -> str:
        if char in "dwsDWS":
            return f"[{'^' if char.isupper() else ''}{CLASSES[char.lower()]}]"
        if char == "z":
            return r"\Z"
        if char in "AbBafnrtvx" or not (char.isalnum() or char == "_"):
            return f"\\{char}"
        raise Unclear(self.text)  # what Go does not know

    def read_class(self, at: int) -> tuple[str, int]:
        """`[...]`, and where it ends."""
        out, at = ["["], at + 1
        if self.text[at] == "^":
            out.append("^")
            at += 1
        first, anything = True, False
        while first or self.text[at] != "]":
            first = False
            if self.text.startswith("[:", at):
                found = re.compile(r"\[:(\^?)(\w+):\]").match(self.text, at)
                if not found or found[2] not in POSIX:
                    raise Unclear(self.text)
                anything = anything or bool(found[1])
                out.append(POSIX[found[2]])
                at = found.end()
            elif found := re.compile(PROPERTY).match(self.text, at):
                anything, at = True, found.end()
            elif self.text[at] == "\\":
                char = self.text[at + 1]
                if char in "dwsDWS":
                    out.append(CLASSES[char] if char.islower() else f"\\{char}")
                elif char in "abfnrtvx" or not (char.isalnum() or char == "_"):
                    out.append(f"\\{char}")
                else:
                    raise Unclear(self.text)
                at += 2
            else:
                out.append(("\\" if self.text[at] in "[]&~|" else "") + self.text[at])
                at += 1
        return ANY if anything else "".join(out) + "]", at + 1
