"""The sweep of what has ended: each memory is archived, expired or erased, as its header says."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import LifespanEnd
from memos.kernel.errors import Held, NotFound
from memos.kernel.event import Kind, as_uuid, id_text
from memos.kernel.fold import Result
from memos.kernel.lifespan import deadline
from memos.operation.commands.draft import new_event
from memos.operation.commands.erase import EraseTarget, erase_cubes
from memos.operation.session import Session
from memos.operation.validation import Time, check_time


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came to the end of its lifespan, by what happened to it (cube ids).

    `held` could not be erased, because it or what was derived from it is frozen.
    """

    archived: tuple[str, ...]
    expired: tuple[str, ...]
    erased: tuple[str, ...]
    held: tuple[str, ...] = ()


def sweep(session: Session, now: Time | None) -> Sweep:
    """See `Memory.sweep`."""
    time = session.clock() if now is None else check_time(now, "now")
    with session.gate.enter("sweep") as passage:
        passage.admit()  # what ends a memory is its own header
        session.access_log.flush()
        ended: dict[LifespanEnd, list[bytes]] = {end: [] for end in LifespanEnd}
        with session.engine.writer.transaction() as transaction:
            reader = transaction.reader()
            for raw in reader.vault.ending(time):
                end = _expire(session, transaction, reader, raw, time)
                if end is not None:
                    ended[end].append(raw)
        erased, held = [], []
        for raw in ended[LifespanEnd.ERASE]:
            cube_id = id_text(raw)
            try:
                erase_cubes(session, passage, EraseTarget(cube_id=cube_id), by_lifespan=True)
            except Held:
                held.append(cube_id)
                continue
            except NotFound:
                pass  # it went with what it was made of
            erased.append(cube_id)
    return Sweep(
        tuple(map(id_text, ended[LifespanEnd.ARCHIVE])),
        tuple(map(id_text, ended[LifespanEnd.EXPIRE])),
        tuple(erased),
        tuple(held),
    )


def _expire(
    session: Session, transaction: Transaction, reader: Reader, raw: bytes, now: int
) -> LifespanEnd | None:
    """End one cube's lifespan; None where a use has renewed it, or its events refuse."""
    state = transaction.head(raw)
    lifespan = None if state is None else state.header.lifespan
    if state is None or lifespan is None:
        return None
    ends = deadline(lifespan, reader.usage(raw).last_used)
    if ends > now:
        return None
    if lifespan.then is LifespanEnd.ERASE:
        return LifespanEnd.ERASE
    named = b"memos/expiry/v1\n" + raw + ends.to_bytes(8, "big", signed=True)
    event_id = as_uuid(sha256(named).digest())
    event = new_event(session, Kind.EXPIRED, raw, state.scope, event_id=event_id)
    event.expired.deadline = ends
    event.expired.then = lifespan.then.value  # type: ignore[assignment]
    event.expired.expected_sequence = state.sequence
    event.expired.access_position.offset = reader.access_size()
    committed = transaction.append(Draft(event))
    return lifespan.then if committed.outcome.result is Result.ACCEPTED else None
