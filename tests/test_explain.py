"""Windows of shell commands: what others say they did is taken off, and a piece is never given to the wrong session."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import event, given, settings
from hypothesis import strategies as st

from claudetools.attribution.edits import DISK, Edit, digest
from claudetools.attribution.explain import RECEIVED, Witness, dated, explain

P = [digest(b"%d" % n) for n in range(40)]


def window(before: int, after: int, began: float, time: float, seq: int = 1) -> Edit:
    return Edit("a", P[before], P[after], "window", began=began, time=time, seq=seq)


def edit(before: int, after: int, time: float, began: float | None = None) -> Edit:
    return Edit("a", P[before], P[after], began=time if began is None else began, time=time)


def pieces(witnesses: Sequence[Witness], running: Sequence[tuple[str, float]] = ()) -> list[tuple[str, int, int]]:
    found = explain(witnesses, running)
    return [(s, P.index(e.before or ""), P.index(e.after or "")) for s, e in found if e.kind == "window"]


def test_a_change_in_one_window_is_that_sessions() -> None:
    assert pieces([Witness("a", window(0, 1, 0, 10))]) == [("a", 0, 1)]


def test_an_edit_of_another_session_is_taken_off() -> None:
    """b's edit lies in a's window: behind, before, and between what a's command did."""
    for before, after, left in (1, 2, [(0, 1)]), (0, 1, [(1, 2)]), (1, 3, [(0, 1), (3, 4)]):
        last = max(after, left[-1][1])
        found = pieces([Witness("a", window(0, last, 0, 10)), Witness("b", edit(before, after, 5))])
        assert found == [("a", *pair) for pair in left]


def test_a_window_that_is_explained_altogether_leaves_nothing() -> None:
    """Two edits, and what a sync brought; one of them was recorded after the command had ended."""
    seen = Witness("a", window(0, 3, 0, 10))
    others = [Witness("b", edit(0, 1, 3)), Witness(RECEIVED, edit(1, 2, 5)), Witness("c", edit(2, 3, 10.2, 9.9))]
    assert pieces([seen, *others]) == []


def test_a_write_over_what_its_client_had_not_seen_is_no_commands_doing() -> None:
    """Two clients read 0; one made 1 of it, the other then 2: a command that ran meanwhile brought nothing back."""
    seen = Witness("c", window(0, 2, 0, 10))
    assert pieces([seen, Witness("a", edit(0, 1, 5, 4)), Witness("b", edit(0, 2, 5.1, 4.5))]) == []
    late = [Witness("c", window(0, 2, 0, 10)), Witness("a", edit(0, 1, 3, 2)), Witness("b", edit(0, 2, 5.1, 4.5))]
    assert pieces(late) == [("c", 1, 0)], "when b's call began, 0 was there again: the command may have done that"


def test_a_record_that_does_not_tell_its_beginning_may_be_late() -> None:
    """A sync puts lines back, a command ends and sees them, then the sync writes its record."""
    put_back = Witness("a", edit(0, 1, 10.1)._replace(began=0.0))
    assert pieces([Witness("c", window(0, 1, 5, 10)), put_back]) == []


def test_overlapping_windows_that_both_saw_it_are_contested() -> None:
    both = [Witness("a", window(0, 1, 0, 10)), Witness("b", window(0, 1, 5, 20))]
    assert pieces(both) == [("a", 0, 1), ("b", 0, 1)]


def test_only_the_time_that_windows_share_is_contested() -> None:
    both = [Witness("a", window(0, 1, 0, 10)), Witness("b", window(0, 2, 5, 20))]
    assert pieces(both) == [("a", 0, 1), ("b", 0, 1), ("b", 1, 2)]
    times = [(e.began, e.time) for s, e in explain(both) if s == "b"]
    assert times == [(5, 10), (10, 20)]


def test_a_command_that_still_runs_contests() -> None:
    assert pieces([Witness("a", window(0, 1, 0, 10))], [("b", 5)]) == [("a", 0, 1), ("b", 0, 1)]
    assert pieces([Witness("a", window(0, 1, 0, 10))], [("b", 11)]) == [("a", 0, 1)]


def test_a_mode_is_a_change() -> None:
    chmod = window(0, 0, 0, 10)._replace(mode="100755")
    assert pieces([Witness("a", chmod)]) == [("a", 0, 0)]


def test_records_without_windows_stay_as_they_are() -> None:
    given_records = [Witness("a", edit(0, 1, 1)), Witness("b", edit(5, 6, 2))]
    assert explain(given_records, [("c", 0)]) == given_records


# --- against what really happened ---------------------------------------------------

WHO = ("a", "b", "c")
schedule = st.lists(
    st.tuples(st.sampled_from(["open", "close", "bash", "edit", "person"]), st.sampled_from(WHO), st.integers(0, 2)),
    max_size=24,
)


@settings(max_examples=400)
@given(schedule)
def test_no_change_is_given_to_a_session_that_did_not_make_it(actions: list[tuple[str, str, int]]) -> None:
    """Each action changes the one file to a new content. Edits are recorded up to two actions late."""
    made: list[tuple[str, bool]] = []  # author, whether a record of an edit says so; index + 1 is the content
    opened: dict[str, tuple[int, int]] = {}
    witnesses: list[Witness] = []
    for n, (action, who, late) in enumerate(actions):
        now = float(n + 1)
        if action == "open" and who not in opened:
            opened[who] = (n + 1, len(made))
        elif action == "close" and who in opened:
            began, content = opened.pop(who)
            if content != len(made):
                witnesses.append(Witness(who, window(content, len(made), began, now, n)))
        elif action == "bash" and who in opened:
            made.append((who, False))
        elif action == "edit":
            made.append((who, True))
            witnesses.append(Witness(who, edit(len(made) - 1, len(made), now + late + 0.5, now - 0.2)))
        elif action == "person":
            made.append(("person", False))
    running = [(who, float(began)) for who, (began, _) in opened.items()]
    found = explain(witnesses, running)
    by_piece: dict[tuple[int, int], set[str]] = {}
    for session, record in found:
        if record.kind == "window":
            pair = P.index(record.before or ""), P.index(record.after or "")
            by_piece.setdefault(pair, set()).add(session)
    event(f"{min(len(by_piece), 3)} pieces")
    for (first, last), owners in by_piece.items():
        assert first < last, "time does not run backwards"
        authors = {who for who, _ in made[first:last]} - {"person"}
        assert not [1 for _, told in made[first:last] if told], "what an edit says is taken off"
        assert authors <= owners
    covered = [n for first, last in by_piece for n in range(first, last)]
    assert len(covered) == len(set(covered)), "no change is in two pieces"
    recorded = {n for n, (who, told) in enumerate(made) if who != "person" and not told} - set(covered)
    for n in recorded:  # nobody's: only a command that has not ended can have been at it
        assert made[n][0] in opened


def test_what_was_made_upon_a_record_is_younger_whatever_its_hook_has_found() -> None:
    first = edit(0, 1, 9.0, 1.0)._replace(note={DISK: P[3]})
    second = edit(1, 2, 9.0, 2.0)._replace(note={DISK: P[3]})
    third = edit(2, 3, 5.0, 4.0)
    times = {w.session: w.edit.time for w in dated([Witness("a", first), Witness("b", second), Witness("c", third)])}
    assert times["a"] < times["b"] < times["c"] == 5.0
    alone = dated([Witness("a", first), Witness("c", edit(1, 2, 0.5, 0.2))])
    assert alone[0].edit.time == 9.0, "what was made before the call began was made upon something else"
