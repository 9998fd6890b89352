"""sync.sh end to end: each outcome with its exit code, its words, and what is on disk and on the remote."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from pathlib import Path

import pytest

from vaults import AGE_TEXT
from world import TOOLKIT, WITH_LOCK, Machine, World, log_text, run_plain, write_identity


def normal(text: str) -> str:
    """Object names and times replaced, so that a whole transcript can be compared."""
    text = re.sub(r"\b[0-9a-f]{7}\.\.[0-9a-f]{7}\b", "OLD..NEW", text)
    text = re.sub(r"\b[0-9a-f]{7}\b", "OID", text)
    return re.sub(r"\d\d:\d\d(:\d\d)?", "TIME", text)


@pytest.mark.core
def test_nothing_to_do_says_where_both_stand(machine: Machine) -> None:
    result = machine.sync()
    assert (result.code, normal(result.out), result.err) == (
        0,
        "[OK] Nothing to do. main is at OID here and on origin.\n",
        "",
    )
    machine.assert_sound()


@pytest.mark.core
def test_a_changed_file_is_saved_pushed_and_summed_up(world: World, machine: Machine) -> None:
    machine.write("clients/acme/notes.md", "one\ntwo\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert normal(result.out) == (
        "[OK] Saved and pushed: 1 commit.\n"
        "## Post-commit Summary\n"
        "Commit: OID acme: 1 file edited outside a session\n"
        "Author: Mike Swanson <mike@example.com>\n"
        "Push:   OLD..NEW main -> main (origin)\n"
        "Files:  1 file (+2 -0 lines)\n"
    )
    assert world.remote_file("clients/acme/notes.md") == "one\ntwo\n"
    assert machine.status() == ""
    machine.assert_sound()


def test_the_summary_counts_the_articles_that_were_updated(machine: Machine) -> None:
    for name in ("clients/acme", "clients/globex", "systems/mail"):
        machine.write(f"wiki/{name}.md", "text\n")
    machine.write("wiki/index.md", "text\n")
    result = machine.sync()
    assert result.code == 0 and "\nWiki updates: 3 articles updated (clients, systems)\n" in result.out, result.text
    machine.write("wiki/clients/acme.md", "more\n")
    said = json.loads(machine.sync("--json").out)["main"]
    assert (said["log"], said["articles"]) == (None, 1)


def test_a_session_log_is_named_in_the_summary_and_the_trailers(world: World, machine: Machine) -> None:
    log = "clients/acme/session-logs/2026-06-05-mike-acme-vpn-cert.md"
    text = log_text(machine)
    machine.write(log, text)
    result = machine.sync("-m", "acme: replace expired VPN certificate", env={"CLAUDE_CODE_SESSION_ID": "7f3a-1"})
    assert "[OK] Saved and pushed: 1 commit of this session." in result.out
    assert f"File:   {log} (+{text.count(chr(10))} lines, created)" in result.out
    body = world.remote_git("log", "-1", "--format=%B", "main")
    assert body.splitlines()[0] == "acme: replace expired VPN certificate"
    trailers = run_plain(world.root, "git", "-C", str(world.remote), "log", "-1", "--format=%(trailers)", "main")
    assert trailers.split("\n")[:3] == ["Session-Id: 7f3a-1", "Machine: LINUX-01", f"Log: {log}"]
    for name in ("isp", "dns"):
        machine.write(log.replace(".md", f"-{name}.md"), text)
    told = re.findall(r"(?m)^File:   (\S+) \(\+\d+ lines, created\)$", machine.sync().out)
    assert told == [log.replace(".md", f"-{name}.md") for name in ("dns", "isp")]


def test_json_holds_the_same_facts(machine: Machine) -> None:
    machine.write("a.md", "x\n")
    result = machine.sync("--json")
    facts = json.loads(result.out)
    assert facts["exit"] == 0
    assert facts["main"]["status"] == "saved"
    assert facts["main"]["pushed"] is True
    assert facts["main"]["commits"][0]["oid"] == machine.git("rev-parse", "HEAD") == facts["main"]["head"]
    assert json.loads(machine.sync("--json").out)["main"]["status"] == "nothing"
    machine.write(".env", "TOKEN=x\n")
    facts = json.loads(machine.sync("--json").out)["main"]
    fix = [line.partition(": ")[2] for line in facts["left_out"][0]["more"]]
    assert facts["left_out"][0]["text"].startswith(".env (") and fix[0] == "echo /.env >> .gitignore"
    machine.git("config", "claudetools.branch", "main")
    machine.git("switch", "-q", "-c", "idea")
    told = json.loads(machine.sync("--json").out)["main"]["problems"][0]
    assert (told["level"], told["text"].startswith("This tree is on branch idea")) == ("error", True)
    assert any("switch main" in line for line in told["more"])


def test_history_and_status_are_written(machine: Machine) -> None:
    machine.write("a.md", "x\n")
    machine.sync()
    machine.sync()
    lines = [json.loads(line) for line in (machine.state / "history.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["saved", "nothing"]
    assert {"lock", "snapshot", "commit", "exchange"} <= set(lines[0]["ms"])
    assert (machine.state / "status").read_text().split()[0] == "nothing"
    said = machine.sync("--status").out
    assert "Running: no sync" in said and "Last sync: nothing" in said


@pytest.mark.core
def test_incoming_files_arrive_and_are_counted(world: World, machine: Machine) -> None:
    other = world.machine("LINUX-02", "howard")
    other.write("clients/acme/notes.md", "from howard\n")
    other.write("wiki/index.md", "index\n")
    assert other.sync().code == 0
    result = machine.sync()
    assert result.code == 0, result.text
    assert "Received: 2 files from Howard Lee (1 commit)" in result.out
    assert machine.read("clients/acme/notes.md") == "from howard\n"
    assert machine.status() == ""
    machine.assert_sound()


@pytest.mark.core
def test_both_sides_changed_different_files_and_the_history_stays_linear(world: World, machine: Machine) -> None:
    other = world.machine("LINUX-02", "howard")
    other.write("b.md", "b\n")
    machine.write("a.md", "a\n")
    assert other.sync().code == 0
    result = machine.sync()
    assert result.code == 0, result.text
    tip = world.tip()
    assert f"Commit: {tip[:7]} " in result.out, "the summary names the commit as the remote has it"
    assert machine.git("rev-parse", "HEAD") == tip
    world.assert_linear()
    assert machine.status() == ""
    machine.assert_sound()


@pytest.mark.core
def test_edits_of_different_lines_of_one_file_are_merged(world: World, machine: Machine) -> None:
    machine.write("n.md", "".join(f"{i}\n" for i in range(20)))
    machine.sync()
    other = world.machine("LINUX-02", "howard")
    other.write("n.md", other.read("n.md").replace("0\n1\n", "zero\n1\n"))
    other.sync()
    machine.write("n.md", machine.read("n.md") + "twenty\n")
    assert machine.sync().code == 0
    assert machine.read("n.md").startswith("zero\n") and machine.read("n.md").endswith("twenty\n")
    assert world.remote_file("n.md") == machine.read("n.md")


def test_the_first_push_to_an_empty_remote(world: World) -> None:
    machine = world.machine(clone=False)
    run_plain(world.root, "git", "init", "-q", "-b", "main", str(machine.top))
    machine.git("remote", "add", "origin", str(world.remote))
    machine.write(".gitignore", ".claude/identity.json\n")
    write_identity(machine)
    result = machine.sync()
    assert result.code == 0, result.text
    assert world.tip() == machine.git("rev-parse", "HEAD")
    machine.assert_sound()


def test_without_a_remote_the_work_is_saved_here(world: World, machine: Machine) -> None:
    machine.git("remote", "remove", "origin")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 0
    assert "[OK] Saved here: 1 commit. No remote is configured" in result.out
    assert "no remote is configured" in machine.sync().out


@pytest.mark.core
def test_an_unreachable_remote_is_69_and_the_next_sync_sends_everything(world: World, machine: Machine) -> None:
    world.remote.rename(world.root / "away.git")
    machine.write("a.md", "x\n")
    first = machine.sync()
    assert first.code == 69, first.text
    assert first.out.startswith("[OK] Saved here. origin cannot be reached (")
    assert "1 commit, the first of" in first.out
    assert machine.status() == ""
    machine.write("b.md", "x\n")
    assert "2 commits, the first of" in machine.sync().out
    (world.root / "away.git").rename(world.remote)
    assert machine.sync().code == 0
    assert world.tip() == machine.git("rev-parse", "HEAD")
    machine.assert_sound()


def test_a_login_prompt_becomes_69_with_the_way_out(machine: Machine, tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\necho "git@host: Permission denied (publickey)." >&2\nexit 255\n')
    ssh.chmod(0o755)
    machine.git("remote", "set-url", "origin", "git@host:ops.git")
    machine.write("a.md", "x\n")
    result = machine.sync(env={"GIT_SSH_COMMAND": str(ssh)})
    assert result.code == 69
    assert "[WARN] origin wants a login" in result.out and "Log in once by hand" in result.out


def test_a_refused_push_is_77_and_keeps_the_commit(world: World, machine: Machine) -> None:
    hook = world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no secrets, please' >&2\nexit 1\n")
    hook.chmod(0o755)
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 77, result.text
    assert "[WARN] origin refused 1 of 1 commit." in result.out and "no secrets, please" in result.out
    assert machine.status() == ""
    hook.unlink()
    assert machine.sync().code == 0
    assert world.remote_file("a.md") == "x\n"


@pytest.mark.core
def test_a_true_conflict_is_65_touches_nothing_and_marks_nothing(world: World, machine: Machine) -> None:
    machine.write("n.md", "one\n")
    machine.sync()
    other = world.machine("LINUX-02", "howard")
    other.write("n.md", "howard's\n")
    other.sync()
    machine.write("n.md", "mike's\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "[ERROR] n.md: you and Howard Lee" in result.out
    assert machine.read("n.md") == "mike's\n"
    assert world.remote_file("n.md") == "howard's\n"
    machine.assert_sound()


def test_a_file_in_the_way_stops_the_receive_before_anything_is_written(world: World, machine: Machine) -> None:
    other = world.machine("LINUX-02", "howard")
    other.write("report.ignored", "upstream\n")
    other.write("a.md", "upstream\n")
    other.git("add", "-f", "report.ignored")
    assert other.sync().code == 0
    machine.write("report.ignored", "mine\n")
    machine.write("own.md", "mine\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "not in your folder yet" in result.out and "report.ignored" in result.out
    assert machine.read("report.ignored") == "mine\n"
    assert not (machine.top / "a.md").exists(), "all or nothing"
    assert world.remote_file("own.md") == "mine\n", "our own work is sent all the same"
    machine.write("more.md", "m\n")
    assert machine.sync().code == 65
    assert world.remote_file("more.md") == "m\n"
    (machine.top / "report.ignored").unlink()
    assert machine.sync().code == 0
    assert machine.read("report.ignored") == "upstream\n"
    assert machine.git("rev-parse", "HEAD") == world.tip()
    assert machine.status() == ""
    machine.assert_sound()


def test_a_stopped_tree_does_not_bring_back_what_upstream_reverted(world: World, machine: Machine) -> None:
    other = world.machine("LINUX-02", "howard")
    other.write("in-the-way.ignored", "upstream\n")
    other.git("add", "-f", "in-the-way.ignored")
    other.sync()
    machine.write("in-the-way.ignored", "mine\n")
    machine.write("idea.md", "good idea\n")
    assert machine.sync().code == 65
    assert world.remote_file("idea.md") == "good idea\n"
    other.sync()
    (other.top / "idea.md").unlink()
    assert other.sync().code == 0
    assert "idea.md" not in world.remote_files()
    assert machine.sync().code == 65
    assert "idea.md" not in world.remote_files(), "what upstream took back stays away"
    (machine.top / "in-the-way.ignored").unlink()
    assert machine.sync().code == 0
    assert not (machine.top / "idea.md").exists()
    machine.assert_sound()


def test_a_rewritten_history_is_never_pushed_back(world: World, machine: Machine) -> None:
    machine.write("secret.md", "hunter2\n")
    machine.sync()
    other = world.machine("LINUX-02", "howard")
    other.git("reset", "-q", "--hard", "HEAD~1")
    other.write("clean.md", "x\n")
    other.git("add", "-A")
    other.git("-c", "user.name=H", "-c", "user.email=h@example.com", "commit", "-q", "-m", "without the secret")
    other.git("push", "-q", "--force", "origin", "main")
    machine.write("later.md", "x\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "was rewritten" in result.out and "--take-upstream" in result.out
    assert "secret.md" not in world.remote_files()
    assert machine.sync().code == 65, "it does not forget"
    taken = machine.sync("--take-upstream")
    assert taken.code == 0, taken.text
    assert sorted(f for f in world.remote_files() if f.endswith(".md")) == ["README.md", "clean.md", "later.md"]
    assert not (machine.top / "secret.md").exists()
    machine.assert_sound()


def test_a_persons_local_merge_is_kept_whole(world: World, machine: Machine) -> None:
    other = world.machine("LINUX-02", "howard")
    other.write("b.md", "b\n")
    other.sync()
    machine.write("a.md", "a\n")
    machine.sync("--no-push")
    machine.git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
    other.write("c.md", "c\n")
    other.sync()
    result = machine.sync()
    assert result.code == 0, result.text
    assert {"a.md", "b.md", "c.md"} <= set(world.remote_files())
    assert machine.status() == ""
    machine.assert_sound()


def test_dry_run_changes_nothing(world: World, machine: Machine) -> None:
    before = (world.tip(), machine.git("rev-parse", "HEAD"))
    machine.write("a.md", "x\n")
    result = machine.sync("--dry-run")
    assert result.code == 0
    assert result.out.startswith("[OK] Would save: 1 file in 1 commit")
    assert (world.tip(), machine.git("rev-parse", "HEAD")) == before
    assert machine.status() == "?? a.md"


def test_a_dry_run_with_nothing_to_save_says_so_whatever_waits_to_be_sent(world: World, machine: Machine) -> None:
    machine.write("notes.md", "x\n")
    assert machine.sync("--no-push").code == 0
    tip = world.tip()
    for args, env in (((), {}), (("--mine",), {"CLAUDETOOLS_SESSION_ID": "mine"})):
        result = machine.sync("--dry-run", *args, env=env)
        assert result.code == 0 and result.err == "", result.text
        assert result.out == "[OK] Nothing to save. Nothing was changed.\n"
    assert world.tip() == tip


def test_no_push_commits_here_and_a_later_sync_sends_it(world: World, machine: Machine) -> None:
    machine.write("a.md", "x\n")
    assert "Not pushed, as asked." in machine.sync("--no-push").out
    assert "a.md" not in world.remote_files()
    again = machine.sync("--no-push").out
    assert again.startswith("[OK] Nothing to save. ") and "on origin" not in again, again
    result = machine.sync()
    assert result.out.startswith("[OK] Pushed: main is at ")
    assert "a.md" in world.remote_files()


@pytest.mark.parametrize("args", [["--nonsense"], ["--wait", "x"], ["-m"], ["--"], ["-m", "a\nb"], ["--restore", "x"]])
def test_a_usage_error_is_64(machine: Machine, args: list[str]) -> None:
    result = machine.sync(*args)
    assert result.code == 64
    assert result.err.startswith("[ERROR]")


def test_help_is_the_header(machine: Machine) -> None:
    result = machine.sync("--help")
    assert result.code == 0
    assert result.out.startswith("Summary: Save and sync")


# --- the repository's own hooks -----------------------------------------------------


def own_hook(machine: Machine, name: str, text: str) -> None:
    hook = machine.common / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{text}\n")
    hook.chmod(0o755)


def test_an_own_hook_that_refuses_stops_the_commit_with_its_words(world: World, machine: Machine) -> None:
    own_hook(machine, "pre-commit", "echo 'line 3 is too long' >&2; exit 1")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert "own pre-commit hook refused" in result.out and "line 3 is too long" in result.out
    assert machine.status() == "?? a.md"
    machine.assert_sound()


def test_a_formatter_is_taken_over_once_and_the_tree_follows(world: World, machine: Machine) -> None:
    own_hook(
        machine,
        "pre-commit",
        "for f in $(git diff --cached --name-only); do case $f in *.md) "
        "if grep -q '  ' $f; then sed 's/  / /g' $f > $f.new && mv $f.new $f; bad=1; fi;; esac; done; "
        '[ -z "$bad" ]',
    )
    machine.write("a.md", "too  wide\n")
    result = machine.sync()
    assert result.code == 0, result.text
    assert machine.read("a.md") == "too wide\n" == world.remote_file("a.md")
    assert machine.status() == ""
    assert world.remote_git("rev-list", "--count", "main").strip() == "2"
    machine.assert_sound()


def test_own_hooks_never_meet_the_shared_tree(machine: Machine, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    for name in ("pre-commit", "pre-push"):
        own_hook(machine, name, f"echo {name} $(pwd -P) $(git diff --cached --name-only | tr '\\n' ' ') >> {seen}")
    machine.write("a.md", "x\n")
    machine.write("other.ignored", "x\n")
    assert machine.sync().code == 0
    lines = seen.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["pre-commit", "pre-push"]
    assert all(str(machine.state) in line for line in lines)
    assert lines[0].endswith("a.md")


def test_a_relative_hooks_path_is_found_in_the_check_worktree(machine: Machine, tmp_path: Path) -> None:
    machine.git("config", "core.hooksPath", ".husky/_")
    machine.write(".gitignore", ".claude/identity.json\n.husky/_\n")
    machine.write(".husky/_/pre-commit", f"#!/bin/sh\ntouch {tmp_path}/ran\n").chmod(0o755)
    machine.write("a.md", "x\n")
    assert machine.sync().code == 0
    assert (tmp_path / "ran").exists()


def test_a_sync_started_by_a_hook_of_a_sync_is_75_at_once(machine: Machine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sync = TOOLKIT / "scripts" / "sync.sh"
    own_hook(machine, "pre-commit", f'cd "{machine.top}"; bash {sync} >{out}; echo $? >>{out}')
    machine.write("a.md", "x\n")
    assert machine.sync().code == 0
    assert out.read_text().splitlines() == [
        "[DEFERRED] This was started from within a sync. Its files go with the next one.",
        "75",
    ]


# --- the vault ------------------------------------------------------------------------


@pytest.fixture
def vault(world: World, machine: Machine) -> Path:
    bare, folder = world.root / "vault.git", world.root / "vault"
    run_plain(world.root, "git", "init", "-q", "--bare", "-b", "main", str(bare))
    machine.run("git", "clone", "-q", bare, folder)
    machine.git("-C", str(folder), "symbolic-ref", "HEAD", "refs/heads/main")
    write_identity(machine, vault_path=str(folder))
    return folder


def test_the_vault_goes_through_the_same_steps(machine: Machine, vault: Path) -> None:
    (vault / "acme.age").write_text(AGE_TEXT)
    result = machine.sync()
    assert result.code == 0, result.text
    assert re.search(r"^Vault:  [0-9a-f]{7} pushed$", result.out, re.M)
    assert machine.git("-C", str(vault), "log", "-1", "--format=%an <%ae>") == "Mike Swanson <mike@example.com>"
    assert "Vault:  nothing to do" in machine.sync().out


def test_trouble_in_the_vault_never_hides_that_main_is_safe(world: World, machine: Machine, vault: Path) -> None:
    (world.root / "vault.git").rename(world.root / "gone")
    (vault / "acme.age").write_text(AGE_TEXT)
    machine.write("a.md", "x\n")
    result = machine.sync("--json")
    facts = json.loads(result.out)
    assert (result.code, facts["main"]["exit"], facts["vault"]["exit"]) == (69, 0, 69)
    assert "a.md" in world.remote_files()


def test_a_vault_inside_the_repository_is_a_setup_error(machine: Machine) -> None:
    (machine.top / "vault").mkdir()
    write_identity(machine, vault_path="vault")
    result = machine.sync()
    assert result.code == 78
    assert "is no repository of its own: it lies inside of" in result.out


def test_a_vault_folder_that_is_missing_is_named(machine: Machine, tmp_path: Path) -> None:
    write_identity(machine, vault_path=str(tmp_path / "nowhere"))
    result = machine.sync()
    assert result.code == 78
    assert "nowhere" in result.out


# --- small programs --------------------------------------------------------------------


def test_the_shim_runs_the_driver(machine: Machine) -> None:
    shim = TOOLKIT / ".claude" / "scripts" / "sync.sh"
    assert machine.run("bash", shim).out.startswith("[OK] Nothing to do.")


def test_whoami_block_prints_the_user_block(machine: Machine) -> None:
    write_identity(machine, hostname=os.uname().nodename)
    result = machine.run("bash", TOOLKIT / "scripts" / "whoami-block.sh")
    assert result.code == 0, result.text
    assert result.out == "## User\n- **User:** Mike Swanson (mike)\n- **Role:** admin\n- **Machine:** LINUX-01\n"


def test_whoami_block_never_takes_gits_word_for_who_somebody_is(machine: Machine) -> None:
    (machine.top / ".claude/identity.json").unlink()
    machine.git("config", "user.email", "mike@example.com")
    assert machine.sync().code == 0, "a sync may"
    result = machine.run("bash", TOOLKIT / "scripts" / "whoami-block.sh")
    assert (result.code, result.out) == (78, ""), result.text
    assert result.err.startswith("[WARNING] .claude/identity.json is missing") and "setup.sh --user mike" in result.err
    refused = machine.run("bash", TOOLKIT / "scripts" / "claudetools.sh", "log", "new", "vpn")
    assert refused.code == 78 and "setup.sh --user mike" in refused.err, refused.text
    assert not (machine.top / "session-logs").exists()


def test_whoami_block_stops_on_another_machine(machine: Machine) -> None:
    result = machine.run("bash", TOOLKIT / "scripts" / "whoami-block.sh", env={"CLAUDETOOLS_HOSTNAME": "LINUX-02"})
    assert result.code == 78
    assert "[WARNING] identity.json says machine LINUX-01, this host is LINUX-02." in result.err
    assert "setup.sh --machine LINUX-02" in result.err


def test_setup_writes_an_identity_that_sync_accepts(world: World, machine: Machine) -> None:
    (machine.top / ".claude" / "identity.json").unlink()
    assert machine.sync().code == 78
    setup = TOOLKIT / "scripts" / "setup.sh"
    result = machine.run("bash", setup, "--user", "mike", "--name", 'Mike "M" Swanson', "--email", "mike@example.com")
    assert result.code == 0, result.text
    assert machine.sync().code == 0
    again = machine.run("bash", setup, "--machine", "OTHER")
    assert again.code == 0, again.text
    identity = json.loads(machine.read(".claude/identity.json"))
    assert (identity["full_name"], identity["machine"]) == ('Mike "M" Swanson', "OTHER")


# --- patience -----------------------------------------------------------------------------


def less_patient(folder: Path, seconds: int) -> Path:
    """sync.sh whose runs end within so many seconds in an agent's shell; really it is 100."""
    toolkit = folder / "toolkit"
    toolkit.mkdir()
    for name in ("scripts", "pylib", "hooks"):
        shutil.copytree(TOOLKIT / name, toolkit / name, ignore=shutil.ignore_patterns("__pycache__"))
    patience = toolkit / "scripts" / "lib" / "patience.sh"
    patience.write_text(patience.read_text().replace("AGENT_SECONDS=100", f"AGENT_SECONDS={seconds}"))
    return toolkit / "scripts" / "sync.sh"


def test_in_an_agents_shell_a_remote_that_never_answers_does_not_hold_the_run(machine: Machine, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 1000\n")
    slow.chmod(0o755)
    machine.git("remote", "set-url", "origin", "git@host:ops.git")
    machine.write("a.md", "x\n")
    env = {"GIT_SSH_COMMAND": str(slow), "CLAUDECODE": "1"}
    result = machine.run("bash", less_patient(tmp_path, 7), env=env, timeout=60)
    assert result.code == 69, result.text
    assert "took longer than 2 s" in result.out
    assert machine.status() == ""
    machine.assert_sound()


def test_in_an_agents_shell_the_vaults_lock_is_waited_for_as_long_as_patience_lasts(
    machine: Machine, vault: Path, tmp_path: Path
) -> None:
    (vault / "acme.age").write_text(AGE_TEXT)
    sync = [
        "env",
        "-u",
        "CLAUDETOOLS_REENTER",
        "CLAUDECODE=1",
        "timeout",
        "60",
        "bash",
        str(less_patient(tmp_path, 12)),
    ]
    in_main = f"cd {shlex.quote(str(machine.top))} && {shlex.join(sync)}"
    result = machine.run("bash", WITH_LOCK, "--", "bash", "-c", in_main, cwd=vault)
    assert result.code == 75, result.text
    assert "[DEFERRED] Another sync is running." in result.out


def test_work_that_has_not_left_this_machine_for_days_is_said_first(world: World, machine: Machine) -> None:
    machine.sync()
    (machine.state / "reached").write_text(f"{int(time.time()) - 3 * 86400 - 60}\n")
    world.remote.rename(world.root / "away.git")
    machine.write("a.md", "x\n")
    result = machine.sync()
    assert result.out.startswith("[WARN] Nothing has reached origin for 3 days.\n")
    machine.git("switch", "-q", "-c", "idea")
    machine.git("config", "claudetools.branch", "main")
    result = machine.sync()
    assert result.code == 78 and result.out.startswith("[WARN] Nothing has reached origin for 3 days.\n[ERROR]"), (
        result.text
    )


def test_the_branch_is_called_by_its_name(world: World, machine: Machine) -> None:
    machine.git("switch", "-q", "-c", "trunk")
    machine.git("config", "claudetools.branch", "trunk")
    machine.write("a.md", "x\n")
    machine.git("add", "a.md")
    machine.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "By hand")
    result = machine.sync()
    assert result.out.startswith("[OK] Pushed: trunk is at "), result.text


def test_a_variable_that_somebody_has_exported_changes_nothing(machine: Machine) -> None:
    names = ("PHASE", "PYTHON", "STATE", "TREE", "JOB", "ROLE", "TOP", "MAIN_TOP", "REQUEST", "BOOT_ID", "ID_VAULT")
    machine.write("a.md", "x\n")
    result = machine.sync(env=dict.fromkeys(names, "build"))
    assert result.code == 0 and "[OK] Saved and pushed: 1 commit." in result.out and not result.err, result.text
