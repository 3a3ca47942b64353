"""The mark of topics: a record that names the vault which they were made for, the first in the topic of
checkpoints, so that they are nobody else's before anything else is in them.

The topics of vaults of earlier releases have none where a checkpoint was signed before one was noted.
"""

from __future__ import annotations

from contextlib import closing

from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.reader import KafkaReader, OffsetRange
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import Damaged, LogLost

_BEHIND = "/topics\n"
"""What a mark has behind the vault's origin: in that place a checkpoint has its partition."""


def origin_of_vault(vault_id: str) -> str:
    """The name under which a vault marks its topics and signs."""
    return f"memos/{vault_id}"


def marked_for(kafka: KafkaSettings) -> str:
    """The origin of the vault whose mark the topics have; empty where they have none. The topic of
    checkpoints is there.

    Raises:
        LogUnavailable: Kafka does not answer.
    """
    with closing(KafkaReader(kafka, kafka.checkpoints)) as reader:
        if not reader.ends([0])[0]:
            return ""
        try:
            ((first,),) = reader.batches({0: OffsetRange(0, 1, 0)})
        except Damaged:  # its beginning was removed, and `verify` tells of that
            return ""
    told = first.data.decode("utf-8", "replace")
    return told.removesuffix(_BEHIND) if told.endswith(_BEHIND) else ""


def check_mark(settings: DistributedSettings, vault_id: str) -> None:
    """Refuse topics that have the mark of another vault.

    Raises:
        LogLost: they do.
        LogUnavailable: Kafka does not answer.
    """
    owner = marked_for(settings.kafka)
    if owner not in ("", origin_of_vault(vault_id)):
        raise of_another(settings, owner)


def mark_topics(settings: DistributedSettings, vault_id: str) -> None:
    """Note in the topics whose they are, where nothing is in them yet. Of two who do so at once the first
    has them.

    Raises:
        LogLost: they are another vault's.
        LogUnavailable: Kafka does not answer.
    """
    with KafkaLogs(settings.kafka) as logs:
        if not any(logs.checkpoints.end().values()):
            mark = f"{origin_of_vault(vault_id)}{_BEHIND}".encode()
            logs.checkpoints.append([(origin_of_vault(vault_id).encode(), mark)])
    check_mark(settings, vault_id)


def of_another(settings: DistributedSettings, owner: str) -> LogLost:
    """The error of topics that are another vault's."""
    return LogLost(
        f"Kafka's topics {', '.join(settings.kafka.topics)} are those of another vault, {owner}, and not "
        f"of the one in the keyspace {settings.cassandra.keyspace}: put kafka.prefix or "
        "cassandra.keyspace right, or choose another kafka.prefix for a new vault; nothing was written"
    )
