"""Reranker: how well each of a few texts answers a query, read together with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from memos.kernel.errors import RerankFailed
from memos.language.well_formed import well_formed

Scores = npt.NDArray[np.float64]

REST = 10.0
"""Seconds in which searches do without a reranker that has just failed."""


@runtime_checkable
class Reranker(Protocol):
    """A model of pairs. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What people call the model."""
        ...

    @property
    def digest(self) -> bytes:
        """32 bytes that no other model has."""
        ...

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        """One number a text, in order, the higher the better: shape (len(texts),).

        Raises:
            RerankFailed: the model did not answer, or not with scores.
        """
        ...


class Reranking:
    """A reranker as search uses it: its answers checked, and left alone a while when it fails."""

    def __init__(self, reranker: Reranker) -> None:
        self._reranker = reranker
        self._failure = ""
        self._rest_until = 0.0

    @property
    def name(self) -> str:
        """The reranker's name."""
        return self._reranker.name

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        """What the reranker gives, once it is as promised.

        Raises:
            RerankFailed: it is not, or the reranker failed, now or within the last seconds.
        """
        if time.monotonic() < self._rest_until:
            raise RerankFailed(self._failure)
        try:
            scores = score_checked(self._reranker, query, texts)
        except RerankFailed as error:
            self._failure = str(error)
            self._rest_until = time.monotonic() + REST
            raise
        return scores


def score_checked(reranker: Reranker, query: str, texts: Sequence[str]) -> Scores:
    """What a reranker gives, once its shape and numbers are as promised.

    It is given texts that UTF-8 can hold.

    Raises:
        RerankFailed: they are not, or the reranker failed.
    """
    try:
        given = [well_formed(text) for text in texts]
        scores = np.asarray(reranker.score(well_formed(query), given), np.float64)
    except RerankFailed:
        raise
    except Exception as error:
        raise RerankFailed(f"{reranker.name} failed: {type(error).__name__}: {error}") from error
    if scores.shape != (len(texts),):
        raise RerankFailed(
            f"{reranker.name} gave scores of shape {scores.shape}, not {(len(texts),)}: one "
            "number a text is needed"
        )
    if not np.isfinite(scores).all():
        raise RerankFailed(f"{reranker.name} gave a score that is NaN or infinite")
    return scores
