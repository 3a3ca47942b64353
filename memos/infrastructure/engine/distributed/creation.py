"""Making a distributed vault: topics, keyspaces, root key and settings, idempotent."""

from __future__ import annotations

import secrets

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.keys.root import RootKey, create_root_file
from memos.infrastructure.keys.settings_seal import SEAL, Sealer, sealed
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import PartitionsChanged, VaultError

PARTITIONS = "partitions"
_MADE = ("vault_id", "administrator", PARTITIONS)
"""The settings that stay as they are when a vault is made."""


def create_vault(settings: DistributedSettings, store: CassandraSession, creator: str) -> None:
    """Make what is missing; who comes first administers the vault."""
    if not settings.root_key.exists():
        if schema.exists(store):
            raise VaultError(
                f"{settings.root_key} is missing: without its root key nothing in this vault can be "
                "opened; put the file back from your backup"
            )
        create_root_file(settings.root_key)
    if schema.exists(store) and read_setting(settings, store, PARTITIONS):
        check_partitions(settings, store)
    create_topics(settings.kafka)
    schema.create(store)
    for name, value in (
        ("vault_id", secrets.token_hex(8)),
        ("administrator", creator),
        (PARTITIONS, str(settings.kafka.partitions)),
    ):
        _make_setting(settings, store, name, value)
    root = RootKey.read_private(settings.root_key)
    _make_setting(settings, store, SEAL, sealed(root, _as_made(settings, store)))


def is_sealed_as_made(
    settings: DistributedSettings, store: CassandraSession, sealer: Sealer
) -> bool:
    """Whether the settings that a vault was made with are those that were sealed. An earlier
    release sealed none.
    """
    seal = read_setting(settings, store, SEAL)
    return not seal or seal == sealed(sealer, _as_made(settings, store))


def _as_made(settings: DistributedSettings, store: CassandraSession) -> dict[str, str]:
    return {name: read_setting(settings, store, name) for name in _MADE}


def _make_setting(
    settings: DistributedSettings, store: CassandraSession, name: str, value: str
) -> None:
    table = f"{settings.cassandra.keyspace}.setting"
    store.execute(f"INSERT INTO {table} (name, value) VALUES (?, ?) IF NOT EXISTS", (name, value))


def read_setting(settings: DistributedSettings, store: CassandraSession, name: str) -> str:
    """A setting made when the vault was created; empty where there is none of that name."""
    table = f"{settings.cassandra.keyspace}.setting"
    stored = store.execute(f"SELECT value FROM {table} WHERE name = ?", (name,))
    return str(stored[0][0]) if stored else ""


def write_setting(
    settings: DistributedSettings, store: CassandraSession, name: str, value: str
) -> None:
    """Keep a setting; an empty value takes it away. Not for one that `create_vault` makes: those
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
    """
    made_with = read_setting(settings, store, PARTITIONS)
    if made_with != str(settings.kafka.partitions):
        raise PartitionsChanged(
            f"{settings.path} says {settings.kafka.partitions} partitions, and the vault was made "
            f"with {made_with}: put that number back; another one takes another vault, into which "
            "`memos migrate` moves this one"
        )
