"""The embedded engine: log, vault, index and keys in one directory, one transaction.

Here its parts are put together; each is the implementation of a port, in a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.embedded.backup_manifest import check_no_backup
from memos.infrastructure.engine.embedded.erasure import EmbeddedErasure
from memos.infrastructure.engine.embedded.maintenance import EmbeddedMaintenance
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.proofs import EmbeddedProofs
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.embedded.transaction import EmbeddedTransaction
from memos.infrastructure.engine.embedded.writer import EmbeddedWriter
from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.governance.query_texts.sqlite import SqliteQueryTexts
from memos.infrastructure.keys.port import KeyVault

if TYPE_CHECKING:
    from memos.infrastructure.engine.embedded.dense import EmbeddedDense
    from memos.infrastructure.engine.embedded.dump import EmbeddedDump
    from memos.infrastructure.engine.embedded.replay import EmbeddedReplay
    from memos.infrastructure.engine.embedded.source import EmbeddedSource
    from memos.infrastructure.index.models.embedders.port import Embedder


class EmbeddedEngine:
    """See `engine.port.Engine`. Safe for threads, and for several processes.

    Args:
        directory: the vault's directory.
        clock: microseconds since 1970.
        create: make the vault where there is none.
        creator: who administers a vault that is made.
        read_only: write nothing to it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], int] = system_time,
        create: bool = True,
        creator: str = "",
        read_only: bool = False,
    ) -> None:
        check_no_backup(directory)
        stores = EmbeddedStores(
            directory, clock, create=create, creator=creator, read_only=read_only
        )
        projector = Projector(
            stores.database.writer,
            stores.vault,
            stores.index,
            stores.cube_keys,
            stores.keys,
            stores.settle,
            stores.database.check_wanted,
        )
        self.stores = stores
        self.transaction = EmbeddedTransaction(stores, projector)
        self.writer = EmbeddedWriter(stores, self.transaction)
        self.proofs = EmbeddedProofs(stores)
        self.maintenance = EmbeddedMaintenance(stores, projector)
        self.erasure = EmbeddedErasure(stores)
        self.queries = SqliteQueryTexts(
            stores.database, lambda cube_id: is_erased(self.transaction.head(cube_id))
        )
        self.keys: KeyVault = stores.keys
        self.name = stores.name

    @property
    def origin(self) -> str:
        return self.stores.origin

    def read(self) -> AbstractContextManager[EmbeddedReader]:
        return self.stores.read()

    def stream(self) -> AbstractContextManager[EmbeddedReader]:
        return self.stores.stream()

    def dense(self, embedder: Embedder) -> EmbeddedDense:
        from memos.infrastructure.engine.embedded.dense import EmbeddedDense

        return EmbeddedDense(self.stores, embedder)

    def setting(self, name: str) -> str:
        return self.stores.setting(name)

    def keep_setting(self, name: str, value: str) -> None:
        self.stores.keep_setting(name, value)

    @contextmanager
    def dump(self) -> Iterator[EmbeddedDump]:
        from memos.infrastructure.engine.embedded.dump import EmbeddedDump

        with self.stores.read() as reader:
            yield EmbeddedDump(self.stores, reader)

    def departure(self) -> EmbeddedSource:
        from memos.infrastructure.engine.embedded.source import EmbeddedSource

        return EmbeddedSource(self.stores)

    def replay(self, operation: str) -> EmbeddedReplay:
        from memos.infrastructure.engine.embedded.replay import EmbeddedReplay

        return EmbeddedReplay(self.stores, self.transaction)

    def close(self) -> None:
        self.stores.close()
