"""How a read of many memories begins: checked, governed, at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from memos.infrastructure.engine import Reading
from memos.infrastructure.governance.access_log import Access
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.moment import At
from memos.interface import validate
from memos.interface.moments import AsOf, resolve
from memos.interface.session import Session, analyzer, no_cube
from memos.kernel.cube import SHOWN, CubeState, Form, Lifecycle
from memos.kernel.errors import InvalidInput, NotFound
from memos.operation.filters import compile_filter, mentions
from memos.operation.query import Query
from memos.operation.recipe import recipe_named
from memos.operation.sight import Sight


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
) -> Iterator[Sight | None]:
    """What the actor sees of a scope; None where its tenant holds nothing yet.

    Raises:
        InvalidInput: an argument does not fit.
        Denied: the actor may not read there.
    """
    validate.check_scope(scope)
    if not isinstance(text, str):
        raise InvalidInput(f"a query is a text, not {validate.shorten(text)}")
    limit = validate.check_limit(k)
    accepts = compile_filter(filter)
    chosen = recipe_named(
        recipe, embedder=session.embedding is not None, reranker=session.reranking is not None
    )
    session.require(Action.READ, scope, operation=operation)
    keys = session.engine.store.tenant_keys(scope.partition("/")[0], create=False)
    with session.engine.reading() as reading:
        moment = resolve(reading, as_of, session.clock())
        if not keys:
            yield None
            return
        query = Query(
            text=text,
            scope=scope,
            limit=limit,
            states=SHOWN,
            accepts=accepts,
            at=moment.at,
            read_time=moment.read_time,
            may_read=lambda state: session.decide(Action.READ, state.scope, state).allowed,
            recipe=chosen,
            embedding=session.embedding,
            reranker=session.reranking,
            facts=mentions(filter, "semantic_type"),
        )
        view = reading.view(scope, moment.at)
        newest = None if moment.at is None else reading.view(scope)
        yield Sight(reading, view, newest, analyzer(keys[0]), query)


def readable_head(session: Session, reading: Reading, raw: bytes, operation: str) -> CubeState:
    """The head of a memory that the actor may read and that is not erased.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = session.live_state(reading, raw)
    if head.form is Form.OPERATION:
        raise no_cube(raw)
    session.require(Action.READ, head.scope, head, operation=operation)
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
