from __future__ import annotations

from memos.kernel.cube import Lifecycle
from memos.kernel.event import Kind, Position
from memos.kernel.fold import Result, fold
from memos.kernel.late import comes_behind, late_erase, made_of
from memos.kernel.lineage import Relation
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
    behind = [comes_behind(asked, Position(*at)) for at in ((0, 4), (0, 5), (1, 0), (2, 7))]
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
