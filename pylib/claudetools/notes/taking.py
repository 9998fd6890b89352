"""Who handles a note: one session takes it, is shown it once, and keeps it until it is done or the session has gone.

    inbox/open/<id>/taken.0001, taken.0002 ...   who took it, the last one counts; its first line is the session
    inbox/open/<id>/shown.0001                   that holder was shown the note
    inbox/open/<id>/told.<session>               that session heard that another one handles it

A note is taken by a link that fails where there is one of that number: two sessions never handle the same note.
Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from typing import Any, NamedTuple

from claudetools.core import processes
from claudetools.core.place import Place
from claudetools.notes import inbox
from claudetools.notes.inbox import Note, folder, names_in, open_notes
from claudetools.sessions import registry

TERMINAL = "@terminal-"  # no session's name: what begins so is a person's shell, by its process number
MOST = 5  # notes at once: more than that nobody reads
MOST_OF_ONE = 20  # unless they came with one commit
TAKEN = re.compile(r"taken\.(\d{4,9})")


class Holder(NamedTuple):
    """Who took a note. `number` counts those who did; `tree` is the git folder of the session's working tree.

    `shell` is known of a person only: the process of the shell. A record that cannot be read has no session.
    """

    number: int
    session: str = ""
    tree: str = ""
    since: float = 0.0
    shell: registry.Session | None = None

    def is_gone(self, place: Place, now: float | None = None) -> bool:
        """Whether it has ended or died. A session that no hook has announced counts for half an hour."""
        now = time.time() if now is None else now
        if self.shell or not self.session:
            return not self.shell or self.shell.is_gone()
        session = self.find_session(place)
        if session is None:
            return abs(now - self.since) > registry.IDLE
        return session.state(now) in ("ended", "dead")

    def find_session(self, place: Place) -> registry.Session | None:
        """Its entry in the register of the working tree where it works."""
        return registry.read_session(Place(place.top, self.tree or place.git_folder, place.common), self.session)

    def title(self, place: Place) -> str:
        """What others call it: its topic, or the beginning of its id. Not made safe to show."""
        if self.shell:
            return f"a terminal (process {self.shell.pid})"
        session = self.find_session(place)
        return session.title if session and session.title else f"session {self.session[:4]}"


def holder(place: Place, id: str) -> Holder | None:
    """Who took the note last, None when nobody did."""
    taken = [int(match[1]) for name in names_in(folder(place, "open", id)) if (match := TAKEN.fullmatch(name))]
    if not taken:
        return None
    number = max(taken)
    path = folder(place, "open", id, f"taken.{number:04}")
    try:
        with open(path, encoding="utf-8") as file:
            session, record = file.readline().rstrip("\n"), json.loads(file.readline())
        shell = registry.Session(**record["shell"]) if record["shell"] else None
        return Holder(number, session, str(record["tree"]), os.lstat(path).st_mtime, shell)
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(number)


def is_open(place: Place, id: str) -> bool:
    """Whether the note waits to be acknowledged."""
    return os.path.isdir(folder(place, "open", id))


def unread(place: Place, session: str = "", now: float | None = None) -> list[Note]:
    """What nobody handles: never taken, or taken by one who is gone; also what `session` took and did not see yet."""
    return [note for note in open_notes(place) if is_free(place, holder(place, note.id), note.id, session, now)]


def is_free(place: Place, who: Holder | None, id: str, session: str = "", now: float | None = None) -> bool:
    """Whether `session` may be shown the note that `who` has."""
    if who is None or who.is_gone(place, now):
        return True
    return bool(session) and who.session == session and not os.path.exists(shown_path(place, id, who.number))


def take(place: Place, id: str, session: str, pid: int = 0) -> int:
    """Make `session` the one that handles the note: its number as a holder, 0 when another one was faster.

    `pid` is that of a person's shell, for whom no session is registered. Raises OSError on a full disk and the like.
    """
    who = holder(place, id)
    if who and not who.is_gone(place):
        return who.number if is_free(place, who, id, session) else 0
    number = who.number + 1 if who else 1
    draft = folder(place, f"draft.{os.urandom(6).hex()}")
    try:
        with open(draft, "x", encoding="utf-8", newline="\n") as file:
            file.write(f"{session}\n{json.dumps({'tree': place.git_folder, 'shell': shell_record(session, pid)})}\n")
        os.link(draft, folder(place, "open", id, f"taken.{number:04}"))
        return number
    except (FileExistsError, FileNotFoundError):  # taken, or done, meanwhile
        return 0
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def take_unread(place: Place, session: str, pid: int = 0) -> tuple[list[tuple[Note, int]], int]:
    """Take what `session` may be shown, the notes of one commit together: each note, the holder's number; and how many
    are left. One that its author has taken back is only to be shown, and is done with that."""
    free = unread(place, session)
    most = min(MOST, len(free))
    while most < min(MOST_OF_ONE, len(free)) and free[most].commit == free[most - 1].commit:
        most += 1
    mine = [(note, number) for note in free[:most] if (number := take(place, note.id, session, pid))]
    for note, _ in mine:
        if note.state == inbox.WITHDRAWN:
            inbox.close(place, note.id)
    return mine, len(free) - most


def shell_record(session: str, pid: int) -> dict[str, Any] | None:
    """What tells later whether a person's shell is still there."""
    if not pid:
        return None
    shell = registry.Session(session, pid=pid, started=processes.start_of(pid))
    return shell._replace(system=processes.system_name(), host=processes.host_name())._asdict()


def shown_path(place: Place, id: str, number: int) -> str:
    """The file that says that the `number`th holder was shown the note. It is made when that was done, not before."""
    return folder(place, "open", id, f"shown.{number:04}")


def mark_shown(place: Place, id: str, number: int) -> None:
    """The `number`th holder has seen the note."""
    touch_new(shown_path(place, id, number))


def tell_once(place: Place, id: str, session: str) -> bool:
    """True the first time that `session` is to hear of a note which another one handles."""
    return touch_new(folder(place, "open", id, f"told.{registry.safe_id(session.lstrip('@'))}"))


def touch_new(path: str) -> bool:
    """Make an empty file; False when there is one, or its folder has gone."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return True
    except OSError:
        return False
