"""The distributed engine: a log in Kafka, projections in Cassandra, vectors in Milvus.

Here its parts are put together; each is the implementation of a port, in a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.maintenance import DistributedMaintenance
from memos.infrastructure.engine.distributed.proofs import DistributedProofs
from memos.infrastructure.engine.distributed.reader import DistributedReader, DistributedReaders
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.distributed.writer import DistributedWriter
from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.engine.replay import Replay
from memos.infrastructure.governance.query_texts.cassandra import CassandraQueryTexts
from memos.infrastructure.keys.port import KeyVault
from memos.kernel.errors import VaultError

if TYPE_CHECKING:  # a command that needs none of them starts without
    from memos.infrastructure.engine.distributed.dense import DistributedDense
    from memos.infrastructure.engine.distributed.dump import DistributedDump
    from memos.infrastructure.engine.distributed.source import DistributedSource
    from memos.infrastructure.index.models.embedders.port import Embedder


class DistributedEngine:
    """See `engine.port.Engine`. Safe for threads; any number of processes may open one vault.

    Args:
        settings: where the servers are.
        purpose: what the vault is opened for.
        creator: who administers a vault that is made.
        durable: see `DistributedWriter`.
    """

    def __init__(
        self,
        settings: DistributedSettings,
        purpose: Purpose = Purpose.USE,
        *,
        creator: str = "",
        durable: bool = False,
    ) -> None:
        stores = Stores(settings, purpose, creator=creator)
        self.stores = stores
        self.live = LiveGeneration(stores)
        self.waiter = Waiter(self.live.watch, settings.wait_seconds)
        self._readers = DistributedReaders(stores, self.live)
        self.erasure = DistributedErasure(stores, self.live, self.waiter)
        self.queries = CassandraQueryTexts(stores.cassandra, self._erased, system_time)
        self.writer = DistributedWriter(
            stores,
            self.live,
            self._readers,
            self.erasure,
            self.waiter,
            self.queries,
            durable=durable,
        )
        self.proofs = DistributedProofs(stores, self.live)
        self.maintenance = DistributedMaintenance(stores, self.live, self.waiter)
        self.keys: KeyVault = stores.keys
        self.name = stores.name
        self.origin = stores.origin

    @contextmanager
    def read(self) -> Iterator[DistributedReader]:
        yield self._readers.open()

    def stream(self) -> AbstractContextManager[DistributedReader]:
        return self.read()

    def dense(self, embedder: Embedder) -> DistributedDense:
        from memos.infrastructure.engine.distributed.dense import DistributedDense
        from memos.infrastructure.index.milvus.connection import Milvus

        settings = self.stores.settings.milvus
        if settings is None:
            raise VaultError(
                f"{self.name} has no section [milvus]: add it, or open the vault without embedder="
            )
        return DistributedDense(self.stores, Milvus(settings), embedder, self.live, self.waiter)

    def setting(self, name: str) -> str:
        return self.stores.setting(name)

    def keep_setting(self, name: str, value: str) -> None:
        self.stores.keep_setting(name, value)

    @contextmanager
    def dump(self) -> Iterator[DistributedDump]:
        from memos.infrastructure.engine.distributed.dump import DistributedDump

        yield DistributedDump(self.stores, self.live, self._readers, self.departure())

    def departure(self) -> DistributedSource:
        from memos.infrastructure.engine.distributed.source import DistributedSource

        return DistributedSource(self.stores, self.live, self.proofs, self.erasure)

    def replay(self, operation: str) -> Replay:
        """Records of another log come in by a migration alone: no transaction spans partitions."""
        raise VaultError(
            f"{operation} needs an embedded vault, and {self.name} is none: bring it into one with "
            f"`memos migrate --from {self.name} --to DIRECTORY`"
        )

    def _erased(self, cube_ids: Iterable[bytes]) -> set[bytes]:
        heads = self.live.vault().heads_many(cube_ids)
        return {cube_id for cube_id, head in heads.items() if is_erased(head)}

    def close(self) -> None:
        self._readers.close()
        self.erasure.close()
        self.stores.close()
