"""Out of a repository: every file is as it was, and what cannot be is named before anything is touched."""

from __future__ import annotations

import shutil

from installing import RECORD, TOOLKIT, VERSION, difference, own_sync, run_install, tools, tree_of
from world import Machine, World, write_identity


def test_uninstalling_leaves_every_file_as_it_was(busy: Machine) -> None:
    before, status = tree_of(busy.top), busy.status()
    assert run_install(busy, busy.top).code == 0
    plan = run_install(busy, "--dry-run", "--uninstall", busy.top)
    assert plan.out.startswith(f"Would take claudetools {VERSION} out of ~/ops:")
    assert (busy.top / RECORD).exists()
    result = run_install(busy, "--uninstall", busy.top)
    assert result.code == 0, result.text
    assert difference(before, tree_of(busy.top, state=False)) == []
    assert busy.status() == status == ""
    assert result.out.startswith(f"[OK] claudetools {VERSION} is out of ~/ops.")
    assert "  400 session logs\n" in result.out
    result = run_install(busy, "--uninstall", busy.top)
    assert (result.code, result.out) == (0, "[OK] Nothing to do: claudetools is not installed in ~/ops.\n")


def test_an_empty_repository_is_empty_again(empty: Machine) -> None:
    shutil.rmtree(empty.common / "hooks", ignore_errors=True)
    before = tree_of(empty.top)
    run_install(empty, empty.top)
    assert run_install(empty, "--uninstall", empty.top).code == 0
    assert difference(before, tree_of(empty.top, state=False)) == []


def test_any_machine_can_take_it_out_after_it_was_used(world: World, lived_in: Machine) -> None:
    """Installed and committed on one, taken out on another by the copy that travelled there."""
    before = {n: v for n, v in tree_of(lived_in.top).items() if not n.startswith(".git/")}
    run_install(lived_in, lived_in.top)
    own_sync(lived_in)
    other = world.machine("MAC-02", "howard")
    write_identity(other)
    other.write("notes.md", "x\n")
    assert tools(other, "setup").code == 0
    assert own_sync(other).code == 0
    result = tools(other, "install", "--uninstall", ".")
    assert result.code == 0, result.text
    for words in (".claude/identity.json: who works here", "restore point", "the history of earlier syncs"):
        assert words in result.out, result.text
    after = {n: v for n, v in tree_of(other.top).items() if not n.startswith(".git/")}
    # The identity is each machine's own, and git carries no 600.
    assert set(difference(before, after)) == {"notes.md", ".claude/identity.json", ".gitattributes"}
    assert after[".gitattributes"][1] == before[".gitattributes"][1]
    commit = result.out.splitlines()[-1].removeprefix("To commit it: ")
    other.git("config", "user.email", "h@example.com")
    done = other.run("bash", "-c", commit)
    assert done.code == 0, done.text
    assert other.status() == "", "the identity is not offered to git"
    assert not [f for f in other.git("ls-files").splitlines() if "claudetools" in f]
    assert not (other.common / "hooks" / "pre-commit").exists()


def test_when_the_others_took_it_out_what_is_left_in_a_clone_goes_by_the_same_command(lived_in: Machine) -> None:
    lived_in.top.joinpath(".gitattributes").chmod(0o644)
    before = tree_of(lived_in.top)
    run_install(lived_in, lived_in.top)
    for name in ("before-claudetools", "skills", "claudetools*", "scripts/whoami-block.sh", "scripts/claudetools*"):
        assert lived_in.run("sh", "-c", f"rm -r .claude/{name}").code == 0
    lived_in.git("checkout", "-q", "--", ".")
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    assert set(difference(before, tree_of(lived_in.top, state=False))) <= {".git/index"}


def test_a_shim_that_the_user_had_already_is_there_afterwards(empty: Machine) -> None:
    """Byte by byte the same as ours: only the record tells whose it is."""
    shim = TOOLKIT / ".claude/scripts/sync.sh"
    empty.write(".claude/scripts/sync.sh", shim.read_bytes()).chmod(0o755)
    before = tree_of(empty.top)
    run_install(empty, empty.top)
    assert run_install(empty, empty.top).out.startswith("[OK] Nothing to do")
    assert run_install(empty, "--uninstall", empty.top).code == 0
    assert difference(before, tree_of(empty.top, state=False)) == []


def test_settings_of_the_users_survive_both_ways(lived_in: Machine) -> None:
    lived_in.git("config", "rebase.autoStash", "true")
    result = run_install(lived_in, lived_in.top)
    assert "rebase.autoStash is true here" in result.err
    lived_in.git("config", "user.email", "new@example.com")
    lived_in.git("config", "merge.autoStash", "true")
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0
    values = lived_in.git("config", "--local", "--list").splitlines()
    assert {"rebase.autostash=true", "merge.autostash=true", "user.email=new@example.com", "merge.tool=vimdiff"} <= set(
        values
    )
    assert not [v for v in values if v.startswith("pull.ff")]


def test_a_changed_file_of_ours_stops_the_uninstall_before_anything_is_touched(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    lived_in.write(".claude/scripts/whoami-block.sh", "mine now\n")
    before = tree_of(lived_in.top, times=True, state=False)
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert result.code == 65
    assert ".claude/scripts/whoami-block.sh" in result.err
    assert difference(before, tree_of(lived_in.top, times=True, state=False)) == []
    (lived_in.top / ".claude/scripts/whoami-block.sh").unlink()
    assert run_install(lived_in, "--uninstall", lived_in.top).code == 0


def test_an_unfinished_receive_is_finished_first(lived_in: Machine) -> None:
    run_install(lived_in, lived_in.top)
    (lived_in.state / "trees" / "main").mkdir(parents=True)
    (lived_in.state / "trees" / "main" / "journal").write_text("x")
    result = run_install(lived_in, "--uninstall", lived_in.top)
    assert (result.code, "sync.sh" in result.err) == (65, True)
