"""Making a distributed vault: topics, keyspaces, root key and settings, idempotent."""

from __future__ import annotations

import json
import secrets
from contextlib import closing

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.binding import check_root_key, check_topics_bound
from memos.infrastructure.engine.distributed.made_settings import (
    COLLECTIONS,
    PARTITIONS,
    TOPICS,
    VAULT_ID,
    check_partitions,
    is_sealed_as_made,
    make_setting,
    read_setting,
    replace_setting,
    seal_settings,
)
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.topic_mark import (
    mark_topics,
    marked_for,
    of_another,
    origin_of_vault,
)
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.root import RootKey, create_root_file
from memos.infrastructure.keys.settings_seal import SEAL, Sealer
from memos.infrastructure.log.kafka.reader import KafkaReader
from memos.infrastructure.log.kafka.topics import create_topics, topic_ids, verify_topics
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import LogLost, VaultError


def create_vault(settings: DistributedSettings, store: CassandraSession, creator: str) -> None:
    """Make a vault where there is none, and bring the tables of one that is there up to date; who makes
    it administers it. A vault that was made is never made again in part.

    Raises:
        LogLost: its topics are missing or others, or there are topics of a vault that is not here.
        PartitionsChanged, WrongRootKey, VaultError: the settings are not those of the vault there.
    """
    if schema.exists(store) and read_setting(settings, store, PARTITIONS):
        _take_up(settings, store)
        return
    # Of a vault whose making was cut off its id may be there, and in its topics.
    begun = read_setting(settings, store, VAULT_ID) if schema.exists(store) else ""
    _check_free(settings, begun)
    if not settings.root_key.exists():
        create_root_file(settings.root_key)
    create_topics(settings.kafka)
    schema.create(store)
    make_setting(settings, store, VAULT_ID, secrets.token_hex(8))
    vault_id = read_setting(settings, store, VAULT_ID)
    mark_topics(settings, vault_id)
    for name, value in (
        ("administrator", creator),
        (COLLECTIONS, vault_id),
        (PARTITIONS, str(settings.kafka.partitions)),
    ):
        make_setting(settings, store, name, value)
    bind(settings, store, RootKey.read_private(settings.root_key))


def bind(settings: DistributedSettings, store: CassandraSession, sealer: Sealer) -> None:
    """Say that the topics which are there now are the vault's."""
    replace_setting(settings, store, TOPICS, json.dumps(topic_ids(settings.kafka)))
    seal_settings(settings, store, sealer)


def _take_up(settings: DistributedSettings, store: CassandraSession) -> None:
    """A vault that was made: an earlier release bound no topics, and marked none."""
    if not settings.root_key.exists():
        raise VaultError(
            f"{settings.root_key} is missing: without its root key nothing in this vault can be "
            "opened; put the file back from your backup"
        )
    check_partitions(settings, store)
    schema.create(store)
    keys = CassandraKeyStore(store, settings.root_key)
    check_root_key(settings, store, keys)
    if read_setting(settings, store, TOPICS):
        check_topics_bound(settings, store)
    else:
        verify_topics(settings.kafka)
    mark_topics(settings, read_setting(settings, store, VAULT_ID))
    if not read_setting(settings, store, TOPICS) and is_sealed_as_made(settings, store, keys):
        bind(settings, store, keys)
    if not read_setting(settings, store, SEAL):  # who made the vault was stopped here
        seal_settings(settings, store, keys)


def _check_free(settings: DistributedSettings, begun: str) -> None:
    """Refuse topics that are another vault's: marked by it, or with records, where its keyspace is lost or
    of another name. `begun` is the id of the vault whose making was cut off.
    """
    kafka = settings.kafka
    found = topic_ids(kafka)
    owner = marked_for(kafka) if kafka.checkpoints in found else ""
    if owner and owner != origin_of_vault(begun):
        raise of_another(settings, owner)
    for topic in found.keys() - ({kafka.checkpoints} if owner else set()):
        with closing(KafkaReader(kafka, topic)) as reader:
            count = sum(reader.ends(range(kafka.topics[topic])).values())
        if count:
            raise LogLost(
                f"Kafka's topic {topic} has {count} records of a vault, and the keyspace "
                f"{settings.cassandra.keyspace} has none: name that vault's keyspace, bring it back from "
                "its backup, or choose another kafka.prefix for a new vault; nothing was made"
            )
