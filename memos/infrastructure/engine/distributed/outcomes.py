"""What became of events: read from the vault once the fold is past them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memos.infrastructure.engine.commit import Committed
from memos.infrastructure.engine.distributed.waiter import Waiter, ends_of
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.port import Attempt
from memos.kernel.consequences import consequences_of
from memos.kernel.errors import NotApplied
from memos.kernel.event import Record, id_text
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.outcome import Result
from memos.wire.event_pb2 import Event


def foreseen(event: Event, record: Record) -> Committed:
    """What the fold will make of a new cube's first event: no other event can come before it."""
    state, outcome, _ = KeyedFold().fold(None, event)
    return Committed(event, record.position, record.log_time, outcome, state)


class Outcomes:
    """Reads outcomes from the live vault, and waits for those of what the fold itself appended."""

    def __init__(self, vault: Callable[[], CassandraVault], waiter: Waiter) -> None:
        self._vault = vault
        self._waiter = waiter

    def at(self, events: Sequence[Event], records: Sequence[Record]) -> list[Committed]:
        """What became of events at their own records: one that repeats another has an outcome of
        its own, which is not that of the first.
        """
        outcomes = self._vault().at_positions(record.position for record in records)
        committed = []
        for event, record in zip(events, records, strict=True):
            stored = outcomes.get(record.position)
            if stored is None or stored.attempt.event_id != event.event_id:
                raise NotApplied(
                    f"event {id_text(event.event_id)} was taken by the log at {record.position}, and "
                    "the fold has another there, or none: see `memos doctor`"
                )
            committed.append(self._committed(event, record, stored.attempt))
        return committed

    def _attempts(self, events: Sequence[Event]) -> dict[bytes, Attempt]:
        outcomes = self._vault().outcomes({event.event_id: event.cube_id for event in events})
        return {event_id: stored.attempt for event_id, stored in outcomes.items()}

    def _committed(self, event: Event, record: Record, attempt: Attempt) -> Committed:
        followed: tuple[Committed, ...] = ()
        if attempt.outcome.result is Result.ACCEPTED:
            followed = self._followed(consequences_of(event))
        return Committed(
            event,
            record.position,
            attempt.log_time,
            attempt.outcome,
            attempt.state or self._vault().head(event.cube_id),
            followed,
        )

    def _followed(self, events: Sequence[Event]) -> tuple[Committed, ...]:
        """What became of what the fold appended: its records' positions are not known before."""
        if not events:
            return ()

        def all_there() -> dict[bytes, Attempt] | None:
            attempts = self._attempts(events)
            return attempts if len(attempts) == len(events) else None

        attempts = self._waiter.until(all_there)
        if attempts is None:
            raise NotApplied(
                f"not all of the {len(events)} events that follow from operation "
                f"{id_text(events[0].operation_id)} are folded: is `memos worker fold` running?"
            )
        self._waiter.until_applied(ends_of(attempt.position for attempt in attempts.values()))
        heads = self._vault().heads_many([event.cube_id for event in events])
        return tuple(
            Committed(
                event,
                attempts[event.event_id].position,
                attempts[event.event_id].log_time,
                attempts[event.event_id].outcome,
                heads.get(event.cube_id),
            )
            for event in events
        )
