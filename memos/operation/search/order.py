"""The order of memories where nobody asks for words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from memos.infrastructure.index.port import Ints, Mask, Order, View
from memos.language.analyzer import Analyzer
from memos.operation.search.filters import tags_required


def in_order(rows: Ints, place: Ints, order: Order) -> Ints:
    """Some rows, by the ordinal that each row of theirs stands by."""
    ascending: Ints = rows[np.argsort(place[rows], kind="stable")]
    return ascending if order is Order.OLDEST else ascending[::-1]


def with_tags(view: View, analyzer: Analyzer, condition: Mapping[str, Any] | None) -> Mask:
    """The rows that have the tags without which a filter holds of none: the index knows them."""
    having = np.ones(len(view), np.bool_)
    for tag in tags_required(condition):
        tagged = np.zeros(len(view), np.bool_)
        tagged[view.postings(analyzer.exact_term("tag", tag))[0]] = True
        having &= tagged
    return having
