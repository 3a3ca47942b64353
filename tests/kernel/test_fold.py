from __future__ import annotations

import pytest

from memos.kernel.cube import CubeState, Form, Header, Lifecycle, PartVersions
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.lifecycle import MOVES
from memos.kernel.outcome import Outcome, Reason, Result
from memos.wire.event_pb2 import Event, RollbackTarget
from tests.kernel.builders import SCOPE, event, generated, ident, restored_to, revised, sealed

L = Lifecycle


def run(*events: Event) -> tuple[CubeState, list[Outcome]]:
    """Fold events of one cube in order."""
    state, outcomes, keyed_fold = None, [], KeyedFold()
    for following in events:
        state, outcome, _ = keyed_fold.fold(state, following)
        outcomes.append(outcome)
    assert state is not None
    return state, outcomes


FULL = CubeState(
    ident(1),
    SCOPE,
    Form.PLAINTEXT,
    L.ACTIVATED,
    3,
    5,
    9,
    Header(owner="agent:alice", readers=("agent:bob",), priority=2),
    (b"subject of acme!",),
    PartVersions(5, 4, 3, 2, 1),
    b"v" * 32,
    b"l" * 32,
    b"",  # under an erase nothing else is accepted
    ident(60),
)
"""A cube none of whose fields is what a new cube has, but for the erase."""


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
    state, _ = run(generated(1), *paths[lifecycle])
    assert state.lifecycle is lifecycle
    return state


def expired(number: int, sequence: int) -> Event:
    built = event(Kind.EXPIRED, number)
    built.expired.then = 2  # type: ignore[assignment]
    built.expired.expected_sequence = sequence
    return built


def test_an_event_that_only_stands_in_the_log_keeps_every_field() -> None:
    for kind in (Kind.LINKED, Kind.DECIDED):
        after, outcome, _ = fold(FULL, event(kind, 2))
        assert outcome.result is Result.ACCEPTED
        assert after == FULL._replace(sequence=10)


def test_a_new_version_keeps_every_field_but_its_own() -> None:
    after, outcome, _ = fold(FULL, revised(2))
    assert outcome.result is Result.ACCEPTED
    assert after is not None
    assert after.versions_digest != FULL.versions_digest
    assert after == FULL._replace(
        version=6,
        sequence=10,
        parts=FULL.parts._replace(content=6),
        versions_digest=after.versions_digest,
    )


def test_the_first_event_of_a_cube_makes_version_one() -> None:
    state, (outcome,) = run(generated(1))
    assert (state.version, state.sequence, state.lifecycle) == (1, 1, L.GENERATED)
    assert state.parts == PartVersions(1, 1, 1, 1, 1)
    assert outcome.result is Result.ACCEPTED
    assert len(outcome.digest) == 32


def test_a_revision_supplies_only_the_parts_it_names() -> None:
    state, _ = run(generated(1), revised(2))
    assert state.version == 2
    assert state.parts == PartVersions(content=2, tags=1, provenance=1, metadata=1, valid_time=1)


def test_a_stale_expected_version_is_rejected_and_counted() -> None:
    state, outcomes = run(generated(1), revised(2), revised(3, expected=1))
    assert outcomes[-1] == Outcome(Result.REJECTED, 2, Reason.CONFLICT)
    assert (state.version, state.sequence) == (2, 3)


def test_without_an_expected_version_the_last_writer_wins_and_both_versions_stay() -> None:
    state, outcomes = run(generated(1), revised(2), revised(3))
    assert state.parts.content == 3
    assert [outcome.version for outcome in outcomes] == [1, 2, 3]


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
    state, _ = run(
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
    _, outcomes = run(
        generated(1), event(Kind.ERASE_REQUESTED, 2, operation=99), event(Kind.FROZEN, 3)
    )
    assert outcomes[-1].reason is Reason.ERASING


def test_a_withdrawn_request_leaves_the_cube_as_it_was() -> None:
    state, _ = run(
        generated(1),
        event(Kind.ERASE_REQUESTED, 2, operation=99),
        event(Kind.ERASE_WITHDRAWN, 3, operation=99),
        revised(4),
    )
    assert (state.erasing, state.version) == (b"", 2)


def test_another_operation_cannot_erase_what_it_did_not_ask_for() -> None:
    state, outcomes = run(
        generated(1),
        event(Kind.ERASE_REQUESTED, 2, operation=99),
        event(Kind.ERASED, 3, operation=98),
    )
    assert outcomes[-1].reason is Reason.ERASING
    assert state.lifecycle is L.GENERATED


def keyed(built: Event, mac: bytes = b"mac") -> Event:
    built.idempotency_digest = b"key"
    built.command_mac = mac
    return built


def test_a_keyed_event_delivered_twice_is_a_duplicate_of_the_first() -> None:
    state, outcomes = run(keyed(generated(1)), revised(2), keyed(generated(1)))
    assert outcomes[-1] == Outcome(Result.DUPLICATE, 1, duplicate_of=ident(1))
    assert state.version == 2


def test_the_same_key_with_other_content_is_rejected() -> None:
    _, outcomes = run(keyed(generated(1)), keyed(generated(1), mac=b"other"))
    assert outcomes[-1].reason is Reason.OTHER_CONTENT


def test_a_cube_never_changes_its_scope() -> None:
    stranger = revised(2)
    stranger.scope = "acme/alice/chat-2"
    state, outcomes = run(generated(1), stranger)
    assert outcomes[-1].reason is Reason.WRONG_SCOPE
    assert state.scope == "acme/alice/chat-1"


def test_a_header_change_touches_only_the_fields_it_names() -> None:
    first = event(Kind.HEADER_CHANGED, 2)
    first.header_changed.header.readers.append("agent:bob")
    first.header_changed.fields.append("readers")
    second = event(Kind.HEADER_CHANGED, 3)
    second.header_changed.header.priority = 7
    second.header_changed.fields.append("priority")
    state, _ = run(generated(1), first, second)
    assert (state.header.readers, state.header.priority) == (("agent:bob",), 7)
    assert state.header.owner == "agent:alice"
    assert state.version == 3


def test_a_merge_absorbs_its_sources_by_consequences_with_stable_ids() -> None:
    merge = generated(10, cube=5)
    for cube in (1, 2):
        merge.generated.absorbs.add(cube_id=ident(cube), scope="acme/alice/chat-1")
    _, _, first = fold(None, merge)
    _, _, second = fold(None, merge)
    assert [f.SerializeToString() for f in first] == [f.SerializeToString() for f in second]
    assert [(f.kind, f.cube_id, f.cause_id) for f in first] == [
        (Kind.MERGED, ident(1), ident(10)),
        (Kind.MERGED, ident(2), ident(10)),
    ]
    state, _ = run(generated(1), first[0])
    assert (state.lifecycle, state.merged_into) == (L.MERGED, ident(5))


def test_a_source_refuses_a_merge_that_was_made_of_another_version() -> None:
    merge = generated(1, cube=9)
    merge.generated.absorbs.add(cube_id=ident(1), scope=SCOPE, expected_version=1)
    merge.generated.absorbs.add(cube_id=ident(2), scope=SCOPE)
    _, _, (bound, unbound) = fold(None, merge)
    state = run(generated(2), revised(3))[0]
    refused, outcome, _ = fold(state, bound)
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.CONFLICT)
    assert refused is not None
    assert (refused.lifecycle, refused.version) == (Lifecycle.GENERATED, 2)
    assert not unbound.HasField("expected_version")
    absorbed, outcome, _ = fold(run(generated(2))[0], bound)
    assert outcome.result is Result.ACCEPTED
    assert absorbed is not None
    assert absorbed.merged_into == ident(9)


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
    state, outcome, _ = fold(run(generated(2))[0], again)
    assert outcome.result is Result.ACCEPTED
    assert state is not None
    assert (state.lifecycle, state.merged_into, state.version) == (Lifecycle.MERGED, ident(9), 1)
    again.rolled_back.targets[0].expected_sequence = 2
    _, outcome, _ = fold(state, again)
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.ILLEGAL_MOVE)


def test_a_rollback_restores_parts_and_is_a_new_version() -> None:
    state, outcomes = run(generated(1), revised(2), restored_to(3, 1, 1, 2, operation=77))
    assert outcomes[-1].version == 3
    assert state.parts.content == 1


def test_a_rollback_planned_on_an_older_state_is_stale() -> None:
    _, outcomes = run(generated(1), revised(2), restored_to(3, 1, 1, 1, operation=77))
    assert outcomes[-1].reason is Reason.STALE


def test_a_rollback_cannot_restore_what_was_never_there() -> None:
    _, outcomes = run(generated(1), restored_to(3, 1, 9, 1, operation=77))
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
    state, outcomes = run(generated(1), revised(2), back)
    assert outcomes[-1].reason is (Reason.NONE if fits else Reason.ILLEGAL_MOVE)
    assert state.version == (3 if fits else 2)


def test_a_rollback_restores_the_header_that_it_names() -> None:
    back = restored_to(3, 1, 1, 2, operation=77)
    back.rolled_back.targets[0].restoration.header.readers.append("agent:zoe")
    state, _ = run(generated(1), revised(2), back)
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
    state, outcomes = run(generated(1), before, back)
    assert outcomes[-1].reason is Reason.NONE
    assert state.lifecycle is after


def test_a_sweeper_that_saw_an_older_state_changes_nothing() -> None:
    state, outcomes = run(generated(1), revised(2), expired(3, 1))
    assert outcomes[-1].reason is Reason.STALE
    assert state.lifecycle is L.GENERATED


def test_an_event_on_a_cube_that_is_not_there_is_rejected() -> None:
    state, outcome, _ = fold(None, revised(1))
    assert state is None
    assert outcome.reason is Reason.NOT_FOUND


def test_forms_other_than_text_are_made_ended_and_built_again() -> None:
    cached = sealed(event(Kind.CACHED, 1))
    state, _ = run(cached, sealed(event(Kind.CACHED, 2)), event(Kind.EVICTED, 3))
    assert (state.form, state.version, state.lifecycle) == (Form.ACTIVATION, 2, L.ARCHIVED)
    state, _ = run(sealed(event(Kind.DISTILLED, 1)), event(Kind.RETIRED, 2))
    assert (state.form, state.lifecycle) == (Form.PARAMETRIC, L.ARCHIVED)
