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


def set_topic(admin: AdminClient, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for changed in admin.incremental_alter_configs([resource]).values():
        changed.result()


def make_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    """Make a topic as the broker would by itself."""
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()


def set_partitions(admin: AdminClient, topic: str, partitions: int) -> None:
    """Add partitions to a topic, up to a number."""
    admin.create_partitions([NewPartitions(topic, partitions)])[topic].result()
