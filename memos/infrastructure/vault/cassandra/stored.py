"""Rows read back: attempts, states, and the events that they hold."""

from __future__ import annotations

from operator import index
from typing import NamedTuple

from google.protobuf.message import DecodeError

from memos.infrastructure.cassandra.connection import Row
from memos.infrastructure.vault.folded import Folded
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, Position, Record, Undecodable, decode, id_text
from memos.kernel.outcome import Outcome, Reason, Result
from memos.kernel.state import checksum, state_from_bytes
from memos.wire.event_pb2 import Event

ATTEMPT_COLUMNS = (
    "cube_id, ordinal, partition, offset, log_time, sequence, result, reason, version, digest,"
    " duplicate_of, state, caused, data"
)


class Stored(NamedTuple):
    """A record of a cube: what became of it, its event, and the ids of what follows from it."""

    attempt: Attempt
    event: Event
    record: Record
    caused: tuple[bytes, ...]


class FoldedHead(NamedTuple):
    """A cube as it is now, and the last record folded into it."""

    state: CubeState
    position: Position
    ordinal: int


def stored_of(row: Row) -> Stored:
    """What a row of ATTEMPT_COLUMNS holds.

    Raises:
        Damaged: its bytes are not what was written.
    """
    cube_id, ordinal, partition, offset, log_time, sequence, result, reason = row[:8]
    version, digest, duplicate_of, state, caused, data = row[8:]
    position = Position(partition, offset)
    try:
        event = decode(data)
        outcome = Outcome(Result(result), version, Reason(reason), digest, duplicate_of)
        kind = Kind(event.kind)
        if min(map(index, (ordinal, partition, offset, sequence, version))) < 0:
            raise ValueError("a count is below zero")
        ids = tuple(caused[at : at + 16] for at in range(0, len(caused), 16))
    except (Undecodable, ValueError, TypeError) as error:
        raise Damaged(
            f"the record at {position}, as the vault has it, is damaged ({error}): run "
            "`memos rebuild`"
        ) from None
    attempt = Attempt(
        position=position,
        ordinal=ordinal,
        log_time=log_time,
        event_id=event.event_id,
        cube_id=cube_id,
        sequence=sequence,
        kind=kind,
        scope=event.scope,
        actor=event.actor,
        operation_id=event.operation_id,
        outcome=outcome,
        composed_from=event.composed_from,
        state=state_of(cube_id, state) if state else None,
    )
    return Stored(attempt, event, Record(position, log_time, data), ids)


def stored_from(folded: Folded) -> Stored | None:
    """What a reader would find of a record that was folded here; None where it is no event."""
    record, event, outcome, state = folded.record, folded.event, folded.outcome, folded.state
    if event is None:
        return None
    attempt = Attempt(
        position=record.position,
        ordinal=folded.ordinal,
        log_time=record.log_time,
        event_id=event.event_id,
        cube_id=event.cube_id,
        sequence=0 if state is None else state.sequence,
        kind=Kind(event.kind),
        scope=event.scope,
        actor=event.actor,
        operation_id=event.operation_id,
        outcome=outcome,
        composed_from=event.composed_from,
        state=state if outcome.result is Result.ACCEPTED else None,
    )
    return Stored(attempt, event, record, folded.caused)


def state_of(cube_id: bytes, stored: bytes) -> CubeState:
    """A cube's state from its bytes.

    Raises:
        Damaged: they are no state.
    """
    try:
        return state_from_bytes(stored)
    except (DecodeError, ValueError) as error:
        raise Damaged(
            f"what is stored of cube {id_text(cube_id)} is damaged ({error}): run `memos rebuild`"
        ) from None


def checked_state(cube_id: bytes, stored: bytes, check: bytes) -> CubeState:
    """A head's state.

    Raises:
        Damaged: it is not what was written.
    """
    if checksum(stored) != check:
        raise Damaged(f"the head of cube {id_text(cube_id)} is damaged: run `memos rebuild`")
    return state_of(cube_id, stored)
