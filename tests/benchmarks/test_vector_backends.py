from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.vector_candidates import (
    DIMENSIONS,
    FaissFlat,
    FaissHnswWide,
    NumpyAll,
    NumpyKept,
    best,
)
from benchmarks.vector_worker import BEST, SHARES, Clusters, Data


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(3_000)


def test_equal_seeds_make_equal_vectors_of_length_one() -> None:
    scopes = np.arange(50, dtype=np.int64)
    one, two = Clusters().take(scopes), Clusters().take(scopes)
    assert one.tobytes() == two.tobytes()
    assert one.shape == (50, DIMENSIONS)
    assert np.linalg.norm(one, axis=1) == pytest.approx(1, abs=1e-5)


def test_vectors_cluster_and_filters_keep_their_share(data: Data) -> None:
    cosines = data.vectors @ data.vectors.T
    nearest = np.sort(cosines, axis=1)[:, -2]
    assert 0.05 < cosines.mean() < 0.25
    assert nearest.mean() > 0.5
    for share, kept in data.filters.items():
        assert kept.rows.mean() == pytest.approx(share, rel=0.05)
        assert set(data.scopes[kept.rows]) == set(kept.scopes)


@pytest.mark.parametrize("engine", [NumpyAll, NumpyKept])
@pytest.mark.parametrize("share", SHARES)
def test_exact_engines_find_what_is_nearest_among_what_a_filter_keeps(
    tmp_path: Path, data: Data, engine: type[NumpyAll], share: float
) -> None:
    made = engine(tmp_path)
    made.build(data.vectors, data.scopes)
    kept = data.filters[share]
    found = [made.search(query, BEST, kept) for query in data.queries[share]]
    assert found == data.exact(share)
    made.save()
    assert [file.stat().st_size > data.vectors.nbytes // 2 for file in tmp_path.iterdir()] == [True]


def test_what_was_added_is_found(tmp_path: Path, data: Data) -> None:
    made = NumpyAll(tmp_path)
    made.build(data.vectors[:-1], data.scopes[:-1])
    made.add(data.vectors[-1], int(data.scopes[-1]))
    assert made.search(data.vectors[-1], 1, data.filters[1.0]) == [len(data.vectors) - 1]


@pytest.mark.parametrize("engine", [FaissFlat, FaissHnswWide])
def test_faiss_keeps_to_a_filter(
    tmp_path: Path, data: Data, engine: type[FaissFlat | FaissHnswWide]
) -> None:
    pytest.importorskip("faiss")
    made = engine(tmp_path)
    made.build(data.vectors, data.scopes)
    kept = data.filters[0.01]
    for query, exact in zip(data.queries[0.01], data.exact(0.01), strict=True):
        found = made.search(query, BEST, kept)
        assert kept.rows[found].all()
        assert len(set(found) & set(exact)) >= BEST - 2


def test_the_best_are_told_greatest_first() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.7], np.float32)
    assert best(scores, np.array([10, 11, 12, 13], np.int64), 2) == [11, 13]
    assert best(scores, np.array([10, 11, 12, 13], np.int64), 9) == [11, 13, 12, 10]
