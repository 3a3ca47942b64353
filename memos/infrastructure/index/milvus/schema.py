"""The collection: its fields and indexes."""

from __future__ import annotations

from typing import Any

from memos.infrastructure.index.milvus.connection import SLOW_SECONDS, Milvus
from memos.infrastructure.index.milvus.spans import KEY_LENGTH, SCOPE_LENGTH

METRIC = "IP"
"""Vectors have length 1, where inner product and cosine are the same."""

M = 16
EF_CONSTRUCTION = 200


def create_collection(milvus: Milvus, name: str, dimensions: int) -> None:
    """Make a collection and load it; harmless when repeated.

    Tenants are told apart by a field, not by a partition key: with one, upserts of server 2.3.5 put
    rows into partitions where a filter on the tenant does not find them.

    Raises:
        IndexUnavailable: the server does not do it.
    """
    sparse, client = milvus.capabilities().sparse, milvus.client
    with milvus.doing(f"make the collection {name}"):
        if not client.has_collection(name, timeout=milvus.settings.timeout):
            client.create_collection(
                name,
                schema=_schema(client, dimensions, sparse=sparse),
                # A read that names no level takes this one: an iteration, which may miss nothing.
                consistency_level="Strong",
                timeout=SLOW_SECONDS,
            )
        for field in ("dense", "sparse") if sparse else ("dense",):
            if not client.list_indexes(name, field_name=field):
                client.create_index(name, _index(client, field), timeout=SLOW_SECONDS)
        client.load_collection(name, timeout=SLOW_SECONDS)


def _schema(client: Any, dimensions: int, *, sparse: bool) -> Any:
    from pymilvus import DataType  # at hand where there is a client; see `connection`

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=KEY_LENGTH)
    schema.add_field("tenant", DataType.VARCHAR, max_length=SCOPE_LENGTH)
    schema.add_field("scope", DataType.VARCHAR, max_length=SCOPE_LENGTH)
    schema.add_field("cube", DataType.VARCHAR, max_length=32)
    schema.add_field("partition", DataType.INT32)
    schema.add_field("part", DataType.INT32)
    schema.add_field("opened", DataType.INT64)
    schema.add_field("closed", DataType.INT64)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=dimensions)
    if sparse:
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    return schema


def _index(client: Any, field: str) -> Any:
    index = client.prepare_index_params()
    if field == "sparse":
        index.add_index(field, index_type="SPARSE_INVERTED_INDEX", metric_type=METRIC)
    else:
        built = {"M": M, "efConstruction": EF_CONSTRUCTION}
        index.add_index(field, index_type="HNSW", metric_type=METRIC, params=built)
    return index
