"""What a write returns, and how a rejection becomes an error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from memos.infrastructure.engine.commit import Committed
from memos.infrastructure.engine.port import Engine
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import (
    AlreadyErased,
    Conflict,
    Held,
    IllegalMove,
    NotFound,
    OtherContent,
)
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.outcome import Reason, Result
from memos.operation.cube import state_title
from memos.operation.wording import changing

_WAYS_INTO_SIGHT = {
    Lifecycle.ARCHIVED: "restore it",
    Lifecycle.EXPIRED: "restore it",
    Lifecycle.MERGED: "undo its merge (rollback with the operation= of the change to Merged in its "
    "history; archive and restore this one where that reaches what is not yours to change)",
}


LONGER = "give it another lifespan (set_lifespan)"
"""What brings a memory back that has outlived its own."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A cube that an operation over several could not change, and why."""

    cube_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write did: durable, and readable by `get` and `search`, once this is returned.

    `position` is a token that a reader can wait for; `rejected` lists, for an operation over
    several cubes, those that refused. Where nothing had to change, nothing was written: `event_id`
    and `operation_id` are empty, `version` and `position` those that stand. `digest` is that of the
    version, as the memory has it; empty where the version cannot be read yet.
    """

    event_id: str
    cube_id: str
    version: int
    position: Position
    operation_id: str
    rejected: tuple[Rejection, ...] = ()
    digest: str = ""


class TurnReceipts(list[Receipt]):
    """A receipt for each turn that was made, in order. `skipped` names the messages that made none, such
    as a picture alone, and what they have that is not kept.
    """

    def __init__(self, receipts: Iterable[Receipt] = (), skipped: Iterable[str] = ()) -> None:
        super().__init__(receipts)
        self.skipped = tuple(skipped)


def receipt_of(engine: Engine, committed: Committed) -> Receipt:
    """The receipt of an accepted event, or of the one that it repeats.

    Raises:
        MemosError: the event was rejected, or what it repeats was erased; the attempt stays in the
            log.
    """
    outcome = committed.outcome
    if outcome.result is Result.REJECTED:
        raise_rejection(committed)
    position, version, state = committed.position, outcome.version, committed.state
    operation_id = committed.event.operation_id
    if outcome.result is Result.DUPLICATE:
        check_not_erased(committed)
        with engine.read() as reader:
            first = reader.vault.by_event(outcome.duplicate_of, committed.event.cube_id)
        if first is not None:
            position, operation_id, state = first.position, first.operation_id, first.state
    return Receipt(
        id_text(committed.event.event_id),
        id_text(committed.event.cube_id),
        version,
        position,
        id_text(operation_id),
        tuple(rejections(committed)),
        digest_of(state, version),
    )


def digest_of(state: CubeState | None, version: int) -> str:
    """The digest of a version, of the state that it left."""
    return "" if state is None or state.version != version else state.versions_digest.hex()


def rejections(committed: Committed) -> list[Rejection]:
    """What followed from an event and was rejected."""
    return [
        Rejection(id_text(followed.event.cube_id), reason_text(followed.outcome.reason))
        for followed in committed.walk()
        if followed is not committed and followed.outcome.result is Result.REJECTED
    ]


def other_content(cube_id: bytes, where: str = "") -> OtherContent:
    """The error of a key that stands for another command already."""
    return OtherContent(
        f"{where}the idempotency key was used for cube {id_text(cube_id)} with other content: use a "
        "new key"
    )


def check_not_erased(committed: Committed) -> None:
    """A retry of what was erased since stored nothing, and no receipt may say that it did.

    Raises:
        AlreadyErased: the event, a duplicate, is such a retry.
    """
    state = committed.state
    if state is not None and state.lifecycle is Lifecycle.ERASED:
        raise already_erased(state.cube_id)


def already_erased(cube_id: bytes, where: str = "") -> AlreadyErased:
    """The error of a retry whose memory was erased."""
    return AlreadyErased(
        f"{where}what was stored under this idempotency key, cube {id_text(cube_id)}, is erased or being "
        "erased, and nothing was stored: to store it anew, use a fresh key"
    )


def reason_text(reason: Reason) -> str:
    """A reason in words."""
    return reason.name.lower().replace("_", " ")


def raise_rejection(committed: Committed) -> NoReturn:
    """Turn the fold's rejection into the error that a caller expects."""
    event, state = committed.event, committed.state
    cube, attempted = id_text(event.cube_id), changing(Kind(event.kind))
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
        case Reason.FROZEN if state is not None:
            raise held(state, attempted)
        case Reason.OTHER_CONTENT:
            raise other_content(event.cube_id)
        case Reason.ERASED | Reason.ERASING:
            raise IllegalMove(f"cube {cube} is erased or being erased: nothing can change it")
        case Reason.EXISTS:
            raise IllegalMove(f"cube {cube} exists already: nothing was changed")
        case _ if where == Kind(event.kind).title:
            raise IllegalMove(f"cube {cube} is {where} already: nothing was changed")
        case _:
            way_back = "" if state is None else way_into_sight(state.lifecycle)
            hint = f"; {way_back} first" if way_back else ""
            raise IllegalMove(f"cube {cube} is {where}, and nobody can {attempted} there{hint}")


def held(state: CubeState, attempted: str, more: str = "") -> Held:
    """The error of a change of a cube that is frozen, or under a legal hold.

    Args:
        state: the cube's.
        attempted: what the caller wanted to do, such as "change it".
        more: what else is to be said.
    """
    cube = id_text(state.cube_id)
    if state.yields_to_erase:
        text = f"cube {cube} is frozen: thaw it before you {attempted}"
    else:
        text = (
            f"cube {cube} is under a legal hold: an administrator has to lift that before you can "
            f"{attempted}"
        )
    return Held(text + more, (cube,))


def raise_rejected(committed: Committed) -> None:
    """Raise where an event was rejected."""
    if committed.outcome.result is Result.REJECTED:
        raise_rejection(committed)


def way_into_sight(lifecycle: Lifecycle) -> str:
    """How a cube comes back from a state that is out of sight; empty where it is in none, or erased."""
    return _WAYS_INTO_SIGHT.get(lifecycle, "")
