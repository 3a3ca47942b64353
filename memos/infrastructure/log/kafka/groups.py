"""Which workers are at their topics now."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.client import Connection
from memos.infrastructure.log.kafka.settings import WORKERS, KafkaSettings

_WITH_MEMBERS = {
    ConsumerGroupState.STABLE,
    ConsumerGroupState.PREPARING_REBALANCING,
    ConsumerGroupState.COMPLETING_REBALANCING,
}


def running_workers(settings: KafkaSettings) -> frozenset[str]:
    """The workers of which at least one is a member of its group.

    Raises:
        LogUnavailable: the servers do not answer.
    """
    connection = Connection(settings)
    try:
        admin = AdminClient(connection.config())
        listed = admin.list_consumer_groups(
            states=_WITH_MEMBERS, request_timeout=settings.timeout
        ).result()
    except KafkaException as error:
        raise connection.unavailable("did not tell its consumer groups", error) from error
    if listed.errors:
        raise connection.unavailable("did not tell its consumer groups", listed.errors[0])
    groups = {group.group_id for group in listed.valid}
    return frozenset(name for name in WORKERS if f"{settings.prefix}-{name}" in groups)
