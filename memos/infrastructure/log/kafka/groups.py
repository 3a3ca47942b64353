"""The groups of the workers: who is in them now, and for how short a silence a server takes one out."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from memos.infrastructure.log.kafka.client import Connection
from memos.infrastructure.log.kafka.settings import WORKERS, KafkaSettings
from memos.kernel.errors import LogUnavailable

LEAST_SESSION = "group.min.session.timeout.ms"
LEAST_SESSION_SECONDS = 6.0
"""Kafka's own, where a broker does not tell, or we may not ask."""

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
    connection, what = Connection(settings), "did not tell its consumer groups"
    try:
        admin = AdminClient(connection.config())
        asked = admin.list_consumer_groups(states=_WITH_MEMBERS, request_timeout=settings.timeout)
        listed = connection.answer(asked, admin, what)
    except KafkaException as error:
        raise connection.unavailable(what, error) from error
    if listed.errors:
        raise connection.unavailable(what, listed.errors[0])
    groups = {group.group_id for group in listed.valid}
    return frozenset(name for name in WORKERS if f"{settings.prefix}-{name}" in groups)


def least_session_seconds(settings: KafkaSettings) -> float:
    """The shortest session that every broker allows a member of a group."""
    connection = Connection(settings)
    admin = AdminClient(connection.config())
    what = "did not tell its settings"
    try:
        asked = admin.describe_cluster(request_timeout=settings.timeout)
        nodes = connection.answer(asked, admin, what).nodes
        configs = admin.describe_configs(
            [ConfigResource(ResourceType.BROKER, str(node.id)) for node in nodes],
            request_timeout=settings.timeout,
        )
        told = [connection.answer(each, admin, what)[LEAST_SESSION] for each in configs.values()]
    except (KafkaException, LogUnavailable, KeyError):
        return LEAST_SESSION_SECONDS
    return max((int(entry.value) / 1000 for entry in told), default=LEAST_SESSION_SECONDS)
