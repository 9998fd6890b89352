"""Shell commands that surely change no file of the tree, or whose changes we know ourselves: they need no window. Pure.

A window that is not opened costs nothing and contests nothing: without this, every session that saves would be a
suspect for what the others' commands write in those seconds. What is not surely harmless is not.
"""

from __future__ import annotations

import os

from claudetools.attribution.shell_words import simple_commands

# fmt: off
READERS = {
    "[", "cat", "cd", "cmp", "date", "df", "diff", "du", "echo", "false", "file", "grep", "head", "hostname", "id",
    "jq", "ls", "md5sum", "printf", "ps", "pwd", "readlink", "realpath", "rg", "sha256sum", "sleep", "stat", "tail",
    "test", "true", "tty", "type", "uname", "wc", "which", "whoami",
}
GIT_READERS = {
    "blame", "cat-file", "describe", "diff", "fetch", "grep", "log", "ls-files", "ls-tree", "push", "rev-list",
    "rev-parse", "show", "status",
}
# fmt: on
OURS = {"sync.sh": None, "whoami-block.sh": None, "claudetools.sh": ("log", "notes", "sessions")}
NOT_OURS = {"--restore", "--resolve", "--take", "run", "undo", "restore"}  # write files that they do not record
MARKS = (">", "`", "$(", "<(", "\0")


def is_harmless(command: object) -> bool:
    """Whether the command needs no window."""
    if not isinstance(command, str) or any(mark in command for mark in MARKS):
        return False
    commands = [words for words in simple_commands(command) if words]
    return bool(commands) and all(map(is_reader, commands))


def is_reader(words: list[str]) -> bool:
    """Whether one simple command only reads, or is ours."""
    name = words[0]
    if name in READERS:
        return True
    if name == "git" and len(words) > 1:
        return words[1] in GIT_READERS and not any(word.startswith(("--output", "-O", "--ext")) for word in words)
    if name in ("bash", "sh") and len(words) > 1:
        words = words[1:]
    script = os.path.basename(words[0])
    if script not in OURS or not words[0].replace("\\", "/").endswith(f"scripts/{script}"):
        return False
    return not NOT_OURS & set(words) and (OURS[script] is None or (len(words) > 1 and words[1] in (OURS[script] or ())))
