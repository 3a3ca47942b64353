"""Vectors of a distributed vault: found by meaning, and rebuilt beside the live ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from memos import Memory
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed import rebuild
from memos.infrastructure.engine.distributed.live_generation import GENERATION_SECONDS
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.models.embedders.minilm import MiniLM
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema
from memos.interface.vaults import create_vault
from streams.index import open_worker

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
    create_vault(settings, actor="user:local")
    yield settings
    store = CassandraSession(load_settings(settings).cassandra)
    schema.drop_all(store)
    store.close()


@contextmanager
def opened_collections(path: Path) -> Iterator[Generations]:
    model = MiniLM()
    with closing(Stores(load_settings(path))) as stores:
        assert stores.settings.milvus is not None
        with closing(Milvus(stores.settings.milvus)) as milvus:
            yield Generations(milvus, model.digest, model.dimensions)


def collections_of(path: Path) -> list[int]:
    with opened_collections(path) as collections:
        return collections.all()


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


class Killed(BaseException):
    """In the place of a SIGKILL."""


def test_what_was_cut_off_between_the_two_switches_is_finished_by_the_index_worker(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(store: CassandraSession, collections: Generations, generation: int) -> None:
        if generation != replaced:
            raise Killed

    with Memory(path, embedder="minilm", wait="durable") as memory:
        memory.add(TEXTS[0], scope="acme/alice")
        memory.rebuild()
        memory.add(TEXTS[1], scope="acme/alice")
        with opened_collections(path) as collections:
            (before,) = collections.all()
            collections.new_generation()  # as a killed audit leaves one
        with closing(Stores(load_settings(path))) as stores, monkeypatch.context() as patch:
            replaced = stores.live_number()
            patch.setattr(rebuild, "show_collection", kill)
            with pytest.raises(Killed):
                memory.rebuild()
            assert stores.live_number() > replaced
    with opened_collections(path) as collections:
        assert collections.live() == before
        _, made = collections.all()  # and not what the audit left
        with open_worker(load_settings(path)):
            assert collections.live() == made
            assert collections.all() == [made]
    with Memory(path, embedder="minilm") as memory:
        hits = memory.search("music", scope="acme")
        assert hits[0].text == TEXTS[1]
