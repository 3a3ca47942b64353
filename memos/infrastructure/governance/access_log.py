"""The access log: every read and every denial, batched off the read's own path.

Folding it gives usage: how often and when last a cube was used. Usage rows are absolute per cube
and access position, so folding a record twice changes nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from weakref import WeakSet

import uuid_utils

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.governance.query_keys import query_digest, seal_query
from memos.infrastructure.governance.query_retention import QueryStore, end_outlived
from memos.infrastructure.governance.query_texts.port import QueryText
from memos.infrastructure.reports import EXAMINE, Finding
from memos.kernel.errors import Damaged, MemosError
from memos.kernel.event import SCHEMA
from memos.kernel.moment import At
from memos.kernel.scope import tenant_of
from memos.wire.access_pb2 import (
    ACCESS_KIND_ACCESSED,
    ACCESS_KIND_DENIED,
    AccessEvent,
)

FLUSH_SECONDS = 1.0
FLUSH_COUNT = 1000
MOST_WAITING = 100_000
"""Accesses kept while they cannot be written; what comes then is counted, and lost."""
CHUNK = 100
"""Accesses written at a time: more would hold up the readers of this process."""


_OF_NO_RECORD = (AttributeError, OverflowError, TypeError, ValueError)
"""What is raised over a value that no record has a place for."""


class Access(NamedTuple):
    """One read, or one denial (`rule` says by which). `cubes` are (id, version) in rank order; `named`
    are others that the answer tells of, and that were not used.
    """

    actor: str
    action: str
    scope: str
    time: int
    cubes: Sequence[tuple[bytes, int]] = ()
    query: str = ""
    at: At = 0
    rule: str = ""
    named: Sequence[bytes] = ()


class AccessWriter(Protocol):
    """Appends to the access log of a vault."""

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        """Append records, durable once here; usage is folded from them."""
        ...


class AccessStore(QueryStore, Protocol):
    """What the access log needs of a vault: where it is written, and what keeps anything of queries."""

    @property
    def writer(self) -> AccessWriter: ...

    @property
    def name(self) -> str: ...


_OF_THIS_PROCESS: WeakSet[AccessLog] = WeakSet()


class AccessLog:
    """Collects accesses and writes them in the background; `flush` writes what waits.

    Attributes:
        failure: why the last try to write did not succeed; empty where it did.
        place: where the vault is.
        lost: how many accesses were not noted: `MOST_WAITING` waited already, or no record can hold them.
        loss: why the last of them was not; empty where none is lost.
    """

    def __init__(self, store: AccessStore, policy_digest: bytes, *, is_kept: bool = True) -> None:
        self._is_kept = is_kept
        self._store = store
        self.place = Path(store.name).absolute()
        self._policy_digest = policy_digest
        self._waiting: deque[Access] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure = ""
        self.lost = 0
        self.loss = ""
        self._starting = threading.Lock()
        self._flushing = threading.Lock()
        _OF_THIS_PROCESS.add(self)

    def record(self, access: Access) -> None:
        """Note an access; it is written within about a second. Of a vault that is only read none is."""
        if not self._is_kept:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._lose("they came when too many waited")
            return
        self._waiting.append(access)
        if self._thread is None:
            self._start()
        if len(self._waiting) >= FLUSH_COUNT:
            self._wake.set()

    @property
    def waiting(self) -> int:
        """How many accesses are noted and not yet written."""
        return len(self._waiting)

    @uninterrupted
    def flush(self) -> None:
        """Write everything noted so far."""
        self._flush()

    def _flush(self) -> None:
        with self._flushing:
            latest = None
            while self._waiting:
                batch = [self._waiting[n] for n in range(min(CHUNK, len(self._waiting)))]
                try:
                    accesses, events, unwritable = self._records(batch)
                    self._store.writer.append_accesses(events)
                    for _ in batch:
                        self._waiting.popleft()
                    for why in unwritable:
                        self._lose(why)
                    self._keep_texts(accesses, events)
                    latest = batch[-1].time
                except Exception as error:
                    self.failure = str(error)
                    raise
            self.failure = ""
            if latest is not None:
                self.end_outlived(latest)

    def end_outlived(self, now: int) -> None:
        """Take away what is kept of queries beyond its time; `failure` tells why where that cannot be
        done, and it is tried again with the next accesses.
        """
        try:
            end_outlived(self._store, now)
        except MemosError as error:
            self.failure = str(error)

    def close(self) -> None:
        """Stop the background writer and write what is left."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="memos-access-log", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            try:
                self._flush()
            except Exception:  # noqa: BLE001 - no error of a store may end this thread
                # `failure` tells. The accesses are kept and tried again, and close() raises where
                # they cannot be written.
                self._closing.wait(FLUSH_SECONDS)

    def _lose(self, why: str) -> None:
        self.lost += 1
        self.loss = why

    def _records(
        self, batch: Iterable[Access]
    ) -> tuple[list[Access], list[AccessEvent], list[str]]:
        """The accesses of a batch that a record can hold, their records, and why none can hold the
        others: what they were read from is damaged, and holds up nobody else's.
        """
        accesses, events, unwritable = [], [], []
        for access in batch:
            try:
                noted, event = self._record(access)
            except _OF_NO_RECORD as error:
                unwritable.append(f"one by {access.actor} is none that a record can hold ({error})")
            else:
                accesses.append(noted)
                events.append(event)
        return accesses, events, unwritable

    def _record(self, access: Access) -> tuple[Access, AccessEvent]:
        """An access with its record: without its query where the tenant's keys are damaged."""
        try:
            return access, self._event(access)
        except Damaged:
            unasked = access._replace(query="")
            return unasked, self._event(unasked)

    def _keep_texts(self, accesses: Sequence[Access], events: Sequence[AccessEvent]) -> None:
        """Keep the texts of queries where the vault does."""
        asked = [pair for pair in zip(accesses, events, strict=True) if pair[0].query]
        queries = self._store.queries
        if asked and queries.lifetime():
            texts = [self._text(access, event) for access, event in asked]
            queries.keep([text for text in texts if text is not None])

    def _text(self, access: Access, event: AccessEvent) -> QueryText | None:
        """The text of a query; None where its tenant has no key."""
        box = seal_query(self._store.keys, event.tenant, access.query, access.time, event.event_id)
        if box is None:
            return None
        cubes = (*(cube_id for cube_id, _ in access.cubes), *access.named)
        return QueryText(event.event_id, event.tenant, access.scope, access.time, cubes, box)

    def _event(self, access: Access) -> AccessEvent:
        tenant = tenant_of(access.scope)
        event = AccessEvent(
            event_id=uuid_utils.uuid7().bytes,
            schema_major=SCHEMA[0],
            schema_minor=SCHEMA[1],
            kind=ACCESS_KIND_DENIED if access.rule else ACCESS_KIND_ACCESSED,
            tenant=tenant,
            scope=access.scope,
            actor=access.actor,
            action=access.action,
            client_time=access.time,
            policy_digest=self._policy_digest,
            rule=access.rule,
        )
        for cube_id, version in access.cubes:
            event.cubes.add(cube_id=cube_id, version=version)
        for partition, last in enumerate(_by_partition(access.at)):
            if last >= 0:
                event.positions.add(partition=partition, offset=last)
        if access.query:
            keys = self._store.keys
            event.query_digest = query_digest(keys, tenant, access.query, access.time)
        return event


def unwritten_accesses(path: Path) -> Iterator[Finding]:
    """What is wrong with the access logs that this process writes of the vault at a path."""
    for log in list(_OF_THIS_PROCESS):
        if (log.failure or log.lost) and log.place == path.absolute():
            failure = log.failure.replace(f": {EXAMINE}", "")
            yield Finding(
                "warning",
                f"{log.waiting} accesses wait to be written, and {log.lost} were lost: "
                f"{failure or log.loss}",
                "mend the cause: they are written within seconds then, or when the vault is closed",
            )


def _by_partition(at: At) -> Sequence[int]:
    """A moment in each partition; a log that holds nothing yet may have none."""
    return (max(at, 0),) if isinstance(at, int) else at
