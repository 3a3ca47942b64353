"""The settings of a distributed vault that are kept in its base keyspace, and their seal."""

from __future__ import annotations

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.keys.settings_seal import SEAL, Sealer, is_sealed, sealed
from memos.kernel.errors import PartitionsChanged, VaultError

VAULT_ID = "vault_id"
PARTITIONS = "partitions"
TOPICS = "topics"
"""The setting with the ids of the vault's topics by name, as JSON. An earlier release kept none."""

COLLECTIONS = "collections"
"""The setting with what is behind Milvus's prefix in the names of the vault's collections. Vaults of an
earlier release have none.
"""

_MADE = (VAULT_ID, "administrator", PARTITIONS)
"""The settings that stay as they are when a vault is made."""


def seal_settings(settings: DistributedSettings, store: CassandraSession, sealer: Sealer) -> None:
    """Seal what the vault was made with, as it is now."""
    replace_setting(settings, store, SEAL, sealed(sealer, _as_made(settings, store)))


def is_sealed_as_made(
    settings: DistributedSettings, store: CassandraSession, sealer: Sealer
) -> bool:
    """Whether the settings that a vault was made with are those that were sealed. An earlier
    release sealed none.
    """
    seal = read_setting(settings, store, SEAL)
    return not seal or is_sealed(sealer, _as_made(settings, store), seal)


def _as_made(settings: DistributedSettings, store: CassandraSession) -> dict[str, str]:
    made = {name: read_setting(settings, store, name) for name in _MADE}
    later = {name: read_setting(settings, store, name) for name in (TOPICS, COLLECTIONS)}
    return made | {name: value for name, value in later.items() if value}


def make_setting(
    settings: DistributedSettings, store: CassandraSession, name: str, value: str
) -> None:
    """Keep a setting for good: who comes first decides."""
    table = f"{settings.cassandra.keyspace}.setting"
    store.execute(f"INSERT INTO {table} (name, value) VALUES (?, ?) IF NOT EXISTS", (name, value))


def replace_setting(
    settings: DistributedSettings, store: CassandraSession, name: str, value: str
) -> None:
    """Change a setting that `make_setting` keeps, by a lightweight transaction as well."""
    table = f"{settings.cassandra.keyspace}.setting"
    make_setting(settings, store, name, value)
    store.execute(f"UPDATE {table} SET value = ? WHERE name = ? IF EXISTS", (value, name))


def read_setting(settings: DistributedSettings, store: CassandraSession, name: str) -> str:
    """A setting made when the vault was created; empty where there is none of that name."""
    table = f"{settings.cassandra.keyspace}.setting"
    stored = store.execute(f"SELECT value FROM {table} WHERE name = ?", (name,))
    return str(stored[0][0] or "") if stored else ""


def write_setting(
    settings: DistributedSettings, store: CassandraSession, name: str, value: str
) -> None:
    """Keep a setting; an empty value takes it away. Not for one that `make_setting` keeps: those
    are written by lightweight transactions alone.
    """
    table = f"{settings.cassandra.keyspace}.setting"
    if value:
        store.execute(f"INSERT INTO {table} (name, value) VALUES (?, ?)", (name, value))
    else:
        store.execute(f"DELETE FROM {table} WHERE name = ?", (name,))


def check_partitions(settings: DistributedSettings, store: CassandraSession) -> None:
    """Refuse a number of partitions that is not the one that the vault was made with.

    Raises:
        PartitionsChanged: a cube's records would no longer be in one partition.
        VaultError: whoever made the vault was stopped.
    """
    made_with = read_setting(settings, store, PARTITIONS)
    if not made_with:
        raise VaultError(
            f"the making of the vault in the keyspace {settings.cassandra.keyspace} was cut off: it "
            "does not say its number of partitions; run `memos vault create` again"
        )
    if made_with != str(settings.kafka.partitions):
        raise PartitionsChanged(
            f"{settings.path} says {settings.kafka.partitions} partitions, and the vault was made "
            f"with {made_with}: put that number back; another one takes another vault, into which "
            "`memos migrate` moves this one"
        )
