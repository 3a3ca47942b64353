from __future__ import annotations

from memos.kernel.cube import ALL_PARTS, Part, PartVersions
from memos.kernel.lineage import VersionFacts, carriers, clean_parts, composed_from, composed_parts

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


def test_the_clean_state_is_the_newest_without_anything_tainted() -> None:
    history = [overwritten(1), overwritten(2), overwritten(3)]
    assert clean_parts(history, whole({3})) == (2, PartVersions(2, 1, 1, 1, 1))
    assert clean_parts(history, whole({2})) == (3, PartVersions(3, 1, 1, 1, 1))
    assert clean_parts(history, whole({1, 2, 3})) is None


def test_later_clean_parts_stay() -> None:
    history = [overwritten(1), overwritten(2), tagged(3, 2)]
    assert clean_parts(history, whole({2})) == (1, PartVersions(1, 3, 1, 1, 1))


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
