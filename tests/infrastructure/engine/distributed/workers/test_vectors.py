"""Vectors of a distributed vault: found by meaning, and rebuilt beside the live ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from memos import Memory
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.distributed.stores import GENERATION_SECONDS
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.models.embedders.minilm import MiniLM
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema

TEXTS = (
    "We adopted a puppy called Rex.",
    "She plays the violin in an orchestra.",
    "The boiler was repaired in March.",
)


@pytest.fixture
def path(engines: LocalServers, tmp_path: Path) -> Iterator[Path]:
    """The settings of a vault of the test's own, with an embedder."""
    name = f"v{uuid4().hex[:10]}"
    host, _, port = engines.address("cassandra").rpartition(":")
    settings = tmp_path / "memos.toml"
    settings.write_text(
        f"""engine = "distributed"
wait_seconds = 120
[kafka]
bootstrap_servers = "{engines.address("kafka")}"
prefix = "{name}"
partitions = 2
[cassandra]
hosts = ["{host}"]
port = {port}
keyspace = "{name}"
replication_factor = 1
[milvus]
uri = "{engines.address("milvus")}"
prefix = "{name}"
timeout = 60
[embedder]
name = "minilm"
"""
    )
    yield settings
    store = CassandraSession(load_settings(settings).cassandra)
    schema.drop_all(store)
    store.close()


def collections_of(path: Path) -> list[int]:
    settings = load_settings(path).milvus
    assert settings is not None
    milvus, model = Milvus(settings), MiniLM()
    try:
        return Generations(milvus, model.digest, model.dimensions).all()
    finally:
        milvus.close()


def test_a_rebuild_embeds_beside_the_live_collection_and_takes_its_place(path: Path) -> None:
    with Memory(path, embedder="minilm", wait="durable") as memory:
        for text in TEXTS:
            memory.add(text, scope="acme/alice")
        memory.rebuild()
        before = collections_of(path)
    with Memory(path, embedder="minilm") as memory:
        assert memory.embedding_lag().waiting == 0
        first = [(hit.text, hit.score) for hit in memory.search("music", scope="acme")]
        assert first[0][0] == TEXTS[1]
        memory.rebuild()
        memory.rebuild()  # what was live when this vault was opened is dropped by now
        time.sleep(GENERATION_SECONDS)
        assert memory.embedding_lag().waiting == 0
    after = collections_of(path)
    assert len(before) == len(after) == 1
    assert before != after
    with Memory(path, embedder="minilm") as memory:
        again = [(hit.text, hit.score) for hit in memory.search("music", scope="acme")]
    assert again == first
