"""What the repository's own hooks meet: moment, arguments, input, environment, git. A sync against plain git."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from world import Machine, World

HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push")
RECORDER = """\
#!/bin/bash
name=${{0##*/}}
{{
  echo "== $name as $0"
  printf 'argument: %s\\n' "$@"
  printf 'folder is the top: %s\\n' "$([ "$PWD" -ef "$(git rev-parse --show-toplevel)" ] && echo yes)"
  env | sed -n 's/^\\(GIT_[A-Z_]*\\|LC_ALL\\|EDITOR\\|LANG\\)=/&/p' | grep -v '^GIT_CONFIG_[GN]' | sort
  echo "git folder: $(git rev-parse --git-dir), a $(stat -c %F .git)"
  echo "branch: $(git symbolic-ref HEAD) $(git log -1 --format=%s 2>&1)"
  echo "others: $(git for-each-ref --format='%(refname)' refs/heads refs/tags refs/remotes | tr '\\n' ' ')"
  echo "staged: $(git diff --cached --name-only | tr '\\n' ' ') unstaged: $(git diff --name-only)"
  echo "settings: $(git config user.name) $(git config remote.origin.url) $(git config team.rule)"
  echo "file: $(cat a.md) $(cat .git/keys/one 2>&1)"
  echo "PATH has git's own: $(case $PATH in "$GIT_EXEC_PATH":*) echo yes ;; esac)"
  touch .git/written || echo 'cannot write into .git'
  case $name in *-msg) echo "message: $(cat "$1")" ;; esac
  echo "input: $(cat)"
}} >>{log} 2>&1
exit 0
"""
OURS = ("GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never")  # nobody sits at the keyboard


def record(machine: Machine, log: Path) -> None:
    """Every hook writes down what it meets; there is what hooks look for."""
    for name in HOOKS:
        path = machine.common / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(RECORDER.format(log=log))
        path.chmod(0o755)
    (machine.common / "keys").mkdir()
    (machine.common / "keys" / "one").write_text("key\n")
    machine.git("config", "team.rule", "tabs")
    machine.git("tag", "v1")
    machine.git("branch", "side")


def told(log: Path) -> list[str]:
    """One text for each hook that ran, without what differs by nature: object names, times, our two variables."""
    text = re.sub(r"\b[0-9a-f]{40}\b", lambda m: "ZERO" if set(m[0]) == {"0"} else "OID", log.read_text())
    text = re.sub(r"/ops/\.git/(worktrees/linked|claudetools/trees/linked-linked/check\.git)", "/LINKED.git", text)
    text = re.sub(r"GIT_AUTHOR_DATE=@\d{10} \+0000", "GIT_AUTHOR_DATE=@TIME", text)
    lines = [line for line in text.splitlines() if line not in OURS]
    return [part.strip() for part in "\n".join(lines).split("== ") if part]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("where", ["the first tree", "a linked worktree"])
def test_hooks_meet_what_plain_git_shows_them(world: World, tmp_path: Path, where: str) -> None:
    world.machine("seeds")
    seen = {}
    for name in ("plain", "synced"):
        machine = world.machine(name, "mike")
        for key, value in (("user.name", "Mike Swanson"), ("user.email", "mike@example.com")):
            machine.git("config", key, value)
        (machine.common / "info" / "exclude").write_text("node_modules/\n")
        record(machine, tmp_path / name)
        if where == "a linked worktree":
            machine.git("switch", "-q", "side")
            machine.git("worktree", "add", "-q", "../linked", "main")
            (machine.home / "linked" / ".claude").mkdir(exist_ok=True)
            (machine.home / "linked" / ".claude" / "identity.json").write_text(machine.read(".claude/identity.json"))
            machine.top = machine.home / "linked"
        (machine.top / "node_modules").mkdir()
        machine.write("a.md", "x\n")
        if name == "plain":
            machine.git("add", "a.md")
            machine.git("commit", "-q", "-m", "rule: a")
            machine.git("push", "-q", "origin", "main")
            machine.git("push", "-q", "--force", "--no-verify", "origin", "HEAD^:refs/heads/main")
        else:
            result = machine.sync("-m", "rule: a")
            assert result.code == 0, result.text
            assert machine.git("ls-files", "node_modules") == "" and machine.status() == ""
        seen[name] = [part.replace(str(machine.home), "HOME") for part in told(tmp_path / name)]
    (tmp_path / "table").write_text("\n\n".join(seen["synced"]))
    assert [part.split()[0] for part in seen["synced"]] == list(HOOKS)
    for plain, synced in zip(seen["plain"], seen["synced"], strict=True):
        assert synced == plain
