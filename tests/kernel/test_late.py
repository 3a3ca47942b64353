from __future__ import annotations

from hashlib import sha256

from memos.kernel.cube import Lifecycle
from memos.kernel.event import Kind, Position, as_uuid, caused_id
from memos.kernel.fold import fold
from memos.kernel.late import comes_behind, late_erase, late_erase_id, made_of
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Result
from memos.wire.event_pb2 import Event
from tests.kernel.builders import event, ident


def derivation(relation: Relation, kind: Kind = Kind.GENERATED) -> Event:
    made = event(kind, 20, cube=2)
    made.edges.add(relation=relation.value).other.cube_id = ident(1)
    return made


def request(*positions: Position) -> Event:
    asked = event(Kind.ERASE_REQUESTED, 30, cube=9)
    asked.operation_id = asked.cube_id
    asked.erase_requested.targets.add(cube_id=ident(1), scope=asked.scope)
    for partition, offset in positions:
        asked.erase_requested.positions.add(partition=partition, offset=offset)
    return asked


def test_a_new_cube_is_made_of_what_its_content_was_taken_from() -> None:
    assert made_of(derivation(Relation.DERIVED_FROM)) == [ident(1)]
    assert made_of(derivation(Relation.MERGED_INTO)) == [ident(1)]
    assert made_of(derivation(Relation.SAME_TEXT_AS)) == []
    assert made_of(derivation(Relation.DERIVED_FROM, Kind.LINKED)) == [], "a link makes nothing"


def test_a_record_comes_behind_an_erase_where_that_had_not_read_up_to_it() -> None:
    asked = request(Position(0, 5), Position(1, 0))
    behind = [comes_behind(asked, Position(*at)) for at in ((0, 4), (0, 5), (1, 0), (2, 0))]
    assert behind == [False, True, True, True]
    assert not comes_behind(request(), Position(0, 5)), "an older erase does not say"


def test_the_erase_of_a_late_cube_follows_from_it_and_from_the_earlier_erase_alone() -> None:
    asked, made = request(Position(0, 5)), derivation(Relation.DERIVED_FROM)
    late = late_erase(made, asked)
    assert late == late_erase(made, asked)
    assert late.erase_requested.positions == asked.erase_requested.positions
    state, _, _ = fold(None, made)
    _, outcome, (follower,) = fold(None, late)
    assert outcome.result is Result.ACCEPTED
    state, outcome, _ = fold(state, follower)
    assert state is not None
    assert (outcome.result, state.erasing) == (Result.ACCEPTED, late.operation_id)
    assert state.lifecycle is Lifecycle.GENERATED


def test_every_field_of_a_late_erase_is_of_the_derivation_and_positions_are_of_the_erase() -> None:
    asked, made = request(Position(0, 5)), derivation(Relation.DERIVED_FROM)
    made.policy_digest = b"p" * 16
    named = late_erase_id(made.cube_id, asked.operation_id)
    expected = Event(
        event_id=caused_id(made.event_id, named, Kind.ERASE_REQUESTED),
        schema_major=made.schema_major,
        schema_minor=made.schema_minor,
        kind=Kind.ERASE_REQUESTED.value,  # type: ignore[arg-type]
        tenant="acme",
        scope="acme",
        actor=made.actor,
        cube_id=named,
        operation_id=named,
        client_time=made.client_time,
        policy_digest=b"p" * 16,
        service="memos/test",
    )
    expected.erase_requested.targets.add(cube_id=made.cube_id, scope=made.scope, bound=True)
    expected.erase_requested.positions.add(partition=0, offset=5)
    assert late_erase(made, asked) == expected


def test_the_operation_of_a_late_erase_comes_from_the_cube_and_the_earlier_erase() -> None:
    ids = {late_erase_id(ident(cube), ident(operation)) for cube in (1, 2) for operation in (3, 4)}
    assert len(ids) == 4
    digest = sha256(b"memos/late-erase/v1\n" + ident(1) + ident(3)).digest()
    assert late_erase_id(ident(1), ident(3)) == as_uuid(digest)
