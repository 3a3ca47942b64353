"""What is read of the driver's answers, past the driver's own way to do it."""

from __future__ import annotations

import numpy as np
import pytest
from pymilvus import DataType
from pymilvus.client.types import HybridExtraList
from pymilvus.grpc_gen import schema_pb2

from memos.infrastructure.index.milvus.driver import float_vectors, plain_fields


@pytest.mark.parametrize("count", [1, 3, 50, 5_000])
def test_vectors_are_read_at_once_as_the_driver_reads_them_one_by_one(count: int) -> None:
    vectors = np.random.default_rng(count).standard_normal((count, 3), dtype=np.float32)
    vectors[0] = 0.0, -0.0, np.float32(1e-40)
    dense = schema_pb2.FieldData(field_name="dense", type=DataType.FLOAT_VECTOR)
    dense.vectors.dim = 3
    dense.vectors.float_vector.data.extend(vectors.ravel().tolist())
    rows = HybridExtraList([dense], [{"opened": n} for n in range(count)], strict_float32=True)
    assert [row["opened"] for row in plain_fields(rows)] == list(range(count))
    read = float_vectors(rows, "dense")
    assert read.tobytes() == vectors.tobytes()
    assert [row["dense"].tolist() for row in rows] == read.tolist()
