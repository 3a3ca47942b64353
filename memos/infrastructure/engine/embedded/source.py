"""An embedded vault that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from memos.infrastructure.engine.embedded import proofs as tree
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.migration import (
    BATCH,
    CubeKey,
    Moved,
    Sealed,
    access_key,
    event_in,
    key_of,
)
from memos.infrastructure.keys.envelope import split_subjects
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.log.ancestry import Ancestor, First, ancestors_in
from memos.infrastructure.log.port import Cut
from memos.infrastructure.log.sqlite import PARTITION, log_end
from memos.infrastructure.sqlite.database import row, rows
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Refused
from memos.kernel.event import Position, id_text

T = TypeVar("T")


class EmbeddedSource:
    """See `parts.Source`. Who writes meanwhile is told that the vault is busy."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self.name = engine.name
        self.origin = engine.origin
        self.verifier_key = engine.signer().verifier_key
        self.keys: KeyVault = engine.keys

    def hold(self, work: Callable[[], T]) -> T:
        return self._engine.write(lambda _: work())

    def end(self) -> Cut:
        with self._engine.read() as reader:
            return log_end(reader.connection)

    def erasing(self) -> bool:
        return bool(self._engine.unfinished())

    def seal(self) -> list[Sealed]:
        writer = self._engine.reader().connection
        head = tree.sign(writer, self.origin, self._engine.signer())
        return [Sealed(PARTITION, head.size, head.note)]

    def cuts(self) -> Mapping[str, Cut]:
        with self._engine.read() as reader:
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
            with self._engine.read() as reader:
                found = list(rows(reader.connection, sql, (page, min(page + BATCH, end))))
            for offset, log_time, data, *first in found:
                event = event_in(data)
                yield Moved(
                    Position(PARTITION, offset),
                    log_time,
                    data,
                    key_of(event),
                    First(self.origin, offset, log_time) if first[0] is None else First(*first),
                    event,
                )

    def accesses(self) -> Iterator[Moved]:
        sql = "SELECT position, log_time, data FROM access WHERE position >= ? ORDER BY position"
        start = 0
        while True:
            with self._engine.read() as reader:
                found = list(rows(reader.connection, f"{sql} LIMIT {BATCH}", (start,)))
            if not found:
                return
            for offset, log_time, data in found:
                first = First(self.origin, offset, log_time)
                yield Moved(Position(PARTITION, offset), log_time, data, access_key(data), first)
            start = found[-1][0] + 1

    def cube_keys(self, cube_ids: Sequence[bytes]) -> list[CubeKey]:
        sql = "SELECT tenant, subjects FROM cube_key WHERE cube_id = ?"
        found = []
        with self._engine.read() as reader:
            for cube_id in cube_ids:
                key = reader.cube_key(cube_id)
                stored = row(reader.connection, sql, (cube_id,))
                if key is not None and stored is not None:
                    found.append(CubeKey(cube_id, stored[0], split_subjects(stored[1]), key))
                    continue
                head = reader.vault.head(cube_id)
                if head is not None and head.lifecycle is not Lifecycle.ERASED:
                    raise key_missing(cube_id)
        return found

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        with self._engine.read() as reader:
            yield from list(rows(reader.connection, "SELECT operation_id, receipt FROM erasure"))

    def ancestors(self) -> tuple[Ancestor, ...]:
        return ancestors_in(self._engine.setting)

    def digest(self) -> str:
        return self._engine.digest()


def key_missing(cube_id: bytes) -> Refused:
    """The error of a memory that nothing can open."""
    return Refused(
        f"the key of cube {id_text(cube_id)} is gone, though it was not erased: run `memos doctor` "
        "and `memos verify` on the source, and put its key file back from your backup"
    )
