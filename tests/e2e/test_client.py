"""The real Claude Code in an installed repository, without a network: its hooks, its slash commands, two at once."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from client import Act, perform, reason_to_skip, typed

from claudetools.core.place import find_place
from claudetools.sessions import registry
from installing import copy_toolkit
from world import TOOLKIT, Machine, World, write_identity

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why := reason_to_skip()), reason=why)]


@pytest.fixture
def ops(world: World) -> Machine:
    """A repository with claudetools installed and sent."""
    machine = world.machine()
    machine.extra_env |= {"CLAUDETOOLS_HOSTNAME": machine.name, "CLAUDETOOLS_SYNTHESIZER": "false"}
    done = machine.run("bash", TOOLKIT / "scripts" / "install.sh", machine.top)
    assert done.code == 0, done.text
    sent = machine.run("bash", ".claude/scripts/sync.sh", "-m", "Install claudetools")
    assert sent.code == 0, sent.text
    return machine


def state_of(machine: Machine, act: Act) -> registry.Session:
    place = find_place(str(machine.top))
    assert place
    session = registry.read_session(place, act.session)
    assert session
    return session


def assert_saved(world: World, machine: Machine, act: Act, topic: str) -> str:
    """The log is on the remote, in a commit of this session, and the summary was shown. The commit's id."""
    assert not act.denials, act.denials
    assert "## Post-commit Summary" in act.answer, act.answer
    (log,) = [name for name in world.remote_files() if name.endswith(f"-mike-{topic}.md")]
    assert log.startswith("clients/acme/session-logs/")
    text = world.remote_file(log)
    assert "All is well." in text and act.session in text.split("---")[1]
    assert f"File:   {log}" in act.answer
    commit = world.remote_git("log", "-1", "--format=%H", "main", "--", log).strip()
    trailers = world.remote_git("log", "-1", "--format=%(trailers:key=Session-Id,valueonly)", commit)
    assert trailers.split() == [act.session]
    return commit


def test_save_expands_writes_a_log_syncs_and_shows_the_summary(world: World, ops: Machine, tmp_path: Path) -> None:
    (act,) = perform(ops, tmp_path, ("save", "/save acme vpn"))
    assert "# Save acme vpn" in act.prompts and "Phase" not in act.answer
    commit = assert_saved(world, ops, act, "acme-vpn")
    shipped = world.remote_git("show", "--format=", "--name-only", commit).split()
    assert "wiki/clients/acme.md" in shipped and "wiki/index.md" in shipped, "a draft that fails stops no save"
    assert all(command.get("timeout", 600_000) == 600_000 for command in act.commands)
    session = state_of(ops, act)
    assert (session.agent, session.topic, session.state()) == ("claude", "acme vpn", "ended")
    assert session.pid and Path(session.transcript).is_file()
    assert ops.status() == ""
    ops.assert_sound()
    told = ops.run("bash", ".claude/scripts/claudetools.sh", "sessions", "transcript", act.session)
    assert told.code == 0 and 'log new "acme vpn"' in told.out and "Post-commit Summary" in told.out


def test_two_clients_save_at_once_and_each_gets_its_own(world: World, ops: Machine, tmp_path: Path) -> None:
    topics = ("firewall rules", "mail migration")
    acts = perform(ops, tmp_path, *(("save", f"/save {topic}") for topic in topics))
    assert acts[0].session != acts[1].session
    ops.run("bash", ".claude/scripts/sync.sh")  # what was deferred goes with the next one
    for act, topic in zip(acts, topics, strict=True):
        if "[DEFERRED]" not in act.answer:
            assert_saved(world, ops, act, topic.replace(" ", "-"))
        assert any(name.endswith(f"-mike-{topic.replace(' ', '-')}.md") for name in world.remote_files())
    assert not all("[DEFERRED]" in act.answer for act in acts)
    ops.assert_sound()
    world.assert_linear()


def test_a_note_of_another_person_reaches_the_model_when_a_session_starts(
    world: World, ops: Machine, tmp_path: Path
) -> None:
    other = world.machine("MAC-02", "howard")
    write_identity(other)
    log = "clients/acme/session-logs/2026-06-05-howard-acme-isp.md"
    note = "## Note for mike\n\nPlease check the Acme firewall before 17:00.\n"
    other.write(log, f"---\nuser: howard\n---\n\n# ISP\n\n{note}")
    other.git("add", "-A")
    person = ("-c", "user.name=Howard Lee", "-c", "user.email=howard@example.com")
    other.git(*person, "commit", "-q", "-m", "acme: the ISP")
    other.git("push", "-q", "origin", "HEAD:main")
    assert ops.run("bash", ".claude/scripts/sync.sh").code == 0, "as a scheduled job does: no session is told"
    first, second = perform(ops, tmp_path, ("echo", "hello"))[0], perform(ops, tmp_path, ("echo", "hello"))[0]
    assert "MESSAGE FROM Howard Lee" in first.prompts and "check the Acme firewall before 17:00" in first.prompts
    assert "check the Acme firewall" in second.prompts, "the first one ended without saying that it is done"


def test_a_session_is_told_of_the_other_that_works_beside_it(ops: Machine, tmp_path: Path) -> None:
    place = find_place(str(ops.top))
    assert place
    registry.register(place, "beside", topic="sophos renewal")
    (act,) = perform(ops, tmp_path, ("echo", "hello"))
    assert "Also working in this folder: 'sophos renewal'" in act.prompts


@pytest.mark.parametrize("damage", ["rm -r {}", "rm {}/hooks/agent/run.sh"])
def test_a_session_whose_plugin_an_update_took_away_goes_on(damage: str, world: World, tmp_path: Path) -> None:
    machine = world.machine()
    plugin = copy_toolkit(TOOLKIT, tmp_path / 'a "plugin" of $HOME')
    shutil.copytree(TOOLKIT / ".claude-plugin", plugin / ".claude-plugin")
    prompt = f"damage: {damage.format(shlex.quote(str(plugin)))}"
    more = ("--plugin-dir", str(plugin), "--allowedTools", "Bash")
    act = perform(machine, tmp_path, ("wreck", prompt), edits=True, more=more)[0]
    assert (act.answer, act.denials) == ("still here", [])
    assert machine.read("notes.md") == "changed by an agent\n"
    assert state_of(machine, act).agent == "claude", "its hooks ran before"


def test_hooks_of_the_repository_that_are_cut_refuse_neither_a_prompt_nor_a_tool(ops: Machine, tmp_path: Path) -> None:
    ops.write(".claude/scripts/claudetools-start.sh", "if [ ")
    act = perform(ops, tmp_path, ("wreck", "damage: true"), edits=True, more=("--allowedTools", "Bash"))[0]
    assert (act.answer, act.denials) == ("still here", [])


def test_a_message_goes_with_the_commit(world: World, ops: Machine, tmp_path: Path) -> None:
    (act,) = perform(ops, tmp_path, ("scc", "/scc acme: it's a new firewall"), edits=True)
    assert not act.denials and act.answer.startswith("[OK] Saved and pushed: 1 commit of this session."), act.answer
    assert world.remote_git("log", "-1", "--format=%s", "main").strip() == "acme: it's a new firewall"
    assert world.remote_file("notes.md") == "changed by an agent\n"


@pytest.mark.parametrize("name", ["checkpoint", "commit-here"])
def test_a_checkpoint_stays_here_under_both_names(name: str, world: World, ops: Machine, tmp_path: Path) -> None:
    before = world.tip()
    (act,) = perform(ops, tmp_path, ("checkpoint", f"/{name} half way"), edits=True)
    assert not act.denials and act.answer.startswith("[OK] Saved here: 1 commit."), act.answer
    assert world.tip() == before
    assert ops.git("log", "-1", "--format=%s") == "half way"


def test_a_typed_checkpoint_is_ours_and_not_the_clients_rewind(ops: Machine, tmp_path: Path) -> None:
    screen, requests = typed(ops, tmp_path, "/checkpoint", "heard", "Nothing to rewind to")
    assert requests and "sync.sh --no-push" in Act("", "", [], requests).prompts
    assert "Nothing to rewind" not in screen
    ops.run("rm", "-r", ".claude/skills/checkpoint")
    screen, requests = typed(ops, tmp_path, "/checkpoint", "heard", "Nothing to rewind to")
    assert not requests, "without ours it is the client's: the test would notice"
