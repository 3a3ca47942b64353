"""The part of the Memory API that reads memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import SHOWN, Lifecycle
from memos.kernel.errors import InvalidInput, NotFound
from memos.kernel.event import id_text
from memos.kernel.moment import At, Moment
from memos.operation import validation as validate
from memos.operation.cube import (
    STATES_BY_TITLE,
    Forgotten,
    MemCube,
    as_datetime,
    is_over,
    read_cube,
    state_title,
)
from memos.operation.reads.history import (
    Change,
    Diff,
    Lineage,
    change_of,
    difference,
    walk_lineage,
)
from memos.operation.reads.look import governed_head, looking, note, readable
from memos.operation.reads.moment import AsOf, resolve
from memos.operation.search.hits import Hits
from memos.operation.session import Session
from memos.operation.validation import Time

MAX_DEPTH = 64
DIRECTIONS = ("both", "upstream", "downstream")


class Readings:
    """Queries. Every read is governed and noted on the access log."""

    _session: Session

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
        with session.engine.read() as reader:
            moment = resolve(reader, as_of, session.clock())
            head = governed_head(session, reader, raw, "get")
            if head.lifecycle is Lifecycle.ERASED:
                return Forgotten(cube_id)
            attempt = _wanted(reader, raw, version, valid_at, moment)
            if not any_state and version is None and as_of is None and valid_at is None:
                _check_shown(reader, attempt, moment)
            cube = read_cube(reader, attempt)
        note(session, "get", head.scope, [(cube_id, attempt.outcome.version)], attempt.ordinal)
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
            filter: what must hold: see `memos.operation.search.filters`.
            as_of: search what was known at a cut, a position or a log time.
            valid_at: search what was true in the world at this time: a memory of which it was told
                that it began later comes at its newest earlier version that held then, and without
                one is left out, as is one that had ended; one without a valid time is kept. Where
                the query asks for a slot (`Where does Ana live?`), the memory that began last by
                then comes first; without it, the one that holds at the read time. Relative dates
                are relative to it, or else to the read time. With `as_of`: of what was known then.
            states: which states to show instead of Generated, Activated and Frozen.
            recipe: which stages run: see `memos.operation.search.recipe`.
            facts: also find facts that `extract_facts` made; without it only where the filter
                speaks of `semantic_type`.

        Returns:
            Hits, best first, each cube once at its version for that position. The order is
            deterministic. Each hit's `explain` says what each stage gave it; that of the list,
            also of an empty one, how the search ran and which optional side was not there.
        """
        session = self._session
        hits = Hits((), {"searched": 0})
        at: At = 0
        with looking(
            session,
            scope,
            "search",
            text=query,
            k=k,
            filter=filter,
            as_of=as_of,
            recipe=recipe,
            states=None if states is None else _states(states),
            valid_at=None if valid_at is None else validate.check_time(valid_at, "valid_at"),
            facts=facts,
        ) as scope_view:
            if scope_view is not None:
                hits, at = scope_view.hits(), scope_view.view.at
        note(session, "search", scope, [(hit.cube_id, hit.version) for hit in hits], at, query)
        return hits

    def history(self, cube_id: str) -> list[Change]:
        """Everything attempted on a memory, oldest first, with the text that each left."""
        session = self._session
        raw = validate.check_id(cube_id)
        with session.engine.read() as reader:
            head = governed_head(session, reader, raw, "history")
            attempts = reader.vault.attempts(raw)
            erased = head.lifecycle is Lifecycle.ERASED
            changes = [change_of(reader, attempt, erased=erased) for attempt in attempts]
        note(session, "history", head.scope, [(cube_id, head.version)], attempts[-1].ordinal)
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
        with session.engine.read() as reader:
            head = governed_head(session, reader, raw, "lineage")
            lineage = walk_lineage(reader, raw, direction, steps)
            hidden = {
                cube
                for cube in lineage.depth
                if not readable(session, reader, validate.check_id(cube))
            }
        note(session, "lineage", head.scope, [(cube_id, head.version)])
        return Lineage(
            lineage.cube_id,
            {cube: far for cube, far in lineage.depth.items() if cube not in hidden},
            tuple(
                edge
                for edge in lineage.edges
                if edge.source[0] not in hidden and edge.derived[0] not in hidden
            ),
        )


def _wanted(
    reader: Reader, raw: bytes, version: int | None, valid_at: Time | None, moment: Moment
) -> Attempt:
    """The attempt whose state a `get` asks for."""
    attempt: Attempt | None
    if version is not None:
        attempt = reader.vault.version(raw, validate.check_version(version))
        if attempt is None:
            raise NotFound(f"cube {id_text(raw)} has no version {version}: see its history")
    elif valid_at is not None:
        attempt = _valid_at(reader, raw, validate.check_time(valid_at, "valid_at"))
        if attempt is None:
            raise NotFound(f"no version of cube {id_text(raw)} was valid at {valid_at}")
    elif moment.at is None:
        attempt = reader.vault.state_at(raw)
    else:
        attempt = reader.vault.state_at(raw, moment.at)
    if attempt is None:
        raise NotFound(f"cube {id_text(raw)} did not exist at that position")
    return attempt


def _valid_at(reader: Reader, raw: bytes, time: int) -> Attempt | None:
    """The newest version whose content was true in the world at a time."""
    for attempt in reversed(reader.vault.attempts(raw)):
        if attempt.state is None or not attempt.outcome.digest:
            continue
        cube = read_cube(reader, attempt)
        if isinstance(cube, MemCube):
            at = as_datetime(time)
            started = cube.valid_from is None or cube.valid_from <= at
            if started and (cube.valid_until is None or at < cube.valid_until):
                return attempt
    return None


def _check_shown(reader: Reader, attempt: Attempt, moment: Moment) -> None:
    state = attempt.state
    if state is None:
        return
    cube_id = id_text(attempt.cube_id)
    if state.lifecycle not in SHOWN:
        raise NotFound(
            f"cube {cube_id} is {state_title(state.lifecycle)}: pass any_state=True to read it, or "
            "restore it"
        )
    used = reader.usage(attempt.cube_id).last_used
    if is_over(state, used, moment.read_time):
        raise NotFound(f"cube {cube_id} has outlived its lifespan: pass any_state=True to read it")


def _states(states: Iterable[str]) -> frozenset[Lifecycle]:
    names = validate.check_names(states, "states")
    unknown = [name for name in names if name not in STATES_BY_TITLE]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no state: choose {', '.join(STATES_BY_TITLE)}")
    return frozenset(STATES_BY_TITLE[name] for name in names)
