"""No credential goes out by accident: one detector for all gates, by shape, by what stands before it and by name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.text.detector import find
from secret_lines import Maker, harmless, secrets
from world import TOOLKIT, Machine, World

SUSPECTS = TOOLKIT / "hooks/checks/secrets.ere"
TOKEN = "token: ghp_" + Maker(7).some("abcdefghijkLMNOPQRSTuvwxyz0123456789", 36)
NAMES = (
    ".env .env.local .env~ #.env# .env.bak .netrc .git-credentials .pgpass .aws/credentials .pypirc .vault_pass id_rsa "
    "id_rsa.bak id_ed25519~ id_ed25519_work .id_rsa.swp terraform.tfstate terraform.tfstate.backup .docker/config.json "
    "credentials.json service-account.json deploy/kubeconfig .kube/config a/B.KDBX .Env"
).split()
FINE = (".env.example", ".env.sample", "id_rsa.pub", "id_ed25519_work.pub", "environment.md", "c.json", "v1.2", "n.1")


@pytest.mark.parametrize("seed", range(5))
def test_what_people_write_is_found_and_what_looks_like_it_is_not(seed: int) -> None:
    assert [line for line in secrets(seed) if not find(line)] == []
    assert [(line, find(line)) for line in harmless(seed) if find(line)] == []


def test_the_search_by_git_lets_nothing_pass_that_the_detector_finds(tmp_path: Path) -> None:
    lines = [line for seed in range(20) for line in secrets(seed)]
    (tmp_path / "lines").write_text("\n".join(lines) + "\n")
    command = ("grep", "-v", "-i", "-E", "-f", SUSPECTS, tmp_path / "lines")
    assert subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, text=True).stdout == ""


def test_the_documentation_of_this_project_holds_none() -> None:
    for path in [*TOOLKIT.glob("*.md"), *TOOLKIT.glob("docs/**/*.md"), *TOOLKIT.glob(".claude/**/*.md")]:
        assert find(path.read_text("utf-8")) == [], path


HOSTILE = "password-a|pass_|user |admin/|curl -u |pin |token|key: |http://a:|otpauth://x?|eyJaaaaaaaaaaaa.|| a |set "


@pytest.mark.parametrize("part", HOSTILE.split("|"))
def test_a_line_made_to_keep_the_search_busy_does_not(part: str) -> None:
    """With a pattern that can match in many ways this never ends: a sync would hold its lock for ever."""
    for length in (1_990, 150_000):
        assert len(find((part or "|") * (length // max(len(part), 1)) + "!")) <= 1


def test_a_token_in_a_line_of_a_program_is_found() -> None:
    assert [hit.line for hit in find("x" * 50_000 + ' "' + TOKEN + '"')] == [1]


def test_a_marked_line_is_none() -> None:
    assert find(TOKEN) and not find(f"{TOKEN} # claudetools:allow-secret")
    assert not find(f"{TOKEN} # gitleaks:allow") and not find(f"{TOKEN}  # pragma: allowlist secret")


def test_a_table_tells_by_the_name_of_its_column() -> None:
    table = "| Host | User | Password |\n|---|---|---|\n| fw01 | admin | Winter26 |\n| fw02 | admin | see vault |\n"
    assert [(hit.line, table.split("\n")[2][hit.start : hit.end]) for hit in find(table)] == [(3, "Winter26")]


@given(st.text())
def test_any_text_is_searched(text: str) -> None:
    assert all(0 < hit.line <= text.count("\n") + 1 and hit.start <= hit.end for hit in find(text))


def test_files_with_credentials_stay_and_are_told_with_the_line(machine: Machine, world: World) -> None:
    assert machine.sync().code == 0
    for name in NAMES:
        machine.write(name, "x\n")
    for name in FINE:
        machine.write(name, "x\n")
    machine.write("b.pem.old", "-----BEGIN PRIVATE KEY-----\nMIIE\n")
    result = machine.sync()
    assert result.code == 65, result.text
    assert [name for name in [*NAMES, "b.pem.old"] if name in world.remote_files()] == []
    assert [name for name in FINE if name not in world.remote_files()] == []
    for name in [*NAMES, "b.pem.old"]:
        (machine.top / name).unlink()
    machine.write("notes.md", f"# x\n\n{TOKEN}\n")
    result = machine.sync()
    assert "notes.md (holds a GitHub token in line 3)" in result.out and "ghp_" not in result.text
    assert "--allow notes.md" in result.out
    assert machine.sync("--allow", "notes.md").code == 0 and "notes.md" in world.remote_files()
    # What is there already is no news: in the same file, in another one, and under another name.
    machine.write("notes.md", f"# y\n\n{TOKEN}\n")
    machine.write("copy.md", f"copied\n{TOKEN}\n")
    result = machine.sync()
    assert result.code == 0 and "copy.md" in world.remote_files(), result.text


def test_plain_commits_are_looked_at_one_by_one(machine: Machine, world: World) -> None:
    assert machine.sync().code == 0
    machine.write("a.md", f"{TOKEN}\n")
    machine.git("add", "-A")
    machine.git("commit", "-q", "--no-verify", "-m", "a token")
    machine.write("b.md", "fine\n")
    result = machine.sync()
    assert result.code == 65 and "holds a GitHub token in line 1" in result.out, result.text
    assert "b.md" in world.remote_files() and "a.md" not in world.remote_files()
    machine.write("a.md", "gone\n")
    machine.git("commit", "-q", "--no-verify", "-a", "-m", "taken out")
    result = machine.sync()
    assert result.code == 0 and world.tip() == machine.git("rev-parse", "HEAD"), result.text
    assert "ghp_" not in world.remote_git("log", "-p", "--all"), result.text


def test_the_commit_hook_and_the_server_refuse_it(machine: Machine) -> None:
    rules = TOOLKIT / "hooks/checks/run.sh"
    assert machine.sync().code == 0
    before = machine.git("rev-parse", "HEAD")
    machine.write("a.md", f"{TOKEN}\n")
    machine.write("id_rsa", "x\n")
    machine.git("add", "-A")
    result = machine.run("bash", rules)
    assert result.code == 1 and "a.md holds a GitHub token in line 1." in result.err, result.text
    assert "id_rsa looks like a secret." in result.err
    machine.git("commit", "-q", "--no-verify", "-m", "x")
    result = machine.run("bash", rules, "--range", f"{before}..HEAD")
    assert result.code == 1 and "a.md holds a GitHub token in line 1." in result.err, result.text
    machine.git("config", "claudetools.allow", "a.md")
    assert "a.md" not in machine.run("bash", rules, "--range", f"{before}..HEAD").err


def test_logs_and_articles_keep_their_policy(machine: Machine, world: World) -> None:
    """Values stand there on purpose, unless somebody asks for vault or block (test_credentials)."""
    assert machine.sync().code == 0
    machine.write("wiki/acme.md", f"{TOKEN}\n")
    assert machine.sync().code == 0 and "wiki/acme.md" in world.remote_files()
    machine.git("config", "claudetools.credentials", "block")
    machine.write("wiki/other.md", f"{TOKEN}x\n")
    assert machine.sync().code == 65 and "wiki/other.md" not in world.remote_files()
