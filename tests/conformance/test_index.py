"""The contract of an index's views (see `memos.infrastructure.index.port`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from memos.infrastructure.index.port import SpanChange, View
from memos.kernel.moment import OPEN
from memos.language.indexed_text import ASSISTANT, DATED, IndexedText, Place, Validity
from tests.conformance.backends import IndexStore, cassandra_index, sqlite_index
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.index.sqlite.support import ARCHIVED, GENERATED, cube_id, text

BACKENDS = [
    "sqlite",
    pytest.param("cassandra", marks=[pytest.mark.engines, pytest.mark.timeout(900)]),
]


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest) -> Iterator[Callable[[], Keyspaces]]:
    """Keyspaces of this module, made when a test first asks."""
    with ExitStack() as opened:
        made: list[Keyspaces] = []

        def connected() -> Keyspaces:
            if not made:
                made.append(opened.enter_context(keyspaces(request.getfixturevalue("engines"))))
            return made[0]

        yield connected


@pytest.fixture(params=BACKENDS)
def index(
    request: pytest.FixtureRequest, servers: Callable[[], Keyspaces], tmp_path: Path
) -> IndexStore:
    if request.param == "sqlite":
        return sqlite_index(tmp_path)
    return cassandra_index(servers())


def change(
    cube: int,
    brings: IndexedText | None = None,
    *,
    scope: str = "acme/a",
    state: int = GENERATED,
    version: int = 1,
    flags: int = 0,
) -> SpanChange:
    """A change whose place in the log the backend decides."""
    return SpanChange(cube_id(cube), scope, 0, version, state, flags, brings)


def cubes(view: View, term: int) -> list[int]:
    rows, _ = view.postings(term)
    return [int.from_bytes(cube, "big") for cube in view.cube_ids(rows)]


def all_cubes(view: View) -> list[int]:
    return [int.from_bytes(cube, "big") for cube in view.cube_ids(np.arange(len(view)))]


def test_an_empty_index_shows_nothing(index: IndexStore) -> None:
    view = index.reader.view("acme")
    assert len(view) == 0
    assert view.postings(7)[0].tolist() == []
    assert view.cube_ids(np.arange(0)) == []
    assert (view.rows_of([cube_id(1)]), view.matched_terms()) == ({}, {})


def test_a_row_says_what_the_change_said(index: IndexStore) -> None:
    place, validity = Place(-5, 3, 2**62, ASSISTANT | DATED), Validity(-7, 99)
    (opened,) = index.write(
        [change(1, IndexedText({7: 2, -9: 1}, 3, place, validity), version=4, flags=3)]
    )
    view = index.reader.view("acme")
    columns = (view.opened, view.closed, view.version, view.state, view.flags, view.length)
    assert [column.tolist() for column in columns] == [[opened], [OPEN], [4], [GENERATED], [3], [3]]
    shown = (view.session, view.number, view.speaker, view.traits, view.valid_from)
    assert [column.tolist() for column in shown] == [[-5], [3], [2**62], [place.traits], [-7]]
    assert view.valid_until.tolist() == [99]
    assert view.cube_ids(np.array([0])) == [cube_id(1)]


def test_a_scope_covers_whole_segments_only(index: IndexStore) -> None:
    paths = ["acme", "acme/a", "acme/a/b", "acme2", "acme-x", "acme.x", "acme0", "a%me", "a_me"]
    index.write([change(cube, text([7]), scope=path) for cube, path in enumerate(paths)])
    assert cubes(index.reader.view("acme"), 7) == [0, 1, 2]
    assert cubes(index.reader.view("acme/a"), 7) == [1, 2]
    assert cubes(index.reader.view("a%me"), 7) == [7]
    assert cubes(index.reader.view("a_me"), 7) == [8]
    for nowhere in ("acm", "acme/", "%", "acme/a'--"):
        assert len(index.reader.view(nowhere)) == 0


def test_of_many_terms_those_are_possible_that_a_row_holds(index: IndexStore) -> None:
    index.write([change(cube, text([cube, -cube])) for cube in range(1, 1030)])
    view = index.reader.view("acme")
    asked = [5000, 1029, -3, *range(10_000, 11_000), 3]
    assert view.possible(asked) == [1029, -3, 3]
    assert view.possible([]) == index.reader.view("other").possible([1]) == []


def test_postings_give_the_rows_of_a_term_ascending_and_its_frequency_in_each(
    index: IndexStore,
) -> None:
    index.write(
        [
            change(cube, text({7: cube, -(2**63): 1} if cube % 2 else {2**63 - 1: 5}))
            for cube in range(1, 8)
        ]
    )
    view = index.reader.view("acme")
    rows, frequencies = view.postings(7)
    assert frequencies.tolist() == [1, 3, 5, 7]
    assert (np.diff(rows) > 0).all()
    assert cubes(view, 7) == cubes(view, -(2**63)) == [1, 3, 5, 7]
    assert cubes(view, 2**63 - 1) == [2, 4, 6]
    assert cubes(view, 8) == []


def test_docs_ascend_and_grow_with_age_inside_a_scope(index: IndexStore) -> None:
    for cube in (5, 3, 9, 1):
        index.write([change(cube, text([7]))])
    view = index.reader.view("acme/a")
    assert (np.diff(view.doc) > 0).all()
    assert all_cubes(view) == [5, 3, 9, 1]


def test_a_change_without_a_text_shows_the_same_text_in_another_state(index: IndexStore) -> None:
    place = Place(1, 2, 3, 0)
    first, second = index.write(
        [
            change(1, IndexedText({7: 2}, 2, place)),
            change(1, state=ARCHIVED, version=2, flags=1),
        ]
    )
    now, before = index.reader.view("acme"), index.reader.view("acme", first)
    assert (now.state.tolist(), now.version.tolist(), now.flags.tolist()) == ([ARCHIVED], [2], [1])
    assert (before.state.tolist(), before.version.tolist()) == ([GENERATED], [1])
    assert now.doc.tolist() == before.doc.tolist()
    for view in (now, before):
        assert (view.length.tolist(), view.number.tolist(), cubes(view, 7)) == ([2], [2], [1])
    assert (before.closed.tolist(), now.opened.tolist()) == ([second], [second])


def test_a_new_text_takes_the_place_of_the_old_from_its_moment_on(index: IndexStore) -> None:
    moments = index.write([change(1, text([7])), change(2, text([7])), change(1, text([8]))])
    shown = [
        (cubes(view, 7), cubes(view, 8))
        for view in (index.reader.view("acme", moment) for moment in moments)
    ]
    assert shown == [([1], []), ([1, 2], []), ([2], [1])]
    assert all_cubes(index.reader.view("acme")) == [2, 1]
    assert len(index.reader.view("acme", moments[0] - 1)) == 0


def test_a_view_stays_as_it_was_made(index: IndexStore) -> None:
    index.write([change(1, text([7]))])
    view = index.reader.view("acme")
    at = view.at
    index.write([change(2, text([7])), change(1, state=ARCHIVED)])
    assert (view.at, view.state.tolist(), cubes(view, 7)) == (at, [GENERATED], [1])
    assert all_cubes(index.reader.view("acme", at)) == [1]


def test_a_restricted_view_has_the_kept_rows_and_their_postings_only(index: IndexStore) -> None:
    index.write([change(cube, text([7, cube])) for cube in range(10, 16)])
    view = index.reader.view("acme")
    few = view.restrict(view.doc % 2 == view.doc[0] % 2)
    few = few.restrict(few.doc != few.doc[-1])
    kept = [
        cube for cube, doc in zip(all_cubes(view), view.doc.tolist(), strict=True) if doc in few.doc
    ]
    assert all_cubes(few) == cubes(few, 7) == kept
    assert few.rows_of(map(cube_id, range(10, 16))) == {
        cube_id(cube): row for row, cube in enumerate(kept)
    }
    gone = next(cube for cube in range(10, 16) if cube not in kept)
    assert cubes(few, gone) == []
    nothing = view.restrict(np.zeros(len(view), np.bool_))
    assert (len(nothing), cubes(nothing, 7), nothing.matched_terms()) == (0, [], {})


def test_rows_are_found_by_their_cubes(index: IndexStore) -> None:
    index.write([change(cube, text([7])) for cube in (1, 2, 3)])
    index.write([change(2, text([8])), change(4, text([7]), scope="acme/b")])
    view = index.reader.view("acme/a")
    rows = view.rows_of([cube_id(cube) for cube in (3, 2, 4, 9)])
    assert {cube: view.cube_ids(np.array([row]))[0] for cube, row in rows.items()} == {
        cube_id(3): cube_id(3),
        cube_id(2): cube_id(2),
    }


def test_terms_of_frequency_zero_are_those_that_are_only_matched(index: IndexStore) -> None:
    index.write([change(cube, text({7: 1, 8: cube % 2, 9: 0})) for cube in (1, 2, 3)])
    index.write([change(3, text({7: 0}))])
    view = index.reader.view("acme")
    by_term = {
        term: [int.from_bytes(cube, "big") for cube in view.cube_ids(rows)]
        for term, rows in view.matched_terms().items()
    }
    assert by_term == {7: [3], 8: [2], 9: [1, 2]}


def test_what_does_not_hold_at_a_time_gives_way_to_the_newest_text_that_did(
    index: IndexStore,
) -> None:
    def dated(term: int, start: int, end: int = OPEN, traits: int = DATED) -> IndexedText:
        return IndexedText({term: 1}, 1, Place(traits=traits), Validity(start, end))

    index.write(
        [
            change(1, dated(7, 100)),
            change(1, dated(8, 200)),
            change(1, state=ARCHIVED, version=3),
            change(2, dated(7, 100, 150)),
            change(3, dated(7, 500, traits=0)),  # its start was not stated
        ]
    )
    view = index.reader.view("acme")
    assert all_cubes(view.true_at(250)) == [1, 3]
    earlier = view.true_at(120)
    assert sorted(cubes(earlier, 7)) == [1, 2, 3]
    assert cubes(earlier, 8) == []
    row = earlier.rows_of([cube_id(1)])[cube_id(1)]
    assert (earlier.state[row], earlier.valid_from[row]) == (ARCHIVED, 100)
    assert all_cubes(view.true_at(50)) == [3]


def test_an_erased_cube_is_shown_at_no_moment(index: IndexStore) -> None:
    moments = index.write([change(1, text([7])), change(2, text([7])), change(1, text([7, 8]))])
    assert cubes(index.reader.view("acme"), 8) == [1]
    index.erase(change(1, version=3))
    for moment in (None, *moments):
        view = index.reader.view("acme", moment)
        assert (cube_id(1) in view.rows_of([cube_id(1)]), cubes(view, 8)) == (False, [])
    assert all_cubes(index.reader.view("acme")) == [2]
