"""Reads vectors, and keeps those of the scopes searched last, opened.

Search is exact: every text that a view shows is compared, so filters, scopes and positions hold for
vectors as they do for words.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Lock

import apsw
import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors, no_vectors
from memos.infrastructure.index.sqlite.snapshot import (
    IndexState,
    index_state,
    leaves_of,
    purged_leaves,
)
from memos.infrastructure.index.sqlite.tables import SCOPE_BITS, doc_range
from memos.infrastructure.index.sqlite.vectors import STORED, Model, open_vectors
from memos.infrastructure.sqlite.statements import Row, rows
from memos.kernel.errors import Damaged

CACHE_BYTES = 512 * 2**20
"""About 4.2 kB a turn of a searched scope, at 384 dimensions and 2.6 sentences."""

_TOGETHER = 1_024  # texts that are opened before they are put behind the others
_LEFT = 0.75  # of the texts that came: where an erase leaves fewer, they are read anew

KeyOf = Callable[[apsw.Connection, bytes], bytes | None]


class VectorIndex:
    """The vectors of scopes, as a connection sees them. Safe for threads.

    Args:
        key_of: gives a cube's key as a connection sees it; None where it was destroyed.
        cache_bytes: bound on what is kept between searches; the latest scope always stays.
    """

    def __init__(self, key_of: KeyOf, cache_bytes: int = CACHE_BYTES) -> None:
        self._key_of = key_of
        self._cache_bytes = cache_bytes
        self._lock = Lock()
        # least recently used first
        self._kept: OrderedDict[tuple[str, bytes], _KeptScope] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """What is kept takes of memory."""
        with self._lock:
            return sum(kept.vectors.nbytes for kept in self._kept.values())

    def of_scope(self, connection: apsw.Connection, scope: str, model: Model) -> ScopeVectors:
        """The vectors at and under a scope; the connection must be in one transaction.

        Raises:
            Damaged: a row does not open.
        """
        name = (scope, model.digest)
        with self._lock:
            kept = self._kept.setdefault(name, _KeptScope(scope, model, self._key_of))
            self._kept.move_to_end(name)
        vectors = kept.seen_by(connection)
        with self._lock:
            held = sum(each.vectors.nbytes for each in self._kept.values())
            while held > self._cache_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                held -= dropped.vectors.nbytes
        return vectors

    def forget_erased(self, connection: apsw.Connection) -> None:
        """Leave no vector in memory of what was erased, by whatever process, as a connection sees it."""
        with self._lock:
            every = list(self._kept.values())
        state = index_state(connection)
        for kept in every:
            kept.forget_erased(connection, state)

    def forget(self) -> None:
        """Drop everything that is kept open."""
        with self._lock:
            self._kept.clear()


class _KeptScope:
    """What is kept of one scope: only ever newer, whichever thread comes with whichever snapshot."""

    def __init__(self, scope: str, model: Model, key_of: KeyOf) -> None:
        self._scope = scope
        self._model = model
        self._key_of = key_of
        self._lock = Lock()
        self._state: IndexState | None = None
        self._newest = 0  # the last row taken in
        self.vectors = no_vectors(model.dimensions)

    def seen_by(self, connection: apsw.Connection) -> ScopeVectors:
        """The vectors, with those that a connection sees and that were not taken in yet."""
        with self._lock:
            state = index_state(connection)
            if self._state is not None and self._state.cleared > state.cleared:
                # The texts are numbered anew since this connection began to read.
                return no_vectors(self._model.dimensions)
            self._forget_erased(connection, state)
            if self._state is None or self._state.purges == state.purges:
                self._state = state
                self._take_in(connection)
            return self.vectors

    def forget_erased(self, connection: apsw.Connection, state: IndexState) -> None:
        """Leave nothing of what a connection, which sees `state`, does not see any more."""
        with self._lock:
            self._forget_erased(connection, state)

    def _forget_erased(self, connection: apsw.Connection, state: IndexState) -> None:
        last = self._state
        if last is None or state.purges <= last.purges:
            return
        gone = self._gone(connection, last.purges)
        if gone.any():
            self.vectors = self.vectors.without(gone)
        if state.cleared > last.cleared or len(self.vectors.docs) < _LEFT * self.vectors.came:
            self._begin_anew()
        self._state = state

    def _gone(self, connection: apsw.Connection, purges: int) -> npt.NDArray[np.bool_]:
        """Which docs have no vectors any more since a purge."""
        docs = self.vectors.docs
        gone = np.zeros(len(docs), np.bool_)
        for scope_id in purged_leaves(connection, self._scope, purges):
            first, last = doc_range(scope_id)
            select = "SELECT doc FROM index_vector WHERE doc BETWEEN ? AND ? AND model = ?"
            left = [doc for (doc,) in rows(connection, select, (first, last, self._model.number))]
            there = (docs >= first) & (docs <= last)
            gone |= there & ~np.isin(docs, np.array(left, np.int64))
        return gone

    def _begin_anew(self) -> None:
        self.vectors, self._newest = no_vectors(self._model.dimensions), 0

    def _take_in(self, connection: apsw.Connection) -> None:
        ((newest,),) = rows(connection, "SELECT coalesce(max(vector), 0) FROM index_vector")
        if newest <= self._newest:
            return
        leaves = leaves_of(connection, (self._scope,))
        later = (
            _later(connection, self._newest, self._model)
            if self._newest
            else _all(connection, leaves, self._model)
        )
        try:
            self._add(connection, (row for row in later if row[0] >> SCOPE_BITS in leaves))
        except BaseException:
            self._begin_anew()  # what came of it would come again
            raise
        self._newest = newest

    def _add(self, connection: apsw.Connection, stored: Iterator[Row]) -> None:
        while together := list(islice(stored, _TOGETHER)):
            opened = [(doc, self._opened(connection, doc, *row)) for doc, *row in together]
            new = {doc: vectors for doc, vectors in opened if vectors is not None}
            self.vectors = self.vectors.with_texts(list(new), list(new.values()))

    def _opened(
        self, connection: apsw.Connection, doc: int, cube_id: bytes, box: bytes
    ) -> npt.NDArray[np.float16] | None:
        key = self._key_of(connection, cube_id)
        if key is None:
            return None
        try:
            plain = open_vectors(key, self._model.digest, cube_id, doc, box)
            vectors = np.frombuffer(plain, STORED).reshape(-1, self._model.dimensions)
        except (Damaged, ValueError):
            vectors = np.empty((0, self._model.dimensions), STORED)
        if not len(vectors):
            raise Damaged(f"the vector of text {doc} does not open: run `memos rebuild`")
        return vectors


def _all(connection: apsw.Connection, leaves: Iterable[int], model: Model) -> Iterator[Row]:
    select = "SELECT doc, cube_id, box FROM index_vector WHERE doc BETWEEN ? AND ? AND model = ?"
    for scope_id in leaves:
        yield from rows(connection, select, (*doc_range(scope_id), model.number))


def _later(connection: apsw.Connection, newest: int, model: Model) -> Iterator[Row]:
    select = "SELECT doc, cube_id, box FROM index_vector WHERE vector > ? AND model = ?"
    yield from rows(connection, select, (newest, model.number))
