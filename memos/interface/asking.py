"""The part of the Memory API that agents ask: context blocks, the graph, routes, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import new_key, seal_body
from memos.kernel.cube import CubeState, Form, Header
from memos.kernel.errors import IllegalMove, InvalidInput, NotFound, shorten
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.kernel.moment import At
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.change import change
from memos.operation.commands.draft import fill_body, new_event
from memos.operation.commands.tags import in_force, vocabulary_cube
from memos.operation.cube import Forgotten, Parts, as_datetime, read_cube
from memos.operation.reads.context_block import ContextBlock, compose, newest_first
from memos.operation.reads.graph import Related, related
from memos.operation.reads.look import looking, note, readable_head
from memos.operation.reads.moment import AsOf
from memos.operation.reads.quote import CountTokens, estimate_tokens
from memos.operation.reads.route import Route, route
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.vocabulary import MEDIA_TYPE, SEMANTIC_TYPE, Vocabulary, tags_in_use, to_bytes
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised

MAX_BUDGET = 10_000_000


class Asking:
    """Questions about many memories at once. Every one is governed, and noted on the access log."""

    _session: Session

    def context(
        self,
        query: str,
        *,
        scope: str,
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
    ) -> ContextBlock:
        """A block for a prompt: the memories that fit a query best, quoted and cited.

        What two memories say alike is quoted once and cites both; of facts about the same thing
        the newest valid one comes first; turns of a conversation stand together in their order.
        `memos.operation.reads.context_block` tells what the quoting guarantees and what it cannot. What the
        block quotes counts as used; what did not fit does not.

        Args:
            query: words, in any order.
            scope: where to look, and in all that lies under it.
            budget_tokens: how many tokens the block may have, by `count_tokens`.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
        """
        budget = _check_budget(budget_tokens)
        block = ContextBlock("", (), 0, ())
        at: At = 0
        session = self._session
        with looking(
            session, scope, "context", text=query, k=k, filter=filter, as_of=as_of, recipe=recipe
        ) as scope_view:
            if scope_view is not None:
                at = scope_view.view.at
                read_time = as_datetime(scope_view.query.read_time)

                def terms(text: str) -> frozenset[int]:
                    return frozenset(term.term for term in scope_view.analyzer.query_terms(text))

                found = scope_view.hits()
                hits = newest_first(found, terms, _superseded(scope_view, found), read_time)
                block = compose(hits, _places(scope_view, hits), read_time, budget, count_tokens)
        cited = [(cite.cube_id, cite.version) for cite in block.citations]
        note(session, "context", scope, cited, at, query)
        return block

    def related(self, cube_id: str, *, k: int = 10, scope: str | None = None) -> list[Related]:
        """The memories nearest to one in the graph of cubes, best first, each with its reasons.

        Edges are lineage, turns around it, shared tags, a shared source and shared rare words.
        Only what the actor may read is named, or counts. It is no use of what it names.

        Args:
            cube_id: of which.
            k: how many at most.
            scope: where to look, and in all that lies under it; by default its whole tenant.

        Raises:
            NotFound: there is no such memory, or it was erased.
        """
        session = self._session
        raw = validate.check_id(cube_id)
        with session.engine.read() as reader:
            head = readable_head(session, reader, raw, "related")
        tenant = tenant_of(head.scope)
        within = check_scope(tenant if scope is None else scope)
        if tenant_of(within) != tenant:
            raise InvalidInput(f"scope={within!r} is of another tenant than cube {cube_id}")
        found: list[Related] = []
        at: At = 0
        with looking(session, within, "related", k=k) as scope_view:
            attempt = None if scope_view is None else scope_view.reader.vault.state_at(raw)
            if scope_view is not None and attempt is not None and attempt.state is not None:
                cube = read_cube(scope_view.reader, attempt)
                if isinstance(cube, Forgotten):
                    raise NotFound(f"cube {cube_id} was erased: nothing of it is left to go by")
                at = scope_view.view.at
                paths = [path for path in _source_paths(cube.source) if path]
                sources = [(path, session.all_lookups(b"source", path, tenant)) for path in paths]
                found = related(scope_view, attempt.state, cube, sources)
        note(session, "related", within, [(each.cube_id, each.version) for each in found], at)
        return found

    def route(
        self,
        task: str,
        *,
        scope: str,
        budget_tokens: int = 1000,
        k: int = 50,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
    ) -> Route:
        """Which scopes, concepts and memories serve a task, in which form and order.

        A plan, without the texts: reading what it names, by `get` or `context`, is the use.

        Args:
            task: what is to be done, in words.
            scope: where to look, and in all that lies under it.
            budget_tokens: how many tokens the plaintext on the path may take.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
        """
        budget = _check_budget(budget_tokens)
        planned = Route((), (), (), (), 0, ())
        at: At = 0
        session = self._session
        with looking(
            session, scope, "route", text=task, k=k, filter=filter, as_of=as_of, recipe=recipe
        ) as scope_view:
            if scope_view is not None:
                at = scope_view.view.at
                read_time = as_datetime(scope_view.query.read_time)
                planned = route(scope_view, scope_view.hits(), read_time, budget, count_tokens)
        facts = [(fact.cube_id, fact.version) for fact in planned.facts]
        note(session, "route", scope, facts, at, task)
        return planned

    def tags(self, scope: str, *, as_of: AsOf | None = None) -> dict[str, int]:
        """How many memories in a scope and under it carry each tag, the commonest first.

        Only memories that the actor may read are counted, and no tag of another is named.
        """
        with looking(self._session, scope, "tags", as_of=as_of) as scope_view:
            counts = {} if scope_view is None else tags_in_use(scope_view)
            at = 0 if scope_view is None else scope_view.view.at
        note(self._session, "tags", scope, [], at)
        return counts

    def vocabulary(self, scope: str) -> Vocabulary:
        """The tags that a scope is to use: its own vocabulary and those of the scopes above it.

        Raises:
            Denied: the actor may not read one of them.
        """
        session = self._session
        session.require(Action.READ, check_scope(scope), operation="vocabulary")
        with session.engine.read() as reader:
            found = in_force(session, reader, scope)
            if not found.readable:
                for at in found.vocabulary.set_in:
                    _, head = vocabulary_cube(session, reader, at)
                    session.require(Action.READ, at, head, operation="vocabulary")
        note(session, "vocabulary", scope, [])
        return found.vocabulary

    def set_vocabulary(self, scope: str, tags: Iterable[str], *, closed: bool = False) -> Receipt:
        """Say which tags a scope, and all that lies under it, is to use.

        A scope below may add tags of its own. Where one vocabulary on the way is closed, memories
        are given no other tags: `add`, `add_conversation`, `merge`, `update` and `tag` refuse
        them. What has them already keeps them; what another vault exported is loaded as it is.

        The vocabulary is a memory: the receipt's cube has versions, history and rollback;
        `archive` takes it out of force, `freeze` keeps it, and its header says who may change it.

        Args:
            scope: where.
            tags: the tags, instead of those set before.
            closed: whether no others are taken.

        Raises:
            Denied: the actor may not write in the scope, or may not change its vocabulary.
        """
        session = self._session
        check_scope(scope)
        content = (MEDIA_TYPE, to_bytes(validate.check_names(tags, "tags"), closed=bool(closed)))
        with session.engine.read() as reader:
            cube_id, head = vocabulary_cube(session, reader, scope)
        if head is None:
            session.require(Action.CREATE, scope, operation="set_vocabulary")
            try:
                return _make_vocabulary(session, scope, cube_id, content)
            except IllegalMove:
                pass  # another writer has just made it: this is then its next version

        def build(state: CubeState, parts: Parts | None, event: Event, body: Body) -> None:
            event.parts = fill_body(body, {"payload": content})
            event.revised.mode = Revised.MODE_OVERWRITE

        return change(session, id_text(cube_id), Kind.REVISED, build, operation="set_vocabulary")


def _make_vocabulary(
    session: Session, scope: str, cube_id: bytes, content: tuple[str, bytes]
) -> Receipt:
    """Write a scope's first vocabulary, under the id at which it is looked for."""
    event = new_event(session, Kind.GENERATED, cube_id, scope)
    event.generated.form = Form.PLAINTEXT.value  # type: ignore[assignment]
    write_header(Header(session.actor), event.generated.header)
    event.subject_digests.append(session.subject_digest(event.tenant, scope))
    body = Body()
    event.parts = fill_body(body, {"payload": content, "semantic_type": SEMANTIC_TYPE})
    key = new_key()
    seal_body(key, event, body)
    (committed,) = session.engine.writer.commit([Draft(event, body, key)])
    return receipt_of(session.engine, committed)


def _check_budget(budget: object) -> int:
    if not isinstance(budget, int) or isinstance(budget, bool) or not 1 <= budget <= MAX_BUDGET:
        raise InvalidInput(
            f"budget_tokens must be a whole number from 1 to {MAX_BUDGET:,}, not {shorten(budget)}"
        )
    return budget


def _source_paths(source: str) -> tuple[str, str]:
    """A source and the path above it; empty where there is none."""
    above = source.rpartition("/")[0]
    return source, above


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
