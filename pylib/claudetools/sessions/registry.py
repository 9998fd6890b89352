"""Which sessions work in this tree: one folder each, `<state>/trees/<tree>/sessions/<id>/`.

`session.json` says who it is, the file `seen` was touched at its last activity. Whatever a hook, another version or a
full disk has left there is read as "somebody may work here" until it has been idle: never as "nobody", never an error.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Mapping
from contextlib import suppress

from claudetools.core import processes
from claudetools.core.light import NamedTuple, sha256
from claudetools.core.place import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
EDITS = "edits.jsonl"  # the ledger: what a session has changed
IDLE = 30 * 60.0
KEPT = 30 * 86400.0
LONGEST_RECORD = 64 * 1024
LONGEST_PROMPT = 4096  # of what somebody types, that is looked at
LONGEST_TITLE = 60
PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
# Who started us says it in one of these; a hook's own payload is asked last.
ID_VARIABLES = ("CLAUDETOOLS_SESSION_ID", "CLAUDE_CODE_SESSION_ID", "CODEX_SESSION_ID")

CALLER = "CLAUDETOOLS_CALLER_ID"  # who gives a command as another session (`--session`)


class Session(NamedTuple):
    """One session. Times are seconds since the epoch; `pid` 0, texts "" and `ended` 0.0 stand for "not known".

    `topic` names its log and its commits; `asked`, what its person typed first, only tells others on this machine what
    it does until it has one. `toolkit` is the folder that its hooks ran from. `ledger`: it was given one (ledger.py).
    """

    id: str
    agent: str = ""
    pid: int = 0
    started: str = ""
    system: str = ""
    host: str = ""
    user: str = ""
    topic: str = ""
    asked: str = ""
    transcript: str = ""
    toolkit: str = ""
    ledger: bool = False
    began: float = 0.0
    ended: float = 0.0
    seen: float = 0.0

    @property
    def title(self) -> str:
        """What it works on, "" where nobody has said so."""
        return self.topic or self.asked

    def state(self, now: float | None = None) -> str:
        """ "ended", "dead" (its process is proved gone), "idle" (30 minutes without activity) or "live".

        What was active after its end was resumed. Without a process that can be asked, it lives until it idles.
        """
        if self.ended and self.seen <= self.ended:
            return "ended"
        if self.is_gone():
            return "dead"
        now = time.time() if now is None else now
        return "idle" if abs(now - self.seen) > IDLE else "live"  # abs: a clock that was wrong must not keep it alive

    def is_gone(self) -> bool:
        """Whether its process has surely ended. False: cannot tell."""
        return processes.has_ended(self.pid, self.started, self.system, self.host)


def current_id(environ: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> str | None:
    """The id of the caller's session, safe to use as a name; None outside of any session."""
    told = [environ.get(name) for name in ID_VARIABLES] + [(payload or {}).get("session_id")]
    return next((safe_id(id) for id in told if isinstance(id, str) and id.strip()), None)


def writer_id(environ: Mapping[str, str]) -> str:
    """Whose work it is what a command writes: the caller's, also where it works as another session. "" for nobody's."""
    return environ.get(CALLER) or current_id(environ) or ""


def safe_id(id: str) -> str:
    """An id from outside as the name of a folder: as it is when it is plain, else a digest of it."""
    if PLAIN_ID.fullmatch(id):
        return id
    return "x-" + sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def folder_of(place: Place, id: str) -> str:
    """Where a session's files lie. The folder may not be there yet."""
    return os.path.join(place.tree, "sessions", safe_id(id))


def register(
    place: Place,
    id: str,
    *,
    agent: str = "",
    pid: int | None = None,
    transcript: str = "",
    topic: str = "",
    toolkit: str = "",
) -> Session:
    """Write down that a session works here; again after a resume: what is not told stays as it was. Raises OSError."""
    old = read_session(place, id)
    if old is None:
        begin_ledger(place, id)
        old = Session(safe_id(id), ledger=True)
    now = time.time()
    session = old._replace(
        agent=agent or old.agent,
        transcript=transcript or old.transcript,
        topic=topic or old.topic,
        toolkit=toolkit or old.toolkit,
        host=processes.host_name(),
        system=processes.system_name(),
        user=user_of(place) or old.user,
        began=old.began or now,
        ended=0.0,
    )
    if pid:
        session = session._replace(pid=pid, started=processes.start_of(pid))
    _write(place, session)
    touch(place, id, now)
    return session._replace(seen=now)


def begin_ledger(place: Place, id: str) -> None:
    """An empty one where there is none: a session that has none has lost it. Raises OSError."""
    make_private(folder_of(place, id))
    os.close(os.open(os.path.join(folder_of(place, id), EDITS), os.O_WRONLY | os.O_CREAT, 0o600))


def set_topic(place: Place, id: str, topic: str, by: str = "") -> None:
    """What the session works on, for others to see. Registers a session that no hook has announced; where another one,
    `by`, writes its log, it is no more alive for that, and one that is over stays so."""
    session = read_session(place, id)
    if session and (by not in ("", id) or session.state() in ("ended", "dead")):
        _write(place, session._replace(topic=topic))
    elif by in ("", id):
        register(place, id, topic=topic)


def note_prompt(place: Place, id: str, prompt: str, toolkit: str) -> None:
    """What its person wants, from the first prompt that says so in words; later ones change nothing. And which hooks it
    runs: a client may load those of an updated plugin without starting anew."""
    session = read_session(place, id)
    if session is None:
        return
    line = next((line.strip() for line in prompt[:LONGEST_PROMPT].splitlines() if line.strip()), "")
    words = line[:LONGEST_TITLE] if not line.startswith(("/", "<")) else ""
    new = session._replace(asked=session.asked if session.title else words, toolkit=toolkit if session.toolkit else "")
    if new != session:
        _write(place, new)


def touch(place: Place, id: str, now: float | None = None) -> None:
    """The session is active. Also one that no hook has announced: it counts as live until it idles. Raises OSError."""
    now = time.time() if now is None else now
    path = os.path.join(folder_of(place, id), "seen")
    try:
        os.utime(path, (now, now))
    except FileNotFoundError:
        make_private(os.path.dirname(path))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        os.utime(path, (now, now))


def end(place: Place, id: str) -> None:
    """The session has ended. A session that was never registered is not made one. Raises OSError."""
    session = read_session(place, id)
    if session is not None:
        _write(place, session._replace(ended=time.time()))


def find_sessions(place: Place) -> list[Session]:
    """Every session that has a folder, the one that was active last first."""
    try:
        names = os.listdir(os.path.join(place.tree, "sessions"))
    except OSError:
        return []
    found = [read_session(place, name) for name in names if PLAIN_ID.fullmatch(name)]
    return sorted((s for s in found if s is not None), key=lambda s: (-s.seen, s.id))


def prune(place: Place, now: float | None = None) -> None:
    """Forget sessions that are over and were last active 30 days ago. Looks once a day. Raises OSError."""
    now = time.time() if now is None else now
    marker = os.path.join(place.tree, "sessions", ".pruned")
    with suppress(FileNotFoundError):
        if abs(now - os.lstat(marker).st_mtime) < 86400:
            return
    os.close(os.open(marker, os.O_WRONLY | os.O_CREAT, 0o600))
    os.utime(marker, (now, now))
    old = [s for s in find_sessions(place) if now - s.seen > KEPT and s.state(now) != "live"]
    if old:
        import shutil  # 8 ms that a hook pays on such a day only

        for session in old:
            shutil.rmtree(folder_of(place, session.id), ignore_errors=True)


def read_session(place: Place, id: str) -> Session | None:
    """One session, None when it has no folder. What its record does not say is left empty."""
    folder = folder_of(place, id)
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return None
    except OSError:
        return None
    record = _read_record(os.path.join(folder, "session.json"))
    told: dict[str, Any] = {}
    for key in ("agent", "started", "system", "host", "user", "topic", "asked", "transcript", "toolkit"):
        if isinstance(record.get(key), str):
            told[key] = record[key]
    for key in ("began", "ended"):
        if isinstance(record.get(key), (int, float)) and not isinstance(record[key], bool):
            with suppress(OverflowError):
                told[key] = float(record[key])
    told["ledger"] = record.get("ledger") is True
    pid = record.get("pid")
    if isinstance(pid, int) and not isinstance(pid, bool) and 0 < pid < 2**31:
        told["pid"] = pid
    return Session(safe_id(id), seen=_last_activity(folder), **told)


def _read_record(path: str) -> dict[str, Any]:
    """The object in session.json; empty when it is missing, broken, no plain file or of another version."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            text = os.read(fd, LONGEST_RECORD) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        finally:
            os.close(fd)
        record = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) and record.get("version") == VERSION else {}


def _last_activity(folder: str) -> float:
    for path in (os.path.join(folder, "seen"), os.path.join(folder, "session.json"), folder):
        with suppress(OSError):
            return os.lstat(path).st_mtime
    return 0.0


def _write(place: Place, session: Session) -> None:
    """The whole record in one step: a reader sees the old one or the new one."""
    record = {"version": VERSION, **session._asdict()}
    del record["seen"]
    folder = folder_of(place, session.id)
    make_private(folder)
    draft = os.path.join(folder, f".session.{os.urandom(6).hex()}")
    try:
        with open(draft, "x", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(record) + "\n")
        os.replace(draft, os.path.join(folder, "session.json"))
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def make_private(folder: str) -> None:
    """A folder with its parents, each open to this user only where it has to be made."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
    except FileNotFoundError:
        make_private(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)


def user_of(place: Place) -> str:
    """Who the last sync found to work on this machine, "" when none has run yet."""
    for cache in (os.path.join(place.tree, "identity"), os.path.join(place.state, "identity")):
        with suppress(OSError), open(cache, encoding="utf-8", errors="replace") as file:
            return next((line[5:].rstrip("\n") for line in file if line.startswith("user=")), "")
    return ""
