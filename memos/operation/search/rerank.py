"""Reranking: the best of a search scored again by a model that reads them with the query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from memos.infrastructure.index.models.rerankers import Reranking
from memos.kernel.errors import RerankFailed
from memos.operation.cube import MemCube
from memos.operation.search.query import Query

_DIGITS = 5  # a model's last bits may depend on how many texts it reads at once


class RankedMemory(NamedTuple):
    """A memory that a search may show, its row, and what the reranker says of it."""

    row: int
    score: float
    cube: MemCube
    explanation: Mapping[str, Any] = {}


def rerank(
    query: Query,
    reranking: Reranking,
    candidates: Iterator[RankedMemory],
    decays: Mapping[int, float],
    current: int | None,
) -> tuple[Iterator[RankedMemory], str | None]:
    """The best in the reranker's order, then the others; and why it could not be, if so.

    Scores stay comparable in one list: the worst that was scored again stands where the best of
    the others does, and better ones as much higher as the reranker says. What decays still does,
    and the current memory of an asked slot stays first.

    Args:
        query: its recipe says how many are scored again.
        reranking: the model.
        candidates: best first.
        decays: factors of rows whose lifespan decays.
        current: the row that holds now, where the query asks for a slot.
    """
    head = list(islice(candidates, query.recipe.rerank))
    if not head:
        return iter(head), None
    try:
        scores = reranking.score(query.text, [as_read(candidate.cube) for candidate in head])
    except RerankFailed as error:
        return chain(head, candidates), str(error)
    following = list(islice(candidates, 1))
    floor = following[0].score if following else 0.0
    scores = np.round(scores, _DIGITS)
    factors = np.array([decays.get(candidate.row, 1.0) for candidate in head])
    gained = (scores - scores.min()) * factors
    first = np.array([candidate.row == current for candidate in head])
    gained[first] = float(gained.max()) + query.recipe.supersession
    again = [
        candidate._replace(
            score=floor + float(gained[n]),
            explanation={
                "rerank": {
                    "model": reranking.name,
                    "score": float(scores[n]),
                    "before": {"rank": n + 1, "score": candidate.score},
                }
            },
        )
        for n, candidate in enumerate(head)
    ]
    again.sort(
        key=lambda candidate: -candidate.score
    )  # stable: equals stay in the order of the ranking
    return chain(again, following, candidates), None


def as_read(cube: MemCube) -> str:
    """A memory as a model reads it: who says it, the text, and what its picture shows."""
    speaker, caption = cube.metadata.get("speaker"), cube.metadata.get("caption")
    text = f"{speaker}: {cube.text}" if speaker else cube.text
    return f"{text} [image: {caption}]" if caption else text
