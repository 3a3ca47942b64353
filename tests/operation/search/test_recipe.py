from __future__ import annotations

import pytest

from memos.kernel.errors import InvalidInput
from memos.operation.search.recipe import BM25, HYBRID, HYBRID_RERANK, LEXICAL, recipe_named


def test_without_a_name_the_best_is_chosen_that_the_vault_can_serve() -> None:
    assert recipe_named(None) is LEXICAL
    assert recipe_named(None, embedder=True, reranker=True) is HYBRID


def test_a_name_chooses() -> None:
    assert recipe_named("bm25", embedder=True) is BM25
    assert recipe_named("hybrid+rerank", embedder=True, reranker=True) is HYBRID_RERANK


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("best", "not known: choose bm25"),
        ("hybrid", "needs an embedder: open the vault with embedder="),
        ("lexical+rerank", "needs a reranker: open the vault with reranker="),
    ],
)
def test_what_cannot_be_served_is_an_error_that_says_what_to_do(name: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        recipe_named(name)
