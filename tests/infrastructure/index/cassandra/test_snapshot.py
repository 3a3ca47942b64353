"""What a reader holds of a tenant: the same, in whatever order its partitions came."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos.infrastructure.index.cassandra.changes import read
from memos.infrastructure.index.cassandra.snapshot import IndexMark, TenantSnapshot, extend
from memos.infrastructure.index.cassandra.view import CassandraView
from memos.infrastructure.index.port import SpanChange
from memos.kernel.cube import Lifecycle
from memos.kernel.moment import At, Cutoffs
from memos.language.indexed_text import DATED, IndexedText, Place, Validity
from tests.infrastructure.index.cassandra.support import (
    MINUTE,
    TERMS,
    Logged,
    Partitions,
    assert_equal,
    assert_shows,
    spans_of,
    visible,
)
from tests.infrastructure.index.sqlite.support import cube_id, text

SCOPES = ["acme", "acme/a", "acme/a/b", "acme/a-b", "acme/ab"]
SEARCHED = [*SCOPES, "acme/a/b/c", "acme/%", "acme/_", "acme/"]
PARTITIONS = 3


def load(rows: Sequence[Logged], marks: dict[int, IndexMark]) -> TenantSnapshot:
    empty = TenantSnapshot("acme")
    return extend(empty, read((one.row for one in rows), empty.scopes), marks)


def view(snapshot: TenantSnapshot, scope: str, at: At | None = None) -> CassandraView:
    return CassandraView(snapshot, snapshot.visible(scope, at), snapshot.reached(at))


texts = st.builds(
    lambda terms, number, traits, start: IndexedText(
        terms, sum(terms.values()), Place(-5, number, 7, traits), Validity(start, start + 9)
    ),
    st.dictionaries(st.sampled_from(TERMS), st.integers(0, 3), max_size=3),
    st.integers(0, 3),
    st.integers(0, 7),
    st.integers(0, 9),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, len(SCOPES) - 1), texts),
        st.tuples(st.just("revise"), st.integers(0, 9), texts),
        st.tuples(st.just("state"), st.integers(0, 9), st.integers(1, 6)),
        st.tuples(st.just("erase"), st.integers(0, 9), st.none()),
        st.tuples(st.just("wait"), st.integers(0, 200), st.none()),
    ),
    max_size=30,
)


def play(played: list[tuple[str, int, object]]) -> Partitions:
    log = Partitions(PARTITIONS)
    cubes: list[tuple[bytes, str, int]] = []
    erased = set[int]()
    for kind, target, what in played:
        if kind == "wait":
            log.time += target * MINUTE
        elif kind == "add":
            assert isinstance(what, IndexedText)
            cube = cube_id(len(cubes))
            cubes.append((cube, SCOPES[target], 1))
            log.append(len(cubes) % PARTITIONS, SpanChange(cube, SCOPES[target], 0, 1, 1, 0, what))
        elif target < len(cubes) and target not in erased:
            cube, scope, version = cubes[target]
            cubes[target] = cube, scope, version + 1
            state = what if isinstance(what, int) else 1
            if kind == "erase":
                erased.add(target)
                state = Lifecycle.ERASED
            new = what if isinstance(what, IndexedText) else None
            change = SpanChange(cube, scope, 0, version + 1, state, version % 4, new)
            log.append((target + 1) % PARTITIONS, change)
    return log


@settings(max_examples=150, deadline=None)
@given(steps, st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.integers(1, 9)), max_size=12))
def test_partitions_read_in_any_order_make_what_one_reading_makes(
    played: list[tuple[str, int, object]], pulls: list[tuple[int, int]]
) -> None:
    log = play(played)
    taken = [0] * PARTITIONS
    held = TenantSnapshot("acme")
    for partition, count in [*pulls, *((each, 10_000) for each in range(PARTITIONS))]:
        before = taken[partition]
        taken[partition] = min(before + count, len(log.logs[partition]))
        new = log.logs[partition][before : taken[partition]]
        held = extend(held, read((one.row for one in new), held.scopes), log.marks(taken))
        assert_equal(held, load(log.upto(taken), dict(log.marks(taken))))
        shown = spans_of(log.upto(taken))
        assert_shows(view(held, "acme"), visible(shown, "acme", held.reached(None)))


@settings(max_examples=60, deadline=None)
@given(steps, st.lists(st.integers(0, 30), min_size=PARTITIONS, max_size=PARTITIONS))
def test_every_scope_at_every_moment_shows_what_the_model_shows(
    played: list[tuple[str, int, object]], share: list[int]
) -> None:
    log = play(played)
    everything = [len(each) for each in log.logs]
    held = load(log.upto(everything), dict(log.marks(everything)))
    shown = spans_of(log.upto(everything))
    part = [min(count, size) for count, size in zip(share, everything, strict=True)]
    marks = log.marks(part)
    cut = Cutoffs(marks[each].ordinal if each in marks else -1 for each in range(PARTITIONS))
    ordinals = [one.change.offset for one in log.upto(everything)]
    for scope in SEARCHED:
        for at in [None, cut, -1, *ordinals[::3], 2**61]:
            seen = view(held, scope, at)
            assert_shows(seen, visible(shown, scope, 2**61 if at is None else at))


def test_a_slow_partition_puts_its_older_texts_before_those_that_are_there() -> None:
    log = Partitions(2)
    old = log.append(0, SpanChange(cube_id(1), "acme", 0, 1, 1, 0, text([7])))
    log.time += MINUTE
    new = log.append(1, SpanChange(cube_id(2), "acme", 0, 1, 1, 0, text([7])))
    held = load([new], {1: IndexMark(1, new.change.offset)})
    held = extend(held, read([old.row], held.scopes), {0: IndexMark(1, old.change.offset)})
    shown = view(held, "acme")
    assert shown.cube_ids(shown.postings(7)[0]) == [cube_id(1), cube_id(2)]
    assert shown.at == (old.change.offset, new.change.offset)


def test_an_erased_cube_leaves_no_row_and_no_term_with_a_reader_that_held_it() -> None:
    log = Partitions(1)
    for cube in (1, 2):
        log.append(0, SpanChange(cube_id(cube), "acme", 0, 1, 1, 0, text([7, cube])))
    before = load(log.logs[0], dict(log.marks([2])))
    mark = log.append(0, SpanChange(cube_id(1), "acme", 0, 2, Lifecycle.ERASED, 0, None))
    after = extend(before, read([mark.row], before.scopes), log.marks([3]))
    assert view(after, "acme").cube_ids(view(after, "acme").postings(7)[0]) == [cube_id(2)]
    assert len(view(after, "acme", log.logs[0][0].change.offset)) == 0
    assert cube_id(1) not in after.every.spans.cube_id.tolist()
    assert {part for each in after.recent for part in each.term.tolist()} == {7, 2}
    assert len(view(before, "acme")) == 2  # a view in use stays what it was


def test_rows_whose_text_is_deleted_already_are_left_out() -> None:
    log = Partitions(1)
    log.append(0, SpanChange(cube_id(1), "acme", 0, 1, 1, 0, text([7])))
    orphan = log.append(0, SpanChange(cube_id(1), "acme", 0, 2, 4, 0, None))
    later = log.append(0, SpanChange(cube_id(2), "acme", 0, 1, 1, 0, text([7])))
    held = load([orphan, later], dict(log.marks([3])))
    assert view(held, "acme").cube_ids(view(held, "acme").postings(7)[0]) == [cube_id(2)]


@pytest.mark.parametrize("as_of", [False, True])
def test_what_holds_later_gives_way_to_what_held_then(as_of: bool) -> None:
    log = Partitions(2)
    for at, start in ((1, 0), (2, 100)):
        dated = text([at])._replace(place=Place(traits=DATED), validity=Validity(start))
        log.append(1, SpanChange(cube_id(1), "acme", 0, at, 1, 0, dated))
        log.time += MINUTE
    held = load(log.logs[1], dict(log.marks([0, 2])))
    now = view(held, "acme", log.logs[1][-1].change.offset if as_of else None)
    assert now.version.tolist() == [2]
    assert now.true_at(100) is now
    assert now.true_at(99).version.tolist() == [1]
    assert now.true_at(99).postings(1)[0].tolist() == [0]
