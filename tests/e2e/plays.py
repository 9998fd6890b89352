"""What the scripted model answers. A play gets the talk so far and returns one content block."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]
TOOLS = "bash .claude/scripts/claudetools.sh"
MINUTES = 600_000


class Talk:
    """One request, read: what the client has told the model so far."""

    def __init__(self, body: Json) -> None:
        self.blocks: list[Json] = []  # of the user's side, in order
        for message in body["messages"]:
            content = message["content"]
            if message["role"] == "user":
                self.blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content

    @property
    def prompt(self) -> str:
        """All text that is no tool's."""
        return "\n".join(block["text"] for block in self.blocks if block["type"] == "text")

    @property
    def results(self) -> list[str]:
        """What the tools have answered, in order."""
        return [text_of(block["content"]) for block in self.blocks if block["type"] == "tool_result"]


def text_of(content: Any) -> str:
    """The text of a tool's result."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def say(text: str) -> Json:
    """The model's last word."""
    return {"type": "text", "text": text}


def use(tool: str, **arguments: object) -> Json:
    """The model wants a tool run."""
    return {"type": "tool_use", "name": tool, "input": arguments}


def bash(command: str) -> Json:
    """A command, with the time limit that the skills ask for."""
    return use("Bash", command=command, timeout=MINUTES, description="as the skill says")


def echo(talk: Talk) -> Json:
    """Ends at once."""
    return say("heard")


def save(talk: Talk) -> Json:
    """What the skill asks for: claim the log, fill it in, check it, the wiki, sync, and repeat what sync said."""
    done = talk.results
    topic = re.search(r"^# Save (.+)$", talk.prompt, re.MULTILINE)
    if topic is None:
        return say("/save did not expand")
    if not done:
        return bash(f'{TOOLS} log new "{topic[1].strip()}" --client acme')
    log = done[0].strip().split("\n")[-1]
    steps = (
        use("Read", file_path=log),
        use(
            "Edit", file_path=log, old_string="## Session Summary\n", new_string="## Session Summary\n\nAll is well.\n"
        ),
        bash(f"{TOOLS} log check {log}"),
        bash(f"{TOOLS} wiki compile client:acme --full"),
        bash(f"bash .claude/scripts/sync.sh -m 'acme: {topic[1].strip()}'"),
    )
    return steps[len(done) - 1] if len(done) <= len(steps) else say(done[-1])


def scc(talk: Talk) -> Json:
    """A change, then what the skill asks for."""
    message = re.search(r"^---\n(.+)\n---$", talk.prompt, re.MULTILINE)
    words = message[1].replace("'", "'\\''") if message else "no message"
    return change_and(talk, f"bash .claude/scripts/sync.sh -m '{words}'")


def checkpoint(talk: Talk) -> Json:
    """A change, then what the skill asks for."""
    asked = "sync.sh --no-push" in talk.prompt
    return change_and(talk, "bash .claude/scripts/sync.sh --no-push -m 'half way'") if asked else say("no skill")


def change_and(talk: Talk, command: str, *before: str) -> Json:
    """Write a file, run the command, repeat what it said. Commands `before` come first."""
    write = use("Write", file_path="notes.md", content="changed by an agent\n")
    steps = (*map(bash, before), write, bash(command))
    return steps[len(talk.results)] if len(talk.results) < len(steps) else say(talk.results[-1])


def wreck(talk: Talk) -> Json:
    """Damage what the prompt names, then use every kind of tool."""
    damage = re.search(r"^damage: (.+)$", talk.prompt, re.MULTILINE)
    assert damage
    return change_and(talk, "echo still here", f"{damage[1]}; echo damaged")


def synthesize(talk: Talk) -> Json:
    """A draft with one line that is true, one that is invented, and a changed History."""
    asked = re.search(r"S1:(\d+)\| Replaced the firewall", talk.prompt)
    line = asked[1] if asked else "0"
    article = (
        f"# Acme Corp\n\n## Overview\nFirewall fw1.acme.example at 203.0.113.7:8443. [S1:{line}]\n"
        "Backup at 198.51.100.200.\n\n## History\n- 2026-01-01: something else\n"
    )
    return use("StructuredOutput", title="Acme Corp", article=article)


def overloaded(talk: Talk) -> Json:
    """The service has no time (stage.py answers 529)."""
    return {"type": "error", "status": 529, "error": "overloaded_error"}


def share(talk: Talk) -> Json:
    """Beside others in one file: read it, edit it until that succeeds, stash in vain, make files by a command, save."""
    name = re.search(r"my name is (\w+)", talk.prompt)
    assert name
    who, done = name[1], len([text for text in talk.results if "has been updated" in text])
    last = talk.results[-1] if talk.results else ""
    edits = (f"own {who}:", f"own {who}: edited by {who}"), ("end of the list", f"added by {who}\nend of the list")
    if not talk.results or "modified since" in last or "has not been read" in last:
        return use("Read", file_path="list.md")
    if done < len(edits):
        return use("Edit", file_path="list.md", old_string=edits[done][0], new_string=edits[done][1])
    if "has been updated" in last:
        return bash("git stash")
    if "Instead:" in last:
        return bash(f"echo made by {who} >made-{who}.md; echo noted by {who} >>notes-{who}.md")
    if "claudetools" not in last and "[OK]" not in last:
        return bash("bash .claude/scripts/sync.sh")
    return say(last)
