from __future__ import annotations

from collections.abc import Collection, Sequence

from memos.kernel.cube import PartVersions
from memos.kernel.lineage import CARRIES_TAINT, Contribution, Relation, VersionFacts
from memos.operation.commands.taint import Histories, taint

A, B, C, D = b"a", b"b", b"c", b"d"


def overwritten(version: int) -> VersionFacts:
    return VersionFacts(version, PartVersions(version, 1, 1, 1, 1), 0)


def appended(version: int) -> VersionFacts:
    return VersionFacts(version, PartVersions(version, 1, 1, 1, 1), version - 1)


def tagged(version: int, content: int) -> VersionFacts:
    return VersionFacts(version, PartVersions(content, version, 1, 1, 1), 0)


class Memory(Histories):
    """Versions and edges, by hand."""

    def __init__(
        self,
        versions: dict[bytes, list[VersionFacts]],
        edges: dict[Contribution, list[Contribution]] | None = None,
    ) -> None:
        self._versions = versions
        self._edges = edges or {}

    def versions(self, cube_id: bytes) -> Sequence[VersionFacts]:
        return self._versions[cube_id]

    def derived(
        self, cube_id: bytes, version: int, relations: Collection[Relation] = CARRIES_TAINT
    ) -> list[Contribution]:
        return self._edges.get((cube_id, version), [])


def test_taint_flows_along_edges_through_several_cubes() -> None:
    memory = Memory(
        {A: [overwritten(1)], B: [overwritten(1)], C: [overwritten(1)]},
        {(A, 1): [(B, 1)], (B, 1): [(C, 1)]},
    )
    assert taint([(A, 1)], memory) == {A: {1}, B: {1}, C: {1}}


def test_a_clean_overwrite_ends_it() -> None:
    memory = Memory({A: [overwritten(1), overwritten(2)], B: [overwritten(1)]}, {(A, 2): [(B, 1)]})
    assert taint([(A, 1)], memory) == {A: {1}}


def test_an_append_carries_it_on() -> None:
    memory = Memory({A: [overwritten(1), appended(2), appended(3)]})
    assert taint([(A, 1)], memory) == {A: {1, 2, 3}}


def test_an_append_to_a_tagged_version_carries_the_content_it_was_composed_from() -> None:
    memory = Memory({A: [overwritten(1), tagged(2, 1), appended(3)]})
    assert taint([(A, 1)], memory) == {A: {1, 3}}


def test_what_was_derived_from_a_later_version_with_the_same_content_is_reached() -> None:
    memory = Memory({A: [overwritten(1), tagged(2, 1)], B: [overwritten(1)]}, {(A, 2): [(B, 1)]})
    assert taint([(A, 1)], memory) == {A: {1}, B: {1}}


def test_a_bad_tag_does_not_taint_what_was_derived_from_the_content() -> None:
    memory = Memory({A: [overwritten(1), tagged(2, 1)], B: [overwritten(1)]}, {(A, 2): [(B, 1)]})
    assert taint([(A, 2)], memory) == {A: {2}}


def test_a_circle_of_edges_comes_to_an_end() -> None:
    memory = Memory(
        {A: [overwritten(1)], B: [overwritten(1)]}, {(A, 1): [(B, 1)], (B, 1): [(A, 1)]}
    )
    assert taint([(A, 1)], memory) == {A: {1}, B: {1}}
