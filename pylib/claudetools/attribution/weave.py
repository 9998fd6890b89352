"""Whose is each line of a file? Line ownership, in place of merging edits: pure, no git, no files.

A weave holds every line that was ever there, in order, with the step that put it in and the step that took it out.
Each step is applied to the full state of the file, as it was when the step was made. In the end the lines of HEAD and
those of the tree are found in it, and what lies between the two belongs to somebody line by line:

    in HEAD, not in the tree   a deletion, of whoever took the line out
    in the tree, not in HEAD   an insertion, of whoever put it in
    in neither                 was withdrawn, and goes nowhere

The text of any set of owners is HEAD's lines without their deletions and with their insertions. Owners have to stay
together only where one wrote something in the place of a line that the other has not saved.

An owner is any text. Owners that begin with "?" stand for nobody: each step of nobody's is an owner of its own, so
that it joins exactly the session whose lines it changed. SAVED stands for what is in a commit already.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from claudetools.text.lines import differences, join_lines, split_lines

SAVED = ""
NOBODY = "?"


def is_nobody(owner: str) -> bool:
    """Whether an owner stands for changes that no session made."""
    return owner.startswith(NOBODY)


@dataclass
class WovenLine:
    """One line: the step that put it in, the step that took it out (None: it is there), whether HEAD has it."""

    text: bytes
    put: int
    taken: int | None = None
    in_head: bool = False


@dataclass(frozen=True)
class Split:
    """The outcome for one path. `owners` have a change; those in a set of `together` go out together or not at all."""

    lines: list[WovenLine]
    step_owners: list[str]
    owners: frozenset[str] = field(init=False)
    together: tuple[frozenset[str], ...] = field(init=False)

    def __post_init__(self) -> None:
        owners = frozenset(owner for owner in map(self.owner_of, self.lines) if owner is not None)
        object.__setattr__(self, "owners", owners)
        object.__setattr__(self, "together", tuple(connected(owners, self.ties())))

    def owner_of(self, line: WovenLine) -> str | None:
        """Whose change this line is; None where HEAD and the tree agree."""
        if line.in_head == (line.taken is None):
            return None
        step = line.put if line.taken is None else line.taken
        return self.step_owners[step] or NOBODY

    def version(self, owners: Collection[str]) -> bytes:
        """HEAD's text with the changes of these owners."""
        return join_lines([line.text for line in self.lines if line.in_head != (self.owner_of(line) in owners)])

    def ties(self) -> Iterator[tuple[str, str]]:
        """Pairs of owners of which one wrote something that is left in the place of an unsaved line of the other."""
        lives = {line.put for line in self.lines if line.taken is None}
        pairs = {(x.taken, x.put) for x in self.lines if x.taken is not None and not x.in_head}
        for later, earlier in sorted(pairs, reverse=True):
            if later in lives and self.step_owners[earlier]:
                lives.add(earlier)  # it lives on in what replaced it
                if self.step_owners[later]:
                    yield self.step_owners[later], self.step_owners[earlier]


def connected(owners: Collection[str], ties: Iterator[tuple[str, str]]) -> list[frozenset[str]]:
    """The owners in sets that hang together by the ties; also by way of one who has nothing left to go out with.

    Such a one is in the set only where nobody wrote in the place of its lines (a formatter): then they are its own.
    """
    sets = {owner: {owner} for owner in owners}
    for one, other in ties:
        first, second = (sets.setdefault(name, {name}) for name in (one, other))
        if first is not second:
            first |= second
            sets.update(dict.fromkeys(second, first))
    unique = {id(found): frozenset(found) for found in sets.values()}
    left = [(found, found & set(owners)) for found in unique.values()]
    return sorted((found if all(map(is_nobody, rest)) else rest for found, rest in left if rest), key=sorted)


class Weave:
    """The steps of one file, woven one after the other."""

    def __init__(self, base: bytes) -> None:
        self.step_owners = [SAVED]  # step 0 is the base
        self.lines = [WovenLine(text, 0) for text in split_lines(base)]

    def apply(self, owner: str, after: bytes) -> None:
        """Whoever `owner` is made the file hold `after`."""
        new = split_lines(after)
        shown = [i for i, line in enumerate(self.lines) if line.taken is None]
        for i1, i2, j1, j2 in reversed(differences([self.lines[i].text for i in shown], new)):
            step = len(self.step_owners)
            self.step_owners.append(f"{NOBODY}{step}" if owner == NOBODY else owner)
            for i in shown[i1:i2]:
                self.lines[i].taken = step
            start = shown[i1 - 1] + 1 if i1 else 0
            end = shown[i2] if i2 < len(shown) else len(self.lines)
            self.put(step, start, end, shown[i2 - 1] + 1 if i2 else 0, new[j1:j2])

    def put(self, step: int, start: int, end: int, at: int, texts: list[bytes]) -> None:
        """Put lines in at `at`, between the shown lines around start..end. Where one of them was taken out there and
        is not saved so, it comes back: that is no insertion."""
        places: dict[bytes, list[int]] = {}
        for i in range(start, end):
            if self.may_come_back(self.lines[i], step):
                places.setdefault(self.lines[i].text, []).append(i)
        inserted: list[tuple[int, WovenLine]] = []
        for text in texts:
            found = places.get(text, [])
            n = bisect_left(found, start)
            if n < len(found):
                self.lines[found[n]].taken = None
                inserted = [(min(place, found[n]), line) for place, line in inserted]
                start = at = found[n] + 1
            else:
                inserted.append((at, WovenLine(text, self.writer_of(text, step))))
        for place, line in reversed(inserted):
            self.lines.insert(place, line)

    def writer_of(self, text: bytes, step: int) -> int:
        """The step that a line which comes in with `step` is put down to. What nobody took out of a session's unsaved
        work, nobody may bring back, in whatever place: it is that session's."""
        if is_nobody(self.step_owners[step]) and text.strip():
            for line in self.lines:
                if line.text == text and line.taken is not None and is_nobody(self.step_owners[line.taken]):
                    owner = self.step_owners[line.put]
                    if owner != SAVED and not is_nobody(owner):
                        return line.put
        return step

    def may_come_back(self, line: WovenLine, step: int) -> bool:
        """Its own step, or nobody's (an undo), brings anybody's line back; another session only what was saved."""
        if line.taken is None or line.taken == step or self.step_owners[line.taken] == SAVED:
            return False
        owner, back = self.step_owners[line.put], self.step_owners[step]
        return owner in (SAVED, back) or back == SAVED or is_nobody(back)

    def split(self, head: bytes) -> Split:
        """The changes from HEAD's text to the state after the last step, by owner."""
        lines = split_lines(head)
        found = differences(lines, [line.text for line in self.lines if line.taken is None])
        least = sum(i2 - i1 + j2 - j1 for i1, i2, j1, j2 in found)
        self.follow_steps()
        known = [line.text for line in self.lines if line.in_head] == lines
        if known and sum(line.in_head != (line.taken is None) for line in self.lines) <= least:
            return Split(self.lines, self.step_owners)
        # Or lines were taken out and came back in other places: then fewer lines count as changed.
        self.find_head(lines)
        owners = set(self.step_owners) - {SAVED}
        unknown = owners.pop() if known and len(owners) == 1 else SAVED
        return Split(self.lines, [unknown, *self.step_owners[1:]])

    def follow_steps(self) -> None:
        """Mark what is saved as HEAD's."""
        for line in self.lines:
            line.in_head = not self.step_owners[line.put] and (line.taken is None or bool(self.step_owners[line.taken]))

    def find_head(self, head: list[bytes]) -> None:
        """HEAD is not what the steps say (a plain commit, a merge): find its lines among those of the tree, then among
        the taken ones at the same place. A line that is not to be found there was taken out by whoever took out
        such a line elsewhere; else by nobody known."""
        taken = {line.text: line.taken for line in self.lines if line.taken is not None}
        for line in self.lines:
            line.in_head = line.taken is None
        shown = [i for i, line in enumerate(self.lines) if line.taken is None]
        for i1, i2, j1, j2 in reversed(differences([self.lines[i].text for i in shown], head)):
            for i in shown[i1:i2]:
                self.lines[i].in_head = False
            start = shown[i1 - 1] + 1 if i1 else 0
            end = shown[i2] if i2 < len(shown) else len(self.lines)
            self.find_taken(start, end, head[j1:j2], taken)
        # The other way round: of equal lines, the one that HEAD does not have is the one that was put in.
        put = {line.text: line.put for line in self.lines if self.step_owners[line.put]}
        for line in self.lines:
            if line.taken is None and not line.in_head and not self.step_owners[line.put]:
                line.put = put.get(line.text, line.put)

    def find_taken(self, start: int, end: int, texts: list[bytes], taken: dict[bytes, int]) -> None:
        places: dict[bytes, list[int]] = {}
        for i in range(start, end):
            if self.lines[i].taken is not None:
                places.setdefault(self.lines[i].text, []).append(i)
        lost: list[tuple[int, WovenLine]] = []
        for text in texts:
            found = places.get(text, [])
            n = bisect_left(found, start)
            if n < len(found):
                self.lines[found[n]].in_head = True
                start = found[n] + 1
            else:
                lost.append((start, WovenLine(text, 0, taken.get(text, 0), True)))
        for place, line in reversed(lost):
            self.lines.insert(place, line)
