"""An embedded vault that takes in the records of another log, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from memos.infrastructure.engine.appender import Appender
from memos.infrastructure.engine.embedded import figures
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.embedded.transaction import EmbeddedTransaction
from memos.infrastructure.engine.replay import ReplayTransaction
from memos.infrastructure.governance.usage.sqlite import forget_erased, refold_usage
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.receipts import Receipt, cosigned
from memos.infrastructure.keys.sqlite.key_mark import seal_settings
from memos.infrastructure.log.ancestry import FirstPlace
from memos.infrastructure.log.sqlite import PARTITION
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.cube import Lifecycle
from memos.kernel.event import Kind, Position
from memos.kernel.outcome import Result
from memos.wire.event_pb2 import Event

T = TypeVar("T")


class EmbeddedReplay:
    """See `engine.replay.Replay`."""

    def __init__(self, stores: EmbeddedStores, transaction: EmbeddedTransaction) -> None:
        self._database = stores.database
        self._keys = stores.keys
        self._transaction = EmbeddedReplayTransaction(stores, transaction)
        self.workplace: Path = stores.directory

    def transact(self, work: Callable[[ReplayTransaction], T]) -> T:
        def together() -> T:
            with self._keys.together():
                return work(self._transaction)

        taken = self._database.transact(together)
        # An erase that came along leaves its text in the write-ahead log until now.
        self._database.checkpoint_wal()
        return taken


class EmbeddedReplayTransaction:
    """See `engine.replay.ReplayTransaction`. One object for all: SQLite has one writer at a time."""

    def __init__(self, stores: EmbeddedStores, transaction: EmbeddedTransaction) -> None:
        self._stores = stores
        self._log = stores.log
        self._connection = stores.database.writer
        self._transaction = transaction
        self.keys: KeyVault = stores.keys
        self.own: Appender = transaction

    @property
    def log_time(self) -> int:
        return self._log.log_time

    def reader(self) -> EmbeddedReader:
        return self._stores.settled()

    def event_id(self, cube_id: bytes, sequence: int) -> bytes:
        sql = "SELECT event_id FROM attempt WHERE cube_id = ? AND sequence = ?"
        stored = row(self._connection, sql, (cube_id, sequence))
        return b"" if stored is None else bytes(stored[0])

    def erased_subjects(self) -> dict[str, dict[bytes, int]]:
        sql = (
            "SELECT position, log_time FROM attempt WHERE kind = ? AND result = 1"
            " AND cube_id = operation_id AND operation_id IN (SELECT operation_id FROM erasure)"
            " ORDER BY position"
        )
        reader = self.reader()
        erased: dict[str, dict[bytes, int]] = {}
        for offset, log_time in rows(self._connection, sql, (int(Kind.ERASE_REQUESTED),)):
            event = reader.event(Position(PARTITION, offset))
            of_tenant = erased.setdefault(event.tenant, {})
            for subject in event.erase_requested.subject_digests:
                of_tenant[subject] = log_time
        return erased

    def erased_cubes(self) -> Iterator[bytes]:
        self._stores.settle()
        sql = f"SELECT cube_id FROM head WHERE lifecycle = {Lifecycle.ERASED:d} ORDER BY cube_id"
        return (cube_id for (cube_id,) in rows(self._connection, sql))

    def digest(self) -> str:
        return figures.digest(self.reader().vault)

    def append(self, data: bytes, event: Event, log_time: int, key: bytes | None) -> int:
        committed = self._transaction.replay(data, event, log_time, key)
        if committed.outcome.result is Result.ACCEPTED and event.HasField("body"):
            cube_key = self._stores.cube_keys.key(self._connection, event.cube_id)
            if cube_key is not None:
                open_body(cube_key, event)
        return 0 if committed.state is None else committed.state.sequence

    def append_undecodable(self, data: bytes, log_time: int) -> None:
        self._log.add(data, log_time)

    def keep_first_place(self, first: FirstPlace) -> None:
        self._connection.execute(
            "INSERT INTO migrated VALUES (?, ?, ?, ?)", (self._log.size - 1, *first)
        )

    def take_accesses(self, accesses: Iterable[tuple[int, bytes]]) -> None:
        self._transaction.flush()
        self._connection.executemany(
            "INSERT INTO access VALUES (?, ?, ?)",
            ((position, *access) for position, access in enumerate(accesses)),
        )
        refold_usage(self._connection)
        forget_erased(self._connection)

    def keep_erasures(self, receipts: Iterable[Receipt], verifier_keys: Sequence[str]) -> None:
        signed = cosigned(receipts, verifier_keys, self._stores.signer())
        self._connection.executemany("INSERT OR IGNORE INTO erasure VALUES (?, ?)", signed)

    def setting(self, name: str) -> str:
        stored = row(self._connection, "SELECT value FROM setting WHERE name = ?", (name,))
        return "" if stored is None else str(stored[0])

    def keep_settings(self, settings: Mapping[str, str]) -> None:
        self._connection.executemany("INSERT INTO setting VALUES (?, ?)", settings.items())
        seal_settings(self._connection, self.keys)
