"""What is asked of Milvus's driver, and its errors as ours, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from pymilvus import MilvusClient, MilvusException
from pymilvus.client.ts_utils import get_collection_ts
from pymilvus.exceptions import DataNotMatchException, ParamError

from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.kernel.errors import IndexUnavailable

_MOST_TOLD = 300

QUIET = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_permit_without_calls": False}
"""The driver pings every ten seconds; Milvus Lite, as any gRPC server by default, takes that for an
attack and shuts the connection.
"""


class Unloaded(IndexUnavailable):
    """The server has a collection and does not serve it, as Milvus Lite after every start."""


def connect(settings: MilvusSettings) -> MilvusClient:
    """The driver's client."""
    return MilvusClient(
        uri=settings.uri,
        token=settings.token,
        db_name=settings.database,
        timeout=settings.timeout,
        grpc_options=QUIET,
        **settings.tls_files,
    )


@contextmanager
def explained(uri: str, what: str) -> Iterator[None]:
    """See `connection.Milvus.doing`."""
    try:
        yield
    except (ParamError, DataNotMatchException):
        raise
    except (MilvusException, grpc.RpcError) as error:
        kind = Unloaded if _is_unloaded(error) else IndexUnavailable
        raise kind(f"Milvus at {uri} did not {what}: {_told(error)}. {_advice(error)}") from error


def newest_write(client: Any, database: str, collection: str) -> int:
    """The server's timestamp of this process's last write; 0 where it gives none (Lite)."""
    endpoint = client._get_connection().server_address
    # The driver files what it wrote without naming a database under the empty name.
    named = get_collection_ts(collection, endpoint, database or "default")
    return int(named or get_collection_ts(collection, endpoint, database) or 0)


def float_vectors(rows: Any, field: str) -> npt.NDArray[np.float32]:
    """The vectors of all rows that a query gave, in their order; of one row at least.

    Each row by itself would convert its own, number by number, which takes longer than the request.
    """
    (data,) = (each.vectors for each in rows._lazy_field_data if each.field_name == field)
    # On the wire it is one packed field: a key, a length, and the numbers as they lie in memory.
    encoded = data.float_vector.SerializeToString()
    numbers = len(rows) * data.dim
    return np.frombuffer(encoded, "<f4", numbers, len(encoded) - 4 * numbers).reshape(-1, data.dim)


def plain_fields(rows: Any) -> list[dict[str, Any]]:
    """The fields of rows that a query gave, without what is of varying length, and without vectors."""
    return list(list.__iter__(rows))


def _told(error: MilvusException | grpc.RpcError) -> str:
    # Of a first connection the driver says that it failed; why, its cause knows.
    if isinstance(error, MilvusException) and isinstance(error.__cause__, grpc.RpcError):
        error = error.__cause__
    words = error.message if isinstance(error, MilvusException) else error.details()
    return str(words or type(error).__name__).strip().split("\n")[0][:_MOST_TOLD].rstrip(". ")


def _is_unloaded(error: MilvusException | grpc.RpcError) -> bool:
    words = _told(error).lower()
    return "not loaded" in words or "'released'" in words


def _advice(error: MilvusException | grpc.RpcError) -> str:
    words = _told(error).lower()
    if "ssl" in words or "certificate" in words or "handshake" in words:
        return "Check milvus.uri and milvus.tls_ca, or the server's certificate."
    if "auth" in words or "permission" in words or "privilege" in words:
        return "Check milvus.token, and what it may do."
    if _is_unloaded(error) or "recover" in words or "leader" in words or "no available" in words:
        return "After a start it takes up to a minute until its collections are loaded: try again."
    if "collection not found" in words or "does not exist" in words:
        return "Make the collection with `memos rebuild`, or check milvus.prefix and database."
    return "Start it, or check milvus.uri (`memos doctor`); nothing that was remembered is lost."
