"""An embedded vault that is made: built beside its place, and renamed when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import apsw

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.migration import CubeKey, Moved, Plan, Sealed, holds_else
from memos.infrastructure.engine.owed import OWED_ERASES, OwedErase, owed_to_text
from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.engine.resume import Resume
from memos.infrastructure.governance.usage.sqlite import access_size, forget_erased, refold_usage
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.receipts import Receipt, cosigned
from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.keys.sqlite.key_mark import seal_settings
from memos.infrastructure.log.ancestry import (
    MIGRATED_CUTS,
    MIGRATED_FROM,
    Ancestor,
    FirstPlace,
    ancestors_in,
    ancestors_to_text,
    cuts_to_text,
)
from memos.infrastructure.log.port import Cut
from memos.infrastructure.log.sqlite import PARTITION
from memos.infrastructure.progress import Progress
from memos.infrastructure.sqlite.statements import row

PLAN = "migration"


class EmbeddedTarget:
    """See `engine.migration.MigrationTarget`. Records keep their log times; positions are new where
    the source has several partitions.
    """

    def __init__(self, directory: Path, administrator: str) -> None:
        self._directory = directory
        self._administrator = administrator
        self._stage = directory.parent / f".{directory.name}.migrating"
        self._engine: EmbeddedEngine | None = None
        self._resume = Resume({})
        self._accesses = 0
        self._done = False
        self.name = str(directory)

    def plan(self, origin: str) -> Plan | None:
        if (self._directory / DATABASE_FILE).exists():
            self._open(self._directory, create=False)
            ancestors = ancestors_in(self.engine.setting)
            self._done = any(ancestor.origin == origin for ancestor in ancestors)
            if not self._done:
                raise holds_else(self.name)
            return None
        if self._directory.exists() and any(self._directory.iterdir()):
            raise holds_else(self.name)
        self._directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        self._open(self._stage, create=True)
        sql = (
            "SELECT origin, first_offset, first_log_time FROM migrated ORDER BY offset DESC LIMIT 1"
        )
        with self.stores.database.reading() as connection:
            last = row(connection, sql)
            self._accesses = access_size(connection)
        self._resume = Resume({PARTITION: FirstPlace(*last)} if last else {})
        stored = self.engine.setting(PLAN)
        return Plan.from_text(stored) if stored else None

    @property
    def engine(self) -> EmbeddedEngine:
        """The vault, once it is open."""
        assert self._engine is not None  # noqa: S101 - `plan` opens it
        return self._engine

    @property
    def stores(self) -> EmbeddedStores:
        """The vault's files, once they are open."""
        return self.engine.stores

    def is_done(self) -> bool:
        return self._done

    def keep_plan(self, plan: Plan, notes: Sequence[Sealed], origin: str) -> None:
        self._keep({PLAN: plan.to_text()})

    @property
    def keys(self) -> KeyVault:
        return self.engine.keys

    def append(
        self, moved: Sequence[Moved], keys: Callable[[Sequence[bytes]], list[CubeKey]]
    ) -> int:
        missing = [record for record in moved if self._resume.is_missing(PARTITION, record.first)]
        created = [m.event.cube_id for m in missing if m.event and m.event.kind in CREATING]
        cube_keys = {kept.cube_id: kept.key for kept in keys(created)} if created else {}
        if missing:
            self.stores.database.write(lambda: self._replay(missing, cube_keys))
        return len(missing)

    def _replay(self, moved: Sequence[Moved], keys: Mapping[bytes, bytes]) -> None:
        firsts = []
        log, writer = self.stores.log, self.stores.database.writer
        replay = self.engine.transaction.replay
        frontier = row(writer, "SELECT log_time FROM frontier")
        last = 0 if frontier is None else int(frontier[0])
        for record in moved:
            last = max(last, record.log_time)
            event = record.event
            if event is None:
                offset = log.add(record.data, last)
            else:
                key = keys.get(event.cube_id) if event.kind in CREATING else None
                offset = replay(record.data, event, last, key).position.offset
            firsts.append((offset, *record.first))
        writer.executemany("INSERT INTO migrated VALUES (?, ?, ?, ?)", firsts)

    def counted(self) -> Cut:
        return self._resume.counted

    def append_accesses(self, moved: Sequence[Moved]) -> int:
        new = list(islice(moved, self._skipped(len(moved)), None))
        self.stores.database.write(lambda: self._add_accesses(new))
        return len(new)

    def _add_accesses(self, moved: Sequence[Moved]) -> None:
        writer = self.stores.database.writer
        start = access_size(writer)
        writer.executemany(
            "INSERT INTO access VALUES (?, ?, ?)",
            [(start + n, record.log_time, record.data) for n, record in enumerate(moved)],
        )

    def _skipped(self, count: int) -> int:
        """How many of the next accesses are there already."""
        skipped = min(self._accesses, count)
        self._accesses -= skipped
        return skipped

    def keep_erasures(self, receipts: Iterable[Receipt], verifier_keys: Sequence[str]) -> None:
        kept = list(cosigned(receipts, verifier_keys, self.stores.signer()))
        sql = "INSERT OR IGNORE INTO erasure VALUES (?, ?)"
        database = self.stores.database
        database.write(lambda: database.writer.executemany(sql, kept))

    def fold(self, progress: Progress) -> None:
        """Appending folded the events; usage is folded here."""
        self.stores.database.write(self._fold_usage)

    def _fold_usage(self) -> None:
        refold_usage(self.stores.database.writer)
        forget_erased(self.stores.database.writer)

    def digest(self) -> str:
        return self.engine.maintenance.digest()

    def finish(
        self, cuts: Mapping[str, Cut], ancestors: Sequence[Ancestor], owed: Sequence[OwedErase]
    ) -> None:
        self._keep(
            {
                MIGRATED_FROM: ancestors_to_text(ancestors),
                MIGRATED_CUTS: cuts_to_text(cuts),
                OWED_ERASES: owed_to_text(owed),
            }
        )
        self._forget(PLAN)
        self.close()
        if self._directory.exists():
            self._directory.rmdir()  # it is empty: it was when this began
        self._stage.rename(self._directory)
        sync_directory(self._directory.absolute().parent)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _open(self, directory: Path, *, create: bool) -> None:
        self._engine = EmbeddedEngine(directory, create=create, creator=self._administrator)

    def _keep(self, settings: Mapping[str, str]) -> None:
        sql = "INSERT OR REPLACE INTO setting VALUES (?, ?)"
        values = list(settings.items())
        self._change_settings(lambda writer: writer.executemany(sql, values))

    def _forget(self, name: str) -> None:
        sql = "DELETE FROM setting WHERE name = ?"
        self._change_settings(lambda writer: writer.execute(sql, (name,)))

    def _change_settings(self, change: Callable[[apsw.Connection], object]) -> None:
        database = self.stores.database

        def work() -> None:
            change(database.writer)
            seal_settings(database.writer, self.stores.keys)

        database.write(work)
