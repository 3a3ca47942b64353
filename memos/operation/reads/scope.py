"""How a read of a scope begins: checked, through the gate, at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, Lifecycle
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import check_scope, tenant_of
from memos.language.analysis import analyzer_of
from memos.operation.gate import Passage
from memos.operation.reads.as_of import AsOf, resolve
from memos.operation.search.filters import compile_filter, mentions
from memos.operation.search.query import Query
from memos.operation.search.recipe import recipe_named
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.validation import check_flag, check_limit, check_share

EVERY_STATE = frozenset(Lifecycle) - {Lifecycle.ERASED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What is looked for in a scope, and how; the fields are those of `Memory.search`.

    Attributes:
        states: which states to show; None shows all that a filter of states may ask for, and else
            what is SHOWN.
        valid_at: microseconds since 1970.
        facts: also extracted facts; a filter of semantic types asks for them too.
        min_score: the least relevance of a hit, from 0 to 1.

    Raises:
        InvalidInput: a field does not fit.
    """

    scope: str
    text: str = ""
    k: int = 1
    filter: Mapping[str, Any] | None = None
    as_of: AsOf | None = None
    recipe: str | None = None
    states: frozenset[Lifecycle] | None = SHOWN
    valid_at: int | None = None
    facts: bool = False
    min_score: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scope", check_scope(self.scope))
        if not isinstance(self.text, str):
            raise InvalidInput(f"a query is a text, not {shorten(self.text)}")
        check_limit(self.k)
        check_flag(self.facts, "facts")
        check_share(self.min_score, "min_score")


@contextmanager
def open_scope(
    session: Session, passage: Passage, request: SearchRequest
) -> Iterator[ScopeView | None]:
    """What the actor sees of a scope; None where its tenant holds nothing yet.

    Raises:
        InvalidInput: filter, recipe or as_of do not fit.
        NotFound: there is no such cut or position.
        Denied: the actor may not read there.
    """
    accepts = compile_filter(request.filter)
    states = request.states
    if states is None:
        states = EVERY_STATE if mentions(request.filter, "state") else SHOWN
    recipe = recipe_named(
        request.recipe,
        embedder=session.embedding is not None,
        reranker=session.reranking is not None,
    )
    passage.require(Action.READ, request.scope)
    keys = session.engine.keys.ring(tenant_of(request.scope))
    with session.engine.read() as reader:
        moment = resolve(session, passage, reader, request.as_of)
        if not keys:
            yield None
            return
        query = Query(
            text=request.text,
            scope=request.scope,
            limit=request.k,
            states=states,
            accepts=accepts,
            at=moment.at,
            read_time=moment.read_time,
            permitted=passage.permitted(Action.READ),
            recipe=recipe,
            embedding=session.embedding,
            valid_at=request.valid_at,
            reranker=session.reranking,
            facts=request.facts or mentions(request.filter, "semantic_type"),
            min_score=request.min_score,
            counts_uses=any(mentions(request.filter, field) for field in ("uses", "last_used")),
        )
        view = reader.view(request.scope, moment.at)
        newest = None if moment.at is None else reader.view(request.scope)
        yield ScopeView(reader, view, newest, analyzer_of(keys[0]), query)
