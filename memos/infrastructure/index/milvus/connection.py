"""One process's connection to a Milvus: what the server can do, and errors that say what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import grpc
from pymilvus import MilvusClient, MilvusException
from pymilvus.client.ts_utils import get_collection_ts
from pymilvus.exceptions import DataNotMatchException, ParamError

from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.kernel.errors import IndexUnavailable

T = TypeVar("T")

OLDEST = (2, 3)
SPARSE_SINCE = (2, 4)
SLOW_SECONDS = 120.0
"""Making, loading and flushing a collection takes longer than reading it."""

_POLL_SECONDS = 0.5
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_MOST_TOLD = 300


class Unloaded(IndexUnavailable):
    """The server has a collection and does not serve it, as Milvus Lite after every start."""


class Capabilities(NamedTuple):
    """What a server is and can do; `sparse`: it holds sparse vectors beside dense ones."""

    version: str
    sparse: bool


QUIET = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_permit_without_calls": False}
"""The driver pings every ten seconds; Milvus Lite, as any gRPC server by default, takes that for an
attack and shuts the connection.
"""


class Milvus:
    """A Milvus, connected to at the first use. Safe to call from several threads."""

    def __init__(self, settings: MilvusSettings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._client: Any = None
        self._capabilities: Capabilities | None = None

    @property
    def client(self) -> Any:
        """The driver's client; use it inside `doing`.

        Raises:
            IndexUnavailable: the server cannot be reached, or does not let us in.
        """
        with self._lock:
            if self._client is None:
                settings = self.settings
                with self.doing("let us in"):
                    self._client = MilvusClient(
                        uri=settings.uri,
                        token=settings.token,
                        db_name=settings.database,
                        timeout=settings.timeout,
                        grpc_options=QUIET,
                        **settings.tls_files,
                    )
            return self._client

    def close(self) -> None:
        """Close the connection; the next use makes another."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._capabilities = None

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Tell of the driver's errors as ours: `what` follows "Milvus at … did not".

        Arguments that do not fit a collection are this program's mistake and come as they are.
        """
        try:
            yield
        except (ParamError, DataNotMatchException):
            raise
        except (MilvusException, grpc.RpcError) as error:
            kind = Unloaded if _is_unloaded(error) else IndexUnavailable
            raise kind(
                f"Milvus at {self.settings.uri} did not {what}: {_told(error)}. {_advice(error)}"
            ) from error

    def served(self, collection: str, work: Callable[[], T]) -> T:
        """What some work with a collection gives, which may be done again; loaded where it is not.

        Raises:
            IndexUnavailable: the server did not answer, or cannot load it.
        """
        try:
            return work()
        except Unloaded:
            with self.doing(f"load the collection {collection}"):
                self.client.load_collection(collection, timeout=SLOW_SECONDS)
            return work()

    def capabilities(self) -> Capabilities:
        """What the server can do.

        Raises:
            IndexUnavailable: it cannot be reached, or is older than 2.3.
        """
        if self._capabilities is None:
            with self.doing("tell its version"):
                version = str(self.client.get_server_version(timeout=self.settings.timeout))
            self._capabilities = capabilities_of(version, self.settings.uri)
        return self._capabilities

    def written_at(self, collection: str) -> int:
        """The server's timestamp of this process's last write; 0 where it gives none (Lite)."""
        endpoint = self.client._get_connection().server_address
        database = self.settings.database or "default"
        # The driver files what it wrote without naming a database under the empty name.
        timestamp = get_collection_ts(collection, endpoint, database)
        return int(
            timestamp or get_collection_ts(collection, endpoint, self.settings.database) or 0
        )

    def reading(self, after: int | None) -> dict[str, Any]:
        """Consistency arguments of a read: as the settings say, or not before a write's timestamp.

        An `after` of 0, of a server without timestamps, asks for the newest.
        """
        if after is None:
            return {"consistency_level": self.settings.consistency}
        if after == 0:
            return {"consistency_level": "Strong"}
        return {"consistency_level": "Customized", "guarantee_timestamp": after}

    def wait_loaded(self, collection: str, seconds: float = SLOW_SECONDS) -> None:
        """Wait until a collection can be searched, as after a server's restart.

        Raises:
            IndexUnavailable: it cannot, within that time; the message says the last reason.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self.doing(f"load the collection {collection}"):
                    self.client.load_collection(collection, timeout=self.settings.timeout)
                    self.client.query(
                        collection,
                        filter='key == ""',
                        output_fields=["key"],
                        consistency_level="Strong",
                        timeout=self.settings.timeout,
                    )
                return
            except IndexUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)


def capabilities_of(version: str, uri: str) -> Capabilities:
    """What a server that calls itself this can do.

    The server from the Python index calls itself v2.3.5-lite; Milvus Lite, milvus_lite-3.2.2.

    Raises:
        IndexUnavailable: it is older than 2.3, or tells no version.
    """
    is_lite = version.startswith("milvus_lite")
    numbers = _VERSION.search(version)
    if numbers is None or (not is_lite and (int(numbers[1]), int(numbers[2])) < OLDEST):
        raise IndexUnavailable(
            f"Milvus at {uri} calls itself {version!r}; MemOS needs Milvus 2.3 or newer, or Milvus "
            "Lite: upgrade it, or name another in milvus.uri"
        )
    number = (int(numbers[1]), int(numbers[2]))
    return Capabilities(version, is_lite or number >= SPARSE_SINCE)


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
