"""What an administrator may do to a topic behind our back."""

from __future__ import annotations

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from tests.waiting import wait_until


def set_topic(admin: AdminClient, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic, and wait until the broker serves it.

    The controller takes the change; the broker answers with the former value until it has followed.
    """
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for changed in admin.incremental_alter_configs([resource]).values():
        changed.result()
    wait_until(lambda: _served(admin, topic, name) == value, f"{name}={value} of {topic}")


def _served(admin: AdminClient, topic: str, name: str) -> str | None:
    (described,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    value: str | None = described.result()[name].value
    return value


def make_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    """Make a topic as the broker would by itself."""
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()


def set_partitions(admin: AdminClient, topic: str, partitions: int) -> None:
    """Add partitions to a topic, up to a number."""
    admin.create_partitions([NewPartitions(topic, partitions)])[topic].result()
