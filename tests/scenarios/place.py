"""Where a scenario runs: an engine, its settings file and a tenant of the test's own."""

from __future__ import annotations

from collections.abc import Iterable
from secrets import token_hex
from typing import Any

from memos import Hit, MemCube, Memory
from tests.embeddings import Embeddings

ADMINISTRATOR = "agent:alice"


class Place:
    """Opens the vault for a test, and closes what the test opened.

    Args:
        engine: "embedded" or "distributed".
        path: the vault's settings file.
    """

    def __init__(self, engine: str, path: Any) -> None:
        self.engine = engine
        self.path = path
        self.tenant = f"tenant{token_hex(4)}"
        self._opened: list[Memory] = []

    @property
    def is_embedded(self) -> bool:
        return self.engine == "embedded"

    def open(self, actor: str = ADMINISTRATOR, **options: Any) -> Memory:
        """The vault, opened until the test ends."""
        memory = Memory(self.path, actor=actor, **options)
        self._opened.append(memory)
        return memory

    def close(self) -> None:
        for memory in self._opened:
            memory.close()


class MeaningPlace(Place):
    """Opens vaults with an embedder."""

    def __init__(self, engine: str, path: Any, embeddings: Embeddings) -> None:
        super().__init__(engine, path)
        self.embeddings = embeddings

    def open(self, actor: str = ADMINISTRATOR, **options: Any) -> Memory:
        options.setdefault("embedder", self.embeddings.embedder())
        return super().open(actor, **options)


def read(memory: Memory, cube_id: str, **given: Any) -> MemCube:
    """A memory that is there."""
    cube = memory.get(cube_id, **given)
    assert isinstance(cube, MemCube)
    return cube


def texts(hits: Iterable[Hit]) -> list[str]:
    """The texts of hits, in their order."""
    return [hit.text for hit in hits]
