"""The servers of a distributed vault, opened: what the engine and every worker begin with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.creation import (
    check_partitions,
    create_vault,
    read_setting,
    write_setting,
)
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.index.cassandra.index import CassandraIndex
from memos.infrastructure.index.cassandra.rows import SpanTable
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from memos.kernel.errors import VaultError

MIGRATION = "migration"
"""The setting that is there while a vault is moved in here: what, and how far."""

GENERATION_SECONDS = 2.0
"""How long a reader may go on with projections that a rebuild has replaced."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The projections of one generation: a rebuild makes the next one beside it."""

    number: int
    vault: CassandraVault
    writer: CassandraVaultWriter
    spans: SpanTable
    index: CassandraIndex
    usage: UsageRows


def open_generation(store: CassandraSession, number: int) -> Generation:
    """The projections of a generation."""
    keyspace = schema.keyspace_of(store, number)
    spans = SpanTable(store, keyspace)
    return Generation(
        number,
        CassandraVault(store, number),
        CassandraVaultWriter(store, number),
        spans,
        CassandraIndex(spans),
        UsageRows(store, keyspace),
    )


class Stores:
    """Log, vault and keys of a distributed vault. Safe for threads; `close` ends it.

    `migrating` opens a vault that is still being moved in here, which nobody else may: a worker
    would append once more what follows from its events. `leaving` opens one that is moved away,
    also where somebody added partitions to its topics: then workers refuse to start.

    Raises:
        VaultError: there is no such vault, and none is to be made; or a server does not answer.
    """

    def __init__(
        self,
        settings: DistributedSettings,
        *,
        create: bool = False,
        creator: str = "",
        migrating: bool = False,
        leaving: bool = False,
    ) -> None:
        self.settings = settings
        self.name = str(settings.path)
        self.cassandra = CassandraSession(settings.cassandra)
        try:
            if create:
                create_vault(settings, self.cassandra, creator)
            elif not schema.exists(self.cassandra):
                raise VaultError(
                    f"there is no vault in the keyspace {settings.cassandra.keyspace} of "
                    f"{settings.cassandra.server}: make it with `memos vault create`"
                )
            check_partitions(settings, self.cassandra)
            if not migrating and self.setting(MIGRATION):
                raise VaultError(
                    f"a vault is being moved into {settings.path}, and that is not done: run the "
                    "same `memos migrate` again, which goes on where it was"
                )
            self.logs = KafkaLogs(settings.kafka, grown=leaving)
        except BaseException:
            self.cassandra.close()
            raise
        self.keys = CassandraKeyStore(self.cassandra, settings.root_key)
        self.cube_keys = CassandraCubeKeys(self.cassandra, self.keys)
        self.origin = f"memos/{self.setting('vault_id')}"

    def setting(self, name: str) -> str:
        """A setting made when the vault was created."""
        return read_setting(self.settings, self.cassandra, name)

    def keep_setting(self, name: str, value: str) -> None:
        """Keep a setting beside those made when the vault was created; empty takes it away."""
        write_setting(self.settings, self.cassandra, name, value)

    def live(self) -> Generation:
        """The generation that is read and folded into now."""
        return open_generation(self.cassandra, schema.live_generation(self.cassandra))

    def live_number(self) -> int:
        """The number of that generation."""
        return schema.live_generation(self.cassandra)

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        return NoteSigner(self.origin, self.keys.signing_key())

    def close(self) -> None:
        """Send what is queued, and let go of every connection and key."""
        self.logs.close()
        self.cube_keys.forget()
        self.keys.close()
        self.cassandra.close()


class LiveGeneration:
    """Gives the projections that are live, as of the last seconds. Safe for threads."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._lock = Lock()
        self._generation = stores.live()
        self._looked = time.monotonic()

    def __call__(self) -> Generation:
        with self._lock:
            if time.monotonic() - self._looked > GENERATION_SECONDS:
                if self._stores.live_number() != self._generation.number:
                    self._generation = self._stores.live()
                self._looked = time.monotonic()
            return self._generation

    def vault(self) -> CassandraVault:
        """The live vault."""
        return self().vault
