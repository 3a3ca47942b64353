"""Vectors: a memory's text and its sentences, sealed, one row for each model and indexed text.

A vector tells much of its text, so it is sealed under the cube's key and goes with it. Search is
exact: every row that a view shows is compared, so filters, scopes and positions hold for vectors as
they do for words. Rows of an earlier model stay, and serve whoever asks with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import NamedTuple

import apsw
import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints
from memos.infrastructure.index.sqlite.snapshot import index_state, leaves_of
from memos.infrastructure.index.sqlite.tables import SCOPE_BITS, doc_range
from memos.infrastructure.keys.envelope import decrypt, encrypt
from memos.infrastructure.sqlite.database import Row, row, rows
from memos.kernel.errors import Damaged

Vectors = npt.NDArray[np.float32]

CACHE_BYTES = 512 * 2**20
"""About 5.7 kB a turn of a searched scope, at 384 dimensions and 2.7 sentences."""

FEW = 0.25
"""Of a scope's texts: where a view shows no more, it pays to copy theirs out before they are compared."""

_STORED = np.dtype("<f2")
_DIGITS = 5  # a product's last bits may depend on how many rows are multiplied at once


class Model(NamedTuple):
    """An embedder's identity in the vault: its number there, digest and width."""

    number: int
    digest: bytes
    dimensions: int


class Embedded(NamedTuple):
    """One indexed text with its vectors: the text's own in row 0, its sentences' after it."""

    doc: int
    cube_id: bytes
    opened: int
    vectors: Vectors


class ScopeVectors(NamedTuple):
    """The vectors of a scope: `sentences[first[i]:first[i + 1]]` are those of `docs[i]`.

    `docs` ascends; `texts` has a row for each of them; every text has a sentence.
    """

    docs: Ints
    texts: Vectors
    sentences: Vectors
    first: Ints

    @property
    def nbytes(self) -> int:
        """What it takes of memory; never 0."""
        return 1_000 + sum(array.nbytes for array in self)


def near_of(
    vectors: ScopeVectors, query: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How near each text is to a query: as a whole, and by its best sentence."""
    if not len(vectors.docs):
        return np.empty(0), np.empty(0)
    whole, parts = vectors.texts @ query, vectors.sentences @ query
    texts = np.round(whole.astype(np.float64), _DIGITS)
    best = np.maximum.reduceat(parts, vectors.first[:-1])
    sentences = np.round(best.astype(np.float64), _DIGITS)
    return np.asarray(texts, np.float64), np.asarray(sentences, np.float64)


def only(vectors: ScopeVectors, docs: Ints) -> ScopeVectors:
    """The vectors of these texts, where they are few enough that taking them out is worth it.

    Args:
        vectors: of a scope.
        docs: ascending and distinct; those that have no vectors are passed over.
    """
    if len(docs) > FEW * len(vectors.docs):
        return vectors
    places = np.minimum(np.searchsorted(vectors.docs, docs), len(vectors.docs) - 1)
    places = places[vectors.docs[places] == docs]
    counts = np.diff(vectors.first)[places]
    first = np.concatenate(([0], np.cumsum(counts)))
    # The sentences of each text stand together: where they begin, and how far in each one is.
    rows = np.repeat(vectors.first[places] - first[:-1], counts) + np.arange(first[-1])
    return ScopeVectors(vectors.docs[places], vectors.texts[places], vectors.sentences[rows], first)


class _Kept(NamedTuple):
    vectors: ScopeVectors
    newest: int  # the last row taken in
    purges: int
    cleared: int


def model_number(connection: apsw.Connection, digest: bytes) -> int | None:
    """The number of a model that the vault knows."""
    select = "SELECT model FROM index_model WHERE digest = ?"
    model = row(connection, select, (digest,))
    return None if model is None else int(model[0])


def add_model(connection: apsw.Connection, digest: bytes, name: str) -> None:
    """Know a model, inside the caller's transaction; harmless when repeated."""
    connection.execute(
        "INSERT OR IGNORE INTO index_model(digest, name) VALUES (?, ?)", (digest, name)
    )


def add_vectors(
    connection: apsw.Connection,
    model: Model,
    embedded: Iterable[Embedded],
    key_of: Callable[[bytes], bytes | None],
) -> int:
    """Seal and write vectors, inside the caller's transaction; how many texts got theirs.

    A text that was erased since it was read, or that has its vectors already, is passed over.
    """
    written = 0
    indexed = "SELECT 1 FROM index_span WHERE doc = ? AND opened = ? AND cube_id = ?"
    for doc, cube_id, opened, vectors in embedded:
        key = key_of(cube_id)
        if key is None or not connection.execute(indexed, (doc, opened, cube_id)).fetchone():
            continue
        box = encrypt(key, vectors.astype(_STORED).tobytes(), _binding(model.digest, cube_id, doc))
        connection.execute(
            "INSERT OR IGNORE INTO index_vector(doc, model, cube_id, box) VALUES (?, ?, ?, ?)",
            (doc, model.number, cube_id, box),
        )
        written += connection.changes()
    return written


def _binding(digest: bytes, cube_id: bytes, doc: int) -> bytes:
    return b"memos/vector/v1\n" + digest + cube_id + doc.to_bytes(8, "little")


class VectorIndex:
    """Reads vectors; keeps those of the scopes searched last, opened, within a bound.

    Args:
        key_of: gives a cube's key as a connection sees it; None where it was destroyed.
        cache_bytes: bound on what is kept between searches; the latest scope always stays.
    """

    def __init__(
        self,
        key_of: Callable[[apsw.Connection, bytes], bytes | None],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._key_of = key_of
        self._cache_bytes = cache_bytes
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, bytes], _Kept] = OrderedDict()

    def of_scope(self, connection: apsw.Connection, scope: str, model: Model) -> ScopeVectors:
        """The vectors at and under a scope; the connection must be in one transaction.

        Raises:
            Damaged: a row does not open.
        """
        name = (scope, model.digest)
        with self._lock:
            kept = self._kept.get(name)
        state = index_state(connection)
        if kept is None or kept.cleared < state.cleared:
            kept = _Kept(_none(model), 0, state.purges, state.cleared)
            latest = self._take_in(connection, scope, model, kept, whole=True)
        else:
            if kept.purges < state.purges:
                left = _without_purged(connection, scope, model, kept.vectors)
                kept = kept._replace(vectors=left, purges=state.purges)
            latest = self._take_in(connection, scope, model, kept, whole=False)
        with self._lock:
            self._kept[name] = latest
            self._kept.move_to_end(name)
            held = sum(scope_kept.vectors.nbytes for scope_kept in self._kept.values())
            while held > self._cache_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                held -= dropped.vectors.nbytes
        return latest.vectors

    def forget(self) -> None:
        """Drop everything that is kept open."""
        with self._lock:
            self._kept.clear()

    def _take_in(
        self, connection: apsw.Connection, scope: str, model: Model, kept: _Kept, *, whole: bool
    ) -> _Kept:
        ((newest,),) = rows(connection, "SELECT coalesce(max(vector), 0) FROM index_vector")
        if newest <= kept.newest:
            return kept
        leaves = leaves_of(connection, (scope,))
        stored = (
            _all(connection, leaves, model) if whole else _later(connection, kept.newest, model)
        )
        opened = [
            (doc, self._open(connection, model, doc, cube_id, box))
            for doc, cube_id, box in stored
            if doc >> SCOPE_BITS in leaves
        ]
        new = {doc: vectors for doc, vectors in opened if vectors is not None}
        vectors = _joined(kept.vectors, new, model) if new else kept.vectors
        return kept._replace(vectors=vectors, newest=newest)

    def _open(
        self, connection: apsw.Connection, model: Model, doc: int, cube_id: bytes, box: bytes
    ) -> Vectors | None:
        key = self._key_of(connection, cube_id)
        if key is None:
            return None
        try:
            plain = open_vectors(key, model.digest, cube_id, doc, box)
            return np.frombuffer(plain, _STORED).reshape(-1, model.dimensions).astype(np.float32)
        except (Damaged, ValueError):
            raise Damaged(f"the vector of text {doc} does not open: run `memos rebuild`") from None


def open_vectors(key: bytes, digest: bytes, cube_id: bytes, doc: int, box: bytes) -> bytes:
    """The stored vectors of a text under a model's digest.

    Raises:
        Damaged: they are of another text, cube or model, or were changed.
    """
    return decrypt(key, box, _binding(digest, cube_id, doc))


def _none(model: Model) -> ScopeVectors:
    empty = np.empty((0, model.dimensions), np.float32)
    return ScopeVectors(np.empty(0, np.int64), empty, empty, np.zeros(1, np.int64))


def _all(connection: apsw.Connection, leaves: Iterable[int], model: Model) -> Iterator[Row]:
    select = "SELECT doc, cube_id, box FROM index_vector WHERE doc BETWEEN ? AND ? AND model = ?"
    for scope_id in leaves:
        yield from rows(connection, select, (*doc_range(scope_id), model.number))


def _later(connection: apsw.Connection, newest: int, model: Model) -> Iterator[Row]:
    select = "SELECT doc, cube_id, box FROM index_vector WHERE vector > ? AND model = ?"
    yield from rows(connection, select, (newest, model.number))


def _without_purged(
    connection: apsw.Connection, scope: str, model: Model, old: ScopeVectors
) -> ScopeVectors:
    select = "SELECT doc FROM index_vector WHERE doc BETWEEN ? AND ? AND model = ?"
    left = [
        doc
        for scope_id in leaves_of(connection, (scope,))
        for (doc,) in rows(connection, select, (*doc_range(scope_id), model.number))
    ]
    keep = np.isin(old.docs, np.array(left, np.int64))
    if keep.all():
        return old
    counts = np.diff(old.first)
    return ScopeVectors(
        old.docs[keep],
        old.texts[keep],
        old.sentences[np.repeat(keep, counts)],
        np.concatenate(([0], np.cumsum(counts[keep]))),
    )


def _joined(old: ScopeVectors, new: dict[int, Vectors], model: Model) -> ScopeVectors:
    """`old` and the vectors of further texts, in order of doc."""
    docs = np.concatenate((old.docs, np.fromiter(new, np.int64, len(new))))
    texts = np.concatenate((old.texts, np.stack([vectors[0] for vectors in new.values()])))
    sentences_of = [vectors[1:] if len(vectors) > 1 else vectors for vectors in new.values()]
    sentences = np.concatenate((old.sentences, *sentences_of))
    counts = np.concatenate((np.diff(old.first), list(map(len, sentences_of))))
    order = np.argsort(docs, kind="stable")
    if (order[1:] < order[:-1]).any():
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        moved = np.concatenate([np.arange(starts[n], starts[n] + counts[n]) for n in order])
        docs, texts, sentences, counts = docs[order], texts[order], sentences[moved], counts[order]
    return ScopeVectors(docs, texts, sentences, np.concatenate(([0], np.cumsum(counts))))
