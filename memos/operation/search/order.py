"""The order of memories where nobody asks for words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from memos.infrastructure.index.port import Ints, Mask, Order, View
from memos.kernel.event import id_bytes
from memos.language.analyzer import Analyzer
from memos.operation.search.filters import ids_required, tags_required


def in_order(rows: Ints, place: Ints, order: Order) -> Ints:
    """Some rows, by the ordinal that each row of theirs stands by."""
    ascending: Ints = rows[np.argsort(place[rows], kind="stable")]
    return ascending if order is Order.OLDEST else ascending[::-1]


def picked(view: View, analyzer: Analyzer, condition: Mapping[str, Any] | None) -> Mask:
    """The rows that have the tags, and an id, without which a filter holds of none: the index knows them."""
    having = np.ones(len(view), np.bool_)
    ids = ids_required(condition)
    if ids is not None:
        having[:] = False
        having[list(view.rows_of(_raw(ids)).values())] = True
    for tag in tags_required(condition):
        tagged = np.zeros(len(view), np.bool_)
        tagged[view.postings(analyzer.exact_term("tag", tag))[0]] = True
        having &= tagged
    return having


def _raw(ids: Iterable[str]) -> Iterator[bytes]:
    """The ids among texts: no memory has another."""
    for text in ids:
        with suppress(ValueError):
            yield id_bytes(text)


def is_picky(condition: Mapping[str, Any] | None) -> bool:
    """Whether a filter is one by which `picked` leaves rows out."""
    return bool(tags_required(condition)) or ids_required(condition) is not None
