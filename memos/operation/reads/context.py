"""What an agent asks of many memories at once: a context block, what is related, a route."""

from __future__ import annotations

from dataclasses import replace

from memos.kernel.errors import InvalidInput, NotFound
from memos.kernel.event import id_bytes
from memos.kernel.moment import At
from memos.kernel.scope import check_scope, common_scope, tenant_of
from memos.operation.cube import Forgotten, as_datetime, read_cube
from memos.operation.reads.budget import check_budget, counting
from memos.operation.reads.context_block import ContextBlock, compose
from memos.operation.reads.found import found_for, places_of
from memos.operation.reads.graph import Related
from memos.operation.reads.graph import related as related_to
from memos.operation.reads.head import readable_head
from memos.operation.reads.quote import CountTokens
from memos.operation.reads.route import Route
from memos.operation.reads.route import route as route_of
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.validation import check_id, check_limit


def context(
    session: Session, request: SearchRequest, budget_tokens: int, count_tokens: CountTokens
) -> ContextBlock:
    """See `Memory.context`."""
    budget = check_budget(budget_tokens)
    count_tokens = counting(count_tokens)
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
        scopes = passage.scopes_in(tenant) if scope is None else (check_scope(scope),)
        within = common_scope(scopes)
        if tenant_of(within) != tenant:
            raise InvalidInput(f"scope={within!r} is of another tenant than cube {cube_id}")
        near: list[Related] = []
        at: At = 0
        with open_scope(session, passage, SearchRequest(scope=scopes, k=k)) as scope_view:
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
    budget = check_budget(budget_tokens)
    count_tokens = counting(count_tokens)
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


def _compose(scope_view: ScopeView, budget: int, count_tokens: CountTokens) -> ContextBlock:
    hits = found_for(scope_view).hits
    read_time = as_datetime(scope_view.query.read_time)
    places = places_of(scope_view, hits)
    return compose(hits, places, read_time, budget, count_tokens, scope_view.query.text)
