from __future__ import annotations

import pytest

from memos.infrastructure.index.milvus.terms import NOTHING, dimension_of, query_of, weights_of
from memos.language.indexed_text import IndexedText


@pytest.mark.parametrize(
    "term", [0, -1, 2**63 - 1, -(2**63), 2**32 - 1, 2**32, 2**32 - 2, 2**32 - 3]
)
def test_every_term_has_a_dimension_that_servers_take(term: int) -> None:
    assert NOTHING < dimension_of(term) < 2**32 - 1


def test_terms_that_differ_in_their_upper_half_differ_in_dimension() -> None:
    assert dimension_of(5) != dimension_of(5 + 2**40)


def test_a_weight_grows_with_frequency_saturates_and_sinks_with_length() -> None:
    def weight(frequency: int, length: int) -> float:
        return weights_of(IndexedText({9: frequency}, length))[dimension_of(9)]

    assert weight(1, 20) == pytest.approx(1.0)
    assert weight(1, 20) < weight(2, 20) < weight(60_000, 20) < 2.2
    assert weight(1, 200) < weight(1, 20)


def test_terms_that_are_only_matched_are_left_out() -> None:
    assert weights_of(IndexedText({9: 0}, 3)) == {}


def test_a_query_sums_what_shares_a_dimension() -> None:
    assert query_of([(9, 1.0), (9, 0.5)]) == {dimension_of(9): 1.5}
