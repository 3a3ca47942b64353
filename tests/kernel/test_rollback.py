"""What a rollback does to one cube."""

from __future__ import annotations

import pytest

from memos.kernel.cube import Lifecycle
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.outcome import Outcome, Reason, Result
from memos.wire.event_pb2 import Event, RollbackTarget
from tests.kernel.builders import SCOPE, event, folded, generated, ident, restored_to, revised


def test_a_rollback_absorbs_again_what_a_rollback_had_freed() -> None:
    target = RollbackTarget(
        cube_id=ident(1),
        scope=SCOPE,
        action=RollbackTarget.ACTION_ABSORB,
        into_cube_id=ident(9),
        expected_sequence=1,
    )
    again = event(Kind.ROLLED_BACK, 5, operation=77)
    again.rolled_back.targets.append(target)
    state, outcome, _ = fold(folded(generated(2))[0], again)
    assert outcome.result is Result.ACCEPTED
    assert state is not None
    assert (state.lifecycle, state.merged_into, state.version) == (Lifecycle.MERGED, ident(9), 1)
    again.rolled_back.targets[0].expected_sequence = 2
    _, outcome, _ = fold(state, again)
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.ILLEGAL_MOVE)


def test_a_rollback_restores_parts_and_is_a_new_version() -> None:
    state, outcomes = folded(generated(1), revised(2), restored_to(3, 1, 1, 2, operation=77))
    assert outcomes[-1].version == 3
    assert state.parts.content == 1


def test_a_rollback_planned_on_an_older_state_is_stale() -> None:
    _, outcomes = folded(generated(1), revised(2), restored_to(3, 1, 1, 1, operation=77))
    assert outcomes[-1].reason is Reason.STALE


def test_a_rollback_cannot_restore_what_was_never_there() -> None:
    _, outcomes = folded(generated(1), restored_to(3, 1, 9, 1, operation=77))
    assert outcomes[-1].reason is Reason.ILLEGAL_MOVE


@pytest.mark.parametrize(
    ("content", "to_version", "fits"),
    [(2, 2, True), (1, 1, True), (1, 2, True), (3, 2, False), (1, 3, False), (1, 0, False)],
)
def test_a_rollback_restores_versions_that_the_cube_has(
    content: int, to_version: int, fits: bool
) -> None:
    back = restored_to(3, 1, to_version, 2, operation=77)
    kept = back.rolled_back.targets[0].restoration
    kept.content, kept.tags, kept.provenance, kept.metadata, kept.valid_time = content, 1, 1, 1, 1
    state, outcomes = folded(generated(1), revised(2), back)
    assert outcomes[-1].reason is (Reason.NONE if fits else Reason.ILLEGAL_MOVE)
    assert state.version == (3 if fits else 2)


def test_a_rollback_restores_the_header_that_it_names() -> None:
    back = restored_to(3, 1, 1, 2, operation=77)
    back.rolled_back.targets[0].restoration.header.readers.append("agent:zoe")
    state, _ = folded(generated(1), revised(2), back)
    assert state.header.readers == ("agent:zoe",)


@pytest.mark.parametrize(
    ("gone", "reactivate", "after"),
    [
        (True, True, Lifecycle.ACTIVATED),
        (True, False, Lifecycle.ARCHIVED),
        (False, True, Lifecycle.GENERATED),
        (False, False, Lifecycle.GENERATED),
    ],
)
def test_a_rollback_brings_back_to_life_what_it_says_and_was_gone(
    gone: bool, reactivate: bool, after: Lifecycle
) -> None:
    before = event(Kind.ARCHIVED, 2) if gone else revised(2)
    back = restored_to(3, 1, 1, 2, operation=77)
    back.rolled_back.targets[0].reactivate = reactivate
    state, outcomes = folded(generated(1), before, back)
    assert outcomes[-1].reason is Reason.NONE
    assert state.lifecycle is after


def undoing(action: RollbackTarget.Action, sequence: int) -> Event:
    """What a rollback does to a cube, but for a restoration."""
    built = event(Kind.ROLLED_BACK, 5, operation=77)
    built.rolled_back.targets.add(
        cube_id=ident(1), scope=SCOPE, action=action, expected_sequence=sequence
    )
    return built


def test_a_rollback_frees_what_a_merge_had_absorbed() -> None:
    merged = event(Kind.MERGED, 2)
    merged.merged.into_cube_id = ident(9)
    unmerge = undoing(RollbackTarget.ACTION_UNMERGE, 2)
    state, outcomes = folded(generated(1), merged, unmerge)
    assert outcomes[-1] == Outcome(Result.ACCEPTED, 1)
    assert (state.lifecycle, state.merged_into) == (Lifecycle.ACTIVATED, b"")
    state, outcomes = folded(generated(1), event(Kind.ARCHIVED, 2), unmerge)
    assert outcomes[-1].reason is Reason.ILLEGAL_MOVE
    assert state.lifecycle is Lifecycle.ARCHIVED


def test_a_rollback_archives_what_has_no_clean_version() -> None:
    archive = undoing(RollbackTarget.ACTION_ARCHIVE, 2)
    state, outcomes = folded(generated(1), revised(2), archive)
    assert outcomes[-1] == Outcome(Result.ACCEPTED, 2)
    assert state.lifecycle is Lifecycle.ARCHIVED
    _, outcomes = folded(generated(1), event(Kind.ARCHIVED, 2), archive)
    assert outcomes[-1].reason is Reason.ILLEGAL_MOVE


def test_a_rollback_that_says_nothing_known_does_nothing() -> None:
    for action in (RollbackTarget.ACTION_UNSPECIFIED, 99):
        _, outcomes = folded(generated(1), undoing(action, 1))  # type: ignore[arg-type]
        assert outcomes[-1] == Outcome(Result.REJECTED, 1, Reason.ILLEGAL_MOVE)
    state, outcomes = folded(generated(1), event(Kind.ROLLED_BACK, 5, operation=77))
    assert outcomes[-1] == Outcome(Result.REJECTED, 1, Reason.EXISTS)
    assert state.version == 1
