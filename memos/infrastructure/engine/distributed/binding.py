"""What binds a vault to its servers: no other topics, no shorter log and no other root key are taken for
its own.

A topic is known by the id that Kafka gave it, so one that was made again under the same name is another.
The ids are a setting, sealed with the others that the vault was made with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.made_settings import (
    TOPICS,
    VAULT_ID,
    is_sealed_as_made,
    read_setting,
)
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.topic_mark import check_mark
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.cassandra.unopened_keys import opens_tenants
from memos.infrastructure.log.kafka.log import KafkaLog, KafkaLogs
from memos.infrastructure.log.kafka.reader import KafkaReader
from memos.infrastructure.log.kafka.topics import partition_counts, topic_ids
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import LogLost, WrongRootKey

USAGE = "usage"

MEND = (
    "Nothing was written. Bring Kafka's data back from its backup; where that is lost for good, load your "
    "last export into a new vault, or let `memos rebuild --accept-loss` take what the log has now"
)


def bound_topics(settings: DistributedSettings, store: CassandraSession) -> dict[str, str]:
    """The topics of the vault and their ids; none where an earlier release bound none.

    Raises:
        LogLost: the settings name others.
    """
    bound: dict[str, str] = json.loads(read_setting(settings, store, TOPICS) or "{}")
    if bound and bound.keys() != settings.kafka.topics.keys():
        raise LogLost(
            f"{settings.path} names the topics {', '.join(settings.kafka.topics)}, and those of the vault "
            f"in the keyspace {settings.cassandra.keyspace} are {', '.join(bound)}: put kafka.prefix or "
            "cassandra.keyspace right; nothing was written"
        )
    return bound


def check_topics_bound(settings: DistributedSettings, store: CassandraSession) -> None:
    """Refuse topics that are not those of the vault. An earlier release bound none.

    Raises:
        LogLost: one is missing, was made again, or is of another name.
        LogUnavailable: Kafka does not answer.
    """
    bound = bound_topics(settings, store)
    if not bound:
        return
    kafka = settings.kafka
    found = topic_ids(kafka)
    missing = [name for name in bound if name not in found]
    if missing:
        raise LogLost(
            f"Kafka at {kafka.bootstrap_servers} has no topic {', '.join(missing)}, where the log of this "
            f"vault was{_told_of(settings, store, missing)}. {MEND}"
        )
    others = [name for name, given in bound.items() if given and found[name] not in ("", given)]
    if others:
        raise LogLost(
            f"Kafka's topic {', '.join(others)} is not the one of this vault: that one was deleted, and "
            f"made again{_told_of(settings, store, others)}. {MEND}"
        )
    check_mark(settings, read_setting(settings, store, VAULT_ID))


def _told_of(settings: DistributedSettings, store: CassandraSession, topics: Sequence[str]) -> str:
    """How many records of some topics were folded, and how many they have now."""
    kafka, live = settings.kafka, schema.live_generation(store)
    if not schema.is_there(store, live):
        return ""
    vault, counts = CassandraVault(store, live), partition_counts(kafka)
    told = []
    for topic, projection in ((kafka.events, FOLD), (kafka.access, USAGE)):
        if topic in topics:
            folded = sum(vault.offsets([projection])[projection].values())
            with closing(KafkaReader(kafka, topic)) as reader:
                ends = reader.ends(range(counts[topic])) if topic in counts else {}
            told.append(f"of {topic} {folded} were folded, {sum(ends.values())} are in the log")
    return f" ({'; '.join(told)})" if told else ""


def check_root_key(
    settings: DistributedSettings, store: CassandraSession, keys: CassandraKeyStore
) -> None:
    """Refuse another root key, under which nobody could open what is written.

    Raises:
        WrongRootKey: it is not the one of the vault.
    """
    fits = opens_tenants(store, keys.root.key)
    if fits is None:
        fits = is_sealed_as_made(settings, store, keys)
    if not fits:
        raise WrongRootKey(
            f"{settings.root_key} is not the root key of the vault in the keyspace "
            f"{settings.cassandra.keyspace}: put that one back from your backup, or name its file as "
            "root_key; nothing was written"
        )


def check_reach(vault: CassandraVault, logs: KafkaLogs) -> None:
    """Refuse a log that ends before what was folded of it.

    Raises:
        LogLost: it does, with the figures.
    """
    for log, projection in ((logs.events, FOLD), (logs.access, USAGE)):
        _check_reach(vault, log, projection)


def _check_reach(vault: CassandraVault, log: KafkaLog, projection: str) -> None:
    marks = {p: offset for p, (offset, _, _) in vault.checkpoints(projection).items()}
    ends = log.end()
    short = [
        f"partition {partition} ends at {ends.get(partition, 0)}, and {offset} were folded"
        for partition, offset in sorted(marks.items())
        if ends.get(partition, 0) < offset
    ]
    if short:
        raise LogLost(
            f"Kafka's topic {log.topic} has {sum(ends.values())} records, of the "
            f"{sum(marks.values())} that this vault had folded: {'; '.join(short)}. {MEND}"
        )
