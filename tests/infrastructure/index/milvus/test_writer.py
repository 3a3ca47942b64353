from __future__ import annotations

import pytest

from memos.infrastructure.index.milvus import Milvus, VectorWriter, inventory
from memos.infrastructure.index.milvus.audit import span_keys
from memos.kernel.errors import IndexUnavailable
from memos.kernel.moment import OPEN
from tests.infrastructure.index.milvus.support import Vectors, cube, span, unit

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


def test_a_batch_is_collapsed_to_the_last_row_of_each_key(vectors: Vectors) -> None:
    rows = [span(1, 10, unit(1), closed=30 + n) for n in range(5)] + [span(2, 11, unit(1))]
    assert vectors.writer.upsert(rows).rows == 2
    kept = {key.key: key.closed for key in span_keys(vectors.milvus, vectors.collection)}
    assert kept == {rows[0].key: 34, rows[-1].key: OPEN}


def test_writing_again_changes_nothing(vectors: Vectors) -> None:
    rows = [span(n, n, unit(n + 1, 1), part=part) for n in range(40) for part in range(3)]
    vectors.upsert(*rows)
    once = inventory(vectors.milvus, vectors.collection)
    vectors.upsert(*rows)
    vectors.upsert(*rows[7:70])
    assert inventory(vectors.milvus, vectors.collection) == once
    assert once.rows == 120


def test_the_greatest_ordinals_come_back_to_the_last_digit(vectors: Vectors) -> None:
    after = vectors.upsert(span(1, OPEN - 3, unit(1), closed=OPEN - 1))
    seen = [at for at in range(OPEN - 5, OPEN + 1) if vectors.cubes("acme", at, after)]
    assert seen == [OPEN - 3, OPEN - 2]


def test_closing_rewrites_every_part_and_keeps_its_vector(vectors: Vectors) -> None:
    parts = [span(1, 10, unit(n + 1, 2), part=n, weights={5: 1.5}) for n in range(4)]
    vectors.upsert(*parts, span(2, 10, unit(1)))
    before = vectors.candidates("acme", 19, unit(1, 1), 10, after=_now(vectors))
    closed = vectors.writer.close({cube(1): 20})
    assert closed.rows == 4
    after = closed.timestamp
    assert vectors.cubes("acme", 19, after) == [1, 2]
    assert vectors.cubes("acme", 20, after) == [2]
    assert vectors.candidates("acme", 19, unit(1, 1), 10, after=after) == before
    assert len(before) == 5


def test_closing_leaves_what_opened_then_or_later_and_what_is_closed(vectors: Vectors) -> None:
    vectors.upsert(
        span(1, 10, unit(1), closed=20), span(1, 20, unit(1)), span(2, 30, unit(1), closed=40)
    )
    assert vectors.writer.close({cube(1): 20, cube(2): 50, cube(3): 50}).rows == 0
    kept = sorted(key.closed for key in span_keys(vectors.milvus, vectors.collection))
    assert kept == [20, 40, OPEN]


def test_a_row_written_a_moment_ago_is_closed(vectors: Vectors) -> None:
    for n in range(5):
        vectors.upsert(span(n, 10, unit(1)))
        assert vectors.writer.close({cube(n): 20}).rows == 1


def test_what_is_purged_is_counted_and_never_found_again(vectors: Vectors) -> None:
    rows = [
        span(n, opened, unit(n + 1, 1), part=part)
        for n in range(30)
        for opened in (10, 20)
        for part in range(3)
    ]
    vectors.upsert(*rows)
    assert vectors.writer.purge([cube(n) for n in range(10)] + [cube(99)]) == 60
    left = {key.key[:32] for key in span_keys(vectors.milvus, vectors.collection)}
    assert left == {cube(n).hex() for n in range(10, 30)}
    for at in (10, 25):
        assert vectors.cubes("acme", at, _now(vectors)) == list(range(10, 30))
    assert vectors.writer.purge([cube(n) for n in range(10)]) == 0


def test_a_purged_row_stays_away_when_the_collection_is_flushed(vectors: Vectors) -> None:
    vectors.upsert(*[span(n, 10, unit(1)) for n in range(10)])
    assert vectors.writer.settle()
    assert vectors.writer.purge([cube(3)]) == 1
    vectors.upsert(span(11, 10, unit(1)))
    assert vectors.writer.settle()
    expected = [n for n in range(12) if n not in (3, 10)]
    assert vectors.cubes("acme", 10, _now(vectors)) == expected


def test_little_is_not_settled(fresh: Vectors) -> None:
    fresh.upsert(span(1, 10, unit(1)))
    assert not fresh.writer.settle(fewest=2)
    assert fresh.writer.settle(fewest=1)
    assert not fresh.writer.settle(fewest=1)


def test_a_write_to_a_collection_that_is_not_there_says_how_to_make_it(vectors: Vectors) -> None:
    writer = VectorWriter(vectors.milvus, "nowhere", vectors.rotations)
    with pytest.raises(IndexUnavailable, match=r"did not read rows back.*`memos rebuild`"):
        writer.purge([cube(1)])


def test_the_inventory_of_a_scope_is_that_of_its_rows_alone(
    milvus: Milvus, vectors: Vectors
) -> None:
    vectors.upsert(span(1, 10, unit(1), scope="acme/a"), span(2, 11, unit(1), scope="acme/a/b"))
    alone = inventory(milvus, vectors.collection, "acme/a")
    vectors.upsert(span(3, 12, unit(1), scope="acme/ab"), span(4, 13, unit(1), scope="other"))
    assert inventory(milvus, vectors.collection, "acme/a") == alone
    assert alone.rows == 2
    assert inventory(milvus, vectors.collection).rows == 4
    vectors.writer.close({cube(1): 20})
    assert inventory(milvus, vectors.collection, "acme/a").digest != alone.digest


def _now(vectors: Vectors) -> int:
    """A timestamp not before anything that was written."""
    return vectors.upsert(span(10**6, 10**9, unit(1), scope="elsewhere"))
