"""The order of records: by their contents first, by their times where a file holds again what it held before."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from claudetools.attribution.chain import PUT_BACK, HistoryStep, Touch, count_gaps, history, in_order
from claudetools.attribution.edits import Edit
from claudetools.attribution.weave import NOBODY

CONTENTS = st.sampled_from(["a", "b", "c", None])
# Who made the file what. "": nobody who keeps a ledger.
STORIES = st.lists(st.tuples(st.sampled_from(["", "s1", "s2", "s3"]), CONTENTS), max_size=12)


def records_of(story: list[tuple[str, str | None]]) -> list[Touch]:
    """As the ledgers tell it: one change after the other, each by its clock."""
    found: list[Touch] = []
    state: str | None = "a"
    for n, (who, after) in enumerate(story):
        if who and after != state:
            found.append(Touch(who, Edit("file", state, after, began=n + 1.0, time=n + 1.5, seq=n + 1)))
        state = after
    return found


@given(STORIES, st.randoms())
def test_no_order_tells_of_more_strangers_than_the_true_one(
    story: list[tuple[str, str | None]], draw: random.Random
) -> None:
    true = records_of(story)
    shuffled = draw.sample(true, len(true))
    ordered = in_order(shuffled)
    assert sorted(x.edit.seq for x in ordered) == sorted(x.edit.seq for x in true)
    assert count_gaps(ordered) <= count_gaps(true)
    for name in ("s1", "s2", "s3"):
        own = [x.edit.seq for x in ordered if x.session == name]
        assert own == sorted(own)


def test_who_worked_on_what_came_back_came_after_it() -> None:
    """A person moves a file away, s0's command moves it back, s1 goes on, then s0."""
    story: list[tuple[str, str | None]] = [("s2", "head"), ("", None), ("s0", "head"), ("s1", "b"), ("s0", "c")]
    touches = records_of(story)
    touches[0] = touches[0]._replace(done=True)
    assert history(touches, "head", "c").steps == [HistoryStep("s1", "b"), HistoryStep("s0", "c")]


def test_contents_tell_more_than_a_clock_that_was_set_back() -> None:
    touches = records_of([("s1", "b"), ("s2", "c"), ("s1", "d")])
    late = touches[0].edit._replace(began=91.0, time=91.5)
    touches[0] = touches[0]._replace(edit=late)
    assert history(touches, "a", "d").steps == [HistoryStep("s1", "b"), HistoryStep("s2", "c"), HistoryStep("s1", "d")]


def test_what_comes_back_with_an_older_text_is_whose_it_was() -> None:
    """s1's lines came back and were written over at once, s2 went on, and s1 goes on upon that."""
    touches = [
        Touch("s1", Edit("file", "b", "b1", tool=PUT_BACK, began=2.0, time=2.4, seq=1)),
        Touch("s2", Edit("file", "b", "b2", began=1.9, time=2.3, seq=1)),
        Touch("s1", Edit("file", "b2", "b21", began=3.0, time=3.1, seq=2)),
    ]
    steps = history(touches, "b", "b21").steps
    assert [step for step in steps if step.owner != NOBODY] == [
        step for step in steps if step in (HistoryStep("s1", "b1"), HistoryStep("s2", "b2"), HistoryStep("s1", "b21"))
    ], steps


def test_a_record_that_changed_nothing_says_nothing_about_the_order() -> None:
    touches = [
        Touch("s1", Edit("file", "b", "b", tool=PUT_BACK, began=1.0, time=1.1, seq=1)),
        Touch("s2", Edit("file", "a", "b", began=1.2, time=1.3, seq=1)),
    ]
    assert history(touches, "a", "b").steps == [HistoryStep("s2", "b")]
