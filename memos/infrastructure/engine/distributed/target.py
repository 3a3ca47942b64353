"""A distributed vault that is made: records with their first places, then one fold of them.

The fold worker would append what follows from each event, which stands in the log already. So no
worker, and no writer, can open the vault before the move is done: they begin behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from google.protobuf.message import DecodeError

from memos.infrastructure.engine.distributed import figures
from memos.infrastructure.engine.distributed.refold import fold_log, index_worker
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import MIGRATION, Stores
from memos.infrastructure.engine.migration import CubeKey, Moved, Plan, Sealed, holds_else
from memos.infrastructure.engine.owed import OWED_ERASES, OwedErase, owed_to_text
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.engine.resume import Resume
from memos.infrastructure.keys.cassandra.cube_keys import NewKey, is_derived
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.receipts import Receipt, cosigned
from memos.infrastructure.log.ancestry import (
    MIGRATED_CUTS,
    MIGRATED_FROM,
    Ancestor,
    FirstPlace,
    ancestors_in,
    ancestors_to_text,
    cuts_to_text,
)
from memos.infrastructure.log.kafka.first_place import first_in, headers_of
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.kafka.settings import event_key
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.kernel.errors import Damaged, Refused
from memos.wire.access_pb2 import AccessEvent
from memos.wire.event_pb2 import Event

_Keyed = tuple[bytes, Moved]
"""A record with the key that decides its partition."""

SETTLE_SECONDS = 1.0
"""What a process that was killed had sent is in the log by then."""


class DistributedTarget:
    """See `engine.migration.MigrationTarget`."""

    def __init__(self, settings: DistributedSettings, administrator: str) -> None:
        self._settings = settings
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
        self._stores = Stores(self._settings, Purpose.RECEIVE, creator=self._administrator)
        stored = self.stores.setting(MIGRATION)
        if not stored:
            self._done = any(
                ancestor.origin == origin for ancestor in ancestors_in(self.stores.setting)
            )
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
        entries = [(origin.encode(), seal.note.encode()) for seal in notes if seal.size]
        if entries:
            self.stores.logs.checkpoints.append(entries)

    @property
    def keys(self) -> KeyVault:
        return self.stores.keys

    def append(
        self, moved: Sequence[Moved], keys: Callable[[Sequence[bytes]], list[CubeKey]]
    ) -> int:
        events = self.stores.logs.events
        missing = _missing(events, self._resume, ((_key_of(m.event), m) for m in moved))
        # The keys first: a record of a memory that nothing opens could not be indexed.
        created = {
            record.event.cube_id
            for _, record in missing
            if record.event and record.event.kind in CREATING
        }
        if created:
            self._keep_keys([NewKey(*key) for key in keys(sorted(created))])
        _append(events, missing)
        return len(missing)

    def _keep_keys(self, keys: Sequence[NewKey]) -> None:
        cube_keys = self.stores.cube_keys
        cube_keys.add_new(key for key in keys if not is_derived(key.cube_id))
        cube_keys.add_keyed(key for key in keys if is_derived(key.cube_id))

    def counted(self) -> Cut:
        return self._resume.counted

    def append_accesses(self, moved: Sequence[Moved]) -> int:
        access = self.stores.logs.access
        missing = _missing(
            access, self._access_resume, ((_key_of_access(m.data), m) for m in moved)
        )
        _append(access, missing)
        return len(missing)

    def keep_erasures(self, receipts: Iterable[Receipt], verifier_keys: Sequence[str]) -> None:
        signed = cosigned(receipts, verifier_keys, self.stores.signer())
        table = f"{self._settings.cassandra.keyspace}.erasure"
        self.stores.cassandra.concurrently(
            f"INSERT INTO {table} (operation_id, receipt) VALUES (?, ?)", list(signed)
        )

    def fold(self, progress: Progress) -> None:
        self._resume.check_found()
        self._access_resume.check_found()
        self._check_count(self.stores.logs.events, self._resume)
        self._check_count(self.stores.logs.access, self._access_resume)
        stores = self.stores
        generation = stores.live()
        fold_log(stores, generation, index_worker(stores, generation), progress)

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
        return figures.digest(self.stores.live().vault)

    def finish(
        self, cuts: Mapping[str, Cut], ancestors: Sequence[Ancestor], owed: Sequence[OwedErase]
    ) -> None:
        self.stores.keep_setting(MIGRATED_CUTS, cuts_to_text(cuts) if cuts else "")
        self.stores.keep_setting(MIGRATED_FROM, ancestors_to_text(ancestors))
        self.stores.keep_setting(OWED_ERASES, owed_to_text(owed))
        self.stores.keep_setting(MIGRATION, "")

    def close(self) -> None:
        if self._stores is not None:
            self._stores.close()
            self._stores = None


def _missing(log: KafkaLog, resume: Resume, keyed: Iterable[_Keyed]) -> list[_Keyed]:
    """Of (key, record) pairs, those that the log has not yet."""
    return [
        (key, record)
        for key, record in keyed
        if resume.is_missing(log.partition_of(key), record.first)
    ]


def _append(log: KafkaLog, keyed: Sequence[_Keyed]) -> None:
    if keyed:
        log.append_with_headers(
            [(key, m.data, headers_of(m.first, m.log_time)) for key, m in keyed]
        )


def _key_of(event: Event | None) -> bytes:
    """The key of a record; of one that is no event, that of nobody's cube."""
    return event_key("", b"") if event is None else event_key(event.tenant, event.cube_id)


def _key_of_access(data: bytes) -> bytes:
    """The key of a record of the access log."""
    try:
        access = AccessEvent.FromString(data)
    except DecodeError:
        return event_key("", b"")
    return event_key(access.tenant, access.event_id)


def _last(log: KafkaLog, name: str) -> dict[int, FirstPlace]:
    """Where the last record of each partition first stood."""
    last = {}
    for partition, end in log.end().items():
        if not end:
            continue
        for _, headers in log.read_with_headers(partition, end - 1, end):
            first = first_in(headers)
            if first is None:
                raise holds_else(name)
            last[partition] = first
    return last
