"""Which edits are proved lost, from the records alone: the forks in the tree of contents."""

from __future__ import annotations

import pytest

from claudetools.attribution import lost
from claudetools.attribution.chain import PUT_BACK, Touch
from claudetools.attribution.edits import DISK, UPON, Edit, digest


def edit(session: str, before: str, after: str, began: float, time: float, seq: int = 1, tool: str = "Edit") -> Touch:
    names = (digest(before.encode()), digest(after.encode()))
    return Touch(session, Edit("x", *names, tool=tool, began=began, time=time, seq=seq))


def found(touches: list[Touch], tree: str) -> list[tuple[str, str]]:
    return [(one.session, one.by) for one in lost.find(touches, digest(tree.encode()))]


def test_of_three_that_began_from_one_text_two_are_lost() -> None:
    """When each of the first two was written is not known: both hooks found the third one's text."""
    three = [edit("a", "0", "a", 1, 2.0), edit("b", "0", "b", 1, 2.0), edit("c", "0", "c", 1, 2.00001)]
    assert found(three, "c") == [("a", "c"), ("b", "c")]
    assert found([three[1], three[0], three[2]], "c") == [("a", "c"), ("b", "c")]


def test_what_is_built_on_the_write_afterwards_hides_nothing() -> None:
    """Also when it is lost in turn."""
    touches = [edit("a", "0", "a", 1, 2), edit("b", "0", "b", 1, 3), edit("a", "b", "ba", 4, 5)]
    assert found(touches, "ba") == [("a", "b")]
    touches += [edit("c", "b", "bc", 4, 6), edit("c", "bc", "bcd", 7, 8)]
    assert found(touches, "bcd") == [("a", "b"), ("a", "c")]


def test_what_was_built_on_a_lost_edit_is_lost_with_it() -> None:
    both = [edit("a", "0", "a", 1, 2, 10), edit("d", "a", "ad", 1, 3, 20), edit("b", "0", "b", 1.5, 4)]
    assert [(one.session, one.branch) for one in lost.find(both, digest(b"b"))] == [("a", 10), ("d", 10)]


def test_a_file_systems_clock_may_be_a_little_behind() -> None:
    """a wrote right after b's client had read; the file's time is of the tick before."""
    assert found([edit("a", "0", "a", 1, 1.998), edit("b", "0", "b", 2, 3)], "b") == [("a", "b")]


def late(touch: Touch) -> Touch:
    """Its hook found what somebody wrote after it: its time is of that write."""
    return touch._replace(edit=touch.edit._replace(note={DISK: digest(b"later")}))


def test_when_a_write_was_is_not_known_where_its_hook_found_a_later_one() -> None:
    """Also of one that led to what is there, and of one upon which others were made."""
    a, b = late(edit("a", "0", "a", 1, 5, 10)), edit("b", "0", "b", 1.5, 2, 20)
    assert found([a, b], "b") == [("a", "b")]
    c = late(edit("c", "b", "bc", 2.5, 6, 30))
    assert found([a, b, c, edit("d", "bc", "bcd", 3, 4, 40)], "bcd") == [("a", "b")]
    upon = edit("e", "a", "ae", 1.2, 1.6, 50)
    assert [(x.session, x.branch) for x in lost.find([a, b, upon], digest(b"b"))] == [("a", 10), ("e", 10)]


def test_what_has_come_back_is_written_over_before_the_sync_can_say_so() -> None:
    back = edit("a", "b", "ba", 3, 6, 10, tool=PUT_BACK)
    back = back._replace(edit=back.edit._replace(note={"of": 1}))
    assert found([back, edit("c", "b", "bc", 4, 5)], "bc") == [("a", "c")]
    assert found([back, edit("c", "b", "bc", 1, 2)], "bc") == [], "before it"
    assert found([back, edit("a", "b", "bc", 4, 5)], "bc") == [("a", "a")], "its own client did not know"


def test_what_was_merged_while_it_came_back_leads_on_to_what_was_there() -> None:
    back = edit("c", "merged", "merged", 4, 5, tool=PUT_BACK)
    back = back._replace(edit=back.edit._replace(note={"of": 1, UPON: digest(b"b")}))
    assert found([edit("a", "0", "a", 1, 2), edit("b", "0", "b", 1, 3), back], "merged") == [("a", "b")]


@pytest.mark.parametrize(
    ("touches", "tree"),
    [
        ([edit("a", "0", "a", 1, 2), edit("b", "0", "b", 2.5, 3)], "b"),  # a's was taken out before b's call
        ([edit("a", "0", "a", 1, 2), edit("b", "0", "b", 1, 3)], "by hand"),
        ([edit("a", "0", "a", 1, 2), edit("a", "0", "b", 1, 3)], "b"),  # by its own session
        ([edit("a", "0", "a", 1, 2), edit("b", "a", "0", 1, 3), edit("b", "0", "b", 1, 4)], "b"),  # taken back
        ([edit("a", "0", "a", 1, 2), edit("b", "0", "b", 0, 3)], "b"),  # b's agent does not tell since when
        ([edit("a", "0", "a", 1, 2), edit("b", "0", "b", 1, 3, tool=PUT_BACK)], "b"),
    ],
)
def test_no_proof(touches: list[Touch], tree: str) -> None:
    assert found(touches, tree) == []


def test_only_the_edit_that_came_back_is_back() -> None:
    """A session has lost two edits; one of them was brought back, before the other one was proved."""
    touches = [
        edit("a", "0", "a", 1, 2, 10),
        edit("b", "0", "b", 1, 3),
        edit("a", "b", "ba", 4, 5, 20),
        edit("c", "b", "bc", 4, 6),
    ]
    back = edit("a", "bc", "bca", 7, 7, tool=PUT_BACK)
    back = back._replace(edit=back.edit._replace(note={"of": 20}))
    assert found([*touches, back], "bca") == [("a", "b")]
    assert found([*touches, back, edit("c", "bca", "bc", 8, 9)], "bc") == [("a", "b")], "taken out on purpose since"
    older = back._replace(edit=back.edit._replace(note={}))
    assert found([*touches, older], "bca") == [], "a record that does not say which one it was"
