"""Rebuild: drop every projection of an embedded vault and fold its log again."""

from __future__ import annotations

from functools import partial

from memos.infrastructure.engine.embedded.figures import digest
from memos.infrastructure.engine.embedded.keyed_events import accepted_before
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.governance.usage.sqlite import forget_erased, refold_usage
from memos.infrastructure.log.sqlite import read_records
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import Rebuilt
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.cube import CubeState
from memos.kernel.event import Position, Undecodable, decode
from memos.kernel.keyed_fold import KeyedFold

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
        projector.unreadable = unreadable
        try:
            undecodable = _refold(stores, projector, progress)
        finally:
            projector.unreadable = None
        refold_usage(writer)
        forget_erased(writer)
        return Rebuilt(
            stores.log.size,
            digest(SqliteVault(writer)),
            tuple(undecodable),
            tuple(map(str, unreadable)),
        )

    return stores.database.transact(work)


def _refold(stores: EmbeddedStores, projector: Projector, progress: Progress) -> list[str]:
    states: dict[bytes, CubeState | None] = {}
    undecodable = []
    writer = stores.database.writer
    vault = SqliteVault(writer)
    keyed = KeyedFold(partial(accepted_before, writer))
    total = stores.log.size
    done = 0
    for record in read_records(writer, 0, total):
        done += 1
        try:
            event = decode(record.data)
        except Undecodable:
            undecodable.append(str(record.position))
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
    projector.flush(total)
    return undecodable
