"""Which events move a cube from one state to another, and which are refused there."""

from __future__ import annotations

import pytest

from memos.kernel.cube import CubeState, Form, Lifecycle, LifespanEnd
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.lifecycle import MOVES
from memos.kernel.outcome import Outcome, Reason, Result
from memos.wire.event_pb2 import Event
from tests.kernel.builders import event, expired, folded, generated, revised, sealed

L = Lifecycle


def in_state(lifecycle: Lifecycle) -> CubeState:
    """A cube that came to a state by legal events."""
    paths: dict[Lifecycle, list[Event]] = {
        L.GENERATED: [],
        L.ACTIVATED: [event(Kind.ACTIVATED, 2)],
        L.MERGED: [event(Kind.MERGED, 2)],
        L.ARCHIVED: [event(Kind.ARCHIVED, 2)],
        L.FROZEN: [event(Kind.FROZEN, 2)],
        L.EXPIRED: [expired(2, 1)],
        L.ERASED: [
            event(Kind.ERASE_REQUESTED, 2, operation=99),
            event(Kind.ERASED, 3, operation=99),
        ],
    }
    state, _ = folded(generated(1), *paths[lifecycle])
    assert state.lifecycle is lifecycle
    return state


@pytest.mark.parametrize("start", list(L))
@pytest.mark.parametrize("kind", [kind for kind in MOVES if kind is not Kind.ERASED])
def test_only_legal_moves_between_states_are_accepted(start: Lifecycle, kind: Kind) -> None:
    state = in_state(start)
    move = event(kind, 50)
    if kind is Kind.EXPIRED:
        move = expired(50, state.sequence)
    after, outcome, _ = fold(state, move)
    assert after is not None
    allowed, goal = MOVES[kind]
    if start in allowed:
        assert (outcome.result, after.lifecycle) == (Result.ACCEPTED, goal)
    else:
        assert outcome.result is Result.REJECTED
        assert after == state._replace(sequence=state.sequence + 1)


def test_the_table_of_moves_is_the_designs() -> None:
    table = {
        (start.name, MOVES[kind][1].name)
        for kind in MOVES
        if kind not in (Kind.EVICTED, Kind.RETIRED)
        for start in MOVES[kind][0]
    }
    rows = {
        "GENERATED": "ACTIVATED MERGED ARCHIVED FROZEN EXPIRED ERASED",
        "ACTIVATED": "MERGED ARCHIVED FROZEN EXPIRED ERASED",
        "MERGED": "ARCHIVED FROZEN EXPIRED ERASED",
        "ARCHIVED": "ACTIVATED MERGED FROZEN EXPIRED ERASED",
        "EXPIRED": "ACTIVATED ARCHIVED FROZEN ERASED",
    }
    assert table == {(start, goal) for start, goals in rows.items() for goal in goals.split()}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.THAWED, Kind.DECIDED)])
def test_a_frozen_cube_refuses_everything_but_thawing(kind: Kind) -> None:
    state = in_state(L.FROZEN)
    after, outcome, _ = fold(state, event(kind, 50))
    assert outcome == Outcome(Result.REJECTED, 1, Reason.FROZEN)
    assert after is not None
    assert after.lifecycle is L.FROZEN


def test_thawing_goes_back_to_where_the_cube_was() -> None:
    state, _ = folded(
        generated(1), event(Kind.ARCHIVED, 2), event(Kind.FROZEN, 3), event(Kind.THAWED, 4)
    )
    assert (state.lifecycle, state.thaws_to) == (L.ARCHIVED, 0)


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_leaves_erased(kind: Kind) -> None:
    state = in_state(L.ERASED)
    after, outcome, _ = fold(state, sealed(event(kind, 50, operation=99)))
    assert outcome.reason is Reason.ERASED
    assert after is not None
    assert after.lifecycle is L.ERASED


def test_a_cube_that_is_asked_to_be_erased_refuses_a_hold() -> None:
    _, outcomes = folded(
        generated(1), event(Kind.ERASE_REQUESTED, 2, operation=99), event(Kind.FROZEN, 3)
    )
    assert outcomes[-1].reason is Reason.ERASING


def test_a_withdrawn_request_leaves_the_cube_as_it_was() -> None:
    state, _ = folded(
        generated(1),
        event(Kind.ERASE_REQUESTED, 2, operation=99),
        event(Kind.ERASE_WITHDRAWN, 3, operation=99),
        revised(4),
    )
    assert (state.erasing, state.version) == (b"", 2)


def test_another_operation_cannot_erase_what_it_did_not_ask_for() -> None:
    state, outcomes = folded(
        generated(1),
        event(Kind.ERASE_REQUESTED, 2, operation=99),
        event(Kind.ERASED, 3, operation=98),
    )
    assert outcomes[-1].reason is Reason.ERASING
    assert state.lifecycle is L.GENERATED


def test_a_sweeper_that_saw_an_older_state_changes_nothing() -> None:
    state, outcomes = folded(generated(1), revised(2), expired(3, 1))
    assert outcomes[-1].reason is Reason.STALE
    assert state.lifecycle is L.GENERATED


@pytest.mark.parametrize(
    ("then", "after"),
    [
        (LifespanEnd.ARCHIVE, L.ARCHIVED),
        (LifespanEnd.EXPIRE, L.EXPIRED),
        (LifespanEnd.ERASE, L.EXPIRED),
    ],
)
def test_a_lifespan_ends_as_it_says(then: LifespanEnd, after: Lifecycle) -> None:
    state, outcomes = folded(generated(1), expired(2, 1, then))
    assert outcomes[-1] == Outcome(Result.ACCEPTED, 1)
    assert state.lifecycle is after


def test_an_end_that_archives_leaves_alone_what_is_archived() -> None:
    state, outcomes = folded(
        generated(1), event(Kind.ARCHIVED, 2), expired(3, 2, LifespanEnd.ARCHIVE)
    )
    assert outcomes[-1].reason is Reason.ILLEGAL_MOVE
    assert state.lifecycle is L.ARCHIVED


def test_a_cube_that_nobody_asked_to_erase_has_no_request_to_withdraw() -> None:
    _, outcomes = folded(generated(1), event(Kind.ERASE_WITHDRAWN, 2, operation=99))
    assert outcomes[-1] == Outcome(Result.REJECTED, 1, Reason.ILLEGAL_MOVE)


def operation(kind: Kind, number: int, cube: int = 9) -> Event:
    """An event on an operation's own cube."""
    return event(kind, number, cube, operation=cube)


@pytest.mark.parametrize("end", [Kind.ERASED, Kind.ERASE_WITHDRAWN])
def test_the_cube_of_an_erase_is_archived_with_its_end(end: Kind) -> None:
    state, outcomes = folded(operation(Kind.ERASE_REQUESTED, 1), operation(end, 2))
    assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 2
    assert (state.form, state.lifecycle) == (Form.OPERATION, L.ARCHIVED)


@pytest.mark.parametrize("kind", [Kind.REVISED, Kind.TAGGED, Kind.HEADER_CHANGED])
def test_the_cube_of_an_operation_holds_nothing_that_could_be_changed(kind: Kind) -> None:
    state, outcomes = folded(operation(Kind.ROLLED_BACK, 1), event(kind, 2, cube=9))
    assert outcomes[-1].reason is Reason.ILLEGAL_MOVE
    assert state.version == 1


def test_forms_other_than_text_are_made_ended_and_built_again() -> None:
    cached = sealed(event(Kind.CACHED, 1))
    state, _ = folded(cached, sealed(event(Kind.CACHED, 2)), event(Kind.EVICTED, 3))
    assert (state.form, state.version, state.lifecycle) == (Form.ACTIVATION, 2, L.ARCHIVED)
    state, _ = folded(sealed(event(Kind.DISTILLED, 1)), event(Kind.RETIRED, 2))
    assert (state.form, state.lifecycle) == (Form.PARAMETRIC, L.ARCHIVED)
