"""Topics say whose they are from the moment they are made: no other vault has them, filled or empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from memos import LogLost
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed import creation, removal
from memos.infrastructure.engine.distributed.creation import create_vault
from memos.infrastructure.engine.distributed.doctor import _lost
from memos.infrastructure.engine.distributed.removal import DistributedRemoval
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.topic_mark import marked_for
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.log.kafka.topics import create_topics, remove_topics, topic_ids
from memos.infrastructure.vault.cassandra import schema

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]

ACTOR = "tester"


@pytest.fixture
def other(stores: Stores) -> Iterator[DistributedSettings]:
    """The settings of the vault, copied: of another keyspace, on the same topics."""
    settings = stores.settings
    keyspace = f"{settings.cassandra.keyspace}x"
    copied = replace(settings, cassandra=replace(settings.cassandra, keyspace=keyspace))
    yield copied
    with closing(CassandraSession(copied.cassandra)) as store:
        schema.drop_all(store)


def make(settings: DistributedSettings) -> None:
    with closing(CassandraSession(settings.cassandra)) as store:
        create_vault(settings, store, ACTOR)


def make_unmarked(settings: DistributedSettings, patch: pytest.MonkeyPatch) -> None:
    """As an earlier release made one: on any topics without records, and without a mark of its own."""
    with patch.context() as earlier:
        for name in ("mark_topics", "_check_free"):
            earlier.setattr(creation, name, lambda *_: None)
        make(settings)


def check_removal_leaves_the_topics(settings: DistributedSettings, owner: str) -> None:
    topics = topic_ids(settings.kafka)
    with closing(DistributedRemoval(settings)) as opened:
        assert not [told for told in opened.goes() if told.startswith("topic")]
        told = [f"topic {name}: it is of another vault, {owner}" for name in sorted(topics)]
        assert [kept for kept in opened.stays() if kept.startswith("topic")] == told
        opened.remove()
    assert topic_ids(settings.kafka) == topics


def test_empty_topics_of_a_vault_are_no_others(
    stores: Stores, other: DistributedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LogLost, match=f"those of another vault, {stores.origin}, and not"):
        make(other)
    with closing(CassandraSession(other.cassandra)) as store:
        assert not schema.exists(store)
        make_unmarked(other, monkeypatch)
        for opened in (
            lambda: make(other),
            lambda: Stores(other),
            lambda: Stores(other, Purpose.REBUILD_WITH_LOSS, creator=ACTOR),
        ):
            with pytest.raises(LogLost, match="those of another vault"):
                opened()
        assert ["those of another vault" in found.what for found in _lost(other, store)] == [True]
    with monkeypatch.context() as earlier:
        earlier.setattr(removal, "marked_for", lambda _: "")
        kept = f"it is of another vault, in the keyspace {stores.settings.cassandra.keyspace}"
        with closing(DistributedRemoval(other)) as unmarked:
            assert [kept in told for told in unmarked.stays()[:3]] == [True] * 3
    check_removal_leaves_the_topics(other, stores.origin)
    with closing(DistributedRemoval(stores.settings)) as own:
        assert len([told for told in own.goes() if told.startswith("topic")]) == 3


def test_a_vault_without_a_mark_works_and_gets_one_when_it_is_made_again(
    stores: Stores, other: DistributedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = replace(stores.settings.kafka, prefix=f"{stores.settings.kafka.prefix}e")
    own = replace(other, kafka=kafka)
    try:
        create_topics(kafka)  # of a making that was cut off there
        make_unmarked(own, monkeypatch)
        with closing(Stores(own)) as opened:
            assert marked_for(kafka) == ""
            make(own)
            assert marked_for(kafka) == opened.origin
            # A making that was cut off behind the mark takes its own topics, as it has that id.
            creation._check_free(own, opened.setting("vault_id"))
    finally:
        remove_topics(kafka, list(kafka.topics))
