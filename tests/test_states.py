"""Two people, two clones, one remote, and anything in any order: nothing that was written is lost, doubled or undone.

`Story` does what people do (edit, commit by plain git, sync, get killed, rewrite the remote) and keeps a ledger of the
tokens that they wrote. hypothesis makes up stories; each one that once went wrong is a test of its own at the end.
"""

from __future__ import annotations

import itertools
import re
import stat
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from forced import KILL_GROUP, RECEIVING, SENDING, at, copy_world, ended, was_reached
from world import Machine, Result, World

TOKEN = re.compile(r"\bT\d{4}\b")
MARKER = r"^(<<<<<<< |>>>>>>> |\|\|\|\|\|\|\| )"
NAMES = {"LINUX-01": "Mike Swanson", "MAC-02": "Howard Lee"}
# Text, where lines that both sides added are kept, and code, where they are a conflict.
FILES = ("code.py", "deep/log.txt", "notes.md", "run.sh", "spare-1.txt", "spare-2.py", "spare-3.md")
EDITS = ("append", "insert", "change", "add", "delete", "rename", "chmod")
PLACES = [p for p in SENDING + RECEIVING if p not in ("swap-3", "swap-4", "swap-5", "swapped-4", "swapped-5")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_template(tmp_path_factory.mktemp("template") / "world")


def make_template(root: Path) -> World:
    root.mkdir()
    world = World(root)
    mike = world.machine("LINUX-01", "mike")
    for name in FILES:
        mike.write(name, "".join(f"{name} line {n}\n" for n in range(12)))
    assert mike.sync().code == 0
    howard = world.machine("MAC-02", "howard")
    for machine in (mike, howard):
        machine.git("config", "claudetools.branch", "main")  # as the installer does
        assert machine.sync().code == 0
    return world


class Story:
    """What two people do, and what has to be true after each of their syncs."""

    def __init__(self, template: World, root: Path) -> None:
        self.world = copy_world(template, root)
        self.mike, self.howard = self.world.machines["LINUX-01"], self.world.machines["MAC-02"]
        self.count = 0
        self.written: set[str] = set()
        self.removed: dict[str, set[str]] = {name: set() for name in NAMES.values()}  # on purpose, and by whom
        self.wobbly: set[str] = set()  # of rewritten history: they may be there or not
        self.left_remote: set[str] = set()
        self.merged_by_hand = False
        self.figures: Counter[str] = Counter()

    # --- looking ---------------------------------------------------------------------

    def files(self, who: Machine) -> list[str]:
        """The files that people work on, in order."""
        found = (p.relative_to(who.top) for p in who.top.rglob("*") if p.is_file())
        return sorted(str(p) for p in found if not p.parts[0].startswith("."))

    def tokens(self, who: Machine) -> set[str]:
        return set(TOKEN.findall("".join(who.read(path) for path in self.files(who))))

    def remote_tokens(self) -> set[str]:
        return set(TOKEN.findall(self.world.remote_git("grep", "-h", "-e", "", "main")))

    def gone(self) -> set[str]:
        return self.wobbly.union(*self.removed.values())

    # --- what people do --------------------------------------------------------------

    def token(self) -> str:
        self.count += 1
        return f"T{self.count:04}"

    def edit(self, who: Machine, how: str, number: int = 0, line: int = 0) -> None:
        """One of EDITS; `number` picks the file, of those that are there in order."""
        files = self.files(who)
        before = self.tokens(who)
        if how == "add" or not files:
            self.add(who, number)
        else:
            self.edit_file(who.top / files[number % len(files)], how, line)
        self.account(who, before)

    def add(self, who: Machine, number: int) -> None:
        """A new file; both people come upon the same few names."""
        path = f"new/{number % 3}{('.md', '.py')[number % 2]}"
        if not (who.top / path).exists():
            who.write(path, f"{self.token()}\n")

    def edit_file(self, path: Path, how: str, line: int) -> None:
        lines = path.read_text().splitlines()
        if how == "delete":
            path.unlink()
        elif how == "rename":
            path.rename(path.with_name(f"{path.stem}-{self.token().lower()}{path.suffix}"))
        elif how == "chmod":
            path.chmod(path.stat().st_mode ^ stat.S_IXUSR)
        else:
            line = len(lines) if how == "append" else line % (len(lines) + 1)
            lines[line : line + (how == "change")] = [self.token()]
            path.write_text("\n".join(lines) + "\n")

    def account(self, who: Machine, before: set[str]) -> None:
        """The ledger after something that a person did to the tree on purpose."""
        after = self.tokens(who)
        self.removed[NAMES[who.name]] |= before - after
        self.wobbly |= (after - before) & self.written  # brought back, which others may undo before it is sent
        self.written |= after
        self.left_remote -= after - before

    def git(self, who: Machine, *args: str) -> bool:
        """Plain git; where it refuses, people do without."""
        return who.run("git", *args).code == 0

    def stage(self, who: Machine, number: int = 0) -> None:
        files = self.files(who)
        self.git(who, "add", "--", files[number % len(files)])

    def commit(self, who: Machine, *options: str) -> None:
        self.git(who, "commit", "-q", "-m", f"plain {self.count}", *options)

    def is_pushed(self, who: Machine) -> bool:
        return self.git(who, "merge-base", "--is-ancestor", "HEAD", "origin/main")

    def amend(self, who: Machine, *options: str) -> None:
        """The last commit made anew. Where it had been pushed, the remote keeps the first one as well."""
        if self.is_pushed(who):
            self.figures["pushed commits amended"] += 1
            self.wobbly |= set(TOKEN.findall(who.git("show", "--format=", "HEAD")))
        self.git(who, "commit", "-q", "--amend", "--no-edit", *options)

    def pull(self, who: Machine) -> None:
        """A merge by the person; one that conflicts is taken back, as most people do."""
        before = self.tokens(who)
        self.git(who, "pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
        self.git(who, "merge", "--abort")
        self.merged_by_hand |= who.git("log", "--merges", "--format=%H") != ""
        self.assert_kept(who, before)

    def revert(self, who: Machine) -> None:
        """The newest commit is taken back by another one."""
        if who.status() or who.git("rev-list", "--count", "HEAD") == "2":
            return
        before = self.tokens(who)
        if not self.git(who, "revert", "--no-edit", "HEAD"):
            self.git(who, "revert", "--abort")
        self.account(who, before)
        self.figures["reverts"] += 1

    def rewrite_remote(self) -> None:
        """Somebody takes the newest commit out of the remote's history."""
        if self.world.remote_git("rev-list", "--count", "main").strip() == "2":
            return
        self.wobbly |= set(TOKEN.findall(self.world.remote_git("diff", "--no-renames", "main~1", "main")))
        self.world.remote_git("update-ref", "refs/heads/main", "main~1")
        self.figures["rewritten remotes"] += 1

    def switch_away_and_back(self, who: Machine) -> None:
        """On another branch a sync refuses and touches nothing."""
        if not self.git(who, "switch", "-q", "-C", "side"):
            return
        before = (self.tokens(who), who.status(), who.git("rev-parse", "HEAD"))
        result = who.sync()
        assert result.code == 78, result.text
        assert (self.tokens(who), who.status(), who.git("rev-parse", "HEAD")) == before
        who.git("switch", "-q", "main")

    # --- what the sync does ----------------------------------------------------------

    def sync(self, who: Machine) -> Result:
        """0, and all is one; or a conflict, and the person's text stands."""
        result = self.run_sync(who)
        if "was rewritten" in result.out:
            assert result.code == 65, result.text
            result = self.run_sync(who, "--take-upstream")
        if unsettled := re.findall(r"Keep yours as it is now: .* --allow (\S+)$", result.out, re.M):
            self.merge_by_hand(who, unsettled)
            result = self.run_sync(who, *(word for path in unsettled for word in ("--allow", path)))
        if "is not in your folder yet" in result.out and "(since" in result.out:
            self.figures["saved by plain git"] += 1
            self.git(who, "add", "-A")
            self.commit(who)
            result = self.run_sync(who)
        if result.code == 65:
            assert "wrote different text" in result.out, result.text
            self.figures["conflicts"] += 1
            return result
        assert result.code == 0, result.text
        assert who.status() == ""
        assert who.git("rev-parse", "HEAD") == self.world.tip()
        return result

    def merge_by_hand(self, who: Machine, paths: list[str]) -> None:
        """The other side's lines go below the person's own: as the message asks."""
        self.figures["merged by hand"] += 1
        for path in paths:
            own = who.read(path) if (who.top / path).exists() else ""
            other = who.run("git", "show", f"HEAD:{path}").out.splitlines()
            who.write(path, own + "".join(f"{line}\n" for line in other if line not in own))

    def run_sync(self, who: Machine, *args: str) -> Result:
        """A sync, and what is true after each, whatever it says."""
        before, tip, upstream = self.tokens(who), self.world.tip(), self.remote_tokens()
        result = who.sync(*args)
        self.figures["syncs"] += 1
        who.assert_sound()
        self.assert_kept(who, before)
        self.assert_remote_grew(tip, upstream)
        return result

    def kill(self, who: Machine, place: str) -> None:
        """A sync ends in the middle of it; the next one has to cope."""
        before, tip, upstream = self.tokens(who), self.world.tip(), self.remote_tokens()
        env = at(who, place, KILL_GROUP)
        ended(who.start_sync(env=env))
        self.figures["kills"] += was_reached(env)
        # A file that was renamed there may have lost its old name and not got its new one: the journal has both.
        self.assert_kept(who, before - self.remote_tokens())
        self.assert_remote_grew(tip, upstream)

    def resolve(self, who: Machine, side: str) -> None:
        """Each conflict is settled for one side: what the other had in these files may go."""
        laid = who.sync("--resolve")
        paths = re.findall(r"^  \.claudetools-resolve/(.+?)    ", laid.out, re.M)
        if not paths:
            assert laid.out == "[OK] Nothing to settle.\n", laid.text
            return
        name, texts = NAMES[who.name], ""
        for path in paths:
            for file in (who.top / path, who.top / ".claudetools-resolve" / path):
                texts += file.read_text() if file.exists() else ""
            texts += who.run("git", "show", f"origin/main:{path}").out
            assert who.sync("--resolve", "--take", side, path).code == 0
        at_stake = set(TOKEN.findall(texts))
        before = set(self.removed[name])
        self.removed[name] |= at_stake
        self.left_remote -= at_stake
        self.sync(who)
        self.removed[name] -= (at_stake - before) & self.tokens(who)
        self.figures["resolutions"] += 1

    # --- what is true ----------------------------------------------------------------

    def assert_kept(self, who: Machine, before: set[str]) -> None:
        """Nothing left this tree but what somebody took out on purpose; nothing is there twice or marked."""
        texts = [who.read(path) for path in self.files(who)]
        after = Counter(TOKEN.findall("".join(texts)))
        assert before - set(after) <= self.gone(), f"lost here: {before - set(after) - self.gone()}"
        assert not any(re.search(MARKER, text, re.M) for text in texts), "conflict markers in the tree"
        doubled = {token for token, count in after.items() if count > 1}
        # A file that an amended commit lacks comes back with the pushed one; it may have another name by now.
        doubled -= {token for token in self.wobbly if all(text.count(token) < 2 for text in texts)}
        assert not doubled, f"doubled: {doubled}"

    def assert_remote_grew(self, tip: str, before: set[str]) -> None:
        """The remote's history goes on; each new commit takes out only what its author did; what is gone stays gone."""
        new = self.world.tip()
        if new == tip:
            return
        self.world.remote_git("merge-base", "--is-ancestor", tip, new)
        after = self.remote_tokens()
        for commit, author, text in self.commits(f"{tip}..{new}"):
            added, taken = (Counter(TOKEN.findall("\n".join(re.findall(rf"^\{s}(.*)", text, re.M)))) for s in "+-")
            undone = set(taken - added) - self.removed[author]
            if undone & after and not self.is_a_syncs(commit):
                undone -= (
                    after  # `git commit -a` takes the old name of a renamed file alone; the sync brings the new one
                )
            assert not undone, f"{commit} by {author} undoes {undone}:\n{text}"
            assert not re.search(MARKER.replace("^", r"^\+"), text, re.M), f"conflict markers in {commit}"
        back = after & self.left_remote - self.wobbly
        assert not back, f"taken out before, and back on the remote: {back}"
        self.left_remote |= before - after
        if not self.merged_by_hand:
            self.world.assert_linear()

    def is_a_syncs(self, commit: str) -> bool:
        return "\nMachine: " in self.world.remote_git("log", "-1", "--format=%B", commit)

    def commits(self, span: str) -> list[tuple[str, str, str]]:
        """Name, committer and patch of each commit that is not a merge, oldest first."""
        log = self.world.remote_git("log", "-p", "--no-merges", "--no-renames", "--format=%x00%h%x00%cn%x00", span)
        parts = log.split("\0")[1:]
        return list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))

    def settle(self, side: str = "mine") -> None:
        """In the end, conflicts settled and two syncs each, all have the same and everything is there."""
        for who in (self.mike, self.howard, self.mike):
            for _ in range(6):
                if self.sync(who).code == 0:
                    break
                self.resolve(who, side)
        for who in (self.mike, self.howard) * 2:
            assert self.sync(who).code == 0
        for who in (self.mike, self.howard):
            assert who.git("rev-parse", "HEAD") == self.world.tip()
            assert who.status() == ""
            assert self.tokens(who) == self.remote_tokens()
            lost = self.written - self.gone() - self.tokens(who)
            assert not lost, f"lost: {lost}"
        assert self.world.remote_git("for-each-ref", "refs/heads/claudetools") == "", "a copy of settled work is left"


# --- stories made up by hypothesis ----------------------------------------------------

WHO = st.sampled_from(["mike", "howard"])
NUMBER = st.integers(0, 8)
TOTALS: Counter[str] = Counter()


class Days(RuleBasedStateMachine):
    """Each rule is something that one of the two does."""

    template: World
    roots: itertools.count[int]
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(self.template, self.folder / str(next(self.roots)))
        TOTALS["examples"] += 1

    def who(self, name: str) -> Machine:
        TOTALS["steps"] += 1
        machine: Machine = getattr(self.story, name)
        return machine

    @rule(name=WHO, how=st.sampled_from(EDITS), number=NUMBER, line=NUMBER)
    def edits(self, name: str, how: str, number: int, line: int) -> None:
        self.story.edit(self.who(name), how, number, line)

    @rule(number=NUMBER, line=NUMBER, how=st.sampled_from(["change", "append", "insert"]))
    def both_edit_one_file(self, number: int, line: int, how: str) -> None:
        for name in ("mike", "howard"):
            self.story.edit(self.who(name), how, number, line)

    @rule(name=WHO)
    def syncs(self, name: str) -> None:
        self.story.sync(self.who(name))

    @rule(name=WHO, how=st.sampled_from(EDITS), number=NUMBER, line=NUMBER)
    def edits_and_syncs(self, name: str, how: str, number: int, line: int) -> None:
        self.story.edit(self.who(name), how, number, line)
        self.story.sync(self.who(name))

    @rule(name=WHO, place=st.sampled_from(PLACES), number=NUMBER, line=NUMBER)
    def is_killed(self, name: str, place: str, number: int, line: int) -> None:
        """With something to send and, mostly, something to receive."""
        who = self.who(name)
        other = self.story.howard if who is self.story.mike else self.story.mike
        self.story.edit(other, "insert", number)
        self.story.edit(other, "add", number)
        self.story.sync(other)
        self.story.edit(who, "change", number + 1, line)
        self.story.kill(who, place)

    @rule(name=WHO, number=NUMBER)
    def stages(self, name: str, number: int) -> None:
        self.story.stage(self.who(name), number)

    @rule(name=WHO, options=st.sampled_from([(), ("-a",)]))
    def commits(self, name: str, options: tuple[str, ...]) -> None:
        self.story.commit(self.who(name), *options)

    @rule(name=WHO, options=st.sampled_from([(), ("-a",)]))
    def amends(self, name: str, options: tuple[str, ...]) -> None:
        if not self.story.is_pushed(self.who(name)):
            self.story.amend(getattr(self.story, name), *options)

    @rule(name=WHO, how=st.sampled_from(EDITS), number=NUMBER)
    def amends_what_is_pushed(self, name: str, how: str, number: int) -> None:
        who = self.who(name)
        if self.story.is_pushed(who):
            self.story.edit(who, how, number)
            self.story.amend(who, "-a")

    @rule(name=WHO)
    def pulls(self, name: str) -> None:
        self.story.pull(self.who(name))

    @rule(name=WHO)
    def reverts(self, name: str) -> None:
        who = self.who(name)
        if self.story.sync(who).code == 0:
            self.story.revert(who)

    @rule()
    def rewrites_the_remote(self) -> None:
        TOTALS["steps"] += 1
        self.story.rewrite_remote()

    @rule(name=WHO)
    def switches_away_and_back(self, name: str) -> None:
        self.story.switch_away_and_back(self.who(name))

    @rule(name=WHO, side=st.sampled_from(["mine", "theirs", "both"]))
    def resolves(self, name: str, side: str) -> None:
        self.story.resolve(self.who(name), side)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.story.settle()
            TOTALS["settled"] += 1
        TOTALS.update(self.story.figures)


def make_up_stories(
    template: World, folder: Path, examples: int, steps: int, number: int | None = None
) -> Counter[str]:
    """Run that many stories of at most that many steps, always the same of a number; what they were made of."""
    TOTALS.clear()
    roots = itertools.count()
    days = type("Days", (Days,), {"template": template, "roots": roots, "folder": folder})
    if number is not None:
        seed(number)(days)
    run_state_machine_as_test(
        days,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(dict(TOTALS))
    return Counter(TOTALS)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("number", range(8))
def test_stories_made_up_by_hypothesis_lose_nothing(template: World, tmp_path: Path, number: int) -> None:
    figures = make_up_stories(template, tmp_path, examples=5, steps=8, number=number)
    assert figures["settled"] >= 5 and figures["steps"] > 10 and figures["syncs"] > 25


# --- stories that once went wrong -------------------------------------------------------


@pytest.fixture
def story(template: World, tmp_path: Path) -> Story:
    return Story(template, tmp_path / "story")


@pytest.mark.sampled(3, "stories")
def test_a_remote_that_was_put_back_does_not_get_its_commit_again(story: Story) -> None:
    """To the remote, our push of the lost commit and one more was a plain fast-forward."""
    story.edit(story.howard, "add", 0)
    story.sync(story.howard)
    story.rewrite_remote()
    story.edit(story.howard, "append", 1)
    assert story.howard.sync().code == 65
    assert "T0001" not in story.remote_tokens()
    assert story.howard.sync("--take-upstream").code == 0
    assert story.remote_tokens() == story.tokens(story.howard) == {"T0002"}
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_what_was_put_back_stays_out_when_the_accepting_sync_is_killed(story: Story) -> None:
    story.edit(story.howard, "add", 0)
    story.sync(story.howard)
    story.rewrite_remote()
    story.edit(story.howard, "append", 1)
    assert story.howard.sync().code == 65
    env = at(story.howard, "push", KILL_GROUP)
    ended(story.howard.start_sync("--take-upstream", env=env))
    assert was_reached(env)
    story.sync(story.howard)
    assert story.remote_tokens() == story.tokens(story.howard) == {"T0002"}
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_a_refusing_remote_that_was_put_back_does_not_get_its_commit_again(story: Story) -> None:
    """The same where commits are tried one by one."""
    hook = story.world.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nread old new ref; ! git diff $old $new | grep -q T0002\n")
    hook.chmod(0o755)
    story.edit(story.howard, "add", 0)
    story.sync(story.howard)
    story.edit(story.howard, "add", 1)
    story.howard.sync("--no-push")
    story.edit(story.howard, "append", 1)
    env = at(story.howard, "push", f"git --git-dir='{story.world.remote}' update-ref refs/heads/main main~1")
    result = story.howard.sync(env=env)
    assert was_reached(env) and result.code == 65, result.text
    assert story.remote_tokens() == set()


@pytest.mark.sampled(3, "stories")
def test_a_plain_commit_of_a_half_received_tree_and_a_later_edit_are_both_saved(story: Story) -> None:
    """The edit is of a file that the tree has received and the branch has not: laid onto the branch it conflicts."""
    story.edit(story.howard, "insert", 0)
    story.edit(story.howard, "add", 0)
    story.sync(story.howard)
    story.edit(story.mike, "append", 1)
    story.kill(story.mike, "create-linked")
    story.commit(story.mike, "-a")
    story.kill(story.mike, "advance-ref")
    place = story.mike.top / "new" / "0.md"
    place.write_text(place.read_text() + f"{story.token()}\n")
    assert story.sync(story.mike).code == 0
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_a_file_made_where_a_receive_was_cut_off_is_named_and_can_be_kept(story: Story) -> None:
    story.edit(story.howard, "add", 0)
    story.sync(story.howard)
    story.edit(story.mike, "append", 1)
    story.kill(story.mike, "advance-journal")
    story.edit(story.mike, "add", 0)
    story.sync(story.mike)
    assert story.figures["merged by hand"] == 1
    story.settle()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("how", ["append", "insert", "add", "rename", "chmod"])
def test_an_amended_commit_that_was_pushed_is_said_and_goes_on_top(story: Story, how: str) -> None:
    story.edit(story.mike, "insert", 1)
    story.sync(story.mike)
    story.edit(story.howard, "add", 0)
    story.sync(story.howard)
    pushed = story.world.tip()
    story.edit(story.mike, how, 2)
    story.amend(story.mike, "-a", "-m", "amended")  # in the same second, the same text would be the same commit
    result = story.sync(story.mike)
    assert "[INFO] Pushed commits were rewritten here (amend, rebase or reset): " in result.out
    story.world.remote_git("merge-base", "--is-ancestor", pushed, "main")
    assert "rewritten" not in story.sync(story.mike).out, "said once"
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_a_file_that_was_renamed_out_of_a_pushed_commit_comes_back_and_that_is_said(story: Story) -> None:
    """`git commit -a --amend` takes the old name out of the commit and knows nothing of the new one."""
    story.edit(story.howard, "insert", 4)
    story.edit(story.howard, "add", 1)
    story.sync(story.howard)
    (story.howard.top / "new/1.py").rename(story.howard.top / "new/renamed.py")
    story.amend(story.howard, "-a")
    result = story.sync(story.howard)
    assert "[INFO] Pushed commits were rewritten here" in result.out, result.text
    assert {"new/1.py", "new/renamed.py"} <= set(story.files(story.howard))
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_a_pushed_commit_that_was_reset_away_comes_back_and_that_is_said(story: Story) -> None:
    story.edit(story.mike, "insert", 1)
    story.sync(story.mike)
    story.mike.git("reset", "-q", "--hard", "HEAD~1")
    result = story.mike.sync()
    assert result.code == 0 and "[INFO] Pushed commits were rewritten here" in result.out, result.text
    assert story.tokens(story.mike) == {"T0001"}


@pytest.mark.sampled(3, "stories")
def test_pushed_commits_that_were_taken_back_softly_are_not_told_as_saved(story: Story) -> None:
    story.edit(story.mike, "insert", 1)
    story.sync(story.mike)
    tip = story.world.tip()
    story.mike.git("reset", "-q", "--soft", "HEAD~1")
    result = story.mike.sync()
    assert result.code == 0 and "[OK] Saved" not in result.out and "not pushed" not in result.out, result.text
    assert "[INFO] Not saved again: origin has these changes already." in result.out
    assert story.world.tip() == tip == story.mike.git("rev-parse", "HEAD") and story.mike.status() == ""


@pytest.mark.sampled(3, "stories")
def test_a_file_whose_renaming_was_cut_off_is_there_after_the_next_sync(story: Story) -> None:
    story.edit(story.mike, "append", 2)
    story.sync(story.mike)
    story.sync(story.howard)
    story.edit(story.mike, "rename", 2)
    story.sync(story.mike)
    story.edit(story.howard, "append", 0)
    story.kill(story.howard, "swap-2")
    assert "T0001" not in story.tokens(story.howard), "the story was told otherwise: between the two names"
    story.sync(story.howard)
    assert {"T0001", "T0003"} <= story.tokens(story.howard)
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_what_one_brings_back_and_the_other_takes_out_again_is_the_ones_decision(story: Story) -> None:
    story.edit(story.howard, "add", 3)
    story.sync(story.howard)
    story.sync(story.mike)
    story.revert(story.mike)
    story.sync(story.mike)
    story.revert(story.mike)  # brings it back, not sent yet
    for _ in range(2):
        story.sync(story.howard)
        story.revert(story.howard)
    story.sync(story.howard)
    assert "T0001" not in story.remote_tokens()
    story.sync(story.mike)
    assert "T0001" in story.remote_tokens()
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_a_file_that_was_renamed_before_a_plain_commit_is_whole_after_the_sync(story: Story) -> None:
    story.edit(story.mike, "append", 2)
    story.sync(story.mike)
    story.edit(story.mike, "rename", 2)
    story.commit(story.mike, "-a")
    story.edit(story.howard, "append", 0)
    story.sync(story.howard)
    story.sync(story.mike)
    assert {"T0001", "T0003"} <= story.remote_tokens()
    story.settle()


@pytest.mark.sampled(3, "stories")
def test_the_index_follows_where_a_cut_off_receive_left_the_tree_ahead_of_the_branch(story: Story) -> None:
    """It kept what upstream had changed in a file that the tree had received: a plain commit would have undone it."""
    for number, place in ((1, "locked"), (7, "swapped-1")):
        story.edit(story.mike, "insert", number)
        story.edit(story.mike, "add", number)
        story.sync(story.mike)
        story.edit(story.howard, "change", number + 1)
        story.kill(story.howard, place)
    story.rewrite_remote()
    story.amend(story.howard, "-a")
    for who in (story.mike, story.howard):
        story.edit(who, "insert", 6, 7)
    story.settle()
    assert "the tree" not in story.world.remote_git("log", "--format=%s", "main").splitlines()


@pytest.mark.sampled(3, "stories")
def test_work_that_came_in_is_no_rewriting_of_ours(story: Story) -> None:
    for who in (story.mike, story.howard) * 2:
        story.edit(who, "insert", 1)
        story.edit(who, "append", 2)
        assert "rewritten" not in story.sync(who).out
    story.settle()
