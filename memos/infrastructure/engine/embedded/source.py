"""An embedded vault that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from memos.infrastructure.engine.embedded import figures
from memos.infrastructure.engine.embedded.proofs import sign_tree
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.migration import (
    BATCH,
    CubeKey,
    Moved,
    Sealed,
    event_in,
    key_missing,
)
from memos.infrastructure.engine.owed import OwedErase, owed_in
from memos.infrastructure.keys.envelope import split_subjects
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.log.ancestry import Ancestor, FirstPlace, ancestors_in
from memos.infrastructure.log.port import Cut
from memos.infrastructure.log.sqlite import PARTITION, log_end
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.cube import Lifecycle
from memos.kernel.event import Position

T = TypeVar("T")


class EmbeddedSource:
    """See `engine.migration.MigrationSource`. Who writes meanwhile gets Busy."""

    def __init__(self, stores: EmbeddedStores) -> None:
        self._stores = stores
        self.name = stores.name
        self.origin = stores.origin
        self.verifier_key = stores.signer().verifier_key
        self.keys: KeyVault = stores.keys

    def hold(self, work: Callable[[], T]) -> T:
        return self._stores.database.write(work)

    def end(self) -> Cut:
        with self._stores.database.reading() as connection:
            return log_end(connection)

    def erasing(self) -> bool:
        with self._stores.read() as reader:
            return bool(reader.vault.erasing())

    def seal(self) -> list[Sealed]:
        """Inside `hold`, which is the write transaction."""
        head = sign_tree(self._stores)
        return [Sealed(PARTITION, head.size, head.note)]

    def cuts(self) -> Mapping[str, Cut]:
        with self._stores.read() as reader:
            return {name: {PARTITION: size} for name, size in reader.cuts().items()}

    def records(self, ends: Sequence[Cut]) -> Iterator[Iterator[Moved]]:
        start = 0
        for end in ends:
            yield self._between(start, end[PARTITION])
            start = end[PARTITION]

    def _between(self, start: int, end: int) -> Iterator[Moved]:
        sql = (
            "SELECT e.offset, e.log_time, e.data, m.origin, m.first_offset, m.first_log_time"
            " FROM event e LEFT JOIN migrated m ON m.offset = e.offset"
            " WHERE e.offset >= ? AND e.offset < ? ORDER BY e.offset"
        )
        for page in range(start, end, BATCH):
            with self._stores.database.reading() as connection:
                records = list(rows(connection, sql, (page, min(page + BATCH, end))))
            for offset, log_time, data, *place in records:
                here = place[0] is None
                first = FirstPlace(self.origin, offset, log_time) if here else FirstPlace(*place)
                yield Moved(Position(PARTITION, offset), log_time, data, first, event_in(data))

    def accesses(self) -> Iterator[Moved]:
        sql = "SELECT position, log_time, data FROM access WHERE position >= ? ORDER BY position"
        start = 0
        while True:
            with self._stores.database.reading() as connection:
                records = list(rows(connection, f"{sql} LIMIT {BATCH}", (start,)))
            if not records:
                return
            for offset, log_time, data in records:
                first = FirstPlace(self.origin, offset, log_time)
                yield Moved(Position(PARTITION, offset), log_time, data, first)
            start = records[-1][0] + 1

    def cube_keys(self, cube_ids: Sequence[bytes]) -> list[CubeKey]:
        sql = "SELECT tenant, subjects FROM cube_key WHERE cube_id = ?"
        kept = []
        with self._stores.read() as reader:
            for cube_id in cube_ids:
                key = reader.cube_key(cube_id)
                stored = row(reader.connection, sql, (cube_id,))
                if key is not None and stored is not None:
                    kept.append(CubeKey(cube_id, stored[0], split_subjects(stored[1]), key))
                    continue
                head = reader.vault.head(cube_id)
                if head is not None and head.lifecycle is not Lifecycle.ERASED:
                    raise key_missing(cube_id)
        return kept

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        with self._stores.database.reading() as connection:
            yield from list(rows(connection, "SELECT operation_id, receipt FROM erasure"))

    def ancestors(self) -> tuple[Ancestor, ...]:
        return ancestors_in(self._stores.setting)

    def owed(self) -> list[OwedErase]:
        return owed_in(self._stores.setting)

    def digest(self) -> str:
        with self._stores.read() as reader:
            return figures.digest(reader.vault)
