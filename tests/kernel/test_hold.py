from __future__ import annotations

import pytest

from memos.kernel.consequences import consequences_of
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.outcome import Reason, Result
from memos.wire.event_pb2 import Event
from tests.kernel.builders import erase_request, event, freeze, generated, ident, thaw

HOLD = event(Kind.FROZEN, 2)


def after(*history: Event) -> CubeState:
    state = None
    for each in history:
        state, outcome, _ = fold(state, each)
        assert outcome.result is Result.ACCEPTED
    assert state is not None
    return state


def refusal(state: CubeState, refused: Event) -> Reason:
    same, outcome, consequences = fold(state, refused)
    assert (same, consequences) == (state._replace(sequence=state.sequence + 1), ())
    return outcome.reason


def test_an_administrator_s_erase_goes_through_a_freeze_and_no_other_erase_does() -> None:
    frozen = after(generated(1), freeze(2))
    assert refusal(frozen, event(Kind.ERASE_REQUESTED, 3, operation=99)) is Reason.FROZEN
    asked = after(generated(1), freeze(2), erase_request(3))
    assert asked.lifecycle is Lifecycle.FROZEN
    erased = after(generated(1), freeze(2), erase_request(3), event(Kind.ERASED, 4, operation=99))
    assert erased.lifecycle is Lifecycle.ERASED
    assert (erased.thaws_to, erased.yields_to_erase) == (0, False)


def test_an_erase_goes_through_the_freezes_of_what_is_bound_and_of_nothing_else() -> None:
    asked = event(Kind.ERASE_REQUESTED, 5, cube=9)
    asked.operation_id = asked.cube_id
    asked.erase_requested.targets.add(cube_id=ident(1), scope=asked.scope)
    asked.erase_requested.targets.add(cube_id=ident(2), scope=asked.scope, bound=True)
    named, bound = consequences_of(asked)
    assert refusal(after(generated(1), freeze(2)), named) is Reason.FROZEN
    copy = after(generated(1, cube=2), freeze(2, cube=2))
    assert after(generated(1, cube=2), freeze(2, cube=2), bound).erasing == asked.cube_id
    held = after(generated(1, cube=2), event(Kind.FROZEN, 2, cube=2))
    assert (copy.yields_to_erase, refusal(held, bound)) == (True, Reason.FROZEN)


def test_a_withdrawn_erase_leaves_the_freeze() -> None:
    withdrawn = event(Kind.ERASE_WITHDRAWN, 4, operation=99)
    state = after(generated(1), freeze(2), erase_request(3), withdrawn)
    assert state == after(generated(1), freeze(2))._replace(sequence=4)


def test_a_hold_refuses_every_erase() -> None:
    held = after(generated(1), HOLD)
    assert refusal(held, erase_request(3)) is Reason.FROZEN
    assert refusal(held, event(Kind.ERASE_REQUESTED, 3, operation=99)) is Reason.FROZEN


def test_a_freeze_becomes_a_hold_and_a_hold_no_freeze() -> None:
    held = after(generated(1), freeze(2), event(Kind.FROZEN, 3))
    assert held == after(generated(1), HOLD)._replace(sequence=3)
    assert refusal(held, freeze(4)) is Reason.FROZEN
    assert refusal(held, event(Kind.FROZEN, 4)) is Reason.FROZEN


def test_who_may_thaw_only_a_freeze_thaws_no_hold() -> None:
    held = after(generated(1), HOLD)
    assert refusal(held, thaw(3)) is Reason.FROZEN
    for thawed in (thaw(3), event(Kind.THAWED, 3)):
        state = after(generated(1), freeze(2), thawed)
        assert state == after(generated(1))._replace(sequence=3)
    assert after(generated(1), HOLD, event(Kind.THAWED, 3)).lifecycle is Lifecycle.GENERATED


@pytest.mark.parametrize("kind", [Kind.REVISED, Kind.EXPIRED, Kind.ARCHIVED, Kind.HEADER_CHANGED])
def test_a_freeze_and_a_hold_refuse_every_other_change_alike(kind: Kind) -> None:
    for frozen in (freeze(2), HOLD):
        assert refusal(after(generated(1), frozen), event(kind, 3)) is Reason.FROZEN
