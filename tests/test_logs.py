"""`claudetools.sh log` as people and agents call it."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from agents import Agent
from claudetools.attribution.edits import digest
from claudetools.core.place import Place
from claudetools.logs import sections
from claudetools.sessions import ledger, registry
from claudetools.sessions.events import news
from commands import run_tools
from world import TOOLKIT, Machine, Result, World, log_text, write_identity

TOOLS = TOOLKIT / "scripts" / "claudetools.sh"
NOON = 1780686131  # 2026-06-05 12:02:11 in Los Angeles
DAY = 86400
DAY_LOG = "session-logs/2026-06-05-mike-acme-vpn.md"


@pytest.fixture
def mike(machine: Machine) -> Machine:
    machine.extra_env["CLAUDETOOLS_HOSTNAME"] = machine.name
    return machine


def log(machine: Machine, *args: str, session: str = "", now: int = NOON, body: str | None = None) -> Result:
    env = {"CLAUDETOOLS_NOW": str(now), **({"CLAUDETOOLS_SESSION_ID": session} if session else {})}
    return run_tools(machine, "log", *args, env=env, stdin=body or "")


def made(machine: Machine, *args: str, session: str = "", now: int = NOON) -> str:
    result = log(machine, *args, session=session, now=now)
    assert result.code == 0, result.text
    return result.out.strip()


def fill(machine: Machine, path: str) -> None:
    """What an agent does with a new log."""
    head, user, rest = machine.read(path).partition("## User\n")
    machine.write(path, head + user + re.sub(r"(?m)^(## .*)$", r"\1\n\nDone.", rest))


def place_of(machine: Machine) -> Place:
    return Place(str(machine.top), str(machine.common), str(machine.common))


# --- new ---------------------------------------------------------------------------


def test_a_new_log_has_front_matter_the_user_block_and_every_section(mike: Machine) -> None:
    path = made(mike, "new", "Replace expired VPN certificate", "--client", "acme", session="7f3a")
    assert path == "clients/acme/session-logs/2026-06-05-mike-replace-expired-vpn-certificate.md"
    assert mike.read(path) == (
        "---\n"
        "date: 2026-06-05\n"
        "user: mike\n"
        "machine: LINUX-01\n"
        'session: "7f3a"\n'
        "scope: client\n"
        "client: acme\n"
        "topic: Replace expired VPN certificate\n"
        "created: 2026-06-05T12:02:11-07:00\n"
        "updated: 2026-06-05T12:02:11-07:00\n"
        "---\n\n"
        "## User\n- **User:** Mike Swanson (mike)\n- **Role:** admin\n- **Machine:** LINUX-01\n\n"
        + "\n".join(f"## {section.name}\n" for section in sections.SECTIONS[1:])
    )
    told = log(mike, "check", path)
    assert told.code == 65 and "nobody has written into it yet" in told.out and "--fix" not in told.out
    fill(mike, path)
    assert log(mike, "check", path).code == 0
    assert mike.sync(env={"CLAUDE_CODE_SESSION_ID": "7f3a"}).code == 0
    assert path in mike.git("ls-files")


def test_an_empty_log_is_left_out_and_the_way_to_its_text_is_named(world: World, mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    mike.write("notes.md", "x\n")
    result = mike.sync(env={"CLAUDE_CODE_SESSION_ID": "a"})
    assert result.code == 65 and f"[WARN] Left out: {path} (is an empty log)." in result.out, result.text
    assert f"rm -- {path}     From what its session did: /save --for a" in result.out
    assert path not in world.remote_files() and "notes.md" in world.remote_files()
    for more in ("<!-- x -->\n", "\n\n\n", "# Title\n"):
        mike.write(path, mike.read(path) + more)
        assert mike.sync(env={"CLAUDE_CODE_SESSION_ID": "a"}).code == 65
    mike.write(path, mike.read(path) + "One line.\n")
    assert mike.sync(env={"CLAUDE_CODE_SESSION_ID": "a"}).code == 0
    assert "One line." in world.remote_file(path)


@pytest.mark.parametrize(
    ("args", "folder"),
    [
        (["--project", "Guru RMM"], "projects/guru-rmm/session-logs"),
        (["--client", "../../../x"], "clients/x/session-logs"),
        ([], "session-logs"),
    ],
)
def test_the_log_lies_where_the_work_belongs(mike: Machine, args: list[str], folder: str) -> None:
    assert made(mike, "new", "vpn", *args) == f"{folder}/2026-06-05-mike-vpn.md"


def test_a_known_folder_is_used_as_it_is_called_and_by_months_where_it_is_so(mike: Machine) -> None:
    mike.write("projects/GuruRMM/session-logs/2026-05/x.md", "x\n")
    assert made(mike, "new", "day", "--project", "GuruRMM") == (
        "projects/GuruRMM/session-logs/2026-06/2026-06-05-mike-day.md"
    )


def test_a_folder_behind_a_link_is_refused(mike: Machine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (mike.top / "clients").mkdir()
    (mike.top / "clients" / "acme").symlink_to(tmp_path / "elsewhere")
    result = log(mike, "new", "vpn", "--client", "acme")
    assert result.code == 65 and "behind a link" in result.err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_day_is_the_persons_not_the_computers(mike: Machine) -> None:
    write_identity(mike, timezone="Asia/Tokyo")
    assert made(mike, "new", "vpn") == "session-logs/2026-06-06-mike-vpn.md"
    write_identity(mike, timezone="Moon/Base")
    result = log(mike, "new", "vpn")
    assert result.code == 78
    assert ".claude/identity.json: key 'timezone' is 'Moon/Base'" in result.err


def test_a_stale_identity_stops_before_anything_is_written(mike: Machine) -> None:
    result = log(mike, "new", "vpn", session="a")
    assert result.code == 0
    mike.extra_env["CLAUDETOOLS_HOSTNAME"] = "WIN-7"
    result = log(mike, "new", "other", session="a")
    assert result.code == 78
    assert "identity.json says machine LINUX-01, this host is WIN-7" in result.err
    assert os.listdir(mike.top / "session-logs") == ["2026-06-05-mike-vpn.md"]


def test_the_same_session_and_topic_get_their_file_back_and_nobody_else_does(mike: Machine) -> None:
    assert made(mike, "new", "Acme VPN", session="a") == DAY_LOG
    assert made(mike, "new", "acme: vpn", session="a") == DAY_LOG
    assert made(mike, "new", "Acme VPN", session="a", now=NOON + DAY) == DAY_LOG, "also the next day"
    other = made(mike, "new", "Acme VPN", session="b")
    assert other == "session-logs/2026-06-05-mike-acme-vpn-2.md"
    assert made(mike, "new", "Acme VPN", session="b") == other
    assert made(mike, "new", "Sophos", session="a") == DAY_LOG, "its log, whatever the words"
    assert made(mike, "new", "Sophos", "--new", session="a") == "session-logs/2026-06-05-mike-sophos.md"
    # Without a session nobody can tell whose it is: always a file of one's own.
    assert made(mike, "new", "Acme VPN") == "session-logs/2026-06-05-mike-acme-vpn-3.md"
    assert made(mike, "new", "Acme VPN") == "session-logs/2026-06-05-mike-acme-vpn-4.md"


def test_after_clear_the_log_goes_on_when_the_topic_does(mike: Machine) -> None:
    place = place_of(mike)
    registry.register(place, "before", pid=os.getpid())
    path = made(mike, "new", "Acme VPN", session="before")
    registry.end(place, "before")
    registry.register(place, "after", pid=os.getpid())
    registry.register(place, "elsewhere", pid=os.getppid())
    assert made(mike, "new", "Acme VPN", session="elsewhere") != path, "another process is another work"
    assert made(mike, "new", "Acme VPN", session="after") == path
    assert "\nsession: before after\n" in mike.read(path)
    assert made(mike, "path", session="after") == path


def test_while_the_former_session_runs_the_log_is_its_own(mike: Machine) -> None:
    place = place_of(mike)
    for id in ("before", "after"):
        registry.register(place, id, pid=os.getpid())
    path = made(mike, "new", "Acme VPN", session="before")
    assert made(mike, "new", "Acme VPN", session="after") != path


def test_twenty_sessions_with_one_topic_get_twenty_files(mike: Machine) -> None:
    running = [
        mike.start("bash", TOOLS, "log", "new", "Acme VPN", env={"CLAUDETOOLS_SESSION_ID": f"s{n}"}) for n in range(20)
    ]
    paths = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        paths.append(out.decode().strip())
    assert len(set(paths)) == 20
    owners = {re.search(r"(?m)^session: (\S+)$", mike.read(path))[1] for path in paths}  # type: ignore[index]
    assert owners == {f"s{n}" for n in range(20)}
    assert not [path for path in paths if sections.missing_sections(mike.read(path))]
    assert sorted(os.listdir(mike.top / "session-logs")) == sorted(os.path.basename(path) for path in paths)


def test_one_session_that_asks_ten_times_at_once_gets_one_file(mike: Machine) -> None:
    running = [mike.start("bash", TOOLS, "log", "new", "vpn", env={"CLAUDETOOLS_SESSION_ID": "a"}) for _ in range(10)]
    paths = {process.communicate(timeout=60)[0] for process in running}
    assert len(paths) == 1
    assert len(os.listdir(mike.top / "session-logs")) == 1


def test_the_session_owns_what_the_commands_write(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    first = mike.read(path).encode()
    assert log(mike, "append", session="a", body="x\n").code == 0
    edits = ledger.read_edits(place_of(mike), "a")
    assert [(e.path, e.before, e.after) for e in edits] == [
        (path, None, digest(first)),
        (path, digest(first), digest(mike.read(path).encode())),
    ]
    assert registry.read_session(place_of(mike), "a").topic == "vpn"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["new", " \n"], "The topic is empty"),
        (["new", "x", "--client", "a", "--project", "b"], "not to both"),
        (["append", "--file", "nowhere"], "nowhere"),
        (["adopt"], "Name the logs, or say --all"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_64_and_says_what(mike: Machine, args: list[str], words: str) -> None:
    result = log(mike, *args, session="a")
    assert result.code == 64
    assert words in result.err and "Traceback" not in result.err


# --- append --------------------------------------------------------------------------


def test_an_update_follows_with_its_time_and_with_its_date_on_another_day(mike: Machine) -> None:
    path = made(mike, "new", "Acme VPN", session="a")
    before = mike.read(path)
    assert log(mike, "append", "certificate renewed", session="a", now=NOON + 3600, body="Done.\r\n- a\r\n").code == 0
    assert log(mike, "append", session="a", now=NOON + DAY, body="Next.\n\n## Note for Howard\nHi.\n").code == 0
    assert mike.read(path) == before.replace("updated: 2026-06-05T12:02:11", "updated: 2026-06-06T12:02:11") + (
        "\n## Update: 13:02 PT — certificate renewed\n\nDone.\n- a\n"
        "\n## Update: 2026-06-06 12:02 PT — Acme VPN\n\nNext.\n\n## Note for Howard\nHi.\n"
    )


def test_another_sessions_log_is_not_appended_to_but_a_person_may(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    before = mike.read(path)
    result = log(mike, "append", "--log", path, session="b", body="x\n")
    assert result.code == 65
    assert "another session's log" in result.err and "log new TOPIC" in result.err
    assert mike.read(path) == before
    assert log(mike, "append", "--log", path, body="corrected\n").code == 0


def test_updates_of_one_moment_are_all_kept(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    bodies = []
    for n in range(12):
        body = mike.home / f"body{n}"
        body.write_text(f"body {n}.\n" * 500)
        bodies.append(body)
    env = {"CLAUDETOOLS_SESSION_ID": "a"}
    running = [mike.start("bash", TOOLS, "log", "append", "--file", str(body), env=env) for body in bodies]
    assert [process.wait(timeout=60) for process in running] == [0] * 12
    text = mike.read(path)
    assert text.count("## Update: ") == 12
    assert all(body.read_text() in text for body in bodies)


@pytest.mark.parametrize("body", ["", " \n", "a\0b"])
def test_nothing_is_no_update(mike: Machine, body: str) -> None:
    path = made(mike, "new", "vpn", session="a")
    before = mike.read(path)
    assert log(mike, "append", session="a", body=body).code == 64
    assert mike.read(path) == before


def test_without_a_log_the_command_that_makes_one_is_named(mike: Machine) -> None:
    for args in (["append"], ["path"]):
        result = log(mike, *args, session="a", body="x\n")
        assert result.code == 65 and "log new TOPIC" in result.err
    for command, way in ("append", "log append --log FILE"), ("path", "--session ID log path"):
        told = log(mike, command, body="x\n").err
        assert "belongs to no session" in told and way in told


def test_without_a_session_the_way_to_another_ones_log_is_one_that_works(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    told = log(mike, "path").err
    named = re.search(r"Say whose: (.*) ID (log path)", told)
    assert named and mike.run("sh", "-c", f"{named[1]} a {named[2]}").out.strip() == path


def test_paths_are_seen_from_where_one_stands(mike: Machine) -> None:
    made(mike, "new", "other", session="a")
    made(mike, "new", "vpn", "--client", "acme", session="a")
    os.utime(mike.top / "clients/acme/session-logs/2026-06-05-mike-vpn.md", (1, 1))
    env = {"CLAUDETOOLS_SESSION_ID": "a"}
    inside = mike.run("bash", TOOLS, "log", "path", "--all", cwd=mike.top / "clients", env=env)
    assert inside.out.split() == [
        "acme/session-logs/2026-06-05-mike-vpn.md",
        "../session-logs/2026-06-05-mike-other.md",
    ]
    assert json.loads(log(mike, "path", "--json", session="a").out)[0] == (
        "clients/acme/session-logs/2026-06-05-mike-vpn.md"
    )


def test_nothing_is_written_outside_of_the_repository(mike: Machine, tmp_path: Path) -> None:
    made(mike, "new", "vpn", session="a")
    for path in (tmp_path / "outside.md", mike.write("notes.md", ""), tmp_path / "out" / "session-logs" / "x.md"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine\n")
        for args in (["append", "--log", str(path)], ["check", "--fix", str(path)]):
            result = log(mike, *args, session="a", body="x\n")
            assert result.code == 65 and "no session log of this repository" in result.err, result.text
        assert path.read_text() == "mine\n"
    (mike.top / "clients").mkdir()
    (mike.top / "clients" / "linked").symlink_to(tmp_path / "out")
    assert log(mike, "append", "--log", "clients/linked/session-logs/x.md", body="x\n").code == 65
    (tmp_path / "out" / "session-logs" / "2026-05-01-session.md").write_text("x\n")
    mike.write("session-logs/2026-05-02-session.md", "## User\n- **User:** Bob (/../../../out)\n\n# Session: vpn\n")
    assert log(mike, "adopt", "--all").out.split("\n")[0].endswith(" -> session-logs/2026-05-02-mike-vpn.md")
    assert (tmp_path / "out" / "session-logs" / "2026-05-01-session.md").exists()


def test_a_log_that_would_reach_nobody_is_refused_when_it_is_made(mike: Machine) -> None:
    mike.write("clients/Acme/x.md", "")
    assert made(mike, "new", "vpn", "--client", "ACME").startswith("clients/Acme/")
    mike.write(".gitignore", "clients/*/session-logs/\n")
    result = log(mike, "new", "vpn", "--client", "acme")
    assert result.code == 65 and "is ignored by git (.gitignore:1:" in result.err, result.text
    mike.git("init", "-q", "projects/own")
    result = log(mike, "new", "vpn", "--project", "own")
    assert result.code == 65 and "projects/own is a repository of its own" in result.err, result.text


def test_headings_of_an_update_do_not_break_the_log(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    body = "# Key Decisions\n- x\n## Detail\n```\n## code\n```\n## Note for howard\nHi.\n"
    assert log(mike, "append", session="a", body=body).code == 0
    assert "### Key Decisions\n- x\n#### Detail\n```\n## code\n```\n## Note for howard\n" in mike.read(path)
    assert log(mike, "check", path).code == 0


def test_an_update_goes_to_the_log_that_the_session_wrote_last(mike: Machine) -> None:
    first = made(mike, "new", "first", session="a")
    last = made(mike, "new", "last", "--new", session="a")
    os.utime(mike.top / last, (1, 1))
    assert log(mike, "append", session="a", body="x\n").out.strip() == last != first


def test_a_session_that_is_over_stays_so_while_its_log_is_written(mike: Machine) -> None:
    registry.register(place_of(mike), "gone", pid=os.getpid())
    registry.end(place_of(mike), "gone")
    made(mike, "new", "late", session="gone")
    one = registry.read_session(place_of(mike), "gone")
    assert one and (one.state(), one.topic) == ("ended", "late")


# --- check ---------------------------------------------------------------------------


def test_a_log_by_hand_is_checked_and_completed(mike: Machine) -> None:
    mike.write(DAY_LOG, "# VPN\n\n## Session Summary\n\nIt works.\n")
    result = log(mike, "check", DAY_LOG)
    assert result.code == 65
    assert "it lacks '## User', '## Key Decisions'" in result.out
    assert f"log check --fix {DAY_LOG}" in result.out
    assert log(mike, "check", "--fix", DAY_LOG).code == 0
    assert mike.read(DAY_LOG).startswith("# VPN\n\n## User\n- **User:** Mike Swanson (mike)\n")
    assert json.loads(log(mike, "check", "--json", DAY_LOG).out)["ok"] is True


def test_broken_front_matter_is_named_not_raised(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    mike.write(path, mike.read(path).replace("topic: vpn", "topic: [vpn"))
    result = log(mike, "check", path)
    assert result.code == 65
    assert f"{path}:1: front matter is not valid YAML" in result.out
    assert log(mike, "append", session="a", body="x\n").code == 0, "the line that names the session is whole"


def test_a_colleagues_good_log_is_no_error(world: World, mike: Machine) -> None:
    howard = world.machine("WIN-7", "howard")
    path = DAY_LOG.replace("mike", "howard")
    howard.write(path, log_text(howard))
    howard.push()
    mike.sync()
    told = log(mike, "check", path)
    assert told.code == 0 and "whoami" not in told.out, told.text
    mike.write("session-logs/2026-06-05-howard-copy.md", mike.read(path))
    assert log(mike, "check", "session-logs/2026-06-05-howard-copy.md").code == 65, "new here, and not mike's"


# --- list ----------------------------------------------------------------------------


def topics(machine: Machine, *args: str) -> list[str]:
    result = log(machine, "list", *args, "--json")
    assert result.code == 0, result.text
    return [one["topic"] for one in json.loads(result.out)]


def test_what_howard_did_for_acme_yesterday(mike: Machine) -> None:
    mike.write("clients/Acme/x.md", "")
    fill(mike, made(mike, "new", "firewall", "--client", "acme", session="a", now=NOON - 2 * DAY))
    fill(mike, made(mike, "new", "general", session="b"))
    made(mike, "new", "empty", "--client", "acme", session="c")
    for topic, day in (("isp", "2026-06-04"), ("dns", "2026-06-01")):
        text = f"---\nuser: howard\ntopic: {topic}\n---\n\n## Session Summary\n\nx\n"
        mike.write(f"clients/Acme/session-logs/{day}-howard-{topic}.md", text)
    assert topics(mike, "--user", "Howard Lee", "--client", "acme", "--since", "yesterday") == ["isp"]
    assert topics(mike, "--client", "ACME") == ["isp", "firewall", "dns"]
    assert topics(mike, "--since", "today") == ["general"]
    assert topics(mike, "--since", "2026-06-03", "--user", "mike") == ["general", "firewall"]
    assert log(mike, "append", session="a", body="x\n").code == 0
    assert topics(mike, "--client", "acme", "--since", "today") == ["firewall"], "it was added to today"
    shown = log(mike, "list", "--user", "howard").out.split("\n")
    assert shown[0] == "2026-06-04  howard      client Acme         isp"
    assert shown[1].strip() == "clients/Acme/session-logs/2026-06-04-howard-isp.md"
    for args, words in (
        (("--since", "soon"), "is no day"),
        (("--user", "nobody"), "names no one person"),
        (("--client", "nobody"), "There is no folder clients/nobody"),
        (("--client", "a", "--project", "b"), "not to both"),
    ):
        result = log(mike, "list", *args)
        assert result.code == 64 and words in result.err, result.text
    assert log(mike, "list", "--since", "2026-07-01").out == "No log.\n"


# --- adopt ---------------------------------------------------------------------------


def test_logs_from_before_get_names_of_their_own(world: World, mike: Machine) -> None:
    howard = world.machine("WIN-7", "howard")
    folder = "clients/acme/session-logs"
    howard.write(f"{folder}/2026-05-01-session.md", "# Firewall swap\nh\n")
    howard.git("add", "-A")
    howard.git("-c", "user.name=H", "-c", "user.email=howard@example.com", "commit", "-qm", "a log")
    howard.git("push", "-q", "origin", "HEAD:main")
    mike.sync()
    mike.write(f"{folder}/2026-05-02-session.md", "## User\n- **User:** Howard Lee (howard)\n\n# Firewall swap\n")
    mike.write(f"{folder}/2026-05-02-howard-firewall-swap.md", "taken\n")
    mike.write(f"{folder}/2026-05-03.md", "no heading\n")
    mike.write("session-logs/2026-05-04-mike-fine.md", "stays\n")
    planned = log(mike, "adopt", "--all", "--dry-run")
    assert planned.out.split("\n")[:-1] == [
        f"{folder}/2026-05-01-session.md -> {folder}/2026-05-01-howard-firewall-swap.md",
        f"{folder}/2026-05-02-session.md -> {folder}/2026-05-02-howard-firewall-swap-2.md",
        f"{folder}/2026-05-03.md -> {folder}/2026-05-03-mike-session.md",
        "[OK] 3 logs would be renamed.",
    ]
    assert (mike.top / folder / "2026-05-03.md").exists()
    assert log(mike, "adopt", "--all").code == 0
    assert mike.read(f"{folder}/2026-05-01-howard-firewall-swap.md") == "# Firewall swap\nh\n"
    assert mike.read(f"{folder}/2026-05-02-howard-firewall-swap.md") == "taken\n"
    assert log(mike, "adopt", "--all").out == "[OK] 0 logs renamed; the next sync sends it.\n"


def test_one_log_is_adopted_by_name_and_a_good_one_is_not(mike: Machine) -> None:
    mike.write("session-logs/2026-05-01-session.md", "x\n")
    mike.write("session-logs/2026-05-02-session.md", "x\n")
    assert log(mike, "adopt", "session-logs/2026-05-01-session.md").code == 0
    assert (mike.top / "session-logs/2026-05-02-session.md").exists()
    result = log(mike, "adopt", "session-logs/2026-05-01-mike-session.md")
    assert result.code == 65 and "needs another name" in result.err


# --- missing -------------------------------------------------------------------------


def work(machine: Machine, session: str, path: str = "") -> None:
    """A session changes a file, and saves."""
    agent = Agent(machine, session)
    agent.write(path or f"clients/{session}/notes.md", f"{os.urandom(4).hex()}\n".encode())
    assert agent.sync("-m", f"work of {session}").code in (0, 65)


def missed(machine: Machine, session: str = "") -> dict[str, dict[str, object]]:
    found = json.loads(log(machine, "missing", "--json", session=session).out)
    return {one["id"]: one for one in found}


def test_sessions_without_a_log_are_listed(world: World, mike: Machine) -> None:
    fill(mike, made(mike, "new", "vpn", session="with"))
    made(mike, "new", "firewall", session="skeleton")
    for id in ("with", "without", "skeleton"):
        work(mike, id)
    registry.register(place_of(mike), "without", transcript="/t.jsonl", topic="acme vpn")
    result = log(mike, "missing")
    assert result.code == 0
    assert "1 commit, 1 file  acme vpn" in result.out
    assert "session without (live); write its log: /save --for without" in result.out
    found = missed(mike)
    assert found.keys() == {"without", "skeleton"}
    assert (found["without"]["transcript"], found["without"]["files"]) == ("/t.jsonl", ["clients/without/notes.md"])
    for id in ("without", "skeleton"):
        fill(mike, made(mike, "new", "late", session=id))
    assert log(mike, "missing").out == "[OK] Every session of the last 7 days has a log of its work.\n"


def test_a_session_that_starts_hears_of_those_that_left_no_log_or_an_empty_one(mike: Machine) -> None:
    registry.register(place_of(mike), "new")
    for id in ("logged", "skeleton", "none"):
        agent = Agent(mike, id)
        agent.write(f"{id}.txt", b"x\n")
        if id != "none":
            path = made(mike, "new", id, "--client", "acme", session=id)
        if id == "logged":
            fill(mike, path)
        agent.end()
    told = "\n".join(news.without_log(place_of(mike), "new", time.time()))
    assert re.findall(r"/save --for (\w+)", told) == ["none", "skeleton"], told


def test_work_after_the_last_save_is_listed_until_that_is_logged(mike: Machine) -> None:
    path = made(mike, "new", "vpn", session="a")
    fill(mike, path)
    work(mike, "a")
    assert missed(mike) == {}
    work(mike, "a", "clients/acme/later.md")
    (one,) = missed(mike).values()
    assert (one["commits"], one["files"], one["log"]) == (1, ["clients/acme/later.md"], path)
    assert f"1 commit, 1 file since {path}" in log(mike, "missing").out
    now = int(mike.git("log", "-1", "--format=%ct")) + 5
    assert log(mike, "append", session="a", now=now, body="And that.\n").code == 0
    assert missed(mike) == {}, "the log tells of it, though no sync has sent that yet"
    work(mike, "a", "wiki/clients/acme.md")
    assert missed(mike) == {}, "an article is made of logs"


def test_a_session_that_only_talked_is_listed_when_it_is_over(mike: Machine) -> None:
    mike.sync()
    for id, words in (("asked", "why is the vpn slow?"), ("silent", "")):
        registry.register(place_of(mike), id)
        registry.note_prompt(place_of(mike), id, words, "")
    assert missed(mike) == {}, "it may still save"
    for id in ("asked", "silent"):
        registry.end(place_of(mike), id)
    assert missed(mike).keys() == {"asked"} and missed(mike, session="asked") == {}
    assert "no commit  why is the vpn slow?" in log(mike, "missing").out


def recovered(mike: Machine, env: dict[str, str]) -> str:
    """`/save --for lost`, as far as the command that claims its log."""
    result = run_tools(mike, "--session", "lost", "log", "new", "firewall", env=env)
    assert result.code == 0, result.text
    return result.out.strip()


def test_a_log_that_another_session_recovers_goes_beside_any_sync(world: World, mike: Machine) -> None:
    work(mike, "lost")
    saver = Agent(mike, "saver")
    registry.note_prompt(place_of(mike), "saver", "recover the lost one", "")
    env = {"CLAUDE_CODE_SESSION_ID": "saver"}
    path = recovered(mike, env)
    assert "\nsession: lost\nrecovered-by: saver\n" in mike.read(path)
    mike.sync(env={"CLAUDE_CODE_SESSION_ID": "third"})
    assert path not in world.remote_files(), "a sync of another one takes no part of it along"
    saver.write(path, (saver.read(path) or b"") + b"First half.\n")
    assert saver.sync().code == 0 and "First half." in world.remote_file(path)
    saver.write(path, (saver.read(path) or b"") + b"Second half.\n")
    result = saver.sync()
    assert result.code == 0 and "Second half." in world.remote_file(path), result.text
    assert recovered(mike, env) == path
    body = mike.write("more.ignored", "More.\n")
    told = run_tools(mike, "--session", "lost", "log", "append", "--file", str(body), env=env)
    assert told.code == 0, told.text
    assert saver.sync().code == 0 and "More." in world.remote_file(path)
    saver.end()
    assert missed(mike) == {}, "and what it wrote for another one needs no log of its own"


def test_another_machines_sessions_are_not_missed_here(world: World, mike: Machine) -> None:
    other = world.machine("WIN-7", "howard")
    other.write("x.md", "x\n")
    assert other.sync(env={"CLAUDETOOLS_SESSION_ID": "theirs"}).code == 0
    mike.sync()
    assert json.loads(log(mike, "missing", "--json").out) == []
    assert "NAME" in log(mike, "--help").out or "missing" in log(mike, "--help").out


def test_help_tells_what_belongs_where(mike: Machine) -> None:
    told = log(mike, "new", "--help").out
    assert all(section.name in told for section in sections.SECTIONS)
