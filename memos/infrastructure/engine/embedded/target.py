"""An embedded vault that is made: built beside its place, and renamed when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.migration import CubeKey, Moved, Plan, Sealed
from memos.infrastructure.engine.resume import Resume
from memos.infrastructure.governance.usage.sqlite import access_size, forget_erased, refold_usage
from memos.infrastructure.index.projection import Analyse
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.log.ancestry import (
    MIGRATED_CUTS,
    MIGRATED_FROM,
    Ancestor,
    First,
    ancestors_in,
    ancestors_to_text,
    cuts_to_text,
)
from memos.infrastructure.log.port import Cut
from memos.infrastructure.log.sqlite import PARTITION
from memos.infrastructure.progress import Progress
from memos.infrastructure.sqlite.database import row
from memos.infrastructure.transfer.layout import CREATING
from memos.kernel.errors import Refused

PLAN = "migration"


class EmbeddedTarget:
    """See `parts.Target`. Records keep their log times; positions are new where the source has
    several partitions.
    """

    def __init__(self, directory: Path, analyse: Analyse, administrator: str) -> None:
        self._directory = directory
        self._analyse = analyse
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
            self._done = any(each.origin == origin for each in ancestors_in(self.engine.setting))
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
        with self.engine.read() as reader:
            last = row(reader.connection, sql)
            self._accesses = access_size(reader.connection)
        self._resume = Resume({PARTITION: First(*last)} if last else {})
        stored = self.engine.setting(PLAN)
        return Plan.from_text(stored) if stored else None

    @property
    def engine(self) -> EmbeddedEngine:
        """The vault, once it is open."""
        assert self._engine is not None  # noqa: S101 - `plan` opens it
        return self._engine

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
        missing = [each for each in moved if self._resume.is_missing(PARTITION, each.first)]
        wanted = [e.event.cube_id for e in missing if e.event and e.event.kind in CREATING]
        known = {each.cube_id: each.key for each in keys(wanted)} if wanted else {}
        if missing:
            self.engine.write(lambda engine: _replay(engine, missing, known))
        return len(missing)

    def counted(self) -> Cut:
        return self._resume.counted

    def append_accesses(self, moved: Sequence[Moved]) -> int:
        new = list(islice(moved, self._skipped(len(moved)), None))
        self.engine.write(lambda engine: _add_accesses(engine, new))
        return len(new)

    def _skipped(self, count: int) -> int:
        """How many of the next accesses are there already."""
        skipped = min(self._accesses, count)
        self._accesses -= skipped
        return skipped

    def keep_erasures(self, receipts: Iterable[tuple[bytes, str]]) -> None:
        kept = list(receipts)
        sql = "INSERT OR IGNORE INTO erasure VALUES (?, ?)"
        self.engine.write(lambda engine: engine.database.writer.executemany(sql, kept))

    def fold(self, progress: Progress) -> None:
        """Appending folded the events; usage is folded here."""
        self.engine.write(_fold_usage)

    def digest(self) -> str:
        return self.engine.digest()

    def finish(self, cuts: Mapping[str, Cut], ancestors: Sequence[Ancestor]) -> None:
        self._keep({MIGRATED_FROM: ancestors_to_text(ancestors), MIGRATED_CUTS: cuts_to_text(cuts)})
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
        self._engine = EmbeddedEngine(
            directory, self._analyse, create=create, creator=self._administrator
        )

    def _keep(self, settings: Mapping[str, str]) -> None:
        sql = "INSERT OR REPLACE INTO setting VALUES (?, ?)"
        values = list(settings.items())
        self.engine.write(lambda engine: engine.database.writer.executemany(sql, values))

    def _forget(self, name: str) -> None:
        sql = "DELETE FROM setting WHERE name = ?"
        self.engine.write(lambda engine: engine.database.writer.execute(sql, (name,)))


def holds_else(name: str) -> Refused:
    """The error of a target that is not free."""
    return Refused(
        f"{name} holds something else already: a vault is moved into a place of its own, so name "
        "another; nothing was changed"
    )


def _replay(engine: EmbeddedEngine, moved: Sequence[Moved], keys: Mapping[bytes, bytes]) -> None:
    firsts = []
    last = _last_log_time(engine)
    for each in moved:
        last = max(last, each.log_time)
        if each.event is None:
            offset = engine.log.add(each.data, last)
        else:
            key = keys.get(each.event.cube_id) if each.event.kind in CREATING else None
            offset = engine.replay(each.data, each.event, last, key).position.offset
        firsts.append((offset, *each.first))
    engine.database.writer.executemany("INSERT INTO migrated VALUES (?, ?, ?, ?)", firsts)


def _last_log_time(engine: EmbeddedEngine) -> int:
    found = row(engine.database.writer, "SELECT log_time FROM frontier")
    return 0 if found is None else int(found[0])


def _add_accesses(engine: EmbeddedEngine, moved: Sequence[Moved]) -> None:
    writer = engine.database.writer
    start = access_size(writer)
    writer.executemany(
        "INSERT INTO access VALUES (?, ?, ?)",
        [(start + n, each.log_time, each.data) for n, each in enumerate(moved)],
    )


def _fold_usage(engine: EmbeddedEngine) -> None:
    writer = engine.database.writer
    refold_usage(writer)
    forget_erased(writer)
