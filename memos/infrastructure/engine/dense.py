"""The dense side of the index: texts embedded behind the writes, and vectors to search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from memos.infrastructure.engine.reader import Reader
    from memos.infrastructure.index.models.embedders.port import Vectors
    from memos.infrastructure.index.port import Nearest, View, Within

Counts = Callable[[bytes], bool]
"""Whether what belongs to a cube counts."""


class DenseIndex(Protocol):
    """Embeds behind the writes what is new, and gives vectors to search."""

    @property
    def name(self) -> str:
        """The embedder's name."""
        ...

    @property
    def failure(self) -> str:
        """Why the last call of the embedder, or of the index of vectors, did not succeed; or empty."""
        ...

    def start(self) -> None:
        """Begin to follow the writes in the background."""
        ...

    def close(self) -> None:
        """Stop after the batch at hand."""
        ...

    def waiting(self, reader: Reader, counts: Counts | None = None) -> int:
        """How many indexed texts, of every scope, wait to be embedded.

        Args:
            reader: where to look.
            counts: whether texts of a cube count; by default all do.
        """
        ...

    def set_aside(self, reader: Reader, counts: Counts | None = None) -> int:
        """How many texts the model refuses while it embeds others; the arguments are as above."""
        ...

    def embed_pending(self) -> int:
        """Embed all that waits, in the calling thread; how many texts got their vectors.

        Raises:
            EmbeddingFailed: the embedder failed; what it had done is kept.
        """
        ...

    def nearest(self, reader: Reader, view: View, within: Within, queries: Vectors) -> Nearest:
        """How near what a view of some scopes shows is to queries, one a row; nothing else is looked at."""
        ...

    def of_query(self, texts: Sequence[str]) -> Vectors:
        """The vectors of a query's wordings.

        Raises:
            EmbeddingFailed: the embedder failed, now or within the last seconds.
        """
        ...
