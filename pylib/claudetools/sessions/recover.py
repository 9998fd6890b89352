"""What a session did, from its commits and its transcript: for the log of one that left none."""

from __future__ import annotations

from claudetools.core import cli, git
from claudetools.core.messages import visible
from claudetools.core.place import Place
from claudetools.sessions import transcript
from claudetools.sessions.registry import Session


def talk(session: Session, size: int) -> str:
    """The digest of the transcript. Raises Stop where there is none."""
    if not session.transcript:
        raise cli.Stop(
            cli.HELD, "No hook has said where this session's transcript is.", "Write the log from its commits."
        )
    try:
        text = transcript.digest(transcript.read_lines(session.transcript), size).text
    except OSError as error:
        raise cli.Stop(
            cli.HELD,
            f"The transcript {visible(session.transcript)} cannot be read: {error.strerror}.",
            "Write the log from the session's commits.",
        ) from error
    return text or "(nothing in it that can be read)"


def commits_of(place: Place, id: str, size: int) -> str:
    """Commits with the session's trailer, with their files, in about `size` characters."""
    try:
        told = git.run(
            place.top,
            "log",
            "-50",
            "--no-merges",
            "--fixed-strings",
            f"--grep=Session-Id: {id}",
            "--stat",
            "--format=%h %s",
        )
    except git.GitError:
        return "Commits: none"
    text = visible(told.decode("utf-8", "replace").strip(), keep="\n")
    if len(text) > size:
        text = f"{text[:size].rpartition(chr(10))[0]}\n[... more: git log --grep='Session-Id: {visible(id)}' ...]"
    return f"Commits:\n{text}" if text else "Commits: none"
