"""The scheduled sync: what each scheduler is told, and what it runs. Real cron in a namespace of its own."""

from __future__ import annotations

import contextlib
import os
import plistlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from world import TOOLKIT, Machine, Result, World, needs

SCHEDULE = TOOLKIT / "scripts" / "schedule.sh"
# A spool of its own, so that nobody's real table is touched.
PRIVATE = "mount -t tmpfs none /var/spool/cron && mkdir -m 1730 /var/spool/cron/crontabs && "


def cron_works() -> str:
    """Reason for a skip, "" where a private spool can be had."""
    if not shutil.which("crontab"):
        return needs("crontab")
    probe = ["unshare", "-rm", "sh", "-c", PRIVATE + "echo '0 0 * * * true' | crontab -"]
    try:
        return "" if subprocess.run(probe, capture_output=True, timeout=20).returncode == 0 else "no namespaces here"
    except (OSError, subprocess.SubprocessError):
        return "unshare is not to be had"


def schedule(machine: Machine, *args: str) -> Result:
    return machine.run("bash", SCHEDULE, *args)


def in_private_spool(machine: Machine, script: str, as_root: bool = False) -> Result:
    prelude = f"{PRIVATE}s='bash {shlex.quote(str(SCHEDULE))}'\n"
    return machine.run("unshare", "-m" if as_root else "-rm", "bash", "-c", prelude + script)


def pretend(machine: Machine, tmp_path: Path, **programs: str) -> Path:
    """Stand-ins for what this machine does not have. Each writes its words, NUL between them, into `asked`."""
    folder, asked = tmp_path / "programs", tmp_path / "asked"
    folder.mkdir(exist_ok=True)
    for name, body in programs.items():
        target = folder / name.replace("_", ".")
        target.write_text(f'#!/bin/sh\nprintf "%s\\0" {name} "$@" "" >>{shlex.quote(str(asked))}\n{body}\n')
        target.chmod(0o755)
    machine.extra_env["PATH"] = f"{folder}:{machine.env()['PATH']}"
    return asked


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[None]:
    """A process that is called as the daemon is."""
    program = folder / "cron"
    shutil.copy(shutil.which("sleep") or "", program)
    process = subprocess.Popen([str(program), "600"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def has_daemon() -> bool:
    return any(
        Path(f"/proc/{p}/comm").exists() and Path(f"/proc/{p}/comm").read_text().strip() in ("cron", "crond")
        for p in os.listdir("/proc")
        if p.isdigit()
    )


@pytest.mark.skipif(has_daemon(), reason="a cron daemon runs here")
def test_a_table_that_no_daemon_reads_is_told(machine: Machine, tmp_path: Path) -> None:
    pretend(machine, tmp_path, **STANDINS["cron"])
    (machine.home / "table").write_text("")
    told = schedule(machine, "install", "--with", "cron")
    assert (told.code, told.out.splitlines()[0]) == (
        0,
        "[WARN] Scheduled, but nothing will start it: no cron daemon runs on this machine, as far as can be seen.",
    ), told.text
    assert "sudo " in told.out.splitlines()[1]
    assert "but nothing will start it: no cron daemon" in schedule(machine, "status").out
    with daemon(tmp_path):
        assert schedule(machine, "install", "--with", "cron").out.startswith("[OK] Scheduled")
        assert schedule(machine, "status").out.startswith("Scheduled: every 30 minutes, by cron")


def programs_of(machine: Machine) -> Path:
    return machine.home / ".local" / "state" / "claudetools"


def program_of(machine: Machine) -> Path:
    (program,) = programs_of(machine).iterdir()
    return program


@pytest.fixture
def strange(world: World) -> Machine:
    """A clone in a folder whose name every scheduler would trip over."""
    machine = world.machine()
    top = machine.top.rename(machine.home / "o p's 50% & $HOME <x>")
    machine.top = top
    return machine


# --- what runs -----------------------------------------------------------------------------


def test_a_run_saves_and_keeps_a_log(world: World, machine: Machine) -> None:
    machine.write("a.md", "x\n")
    result = schedule(machine, "run", "--now")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert "a.md" in world.remote_files()
    log = (machine.state / "schedule.log").read_text()
    assert " exit 0 [OK] Saved and pushed: 1 commit" in log and log.count("\n") == 1


def test_offline_and_deferred_are_no_failures_and_others_are(machine: Machine) -> None:
    assert machine.sync().code == 0
    machine.write("a.md", "x\n")
    machine.git("remote", "set-url", "origin", str(machine.home / "nowhere"))
    assert machine.sync("--no-push").code == 0
    result = schedule(machine, "run", "--now")
    log = (machine.state / "schedule.log").read_text()
    assert result.code == 0 and " exit 69 " in log, log
    machine.git("switch", "-q", "-c", "other")
    machine.git("config", "claudetools.branch", "main")
    result = schedule(machine, "run", "--now")
    assert result.code == 78
    assert "\n  " in (machine.state / "schedule.log").read_text(), "all of its words are there"


def in_cron(machine: Machine, *folders: Path) -> str:
    """What the log says of a run in the environment that cron makes: `folders` come first on its PATH."""
    assert schedule(machine, "install", "--with", "cron").code == 0
    log, program = machine.state / "schedule.log", program_of(machine)
    path = ":".join([*map(str, folders), "/usr/bin:/bin"])
    lines = [line for line in program.read_text().split("\n") if not line.startswith("export PATH=")]
    program.write_text("\n".join(lines).replace(" run; fi", " run --now; fi"))
    log.write_text("")
    cron = ("env", "-i", f"PATH={path}", f"HOME={machine.home}", "SHELL=/bin/sh", "LOGNAME=tester")
    done = machine.run(*cron, "/bin/sh", "-c", f"bash {shlex.quote(str(program))}", cwd=machine.home)
    return log.read_text() + done.text


def test_in_the_poor_environment_of_cron_the_true_cause_is_told(machine: Machine, tmp_path: Path) -> None:
    assert machine.sync().code == 0
    denied = "echo 'git@x: Permission denied (publickey).' >&2; exit 255"
    pretend(machine, tmp_path, crontab="cat >/dev/null", ssh=denied)
    machine.git("remote", "set-url", "origin", "ssh://git@example.com/x.git")
    machine.write("a.md", "x\n")
    said = in_cron(machine, tmp_path / "programs")
    assert " exit 69 [WARN] origin wants a login (git@x: Permission denied (publickey))." in said, said
    assert "\n         SSH_AUTH_SOCK is not set here" in said and "exit 0\n--- stdout" in said, said
    pretend(machine, tmp_path, ssh="printf 'ssh: no route to host\\r\\n' >&2; exit 255")
    said = in_cron(machine, tmp_path / "programs")
    assert " exit 69 [OK] Saved here. origin cannot be reached (ssh: no route to host).\n" in said, said
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("bash", "sh", "env", "cat", "date", "sed"):
        (bare / name).symlink_to(shutil.which(name) or name)
    (machine.home / "cron").write_text(f"cd {shlex.quote(str(machine.top))} && exec bash {SCHEDULE} run --now\n")
    missing = machine.run("env", "-i", f"PATH={bare}", "/bin/sh", machine.home / "cron", cwd=machine.home)
    assert missing.code == 78 and f"git is not to be found on PATH, which is {bare}" in missing.err, missing.text


def test_while_another_sync_runs_it_is_no_failure(machine: Machine) -> None:
    assert machine.sync().code == 0
    machine.write("a.md", "x\n")
    inner = f"cd {shlex.quote(str(machine.top))} && bash {shlex.quote(str(SCHEDULE))} run --now"
    holder = machine.run("bash", TOOLKIT / "scripts" / "with-lock.sh", "--", "bash", "-c", inner, timeout=300)
    assert holder.code == 0, holder.text


def test_the_log_is_turned_over(machine: Machine) -> None:
    machine.sync()
    log = machine.state / "schedule.log"
    log.write_text("x" * 300_000)
    assert schedule(machine, "run", "--now").code == 0
    assert (machine.state / "schedule.log.1").read_text() == "x" * 300_000
    assert log.stat().st_size < 300


def test_a_log_that_another_run_has_just_turned_over_is_not_lost(machine: Machine, tmp_path: Path) -> None:
    machine.sync()
    log, mark = machine.state / "schedule.log", tmp_path / "mark"
    log.write_text("x" * 300_000)
    other = f'mv "{log}" "{log}.1"; echo "2026-06-05 14:00:00 exit 0 of the other" >"{log}"; echo 300000'
    pretend(machine, tmp_path, wc=f'if mkdir "{mark}" 2>/dev/null; then {other}; else exec /usr/bin/wc "$@"; fi')
    assert schedule(machine, "run", "--now").code == 0
    assert (machine.state / "schedule.log.1").read_text() == "x" * 300_000
    assert "of the other" in log.read_text() and log.read_text().count(" exit 0 ") == 2
    assert len(list(machine.state.glob("schedule.log*"))) == 2


def test_a_job_whose_toolkit_is_gone_takes_itself_out(machine: Machine, tmp_path: Path) -> None:
    table = shlex.quote(str(tmp_path / "table"))
    body = f"case $1 in -l) cat {table} ;; -) cat >{table}.new && mv {table}.new {table} ;; esac"
    pretend(machine, tmp_path, crontab=body)
    (tmp_path / "table").write_text("0 0 * * * other\n")
    assert schedule(machine, "install", "--with", "cron").code == 0
    program = program_of(machine)
    program.write_text(program.read_text().replace(str(SCHEDULE), "/nowhere/schedule.sh"))
    result = machine.run("bash", program)
    assert result.code == 0 and f"claudetools is gone from {machine.top}: this job" in result.out, result.text
    assert "takes itself out of cron" in result.out, result.text
    assert (tmp_path / "table").read_text() == "0 0 * * * other\n" and not program.exists()


@pytest.mark.parametrize("kind", ["cron", "systemd", "launchd", "windows"])
def test_a_job_whose_repository_is_gone_takes_itself_out(machine: Machine, tmp_path: Path, kind: str) -> None:
    table = shlex.quote(str(tmp_path / "table"))
    body = f"case $1 in -l) cat {table} ;; -) cat >{table}.new && mv {table}.new {table} ;; esac"
    (tmp_path / "table").write_text("0 0 * * * other\n")
    programs = {"crontab": body, "systemctl": "exit 0", "launchctl": "exit 0", "schtasks_exe": "exit 0"}
    asked = pretend(machine, tmp_path, **programs, cygpath='echo "W:$2"')
    assert schedule(machine, "install", "--with", kind).code == 0
    program, away = program_of(machine), tmp_path / "away"
    home = machine.top.parent
    shelf = machine.home / "disk"
    shelf.mkdir()
    program.write_text(program.read_text().replace(str(machine.top), str(shelf / "ops")))
    machine.top.rename(shelf / "ops")
    shelf.rename(away)
    asked.write_text("")
    assert machine.run("bash", program, cwd=home).text.startswith("exit 0\n--- stdout\n--- stderr"), (
        "a disk that is away"
    )
    assert program.exists() and asked.read_text() == ""
    away.rename(shelf)
    shutil.rmtree(shelf / "ops")
    result = machine.run("bash", program, cwd=home)
    assert result.code == 0 and result.out.count("\n") == 1, result.text
    assert f"{shelf}/ops is gone: this job" in result.out and f"takes itself out of {kind}." in result.out
    assert not program.parent.exists()
    words = {"cron": "crontab\0-\0", "systemd": "disable\0--now", "launchd": "bootout", "windows": "/Delete"}
    assert words[kind] in asked.read_text() and (tmp_path / "table").read_text() == "0 0 * * * other\n"


def test_a_session_does_not_lend_its_name(world: World, machine: Machine) -> None:
    machine.extra_env["CLAUDE_CODE_SESSION_ID"] = "mine"
    machine.write("a.md", "x\n")
    assert schedule(machine, "run", "--now").code == 0
    assert "Session-Id" not in world.remote_git("log", "-1", "--format=%B", "main")


# --- the schedulers ---------------------------------------------------------------------------


@pytest.mark.skipif(bool(cron_works()), reason=cron_works())
def test_real_cron_takes_it_beside_other_lines_and_gives_it_back(strange: Machine) -> None:
    result = in_private_spool(
        strange,
        "printf '# mine\\n5 4 * * * true %% x\\n' | crontab - && crontab -l >before\n"
        "$s install --with cron && crontab -l >with && $s install --every 95 --with cron && crontab -l >again\n"
        "$s status && $s remove && crontab -l >after && cmp before after && $s status",
    )
    assert result.code == 0, result.text
    assert re.search("Scheduled:? every 120 minutes,? by cron", result.out) and "Scheduled: nothing." in result.out
    lines = (strange.top / "with").read_text().split("\n")
    assert lines[:2] == (strange.top / "before").read_text().split("\n")[:2] and lines[2].startswith("*/30 * * * * ")
    again = (strange.top / "again").read_text().split("\n")
    assert len(again) == len(lines) and again[2].split()[1] == "*/2"


@pytest.mark.skipif(bool(cron_works()), reason=cron_works())
def test_what_cron_would_run_runs(world: World, strange: Machine) -> None:
    result = in_private_spool(strange, "$s install --every 1 --with cron && crontab -l >table")
    assert result.code == 0, result.text
    command = (strange.top / "table").read_text().rstrip("\n").split(" ", 5)[5].replace("\\%", "%")
    (strange.top / "table").rename(strange.home / "table")
    (strange.home / ".gitconfig").write_text("")
    strange.write("a.md", "x\n")
    env = {"PATH": "/usr/bin:/bin"}
    assert strange.run("/bin/sh", "-c", command, cwd=strange.home, env=env).code == 0
    assert "a.md" in world.remote_files()
    shutil.rmtree(strange.state)
    assert strange.run("/bin/sh", "-c", command, cwd=strange.home).code == 0, "the repository is gone, the line is not"


@pytest.mark.lab
@pytest.mark.skipif(bool(needs("cron")) or os.geteuid() != 0, reason=needs("cron") or "cron starts jobs as root only")
def test_the_real_daemon_starts_it_within_two_minutes(world: World, strange: Machine) -> None:
    strange.write("a.md", "x\n")
    script = (
        "mount -t tmpfs none /run && $s install --every 1 --with cron || exit\n"
        'cron -f & trap "kill $!" EXIT\n'
        "log=$(git rev-parse --path-format=absolute --git-common-dir)/claudetools/schedule.log\n"
        'for n in {1..100}; do grep -q " exit " "$log" 2>/dev/null && exit 0; read -rt 1 <> <(:); done; exit 1'
    )
    result = in_private_spool(strange, script, as_root=True)
    assert result.code == 0, result.text
    assert "a.md" in world.remote_files()


@pytest.mark.skipif(bool(needs("systemd-analyze")), reason=needs("systemd-analyze"))
@pytest.mark.sampled(3)
@pytest.mark.parametrize(("every", "when"), [("15", "*:0/15"), ("120", "0/2:00"), ("9999", "*-*-* 00:00")])
def test_systemd_finds_nothing_wrong_with_its_units(strange: Machine, tmp_path: Path, every: str, when: str) -> None:
    asked = pretend(strange, tmp_path, systemctl="exit 0")
    assert schedule(strange, "install", "--every", every).code == 0
    units = sorted((strange.home / ".config/systemd/user").iterdir())
    assert [unit.suffix for unit in units] == [".service", ".timer"]
    assert f"OnCalendar={when}\n" in units[1].read_text()
    done = strange.run(
        "systemd-analyze", "verify", "--user", "--man=no", *units, env={"XDG_RUNTIME_DIR": str(tmp_path)}
    )
    assert done.code == 0 and "scheduled" not in done.err, done.text
    calendar = strange.run("systemd-analyze", "calendar", when)
    assert calendar.code == 0, calendar.text
    assert f"enable\0--now\0{units[1].name}\0" in asked.read_text()
    assert schedule(strange, "remove").code == 0
    assert not list((strange.home / ".config/systemd/user").iterdir())


def test_launchd_gets_a_property_list_that_reads_back(strange: Machine, tmp_path: Path) -> None:
    asked = pretend(strange, tmp_path, launchctl="exit 0", uname="echo Darwin")
    assert schedule(strange, "install").code == 0
    (plist,) = (strange.home / "Library/LaunchAgents").iterdir()
    told = plistlib.loads(plist.read_bytes())
    assert told["ProgramArguments"] == ["/bin/bash", str(program_of(strange))]
    assert told["StartInterval"] == 1800 and f"{told['Label']}.plist" == plist.name
    assert "launchctl\0bootstrap\0gui/" in asked.read_text()
    assert schedule(strange, "remove").code == 0
    assert not plist.exists() and not programs_of(strange).exists()


def test_windows_is_asked_in_its_own_words(machine: Machine, tmp_path: Path) -> None:
    asked = pretend(machine, tmp_path, schtasks_exe="exit 0", cygpath='echo "W:$2"', uname="echo MINGW64_NT-10.0")
    assert schedule(machine, "install", "--every", "90").code == 0
    words = asked.read_text().split("\0")
    create = words[words.index("/Create") :]
    assert create[create.index("/SC") : create.index("/TR")] == [
        "/SC", "HOURLY", "/MO", "2",
    ]  # fmt: skip
    bash = shutil.which("bash")
    assert create[create.index("/TR") + 1] == f'"W:{bash}" "W:{program_of(machine)}"'


def test_a_scheduler_that_refuses_is_73_with_its_words(machine: Machine, tmp_path: Path) -> None:
    pretend(
        machine,
        tmp_path,
        crontab='case $1 in -l) echo "no crontab for x" >&2 ;; *) echo "not allowed" >&2 ;; esac; exit 1',
    )
    result = schedule(machine, "install", "--with", "cron")
    assert result.code == 73 and "cron refused: not allowed" in result.err
    assert "Scheduled: nothing." in schedule(machine, "status").out


def test_a_table_that_cannot_be_read_is_not_replaced(machine: Machine, tmp_path: Path) -> None:
    asked = pretend(machine, tmp_path, crontab="echo 'cannot open your crontab' >&2; exit 1")
    result = schedule(machine, "install", "--with", "cron")
    assert result.code == 73 and "cannot open your crontab" in result.err
    assert asked.read_text() == "crontab\0-l\0\0", "nothing was written"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([], 64),
        (["nonsense"], 64),
        (["install", "--every", "x"], 64),
        (["install", "--with", "at"], 64),
        (["run", "x"], 64),
    ],
)
def test_wrong_usage(machine: Machine, args: list[str], code: int) -> None:
    assert schedule(machine, *args).code == code


# --- what a person is told ------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_done_and_does_nothing(machine: Machine, tmp_path: Path) -> None:
    asked = pretend(machine, tmp_path, crontab="cat >/dev/null")
    would = schedule(machine, "install", "--with", "cron", "--every", "20", "--dry-run")
    assert would.code == 0 and "every 20 minutes, by cron" in would.out and "Nothing was changed." in would.out
    assert not asked.exists() and not programs_of(machine).exists()
    assert "Nothing is scheduled here." in schedule(machine, "remove", "--dry-run").out
    assert schedule(machine, "install", "--with", "cron").code == 0
    assert "Would take out: claudetools-ops-" in schedule(machine, "remove", "--dry-run").out
    assert program_of(machine).exists()


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("wish", "every"),
    [
        (1, 1),
        (7, 6),
        (45, 30),
        (59, 30),
        (60, 60),
        (61, 60),
        (95, 120),
        (300, 240),
        (700, 720),
        (1000, 720),
        (9999, 1440),
    ],
)
def test_the_time_between_two_runs_is_always_the_same(machine: Machine, wish: int, every: int) -> None:
    said = schedule(machine, "install", "--with", "cron", "--every", str(wish), "--dry-run").out
    assert f"every {every} minutes" in said


def test_a_machine_that_is_not_set_up_gets_no_job_that_can_only_fail(machine: Machine, tmp_path: Path) -> None:
    asked = pretend(machine, tmp_path, crontab="cat >/dev/null")
    (machine.top / ".claude" / "identity.json").unlink()
    result = schedule(machine, "install", "--with", "cron")
    assert result.code == 78 and "setup.sh" in result.err, result.text
    assert not asked.exists()


STANDINS = {
    "cron": {"crontab": 'case $1 in -l) cat "$HOME/table" ;; *) cat >"$HOME/table" ;; esac'},
    "systemd": {"systemctl": 'case $2 in is-enabled) cat "$HOME/there" ;; esac'},
    "launchd": {"launchctl": 'case $1 in print) cat "$HOME/there" ;; esac'},
    "windows": {"schtasks_exe": 'case $1 in /Query) cat "$HOME/there" ;; esac', "cygpath": 'echo "$2"'},
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", STANDINS)
def test_status_asks_the_scheduler_whether_it_still_has_it(machine: Machine, tmp_path: Path, kind: str) -> None:
    pretend(machine, tmp_path, **STANDINS[kind])
    for name in ("table", "there"):
        (machine.home / name).write_text("")
    with daemon(tmp_path):
        installed = schedule(machine, "install", "--with", kind)
        assert installed.code == 0, installed.text
        status = schedule(machine, "status").out
    assert f"Scheduled: every 30 minutes, by {kind} (claudetools-ops-" in status and "No run yet." in status
    for name in ("table", "there"):
        (machine.home / name).unlink()
    status = schedule(machine, "status").out
    assert f"[WARN] {kind} does not have it any more" in status
    assert f"install --every 30 --with {kind}\n" in status


def test_a_folder_that_was_moved_is_told_and_leaves_no_line_behind(machine: Machine, tmp_path: Path) -> None:
    pretend(machine, tmp_path, **STANDINS["cron"])
    table = machine.home / "table"
    table.write_text("5 4 * * * mine\n")
    assert schedule(machine, "install", "--with", "cron").code == 0
    old = table.read_text()
    copy = Machine(machine.name, machine.user, machine.home, machine.home / "copy", machine.extra_env)
    shutil.copytree(machine.top, copy.top, symlinks=True)
    assert "is a copy" in schedule(copy, "status").out
    assert schedule(copy, "remove").code == 0
    assert table.read_text() == old, "the original keeps its own"
    machine.top = machine.top.rename(machine.home / "moved")
    assert "this folder was moved" in schedule(machine, "status").out
    assert schedule(machine, "install", "--with", "cron").code == 0
    assert [line.split("# claudetools-")[-1][:5] for line in table.read_text().splitlines()][1:] == ["moved"]
    assert schedule(machine, "remove").code == 0
    assert table.read_text() == "5 4 * * * mine\n"


@pytest.mark.parametrize(("kind", "words"), [("systemd", "loginctl enable-linger"), ("windows", "not on battery")])
def test_what_a_scheduler_leaves_out_by_itself_is_said(machine: Machine, tmp_path: Path, kind: str, words: str) -> None:
    pretend(machine, tmp_path, **STANDINS[kind])
    assert words in schedule(machine, "install", "--with", kind).out
