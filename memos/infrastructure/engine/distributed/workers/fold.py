"""The fold worker: the one that folds. Everybody else learns what became of a record from it.

Order within a batch: rows of the records; what follows from them, and erases of what was made of
erased cubes, acknowledged by the log; heads; the mark. So a crash between any two leaves nothing missing: until a cube's head is written its
records are folded again, to the same rows, and events that follow have ids that come from their
cause.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from memos.infrastructure.engine.distributed.workers.late_derivations import late_erases
from memos.infrastructure.engine.distributed.workers.port import Mark
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.kafka.settings import event_key
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.infrastructure.vault.folded import Folded
from memos.kernel.cube import CubeState, KeyedEvent
from memos.kernel.event import Record, TooNew, Undecodable, decode
from memos.kernel.keyed_fold import KeyedFold, Place, keyed_event, may_repeat
from memos.kernel.outcome import UNDECODABLE
from memos.kernel.state import state_to_bytes
from memos.wire.event_pb2 import Event

KEPT_HEADS = 50_000
"""Heads held in memory for each partition, those used last."""


class Head(NamedTuple):
    """A cube after its last record, and that record's offset; None and -1 where there is none."""

    state: CubeState | None
    offset: int


class FoldBatch(NamedTuple):
    """What a batch of records came to. `too_new` is the record's error that ends it early."""

    folded: list[Folded]
    consequences: list[Event]
    mark: Mark
    too_new: TooNew | None


class PartitionFold:
    """Folds one partition, in order, from the heads that are stored.

    Where none was when it began, as in a generation just made, none is asked for that was not folded
    here.
    """

    def __init__(self, vault: CassandraVault, mark: Mark, *, from_nothing: bool = False) -> None:
        self._vault = vault
        self._holds_all = from_nothing
        self._heads: OrderedDict[bytes, Head] = OrderedDict()
        self.mark = mark

    def fold(self, records: Sequence[Record]) -> FoldBatch:
        """Fold records; none of it is stored, and `mark` stays where it is, until `done`."""
        mark, too_new = self.mark, None
        events: list[tuple[Record, Mark, Event | None]] = []
        for record in records:
            if record.position.offset < mark.offset:
                continue
            try:
                event = decode(record.data)
            except Undecodable:
                event = None
            except TooNew as error:
                too_new = error
                break
            mark = mark.then(record)
            events.append((record, mark, event))
        self._load({event.cube_id for _, _, event in events if event is not None})
        keyed = KeyedFold(self._accepted_before(events))
        folded: list[Folded] = []
        consequences: list[Event] = []
        for record, at, event in events:
            if event is None:
                folded.append(Folded(record, at.ordinal, None, None, None, UNDECODABLE))
                continue
            head = self._heads[event.cube_id]
            if record.position.offset <= head.offset:
                continue  # a redelivery: its rows and what followed from it are there
            state, outcome, caused = keyed.fold(head.state, event)
            ids = tuple(follower.event_id for follower in caused)
            stamped = record._replace(log_time=at.log_time)
            stored = None if state is None else state_to_bytes(state)
            folded.append(Folded(stamped, at.ordinal, event, state, stored, outcome, ids))
            consequences.extend(caused)
            self._heads[event.cube_id] = Head(state, record.position.offset)
        return FoldBatch(folded, consequences, mark, too_new)

    def heads(self, cube_ids: Iterable[bytes]) -> dict[bytes, CubeState]:
        """Cubes as they are now: those of this partition as they were folded here."""
        named = list(cube_ids)
        heads = self._vault.heads_many(named)
        for cube_id in named:
            head = self._heads.get(cube_id)
            if head is not None and head.state is not None:
                heads[cube_id] = head.state
        return heads

    def done(self, batch: FoldBatch) -> None:
        """The batch is stored."""
        self.mark = batch.mark
        while len(self._heads) > KEPT_HEADS:
            self._heads.popitem(last=False)
            self._holds_all = False

    def forget(self) -> None:
        """Drop what was folded and not stored: the stored heads are what counts."""
        self._heads.clear()
        self._holds_all = False

    def _accepted_before(
        self, events: Iterable[tuple[Record, Mark, Event | None]]
    ) -> Callable[[Event], KeyedEvent | None]:
        """Looks up what cubes accepted under the ids of a batch's events, in the batches before it.

        What is behind a cube's head was written by a worker that did not come to store it, and is
        folded again: it does not count.
        """
        asked = {
            (event.cube_id, event.event_id): state.sequence
            for _, _, event in events
            if event is not None
            and may_repeat(event)
            and (state := self._heads[event.cube_id].state) is not None
        }
        accepted: dict[Place, KeyedEvent] = {}
        if asked:
            places = [(event_id, cube_id, at) for (cube_id, event_id), at in asked.items()]
            for stored in self._vault.accepted(places):
                attempt = stored.attempt
                before = keyed_event(stored.event, attempt.outcome)
                is_settled = attempt.position.offset <= self._heads[attempt.cube_id].offset
                if before is not None and is_settled:
                    accepted.setdefault((attempt.cube_id, attempt.event_id), before)
        return lambda event: accepted.get((event.cube_id, event.event_id))

    def _load(self, cube_ids: Iterable[bytes]) -> None:
        missing = []
        for cube_id in cube_ids:
            if cube_id in self._heads:
                self._heads.move_to_end(cube_id)
            else:
                missing.append(cube_id)
        stored = {} if self._holds_all else self._vault.folded_heads(missing)
        for cube_id in missing:
            state = stored.get(cube_id)
            self._heads[cube_id] = (
                Head(None, -1) if state is None else Head(state.state, state.position.offset)
            )


def mark_of(vault: CassandraVault, projection: str, partition: int) -> Mark:
    """Where a projection is in a partition."""
    checkpoint = vault.checkpoints(projection).get(partition)
    return Mark() if checkpoint is None else Mark(*checkpoint)


def store_batch(
    vault: CassandraVault,
    writer: CassandraVaultWriter,
    folding: PartitionFold,
    partition: int,
    batch: FoldBatch,
    events: KafkaLog | None,
) -> None:
    """Store what a batch came to; what follows from it is appended to `events`, where there is one."""
    writer.write_records(batch.folded)
    if events is not None:
        # Its edges are written by now: whoever erases a source after this look finds them.
        late = late_erases(vault, events, batch.folded, folding.heads)
        following = [*batch.consequences, *late]
        if following:
            events.append(
                [
                    (event_key(event.tenant, event.cube_id), event.SerializeToString())
                    for event in following
                ]
            )
    writer.write_heads(batch.folded)
    writer.write_checkpoint(FOLD, partition, *batch.mark)


class FoldWorker:
    """See `workers.port.Worker`."""

    name = FOLD

    def __init__(
        self, vault: CassandraVault, writer: CassandraVaultWriter, events: KafkaLog
    ) -> None:
        self._vault = vault
        self._writer = writer
        self._events = events
        self._partitions: dict[int, PartitionFold] = {}
        self.undecodable = 0
        """Records that were no events: rejected, with a copy of their bytes kept."""

    @property
    def topic(self) -> str:
        return self._events.topic

    def assigned(self, partition: int) -> int:
        mark = mark_of(self._vault, FOLD, partition)
        self._partitions[partition] = PartitionFold(self._vault, mark)
        return mark.offset

    def take(self, records: Sequence[Record]) -> None:
        if not records:
            return
        partition = records[0].position.partition
        if partition not in self._partitions:
            self.assigned(partition)
        folding = self._partitions[partition]
        try:
            batch = folding.fold(records)
            store_batch(self._vault, self._writer, folding, partition, batch, self._events)
        except BaseException:
            folding.forget()
            raise
        folding.done(batch)
        self.undecodable += sum(folded.event is None for folded in batch.folded)
        if batch.too_new is not None:
            raise batch.too_new
