"""Both kinds of Milvus: Lite, which all tests share, and the real server, started for these."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from memos.infrastructure.index.milvus import Milvus, MilvusSettings
from memos.infrastructure.index.milvus.audit import span_keys
from memos.infrastructure.servers import LocalServers, leased
from tests.engines import up_or_skip
from tests.infrastructure.index.milvus.support import Vectors


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    directory = tmp_path_factory.mktemp("milvus")
    with leased(LocalServers(directory, ("milvus",), milvus="server")) as servers:
        up_or_skip(servers)
        yield servers


@pytest.fixture(scope="module", params=["lite", "server"])
def milvus(request: pytest.FixtureRequest) -> Iterator[Milvus]:
    engine = request.getfixturevalue("engines" if request.param == "lite" else "server")
    prefix = f"t{uuid4().hex[:12]}"
    connected = Milvus(MilvusSettings(engine.address("milvus"), prefix=prefix, timeout=60))
    yield connected
    connected.close()


@pytest.fixture
def fresh(milvus: Milvus) -> Iterator[Vectors]:
    """A model of the test's own."""
    made = Vectors(milvus)
    yield made
    made.generations.drop_all()


@pytest.fixture(scope="module")
def shared(milvus: Milvus) -> Iterator[Vectors]:
    made = Vectors(milvus)
    yield made
    made.generations.drop_all()


@pytest.fixture
def vectors(shared: Vectors) -> Iterator[Vectors]:
    """An empty model; making one takes the real server seconds, so tests take turns."""
    yield shared
    keys = span_keys(shared.milvus, shared.collection)
    shared.writer.purge({bytes.fromhex(each.key[:32]) for each in keys})
