"""Writing spans: whole rows under keys that the log decides, so that doing it again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from memos.infrastructure.batches import batched
from memos.infrastructure.index.milvus.connection import SLOW_SECONDS, Milvus
from memos.infrastructure.index.milvus.filters import of_cubes
from memos.infrastructure.index.milvus.removal import (
    MOST_ROWS,
    PARTS,
    purge_rows,
    read_newest,
)
from memos.infrastructure.index.milvus.rotation import Rotations
from memos.infrastructure.index.milvus.spans import VectorSpan, row_of
from memos.infrastructure.index.milvus.terms import NOTHING
from memos.kernel.moment import OPEN
from memos.kernel.scope import tenant_of

MOST_FLOATS = 2**20
"""Numbers written in one request: 4 MB, far under what servers take."""

MOST_FLOATS_READ = 2**22

_NO_TERMS = {NOTHING: 1e-6}


class Written(NamedTuple):
    """How many rows were written, and the timestamp that a reader can wait for."""

    rows: int
    timestamp: int


class VectorWriter:
    """Writes one collection. One process at a time writes a cube: the owner of its partition.

    Every method may be repeated, whole, after a failure: rows have the keys that they had.

    Args:
        milvus: the server.
        collection: a generation's name.
        rotations: of the collection's model.
    """

    def __init__(self, milvus: Milvus, collection: str, rotations: Rotations) -> None:
        self._milvus = milvus
        self._collection = collection
        self._rotations = rotations
        self._sparse = milvus.capabilities().sparse
        self._unflushed = 0

    def upsert(self, spans: Iterable[VectorSpan]) -> Written:
        """Write spans; of several with one key the last one counts.

        Two rows with one key in one request would both stay (milvus#44320).

        Raises:
            IndexUnavailable: the server did not take all of them.
        """
        last = {span.key: span for span in spans}
        return self._write(self._rows(list(last.values())))

    def close(self, closings: Mapping[bytes, int]) -> Written:
        """Close the open spans of cubes, each at an ordinal; the rows are read back and rewritten.

        A span that opens at the ordinal or later stays open. There is no update of one field: the
        server would read and write the row itself, and lose one of two updates (milvus#49980).

        Raises:
            IndexUnavailable: the server did not answer, or did not take all of them.
        """
        written = Written(0, self._milvus.written_at(self._collection))
        most = max(1, MOST_FLOATS_READ // (self._rotations.dimensions * PARTS))
        for cube_ids in batched(closings, most):
            condition = f"{of_cubes(cube_ids)} and closed == {OPEN}"
            rows = read_newest(self._milvus, self._collection, condition, "*")
            closed = []
            for row in rows:
                at = closings[bytes.fromhex(row["cube"])]
                if row["opened"] < at:
                    closed.append({**row, "closed": at})
            if closed:
                count, timestamp = self._write(closed)
                written = Written(written.rows + count, timestamp)
        return written

    def purge(self, cube_ids: Iterable[bytes]) -> int:
        """Remove every row of these cubes: see `purge_rows`; how many there were.

        The caller sees to it that nobody writes the cubes any more.

        Raises:
            IndexUnavailable: rows may be left: do it again.
        """
        return purge_rows(self._milvus, self._collection, cube_ids)

    def settle(self, fewest: int = 1) -> bool:
        """Have what was written indexed now, after a load or a pause; whether it was.

        Until then Milvus Lite compares the rows one by one, and Milvus searches them by a coarse
        index that misses much under a filter. Servers refuse to do it more than every ten seconds.

        Args:
            fewest: rows written since the last time, under which it is not worth it.

        Raises:
            IndexUnavailable: the server did not do it; the rows are safe all the same.
        """
        if self._unflushed < fewest:
            return False
        with self._milvus.doing("flush"):
            self._milvus.client.flush(self._collection, timeout=SLOW_SECONDS)
        self._unflushed = 0
        return True

    def _rows(self, spans: Sequence[VectorSpan]) -> Iterator[dict[str, Any]]:
        for tenant, group in groupby(spans, lambda span: tenant_of(span.scope)):
            for chosen in batched(group, MOST_ROWS):
                turned = self._rotations.turn(tenant, np.stack([span.vector for span in chosen]))
                for span, vector in zip(chosen, turned, strict=True):
                    weights = span.weights or _NO_TERMS
                    yield row_of(span, vector, weights if self._sparse else None)

    def _write(self, rows: Iterable[dict[str, Any]]) -> Written:
        count = 0
        most = min(MOST_ROWS, max(1, MOST_FLOATS // self._rotations.dimensions))
        for chosen in batched(rows, most):
            with self._milvus.doing("write rows"):
                self._milvus.client.upsert(
                    self._collection, chosen, timeout=self._milvus.settings.timeout
                )
            count += len(chosen)
        self._unflushed += count
        return Written(count, self._milvus.written_at(self._collection))
