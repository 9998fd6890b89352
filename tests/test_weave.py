"""Line ownership: what it has to give for any texts, and the shared edits that it exists for."""

from __future__ import annotations

import random
from itertools import chain, combinations

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from claudetools.attribution.weave import NOBODY, SAVED, Split, Weave
from claudetools.text import lines
from claudetools.text.lines import differences, join_lines, split_lines

# --- texts -----------------------------------------------------------------------

# Few different lines, so that equal ones meet; no line feed at the end, carriage returns, any bytes.
LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"", b"d\r", b"\xff\0"]), max_size=7)
TEXTS = st.one_of(
    st.builds(lambda lines, end: b"\n".join(lines) + end, LINES, st.sampled_from([b"", b"\n"])), st.binary(max_size=9)
)
WHOLE = st.builds(lambda lines: b"".join(line + b"\n" for line in lines), LINES)
OWNERS = st.sampled_from(["A", "B", "C", NOBODY, SAVED])
STEPS = st.lists(st.tuples(OWNERS, TEXTS), max_size=6)


def woven(base: bytes, steps: list[tuple[str, bytes]], head: bytes | None = None) -> Split:
    made = Weave(base)
    for owner, after in steps:
        made.apply(owner, after)
    return made.split(base if head is None else head)


def subsets(owners: frozenset[str]) -> list[set[str]]:
    found = sorted(owners)[:6]
    return [set(some) for some in chain.from_iterable(combinations(found, n) for n in range(len(found) + 1))]


def together_of(split: Split) -> list[set[str]]:
    return [set(found) for found in split.together]


@given(TEXTS)
def test_lines_are_joined_to_the_same_bytes(data: bytes) -> None:
    assert join_lines(split_lines(data)) == data


@given(LINES, LINES)
def test_differences_lead_from_the_one_to_the_other(old: list[bytes], new: list[bytes]) -> None:
    built, at = [], 0
    for i1, i2, j1, j2 in differences(old, new):
        assert (i1, j1) != (i2, j2)
        built += old[at:i1] + new[j1:j2]
        at = i2
    assert built + old[at:] == new


def test_texts_that_are_too_much_to_compare_are_taken_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_PAIRS", 3)
    old, new = [b"h", b"x", b"y", b"x", b"t"], [b"h", b"y", b"x", b"x", b"z", b"t"]
    assert differences(old, new) == [(1, 4, 1, 5)]
    split = woven(b"h\nx\ny\nx\nt\n", [("A", b"h\ny\nx\nx\nz\nt\n")])
    assert (split.version(set()), split.version({"A"})) == (b"h\nx\ny\nx\nt\n", b"h\ny\nx\nx\nz\nt\n")


# --- what holds for every history --------------------------------------------------


@given(TEXTS, STEPS, st.one_of(st.none(), TEXTS))
def test_nobody_and_everybody_give_head_and_tree(
    base: bytes, steps: list[tuple[str, bytes]], head: bytes | None
) -> None:
    split = woven(base, steps, head)
    assert split.version(set()) == (base if head is None else head)
    assert split.version(split.owners) == (steps[-1][1] if steps else base)
    assert frozenset().union(*split.together) >= split.owners
    assert sum(map(len, split.together)) == len(frozenset().union(*split.together))
    event(f"{len(split.together)} sets of {len(split.owners)} owners")


@given(WHOLE, st.lists(st.tuples(OWNERS, WHOLE), max_size=6))
def test_owners_go_out_in_any_order_and_nothing_is_lost_or_doubled(base: bytes, steps: list[tuple[str, bytes]]) -> None:
    """The lines that an owner adds or takes are the same, whoever else is out already."""
    split = woven(base, steps)
    for some in subsets(split.owners):
        for owner in some:
            rest = some - {owner}
            alone = len(split_lines(split.version({owner}))) - len(split_lines(split.version(set())))
            added = len(split_lines(split.version(some))) - len(split_lines(split.version(rest)))
            assert alone == added


@given(TEXTS, st.lists(st.tuples(st.sampled_from("AB"), TEXTS), max_size=5))
def test_an_owner_alone_owns_everything(base: bytes, steps: list[tuple[str, bytes]]) -> None:
    split = woven(base, [("A", after) for _, after in steps])
    assert split.owners <= {"A"}
    assert split.together == ((frozenset({"A"}),) if split.owners else ())


@given(TEXTS, STEPS)
def test_a_tree_that_is_as_head_belongs_to_nobody(base: bytes, steps: list[tuple[str, bytes]]) -> None:
    """A deliberate undo: nothing that was withdrawn goes out, whoever had written it."""
    split = woven(base, [*((owner, after) for owner, after in steps if owner != SAVED), (NOBODY, base)])
    assert not split.owners


@given(TEXTS, STEPS, TEXTS)
def test_what_a_commit_holds_is_done(base: bytes, steps: list[tuple[str, bytes]], head: bytes) -> None:
    split = woven(base, [*steps, (NOBODY, head)], head)
    assert not split.owners


# --- the shared edits ------------------------------------------------------------


def trial(habit: str, seed: int, sessions: str = "ABC", edits: int = 6) -> tuple[Split, dict[str, list[bytes]]]:
    """Sessions that take turns on one file of eight lines, and the lines that each of them wrote."""
    draw = random.Random(f"{habit} {seed}")
    state = [b"l%d\n" % n for n in range(8)]
    made, wrote = Weave(b"".join(state)), {name: list[bytes]() for name in sessions}
    for n in range(edits):
        who = draw.choice(sessions)
        line = f"{who}{n}\n".encode()
        wrote[who].append(line)
        if habit == "append":
            state.append(line)
        elif habit == "insert":
            state.insert(draw.randrange(len(state) + 1), line)
        else:
            state[draw.randrange(8) if habit == "change" else n] = line
        made.apply(who, b"".join(state))
    split = made.split(b"".join(b"l%d\n" % n for n in range(8)))
    assert split.version(split.owners) == b"".join(state)
    return split, wrote


@pytest.mark.parametrize("habit", ["append", "insert", "neighbours"])
def test_60_of_60_shared_edits_come_apart(habit: str) -> None:
    for seed in range(60):
        split, wrote = trial(habit, seed)
        assert all(len(found) == 1 for found in split.together), seed
        for who, made in wrote.items():
            added = [line for line in split.version({who}).splitlines(True) if not line.startswith(b"l")]
            assert sorted(added) == sorted(made), (seed, who)


def test_changes_of_one_line_stay_together_and_of_others_do_not() -> None:
    mixed = 0
    for seed in range(60):
        split, _ = trial("change", seed)
        mixed += any(len(found) > 1 for found in split.together)
    assert mixed
    split = woven(b"1\n2\n3\n", [("A", b"1\nA\n3\n"), ("B", b"1\nB\n3\n"), ("C", b"1\nB\n3\nC\n")])
    assert together_of(split) == [{"A", "B"}, {"C"}]
    assert split.version({"C"}) == b"1\n2\n3\nC\n"
    assert split.version({"A", "B"}) == b"1\nB\n3\n"


def test_taking_another_ones_line_out_again_ties_nobody() -> None:
    split = woven(b"1\n", [("A", b"1\na\n"), ("B", b"1\n"), ("B", b"0\n1\n"), ("A", b"0\n1\n2\n")])
    assert together_of(split) == [{"A"}, {"B"}]
    assert (split.version({"A"}), split.version({"B"})) == (b"1\n2\n", b"0\n1\n")


def test_who_has_nothing_left_holds_nobody_up_but_still_connects() -> None:
    split = woven(b"h\n", [("A", b"a\n"), ("C", b"c\n"), ("B", b"b\n")])
    assert together_of(split) == [{"A", "B"}]
    split = woven(b"h\n", [("C", b"h\nc\n"), ("A", b"h\na\n")])
    assert together_of(split) == [{"A"}]
    assert split.version({"A"}) == b"h\na\n"


def test_a_formatter_joins_the_lines_that_it_changed_and_no_others() -> None:
    steps = [("A", b"1\na \n2\n3\n4\n"), ("B", b"1\na \n2\n3\n4\nb \n"), (NOBODY, b"1\na\n2\n3.\n4\nb\n")]
    split = woven(b"1\n2\n3\n4\n", steps)
    assert sorted(len(found) for found in split.together) == [1, 2, 2]
    of_a = next(found for found in split.together if "A" in found)
    assert "B" not in of_a and split.version(of_a) == b"1\na\n2\n3\n4\n"


def test_a_line_below_a_missing_line_feed_is_no_change_of_the_line_above() -> None:
    split = woven(b"1", [("A", b"1\na"), ("B", b"1\na\nb")])
    assert together_of(split) == [{"A"}, {"B"}]
    assert (split.version({"A"}), split.version({"B"})) == (b"1\na", b"1\nb")
    split = woven(b"1", [("A", b"1\n"), ("B", b"1\nb\n")])
    assert (split.version({"A"}), split.version({"B"})) == (b"1\n", b"1\nb")


def test_what_was_taken_out_and_comes_back_was_withdrawn() -> None:
    split = woven(b"1\n2\n3\n", [("A", b"1\n3\n"), ("B", b"1\n2\n3\nb\n")])
    assert split.owners == {"B"}
    split = woven(b"1\n2\n3\n", [("A", b"1\nx\n3\n"), (NOBODY, b"1\n0\n2\n3\n")])
    assert split.version(split.owners) == b"1\n0\n2\n3\n"
    assert "A" not in split.owners


def test_what_nobody_brings_back_is_its_writers() -> None:
    steps = [("A", b"1\na\n"), (NOBODY, b"1\n"), ("B", b"1\nb\n"), (NOBODY, b"1\na\nb\nc\n")]
    split = woven(b"1\n", steps)
    assert split.version({"A"}) == b"1\na\n" and split.version({"B"}) == b"1\nb\n"
    assert split.owners - {"A", "B"} and len(split.owners) == 3


def test_what_was_saved_ties_nobody() -> None:
    steps = [(SAVED, b"1\na\n"), ("B", b"1\nab\n")]
    split = woven(b"1\n", steps, b"1\na\n")
    assert together_of(split) == [{"B"}]
    assert split.version({"B"}) == b"1\nab\n"


def test_a_commit_of_somebody_else_in_between_is_found_by_its_lines() -> None:
    steps = [("A", b"1\na\n2\n"), ("B", b"1\na\n2\nb\n")]
    split = woven(b"1\n2\n", steps, b"1\na\n2\n")  # a person committed A's line
    assert split.owners == {"B"}
    split = woven(b"1\n2\n", [*steps, (NOBODY, b"up\n1\na\n2\nb\n")], b"up\n1\n2\n")  # the remote's line came in
    assert split.owners == {"A", "B"}
    assert split.version({"A"}) == b"up\n1\na\n2\n"
    split = woven(b"1\n2\n", steps, b"1\n2\nup\n")  # HEAD has a line that the tree lost
    assert split.owners == {"A", "B", NOBODY}
    assert split.version({"A", "B"}) == b"1\na\n2\nup\nb\n"
