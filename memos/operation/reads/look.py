"""How a read begins and ends: checked and governed, at one moment, noted on the access log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.access_log import Access
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState, Form, Lifecycle
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.moment import At
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.reads.moment import AsOf, resolve
from memos.operation.search.filters import compile_filter, mentions
from memos.operation.search.query import Query
from memos.operation.search.recipe import recipe_named
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session, analyzer, no_cube

EVERY_STATE = frozenset(Lifecycle) - {Lifecycle.ERASED}


@contextmanager
def looking(
    session: Session,
    scope: str,
    operation: str,
    *,
    text: str = "",
    k: int = 1,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
    as_of: AsOf | None = None,
    recipe: str | None = None,
    states: frozenset[Lifecycle] | None = SHOWN,
    valid_at: int | None = None,
    facts: bool = False,
) -> Iterator[ScopeView | None]:
    """What the actor sees of a scope; None where its tenant holds nothing yet.

    `states` None shows all that a filter of states may ask for, and else what is SHOWN; a filter
    of semantic types asks for `facts`.

    Raises:
        InvalidInput: an argument does not fit.
        Denied: the actor may not read there.
    """
    check_scope(scope)
    if not isinstance(text, str):
        raise InvalidInput(f"a query is a text, not {shorten(text)}")
    limit = validate.check_limit(k)
    accepts = compile_filter(filter)
    if states is None:
        states = EVERY_STATE if mentions(filter, "state") else SHOWN
    chosen = recipe_named(
        recipe, embedder=session.embedding is not None, reranker=session.reranking is not None
    )
    session.require(Action.READ, scope, operation=operation)
    keys = session.engine.keys.tenant_keys(tenant_of(scope), create=False)
    with session.engine.read() as reader:
        moment = resolve(reader, as_of, session.clock())
        if not keys:
            yield None
            return
        query = Query(
            text=text,
            scope=scope,
            limit=limit,
            states=states,
            accepts=accepts,
            at=moment.at,
            read_time=moment.read_time,
            may_read=lambda state: session.decide(Action.READ, state.scope, state).allowed,
            recipe=chosen,
            embedding=session.embedding,
            valid_at=valid_at,
            reranker=session.reranking,
            facts=facts or mentions(filter, "semantic_type"),
        )
        view = reader.view(scope, moment.at)
        newest = None if moment.at is None else reader.view(scope)
        yield ScopeView(reader, view, newest, analyzer(keys[0]), query)


def readable(session: Session, reader: Reader, raw: bytes) -> bool:
    """Whether there is such a cube and the actor may read it."""
    head = reader.vault.head(raw)
    return head is not None and session.decide(Action.READ, head.scope, head).allowed


def governed_head(session: Session, reader: Reader, raw: bytes, operation: str) -> CubeState:
    """The head of a memory that the actor may read; erased ones have one, too.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = session.live_state(reader, raw)
    if head.form is Form.OPERATION:
        raise no_cube(raw)
    session.require(Action.READ, head.scope, head, operation=operation)
    return head


def readable_head(session: Session, reader: Reader, raw: bytes, operation: str) -> CubeState:
    """The head of a memory that the actor may read and that is not erased.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = governed_head(session, reader, raw, operation)
    if head.lifecycle is Lifecycle.ERASED:
        raise NotFound("the memory was erased: nothing of it is left to go by")
    return head


def note(
    session: Session,
    action: str,
    scope: str,
    cubes: list[tuple[str, int]],
    at: At = 0,
    query: str = "",
) -> None:
    """Record a read on the access log; `cubes` are (cube id, version) in rank order."""
    found = [(validate.check_id(cube_id), version) for cube_id, version in cubes]
    session.access_log.record(
        Access(session.actor, action, scope, session.clock(), found, query, at)
    )
