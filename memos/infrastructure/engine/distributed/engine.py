"""The distributed engine: appends to Kafka, and waits for what the workers make of it.

The log is the arbiter here as in an embedded vault, but it is another process that folds: a write
is durable once Kafka has it, and its outcome is read from Cassandra when the fold has come to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Self, TypeVar

from memos.infrastructure.engine.commit import Committed, Draft, Purged
from memos.infrastructure.engine.dense import DenseIndex, Divide
from memos.infrastructure.engine.distributed import audit as auditing
from memos.infrastructure.engine.distributed import figures as keeping
from memos.infrastructure.engine.distributed import rebuild as rebuilding
from memos.infrastructure.engine.distributed.dense import DistributedDense
from memos.infrastructure.engine.distributed.erasure import Erasures
from memos.infrastructure.engine.distributed.outcomes import Outcomes, foreseen
from memos.infrastructure.engine.distributed.proofs import PartitionTrees
from memos.infrastructure.engine.distributed.read_ahead import VaultAhead
from memos.infrastructure.engine.distributed.reader import DistributedReader
from memos.infrastructure.engine.distributed.settings import Settings
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.waiter import Waiter, ends_of
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.models.embedders.port import Embedder
from memos.infrastructure.index.projection import Analyse
from memos.infrastructure.keys.cassandra.cube_keys import NewKey, is_derived
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.log.kafka.settings import event_key
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Figures, Rebuilt, TreeHead, Verification
from memos.kernel.cube import CubeState
from memos.kernel.errors import OtherContent, VaultError
from memos.kernel.event import Position, id_text
from memos.wire.access_pb2 import AccessEvent
from memos.wire.event_pb2 import Event

T = TypeVar("T")

READERS = 4
GENERATION_SECONDS = 2.0
"""How long a reader may go on with projections that a rebuild has replaced."""


class DistributedEngine:
    """See `engine.Engine`. Safe for threads; any number of processes may open one vault.

    Args:
        settings: where the servers are.
        analyse: what the index keeps of a memory, for a rebuild.
        divide: what is embedded of a memory, for a rebuild.
        create: make the vault where there is none.
        creator: who administers a vault that is made.
        durable: return from an add of new cubes as soon as it is durable, without waiting until
            it is readable.
        leaving: the vault is moved away: see `Stores`.
    """

    def __init__(
        self,
        settings: Settings,
        analyse: Analyse,
        divide: Divide,
        *,
        create: bool = True,
        creator: str = "",
        durable: bool = False,
        leaving: bool = False,
    ) -> None:
        self.settings = settings
        self.stores = Stores(settings, create=create, creator=creator, leaving=leaving)
        self.analyse = analyse
        self._divide = divide
        self._durable = durable
        self._lock = Lock()
        self._generation = self.stores.live()
        self._looked = time.monotonic()
        self._waiter = Waiter(lambda: self.generation.vault, settings.wait_seconds)
        self._outcomes = Outcomes(lambda: self.generation.vault, self._waiter)
        self._trees = PartitionTrees(self.stores)
        self._erasures = Erasures(self.stores, lambda: self.generation, self._waiter)
        self._threads = ThreadPoolExecutor(READERS, "memos-read-ahead")

    @property
    def generation(self) -> Generation:
        """The projections that are live, as of the last seconds."""
        with self._lock:
            if time.monotonic() - self._looked > GENERATION_SECONDS:
                if self.stores.live_number() != self._generation.number:
                    self._generation = self.stores.live()
                self._looked = time.monotonic()
            return self._generation

    @property
    def name(self) -> str:
        return str(self.settings.path)

    @property
    def origin(self) -> str:
        return self.stores.origin

    @property
    def keys(self) -> KeyVault:
        return self.stores.keys

    # The ports of this engine.
    @property
    def writer(self) -> Self:
        return self

    @property
    def proofs(self) -> Self:
        return self

    @property
    def maintenance(self) -> Self:
        return self

    @property
    def erasure(self) -> Self:
        return self

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        ready = list(drafts)
        if not ready:
            return []
        self._keep_keys(ready)
        records = self.stores.logs.events.append(
            [
                (event_key(draft.event.tenant, draft.event.cube_id), _bytes(draft.event))
                for draft in ready
            ]
        )
        if self._durable and all(draft.is_new for draft in ready):
            return [foreseen(each.event, at) for each, at in zip(ready, records, strict=True)]
        events = [draft.event for draft in ready]
        self._waiter.until_applied(ends_of(record.position for record in records))
        return self._outcomes.at(events, records)

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        committed = self.commit(drafts)
        for each in committed:
            check(each)
        return committed

    def append(self, draft: Draft) -> Committed:
        """Append one event and wait until it, and all that follows from it, is folded."""
        (committed,) = self.commit([draft])
        return committed

    def write(self, work: Callable[[DistributedEngine], T]) -> T:
        """Run several appends. Each is done by itself: a crash between two leaves the first."""
        return work(self)

    def head(self, cube_id: bytes) -> CubeState | None:
        return self.generation.vault.head(cube_id)

    def reader(self) -> DistributedReader:
        return self._reading()

    def stream(self) -> DistributedReader:
        return self._reading()

    @contextmanager
    def read(self) -> Iterator[DistributedReader]:
        yield self._reading()

    def wait_for(self, position: Position, seconds: float) -> None:
        Waiter(lambda: self.generation.vault, seconds).until_applied(ends_of([position]))

    def name_cut(self, draft: Draft) -> Committed:
        end = self.stores.logs.events.end()
        for partition, size in sorted(end.items()):
            draft.event.cut_named.positions.add(partition=partition, offset=size)
        self._waiter.until_applied(end)
        return self.append(draft)

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        self.stores.logs.access.append(
            [
                (event_key(access.tenant, access.event_id), access.SerializeToString())
                for access in accesses
            ]
        )

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        self._erasures.begin(operation_id, tenant, cube_ids)

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        return self._erasures.purge(operation_id, cube_ids)

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        return self._erasures.receipt(operation_id)

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        return self._erasures.keep_receipt(operation_id, receipt)

    def unfinished(self) -> list[bytes]:
        return self._erasures.unfinished()

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        return self._erasures.are_gone(cube_ids)

    def confirm(self) -> bool:
        """Never certain from here: a node's files must be flushed, compacted and looked at."""
        return False

    def dense(self, embedder: Embedder, divide: Divide) -> DenseIndex:
        settings = self.settings.milvus
        if settings is None:
            raise VaultError(
                f"{self.name} has no section [milvus]: add it, or open the vault without embedder="
            )
        milvus = Milvus(settings)
        return DistributedDense(
            self.stores, milvus, embedder, lambda: self.generation, self._waiter
        )

    def setting(self, name: str) -> str:
        return self.stores.setting(name)

    def signer(self) -> NoteSigner:
        return self.stores.signer()

    def verify(self, progress: Progress = no_progress) -> Verification:
        return auditing.verify(self.stores, self.generation, progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        return auditing.audit(self.stores, self.generation, progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        return rebuilding.rebuild(self.stores, self.analyse, self._divide, progress)

    def digest(self) -> str:
        return keeping.digest(self.generation.vault)

    def usage_digest(self) -> str:
        self._waiter.until_passed("usage", self.stores.logs.access.end())
        return self.generation.usage.digest()

    def figures(self) -> Figures:
        return keeping.figures(self.stores, self.generation)

    def sign(self, partition: int = 0) -> TreeHead:
        return self._trees.sign(self.generation, partition)

    def leaf(self, position: Position) -> bytes:
        return self._trees.leaf(self.generation, position)

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        return self._trees.inclusion(self.generation, position, size)

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        return self._trees.consistency(self.generation, partition, old_size, size)

    def close(self) -> None:
        self._threads.shutdown()
        self._erasures.close()
        self.stores.close()

    def _reading(self) -> DistributedReader:
        generation = self.generation
        vault = VaultAhead(
            self.stores.cassandra,
            generation.number,
            generation.usage,
            self.stores.cube_keys,
            self._threads,
        )
        return DistributedReader(
            vault,
            self.stores.cube_keys,
            generation.index,
            self.stores.logs,
        )

    def _keep_keys(self, drafts: Sequence[Draft]) -> None:
        """Keep the keys of new cubes before the log has their first event.

        Raises:
            OtherContent: another writer under the same idempotency key was first with its cube.
        """
        new = [
            NewKey(d.event.cube_id, d.event.tenant, tuple(d.event.subject_digests), d.cube_key)
            for d in drafts
            if d.cube_key is not None
        ]
        self.stores.cube_keys.add_new(each for each in new if not is_derived(each.cube_id))
        derived = [each for each in new if is_derived(each.cube_id)]
        kept = self.stores.cube_keys.add_keyed(derived) if derived else []
        for wanted, key in zip(derived, kept, strict=True):
            if key != wanted.key:
                raise OtherContent(
                    f"cube {id_text(wanted.cube_id)} is being written under the same idempotency "
                    "key: try again"
                )


def _bytes(event: Event) -> bytes:
    return event.SerializeToString()
