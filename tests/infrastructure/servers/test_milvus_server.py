"""The real Milvus server: what it acknowledged is there after a kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymilvus import DataType, MilvusClient

from memos.infrastructure.servers import LocalServers, leased
from tests.engines import up_or_skip

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]

ROWS = 200


@pytest.fixture
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    directory = tmp_path_factory.mktemp("engine")
    with leased(LocalServers(directory, ["milvus"], milvus="server")) as servers:
        up_or_skip(servers)
        yield servers


def count(client: MilvusClient) -> int:
    rows = client.query(
        "words", output_fields=["count(*)"], consistency_level="Strong", timeout=120
    )
    return int(rows[0]["count(*)"])


def test_rows_survive_a_kill_of_the_server(milvus: LocalServers) -> None:
    client = MilvusClient(uri=milvus.address("milvus"))
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection("words", schema=schema, index_params=indexes)
    client.upsert("words", [{"id": n, "vector": [1.0, n, 0.0, 0.0]} for n in range(ROWS)])
    assert count(client) == ROWS
    client.close()

    milvus.kill("milvus")
    milvus.start("milvus")

    client = MilvusClient(uri=milvus.address("milvus"))
    client.load_collection("words", timeout=120)
    assert count(client) == ROWS
    client.close()
    assert milvus.addresses.kafka is None
