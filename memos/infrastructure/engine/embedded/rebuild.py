"""Rebuild: drop every projection of an embedded vault and fold its log again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import apsw

from memos.infrastructure.engine.embedded.figures import digest
from memos.infrastructure.engine.embedded.keyed_events import accepted_before
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.reader import has_no_key
from memos.infrastructure.governance.usage.sqlite import forget_erased, refold_usage
from memos.infrastructure.log.sqlite import read_records
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import Rebuilt
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.cube import CubeState
from memos.kernel.event import Position, Record, Undecodable, decode
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.outcome import Outcome
from memos.wire.event_pb2 import Event

FLUSH_EVERY = 2000
KEPT_STATES = 20_000


def rebuild(stores: EmbeddedStores, projector: Projector, progress: Progress) -> Rebuilt:
    """Drop every projection and fold the log again, in one transaction.

    Readers see the old projections until it is done; a crash leaves them as they were.
    """

    def work() -> Rebuilt:
        writer = stores.database.writer
        SqliteVaultWriter.clear(writer)
        stores.index.clear()
        unreadable: list[Position] = []
        projector.unreadable, projector.keyless = unreadable, {}
        try:
            undecodable = [
                str(refolded.record.position)
                for refolded in refold(writer, projector, stores.log.size, progress)
                if refolded.event is None
            ]
        finally:
            projector.unreadable = None
        vault = SqliteVault(writer)
        unreadable += [
            position
            for cube_id, position in projector.keyless.items()
            if not has_no_key(vault.head(cube_id))
        ]
        refold_usage(writer)
        forget_erased(writer)
        return Rebuilt(
            stores.log.size,
            digest(vault),
            tuple(undecodable),
            tuple(map(str, sorted(unreadable))),
        )

    return stores.database.transact(work)


class Refolded(NamedTuple):
    """One record, folded again; without event and outcome where it is no event."""

    record: Record
    event: Event | None = None
    outcome: Outcome | None = None


def refold(
    connection: apsw.Connection, projector: Projector, total: int, progress: Progress
) -> Iterator[Refolded]:
    """Fold the first `total` records of a log into empty projections, as each is asked for.

    Args:
        connection: reads the log, and what the projector has written.
        projector: writes over the same connection.
        total: how many records there are.
        progress: is told of records done.
    """
    states: dict[bytes, CubeState | None] = {}
    vault = SqliteVault(connection)
    keyed = KeyedFold(partial(accepted_before, connection))
    done = 0
    for record in read_records(connection, 0, total):
        done += 1
        try:
            event = decode(record.data)
        except Undecodable:
            yield Refolded(record)
            continue
        cube_id = event.cube_id
        # A cube that is not in memory was written by an earlier flush, or is new.
        before = states[cube_id] if cube_id in states else vault.head(cube_id)
        after, outcome, _ = keyed.fold(before, event)
        states[cube_id] = after
        projector.project(record.position, record.log_time, event, before, after, outcome)
        if not done % FLUSH_EVERY:
            projector.flush(done)
            keyed.forget()
            if len(states) > KEPT_STATES:
                states.clear()
            progress(done, total)
        yield Refolded(record, event, outcome)
    projector.flush(total)
