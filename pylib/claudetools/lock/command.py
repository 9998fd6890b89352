"""The job `lock`: judge, sweep, break and show. Started by the shell on contention, and by doctor.sh."""

from __future__ import annotations

import os
import sys

from claudetools.core.place import typed_command
from claudetools.lock.clearing import clear, pause_for_test, sweep
from claudetools.lock.judging import Verdict, judge
from claudetools.lock.record import clean, read_record


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
    if verdict is Verdict.HELD:
        return f"HELD {text}"
    if verdict is Verdict.FOREIGN:
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
    print(text if verdict is not Verdict.DEAD else f"{record.label} is dead; the next sync clears its lock.")
    return 73 if verdict is Verdict.FOREIGN else 0


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
