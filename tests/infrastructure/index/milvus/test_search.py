from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from memos.infrastructure.index.milvus import Milvus
from memos.infrastructure.index.milvus.terms import weights_of
from memos.kernel.errors import IndexUnavailable, InvalidInput
from memos.kernel.moment import NEWEST, At, Cutoffs
from memos.language.indexed_text import IndexedText
from tests.infrastructure.index.milvus.support import DIMENSIONS, Vectors, cube, span, unit
from tests.infrastructure.index.milvus.test_filters import NAMES

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


def test_candidates_are_the_nearest_and_compared_by_their_inner_products(vectors: Vectors) -> None:
    rng = np.random.default_rng(3)
    stored = rng.normal(size=(60, DIMENSIONS)).astype(np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    after = vectors.upsert(*[span(n, n, vector) for n, vector in enumerate(stored)])
    queries = stored[:2]
    found = vectors.search.candidates("acme", NEWEST, queries, 10, texts=60, after=after)
    exact = queries @ stored.T
    for number, those in enumerate(found):
        nearest = np.argsort(-exact[number])[:10].tolist()
        assert {each.opened for each in those} == set(nearest)
        assert all(each.cube_id == cube(each.opened) for each in those)
    chosen = [cube(n) for n in range(60)]
    near = vectors.search.nearness("acme", NEWEST, queries, chosen, after=after)
    assert near.opened.tolist() == list(range(60))
    assert near.texts == pytest.approx(exact, abs=2e-5)
    assert near.sentences.tolist() == near.texts.tolist()


def test_a_scope_with_any_name_covers_itself_and_what_lies_under_it(vectors: Vectors) -> None:
    endings = ["", "/x", "/x/y", "/xx", "x", "0", ".", "Z"]
    scopes = sorted({name + ending for name in [*NAMES, "acme"] for ending in endings})
    after = vectors.upsert(*[span(n, n, unit(1), scope) for n, scope in enumerate(scopes)])
    for scope in scopes:
        covered = [n for n, s in enumerate(scopes) if s == scope or s.startswith(scope + "/")]
        assert vectors.cubes(scope, NEWEST, after) == covered, scope


def test_no_search_crosses_a_tenant(vectors: Vectors) -> None:
    after = vectors.upsert(
        span(1, 1, unit(1), "acme"), span(2, 2, unit(1), "acme2/a"), span(3, 3, unit(1), "ACME/a")
    )
    assert vectors.cubes("acme", NEWEST, after) == [1]
    assert vectors.cubes("acm", NEWEST, after) == []


def test_a_span_shows_from_its_opening_until_its_end(vectors: Vectors) -> None:
    after = vectors.upsert(span(1, 10, unit(1), closed=20), span(1, 20, unit(1)))
    seen = {
        at: [each.opened for each in vectors.candidates("acme", at, unit(1), 9, after=after)]
        for at in (9, 10, 19, 20, NEWEST)
    }
    assert seen == {9: [], 10: [10], 19: [10], 20: [20], NEWEST: [20]}


def test_a_cut_shows_each_partition_as_far_as_it_reaches(vectors: Vectors) -> None:
    after = vectors.upsert(
        span(1, 10, unit(1), partition=0),
        span(2, 10, unit(1), partition=1),
        span(3, 10, unit(1), partition=2),
    )
    found = vectors.candidates("acme", Cutoffs((10, 9)), unit(1), 9, after=after)
    assert [each.cube_id for each in found] == [cube(1)]
    found = vectors.candidates("acme", Cutoffs((-1, 10, 10)), unit(1), 9, after=after)
    assert [each.cube_id for each in found] == [cube(2), cube(3)]


def test_nearness_is_of_the_whole_text_and_of_its_best_sentence(vectors: Vectors) -> None:
    after = vectors.upsert(
        span(1, 10, unit(1, 1)),
        span(1, 10, unit(0, 1), part=1),
        span(1, 10, unit(1), part=2),
        span(2, 11, unit(1)),
        span(3, 12, unit(1), closed=13),
        span(4, 12, unit(1), "other"),
    )
    asked = [cube(n) for n in (4, 3, 2, 1, 9)]
    near = vectors.near(NEWEST, unit(1), asked, after=after)
    assert near == {10: (0.70711, 1.0), 11: (1.0, 1.0)}


def test_texts_that_others_have_replaced_are_found_where_they_are_asked_for(
    vectors: Vectors,
) -> None:
    after = vectors.upsert(
        span(1, 10, unit(1), closed=20),
        span(1, 20, unit(0, 1)),
        span(2, 30, unit(1)),
    )

    def found(at: At) -> list[tuple[int, float]]:
        cubes = [cube(1), cube(2)]
        near = vectors.near(at, unit(1), cubes, earlier=True, after=after)
        rows = vectors.candidates("acme", at, unit(1), 9, earlier=True, after=after)
        assert {each.opened for each in rows} == near.keys()
        return [(opened, text) for opened, (text, _) in near.items()]

    assert found(NEWEST) == [(10, 1.0), (20, 0.0), (30, 1.0)]
    assert found(25) == [(10, 1.0), (20, 0.0)]
    assert found(Cutoffs((15,))) == [(10, 1.0)]
    assert found(-1) == []


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_a_filter_that_keeps_few_rows_misses_hardly_one(milvus: Milvus, share: float) -> None:
    vectors = Vectors(milvus, dimensions=64)
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(100, 64))
    stored = (centres[rng.integers(0, 100, 6_000)] + 0.8 * rng.normal(size=(6_000, 64))).astype(
        "f4"
    )
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    few = rng.random(6_000) < share
    vectors.upsert(
        *[
            span(n, n, vector, "acme/few" if few[n] else "acme/many")
            for n, vector in enumerate(stored)
        ]
    )
    vectors.writer.settle()
    milvus.wait_loaded(vectors.collection)
    (kept,) = np.nonzero(few)
    recalls = []
    for number in range(30):
        query = stored[number]
        expected = set(kept[np.argsort(-(stored[kept] @ query))[:20]].tolist())
        found = vectors.candidates("acme/few", NEWEST, query, 20)
        recalls.append(len(expected & {each.opened for each in found}) / len(expected))
    vectors.generations.drop_all()
    assert np.mean(recalls) >= 0.99


def test_texts_that_share_terms_are_lexical_candidates_where_the_server_can(
    vectors: Vectors,
) -> None:
    after = vectors.upsert(
        span(1, 10, unit(1), weights=_weights(7, 9, 9)),
        span(2, 11, unit(1), weights=_weights(7)),
        span(3, 12, unit(1), weights=_weights(8)),
        span(4, 13, unit(1), weights=_weights(7, 7), closed=14),
        span(5, 15, unit(1), "other", weights=_weights(7, 7)),
        span(1, 10, unit(1), part=1),
    )
    query = {7: 1.0, 9: 1.0}
    if not vectors.milvus.capabilities().sparse:
        with pytest.raises(IndexUnavailable, match=r"use 2\.4 or newer"):
            vectors.search.lexical_candidates("acme", NEWEST, query, 9, after=after)
        return
    found = vectors.search.lexical_candidates("acme", NEWEST, query, 9, after=after)
    assert found == [(cube(1), 10), (cube(2), 11)]


def test_asking_for_none_or_too_many_is_refused(vectors: Vectors) -> None:
    for k in (0, 5_000):
        with pytest.raises(InvalidInput, match="k must be from 1 to 4096"):
            vectors.candidates("acme", NEWEST, unit(1), k)


def test_what_is_held_is_not_what_the_embedder_gave(vectors: Vectors) -> None:
    vectors.upsert(span(1, 10, unit(1)))
    (row,) = vectors.milvus.client.query(
        vectors.collection, filter='key != ""', output_fields=["dense"], consistency_level="Strong"
    )
    assert np.abs(np.array(row["dense"]) @ unit(1)) < 0.9
    assert np.linalg.norm(row["dense"]) == pytest.approx(1.0, abs=1e-6)


def _weights(*terms: int) -> dict[int, float]:
    return weights_of(IndexedText(Counter(terms), len(terms)))
