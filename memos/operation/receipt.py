"""What a write returns, and how a rejection becomes an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from memos.infrastructure.engine.commit import Committed
from memos.infrastructure.engine.port import Engine
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, Held, IllegalMove, NotFound, OtherContent
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.fold import Reason, Result
from memos.operation.cube import state_title


@dataclass(frozen=True, slots=True)
class Rejection:
    """A cube that an operation over several could not change, and why."""

    cube_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write did: durable, and readable by `get` and `search`, once this is returned.

    `position` is a token that a reader can wait for; `rejected` lists, for an operation over
    several cubes, those that refused.
    """

    event_id: str
    cube_id: str
    version: int
    position: Position
    operation_id: str
    rejected: tuple[Rejection, ...] = ()


def receipt_of(engine: Engine, committed: Committed) -> Receipt:
    """The receipt of an accepted event, or of the one that it repeats.

    Raises:
        MemosError: the event was rejected; the attempt stays in the log.
    """
    outcome = committed.outcome
    if outcome.result is Result.REJECTED:
        raise_rejection(committed)
    position, version = committed.position, outcome.version
    operation_id = committed.event.operation_id
    if outcome.result is Result.DUPLICATE:
        with engine.read() as reader:
            first = reader.vault.by_event(outcome.duplicate_of, committed.event.cube_id)
        if first is not None:
            position, operation_id = first.position, first.operation_id
    return Receipt(
        id_text(committed.event.event_id),
        id_text(committed.event.cube_id),
        version,
        position,
        id_text(operation_id),
        tuple(rejections(committed)),
    )


def rejections(committed: Committed) -> list[Rejection]:
    """What followed from an event and was rejected."""
    return [
        Rejection(id_text(followed.event.cube_id), reason_text(followed.outcome.reason))
        for followed in committed.walk()
        if followed is not committed and followed.outcome.result is Result.REJECTED
    ]


def reason_text(reason: Reason) -> str:
    """A reason in words."""
    return reason.name.lower().replace("_", " ")


def raise_rejection(committed: Committed) -> NoReturn:
    """Turn the fold's rejection into the error that a caller expects."""
    event, state = committed.event, committed.state
    cube, attempted = id_text(event.cube_id), Kind(event.kind).title
    where = state_title(state.lifecycle) if state is not None else "absent"
    match committed.outcome.reason:
        case Reason.NOT_FOUND:
            raise NotFound(f"there is no cube {cube}: check the id, and the vault it is from")
        case Reason.CONFLICT | Reason.STALE:
            current = committed.outcome.version
            raise Conflict(
                f"cube {cube} is at version {current}, not {event.expected_version}: read it "
                "again and decide anew",
                current,
            )
        case Reason.FROZEN:
            raise Held(f"cube {cube} is frozen: thaw it before {attempted}", (cube,))
        case Reason.OTHER_CONTENT:
            raise OtherContent(
                f"the idempotency key was used for cube {cube} with other content: use a new key"
            )
        case Reason.ERASED | Reason.ERASING:
            raise IllegalMove(f"cube {cube} is erased or being erased: nothing can change it")
        case Reason.EXISTS:
            raise IllegalMove(f"cube {cube} exists already, so {attempted} changed nothing")
        case _:
            raise IllegalMove(
                f"cube {cube} is {where}: {attempted} is not possible there{_hint(state)}"
            )


def _hint(state: CubeState | None) -> str:
    archived = state is not None and state_title(state.lifecycle) in ("Archived", "Expired")
    return "; restore it first" if archived else ""
