"""One process's connection to a Milvus: what the server can do, and errors that say what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.kernel.errors import IndexUnavailable

T = TypeVar("T")

OLDEST = (2, 3)
SPARSE_SINCE = (2, 4)
SLOW_SECONDS = 120.0
"""Making, loading and flushing a collection takes longer than reading it."""

_POLL_SECONDS = 0.5
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class Capabilities(NamedTuple):
    """What a server is and can do; `sparse`: it holds sparse vectors beside dense ones."""

    version: str
    sparse: bool


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
                with self.doing("let us in"):
                    self._client = _driver().connect(self.settings)
            return self._client

    def close(self) -> None:
        """Close the connection; the next use makes another."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._capabilities = None

    def doing(self, what: str) -> AbstractContextManager[None]:
        """Tell of the driver's errors as ours: `what` follows "Milvus at … did not".

        Arguments that do not fit a collection are this program's mistake and come as they are.
        """
        explained: AbstractContextManager[None] = _driver().explained(self.settings.uri, what)
        return explained

    def served(self, collection: str, work: Callable[[], T]) -> T:
        """What some work with a collection gives, which may be done again; loaded where it is not.

        Raises:
            IndexUnavailable: the server did not answer, or cannot load it.
        """
        try:
            return work()
        except _driver().Unloaded:
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
        return int(_driver().newest_write(self.client, self.settings.database, collection))

    def reading(self, after: int | None) -> dict[str, Any]:
        """Consistency arguments of a read: as the settings say, or not before a write's timestamp.

        An `after` of 0, of a server without timestamps, asks for the newest.
        """
        if after is None:
            return {"consistency_level": self.settings.consistency}
        if after == 0:
            return {"consistency_level": "Strong"}
        return {"consistency_level": "Customized", "guarantee_timestamp": after}

    def read_vectors(
        self, collection: str, condition: str, numbers: Sequence[str], field: str, after: int | None
    ) -> tuple[list[tuple[int, ...]], npt.NDArray[np.float32]]:
        """Of each row that fits, some whole numbers and its vector; shape (rows, dimensions).

        Raises:
            IndexUnavailable: the server did not answer.
        """
        with self.doing("read rows"):
            rows = self.client.query(
                collection,
                filter=condition,
                output_fields=[*numbers, field],
                timeout=self.settings.timeout,
                strict_float32=True,
                **self.reading(after),
            )
        named = [tuple(int(row[name]) for name in numbers) for row in _driver().plain_fields(rows)]
        if not named:
            return [], np.empty((0, 0), np.float32)
        return named, _driver().float_vectors(rows, field)

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


def _driver() -> ModuleType:
    """Loaded at the first use: it brings pandas, seconds that who never asks Milvus is to be spared."""
    from memos.infrastructure.index.milvus import driver

    return driver


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
