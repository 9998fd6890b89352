"""What a lock's record may hold, cut, forged or foreign, and what is said of its owner."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from claudetools.lock import command, judging
from claudetools.lock.judging import MAX_RECORD
from yard import TAKE, Yard, finish, kill, linux_only, living

TOKEN = "ab" * 16


def record(yard: Yard, **changes: str) -> bytes:
    machine, boot = yard.facts()
    fields = {
        "protocol": "1", "token": TOKEN, "pid": "1", "start": "1", "boot": boot, "machine": machine, "host": "h",
        "user": "u", "winpid": "", "since": "1", "title": "planted", **changes,
    }  # fmt: skip
    return "".join(f"{key}={value}\n" for key, value in fields.items()).encode("utf-8", "surrogateescape")


def claim_name(yard: Yard, pid: str, start: str) -> str:
    return f"{yard.facts()[1]}.{pid}.{start}.{TOKEN}"


def assert_verdict(yard: Yard, code: int, words: str) -> None:
    before = yard.owner.read_bytes()
    done = yard.with_lock("--wait", "0", "--", "true")
    assert "Traceback" not in done.err and "line " not in done.err, done.text
    assert done.code == code, done.text
    assert words in done.err
    if code:
        assert yard.owner.read_bytes() == before
    else:
        assert not yard.owner.exists()


@linux_only
def test_an_empty_record_is_judged_by_its_claims_name(yard: Yard) -> None:
    yard.plant(b"", claim_name(yard, **living()))
    assert_verdict(yard, 75, f"(process {os.getpid()}")


@linux_only
def test_an_empty_record_of_a_dead_process_is_cleared(yard: Yard) -> None:
    yard.plant(b"", claim_name(yard, living()["pid"], "1"))
    assert_verdict(yard, 0, "cleared")


def test_an_empty_record_without_a_claim_is_left_to_a_person(yard: Yard) -> None:
    yard.plant(b"")
    assert_verdict(yard, 73, "holds no readable record")


@linux_only
def test_an_empty_record_of_an_earlier_start_is_cleared(yard: Yard) -> None:
    yard.plant(b"", f"{'0' * 32}.{os.getpid()}.1.{TOKEN}")
    assert_verdict(yard, 0, "older than this machine's last start: cleared")


@linux_only
@pytest.mark.parametrize("with_claim", [True, False], ids=["claim", "no claim"])
def test_a_live_owners_record_cut_at_any_byte_is_never_cleared(yard: Yard, with_claim: bool) -> None:
    machine, boot = yard.facts()
    whole = record(yard, **living())
    yard.plant(whole, claim_name(yard, **living()) if with_claim else "")
    for length in range(len(whole) + 1):
        yard.owner.write_bytes(whole[:length])
        said = command.judge_and_clear(str(yard.lock), str(yard.state), machine, boot)
        assert said.split()[0] == "HELD" if with_claim else said.split()[0] in ("HELD", "FOREIGN"), (length, said)
        assert yard.owner.exists()


@linux_only
@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "pid", ["", "0", "-1", "99999999999999999999", "4294967296", "²", "1 2", "\udcff\udcfe", "0x10"]
)
def test_a_record_with_an_impossible_pid_is_left_to_a_person(yard: Yard, pid: str) -> None:
    yard.plant(record(yard, pid=pid))
    assert_verdict(yard, 73, "holds no readable record")


@linux_only
def test_text_that_is_no_utf8_does_not_matter_where_it_decides_nothing(yard: Yard) -> None:
    yard.plant(record(yard, title="\udcff\udcfe", host="\udc80", **living()))
    assert_verdict(yard, 75, "has the lock")


@pytest.mark.parametrize("text", [b"\0" * 500, bytes(range(256)) * 40, b"protocol=1\n" * 5000, b"\n\n\n", b"=\n==\n"])
def test_rubbish_is_left_to_a_person(yard: Yard, text: bytes) -> None:
    yard.plant(text)
    assert_verdict(yard, 73, "")


@pytest.mark.parametrize("with_claim", [True, False], ids=["claim", "no claim"])
def test_a_newer_protocol_is_left_to_a_person_and_named(yard: Yard, with_claim: bool) -> None:
    yard.plant(b"protocol=2\nsomething=new\n", claim_name(yard, "1", "1") if with_claim else "")
    assert_verdict(yard, 73, "protocol 2")


def test_another_machines_lock_is_left_to_a_person_with_the_command_that_settles_it(yard: Yard) -> None:
    yard.plant(record(yard, boot="0" * 32, machine="another", host="their-host"))
    assert_verdict(yard, 73, f"doctor.sh --break-lock {TOKEN}")
    assert "their-host" in yard.judge("show").out


@linux_only
def test_another_start_of_this_machine_is_cleared_unless_its_beacon_still_burns(yard: Yard) -> None:
    text, name = record(yard, boot="0" * 32), f"{'0' * 32}.1.1.{TOKEN}"
    yard.plant(text, name)
    os.mkfifo(yard.claims / f"{name}.alive")
    beacon = os.open(yard.claims / f"{name}.alive", os.O_RDWR)
    assert_verdict(yard, 75, "in another container")
    os.close(beacon)
    assert_verdict(yard, 0, "older than this machine's last start: cleared")


def test_another_start_proves_nothing_on_a_shared_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    line = "36 35 98:0 / {} rw,noatime shared:1 - {} src rw\n"
    mounts.write_text(
        line.format("/", "ext4") + line.format("/net\\040dir", "nfs4") + line.format("/net\\040dir/local", "xfs")
        + line.format("/fuse", "fuse.sshfs") + line.format("/stick", "fuseblk")
    )  # fmt: skip
    expected = {"/home": True, "/net dir/x": False, "/net dir/local/x": True, "/fuse/x": False, "/stick/x": True}
    assert {path: judging.on_local_disk(path, str(mounts)) for path in expected} == expected
    assert judging.on_local_disk("/home", str(tmp_path / "missing"))


@linux_only
def test_our_own_pid_in_a_stale_record_is_cleared(yard: Yard) -> None:
    body = 'sed "s/@PID/$$/" "$TEMPLATE" >"$LOCK_DIR/owner"\n' + TAKE + "release_lock\n"
    yard.lock.mkdir()
    (yard.root / "template").write_bytes(record(yard, pid="@PID"))
    done = yard.program(body, env={"TEMPLATE": str(yard.root / "template"), "WAIT": "0"})
    assert done.code == 0, done.text
    assert "died without releasing the lock: cleared" in done.err


@linux_only
def test_r9_a_pid_that_was_given_to_another_process_is_cleared(yard: Yard) -> None:
    yard.plant(record(yard, pid=str(os.getpid()), start="1"))
    assert_verdict(yard, 0, "cleared")


def test_a_title_cannot_forge_another_field_of_the_record(yard: Yard) -> None:
    title = "x\npid=1\ntoken=0\r\x0bpid=2\n" + "long " * 2000
    gate = yard.gate("held")
    holder = yard.start_with_lock("--title", title, "--", "sh", "-c", gate.shell)
    gate.reached()
    text = yard.owner.read_text()
    assert text.count("\npid=") == 1 and f"\npid={holder.pid}\n" in text and len(text) < MAX_RECORD
    done = yard.with_lock("--wait", "0", "--", "true")
    assert done.code == 75 and f"(process {holder.pid} " in done.err, done.text
    gate.open()
    assert finish(holder).code == 0


@linux_only
def test_a_dead_owner_of_another_start_and_another_machine_is_left_to_a_person(yard: Yard) -> None:
    yard.plant(record(yard, boot="0" * 32, machine="0" * 32), f"{'0' * 32}.1.1.{TOKEN}")
    assert_verdict(yard, 73, "on another machine")


def test_sweep_spares_the_owner_the_living_and_the_marked(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate)
    dead = claim_name(yard, "1", "1")
    (yard.claims / dead).write_bytes(record(yard))
    (yard.claims / f"dead.{dead}x").write_text("")
    (yard.claims / "rubbish").write_text("rubbish")
    kept = {p.name for p in yard.claims.iterdir()} - {dead}
    assert yard.judge("sweep").out.split() == [TOKEN]
    assert {p.name for p in yard.claims.iterdir()} == kept
    gate.open()
    assert finish(holder).code == 0


def test_sweep_and_show_are_calm_where_nothing_is(yard: Yard) -> None:
    assert yard.judge("sweep").code == 0
    assert yard.judge("show").out == "The lock is free.\n"
    assert yard.judge("break", TOKEN).err.count("Traceback") == 0


def test_show_tells_held_and_dead_apart(yard: Yard) -> None:
    gate = yard.gate("held")
    holder = yard.holder(gate, "shown")
    assert f"'shown' (process {holder.pid} on" in yard.judge("show").out
    kill(holder)
    assert "is dead; the next sync clears its lock." in yard.judge("show").out
    assert yard.owner.exists()
