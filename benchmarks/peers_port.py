"""What every compared store is asked for, and the embedder that they share."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Protocol

DIMENSIONS = 1024


def embed(text: str) -> list[float]:
    """A hashed bag of words of unit length: deterministic, and next to free."""
    vector = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        vector[int.from_bytes(blake2b(word.encode(), digest_size=2).digest()) % DIMENSIONS] += 1.0
    norm = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / norm for value in vector]


def embed_all(texts: list[str]) -> list[list[float]]:
    """The same for several texts."""
    return [embed(text) for text in texts]


class Store(Protocol):
    """A memory store, opened in a directory of its own."""

    name: ClassVar[str]
    retry: ClassVar[str]
    """The means by which a caller may send a write twice."""
    guard: ClassVar[str]
    """The means by which a read and a write belong together."""

    def __init__(self, directory: Path) -> None: ...

    def lacks(self) -> list[str]:
        """What could not be asked of it, in words."""
        ...

    def add(self, text: str, key: str) -> str:
        """Write a memory; its id. Written twice with one key, it should be there once."""
        ...

    def get(self, id_: str) -> str | None:
        """The text of a memory."""
        ...

    def search(self, query: str, k: int) -> list[str]:
        """The texts that fit best."""
        ...

    def change(self, id_: str) -> None:
        """Add one to the number that a memory holds, by reading and writing it."""
        ...

    def delete(self, id_: str) -> None:
        """Remove a memory as thoroughly as the store can."""
        ...

    def count(self) -> int:
        """How many memories there are."""
        ...

    def close(self) -> None:
        """End in order."""
        ...
