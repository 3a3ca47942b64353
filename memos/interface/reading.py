"""The half of the Memory API that reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memos.infrastructure.engine import Reading
from memos.infrastructure.governance.access_log import Access
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.moment import At, Moment
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.interface import validate
from memos.interface.moments import AsOf, resolve, stretch
from memos.interface.receipts import Receipt
from memos.interface.session import Session, analyzer, no_cube
from memos.interface.validate import Time
from memos.kernel.cube import SHOWN, CubeState, Form, Lifecycle
from memos.kernel.errors import InvalidInput, NotFound
from memos.kernel.event import KINDS_BY_TITLE, Position, id_text
from memos.operation.cubes import (
    STATES_BY_TITLE,
    Forgotten,
    MemCube,
    as_datetime,
    is_over,
    read_cube,
    state_title,
)
from memos.operation.filters import compile_filter, mentions
from memos.operation.history import (
    Change,
    Diff,
    Lineage,
    LogEntry,
    change_of,
    difference,
    log_entry,
    walk_lineage,
)
from memos.operation.hits import Hits
from memos.operation.query import Query
from memos.operation.recipe import recipe_named
from memos.operation.search import search

MAX_DEPTH = 64
DIRECTIONS = ("both", "upstream", "downstream")


class Readings:
    """Queries. Every read is governed and noted on the access log."""

    _session: Session

    def wait_for(self, token: Receipt | Position | str, *, seconds: float = 30.0) -> None:
        """Wait until a write of any process can be read here.

        What this vault's own adds return can be read already; a token from elsewhere, or of a vault
        opened with `wait="durable"`, may be ahead of the workers.

        Args:
            token: the write's receipt, or its position (`receipt.position`, or its text, 0:42).
            seconds: how long to wait.

        Raises:
            NotApplied: it cannot be read yet; the message says which worker is behind or dead.
            InvalidInput: it is no token.
        """
        position = token.position if isinstance(token, Receipt) else token
        if isinstance(position, str):
            try:
                position = Position.parse(position)
            except ValueError as error:
                raise InvalidInput(str(error)) from None
        self._session.engine.wait_for(position, seconds)

    def get(
        self,
        cube_id: str,
        *,
        version: int | None = None,
        as_of: AsOf | None = None,
        valid_at: Time | None = None,
        any_state: bool = False,
    ) -> MemCube | Forgotten:
        """One memory.

        Args:
            cube_id: which.
            version: as it was at this version.
            as_of: as it was known at a cut, a position or a log time.
            valid_at: the newest version whose content was true in the world at this time.
            any_state: also when it is archived, merged or expired.

        Returns:
            The memory; `Forgotten` where it was erased, at any position.

        Raises:
            NotFound: it did not exist then, or is out of sight.
        """
        session = self._session
        raw = validate.check_id(cube_id)
        if sum(given is not None for given in (version, as_of, valid_at)) > 1:
            raise InvalidInput("pass only one of version, as_of and valid_at")
        with session.engine.reading() as reading:
            moment = resolve(reading, as_of, session.clock())
            head = _governed(session, reading, raw, "get")
            if head.lifecycle is Lifecycle.ERASED:
                return Forgotten(cube_id)
            attempt = _wanted(reading, raw, version, valid_at, moment)
            if not any_state and version is None and as_of is None and valid_at is None:
                _check_shown(reading, attempt, moment)
            cube = read_cube(reading, attempt)
        self._note("get", head.scope, [(raw, attempt.outcome.version)], attempt.ordinal)
        return cube

    def search(
        self,
        query: str,
        *,
        scope: str,
        k: int = 10,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        as_of: AsOf | None = None,
        valid_at: Time | None = None,
        states: Iterable[str] | None = None,
        recipe: str | None = None,
        facts: bool = False,
    ) -> Hits:
        """The memories that fit a query best, in a scope and all that lies under it.

        Args:
            query: words, in any order. A phrase in double quotes must stand in a text as it is;
                dates (`in May 2023`, `last summer`) draw texts of that time to the top.
            scope: where to look; only what the actor may read there has any influence.
            k: how many at most.
            filter: what must hold: see `memos.operation.filters`.
            as_of: search what was known at a cut, a position or a log time.
            valid_at: search what was true in the world at this time: a memory of which it was told
                that it began later comes at its newest earlier version that held then, and without
                one is left out, as is one that had ended; one without a valid time is kept. Where
                the query asks for a slot (`Where does Ana live?`), the memory that began last by
                then comes first; without it, the one that holds at the read time. Relative dates
                are relative to it, or else to the read time. With `as_of`: of what was known then.
            states: which states to show instead of Generated, Activated and Frozen.
            recipe: which stages run: see `memos.operation.recipe`.
            facts: also find facts that `extract_facts` made; without it only where the filter
                speaks of `semantic_type`.

        Returns:
            Hits, best first, each cube once at its version for that position. The order is
            deterministic. Each hit's `explain` says what each stage gave it; that of the list,
            also of an empty one, how the search ran and which optional side was not there.
        """
        session = self._session
        validate.check_scope(scope)
        if not isinstance(query, str):
            raise InvalidInput("the query must be a text")
        limit = validate.check_limit(k)
        chosen = recipe_named(
            recipe, embedder=session.embedding is not None, reranker=session.reranking is not None
        )
        accepts = compile_filter(filter)
        shown = _states(states, mentions(filter, "state"))
        session.require(Action.READ, scope, operation="search")
        keys = session.engine.store.tenant_keys(scope.partition("/")[0], create=False)
        with session.engine.reading() as reading:
            moment = resolve(reading, as_of, session.clock())
            view = reading.view(scope, moment.at)
            checked = Query(
                query,
                scope,
                limit,
                shown,
                accepts,
                moment.at,
                moment.read_time,
                lambda state: session.decide(Action.READ, state.scope, state).allowed,
                chosen,
                session.embedding,
                None if valid_at is None else validate.check_time(valid_at, "valid_at"),
                session.reranking,
                facts or mentions(filter, "semantic_type"),
            )
            newest = None if moment.at is None else reading.view(scope)
            hits = (
                search(reading, view, analyzer(keys[0]), checked, newest)
                if keys
                else Hits((), {"searched": 0})
            )
            at = view.at
        found = [(validate.check_id(hit.cube_id), hit.version) for hit in hits]
        self._note("search", scope, found, at, query)
        return hits

    def history(self, cube_id: str) -> list[Change]:
        """Everything attempted on a memory, oldest first, with the text that each left."""
        session = self._session
        raw = validate.check_id(cube_id)
        with session.engine.reading() as reading:
            head = _governed(session, reading, raw, "history")
            attempts = reading.vault.attempts(raw)
            erased = head.lifecycle is Lifecycle.ERASED
            changes = [change_of(reading, attempt, erased=erased) for attempt in attempts]
        self._note("history", head.scope, [(raw, head.version)], attempts[-1].ordinal)
        return changes

    def diff(self, cube_id: str, before: int, after: int) -> Diff:
        """What changed between two versions of a memory.

        Raises:
            NotFound: there is no such version, or the memory was erased.
        """
        old = self.get(cube_id, version=before)
        new = self.get(cube_id, version=after)
        if isinstance(old, Forgotten) or isinstance(new, Forgotten):
            raise NotFound(f"cube {cube_id} was erased: its versions cannot be compared")
        return difference(old, new)

    def lineage(self, cube_id: str, *, direction: str = "both", depth: int = 3) -> Lineage:
        """What a memory came from (upstream) and what came from it (downstream)."""
        session = self._session
        raw = validate.check_id(cube_id)
        if direction not in DIRECTIONS:
            raise InvalidInput(f"direction={direction!r}: choose {', '.join(DIRECTIONS)}")
        steps = validate.check_limit(depth, MAX_DEPTH)
        with session.engine.reading() as reading:
            head = _governed(session, reading, raw, "lineage")
            lineage = walk_lineage(reading, raw, direction, steps)
            hidden = {
                cube
                for cube in lineage.depth
                if not _readable(session, reading, validate.check_id(cube))
            }
        self._note("lineage", head.scope, [(raw, head.version)], 0)
        return Lineage(
            lineage.cube_id,
            {cube: far for cube, far in lineage.depth.items() if cube not in hidden},
            tuple(
                edge
                for edge in lineage.edges
                if edge.source[0] not in hidden and edge.derived[0] not in hidden
            ),
        )

    def events(
        self,
        *,
        actor: str | None = None,
        kind: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        operation: str | None = None,
        source: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Iterator[LogEntry]:
        """The log: who attempted what, when, and what became of it, in log order.

        Args:
            actor: by this actor.
            kind: of this kind, such as `Revised`.
            scope: in this scope and all that lies under it.
            cube_id: on this cube.
            operation: of the operation with this id.
            source: whose source is, or lies under, this path.
            since: from this position, cut or time on, inclusive.
            until: before this position, cut or time.
        """
        session = self._session
        if kind is not None and kind not in KINDS_BY_TITLE:
            raise InvalidInput(f"kind={kind!r} is not known: choose {', '.join(KINDS_BY_TITLE)}")
        for name, value in (("actor", actor), ("source", source)):
            if value is not None:
                validate.check_name(value, name)
        with session.engine.reading() as reading:
            after, upto = stretch(reading, since, until)
        wanted = LogQuery(
            actor or "",
            None if kind is None else KINDS_BY_TITLE[kind],
            "" if scope is None else validate.check_scope(scope),
            b"" if cube_id is None else validate.check_id(cube_id),
            b"" if operation is None else validate.check_id(operation, "operation id"),
            () if source is None else session.all_lookups(b"source", source, scope),
            after,
            upto,
        )
        if source is not None and not wanted.sources:
            return iter(())
        return self._entries(wanted)

    def _entries(self, wanted: LogQuery) -> Iterator[LogEntry]:
        session = self._session
        allowed: dict[bytes, bool] = {}
        reading = session.engine.streaming()
        for attempt in reading.vault.query(wanted):
            cube = attempt.cube_id
            if cube not in allowed:
                allowed[cube] = _readable(session, reading, cube)
            if allowed[cube]:
                yield log_entry(attempt)

    def _note(
        self,
        action: str,
        scope: str,
        cubes: list[tuple[bytes, int]],
        at: At,
        query: str = "",
    ) -> None:
        session = self._session
        session.access_log.record(
            Access(session.actor, action, scope, session.clock(), cubes, query, at)
        )


def _governed(session: Session, reading: Reading, raw: bytes, operation: str) -> CubeState:
    """The head of a memory that the actor may read."""
    head = session.live_state(reading, raw)
    if head.form is Form.OPERATION:
        raise no_cube(raw)
    session.require(Action.READ, head.scope, head, operation=operation)
    return head


def _readable(session: Session, reading: Reading, raw: bytes) -> bool:
    head = reading.vault.head(raw)
    return head is not None and session.decide(Action.READ, head.scope, head).allowed


def _wanted(
    reading: Reading, raw: bytes, version: int | None, valid_at: Time | None, moment: Moment
) -> Attempt:
    """The attempt whose state a `get` asks for."""
    attempt: Attempt | None
    if version is not None:
        attempt = reading.vault.version(raw, validate.check_version(version))
        if attempt is None:
            raise NotFound(f"cube {id_text(raw)} has no version {version}: see its history")
    elif valid_at is not None:
        attempt = _valid_at(reading, raw, validate.check_time(valid_at, "valid_at"))
        if attempt is None:
            raise NotFound(f"no version of cube {id_text(raw)} was valid at {valid_at}")
    elif moment.at is None:
        attempt = reading.vault.state_at(raw)
    else:
        attempt = reading.vault.state_at(raw, moment.at)
    if attempt is None:
        raise NotFound(f"cube {id_text(raw)} did not exist at that position")
    return attempt


def _valid_at(reading: Reading, raw: bytes, time: int) -> Attempt | None:
    """The newest version whose content was true in the world at a time."""
    for attempt in reversed(reading.vault.attempts(raw)):
        if attempt.state is None or not attempt.outcome.digest:
            continue
        cube = read_cube(reading, attempt)
        if isinstance(cube, MemCube):
            at = as_datetime(time)
            started = cube.valid_from is None or cube.valid_from <= at
            if started and (cube.valid_until is None or at < cube.valid_until):
                return attempt
    return None


def _check_shown(reading: Reading, attempt: Attempt, moment: Moment) -> None:
    state = attempt.state
    if state is None:
        return
    cube_id = id_text(attempt.cube_id)
    if state.lifecycle not in SHOWN:
        raise NotFound(
            f"cube {cube_id} is {state_title(state.lifecycle)}: pass any_state=True to read it, or "
            "restore it"
        )
    used = reading.usage(attempt.cube_id).last_used
    if is_over(state, used, moment.read_time):
        raise NotFound(f"cube {cube_id} has outlived its lifespan: pass any_state=True to read it")


def _states(states: Iterable[str] | None, filtered: bool) -> frozenset[Lifecycle]:
    if states is None:
        return frozenset(Lifecycle) - {Lifecycle.ERASED} if filtered else SHOWN
    names = validate.check_names(states, "states")
    unknown = [name for name in names if name not in STATES_BY_TITLE]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no state: choose {', '.join(STATES_BY_TITLE)}")
    return frozenset(STATES_BY_TITLE[name] for name in names)
