"""A distributed vault that is made: records with their first places, then one fold of them.

The fold worker would append what follows from each event, which stands in the log already. So no
worker, and no writer, can open the vault before the move is done: they begin behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from memos.infrastructure.engine.distributed import figures as keeping
from memos.infrastructure.engine.distributed.rebuild import fold_log, index_worker
from memos.infrastructure.engine.distributed.settings import Settings
from memos.infrastructure.engine.distributed.stores import MIGRATION, Stores
from memos.infrastructure.engine.embedded.target import holds_else
from memos.infrastructure.engine.migration import CubeKey, Moved, Plan, Sealed
from memos.infrastructure.engine.resume import Resume
from memos.infrastructure.index.projection import Analyse
from memos.infrastructure.keys.cassandra.cube_keys import NewKey, is_derived
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.log.ancestry import (
    MIGRATED_CUTS,
    MIGRATED_FROM,
    Ancestor,
    First,
    ancestors_in,
    ancestors_to_text,
    cuts_to_text,
)
from memos.infrastructure.log.kafka.first_place import first_in, headers_of
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.layout import CREATING
from memos.kernel.errors import Damaged, Refused

SETTLE_SECONDS = 1.0
"""What a process that was killed had sent is in the log by then."""


class DistributedTarget:
    """See `parts.Target`."""

    def __init__(self, settings: Settings, analyse: Analyse, administrator: str) -> None:
        self._settings = settings
        self._analyse = analyse
        self._administrator = administrator
        self._stores: Stores | None = None
        self._resume = Resume({})
        self._access_resume = Resume({})
        self._done = False
        self.name = str(settings.path)

    @property
    def stores(self) -> Stores:
        """The servers, once they are open."""
        assert self._stores is not None  # noqa: S101 - `plan` opens them
        return self._stores

    def plan(self, origin: str) -> Plan | None:
        self._stores = Stores(
            self._settings, create=True, creator=self._administrator, migrating=True
        )
        stored = self.stores.setting(MIGRATION)
        if not stored:
            self._done = any(each.origin == origin for each in ancestors_in(self.stores.setting))
            if not self._done:
                self._check_empty()
        if not self._done:
            self._refuse_workers()
        if not stored:
            return None
        time.sleep(SETTLE_SECONDS)
        self._resume = Resume(_last(self.stores.logs.events, self.name))
        self._access_resume = Resume(_last(self.stores.logs.access, self.name))
        return Plan.from_text(stored)

    def _check_empty(self) -> None:
        logs = self.stores.logs
        if any(logs.events.end().values()) or any(logs.access.end().values()):
            raise holds_else(self.name)
        administrator = self.stores.setting("administrator")
        if administrator != self._administrator:
            raise Refused(
                f"{self.name} is administered by {administrator}, and the vault that is moved by "
                f"{self._administrator}: make the target with --actor {self._administrator}, or "
                "let the migration make it; nothing was changed"
            )

    def _refuse_workers(self) -> None:
        running = running_workers(self._settings.kafka)
        if running:
            raise Refused(
                f"the workers {', '.join(sorted(running))} of {self.name} are running: stop them, "
                "and start them when the vault has been moved; nothing was changed"
            )

    def is_done(self) -> bool:
        return self._done

    def keep_plan(self, plan: Plan, notes: Sequence[Sealed], origin: str) -> None:
        self.stores.keep_setting(MIGRATION, plan.to_text())
        entries = [(origin.encode(), each.note.encode()) for each in notes if each.size]
        if entries:
            self.stores.logs.checkpoints.append(entries)

    @property
    def keys(self) -> KeyVault:
        return self.stores.keys

    def append(
        self, moved: Sequence[Moved], keys: Callable[[Sequence[bytes]], list[CubeKey]]
    ) -> int:
        events = self.stores.logs.events
        missing = [
            each
            for each in moved
            if self._resume.is_missing(events.partition_of(each.key), each.first)
        ]
        # The keys first: a record of a memory that nothing opens could not be indexed.
        wanted = {e.event.cube_id for e in missing if e.event and e.event.kind in CREATING}
        if wanted:
            self._keep_keys([NewKey(*each) for each in keys(sorted(wanted))])
        _append(events, missing)
        return len(missing)

    def _keep_keys(self, keys: Sequence[NewKey]) -> None:
        cube_keys = self.stores.cube_keys
        cube_keys.add_new(each for each in keys if not is_derived(each.cube_id))
        cube_keys.add_keyed(each for each in keys if is_derived(each.cube_id))

    def counted(self) -> Cut:
        return self._resume.counted

    def append_accesses(self, moved: Sequence[Moved]) -> int:
        access = self.stores.logs.access
        missing = [
            each
            for each in moved
            if self._access_resume.is_missing(access.partition_of(each.key), each.first)
        ]
        _append(access, missing)
        return len(missing)

    def keep_erasures(self, receipts: Iterable[tuple[bytes, str]]) -> None:
        table = f"{self._settings.cassandra.keyspace}.erasure"
        self.stores.cassandra.concurrently(
            f"INSERT INTO {table} (operation_id, receipt) VALUES (?, ?)", list(receipts)
        )

    def fold(self, progress: Progress) -> None:
        self._resume.check_found()
        self._access_resume.check_found()
        self._check_count(self.stores.logs.events, self._resume)
        self._check_count(self.stores.logs.access, self._access_resume)
        stores = self.stores
        generation = stores.live()
        fold_log(stores, generation, index_worker(stores, generation, self._analyse), progress)

    def _check_count(self, log: KafkaLog, resume: Resume) -> None:
        counted = resume.counted
        for partition, size in log.end().items():
            if size != counted.get(partition, 0):
                raise Damaged(
                    f"partition {partition} of {log.topic} has {size} records where "
                    f"{counted.get(partition, 0)} were moved: somebody else wrote, or Kafka lost "
                    "some; remove the topics and the keyspace, and move the vault again"
                )

    def digest(self) -> str:
        return keeping.digest(self.stores.live().vault)

    def finish(self, cuts: Mapping[str, Cut], ancestors: Sequence[Ancestor]) -> None:
        self.stores.keep_setting(MIGRATED_CUTS, cuts_to_text(cuts) if cuts else "")
        self.stores.keep_setting(MIGRATED_FROM, ancestors_to_text(ancestors))
        self.stores.keep_setting(MIGRATION, "")

    def close(self) -> None:
        if self._stores is not None:
            self._stores.close()
            self._stores = None


def _append(log: KafkaLog, moved: Sequence[Moved]) -> None:
    if moved:
        log.append_with_headers([(m.key, m.data, headers_of(m.first, m.log_time)) for m in moved])


def _last(log: KafkaLog, name: str) -> dict[int, First]:
    """Where the last record of each partition first stood."""
    found = {}
    for partition, end in log.end().items():
        if not end:
            continue
        for _, headers in log.read_with_headers(partition, end - 1, end):
            first = first_in(headers)
            if first is None:
                raise holds_else(name)
            found[partition] = first
    return found
