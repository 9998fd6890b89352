"""The job `lock`: judge, sweep, break and show. Started by the shell on contention, and by doctor.sh."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from claudetools.core.place import typed_command
from claudetools.lock.judging import OwnerVerdict, beacon_is_dark, clean, judge, read_record

# --- clearing -------------------------------------------------------------------------
# Clearing a lock whose owner is proved dead, and the claims that dead processes left.
#
# The proof comes *before* the owner is read again under the guard: death is stable and tokens are unique, so a delayed
# step can hit nobody else.


GUARD_SECONDS = 2.0


@contextlib.contextmanager
def guard(state: str) -> Iterator[None]:
    """A kernel lock, gone with its holder. The file is never deleted: deleting it would make two guards."""
    fd = os.open(os.path.join(state, "reclaim.guard"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            # A guard's holder needs microseconds; one that was stopped there must not stop everybody else.
            deadline = time.monotonic() + GUARD_SECONDS
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
        yield
    finally:
        os.close(fd)


def clear(lock: str, state: str, token: str) -> bool:
    """Unlink the owner if it still is the one with `token`. The caller has proved that owner dead."""
    owner, claims = os.path.join(lock, "owner"), os.path.join(state, "claims")
    with guard(state):
        record = read_record(owner, claims)
        if record is None or record.token != token:
            return False
        pause_for_test("verdict-unlink")
        # The mark first: killed between the two, the owner is judged again and the mark is already there.
        beacon = _mark_dead(claims, token)
        pause_for_test("mark-unlink")
        try:
            os.unlink(owner)
        except FileNotFoundError:  # a broken lock's live owner let go by itself
            return False
        pause_for_test("unlink-beacon")
        if beacon_is_dark(beacon):
            with contextlib.suppress(OSError):
                os.unlink(beacon)
    return True


def _mark_dead(claims: str, token: str) -> str:
    """Rename the claim so that the next owner looks for what a killed git may have left (scripts/lib/recover.sh).

    Returns the path of its beacon.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(claims):
            if name.endswith(f".{token}"):
                plain = name.removeprefix("dead.")
                os.replace(os.path.join(claims, name), os.path.join(claims, f"dead.{plain}"))
                return os.path.join(claims, f"{plain}.alive")
    return ""


def sweep(lock: str, state: str, machine: str, boot: str) -> list[str]:
    """Remove the claims of dead processes that own nothing. Returns their tokens."""
    claims, owner, swept = os.path.join(state, "claims"), os.path.join(lock, "owner"), []
    for name in _names(claims):
        path = os.path.join(claims, name)
        if name.endswith(".alive"):
            if not os.path.exists(path.removesuffix(".alive")) and beacon_is_dark(path):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            continue
        if name.startswith("dead."):
            continue
        with contextlib.suppress(OSError, ValueError):
            if os.path.exists(owner) and os.path.samefile(path, owner):
                continue
            record = read_record(path, claims)
            if record and judge(record, machine, boot)[0] is OwnerVerdict.DEAD:
                for leftover in (path + ".alive", path):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(leftover)
                swept.append(record.token)
    for token in _names(os.path.join(state, "nested")):
        with contextlib.suppress(OSError, ValueError):
            record = read_record(owner, claims)
            if record and record.token != token:
                _sweep_level(os.path.join(state, "nested", token), claims, machine, boot)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.join(state, "nested"))
    return swept


def _sweep_level(level: str, above: str, machine: str, boot: str) -> None:
    """Remove what a killed with-lock left of the level below it, unless anything there may still live.

    A claim that owned the level goes up as a dead one: its git may have left something as well.
    """
    claims, lock = os.path.join(level, "claims"), os.path.join(level, "lock")
    owner = os.path.join(lock, "owner")
    names = [name for name in _names(claims) if not name.endswith(".alive")]
    for name in names:
        record = read_record(os.path.join(claims, name), claims)
        if record is None or beacon_is_dark(record.beacon) is False:
            return
        if not name.startswith("dead.") and judge(record, machine, boot)[0] is not OwnerVerdict.DEAD:
            return
    for name in names:
        path = os.path.join(claims, name)
        if name.startswith("dead.") or (os.path.exists(owner) and os.path.samefile(path, owner)):
            os.replace(path, os.path.join(above, "dead." + name.removeprefix("dead.")))
        else:
            os.unlink(path)
    for path in (owner, os.path.join(level, "reclaim.guard"), *(os.path.join(claims, n) for n in _names(claims))):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    for folder in (lock, claims, level):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(folder)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def pause_for_test(point: str) -> None:
    """Tests stop a helper between two steps: CLAUDETOOLS_TEST_PAUSE=point:FIFO blocks until the FIFO is written."""
    wanted, _, fifo = os.environ.get("CLAUDETOOLS_TEST_PAUSE", "").partition(":")
    if wanted == point:
        with open(fifo) as file:
            file.read()


# --------------------------------------------------------------------------------------


def doctor(lock: str) -> str:
    """What one types to have a look at this lock."""
    return typed_command(os.path.dirname(os.path.dirname(lock)), "doctor")


def judge_and_clear(lock: str, state: str, machine: str, boot: str) -> str:
    """One line for the shell: CLEARED text, GONE, HELD text or FOREIGN text."""
    try:
        record = read_record(os.path.join(lock, "owner"), os.path.join(state, "claims"))
    except ValueError as error:
        return f"FOREIGN {error}. Look at it: {doctor(lock)} --locks"
    if record is None:
        return "GONE"
    pause_for_test("read")
    verdict, text = judge(record, machine, boot)
    if verdict is OwnerVerdict.HELD:
        return f"HELD {text}"
    if verdict is OwnerVerdict.FOREIGN:
        return f"FOREIGN {text} If that run is over for certain: {doctor(lock)} --break-lock {clean(record.token)}"
    pause_for_test("verdict")
    try:
        return f"CLEARED {text}" if clear(lock, state, record.token) else "GONE"
    except BlockingIOError:
        return f"HELD {record.label} is dead; another run that is just clearing its lock does not get on."
    except OSError as error:
        return f"FOREIGN {record.label} is dead, but its lock cannot be cleared: {clean(str(error))}."


def show(lock: str, state: str, machine: str, boot: str) -> int:
    """Who has the lock, in a person's words. Exit 0 free or held, 73 when nobody here can tell."""
    try:
        record = read_record(os.path.join(lock, "owner"), os.path.join(state, "claims"))
    except ValueError as error:
        print(error)
        return 73
    if record is None:
        print("The lock is free.")
        return 0
    verdict, text = judge(record, machine, boot)
    print(text if verdict is not OwnerVerdict.DEAD else f"{record.label} is dead; the next sync clears its lock.")
    return 73 if verdict is OwnerVerdict.FOREIGN else 0


def break_lock(lock: str, state: str, token: str) -> int:
    """A person's word replaces the proof of death; the guard and the token still decide whom it hits."""
    try:
        done = clear(lock, state, token)
    except (OSError, ValueError) as error:
        print(f"{error}", file=sys.stderr)
        return 73
    print(f"{'Cleared' if done else 'Not the owner any more, nothing was done'}: {clean(token)}")
    return 0 if done else 73


def main(argv: list[str]) -> int:
    """judge, sweep, show or break for LOCK STATE MACHINE BOOT [TOKEN]; what each says is on stdout."""
    job, lock, state, machine, boot, token = [*argv, ""][:6]
    if job == "judge":
        print(judge_and_clear(lock, state, machine, boot))
    elif job == "sweep":
        print("\n".join(sweep(lock, state, machine, boot)))
    elif job == "show":
        return show(lock, state, machine, boot)
    elif job == "break":
        return break_lock(lock, state, token)
    else:
        raise ValueError(f"no such job: {job}")
    return 0
