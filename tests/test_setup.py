"""Once per machine: who works here, the hook, git's settings, the packages; and what works without any of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from claudetools.install import environment
from installing import ARCHIVE, TOOLKIT, copy_toolkit, in_use, own_sync, run_install, tools, unpacked
from test_contention import Start
from world import Machine, Result, World, clean_environment

SETUP = ".claude/scripts/claudetools.sh setup"
SHIM = (TOOLKIT / "hooks/git/shim").read_bytes()


@pytest.fixture
def clone(world: World) -> Machine:
    """A second machine with a fresh clone of a repository that has claudetools; nothing was set up there."""
    world.take(in_use())
    second = world.machine("MAC-02", "howard", clone=False)
    subprocess.run(["git", "clone", "-q", world.remote, second.top], env=second.env(), check=True)
    return second


@pytest.fixture
def known(world: World) -> Machine:
    """The same, set up for Howard."""
    (machine,) = world.take(in_use(), "MAC-02")
    return machine


def setup(machine: Machine, *args: str, env: dict[str, str] | None = None) -> Result:
    return machine.run("bash", *SETUP.split(), *args, env=env)


def without_python(machine: Machine) -> dict[str, str]:
    """As on Windows: the Store stub is there, can be started, and exits 49. The launcher is missing."""
    folder = machine.home / "stubs"
    folder.mkdir(exist_ok=True)
    for name in ("python3", "python", "py"):
        (folder / name).write_text("#!/bin/sh\nexit 49\n")
        (folder / name).chmod(0o755)
    return {"CLAUDETOOLS_PYTHON": "", "PATH": f"{folder}:{os.environ['PATH']}"}


# --- a clone where nothing was set up -------------------------------------------------


def test_in_a_clone_that_nobody_has_set_up_nothing_of_the_repository_runs(clone: Machine) -> None:
    """It is code that somebody else may have written. One command sets it up."""
    clone.git("config", "--global", "user.email", "howard@example.com")
    before = clone.git("config", "--local", "--list")
    clone.write("a.md", "x\n")
    for script in ("sync.sh", "whoami-block.sh", "claudetools.sh"):
        result = clone.run("bash", f".claude/scripts/{script}", "log")
        assert (result.code, result.out) == (78, ""), result.text
        assert result.err.splitlines()[0].startswith("[ERROR] claudetools is not set up in this clone")
        assert result.err.endswith(f"If you trust who wrote that: bash {SETUP}\n")
    assert not (clone.top / ".git/claudetools").exists()
    assert clone.git("config", "--local", "--list") == before
    assert setup(clone).code == 0
    assert (clone.common / "hooks/pre-commit").read_bytes() == SHIM
    assert clone.git("config", "--local", "claudetools.branch") == "main"
    result = own_sync(clone)
    assert (result.code, SETUP in result.text) == (0, False), result.text
    clone.assert_sound()


def test_a_toolkit_from_elsewhere_takes_nothing_of_the_repository(world: World, clone: Machine) -> None:
    """Neither code nor commands: what lies in .claude/claudetools is data to it, also after an upgrade."""
    clone.git("config", "--global", "user.email", "howard@example.com")
    for path in (clone.top / ".claude/scripts").iterdir():
        path.write_text("touch ~/ran; exit 1\n")
    result = clone.run("bash", TOOLKIT / "scripts/setup.sh", "--user", "howard")
    assert result.code == 0, result.text
    assert f"if you trust who wrote it: cd {clone.top} && bash {SETUP}" in result.out
    clone.write("a.md", "x\n")
    result = clone.run("bash", TOOLKIT / "scripts/sync.sh")
    assert (result.code, "not set up" in result.text) == (0, False), result.text
    (clone.state / "installed.json").write_text("{}")
    clone.write("notes-session.md", "x\n")
    clone.write("session-logs/2026-06-05-session.md", "x\n")
    result = clone.run("bash", TOOLKIT / "scripts/sync.sh")
    assert result.code == 65, result.text
    assert ".claude/" not in result.out, "a command of the repository's own toolkit is named"
    clone.git("commit", "-q", "--allow-empty", "-m", "by hand")
    assert not (clone.common / "hooks/pre-commit").exists() and not (clone.home / "ran").exists()


def test_eight_syncs_at_once_bring_the_clone_up_to_date_together(world: World, known: Machine) -> None:
    outdate(known)
    start = Start()
    for who in range(8):
        script = f"echo {who} >'own-{who}.md'; exec bash .claude/scripts/sync.sh"
        start.add(known, script, CLAUDETOOLS_SESSION_ID=f"session-{who}")
    results = start.go()
    assert {r.code for r in results} <= {0, 75}, "\n".join(r.text for r in results)
    assert not [r.text for r in results if "could not" in r.text or "Traceback" in r.text]
    assert own_sync(known).code == 0
    assert [world.remote_file(f"own-{who}.md") for who in range(8)] == [f"{who}\n" for who in range(8)]
    assert (known.common / "hooks/pre-commit").read_bytes() == SHIM
    assert len(list((known.state / "toolkit").iterdir())) == 1
    known.assert_sound()


def outdate(machine: Machine) -> None:
    """As if an upgrade had just come in: the hook of this clone is an older one."""
    (machine.common / "hooks/pre-commit").write_bytes(SHIM + b"# of an older version\n")
    (machine.state / "set-up").write_text("an older one\n")


def test_a_dry_run_sets_nothing_up(known: Machine) -> None:
    outdate(known)
    known.write("a.md", "x\n")
    assert own_sync(known, "--dry-run").code == 0
    assert (known.common / "hooks/pre-commit").read_bytes() != SHIM


def test_an_upgrade_that_came_in_brings_the_clones_part_up_to_date(world: World, known: Machine) -> None:
    outdate(known)
    result = own_sync(known)
    assert (result.code, "Set up in this clone: .git/hooks/pre-commit" in result.err) == (0, True), result.text
    assert (known.common / "hooks/pre-commit").read_bytes() == SHIM


def test_a_clone_that_cannot_be_set_up_syncs_and_says_why(world: World, known: Machine) -> None:
    outdate(known)
    (known.state / "installed.json").write_text('{"format": 99}\n')
    known.write("a.md", "x\n")
    result = own_sync(known)
    assert result.code == 0, result.text
    assert "[INFO] This clone could not be set up:" in result.err and "(format 99)" in result.err
    assert world.remote_file("a.md") == "x\n"


def test_nobody_known_is_told_the_command_and_nothing_changes(known: Machine) -> None:
    (known.top / ".claude/identity.json").unlink()
    known.git("config", "--local", "user.email", "dana@new.example")
    known.write("a.md", "x\n")
    result = own_sync(known)
    assert result.code == 78, result.text
    assert "dana@new.example is nobody in .claude/users.json" in result.out + result.err
    assert f"bash {SETUP}" in result.out + result.err
    told = tools(known, "doctor")
    assert (told.code, f"Set it up: bash {SETUP}\n" in told.out) == (78, True), told.text


def start_session(machine: Machine) -> str:
    """What the agent is told."""
    settings = json.loads(machine.read(".claude/settings.json"))
    line = settings["hooks"]["SessionStart"][0]["hooks"][0]["command"]
    env = {**machine.env(), "CLAUDE_PROJECT_DIR": str(machine.top), "CLAUDE_CODE_SESSION_ID": "s-1"}
    payload = json.dumps({"session_id": "s-1", "hook_event_name": "SessionStart", "cwd": str(machine.top)})
    done = subprocess.run(["sh", "-c", line], cwd=machine.top, env=env, input=payload, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_session_that_starts_where_nobody_is_known_is_told_the_command(clone: Machine) -> None:
    told = json.loads(start_session(clone))["hookSpecificOutput"]
    assert told["hookEventName"] == "SessionStart" and told["additionalContext"].endswith(f"bash {SETUP}")
    assert not (clone.top / ".git/claudetools").exists()
    assert setup(clone, "--user", "howard", "--name", "Howard Lee", "--email", "howard@example.com").code == 0
    assert SETUP not in start_session(clone)
    (clone.top / ".claude/identity.json").unlink()
    clone.git("config", "--local", "user.email", "dana@new.example")
    told = start_session(clone)
    assert "dana@new.example is nobody in .claude/users.json" in told
    assert f"Nothing can be synced before: bash {SETUP}" in told
    clone.git("config", "--local", "user.email", "howard@example.com")
    assert SETUP not in start_session(clone), "the first sync finds out by itself"


# --- who works here --------------------------------------------------------------------


def test_setup_knows_a_person_of_users_json_and_asks_nothing(clone: Machine) -> None:
    clone.git("config", "--global", "user.email", "Howard@Example.com")
    result = setup(clone)
    assert result.code == 0, result.text
    assert "you are Howard Lee <howard@example.com>" in result.out
    assert ".git/hooks/pre-commit: calls ours" in result.out
    identity = json.loads(clone.read(".claude/identity.json"))
    assert (identity["user"], identity["full_name"]) == ("howard", "Howard Lee")
    assert (clone.common / "hooks/pre-commit").read_bytes() == SHIM
    assert own_sync(clone).code == 0
    assert clone.status() == ""


def test_a_known_user_is_the_one_of_users_json_whatever_git_says(clone: Machine) -> None:
    clone.git("config", "--global", "user.email", "rig@example.com")
    clone.git("config", "--global", "user.name", "rig")
    for user, email in ("mike", "mike@example.com"), ("howard", "howard@example.com"):
        done = setup(clone, "--user", user, "--machine", "vm")
        assert done.code == 0, done.text
        told = json.loads(clone.read(".claude/identity.json"))
        assert (told["user"], told["email"]) == (user, email)
        assert "git signs with rig <rig@example.com> here; the next sync sets" in done.out
    assert setup(clone, "--name", "Howard L.").code == 0
    assert json.loads(clone.read(".claude/identity.json"))["full_name"] == "Howard L."


def test_without_a_terminal_a_missing_value_is_named_with_its_flag(clone: Machine) -> None:
    result = setup(clone, "--user", "dana")
    assert (result.code, "Full name is not known." in result.err, f"bash {SETUP} --name VALUE" in result.err) == (
        78,
        True,
        True,
    )
    assert not (clone.top / ".claude/identity.json").exists()


def on_a_terminal(machine: Machine, answers: list[str], *args: str) -> tuple[int, str]:
    """setup.sh before a person who types these lines; what stands on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", *SETUP.split(), *args], cwd=machine.top, env=machine.env(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    screen = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not data:
            break
        screen += data
    os.close(ours)
    return process.wait(60), screen.decode()


def test_on_a_terminal_it_asks_five_questions_and_takes_defaults(clone: Machine) -> None:
    clone.git("config", "--global", "user.email", "dana@new.example")
    code, screen = on_a_terminal(clone, ["", "Dana Fox", "", "LAP-9", ""])
    assert code == 0, screen
    questions = [line for line in screen.replace("\r", "").split("\n") if line.count("]: ")]
    assert screen.count("]: ") == 5, questions
    identity = json.loads(clone.read(".claude/identity.json"))
    assert {k: identity[k] for k in ("user", "full_name", "email", "machine")} == {
        "user": "dana", "full_name": "Dana Fox", "email": "dana@new.example", "machine": "LAP-9",
    }  # fmt: skip
    assert "vault_path" not in identity
    code, screen = on_a_terminal(clone, [])
    assert (code, screen.count("]: ")) == (0, 0), "what is known is not asked again"


def test_run_again_it_keeps_what_it_does_not_ask_for(clone: Machine) -> None:
    clone.git("config", "--global", "user.email", "howard@example.com")
    assert setup(clone, "--timezone", "Europe/Berlin").code == 0
    file = clone.top / ".claude/identity.json"
    file.write_text(json.dumps({"ollama": {"host": "größer"}, **json.loads(file.read_text())}))
    result = setup(clone, "--machine", "LAP-9")
    assert result.code == 0, result.text
    identity = json.loads(file.read_text("utf-8"))
    kept = (identity["ollama"], identity["timezone"], identity["machine"])
    assert kept == ({"host": "größer"}, "Europe/Berlin", "LAP-9")
    before = file.read_bytes()
    result = setup(clone, "--timezone", "Moon/Base")
    assert (result.code, "'Moon/Base' is no time zone" in result.err) == (64, True), result.text
    assert file.read_bytes() == before
    file.write_text("{cut")
    assert setup(clone, "--name", "Howard Lee").code == 0, "one that cannot be read has nothing to keep"
    assert json.loads(file.read_text("utf-8"))["full_name"] == "Howard Lee"


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("vault", "words"), [("nowhere", "is not the working tree"), (".", "lies inside of")])
def test_a_vault_that_is_none_is_refused_before_anything_is_written(clone: Machine, vault: str, words: str) -> None:
    clone.git("config", "--global", "user.email", "howard@example.com")
    result = setup(clone, "--vault", vault)
    assert (result.code, words in result.err) == (78, True), result.text
    assert not (clone.top / ".claude/identity.json").exists()


# --- Python and its packages --------------------------------------------------------------


def test_without_python_one_can_set_up_save_and_send(world: World, clone: Machine) -> None:
    env = without_python(clone)
    args = ("--user", "howard", "--name", "Howard Lee", "--email", "howard@example.com")
    result = setup(clone, *args, env=env)
    assert result.code == 0, result.text
    assert "[WARN] Python 3.10 or newer is missing." in result.err and f"bash {SETUP}" in result.err
    clone.write("a.md", "x\n")
    result = clone.run("bash", ".claude/scripts/sync.sh", env=env)
    assert result.code == 0, result.text
    assert "to renew it takes Python 3.10." in result.err and f"bash {SETUP}" in result.err
    assert world.remote_file("a.md") == "x\n"
    assert own_sync(clone).code == 0
    assert (clone.common / "hooks/pre-commit").read_bytes() == SHIM, "with Python the next sync completes it"
    result = clone.run("bash", ".claude/scripts/claudetools.sh", "log", "--help", env=env)
    assert (result.code, "Python 3.10 or newer is missing" in result.err, SETUP in result.err) == (78, True, True)


def test_the_launcher_of_windows_finds_an_interpreter_that_is_on_no_path(world: World, clone: Machine) -> None:
    env = without_python(clone)
    launcher = clone.home / "stubs" / "py"
    launcher.write_text(f'#!/bin/sh\n[ "$1" = -3 ] || exit 2\nshift\nexec \'{sys.executable}\' "$@"\n')
    clone.git("config", "--global", "user.email", "howard@example.com")
    result = setup(clone, env=env)
    assert result.code == 0, result.text
    assert ".git/hooks/pre-commit: calls ours" in result.out


def wheel(folder: Path, name: str, version: str) -> None:
    """A package of one module, as pip installs it."""
    info = f"{name}-{version}.dist-info"
    texts = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={hashed(text)},{len(text)}\n" for path, text in texts.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for path, text in {**texts, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            file.writestr(path, text)


def hashed(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def shop(clone: Machine) -> dict[str, str]:
    """Instead of the package index: a folder with two versions of one package, and a toolkit that wants one of them."""
    folder = clone.home / "wheels"
    folder.mkdir()
    wheel(folder, "tinything", "1.0")
    wheel(folder, "tinything", "2.0")
    clone.git("config", "--global", "user.email", "howard@example.com")
    pin(clone, "1.0")
    return {"PIP_FIND_LINKS": str(folder)}


def pin(machine: Machine, version: str) -> None:
    text = f'[project]\nversion = "0.1.0"\ndependencies = [\n  "tinything=={version}", # what for\n]\n'
    toolkit = machine.home / "toolkit"
    if not toolkit.exists():
        copy_toolkit(TOOLKIT, toolkit)
    (toolkit / "pyproject.toml").write_text(text)
    assert run_install(machine, machine.top, toolkit=toolkit).code == 0


def version_in_environment(machine: Machine) -> str:
    python = machine.state / "venv/bin/python"
    return machine.run(python, "-c", "import tinything; print(tinything.VERSION)").out.strip()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("pinned", ["2.0", "3.0"])
@pytest.mark.skipif(bool(shutil.which("uv")), reason="uv reads no PIP_ variables")
def test_the_packages_are_installed_once_and_again_when_the_pins_change(
    clone: Machine, shop: dict[str, str], pinned: str
) -> None:
    """3.0 cannot be had."""
    result = setup(clone, env=shop)
    assert result.code == 0, result.text
    assert "Fetching the Python packages" in result.err and "The Python packages are in" in result.out
    assert version_in_environment(clone) == "1.0"
    venv = clone.state / "venv"
    before = venv.stat().st_ino
    result = setup(clone, env=shop)
    assert ("packages" in result.out, venv.stat().st_ino) == (False, before)
    pin(clone, pinned)
    result = setup(clone, env=shop)
    assert result.code == 0, result.text
    if pinned == "2.0":
        assert version_in_environment(clone) == "2.0"
    else:
        assert "[WARN] The Python packages could not be installed: ERROR: Could not find" in result.err
        assert f"Again: bash {SETUP}" in result.err
        assert version_in_environment(clone) == "1.0", "the one that is there stays until another is whole"
    assert not [p for p in clone.state.iterdir() if p.name.startswith("venv.")]


def test_what_can_be_had_again_goes_with_the_uninstall(clone: Machine, shop: dict[str, str]) -> None:
    clone.git("checkout", "-q", "--", ".")
    assert setup(clone).code == 0
    assert own_sync(clone).code == 0
    (clone.state / "venv").mkdir(exist_ok=True)
    cached = {"toolkit", "pycache", "venv", "installed.json", "pin", "set-up", "trusted"}
    assert cached <= {p.name for p in clone.state.iterdir()}
    result = tools(clone, "install", "--uninstall", ".")
    assert result.code == 0, result.text
    assert not cached & {p.name for p in clone.state.iterdir()}


def uv_that_installs_nothing(machine: Machine) -> str:
    """A PATH on which it is. It writes down what it is told, and makes a venv at once where pip takes seconds."""
    stub = machine.home / "stubs" / "uv"
    stub.parent.mkdir()
    stub.write_text(
        f"#!/bin/sh\necho \"$*\" >>'{machine.home}/uv.log'\n"
        f'case $1 in venv) shift 5; mkdir -p "$1/bin" && ln -s \'{sys.executable}\' "$1/bin/python" ;; esac\n'
    )
    stub.chmod(0o755)
    return f"{stub.parent}:{os.environ['PATH']}"


def test_uv_is_used_where_it_is(clone: Machine, shop: dict[str, str]) -> None:
    result = setup(clone, env={**shop, "PATH": uv_that_installs_nothing(clone)})
    assert result.code == 0, result.text
    calls = (clone.home / "uv.log").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["venv", "pip"]
    assert calls[1].endswith(" tinything==1.0")
    assert (clone.state / "venv" / environment.STAMP).exists()


def test_the_pins_are_read_as_a_toml_reader_reads_them() -> None:
    tomllib = pytest.importorskip("tomllib")
    text = (TOOLKIT / "pyproject.toml").read_text()
    assert environment.requirements(text) == tomllib.loads(text)["project"]["dependencies"]
    assert any(pin.startswith("tzdata==") for pin in environment.requirements(text)), "Windows has no time zones"
    assert all("==" in pin for pin in environment.requirements(text))
    assert environment.requirements("") == []


# --- file modes and line ends ---------------------------------------------------------------


def test_the_hook_needs_no_executable_bit_on_ours(known: Machine) -> None:
    """core.fileMode=false, as git has it on Windows and on many mounts."""
    assert own_sync(known).code == 0
    known.git("config", "core.fileMode", "false")
    for path in (known.top / ".claude").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    assert known.status() == ""
    known.write("session-logs/2026-06-05-session.md", "x\n")
    known.git("add", "session-logs")
    result = known.run("git", "commit", "-q", "-m", "by hand")
    assert result.code == 1, result.text
    assert "2026-06-05-session.md" in result.err
    known.git("rm", "-q", "--cached", "session-logs/2026-06-05-session.md")
    (known.top / "session-logs/2026-06-05-session.md").unlink()
    known.write("a.md", "x\n")
    assert own_sync(known).code == 0
    known.assert_sound()


def test_a_checkout_with_windows_line_ends_leaves_ours_alone(world: World, clone: Machine) -> None:
    other = world.machine("WIN-03", "mike", clone=False)
    env = other.env()
    for key, value in (("core.autocrlf", "true"), ("user.email", "mike@example.com")):
        subprocess.run(["git", "config", "--global", key, value], env=env, check=True)
    subprocess.run(["git", "clone", "-q", world.remote, other.top], env=env, check=True)
    assert b"\r\n" in (other.top / "README.md").read_bytes()
    files = [p for p in (other.top / ".claude").rglob("*") if p.is_file()]
    assert [p.relative_to(other.top).as_posix() for p in files if b"\r\n" in p.read_bytes()] in ([], [ARCHIVE])
    assert (other.top / ARCHIVE).read_bytes() == (clone.top / ARCHIVE).read_bytes()
    other.write("a.md", b"x\r\n")
    assert setup(other).code == 0
    result = own_sync(other)
    assert result.code == 0, result.text
    assert world.remote_file("a.md") == "x\n"
    assert other.status() == ""
    assert tools(other, "install", "--check", ".").code == 0


def test_a_toolkit_that_was_checked_out_with_windows_line_ends_works(world: World, tmp_path: Path) -> None:
    """Its own .gitattributes see to that; what an editor turned into CRLF is turned back by the installer."""
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(TOOLKIT, source, ignore=shutil.ignore_patterns("__pycache__"))
    env = clean_environment(tmp_path)

    def git(*args: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *args], env=env, check=True)

    git("init", "-q", str(source))
    git("-C", str(source), "add", "-A")
    git("-C", str(source), "commit", "-q", "-m", "x")
    git("-c", "core.autocrlf=true", "clone", "-q", str(source), str(target))
    assert not [p for p in target.rglob("*") if p.is_file() and ".git" not in p.parts and b"\r\n" in p.read_bytes()]
    machine = world.machine()
    path = target / "scripts/lib/glance.sh"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    result = run_install(machine, machine.top, toolkit=target)
    assert result.code == 0, result.text
    assert own_sync(machine).code == 0
    assert b"\r" not in (unpacked(machine) / "scripts/lib/glance.sh").read_bytes()


def test_the_doctor_names_what_the_clone_lacks(clone: Machine, shop: dict[str, str]) -> None:
    assert setup(clone, "--user", "howard", env={"PATH": uv_that_installs_nothing(clone)}).code == 0
    shutil.rmtree(clone.state / "venv")
    outdate(clone)
    result = tools(clone, "doctor")
    assert result.code == 78, result.text
    assert re.search(r"is not as claudetools \S+ would have it:\n +\.git/hooks/pre-commit", result.out), result.text
    assert f"[WARN] The hook and git's settings of this clone are of an older version: bash {SETUP}" in result.out
    assert f"[ERROR] Python packages are missing (tinything==1.0): bash {SETUP}" in result.out
    run_install(clone, clone.top)
    assert setup(clone).code == 0
    assert "[WARN]" not in tools(clone, "doctor").out


def test_a_clone_in_a_cloud_folder_is_refused_unless_somebody_took_the_risk(world: World, clone: Machine) -> None:
    clone.git("config", "--global", "user.email", "howard@example.com")
    target = clone.home / "OneDrive" / "ops"
    target.parent.mkdir()
    clone.top = clone.top.rename(target)
    result = setup(clone)
    assert (result.code, "OneDrive" in result.err, "--allow-cloud-folder" in result.err) == (78, True, True), (
        result.text
    )
    assert not (clone.common / "hooks/pre-commit").exists()
    result = tools(clone, "install", "--allow-cloud-folder", ".")
    assert result.code == 0, result.text
    assert (clone.common / "hooks/pre-commit").exists()
    assert setup(clone).code == 0
    outdate(clone)
    assert "could not be set up" not in own_sync(clone).text
