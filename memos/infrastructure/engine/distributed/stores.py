"""The servers of a distributed vault, opened: what the engine and every worker begin with."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.binding import (
    check_reach,
    check_root_key,
    check_topics_bound,
)
from memos.infrastructure.engine.distributed.binding_watch import BindingWatch
from memos.infrastructure.engine.distributed.creation import bind, create_vault
from memos.infrastructure.engine.distributed.key_presence import tenants_of
from memos.infrastructure.engine.distributed.listed_erases import say_put_back
from memos.infrastructure.engine.distributed.made_settings import (
    COLLECTIONS,
    VAULT_ID,
    check_partitions,
    read_setting,
    write_setting,
)
from memos.infrastructure.engine.distributed.settings import (
    DistributedSettings,
    with_collections,
)
from memos.infrastructure.engine.distributed.topic_mark import (
    mark_topics,
    origin_of_vault,
)
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.index.cassandra.index import CassandraIndex
from memos.infrastructure.index.cassandra.rows import SpanTable
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.set_aside import SetAsideRows
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from memos.kernel.errors import Denied, VaultError

MIGRATION = "migration"
"""The setting that is there while a vault is moved in here: what, and how far."""

LOOK_SECONDS = 30.0
"""How long a program or a worker goes on at most with topics that were deleted, or made again."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The projections of one generation: a rebuild makes the next one beside it."""

    number: int
    vault: CassandraVault
    writer: CassandraVaultWriter
    spans: SpanTable
    index: CassandraIndex
    usage: UsageRows
    set_aside: SetAsideRows


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
        SetAsideRows(store, keyspace),
    )


_MAKES = frozenset({Purpose.MAKE, Purpose.RECEIVE})
_FOLDS_AGAIN = frozenset({Purpose.REBUILD, Purpose.REBUILD_WITH_LOSS})


class Stores:
    """Log, vault and keys of a distributed vault. Safe for threads; `close` ends it.

    Args:
        settings: where the servers are.
        purpose: what it is opened for.
        creator: who administers a vault that is made; who accepts a loss.

    Raises:
        Denied: a loss is to be accepted, and not by who administers the vault; nothing was changed.
        VaultError: there is no such vault, and none is to be made; or a server does not answer.
        LogLost, PartitionsChanged, WrongRootKey: the servers are not as the vault was made.
    """

    def __init__(
        self,
        settings: DistributedSettings,
        purpose: Purpose = Purpose.USE,
        *,
        creator: str = "",
    ) -> None:
        self.settings = settings
        self.name = str(settings.path)
        self.purpose = purpose
        self.cassandra = CassandraSession(settings.cassandra)
        try:
            if purpose in _MAKES:
                create_vault(settings, self.cassandra, creator)
            self.keys = self._opened_keys(purpose)
            if purpose is Purpose.REBUILD_WITH_LOSS:
                self._accept_loss(creator)
            self.logs = self._opened_logs(purpose)
            self.settings = with_collections(settings, self.setting(COLLECTIONS))
        except BaseException:
            self.cassandra.close()
            raise
        self.cube_keys = CassandraCubeKeys(self.cassandra, self.keys)
        self.origin = origin_of_vault(self.setting(VAULT_ID))

    def _opened_keys(self, purpose: Purpose) -> CassandraKeyStore:
        """The keys, once the tables and settings are seen to be the vault's."""
        settings, store = self.settings, self.cassandra
        if not schema.exists(store):
            raise VaultError(
                f"there is no vault in the keyspace {settings.cassandra.keyspace} of "
                f"{settings.cassandra.server}: make it with `memos vault create`"
            )
        schema.check_version(store)
        check_partitions(settings, store)
        if purpose is not Purpose.RECEIVE and self.setting(MIGRATION):
            raise VaultError(
                f"a vault is being moved into {settings.path}, and that is not done: run the "
                "same `memos migrate` or `memos load` again, which goes on where it was"
            )
        tenants = tenants_of(lambda: CassandraVault(store))
        keys = CassandraKeyStore(store, settings.root_key, tenants)
        check_root_key(settings, store, keys)
        return keys

    def _accept_loss(self, actor: str) -> None:
        """Take the topics that are there for the vault's, and make those that are missing."""
        administrator = self.setting("administrator")
        if actor != administrator:
            raise Denied(
                f"only the vault's administrator, {administrator}, accepts a loss; not {actor}",
                "owner-only",
            )
        create_topics(self.settings.kafka)
        mark_topics(self.settings, self.setting(VAULT_ID))
        bind(self.settings, self.cassandra, self.keys)
        say_put_back(self.settings, self.cassandra)

    def _opened_logs(self, purpose: Purpose) -> KafkaLogs:
        """The logs, once they are seen to be the vault's."""
        settings, store = self.settings, self.cassandra
        check_topics_bound(settings, store)
        live = schema.live_generation(store)
        has_tables = schema.is_there(store, live)
        if not has_tables and purpose not in _FOLDS_AGAIN:
            raise schema.tables_lost(store, live)
        self.binding = BindingWatch(settings, store, LOOK_SECONDS)
        logs = KafkaLogs(
            settings.kafka,
            grown=purpose is Purpose.LEAVE,
            check=self.binding.check,
            check_anew=self.binding.check_anew,
        )
        try:
            if has_tables and purpose is not Purpose.REBUILD_WITH_LOSS:
                check_reach(CassandraVault(store, live), logs)
        except BaseException:
            logs.close()
            raise
        return logs

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

    def is_replaced(self, generation: int) -> bool:
        """Whether a rebuild has put another generation in the place of one.

        Raises:
            LogLost: the topics are not the vault's any more.
        """
        self.binding.check()
        return self.live_number() != generation

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        return NoteSigner(self.origin, self.keys.signing_key())

    def close(self) -> None:
        """Send what is queued, and let go of every connection and key."""
        self.binding.close()
        self.logs.close()
        self.cube_keys.forget()
        self.keys.close()
        self.cassandra.close()
