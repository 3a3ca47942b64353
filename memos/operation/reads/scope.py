"""How a read of a scope begins: checked, through the gate, at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import EVERY_STATE, SHOWN, Lifecycle
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.moment import Moment
from memos.kernel.scope import check_scopes, common_scope, tenant_of
from memos.language.analysis import analyzer_of
from memos.language.analyzer import Analyzer
from memos.operation.gate import Passage
from memos.operation.reads.as_of import resolve
from memos.operation.search.filters import compile_filter, mentions
from memos.operation.search.query import Query
from memos.operation.search.recipe import recipe_named
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.validation import AsOf, check_flag, check_limit, check_list, check_share


def states_shown(
    states: frozenset[Lifecycle] | None, condition: Mapping[str, Any] | None
) -> frozenset[Lifecycle]:
    """The states to show: those that were named, or else all that a filter of states may ask for, or
    else SHOWN.
    """
    if states is not None:
        return states
    return EVERY_STATE if mentions(condition, "state") else SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What is looked for in scopes of one tenant, and how; the fields are those of `Memory.search`.

    Attributes:
        scopes: those of `scope`, none of which lies under another.
        states: which states to show; None shows all that a filter of states may ask for, and else
            what is SHOWN.
        valid_at: microseconds since 1970.
        facts: also extracted facts; a filter of semantic types asks for them too.
        min_score: the least relevance of a hit, from 0 to 1.

    Raises:
        InvalidInput: a field does not fit.
    """

    scope: str | Iterable[str]
    text: str = ""
    k: int = 1
    filter: Mapping[str, Any] | None = None
    as_of: AsOf | None = None
    recipe: str | None = None
    states: frozenset[Lifecycle] | None = SHOWN
    valid_at: int | None = None
    facts: bool = False
    min_score: float = 0.0
    scopes: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        scope = self.scope if isinstance(self.scope, str) else check_list(self.scope, "scope")
        object.__setattr__(self, "scopes", check_scopes(scope))
        if len(self.scopes) > 1 and len(set(map(tenant_of, self.scopes))) > 1:
            named = ", ".join(map(shorten, self.scopes))
            raise InvalidInput(
                f"a search looks in scopes of one tenant, and {named} are of several: "
                "search each tenant by itself"
            )
        if not isinstance(self.text, str):
            raise InvalidInput(f"a query is a text, not {shorten(self.text)}")
        check_limit(self.k)
        check_flag(self.facts, "facts")
        check_share(self.min_score, "min_score")

    @property
    def within(self) -> str:
        """The deepest scope that holds all that is looked at: what the access log says."""
        return common_scope(self.scopes)


@contextmanager
def open_scope(
    session: Session, passage: Passage, request: SearchRequest
) -> Iterator[ScopeView | None]:
    """What the actor sees of the scopes; None where their tenant holds nothing yet.

    Raises:
        InvalidInput: filter, recipe or as_of do not fit.
        NotFound: there is no such cut or position.
        Denied: the actor may not read there.
    """
    for scope in request.scopes:
        passage.require(Action.READ, scope)
    with session.engine.read() as reader:
        moment = resolve(session, passage, reader, request.as_of)
        yield view_of(session, passage, reader, moment, request)


def view_of(
    session: Session, passage: Passage, reader: Reader, moment: Moment, request: SearchRequest
) -> ScopeView | None:
    """What the actor sees of the scopes at a moment; None where their tenant holds nothing yet. Who
    calls has asked whether they may read there.

    Raises:
        InvalidInput: filter or recipe do not fit.
    """
    query = query_of(session, passage, moment, request)
    keys = session.engine.keys.ring(tenant_of(request.scopes[0]))
    if not keys:
        return None
    view = reader.view(request.scopes, moment.at)
    newest = None if moment.at is None else reader.view(request.scopes)
    return ScopeView(reader, view, newest, analyzer_of(keys[0]), query, keys)


def analyzer_in(session: Session, scope: str) -> Analyzer | None:
    """What analyses the texts of a scope's tenant; None where that holds nothing yet."""
    keys = session.engine.keys.ring(tenant_of(scope))
    return analyzer_of(keys[0]) if keys else None


def query_of(session: Session, passage: Passage, moment: Moment, request: SearchRequest) -> Query:
    """A request, checked, at a moment and for the actor.

    Raises:
        InvalidInput: filter or recipe do not fit.
    """
    return Query(
        text=request.text,
        scopes=request.scopes,
        limit=request.k,
        states=states_shown(request.states, request.filter),
        accepts=compile_filter(request.filter),
        at=moment.at,
        read_time=moment.read_time,
        permitted=passage.permitted(Action.READ, request.scopes),
        recipe=recipe_named(
            request.recipe,
            embedder=session.embedding is not None,
            reranker=session.reranking is not None,
        ),
        embedding=session.embedding,
        valid_at=request.valid_at,
        reranker=session.reranking,
        facts=request.facts or mentions(request.filter, "semantic_type"),
        counts_uses=any(mentions(request.filter, field) for field in ("uses", "last_used")),
        filter=request.filter,
        min_score=request.min_score,
    )
