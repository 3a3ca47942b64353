"""One memory: as it is, as it was at a version or moment, and how it came to be."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import SHOWN, Lifecycle
from memos.kernel.errors import Damaged, InvalidInput, NotFound
from memos.kernel.event import id_text
from memos.kernel.moment import Moment
from memos.operation.cube import (
    Forgotten,
    MemCube,
    as_datetime,
    is_over,
    read_cube,
    state_title,
    try_cube,
    usage_at,
)
from memos.operation.reads.as_of import resolve
from memos.operation.reads.head import governed_head, is_readable
from memos.operation.reads.history import (
    Change,
    Diff,
    Lineage,
    change_of,
    difference,
    walk_lineage,
)
from memos.operation.receipt import LONGER, way_into_sight
from memos.operation.session import Session
from memos.operation.validation import (
    AsOf,
    Time,
    check_choice,
    check_flag,
    check_id,
    check_limit,
    check_time,
    check_version,
)

MAX_DEPTH = 64
DIRECTIONS = ("both", "upstream", "downstream")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRequest:
    """Which state of a memory is wanted; without any of the three, the one that it has now.

    Raises:
        InvalidInput: more than one is given.
    """

    version: int | None = None
    as_of: AsOf | None = None
    valid_at: Time | None = None

    def __post_init__(self) -> None:
        named = [value is not None for value in (self.version, self.as_of, self.valid_at)]
        if sum(named) > 1:
            raise InvalidInput("pass only one of version, as_of and valid_at")

    @property
    def is_now(self) -> bool:
        """Whether it is the present state."""
        return self.version is None and self.as_of is None and self.valid_at is None


def get(
    session: Session, cube_id: str, request: StateRequest, *, any_state: bool = False
) -> MemCube | Forgotten:
    """See `Memory.get`."""
    raw = check_id(cube_id)
    check_flag(any_state, "any_state")
    with session.gate.enter("get") as passage:
        with session.engine.read() as reader:
            moment = resolve(session, passage, reader, request.as_of)
            head = governed_head(passage, reader, raw)
            if head.lifecycle is Lifecycle.ERASED:
                return Forgotten(cube_id)
            attempt = _attempt(reader, raw, request, moment)
            usage = usage_at(reader, raw, moment)
            if not any_state and request.is_now:
                _check_shown(attempt, usage, moment)
            cube = read_cube(reader, attempt, usage)
        passage.note(head.scope, [(raw, attempt.outcome.version)], attempt.ordinal)
        return cube


def history(session: Session, cube_id: str) -> list[Change]:
    """See `Memory.history`."""
    raw = check_id(cube_id)
    with session.gate.enter("history") as passage:
        with session.engine.read() as reader:
            head = governed_head(passage, reader, raw)
            erased = head.lifecycle is Lifecycle.ERASED
            changes: list[Change] = []
            last = 0
            for attempt in reader.vault.query(LogQuery(cube_id=raw)):
                changes.append(change_of(reader, attempt, erased=erased))
                last = attempt.ordinal
            if not changes:
                raise Damaged(
                    f"cube {cube_id} has a head and no record of what made it: run `memos audit`, "
                    "then `memos rebuild`"
                )
        passage.note(head.scope, [(raw, head.version)], last)
        return changes


def diff(session: Session, cube_id: str, before: int, after: int) -> Diff:
    """See `Memory.diff`."""
    old = get(session, cube_id, StateRequest(version=before))
    new = get(session, cube_id, StateRequest(version=after))
    if isinstance(old, Forgotten) or isinstance(new, Forgotten):
        raise NotFound(f"cube {cube_id} was erased: its versions cannot be compared")
    return difference(old, new)


def lineage(session: Session, cube_id: str, direction: str, depth: int) -> Lineage:
    """See `Memory.lineage`."""
    raw = check_id(cube_id)
    check_choice(direction, DIRECTIONS, "direction")
    check_limit(depth, "depth", MAX_DEPTH)
    with session.gate.enter("lineage") as passage:
        with session.engine.read() as reader:
            head = governed_head(passage, reader, raw)
            walked = walk_lineage(
                reader, raw, direction, depth, lambda cube: is_readable(passage, reader, cube)
            )
        passage.note(head.scope, [(raw, head.version)])
    return walked


def _attempt(reader: Reader, raw: bytes, request: StateRequest, moment: Moment) -> Attempt:
    """The attempt whose state a `get` asks for."""
    attempt: Attempt | None
    if request.version is not None:
        attempt = reader.vault.version(raw, check_version(request.version))
        if attempt is None:
            raise NotFound(f"cube {id_text(raw)} has no version {request.version}: see its history")
    elif request.valid_at is not None:
        attempt = _valid_at(reader, raw, check_time(request.valid_at, "valid_at"))
        if attempt is None:
            raise NotFound(f"no version of cube {id_text(raw)} was valid at {request.valid_at}")
    elif moment.at is None:
        attempt = reader.vault.state_at(raw)
    else:
        attempt = reader.vault.state_at(raw, moment.at)
    if attempt is None:
        raise NotFound(f"cube {id_text(raw)} did not exist at that position")
    return attempt


def _valid_at(reader: Reader, raw: bytes, time: int) -> Attempt | None:
    """The newest version whose content was true in the world at a time."""
    at = as_datetime(time)
    for attempt in reversed(reader.vault.attempts(raw)):
        if attempt.state is None or not attempt.outcome.digest:
            continue
        cube = try_cube(reader, attempt)
        if isinstance(cube, MemCube):
            started = cube.valid_from is None or cube.valid_from <= at
            if started and (cube.valid_until is None or at < cube.valid_until):
                return attempt
    return None


def _check_shown(attempt: Attempt, usage: Usage, moment: Moment) -> None:
    state = attempt.state
    if state is None:
        return
    cube_id = id_text(attempt.cube_id)
    over = is_over(state, usage.last_used, moment.read_time)
    longer = f"{LONGER}, and then " if over else ""
    if state.lifecycle not in SHOWN:
        raise NotFound(
            f"cube {cube_id} is {state_title(state.lifecycle)}: pass any_state=True to read it, or "
            f"{longer}{way_into_sight(state.lifecycle)}"
        )
    if over:
        raise NotFound(
            f"cube {cube_id} has outlived its lifespan: pass any_state=True to read it, or {LONGER}"
        )
