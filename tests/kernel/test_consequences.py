"""What follows from an event on other cubes follows from it alone."""

from __future__ import annotations

import pytest

from memos.kernel.consequences import consequences_of, is_operation
from memos.kernel.event import DETAILS, Kind, caused_id
from memos.wire.event_pb2 import Event
from tests.kernel.builders import SCOPE, event, generated, ident

ELSEWHERE = "acme/bob"
SPREADING = [Kind.ROLLED_BACK, Kind.ERASE_REQUESTED, Kind.ERASE_WITHDRAWN, Kind.ERASED]


def operation(kind: Kind) -> Event:
    """An operation over two cubes, on its own cube."""
    built = event(kind, 10, cube=9, operation=9)
    built.policy_digest = b"p" * 16
    targets = getattr(built, DETAILS[kind]).targets
    targets.add(cube_id=ident(1), scope=SCOPE)
    targets.add(cube_id=ident(2), scope=ELSEWHERE)
    return built


def follower(cause: Event, kind: Kind, cube: int, scope: str) -> Event:
    """An event on another cube, all else of which is its cause's."""
    built = Event()
    built.CopyFrom(cause)
    built.event_id = caused_id(cause.event_id, ident(cube), kind)
    built.kind = kind.value  # type: ignore[assignment]
    built.cube_id, built.scope, built.cause_id = ident(cube), scope, cause.event_id
    getattr(built, DETAILS[cause.kind]).Clear()
    getattr(built, DETAILS[kind]).SetInParent()
    return built


@pytest.mark.parametrize("kind", SPREADING)
def test_an_operation_goes_on_to_each_cube_with_all_that_its_envelope_says(kind: Kind) -> None:
    cause = operation(kind)
    first, second = follower(cause, kind, 1, SCOPE), follower(cause, kind, 2, ELSEWHERE)
    if kind is Kind.ROLLED_BACK:
        for one, target in zip((first, second), cause.rolled_back.targets, strict=True):
            one.rolled_back.targets.append(target)
    assert consequences_of(cause) == (first, second)


def test_a_merge_goes_on_to_what_it_absorbs_with_all_that_its_envelope_says() -> None:
    cause = event(Kind.GENERATED, 10, cube=9)
    cause.policy_digest = b"p" * 16
    cause.generated.absorbs.add(cube_id=ident(2), scope=ELSEWHERE)
    merged = follower(cause, Kind.MERGED, 2, ELSEWHERE)
    merged.merged.into_cube_id = ident(9)
    assert consequences_of(cause) == (merged,)


@pytest.mark.parametrize("kind", SPREADING)
def test_what_follows_on_a_cube_goes_no_further(kind: Kind) -> None:
    for one in consequences_of(operation(kind)):
        assert not is_operation(one)
        assert consequences_of(one) == ()


def test_an_erase_that_ends_freezes_ends_those_of_every_cube() -> None:
    cause = operation(Kind.ERASE_REQUESTED)
    cause.erase_requested.targets[1].bound = True
    assert [one.erase_requested.ends_freezes for one in consequences_of(cause)] == [False, True]
    cause.erase_requested.ends_freezes = True
    assert [one.erase_requested.ends_freezes for one in consequences_of(cause)] == [True, True]


def test_an_erase_asks_a_cube_at_the_version_that_was_read_where_it_names_one() -> None:
    cause = operation(Kind.ERASE_REQUESTED)
    cause.erase_requested.targets[1].expected_version = 3
    free, bound = consequences_of(cause)
    assert not free.HasField("expected_version")
    assert bound.expected_version == 3


def test_a_named_cut_is_an_operation_and_a_change_of_a_memory_is_none() -> None:
    assert is_operation(event(Kind.CUT_NAMED, 10, cube=9))
    assert not is_operation(generated(10))
    assert consequences_of(event(Kind.REVISED, 10)) == ()
