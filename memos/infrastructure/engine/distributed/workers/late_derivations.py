"""Memories that were made of erased ones: appended before their writer could see it, folded after.

The fold worker asks for their erase when it comes to them, and the index worker shows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from memos.infrastructure.log.kafka.first_place import origin_of
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.folded import Folded
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Kind, Position
from memos.kernel.late import comes_behind, late_erase, made_of
from memos.kernel.outcome import Result
from memos.wire.event_pb2 import Event

Heads = Callable[[Iterable[bytes]], Mapping[bytes, CubeState]]


def late_erases(
    vault: CassandraVault, log: KafkaLog, folded: Sequence[Folded], heads: Heads
) -> list[Event]:
    """The requests to erase those of folded records that made a memory of an erased one."""
    made = [
        (one.event, one.record.position)
        for one in folded
        if one.event is not None and one.outcome.result is Result.ACCEPTED
    ]
    return [late_erase(event, request) for event, request in _late(vault, log, made, heads)]


def late_cubes(vault: CassandraVault, log: KafkaLog, records: Sequence[Stored]) -> set[bytes]:
    """The cubes that these records made of erased ones."""
    made = [(stored.event, stored.record.position) for stored in records]
    return {event.cube_id for event, _ in _late(vault, log, made, vault.heads_many)}


def _late(
    vault: CassandraVault, log: KafkaLog, made: Sequence[tuple[Event, Position]], heads: Heads
) -> list[tuple[Event, Event]]:
    """Those that came behind the erase of a source, each with the request of that erase."""
    named = {raw for event, _ in made if event.edges for raw in made_of(event)}
    if not named:
        return []
    states = heads(sorted(named))
    late = []
    for event, position in made:
        for raw in made_of(event):
            state = states.get(raw)
            if state is None or state.lifecycle is not Lifecycle.ERASED:
                continue
            request = _request(vault, state.erasing)
            if request is None or not comes_behind(request.event, position):
                continue
            if not origin_of(log, request.record.position):
                late.append((event, request.event))
                break
    return late


def _request(vault: CassandraVault, operation_id: bytes) -> Stored | None:
    stored = next(iter(vault.stored(operation_id)), None)
    return None if stored is None or stored.event.kind != Kind.ERASE_REQUESTED else stored
