"""Where no lock can be made, or what lies there is none of ours: 73, the reason, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from world import WITH_LOCK
from yard import Yard, can, linux_only


def make_odd_owner(kind: str, owner: Path) -> None:
    if kind == "directory":
        owner.mkdir()
    elif kind == "link to nowhere":
        owner.symlink_to("nowhere")
    elif kind == "link to a file":
        owner.with_name("elsewhere").write_text("x")
        owner.symlink_to("elsewhere")
    else:
        os.mkfifo(owner)


@pytest.mark.parametrize("kind", ["directory", "link to nowhere", "link to a file", "FIFO"])
def test_an_owner_that_is_no_plain_file_is_named_and_left_alone(yard: Yard, kind: str) -> None:
    yard.lock.mkdir()
    make_odd_owner(kind, yard.owner)
    before = sorted(p.name for p in yard.lock.rglob("*"))
    # A token of a with-lock above must not make anybody open the FIFO: that would hang.
    done = yard.with_lock("--", "true", env={"CLAUDETOOLS_REENTER": "0" * 32})
    assert done.code == 73, done.text
    assert "owner is not a plain file" in done.err
    assert sorted(p.name for p in yard.lock.rglob("*")) == before
    assert list(yard.claims.iterdir()) == []
    for job in ("judge", "show"):
        said = yard.judge(job)
        assert "Traceback" not in said.err and ("FOREIGN" in said.out or said.code == 73), said.text


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_a_container_that_is_no_directory_is_73_with_the_systems_words(yard: Yard, kind: str) -> None:
    yard.lock.write_text("") if kind == "file" else yard.lock.symlink_to("nowhere")
    done = yard.with_lock("--wait", "5", "--", "true")
    assert done.code == 73, done.text
    assert "File exists" in done.err or "Not a directory" in done.err
    assert list(yard.claims.iterdir()) == []


IN_TMPFS = """\
set -e
mount -t tmpfs -o "$OPTIONS" none "$MOUNT"
cd "$MOUNT"
git init -q .
eval "$BEFORE"
code=0
bash "$WITH_LOCK" --wait 5 -- true || code=$?
echo "code=$code"
eval "$AFTER"
find .git/claudetools .git/claudetools-sync.lock ! -type d 2>/dev/null || :
"""
FILL = 'dd if=/dev/zero of=filler bs=4096 2>/dev/null || :; [ "$(stat -f -c %a .)" = 0 ]'
EAT_INODES = "n=0; while : >filler.$n; do n=$((n + 1)); done 2>/dev/null; "
CANNOT = {
    "no space": ("size=1m", FILL, "", "No space left on device"),
    "no space, claims folder there": ("size=1m", f"mkdir -p .git/claudetools/claims; {FILL}", "", "No space left"),
    "no inodes": ("size=8m,nr_inodes=120", EAT_INODES, "", "No space left on device"),
    "read-only": ("size=1m", "mount -o remount,ro .", "mount -o remount,rw .", "Read-only file system"),
} | {
    f"{free} inodes left": (
        "size=8m,nr_inodes=120",
        f"mkdir -p .git/claudetools/claims; {EAT_INODES} i=0; while [ $i -lt {free} ]; do "
        "n=$((n - 1)); i=$((i + 1)); rm filler.$n; done",
        "",
        "No space left on device",
    )
    for free in (1, 2, 3)
}


@pytest.mark.parametrize("trouble", CANNOT)
def test_where_no_lock_can_be_made_it_says_why_with_73_and_leaves_nothing(yard: Yard, trouble: str) -> None:
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if not can(*namespace, "mount", "-t", "tmpfs", "none", "/mnt"):
        pytest.skip("no mount namespace for us here")
    options, before, after, words = CANNOT[trouble]
    mount = yard.root / "mount"
    mount.mkdir()
    env = {"OPTIONS": options, "MOUNT": str(mount), "BEFORE": before, "AFTER": after, "WITH_LOCK": str(WITH_LOCK)}
    done = yard.run(*namespace, "bash", "-c", IN_TMPFS, env=env)
    assert done.out.split() == ["code=73"], done.text
    assert words in done.err


def test_a_beacon_that_the_full_disk_refuses_is_73_and_one_that_no_file_system_here_has_is_done_without(
    yard: Yard,
) -> None:
    done = yard.with_lock("--", "true", env=yard.stub("mkfifo", 'echo "mkfifo: No space left on device" >&2; exit 1'))
    assert done.code == 73 and "No space left on device" in done.err, done.text
    yard.assert_free()
    stub = yard.stub("mkfifo", 'echo "mkfifo: Operation not supported" >&2; exit 1')
    assert yard.with_lock("--", "true", env=stub).code == 0
    yard.assert_free()


def test_a_folder_of_claims_that_cannot_be_made_is_73_with_the_systems_words(yard: Yard) -> None:
    yard.state.write_text("not a folder\n")
    done = yard.with_lock("--", "true")
    assert done.code == 73, done.text
    assert "File exists" in done.err or "Not a directory" in done.err
    assert not yard.lock.exists()


@linux_only
def test_a_dead_lock_that_cannot_be_cleared_is_73_and_no_traceback(yard: Yard) -> None:
    yard.plant_dead()
    (yard.state / "reclaim.guard").mkdir()
    done = yard.with_lock("--wait", "5", "--", "true")
    assert done.code == 73, done.text
    assert "cannot be cleared: " in done.err and "Is a directory" in done.err and "Traceback" not in done.err


def test_a_judge_that_gives_no_answer_is_73_at_the_end_and_never_a_live_owner(yard: Yard) -> None:
    yard.plant_dead()
    python = yard.root / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *judge*) exit 1;; esac\nexit 0\n')
    python.chmod(0o755)
    done = yard.with_lock("--wait", "0", "--", "true", env={"CLAUDETOOLS_PYTHON": str(python)})
    assert done.code == 73, done.text
    assert "could not be judged: no answer" in done.err
