"""Changes of a tenant's index as parallel arrays, as they are read from its change log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.cassandra.cubes import CubeIds, among, cube_ids
from memos.infrastructure.index.cassandra.scopes import Scopes
from memos.infrastructure.index.port import Mask
from memos.infrastructure.index.postings import NO_POSTINGS, Postings, decode
from memos.infrastructure.index.spans import Spans, join_columns
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.moment import OPEN

COLUMNS = (
    "ordinal, cube_id, scope, version, state, flags, terms, length, session, number, speaker,"
    " traits, valid_from, valid_until"
)
"""Of a row of the change log. `terms` and what follows is null where the text stays as it was."""

NO_TEXT = -1
"""`doc` of a change that leaves the text as it was."""

_TERMS = 6
_CHUNK = 16_384  # rows held as Python objects at once
_FACTS = tuple(map(np.dtype, ["i4", "i8", "i8", "i8", "u1", "i8", "i8"]))
_NO_TEXT = (None,) * (1 + len(_FACTS))


class Changes(NamedTuple):
    """Parallel arrays, one entry a change; those of one cube in its order, cubes in any.

    `spans` are as they would be alone: `doc` is the ordinal of the change where it brings a text
    and NO_TEXT elsewhere, and all are open. `scope` numbers the paths.
    """

    spans: Spans
    scope: npt.NDArray[np.int32]
    postings: Postings

    @property
    def erased(self) -> CubeIds:
        """The cubes that were erased."""
        cubes: CubeIds = self.spans.cube_id[self.spans.state == Lifecycle.ERASED]
        return cubes

    def without(self, cubes: CubeIds) -> Changes:
        """The changes of the other cubes."""
        keep = ~among(self.spans.cube_id, cubes)
        return Changes(
            self.spans.take(keep),
            self.scope[keep],
            self.postings.without_docs(self.spans.doc[~keep]),
        )


def read(rows: Iterable[tuple[Any, ...]], scopes: Scopes) -> Changes:
    """Rows of COLUMNS as arrays.

    Raises:
        Damaged: a row holds what is in no index.
    """
    try:
        return join(_chunks(iter(rows), scopes))
    except (ValueError, OverflowError, TypeError) as error:
        raise Damaged(f"a row of the index is damaged ({error}): run `memos rebuild`") from None


def join(parts: Iterable[Changes]) -> Changes:
    """Changes one behind the other."""
    every = [_columns([], Scopes()), *parts]
    return Changes(
        Spans._make(join_columns(*(part.spans for part in every))),
        np.concatenate([part.scope for part in every]),
        Postings._make(join_columns(*(part.postings for part in every))),
    )


def _chunks(rows: Iterator[tuple[Any, ...]], scopes: Scopes) -> Iterator[Changes]:
    while chunk := list(islice(rows, _CHUNK)):
        yield _columns(chunk, scopes)


def _columns(rows: list[tuple[Any, ...]], scopes: Scopes) -> Changes:
    count = len(rows)
    if any(None in row and not _leaves_text(row) for row in rows):
        raise ValueError("a column that is always written is empty")
    ordinals, cubes, paths, versions, states, flags, terms, *facts = (
        list(zip(*rows, strict=True)) or [()] * 14
    )
    ordinal = np.fromiter(ordinals, np.int64, count)
    brings_text: Mask = np.fromiter((packed is not None for packed in terms), np.bool_, count)
    texts = [(row[0], row[_TERMS]) for row in rows if row[_TERMS] is not None]
    spans = Spans(
        np.where(brings_text, ordinal, NO_TEXT),
        ordinal,
        cube_ids(cubes),
        np.full(count, OPEN, np.int64),
        np.fromiter(versions, np.int32, count),
        np.fromiter(states, np.uint8, count),
        np.fromiter(flags, np.uint8, count),
        *(
            np.fromiter((value or 0 for value in values), kind, count)
            for kind, values in zip(_FACTS, facts, strict=True)
        ),
    )
    numbers = np.fromiter(map(scopes.number, paths), np.int32, count)
    return Changes(spans, numbers, decode(texts) if texts else NO_POSTINGS)


def _leaves_text(row: tuple[Any, ...]) -> bool:
    """Whether a row says all that one says which leaves the text as it was, and no more."""
    return None not in row[:_TERMS] and row[_TERMS:] == _NO_TEXT
