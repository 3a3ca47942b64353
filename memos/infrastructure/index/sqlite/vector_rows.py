"""Vectors in memory: rows that are added behind each other, in blocks that are never moved.

Each is there as it is stored, and as a sketch of it. Comparing many rows is bound by what the memory
gives, so a first pass reads the sketches, and only the rows that matter are compared as stored. A
text's is in whole numbers of eight bits; a sentence's, which counts less, is the signs alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints
from memos.infrastructure.index.sqlite.vectors import STORED

if TYPE_CHECKING:
    from numkong import PackedMatrix

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

BLOCK = 8_192  # rows
_FIRST_BLOCK = 16
_LARGEST = 127
_DIGITS = 5


class VectorQuery(NamedTuple):
    """Queries, one a row: as they are, packed; in whole numbers times the step of each; their signs."""

    vectors: PackedMatrix
    codes: npt.NDArray[np.int8]
    steps: npt.NDArray[np.float32]
    signs: npt.NDArray[np.uint8]


def query_of(vectors: Vectors) -> VectorQuery:
    """Vectors as what rows are compared with; shape (queries, dimensions)."""
    from numkong import dots_pack  # at hand where there are vectors to compare

    packed = dots_pack(vectors, dtype="float32")
    return VectorQuery(packed, *_quantised(vectors), _signs(vectors))


class GrowingRows:
    """Rows of one width and kind. One thread appends and wipes at a time; any may read meanwhile what
    was there when it began.
    """

    def __init__(self, width: int, kind: npt.DTypeLike) -> None:
        self.count = 0
        self._width = width
        self._kind = np.dtype(kind)
        self._blocks: list[tuple[int, Array]] = []  # number of the first row, rows

    @property
    def nbytes(self) -> int:
        """What the rows take of memory."""
        return self.count * self._width * self._kind.itemsize

    def append(self, rows: Array) -> None:
        """Add rows behind the others; shape (rows, width)."""
        while len(rows):
            start, block = self._last_block()
            begin = self.count - start
            taken = rows[: len(block) - begin]
            block[begin : begin + len(taken)] = taken
            self.count += len(taken)
            rows = rows[len(taken) :]

    def wipe(self, numbers: Ints) -> None:
        """Leave nothing of some rows in memory; they count on, as zeros."""
        for block, places, _ in self._by_block(numbers):
            block[places] = 0

    def parts(self, count: int) -> Iterator[tuple[slice, Array]]:
        """The first `count` rows, where they lie; and which of them."""
        for start, block in self._blocks:
            if start < count:
                end = min(start + len(block), count)
                yield slice(start, end), block[: end - start]

    def take(self, numbers: Ints) -> Array:
        """Some rows, in the order asked."""
        taken = np.empty((len(numbers), self._width), self._kind)
        for block, places, asked in self._by_block(numbers):
            taken[asked] = block[places]
        return taken

    def _last_block(self) -> tuple[int, Array]:
        """The block that the next row goes into."""
        if not self._blocks or self.count == self._blocks[-1][0] + len(self._blocks[-1][1]):
            size = min(BLOCK, max(_FIRST_BLOCK, self.count))
            self._blocks.append((self.count, np.zeros((size, self._width), self._kind)))
        return self._blocks[-1]

    def _by_block(self, numbers: Ints) -> Iterator[tuple[Array, Ints, Ints | slice]]:
        """Each block that holds some of the rows: where in it, and which of those asked they are."""
        order = None if (numbers[1:] >= numbers[:-1]).all() else np.argsort(numbers, kind="stable")
        ascending = numbers if order is None else numbers[order]
        begin = 0
        for start, block in list(self._blocks):
            end = int(np.searchsorted(ascending, start + len(block)))
            if end > begin:
                asked = slice(begin, end) if order is None else order[begin:end]
                yield block, ascending[begin:end] - start, asked
            begin = end


class TextRows:
    """The vectors of texts. An estimate is off by some .001, at length 1."""

    def __init__(self, dimensions: int) -> None:
        self.stored = GrowingRows(dimensions, STORED)
        self._codes = GrowingRows(dimensions, np.int8)
        self._steps = GrowingRows(1, np.float32)

    @property
    def nbytes(self) -> int:
        return self.stored.nbytes + self._codes.nbytes + self._steps.nbytes

    def append(self, vectors: npt.NDArray[np.float16]) -> None:
        codes, steps = _quantised(vectors.astype(np.float32))
        self._codes.append(codes)
        self._steps.append(steps[:, None])
        self.stored.append(vectors)

    def wipe(self, rows: Ints) -> None:
        for each in (self.stored, self._codes, self._steps):
            each.wipe(rows)

    def estimates(self, query: VectorQuery, count: int) -> Floats:
        """About how near the first `count` rows are to each query; shape (queries, rows)."""
        near = np.empty((len(query.codes), count))
        parts = zip(self._codes.parts(count), self._steps.parts(count), strict=True)
        for (rows, codes), (_, steps) in parts:
            np.multiply(_products(query.codes, codes), steps[:, 0], out=near[:, rows])
        near *= query.steps[:, None]
        return near

    def estimates_of(self, query: VectorQuery, rows: Ints) -> Floats:
        """The same of some rows, of which there is one at least, in the order asked."""
        near = _products(query.codes, self._codes.take(rows))
        return near * self._steps.take(rows)[:, 0] * query.steps[:, None]

    def exact(self, query: VectorQuery, rows: Ints) -> Floats:
        """How near some rows are to each query, in the order asked; shape (queries, rows)."""
        return _exact(query, self.stored.take(rows))


class SentenceRows:
    """The vectors of sentences. What is estimated is the share of signs in which two differ."""

    def __init__(self, dimensions: int) -> None:
        self.stored = GrowingRows(dimensions, STORED)
        self._signs = GrowingRows(-(-dimensions // 8), np.uint8)

    @property
    def nbytes(self) -> int:
        return self.stored.nbytes + self._signs.nbytes

    def append(self, vectors: npt.NDArray[np.float16]) -> None:
        self._signs.append(_signs(vectors))
        self.stored.append(vectors)

    def wipe(self, rows: Ints) -> None:
        for each in (self.stored, self._signs):
            each.wipe(rows)

    def differing(self, query: VectorQuery, count: int) -> Floats:
        """How many signs of the first `count` rows are not those of each query; (queries, rows)."""
        differing = np.empty((len(query.signs), count))
        for rows, signs in self._signs.parts(count):
            differing[:, rows] = _differing(query.signs, signs)
        return differing

    def differing_of(self, query: VectorQuery, rows: Ints) -> Floats:
        """The same of some rows, in the order asked."""
        if not len(rows):
            return np.empty((len(query.signs), 0))
        return _differing(query.signs, self._signs.take(rows))

    def exact(self, query: VectorQuery, rows: Ints) -> Floats:
        """How near some rows are to each query, in the order asked; shape (queries, rows)."""
        return _exact(query, self.stored.take(rows))


def _quantised(vectors: Vectors) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Rows as whole numbers times a step of each row."""
    steps = np.abs(vectors).max(axis=1, initial=0.0) / _LARGEST
    divisors = np.where(steps > 0, steps, 1).astype(np.float32)
    return np.rint(vectors / divisors[:, None]).astype(np.int8), steps.astype(np.float32)


def _signs(vectors: Array) -> npt.NDArray[np.uint8]:
    return np.packbits(vectors > 0, axis=1)


def _exact(query: VectorQuery, stored: npt.NDArray[np.float16]) -> Floats:
    if not len(stored):
        return np.empty((len(query.codes), 0))
    from numkong import astype, dots_packed

    # Summed in float64, where products of float32 are exact: what is beside a row changes no digit.
    near = np.asarray(dots_packed(astype(stored, "float32"), query.vectors))
    return np.asarray(np.round(near.T, _DIGITS) + 0.0, np.float64)


def _products(queries: Array, codes: Array) -> Floats:
    """Inner products of whole numbers, which are exact; shape (queries, rows)."""
    from numkong import cdist

    return np.asarray(cdist(queries, codes, "dot"), np.float64)


def _differing(queries: Array, signs: Array) -> Floats:
    """How many bits differ; shape (queries, rows)."""
    from numkong import cdist

    return np.asarray(cdist(queries, signs, "hamming", dtype="uint1"), np.float64)
