"""From cubes to rows of a view, and the terms that its texts are only matched by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import apsw
import numpy as np

from memos.infrastructure.index.port import Ints, View
from memos.infrastructure.index.postings import decode, rows_by_term
from memos.infrastructure.index.sqlite.tables import SCOPE_BITS


def rows_of(connection: apsw.Connection, view: View, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
    """The row of each cube that the view shows; cubes that it does not show are left out."""
    rows: dict[bytes, int] = {}
    doc = view.doc
    if not len(doc):
        return rows
    for cube_id in cube_ids:
        docs = connection.execute("SELECT doc FROM index_cube WHERE cube_id = ?", (cube_id,))
        for (number,) in docs:
            row = int(np.searchsorted(doc, number))
            if row < len(doc) and doc[row] == number:
                rows[cube_id] = row
    return rows


def scopes_of(connection: apsw.Connection, view: View) -> dict[str, Ints]:
    """The scopes that hold any of a view's rows, by path, each with its rows."""
    select = "SELECT path FROM index_scope WHERE scope_id = ?"
    found = {
        path: np.arange(first, end)
        for first, end in _by_scope(view.doc)
        for (path,) in connection.execute(select, (int(view.doc[first]) >> SCOPE_BITS,))
    }
    return dict(sorted(found.items()))


def _by_scope(doc: Ints) -> Iterator[tuple[int, int]]:
    """The first row of each scope, and the one behind its last: docs of a scope stand together."""
    if len(doc):
        yield from pairwise(
            np.flatnonzero(np.diff(doc >> SCOPE_BITS, prepend=-1, append=-1)).tolist()
        )


def matched_terms(connection: apsw.Connection, view: View) -> dict[int, Ints]:
    """The terms that the view's texts hold without being ranked by them, such as tags.

    Returns:
        Term to the rows that hold it, ascending.
    """
    doc = view.doc
    if not len(doc):
        return {}
    select = "SELECT doc, terms FROM index_doc WHERE doc BETWEEN ? AND ?"
    held = decode(
        packed
        for first, end in _by_scope(doc)
        for packed in connection.execute(select, (int(doc[first]), int(doc[end - 1])))
    )
    only_matched = held.tf == 0
    return rows_by_term(view, held.term[only_matched], held.doc[only_matched])
