"""Blocks of postings: made of the terms of a full block of docs, and emptied of what is purged."""

from __future__ import annotations

from itertools import pairwise

import apsw
import numpy as np

from memos.infrastructure.index.postings import TERM
from memos.infrastructure.index.sqlite.tables import BLOCK, DOC_MASK, doc_range

POSTING = np.dtype([("n", "<u2"), ("tf", "<u2")])
"""One entry of `index_posting.docs`: the doc is block * BLOCK + n + 1 inside its scope."""


def terms_in(packed: bytes) -> list[int]:
    """The terms of a text."""
    terms: list[int] = np.frombuffer(packed, TERM)["term"].tolist()
    return terms


def invert_block(connection: apsw.Connection, scope_id: int, block: int) -> None:
    """Turn the terms of one full block of docs into postings, one row a term."""
    first = block * BLOCK + 1
    select = "SELECT doc, terms FROM index_doc WHERE doc BETWEEN ? AND ?"
    rows = list(connection.execute(select, doc_range(scope_id, first, first + BLOCK - 1)))
    entries = np.frombuffer(b"".join(terms for _, terms in rows), TERM)
    counts = [len(terms) // TERM.itemsize for _, terms in rows]
    numbers = np.array([(doc & DOC_MASK) - first for doc, _ in rows], np.uint16)
    order = np.argsort(entries["term"], kind="stable")
    terms = entries["term"][order]
    postings = np.empty(len(order), POSTING)
    postings["n"] = np.repeat(numbers, counts)[order]
    postings["tf"] = entries["tf"][order]
    packed = postings.tobytes()
    starts = np.flatnonzero(np.diff(terms, prepend=terms[:1] - 1))
    bounds = [*starts.tolist(), len(terms)]
    size = POSTING.itemsize
    connection.executemany(
        "INSERT INTO index_posting VALUES (?, ?, ?, ?)",
        (
            (scope_id, block, term, packed[start * size : end * size])
            for term, (start, end) in zip(terms[starts].tolist(), pairwise(bounds), strict=True)
        ),
    )


def drop_postings(
    connection: apsw.Connection, key: tuple[int, int, int], numbers: list[int]
) -> None:
    """Take docs of a block out of the postings of a term; `key` is (scope_id, block, term)."""
    where = "WHERE scope_id = ? AND block = ? AND term = ?"
    row = connection.execute(f"SELECT docs FROM index_posting {where}", key).fetchone()
    if row is None:
        return  # not yet inverted: the terms went with the doc
    postings = np.frombuffer(row[0], POSTING)
    left = postings[~np.isin(postings["n"], numbers)]
    if len(left):
        connection.execute(f"UPDATE index_posting SET docs = ? {where}", (left.tobytes(), *key))
    else:
        connection.execute(f"DELETE FROM index_posting {where}", key)
