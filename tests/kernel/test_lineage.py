from __future__ import annotations

import pytest

from memos.kernel.cube import ALL_PARTS, Part, PartVersions
from memos.kernel.lineage import (
    CARRIES_TAINT,
    Relation,
    VersionFacts,
    carriers,
    clean_parts,
    composed_from,
    composed_parts,
    kept_relation,
    named_edges,
)
from memos.wire.event_pb2 import Edge, Event
from tests.kernel.builders import ident

A, B, C, D = b"a", b"b", b"c", b"d"


def overwritten(version: int) -> VersionFacts:
    return VersionFacts(version, PartVersions(version, 1, 1, 1, 1), 0)


def appended(version: int) -> VersionFacts:
    return VersionFacts(version, PartVersions(version, 1, 1, 1, 1), version - 1)


def tagged(version: int, content: int) -> VersionFacts:
    return VersionFacts(version, PartVersions(content, version, 1, 1, 1), 0)


def whole(versions: set[int]) -> dict[int, int]:
    """Every part of some versions."""
    return dict.fromkeys(versions, ALL_PARTS)


def test_a_version_is_carried_by_those_that_have_its_content() -> None:
    history = [overwritten(1), tagged(2, 1), tagged(3, 1), overwritten(4)]
    assert carriers(history, 1) == [1, 2, 3]
    assert carriers(history, 2) == []
    assert carriers(history, 4) == [4]


def test_only_what_was_composed_from_one_of_them_carries_versions_on() -> None:
    history = [overwritten(1), appended(2), overwritten(3), appended(4)]
    assert composed_from(history, [1, 2]) == [2]
    assert composed_from(history, [3]) == [4]
    assert composed_from(history, []) == []
    tags = VersionFacts(2, PartVersions(1, 2, 1, 1, 1), 1, composes=Part.TAGS)
    assert composed_from([overwritten(1), tags], [1]) == [], "of its tags, not of its content"


def test_the_clean_state_is_the_newest_without_anything_tainted() -> None:
    history = [overwritten(1), overwritten(2), overwritten(3)]
    assert clean_parts(history, whole({3})) == (2, PartVersions(2, 1, 1, 1, 1))
    assert clean_parts(history, whole({2})) == (3, PartVersions(3, 1, 1, 1, 1))
    assert clean_parts(history, whole({1, 2, 3})) is None


def test_later_clean_parts_stay() -> None:
    history = [overwritten(1), overwritten(2), tagged(3, 2)]
    assert clean_parts(history, whole({2})) == (1, PartVersions(1, 3, 1, 1, 1))
    assert clean_parts(history, whole({3})) == (2, PartVersions(2, 1, 1, 1, 1))


def test_a_restored_version_counts_for_what_it_shows_not_for_its_number() -> None:
    restored = VersionFacts(3, PartVersions(1, 1, 1, 1, 1), 0)
    history = [overwritten(1), overwritten(2), restored, overwritten(4)]
    assert clean_parts(history, whole({4})) == (3, PartVersions(1, 1, 1, 1, 1))


def test_without_a_rollback_the_parts_are_those_before_it() -> None:
    history = [
        overwritten(1),
        overwritten(2),
        VersionFacts(3, PartVersions(1, 1, 1, 1, 1), 0, True),
    ]
    assert clean_parts(history, whole({3})) == (2, PartVersions(2, 1, 1, 1, 1))
    tagged_since = [*history, VersionFacts(4, PartVersions(1, 4, 1, 1, 1), 0)]
    assert clean_parts(tagged_since, whole({3})) == (2, PartVersions(2, 4, 1, 1, 1))
    assert clean_parts([*history, overwritten(4)], whole({3})) == (4, PartVersions(4, 1, 1, 1, 1))


def test_a_rollback_to_where_the_cube_already_was_holds_when_the_one_before_is_undone() -> None:
    back = PartVersions(1, 1, 1, 1, 1)
    history = [overwritten(1), overwritten(2)]
    history += [VersionFacts(version, back, 0, True) for version in (3, 4)]
    assert clean_parts(history, whole({3})) == (4, back)
    assert clean_parts(history, whole({3, 4})) == (2, PartVersions(2, 1, 1, 1, 1))


def test_a_clean_rollback_brings_nothing_tainted_back() -> None:
    history = [overwritten(1), overwritten(2), overwritten(3)]
    history.append(VersionFacts(4, PartVersions(2, 1, 1, 1, 1), 0, True))
    assert clean_parts(history, whole({2})) == (3, PartVersions(3, 1, 1, 1, 1))


def test_tags_that_were_added_to_tainted_ones_are_tainted_and_those_before_stay() -> None:
    composed = VersionFacts(3, PartVersions(1, 3, 1, 1, 1), 2, composes=Part.TAGS)
    history = [overwritten(1), tagged(2, 1), composed]
    assert composed_parts(history, 2, Part.TAGS) == [(3, Part.TAGS)]
    assert composed_parts(history, 2, Part.CONTENT) == []
    assert composed_parts(history, 1, Part.TAGS) == [], "those of version 2 were there by then"
    tainted = {2: ALL_PARTS, 3: int(Part.TAGS)}
    assert clean_parts(history, tainted) == (3, PartVersions(1, 1, 1, 1, 1))


def test_a_clean_part_stays_though_another_part_of_its_version_is_tainted() -> None:
    both = VersionFacts(3, PartVersions(3, 1, 1, 3, 1), 2, composes=Part.METADATA)
    history = [overwritten(1), VersionFacts(2, PartVersions(1, 1, 1, 2, 1), 0), both]
    assert composed_parts(history, 2, ALL_PARTS) == [(3, Part.METADATA)]
    tainted = {2: ALL_PARTS, 3: int(Part.METADATA)}
    assert clean_parts(history, tainted) == (3, PartVersions(3, 1, 1, 1, 1))


def test_content_without_tags_is_clean_content_all_the_same() -> None:
    bare = [VersionFacts(1, PartVersions(1, 0, 0, 0, 0), 0)]
    assert clean_parts(bare, {}) == (1, PartVersions(1, 0, 0, 0, 0))


def test_a_relation_that_this_release_does_not_know_may_carry_taint() -> None:
    unknown = Relation(99)
    assert (unknown.name, unknown.value, int(unknown)) == ("UNKNOWN_99", 99, 99)
    assert unknown in CARRIES_TAINT
    assert Relation.DERIVED_FROM in CARRIES_TAINT
    assert Relation.SUPERSEDES not in CARRIES_TAINT
    with pytest.raises(ValueError, match="'derived_from'"):
        Relation("derived_from")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("relation", "kept"), [(0, 0), (1, 1), (99, 99), (127, 127), (128, 0), (-1, 0)]
)
def test_stores_keep_a_relation_by_a_small_number_and_by_0_what_is_none(
    relation: int, kept: int
) -> None:
    assert kept_relation(Edge(relation=relation)) == kept  # type: ignore[arg-type]


def test_an_edge_to_what_is_no_id_leads_nowhere() -> None:
    made = Event()
    for cube_id in (ident(2), b"", bytes(15), ident(3), bytes(17)):
        made.edges.add().other.cube_id = cube_id
    assert [edge.other.cube_id for edge in named_edges(made)] == [ident(2), ident(3)]
