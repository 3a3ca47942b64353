"""A checked search: what is asked, by whom, where and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from memos.infrastructure.engine.dense import DenseIndex
from memos.infrastructure.index.models.rerankers import Reranking
from memos.kernel.cube import Lifecycle
from memos.kernel.moment import At, Moment
from memos.kernel.scope import common_scope
from memos.language.analysis import STANDING, speaker_names, standing_term
from memos.language.analyzer import Analyzer
from memos.operation.permitted import Permitted
from memos.operation.search.filters import MemoryFilter
from memos.operation.search.question import read_question
from memos.operation.search.ranking import LexicalQuery
from memos.operation.search.recipe import Recipe


class Query(NamedTuple):
    """A checked search, in scopes of one tenant. `at` None means now; `read_time` is in microseconds.

    `facts` says that facts extracted from other memories are searched as well; `counts_uses` that
    how a memory was used is asked for. `accepts` is `filter`, checked; `min_score` is the least
    `relevance` of a hit.
    """

    text: str
    scopes: tuple[str, ...]
    limit: int
    states: frozenset[Lifecycle]
    accepts: MemoryFilter
    at: At | None
    read_time: int
    permitted: Permitted
    recipe: Recipe
    embedding: DenseIndex | None = None
    valid_at: int | None = None
    reranker: Reranking | None = None
    facts: bool = False
    counts_uses: bool = False
    min_score: float = 0.0
    filter: Mapping[str, Any] | None = None

    @property
    def scope(self) -> str:
        """The deepest scope that holds all that is searched."""
        return common_scope(self.scopes)

    @property
    def moment(self) -> Moment:
        """The moment that is read."""
        return Moment(self.at, self.read_time)

    @property
    def time(self) -> int:
        """The moment that is asked about; relative dates count from it."""
        return self.read_time if self.valid_at is None else self.valid_at


def analyse_query(analyzer: Analyzer, text: str, now: int = 0) -> LexicalQuery:
    """A query's terms, the names in it, what it asks of whom, and what it is beyond its words; its
    dates are relative to `now` (microseconds since 1970).
    """
    words = analyzer.words(text)
    names = speaker_names(analyzer, words)
    return LexicalQuery(
        analyzer.query_terms(text),
        frozenset(names),
        analyzer.language.request(text),
        read_question(analyzer, text, now),
        analyzer.tie_terms(text),
        [standing_term(analyzer, kind) for kind in STANDING],
        names,
    )
