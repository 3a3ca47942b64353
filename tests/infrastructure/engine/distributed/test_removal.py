"""Removing a vault on servers: what has its names and is not its own stays."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from memos import VaultError
from memos.infrastructure.engine.distributed.made_settings import TOPICS, write_setting
from memos.infrastructure.engine.distributed.removal import DistributedRemoval
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.log.kafka.topics import create_topics, topic_ids
from memos.infrastructure.vault.cassandra import schema

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


def test_a_topic_that_was_made_again_stays_and_is_told_of(stores: Stores) -> None:
    kafka, base = stores.settings.kafka, stores.settings.cassandra.keyspace
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.delete_topics([kafka.access])[kafka.access].result()
    create_topics(kafka)
    removal = DistributedRemoval(stores.settings)
    try:
        assert removal.administrator == "tester"
        goes = [f"topic {kafka.events}", f"topic {kafka.checkpoints}"]
        assert removal.goes() == [*goes, f"keyspace {base}_g1", f"keyspace {base}"]
        assert [told for told in removal.stays() if told.startswith("topic")] == [
            f"topic {kafka.access}: it was made anew, and is not the vault's"
        ]
        removal.remove()
    finally:
        removal.close()
    assert not schema.exists(stores.cassandra)
    assert kafka.access in topic_ids(kafka)
    with pytest.raises(VaultError, match=f"there is no vault in the keyspace {base}"):
        DistributedRemoval(stores.settings)
    create_topics(kafka)  # for those who tidy up


def test_a_vault_that_does_not_know_its_topics_is_not_removed(stores: Stores) -> None:
    write_setting(stores.settings, stores.cassandra, TOPICS, "")
    with pytest.raises(VaultError, match="run `memos vault create`, which notes that"):
        DistributedRemoval(stores.settings)
