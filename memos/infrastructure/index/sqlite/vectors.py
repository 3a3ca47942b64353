"""Vectors: a memory's text and its sentences, sealed, one row for each model and indexed text.

A vector tells much of its text, so it is sealed under the cube's key and goes with it. Rows of an
earlier model stay, and serve whoever asks with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import apsw
import numpy as np
import numpy.typing as npt

from memos.infrastructure.keys.envelope import decrypt, encrypt
from memos.infrastructure.sqlite.statements import row

Vectors = npt.NDArray[np.float32]

STORED = np.dtype("<f2")


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
        box = encrypt(key, vectors.astype(STORED).tobytes(), _binding(model.digest, cube_id, doc))
        connection.execute(
            "INSERT OR IGNORE INTO index_vector(doc, model, cube_id, box) VALUES (?, ?, ?, ?)",
            (doc, model.number, cube_id, box),
        )
        written += connection.changes()
    return written


def open_vectors(key: bytes, digest: bytes, cube_id: bytes, doc: int, box: bytes) -> bytes:
    """The stored vectors of a text under a model's digest.

    Raises:
        Damaged: they are of another text, cube or model, or were changed.
    """
    return decrypt(key, box, _binding(digest, cube_id, doc))


def _binding(digest: bytes, cube_id: bytes, doc: int) -> bytes:
    return b"memos/vector/v1\n" + digest + cube_id + doc.to_bytes(8, "little")
