"""What an agent asks of many memories at once: a context block, what is related, a route."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import SupportsIndex

from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.kernel.moment import At
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.cube import Forgotten, as_datetime, read_cube
from memos.operation.reads.context_block import ContextBlock, compose
from memos.operation.reads.graph import Related
from memos.operation.reads.graph import related as related_to
from memos.operation.reads.head import readable_head
from memos.operation.reads.newest_first import newest_first
from memos.operation.reads.quote import CountTokens
from memos.operation.reads.route import Route
from memos.operation.reads.route import route as route_of
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.validation import check_callable, check_id, check_limit

MAX_BUDGET = 10_000_000
MOST_COMPARED = 20_000
"""Characters of a text by which it is known to say what another one says."""


def context(
    session: Session, request: SearchRequest, budget_tokens: int, count_tokens: CountTokens
) -> ContextBlock:
    """See `Memory.context`."""
    budget = _check_budget(budget_tokens)
    count_tokens = _counting(count_tokens)
    block = ContextBlock("", (), 0, ())
    at: At = 0
    with session.gate.enter("context") as passage:
        with open_scope(session, passage, request) as scope_view:
            if scope_view is not None:
                at = scope_view.view.at
                block = _compose(scope_view, budget, count_tokens)
                block = replace(block, not_compared=scope_view.query.accepts.not_compared)
        cited = [(id_bytes(cite.cube_id), cite.version) for cite in block.citations]
        left_out = [id_bytes(cite.cube_id) for cite in block.left_out]
        passage.note(request.within, cited, at, request.text, left_out)
        return block


def related(session: Session, cube_id: str, k: int, scope: str | None) -> list[Related]:
    """See `Memory.related`."""
    raw = check_id(cube_id)
    check_limit(k)
    with session.gate.enter("related") as passage:
        with session.engine.read() as reader:
            head = readable_head(passage, reader, raw)
        tenant = tenant_of(head.scope)
        within = check_scope(tenant if scope is None else scope)
        if tenant_of(within) != tenant:
            raise InvalidInput(f"scope={within!r} is of another tenant than cube {cube_id}")
        near: list[Related] = []
        at: At = 0
        with open_scope(session, passage, SearchRequest(scope=within, k=k)) as scope_view:
            attempt = None if scope_view is None else scope_view.reader.vault.state_at(raw)
            if scope_view is not None and attempt is not None and attempt.state is not None:
                cube = read_cube(scope_view.reader, attempt)
                if isinstance(cube, Forgotten):
                    raise NotFound(f"cube {cube_id} was erased: nothing of it is left to go by")
                at = scope_view.view.at
                sources = [
                    (path, session.lookups(b"source", path, tenant))
                    for path in (cube.source, cube.source.rpartition("/")[0])
                    if path
                ]
                near = related_to(scope_view, attempt.state, cube, sources)
        passage.note(within, [(id_bytes(one.cube_id), one.version) for one in near], at)
        return near


def route(
    session: Session, request: SearchRequest, budget_tokens: int, count_tokens: CountTokens
) -> Route:
    """See `Memory.route`."""
    budget = _check_budget(budget_tokens)
    count_tokens = _counting(count_tokens)
    planned = Route((), (), (), (), 0, ())
    at: At = 0
    with session.gate.enter("route") as passage:
        with open_scope(session, passage, request) as scope_view:
            if scope_view is not None:
                at = scope_view.view.at
                read_time = as_datetime(scope_view.query.read_time)
                planned = route_of(scope_view, scope_view.hits(), read_time, budget, count_tokens)
                planned = replace(planned, not_compared=scope_view.query.accepts.not_compared)
        facts = [(id_bytes(fact.cube_id), fact.version) for fact in planned.facts]
        named = [*planned.left_out, *(fact.artefact for fact in planned.facts if fact.artefact)]
        passage.note(request.within, facts, at, request.text, [*map(id_bytes, named)])
        return planned


def _counting(count_tokens: CountTokens) -> CountTokens:
    """The caller's counter, whose answers are looked at.

    Raises:
        InvalidInput: it is none; the counter returned raises it where an answer is no count.
    """
    counter = check_callable(count_tokens, "count_tokens")

    def count(text: str) -> int:
        said: object = counter(text)
        tokens = -1
        if not isinstance(said, bool) and isinstance(said, SupportsIndex):
            with suppress(TypeError):  # an array says that it is a number, too
                tokens = operator.index(said)
        if tokens < 0:
            raise InvalidInput(
                f"count_tokens gives how many tokens a text has, a whole number, not {shorten(said)}"
            )
        return tokens

    return count


def _compose(scope_view: ScopeView, budget: int, count_tokens: CountTokens) -> ContextBlock:
    read_time = as_datetime(scope_view.query.read_time)

    def terms(text: str) -> frozenset[int]:
        compared = text[:MOST_COMPARED]
        return frozenset(term.term for term in scope_view.analyzer.query_terms(compared))

    ranked = scope_view.hits()
    hits = newest_first(ranked, terms, _superseded(scope_view, ranked), read_time)
    places = _places(scope_view, hits)
    return compose(hits, places, read_time, budget, count_tokens, scope_view.query.text)


def _check_budget(budget: object) -> int:
    if not isinstance(budget, int) or isinstance(budget, bool) or not 1 <= budget <= MAX_BUDGET:
        raise InvalidInput(
            f"budget_tokens must be a whole number from 1 to {MAX_BUDGET:,}, not {shorten(budget)}"
        )
    return budget


def _places(scope_view: ScopeView, hits: Sequence[Hit]) -> dict[str, tuple[int, int]]:
    """The session and number of the hits that are turns."""
    ids = {id_bytes(hit.cube_id): hit.cube_id for hit in hits}
    rows = scope_view.reader.rows_of(scope_view.view, ids)
    placed = {
        ids[raw]: (int(scope_view.view.session[row]), int(scope_view.view.number[row]))
        for raw, row in rows.items()
    }
    return {cube_id: place for cube_id, place in placed.items() if place[0]}


def _superseded(scope_view: ScopeView, hits: Sequence[Hit]) -> frozenset[str]:
    """The hits that another hit says it supersedes."""
    ids = {id_bytes(hit.cube_id) for hit in hits}
    return frozenset(
        id_text(edge.source[0])
        for raw in ids
        for edge in scope_view.reader.vault.edges(raw, downstream=False)
        if edge.relation is Relation.SUPERSEDES and edge.source[0] in ids
    )
